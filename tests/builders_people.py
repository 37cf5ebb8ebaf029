"""Tables of subjects, without files."""

from collections.abc import Sequence
from pathlib import Path

from bids_ari.bids.columns import Declared
from bids_ari.bids.participants import Participants


def people(*, levels: Sequence[str] = (), **columns: Sequence[object]) -> Participants:
    """A table of sub-01, sub-02, ... by its columns; None for a missing value. `levels`: columns with Levels.

    Columns whose names are not identifiers: ``**{"body weight": ...}``.
    """
    n = len(next(iter(columns.values())))
    subjects = [f"{i:02d}" for i in range(1, n + 1)]
    rows = {
        subject: {name: str(cells[i]) for name, cells in columns.items() if cells[i] is not None}
        for i, subject in enumerate(subjects)
    }
    lines = {subject: i for i, subject in enumerate(subjects, 2)}
    declared = {name: Declared(tuple(map(str, columns[name])), sidecar="participants.json") for name in levels}
    return Participants(Path("participants.tsv"), tuple(columns), rows, lines, declared)
