"""Several maps of a subject as one: over its runs, over its sessions."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from builders import map_path, touch_maps

from bids_ari.bids.combine import combine_maps
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.discover import discover
from bids_ari.bids.entities import Entities
from bids_ari.bids.manifest import open_manifest
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import SubjectMap, can_combine
from bids_ari.errors import DataError, DuplicateMapsError, UsageError

NAME = "task-emo_space-MNI152NLin2009cAsym_contrast-faces"
PLAIN = "were combined by plain mean: not every map has a variance map"
WEIGHTED = "were combined by precision-weighted mean (variance maps)"


def touch_runs(root: Path, subject: str, runs: Iterable[str | None], stats: Iterable[str], **names: Any) -> None:
    """Empty maps of some runs of a subject, one of each statistic."""
    for run in runs:
        for stat in stats:
            touch_maps(root, subject, run=run, stat=stat, **names)


def only(contrasts: Iterable[ContrastSet]) -> ContrastSet:
    (contrast,) = contrasts
    return contrast


def refusal(contrast: ContrastSet) -> DuplicateMapsError:
    with pytest.raises(DuplicateMapsError) as caught:
        contrast.check()
    return caught.value


class TestRuns:
    def test_the_runs_of_a_subject_become_one_map_in_their_order(self, tmp_path: Path) -> None:
        touch_runs(tmp_path, "02", "21", ["effect"])
        touch_runs(tmp_path, "01", "12", ["effect"])
        contrast = only(discover(tmp_path, combine="run"))
        contrast.check()
        assert contrast.name == NAME
        assert contrast.subjects == ("01", "02")
        assert contrast.combined == "run"
        expected = [map_path(tmp_path, subject, run=run) for subject in ("01", "02") for run in "12"]
        assert list(contrast.paths) == expected
        assert contrast.members[1].paths == tuple(expected[2:])
        assert contrast.members[1].first.path == expected[2]

    def test_the_uri_of_a_combined_map_names_each_file(self, tmp_path: Path) -> None:
        touch_runs(tmp_path / "glm", "01", "12", ["effect"], folder="")
        member = only(discover(tmp_path / "glm", combine="run")).members[0]
        first, second = (f"bids:glm:sub-01/{map_path(Path(), '01', run=run).name}" for run in "12")
        assert tuple(file.uri for file in member.all_maps) == (first, second)
        assert member.uri == f"{first}, {second}"

    def test_with_variance_maps_for_all_the_mean_is_weighted_and_they_are_not_excluded(self, tmp_path: Path) -> None:
        for subject in ("01", "02"):
            touch_runs(tmp_path, subject, "12", ["effect", "variance", "t"])
        contrast = only(discover(tmp_path, combine="run"))
        assert contrast.notes == (f"Runs of each subject {WEIGHTED}",)
        assert contrast.members[0].variance_paths == tuple(
            map_path(tmp_path, "01", run=run, stat="variance") for run in "12"
        )
        assert {Path(entry.name).name for entry in contrast.excluded} == {
            map_path(tmp_path, subject, run=run, stat="t").name for subject in ("01", "02") for run in "12"
        }

    def test_a_variance_map_may_be_compressed_where_the_effect_is_not(self, tmp_path: Path) -> None:
        touch_runs(tmp_path, "01", "12", ["effect"], extension=".nii")
        touch_runs(tmp_path, "01", "12", ["variance"])
        member = only(discover(tmp_path, combine="run")).members[0]
        assert [path.name.partition(".")[2] for path in member.variance_paths] == ["nii.gz", "nii.gz"]

    def test_where_one_variance_map_is_missing_no_subject_is_weighted(self, tmp_path: Path) -> None:
        for subject in ("01", "02"):
            touch_runs(tmp_path, subject, "12", ["effect", "variance"])
        lost = map_path(tmp_path, "02", run="2", stat="variance")
        lost.unlink()
        contrast = only(discover(tmp_path, combine="run"))
        effect = map_path(Path(), "02", run="2")
        assert contrast.notes == (f"Runs of each subject {PLAIN} ({effect.as_posix()})",)
        assert [member.variances for member in contrast.members] == [(), ()]
        assert len(contrast.excluded) == 3  # the variance maps that are there

    def test_a_subject_with_a_single_run_needs_no_variance_and_is_listed_in_a_note(self, tmp_path: Path) -> None:
        touch_runs(tmp_path, "01", "12", ["effect", "variance"])
        touch_runs(tmp_path, "02", "1", ["effect"])
        contrast = only(discover(tmp_path, combine="run"))
        assert contrast.notes == (f"Runs of each subject {WEIGHTED}", "sub-02 has 1 of 2 runs")
        assert [len(member.maps) for member in contrast.members] == [2, 1]
        assert [len(member.variances) for member in contrast.members] == [2, 0]

    def test_five_of_many_subjects_with_fewer_runs_are_listed(self, tmp_path: Path) -> None:
        touch_runs(tmp_path, "01", "123", ["effect"])
        for subject in range(2, 9):
            touch_runs(tmp_path, f"{subject:02d}", "13", ["effect"])
        note = only(discover(tmp_path, combine="run")).notes[1]
        assert note.startswith("sub-02 has 2 of 3 runs, sub-03 has 2 of 3 runs, ")
        assert note.endswith("sub-06 has 2 of 3 runs and 2 more")

    def test_a_session_that_all_share_stays_in_the_name(self, tmp_path: Path) -> None:
        for subject in ("01", "02"):
            touch_runs(tmp_path, subject, "12", ["effect"], session="pre")
        assert only(discover(tmp_path, combine="run")).name == f"ses-pre_{NAME}"

    def test_sessions_are_not_combined_with_runs_and_the_error_names_the_flag(self, tmp_path: Path) -> None:
        for session in ("pre", "post"):
            touch_runs(tmp_path, "01", "12", ["effect"], session=session)
        error = refusal(only(discover(tmp_path, combine="run")))
        assert error.hint == (
            "Choose with --session-label post, --by session for one analysis each, or combine them with "
            "--combine session"
        )

    @pytest.mark.parametrize("stat", ["t", "z"])
    def test_other_statistics_have_no_variance(self, tmp_path: Path, stat: Any) -> None:
        """The variance map is that of the effect."""
        touch_runs(tmp_path, "01", "12", [stat, "variance"])
        contrast = only(discover(tmp_path, combine="run", stat=stat))
        assert contrast.notes == (f"Runs of each subject were combined by plain mean of their {stat} maps",)
        assert contrast.members[0].variances == ()

    def test_a_variance_map_that_cannot_be_used_is_none(self, tmp_path: Path) -> None:
        touch_runs(tmp_path, "01", "12", ["effect", "variance"])
        folder = map_path(tmp_path, "01", run="2", stat="variance")
        folder.unlink()
        folder.mkdir()
        contrast = only(discover(tmp_path, combine="run"))
        assert PLAIN in contrast.notes[0]


class TestSessions:
    def test_runs_of_all_sessions_become_one_map_by_session_and_run(self, tmp_path: Path) -> None:
        for session in ("2", "1"):
            touch_runs(tmp_path, "01", "21", ["effect"], session=session)
        contrast = only(discover(tmp_path, combine="session"))
        contrast.check()
        assert (contrast.name, contrast.combined) == (NAME, "session")
        assert list(contrast.paths) == [map_path(tmp_path, "01", session=s, run=r) for s, r in ("11", "12", "21", "22")]

    def test_runs_alone_are_combined_too_and_called_so(self, tmp_path: Path) -> None:
        touch_runs(tmp_path, "01", "12", ["effect"])
        contrast = only(discover(tmp_path, combine="session"))
        assert contrast.combined == "run"
        assert contrast.notes[0].startswith("Runs of each subject")

    @pytest.mark.parametrize(
        ("more", "message"),
        [([("2", None)], "sub-01 has 1 of 2 sessions"), ([("2", "1"), ("2", "2")], "sub-01 has 1 of 3 maps")],
    )
    def test_a_subject_with_fewer_is_named(self, tmp_path: Path, more: list[tuple[str, str]], message: str) -> None:
        touch_maps(tmp_path, "01", "02", session="1")
        for session, run in more:
            touch_maps(tmp_path, "02", session=session, run=run)
        assert only(discover(tmp_path, combine="session")).notes[1] == message


class TestNothingToCombine:
    def test_one_map_of_each_stays_as_it_is(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", run="1")
        plain, combined = (only(discover(tmp_path, combine=how)) for how in (None, "run"))
        assert combined.notes == ("No subject has several runs to combine",)
        assert (combined.combined, combined.name, combined.members) == ("", plain.name, plain.members)

    def test_the_map_of_the_subject_is_preferred_to_those_of_runs(self, tmp_path: Path) -> None:
        touch_runs(tmp_path, "01", "12", ["effect", "variance"], node="runLevel")
        touch_maps(tmp_path, "01", node="subjectLevel")
        contrast = only(discover(tmp_path, combine="run"))
        assert contrast.notes == ("Maps of node subjectLevel are used", "No subject has several runs to combine")
        assert len(contrast.paths) == 1

    def test_runs_of_a_node_are_combined_where_there_is_no_other(self, tmp_path: Path) -> None:
        touch_runs(tmp_path, "01", "12", ["effect", "variance"], node="runLevel")
        contrast = only(discover(tmp_path, combine="run"))
        assert contrast.notes == ("Maps of node runLevel are used", f"Runs of each subject {WEIGHTED}")

    def test_nothing_is_combined_by_default(self, tmp_path: Path) -> None:
        touch_runs(tmp_path, "01", "12", ["effect", "variance"])
        contrast = only(discover(tmp_path))
        assert (contrast.combined, contrast.notes, len(contrast.members)) == ("", (), 2)
        assert len(contrast.excluded) == 2

    def test_maps_that_are_not_parts_of_one_are_not_combined(self, tmp_path: Path) -> None:
        """A map without a run may be made of the runs beside it: with them it would count twice."""
        touch_runs(tmp_path, "01", ["1", "2", None], ["effect"])
        error = refusal(only(discover(tmp_path, combine="run")))
        assert error.hint == 'Choose with --run-label 1, "run": null in a --bids-filter-file'

    def test_pipelines_are_not_combined(self, tmp_path: Path) -> None:
        for run, pipeline in (("1", "fsl"), ("2", "spm")):
            touch_maps(tmp_path / "derivatives" / pipeline, "01", run=run)
        assert "--derivatives" in refusal(only(discover(tmp_path, combine="run"))).hint

    def test_the_runs_of_each_pipeline_are(self, tmp_path: Path) -> None:
        for pipeline in ("fsl", "spm"):
            touch_runs(tmp_path / "derivatives" / pipeline, "01", "12", ["effect"])
        contrast = only(discover(tmp_path, combine="run"))
        assert [{file.dataset for file in member.maps} for member in contrast.members] == [{"fsl"}, {"spm"}]
        assert refusal(contrast).hint == "Choose with --derivatives, naming one of the derivative datasets"

    @pytest.mark.parametrize("how", ["", "runs", "subject", True])
    def test_unsuitable_entities_are_refused(self, tmp_path: Path, how: Any) -> None:
        touch_maps(tmp_path, "01")
        with pytest.raises(UsageError, match="expected run or session"):
            discover(tmp_path, combine=how)


class TestWeights:
    """The group model may need the variance of each map."""

    def touch(self, root: Path, *subjects: str, **names: Any) -> None:
        for stat in ("effect", "variance"):
            touch_maps(root, *subjects, stat=stat, **names)

    def reasons(self, contrast: ContrastSet) -> dict[str, str]:
        return {entry.name.rpartition("/")[2]: entry.reason for entry in contrast.excluded}

    def test_single_maps_keep_their_variance(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "01", "02")
        contrast = only(discover(tmp_path, weights=True))
        contrast.check()
        effects, variances = (
            [map_path(tmp_path, s, stat=stat) for s in ("01", "02")] for stat in ("effect", "variance")
        )
        assert list(contrast.paths) == effects
        assert [member.variance_paths for member in contrast.members] == [(path,) for path in variances]
        assert {file.path for file in contrast.files} == {*effects, *variances}
        assert (contrast.weighted, contrast.excluded, contrast.notes) == (True, (), ())
        plain = only(discover(tmp_path))
        assert (plain.weighted, len(plain.files), len(plain.excluded)) == (False, 2, 2)

    def test_subjects_without_one_are_excluded(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "01", "02")
        touch_maps(tmp_path, "03", "04")
        contrast = only(discover(tmp_path, weights=True))
        contrast.check()
        assert contrast.subjects == ("01", "02")
        why = "no variance map, which --estimator needs"
        assert self.reasons(contrast) == dict.fromkeys(
            ["sub-03", "sub-04", *(map_path(Path(), s).name for s in ("03", "04"))], why
        )

    def test_a_contrast_without_any_is_refused_and_others_are_not_affected(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "01", "02", contrast="a")
        touch_maps(tmp_path, "01", "02", contrast="b")
        good, refused = discover(tmp_path, weights=True)
        good.check()
        with pytest.raises(DataError) as caught:
            refused.check()
        why = "no variance map, which --estimator needs (2 subjects)"
        assert caught.value.found == f"No subject is left in {NAME.removesuffix('faces')}b: {why}"
        assert caught.value.hint.endswith("or use --estimator ols")

    def test_each_run_that_is_combined_needs_one(self, tmp_path: Path) -> None:
        for run in "12":
            self.touch(tmp_path, "01", "02", run=run)
        self.touch(tmp_path, "03", run="1")
        map_path(tmp_path, "02", run="2", stat="variance").unlink()
        contrast = only(discover(tmp_path, weights=True, combine="run"))
        assert contrast.subjects == ("01", "03")
        assert [(len(member.maps), len(member.variances)) for member in contrast.members] == [(2, 2), (1, 1)]
        assert contrast.notes[0] == f"Runs of each subject {WEIGHTED}"
        assert self.reasons(contrast) == dict.fromkeys(
            ["sub-02", *(map_path(Path(), "02", run=run).name for run in "12")],
            "no variance map of each of its maps, which --estimator needs",
        ) | {map_path(Path(), "02", run="1", stat="variance").name: "its stat is variance; effect maps are analysed"}

    def test_both_maps_of_a_difference_need_one(self, tmp_path: Path) -> None:
        for session in "12":
            self.touch(tmp_path, "01", "02", session=session)
        map_path(tmp_path, "02", session="1", stat="variance").unlink()
        contrast = only(discover(tmp_path, weights=True, paired="ses"))
        (member,) = contrast.members
        (low,) = member.others
        assert (contrast.subjects, contrast.weighted, len(contrast.files)) == (("01",), True, 4)
        assert [side.variance_paths for side in (member, low)] == [
            (map_path(tmp_path, "01", session=session, stat="variance"),) for session in "21"
        ]
        kept = map_path(Path(), "02", session="2", stat="variance").name
        assert self.reasons(contrast)["sub-02"] == "no variance map of each of its maps, which --estimator needs"
        assert self.reasons(contrast)[kept] == "no variance map of each of its maps, which --estimator needs"

    def test_a_lack_of_variance_chooses_none_of_several_maps(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "01", run="1")
        touch_maps(tmp_path, "01", run="2")
        assert "--run-label 1" in refusal(only(discover(tmp_path, weights=True))).hint

    def test_a_manifest_may_list_them(self, tmp_path: Path) -> None:
        for name in ("e.nii", "v.nii", "f.nii"):
            (tmp_path / name).touch()
        rows = "participant_id\teffect\tvariance\n01\te.nii\tv.nii\n02\tf.nii\tn/a\n"
        (tmp_path / "maps.tsv").write_text(rows)
        contrast = only(discover(open_manifest(tmp_path / "maps.tsv"), weights=True))
        assert [member.variance_paths for member in contrast.members] == [(tmp_path / "v.nii",)]
        assert self.reasons(contrast)["sub-02"] == "no variance map, which --estimator needs"
        (tmp_path / "v.nii").unlink()
        with pytest.raises(DataError, match=r"1 file in .* not found"):
            discover(open_manifest(tmp_path / "maps.tsv"), weights=True)

    @pytest.mark.parametrize("stat", ["t", "z"])
    def test_other_statistics_have_none(self, tmp_path: Path, stat: Any) -> None:
        touch_maps(tmp_path, "01", "02", stat=stat)
        with pytest.raises(UsageError, match=f"{stat} maps have no variance"):
            discover(tmp_path, stat=stat, weights=True)


def statmap(root: str = "x", **labels: str) -> StatMap:
    return StatMap("m", "m", root, Entities.of({"sub": "01", "stat": "effect", **labels}), ".nii")


@pytest.mark.parametrize(
    ("places", "run", "session"),
    [
        ([("", "1"), ("", "2")], True, True),
        ([("a", "1"), ("a", "2")], True, True),
        ([("a", ""), ("b", "")], False, True),
        ([("a", "1"), ("b", "1")], False, True),
        ([("a", ""), ("b", "1"), ("b", "2")], False, True),
        ([("", "1"), ("", "1")], False, False),  # the same run twice
        ([("", ""), ("", "1")], False, False),  # perhaps the sum of the runs
        ([("", ""), ("a", "")], False, False),  # perhaps that of the sessions
        ([("a", ""), ("a", "1"), ("b", "")], False, False),
        ([("", "")], True, True),
    ],
)
def test_which_maps_are_parts_of_one(places: list[tuple[str, str]], run: bool, session: bool) -> None:
    parts = [statmap(**{k: v for k, v in (("ses", s), ("run", r)) if v}) for s, r in places]
    assert (can_combine(parts, "run"), can_combine(parts, "session")) == (run, session)


def test_maps_that_differ_in_another_entity_are_not_combined() -> None:
    one = statmap(run="1")
    others = [statmap(run="2", node="a"), statmap(run="2", res="2"), statmap("y", run="2")]
    assert [can_combine([one, other], "run") for other in others] == [False] * 3


def test_the_degrees_of_freedom_of_a_single_map_are_kept() -> None:
    member = SubjectMap("01", (statmap(),), dof=20.0)
    assert combine_maps([member], "run", "t").members == (member,)
