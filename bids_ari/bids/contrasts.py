"""Contrast sets: the maps of one contrast, one per subject, and the files and subjects that are excluded."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal, overload

from bids_ari.bids.entities import Entities, printable
from bids_ari.bids.exclusions import Excluded
from bids_ari.bids.notebook_tables import contrast_html, discovery_html
from bids_ari.bids.questions import Question
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import COMBINED_OVER, Stat, SubjectMap, can_combine
from bids_ari.errors import DataError, DuplicateMapsError, counted, listing


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
        if not ways and all(file.in_table for file in maps) and len({file.file for file in maps}) > 1:
            return "--exclude, or remove lines; with a column run in the table, --combine run combines the maps"
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


def _sides(members: Sequence[SubjectMap]) -> tuple[list[StatMap], list[StatMap]]:
    """Return the maps of which one subject has too many and, of differences, the maps of the other sides."""
    if not any(member.others for member in members):
        return [file for member in members for file in member.maps], []
    sides = [[term.maps for term in terms] for terms in zip(*(member.terms for member in members), strict=False)]
    at = next((i for i, side in enumerate(sides) if len(set(side)) > 1), len(sides) - 1)
    others = chain(*(side for i, side in enumerate(sides) if i != at))
    return list(dict.fromkeys(chain(*sides[at]))), list(dict.fromkeys(chain(*others)))


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
