"""Check that a package index can show the README of a wheel, with links and pictures that lead somewhere."""

import re
import sys
import zipfile
from email.parser import HeaderParser

from readme_renderer.markdown import render


def main(wheel: str) -> None:
    """Render the long description; exit with a message if it fails or has a relative address."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    page = render(metadata.get_payload())
    if page is None or metadata["Description-Content-Type"].partition(";")[0] != "text/markdown":
        sys.exit("the README cannot be rendered")
    addresses = re.findall(r'(?:href|src)="([^"]*)"', page)
    if relative := [each for each in addresses if not each.startswith(("https://", "#"))]:
        sys.exit(f"relative addresses in the README on a package index: {', '.join(relative)}")
    if "<img" not in page or "<table" not in page:
        sys.exit("the README on a package index lacks its pictures or tables")
    sys.stdout.write(f"README on a package index: {len(addresses)} links and pictures, none relative\n")


if __name__ == "__main__":
    main(sys.argv[1])
