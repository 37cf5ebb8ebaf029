"""Filters of statmaps: from the command line and from a filter file, and the reason why a map does not pass."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from operator import attrgetter
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

from bids_ari.bids.dataset import Dataset
from bids_ari.bids.entities import ORDER, bare_label, key_of, printable
from bids_ari.bids.exclusions import Reason, ReasonText
from bids_ari.bids.hemispheres import hemisphere_of_label
from bids_ari.bids.kinds import CONTENTS, KINDS
from bids_ari.bids.labels import match_labels, same_label
from bids_ari.bids.names import forms_of
from bids_ari.bids.sidecars import read_json
from bids_ari.bids.spaces import labels_of_space
from bids_ari.bids.stages import stage_of_node
from bids_ari.bids.statmap import SUFFIX, StatMap
from bids_ari.bids.subject_map import STATS, Stat
from bids_ari.errors import InputNotFoundError, NoMatchError, UsageError, listing

log = logging.getLogger(__name__)

_KINDS = {"sub": "subjects", "ses": "sessions", **{key: f"{key}s" for key in ("task", "run", "space", "contrast")}}
"""What labels of a key are, in words."""

_PADDED = ("sub", "ses")  # keys of labels that are numbers, with leading zeros or without


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter, of one entity."""

    key: str  # of the entity; `extension` for the extension of the file
    labels: frozenset[str | int]  # numbers pass with any leading zeros
    absent: bool = False  # a map without the entity passes
    anything: bool = False  # any label passes
    from_file: bool = False  # and not from a flag

    def accepts(self, labels: Collection[str]) -> bool:
        """Return whether a map with these labels of the entity, or none, passes."""
        if not labels:
            return self.absent
        return self.anything or any(label in self.labels or _number(label) in self.labels for label in labels)

    def unknown(self, existing: Collection[str]) -> list[str]:
        """Return the labels and numbers of the filter that are not among the existing labels."""
        return sorted(map(str, self.labels.difference(existing, map(_number, existing))))

    def reason(self, labels: Collection[str]) -> ReasonText:
        """Return why a map with these labels of the entity, or none, does not pass."""
        for label in labels:
            if near := _near(label, self.labels):
                return Reason.NEARLY_SELECTED.text(key=self.key, label=label, selected=near)
        if self.from_file:
            return Reason.BY_FILTER_FILE.text(key=self.key)
        if not labels:
            return Reason.NO_ENTITY.text(key=self.key)
        return Reason.NOT_SELECTED.text(kinds=_KINDS.get(self.key, f"labels of {self.key}"))

    def __str__(self) -> str:
        named = sorted(map(str, self.labels)) + ["any"] * self.anything + ["none"] * self.absent
        return f"{self.key} {listing(named)}"


@dataclass(frozen=True, slots=True)
class Filters:
    """All filters of a run."""

    conditions: tuple[Condition, ...]  # a map has to pass all
    excluded: frozenset[str]  # subjects
    stat: Stat
    notes: tuple[str, ...] = ()  # for the report

    @classmethod
    def make(
        cls,
        flags: Mapping[str, Sequence[str] | str],
        exclude: Sequence[str] | str,
        stat: Stat,
        where: Mapping[str, Any] | None,
        dataset: Dataset,
    ) -> "Filters":
        """Make the filters from flags and the query of a filter file; refuse those that make no sense."""
        if stat not in STATS:
            raise UsageError(f"stat {stat!r} is unknown", f"one of {', '.join(STATS)}")
        chosen = ((key_of(name), labels) for name, labels in flags.items() if labels)
        named = ((key, _bare_labels(labels, key)) for key, labels in chosen)
        by_flag = tuple(each for key, labels in named for each in _conditions_of_flag(key, labels, dataset))
        conditions, notes = by_flag + _conditions(where or {}, stat, dataset), list[str]()
        conditions = tuple(
            replace(each, labels=_as_in_files(each.labels, each.key, dataset, notes)) for each in conditions
        )
        excluded = _as_in_files(_bare_labels(exclude, "sub"), "sub", dataset, notes)
        notes += [
            f"--exclude {printable(s)}: no map is of such a subject"
            for s in sorted(excluded - dataset.labels("sub") if excluded else ())
        ]
        return cls(conditions, excluded, stat, tuple(notes))

    def implied(self, dataset: Dataset) -> frozenset[str]:
        """Return the entities of which all labels in the dataset pass."""
        return frozenset(
            condition.key
            for condition in self.conditions
            if not condition.anything
            and all(map(condition.accepts, ([each] for each in dataset.labels(condition.key, usable=True))))
        )

    def reason(self, file: StatMap, implied: Collection[str]) -> ReasonText | None:
        """Return why a statmap is not analysed, or None.

        A map of a node that does not name an entity passes its filter where every label in the dataset does
        (`implied`): a subject-level map of FitLins, made of all runs, has lost the only task of the study.
        """
        if reason := _unusable(file):
            return reason
        for condition in self.conditions:
            labels = file.labels(condition.key)
            if not condition.accepts(labels) and (labels or condition.key not in implied or file.node is None):
                return condition.reason(labels)
        if file.entities.get("sub") in self.excluded:
            return Reason.BY_LABEL.text()
        if file.stat != self.stat:
            return Reason.OTHER_STAT.text(found=file.stat or "not named", stat=self.stat)
        return None if file.labels("contrast") else Reason.NO_ENTITY.text(key="contrast")

    def alike(self) -> Callable[[StatMap], Hashable]:
        """Return a function of a statmap, whose value is equal for those with the same `reason`."""
        if any(condition.key == "sub" for condition in self.conditions):
            return lambda file: (file.alike, file.entities.get("sub"))
        if self.excluded:
            return lambda file: (file.alike, file.entities.get("sub") in self.excluded)
        return attrgetter("alike")

    def check(self, dataset: Dataset) -> None:
        """Check that maps with the labels of each filter exist: a misspelt label is an error that lists those."""
        for condition in self.conditions:
            existing = dataset.labels(condition.key)
            unknown = condition.unknown(existing) or ["at all"] * (condition.anything and not existing)
            if unknown:
                known = listing(sorted(existing), 20) or f"nothing, no name holds {condition.key}-"
                raise NoMatchError(f"No statmap has {condition.key} {listing(unknown)}", f"one of: {known}")

    def no_match(self, dataset: Dataset, further: Iterable[str] = ()) -> NoMatchError:
        """Make the error that no map passes; lists the labels in the dataset, and `further` reasons of single files."""
        images = [file for file in dataset.statmaps if file.kind]
        existing = []
        for key in ("sub", "ses", "run", "task", "hemi", "space", "den", "contrast", "stat"):
            if labels := sorted({label for file in images if (label := file.entities.get(key))}):
                existing.append(f"{key} {listing(labels)}")
        chosen = [str(condition) for condition in self.conditions] + [f"stat {self.stat}"]
        chosen += [f"sub other than {listing(sorted(self.excluded))}"] if self.excluded else []
        stats = {file.stat for file in images if file.entities.get("sub")}
        others = [other for other in STATS if other in stats and self.stat not in stats]
        unreadable = (_unreadable(file) for file in dataset.statmaps)
        problems = Counter([*filter(None, unreadable), *further]).most_common()
        unusable = f"Unusable files: {listing(f'{n}, {problem}' for problem, n in problems)}" if problems else ""
        if not images:
            return NoMatchError(f"No map in {dataset.path} can be read", "NIfTI, GIFTI or CIFTI images", unusable)
        return NoMatchError(
            f"No subject's map in {dataset.path} has {', '.join(chosen)}",
            f"a choice from: {'; '.join(existing) or 'no labels at all'}",
            _use_stat(others[0]) if others else unusable,
        )


def read_filter_file(path: str | Path) -> Mapping[str, Any]:
    """Read the filters of statmaps in a filter file.

    Parameters
    ----------
    path : path
        JSON, ``{"statmap": {"session": "pre", "run": [1, 2], "desc": null, "res": "*"}}``. Queries of other suffixes
        are ignored.

    Returns
    -------
    mapping
        The argument `where` of `discover`.

    Raises
    ------
    InputNotFoundError, ReadError
        When there is no such file, or it cannot be read.
    UsageError
        When it is not a JSON object, or has no query for statmaps.
    """
    path = Path(path)
    if not (path.exists() or path.is_symlink()):
        raise InputNotFoundError(f"There is no filter file {path}", "a JSON file")
    queries = read_json(path, UsageError)
    if SUFFIX not in queries:
        found = listing(queries) or "nothing"
        raise UsageError(f"The filter file {path} has queries for {found}", 'a query {"statmap": {entity: label}}')
    query = queries[SUFFIX]
    if not isinstance(query, dict):
        raise UsageError(f"In the filter file {path}, {SUFFIX} is {shorten(query)}", "{entity: label}")
    return query


def _unusable(file: StatMap) -> ReasonText | None:
    """Return why a statmap cannot be a subject's map, whatever the filters."""
    if reason := _unreadable(file):
        return reason
    if file.entities.get("sub") is None or stage_of_node(file.node) == "dataset":
        return Reason.WHOLE_DATASET.text()
    if file.entities.get("test") is not None:
        return Reason.GROUP_RESULT.text()
    return None


def _unreadable(file: StatMap) -> ReasonText | None:
    """Return why a file cannot be read as a map, by its name."""
    if file.problem:
        return ReasonText(file.problem)
    if file.kind is None:
        return _no_map(file.extension)
    return _no_hemisphere(file) if file.kind == "GIFTI" else None


def _no_map(extension: str) -> ReasonText:
    """Return why files with an extension are not read."""
    if content := CONTENTS.get(extension):
        return Reason.NOT_A_MAP.text(extension=extension, content=content)
    return Reason.NOT_AN_IMAGE.text()


def _no_hemisphere(file: StatMap) -> ReasonText | None:
    """Return why the hemisphere of a surface map is not known, if it is not."""
    label = file.entities.get("hemi")
    if label is None:
        return Reason.NO_ENTITY.text(key="hemi")
    return None if hemisphere_of_label(label) else Reason.UNKNOWN_HEMISPHERE.text(label=label)


def _conditions_of_flag(key: str, labels: frozenset[str], dataset: Dataset) -> Iterator[Condition]:
    """Yield the conditions of a flag; a space may have further entities, ``fsaverage:den-10k``, as in fMRIPrep."""
    if key != "space" or not any(":" in label for label in labels.difference(dataset.labels(key))):
        yield Condition(key, labels)
        return
    spaces = [labels_of_space(label) for label in sorted(labels)]
    for each in sorted({entity for space in spaces for entity in space}):
        found = {space[each] for space in spaces if each in space}
        yield Condition(each, frozenset(found), absent=any(each not in space for space in spaces))


def _bare_labels(labels: Sequence[str] | str, key: str) -> frozenset[str]:
    return frozenset(bare_label(str(x), key) for x in ([labels] if isinstance(labels, str | int) else labels))


def _as_in_files(labels: frozenset[Any], key: str, dataset: Dataset, notes: list[str]) -> frozenset[Any]:
    """Replace labels that a dataset has in another form; note those with other leading zeros, an error if unclear."""
    if not labels:
        return labels
    existing = dataset.labels(key)
    labels = frozenset(form for label in labels for form in forms_of(label, key, existing))
    if key not in _PADDED:
        return labels
    found = match_labels(sorted(label for label in labels if isinstance(label, str)), sorted(existing))
    for label, others in found.unclear.items():
        names = listing(f"{key}-{printable(other)}" for other in others)
        raise NoMatchError(
            f"No statmap has {key} {printable(label)}; {names} may be the same, as they differ only in leading zeros",
            "labels as in the names of the files",
        )
    notes += filter(None, [found.note(key, "of filters")])
    return frozenset(found.pairs.get(label, label) for label in labels)


@cache
def _near(label: str, selected: frozenset[str | int]) -> str:
    """Return the selected label that differs from a label in leading zeros only, if there is one."""
    return next((each for each in selected if isinstance(each, str) and same_label(label, each)), "")


def _number(label: str) -> int | None:
    """Return a label as a whole number; None for other labels, and for numbers beyond those in JSON."""
    return int(label) if label.isascii() and label.isdecimal() and len(label) < 400 else None


def _conditions(where: Mapping[str, Any], stat: Stat, dataset: Dataset) -> tuple[Condition, ...]:
    """Make conditions from the query of a filter file."""
    conditions = [_condition(name, value, dataset) for name, value in where.items()]
    for condition in conditions:
        found = f"The filter file selects {condition}"
        if condition.key == "stat" and not condition.accepts([stat]):
            other = min(map(str, condition.labels), default="")
            hint = _use_stat(other) if other in STATS else ""
            raise UsageError(found, f"stat {stat}, the value of --stat", hint)
        if condition.key == "suffix" and not condition.accepts([SUFFIX]):
            raise UsageError(found, f"suffix {SUFFIX}")
        if condition.key == "extension" and (condition.absent or condition.unknown(KINDS)):
            raise UsageError(found, f"extension {' or '.join(KINDS)}")
    return tuple(condition for condition in conditions if condition.key not in ("stat", "suffix"))


def _condition(name: str, value: Any, dataset: Dataset) -> Condition:
    """Make a condition from one entry of a filter file."""
    key = key_of(name)
    if key not in (*ORDER, "suffix", "extension") and not dataset.labels(key):
        raise UsageError(
            f"The filter file selects the entity {shorten(name)}, which neither BIDS nor a file here has",
            "keys or names of entities, such as ses or session",
        )
    values = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    labels = [bare_label(each, key) for each in values if isinstance(each, str) and each not in ("", "*")]
    numbers = [int(x) for x in values if isinstance(x, int | float) and not isinstance(x, bool) and x % 1 == 0]
    absent, anything = None in values, "*" in values
    if not values or len(labels) + len(numbers) + values.count(None) + values.count("*") < len(values):
        rule = 'a label, a whole number, null for none, "*" for any, or a list of these'
        raise UsageError(f"The filter file selects {name} {shorten(value)}", rule)
    return Condition(key, frozenset([*labels, *numbers]), absent, anything, from_file=True)


def _use_stat(stat: str) -> str:
    return f"To analyse {stat} maps, use --stat {stat}" + (", at the group level" if stat == "effect" else "")
