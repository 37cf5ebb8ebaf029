"""Contrasts that may be one: they have no subject in common, and their names differ in one entity only.

A study of several sites or releases ends in parts if their labels differ: ``acq-A`` and ``acq-B``, ``res-2`` and
``res-02``, or with ``desc-`` and without.
"""

from collections import defaultdict
from dataclasses import replace
from typing import Any

from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.errors import listing

_MERELY_NAMED = ("acq", "rec", "dir", "desc", "res", "feature", "model")
"""Keys whose labels may be names of the same in other subjects; maps of other spaces are never analysed together."""
_END = "they may be parts of one analysis. A table, --manifest, analyses them together, whatever their names"


def note_splits(discovery: Discovery) -> Discovery:
    """Add a note to contrasts that have no subject in common and whose names differ in one entity only."""
    notes: dict[int, list[str]] = defaultdict(list)
    contrasts = [each for each in discovery if each.members]
    for key in _MERELY_NAMED:
        alike: dict[Any, list[ContrastSet]] = defaultdict(list)
        for contrast in contrasts:
            alike[contrast.entities.without(key), contrast.node].append(contrast)
        for found in alike.values():
            subjects = [subject for each in found for subject in set(each.subjects)]
            if len(found) > 1 and len(set(subjects)) == len(subjects):
                for contrast in found:
                    others = listing(each.name for each in found if each is not contrast)
                    text = f"No subject is in both this contrast and {others}, which differ in {key}: {_END}"
                    notes[id(contrast)].append(text)
    if not notes:
        return discovery
    noted = (replace(each, notes=(*each.notes, *notes.get(id(each), ()))) for each in discovery)
    return replace(discovery, contrasts=tuple(noted))


def is_on_splits(note: str) -> bool:
    """Return whether a note is one of `note_splits`: of a probable mistake, unlike other notes of contrasts."""
    return note.endswith(_END)
