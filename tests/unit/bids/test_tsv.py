"""Tab-separated tables as text."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bids_ari.bids.entities import key_of
from bids_ari.bids.manifest import open_manifest
from bids_ari.bids.participants import read_participants, read_sessions
from bids_ari.bids.tsv import Table, read_table
from bids_ari.errors import BidsAriError, DataError, InputNotFoundError, ReadError

ABSENT = ["NA", ".", "#N/A", "None", "n/a", "N/A", "n/A", "", " ", "nan", "NaN", "NAN", " n/a "]
PRESENT = ["none", "-", "0", "n / a", "nano", "Nan Hua"]


def table(path: Path, content: str | bytes, key: str = "participant_id") -> Table:
    """Read a table whose cells are separated by | in the argument."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.replace("|", "\t").encode())
    return read_table(path, key, "subject")


def refusal(path: Path, kind: type[BidsAriError] = DataError) -> str:
    with pytest.raises(BidsAriError) as caught:
        read_table(path, "participant_id", "subject").by_label()
    assert type(caught.value) is kind
    assert caught.value.expected or kind is ReadError
    return str(caught.value).replace(str(path), "TABLE")


class TestReading:
    def test_rows_know_their_line_and_their_cells(self, tmp_path: Path) -> None:
        found = table(tmp_path / "x.tsv", "age|participant_id\n\n 24 |sub-01\n\t\nn/a|02\n")
        assert (found.key, found.columns, found.others) == ("participant_id", ("age", "participant_id"), ("age",))
        assert [(row.line, row.cells) for row in found.rows] == [
            (3, {"age": "24", "participant_id": "sub-01"}),
            (5, {"age": "n/a", "participant_id": "02"}),
        ]
        assert {label: (row.line, row.values) for label, row in found.by_label().items()} == {
            "01": (3, {"age": "24"}),
            "02": (5, {}),
        }

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    def test_systems_write_lines_in_their_own_ways(self, tmp_path: Path, mark: str, end: str) -> None:
        text = mark + end.join(["participant_id|größe", "", "01|1", '02|"2"'])
        assert [(row.line, row.cells["größe"]) for row in table(tmp_path / "x.tsv", text).rows] == [(3, "1"), (4, "2")]

    def test_a_cell_in_quotes_may_hold_tabs_and_lines(self, tmp_path: Path) -> None:
        found = table(tmp_path / "x.tsv", 'participant_id|a\n01|"x\ty\r\nz"\n02|b\n')
        assert [(row.line, row.cells["a"]) for row in found.rows] == [(2, "x\ty\r\nz"), (4, "b")]
        assert found.rows[0].values == {"a": "x\\ty\\r\\nz"}

    def test_columns_may_go_by_other_names(self, tmp_path: Path) -> None:
        path = tmp_path / "x.tsv"
        path.write_text("session\tparticipant_id\n1\t01\n")
        assert read_table(path, "participant_id", "map", key_of).rows[0].cells == {"ses": "1", "participant_id": "01"}
        path.write_text("session\tses\tparticipant_id\n1\t1\t01\n")
        with pytest.raises(DataError, match=r"column ses more than once \(its columns: session, ses, participant_id\)"):
            read_table(path, "participant_id", "map", key_of)

    def test_labels_are_bare_and_no_escape_is_one(self, tmp_path: Path) -> None:
        rows = table(tmp_path / "x.tsv", "participant_id\nsub-01\n02\nses-03\nsub-\x1b\n").by_label()
        assert list(rows) == ["01", "02", "ses-03", "\\x1b"]
        rows = table(tmp_path / "x.tsv", "session_id\nses-01\nsub-02\n", "session_id").by_label()
        assert list(rows) == ["01", "sub-02"]

    def test_a_label_may_be_what_a_cell_alone_may_not(self, tmp_path: Path) -> None:
        """sub-nan is a subject; nan is a missing value."""
        assert list(table(tmp_path / "x.tsv", "participant_id\nsub-nan\n").by_label()) == ["nan"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "TABLE is empty; expected a line of column names, and a line for each subject"),
            ("participant_id|age\n|\n", "TABLE is empty"),
            ("participant_id,age\n01,2", "TABLE holds no tabs; expected cells separated by tabs. Save the"),
            ("participant_id||age\n01|2|3", "TABLE: column 2 has no name; expected a name for each column"),
            ("id|age\n01|2", "TABLE has no column participant_id (its columns: id, age); expected a column partici"),
            ("participant_id|a|b|a\n01|2|3|4", "TABLE has column a more than once (its columns: participant_id, a, b"),
            ("participant_id|a\n01|2\n\n02", "TABLE, line 4 has 1 cell; expected 2, as the first line has. Write n/a"),
            ("participant_id|a\n01|2|3", "TABLE, line 2 has 3 cells; expected 2, as the first line has"),
            ("participant_id|a\n# by hand", "TABLE, line 2 begins with #; expected no comments"),
            ("participant_id|a\n01|2\n#02|3", "TABLE, line 3 begins with #; expected no comments. Exclude subjects"),
            ('participant_id|a\n01|"2\n02|3', "TABLE, line 2 cannot be read: unexpected end of data; expected quotes"),
            ("participant_id|a\n01|2\nsub-|3", "TABLE, line 3 has 'sub-' in column participant_id; expected a label"),
            ("participant_id|a\n01|2\n\nsub-01|3", "TABLE, line 4 has sub-01 again, after line 2; expected one"),
            ("participant_id|a\n01|2\x1b|3", "TABLE, line 2 has 3 cells"),
        ],
    )
    def test_name_the_file_and_the_line(self, tmp_path: Path, content: str, message: str) -> None:
        (tmp_path / "x.tsv").write_bytes(content.replace("|", "\t").encode())
        assert refusal(tmp_path / "x.tsv").startswith(message)

    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
    @pytest.mark.parametrize(("line", "start"), [(1, b""), (1, b"\xef\xbb\xbf"), (2, b"x" + b"\n")])
    def test_name_the_line_of_another_encoding(self, tmp_path: Path, line: int, start: bytes, end: bytes) -> None:
        (tmp_path / "x.tsv").write_bytes(start.replace(b"\n", end) + b"\xe9" + end + b"y")
        assert refusal(tmp_path / "x.tsv").startswith(f"TABLE, line {line} is not UTF-8")

    def test_tell_apart_no_file_no_content_and_no_table(self, tmp_path: Path) -> None:
        path = tmp_path / "x.tsv"
        assert refusal(path, InputNotFoundError).startswith(
            "There is no table TABLE; expected a tab-separated table with a"
        )
        path.symlink_to("gone")
        message = refusal(path, ReadError)
        assert message.startswith("TABLE is a link to content that is not here")
        assert message.endswith("Fetch it: datalad get TABLE, or fix the link")
        path.unlink()
        path.symlink_to(path)
        assert "TABLE cannot be read: Too many levels of symbolic links" in refusal(path, ReadError)
        assert "TABLE is a folder" in refusal(tmp_path, ReadError)
        (tmp_path / "y.tsv").write_text("")
        assert "There is no table" in refusal(tmp_path / "y.tsv" / "z.tsv", InputNotFoundError)

    def test_do_not_wait_for_what_never_ends(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "x.tsv")
        assert "TABLE is not a regular file" in refusal(tmp_path / "x.tsv", ReadError)


def _of_subjects(folder: Path, cell: str) -> bool:
    (folder / "p.tsv").write_text(f"participant_id\tx\n01\t{cell}\n")
    return "x" in read_participants(folder / "p.tsv").rows["01"]


def _of_sessions(folder: Path, cell: str) -> bool:
    (folder / "sub-01").mkdir()
    (folder / "sub-01" / "sub-01_sessions.tsv").write_text(f"session_id\tx\n1\t{cell}\n")
    found = read_sessions("01", [folder])
    return found is not None and "x" in found.by_label()["1"].values


def _of_maps(folder: Path, cell: str) -> bool:
    (folder / "m.tsv").write_text(f"participant_id\tt\tsession\n01\ta.nii\t{cell}\n")
    return open_manifest(folder / "m.tsv").statmaps[0].entities.get("ses") is not None


@pytest.mark.parametrize("has_value", [_of_subjects, _of_sessions, _of_maps])
class TestTheSameCellsAreAbsentInEachTable:
    @pytest.mark.parametrize("cell", ABSENT)
    def test_absent(self, tmp_path: Path, has_value: Callable[[Path, str], bool], cell: str) -> None:
        assert not has_value(tmp_path, cell)

    @pytest.mark.parametrize("cell", PRESENT)
    def test_present(self, tmp_path: Path, has_value: Callable[[Path, str], bool], cell: str) -> None:
        assert has_value(tmp_path, cell)


class TestTablesOfSessions:
    def test_are_of_the_first_folder_that_has_one(self, tmp_path: Path) -> None:
        for name in "bc":
            (tmp_path / name / "sub-01").mkdir(parents=True)
            (tmp_path / name / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\n1\n")
        found = read_sessions("01", [tmp_path / name for name in "abc"])
        assert found is not None
        assert found.path == tmp_path / "b" / "sub-01" / "sub-01_sessions.tsv"
        assert read_sessions("02", [tmp_path / "b"]) is None
        assert read_sessions("01", []) is None

    def test_that_are_not_fetched_are_not_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "sub-01").mkdir()
        (tmp_path / "sub-01" / "sub-01_sessions.tsv").symlink_to("gone")
        with pytest.raises(ReadError, match="content that is not here"):
            read_sessions("01", [tmp_path])


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
def test_a_workbook_under_the_name_of_a_table(tmp_path: Path, start: bytes) -> None:
    """As Excel and LibreOffice save it, if only the name is changed."""
    with pytest.raises(DataError, match=r"a\.tsv is a workbook.*tab-separated"):
        table(tmp_path / "a.tsv", start + bytes(100))
