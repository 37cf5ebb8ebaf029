"""Tables of subjects and of sessions."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bids_ari.bids.participants import Participants, find_participants, read_participants, with_sessions
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
        people = table(tmp_path, "participant_id|age|sex|code", "sub-01|24|F|007", "02|31.50|M|1e3")
        assert people.columns == ("age", "sex", "code")
        assert people.rows == {
            "01": {"age": "24", "sex": "F", "code": "007"},
            "02": {"age": "31.50", "sex": "M", "code": "1e3"},
        }

    def test_absent_values_are_not_there(self, tmp_path: Path) -> None:
        people = table(tmp_path, "participant_id|a|b|c|d", "sub-01|n/a||NaN|N/A", "sub-02|0|no|NA|none")
        assert people.rows == {"01": {}, "02": {"a": "0", "b": "no", "d": "none"}}
        assert people.words["02"] == {"c": "NA"}
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
    def test_text_among_numbers_is_refused_by_its_cell(self, tmp_path: Path) -> None:
        people = table(tmp_path, "participant_id|age", "sub-01|20", "sub-02|12y", "sub-03|30", "sub-04|n/a")
        with pytest.raises(DesignError) as caught:
            people.is_numeric("age")
        assert str(caught.value) == (
            f"{tmp_path}/participants.tsv: column age holds text among numbers: '12y' (sub-02, line 3); "
            "expected numbers such as 24 or 24.5, without units, and n/a where there is none. "
            "Fix the table, or write C(age) to use its values as levels of a factor"
        )

    @pytest.mark.parametrize(
        ("cells", "numeric"),
        [(("1", "2", "3"), True), (("a", "b"), False), (("n/a",), False), (("1st", "base", "base"), False)],
    )
    def test_a_column_is_numbers_when_all_its_values_are(
        self, tmp_path: Path, cells: tuple[str, ...], numeric: bool
    ) -> None:
        people = table(tmp_path, "participant_id|x", *(f"sub-{i}|{cell}" for i, cell in enumerate(cells)))
        assert people.is_numeric("x") is numeric

    @pytest.mark.parametrize(
        "cells",
        [
            ("24,5", "31,0", "28,2"),
            ("24.5y", "31y", "28y"),
            ("18-38", "39-59", "18-38"),
            ("24", "<30", "n/a"),
            ("24", "31", "unknown"),
            ("2019-03-01", "2020-01-31", "2018-12-24"),
        ],
    )
    def test_text_of_which_most_begins_with_digits_is_no_factor(self, tmp_path: Path, cells: tuple[str, ...]) -> None:
        """The first bad cell is named with its file, line and column."""
        people = table(tmp_path, "participant_id|age", *(f"sub-{i}|{cell}" for i, cell in enumerate(cells)))
        first = next(i for i, cell in enumerate(cells) if cell not in ("24", "31"))
        with pytest.raises(DesignError) as caught:
            people.is_numeric("age")
        assert f"{tmp_path}/participants.tsv: column age holds text" in caught.value.found
        assert f": {cells[first]!r} (sub-{first}, line {first + 2})" in caught.value.found

    def test_numbers_among_labels_are_refused(self, tmp_path: Path) -> None:
        people = table(tmp_path, "participant_id|site", "sub-01|A", "sub-02|B", "sub-03|3", "sub-04|A")
        with pytest.raises(DesignError, match=r"column site holds numbers among labels: '3' \(sub-03, line 4\)"):
            people.is_numeric("site")


class TestDeclared:
    def people(self, root: Path, about: object, *cells: str) -> Participants:
        (root / "participants.json").write_text(json.dumps({"x": about}))
        return table(root, "participant_id|x", *(f"sub-{i}|{cell}" for i, cell in enumerate(cells)))

    @pytest.mark.parametrize(
        ("about", "cells", "numeric"),
        [
            ({"Levels": {"1": "a", "2": "b"}}, ("1", "2.0", "01"), False),
            ({"Levels": ["1", "2"]}, ("1", "2"), False),
            ({"Levels": {"1": "a", "2": "b"}, "Units": "years"}, ("1", "2"), True),
            ({"Levels": {"1": "a", "2": "b"}, "Units": "n/a"}, ("1", "2"), False),
            ({"Levels": {"min": "18", "max": "60"}}, ("21", "35", "60"), True),
            ({"Levels": {"0": "no pain", "10": "worst"}}, ("3", "0", "7", "5"), True),  # a scale with two anchors
            ({"Levels": {"18-38": "young", "39-59": "old"}}, ("18-38", "39-59", "18-38"), False),
            ({"Levels": {"3T": "", "7T": ""}, "Units": ""}, ("3T", "7T"), False),
            ({"Levels": {"m": "", "f": ""}}, ("man", "woman"), False),
            ({"Levels": "1 or 2"}, ("1", "2"), True),
        ],
    )
    def test_levels_are_those_of_a_factor_if_the_cells_are_levels_and_there_are_no_units(
        self, tmp_path: Path, about: object, cells: tuple[str, ...], numeric: bool
    ) -> None:
        assert self.people(tmp_path, about, *cells).is_numeric("x") is numeric

    def test_units_of_text_are_refused(self, tmp_path: Path) -> None:
        people = self.people(tmp_path, {"Levels": {"24y": ""}, "Units": "y"}, "24y", "31y")
        with pytest.raises(DesignError, match=r"'24y' \(sub-0, line 2\)"):
            people.is_numeric("x")

    def test_a_number_that_is_no_level_is_refused(self, tmp_path: Path) -> None:
        people = self.people(tmp_path, {"Levels": {"1": "a", "2": "b"}}, "1", "2", "2", "9")
        with pytest.raises(DesignError, match=r"not among its Levels in participants.json: '9' \(sub-3, line 5\)"):
            people.is_numeric("x")

    def test_levels_that_are_not_used_are_noted(self, tmp_path: Path) -> None:
        people = self.people(tmp_path, {"Levels": {"0": "no pain", "10": "worst"}}, "3", "0", "7", "5")
        (note,) = people.notes_on(["x"], ["0"])
        assert note.startswith("Column x: its Levels in participants.json are not used")
        people = self.people(tmp_path, {"Levels": {"a": "", "b": ""}}, "a", "b", "c", "b")
        assert people.notes_on(["x"], ["0"]) == ("Column x: c not among its Levels in participants.json.",)

    def test_a_column_declared_twice_is_noted(self, tmp_path: Path) -> None:
        (tmp_path / "participants.json").write_text('{"x": {"Levels": {"1": "a"}}, "x": {"Units": "y"}}')
        people = table(tmp_path, "participant_id|x", "sub-01|1", "sub-02|2")
        assert people.is_numeric("x")
        assert people.notes_on(["x"], ["01"]) == (
            "Column x: participants.json declares it several times, differently; none of it is used.",
        )


class TestMissing:
    def test_words_for_missing_values_are_counted_for_the_subjects_of_the_model(self, tmp_path: Path) -> None:
        cells = ["24", "NA", "NA", ".", "n/a", "", "#N/A", "None"]
        people = table(tmp_path, "participant_id|age", *(f"sub-{i}|{cell}" for i, cell in enumerate(cells)))
        assert people.is_numeric("age")
        assert [subject for subject in people.rows if not people.missing(subject, ["age"])] == ["0"]
        (note,) = people.notes_on(["age"], ["0", "1", "2", "3", "4"])
        assert note.startswith("Column age: 3 cells read as missing: 'NA' (2), '.' (1).")
        assert "participants.json" in note
        assert people.notes_on(["age"], ["0", "4"]) == ()

    def test_a_level_that_is_called_na_is_declared(self, tmp_path: Path) -> None:
        about = {"country": {"Levels": {"NA": "Namibia", "ZA": "South Africa", "n/a": "unknown"}}}
        (tmp_path / "participants.json").write_text(json.dumps(about))
        people = table(tmp_path, "participant_id|country|age", "01|NA|20", "02|ZA|NA", "03|n/a|40", "04|None|50")
        assert [row.get("country") for row in people.rows.values()] == ["NA", "ZA", None, None]
        assert [row.get("age") for row in people.rows.values()] == ["20", None, "40", "50"]
        notes = people.notes_on(["country"], ["01", "02", "03", "04"])
        assert notes[1] == "Column country: NA is a level, as participants.json declares."

    def test_a_declared_word_among_numbers_is_missing(self, tmp_path: Path) -> None:
        (tmp_path / "participants.json").write_text('{"age": {"Levels": {"NA": "not recorded"}}}')
        people = table(tmp_path, "participant_id|age", "01|20", "02|NA", "03|30")
        assert people.is_numeric("age")
        assert people.missing("02", ["age"]) == ("age",)


class TestLabels:
    """Labels of maps that differ from those of the table in leading zeros only."""

    def test_they_are_matched_where_that_is_unambiguous(self, tmp_path: Path) -> None:
        people = table(tmp_path, "participant_id|age", "sub-1|20", "sub-02|n/a", "s3|30").matched(["01", "2", "s03"])
        assert people.rows == {"01": {"age": "20"}, "2": {}, "s03": {"age": "30"}}
        assert people.lines == {"01": 2, "2": 3, "s03": 4}
        assert people.words["2"] == {"age": "n/a"}
        assert people.notes == (
            "Labels in participants.tsv that differ only in leading zeros were matched: sub-1 is sub-01, sub-02 is "
            "sub-2, sub-s3 is sub-s03",
        )

    def test_one_row_is_not_that_of_two_subjects(self, tmp_path: Path) -> None:
        """Nor is one of two rows that of a subject; a row with the very label is."""
        people = table(tmp_path, "participant_id|age", "1|20", "2|30", "002|31", "3|40")
        matched = people.matched(["01", "001", "02", "03", "3"])
        assert matched.rows == people.rows
        assert matched.unclear == {"01": ("1",), "001": ("1",), "02": ("2", "002"), "03": ("3",)}
        assert matched.notes == ()

    def test_nothing_changes_where_all_labels_are_equal(self, tmp_path: Path) -> None:
        people = table(tmp_path, "participant_id|age", "01|20", "02|30")
        assert people.matched(["01", "02", "03"]) is people

    def test_tables_and_rows_of_sessions_are_matched(self, tmp_path: Path) -> None:
        write(tmp_path / "sub-1" / "sub-1_sessions.tsv", "session_id|mood", "ses-1|3", "ses-2|4")
        write(tmp_path / "sub-02" / "sub-02_sessions.tsv", "session_id|mood", "ses-02|6")
        people = table(tmp_path, "participant_id", "01", "02")
        found = with_sessions(people, {"01": "02", "02": "02"}, [tmp_path])
        assert found.rows == {"01": {"mood": "4"}, "02": {"mood": "6"}}
        assert "matched with labels that differ only in leading zeros: sub-1_sessions.tsv" in found.notes[0]

    def test_one_of_two_tables_of_sessions_is_not_chosen(self, tmp_path: Path) -> None:
        for label in ("1", "001"):
            write(tmp_path / f"sub-{label}" / f"sub-{label}_sessions.tsv", "session_id|mood", "ses-1|3")
        people = table(tmp_path, "participant_id", "01")
        with pytest.raises(DataError, match=r"no sessions.tsv of sub-01, but .*sub-1_sessions.tsv, .*sub-001_"):
            with_sessions(people, {"01": "1"}, [tmp_path])


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
