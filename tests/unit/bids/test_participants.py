"""Tables of subjects and of sessions."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bids_ari.bids.participants import Participants, find_participants, number, read_participants, with_sessions
from bids_ari.errors import BidsAriError, DataError, DesignError, InputNotFoundError, ReadError, SidecarError


def write(path: Path, *lines: str, end: str = "\n", encoding: str = "utf-8") -> Path:
    """Write a table whose cells are separated by | in the arguments."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((end.join(lines) + end).replace("|", "\t").encode(encoding))
    return path


def table(tmp_path: Path, *lines: str) -> Participants:
    return read_participants(write(tmp_path / "participants.tsv", *lines))


def refusal(path: Path, kind: type[BidsAriError] = DataError) -> str:
    with pytest.raises(BidsAriError) as caught:
        read_participants(path)
    assert type(caught.value) is kind
    assert str(path) in str(caught.value)
    return str(caught.value).replace(str(path), "TABLE")


class TestReading:
    def test_cells_stay_text_and_rows_are_found_by_bare_label(self, tmp_path: Path) -> None:
        people = table(tmp_path, "participant_id|age|sex|code", "sub-01|24|F|007", "02|31.50|NA|1e3")
        assert people.columns == ("age", "sex", "code")
        assert people.rows == {
            "01": {"age": "24", "sex": "F", "code": "007"},
            "02": {"age": "31.50", "sex": "NA", "code": "1e3"},
        }

    def test_absent_values_are_not_there(self, tmp_path: Path) -> None:
        people = table(tmp_path, "participant_id|a|b|c|d", "sub-01|n/a||NaN|N/A", "sub-02|0|no|na|none")
        assert people.rows == {"01": {}, "02": {"a": "0", "b": "no", "c": "na", "d": "none"}}
        assert people.missing("01", ("b", "d")) == ("b", "d")

    @pytest.mark.parametrize(("end", "encoding"), [("\r\n", "utf-8-sig"), ("\r", "utf-8"), ("\n", "utf-8-sig")])
    def test_line_ends_and_byte_order_marks_change_nothing(self, tmp_path: Path, end: str, encoding: str) -> None:
        path = write(tmp_path / "people.tsv", "participant_id|größe", "sub-01|1", "", end=end, encoding=encoding)
        people = read_participants(str(path))
        assert (people.columns, people.rows) == (("größe",), {"01": {"größe": "1"}})

    def test_the_key_may_stand_anywhere_and_spaces_around_cells_do_not_count(self, tmp_path: Path) -> None:
        assert table(tmp_path, "age|participant_id", " 24 | sub-01 ").rows == {"01": {"age": "24"}}

    def test_control_characters_are_escaped(self, tmp_path: Path) -> None:
        people = table(tmp_path, "participant_id|gr\x1boup", "sub-01|\x1b[2Ja")
        assert (people.columns, people.rows["01"]) == (("gr\\x1boup",), {"gr\\x1boup": "\\x1b[2Ja"})

    def test_levels_in_the_sidecar_make_groups_of_numbers(self, tmp_path: Path) -> None:
        about = {
            "site": {"Levels": {"1": "here", "2": "there"}},
            "age": {"Description": "years"},
            "sex": {"Levels": {}},
        }
        (tmp_path / "participants.json").write_text(json.dumps(about))
        people = table(tmp_path, "participant_id|site|age", "sub-01|1|20", "sub-02|2|30")
        assert (people.is_numeric("site"), people.is_numeric("age")) == (False, True)

    def test_the_table_of_the_first_folder_is_used(self, tmp_path: Path) -> None:
        second = write(tmp_path / "b" / "participants.tsv", "participant_id", "sub-01")
        write(tmp_path / "c" / "participants.tsv", "participant_id", "sub-01")
        assert find_participants([tmp_path / "a", tmp_path / "b", tmp_path / "c"]) == second
        assert find_participants([tmp_path / "a"]) is None


class TestRefusals:
    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            (("subject|age", "01|2"), "TABLE has no column participant_id (its columns: subject, age)"),
            (("participant_id|age|age", "01|2|3"), "TABLE has column age more than once"),
            (("participant_id||age", "01|2|3"), "TABLE: column 2 has no name"),
            (("participant_id|age", "01|2", "02"), "TABLE, line 3 has 1 cell; expected 2, as the first line has"),
            (("participant_id|age", "01|2|"), "TABLE, line 2 has 3 cells; expected 2"),
            (("participant_id|age", "01|2", "", "sub-01|3"), "TABLE, line 4 has sub-01 again, after line 2"),
            (("participant_id|age", "n/a|2"), "TABLE, line 2 has 'n/a' in column participant_id; expected a label"),
            (("participant_id|age", "sub-|2"), "TABLE, line 2 has 'sub-' in column participant_id"),
            (("participant_id,age", "01,2"), "TABLE holds no tabs"),
            (("participant_id|age",), "TABLE is empty; expected a line of column names, and a line for each subject"),
            (("",), "TABLE is empty"),
            (("participant_id|age", '01|"2'), "TABLE, line 2 cannot be read"),
        ],
    )
    def test_malformed_tables_are_refused_by_line_and_column(
        self, tmp_path: Path, lines: tuple[str, ...], message: str
    ) -> None:
        assert message in refusal(write(tmp_path / "participants.tsv", *lines))

    def test_another_encoding_is_refused_by_line(self, tmp_path: Path) -> None:
        path = write(tmp_path / "participants.tsv", "participant_id|a", "sub-01|é", encoding="latin-1")
        assert "TABLE, line 2 is not UTF-8" in refusal(path)

    def test_no_table_a_folder_and_unfetched_content_are_different_errors(self, tmp_path: Path) -> None:
        assert "There is no table TABLE" in refusal(tmp_path / "participants.tsv", InputNotFoundError)
        assert "TABLE is a folder" in refusal(tmp_path, ReadError)
        (tmp_path / "link.tsv").symlink_to("nowhere")
        assert "TABLE is a link to content that is not here" in refusal(tmp_path / "link.tsv", ReadError)

    def test_a_sidecar_that_is_no_json_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "participants.json").write_text("{")
        with pytest.raises(SidecarError, match=r"participants\.json is not JSON"):
            table(tmp_path, "participant_id", "sub-01")


class TestNumbers:
    @pytest.mark.parametrize(("cell", "value"), [("0", 0.0), ("-1.5", -1.5), (".5", 0.5), ("+2.", 2.0), ("1E-2", 0.01)])
    def test_numbers(self, cell: str, value: float) -> None:
        assert number(cell) == value

    @pytest.mark.parametrize("cell", ["12y", "1,5", "1_0", "inf", "-Infinity", "1e999", "0x1", "٣", "", "1 2", "89+"])
    def test_no_numbers(self, cell: str) -> None:
        assert number(cell) is None

    def test_text_among_numbers_is_refused_by_its_cell(self, tmp_path: Path) -> None:
        people = table(tmp_path, "participant_id|age", "sub-01|20", "sub-02|12y", "sub-03|30", "sub-04|n/a")
        with pytest.raises(DesignError) as caught:
            people.is_numeric("age")
        assert str(caught.value) == (
            f"{tmp_path}/participants.tsv: column age holds text among numbers: '12y' (sub-02, line 3); "
            "expected numbers such as 24 or 24.5, and n/a where there is none. "
            "Fix the table, or write C(age) to use its values as levels of a factor"
        )

    @pytest.mark.parametrize(
        ("cells", "numeric"),
        [(("1", "2", "3"), True), (("1", "a"), False), (("1", "a", "b"), False), (("n/a",), False)],
    )
    def test_a_column_is_numbers_when_all_its_values_are(
        self, tmp_path: Path, cells: tuple[str, ...], numeric: bool
    ) -> None:
        people = table(tmp_path, "participant_id|x", *(f"sub-{i}|{cell}" for i, cell in enumerate(cells)))
        assert people.is_numeric("x") is numeric


class TestSessions:
    def people(self, root: Path) -> Participants:
        write(root / "sub-01" / "sub-01_sessions.tsv", "session_id|mood|age", "ses-pre|3|20", "ses-post|5|n/a")
        write(root / "sub-02" / "sub-02_sessions.tsv", "session_id|mood", "post|6")
        write(root / "sub-03" / "sub-03_sessions.tsv", "session_id|mood", "ses-pre|7")
        return table(root, "participant_id|age|sex", "01|19|F", "02|30|M", "03|40|F", "04|50|M")

    def test_values_of_the_session_are_added_and_come_first(self, tmp_path: Path) -> None:
        """sub-01 has its age in sessions.tsv, where it is absent after; sub-03 and sub-04 have no such session."""
        before = self.people(tmp_path)
        people = with_sessions(before, dict.fromkeys(("01", "02", "03", "04"), "post"), [tmp_path / "none", tmp_path])
        assert people.columns == ("age", "sex", "mood")
        assert people.rows == {
            "01": {"sex": "F", "mood": "5"},
            "02": {"age": "30", "sex": "M", "mood": "6"},
            "03": {"age": "40", "sex": "F"},
            "04": {"age": "50", "sex": "M"},
        }
        assert people.notes == (
            "Columns of the session of each map, from sessions.tsv: mood, age; missing for 2 subjects: sub-03, sub-04.",
        )
        assert (people.place("02", "mood"), people.place("02", "age")) == ("sub-02_sessions.tsv, line 2", "line 3")
        assert before.columns == ("age", "sex")

    def test_another_session_has_other_values(self, tmp_path: Path) -> None:
        people = with_sessions(self.people(tmp_path), {"01": "pre", "03": "pre"}, [tmp_path])
        assert people.rows["01"] == {"sex": "F", "mood": "3", "age": "20"}
        assert people.rows["03"]["mood"] == "7"
        assert "mood" not in people.rows["02"]

    def test_folders_of_tables_stay_known(self, tmp_path: Path) -> None:
        before = replace(self.people(tmp_path), folders=(tmp_path,))
        assert with_sessions(before, {"02": "post"}, before.folders).folders == (tmp_path,)
        assert self.people(tmp_path).folders == ()

    def test_without_such_tables_nothing_changes(self, tmp_path: Path) -> None:
        people = table(tmp_path, "participant_id|age", "01|19")
        assert with_sessions(people, {"01": "pre"}, [tmp_path]) is people
        assert with_sessions(people, {}, [tmp_path]) is people

    def test_levels_may_stand_beside_the_table_or_above(self, tmp_path: Path) -> None:
        people = self.people(tmp_path)
        assert with_sessions(people, {"02": "post"}, [tmp_path]).is_numeric("mood")
        (tmp_path / "sessions.json").write_text('{"mood": {"Levels": {"6": "glad"}}}')
        assert not with_sessions(people, {"02": "post"}, [tmp_path]).is_numeric("mood")

    def test_a_broken_table_is_refused(self, tmp_path: Path) -> None:
        people = self.people(tmp_path)
        write(tmp_path / "sub-02" / "sub-02_sessions.tsv", "session|mood", "post|6")
        with pytest.raises(DataError, match=r"sub-02_sessions.tsv has no column session_id"):
            with_sessions(people, {"02": "post"}, [tmp_path])
