"""What made a result: versions, container, command, machine. Facts for logs, descriptions and pages."""

import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bids_ari._version import __version__

PACKAGES = ("numpy", "scipy", "nibabel", "pybids", "templateflow", "numba", "nilearn", "matplotlib", "pandas")
"""The packages whose versions may matter to a number or a picture."""

_NUMERIC = ("bids_ari", "numpy", "scipy", "numba")


PROGRAMS = ("bids-ari", "bids-ari-map", "bids-ari-demo", "bids_ari")
"""What a command of this package begins with."""


@dataclass(frozen=True, slots=True)
class Made:
    """With what a result was made, for whoever reads it later and elsewhere.

    Attributes
    ----------
    versions : mapping of str to str
        Of this package, of Python and of every package that may matter to a number.
    container : mapping of str to str
        As BIDS describes one; empty outside any.
    command : tuple of str
        The words of the command, of paths only the last part; empty where it was no command of this package.
    """

    versions: Mapping[str, str]
    container: Mapping[str, str]
    command: tuple[str, ...]


def made() -> Made:
    """Tell with what a result of this process is made."""
    words = command()
    return Made(versions(), container() or {}, tuple(without_paths(words)) if words[0] in PROGRAMS else ())


def versions() -> Mapping[str, str]:
    """Give the version of this package, of Python and of every package that may matter to a number."""
    found = {"bids_ari": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def numeric_versions() -> dict[str, str]:
    """Give the versions on which numbers computed from the same data may depend."""
    found = versions()
    return {name: found[name] for name in _NUMERIC}


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


def without_paths(words: Sequence[str]) -> Iterator[str]:
    """Leave of each path in a command only its last part: pages travel, and folders tell who worked where.

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
    """Write a value of a flag without folders; formulas and tests, of which there are many, keep strokes."""
    is_formula = flag == "--test" or (flag == "--formula" and first)
    return value if is_formula and not value.startswith(("/", "~")) else _last_part(value)


def _last_part(path: str) -> str:
    """Give the last part of a path; of a home, which bears the name of its user, none."""
    with suppress(RuntimeError):  # a user without a name has no home
        if "/" in path and Path(path) == Path.home():
            return "~"
    return re.split(r"[/\\]", path.rstrip("/\\") or path)[-1] or path
