"""The table of reasons, and how exclusions are grouped and listed."""

import re
from pathlib import Path

import pytest

from bids_ari.bids.entities import Entities
from bids_ari.bids.exclusions import Excluded, Reason, by_contrast, by_reason, excluded_as_json, notes_on_subjects
from bids_ari.bids.statmap import StatMap

NO_VALUE = Reason.NO_VALUE.text(columns="age", table="participants.tsv")
OLDER = [Excluded.of_subject(label, NO_VALUE) for label in ("07", "05", "06")]
NO_ROW = Excluded.of_subject("x", Reason.NO_ROW.text(table="participants.tsv"))


def file(name: str, subject: str | None = None) -> Excluded:
    """A file that is not an image."""
    entities = Entities.of({} if subject is None else {"sub": subject})
    return Excluded.of_file(StatMap(name, name, "data", entities, ".tsv"), Reason.NOT_AN_IMAGE.text())


class TestReason:
    def test_values_are_filled_in_and_found_again(self) -> None:
        text = Reason.OTHER_STAT.text(found="{z}", stat="effect")
        assert text == "its stat is {z}; effect maps are analysed"
        assert [reason for reason in Reason if reason.fits(text)] == [Reason.OTHER_STAT]

    @pytest.mark.parametrize("reason", Reason)
    def test_no_other_reason_fits_the_text_of_one(self, reason: Reason) -> None:
        text = re.sub(r"\{\w+\}", "value", reason.value)
        assert [each for each in Reason if each.fits(text)] == [reason]

    def test_control_characters_are_escaped(self) -> None:
        assert Reason.BY_MODEL.text(column="a\nb", cell="1", values="2").isprintable()

    @pytest.mark.parametrize("reason", Reason)
    def test_no_reason_is_empty_or_a_sentence_with_a_full_stop(self, reason: Reason) -> None:
        assert reason.value
        assert not reason.value.endswith(".")


class TestExcluded:
    def test_a_file_has_the_label_of_its_subject(self) -> None:
        entry = file("a.tsv", "03")
        assert (entry.name, entry.subject, entry.is_subject) == ("data/a.tsv", "03", False)

    def test_a_path_has_the_label_of_the_last_subject_in_it(self) -> None:
        entry = Excluded.of_path(Path("/home/me/data/sub-01/sub-02/link"), Path("/home/me/data"), Reason.CYCLE.text())
        assert entry == Excluded("data/sub-01/sub-02/link", Reason.CYCLE.value)
        assert entry.subject == "02"

    def test_a_path_elsewhere_has_the_name_of_one_folder(self) -> None:
        entry = Excluded.of_path(Path("/other/place/link"), Path("/home/me/data"), Reason.CYCLE.text())
        assert (entry.name, entry.subject, entry.is_subject) == ("place/link", "", False)

    def test_entries_of_results_of_earlier_versions_have_no_subject(self) -> None:
        (alike,) = by_reason([Excluded("sub-03", "is old"), Excluded("sub-04", "is old")])
        assert str(alike) == "2 subjects excluded (03, 04): is old"


class TestLines:
    def test_one_line_for_each_reason(self) -> None:
        """Subjects first, then the most frequent; each entry once."""
        entries = [file("b.tsv"), file("a.tsv", "01"), NO_ROW, *OLDER, OLDER[0]]
        assert [str(alike) for alike in by_reason(entries)] == [
            "3 subjects excluded (05-07): no value of age in participants.tsv",
            "1 subject excluded (x): not in participants.tsv",
            "2 files excluded (of 01, data/b.tsv): not a NIfTI, GIFTI or CIFTI image",
        ]

    def test_all_subjects_are_named(self) -> None:
        entries = [Excluded.of_subject(f"{i:03d}", NO_VALUE) for i in range(0, 60, 2)]
        (note,) = notes_on_subjects([*entries, file("a.tsv")])
        assert note.startswith("30 subjects excluded (000, 002, 004, ")
        assert note.count(",") == 29

    def test_contrasts_with_the_same_subjects_share_a_line(self) -> None:
        pairs = [(name, entry) for name in ("a", "b") for entry in (*OLDER, file("a.tsv", "01"))]
        found = by_contrast([*pairs, ("b", NO_ROW), ("", file("c.tsv", "02"))])
        assert [(names, alike.names) for names, alike in found] == [
            (["a", "b"], ("sub-05", "sub-06", "sub-07")),
            (["b"], ("sub-x",)),
            ([], ("data/a.tsv", "data/c.tsv")),
        ]

    def test_json(self) -> None:
        assert excluded_as_json([NO_ROW, file("a.tsv", "01"), file("b.tsv")]) == [
            {"Reason": "not in participants.tsv", "Subjects": ["sub-x"], "NumberOfFiles": 0},
            {"Reason": "not a NIfTI, GIFTI or CIFTI image", "Subjects": ["sub-01"], "NumberOfFiles": 2},
        ]

    def test_reasons_by_choice_need_no_warning(self) -> None:
        excluded = [*OLDER, Excluded.of_subject("1", Reason.BY_MODEL.text(column="age", cell="20", values="30"))]
        assert [alike.is_ordinary for alike in by_reason(excluded)] == [False, True]
