"""Degrees of freedom in the files that FEAT writes beside t maps."""

from pathlib import Path

import numpy as np
import pytest
from builders import SHAPE, saved

from bids_ari.errors import DataError
from bids_ari.images.feat import dof_of_feat


@pytest.mark.parametrize(
    ("text", "dof"), [("158\n", 158), ("1.625e+02  \n", 162.5), ("", None), ("n/a", None), ("0", None), ("nan", None)]
)
def test_the_file_of_a_first_level(tmp_path: Path, text: str, dof: float | None) -> None:
    (tmp_path / "dof").write_text(text)
    found = dof_of_feat(tmp_path / "tstat2.nii.gz")
    assert (found and found.dof) == dof
    assert found is None or found.source.name == "dof"


@pytest.mark.parametrize("name", ["zstat1.nii.gz", "x_tstat1.nii.gz", "spmT_0001.nii", "tstat1_thresh.nii.gz"])
def test_names_of_other_maps(tmp_path: Path, name: str) -> None:
    """Such as randomise's, which stand in a folder of any files."""
    (tmp_path / "dof").write_text("158")
    assert dof_of_feat(tmp_path / name) is None


def test_nothing_beside_the_map(tmp_path: Path) -> None:
    assert dof_of_feat(tmp_path / "tstat1.nii.gz") is None
    (tmp_path / "dof").mkdir()
    assert dof_of_feat(tmp_path / "tstat1.nii.gz") is None


def test_a_map_of_a_higher_level(tmp_path: Path) -> None:
    """0 outside the mask; each contrast has its own."""
    dof = np.zeros(SHAPE)
    dof[2:8, 2:8, 2:8] = 11
    saved(tmp_path / "tdof_t1.nii.gz", dof)
    (tmp_path / "dof").write_text("158")
    assert [dof_of_feat(tmp_path / f"tstat{i}.nii.gz").dof for i in (1, 2)] == [11, 158]  # type: ignore[union-attr]


def test_degrees_of_freedom_that_differ_between_voxels(tmp_path: Path) -> None:
    """FLAME 1+2 estimates them near the threshold."""
    dof = np.full(SHAPE, 11.0)
    dof[5, 5, 5] = 13.4
    saved(tmp_path / "tdof_t1.nii.gz", dof)
    with pytest.raises(
        DataError, match=r"differ between voxels: from 11 to 13\.4 in tdof_t1\.nii\.gz.*zstat1\.nii\.gz"
    ):
        dof_of_feat(tmp_path / "tstat1.nii.gz")
