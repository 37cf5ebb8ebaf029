"""Exchangeability blocks of subjects, as ``--blocks`` names them.

- ``COLUMN``: subjects of the same value are exchanged.
- ``LEVEL/LEVEL``: columns of nested blocks, the outermost first. Blocks of a level with + are exchanged as wholes,
  within the block that they are in; others stay. ``+subject`` at the end: the subjects of the innermost blocks are
  exchanged as well. Without any +, only these are.
- ``COLUMN,COLUMN`` or a file: PALM's notation, integers whose sign tells whether what is inside a block is exchanged.

References
----------
Winkler, Webster, Vidaurre, Nichols & Smith (2015), NeuroImage 123:253.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bids_ari.bids.block_files import SUFFIXES, BlockFile, block_index, read_block_file
from bids_ari.bids.labels import match_labels
from bids_ari.bids.participants import Participants
from bids_ari.design.subjects import exchangeability_blocks, no_table
from bids_ari.errors import DesignError, UsageError, counted, listing
from bids_ari.stats.block_tree import Block, block_tree

SUBJECT = "subject"
"""The last level: single subjects."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Exchangeability blocks of the subjects of a design."""

    blocks: tuple[str, ...] | Block  # a label per subject, or nested blocks
    exchange: str = ""  # what is exchanged, in words; empty for labels


def block_file(text: str) -> Path | None:
    """Return the path where a value of ``--blocks`` is a file: its name ends like that of a table."""
    return Path(text) if text.lower().endswith(SUFFIXES) else None


def blocks_name(text: str | None) -> str:
    """Return a value of ``--blocks`` as results have it: of a file, only its name."""
    path = block_file(text) if text else None
    return (text or "") if path is None else path.name


def find_blocks(text: str, subjects: Sequence[str], participants: Participants | None) -> Blocks:
    """Return the exchangeability blocks of subjects.

    Parameters
    ----------
    text : str
        The value of ``--blocks``.
    subjects : sequence of str
        The subjects of the design.
    participants : Participants, optional
        The table of subjects.

    Raises
    ------
    UsageError, InputNotFoundError, DataError, DesignError
        When the text names no levels, or blocks are missing, not nested, or no integers.
    """
    columns = () if participants is None else participants.columns
    if text in columns:
        return Blocks(exchangeability_blocks(text, subjects, participants))
    if (path := block_file(text)) is not None:
        return _of_file(read_block_file(path), subjects, participants)
    if "," in text:
        return _of_signed_columns([name.strip() for name in text.split(",")], subjects, participants)
    if "/" in text or text.startswith("+"):
        return _of_levels(text, subjects, participants)
    return Blocks(exchangeability_blocks(text, subjects, participants))


def _of_levels(text: str, subjects: Sequence[str], participants: Participants | None) -> Blocks:
    """Return the blocks of columns that are nested, with + where blocks are exchanged."""
    levels = [level.strip() for level in text.split("/")]
    names = [level.removeprefix("+") for level in levels]
    is_marked = [level.startswith("+") for level in levels]
    if "" in names or len(set(names)) < len(names):
        raise UsageError(
            f"--blocks {text} has {'a level without a name' if '' in names else 'a level twice'}",
            "columns from the outermost to the innermost blocks, such as site/+family",
        )
    columns = () if participants is None else participants.columns
    if SUBJECT in names[:-1] and SUBJECT not in columns:
        raise UsageError(f"--blocks {text} has a level inside {SUBJECT}", f"+{SUBJECT} as the last level")
    if names[-1] == SUBJECT and SUBJECT not in columns and len(names) > 1:
        names, exchanged = names[:-1], is_marked
    else:
        exchanged = [*is_marked, not any(is_marked)]
    values = [exchangeability_blocks(name, subjects, participants) for name in names]
    for name, own, mark in zip(names, values, exchanged, strict=False):
        if mark and len(set(own)) == 1:
            found = f"All subjects are in one block of {name} ({own[0]}), which +{name} cannot exchange with another"
            raise DesignError(found, "several blocks", f"Remove the +, or {name}")
    is_local = [False] + [
        _are_local(outer, outer_values, inner, inner_values, subjects)
        for (outer, inner), (outer_values, inner_values) in zip(pairwise(names), pairwise(values), strict=True)
    ]
    tree = block_tree([*zip(*values, strict=True)], [exchanged] * len(subjects), _order(subjects, participants))
    return Blocks(tree, ", ".join(_in_words(names, exchanged, is_local)))


def _in_words(names: Sequence[str], exchanged: Sequence[bool], is_local: Sequence[bool]) -> Iterator[str]:
    """Yield what is exchanged, level by level."""
    for outer, name, mark, local in zip(["", *names], names, exchanged, is_local, strict=False):
        within = f" within those of {outer}" if outer else ""
        labels = f" (labels within {outer})" if local else ""
        yield f"blocks of {name}{labels} are exchanged as wholes{within}" if mark else f"blocks of {name}{labels} stay"
    inside = f"within those of {names[-1]}"
    yield f"subjects are exchanged {inside}" if exchanged[-1] else f"subjects keep their order {inside}"


def _are_local(
    outer: str, outer_values: Sequence[str], inner: str, inner_values: Sequence[str], subjects: Sequence[str]
) -> bool:
    """Return whether labels of a level are names within the blocks around them, such as twin or 1, 2 in each family.

    They are if more than half of them are in several of these blocks. Otherwise each label is one block, which must be
    in one block of the level around it.
    """
    around: dict[str, dict[str, str]] = {}
    for own, block, subject in zip(outer_values, inner_values, subjects, strict=True):
        around.setdefault(block, {}).setdefault(own, subject)
    repeated = [block for block, found in around.items() if len(found) > 1]
    if repeated and 2 * len(repeated) <= len(around):
        places = (f"{outer} {own} (sub-{subject})" for own, subject in around[repeated[0]].items())
        raise DesignError(
            f"Blocks are not nested: {inner} {repeated[0]} is in {listing(places)}",
            f"each {inner} in one {outer}, or labels that are the same in most of them, such as twin in each family",
            "Fix the table; or, if these are different blocks of the same name, rename one of them",
        )
    return bool(repeated)


def _of_signed_columns(names: Sequence[str], subjects: Sequence[str], participants: Participants | None) -> Blocks:
    """Return the blocks of PALM's columns of integers in the table of subjects."""
    if participants is None:
        raise no_table(f"for columns {listing(names)}")
    has_subjects = names[-1] == SUBJECT and SUBJECT not in participants.columns
    names = names[:-1] if has_subjects else names
    for name in names:
        exchangeability_blocks(name, subjects, participants)  # refuses missing columns and values
    rows = [
        [
            block_index(
                participants.rows[subject][name],
                f"{participants.path}, {participants.place(subject, name)}, column {name}",
            )
            for name in names
        ]
        for subject in subjects
    ]
    return _of_signs(names, rows, _order(subjects, participants), has_subjects)


def _of_file(file: BlockFile, subjects: Sequence[str], participants: Participants | None) -> Blocks:
    """Return the blocks of PALM's columns of integers in a file."""
    if file.labels:
        found = match_labels(subjects, file.labels)
        line = {label: i for i, label in enumerate(file.labels)}
        lacking = [subject for subject in subjects if subject not in line and subject not in found.pairs]
        if lacking:
            raise DesignError(
                f"{file.path} has no line for {listing(f'sub-{subject}' for subject in lacking)}",
                "a line for each subject with a map",
                "Add them, or exclude these subjects with --exclude",
            )
        places = [line[found.pairs.get(subject, subject)] for subject in subjects]
    else:
        places = _places_by_row(file, subjects, participants)
    return _of_signs(file.columns, [file.rows[i] for i in places], places, file.has_subjects)


def _places_by_row(file: BlockFile, subjects: Sequence[str], participants: Participants | None) -> list[int]:
    """Return the row of each subject in a file without labels: that in participants.tsv."""
    n_rows, named = len(file.rows), "Or add a first line with names of columns, and a column participant_id"
    if participants is None:
        raise no_table(f"for the order of the {n_rows} rows of {file.path}, which has no column participant_id")
    listed = sorted(participants.rows, key=lambda subject: participants.lines[subject])
    if len(listed) != n_rows:
        raise DesignError(
            f"{file.path} has {counted(n_rows, 'row')} without labels, {participants.path.name} has {len(listed)}",
            f"a row for each row of {participants.path.name}, in its order",
            named,
        )
    if lacking := [f"sub-{subject}" for subject in subjects if subject not in participants.rows]:
        raise DesignError(
            f"{participants.path.name} has no row for {listing(lacking)}", "a row for each subject", named
        )
    return [listed.index(subject) for subject in subjects]


def _of_signs(names: Sequence[str], rows: Sequence[Sequence[int]], order: Sequence[int], has_subjects: bool) -> Blocks:
    """Return the blocks of PALM's notation: the sign of a block tells whether what is directly inside is exchanged.

    A first column of one value is the block of all subjects; without it, the outermost blocks stay. The last column
    may number the subjects; with `has_subjects`, it did, and was removed. Without such a column they are exchanged in
    blocks that are positive, but keep their order where these blocks are exchanged as wholes.
    """
    has_root = len(rows[0]) > 1 and len({row[0] for row in rows}) == 1
    root, names = (rows[0][0] > 0, names[1:]) if has_root else (False, names)
    paths = [tuple(row[has_root:]) for row in rows]
    signs = [[root, *(index > 0 for index in path)] for path in paths]
    if not has_subjects and len(set(paths)) == len(paths):
        paths, signs, names = [path[:-1] for path in paths], [each[:-1] for each in signs], names[:-1]
    elif not has_subjects:
        signs = [[*each[:-1], each[-1] and not each[-2]] for each in signs]
    return Blocks(block_tree(paths, signs, order), ", ".join(_signs_in_words(names, signs)))


def _signs_in_words(names: Sequence[str], signs: Sequence[Sequence[bool]]) -> Iterator[str]:
    """Yield what is exchanged at each level of PALM's notation."""
    words = {(True,): "are exchanged as wholes", (False,): "stay", (False, True): "are exchanged in some blocks only"}
    kinds = [tuple(sorted(set(of_level))) for of_level in zip(*signs, strict=True)]
    for name, kind in zip(names, kinds, strict=False):
        yield f"blocks of {name} {words[kind]}"
    inside = words[kinds[-1]].removesuffix(" as wholes")
    yield f"subjects {'keep their order' if inside == 'stay' else inside}"


def _order(subjects: Sequence[str], participants: Participants | None) -> list[int]:
    """Return numbers that sort subjects: their lines in the table."""
    return [] if participants is None else [participants.lines[subject] for subject in subjects]
