"""Provenance of results: versions, container, command."""

import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bids_ari._version import __version__

PACKAGES = ("numpy", "scipy", "nibabel", "pybids", "templateflow", "numba", "nilearn", "matplotlib", "pandas")
"""The packages whose versions may change a number or a figure."""

_NUMERIC = ("bids_ari", "numpy", "scipy", "numba")


PROGRAMS = ("bids-ari", "bids-ari-map", "bids-ari-mask", "bids-ari-demo", "bids_ari")
"""The first word of the commands of this package."""


@dataclass(frozen=True, slots=True)
class Made:
    """The provenance of a result."""

    versions: Mapping[str, str]  # of this package, of Python and of `PACKAGES`
    container: Mapping[str, str]  # as BIDS describes one; empty outside any
    command: tuple[str, ...]  # with only the last part of paths; empty if it was no command of this package


def made() -> Made:
    """Return the provenance of results of this process."""
    words = command()
    return Made(versions(), container() or {}, tuple(without_paths(words)) if words[0] in PROGRAMS else ())


def versions() -> Mapping[str, str]:
    """Return the version of this package, of Python and of `PACKAGES`."""
    found = {"bids_ari": __version__, "python": platform.python_version()}
    return found | {package: _version(package) for package in PACKAGES}


@cache
def _version(package: str) -> str:
    """Return the version of a package, which is read from a file."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def numeric_versions() -> dict[str, str]:
    """Return the versions of the packages that may change a number."""
    found = versions()
    return {name: found[name] for name in _NUMERIC}


def container() -> dict[str, str] | None:
    """Return the container of this process as BIDS describes it (Type and, if known, Tag); None outside containers."""
    image = os.environ.get("BIDS_ARI_IMAGE", "")
    file = os.environ.get("APPTAINER_CONTAINER") or os.environ.get("SINGULARITY_CONTAINER")
    if file:
        return {"Type": "apptainer", "Tag": image or Path(file).name}
    kinds = {"/.dockerenv": "docker", "/run/.containerenv": "podman"}
    kind = next((kind for sign, kind in kinds.items() if Path(sign).exists()), None)
    return {"Type": kind, **({"Tag": image} if image else {})} if kind else None


def command() -> list[str]:
    """Return the command as it was typed: the name of the program, then its words."""
    program = Path(sys.argv[0])
    return [program.parent.name if program.name == "__main__.py" else program.name, *sys.argv[1:]]


def without_paths(words: Sequence[str]) -> Iterator[str]:
    """Yield the words of a command with only the last part of each path: folders may reveal names of users.

    >>> list(without_paths(["bids-ari", "/home/jo/ds", "out", "group", "--mask=/tmp/m.nii", "--formula", "a/b"]))
    ['bids-ari', 'ds', 'out', 'group', '--mask=m.nii', '--formula', 'a/b']
    """
    flag, n_values = "", 0
    for word in words:
        if word.startswith("-"):
            flag, sign, value = word.partition("=") if word.startswith("--") else (word[:2], "", word[2:])
            yield flag + sign + _shown(value, flag, first=True)
            n_values = 1 if value else 0
        else:
            yield _shown(word, flag, first=n_values == 0)
            n_values += 1


def _shown(value: str, flag: str, *, first: bool) -> str:
    """Return a value of a flag without folders; formulas and tests keep their slashes."""
    is_formula = flag == "--test" or (flag == "--formula" and first)
    return value if is_formula and not value.startswith(("/", "~")) else _last_part(value)


def _last_part(path: str) -> str:
    """Return the last part of a path; ``~`` for a home, whose last part is the name of its user."""
    with suppress(RuntimeError):  # a user without a name has no home
        if "/" in path and Path(path) == Path.home():
            return "~"
    return re.split(r"[/\\]", path.rstrip("/\\") or path)[-1] or path
