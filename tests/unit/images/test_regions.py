"""Regions: parcels of an atlas and their names, and regions of interest."""

from pathlib import Path

import numpy as np
import pytest
from builders import AFFINE, SHAPE, saved

from bids_ari.errors import DataError, GridMismatchError, UsageError
from bids_ari.images.regions import Region, RegionSet, load_atlas, load_rois
from bids_ari.images.volume import Grid, VolumeSpace

INSIDE = np.zeros(SHAPE, dtype=bool)
INSIDE[2:6, 2:6, 2:6] = True
SPACE = VolumeSpace(Grid(SHAPE, AFFINE), INSIDE)  # 64 voxels


def atlas(folder: Path, table: str | None = None) -> Path:
    """Write an atlas with the parcel 3 in the lower and 9 in the upper half of the first axis of the space."""
    numbers = np.full(SHAPE, 3.0)
    numbers[4:] = 9
    if table is not None:
        (folder / "halves.tsv").write_text(table)
    return saved(folder / "halves.nii.gz", numbers)


class TestAtlas:
    def test_each_point_is_in_the_parcel_of_its_voxel(self, tmp_path: Path) -> None:
        found = load_atlas(str(atlas(tmp_path)), None, None, SPACE)
        assert (found.name, found.title) == ("halves", "Atlas halves")
        assert [(region.index, region.name) for region in found.regions] == [(3, "parcel 3"), (9, "parcel 9")]
        lower, upper = (region.points for region in found.regions)
        assert lower.dtype == np.int32
        np.testing.assert_array_equal(lower, np.arange(32))  # points are in C order
        np.testing.assert_array_equal(upper, np.arange(32, 64))

    def test_parcels_of_the_table_are_regions_also_without_points(self, tmp_path: Path) -> None:
        """Numbers may be written as 3.0; 0 is the background."""
        path = atlas(tmp_path, "name\tindex\nlow\t3.0\nnowhere\t5\nbackground\t0\n")
        found = load_atlas(str(path), None, None, SPACE)
        assert [(region.name, region.points.size) for region in found.regions] == [
            ("low", 32),
            ("nowhere", 0),
            ("parcel 9", 32),
        ]

    @pytest.mark.parametrize(
        ("table", "words"),
        [
            ("index\tname\n1\ta\n", "No number of the atlas"),
            ("index\tname\n3.5\ta\n", "not an integer"),
            ("index\tname\n3\ta\n3\tb\n", "lists a number twice"),
            ("index\tindex\tname\n3\t3\ta\n", "one of each"),
            ("index\n3\n", "columns index and name"),
        ],
    )
    def test_a_table_that_does_not_fit(self, tmp_path: Path, table: str, words: str) -> None:
        with pytest.raises(DataError, match=words):
            load_atlas(str(atlas(tmp_path, table)), None, None, SPACE)

    @pytest.mark.parametrize(
        ("value", "found"),
        [
            (1.5, "not integers, such as 1.5 (1 voxel)"),
            (0.01, "not integers, such as 0.01"),
            (np.inf, "not integers, such as inf"),
            (-2, "negative numbers, such as -2 (1 voxel)"),
            (2.0**40, "1.09951e+12"),
        ],
    )
    def test_values_that_are_no_numbers_of_parcels(self, tmp_path: Path, value: float, found: str) -> None:
        numbers = np.ones(SHAPE)
        numbers[0, 0, 0] = value
        path = saved(tmp_path / "x.nii.gz", numbers)
        with pytest.raises(DataError) as caught:
            load_atlas(str(path), None, None, SPACE)
        assert str(path) in caught.value.found
        assert found in caught.value.found

    def test_numbers_are_whole_up_to_rounding_and_nan_is_no_parcel(self, tmp_path: Path) -> None:
        numbers = np.full(SHAPE, 3.0001)
        numbers[4:], numbers[0], numbers[1] = 1e-9, np.nan, -1e-9
        found = load_atlas(str(saved(tmp_path / "x.nii.gz", numbers)), None, None, SPACE)
        assert [(region.index, region.points.size) for region in found.regions] == [(3, 32)]

    def test_an_atlas_elsewhere(self, tmp_path: Path) -> None:
        far = AFFINE.copy()
        far[:3, 3] += 500
        path = saved(tmp_path / "x.nii.gz", np.ones(SHAPE), far)
        with pytest.raises(GridMismatchError, match="field of view"):
            load_atlas(str(path), None, None, SPACE)

    def test_an_atlas_in_another_space(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "space-MNI305_atlas-x_dseg.nii.gz", np.ones(SHAPE))
        assert load_atlas(str(path), None, "MNI305", SPACE).name == "x"
        assert load_atlas(str(path), None, None, SPACE).name == "x"
        with pytest.raises(DataError, match="is in MNI305"):
            load_atlas(str(path), None, "MNI152NLin2009cAsym", SPACE)

    @pytest.mark.parametrize("name", ["space-A+2_dseg", "space-A_cohort-2_dseg", "tpl-A_cohort-2_atlas-x_dseg"])
    def test_an_atlas_of_another_cohort(self, tmp_path: Path, name: str) -> None:
        path = str(saved(tmp_path / f"{name}.nii.gz", np.ones(SHAPE)))
        assert load_atlas(path, None, "A+2", SPACE).regions[0].points.size == 64
        with pytest.raises(DataError, match="is in A, cohort 2; expected the space of the maps, A, cohort 3"):
            load_atlas(path, None, "A:cohort-3", SPACE)

    def test_a_table_needs_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="needs an atlas file"):
            load_atlas("Schaefer2018", tmp_path / "labels.tsv", "MNI305", SPACE)


class TestRois:
    def test_they_are_numbered_and_named_by_their_files(self, tmp_path: Path) -> None:
        everything, corner = np.ones(SHAPE), np.zeros(SHAPE)
        corner[:3, :3, :3] = 1
        files = [saved(tmp_path / "all.nii.gz", everything), saved(tmp_path / "corner.of.it.nii.gz", corner)]
        found = load_rois(files, SPACE)
        assert [(region.index, region.name, region.points.size) for region in found.regions] == [
            (1, "all", 64),
            (2, "corner", 1),
        ]

    def test_probabilities_need_a_threshold(self, tmp_path: Path) -> None:
        volume = np.zeros(SHAPE)
        volume[2:4, 2, 2] = 0.4, 0.8
        files = [saved(tmp_path / "gm.nii.gz", volume)]
        with pytest.raises(DataError, match=r"The region .*gm\.nii\.gz contains values .* --roi-threshold P"):
            load_rois(files, SPACE)
        assert load_rois(files, SPACE, 0.5).regions[0].points.tolist() == [16]  # one step of 4 x 4 voxels along x

    def test_two_of_one_name(self, tmp_path: Path) -> None:
        files = [saved(tmp_path / name, np.ones(SHAPE)) for name in ("a.nii.gz", "a.b.nii.gz")]
        with pytest.raises(UsageError, match="the same name"):
            load_rois(files, SPACE)


def test_a_point_in_two_regions_has_the_label_of_the_last() -> None:
    regions = (Region(7, "a", np.array([0, 1], dtype=np.int32)), Region(8, "b", np.array([1, 2], dtype=np.int32)))
    assert RegionSet("x", "X", regions).labels(4).tolist() == [0, 1, 1, -1]
