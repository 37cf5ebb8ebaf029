"""Questions within subjects: which maps are compared, names of contrasts, excluded subjects."""

from pathlib import Path
from typing import Any

import pytest
from builders import touch_maps

from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.discover import discover
from bids_ari.bids.exclusions import Reason
from bids_ari.bids.manifest import open_manifest
from bids_ari.errors import BidsAriError, DuplicateMapsError, NoMatchError, UsageError

PLAIN: dict[str, Any] = {"task": None, "space": None}


def touch(root: Path, subject: str, *sessions: str | None, **names: Any) -> None:
    """An empty map of each session of a subject."""
    for session in sessions:
        touch_maps(root, subject, session=session, **{**PLAIN, **names})


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Three sessions of three subjects; the third subject lacks the second session."""
    touch(tmp_path, "01", "1", "2", "10")
    touch(tmp_path, "02", "1", "2", "10")
    touch(tmp_path, "03", "1", "10")
    return tmp_path


def only(contrasts: Discovery) -> ContrastSet:
    (contrast,) = contrasts
    return contrast


def reasons(contrast: ContrastSet) -> dict[str, str]:
    return {entry.name.rpartition("/")[2]: entry.reason for entry in contrast.excluded}


class TestLevels:
    def test_all_levels_in_natural_order(self, three: Path) -> None:
        contrast = only(discover(three, within="session"))
        contrast.check()
        assert contrast.name == "contrast-facesSes1Vs2Vs10"
        assert contrast.subjects == ("01", "02")
        assert contrast.within is not None
        assert contrast.within.levels == ("ses-1", "ses-2", "ses-10")
        assert contrast.within.rows == ((-1, 1, 0), (-1, 0, 1))
        (first, _) = contrast.members
        assert [term.first.entities.get("ses") for term in first.terms] == ["1", "2", "10"]
        assert first.rows == contrast.within.rows
        assert not first.is_difference
        assert not first.is_weighted_sum
        assert "ses-2 minus ses-1; ses-10 minus ses-1" in contrast.notes[0]

    def test_subjects_without_a_level_are_excluded(self, three: Path) -> None:
        found = reasons(only(discover(three, within="session")))
        assert Reason.ONE_SIDE.fits(found.pop("sub-03"))
        assert len(found) == 2
        assert all(Reason.NOT_A_PAIR.fits(reason) for reason in found.values())

    def test_levels_that_nobody_asked_for_are_not_needed(self, three: Path) -> None:
        touch(three, "04", "1", "10", "pilot")
        contrast = only(discover(three, within="ses=1,10,2"))
        assert contrast.name == "contrast-facesSes1Vs10Vs2"
        assert reasons(contrast)["sub-04_ses-pilot_contrast-faces_stat-effect_statmap.nii.gz"] == (
            "of ses-pilot, which is not compared"
        )

    def test_two_levels_are_the_paired_difference(self, three: Path) -> None:
        assert tuple(discover(three, within="session=1,10")) == tuple(discover(three, paired="session=10-1"))

    def test_a_column_of_two_values_and_its_direction(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        for subject in ("01", "02"):
            touch(tmp_path, subject, "pre", "post")
        assert tuple(discover(tmp_path, within="ses")) == tuple(discover(tmp_path, paired="ses"))
        assert "for the other direction: --within ses=pre,post" in caplog.text

    def test_many_levels_have_a_short_name(self, tmp_path: Path) -> None:
        for subject in ("01", "02"):
            touch(tmp_path, subject, *map(str, range(1, 8)))
        assert only(discover(tmp_path, within="session")).name == "contrast-facesAnySes"

    def test_contrasts_are_levels(self, tmp_path: Path) -> None:
        for subject in ("01", "02"):
            for contrast in ("faces", "houses", "tools"):
                touch(tmp_path, subject, None, contrast=contrast)
        assert only(discover(tmp_path, within="contrast")).name == "contrast-facesVsHousesVsTools"
        found = discover(tmp_path, within="contrast=tools,faces,houses", within_contrast=["objects=1,-1,0"])
        assert only(found).name == "contrast-objects"

    def test_labels_may_differ_in_leading_zeros(self, tmp_path: Path) -> None:
        for subject in ("01", "02"):
            touch(tmp_path, subject, "01", "02", "03")
        contrast = only(discover(tmp_path, within="session=1,2,3"))
        assert contrast.name == "contrast-facesSes01Vs02Vs03"

    def test_columns_of_tables_of_sessions(self, tmp_path: Path) -> None:
        """The sessions of a time point have other labels in each subject."""
        for subject, sessions in (("01", "abc"), ("02", "cab")):
            touch(tmp_path, subject, *sessions)
            rows = "".join(f"ses-{label}\ttime {i}\n" for i, label in enumerate(sessions))
            (tmp_path / f"sub-{subject}" / f"sub-{subject}_sessions.tsv").write_text(f"session_id\tvisit\n{rows}")
        contrast = only(discover(tmp_path, within="visit"))
        assert contrast.name == "contrast-facesVisitTime0VsTime1VsTime2"
        second = contrast.members[1]
        assert [term.first.entities.get("ses") for term in second.terms] == ["c", "a", "b"]

    def test_manifests(self, tmp_path: Path) -> None:
        rows = ["participant_id\teffect\tsession\tcontrast"]
        for subject in ("a", "b"):
            for session in "123":
                (tmp_path / f"{subject}{session}.nii.gz").touch()
                rows.append(f"{subject}\t{subject}{session}.nii.gz\t{session}\tfaces")
        (tmp_path / "maps.tsv").write_text("\n".join(rows))
        contrast = only(discover(open_manifest(tmp_path / "maps.tsv"), within="session"))
        assert contrast.name == "contrast-facesSes1Vs2Vs3"
        assert contrast.subjects == ("a", "b")


class TestContrasts:
    def test_a_question_needs_its_own_levels_only(self, three: Path) -> None:
        found = discover(three, within="session=1,2,10", within_contrast=["trend=-1,0,1", "any=-1,1,0;-1,0,1"])
        by_name = {contrast.name: contrast for contrast in found}
        assert by_name.keys() == {"contrast-facesAny", "contrast-facesTrend"}
        trend = by_name["contrast-facesTrend"]
        assert trend.subjects == ("01", "02", "03")
        assert all(member.is_difference for member in trend.members)
        assert by_name["contrast-facesAny"].subjects == ("01", "02")
        assert trend.excluded == ()
        (alone,) = discover(three, within="session=1,2,10", within_contrast=["trend=-1,0,1"])
        assert set(reasons(alone).values()) == {"of ses-2, which is not compared"}

    def test_one_row_is_a_weighted_sum(self, three: Path) -> None:
        contrast = only(discover(three, within="session", within_contrast=["late=-1/2,-1/2,1"]))
        (first, _) = contrast.members
        assert [(term.weight, term.first.entities.get("ses")) for term in first.terms] == [
            (1.0, "10"),
            (-0.5, "1"),
            (-0.5, "2"),
        ]
        assert first.is_weighted_sum

    def test_names_select_results(self, three: Path) -> None:
        words = ["trend=-1,0,1", "step=-1,1,0"]
        found = discover(three, within="session", within_contrast=words, contrast="facesStep")
        assert only(found).name == "contrast-facesStep"


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "kind", "part"),
        [
            ({"within": "session=1,2,3"}, NoMatchError, "session 3"),
            ({"within": "session=1,2,2"}, UsageError, "twice"),
            ({"within": "session=1"}, UsageError, "one level"),
            ({"within": "session="}, NoMatchError, "No map has session"),
            ({"within": "visit"}, UsageError, "visit"),
            ({"within": "run"}, UsageError, "run"),
            ({"within": ""}, UsageError, "empty"),
            ({"within": "session", "paired": "session"}, UsageError, "Both"),
            ({"within_contrast": ["trend=-1,0,1"]}, UsageError, "requires levels"),
            ({"within": "session", "within_contrast": ["trend=-1,1"]}, UsageError, "2 weights"),
            ({"within": "session", "by": "session"}, UsageError, "compared"),
            ({"within": "session", "weights": True}, UsageError, "weighted by variance maps"),
        ],
    )
    def test_what_cannot_be_asked(
        self, three: Path, arguments: dict[str, Any], kind: type[BidsAriError], part: str
    ) -> None:
        with pytest.raises(kind) as caught:
            discover(three, **arguments)
        assert part in caught.value.found

    def test_two_labels_of_one_session(self, tmp_path: Path) -> None:
        touch(tmp_path, "01", "1", "01", "2")
        with pytest.raises(UsageError, match="same number"):
            discover(tmp_path, within="session")

    def test_maps_that_were_combined_over_the_column(self, three: Path) -> None:
        with pytest.raises(UsageError, match="combined"):
            discover(three, within="session", combine="session")

    def test_several_maps_of_a_level(self, tmp_path: Path) -> None:
        for subject in ("01", "02"):
            touch(tmp_path, subject, "1", "2")
            touch(tmp_path, subject, "3", run="1")
            touch(tmp_path, subject, "3", run="2")
        with pytest.raises(DuplicateMapsError) as caught:
            only(discover(tmp_path, within="session")).check()
        assert caught.value.expected == "one map per subject for each session that is compared"
        assert "--run-label" in caught.value.hint
        combined = only(discover(tmp_path, within="session", combine="run"))
        combined.check()
        assert [len(term.maps) for term in combined.members[0].terms] == [1, 1, 2]
        assert combined.combined == "run"
