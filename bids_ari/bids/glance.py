"""A guess whether a dataset has maps of several contrasts, from the names of files of one subject, in milliseconds."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

_CONTRAST = re.compile(r"sub-.*_contrast-([a-zA-Z0-9]+)_.*statmap")
_FEW = 8  # subjects, of which the first may have other files only
_SUBJECTS = ("sub-*", "node-*/sub-*", "derivatives/*/sub-*")


def has_several_contrasts(folders: Sequence[Path]) -> bool:
    """Return whether a subject of one of the datasets has maps of several contrasts; False where nothing is found."""
    with suppress(OSError):
        return any(len(set(_contrasts(subject))) > 1 for folder in folders for subject in _first_subjects(folder))
    return False


def _first_subjects(folder: Path) -> Iterator[Path]:
    """Yield the folders of some subjects in each place."""
    for pattern in _SUBJECTS:
        yield from islice(folder.glob(pattern), _FEW)


def _contrasts(subject: Path) -> Iterator[str]:
    """Yield the contrast of each map in a folder."""
    for path in subject.rglob("*_contrast-*"):
        if found := _CONTRAST.match(path.name):
            yield found[1]
