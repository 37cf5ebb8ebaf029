"""What is wanted of a dataset: filters of the command line, a filter file, and why a map is refused."""

import logging
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from reprlib import repr as shorten
from sys import intern
from typing import Any

from bids_ari.bids.contrasts import STATS, Stat, node_of
from bids_ari.bids.dataset import Dataset, StatMap
from bids_ari.bids.entities import ORDER, bare_label, key_of, printable
from bids_ari.bids.sidecars import read_json
from bids_ari.errors import InputNotFoundError, NoMatchError, UsageError, listing

log = logging.getLogger(__name__)

SUFFIX = "statmap"
IMAGES = (".nii", ".nii.gz")

FLAG_KEYS = {"subjects": "sub", "task": "task", "space": "space", "contrast": "contrast"}
FLAG_KEYS |= {"session": "ses", "run": "run"}
"""The entity that each filter of the command line chooses by."""

OTHER_STAT = "its stat is"
"""How the reason begins where a map only holds another statistic than the one asked for."""

_SURFACES = (".gii", ".dscalar.nii", ".dtseries.nii", ".dlabel.nii")


@dataclass(frozen=True, slots=True)
class Condition:
    """What one filter asks of one entity.

    Attributes
    ----------
    key : str
        The key of the entity; ``extension`` stands for that of the file.
    labels, numbers : frozenset of str
        Labels that are taken as they are, and numbers, which are taken with any zeros before them.
    absent, anything : bool
        Whether a map without the entity is taken; whether any label is.
    by_file : bool
        Whether a filter file asks, not a flag.
    """

    key: str
    labels: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    absent: bool = False
    anything: bool = False
    by_file: bool = False

    def takes(self, own: Collection[str]) -> bool:
        """Say whether a map with these labels of the entity, or none, is wanted."""
        if not own:
            return self.absent
        return self.anything or any(label in self.labels or _number(label) in self.numbers for label in own)

    def unknown(self, there: Collection[str]) -> list[str]:
        """Give what is asked for by name but is not among the labels that there are."""
        numbers = {_number(label) for label in there}
        return sorted(self.labels.difference(there)) + sorted(self.numbers.difference(numbers), key=len)

    def __str__(self) -> str:
        named = sorted(self.labels | self.numbers) + ["any"] * self.anything + ["none"] * self.absent
        return f"{self.key} {listing(map(printable, named))}"


@dataclass(frozen=True, slots=True)
class Filters:
    """Everything that is asked of a map.

    Attributes
    ----------
    conditions : tuple of Condition
        All must be met.
    excluded : frozenset of str
        Subjects that are left out.
    stat : {'effect', 't', 'z'}
        Which statistic is taken.
    """

    conditions: tuple[Condition, ...]
    excluded: frozenset[str]
    stat: Stat

    @classmethod
    def read(
        cls,
        flags: Mapping[str, Sequence[str] | str],
        exclude: Sequence[str] | str,
        stat: Stat,
        where: Mapping[str, Any] | None,
        dataset: Dataset,
    ) -> "Filters":
        """Normalise what was asked for; refuse what cannot be asked."""
        if stat not in STATS:
            raise UsageError(f"stat {stat!r} is unknown", f"one of {', '.join(STATS)}")
        asked = ((FLAG_KEYS[name], labels) for name, labels in flags.items() if labels)
        by_flag = tuple(Condition(key, _labels(labels, key)) for key, labels in asked)
        return cls(by_flag + _conditions(where or {}, stat, dataset), _labels(exclude, "sub"), stat)

    def implied(self, dataset: Dataset) -> frozenset[str]:
        """Give the entities of which all labels that there are pass."""
        return frozenset(
            asked.key
            for asked in self.conditions
            if not asked.anything and all(asked.takes([label]) for label in labels_there(dataset, asked.key))
        )

    def refusal(self, file: StatMap, implied: Collection[str]) -> str | None:
        """Say why a statmap is no member of any contrast set, or None.

        A map of a node that does not name an entity passes its filter where every label in the dataset does
        (`implied`): a subject-level map of FitLins, made of all runs, has lost the only task that there is.
        """
        if reason := _unfit(file):
            return reason
        for asked in self.conditions:
            own = labels_of(file, asked.key)
            if not asked.takes(own) and (own or asked.key not in implied or node_of(file) is None):
                return _unwanted(asked, bool(own))
        if file.entities.get("sub") in self.excluded:
            return "excluded"
        if (found := file.entities.get("stat")) != self.stat:
            return intern(f"{OTHER_STAT} {printable(found or 'not named')}; the maps asked for are {self.stat} maps")
        if not labels_of(file, "contrast"):
            return "no contrast in its name"
        return None

    def check(self, dataset: Dataset) -> None:
        """Refuse labels that no statmap has, with NoMatchError: a misspelt filter must not pass silently."""
        for asked in self.conditions:
            there = labels_there(dataset, asked.key)
            unknown = asked.unknown(there) or ["at all"] * (asked.anything and not there)
            if unknown:
                known = listing(map(printable, sorted(there)), 20)
                raise NoMatchError(
                    f"No statmap has {asked.key} {listing(map(printable, unknown))}",
                    f"one of: {known or f'nothing, no name holds {asked.key}-'}",
                )
        for label in sorted(self.excluded - labels_there(dataset, "sub")):
            log.warning("--exclude %s: there is no such subject", printable(label))

    def nothing(self, dataset: Dataset) -> NoMatchError:
        """Say what there is when the filters leave nothing."""
        images = [file for file in dataset.statmaps if file.extension in IMAGES]
        there = []
        for key in ("sub", "ses", "run", "task", "space", "contrast", "stat"):
            if labels := sorted({label for file in images if (label := file.entities.get(key))}):
                there.append(f"{key} {listing(map(printable, labels))}")
        asked = [str(condition) for condition in self.conditions] + [f"stat {self.stat}"]
        asked += [f"sub other than {listing(map(printable, sorted(self.excluded)))}"] if self.excluded else []
        stats = {file.entities.get("stat") for file in images if file.entities.get("sub")}
        others = [other for other in STATS if other in stats and self.stat not in stats]
        return NoMatchError(
            f"No subject's map in {dataset.path} has {', '.join(asked)}",
            f"a choice from: {'; '.join(there) or 'no volume maps at all'}",
            _other_stat(others[0]) if others else _problems(dataset),
        )


def _problems(dataset: Dataset) -> str:
    """Tell for what reasons files cannot be used, whatever is asked for."""
    found = Counter(file.problem for file in dataset.statmaps if file.problem)
    return f"Left out: {listing(f'{n}, {problem}' for problem, n in found.most_common())}" if found else ""


def read_filter_file(path: str | Path) -> Mapping[str, Any]:
    """Read what a filter file asks of statmaps.

    Parameters
    ----------
    path : path
        JSON, ``{"statmap": {"session": "pre", "run": [1, 2], "desc": null, "res": "*"}}``. What it asks of files with
        other suffixes is for other programs.

    Returns
    -------
    mapping
        The argument `where` of `discover`.

    Raises
    ------
    InputNotFoundError, ReadError
        When there is no such file, or it cannot be read.
    UsageError
        When it is no JSON object, or asks nothing of statmaps.
    """
    path = Path(path)
    if not (path.exists() or path.is_symlink()):
        raise InputNotFoundError(f"There is no filter file {path}", "a JSON file")
    queries = read_json(path, UsageError)
    if SUFFIX not in queries:
        found = listing(printable(key) for key in queries) or "nothing"
        raise UsageError(f"The filter file {path} asks for {found}", 'a query {"statmap": {entity: label}}')
    query = queries[SUFFIX]
    if not isinstance(query, dict):
        raise UsageError(f"In the filter file {path}, {SUFFIX} is {shorten(query)}", "{entity: label}")
    return query


def labels_of(file: StatMap, key: str) -> tuple[str, ...]:
    """Give the label of an entity, if any; HALFpipe names a contrast of its first level taskcontrast."""
    if key == "extension":
        return (file.extension,)
    keys = ("contrast", "taskcontrast") if key == "contrast" else (key,)
    return tuple(label for each in keys if (label := file.entities.get(each)))


def labels_there(dataset: Dataset, key: str) -> set[str]:
    """Give every label that the statmaps of a dataset have for an entity."""
    return {label for file in dataset.statmaps for label in labels_of(file, key)}


def stage_of_node(file: StatMap) -> str | None:
    """Give the stage of a first-level model that a map's node or level names: run, ses, sub or dataset."""
    return _stage_in(node_of(file) or "")


@cache
def _stage_in(name: str) -> str | None:
    words = r"(?:^|[^a-z])(dataset|run|ses|sub)(?:sion|ject)?s?(?:level|[^a-z]|$)"
    found = re.search(words, name.lower())
    return found.group(1) if found else None


def _unfit(file: StatMap) -> str | None:
    """Say why a statmap cannot be a subject's map, whatever is asked for."""
    if file.problem:
        return file.problem
    if file.nested:
        return "lies in a dataset of its own within this one"
    if file.extension not in IMAGES:
        return "surface maps are not supported yet" if file.extension.endswith(_SURFACES) else "not a NIfTI image"
    if file.entities.get("sub") is None or stage_of_node(file) == "dataset":
        return "a map of the whole dataset, not of a subject"
    if file.entities.get("test") is not None:
        return "a group-level result"
    return None


def _unwanted(asked: Condition, named: bool) -> str:
    """Say which filter refuses a map, that names the entity or not."""
    if asked.by_file:
        return intern(f"not asked for by the filter file ({asked.key})")
    return intern(f"not among the {asked.key} asked for" if named else f"no {asked.key} in its name")


def _labels(labels: Sequence[str] | str, key: str) -> frozenset[str]:
    """Normalise the labels of one flag."""
    return frozenset(bare_label(str(x), key) for x in ([labels] if isinstance(labels, str | int) else labels))


def _number(label: str) -> str | None:
    """Strip the zeros before a number; None where a label is none. As text: a label may be too long for an int."""
    return (label.lstrip("0") or "0") if label.isascii() and label.isdecimal() else None


def _conditions(where: Mapping[str, Any], stat: Stat, dataset: Dataset) -> tuple[Condition, ...]:
    """Turn the query of a filter file into conditions."""
    asked = [_condition(name, value, dataset) for name, value in where.items()]
    for condition in asked:
        if condition.key == "stat" and not condition.takes([stat]):
            hint = _other_stat(label) if (label := min(condition.labels, default="")) in STATS else ""
            raise UsageError(f"The filter file asks for {condition}", f"stat {stat}, as --stat says", hint)
        if condition.key == "suffix" and not condition.takes([SUFFIX]):
            raise UsageError(f"The filter file asks for {condition}", f"suffix {SUFFIX}")
        if condition.key == "extension" and (condition.absent or condition.unknown(IMAGES)):
            raise UsageError(f"The filter file asks for {condition}", f"extension {' or '.join(IMAGES)}")
    return tuple(condition for condition in asked if condition.key not in ("stat", "suffix"))


def _condition(name: str, value: Any, dataset: Dataset) -> Condition:
    """Turn one entry of a filter file into a condition."""
    key = key_of(name)
    if key not in (*ORDER, "suffix", "extension") and not labels_there(dataset, key):
        raise UsageError(
            f"The filter file asks for the entity {shorten(name)}, which neither BIDS nor a file here has",
            "keys or names of entities, such as ses or session",
        )
    values = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    texts = [each for each in values if isinstance(each, str) and each not in ("", "*")]
    numbers = [each for each in values if _is_whole(each)]
    if not values or len(texts) + len(numbers) + values.count(None) + values.count("*") < len(values):
        rule = 'a label, a whole number, null for none, "*" for any, or a list of these'
        raise UsageError(f"The filter file asks for {printable(name)} {shorten(value)}", rule)
    return Condition(
        key,
        frozenset(bare_label(each, key) for each in texts),
        frozenset(str(int(each)) for each in numbers),
        absent=None in values,
        anything="*" in values,
        by_file=True,
    )


def _is_whole(value: object) -> bool:
    """Say whether JSON holds a whole number, 1 or 1.0; true and false are none."""
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))


def _other_stat(stat: str) -> str:
    return f"To analyse {stat} maps, say --stat {stat}" + (", at the group level" if stat == "effect" else "")
