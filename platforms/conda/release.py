"""Write the recipe for a release: version and checksum of its sdist, dependencies and commands of pyproject.toml.

usage: python platforms/conda/release.py [SDIST]   (without SDIST, the checksum stays)
"""

import hashlib
import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RECIPE = HERE / "recipe.yaml"

NAMES = {"isal": "python-isal", "matplotlib": "matplotlib-base", "msgspec": "msgspec-python"}
"""Names on conda-forge that differ from those on PyPI."""


def requirements(lines: list[str]) -> list[str]:
    """Return requirements of pyproject.toml as conda-forge names them."""
    pairs = [re.fullmatch(r"([\w-]+)(.*)", line).groups() for line in lines]  # type: ignore[union-attr]
    return [f"{NAMES.get(name.lower(), name.lower())} {versions}".strip() for name, versions in pairs]


def version() -> str:
    """Return the version of the package."""
    return re.findall(r'__version__ = "(.*)"', (ROOT / "bids_ari" / "_version.py").read_text())[0]


def recipe(text: str, sdist: Path | None = None) -> str:
    """Return the text of a recipe with what the project says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    about = project["project"]
    python_min = about["requires-python"].removeprefix(">=")
    text = re.sub(r'(?m)^  version: ".*"$', f'  version: "{version()}"', text)
    text = re.sub(r'(?m)^  python_min: ".*"$', f'  python_min: "{python_min}"', text)
    text = re.sub(r"(?m)^  summary: .*$", f'  summary: "{about["description"]}"', text)
    lists = {
        "    entry_points": [f"{name} = {function}" for name, function in about["scripts"].items()],
        "  host": ["python ${{ python_min }}.*", "pip", *requirements(project["build-system"]["requires"])],
        "  run": ["python >=${{ python_min }}", *sorted(requirements(about["dependencies"]))],
    }
    for key, items in lists.items():
        rows = "".join(f"{' ' * len(key[: -len(key.strip())])}  - {each}\n" for each in items)
        text = re.sub(rf"(?m)^{key}:\n(?: +- .*\n)+", lambda _, key=key, rows=rows: f"{key}:\n{rows}", text, count=1)
    if sdist is not None:
        checksum = hashlib.sha256(sdist.read_bytes()).hexdigest()
        text = re.sub(r'(?m)^  sha256: "\w+"', f'  sha256: "{checksum}"', text)
    return text


if __name__ == "__main__":
    RECIPE.write_text(recipe(RECIPE.read_text(), *map(Path, sys.argv[1:2])))
