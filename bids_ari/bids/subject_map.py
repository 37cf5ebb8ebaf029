"""The map of one subject: one file, a combination of several, or a weighted sum of these."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal, get_args

from bids_ari.bids.labels import spellings
from bids_ari.bids.questions import factor_of
from bids_ari.bids.statmap import StatMap

Stat = Literal["effect", "t", "z"]
STATS: tuple[Stat, ...] = get_args(Stat)

Combine = Literal["run", "session"]
COMBINED_OVER: dict[Combine, tuple[str, ...]] = {"run": ("run",), "session": ("ses", "run")}
"""What the maps of a subject are combined over, and the entities in which these differ."""


@dataclass(frozen=True, slots=True)
class SubjectMap:
    """The map of one subject: a map, a fixed-effects combination of maps, or a weighted sum of these.

    A difference is the sum of two terms whose weights are 1 and -1. With `rows` there are several sums of the same
    terms: the differences of a question within subjects, at once.
    """

    subject: str
    maps: tuple[StatMap, ...]  # several are combined, by session and run
    variances: tuple[StatMap, ...] = ()  # of each map, where they weight the combination or the group model; else empty
    dof: float | None = None  # of a t map, where a manifest has them
    weight: float = 1.0  # of this term of a weighted sum
    others: tuple["SubjectMap", ...] = ()  # the other terms, which are added
    rows: tuple[tuple[float, ...], ...] = ()  # of several sums, the weights of the terms, whose own weight is 1

    @property
    def first(self) -> StatMap:
        """The map; the first of several."""
        return self.maps[0]

    @property
    def terms(self) -> tuple["SubjectMap", ...]:
        """The terms of the sum, each with its weight; of a single map, the map itself."""
        return (replace(self, others=(), rows=()), *self.others) if self.others else (self,)

    @property
    def is_difference(self) -> bool:
        """Whether it is one map minus another."""
        return not self.rows and [term.weight for term in self.terms] == [1, -1]

    @property
    def is_weighted_sum(self) -> bool:
        """Whether it is a sum of several terms, or one with a weight, other than a difference."""
        return not self.rows and [term.weight for term in self.terms] not in ([1], [1, -1])

    @property
    def is_combined(self) -> bool:
        """Whether a term is a combination of several maps."""
        return any(len(term.maps) > 1 for term in self.terms)

    @property
    def all_files(self) -> tuple[StatMap, ...]:
        """Every file to read: those of the maps and variance maps of all terms, of each hemisphere."""
        if not (self.others or self.variances or any(each.pair for each in self.maps)):
            return self.maps
        maps = chain.from_iterable((*term.maps, *term.variances) for term in self.terms)
        return tuple(chain.from_iterable(each.files for each in maps))

    @property
    def all_maps(self) -> tuple[StatMap, ...]:
        """The maps of all terms; that of two hemispheres is one."""
        return tuple(chain.from_iterable(term.maps for term in self.terms)) if self.others else self.maps

    @property
    def has_variances(self) -> bool:
        """Whether each map of all terms has its variance map."""
        return all(len(term.variances) == len(term.maps) for term in self.terms)

    @property
    def uri(self) -> str:
        """The BIDS URI of the map: a list where several are combined, ``A minus B`` for a difference.

        The terms of several sums are separated by semicolons.
        """
        if self.rows:
            return "; ".join(term.uri for term in self.terms)
        text = ""
        for term in self.terms:
            sign = ("minus", "plus")[term.weight >= 0]
            own = ", ".join(file.uri for each in term.maps for file in each.files)
            text += f" {sign} {factor_of(term.weight)}{own}"
        return text.removeprefix(" plus").strip()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The path of each map of the first term, of its left hemisphere if it has two files."""
        return tuple(file.path for file in self.maps)

    @property
    def variance_paths(self) -> tuple[Path, ...]:
        """The path of each variance map of the first term, as those of `paths`."""
        return tuple(file.path for file in self.variances)


def weighted_sum(terms: Sequence[tuple[float, SubjectMap]]) -> SubjectMap:
    """Return a weighted sum of maps, each of which may be a sum itself, or all the same number of sums."""
    if n_rows := len(terms[0][1].rows):
        rows = [
            [weight * each.rows[i][j] for weight, each in terms for j in range(len(each.terms))] for i in range(n_rows)
        ]
        return weighted_sums(rows, [replace(term, weight=1.0) for _, each in terms for term in each.terms])
    first, *others = (
        replace(term, weight=weight * term.weight, dof=term.dof if len(terms) == 1 else None)
        for weight, each in terms
        for term in each.terms
    )
    return replace(first, others=tuple(others))


def weighted_sums(rows: Sequence[Sequence[float]], maps: Sequence[SubjectMap]) -> SubjectMap:
    """Return several weighted sums of maps, one for each row of weights; a map may be a sum itself."""
    terms = [(j, term) for j, each in enumerate(maps) for term in each.terms]
    first, *others = (replace(term, weight=1.0, dof=None) for _, term in terms)
    weights = tuple(tuple(row[j] * term.weight for j, term in terms) for row in rows)
    return replace(first, others=tuple(others), rows=weights)


def can_combine(files: Sequence[StatMap], how: Combine) -> bool:
    """Return whether maps of a subject are equal in all but their run, or their session and run.

    A map without a run beside maps of runs, or without a session beside maps of sessions, may have been made from
    them, and is not combined with them. Sessions 1 and 01 are probably the same, and are not combined either.
    """
    if len({(file.dataset, file.entities.without(*COMBINED_OVER[how])) for file in files}) > 1:
        return False
    runs: dict[str | None, list[str | None]] = defaultdict(list)
    for file in files:
        runs[file.entities.get("ses")].append(file.entities.get("run"))
    return _are_parts(list(runs)) and all(map(_are_parts, runs.values()))


def _are_parts(labels: Sequence[str | None]) -> bool:
    """Return whether labels differ, not only in leading zeros, and, where there are several, none is missing."""
    known = [label for label in labels if label is not None]
    return len(labels) == len(set(labels)) and not spellings(known) and (len(labels) == 1 or len(known) == len(labels))
