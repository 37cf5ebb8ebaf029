"""Discovery: maps are grouped into contrasts, and every excluded file has a reason."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import describe, map_path, touch_maps

from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.dataset import open_dataset
from bids_ari.bids.discover import discover
from bids_ari.errors import BidsAriError, DuplicateMapsError, InputNotFoundError, NoMatchError, UsageError

NAME = "task-emo_space-MNI152NLin2009cAsym_contrast-faces"


def found(contrasts: Iterable[ContrastSet]) -> dict[str, str]:
    """The subjects of each contrast, by its name."""
    return {contrast.name: " ".join(contrast.subjects) for contrast in contrasts}


def reasons(contrasts: Discovery) -> dict[str, str]:
    """The reason of each excluded file, by its name without folders, and of each excluded subject."""
    entries = [*contrasts.excluded, *(entry for contrast in contrasts for entry in contrast.excluded)]
    return {entry.name.rpartition("/")[2]: entry.reason for entry in entries}


class TestGroups:
    def test_maps_of_one_contrast_are_one_set_sorted_by_subject(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "10", "02", "a1")
        contrasts = discover(tmp_path)
        assert found(contrasts) == {NAME: "02 10 a1"}
        assert reasons(contrasts) == {}
        assert contrasts[0].paths[0] == map_path(tmp_path, "02")

    @pytest.mark.parametrize(
        "differs",
        [{"task": "rest"}, {"space": "T1w"}, {"contrast": "houses"}, {"acq": "fast"}, {"space": None}, {"res": "2"}],
        ids=str,
    )
    def test_maps_that_differ_in_anything_else_are_other_sets(self, tmp_path: Path, differs: dict[str, Any]) -> None:
        touch_maps(tmp_path, "01", "02")
        touch_maps(tmp_path, "01", "02", **differs)
        assert sorted(found(discover(tmp_path)).values()) == ["01 02", "01 02"]

    def test_sets_are_sorted_by_name_and_can_be_indexed(self, tmp_path: Path) -> None:
        for subject, label in (("01", "c"), ("02", "b"), ("03", "a")):
            touch_maps(tmp_path, subject, contrast=label, task=None, space=None)
        contrasts = discover(tmp_path)
        assert [contrast.name for contrast in contrasts] == ["contrast-a", "contrast-b", "contrast-c"]
        assert contrasts[1:] == (contrasts[1], contrasts[2])

    def test_a_session_and_a_run_that_all_share_stay_in_the_name(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", session="pre", run="2")
        assert found(discover(tmp_path)) == {"ses-pre_task-emo_run-2_space-MNI152NLin2009cAsym_contrast-faces": "01 02"}

    def test_a_session_that_differs_between_subjects_leaves_the_name(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", session="a", run="1")
        touch_maps(tmp_path, "02", session="b", run="1")
        assert found(discover(tmp_path)) == {"task-emo_run-1_space-MNI152NLin2009cAsym_contrast-faces": "01 02"}

    def test_a_session_that_only_some_have_leaves_the_name(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", session="a")
        touch_maps(tmp_path, "02")
        assert found(discover(tmp_path)) == {NAME: "01 02"}

    @pytest.mark.parametrize(
        ("label", "written"),
        [("faces+houses",) * 2, ("a-houses", "ahouses"), ("0.5", "05"), ("FacesGTHouses",) * 2, ("é", "x")],
    )
    def test_labels_may_hold_more_than_letters(self, tmp_path: Path, label: str, written: str) -> None:
        """They are chosen as they are, and written as pybids can read them."""
        touch_maps(tmp_path, "01", "02", contrast=label)
        touch_maps(tmp_path, "01", "02", contrast="faces")
        assert found(discover(tmp_path, contrast=label)) == {f"{NAME.removesuffix('faces')}{written}": "01 02"}

    def test_a_subject_may_be_named_by_its_folder_alone(self, tmp_path: Path) -> None:
        for label in ("01", "02"):
            (tmp_path / f"sub-{label}").mkdir()
            (tmp_path / f"sub-{label}" / "contrast-a_stat-effect_statmap.nii.gz").touch()
        assert found(discover(tmp_path)) == {"contrast-a": "01 02"}

    def test_maps_of_halfpipe_are_separated_by_its_own_entities(self, tmp_path: Path) -> None:
        for label in ("faces", "houses"):
            names = {"feature": "task", "taskcontrast": label, "model": "agg", "contrast": "intercept"}
            touch_maps(tmp_path, "01", "02", task=None, space=None, **names)
        touch_maps(tmp_path, "01", task=None, space=None, feature="task", taskcontrast="faces", contrast=None)
        assert found(discover(tmp_path)) == {
            "feature-task_taskcontrast-faces": "01",
            "feature-task_taskcontrast-faces_model-agg_contrast-intercept": "01 02",
            "feature-task_taskcontrast-houses_model-agg_contrast-intercept": "01 02",
        }

    def test_a_subject_that_lacks_a_contrast_is_named_there(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", "03", contrast="a")
        touch_maps(tmp_path, "01", "02", contrast="b")
        touch_maps(tmp_path, "04", contrast="b", stat="z")
        first, second = discover(tmp_path)
        assert [(entry.name, entry.reason) for entry in first.excluded] == [
            ("sub-04", "no effect map of this contrast")
        ]
        assert [entry.name for entry in second.excluded if entry.name.startswith("sub-")] == ["sub-03", "sub-04"]

    def test_an_excluded_file_of_one_contrast_is_listed_there_only(self, tmp_path: Path) -> None:
        """Not where a shorter name would fit it too."""
        for task in ("emo", None):
            touch_maps(tmp_path, "01", "02", task=task, space=None)
        touch_maps(tmp_path, "01", space=None, stat="variance")
        short, full = discover(tmp_path)
        assert short.excluded == ()
        root = tmp_path.name.replace("_", "")
        assert [entry.name for entry in full.excluded] == [
            f"{root}/{map_path(Path(), '01', space=None, stat='variance')}"
        ]


class TestDuplicates:
    def refusal(self, contrasts: Discovery) -> DuplicateMapsError:
        (contrast,) = contrasts
        with pytest.raises(DuplicateMapsError) as caught:
            contrast.check()
        assert caught.value.expected == "one map per subject"
        return caught.value

    def test_a_subject_with_two_runs_is_named_with_both_and_the_flag(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", session="a", run="1")
        both = [*touch_maps(tmp_path, "02", session="a", run="1"), *touch_maps(tmp_path, "02", session="a", run="2")]
        error = self.refusal(discover(tmp_path))
        assert error.found.startswith("sub-02 has more than one map")
        assert all(path.name in error.found for path in both)
        assert (
            error.hint
            == "Choose with --run-label 1, --by run for one analysis each, or combine them with --combine run"
        )

    def test_sessions_and_runs_each_have_their_flag(self, tmp_path: Path) -> None:
        for session, run in (("a", "1"), ("a", "2"), ("b", "1")):
            touch_maps(tmp_path, "01", "02", session=session, run=run)
        error = self.refusal(discover(tmp_path))
        assert error.found.startswith("sub-01, sub-02 have more than one map")
        assert error.hint == (
            "Choose with --session-label a, --run-label 1, --by session run for one analysis each, or combine them "
            "with --combine session"
        )
        discover(tmp_path, session="a", run="1")[0].check()

    def test_two_pipelines_are_separated_by_derivatives(self, tmp_path: Path) -> None:
        for pipeline in ("fitlins", "nilearn"):
            touch_maps(tmp_path / "derivatives" / pipeline, "01", "02")
        error = self.refusal(discover(tmp_path))
        assert "fitlins/sub-01" in error.found
        assert "nilearn/sub-01" in error.found
        assert "--derivatives" in error.hint
        discover(open_dataset(tmp_path, [tmp_path / "derivatives" / "nilearn"]))[0].check()

    def test_two_nodes_are_separated_by_their_folders(self, tmp_path: Path) -> None:
        for node in ("smooth", "rough"):
            touch_maps(tmp_path, "01", "02", node=node)
        assert self.refusal(discover(tmp_path)).hint == "Choose with the folder of one node as BIDS_DIR"
        discover(tmp_path / "node-rough")[0].check()

    def test_the_same_map_compressed_and_not_has_no_flag(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        touch_maps(tmp_path, "01", extension=".nii")
        assert "move one of them" in self.refusal(discover(tmp_path)).hint

    def test_one_map_per_subject_is_fine(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", session="a")
        touch_maps(tmp_path, "02", session="b")
        discover(tmp_path)[0].check()


class TestStat:
    @pytest.fixture
    def all_stats(self, tmp_path: Path) -> Path:
        for stat in ("effect", "variance", "t", "z", "p", "F", None):
            touch_maps(tmp_path, "01", "02", stat=stat)
        return tmp_path

    @pytest.mark.parametrize("stat", ["effect", "t", "z"])
    def test_the_requested_statistic_is_used_and_others_are_excluded(self, all_stats: Path, stat: Any) -> None:
        contrasts = discover(all_stats, stat=stat)
        assert found(contrasts) == {NAME: "01 02"}
        assert {path.name.split("_stat-")[1] for path in contrasts[0].paths} == {f"{stat}_statmap.nii.gz"}
        left = reasons(contrasts)
        assert len(left) == 2 * 6
        assert left[map_path(Path(), "01", stat="p").name] == f"its stat is p; {stat} maps are analysed"
        assert left[map_path(Path(), "01", stat=None).name].startswith("its stat is not named")

    @pytest.mark.parametrize("stat", ["variance", "p", "F", "", "Effect"])
    def test_no_other_statistic_can_be_requested(self, all_stats: Path, stat: Any) -> None:
        with pytest.raises(UsageError, match="effect, t, z"):
            discover(all_stats, stat=stat)

    @pytest.mark.parametrize(("there", "say"), [("z", "--stat z"), ("t", "--stat t")])
    def test_the_error_names_the_statistic_that_exists(self, tmp_path: Path, there: str, say: str) -> None:
        touch_maps(tmp_path, "01", "02", stat=there)
        touch_maps(tmp_path, None, stat="t" if there == "z" else "z")  # of the dataset: no way out
        with pytest.raises(NoMatchError) as caught:
            discover(tmp_path)
        assert caught.value.hint.endswith(say)

    def test_p_maps_are_never_suggested(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", stat="p")
        with pytest.raises(NoMatchError) as caught:
            discover(tmp_path)
        assert caught.value.hint == ""
        assert "stat p" in caught.value.expected


class TestLeftOut:
    @pytest.mark.parametrize(
        ("extension", "content"),
        [
            (".surf.gii", "a mesh"),
            (".label.gii", "labels"),
            (".dlabel.nii", "labels"),
            (".pscalar.nii", "values of parcels"),
            (".ptseries.nii", "values of parcels"),
        ],
    )
    def test_files_of_surfaces_that_are_no_maps(self, tmp_path: Path, extension: str, content: str) -> None:
        touch_maps(tmp_path, "01", "02")
        (other,) = touch_maps(tmp_path, "03", hemi="L", extension=extension)
        contrasts = discover(tmp_path)
        assert found(contrasts) == {NAME: "01 02"}
        assert reasons(contrasts)[other.name] == f"a {extension} file: {content}, not a map of vertices or voxels"

    def test_maps_of_the_whole_dataset_and_of_other_groups_are_excluded(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        touch_maps(tmp_path, None)
        touch_maps(tmp_path, "01", "02", node="datasetLevel")
        touch_maps(tmp_path, "03", test="mean")
        contrasts = discover(tmp_path)
        assert found(contrasts) == {NAME: "01 02"}
        assert set(reasons(contrasts).values()) == {
            "a map of the whole dataset, not of a subject",
            "a group-level result",
        }

    def test_the_problem_of_a_file_is_its_reason(self, tmp_path: Path) -> None:
        """It comes before any other reason."""
        touch_maps(tmp_path, "01", "02")
        dataset = open_dataset(tmp_path)
        odd = dataset.statmaps[1].with_(problem="is odd")
        contrasts = discover(replace(dataset, statmaps=(dataset.statmaps[0], odd)))
        assert found(contrasts) == {NAME: "01"}
        assert list(reasons(contrasts).values()) == ["is odd"]

    def test_sidecars_are_not_listed_as_excluded(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        touch_maps(tmp_path, "01", "02", extension=".json")
        (tmp_path / "statmap.json").write_text("{}")
        assert reasons(discover(tmp_path)) == {}

    def test_other_files_are_not_looked_at(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        for name in ("task-emo_bold.nii.gz", "desc-brain_mask.nii.gz", "contrast-a_stat-effect_mystatmap.nii"):
            (tmp_path / "sub-01" / "func" / f"sub-01_{name}").touch()
        assert reasons(discover(tmp_path)) == {}

    def test_a_map_without_a_contrast_is_excluded(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        touch_maps(tmp_path, "01", contrast=None)
        contrasts = discover(tmp_path)
        assert [entry.reason for entry in contrasts.excluded] == ["no contrast in its name"]
        assert contrasts[0].excluded == ()


class TestFilters:
    @pytest.fixture
    def large(self, tmp_path: Path) -> Path:
        for task in ("emo", "rest"):
            for session in ("1", "2"):
                touch_maps(tmp_path, "01", "02", "03", task=task, session=session)
        return tmp_path

    @pytest.mark.parametrize("label", ["emo", "task-emo", ["emo"], ("task-emo",)])
    def test_labels_come_with_or_without_their_key_alone_or_in_a_list(self, large: Path, label: Any) -> None:
        assert list(found(discover(large, task=label, session="ses-2"))) == [f"ses-2_{NAME}"]

    def test_subjects_are_chosen_and_excluded(self, large: Path) -> None:
        chosen = discover(large, task="emo", session="1", subjects=["sub-01", "03"])
        assert found(chosen) == {f"ses-1_{NAME}": "01 03"}
        rest = discover(large, task="emo", session="1", exclude=["sub-01"])
        assert found(rest) == {f"ses-1_{NAME}": "02 03"}
        assert reasons(rest)[map_path(Path(), "01", session="1").name] == "its subject is excluded by --exclude"

    @pytest.mark.parametrize(
        ("filters", "subjects", "note"),
        [
            ({"subjects": ["1", "sub-2"]}, "01 02", "sub-1 is sub-01, sub-2 is sub-02"),
            ({"exclude": ["001"]}, "02 03", "sub-001 is sub-01"),
            ({"where": {"sub": ["3"]}}, "03", "sub-3 is sub-03"),
            ({"session": "01"}, "01 02 03", "ses-01 is ses-1"),
        ],
        ids=str,
    )
    def test_labels_that_differ_in_leading_zeros_are_matched_and_noted(
        self, large: Path, filters: dict[str, Any], subjects: str, note: str
    ) -> None:
        chosen = discover(large, task="emo", **({"session": "1"} | filters))
        assert list(found(chosen).values()) == [subjects]
        assert chosen[0].notes[0] == f"Labels of filters that differ only in leading zeros were matched: {note}"

    @pytest.mark.parametrize("filters", [{"subjects": ["1"]}, {"exclude": ["1"]}, {"subjects": ["1", "2"]}], ids=str)
    def test_a_label_that_may_be_two_subjects_is_refused(self, tmp_path: Path, filters: dict[str, Any]) -> None:
        touch_maps(tmp_path, "01", "001", "02", "03")
        with pytest.raises(NoMatchError) as caught:
            discover(tmp_path, **filters)
        assert caught.value.found == (
            "No statmap has sub 1; sub-001, sub-01 may be the same, as they differ only in leading zeros"
        )

    def test_the_reason_names_the_filter(self, large: Path) -> None:
        left = reasons(discover(large, session="1"))
        assert len(left) == 6
        assert set(left.values()) == {"not among the selected sessions"}

    def test_a_map_without_the_entity_of_a_filter_is_excluded(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        touch_maps(tmp_path, "01", "02", task=None)
        assert set(reasons(discover(tmp_path, task="emo")).values()) == {"no task in its name"}

    @pytest.mark.parametrize(
        ("filters", "unknown", "there"),
        [
            ({"subjects": ["07", "01"]}, "sub 07", "01, 02, 03"),
            ({"task": "emotion"}, "task emotion", "emo, rest"),
            ({"space": "MNI"}, "space MNI", "MNI152NLin2009cAsym"),
            ({"contrast": ["faces", "x", "y"]}, "contrast x, y", "faces"),
            ({"session": "03"}, "ses 03", "1, 2"),
            ({"run": "1"}, "run 1", "nothing, no name holds run-"),
        ],
        ids=str,
    )
    def test_an_unknown_label_is_named_with_the_existing_ones(
        self, large: Path, filters: dict[str, Any], unknown: str, there: str
    ) -> None:
        with pytest.raises(NoMatchError) as caught:
            discover(large, **filters)
        assert caught.value.found == f"No statmap has {unknown}"
        assert caught.value.expected == f"one of: {there}"

    def test_labels_that_do_not_occur_together_are_named_with_the_existing_ones(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", task="a", space="T1w")
        touch_maps(tmp_path, "01", "02", task="b", space="MNI")
        with pytest.raises(NoMatchError) as caught:
            discover(tmp_path, task="a", space="MNI")
        assert "task a, space MNI, stat effect" in caught.value.found
        assert "task a, b; space MNI, T1w; contrast faces; stat effect" in caught.value.expected

    def test_excluding_all_subjects_is_an_error(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        with pytest.raises(NoMatchError, match="sub other than 01, 02"):
            discover(tmp_path, exclude=["01", "02"])

    def test_excluding_an_unknown_subject_only_warns(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        touch_maps(tmp_path, "01", "02")
        only = discover(tmp_path, exclude=["3"])
        assert found(only) == {NAME: "01 02"}
        assert only[0].notes == ("--exclude 3: no map is of such a subject",)
        assert "--exclude 3: no map is of such a subject" in caplog.text


class TestNodes:
    """FitLins keeps the maps of every node of its model; those of upper nodes lack task and space."""

    def fitlins(self, root: Path, *subjects: str, tasks: Iterable[str] = ("emo",)) -> Path:
        for task in tasks:
            for run in "12":
                touch_maps(root, "01", "02", "03", task=task, run=run, node="runLevel")
        touch_maps(root, *subjects, node="subjectLevel", task=None, space=None)
        touch_maps(root, None, node="datasetLevel", task=None, space=None)
        touch_maps(root, None, node="datasetLevel", task=None, space=None, contrast="intercept")
        return root

    def test_the_map_of_the_subject_is_used_though_its_name_lacks_task_and_space(self, tmp_path: Path) -> None:
        contrasts = discover(self.fitlins(tmp_path, "01", "02", "03"))
        assert found(contrasts) == {"contrast-faces": "01 02 03"}
        assert contrasts[0].notes == ("Maps of node subjectLevel are used",)
        contrasts[0].check()
        left = reasons(contrasts)
        assert len(left) == 2 * 3 + 2
        assert left["contrast-intercept_stat-effect_statmap.nii.gz"] == "a map of the whole dataset, not of a subject"
        assert left[map_path(Path(), "01", run="1").name].startswith("a map of a run or session")

    def test_of_several_tasks_too(self, tmp_path: Path) -> None:
        assert found(discover(self.fitlins(tmp_path, "01", "02", "03", tasks=["emo", "rest"]))) == {
            "contrast-faces": "01 02 03"
        }

    def test_a_subject_with_maps_of_runs_only_is_named(self, tmp_path: Path) -> None:
        """It is listed, and its files are not excluded silently."""
        contrasts = discover(self.fitlins(tmp_path, "01", "02"))
        assert found(contrasts) == {"contrast-faces": "01 02"}
        assert reasons(contrasts)["sub-03"] == "no effect map of this contrast"

    def test_one_run_per_subject_is_fine_where_there_is_no_subject_level(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", run="1", node="runLevel")
        touch_maps(tmp_path, None, node="datasetLevel")
        contrasts = discover(tmp_path)
        assert found(contrasts) == {f"{NAME.replace('_space', '_run-1_space')}": "01 02"}
        contrasts[0].check()

    def test_a_subject_level_of_one_contrast_does_not_hide_the_runs_of_another(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", run="1", node="runLevel", contrast="other")
        touch_maps(tmp_path, "01", "02", node="subjectLevel", task=None, space=None)
        assert sorted(found(discover(tmp_path)).values()) == ["01 02", "01 02"]

    def test_a_session_level_comes_between(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", session="1", run="1", node="runLevel")
        touch_maps(tmp_path, "01", "02", session="1", node="sessionLevel")
        (contrast,) = discover(tmp_path)
        assert contrast.notes == ("Maps of node sessionLevel are used",)
        touch_maps(tmp_path, "01", "02", node="subjectLevel")
        (contrast,) = discover(tmp_path)
        assert contrast.notes == ("Maps of node subjectLevel are used",)

    def test_the_repr_of_a_contrast_set(self, tmp_path: Path) -> None:
        (contrast,) = discover(self.fitlins(tmp_path, "01", "02"))
        assert repr(contrast) == "ContrastSet('contrast-faces', stat='effect', n_subjects=2)"
        assert contrast.members[0].uri.endswith(
            ":node-subjectLevel/sub-01/sub-01_contrast-faces_stat-effect_statmap.nii.gz"
        )


class TestWhere:
    def test_folders_above_the_dataset_have_no_entities(self, tmp_path: Path) -> None:
        root = tmp_path / "task-LEAK" / "sub-99" / "ses-X" / "node-runLevel" / "contrast-no"
        touch_maps(root, "01", "02", task=None, space=None)
        assert found(discover(root)) == {"contrast-faces": "01 02"}

    @pytest.mark.parametrize("above", ["derivatives", "sourcedata", ".hidden", "code", "a (b)[c]+ü $x", "logs/models"])
    def test_folders_above_the_dataset_hide_nothing(self, tmp_path: Path, above: str) -> None:
        touch_maps(tmp_path / above / "data", "01", "02")
        assert found(discover(tmp_path / above / "data")) == {NAME: "01 02"}

    @pytest.mark.parametrize("inside", ["sourcedata", "sourcedata/x", "code", ".git/annex", "derivatives/x", "rawdata"])
    def test_folders_that_hold_other_things_are_not_searched(self, tmp_path: Path, inside: str) -> None:
        describe(tmp_path)
        touch_maps(tmp_path, "01", "02")
        touch_maps(tmp_path / inside, "03")
        assert found(discover(tmp_path)) == {NAME: "01 02"}

    def test_a_dataset_within_the_dataset_is_another(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        touch_maps(tmp_path / "inner", "03")
        describe(tmp_path / "inner")
        assert found(discover(tmp_path)) == {NAME: "01 02"}

    @pytest.mark.parametrize("about", [None, "{}", '{"DatasetType": "raw"}', '{"GeneratedBy": "hand"}', "{}\n"])
    def test_a_description_may_be_missing_or_incomplete(self, tmp_path: Path, about: str | None) -> None:
        touch_maps(tmp_path, "01", "02")
        if about is not None:
            (tmp_path / "dataset_description.json").write_text(about)
        assert found(discover(tmp_path)) == {NAME: "01 02"}

    @pytest.mark.parametrize("about", [b"{broken", b"", b"[1]", b"\xff\xfe"])
    def test_a_broken_description_is_reported_and_ignored(
        self, tmp_path: Path, about: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        touch_maps(tmp_path, "01", "02")
        (tmp_path / "dataset_description.json").write_bytes(about)
        assert found(discover(tmp_path)) == {NAME: "01 02"}
        assert str(tmp_path / "dataset_description.json") in caplog.text

    @pytest.mark.parametrize(
        "content",
        ["{broken", json.dumps({"name": "own", "entities": [{"name": "contrast", "pattern": "contrast-([a-z]+)"}]})],
    )
    def test_a_pybids_configuration_in_the_dataset_is_ignored(self, tmp_path: Path, content: str) -> None:
        """bids_ari writes one itself; pybids fails where two configurations define one entity."""
        touch_maps(tmp_path, "01", "02")
        (tmp_path / "layout_config.json").write_text(content)
        assert found(discover(tmp_path)) == {NAME: "01 02"}

    def test_a_raw_dataset_is_searched_below_derivatives(self, tmp_path: Path) -> None:
        describe(tmp_path, DatasetType="raw")
        (tmp_path / "sub-01" / "func").mkdir(parents=True)
        (tmp_path / "sub-01" / "func" / "sub-01_task-emo_bold.nii.gz").touch()
        touch_maps(tmp_path / "derivatives" / "fitlins", "01", "02")
        (tmp_path / "derivatives" / "fmriprep").mkdir()
        dataset = open_dataset(tmp_path)
        assert found(discover(dataset)) == {NAME: "01 02"}
        assert dataset.roots == {"fitlins": tmp_path / "derivatives" / "fitlins"}  # nothing comes from the others
        assert repr(dataset) == f"Dataset({str(tmp_path)!r}, n_statmaps=2)"

    def test_maps_may_be_in_derivatives_itself(self, tmp_path: Path) -> None:
        touch_maps(tmp_path / "derivatives", "01", "02")
        assert found(discover(tmp_path)) == {NAME: "01 02"}

    def test_derivatives_that_are_named_are_searched_instead(self, tmp_path: Path) -> None:
        touch_maps(tmp_path / "raw" / "derivatives" / "x", "01", "02")
        touch_maps(tmp_path / "elsewhere", "03", "04")
        dataset = open_dataset(tmp_path / "raw", [tmp_path / "elsewhere"])
        assert found(discover(dataset)) == {NAME: "03 04"}

    def test_derivatives_named_twice_are_searched_once(self, tmp_path: Path) -> None:
        touch_maps(tmp_path / "x", "01", "02")
        (tmp_path / "link").symlink_to(tmp_path / "x")
        dataset = open_dataset(tmp_path, [tmp_path / "x", tmp_path / "link", tmp_path / "x" / "." / "sub-01" / ".."])
        discover(dataset)[0].check()

    def test_datasets_of_one_name_get_different_short_names(self, tmp_path: Path) -> None:
        for site, subject in (("a", "01"), ("b", "02")):
            touch_maps(tmp_path / site / "first level", subject)
        dataset = open_dataset(tmp_path, [tmp_path / site / "first level" for site in "ab"])
        assert list(dataset.roots) == ["firstlevel", "firstlevel-2"]
        assert [member.uri.split(":")[1] for member in discover(dataset)[0].members] == ["firstlevel", "firstlevel-2"]

    def test_results_of_bids_ari_are_not_searched(self, tmp_path: Path) -> None:
        touch_maps(tmp_path / "derivatives" / "first", "01", "02")
        touch_maps(tmp_path / "derivatives" / "ari", "01", "02")
        describe(tmp_path / "derivatives" / "ari", GeneratedBy=[{"Name": "bids_ari"}])
        assert found(discover(tmp_path)) == {NAME: "01 02"}
        with pytest.raises(InputNotFoundError, match="nothing but results of bids_ari"):
            discover(tmp_path / "derivatives" / "ari")

    def test_the_output_of_this_run_is_not_searched(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        touch_maps(tmp_path / "out (1)", "03")
        assert found(discover(open_dataset(tmp_path, excluded=[tmp_path / "out (1)"]))) == {NAME: "01 02"}

    def test_the_output_of_this_run_among_the_derivatives_is_not_searched(self, tmp_path: Path) -> None:
        for pipeline in ("first", "out"):
            touch_maps(tmp_path / "derivatives" / pipeline, "01", "02")
        dataset = open_dataset(tmp_path, excluded=[tmp_path / "derivatives" / "out"])
        discover(dataset)[0].check()
        assert list(dataset.roots) == ["first"]

    def test_links_to_folders_and_files_are_followed(self, tmp_path: Path) -> None:
        touch_maps(tmp_path / "store", "01", "02")
        (tmp_path / "dataset").mkdir()
        (tmp_path / "dataset" / "sub-01").symlink_to(tmp_path / "store" / "sub-01")
        linked = map_path(tmp_path / "dataset", "02")
        linked.parent.mkdir(parents=True)
        linked.symlink_to(map_path(tmp_path / "store", "02"))
        (tmp_path / "link").symlink_to(tmp_path / "dataset")
        contrasts = discover(tmp_path / "link")
        assert found(contrasts) == {NAME: "01 02"}
        assert contrasts[0].paths == tuple(map_path(tmp_path / "link", label) for label in ("01", "02"))

    def test_links_without_a_target_are_found_as_maps(self, tmp_path: Path) -> None:
        """Unfetched content must stop the analysis, not shrink the group."""
        for path in touch_maps(tmp_path, "01", "02"):
            path.unlink()
            path.symlink_to("gone")
        assert found(discover(tmp_path)) == {NAME: "01 02"}

    @pytest.mark.parametrize("make", [Path.mkdir, lambda path: None, Path.touch], ids=["empty", "absent", "file"])
    def test_the_error_names_the_folder_without_maps(self, tmp_path: Path, make: Any) -> None:
        make(tmp_path / "dataset")
        with pytest.raises(BidsAriError, match=str(tmp_path / "dataset")) as caught:
            discover(str(tmp_path / "dataset"))
        assert type(caught.value) is InputNotFoundError

    def test_derivatives_that_do_not_exist_are_named(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        with pytest.raises(InputNotFoundError, match=r"no folder .*nowhere"):
            open_dataset(tmp_path, [tmp_path / "nowhere"])


def test_a_filter_for_the_only_task_keeps_subject_maps_that_do_not_name_it(tmp_path: Path) -> None:
    """FitLins makes subject-level maps from all runs; their names lack the task."""
    for run in ("1", "2"):
        touch_maps(tmp_path, "01", "02", run=run, node="runLevel")
    touch_maps(tmp_path, "01", "02", node="subjectLevel", task=None, space=None)
    (contrast,) = discover(tmp_path, task="emo")
    contrast.check()
    assert contrast.subjects == ("01", "02")
    assert {member.first.entities.get("node") for member in contrast.members} == {"subjectLevel"}


def test_a_task_that_cannot_be_used_is_not_another_task(tmp_path: Path) -> None:
    touch_maps(tmp_path, "01", "02", node="subjectLevel", task=None)
    touch_maps(tmp_path, "03", node="subjectLevel")
    touch_maps(tmp_path, "04", node="subjectLevel", task="emo_old")
    assert sorted(subject for contrast in discover(tmp_path, task="emo") for subject in contrast.subjects) == [
        "01", "02", "03"
    ]  # fmt: skip


def test_with_several_tasks_a_map_without_a_task_does_not_pass(tmp_path: Path) -> None:
    touch_maps(tmp_path, "01", "02", task="emo")
    touch_maps(tmp_path, "01", "02", task="rest")
    touch_maps(tmp_path, "01", "02", task=None)
    (contrast,) = discover(tmp_path, task="emo")
    assert contrast.entities.get("task") == "emo"


@pytest.mark.parametrize(("node", "runs"), [("subtraction", 2), ("prune", 2), ("session_level", 1), ("Subject", 1)])
def test_only_whole_words_of_a_node_name_its_stage(tmp_path: Path, node: str, runs: int) -> None:
    """A node whose stage is unknown is ranked by its entities: both nodes are of runs then."""
    touch_maps(tmp_path, "01", "02", run="1", node="runLevel")
    touch_maps(tmp_path, "01", "02", run="1", node=node)
    (contrast,) = discover(tmp_path)
    assert len(contrast.members) == 2 * runs


def test_the_contrast_of_halfpipe_is_its_taskcontrast(tmp_path: Path) -> None:
    touch_maps(tmp_path, "01", "02", contrast=None, taskcontrast="faces")
    touch_maps(tmp_path, "01", "02", contrast=None, taskcontrast="houses")
    (contrast,) = discover(tmp_path, contrast="faces")
    assert contrast.entities.get("taskcontrast") == "faces"


def test_a_broken_description_beside_does_not_stop_the_search(tmp_path: Path) -> None:
    touch_maps(tmp_path / "derivatives" / "glm", "01", "02")
    (tmp_path / "derivatives" / "other").mkdir()
    (tmp_path / "derivatives" / "other" / "dataset_description.json").write_text("{")
    assert len(discover(tmp_path)) == 1
