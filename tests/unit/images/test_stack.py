"""The maps of many subjects: who has data where, their values, and how maps of one subject are combined."""

import hashlib
import math
import os
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from bids_ari.images.sources import Reading, Source, bytes_to_load
from bids_ari.images.values import RowsOnDisk
from bids_ari.images.volumes import missing
from builders import AFFINE, SHAPE, Floats, brain, image
from nilearn.image import smooth_img

from bids_ari.errors import BidsAriError, DataError, EmptyMaskError, GridMismatchError, InputNotFoundError, OutputError
from bids_ari.images import files as nifti
from bids_ari.images import kept as kept_module
from bids_ari.images import stack as stack_module
from bids_ari.images.checks import Headers
from bids_ari.images.headers import Header
from bids_ari.images.space import Grid, VolumeSpace
from bids_ari.images.stack import Keep, Stack, group_mask, load_stack
from bids_ari.stats.glm import fit_glm

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


def saved_stack(folder: Path, volumes: Sequence[npt.ArrayLike]) -> Stack:
    return load_stack(one_each([saved(folder / f"{i}.nii.gz", volume) for i, volume in enumerate(volumes)]))


class TestStack:
    def test_coverage_counts_the_subjects_with_data(self, tmp_path: Path) -> None:
        volumes = np.ones((4, *SHAPE))
        volumes[0, 5, 5, 5] = np.nan
        volumes[:2, 0] = 0
        volumes[3, 4, 4, 4] = 0  # inside: a value
        stack = saved_stack(tmp_path, volumes)
        assert stack.coverage[5, 5, 5] == 0.75
        assert (stack.coverage[0] == 0.5).all()
        assert stack.coverage[4, 4, 4] == 1
        assert np.count_nonzero(stack.coverage < 1) == 1 + SHAPE[1] * SHAPE[2]

    @pytest.mark.parametrize("value", [np.nan, 0.0])
    def test_a_map_without_a_value_is_named(self, tmp_path: Path, value: float) -> None:
        with pytest.raises(DataError, match=r"sub-01 has no data: .*1\.nii\.gz") as caught:
            saved_stack(tmp_path, [np.ones(SHAPE), np.full(SHAPE, value), np.ones(SHAPE)])
        assert "--exclude 01" in caught.value.hint

    def mismatch(self, folder: Path, grids: Sequence[Grid]) -> GridMismatchError:
        paths = [saved(folder / f"{i}.nii.gz", np.ones(grid.shape), grid.affine) for i, grid in enumerate(grids)]
        with pytest.raises(GridMismatchError) as caught:
            load_stack([Source(str(i), (path,)) for i, path in enumerate(paths)])
        return caught.value

    def test_the_one_of_many_on_another_grid_is_named(self, tmp_path: Path) -> None:
        other = Grid((5, 6, 7), np.diag([2.0, 2, 2, 1]))
        error = self.mismatch(tmp_path, [GRID, GRID, GRID, other])
        assert error.found == "sub-3 has a grid of 2 x 2 x 2 mm (5, 6, 7) RAS from (0, 0, 0)"
        assert error.expected == "that of the 3 others: 3 x 3 x 3.5 mm (10, 11, 12) LAS from (15, -16, -20)"
        assert error.hint.endswith("--exclude 3")

    def test_the_first_may_be_the_odd_one(self, tmp_path: Path) -> None:
        assert self.mismatch(tmp_path, [moved(9), GRID, GRID]).found.startswith("sub-0 has")

    def test_of_two_halves_the_second_is_named(self, tmp_path: Path) -> None:
        error = self.mismatch(tmp_path, [GRID, GRID, moved(9), moved(9)])
        assert error.found.startswith("sub-2, sub-3 have a grid of")
        assert "the 2 others" in error.expected
        assert error.hint.endswith("--exclude 2 3")

    def test_grids_that_all_differ_are_not_said_to_be_one(self, tmp_path: Path) -> None:
        error = self.mismatch(tmp_path, [GRID, moved(9), moved(18)])
        assert error.found.startswith("sub-1, sub-2 have other grids, such as")
        assert error.expected.startswith("that of sub-0: ")

    def test_a_shift_is_visible_in_the_message(self, tmp_path: Path) -> None:
        error = self.mismatch(tmp_path, [GRID, GRID, moved(9)])
        assert "from (24, -16, -20)" in error.found
        assert "from (15, -16, -20)" in error.expected

    def test_rounding_of_the_affine_is_no_other_grid(self, tmp_path: Path) -> None:
        paths = [saved(tmp_path / f"{x}.nii", np.ones(SHAPE), moved(x).affine) for x in (0, 1e-5)]
        assert load_stack(one_each(paths)).grid.matches(GRID)

    def test_values_are_those_of_the_files(self, tmp_path: Path, rng: np.random.Generator) -> None:
        volumes = [brain(rng).astype(np.float32) for _ in range(3)]
        stack = saved_stack(tmp_path, volumes)
        mask = group_mask(stack, None, 1.0)
        np.testing.assert_array_equal(stack.within(mask), [volume[mask.inside] for volume in volumes])
        np.testing.assert_array_equal(stack.within(mask, 0.0), stack.within(mask))

    def test_smoothing_is_that_of_nilearn(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """Of the whole volume, in mm, what is not a number counting as 0; then the mask."""
        volumes = [brain(rng, signal=2).astype(np.float32) for _ in range(2)]
        volumes[0][4, 4, 4] = np.nan
        stack = saved_stack(tmp_path, volumes)
        mask = group_mask(stack, None, 1.0)
        zeroed = [image(np.nan_to_num(volume), dtype=np.float64) for volume in volumes]
        wanted = [np.asarray(smooth_img(each, 7.0).dataobj)[mask.inside] for each in zeroed]
        np.testing.assert_allclose(stack.within(mask, 7.0), wanted, rtol=1e-12)  # the same sums, in float64

    @pytest.mark.parametrize("smoothing", [None, 6.0])
    def test_where_a_subject_lacks_data_the_row_is_nan(
        self, tmp_path: Path, rng: np.random.Generator, smoothing: float | None
    ) -> None:
        volumes = [brain(rng) for _ in range(4)]
        volumes[2][5, 5, 5] = np.nan
        volumes[3][:3] = 0
        stack = saved_stack(tmp_path, volumes)
        mask = group_mask(stack, None, 0.5)
        absent = np.array([missing(volume)[mask.inside] for volume in volumes])
        assert absent.any()
        np.testing.assert_array_equal(np.isnan(stack.within(mask, smoothing)), absent)


class TestFiles:
    def test_each_file_is_hashed(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """By another program: sha256 of the bytes on disk, as sha256sum gives."""
        paths = [saved(tmp_path / name, brain(rng)) for name in ("a.nii", "b.nii.gz")]
        stack = load_stack(one_each(paths))
        assert dict(stack.hashes) == {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    def test_all_that_is_wrong_with_voxels_is_one_error(self, tmp_path: Path, rng: np.random.Generator) -> None:
        paths = [saved(tmp_path / f"{i}.nii.gz", brain(rng, shape=(30, 31, 32))) for i in range(5)]
        for i in (1, 3):
            content = bytearray(paths[i].read_bytes())
            content[-6] ^= 1
            paths[i].write_bytes(bytes(content))
        saved(paths[4], np.zeros((30, 31, 32)))
        with pytest.raises(DataError) as caught:
            load_stack(one_each(paths))
        lines = str(caught.value).splitlines()
        assert lines[0] == "3 problems with the maps; mend them, or leave out with --exclude 01 03 04:"
        assert [f"{paths[i]} is damaged" in line for i, line in zip((1, 3), lines[1:3], strict=True)] == [True, True]
        assert lines[3].startswith(f"- sub-04 has no data: {paths[4]} holds only NaN or zero")

    @pytest.mark.parametrize("change", ["other values", "cut", "other grid", "gone"])
    def test_a_file_that_changes_while_it_is_in_use_is_named(
        self, tmp_path: Path, rng: np.random.Generator, change: str
    ) -> None:
        paths = [saved(tmp_path / f"{i}.nii", brain(rng)) for i in range(3)]
        stack = load_stack(one_each(paths))
        mask = group_mask(stack, None, 1.0)
        if change == "other values":
            saved(paths[1], brain(rng))
        elif change == "other grid":
            saved(paths[1], np.ones((3, 3, 3)))
        elif change == "cut":
            paths[1].write_bytes(paths[1].read_bytes()[:-7])
        else:
            paths[1].unlink()
        with pytest.raises(BidsAriError, match=r"1\.nii") as caught:
            stack.within(mask)
        assert ("changed while it was in use" in str(caught.value)) is change.startswith("other")

    def test_a_file_that_changes_after_its_header_was_looked_at_is_named(
        self, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paths = [saved(tmp_path / f"{i}.nii", brain(rng)) for i in range(3)]
        look = stack_module.check_headers

        def change(*files: Any, **more: Any) -> Headers:
            headers = look(*files, **more)
            saved(paths[1], brain(rng), moved(9).affine)
            return headers

        monkeypatch.setattr(stack_module, "check_headers", change)
        with pytest.raises(DataError, match=r"1\.nii changed while it was in use"):
            load_stack(one_each(paths))

    def test_a_file_that_shrinks_while_it_is_read_is_damaged(
        self, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Cut after its length was looked at, and before its values are read."""
        path = saved(tmp_path / "map.nii", rng.normal(size=(40, 40, 40)))
        check = nifti.check_memory

        def cut(header: Header, memory: int | None = None) -> None:
            os.truncate(path, 200_000)
            check(header, memory)

        monkeypatch.setattr(nifti, "check_memory", cut)
        with pytest.raises(DataError, match="it has 200000 of the 256352 bytes of the 40 x 40 x 40 voxels"):
            nifti.read_image(path)

    @pytest.mark.parametrize("smoothing", [None, 6.0])
    def test_threads_change_nothing(self, tmp_path: Path, rng: np.random.Generator, smoothing: float | None) -> None:
        volumes = [brain(rng) for _ in range(7)]
        volumes[2][3:5] = np.nan
        paths = [saved(tmp_path / f"{i}.nii.gz", volume) for i, volume in enumerate(volumes)]
        one, many = (load_stack(one_each(paths), n_jobs=n_jobs) for n_jobs in (1, 4))
        np.testing.assert_array_equal(one.counts, many.counts)
        assert list(one.hashes.items()) == list(many.hashes.items())
        mask = group_mask(one, None, 0.5)
        np.testing.assert_array_equal(one.within(mask, smoothing), many.within(mask, smoothing, n_jobs=4))

    def test_who_covers_little_is_named(self, tmp_path: Path) -> None:
        """The box inside has 8 * 9 * 10 = 720 voxels; half of that is 360, and 1 * 9 * 10 = 90."""
        volumes = np.zeros((6, *SHAPE))
        volumes[:, 1:-1, 1:-1, 1:-1] = 1
        volumes[2, 2:] = 0
        volumes[4, 5:] = 0  # 4 of 8 planes: 360 voxels are just half
        (note,) = saved_stack(tmp_path, volumes).notes
        assert note == ("1 subject with data at fewer than half as many voxels as the median, 720: sub-02 (90)")

    def test_equal_cover_needs_no_note(self, tmp_path: Path) -> None:
        assert saved_stack(tmp_path, np.ones((3, *SHAPE))).notes == ()


class TestMemory:
    def test_values_that_do_not_fit_are_refused_before_they_are_read(self, tmp_path: Path) -> None:
        """3 subjects at 1320 voxels, 48 bytes each for the group model: 190,080 bytes; the values may be on disk."""
        stack = saved_stack(tmp_path, np.ones((3, *SHAPE)))
        mask = group_mask(stack, None, 1.0)
        assert mask.n_points == 1320
        for path in tmp_path.iterdir():
            path.unlink()  # nothing is read
        with pytest.raises(
            DataError, match=r"3 subjects at 1320 voxels take 186 KB of memory, .*; the memory here is 186 KB"
        ) as caught:
            stack.within(mask, memory=190_079)
        assert "--mem" in caught.value.hint
        with pytest.raises(InputNotFoundError):
            stack.within(mask, memory=190_080)

    def test_fewer_voxels_take_less(self, tmp_path: Path) -> None:
        stack = saved_stack(tmp_path, np.ones((3, *SHAPE)))
        few = VolumeSpace(stack.grid, np.arange(1320).reshape(SHAPE) < 10)
        assert stack.within(few, memory=60_000).shape == (3, 10)

    def test_a_map_that_does_not_fit_is_refused_by_its_header(self, tmp_path: Path) -> None:
        """1320 voxels of 40 bytes."""
        paths = [saved(tmp_path / f"{i}.nii.gz", np.ones(SHAPE)) for i in range(2)]
        load_stack(one_each(paths), memory=52_800)
        with pytest.raises(DataError, match=r"claims 10 x 11 x 12 voxels, which take 52 KB; the memory here is 52 KB"):
            load_stack(one_each(paths), memory=52_799)

    def test_little_memory_means_fewer_threads(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        used: list[int] = []

        def spy(function: Callable[[Any], Any], items: Iterable[Any], n_jobs: int) -> Iterator[Any]:
            used.append(n_jobs)
            return map(function, items)

        paths = [saved(tmp_path / f"{i}.nii.gz", np.ones(SHAPE)) for i in range(2)]
        monkeypatch.setattr(kept_module, "run_parallel", spy)
        values = 2 * 1320 * 8  # and six times as much for the group model: 126,720 bytes
        stack = load_stack(one_each(paths), n_jobs=8, memory=3 * 52_800)
        stack.within(group_mask(stack, None, 1.0), n_jobs=8, memory=4 * 52_800 + values)
        stack.within(group_mask(stack, None, 1.0), n_jobs=8, memory=126_720)  # values on disk
        runs = [Source("01", (paths[0], paths[1])), Source("02", (paths[0],))]
        combined = load_stack(runs, n_jobs=8, memory=3 * 52_800)  # twice the volumes at a time
        combined.within(group_mask(stack, None, 1.0), n_jobs=8, memory=4 * 52_800 + values)
        assert used == [3, 4, 2, 1, 2]

    @pytest.mark.parametrize("target", [None, "coarser", "finer"])
    @pytest.mark.parametrize("combined", [False, True])
    @pytest.mark.parametrize("minus", [False, True])
    @pytest.mark.parametrize("variances", [False, True])
    def test_what_is_said_to_be_needed_is_needed(
        self, tmp_path: Path, rng: np.random.Generator, target: str | None, combined: bool, minus: bool, variances: bool
    ) -> None:
        """The peak that numpy and Python allocate stays below it, and is not far below."""
        grids = {2.0: Grid((42, 42, 42), np.diag([2.0, 2, 2, 1])), 3.0: Grid((28, 28, 28), np.diag([3.0, 3, 3, 1]))}
        size, other = (3.0, 2.0) if target == "finer" else (2.0, 3.0)
        path = tmp_path / "map.nii"
        nib.save(image(rng.chisquare(9, size=grids[size].shape), grids[size].affine, np.float64), path)
        n = 2 if combined else 1
        source = Source("01", (path,) * n, (path,) * n)
        if minus:
            source = replace(source, minus=source)
        tracemalloc.start()
        stack = load_stack([source], target=grids[other] if target else None, variances=variances)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        how = Reading(stack.grid, 0, resampled=target is not None, variances=variances)
        assert 0.4 < peak / bytes_to_load([source], how, 42**3) < 1


COARSE = Grid((5, 6, 7), np.array([[-6.0, 0, 0, 14], [0, 6, 0, -15], [0, 0, 6, -18], [0, 0, 0, 1]]))
"""Over the same place, with other voxels."""


class TestOnDisk:
    """The same values to the bit, wherever they are, whoever reads them, however much is missing."""

    @pytest.mark.parametrize("n_jobs", [1, 3])
    @pytest.mark.parametrize("coverage", [1.0, 0.5, 0.1])
    @pytest.mark.parametrize("smoothing", [None, 6.0])
    @pytest.mark.parametrize("target", [None, COARSE], ids=["as is", "resampled"])
    def test_values_and_results_are_the_same(
        self,
        tmp_path: Path,
        rng: np.random.Generator,
        n_jobs: int,
        coverage: float,
        smoothing: float | None,
        target: Grid | None,
    ) -> None:
        volumes = np.stack([brain(rng) for _ in range(9)])
        volumes[rng.random(volumes.shape) < 0.05] = np.nan
        stack = load_stack(one_each([saved(tmp_path / f"{i}.nii", v) for i, v in enumerate(volumes)]), target=target)
        mask = group_mask(stack, None, coverage)
        here = stack.within(mask, smoothing)
        most = 6 * 8 * 9 * mask.n_points  # what the group model takes; the values themselves have no room
        least = max(most, bytes_to_load(stack.sources, Reading(stack.grid, 0, target is not None), stack.n_largest))
        there = stack.within(mask, smoothing, n_jobs=n_jobs, memory=least, work_dir=tmp_path)
        assert isinstance(here, np.ndarray)
        assert isinstance(there, RowsOnDisk)
        assert there[:, :].tobytes() == here.tobytes()
        matrix = np.column_stack([np.ones(9), np.arange(9)])
        tests = {"mean": np.array([1.0, 0]), "both": np.eye(2)}
        for one, other in zip(fit_glm(here, matrix, tests), fit_glm(there, matrix, tests), strict=True):
            assert one.z.tobytes() == other.z.tobytes()
            assert one.dof.tobytes() == other.dof.tobytes()

    def test_variances_too(self, tmp_path: Path, rng: np.random.Generator) -> None:
        sources = [
            Source(
                str(i),
                (saved(tmp_path / f"e{i}.nii", brain(rng)),),
                (saved(tmp_path / f"v{i}.nii", rng.chisquare(2, SHAPE)),),
            )
            for i in range(6)
        ]
        stack = load_stack(sources, variances=True)
        mask = group_mask(stack, None, 1.0)
        here = stack.with_variances(mask)
        there = stack.with_variances(mask, n_jobs=2, memory=2 * 6 * 8 * 6 * mask.n_points, work_dir=tmp_path)
        assert [type(each) for each in there] == [RowsOnDisk] * 2
        assert [each[:, :].tobytes() for each in there] == [each[:, :].tobytes() for each in here]

    def test_nothing_is_left_in_the_folder_also_after_a_failure(self, tmp_path: Path, rng: np.random.Generator) -> None:
        work = tmp_path / "work"
        work.mkdir()
        paths = [saved(tmp_path / f"{i}.nii", brain(rng)) for i in range(6)]
        stack = load_stack(one_each(paths))
        mask = group_mask(stack, None, 1.0)
        memory = 6 * 8 * 6 * mask.n_points
        assert isinstance(stack.within(mask, memory=memory, work_dir=work), RowsOnDisk)
        saved(paths[4], brain(rng))
        with pytest.raises(DataError, match="changed"):
            stack.within(mask, memory=memory, work_dir=work)
        assert list(work.iterdir()) == []
        with pytest.raises(OutputError, match="gone cannot hold the values"):
            stack.within(mask, memory=memory, work_dir=tmp_path / "gone")


def stack_of(counts: npt.ArrayLike, n_subjects: int) -> Stack:
    """A stack of which only the counts matter."""
    counts = np.asarray(counts, dtype=np.int32).reshape(1, 1, -1)
    sources = tuple(Source(str(i), (Path("x"),)) for i in range(n_subjects))
    return Stack(sources, Grid((1, 1, counts.size), AFFINE), counts)


def test_coverage_is_a_fraction_of_all_subjects_also_where_none_is_complete() -> None:
    assert stack_of([1, 2, 0], 4).coverage.ravel().tolist() == [0.25, 0.5, 0]


class TestGroupMask:
    @pytest.mark.parametrize(
        ("coverage", "least"),
        [(1.0, 100), (0.999, 100), (0.07, 7), (0.29, 29), (0.57, 57), (0.501, 51), (0.001, 1), (1e-12, 1)],
    )
    def test_coverage_is_a_fraction_of_the_subjects(self, coverage: float, least: int) -> None:
        """Also where coverage * 100 is not exact in floating point: 0.07, 0.29, 0.57."""
        mask = group_mask(stack_of(range(101), 100), None, coverage)
        assert mask.inside.ravel().tolist() == [count >= least for count in range(101)]

    def test_a_given_mask_takes_voxels_away_and_adds_none(self) -> None:
        stack = stack_of([2, 2, 1, 2], 2)
        given = VolumeSpace(stack.grid, np.array([[[True, False, True, True]]]))
        assert group_mask(stack, given, 1.0).inside.ravel().tolist() == [True, False, False, True]

    def test_no_voxel_left_says_how_many_subjects_cover_most(self) -> None:
        with pytest.raises(EmptyMaskError, match=r"No voxel has data of 90% of the 10 subjects \(at most 8 do\)"):
            group_mask(stack_of([8, 3], 10), None, 0.9)

    def test_no_voxel_left_inside_a_mask_counts_there(self) -> None:
        stack = stack_of([10, 3], 10)
        given = VolumeSpace(stack.grid, np.array([[[False, True]]]))
        with pytest.raises(EmptyMaskError, match=r"\(at most 3 do\) inside the mask"):
            group_mask(stack, given, 1.0)


def test_scaled_integers_keep_their_values_inside_the_brain(tmp_path: Path, rng: np.random.Generator) -> None:
    """Steps near zero are values like others, to the last digit."""
    paths = []
    for i in range(8):
        saved = image(brain(rng) * 0.01)
        saved.set_data_dtype(np.int8)
        paths.append(tmp_path / f"{i}.nii.gz")
        nib.save(saved, paths[-1])
    stack = load_stack(one_each(paths))
    mask = group_mask(stack, None, 1.0)
    values = np.stack([nib.load(path).get_fdata()[mask.inside] for path in paths])
    np.testing.assert_array_equal(stack.within(mask), values)
    assert (np.abs(values) < 1e-4).any()  # the step of int8 is larger: some values stand for zero


class TestKeep:
    """What is kept at the first look is what a second reading gives, to the bit."""

    def sources(self, folder: Path, rng: np.random.Generator) -> list[Source]:
        """Ten maps with holes; the first and the last lack a slab each."""
        volumes = np.stack([brain(rng) for _ in range(10)])
        volumes[rng.random(volumes.shape) < 0.03] = np.nan
        volumes[0, 3:5] = volumes[9, :, 6:8] = np.nan
        variances = rng.chisquare(5, volumes.shape)
        return [
            Source(f"{i:02d}", (saved(folder / f"{i}.nii", e),), (saved(folder / f"v{i}.nii", v),))
            for i, (e, v) in enumerate(zip(volumes, variances, strict=True))
        ]

    @pytest.mark.parametrize("masked", [False, True])
    @pytest.mark.parametrize("coverage", [1.0, 0.8, 0.75, 0.1])
    @pytest.mark.parametrize("smoothing", [None, 6.0])
    @pytest.mark.parametrize("target", [None, COARSE], ids=["as is", "resampled"])
    def test_nothing_is_read_again_and_nothing_changes(
        self,
        tmp_path: Path,
        rng: np.random.Generator,
        masked: bool,
        coverage: float,
        smoothing: float | None,
        target: Grid | None,
    ) -> None:
        sources = self.sources(tmp_path, rng)
        plain = load_stack(sources, target=target)
        given = VolumeSpace(plain.grid, np.arange(math.prod(plain.grid.shape)).reshape(plain.grid.shape) % 3 > 0)
        mask = group_mask(plain, given if masked else None, coverage)
        wanted = plain.within(mask, smoothing)
        keep = Keep(lambda _: given if masked else None, coverage, smoothing)
        stack = load_stack(sources, target=target, keep=keep, n_jobs=3)
        for path in tmp_path.glob("*.nii"):
            path.unlink()
        assert stack.given is (given if masked else None)
        np.testing.assert_array_equal(stack.counts, plain.counts)
        assert (stack.hashes, stack.notes) == (plain.hashes, plain.notes)
        assert stack.within(mask, smoothing)[:, :].tobytes() == wanted[:, :].tobytes()
        with pytest.raises(InputNotFoundError):
            stack.within(mask, 3.0)  # of this nothing was kept

    def test_variances_and_values_on_disk(self, tmp_path: Path, rng: np.random.Generator) -> None:
        sources = self.sources(tmp_path, rng)
        plain = load_stack(sources, variances=True)
        mask = group_mask(plain, None, 0.8)
        wanted = plain.with_variances(mask)
        first = group_mask(load_stack(sources[:3]), None, 0.01)
        memory = 10 * first.n_points * 8 * 6 * 2  # of the group model; the values have no room
        stack = load_stack(sources, variances=True, memory=memory, keep=Keep(lambda _: None, 0.8, 6.0, tmp_path))
        for path in tmp_path.glob("*.nii"):
            path.unlink()
        assert stack.kept is not None
        assert [type(array) for array in stack.kept.arrays] == [RowsOnDisk] * 2
        found = stack.with_variances(mask)
        assert [each[:, :].tobytes() for each in found] == [each[:, :].tobytes() for each in wanted]
        assert stack.within(mask)[:, :].tobytes() == wanted[0][:, :].tobytes()

    def test_each_file_is_read_once(
        self, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With coverage 0.8 of ten, a voxel that is tested has data of one of the first three: 3 are read twice."""
        read: list[str] = []
        load = kept_module.load_source

        def spy(source: Source, how: Reading) -> Any:
            read.append(source.subject)
            return load(source, how)

        monkeypatch.setattr(kept_module, "load_source", spy)
        sources, everyone = self.sources(tmp_path, rng), [f"{i:02d}" for i in range(10)]
        for coverage, again in ((1.0, 1), (0.8, 3)):
            read.clear()
            stack = load_stack(sources, keep=Keep(lambda _: None, coverage))
            stack.within(group_mask(stack, None, coverage))
            assert read == everyone[:again] + everyone
        read.clear()
        whole = VolumeSpace(GRID, np.ones(SHAPE, dtype=bool))
        stack = load_stack(sources, keep=Keep(lambda _: whole, 0.8))
        stack.within(group_mask(stack, whole, 0.8))
        assert read == everyone

    def test_voxels_that_were_not_kept_are_read(self, tmp_path: Path, rng: np.random.Generator) -> None:
        sources = self.sources(tmp_path, rng)
        plain = load_stack(sources)
        mask = group_mask(plain, None, 0.5)
        stack = load_stack(sources, keep=Keep(lambda _: None, 1.0))
        assert stack.within(mask)[:, :].tobytes() == plain.within(mask)[:, :].tobytes()

    def test_values_without_room_are_not_kept(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """The group model takes 480 bytes a voxel: 633,600 at all 1320 voxels, and less at those that are tested."""
        sources = self.sources(tmp_path, rng)
        mask = group_mask(load_stack(sources), None, 1.0)
        keep = Keep(lambda grid: VolumeSpace(grid, np.ones(SHAPE, dtype=bool)), work_dir=tmp_path)
        assert load_stack(sources, memory=633_600, keep=keep).kept is not None
        stack = load_stack(sources, memory=633_599, keep=keep)
        assert stack.kept is None
        assert stack.within(mask, memory=633_599).shape == (10, mask.n_points)

    def test_all_that_is_wrong_is_still_one_error(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """Also with the first, which is looked at before the others."""
        sources = self.sources(tmp_path, rng)
        for i in (0, 4):
            saved(sources[i].effects[0], np.zeros(SHAPE))
        with pytest.raises(DataError, match=r"^2 problems with the maps; .* --exclude 00 04:"):
            load_stack(sources, keep=Keep(lambda _: None))

    def test_a_file_that_changes_between_two_readings_is_named(
        self, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sources = self.sources(tmp_path, rng)
        room = kept_module.room_for

        def change(*shape: Any, **more: Any) -> Any:
            saved(sources[0].effects[0], brain(rng))
            return room(*shape, **more)

        monkeypatch.setattr(kept_module, "room_for", change)
        with pytest.raises(DataError, match=r"0\.nii changed while it was in use"):
            load_stack(sources, keep=Keep(lambda _: None))
