"""Files of installed packages."""

from importlib.util import find_spec
from pathlib import Path


def installed_file(package: str, path: str) -> Path | None:
    """Return a file of a package, without the time to import it; None if the package keeps it elsewhere."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / path
    return file if file.is_file() else None
