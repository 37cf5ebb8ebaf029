"""The analysis of many studies, with a runner that analyses nothing."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from bids_ari.errors import Interrupted
from bids_ari.studies.batch import analyse
from bids_ari.studies.study import Study

STUDIES = [Study(f"ds{i}/task-go", Path("in") / f"ds{i}" / "task-go") for i in range(3)]


class Codes:
    """A runner that returns one exit code after another, and then is interrupted."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.calls: list[list[str]] = []

    def run(self, words: Sequence[str], log_file: Path, /) -> int:
        self.calls.append(list(words))
        if not self.codes:
            raise KeyboardInterrupt
        log_file.write_text("")
        return self.codes.pop(0)

    def stop(self) -> None: ...


def names(table: Path) -> list[str]:
    return [line.split("\t")[0] for line in table.read_text().splitlines()[1:]]


def test_codes_are_counted_and_all_studies_are_in_the_table(tmp_path: Path) -> None:
    assert analyse(STUDIES, tmp_path, runner=Codes(0, 65, 0)) == Counter({0: 2, 65: 1})
    assert names(tmp_path / "studies.tsv") == ["ds0", "ds1", "ds2"]


def test_what_is_finished_is_in_the_table_after_an_interruption(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="of 3 tasks are finished, and all results are kept"):
        analyse(STUDIES, tmp_path, runner=Codes(0))
    assert names(tmp_path / "studies.tsv") == ["ds0"]


@pytest.mark.parametrize(("are_all", "left"), [(False, 4), (True, 3)])
def test_records_of_folders_that_are_gone_are_removed_if_these_are_all(
    tmp_path: Path, are_all: bool, left: int
) -> None:
    record = tmp_path / "logs" / "ds9.json"
    record.parent.mkdir()
    record.write_text(json.dumps({"Name": "ds9", "Study": "ds9", "Command": []}))
    analyse(STUDIES, tmp_path, runner=Codes(0, 0, 0), are_all=are_all)
    assert len(names(tmp_path / "studies.tsv")) == left
