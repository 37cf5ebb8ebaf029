"""The map of one subject: combined, subtracted, resampled, with its variance."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from bids_ari.images.sources import Source
from bids_ari.images.volumes import missing
from builders import AFFINE, SHAPE, Floats, brain, image
from nilearn.image import smooth_img

from bids_ari.errors import DataError, GridMismatchError
from bids_ari.images.resampling import resample
from bids_ari.images.space import Grid, VolumeSpace
from bids_ari.images.stack import group_mask, load_stack

GRID = Grid(SHAPE, AFFINE)


def moved(x: float = 0.0) -> Grid:
    """The grid of the maps, moved along x by mm."""
    affine = AFFINE.copy()
    affine[0, 3] += x
    return Grid(SHAPE, affine)


def saved(path: Path, data: npt.ArrayLike, affine: Floats = AFFINE) -> Path:
    nib.save(image(data, affine), path)
    return path


def one_each(paths: Sequence[Path]) -> list[Source]:
    """One map for each of sub-00, sub-01, ..."""
    return [Source(f"{i:02d}", (path,)) for i, path in enumerate(paths)]


class TestCombine:
    """Fixed effects: the sum of w e over the sum of w, at each voxel over the maps that have data there."""

    def loaded(self, folder: Path, effects: Sequence[Floats], variances: Sequence[Floats] = ()) -> Floats:
        """What becomes of the maps of one subject: its row, NaN where it has no data, in a volume."""
        files = [saved(folder / f"e{i}.nii", volume) for i, volume in enumerate(effects)]
        weights = [saved(folder / f"v{i}.nii", volume) for i, volume in enumerate(variances)]
        full = saved(folder / "full.nii", np.ones(SHAPE))
        stack = load_stack([Source("01", tuple(files), tuple(weights)), Source("02", (full,))])
        assert set(stack.hashes) == {*files, *weights, full}
        row = stack.within(VolumeSpace(stack.grid, np.ones(SHAPE, dtype=bool)))[0]
        np.testing.assert_array_equal(np.isnan(row).reshape(SHAPE), stack.counts == 1)
        return row.reshape(SHAPE)

    def maps(self, *values: float) -> list[Floats]:
        """Maps that hold one value."""
        return [np.full(SHAPE, float(value)) for value in values]

    def test_without_variances_it_is_the_mean(self, tmp_path: Path) -> None:
        assert (self.loaded(tmp_path, self.maps(1, 2, 6)) == 3).all()  # (1 + 2 + 6) / 3

    def test_with_variances_it_is_weighted_by_their_inverse(self, tmp_path: Path) -> None:
        """Effects 1, 2, 6 with variances 1, 2, 4: (1/1 + 2/2 + 6/4) / (1 + 1/2 + 1/4) = 3.5 / 1.75 = 2."""
        assert (self.loaded(tmp_path, self.maps(1, 2, 6), self.maps(1, 2, 4)) == 2).all()

    def test_at_each_voxel_over_the_maps_that_have_data(self, tmp_path: Path) -> None:
        effects, variances = self.maps(1, 4), self.maps(1, 2)
        effects[0][5, 5, 5] = np.nan
        effects[1][5, 5, 6] = np.inf
        effects[0][0] = 0  # background
        effects[0][5, 5, 7] = 0  # inside: a value
        variances[0][5, 6, 1:6] = 0, -1, np.nan, np.inf, -0.0
        variances[1][6, 6, 6] = 0
        effects[0][7, 7, 7] = effects[1][7, 7, 7] = np.nan
        combined = self.loaded(tmp_path, effects, variances)
        assert combined[5, 5, 5] == 4
        assert combined[5, 5, 6] == 1
        assert (combined[0] == 4).all()
        assert combined[5, 5, 7] == pytest.approx(4 / 3)  # (0/1 + 4/2) / (1 + 1/2)
        assert (combined[5, 6, 1:6] == 4).all()
        assert combined[6, 6, 6] == 1
        assert np.isnan(combined[7, 7, 7])
        assert combined[8, 8, 8] == pytest.approx(2)  # (1/1 + 4/2) / (1 + 1/2)

    def test_as_the_formula_says_on_any_maps(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """Computed one voxel at a time."""
        effects = [brain(rng).astype(np.float32) for _ in range(3)]
        variances = [rng.chisquare(5, SHAPE).astype(np.float32) for _ in range(3)]
        effects[1][4:6, 4:6] = np.nan
        combined = self.loaded(tmp_path, effects, variances)
        for x, y, z in np.argwhere(~np.isnan(combined))[::7]:
            pairs = [(float(e[x, y, z]), 1 / float(v[x, y, z])) for e, v in zip(effects, variances, strict=True)]
            there = [(e, w) for e, w in pairs if not np.isnan(e)]
            wanted = sum(e * w for e, w in there) / sum(w for _, w in there)
            assert combined[x, y, z] == pytest.approx(wanted, rel=1e-12)

    def test_numbers_beyond_all_bounds_are_missing(self, tmp_path: Path) -> None:
        """Twice 1e308 is none; 1e200 with the variance 1e-200 is weighted by 1e200, and 1e400 is none."""
        paths = []
        for name, values in (("e", (1e308, 1e200, 3)), ("v", (1, 1e-200, 2))):
            data = np.ones(SHAPE)
            data[5, 5, 5:8] = values
            paths.append(tmp_path / f"{name}.nii")
            nib.save(image(data, dtype=np.float64), paths[-1])
        effect, variance = paths
        stack = load_stack([Source("01", (effect, effect), (variance, variance)), Source("02", (effect,))])
        assert stack.counts[5, 5, 5:8].tolist() == [1, 1, 2]

    def test_a_single_map_is_taken_as_it_is(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """Its variance is not even read."""
        path = saved(tmp_path / "map.nii", brain(rng))
        plain = load_stack([Source("01", (path,))])
        weighted = load_stack([Source("01", (path,), (tmp_path / "none.nii",))])
        np.testing.assert_array_equal(plain.counts, weighted.counts)
        assert set(weighted.hashes) == {path}

    def test_maps_are_combined_before_they_are_smoothed(self, tmp_path: Path, rng: np.random.Generator) -> None:
        effects = [brain(rng).astype(np.float32) for _ in range(2)]
        files = [saved(tmp_path / f"{i}.nii", volume) for i, volume in enumerate(effects)]
        mean = saved(tmp_path / "mean.nii", (effects[0].astype(float) + effects[1]) / 2)
        stack = load_stack([Source("01", tuple(files)), Source("02", (mean,))])
        rows = stack.within(group_mask(stack, None, 1.0), 6.0)
        np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)  # the mean was saved as float32

    def test_one_run_without_data_is_told(self, tmp_path: Path) -> None:
        files = [saved(tmp_path / f"{i}.nii", np.full(SHAPE, value)) for i, value in enumerate((2.0, 0.0))]
        stack = load_stack([Source("01", tuple(files)), Source("02", (files[0],))])
        assert stack.notes == ("1 of 2 maps of sub-01 hold no data",)
        assert (stack.counts == 2).all()

    def test_no_run_with_data_is_an_error(self, tmp_path: Path) -> None:
        empty = saved(tmp_path / "empty.nii", np.zeros(SHAPE))
        full = saved(tmp_path / "full.nii", np.ones(SHAPE))
        with pytest.raises(DataError, match=r"sub-01 has no data: .* hold only NaN or zero"):
            load_stack([Source("01", (empty, empty)), Source("02", (full,))])
        with pytest.raises(DataError, match=r"hold only NaN or zero, or no variance above 0"):
            load_stack([Source("01", (full, full), (empty, empty)), Source("02", (full,))])

    def test_every_broken_run_is_named(self, tmp_path: Path, rng: np.random.Generator) -> None:
        paths = [saved(tmp_path / f"{i}.nii.gz", brain(rng, shape=(30, 31, 32))) for i in range(4)]
        for path in paths[:3]:
            path.write_bytes(path.read_bytes()[:-3])
        with pytest.raises(DataError) as caught:
            load_stack([Source("01", (paths[0], paths[1])), Source("02", (paths[2],)), Source("03", (paths[3],))])
        assert all(f"{path} is damaged" in str(caught.value) for path in paths[:3])

    def test_a_variance_on_another_grid_names_its_subject(self, tmp_path: Path) -> None:
        full = saved(tmp_path / "full.nii", np.ones(SHAPE))
        other = saved(tmp_path / "other.nii", np.ones(SHAPE), moved(9).affine)
        with pytest.raises(GridMismatchError, match=r"^sub-01 has a grid of"):
            load_stack([Source("01", (full, full), (full, other)), Source("02", (full,)), Source("03", (full,))])


class TestVariances:
    def test_of_a_single_map_it_is_that_of_its_file(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """NaN where it is none, and where the map has no data; effects are as without variances."""
        effects, variances = [brain(rng) for _ in range(3)], [rng.chisquare(5, SHAPE) for _ in range(3)]
        effects[0][5, 5, 5] = np.nan
        variances[1][5, 6, 1:7] = 0, -1, np.nan, np.inf, -0.0, 1e-42  # 1 / 1e-42 is a number, 1e42
        sources = [
            Source(str(i), (saved(tmp_path / f"e{i}.nii", e),), (saved(tmp_path / f"v{i}.nii", v),))
            for i, (e, v) in enumerate(zip(effects, variances, strict=True))
        ]
        stack = load_stack(sources, variances=True)
        assert set(stack.hashes) == {path for source in sources for path in (*source.effects, *source.variances)}
        mask = group_mask(stack, None, 0.1)
        found, weights = stack.with_variances(mask)
        np.testing.assert_array_equal(found, load_stack(sources).within(mask))
        wanted = np.array([v.astype(np.float32)[mask.inside] for v in variances], dtype=float)
        wanted[np.isnan(found)] = np.nan
        at = {tuple(index): i for i, index in enumerate(mask.indices.tolist())}
        for z in range(1, 6):
            wanted[1, at[5, 6, z]] = np.nan
        np.testing.assert_array_equal(weights, wanted)
        assert weights[1, at[5, 6, 6]] == np.float32(1e-42)

    def combined(self, folder: Path, *values: float, minus: Source | None = None, name: str = "") -> Source:
        """A subject with maps of 1, each with a variance of one value."""
        effect = saved(folder / "ones.nii", np.ones(SHAPE))
        paths = [saved(folder / f"{name}v{i}.nii", np.full(SHAPE, value)) for i, value in enumerate(values)]
        return Source("01", (effect,) * len(values), tuple(paths), minus)

    def variance_of(self, source: Source) -> float:
        stack = load_stack([source], variances=True)
        _, weights = stack.with_variances(VolumeSpace(stack.grid, np.ones(SHAPE, dtype=bool)))
        (value,) = np.unique(weights[:, :])
        return float(value)

    def test_of_a_combination_it_is_the_inverse_of_the_precision(self, tmp_path: Path) -> None:
        """Variances 1, 2, 4: 1 / (1 + 1/2 + 1/4) = 4/7; where one is none, of the others."""
        assert self.variance_of(self.combined(tmp_path, 1, 2, 4)) == pytest.approx(4 / 7, rel=1e-12)
        assert self.variance_of(self.combined(tmp_path, 1, 0, 4)) == pytest.approx(0.8, rel=1e-12)

    def test_of_a_difference_it_is_the_sum(self, tmp_path: Path) -> None:
        """3 + 5; and 4/7 + 1 / (1/2 + 1/2) = 11/7."""
        other = self.combined(tmp_path, 5, name="other")
        assert self.variance_of(self.combined(tmp_path, 3, minus=other)) == 8
        other = self.combined(tmp_path, 2, 2, name="other")
        assert self.variance_of(self.combined(tmp_path, 1, 2, 4, minus=other)) == pytest.approx(11 / 7, rel=1e-12)

    def test_maps_without_a_variance_are_named(self, tmp_path: Path) -> None:
        """Also the one that is taken away, and one of several."""
        good = self.combined(tmp_path, 1, 2)
        none = replace(good, subject="02", variances=())
        part = replace(good, subject="03", minus=replace(good, variances=good.variances[:1]))
        with pytest.raises(DataError, match=r"^sub-02, sub-03 have no variance for each map, such as .*ones") as caught:
            load_stack([good, none, part], variances=True)
        assert caught.value.hint.endswith("--exclude 02 03")
        with pytest.raises(DataError, match=r"^sub-02 has no variance for each map"):
            load_stack([good, none], variances=True)

    def test_a_subject_without_any_usable_variance_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"^sub-01 has no variance above 0 where it has data: .*v0\.nii"):
            load_stack([self.combined(tmp_path, 0)], variances=True)
        load_stack([self.combined(tmp_path, 0)])

    def test_they_must_have_been_asked_for(self, tmp_path: Path) -> None:
        stack = load_stack([self.combined(tmp_path, 1)])
        with pytest.raises(ValueError, match="variances=True"):
            stack.with_variances(VolumeSpace(stack.grid, np.ones(SHAPE, dtype=bool)))

    def test_a_variance_that_changes_is_named(self, tmp_path: Path) -> None:
        stack = load_stack([self.combined(tmp_path, 1)], variances=True)
        saved(tmp_path / "v0.nii", np.full(SHAPE, 2.0))
        with pytest.raises(DataError, match=r"v0\.nii changed while it was in use"):
            stack.with_variances(VolumeSpace(stack.grid, np.ones(SHAPE, dtype=bool)))

    def test_the_one_variance_that_is_damaged_is_named(self, tmp_path: Path) -> None:
        source = self.combined(tmp_path, 1, name="a")
        source.variances[0].write_bytes(b"no image" * 100)
        with pytest.raises(DataError, match=r"av0\.nii is damaged"):
            load_stack([source], variances=True)


class TestDifference:
    def pair(self, folder: Path, one: npt.ArrayLike, other: npt.ArrayLike, subject: str = "01") -> Source:
        paths = [saved(folder / f"{subject}{name}.nii", data) for name, data in (("one", one), ("other", other))]
        return Source(subject, (paths[0],), minus=Source(subject, (paths[1],)))

    def test_it_is_one_map_minus_the_other_where_both_have_data(self, tmp_path: Path, rng: np.random.Generator) -> None:
        one, other = brain(rng).astype(np.float32), brain(rng).astype(np.float32)
        one[5, 5, 5] = other[6, 6, 6] = np.nan
        other[:3] = 0
        stack = load_stack([self.pair(tmp_path, one, other)])
        present = ~(missing(one.astype(float)) | missing(other.astype(float)))
        np.testing.assert_array_equal(stack.counts, present)
        assert not present[[5, 6], [5, 6], [5, 6]].any()
        mask = VolumeSpace(stack.grid, np.ones(SHAPE, dtype=bool))
        row = np.where(present, one.astype(float) - other, np.nan)[mask.inside]
        np.testing.assert_array_equal(stack.within(mask), [row])
        assert set(stack.hashes) == {tmp_path / "01one.nii", tmp_path / "01other.nii"}

    def test_equal_values_differ_by_a_zero_that_is_a_value(self, tmp_path: Path) -> None:
        stack = load_stack([self.pair(tmp_path, np.ones(SHAPE), np.ones(SHAPE))])
        assert stack.counts.all()

    def test_each_may_be_combined(self, tmp_path: Path) -> None:
        """(1 + 2 + 6) / 3 - (4 + 6) / 2 = -2."""
        files = [saved(tmp_path / f"{i}.nii", np.full(SHAPE, float(i))) for i in (1, 2, 6, 4)]
        source = Source("01", tuple(files[:3]), minus=Source("01", (files[3], files[2])))
        stack = load_stack([source])
        assert (stack.within(VolumeSpace(stack.grid, np.ones(SHAPE, dtype=bool)))[:, :] == -2).all()
        assert set(stack.hashes) == set(files)

    def test_it_is_taken_before_smoothing(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """Where one lacks data both count as 0: not the difference of two smoothed maps."""
        one, other = brain(rng).astype(np.float32), brain(rng).astype(np.float32)
        other[:5] = 0
        made = saved(tmp_path / "made.nii", np.where(other == 0, 0, one.astype(float) - other))
        stack = load_stack([self.pair(tmp_path, one, other), Source("02", (made,))])
        rows = stack.within(group_mask(stack, None, 1.0), 6.0)
        np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)  # the difference was saved as float32

    @pytest.mark.parametrize("which", ["one", "other"])
    def test_the_map_without_data_is_named(self, tmp_path: Path, which: str) -> None:
        source = self.pair(tmp_path, *(np.full(SHAPE, float(name != which)) for name in ("one", "other")))
        with pytest.raises(DataError, match=rf"sub-01 has no data: \S*01{which}\.nii holds only NaN or zero\. "):
            load_stack([source])

    def test_two_maps_without_a_common_voxel_are_told(self, tmp_path: Path) -> None:
        halves = np.zeros((2, *SHAPE))
        halves[0, :5] = halves[1, 5:] = 1
        with pytest.raises(DataError, match=r"sub-01 has no data: at no voxel do both .*01one\.nii, \S*01other\.nii"):
            load_stack([self.pair(tmp_path, *halves)])

    def test_what_is_wrong_with_both_is_told(self, tmp_path: Path, rng: np.random.Generator) -> None:
        sources = []
        for subject in ("01", "02"):
            paths = [saved(tmp_path / f"{subject}{i}.nii.gz", brain(rng, shape=(30, 31, 32))) for i in range(2)]
            sources.append(Source(subject, (paths[0],), minus=Source(subject, (paths[1],))))
        broken = sources[0].files()
        for path in broken:
            path.write_bytes(path.read_bytes()[:-3])
        with pytest.raises(DataError) as caught:
            load_stack(sources)
        assert all(f"{path} is damaged" in str(caught.value) for path in broken)

    def test_one_run_without_data_is_counted_among_all(self, tmp_path: Path) -> None:
        full, empty = (saved(tmp_path / f"{value}.nii", np.full(SHAPE, value)) for value in (1.0, 0.0))
        stack = load_stack([Source("01", (full,), minus=Source("01", (full, empty)))])
        assert stack.notes == ("1 of 3 maps of sub-01 hold no data",)

    def test_numbers_beyond_all_bounds_are_missing(self, tmp_path: Path) -> None:
        paths = [tmp_path / f"{i}.nii" for i in range(2)]
        for path, value in zip(paths, (1e308, -1e308), strict=True):
            data = np.ones(SHAPE)
            data[5, 5, 5] = value
            nib.save(image(data, dtype=np.float64), path)
        stack = load_stack([Source("01", (paths[0],), minus=Source("01", (paths[1],)))])
        assert np.argwhere(stack.counts == 0).tolist() == [[5, 5, 5]]


COARSE = Grid((5, 6, 7), np.array([[-6.0, 0, 0, 14], [0, 6, 0, -15], [0, 0, 6, -18], [0, 0, 0, 1]]))
"""Over the same place, with other voxels."""


class TestTarget:
    def test_maps_on_other_grids_are_resampled_and_told(self, tmp_path: Path, rng: np.random.Generator) -> None:
        volumes = [brain(rng).astype(np.float32) for _ in range(2)]
        volumes[1][5, 5, 5] = np.nan
        coarse = rng.normal(size=COARSE.shape).astype(np.float32)
        paths = [saved(tmp_path / f"{i}.nii", volume) for i, volume in enumerate(volumes)]
        paths.append(saved(tmp_path / "2.nii", coarse, COARSE.affine))
        stack = load_stack(one_each(paths), target=COARSE)
        assert stack.grid.matches(COARSE)
        assert stack.resampled == ("00", "01")
        assert stack.notes == (f"Maps of 2 subjects were resampled by cubic splines to {COARSE}: sub-00, sub-01",)
        doubles = [volume.astype(float) for volume in volumes]
        holes = [np.where(missing(volume), np.nan, volume) for volume in doubles]
        wanted = np.array([*(resample(each, GRID, COARSE) for each in holes), coarse.astype(float)])
        np.testing.assert_array_equal(stack.counts, (~np.isnan(wanted)).sum(axis=0))
        mask = group_mask(stack, None, 0.1)
        np.testing.assert_array_equal(stack.within(mask), wanted[:, mask.inside])

    def test_the_first_map_may_be_the_target(self, tmp_path: Path, rng: np.random.Generator) -> None:
        paths = [saved(tmp_path / "0.nii", np.ones(COARSE.shape), COARSE.affine)]
        paths += [saved(tmp_path / f"{i}.nii", brain(rng)) for i in (1, 2)]
        stack = load_stack(one_each(paths), target="first")
        assert stack.grid.matches(COARSE)
        assert stack.resampled == ("01", "02")

    @pytest.mark.parametrize("target", [GRID, "first"])
    def test_where_all_are_on_the_target_nothing_changes(
        self, tmp_path: Path, rng: np.random.Generator, target: Grid
    ) -> None:
        paths = [saved(tmp_path / f"{i}.nii", brain(rng)) for i in range(2)]
        stack, plain = load_stack(one_each(paths), target=target), load_stack(one_each(paths))
        mask = group_mask(plain, None, 1.0)
        np.testing.assert_array_equal(stack.within(mask), plain.within(mask))
        assert (stack.resampled, stack.notes) == ((), ())

    def test_smoothing_comes_after(self, tmp_path: Path, rng: np.random.Generator) -> None:
        stack = load_stack(one_each([saved(tmp_path / "0.nii", brain(rng))]), target=COARSE)
        everywhere = VolumeSpace(COARSE, np.ones(COARSE.shape, dtype=bool))
        rough = np.asarray(stack.within(everywhere)[0, :]).reshape(COARSE.shape)
        wanted = smooth_img(nib.Nifti1Image(np.nan_to_num(rough), COARSE.affine), 9.0).get_fdata()
        there = ~np.isnan(rough)
        found = np.asarray(stack.within(everywhere, 9.0)[0, :]).reshape(COARSE.shape)
        np.testing.assert_allclose(found[there], wanted[there], rtol=1e-12)
        np.testing.assert_array_equal(np.isnan(found), ~there)

    def test_each_file_is_resampled_before_it_is_combined_or_subtracted(
        self, tmp_path: Path, rng: np.random.Generator
    ) -> None:
        """Effects by splines, variances linear: here 3 runs on three grids, minus one."""
        volumes = [rng.normal(size=GRID.shape), rng.normal(size=COARSE.shape), rng.normal(size=GRID.shape)]
        weights = [rng.chisquare(5, size=volume.shape) for volume in volumes]
        grids = [GRID, COARSE, moved(1.5)]
        effects, variances = (
            tuple(
                saved(tmp_path / f"{kind}{i}.nii", volume, grid.affine)
                for i, (volume, grid) in enumerate(zip(maps, grids, strict=True))
            )
            for kind, maps in (("e", volumes), ("v", weights))
        )
        minus = Source("01", effects[:1], variances[:1])
        stack = load_stack([Source("01", effects, variances, minus)], target=COARSE, variances=True)
        placed = zip(volumes, weights, grids, strict=True)
        e, v = np.zeros((2, 3, *COARSE.shape))
        for i, (volume, weight, grid) in enumerate(placed):
            e[i] = resample(volume.astype(np.float32).astype(float), grid, COARSE)
            v[i] = resample(weight.astype(np.float32).astype(float), grid, COARSE, "linear")
        w = np.where(np.isnan(e) | np.isnan(v), 0, 1 / v)
        effect = (w * np.nan_to_num(e)).sum(axis=0) / w.sum(axis=0) - e[0]
        mask = group_mask(stack, None, 1.0)
        found = stack.with_variances(mask)
        np.testing.assert_array_equal(mask.inside, ~np.isnan(effect))
        np.testing.assert_allclose(found[0][:, :], effect[None, mask.inside], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found[1][:, :], (1 / w.sum(axis=0) + v[0])[None, mask.inside], rtol=1e-9)
        assert stack.resampled == ("01",)

    def test_a_file_that_changes_is_still_named(self, tmp_path: Path, rng: np.random.Generator) -> None:
        paths = [saved(tmp_path / f"{i}.nii", brain(rng)) for i in range(2)]
        stack = load_stack(one_each(paths), target=COARSE)
        saved(paths[1], brain(rng), moved(1).affine)
        with pytest.raises(DataError, match=r"1\.nii changed while it was in use"):
            stack.within(group_mask(stack, None, 1.0))

    def test_threads_change_nothing(self, tmp_path: Path, rng: np.random.Generator) -> None:
        paths = [saved(tmp_path / f"{i}.nii", brain(rng), moved(i / 3).affine) for i in range(5)]
        one, many = (load_stack(one_each(paths), target="first", n_jobs=n_jobs) for n_jobs in (1, 4))
        assert (one.resampled, one.notes) == (many.resampled, many.notes)
        mask = group_mask(one, None, 0.4)
        np.testing.assert_array_equal(one.within(mask), many.within(mask, n_jobs=4))
