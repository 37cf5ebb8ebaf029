"""The map of one subject: combined over runs, subtracted, resampled, with its variance."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, Floats, brain, image, minus_map, saved, subject_map

from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import DataError, GridMismatchError
from bids_ari.images.maps import MapReader, Volumes
from bids_ari.images.resampling import resample
from bids_ari.images.stack import load_stack
from bids_ari.images.volume import Grid, missing

GRID = Grid(SHAPE, AFFINE)
COARSE = Grid((5, 6, 7), np.array([[-6.0, 0, 0, 14], [0, 6, 0, -15], [0, 0, 6, -18], [0, 0, 0, 1]]))
"""Over the same field of view, with other voxels."""


def moved(x: float = 0.0) -> Grid:
    """The grid of the maps, moved along x by mm."""
    affine = AFFINE.copy()
    affine[0, 3] += x
    return Grid(SHAPE, affine)


def read(member: SubjectMap, *, variances: bool = False, target: Grid | None = None) -> Volumes:
    return MapReader(target or GRID, 2**30, target is not None, variances).read(member)


def doubles(path: Path, values: Sequence[float]) -> Path:
    """Save a map of ones as float64, with some values along z."""
    data = np.ones(SHAPE)
    data[5, 5, 5 : 5 + len(values)] = values
    nib.save(image(data, dtype=np.float64), path)
    return path


class TestCombine:
    """Fixed effects: the sum of w e over the sum of w, at each voxel over the maps that have data there."""

    def combined(self, folder: Path, effects: Sequence[Floats], variances: Sequence[Floats] = ()) -> Floats:
        """The combination of the maps of one subject."""
        files = [saved(folder / f"e{i}.nii", volume) for i, volume in enumerate(effects)]
        weights = [saved(folder / f"v{i}.nii", volume) for i, volume in enumerate(variances)]
        volumes = read(subject_map("01", *files, variances=weights))
        assert set(volumes.hashes) == {*files, *weights}
        assert volumes.variance is None
        return volumes.effect

    def maps(self, *values: float) -> list[Floats]:
        """Maps of one value each."""
        return [np.full(SHAPE, float(value)) for value in values]

    def test_without_variances_it_is_the_mean(self, tmp_path: Path) -> None:
        assert (self.combined(tmp_path, self.maps(1, 2, 6)) == 3).all()  # (1 + 2 + 6) / 3

    def test_with_variances_it_is_weighted_by_their_inverse(self, tmp_path: Path) -> None:
        """Effects 1, 2, 6 with variances 1, 2, 4: (1/1 + 2/2 + 6/4) / (1 + 1/2 + 1/4) = 3.5 / 1.75 = 2."""
        assert (self.combined(tmp_path, self.maps(1, 2, 6), self.maps(1, 2, 4)) == 2).all()

    def test_at_each_voxel_over_the_maps_with_data(self, tmp_path: Path) -> None:
        effects, variances = self.maps(1, 4), self.maps(1, 2)
        effects[0][5, 5, 5] = np.nan
        effects[1][5, 5, 6] = np.inf
        effects[0][0] = 0  # background
        effects[0][5, 5, 7] = 0  # inside: a value
        variances[0][5, 6, 1:6] = 0, -1, np.nan, np.inf, -0.0
        variances[1][6, 6, 6] = 0
        effects[0][7, 7, 7] = effects[1][7, 7, 7] = np.nan
        combined = self.combined(tmp_path, effects, variances)
        assert combined[5, 5, 5] == 4
        assert combined[5, 5, 6] == 1
        assert (combined[0] == 4).all()
        assert combined[5, 5, 7] == pytest.approx(4 / 3)  # (0/1 + 4/2) / (1 + 1/2)
        assert (combined[5, 6, 1:6] == 4).all()
        assert combined[6, 6, 6] == 1
        assert np.isnan(combined[7, 7, 7])
        assert combined[8, 8, 8] == pytest.approx(2)  # (1/1 + 4/2) / (1 + 1/2)

    def test_it_equals_the_formula_on_random_maps(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """Computed one voxel at a time."""
        effects = [brain(rng).astype(np.float32) for _ in range(3)]
        variances = [rng.chisquare(5, SHAPE).astype(np.float32) for _ in range(3)]
        effects[1][4:6, 4:6] = np.nan
        combined = self.combined(tmp_path, effects, variances)
        for x, y, z in np.argwhere(~np.isnan(combined))[::7]:
            pairs = [(float(e[x, y, z]), 1 / float(v[x, y, z])) for e, v in zip(effects, variances, strict=True)]
            there = [(e, w) for e, w in pairs if not np.isnan(e)]
            expected = sum(e * w for e, w in there) / sum(w for _, w in there)
            assert combined[x, y, z] == pytest.approx(expected, rel=1e-12)

    def test_values_that_overflow_are_missing(self, tmp_path: Path) -> None:
        """Twice 1e308 is infinite; 1e200 with the variance 1e-200 is weighted by 1e200, and 1e400 is infinite."""
        effect = doubles(tmp_path / "e.nii", (1e308, 1e200, 3))
        variance = doubles(tmp_path / "v.nii", (1, 1e-200, 2))
        volumes = read(subject_map("01", effect, effect, variances=[variance, variance]))
        assert np.isnan(volumes.effect[5, 5, 5:8]).tolist() == [True, True, False]

    def test_the_variance_of_a_single_map_is_not_read(self, tmp_path: Path, rng: np.random.Generator) -> None:
        path = saved(tmp_path / "map.nii", brain(rng))
        plain = read(subject_map("01", path))
        weighted = read(subject_map("01", path, variances=[tmp_path / "none.nii"]))
        np.testing.assert_array_equal(plain.effect, weighted.effect)
        assert set(weighted.hashes) == {path}

    def test_maps_are_combined_before_they_are_smoothed(self, tmp_path: Path, rng: np.random.Generator) -> None:
        effects = [brain(rng).astype(np.float32) for _ in range(2)]
        files = [saved(tmp_path / f"{i}.nii", volume) for i, volume in enumerate(effects)]
        mean = saved(tmp_path / "mean.nii", (effects[0].astype(float) + effects[1]) / 2)
        stack = load_stack([subject_map("01", *files), subject_map("02", mean)], smoothing=6.0)
        rows = stack.effects[:, :]
        np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)  # the mean was saved as float32

    def test_a_run_without_data_is_noted(self, tmp_path: Path) -> None:
        files = [saved(tmp_path / f"{i}.nii", np.full(SHAPE, value)) for i, value in enumerate((2.0, 0.0))]
        stack = load_stack([subject_map("01", *files), subject_map("02", files[0])])
        assert stack.notes[0] == "Maps of 1 subject contain no data: sub-01 (1 of 2)"
        assert (stack.coverage == 1).all()

    def test_no_run_with_data_is_an_error(self, tmp_path: Path) -> None:
        empty = saved(tmp_path / "empty.nii", np.zeros(SHAPE))
        full = saved(tmp_path / "full.nii", np.ones(SHAPE))
        with pytest.raises(DataError, match=r"sub-01 has no data: .* contain only NaN or zero\."):
            read(subject_map("01", empty, empty))
        with pytest.raises(DataError, match=r"contain only NaN or zero, or no variance above 0"):
            read(subject_map("01", full, full, variances=[empty, empty]))

    def test_all_damaged_runs_are_listed(self, tmp_path: Path, rng: np.random.Generator) -> None:
        paths = [saved(tmp_path / f"{i}.nii.gz", brain(rng, shape=(30, 31, 32))) for i in range(4)]
        for path in paths[:3]:
            path.write_bytes(path.read_bytes()[:-3])
        with pytest.raises(DataError) as caught:
            load_stack([subject_map("01", *paths[:2]), subject_map("02", paths[2]), subject_map("03", paths[3])])
        assert str(caught.value).count("is damaged") == 1
        assert all(str(path) in str(caught.value) for path in paths[:3])

    def test_a_variance_map_on_another_grid(self, tmp_path: Path) -> None:
        full = saved(tmp_path / "full.nii", np.ones(SHAPE))
        other = saved(tmp_path / "other.nii", np.ones(SHAPE), moved(9).affine)
        odd = subject_map("01", full, full, variances=[full, other])
        with pytest.raises(GridMismatchError, match=r"^sub-01 has a grid of"):
            load_stack([odd, subject_map("02", full), subject_map("03", full)])


class TestVariances:
    def test_of_single_maps_they_are_those_of_the_files(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """NaN where there is none, and where the map has no data; effects are as without variances."""
        effects, variances = [brain(rng) for _ in range(3)], [rng.chisquare(5, SHAPE) for _ in range(3)]
        effects[0][5, 5, 5] = np.nan
        variances[1][5, 6, 1:7] = 0, -1, np.nan, np.inf, -0.0, 1e-42  # 1 / 1e-42 is finite, 1e42
        members = [
            subject_map(str(i), saved(tmp_path / f"e{i}.nii", e), variances=[saved(tmp_path / f"v{i}.nii", v)])
            for i, (e, v) in enumerate(zip(effects, variances, strict=True))
        ]
        stack = load_stack(members, variances=True, coverage=0.1)
        assert set(stack.hashes) == {file.path for member in members for file in member.all_files}
        assert stack.variances is not None
        found, weights = stack.effects[:, :], stack.variances[:, :]
        np.testing.assert_array_equal(found, load_stack(members, coverage=0.1).effects[:, :])
        expected = np.array([stack.space.select(v.astype(np.float32)) for v in variances], dtype=float)
        expected[np.isnan(found)] = np.nan
        at = {tuple(index): i for i, index in enumerate(stack.space.indices.tolist())}
        for z in range(1, 6):
            expected[1, at[5, 6, z]] = np.nan
        np.testing.assert_array_equal(weights, expected)
        assert weights[1, at[5, 6, 6]] == np.float32(1e-42)

    def combined(self, folder: Path, *values: float, minus: SubjectMap | None = None, name: str = "") -> SubjectMap:
        """A subject with maps of 1, each with a constant variance."""
        effect = saved(folder / "ones.nii", np.ones(SHAPE))
        paths = [saved(folder / f"{name}v{i}.nii", np.full(SHAPE, value)) for i, value in enumerate(values)]
        return subject_map("01", *[effect] * len(values), variances=paths, minus=minus)

    def variance_of(self, member: SubjectMap) -> float:
        (value,) = np.unique(read(member, variances=True).variance)
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

    def test_maps_without_a_variance_are_listed(self, tmp_path: Path) -> None:
        """Also the map that is subtracted, and one of several."""
        good = self.combined(tmp_path, 1, 2)
        none = replace(good, subject="02", variances=())
        part = minus_map(replace(good, subject="03"), replace(good, variances=good.variances[:1]))
        with pytest.raises(DataError, match=r"^sub-02, sub-03 have no variance map for each map.*ones") as caught:
            load_stack([good, none, part], variances=True)
        assert caught.value.hint.endswith("--exclude 02 03")
        with pytest.raises(DataError, match=r"^sub-02 has no variance map for each map"):
            load_stack([good, none], variances=True)

    def test_a_subject_without_any_usable_variance(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"^sub-01 has no variance above 0 where it has data: .*v0\.nii"):
            read(self.combined(tmp_path, 0), variances=True)
        read(self.combined(tmp_path, 0))

    def test_a_damaged_variance_map_is_named(self, tmp_path: Path) -> None:
        member = self.combined(tmp_path, 1, name="a")
        member.variance_paths[0].write_bytes(b"no image" * 100)
        with pytest.raises(DataError, match=r"av0\.nii is damaged"):
            load_stack([member], variances=True)

    def test_smoothing_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="smoothing and variances"):
            load_stack([self.combined(tmp_path, 1)], variances=True, smoothing=6.0)


class TestDifference:
    def pair(self, folder: Path, one: Floats, other: Floats, subject: str = "01") -> SubjectMap:
        paths = [saved(folder / f"{subject}{name}.nii", data) for name, data in (("one", one), ("other", other))]
        return subject_map(subject, paths[0], minus=subject_map(subject, paths[1]))

    def test_it_is_one_map_minus_the_other_where_both_have_data(self, tmp_path: Path, rng: np.random.Generator) -> None:
        one, other = brain(rng).astype(np.float32), brain(rng).astype(np.float32)
        one[5, 5, 5] = other[6, 6, 6] = np.nan
        other[:3] = 0
        volumes = read(self.pair(tmp_path, one, other))
        present = ~(missing(one.astype(float)) | missing(other.astype(float)))
        assert not present[[5, 6], [5, 6], [5, 6]].any()
        np.testing.assert_array_equal(volumes.effect, np.where(present, one.astype(float) - other, np.nan))
        assert set(volumes.hashes) == {tmp_path / "01one.nii", tmp_path / "01other.nii"}

    def test_a_difference_of_zero_is_a_value(self, tmp_path: Path) -> None:
        assert (read(self.pair(tmp_path, np.ones(SHAPE), np.ones(SHAPE))).effect == 0).all()

    def test_each_map_may_be_combined(self, tmp_path: Path) -> None:
        """(1 + 2 + 6) / 3 - (4 + 6) / 2 = -2."""
        files = [saved(tmp_path / f"{i}.nii", np.full(SHAPE, float(i))) for i in (1, 2, 6, 4)]
        volumes = read(subject_map("01", *files[:3], minus=subject_map("01", files[3], files[2])))
        assert (volumes.effect == -2).all()
        assert set(volumes.hashes) == set(files)

    def test_maps_are_subtracted_before_they_are_smoothed(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """Where one has no data both count as 0: not the difference of two smoothed maps."""
        one, other = brain(rng).astype(np.float32), brain(rng).astype(np.float32)
        other[:5] = 0
        made = saved(tmp_path / "made.nii", np.where(other == 0, 0, one.astype(float) - other))
        stack = load_stack([self.pair(tmp_path, one, other), subject_map("02", made)], smoothing=6.0)
        rows = stack.effects[:, :]
        np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)  # the difference was saved as float32

    @pytest.mark.parametrize("which", ["one", "other"])
    def test_the_map_without_data_is_named(self, tmp_path: Path, which: str) -> None:
        member = self.pair(tmp_path, *(np.full(SHAPE, float(name != which)) for name in ("one", "other")))
        with pytest.raises(DataError, match=rf"sub-01 has no data: \S*01{which}\.nii contains only NaN or zero\. "):
            read(member)

    def test_infinite_values_instead_of_data_are_named(self, tmp_path: Path) -> None:
        member = subject_map("01", saved(tmp_path / "01.nii", np.full(SHAPE, np.inf)))
        with pytest.raises(DataError, match=r"01\.nii contains only infinite values, NaN or zero\. "):
            read(member)

    def test_two_maps_without_a_common_voxel(self, tmp_path: Path) -> None:
        halves = np.zeros((2, *SHAPE))
        halves[0, :5] = halves[1, 5:] = 1
        with pytest.raises(DataError, match=r"no voxel with data in common, .*01one\.nii, \S*01other\.nii"):
            read(self.pair(tmp_path, halves[0], halves[1]))

    def test_damage_of_both_maps_is_reported(self, tmp_path: Path, rng: np.random.Generator) -> None:
        members = [
            self.pair(tmp_path, brain(rng, shape=(30, 31, 32)), brain(rng, shape=(30, 31, 32)), subject)
            for subject in ("01", "02")
        ]
        broken = [file.path for file in members[0].all_maps]
        for path in broken:
            path.write_bytes(path.read_bytes()[:-3])
        with pytest.raises(DataError) as caught:
            load_stack(members)
        assert str(caught.value).count("is damaged") == 1
        assert all(str(path) in str(caught.value) for path in broken)

    def test_a_run_without_data_is_noted(self, tmp_path: Path) -> None:
        full, empty = (saved(tmp_path / f"{value}.nii", np.full(SHAPE, value)) for value in (1.0, 0.0))
        stack = load_stack([subject_map("01", full, minus=subject_map("01", full, empty))])
        assert stack.notes[0] == "Maps of 1 subject contain no data: sub-01 (1 of 3)"

    def test_values_that_overflow_are_missing(self, tmp_path: Path) -> None:
        paths = [doubles(tmp_path / f"{i}.nii", (value,)) for i, value in enumerate((1e308, -1e308))]
        volumes = read(subject_map("01", paths[0], minus=subject_map("01", paths[1])))
        assert np.argwhere(np.isnan(volumes.effect)).tolist() == [[5, 5, 5]]


class TestWeightedSum:
    def test_it_is_the_sum_of_weighted_maps_where_all_have_data(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """0.5 a + 0.25 b - 2 c; variance 0.25 va + 0.0625 vb + 4 vc."""
        weights = (0.5, 0.25, -2.0)
        effects = [brain(rng).astype(np.float32) for _ in weights]
        effects[1][5, 5, 5] = np.nan
        variances = [rng.chisquare(5, size=SHAPE).astype(np.float32) for _ in weights]
        terms = [
            replace(
                subject_map("01", saved(tmp_path / f"e{i}.nii", e), variances=[saved(tmp_path / f"v{i}.nii", v)]),
                weight=w,
            )
            for i, (e, v, w) in enumerate(zip(effects, variances, weights, strict=True))
        ]
        volumes = read(replace(terms[0], others=tuple(terms[1:])), variances=True)
        there = ~np.isnan(volumes.effect)
        assert there.any()
        assert not there[5, 5, 5]
        effect = sum(w * e.astype(float) for w, e in zip(weights, effects, strict=True))
        np.testing.assert_allclose(volumes.effect[there], effect[there], rtol=1e-12)
        assert volumes.variance is not None
        variance = sum(w**2 * v.astype(float) for w, v in zip(weights, variances, strict=True))
        np.testing.assert_allclose(volumes.variance[there], variance[there], rtol=1e-12)
        assert len(volumes.hashes) == 6

    def test_a_single_map_with_a_weight(self, tmp_path: Path) -> None:
        one = subject_map("01", saved(tmp_path / "e.nii", np.ones(SHAPE)))
        assert (read(replace(one, weight=-3.0)).effect == -3).all()


def test_each_file_is_resampled_before_it_is_combined_or_subtracted(tmp_path: Path, rng: np.random.Generator) -> None:
    """Effects by splines, variances linearly: 3 runs on three grids, minus one."""
    volumes = [rng.normal(size=GRID.shape), rng.normal(size=COARSE.shape), rng.normal(size=GRID.shape)]
    weights = [rng.chisquare(5, size=volume.shape) for volume in volumes]
    grids = [GRID, COARSE, moved(1.5)]
    effects, variances = (
        [
            saved(tmp_path / f"{kind}{i}.nii", volume, grid.affine)
            for i, (volume, grid) in enumerate(zip(maps, grids, strict=True))
        ]
        for kind, maps in (("e", volumes), ("v", weights))
    )
    minus = subject_map("01", effects[0], variances=variances[:1])
    found = read(subject_map("01", *effects, variances=variances, minus=minus), variances=True, target=COARSE)
    e, v = np.zeros((2, 3, *COARSE.shape))
    for i, (volume, weight, grid) in enumerate(zip(volumes, weights, grids, strict=True)):
        e[i] = resample(volume.astype(np.float32).astype(float), grid, COARSE)
        v[i] = resample(weight.astype(np.float32).astype(float), grid, COARSE, "linear")
    w = np.where(np.isnan(e) | np.isnan(v), 0, 1 / v)
    effect = (w * np.nan_to_num(e)).sum(axis=0) / w.sum(axis=0) - e[0]
    np.testing.assert_allclose(found.effect, effect, rtol=1e-9, atol=1e-12)
    there = ~np.isnan(effect)
    assert found.variance is not None
    np.testing.assert_allclose(found.variance[there], (1 / w.sum(axis=0) + v[0])[there], rtol=1e-9)


def test_a_file_that_changed_between_two_readings_is_named(tmp_path: Path, rng: np.random.Generator) -> None:
    path = saved(tmp_path / "map.nii", brain(rng))
    sha256 = read(subject_map("01", path)).hashes[path]
    MapReader(GRID, 2**30, hashes={path: sha256}).read(subject_map("01", path))
    saved(path, brain(rng))
    with pytest.raises(ExceptionGroup) as caught:
        MapReader(GRID, 2**30, hashes={path: sha256}).read(subject_map("01", path))
    assert "map.nii changed during the analysis" in str(caught.value.exceptions[0])
