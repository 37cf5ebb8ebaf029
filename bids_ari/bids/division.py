"""Division of contrasts by the labels of entities, such as session: one analysis for each label."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from bids_ari.bids.contrasts import ContrastSet, Discovery, by_name
from bids_ari.bids.dataset import Dataset
from bids_ari.bids.entities import Entities, key_of, printable, safe_label
from bids_ari.bids.exclusions import Excluded, Reason, ReasonText
from bids_ari.bids.participants import Participants
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import COMBINED_OVER, Combine
from bids_ari.errors import NoMatchError, UsageError, listing

WITHIN = ("ses", "run")  # the entities in which the maps of one contrast may differ, unless it is divided by them
_NOT_DIVIDING = {
    "sub": "a group analysis includes all subjects; use the participant level for single maps",
    "stat": "choose one statistic with --stat",
    "node": "the maps of one node are analysed",
    "level": "the maps of one level are analysed",
    "hemi": "both hemispheres are one analysis; select one with --bids-filter-file",
}


@dataclass(frozen=True, slots=True)
class Division:
    """The entities, such as ``ses``, of which each label is an analysis of its own."""

    keys: tuple[str, ...] = ()

    @classmethod
    def make(
        cls, by: Sequence[str] | str, dataset: Dataset, combine: Combine | None, compared: str | None
    ) -> "Division":
        """Make the division by entities that are named by their keys or names; refuse what contradicts other options.

        `compared` is the column in which the maps of a subject are compared, perhaps with values after ``=``.

        Raises
        ------
        UsageError
            When an analysis by the entity makes no sense.
        NoMatchError
            When no map has the entity.
        """
        keys = tuple(dict.fromkeys(key_of(name) for name in ([by] if isinstance(by, str) else by)))
        between = key_of((compared or "").partition("=")[0])
        for key in keys:
            if key in _NOT_DIVIDING:
                raise UsageError(f"Analyses by {printable(key)} are not possible", hint=_NOT_DIVIDING[key].capitalize())
            if key == between:
                raise UsageError(f"Maps that differ in {key} are compared", f"other entities in --by than {key}")
            if combine and key in COMBINED_OVER[combine]:
                raise UsageError(
                    f"Maps that differ in {key} are combined over {combine}s",
                    f"no --combine {combine}, or no --by {key}",
                )
            if not dataset.labels(key):
                existing = [each for each in dividing_entities(dataset) if each not in keys]
                raise NoMatchError(
                    f"No statmap has the entity {printable(key)}, by which analyses are divided",
                    f"one of: {listing(existing, 20) or 'nothing, the maps do not differ'}",
                )
        return cls(tuple(key for key in keys if key in WITHIN))

    def labels(self, entities: Entities) -> dict[str, str]:
        """Return the labels that divide analyses, of a map with these entities.

        Sessions 1 and 01 are two labels; runs, which are numbers, have one label in a dataset.
        """
        return {key: label for key in self.keys if (label := entities.get(key))}

    def key(self, file: StatMap) -> Entities:
        """Return the entities that separate the contrast of a map from others."""
        return file.group.with_(**self.labels(file.entities)) if self.keys else file.group

    def reason(self, file: StatMap) -> ReasonText | None:
        """Return why a map belongs to none of the analyses: its name lacks an entity that divides them."""
        lacking = next((key for key in self.keys if file.entities.get(key) is None), None)
        return None if lacking is None else Reason.NOT_DIVIDED.text(key=lacking)


def dividing_entities(dataset: Dataset) -> list[str]:
    """Return the entities of the maps of a dataset by which analyses can be divided."""
    keys = dict.fromkeys(key for file in dataset.statmaps for key, _ in file.entities)
    return [key for key in keys if key not in (*_NOT_DIVIDING, "contrast", "desc", "test")]


def divide_subjects(discovery: Discovery, columns: Sequence[str], table: Participants) -> Discovery:
    """Divide contrast sets by the values of subjects in columns of a table: one set for each value.

    Subjects without a value are excluded from all. Labels that differ from those of the table only in leading zeros are
    matched.

    Raises
    ------
    NoMatchError
        When the table has no such column.
    """
    names = (entry.subject for contrast in discovery for entry in contrast.excluded)
    matched = table.matched([*names, *(subject for contrast in discovery for subject in contrast.subjects)])
    notes, table = matched.notes[len(table.notes) :], matched
    contrasts = (replace(contrast, notes=(*contrast.notes, *notes)) for contrast in discovery)
    discovery = replace(discovery, contrasts=tuple(contrasts))
    for column in columns:
        if column not in table.columns:
            raise NoMatchError(
                f"{table.path.name} has no column {printable(column)}, by which analyses are divided",
                f"one of: {listing(table.columns, 20)}",
            )
        made: dict[Entities, ContrastSet] = {}
        lost: list[Excluded] = []
        for contrast in discovery:
            values = sorted({_cell(table, member.subject, column) for member in contrast.members} - {""})
            for value in values:
                key = contrast.entities.with_(**{safe_label(column): value})
                others = {other for other in values if other != value}
                made[key] = _part(_without_those_of(contrast, others, column, table), key, column, value, table)
            if not values:
                lost += [*_without_value(contrast, column, table), *contrast.excluded]
        discovery = Discovery(by_name(made), (*discovery.excluded, *lost))
    return discovery


def _part(contrast: ContrastSet, key: Entities, column: str, value: str, table: Participants) -> ContrastSet:
    """Return the subjects of a contrast set with one value."""
    cells = {member.subject: _cell(table, member.subject, column) for member in contrast.members}
    subjects = {subject for subject, cell in cells.items() if cell == value}
    note = f"Subjects whose {printable(column)} is {printable(value)}"
    kept = contrast.keep(subjects, _without_value(contrast, column, table))
    return replace(kept, entities=key.written(), notes=(*contrast.notes, note))


def _without_those_of(contrast: ContrastSet, others: Collection[str], column: str, table: Participants) -> ContrastSet:
    """Return a contrast set without the excluded subjects whose value is another one, of which there is a set, too."""
    excluded = (
        each for each in contrast.excluded if not (each.is_subject and _cell(table, each.subject, column) in others)
    )
    return replace(contrast, excluded=tuple(excluded))


def _without_value(contrast: ContrastSet, column: str, table: Participants) -> list[Excluded]:
    """Exclude the subjects without a value."""
    reason = Reason.NO_GROUP.text(column=column, table=table.path.name)
    return [Excluded.of_subject(s, reason) for s in contrast.subjects if not _cell(table, s, column)]


def _cell(table: Participants, subject: str, column: str) -> str:
    return table.rows.get(subject, {}).get(column, "")
