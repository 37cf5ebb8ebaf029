"""Which files are brain masks of subjects, of which space."""

import errno
from pathlib import Path

import pytest
from builders_trees import place, refuse

from bids_ari.bids.subject_masks import find_masks, find_tissues
from bids_ari.errors import InputNotFoundError, NoMatchError, ReadError, UsageError

MNI = "MNI152NLin2009cAsym"


def mask_of(subject: str, *, more: str = "task-rest", space: str = MNI, folder: str = "func") -> Path:
    names = [f"sub-{subject}", more, f"space-{space}" if space else "", "desc-brain", "mask.nii.gz"]
    return Path(f"sub-{subject}", folder, "_".join(filter(None, names)))


def tree(top: Path, *paths: Path | str) -> Path:
    place(*(top / path for path in paths))
    return top


class TestWhichFiles:
    def test_all_runs_of_a_subject(self, tmp_path: Path) -> None:
        runs = [mask_of("01", more=f"task-rest_run-{i}") for i in (1, 2)]
        found = find_masks(tree(tmp_path, *runs, mask_of("02")))
        assert found.files == {"01": tuple(tmp_path / run for run in runs), "02": (tmp_path / mask_of("02"),)}
        assert found.space == MNI

    def test_those_of_sessions(self, tmp_path: Path) -> None:
        path = Path("sub-01", "ses-1", "func", f"sub-01_ses-1_task-rest_space-{MNI}_desc-brain_mask.nii.gz")
        assert find_masks(tree(tmp_path, path)).files == {"01": (tmp_path / path,)}

    @pytest.mark.parametrize(
        "other",
        [
            mask_of("01", more="", folder="anat"),
            f"sub-01/func/sub-01_task-rest_space-{MNI}_desc-confounds_mask.nii.gz",
            f"sub-01/func/sub-01_task-rest_space-{MNI}_label-CSF_mask.nii.gz",
            f"sub-01/func/sub-01_task-rest_space-{MNI}_desc-brain_mask.json",
            f"group/task-rest_space-{MNI}_desc-brain_mask.nii.gz",
        ],
    )
    def test_no_others(self, other: Path | str, tmp_path: Path) -> None:
        assert find_masks(tree(tmp_path, other, mask_of("01"))).files == {"01": (tmp_path / mask_of("01"),)}

    def test_those_of_halfpipe_and_nilearn_without_desc(self, tmp_path: Path) -> None:
        halfpipe = "sub-01/func/task-x/sub-01_task-x_feature-f_taskcontrast-c_mask.nii.gz"
        nilearn = "sub-02/sub-02_task-x_mask.nii.gz"
        found = find_masks(tree(tmp_path, halfpipe, nilearn))
        assert found.files == {"01": (tmp_path / halfpipe,), "02": (tmp_path / nilearn,)}
        assert found.space == ""

    def test_none(self, tmp_path: Path) -> None:
        with pytest.raises(InputNotFoundError, match=r"no brain mask.*desc-brain_mask.nii.gz"):
            find_masks(tmp_path)

    def test_none_but_in_the_derivatives_of_the_folder(self, tmp_path: Path) -> None:
        tree(tmp_path / "derivatives" / "fmriprep", mask_of("01"))
        with pytest.raises(InputNotFoundError, match=f"Use {tmp_path / 'derivatives' / 'fmriprep'}"):
            find_masks(tmp_path)

    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputNotFoundError, match="no folder"):
            find_masks(tmp_path / "nowhere")

    def test_behind_links_once(self, tmp_path: Path) -> None:
        """As git-annex and shared file systems have them: a subject, a folder of it, and a link back to the top."""
        tree(tmp_path / "store", "func/sub-01_task-a_desc-brain_mask.nii.gz")
        top = tree(tmp_path / "fmriprep", "sub-02/anat/sub-02_T1w.nii.gz", "sub-01.html")
        (top / "sub-01").symlink_to(tmp_path / "store")
        tree(tmp_path / "other", "sub-02_task-a_desc-brain_mask.nii.gz")
        (top / "sub-02" / "func").symlink_to(tmp_path / "other")
        (top / "sub-02" / "back").symlink_to(top)
        assert {label: len(files) for label, files in find_masks(top).files.items()} == {"01": 1, "02": 1}

    def test_a_subject_whose_folder_cannot_be_read_is_not_left_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tree(tmp_path, mask_of("01"), mask_of("02"))
        refuse(monkeypatch, tmp_path / "sub-02" / "func", errno.EACCES)
        with pytest.raises(ReadError, match=r"sub-02/func cannot be read: Permission denied\. Make it readable"):
            find_masks(tmp_path)


class TestSpaces:
    def test_a_native_space_is_not_chosen(self, tmp_path: Path) -> None:
        tree(tmp_path, mask_of("01"), mask_of("01", space="T1w"), mask_of("01", space=""))
        assert find_masks(tmp_path).files == {"01": (tmp_path / mask_of("01"),)}

    def test_several(self, tmp_path: Path) -> None:
        tree(tmp_path, mask_of("01"), mask_of("01", space="MNI152NLin6Asym"))
        with pytest.raises(UsageError, match=rf"several spaces.*{MNI}, MNI152NLin6Asym.*--space"):
            find_masks(tmp_path)
        assert find_masks(tmp_path, space=MNI).files == {"01": (tmp_path / mask_of("01"),)}

    def test_several_resolutions(self, tmp_path: Path) -> None:
        names = [mask_of("01", space=f"{MNI}_res-{res}") for res in ("1", "02")]
        tree(tmp_path, *names)
        with pytest.raises(UsageError, match=rf"{MNI}:res-02, {MNI}:res-1"):
            find_masks(tmp_path, space=MNI)
        assert find_masks(tmp_path, space=f"{MNI}:res-2").files == {"01": (tmp_path / names[1],)}

    @pytest.mark.parametrize(("space", "there"), [("T1w", MNI), ("", "T1w")])
    def test_a_native_space(self, space: str, there: str, tmp_path: Path) -> None:
        tree(tmp_path, mask_of("01", space=there))
        with pytest.raises(UsageError, match="native"):
            find_masks(tmp_path, space=space)

    def test_an_unknown_one(self, tmp_path: Path) -> None:
        with pytest.raises(NoMatchError, match=f"one of: {MNI}"):
            find_masks(tree(tmp_path, mask_of("01")), space="fsLR")

    def test_names_without_a_space_are_in_the_one_that_is_stated(self, tmp_path: Path) -> None:
        found = find_masks(tree(tmp_path, mask_of("01", space="")), space=MNI)
        assert (found.space, [*found.files]) == (MNI, ["01"])


class TestFilters:
    @pytest.fixture
    def top(self, tmp_path: Path) -> Path:
        return tree(tmp_path, *(mask_of(f"{i:02d}", more=f"task-{task}") for i in (1, 2, 3) for task in ("a", "b")))

    def test_subjects_with_other_zeros(self, top: Path) -> None:
        assert [*find_masks(top, subjects=["1", "sub-03"]).files] == ["01", "03"]

    def test_excluded_subjects(self, top: Path, caplog: pytest.LogCaptureFixture) -> None:
        assert [*find_masks(top, exclude=["2", "77"]).files] == ["01", "03"]
        assert "--exclude 77: there is no such subject" in caplog.text

    def test_a_task(self, top: Path) -> None:
        assert {len(files) for files in find_masks(top, task=["a"]).files.values()} == {1}

    def test_an_unknown_label(self, top: Path) -> None:
        with pytest.raises(NoMatchError, match="task-c; expected one of: a, b"):
            find_masks(top, task=["c"])

    def test_nobody(self, top: Path) -> None:
        with pytest.raises(NoMatchError, match="left by the filters"):
            find_masks(top, exclude=["1", "2", "3"])


class TestTissues:
    def test_the_map_of_each_subject_in_the_space(self, tmp_path: Path) -> None:
        names = [f"sub-{i}/anat/sub-{i}_space-{MNI}_res-1_label-GM_probseg.nii.gz" for i in ("01", "02")]
        tree(tmp_path, *names, mask_of("01"), mask_of("02"), "sub-01/anat/sub-01_label-GM_probseg.nii.gz")
        assert find_tissues(find_masks(tmp_path)) == {"01": tmp_path / names[0], "02": tmp_path / names[1]}

    def test_maps_may_have_another_resolution_than_the_masks(self, tmp_path: Path) -> None:
        """They are interpolated to the grid of the masks."""
        name = f"sub-01/anat/sub-01_space-{MNI}_res-1_label-GM_probseg.nii.gz"
        masks = find_masks(tree(tmp_path, name, mask_of("01", space=f"{MNI}_res-2")))
        assert masks.space == f"{MNI}:res-2"
        assert find_tissues(masks) == {"01": tmp_path / name}

    def test_a_subject_without_one(self, tmp_path: Path) -> None:
        with pytest.raises(InputNotFoundError, match=r"grey matter of 01.*--grey-matter template"):
            find_tissues(find_masks(tree(tmp_path, mask_of("01"))))

    def test_an_unknown_space(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no space"):
            find_tissues(find_masks(tree(tmp_path, mask_of("01", space=""))))
