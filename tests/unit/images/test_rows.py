"""Several weighted sums of the maps of each subject: read once, with data where all maps have data."""

from pathlib import Path

import numpy as np
import pytest
from builders import SHAPE, Floats, brain, minus_map, saved, subject_map

from bids_ari.bids.subject_map import SubjectMap, weighted_sum, weighted_sums
from bids_ari.errors import DataError, DuplicateMapsError
from bids_ari.images import maps
from bids_ari.images.files import read_image
from bids_ari.images.stack import Stack, load_stack
from bids_ari.images.storage import RowsOnDisk

ROWS = ((-1.0, 1.0, 0.0), (-0.5, -0.5, 1.0))
N = 4


@pytest.fixture
def levels(rng: np.random.Generator) -> Floats:
    """Maps of 4 subjects at 3 levels as float32 has them; the third subject lacks a slab at the last level."""
    values = np.array([[brain(rng) for _ in range(3)] for _ in range(N)]).astype(np.float32).astype(float)
    values[2, 2, :, :, :4] = np.nan
    return values


def members(folder: Path, levels: Floats) -> list[SubjectMap]:
    found = []
    for i, volumes in enumerate(levels):
        paths = [saved(folder / f"{i}{j}.nii", volume) for j, volume in enumerate(volumes)]
        found.append(weighted_sums(ROWS, [subject_map(f"{i:02d}", path) for path in paths]))
    return found


def expected(levels: Floats, stack: Stack) -> Floats:
    """The sums at the points of a stack, (n_rows, n_subjects, n_points)."""
    sums = np.einsum("rj,ijxyz->rixyz", np.array(ROWS), levels)
    sums[:, np.isnan(levels).any(axis=1)] = np.nan
    return np.array([[stack.space.select(volume) for volume in each] for each in sums])


class TestStack:
    def test_values_are_the_sums_of_the_maps(self, tmp_path: Path, levels: Floats) -> None:
        """Also with a weight of 0: all sums have data at the same points."""
        stack = load_stack(members(tmp_path, levels), coverage=0.75)
        assert len(stack.all_effects) == 2
        found = np.array([each[:, :] for each in stack.all_effects])
        np.testing.assert_allclose(found, expected(levels, stack), rtol=1e-12, atol=1e-12)
        assert np.isnan(found[0]).any()
        np.testing.assert_array_equal(np.isnan(found[0]), np.isnan(found[1]))
        assert len(stack.hashes) == 3 * N

    def test_each_map_is_read_once(self, tmp_path: Path, levels: Floats, monkeypatch: pytest.MonkeyPatch) -> None:
        """With all points inside a mask, no map is read a second time for the points to test."""
        paths: list[str] = []

        def counted(*arguments: object, **options: object) -> object:
            paths.append(str(arguments[0]))
            return read_image(*arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(maps, "read_image", counted)
        load_stack(members(tmp_path, levels), mask=saved(tmp_path / "mask.nii", np.ones(SHAPE)), coverage=0.75)
        assert len(paths) == len(set(paths)) == 3 * N

    def test_on_disk_the_values_are_the_same(self, tmp_path: Path, levels: Floats) -> None:
        inside = load_stack(members(tmp_path, levels), mask=saved(tmp_path / "mask.nii", np.ones(SHAPE)))
        outside = load_stack(members(tmp_path, levels), mask=tmp_path / "mask.nii", mem=520_000)
        assert isinstance(getattr(outside.effects, "values", outside.effects), RowsOnDisk)
        for one, other in zip(inside.all_effects, outside.all_effects, strict=True):
            np.testing.assert_array_equal(one[:, :], other[:, :])

    def test_sums_are_smoothed(self, tmp_path: Path, levels: Floats) -> None:
        """As a difference of two maps is, also near missing data of another level."""
        stack = load_stack(members(tmp_path, levels), smoothing=6.0, coverage=0.75)
        lacking = levels.copy()
        lacking[np.isnan(levels).any(axis=1)[:, None].repeat(3, axis=1)] = np.nan
        pairs = [
            minus_map(*(subject_map(f"{i:02d}", saved(tmp_path / f"{i}x{j}.nii", lacking[i, j])) for j in (1, 0)))
            for i in range(N)
        ]
        alone = load_stack(pairs, smoothing=6.0, coverage=0.75)
        assert stack.normalised == alone.normalised == ("02",)
        np.testing.assert_allclose(stack.effects[:, :], alone.effects[:, :], rtol=1e-9, atol=1e-12)

    def test_copies_among_the_levels_are_found(self, tmp_path: Path, levels: Floats) -> None:
        levels[1, 2] = levels[3, 0]
        with pytest.raises(DuplicateMapsError):
            load_stack(members(tmp_path, levels), coverage=0.75)

    def test_levels_without_data_in_common(self, tmp_path: Path, levels: Floats) -> None:
        levels[0, 0, :5], levels[0, 1, 5:] = np.nan, np.nan
        with pytest.raises(DataError, match="3 maps have no voxel with data in common"):
            load_stack(members(tmp_path, levels), coverage=0.75)

    def test_variances_are_refused(self, tmp_path: Path, levels: Floats) -> None:
        with pytest.raises(ValueError, match="exclude each other"):
            load_stack(members(tmp_path, levels), variances=True)


class TestSums:
    def test_of_sums(self) -> None:
        """Terms of weighted sums are their maps, with the products of weights."""
        one, two, three = (subject_map("01", Path(f"{name}.nii")) for name in "abc")
        mean = weighted_sum([(0.5, one), (0.5, two)])
        found = weighted_sums([[1, 0], [-1, 2]], [mean, three])
        assert [term.first.name for term in found.terms] == ["a.nii", "b.nii", "c.nii"]
        assert found.rows == ((0.5, 0.5, 0), (-0.5, -0.5, 2))
        assert {term.weight for term in found.terms} == {1}
        assert found.uri.count("; ") == 2

    def test_a_sum_of_several_sums(self) -> None:
        one, two, three, four = (subject_map("01", Path(f"{name}.nii")) for name in "abcd")
        first, second = weighted_sums([[1, 0], [0, 1]], [one, two]), weighted_sums([[1, 0], [0, 1]], [three, four])
        found = weighted_sum([(0.5, first), (0.5, second)])
        assert found.rows == ((0.5, 0, 0.5, 0), (0, 0.5, 0, 0.5))
        assert len(found.terms) == 4
