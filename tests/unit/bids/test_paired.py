"""Differences within subjects: which maps are subtracted, names of contrasts, excluded subjects."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import map_path, touch_maps

from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.dataset import Dataset, open_dataset, unify_labels
from bids_ari.bids.discover import discover
from bids_ari.bids.entities import Entities
from bids_ari.bids.manifest import open_manifest
from bids_ari.bids.statmap import StatMap
from bids_ari.errors import BidsAriError, DataError, DuplicateMapsError, NoMatchError, UsageError

PLAIN: dict[str, Any] = {"task": None, "space": None}


def touch_sessions(root: Path, subject: str, *sessions: str, **names: Any) -> None:
    """An empty map of each session of a subject."""
    for session in sessions:
        touch_maps(root, subject, session=session, **{**PLAIN, **names})


def dataset(*maps: str) -> Dataset:
    """A dataset of effect maps, by name: ``01_ses-1_contrast-c``; the first label is the subject's."""
    files = []
    for name in maps:
        subject, *pairs = name.split("_")
        labels = dict(pair.split("-", 1) for pair in pairs)
        root = labels.pop("root", "data")
        entities = Entities.of({"contrast": "c", **labels, "sub": subject, "stat": "effect"})
        path = f"sub-{subject}/{entities}_statmap.nii"
        files.append(StatMap(f"/{root}/{path}", path, root, entities, ".nii"))
    return Dataset(Path("/data"), {"data": Path("/data")}, tuple(unify_labels(files)))


def only(contrasts: Discovery) -> ContrastSet:
    (contrast,) = contrasts
    return contrast


def differences(contrast: ContrastSet) -> dict[str, tuple[str, str]]:
    """The two maps of each subject, by the entities in which files of `dataset` differ."""

    def short(files: Sequence[StatMap]) -> str:
        return " ".join(str(file.entities.without("sub", "stat")) for file in files)

    return {each.subject: (short(each.maps), short(low.maps)) for each in contrast.members for low in each.others}


def reasons(contrasts: Discovery) -> dict[str, str]:
    return {entry.name.rpartition("/")[2]: entry.reason for entry in contrasts.all_excluded()}


class TestDirection:
    def test_the_order_of_words_is_arbitrary_and_reported(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        for subject in ("01", "02"):
            touch_sessions(tmp_path, subject, "pre", "post")
        with caplog.at_level("WARNING"):
            discover(tmp_path, paired="ses")
        assert "uses pre minus post; for the other direction: --paired ses=post-pre" in caplog.text
        caplog.clear()
        discover(tmp_path, paired="ses=post-pre")
        assert caplog.text == ""

    def test_the_second_of_two_sessions_minus_the_first(self, tmp_path: Path) -> None:
        for subject in ("01", "02"):
            touch_sessions(tmp_path, subject, "02", "01")
        contrast = only(discover(tmp_path, paired="ses"))
        contrast.check()
        assert contrast.name == "contrast-facesSes02MinusSes01"
        assert contrast.subjects == ("01", "02")
        first = contrast.members[0]
        assert first.paths == (map_path(tmp_path, "01", session="02", **PLAIN),)
        assert first.is_difference
        assert first.others[0].paths == (map_path(tmp_path, "01", session="01", **PLAIN),)
        assert contrast.notes == ("The map of each subject is ses-02 minus ses-01",)
        assert (contrast.paired, contrast.excluded) == ("ses", ())

    @pytest.mark.parametrize(
        ("values", "high"),
        [("9 10", "10"), ("01 2", "2"), ("a b", "b"), ("b10 b9", "b10"), ("5 a", "a"), ("post pre", "pre")],
    )
    def test_values_are_in_natural_order(self, values: str, high: str) -> None:
        (low,) = set(values.split()) - {high}
        contrast = only(discover(dataset(*(f"01_ses-{value}" for value in values.split())), paired="session"))
        assert differences(contrast) == {"01": (f"ses-{high}_contrast-c", f"ses-{low}_contrast-c")}

    @pytest.mark.parametrize("requested", ["ses=1-2", "session=1-2", "ses=ses-1-ses-2"])
    def test_the_order_can_be_chosen(self, requested: str) -> None:
        contrast = only(discover(dataset("01_ses-1", "01_ses-2"), paired=requested))
        assert differences(contrast) == {"01": ("ses-1_contrast-c", "ses-2_contrast-c")}
        assert contrast.name == "contrast-cSes1MinusSes2"

    @pytest.mark.parametrize(
        ("column", "name"),
        [
            ("contrast", "task-t_contrast-aMinusB"),
            ("task", "contrast-cTaskAMinusTaskB"),
            ("run", "task-t_contrast-cRunAMinusRunB"),
            ("acq", "task-t_contrast-cAcqAMinusAcqB"),
            ("desc", "task-t_contrast-cDescAMinusDescB"),
            ("odd", "task-t_contrast-cOddAMinusOddB"),
            ("taskcontrast", "task-t_taskcontrast-aMinusB_contrast-c"),
        ],
    )
    def test_maps_may_differ_in_any_entity(self, column: str, name: str) -> None:
        maps = (f"{sub}_task-t_{column}-{value}" for sub in ("01", "02") for value in "ab")
        contrast = only(discover(dataset(*maps), paired=f"{column}=a-b"))
        assert contrast.name == name
        assert contrast.subjects == ("01", "02")
        assert contrast.notes[0] == f"The map of each subject is {column}-a minus {column}-b"
        assert [each.first.entities.get(column) for each in contrast.members] == ["a", "a"]
        assert [low.first.entities.get(column) for each in contrast.members for low in each.others] == ["b", "b"]

    def test_a_first_level_of_halfpipe_is_named_by_its_taskcontrast(self) -> None:
        files = dataset("01_taskcontrast-x_ses-1", "01_taskcontrast-x_ses-2").statmaps
        bare = tuple(
            StatMap(file.file, file.name, file.dataset, file.entities.without("contrast"), ".nii") for file in files
        )
        contrast = only(discover(Dataset(Path("/data"), {}, bare), paired="ses"))
        assert contrast.name == "taskcontrast-xSes2MinusSes1"

    def test_each_contrast_has_a_difference_of_its_own(self) -> None:
        maps = (f"01_ses-{ses}_task-{task}_contrast-{c}" for ses in "12" for task in "ab" for c in "xy")
        found = discover(dataset(*maps), paired="ses")
        assert [contrast.name for contrast in found] == [
            f"task-{task}_contrast-{c}Ses2MinusSes1" for task in "ab" for c in "xy"
        ]
        assert found.all_excluded() == ()

    def test_of_contrasts_those_of_the_same_session_and_task_are_compared(self) -> None:
        maps = (f"0{i}_ses-{i}_task-{task}_contrast-{c}" for i in "12" for task in "ab" for c in "xy")
        found = discover(dataset(*maps), paired="contrast=y-x")
        assert {contrast.name: differences(contrast)["02"] for contrast in found} == {
            f"task-{task}_contrast-yMinusX": tuple(f"ses-2_task-{task}_contrast-{c}" for c in "yx") for task in "ab"
        }

    def test_a_session_and_a_run_that_both_sides_share_stay_in_the_name(self) -> None:
        maps = (f"01_ses-pre_run-1_contrast-{c}" for c in "xy")
        assert only(discover(dataset(*maps), paired="contrast")).name == "ses-pre_run-1_contrast-yMinusX"

    def test_runs_are_combined_first_within_each_session(self, tmp_path: Path) -> None:
        for run in "12":
            touch_sessions(tmp_path, "01", "a", "b", run=run)
            touch_sessions(tmp_path, "01", "a", "b", run=run, stat="variance")
        contrast = only(discover(tmp_path, paired="ses", combine="run"))
        contrast.check()
        (member,) = contrast.members
        for side, session in zip(member.terms, "ba", strict=True):
            for stat, paths in (("effect", side.paths), ("variance", side.variance_paths)):
                assert paths == tuple(
                    map_path(tmp_path, "01", session=session, run=r, stat=stat, **PLAIN) for r in "12"
                )
        assert (contrast.combined, len(contrast.files), contrast.excluded) == ("run", 8, ())
        assert contrast.notes[1].startswith("Runs of each subject were combined by precision-weighted mean")

    def test_combined_runs_need_not_be_called_alike(self) -> None:
        maps = ["01_run-1_contrast-x", "01_run-2_contrast-x", "01_run-3_contrast-y", "01_run-4_contrast-y"]
        contrast = only(discover(dataset(*maps), paired="contrast", combine="run"))
        assert differences(contrast) == {
            "01": ("run-3_contrast-y run-4_contrast-y", "run-1_contrast-x run-2_contrast-x")
        }

    def test_a_note_on_one_side_names_the_side(self) -> None:
        maps = ["01_run-1_contrast-x", "01_run-2_contrast-x", "01_contrast-y"]
        contrast = only(discover(dataset(*maps), paired="contrast", combine="run"))
        assert differences(contrast) == {"01": ("contrast-y", "run-1_contrast-x run-2_contrast-x")}
        assert [note.partition(":")[0] for note in contrast.notes] == [
            "The map of each subject is contrast-y minus contrast-x",
            "contrast-x",
            "contrast-y",
        ]

    def test_the_degrees_of_freedom_of_two_t_maps_are_not_those_of_their_difference(self, tmp_path: Path) -> None:
        for name in ("a.nii", "b.nii"):
            (tmp_path / name).touch()
        rows = "participant_id\tcontrast\tt\tdof\n01\ta\ta.nii\t20\n01\tb\tb.nii\t30\n"
        (tmp_path / "maps.tsv").write_text(rows)
        (member,) = only(discover(open_manifest(tmp_path / "maps.tsv"), stat="t", paired="contrast=a-b")).members
        assert [(term.first.name, term.dof) for term in member.terms] == [("a.nii", None), ("b.nii", None)]

    def test_only_maps_that_are_compared_must_be_there(self, tmp_path: Path) -> None:
        for name in ("a.nii", "b.nii"):
            (tmp_path / name).touch()
        rows = "participant_id\tcontrast\teffect\n01\ta\ta.nii\n01\tb\tb.nii\n01\tc\tgone.nii\n02\ta\tgone2.nii\n"
        (tmp_path / "maps.tsv").write_text(rows)
        manifest = open_manifest(tmp_path / "maps.tsv")
        assert only(discover(manifest, paired="contrast=a-b")).subjects == ("01",)
        with pytest.raises(DataError, match=r"not found: line 4: .*gone\.nii"):
            discover(manifest, paired="contrast=a-c")


class TestValues:
    MAPS = dataset("01_acq-a", "01_acq-b", "01_acq-b-c", "01_acq-a-b")

    @pytest.mark.parametrize(("requested", "high"), [("a-b-c", "a"), ("b-c-a-b", "b-c"), ("b-a", "b")])
    def test_values_may_hold_dashes(self, requested: str, high: str) -> None:
        maps = [file for file in self.MAPS.statmaps if file.entities.get("acq") != "a-b" or requested != "a-b-c"]
        found = discover(Dataset(Path("/data"), {}, tuple(maps)), paired=f"acq={requested}")
        assert only(found).members[0].first.entities.get("acq") == high

    def test_values_that_part_in_two_ways_are_refused(self) -> None:
        maps = dataset("01_acq-a", "01_acq-a-b", "01_acq-c", "01_acq-b-c")
        with pytest.raises(UsageError, match="may be a minus b-c, a-b minus c"):
            discover(maps, paired="acq=a-b-c")

    @pytest.mark.parametrize("requested", ["acq=a-x", "acq=x", "acq=", "acq=a-a", "acq=A-B", "acq=-a-b"])
    def test_unknown_values_are_refused_with_a_list_of_existing_ones(self, requested: str) -> None:
        with pytest.raises(NoMatchError) as caught:
            discover(self.MAPS, paired=requested)
        assert repr(requested.partition("=")[2]) in caught.value.found
        assert caught.value.expected == "HIGH-LOW, two of: a, a-b, b, b-c"

    def test_more_than_two_values_must_be_chosen_from(self) -> None:
        with pytest.raises(UsageError) as caught:
            discover(dataset("01_ses-10", "01_ses-9", "02_ses-1"), paired="ses")
        assert caught.value.found == "The maps have 3 values of ses: 1, 9, 10"
        assert caught.value.hint == "Choose two, as --paired ses=9-1, or use a filter; --within ses compares all"

    def test_a_single_value_cannot_be_compared(self) -> None:
        with pytest.raises(NoMatchError) as caught:
            discover(dataset("01_ses-1", "02_ses-1"), paired="ses")
        assert str(caught.value).startswith("The maps have 1 value of ses: 1; expected two")

    def test_a_filter_chooses_two(self) -> None:
        maps = dataset("01_ses-1", "01_ses-2", "01_ses-3")
        assert only(discover(maps, paired="ses", session=["1", "3"])).name == "contrast-cSes3MinusSes1"

    @pytest.mark.parametrize("column", ["drug", "", "sub", "subject", "stat", "echo"])
    def test_a_column_that_does_not_exist_is_refused_with_those_that_do(self, column: str) -> None:
        with pytest.raises(UsageError) as caught:
            discover(dataset("01_ses-1_task-a", "01_ses-2_task-b", "02_ses-1_task-a"), paired=f"{column}=a-b")
        assert caught.value.found.startswith(f"No map has the entity {column!r}")
        assert caught.value.expected == "one of: ses, task"

    @pytest.mark.parametrize(
        ("column", "combine"), [("ses", "session"), ("run", "session"), ("run", "run"), ("drug", "session")]
    )
    def test_runs_that_were_combined_cannot_be_compared(self, tmp_path: Path, column: str, combine: Any) -> None:
        for run in "12":
            touch_sessions(tmp_path, "01", "1", "2", run=run)
        sessions(tmp_path, "01", "session_id\tdrug", "1\ta", "2\tb")
        with pytest.raises(UsageError) as caught:
            discover(tmp_path, paired=column, combine=combine)
        assert caught.value.expected == f"no --combine {combine}"


class TestLeftOut:
    def test_a_subject_with_one_of_the_maps_is_named_with_its_file(self, tmp_path: Path) -> None:
        touch_sessions(tmp_path, "01", "1", "2")
        touch_sessions(tmp_path, "02", "1")
        touch_sessions(tmp_path, "03", "2")
        touch_sessions(tmp_path, "03", "2", stat="z")
        found = discover(tmp_path, paired="ses")
        assert only(found).subjects == ("01",)
        expected = {subject: f"no effect map of ses-{ses}" for subject, ses in (("02", "2"), ("03", "1"))}
        assert reasons(found) == {
            **{f"sub-{subject}": reason for subject, reason in expected.items()},
            map_path(tmp_path, "02", session="1", **PLAIN).name: f"its subject has {expected['02']}",
            map_path(tmp_path, "03", session="2", **PLAIN).name: f"its subject has {expected['03']}",
            map_path(tmp_path, "03", session="2", stat="z", **PLAIN).name: ("its stat is z; effect maps are analysed"),
        }
        assert [entry.name for entry in only(found).excluded if entry.is_subject] == ["sub-02", "sub-03"]

    def test_of_two_contrasts_too(self) -> None:
        found = discover(dataset("01_contrast-a", "01_contrast-b", "02_contrast-a", "03_contrast-b"), paired="contrast")
        assert {what: reason for what, reason in reasons(found).items() if "_" not in what} == {
            "sub-02": "no effect map of contrast-b",
            "sub-03": "no effect map of contrast-a",
        }

    def test_a_subject_with_neither_is_named_once(self) -> None:
        found = discover(
            dataset("01_contrast-a", "01_contrast-b", "02_contrast-a_task-t", "02_contrast-b_task-t"), paired="contrast"
        )
        expected = [(each.name, each.reason) for each in found[0].excluded]
        assert (found[0].subjects, expected) == (("01",), [("sub-02", "no effect map of this contrast")])

    def test_other_values_are_not_compared(self) -> None:
        found = discover(dataset("01_ses-1", "01_ses-2", "01_ses-3", "02_ses-3", "01"), paired="ses=2-1")
        assert only(found).subjects == ("01",)
        assert reasons(found) == {
            "sub-01_ses-3_contrast-c_stat-effect_statmap.nii": "of ses-3, which is not compared",
            "sub-02_ses-3_contrast-c_stat-effect_statmap.nii": "of ses-3, which is not compared",
            "sub-01_contrast-c_stat-effect_statmap.nii": "no ses in its name",
            "sub-02": "no effect map of ses-2 and ses-1",
        }

    def test_a_contrast_with_one_side_only_is_excluded(self) -> None:
        maps = ["01_task-a_contrast-x", "01_task-a_contrast-y", "01_task-b_contrast-x", "01_task-b_contrast-z"]
        maps += ["01_task-a_contrast-w", "02_task-a_contrast-x", "02_task-a_contrast-y"]
        found = discover(dataset(*maps), paired="contrast=x-y")
        assert only(found).name == "task-a_contrast-xMinusY"
        assert reasons(found) == {
            "sub-01_task-a_contrast-w_stat-effect_statmap.nii": "of contrast-w, which is not compared",
            "sub-01_task-b_contrast-x_stat-effect_statmap.nii": "no map of contrast-y to compare it with",
            "sub-01_task-b_contrast-z_stat-effect_statmap.nii": "of contrast-z, which is not compared",
        }
        assert only(found).excluded == ()

    def test_the_error_lists_the_contrasts_of_each_side(self) -> None:
        with pytest.raises(NoMatchError) as caught:
            discover(dataset("01_task-a_contrast-x", "01_task-b_contrast-y"), paired="contrast")
        assert caught.value.found == (
            "No maps of contrast-y and contrast-x are alike otherwise "
            "(contrast-y: task-b_contrast-y; contrast-x: task-a_contrast-x)"
        )

    def test_a_contrast_without_any_pair_is_refused_and_others_are_not_affected(self) -> None:
        maps = ["01_ses-1", "02_ses-2", "01_ses-1_contrast-d", "01_ses-2_contrast-d"]
        refused, good = discover(dataset(*maps), paired="ses")
        good.check()
        with pytest.raises(DataError) as caught:
            refused.check()
        assert caught.value.found == (
            "No subject is left in contrast-cSes2MinusSes1: "
            "no effect map of ses-2 (1 subject), no effect map of ses-1 (1 subject)"
        )

    @pytest.mark.parametrize(("one", "other"), [("run-1", "run-2"), ("ses-1", "ses-2")])
    def test_maps_that_differ_in_another_entity_are_not_a_pair(self, one: str, other: str) -> None:
        found = discover(
            dataset(f"01_{one}_contrast-x", f"01_{other}_contrast-y", "02_contrast-x", f"02_{one}_contrast-y"),
            paired="contrast",
        )
        assert only(found).subjects == ("02",)
        key = one.partition("-")[0]
        assert reasons(found)["sub-01"] == f"maps of contrast-y and contrast-x that differ in {key}, too"
        assert len(found.all_excluded()) == 3

    def test_maps_of_different_datasets_are_compared_with_a_note(self) -> None:
        maps = ["01_ses-1_root-a", "01_ses-2_root-b", "02_ses-1_root-a", "02_ses-2_root-a"]
        contrast = only(discover(dataset(*maps), paired="ses"))
        assert contrast.subjects == ("01", "02")
        assert contrast.notes[1] == "The two maps are in different datasets: sub-01"

    @pytest.mark.parametrize("values", ["", "=01-1", "=1-01"])
    def test_sessions_1_and_01_are_not_compared(self, values: str) -> None:
        maps = [f"{subject}_ses-{session}" for subject in ("01", "02") for session in ("1", "01")]
        with pytest.raises(UsageError, match="are the same number"):
            discover(dataset(*maps), paired=f"session{values}")

    def test_values_to_choose_differ_in_more_than_leading_zeros(self) -> None:
        maps = [f"{subject}_ses-{session}" for subject in ("01", "02") for session in ("1", "01", "2", "02")]
        with pytest.raises(UsageError, match=r"--paired session=0?2-0?1, or use a filter"):
            discover(dataset(*maps), paired="session")

    @pytest.mark.parametrize("values", ["", "=2-1", "=02-01", "=run-2-run-1"])
    def test_run_1_and_run_01_are_one_value(self, values: str) -> None:
        maps = ["01_run-1", "01_run-2", "02_run-01", "02_run-02"]
        assert only(discover(dataset(*maps), paired=f"run{values}")).subjects == ("01", "02")

    def test_values_are_accepted_as_results_write_them(self) -> None:
        maps = [f"{subject}_contrast-{label}" for subject in ("01", "02") for label in ("faces>rest", "houses")]
        found = only(discover(dataset(*maps), paired="contrast=facesrest-houses"))
        assert found.entities.get("contrast") == "facesRestMinusHouses"


class TestTooMany:
    def refusal(self, *maps: str, **requested: Any) -> DuplicateMapsError:
        with pytest.raises(DuplicateMapsError) as caught:
            only(discover(dataset(*maps), **requested)).check()
        return caught.value

    def test_the_maps_of_the_side_with_several_are_named(self) -> None:
        maps = ["01_ses-1_run-1", "01_ses-1_run-2", "01_ses-2_run-2"]
        for paired in ("ses=2-1", "ses=1-2"):
            error = self.refusal(*maps, paired=paired)
            assert error.found.endswith(
                ": data/sub-01/sub-01_ses-1_run-1_contrast-c_stat-effect_statmap.nii, "
                "data/sub-01/sub-01_ses-1_run-2_contrast-c_stat-effect_statmap.nii"
            )
            assert error.expected == "one map per subject for each side of the difference"
            assert (
                error.hint
                == "Choose with --run-label 2, --by run for one analysis each, or combine them with --combine run"
            )

    def test_sessions_that_are_compared_are_not_offered_to_be_combined(self, tmp_path: Path) -> None:
        for subject in ("01", "02"):
            touch_sessions(tmp_path, subject, "1", "2", "3")
            sessions(tmp_path, subject, "session_id\tdrug", "ses-1\tno", "ses-2\tyes", "ses-3\tyes")
        with pytest.raises(DuplicateMapsError) as caught:
            only(discover(tmp_path, paired="drug")).check()
        assert caught.value.found.startswith("sub-01, sub-02 have more than one map")
        assert caught.value.hint == "Choose with --session-label 2 1"
        only(discover(tmp_path, paired="drug", session=["2", "1"])).check()

    def test_all_maps_of_a_side_are_named_where_both_have_several(self) -> None:
        error = self.refusal(*(f"01_run-{run}_contrast-{c}" for run in "123" for c in "xy"), paired="contrast=x-y")
        assert error.found.count("contrast-x_stat") == 3
        assert "contrast-y_stat" not in error.found
        assert (
            error.hint
            == "Choose with --run-label 1, --by run for one analysis each, or combine them with --combine run"
        )

    def test_two_pipelines_are_separated_by_derivatives(self) -> None:
        maps = [f"01_ses-{ses}_root-{root}" for ses in "12" for root in ("a", "b")]
        assert "--derivatives" in self.refusal(*maps, paired="ses").hint

    def test_contrasts_with_the_same_file_names_are_refused(self) -> None:
        maps = [f"01_ses-{ses}_contrast-{c}" for ses in "12" for c in ("a.b", "ab")]
        for contrast in discover(dataset(*maps), paired="ses"):
            with pytest.raises(DataError, match="cannot distinguish"):
                contrast.check()


def sessions(root: Path, subject: str, *lines: str) -> Path:
    """Write the table of the sessions of a subject."""
    path = root / f"sub-{subject}" / f"sub-{subject}_sessions.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


class TestTablesOfSessions:
    @pytest.fixture
    def crossover(self, tmp_path: Path) -> Path:
        """A raw dataset; half of the subjects got the drug first."""
        for subject, first, second in (("01", "placebo", "verum"), ("02", "verum", "placebo")):
            sessions(tmp_path, subject, "session_id\tage\tdrug", f"ses-1\t30\t{first}", f"ses-2\t31\t{second}")
            touch_sessions(tmp_path / "derivatives" / "glm", subject, "1", "2")
        return tmp_path

    def test_a_column_is_resolved_by_session(self, crossover: Path) -> None:
        contrast = only(discover(crossover, paired="drug"))
        contrast.check()
        assert contrast.name == "contrast-facesDrugVerumMinusDrugPlacebo"
        assert {subject: high.partition("_")[0] for subject, (high, _) in differences(contrast).items()} == {
            "01": "ses-2",
            "02": "ses-1",
        }
        assert contrast.notes == ("The map of each subject is drug verum minus drug placebo",)
        assert contrast.paired == "ses"
        assert only(discover(crossover, paired="drug=placebo-verum")).name.endswith("DrugPlaceboMinusDrugVerum")

    def test_numbers_that_are_equal_are_not_compared(self, tmp_path: Path) -> None:
        for subject in ("01", "02"):
            sessions(tmp_path, subject, "session_id\tdose", "ses-1\t1", "ses-2\t1.0")
            touch_sessions(tmp_path, subject, "1", "2")
        with pytest.raises(UsageError, match="are the same number"):
            discover(tmp_path, paired="dose")

    def test_tables_may_be_in_another_folder(self, crossover: Path) -> None:
        glm = open_dataset(crossover / "derivatives" / "glm")
        with pytest.raises(UsageError) as caught:
            discover(glm, paired="drug")
        assert caught.value.expected == "one of: ses"
        assert only(discover(glm, paired="drug", tables=[crossover / "none", crossover])).subjects == ("01", "02")

    def test_tables_may_be_in_the_dataset_of_the_maps(self, crossover: Path) -> None:
        glm = crossover / "derivatives" / "glm"
        touch_sessions(glm, "03", "1", "2")
        sessions(glm, "03", "session_id\tdrug", "1\tverum", "2\tplacebo")
        assert only(discover(crossover, paired="drug")).subjects == ("01", "02", "03")

    def test_the_first_folder_with_a_table_counts(self, crossover: Path) -> None:
        sessions(crossover / "derivatives" / "glm", "01", "session_id\tdrug", "1\tverum", "2\tplacebo")
        glm = crossover / "derivatives" / "glm"
        found = [
            only(discover(crossover, paired="drug", tables=tables)) for tables in ([crossover, glm], [glm, crossover])
        ]
        assert [differences(each)["01"][0].partition("_")[0] for each in found] == ["ses-2", "ses-1"]

    def test_tables_may_be_beside_a_manifest(self, tmp_path: Path) -> None:
        sessions(tmp_path, "01", "session_id\tdrug", "ses-1\ta", "ses-2\tb")
        for name in ("1.nii", "2.nii"):
            (tmp_path / "x" / name).parent.mkdir(exist_ok=True)
            (tmp_path / "x" / name).touch()
        rows = ["participant_id\tsession\teffect", *(f"01\t{n}\tx/{n}.nii" for n in "12")]
        (tmp_path / "maps.tsv").write_text("\n".join(rows))
        contrast = only(discover(open_manifest(tmp_path / "maps.tsv"), paired="drug"))
        assert contrast.subjects == ("01",)

    def test_columns_are_offered(self, crossover: Path) -> None:
        with pytest.raises(UsageError) as caught:
            discover(crossover, paired="dose")
        assert caught.value.expected == "one of: ses, age, drug"

    def test_an_entity_is_preferred_to_a_column_of_the_same_name(self, tmp_path: Path) -> None:
        sessions(tmp_path, "01", "session_id\tacq", "1\ty", "2\tx")
        touch_sessions(tmp_path, "01", "1", acq="x")
        touch_sessions(tmp_path, "01", "2", acq="y")
        found = discover(tmp_path, paired="acq")
        assert "maps of acq-y and acq-x that differ in ses, too" in reasons(found)["sub-01"]

    @pytest.mark.parametrize("cell", ["n/a", "", "NaN"])
    def test_a_session_without_a_value_is_excluded(self, crossover: Path, cell: str) -> None:
        sessions(crossover, "02", "session_id\tdrug", "ses-1\tverum", f"ses-2\t{cell}")
        touch_maps(crossover / "derivatives" / "glm", "03", **PLAIN)
        found = discover(crossover, paired="drug")
        assert only(found).subjects == ("01",)
        expected = reasons(found)
        assert expected[map_path(Path(), "02", session="2", **PLAIN).name] == (
            "no drug of its session in the sessions.tsv of its subject"
        )
        assert expected[map_path(Path(), "03", **PLAIN).name] == "no ses in its name"
        assert expected["sub-02"] == "no effect map of drug placebo"

    @pytest.mark.parametrize(
        ("lines", "found"),
        [
            (["id\tdrug", "ses-1\ta"], " has no column session_id (its columns: id, drug)"),
            (["session_id\tdrug\tdrug", "ses-1\ta\tb"], " has column drug more than once"),
            (["session_id\tdrug", "ses-1"], ", line 2 has 1 cell"),
            (["session_id\tdrug", "ses-1\ta", "1\tb"], ", line 3 has ses-1 again, after line 2"),
            (["session_id\tdrug"], " is empty"),
            (['session_id\tdrug\n1\t"'], ", line 2 cannot be read"),
        ],
    )
    def test_malformed_tables_are_refused(self, crossover: Path, lines: list[str], found: str) -> None:
        path = sessions(crossover, "02", *lines)
        with pytest.raises(BidsAriError) as caught:
            discover(crossover, paired="drug")
        assert type(caught.value) is DataError
        assert caught.value.found.startswith(f"{path}{found}")

    def test_a_table_that_was_not_fetched_is_an_error(self, crossover: Path) -> None:
        path = crossover / "sub-02" / "sub-02_sessions.tsv"
        path.unlink()
        path.symlink_to("gone")
        with pytest.raises(BidsAriError) as caught:
            discover(crossover, paired="drug")
        assert caught.value.found == f"{path} is a link to content that is not here"


@pytest.mark.parametrize("label", ["a b", "../x", "<script>", "é", "a\x1b[2J", "😀", "a" * 300, "%s", "9" * 5000])
def test_any_value_is_accepted(label: str) -> None:
    maps = (f"{sub}_acq-{acq}" for sub in ("01", "02") for acq in (label, "zz"))
    contrast = only(discover(dataset(*maps), paired=f"acq=zz-{label}"))
    contrast.check()
    assert all(c.isalnum() or c in "_-+" for c in contrast.name)
    assert contrast.name.isascii()
    assert contrast.notes[0].isprintable()
