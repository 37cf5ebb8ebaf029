"""What made a result: versions, container, command, machine. Facts for logs, descriptions and pages."""

import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bids_ari._version import __version__

PACKAGES = ("numpy", "scipy", "nibabel", "pybids", "templateflow", "numba", "nilearn", "matplotlib", "pandas")
"""The packages whose versions may matter to a number or a picture."""


def versions() -> Mapping[str, str]:
    """Give the version of this package, of Python and of every package that may matter to a number."""
    found = {"bids_ari": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def container() -> dict[str, str] | None:
    """Give the container this runs in, as BIDS describes one (Type and, where it is known, Tag); None outside any."""
    image = os.environ.get("BIDS_ARI_IMAGE", "")
    file = os.environ.get("APPTAINER_CONTAINER") or os.environ.get("SINGULARITY_CONTAINER")
    if file:
        return {"Type": "apptainer", "Tag": image or Path(file).name}
    kinds = {"/.dockerenv": "docker", "/run/.containerenv": "podman"}
    kind = next((kind for sign, kind in kinds.items() if Path(sign).exists()), None)
    return {"Type": kind, **({"Tag": image} if image else {})} if kind else None


def command() -> list[str]:
    """Give the command as it was typed: the program by its name, then its words."""
    program = Path(sys.argv[0])
    return [program.parent.name if program.name == "__main__.py" else program.name, *sys.argv[1:]]
