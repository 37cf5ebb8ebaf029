"""Tables of parcels: their numbers and names."""

from collections.abc import Sequence
from pathlib import Path

from bids_ari.bids.entities import printable
from bids_ari.errors import DataError, InputNotFoundError, listing

_INDEX_COLUMNS = ("index", "label", "value", "id")
_NAME_COLUMNS = ("name", "region", "label_name", "abbreviation", "label")  # label only beside one of the others above
_LARGEST = 2**31 - 1  # number of a parcel: images and tables store it in 32 bits


def read_names(table: Path) -> dict[int, str]:
    """Read the number and the name of each parcel from a table."""
    if not table.is_file():
        raise InputNotFoundError(f"There is no table {table}")
    import pandas as pd

    try:
        frame = pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig", header=None)
    except ValueError as error:  # empty, ragged, or another encoding
        raise DataError(
            f"{table} cannot be read as a table: {str(error).strip()}", "tab-separated text in UTF-8"
        ) from error
    columns = [str(column).strip().lower() for column in frame.iloc[0]]
    number = _column(table, columns, _INDEX_COLUMNS)
    name = _column(table, columns, [each for each in _NAME_COLUMNS if each != columns[number]])
    try:
        numbers = list(map(_integer, frame[number][1:]))
    except ValueError as error:
        raise DataError(f"{table}: {error}", f"integers in the column {columns[number]}") from error
    if len(set(numbers)) < len(numbers):
        raise DataError(f"{table} lists a number twice", f"different numbers in the column {columns[number]}")
    return {n: text for n, text in zip(numbers, frame[name][1:], strict=True) if n > 0 and text}


def _column(table: Path, columns: Sequence[str], known: Sequence[str]) -> int:
    """Return the index of the column with a known name."""
    name = next((each for each in known if each in columns), None)
    if name is None or columns.count(name) > 1:
        found = listing(map(printable, columns))
        raise DataError(f"{table} has the columns {found}", "tab-separated columns index and name, one of each")
    return columns.index(name)


def _integer(text: str) -> int:
    """Read the number of a parcel, which may be written as 1.0."""
    number = float(text)
    if not number.is_integer() or abs(number) > _LARGEST:
        raise ValueError(f"{text!r} is not an integer up to {_LARGEST}")
    return int(number)
