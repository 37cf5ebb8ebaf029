"""Contrasts divided by session, run, other entities, or columns of the table of subjects."""

from pathlib import Path
from typing import Any

import pytest
from builders import describe, touch_maps

from bids_ari.bids.discover import discover
from bids_ari.bids.division import divide_subjects
from bids_ari.bids.participants import read_participants
from bids_ari.errors import DuplicateMapsError, NoMatchError, UsageError

PLAIN: dict[str, Any] = {"task": None, "space": None}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three subjects, two sessions of two runs; one map without a session."""
    root = tmp_path / "in"
    describe(root)
    for session in ("pre", "post"):
        for run in "12":
            touch_maps(root, "01", "02", session=session, run=run, **PLAIN)
    touch_maps(root, "03", session="pre", run="1", **PLAIN)
    touch_maps(root, "04", run="1", **PLAIN)
    return root


class TestEntities:
    def test_each_session_is_a_contrast_set(self, root: Path) -> None:
        found = discover(root, by="session", run="1")
        assert [(each.name, each.subjects) for each in found] == [
            ("ses-post_run-1_contrast-faces", ("01", "02")),
            ("ses-pre_run-1_contrast-faces", ("01", "02", "03")),
        ]
        for each in found:
            each.check()

    @pytest.mark.parametrize("session", ["pre", "post"])
    def test_its_maps_are_those_of_the_filter(self, root: Path, session: str) -> None:
        (one,) = discover(root, session=session, combine="run")
        (other,) = [each for each in discover(root, by=["ses"], combine="run") if each.entities.get("ses") == session]
        assert (one.name, one.members, one.combined, one.notes) == (
            other.name,
            other.members,
            other.combined,
            other.notes,
        )

    def test_sessions_and_runs(self, root: Path) -> None:
        names = [each.name for each in discover(root, by=["session", "run"])]
        assert names == [f"ses-{session}_run-{run}_contrast-faces" for session in ("post", "pre") for run in "12"]

    def test_maps_without_the_entity_are_excluded(self, root: Path) -> None:
        for found in discover(root, by="session", combine="run"):
            assert ("no ses in its name, by which analyses are divided", "04") in [
                (entry.reason, entry.subject) for entry in found.excluded
            ]

    def test_subjects_without_a_session_are_excluded_from_it(self, root: Path) -> None:
        post, _ = discover(root, by="session", combine="run")
        assert [entry.name for entry in post.excluded if entry.is_subject] == ["sub-03"]

    def test_maps_of_sessions_are_used_beside_maps_of_subjects(self, tmp_path: Path) -> None:
        """Without --by, the maps of subjects would be: they are made of all sessions."""
        for session in ("pre", "post"):
            touch_maps(tmp_path, "01", "02", session=session, node="runLevel", **PLAIN)
        touch_maps(tmp_path, "01", "02", node="subjectLevel", **PLAIN)
        assert [each.name for each in discover(tmp_path)] == ["contrast-faces"]
        assert [each.name for each in discover(tmp_path, by="session")] == [
            f"ses-{session}_contrast-faces" for session in ("post", "pre")
        ]

    def test_runs_with_other_zeros_are_one_value(self, tmp_path: Path) -> None:
        for subject, run in (("01", "1"), ("02", "01"), ("01", "2"), ("02", "02")):
            touch_maps(tmp_path, subject, run=run, **PLAIN)
        assert [(each.name, each.subjects) for each in discover(tmp_path, by="run")] == [
            (f"run-{run}_contrast-faces", ("01", "02")) for run in ("01", "02")
        ]

    def test_sessions_with_other_zeros_are_two_values(self, tmp_path: Path) -> None:
        """Of subjects with both, the advice to divide by session is one that works."""
        for subject, session in (("01", "1"), ("02", "01"), ("03", "1"), ("03", "01")):
            touch_maps(tmp_path, subject, session=session, **PLAIN)
        with pytest.raises(DuplicateMapsError, match="sub-03 has more than one map") as caught:
            discover(tmp_path)[0].check()
        assert "--by session" in caught.value.hint
        found = discover(tmp_path, by="session")
        assert [(each.name, each.subjects) for each in found] == [
            ("ses-01_contrast-faces", ("02", "03")),
            ("ses-1_contrast-faces", ("01", "03")),
        ]
        for each in found:
            each.check()
            assert any(note.startswith("ses-01 and ses-1 count as different") for note in each.notes)

    def test_an_entity_that_divides_anyway(self, root: Path) -> None:
        assert [each.name for each in discover(root, by="contrast", session="pre", run="1")] == [
            "ses-pre_run-1_contrast-faces"
        ]

    def test_differences_of_sessions_by_run(self, root: Path) -> None:
        found = discover(root, by="run", paired="session=post-pre")
        assert [(each.name, each.subjects) for each in found] == [
            (f"run-{run}_contrast-facesSesPostMinusSesPre", ("01", "02")) for run in "12"
        ]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"by": "subject"}, "Analyses by sub are not possible"),
            ({"by": "ses", "combine": "session"}, "differ in ses are combined over sessions"),
            ({"by": "run", "combine": "session"}, "differ in run are combined over sessions"),
            ({"by": "session", "paired": "ses=post-pre"}, "differ in ses are compared"),
        ],
    )
    def test_contradictions(self, root: Path, arguments: dict[str, Any], words: str) -> None:
        with pytest.raises(UsageError, match=words):
            discover(root, **arguments)

    def test_an_unknown_entity(self, root: Path) -> None:
        with pytest.raises(NoMatchError, match=r"has the entity acq.*; expected one of: ses, run"):
            discover(root, by="acquisition")


class TestColumns:
    def test_each_value_is_a_contrast_set(self, root: Path, tmp_path: Path) -> None:
        (tmp_path / "participants.tsv").write_text(
            "participant_id\tsex\nsub-01\tF\nsub-02\tM\nsub-03\tF\nsub-04\tn/a\n"
        )
        touch_maps(root, "01", "02", "03", "04", contrast="plain", **PLAIN)
        found = divide_subjects(
            discover(root, contrast="plain"), ["sex"], read_participants(tmp_path / "participants.tsv")
        )
        assert [(each.name, each.subjects) for each in found] == [
            ("sex-F_contrast-plain", ("01", "03")),
            ("sex-M_contrast-plain", ("02",)),
        ]
        for each in found:
            assert [(entry.name, entry.reason) for entry in each.excluded if entry.is_subject] == [
                ("sub-04", "no value of sex in participants.tsv, by which analyses are divided")
            ]
            assert any(note.startswith("Subjects whose sex is ") for note in each.notes)
        with pytest.raises(NoMatchError, match=r"has no column age, by which .*: sex"):
            divide_subjects(found, ["age"], read_participants(tmp_path / "participants.tsv"))
