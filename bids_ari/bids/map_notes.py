"""Notes on the maps of a contrast: which are used, and what is unusual about them and their labels."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from bids_ari.bids.entities import Entities, labels_in_name, printable, safe_label
from bids_ari.bids.labels import same_label, spellings
from bids_ari.bids.names import INDICES
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import listing

_FIRST_LEVEL_OF_FEAT = re.compile(r"(?<!\.gfeat)/([^/]+\.feat/stats/[^/]+)$")  # a mean over runs is in a .gfeat folder

_MAYBE_SAME = "count as different, but may be the same: they differ only in leading zeros"


def notes_on_maps(key: Entities, members: Sequence[SubjectMap]) -> Iterator[str]:
    """Describe which maps are used, and what is unusual about them and their labels."""
    files = [file for member in members for file in member.maps]
    for node in sorted({node for file in files if (node := file.node)}):
        yield f"Maps of node {printable(node)} are used"
    for (entity, label), (_, written) in zip(key, key.written(), strict=True):
        if label != written:
            yield f"{entity} {label!r} is written as {written}"
    odd = [label for label in dict.fromkeys(member.subject for member in members) if label != safe_label(label)]
    if odd:
        yield f"Labels of subjects that pybids does not read: {listing(map(repr, odd))}"
    if feat := first_level_of_feat(files):
        yield (
            f"Maps of a first level of FEAT, such as {printable(feat)}, are in the space of the scanner, unless FEAT "
            "analysed images in standard space: use those in reg_standard/stats"
        )
    yield from _same_indices(members)


def first_level_of_feat(files: Iterable[StatMap]) -> str:
    """Return one of some files that is of a first level of FEAT, in the space of the scanner; empty for none."""
    return next((found[1] for file in files if (found := _FIRST_LEVEL_OF_FEAT.search(file.file))), "")


def _same_indices(members: Sequence[SubjectMap]) -> Iterator[str]:
    """Name the indices that differ in leading zeros only, and are the same."""
    files = [file for member in members for file in member.maps if any(key in INDICES for key, _ in file.entities)]
    names = [(file, labels_in_name(file.path.name)) for file in files]
    for key in INDICES:
        pairs = {(own[key], label) for file, own in names if key in own and (label := file.entities.get(key))}
        for own, label in sorted(each for each in pairs if each[0] != each[1] and same_label(*each)):
            yield f"{key}-{own} and {key}-{label} are the same {key}"


def notes_on_labels(files: Collection[StatMap]) -> Iterator[str]:
    """Name the subjects and sessions of all maps that differ in leading zeros only: they may be the same."""
    for key in ("sub", "ses"):
        for found in spellings(sorted({label for file in files if (label := file.entities.get(key))})):
            both = printable(" and ".join(f"{key}-{label}" for label in found))
            yield f"{both} {_MAYBE_SAME}"


def is_on_labels(note: str) -> bool:
    """Return whether a note is one of `notes_on_labels`: of a probable mistake, unlike other notes of contrasts."""
    return note.endswith(_MAYBE_SAME)
