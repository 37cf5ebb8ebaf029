"""Notes on the maps of a contrast: which are used, and what is unusual about them and their labels."""

from collections.abc import Iterator, Sequence

from bids_ari.bids.contrasts import SubjectMap
from bids_ari.bids.entities import Entities, labels_in_name, printable, safe_label
from bids_ari.bids.labels import same_label, spellings
from bids_ari.bids.names import INDICES
from bids_ari.errors import listing


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
    yield from _same_numbers(members)


def _same_numbers(members: Sequence[SubjectMap]) -> Iterator[str]:
    """Name the labels that differ in leading zeros only: indices are the same, subjects and sessions may be."""
    files = [file for member in members for file in member.maps]
    names = [(file, labels_in_name(file.path.name)) for file in files]
    for key in INDICES:
        pairs = {(own[key], label) for file, own in names if key in own and (label := file.entities.get(key))}
        for own, label in sorted(each for each in pairs if each[0] != each[1] and same_label(*each)):
            yield f"{key}-{own} and {key}-{label} are the same {key}"
    for key in ("sub", "ses"):
        labels = sorted({label for file in files if (label := file.entities.get(key))})
        for found in spellings(labels):
            both = " and ".join(f"{key}-{label}" for label in found)
            yield f"{both} count as different, although they differ only in leading zeros"
