"""Images that are shown under the statistics."""

import sys
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, saved
from builders_cortex import grayordinates, surfaces

from bids_ari.errors import DataError, GridMismatchError, InputNotFoundError, NoMatchError, UsageError
from bids_ari.images.anatomy import check_underlay, find_underlay, read_underlay
from bids_ari.images.volume import Grid, VolumeSpace

SPACE = VolumeSpace(Grid(SHAPE, AFFINE), np.ones(SHAPE, dtype=bool))


def test_an_image_on_another_grid(tmp_path: Path) -> None:
    path = saved(tmp_path / "t1.nii", np.ones((20, 22, 24)), AFFINE @ np.diag([0.5, 0.5, 0.5, 1]))
    assert read_underlay(path, SPACE).grid.shape == (20, 22, 24)


def test_images_that_cannot_be_shown(tmp_path: Path) -> None:
    """Moved along x by 6 of 10 voxels, 4 of 10 are in its field of view."""
    moved = AFFINE.copy()
    moved[0, 3] -= 18
    with pytest.raises(GridMismatchError, match="40% of the voxels"):
        read_underlay(saved(tmp_path / "moved.nii", np.ones(SHAPE), moved), SPACE)
    check_underlay(tmp_path / "moved.nii", SPACE.grid)  # the voxels tested may be among these
    moved[0, 3] -= 18
    with pytest.raises(GridMismatchError, match="0% of the voxels"):
        check_underlay(saved(tmp_path / "away.nii", np.ones(SHAPE), moved), SPACE.grid)
    with pytest.raises(DataError, match="no value above 0"):
        read_underlay(saved(tmp_path / "empty.nii", np.zeros(SHAPE)), SPACE)
    with pytest.raises(InputNotFoundError):
        read_underlay(tmp_path / "gone.nii", SPACE)


class TestOfTemplateFlow:
    """A client whose files are in one folder."""

    @pytest.fixture(autouse=True)
    def _home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("cohort-1_T1w", "cohort-3_T1w", "cohort-4_T2w"):
            (tmp_path / f"tpl-A_{name}.nii.gz").write_bytes(b"here")

        def ls(template: str, suffix: str, **_: object) -> list[Path]:
            return sorted(tmp_path.glob(f"tpl-{template}_*{suffix}.nii.gz"))

        monkeypatch.setitem(sys.modules, "templateflow", SimpleNamespace(api=SimpleNamespace(ls=ls, templates=list)))
        monkeypatch.setenv(
            "TEMPLATEFLOW_HOME", str(tmp_path / "new")
        )  # a folder with templates is read without the client

    @pytest.mark.parametrize("image", [None, Path("template")])
    def test_a_space_with_cohorts_is_shown_on_its_own_template(self, image: Path | None, tmp_path: Path) -> None:
        assert find_underlay(image, "A+3", SPACE.grid) == tmp_path / "tpl-A_cohort-3_T1w.nii.gz"
        assert find_underlay(image, "A+4", SPACE.grid) == tmp_path / "tpl-A_cohort-4_T2w.nii.gz"

    def test_only_a_template_that_was_requested_must_exist(self) -> None:
        assert find_underlay(None, "A+5", SPACE.grid) is None
        assert find_underlay(None, "B", SPACE.grid) is None
        for space in ("A+5", "B"):
            with pytest.raises(NoMatchError, match="no T1w or T2w template of"):
                find_underlay(Path("template"), space, SPACE.grid)

    def test_a_file_is_itself(self) -> None:
        assert find_underlay(Path("t1.nii"), "A+3", SPACE.grid) == Path("t1.nii")


class TestOfSurfaces:
    def test_a_map_of_sulcal_depth(self, tmp_path: Path) -> None:
        for side in "LR":
            array = nib.gifti.GiftiDataArray(np.arange(8, dtype=np.float32))
            nib.save(nib.GiftiImage(darrays=[array]), tmp_path / f"hemi-{side}_sulc.shape.gii")
        path = tmp_path / "hemi-L_sulc.shape.gii"
        for frame in (surfaces(), grayordinates()):
            assert find_underlay(path, "fsaverage", frame) == path
            check_underlay(path, frame)
            assert find_underlay(None, "MNIInfant+2", frame) is None

    def test_an_image_for_voxels(self, tmp_path: Path) -> None:
        """The voxels are from -3 to 3, -5 to 5 and -3 to 3 mm."""
        frame, around = grayordinates(), np.diag([2.0, 2.0, 2.0, 1.0])
        around[:3, 3] = -10
        path = saved(tmp_path / "t1.nii", np.ones((11, 11, 11)), around)
        assert find_underlay(path, "fsLR", frame) == path
        check_underlay(path, frame)
        around[0, 3] = 90
        with pytest.raises(GridMismatchError, match="0% of the voxels"):
            check_underlay(saved(tmp_path / "away.nii", np.ones((11, 11, 11)), around), frame)

    def test_other_underlays_are_refused(self) -> None:
        with pytest.raises(UsageError, match="no template image"):
            find_underlay(Path("template"), "fsaverage", surfaces())
        with pytest.raises(DataError, match="is a volume"):
            find_underlay(Path("T1w.nii.gz"), "fsaverage", surfaces())
