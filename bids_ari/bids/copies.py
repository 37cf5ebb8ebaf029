"""Maps of a subject that are copies in two contrasts, such as one session under the labels of two.

Copies within a contrast are an error, found from values when they are read. Contrasts are read one by one, perhaps by
several processes; files are compared here, of which few have the same size.
"""

import filecmp
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.exclusions import subject_ranges

_COPIES = "Copies of the maps of "
_BLOCK = 4096  # bytes in the middle of files of the same size, of which all are compared only if these are equal


def note_copies(discovery: Discovery) -> Discovery:
    """Add a note to contrasts that have different files with the same content for a subject."""
    copies: dict[tuple[int, int], list[str]] = defaultdict(list)
    for subject, files in _files(discovery).items():
        for pair in dict.fromkeys(_same(files)):
            copies[pair].append(subject)
    notes: dict[int, list[str]] = defaultdict(list)
    for (i, j), subjects in copies.items():
        for own, other in ((i, j), (j, i)):
            name = discovery[other].name
            notes[own].append(f"{_COPIES}{name}: sub-{subject_ranges(subjects)}. Check the files")
    noted = (replace(each, notes=(*each.notes, *notes.get(i, ()))) for i, each in enumerate(discovery))
    return replace(discovery, contrasts=tuple(noted)) if notes else discovery


def is_on_copies(note: str) -> bool:
    """Return whether a note is one of `note_copies`: of a probable mistake, unlike other notes of contrasts."""
    return note.startswith(_COPIES)


def _files(discovery: Discovery) -> dict[str, list[tuple[int, Path]]]:
    """Return the files of each subject, with the index of the contrast."""
    files: dict[str, list[tuple[int, Path]]] = defaultdict(list)
    for i, contrast in enumerate(discovery):
        for subject, path in _maps(contrast):
            files[subject].append((i, path))
    return files


def _maps(contrast: ContrastSet) -> Iterator[tuple[str, Path]]:
    maps = ((member.subject, each) for member in contrast.members for each in member.all_maps)
    return ((subject, file.path) for subject, each in maps for file in each.files)


def _same(files: list[tuple[int, Path]]) -> Iterator[tuple[int, int]]:
    """Yield the indices of two contrasts for each pair of different files that have the same content."""
    if len({i for i, _ in files}) < 2:
        return
    alike: dict[tuple[int, bytes], list[tuple[int, Path]]] = defaultdict(list)
    sizes: dict[int, list[tuple[int, Path]]] = defaultdict(list)
    for i, path in files:
        sizes[_size(path)].append((i, path))
    for size, found in sizes.items():
        if size and len(found) > 1:
            for i, path in found:
                alike[size, _middle(path, size)].append((i, path))
    for found in alike.values():
        for (i, one), (j, other) in combinations(found, 2):
            if i != j and one != other and _are_equal(one, other):
                yield i, j


def _size(path: Path) -> int:
    """Return the size of a file; 0 if it is not there: the analysis reports it."""
    try:
        return os.stat(path).st_size  # noqa: PTH116 - twice as fast
    except OSError:
        return 0


def _middle(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(size // 2)
            return file.read(_BLOCK)
    except OSError:
        return os.fsencode(path)


def _are_equal(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
