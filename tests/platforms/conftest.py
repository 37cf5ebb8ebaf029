"""The files for platforms, and the tools that read them, where they are installed."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def platforms() -> Path:
    """Return the folder of files for platforms."""
    return ROOT / "platforms"


@pytest.fixture(scope="session")
def project() -> dict[str, Any]:
    """Return the metadata of the package, of pyproject.toml."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


@pytest.fixture(scope="session")
def bosh() -> str:
    """Return the program of Boutiques, on the path or where .ci/platforms installs it."""
    found = shutil.which("bosh") or shutil.which(ROOT / ".venv-platforms" / "bin" / "bosh")
    if found is None:
        pytest.skip("no bosh: run .ci/platforms, or pip install boutiques in an environment of its own")
    return str(found)
