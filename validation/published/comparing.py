"""The common part of the comparisons with published numbers: their arguments, rows and tables."""

import argparse
import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """A published number, and what was found."""

    where: str
    """The table or sentence of the source."""
    quantity: str
    expected: str
    found: str
    agrees: str
    """yes, no, or how the two differ where they depend on random permutations."""


def compared(where: str, quantity: str, expected: float, found: float) -> Row:
    """Compare numbers that must be equal."""
    return Row(where, quantity, f"{expected}", f"{found}", "yes" if expected == found else "no")


def run(script: str, description: str, compare: Callable[[Path], Iterable[Row]]) -> None:
    """Compare with the data in a folder, and write the table ``script.tsv``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the data; README.md says where they are from")
    parser.add_argument("--output", type=Path, default=Path(script).with_suffix(".tsv"))
    arguments = parser.parse_args()
    write(compare(arguments.folder), arguments.output)


def write(rows: Iterable[Row], path: Path) -> None:
    """Write rows as a table with a header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(rows)
