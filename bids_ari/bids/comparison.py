"""The column in which maps of a subject differ, an entity or a column of tables of sessions, and its levels."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.entities import CONTRAST_KEYS, Entities, camel, key_of, printable, safe_label
from bids_ari.bids.exclusions import Excluded, Reason, ReasonText
from bids_ari.bids.labels import same_label
from bids_ari.bids.participants import read_sessions, session_row
from bids_ari.bids.questions import Question
from bids_ari.bids.subject_map import COMBINED_OVER, SubjectMap
from bids_ari.errors import UsageError, listing

_MOST_IN_NAME = 5  # levels that are in the name of a contrast


@dataclass(frozen=True, slots=True)
class Comparison:
    """The column in which maps differ, an entity or a column of the tables of sessions, and its levels to compare."""

    column: str
    key: str
    tables: Mapping[str, Mapping[str, Mapping[str, str]]] | None = None  # cells by subject, session and column
    levels: tuple[str, ...] = ()

    def value(self, each: SubjectMap) -> str | None:
        """Return the value of a map."""
        label = each.first.entities.get(self.key)
        if self.tables is None:
            return label
        return self.tables.get(each.subject, {}).get(label or "", {}).get(self.column)

    def values(self, contrast: ContrastSet) -> set[str | None]:
        """Return the values of the maps of a contrast."""
        return set(map(self.value, contrast.members))

    def existing(self, members: Iterable[SubjectMap]) -> list[str]:
        """Return the values of maps in natural order."""
        return sorted({value for member in members if (value := self.value(member))}, key=natural)

    def shown(self, value: str) -> str:
        """Write a value with its column, for messages."""
        return printable(f"{self.key}-{value}" if self.tables is None else f"{self.column} {value}")

    @property
    def sides(self) -> tuple[str, ...]:
        """The levels with their column, for messages."""
        return tuple(map(self.shown, self.levels))

    def exclude(self, members: Iterable[SubjectMap]) -> list[Excluded]:
        """Exclude maps that are not part of a question: they have no level of it, or those of other levels lack."""
        return [Excluded.of_file(file, self._reason(member)) for member in members for file in member.all_files]

    def _reason(self, each: SubjectMap) -> ReasonText:
        value = self.value(each)
        if value in self.levels:
            others = (side for side, level in zip(self.sides, self.levels, strict=True) if level != value)
            return Reason.NO_COUNTERPART.text(side=" or ".join(others))
        if value is not None:
            return Reason.NOT_COMPARED.text(value=self.shown(value))
        if self.tables is None or each.first.entities.get(self.key) is None:
            return Reason.NO_ENTITY.text(key=self.key)
        return Reason.NO_SESSION_VALUE.text(column=self.column)

    def check_not_combined(self, discovery: Discovery) -> None:
        """Raise a UsageError if maps were combined over the column."""
        for over in {contrast.combined for contrast in discovery if contrast.combined}:
            if self.key in COMBINED_OVER[over]:
                raise UsageError(
                    f"Maps that differ in {self.column} were combined over {over}s", f"no --combine {over}"
                )

    def name(self, key: Entities, question: Question | None = None) -> Entities:
        """Name a question, by default the difference of the first level minus the second.

        It is ``facesMinusHouses``, or ``facesSes02MinusSes01`` where another entity differs; of a question
        ``facesSes1Vs2Vs3``, and ``facesTrend`` for one that the user named trend.
        """
        labels = dict(key)
        is_contrast = self.key in CONTRAST_KEYS
        of = self.key if is_contrast else next(each for each in CONTRAST_KEYS if each in labels)
        column = camel(self.key if self.tables is None else self.column)
        if question is None:
            high, low = map(camel, self.levels)
            text = f"{camel(self.levels[0], first=False)}Minus{low}"
            text = text if is_contrast else f"{labels[of]}{column}{high}Minus{column}{low}"
        elif question.name:
            text = question.name if is_contrast else labels[of] + question.name[0].upper() + question.name[1:]
        elif len(self.levels) > _MOST_IN_NAME:
            text = "anyContrast" if is_contrast else f"{labels[of]}Any{column}"
        else:
            text = "Vs".join(map(camel, self.levels))
            text = text[0].lower() + text[1:] if is_contrast else f"{labels[of]}{column}{text}"
        return key.with_(**{of: text})


def find_column(name: str, members: Sequence[SubjectMap], folders: Iterable[Path]) -> Comparison:
    """Find the column of a name: an entity of the maps, or a column of tables of sessions."""
    key = key_of(name)
    if any(member.rows for member in members):
        raise UsageError(
            "Nodes of the Stats Model make differences within subjects, which cannot be compared again",
            f"no comparison of levels of {printable(name)}",
            "Remove --paired or --within",
        )
    if key not in ("sub", "stat") and any(member.first.entities.get(key) for member in members):
        return Comparison(name, key)
    if key == "hemi" and any(member.first.pair for member in members):
        raise UsageError("The two hemispheres of a subject are one map, and cannot be compared", "another entity")
    places = tuple(folders)
    found = {subject: read_sessions(subject, places) for subject in {member.subject for member in members}}
    rows = {subject: table.by_label() if table else {} for subject, table in found.items()}
    tables = {subject: {label: row.values for label, row in own.items()} for subject, own in rows.items()}
    for member in members:  # a label may differ from that in the table in leading zeros
        label, table = member.first.entities.get("ses"), found[member.subject]
        if table and label is not None and (row := session_row(table, label)):
            tables[member.subject].setdefault(label, row.values)
    columns = sorted({column for table in tables.values() for row in table.values() for column in row})
    if name in columns:
        return Comparison(name, "ses", tables)
    labels = Counter(entity for entity, _ in {pair for member in members for pair in member.first.entities})
    entities = sorted(entity for entity, n in labels.items() if n > 1 and entity != "sub")
    raise UsageError(
        f"No map has the entity {name!r}, and no sessions.tsv a column of that name",
        f"one of: {listing(entities + columns, 20) or 'nothing, the maps do not differ'}",
    )


def existing_value(value: str, existing: Collection[str]) -> str:
    """Return an existing value: one itself, else the only one that is written so or differs in leading zeros; or none.

    >>> existing_value("1", ["01", "02"]), existing_value("1", ["01", "001"]), existing_value("ab", ["a>b"])
    ('01', '', 'a>b')
    """
    alike = [value] if value in existing else [x for x in existing if safe_label(x) == value or same_label(x, value)]
    return alike[0] if len(alike) == 1 else ""


def natural(text: str) -> tuple[list[tuple[bool, int, str]], str]:
    """Return the key of natural order: numbers within texts by their size, and before words.

    >>> sorted(["ses10", "ses9", "b", "2"], key=natural)
    ['2', 'b', 'ses9', 'ses10']
    """
    words = [word.lstrip("0") if word[0] in "0123456789" else word for word in re.findall("[0-9]+|[^0-9]+", text)]
    numbers = (not word.strip("0123456789") for word in words)
    return [(not is_number, len(word) * is_number, word) for word, is_number in zip(words, numbers, strict=True)], text
