"""Parcels and masks of surfaces and grayordinates, at the positions of an analysis."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders_labels import LEFT, cortex, save_cifti, save_gifti, voxels
from nibabel.cifti2 import BrainModelAxis, LabelAxis
from nibabel.freesurfer.io import write_annot
from nilearn.datasets import fetch_surf_fsaverage
from scipy.spatial import cKDTree

from bids_ari.bids.hemispheres import hemisphere_files
from bids_ari.errors import DataError, GridMismatchError
from bids_ari.images.surface_regions import Parcels, read_parcels, surface_mask

AXIS = cortex(6, left=[0, 2, 3, 5], right=[1, 2, 4])  # without the medial wall
SIX = cortex(6)


def named(parcels: Parcels) -> list[str]:
    return ["" if i < 0 else parcels.found[i].name for i in parcels.which]


def test_numbers_of_both_hemispheres_are_different_parcels(tmp_path: Path) -> None:
    names = {0: "???", 1: "V1", 2: "M1", 3: "Medial_wall"}
    left = save_gifti(tmp_path / "a_hemi-L.label.gii", [1, 3, 1, 2, 2, 0], names)
    right = save_gifti(tmp_path / "a_hemi-R.label.gii", [3, 1, 4, 2, 2, 2], names | {4: "only here"})
    found = read_parcels([left, right], AXIS)
    assert named(found) == ["left V1", "left V1", "left M1", "", "right V1", "only here", "right M1"]
    assert [parcel.number for parcel in found.found] == [1, 2, 1, 2, 4]
    alone = read_parcels([right], AXIS)
    assert named(alone) == ["", "", "", "", "V1", "only here", "M1"]


def test_names_of_a_table_replace_those_of_the_file(tmp_path: Path) -> None:
    path = save_gifti(tmp_path / "lh.a.label.gii", [1, 0, 7, 1, 1, 1], {1: "A"})
    assert named(read_parcels([path], SIX))[:3] == ["A", "", "parcel 7"]
    assert named(read_parcels([path], SIX, {1: "B", 7: "C"}))[:3] == ["B", "", "C"]


def test_labels_of_grayordinates(tmp_path: Path) -> None:
    """A number of a CIFTI file is one parcel, also in both hemispheres; positions are found in any order."""
    axis = AXIS + voxels([[1, 2, 3], [0, 0, 1]])
    order = [7, 8, 4, 5, 6, 0, 1, 2, 3]
    path = save_cifti(
        tmp_path / "a.dlabel.nii",
        np.array([1, 1, 2, 0, 3, 4, 1, 5, 0])[order],
        axis[order],
        {0: "???", 1: "net", 2: "V", 3: "V", 4: "-", 5: "thalamus"},
    )
    found = read_parcels([path], axis)
    assert named(found) == ["net", "net", "left V", "", "right V", "-", "net", "thalamus", ""]


def test_labels_of_grayordinates_for_maps_of_vertices(tmp_path: Path) -> None:
    path = save_cifti(tmp_path / "a.dlabel.nii", [1, 2, 1, 2, 2, 2, 2], AXIS, {1: "A", 2: "B"})
    assert named(read_parcels([path], SIX)) == ["A", "", "B", "A", "", "B", "", "B", "B", "", "B", ""]


@pytest.mark.parametrize("first", ["unknown", "A"])
def test_annotations_of_freesurfer(tmp_path: Path, first: str) -> None:
    """Where the first entry of the table is a parcel, as no annotation of FreeSurfer has it, it is kept."""
    table = np.array([[10, 0, 0, 0], [0, 20, 0, 0], [0, 0, 30, 0]])
    for side, numbers in (("lh", [0, 1, 1, 2, 2, -1]), ("rh", [2, 2, 2, 1, 1, 0])):
        write_annot(tmp_path / f"{side}.a.annot", np.array(numbers), table, [first, "B", "C"], fill_ctab=True)
    found = read_parcels([tmp_path / "lh.a.annot", tmp_path / "rh.a.annot"], SIX)
    nothing = ("", "") if first == "unknown" else ("left A", "right A")
    assert named(found)[:6] == [nothing[0], "left B", "left B", "left C", "left C", ""]
    assert named(found)[6:] == ["right C", "right C", "right C", "right B", "right B", nothing[1]]


def test_atlases_that_do_not_fit(tmp_path: Path) -> None:
    small = save_gifti(tmp_path / "a_hemi-L.label.gii", [1, 1, 1], {1: "A"})
    with pytest.raises(DataError, match=r"a_hemi-L\.label\.gii has 3 vertices in the left hemisphere, the maps have 6"):
        read_parcels([small], AXIS)
    with pytest.raises(DataError, match=r"a\.nii\.gz is a volume, the maps are on surfaces"):
        read_parcels([tmp_path / "a.nii.gz"], AXIS)
    right = save_gifti(tmp_path / "a_hemi-R.label.gii", np.ones(6), {1: "A"})
    with pytest.raises(DataError, match="none of the structures of the maps; expected CORTEX_LEFT"):
        read_parcels([right], BrainModelAxis.from_surface(np.arange(6), 6, LEFT))
    empty = save_gifti(tmp_path / "b_hemi-R.label.gii", np.zeros(6), {0: "???"})
    with pytest.raises(DataError, match="contains no parcel"):
        read_parcels([empty], AXIS)
    negative = save_gifti(tmp_path / "c_hemi-R.label.gii", np.full(6, -7), {0: "???"})
    with pytest.raises(DataError, match=r"c_hemi-R.*such as -7 \(3 positions\)"):
        read_parcels([negative], AXIS)
    several = tmp_path / "e.dlabel.nii"
    maps = LabelAxis(["first", "second"], [{1: ("A", (1.0, 0.0, 0.0, 1.0))}] * 2)
    nib.save(nib.Cifti2Image(np.ones((2, len(AXIS)), dtype=np.float32), (maps, AXIS)), several)
    with pytest.raises(DataError, match=r"has 2 maps: 'first', 'second'; expected one map\. Extract it"):
        read_parcels([several], AXIS)
    axis = AXIS + voxels([[1, 2, 3]])
    coarse = save_cifti(tmp_path / "d.dlabel.nii", [1], voxels([[1, 2, 3]], size=3), {1: "A"})
    with pytest.raises(GridMismatchError, match="voxels on another grid"):
        read_parcels([coarse], axis)


def mask(path: Path, threshold: float | None = None) -> list[int]:
    inside = surface_mask(hemisphere_files(path), AXIS, threshold, label="The mask", flag="mask-threshold")
    return inside.astype(int).tolist()


def test_masks_of_both_hemispheres(tmp_path: Path) -> None:
    left = save_gifti(tmp_path / "a_hemi-L.func.gii", [1, 1, 0, 0, 1, np.nan])
    assert mask(left) == [1, 0, 0, 0, 0, 0, 0]
    right = save_gifti(tmp_path / "a_hemi-R.func.gii", [0, 1, 0, 0, 1, 1])
    assert mask(left) == mask(right) == [1, 0, 0, 0, 1, 0, 1]
    labels = save_gifti(tmp_path / "rh.b.label.gii", [0, 5, 0, 0, 5, 5], {0: "???", 5: "V1"})
    assert mask(labels) == [0, 0, 0, 0, 1, 0, 1]


def test_masks_of_grayordinates_and_of_probabilities(tmp_path: Path) -> None:
    values = np.array([1, 1, 0.5, 0, 0.2, 0.75, 0])
    path = save_cifti(tmp_path / "a.dscalar.nii", values, AXIS)
    with pytest.raises(DataError, match=r"probabilities.*--mask-threshold"):
        mask(path)
    assert mask(path, 0.5) == [1, 1, 1, 0, 0, 1, 0]
    several = save_gifti(tmp_path / "lh.c.label.gii", [1, 2, 3, 0, 0, 0], {1: "A", 2: "B", 3: "C"})
    with pytest.raises(DataError, match="Use it with --atlas"):
        mask(several)


def test_labels_of_a_finer_fsaverage(tmp_path: Path) -> None:
    """The first 2562 vertices of fsaverage5 are an icosahedron divided four times: the next ones are between them."""
    axis = BrainModelAxis.from_surface(np.arange(2562), 2562, LEFT)
    numbers = np.arange(10242) % 2 + 1
    fine = save_gifti(tmp_path / "tpl-fsaverage_hemi-L_den-10k_dseg.label.gii", numbers, {1: "A", 2: "B"})
    np.testing.assert_array_equal(read_parcels([fine], axis).which, np.arange(2562) % 2)
    other = save_gifti(tmp_path / "tpl-onavg_hemi-L_den-10k_dseg.label.gii", numbers, {1: "A", 2: "B"})
    with pytest.raises(DataError, match="has 10242 vertices in the left hemisphere, the maps have 2562"):
        read_parcels([other], axis)
    points = nib.load(fetch_surf_fsaverage("fsaverage5")["sphere_left"]).darrays[0].data
    two_nearest = points[:2562][cKDTree(points[:2562]).query(points[2562:], k=2)[1]].sum(axis=1)
    between = 100 * two_nearest / np.linalg.norm(two_nearest, axis=1, keepdims=True)
    np.testing.assert_allclose(points[2562:], between, atol=0.05)
