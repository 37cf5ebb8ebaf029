"""Contrast sets: the maps of one contrast, one per subject, and the files and subjects that are excluded."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal, get_args, overload

from bids_ari.bids.entities import Entities, printable
from bids_ari.bids.exclusions import Excluded as Excluded
from bids_ari.bids.labels import spellings
from bids_ari.bids.notebook_tables import contrast_html, discovery_html
from bids_ari.bids.questions import Question, factor_of
from bids_ari.bids.statmap import StatMap
from bids_ari.errors import DataError, DuplicateMapsError, counted, listing

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


@dataclass(frozen=True, slots=True, repr=False)
class ContrastSet:
    """The maps of one contrast: the input of one group analysis."""

    entities: Entities  #: those that all maps share, with labels as in the names of the output
    stat: Stat | Literal["F"]  #: the statistic of the maps; F only of a single map
    members: tuple[SubjectMap, ...]  #: the maps, by subject; `check` refuses more than one per subject
    excluded: tuple[Excluded, ...] = ()  #: files and subjects of this contrast that are not analysed
    notes: tuple[str, ...] = ()  #: choices made on the way
    combined: Literal["", "run", "session"] = ""  #: what the maps of a subject are combined over, if any
    clash: str = ""  #: contrasts whose output files would have the same names; `check` refuses them
    of_f: bool = False  #: the maps are of an F contrast: tests of any effect, in either direction
    weighted: bool = False  #: the group model is weighted by the variance maps: then each map has one
    node: str = ""  #: the node of the Stats Model that analyses the maps, where there are several
    paired: str = ""  #: the entity in which the two maps of a subject differ, for differences within subjects
    label: str = ""  #: the label of the analysis, part of the entity model
    within: Question | None = None  #: the question over levels within subjects, other than the difference of two

    @property
    def name(self) -> str:
        """The entities as in file names."""
        return str(self.entities) or "statmaps"

    @property
    def subjects(self) -> tuple[str, ...]:
        """The label of each member."""
        return tuple(member.subject for member in self.members)

    @property
    def lost_subjects(self) -> tuple[str, ...]:
        """The labels of excluded subjects, also of those of whom only files are excluded, in order."""
        lost = {entry.subject or entry.name.removeprefix("sub-") for entry in self.excluded if entry.is_subject}
        return tuple(sorted(lost | {entry.subject for entry in self.excluded if entry.subject} - set(self.subjects)))

    @property
    def files(self) -> tuple[StatMap, ...]:
        """Every file to read: the maps, and the variance maps that are used."""
        return tuple(file for member in self.members for file in member.all_files)

    @property
    def maps(self) -> tuple[StatMap, ...]:
        """Every map; that of two hemispheres is one."""
        return tuple(each for member in self.members for each in member.all_maps)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The path of every file of every map of every member."""
        return tuple(file.path for each in self.maps for file in each.files)

    def keep(self, subjects: Collection[str], excluded: Iterable[Excluded]) -> "ContrastSet":
        """Return the contrast with the maps of some subjects only; `excluded` are the others."""
        kept = frozenset(subjects)
        members = tuple(member for member in self.members if member.subject in kept)
        return replace(self, members=members, excluded=(*excluded, *self.excluded))

    def labelled(self, label: str | None) -> "ContrastSet":
        """Return the contrast with a label in its names: ``model-LABEL``, appended to the model of the maps."""
        if not label or label == self.label:
            return self
        own = self.entities.get("model") or ""
        model = own.removesuffix(self.label) + label[0].upper() + label[1:] if own and own != self.label else label
        return replace(self, label=label, entities=self.entities.with_(model=model))

    def check(self) -> None:
        """Check that the output has names of its own, that some subject is left, and that each has one map.

        Raises
        ------
        DataError, DuplicateMapsError
        """
        if self.clash:
            raise DataError(
                f"File names cannot distinguish {self.clash}",
                "labels that differ in letters, digits or +, and not only in case",
                "Rename one of them",
            )
        if not self.members:
            reasons = Counter(entry.reason for entry in self.excluded if entry.is_subject)
            why = listing(f"{reason} ({counted(n, 'subject')})" for reason, n in reasons.most_common())
            hint = "Use --list to see the subjects that are excluded"
            if self.weighted:
                hint = "Add a stat-variance map for each stat-effect map, or use --estimator ols"
            raise DataError(f"No subject is left in {self.name}: {why}", "at least 2 for a group analysis", hint)
        if twice := [subject for subject, n in Counter(self.subjects).items() if n > 1]:
            maps, other_side = _sides([member for member in self.members if member.subject == twice[0]])
            have = f"{listing(f'sub-{subject}' for subject in twice)} {'has' if len(twice) == 1 else 'have'}"
            raise DuplicateMapsError(
                f"{have} more than one map of {self.name}: {listing(file.label for file in maps)}",
                "one map per subject" + self._each_side,
                f"Choose with {self._ways_to_choose(maps, other_side)}",
            )
        if len(examples := {file.layout: file for file in self.maps}) > 1:
            raise DataError(
                f"The maps of {self.name} are of different kinds: {listing(file.label for file in examples.values())}",
                "volumes, surfaces of the same hemispheres, or grayordinates",
                "Choose with --space, or with hemi or extension in a --bids-filter-file",
            )

    @property
    def _each_side(self) -> str:
        """What there is one map of, for each subject, as the end of a sentence."""
        if self.within is not None:
            return f" for each {self.within.column} that is compared"
        return " for each side of the difference" if self.paired else ""

    def _ways_to_choose(self, maps: Sequence[StatMap], other_side: Sequence[StatMap]) -> str:
        """List the flags that separate or combine some maps of a subject, but keep both sides of a difference."""
        done = COMBINED_OVER[self.combined] if self.combined else ()
        ways, dividing = [], []
        for key, flag, name in (("ses", "--session-label", "session"), ("run", "--run-label", "run")):
            labels, across = ({file.entities.get(key) for file in side} for side in (maps, other_side))
            if len(labels) > 1 and key not in done:
                own, further, both = (sorted(filter(None, each)) for each in (labels, across - labels, labels & across))
                ways.append(f"{flag} {' '.join(both[:1] or own[:1] + further[:1])}")
                ways += [f'"{key}": null in a --bids-filter-file'] if None in labels else []
                dividing += [name] if None not in labels and key != self.paired else []
        if len({file.dataset for file in maps}) > 1:
            ways.append("--derivatives, naming one of the derivative datasets")
        if len({file.node for file in maps}) > 1:
            ways.append("the folder of one node as BIDS_DIR")
        if len(extensions := {file.extension for file in maps if file.kind != "NIfTI"}) > 1:
            ways.append(f'"extension": "{min(extensions)}" in a --bids-filter-file')
        if dividing:
            ways.append(f"--by {' '.join(dividing)} for one analysis each")
        combines = [how for how, keys in COMBINED_OVER.items() if self.paired not in keys and can_combine(maps, how)]
        if combines:
            ways.append(f"or combine them with --combine {combines[0]}")
        return ", ".join(ways) or "--exclude, or remove one of them"

    def _repr_html_(self) -> str:
        return contrast_html(self)

    def __repr__(self) -> str:
        return f"ContrastSet({self.name!r}, stat={self.stat!r}, n_subjects={len(self.members)})"


@dataclass(frozen=True, slots=True)
class Discovery(Sequence[ContrastSet]):
    """The contrast sets that were found, as a sequence."""

    contrasts: tuple[ContrastSet, ...]  # sorted by name
    excluded: tuple[Excluded, ...]  # files that belong to no contrast

    @overload
    def __getitem__(self, index: int) -> ContrastSet: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ContrastSet, ...]: ...
    def __getitem__(self, index: int | slice) -> ContrastSet | tuple[ContrastSet, ...]:
        return self.contrasts[index]

    def __len__(self) -> int:
        return len(self.contrasts)

    def _repr_html_(self) -> str:
        return discovery_html(self)

    def excluded_by_contrast(self) -> dict[str, tuple[Excluded, ...]]:
        """Return what is excluded from each contrast, by name, and from all, with an empty name."""
        found = {"": self.excluded}
        for contrast in self.contrasts:  # names may clash
            found[contrast.name] = (*found.get(contrast.name, ()), *contrast.excluded)
        return found

    def all_excluded(self) -> tuple[Excluded, ...]:
        """Return each file and each subject that is excluded, also from single contrasts, once."""
        return tuple(dict.fromkeys(chain(self.excluded, *(contrast.excluded for contrast in self.contrasts))))


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


def _sides(members: Sequence[SubjectMap]) -> tuple[list[StatMap], list[StatMap]]:
    """Return the maps of which one subject has too many and, of differences, the maps of the other sides."""
    if not any(member.others for member in members):
        return [file for member in members for file in member.maps], []
    sides = [[term.maps for term in terms] for terms in zip(*(member.terms for member in members), strict=False)]
    at = next((i for i, side in enumerate(sides) if len(set(side)) > 1), len(sides) - 1)
    others = chain(*(side for i, side in enumerate(sides) if i != at))
    return list(dict.fromkeys(chain(*sides[at]))), list(dict.fromkeys(chain(*others)))


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


def with_shared(key: Entities, files: Sequence[StatMap]) -> Entities:
    """Add the session and the run that all files share."""
    for inner in ("ses", "run"):
        values = {file.entities.get(inner) for file in files}
        if len(values) == 1 and (value := values.pop()):
            key = key.with_(**{inner: value})
    return key


def by_name(sets: Mapping[Entities, ContrastSet]) -> tuple[ContrastSet, ...]:
    """Sort contrast sets by name; mark those whose file names are the same, also where disks ignore case."""
    alike: dict[str, list[str]] = defaultdict(list)
    for key in sorted(sets, key=str):
        alike[sets[key].name.lower()].append(printable(str(key)))
    clashes = {name: listing(keys) for name, keys in alike.items() if len(keys) > 1}
    marked = (replace(contrast, clash=clashes.get(contrast.name.lower(), "")) for contrast in sets.values())
    return tuple(sorted(marked, key=lambda contrast: contrast.name))
