"""Files of exchangeability blocks: signed integers in columns, one line for each subject, as PALM reads them."""

from dataclasses import dataclass
from pathlib import Path

from bids_ari.bids.columns import number
from bids_ari.bids.entities import bare_label, printable
from bids_ari.bids.sidecars import read_bytes
from bids_ari.errors import DataError, InputNotFoundError, counted, listing

KEY = "participant_id"
SUFFIXES = (".csv", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class BlockFile:
    """A file of exchangeability blocks."""

    path: Path
    columns: tuple[str, ...]  # without that of labels; of a file without names, their numbers
    rows: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]  # of subjects, without ``sub-``; none where the file has no column of labels
    has_subjects: bool = False  # whether the last column numbers the subjects: that of labels does


def read_block_file(path: Path) -> BlockFile:
    """Read a file of exchangeability blocks, separated by commas or tabs, with or without a line of names.

    Raises
    ------
    InputNotFoundError, DataError, ReadError
        When there is no such file, or it has something else than integers, or it cannot be read.
    """
    lines = _cells(path)
    names = lines[0][1]
    has_names = any(number(cell) is None for cell in names)
    if has_names and KEY not in names:
        raise DataError(
            f"{path}, line {lines[0][0]} has {listing(names, 10)}",
            f"integers, or names of columns with {KEY} among them",
            f"Add a column {KEY}, or remove the line of names",
        )
    columns = names if has_names else [f"column {i}" for i in range(1, len(names) + 1)]
    place = columns.index(KEY) if has_names else None
    body = lines[has_names:]
    others = [i for i in range(len(columns)) if i != place]
    if not others or not body:
        raise DataError(f"{path} has no blocks", f"a column of blocks beside {KEY}, and a line for each subject")
    labels = () if place is None else tuple(printable(bare_label(cells[place], "sub")) for _, cells in body)
    if repeated := sorted({label for label in labels if labels.count(label) > 1}):
        raise DataError(
            f"{path} has {listing(f'sub-{label}' for label in repeated)} more than once", "one line for each"
        )
    rows = tuple(tuple(block_index(cells[i], f"{path}, line {line}") for i in others) for line, cells in body)
    return BlockFile(path, tuple(columns[i] for i in others), rows, labels, place == len(columns) - 1)


def block_index(cell: str, where: str) -> int:
    """Return a cell as a signed index of a block; 0 has no sign."""
    value = number(cell)
    if value is None or value != int(value) or value == 0:
        raise DataError(
            f"{where} has {printable(cell)!r} as a block",
            "integers other than 0: positive where what is inside the block is exchanged, negative where it stays",
            "Names of blocks are for columns joined by /, such as --blocks site/+family",
        )
    return int(value)


def _cells(path: Path) -> list[tuple[int, list[str]]]:
    """Return the number and the cells of each line that is not empty."""
    content = read_bytes(path)
    if content is None:
        raise InputNotFoundError(f"There is no file of blocks {path}", "a column of participants.tsv, or a CSV file")
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8", "a text in UTF-8") from error
    lines = []
    for i, line in enumerate(text.splitlines(), 1):
        if line.strip():
            lines.append((i, [cell.strip().strip('"') for cell in line.split("\t" if "\t" in line else ",")]))
    if not lines:
        raise DataError(f"{path} is empty", "a line for each subject")
    for i, cells in lines:
        if len(cells) != len(lines[0][1]):
            found = f"{path}, line {i} has {counted(len(cells), 'cell')}"
            raise DataError(found, f"{len(lines[0][1])}, as the first line has")
    return lines
