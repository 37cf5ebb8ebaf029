"""Names of files and folders: no label is read only in part, and numbers that are indices are the same."""

from pathlib import Path
from typing import NamedTuple

import pytest
from bidsschematools.schema import load_schema
from builders import map_path, touch_maps

from bids_ari.bids.dataset import open_dataset
from bids_ari.bids.discover import discover
from bids_ari.bids.names import INDICES, problem_of_name
from bids_ari.bids.single_map import contrast_of_map
from bids_ari.errors import DuplicateMapsError, NoMatchError


class Case(NamedTuple):
    """A file name, and what its problem shows."""

    name: str
    shown: str


CASES = [
    Case("sub-01_contrast-faces_vs_houses_stat-effect_statmap.nii.gz", "contrast-faces_vs_houses: a label"),
    Case("sub-01_task-a_b_contrast-faces_stat-effect_statmap.nii.gz", "task-a_b: a label"),
    Case("sub-01_contrast-faces_stat-effect_smoothed_statmap.nii.gz", "stat-effect_smoothed: a label"),
    Case("my_sub-01_contrast-faces_stat-effect_statmap.nii.gz", "'my', which is not key-label"),
    Case("sub-01__contrast-faces_stat-effect_statmap.nii.gz", "'sub-01_', which is not key-label"),
    Case("sub-01_contrast-_stat-effect_statmap.nii.gz", "contrast-"),
    Case("sub-01_contrast-faces_contrast-houses_stat-effect_statmap.nii.gz", "contrast- more than once"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.shown)
def test_what_is_no_entity_is_shown(case: Case) -> None:
    assert case.shown in problem_of_name(case.name)


@pytest.mark.parametrize("label", ["faces", "faces-houses", "faces>houses", "0.5", "a b", "é", "a+b"])
def test_a_label_without_underscore_is_read_to_its_end(label: str) -> None:
    assert problem_of_name(f"sub-01_contrast-{label}_stat-effect_statmap.nii.gz") == ""


class TestTruncation:
    """Maps whose names differ are never one contrast because a label is cut off."""

    def test_six_maps_with_underscores_do_not_join_six_others(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, *"123456")
        touch_maps(tmp_path, *(f"1{i}" for i in range(6)), contrast="faces_vs_houses")
        found = discover(tmp_path)
        assert [(contrast.entities.get("contrast"), len(contrast.members)) for contrast in found] == [("faces", 6)]
        assert found[0].excluded == ()
        assert [entry.reason for entry in found.excluded] == [
            "its name has contrast-faces_vs_houses: a label must not contain an underscore"
        ] * 6

    def test_two_such_contrasts_are_not_one(self, tmp_path: Path) -> None:
        for label in ("faces_left", "faces_right"):
            touch_maps(tmp_path, "01", "02", contrast=label)
        with pytest.raises(NoMatchError) as caught:
            discover(tmp_path)
        assert "contrast-faces_left" in caught.value.hint
        assert "contrast-faces_right" in caught.value.hint

    def test_the_label_that_cannot_be_used_can_be_named(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        touch_maps(tmp_path, "01", "02", contrast="faces_vs_houses")
        with pytest.raises(NoMatchError) as caught:
            discover(tmp_path, contrast="faces_vs_houses")
        assert "a label must not contain an underscore" in caught.value.hint

    @pytest.mark.parametrize("folder", ["contrast-faces_vs_houses", "contrast-faces>houses"])
    def test_labels_of_folders_are_not_cut_off_either(self, tmp_path: Path, folder: str) -> None:
        touch_maps(tmp_path, "01", "02")
        for label in ("01", "02"):
            path = tmp_path / folder / f"sub-{label}_task-emo_space-MNI152NLin2009cAsym_stat-effect_statmap.nii.gz"
            path.parent.mkdir(exist_ok=True)
            path.touch()
        sets = {contrast.entities.get("contrast"): len(contrast.members) for contrast in discover(tmp_path)}
        assert sets == ({"faces": 2} if "_" in folder else {"faces": 2, "faceshouses": 2})

    def test_a_folder_with_other_words_does_not_matter_where_the_file_has_all_labels(self, tmp_path: Path) -> None:
        touch_maps(tmp_path / "task-emo_second try", "01", "02", space=None)
        assert len(discover(tmp_path)[0].members) == 2

    @pytest.mark.parametrize("key", ["sub", "ses"])
    def test_a_map_among_the_files_of_another_subject_or_session_is_excluded(self, tmp_path: Path, key: str) -> None:
        touch_maps(tmp_path, "01", "02", session="a")
        path = map_path(tmp_path, "01", session="a")
        path.rename(path.with_name(path.name.replace({"sub": "sub-01", "ses": "ses-a"}[key], f"{key}-03")))
        found = discover(tmp_path)
        assert found[0].subjects == ("02",)
        assert [entry.reason for entry in found[0].excluded if not entry.is_subject] == [
            f"its name has {key}-03, its folder {'sub-01' if key == 'sub' else 'ses-a'}"
        ]

    @pytest.mark.parametrize("folder", ["sub-01.feat", "sub-1", "sub-01_pilot"])
    def test_the_folder_of_a_subject_may_have_a_longer_name(self, tmp_path: Path, folder: str) -> None:
        touch_maps(tmp_path, "01")
        (tmp_path / "sub-01").rename(tmp_path / folder)
        assert discover(tmp_path)[0].subjects == ("01",)

    def test_the_name_of_a_single_map_is_not_cut_off(self) -> None:
        path = Path("sub-01_contrast-faces_vs_houses_stat-z_statmap.nii.gz")
        assert contrast_of_map(path, "z").name == "contrast-sub01contrastfacesvshousesstatzstatmap"

    def test_a_sidecar_with_underscores_is_not_one_of_the_shorter_label(self, tmp_path: Path) -> None:
        (path,) = touch_maps(tmp_path, "01")
        other = path.with_name(path.name.replace("faces", "faces_vs_houses").replace(".nii.gz", ".json"))
        other.write_text('{"DegreesOfFreedom": 3}')
        (file,) = open_dataset(tmp_path).statmaps
        assert file.sidecar() == {}


class TestOddLetters:
    """A contrast is chosen by its label, and by what results and ``--list`` call it."""

    @pytest.fixture
    def tree(self, tmp_path: Path) -> Path:
        for label in ("faces>scrambled", "houses"):
            touch_maps(tmp_path, "01", "02", contrast=label)
        return tmp_path

    @pytest.mark.parametrize("label", ["faces>scrambled", "facesscrambled", "contrast-facesscrambled"])
    def test_both_labels_are_accepted(self, tree: Path, label: str) -> None:
        (contrast,) = discover(tree, contrast=label)
        assert contrast.entities.get("contrast") == "facesscrambled"
        (contrast,) = discover(tree, where={"contrast": label})
        assert contrast.entities.get("contrast") == "facesscrambled"

    def test_a_label_that_exists_is_not_another_one(self, tree: Path) -> None:
        touch_maps(tree, "03", "04", contrast="facesscrambled")
        assert [contrast.subjects for contrast in discover(tree, contrast="facesscrambled")] == [("03", "04")]
        assert [contrast.subjects for contrast in discover(tree, contrast="faces>scrambled")] == [("01", "02")]

    def test_a_difference_is_chosen_by_its_name(self, tree: Path) -> None:
        every = discover(tree, paired="contrast=houses-faces>scrambled")
        (label,) = {contrast.entities.get("contrast") for contrast in every}
        (chosen,) = discover(tree, paired="contrast=houses-faces>scrambled", contrast=label)
        assert chosen.members == every[0].members
        with pytest.raises(NoMatchError, match="one of: housesMinusFacesScrambled"):
            discover(tree, paired="contrast=houses-faces>scrambled", contrast="nope")


class TestIndices:
    def test_they_are_those_of_the_bids_schema(self) -> None:
        entities = load_schema().objects.entities.values()
        assert {entity.name for entity in entities if entity.get("format") == "index"} == set(INDICES)

    def test_run_1_and_run_01_are_one_run(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", run="1")
        touch_maps(tmp_path, "02", run="01")
        (contrast,) = discover(tmp_path)
        assert contrast.entities.get("run") == "01"
        assert contrast.notes == ("run-1 and run-01 are the same run",)

    @pytest.mark.parametrize("label", ["1", "01", "001", "run-1"])
    def test_a_run_is_chosen_with_any_leading_zeros(self, tmp_path: Path, label: str) -> None:
        touch_maps(tmp_path, "01", run="1")
        touch_maps(tmp_path, "02", run="01")
        for subject in ("01", "02"):
            touch_maps(tmp_path, subject, run="2")
        (contrast,) = discover(tmp_path, run=label)
        assert contrast.subjects == ("01", "02")
        (contrast,) = discover(tmp_path, where={"run": label})
        assert contrast.subjects == ("01", "02")

    @pytest.mark.parametrize("key", ["echo", "split", "chunk", "flip", "inv"])
    def test_other_indices_do_not_separate_a_contrast(self, tmp_path: Path, key: str) -> None:
        touch_maps(tmp_path, "01", **{key: "1"})
        touch_maps(tmp_path, "02", **{key: "01"})
        (contrast,) = discover(tmp_path)
        assert (contrast.subjects, contrast.entities.get(key)) == (("01", "02"), "01")

    def test_a_label_that_is_no_index_separates_contrasts(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", acq="1")
        touch_maps(tmp_path, "02", acq="01")
        assert len(discover(tmp_path)) == 2

    @pytest.mark.parametrize("combine", [None, "run"])
    def test_both_of_one_subject_are_not_two_runs(self, tmp_path: Path, combine: "str | None") -> None:
        for run in ("1", "01"):
            touch_maps(tmp_path, "01", "02", run=run)
        with pytest.raises(DuplicateMapsError, match="run-01"):
            discover(tmp_path, combine=combine)[0].check()  # type: ignore[arg-type]


class TestSessions:
    def test_they_are_labels(self, tmp_path: Path) -> None:
        """A session that was not selected is excluded, and the reason shows how little it differs."""
        touch_maps(tmp_path, "01", session="1")
        touch_maps(tmp_path, "02", session="01")
        (contrast,) = discover(tmp_path, session="1")
        assert contrast.subjects == ("01",)
        assert "ses-01 in its name is not the selected ses-1" in {entry.reason for entry in contrast.excluded}

    def test_those_that_differ_in_leading_zeros_are_noted(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "1", session="1")
        touch_maps(tmp_path, "01", session="01")
        assert discover(tmp_path)[0].notes == (
            "sub-01 and sub-1 count as different, but may be the same: they differ only in leading zeros",
            "ses-01 and ses-1 count as different, but may be the same: they differ only in leading zeros",
        )

    def test_sessions_1_and_01_of_a_subject_are_not_combined(self, tmp_path: Path) -> None:
        for session in ("1", "01"):
            touch_maps(tmp_path, "01", "02", session=session)
        with pytest.raises(DuplicateMapsError, match="ses-01"):
            discover(tmp_path, combine="session")[0].check()
