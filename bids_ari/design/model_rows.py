"""Maps on their way through the nodes of a BIDS Stats Model, and their sums and combinations."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from bids_ari.bids.division import WITHIN
from bids_ari.bids.entities import Entities
from bids_ari.bids.questions import Question
from bids_ari.bids.subject_map import SubjectMap


class Row(NamedTuple):
    """A map that a node takes or makes."""

    labels: Entities  # with sub
    map: SubjectMap
    sets: frozenset[int]  # indices of the contrast sets that its files come from
    notes: tuple[str, ...] = ()  # how it was made, for the report
    question: Question | None = None  # of several rows of weights that a node made


def contrasts_of(rows: Sequence[Row]) -> list[str]:
    """Return the label of the contrast of each map."""
    return [row.labels.get("contrast") or "" for row in rows]


def sources_of(rows: Sequence[Row]) -> frozenset[int]:
    """Return the indices of the contrast sets that maps come from."""
    return frozenset(i for row in rows for i in row.sets)


def notes_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the notes on maps, each once."""
    return tuple(dict.fromkeys(note for row in rows for note in row.notes))


def as_one(maps: Sequence[SubjectMap]) -> SubjectMap:
    """Return maps as one combination of their files."""
    if len(maps) == 1:
        return maps[0]
    variances = tuple(file for each in maps for file in each.variances)
    return SubjectMap(maps[0].subject, tuple(file for each in maps for file in each.maps), variances)


def is_single(each: SubjectMap) -> bool:
    """Return whether a map is one file as it is."""
    return not each.others and len(each.maps) == 1 and each.weight == 1


def without_variances(each: SubjectMap) -> SubjectMap:
    """Return a map without the variance maps of single maps, which have no effect."""
    first, *others = (term if len(term.maps) > 1 else replace(term, variances=()) for term in each.terms)
    return replace(first, others=tuple(others), rows=each.rows)


def order_of(row: Row) -> tuple[str, ...]:
    """Return the key by which the maps of a subject are sorted: session and run."""
    return (*(row.labels.get(key) or "" for key in WITHIN), row.map.first.label)
