"""The stack of a contrast: which points are tested, the values there, in memory or on disk, and notes."""

import hashlib
import math
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from builders import AFFINE, SHAPE, brain, image, minus_map, one_each, saved, subject_map
from nilearn.image import smooth_img

from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import DataError, OutputError
from bids_ari.images import checks, files, maps
from bids_ari.images import stack as stack_module
from bids_ari.images.checks import Headers
from bids_ari.images.image import Image
from bids_ari.images.maps import MapReader
from bids_ari.images.masks import n_required
from bids_ari.images.resampling import resample
from bids_ari.images.stack import Stack, load_stack
from bids_ari.images.storage import Columns, RowsOnDisk
from bids_ari.images.volume import Grid, VolumeSpace, missing
from bids_ari.stats.glm import fit_glm

GRID = Grid(SHAPE, AFFINE)
COARSE = Grid((5, 6, 7), np.array([[-6.0, 0, 0, 14], [0, 6, 0, -15], [0, 0, 6, -18], [0, 0, 0, 1]]))
"""Over the same field of view, with other voxels."""


def moved(x: float = 0.0) -> Grid:
    """The grid of the maps, moved along x by mm."""
    affine = AFFINE.copy()
    affine[0, 3] += x
    return Grid(SHAPE, affine)


def saved_stack(folder: Path, volumes: Sequence[npt.ArrayLike], **options: Any) -> Stack:
    paths = [saved(folder / f"{i}.nii.gz", volume) for i, volume in enumerate(volumes)]
    return load_stack(one_each(paths), **options)


class TestValues:
    def test_coverage_is_the_fraction_of_subjects_with_data(self, tmp_path: Path) -> None:
        volumes = np.ones((4, *SHAPE))
        volumes[0, 5, 5, 5] = np.nan
        volumes[:2, 0] = 0
        volumes[3, 4, 4, 4] = 0  # inside: a value
        coverage = saved_stack(tmp_path, volumes).coverage
        assert coverage[5, 5, 5] == 0.75
        assert (coverage[0] == 0.5).all()
        assert coverage[4, 4, 4] == 1
        assert np.count_nonzero(coverage < 1) == 1 + SHAPE[1] * SHAPE[2]

    def test_values_are_those_of_the_files(self, tmp_path: Path, rng: np.random.Generator) -> None:
        volumes = [brain(rng).astype(np.float32) for _ in range(3)]
        stack = saved_stack(tmp_path, volumes)
        assert stack.subjects == ("00", "01", "02")
        np.testing.assert_array_equal(stack.effects[:, :], [stack.space.select(volume) for volume in volumes])
        again = saved_stack(tmp_path, volumes, smoothing=0.0)
        np.testing.assert_array_equal(again.effects[:, :], stack.effects[:, :])

    def test_smoothing_is_that_of_nilearn(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """Of the whole volume, in mm; missing data are tested in test_smoothing."""
        volumes = [brain(rng, signal=2).astype(np.float32) for _ in range(2)]
        stack = saved_stack(tmp_path, volumes, smoothing=7.0)
        expected = [
            stack.space.select(np.asarray(smooth_img(image(each, dtype=np.float64), 7.0).dataobj)) for each in volumes
        ]
        np.testing.assert_array_equal(stack.effects[:, :], expected)

    @pytest.mark.parametrize("smoothing", [None, 6.0])
    def test_a_row_is_nan_where_the_subject_has_no_data(
        self, tmp_path: Path, rng: np.random.Generator, smoothing: float | None
    ) -> None:
        volumes = [brain(rng) for _ in range(4)]
        volumes[2][5, 5, 5] = np.nan
        volumes[3][:3] = 0
        stack = saved_stack(tmp_path, volumes, coverage=0.5, smoothing=smoothing)
        absent = np.array([stack.space.select(missing(volume)) for volume in volumes])
        assert absent.any()
        np.testing.assert_array_equal(np.isnan(stack.effects[:, :]), absent)

    def test_scaled_integers_keep_their_values_inside_the_brain(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """Steps near zero are values like others, to the last digit."""
        paths = [tmp_path / f"{i}.nii.gz" for i in range(8)]
        for path in paths:
            scaled = image(brain(rng) * 0.01)
            scaled.set_data_dtype(np.int8)
            nib.save(scaled, path)
        stack = load_stack(one_each(paths))
        values = np.stack([stack.space.select(nib.load(path).get_fdata()) for path in paths])
        np.testing.assert_array_equal(stack.effects[:, :], values)
        assert (np.abs(values) < 1e-4).any()  # the step of int8 is larger: some values are stored as zero

    def test_a_mask_may_be_a_file_or_a_space(self, tmp_path: Path, rng: np.random.Generator) -> None:
        volumes = [brain(rng) for _ in range(3)]
        inside = np.arange(math.prod(SHAPE)).reshape(SHAPE) % 3 > 0
        path = saved(tmp_path / "mask.nii.gz", inside.astype(float))
        by_file = saved_stack(tmp_path, volumes, mask=path)
        by_space = saved_stack(tmp_path, volumes, mask=VolumeSpace(GRID, inside))
        everywhere = saved_stack(tmp_path, volumes)
        np.testing.assert_array_equal(by_file.space.inside, everywhere.space.inside & inside)
        np.testing.assert_array_equal(by_space.space.inside, by_file.space.inside)
        np.testing.assert_array_equal(by_space.effects[:, :], by_file.effects[:, :])


class TestNotes:
    def test_small_coverage_is_noted(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """The box inside has 8 * 9 * 10 = 720 voxels; half of that is 360, and 1 * 9 * 10 = 90."""
        volumes = np.zeros((6, *SHAPE))
        volumes[:, 1:-1, 1:-1, 1:-1] = rng.normal(size=(6, 8, 9, 10))
        volumes[2, 2:] = 0
        volumes[4, 5:] = 0  # 4 of 8 planes: 360 voxels are just half
        note, slices = saved_stack(tmp_path, volumes).notes
        assert slices.endswith("sub-02 (7 sagittal slices), sub-04 (4 sagittal slices)")
        assert note == ("1 subject with data at fewer than half as many voxels as the median, 720: sub-02 (90)")

    def test_equal_coverage_needs_no_note(self, tmp_path: Path, rng: np.random.Generator) -> None:
        assert saved_stack(tmp_path, rng.normal(size=(3, *SHAPE))).notes == ()


class TestFiles:
    def test_each_file_is_hashed(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """By hashlib: SHA-256 of the bytes on disk."""
        paths = [saved(tmp_path / name, brain(rng)) for name in ("a.nii", "b.nii.gz")]
        stack = load_stack(one_each(paths))
        assert dict(stack.hashes) == {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    @pytest.mark.parametrize("value", [np.nan, 0.0])
    def test_a_map_without_data_is_named(self, tmp_path: Path, value: float) -> None:
        with pytest.raises(DataError, match=r"sub-01 has no data: .*1\.nii\.gz") as caught:
            saved_stack(tmp_path, [np.ones(SHAPE), np.full(SHAPE, value), np.ones(SHAPE)])
        assert "--exclude 01" in caught.value.hint

    @pytest.mark.parametrize("damaged", [(1, 3), (0, 3)], ids=["others", "the first"])
    def test_all_problems_with_voxels_are_one_error(
        self, tmp_path: Path, rng: np.random.Generator, damaged: tuple[int, int]
    ) -> None:
        """Also those of the first map, which is read before the others."""
        paths = [saved(tmp_path / f"{i}.nii.gz", brain(rng, shape=(30, 31, 32))) for i in range(5)]
        for i in damaged:
            content = bytearray(paths[i].read_bytes())
            content[-6] ^= 1
            paths[i].write_bytes(bytes(content))
        saved(paths[4], np.zeros((30, 31, 32)))
        with pytest.raises(DataError) as caught:
            load_stack(one_each(paths))
        lines = str(caught.value).splitlines()
        assert lines[0].startswith("3 problems with the maps")
        assert lines[0].endswith(f"--exclude 0{damaged[0]} 03 04:")
        assert lines[1].startswith(f"- {paths[damaged[0]]} is damaged")
        assert lines[1].endswith("Likewise 1 other, of sub-03")
        assert lines[2].startswith(f"- sub-04 has no data: {paths[4]}")

    def test_a_file_that_changes_after_its_header_was_checked_is_named(
        self, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paths = [saved(tmp_path / f"{i}.nii", brain(rng)) for i in range(3)]
        check = stack_module.check_headers

        def change(*arguments: Any, **more: Any) -> Headers:
            headers = check(*arguments, **more)
            saved(paths[1], brain(rng), moved(9).affine)
            return headers

        monkeypatch.setattr(stack_module, "check_headers", change)
        with pytest.raises(DataError, match=r"1\.nii changed during the analysis"):
            load_stack(one_each(paths))

    def test_a_file_that_changes_between_two_readings_is_named(
        self, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paths = [saved(tmp_path / f"{i}.nii", brain(rng)) for i in range(3)]
        allocate = stack_module.room_for

        def change(*shape: Any, **more: Any) -> Any:
            saved(paths[0], brain(rng))
            return allocate(*shape, **more)

        monkeypatch.setattr(stack_module, "room_for", change)
        with pytest.raises(DataError, match=r"0\.nii changed during the analysis"):
            load_stack(one_each(paths))

    def test_a_file_that_shrinks_while_it_is_read_is_damaged(
        self, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Cut after its length was checked, and before its values are read."""
        path = saved(tmp_path / "map.nii", rng.normal(size=(40, 40, 40)))
        check = files.check_memory

        def cut(header: Any, mem: int | None = None) -> None:
            with path.open("rb+") as file:
                file.truncate(200_000)
            check(header, mem)

        monkeypatch.setattr(files, "check_memory", cut)
        with pytest.raises(DataError, match="it has 200000 of the 256352 bytes for the 40 x 40 x 40 voxels"):
            files.read_image(path)

    @pytest.mark.parametrize("coverage", [1.0, 0.8])
    def test_few_maps_are_read_twice(
        self, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, coverage: float
    ) -> None:
        """With coverage 0.8 of ten, a voxel that is tested has data of one of the first three; with a mask, none."""
        paths = [saved(tmp_path / f"{i}.nii", brain(rng)) for i in range(10)]
        read: list[int] = []
        load = maps.read_image

        def spy(paths: tuple[Path], mem: int, map_name: str | None) -> Image:
            read.append(int(paths[0].stem))
            return load(paths, mem, map_name=map_name)

        monkeypatch.setattr(maps, "read_image", spy)
        load_stack(one_each(paths), coverage=coverage)
        assert read == [*range(1 if coverage == 1 else 3), *range(10)]
        read.clear()
        load_stack(one_each(paths), coverage=coverage, mask=VolumeSpace(GRID, np.ones(SHAPE, dtype=bool)))
        assert read == [*range(10)]


class TestMemory:
    def test_a_map_that_does_not_fit_is_refused_by_its_header(self, tmp_path: Path) -> None:
        """1320 voxels of 40 bytes are 52,800 bytes; the group model takes 48 for each of 1 x 1320 values, 63,360."""
        paths = [saved(tmp_path / "0.nii.gz", np.ones(SHAPE))]
        load_stack(one_each(paths), mem=63_360)
        with pytest.raises(DataError, match=r"1 subject at 1320 voxels take 62 KB of memory"):
            load_stack(one_each(paths), mem=63_359)
        with pytest.raises(DataError, match=r"describes 10 x 11 x 12 voxels, which take 52 KB"):
            load_stack(one_each(paths), mem=52_799)

    def test_values_that_do_not_fit_are_on_disk(self, tmp_path: Path) -> None:
        """3 subjects at 1320 voxels: 31,680 bytes, and 190,080 for the group model."""
        paths = [saved(tmp_path / f"{i}.nii.gz", np.ones(SHAPE)) for i in range(3)]
        assert isinstance(load_stack(one_each(paths), mem=221_760).effects, np.ndarray)
        assert isinstance(load_stack(one_each(paths), mem=221_759).effects, RowsOnDisk)
        with pytest.raises(DataError, match="--mem"):
            load_stack(one_each(paths), mem=190_079)

    def test_fewer_voxels_take_less(self, tmp_path: Path) -> None:
        few = VolumeSpace(GRID, np.arange(1320).reshape(SHAPE) < 10)
        stack = saved_stack(tmp_path, np.ones((3, *SHAPE)), mask=few, mem=60_000)
        assert stack.effects.shape == (3, 10)

    def test_little_memory_means_fewer_threads(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        used: list[int] = []

        def spy(function: Callable[[Any], Any], items: Iterable[Any], n_threads: int) -> Iterator[Any]:
            used.append(n_threads)
            return map(function, items)

        paths = [saved(tmp_path / f"{i}.nii.gz", np.ones(SHAPE)) for i in range(2)]
        monkeypatch.setattr(checks, "run_parallel", spy)
        values = 2 * 1320 * 8  # and six times as much for the group model: 126,720 bytes
        whole = VolumeSpace(GRID, np.ones(SHAPE, dtype=bool))
        load_stack(one_each(paths), n_threads=8, mem=4 * 52_800 + values, mask=whole)
        load_stack(one_each(paths), n_threads=8, mem=126_720, mask=whole)  # values on disk
        runs = [subject_map("01", *paths), subject_map("02", paths[0])]  # sums, kept while maps are read
        load_stack(runs, n_threads=8, mem=4 * 52_800 + values, mask=whole)
        assert used[1::2] == [4, 2, 2]  # after each check of the headers

    @pytest.mark.parametrize("target", [None, "coarser", "finer"])
    @pytest.mark.parametrize("combined", [False, True])
    @pytest.mark.parametrize("minus", [False, True])
    @pytest.mark.parametrize("variances", [False, True])
    def test_reading_takes_the_expected_memory(
        self, tmp_path: Path, rng: np.random.Generator, target: str | None, combined: bool, minus: bool, variances: bool
    ) -> None:
        """The peak that numpy and Python allocate stays below it, and is not far below."""
        grids = {2.0: Grid((42, 42, 42), np.diag([2.0, 2, 2, 1])), 3.0: Grid((28, 28, 28), np.diag([3.0, 3, 3, 1]))}
        size, other = (3.0, 2.0) if target == "finer" else (2.0, 3.0)
        path = tmp_path / "map.nii"
        nib.save(image(rng.chisquare(9, size=grids[size].shape), grids[size].affine, np.float64), path)
        n = 2 if combined else 1
        member = subject_map("01", *[path] * n, variances=[path] * n)
        if minus:
            member = minus_map(member, member)
        reader = MapReader(grids[other if target else size], 2**30, target is not None, variances)
        tracemalloc.start()
        reader.read(member)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert 0.4 < peak / reader.n_bytes([member], 42**3) < 1


def ten(folder: Path, rng: np.random.Generator) -> list[SubjectMap]:
    """Ten maps with holes and their variances; the first and the last lack a slab each."""
    volumes = np.stack([brain(rng) for _ in range(10)])
    volumes[rng.random(volumes.shape) < 0.03] = np.nan
    volumes[0, 3:5] = volumes[9, :, 6:8] = np.nan
    variances = rng.chisquare(5, volumes.shape)
    return [
        subject_map(f"{i:02d}", saved(folder / f"{i}.nii", e), variances=[saved(folder / f"v{i}.nii", v)])
        for i, (e, v) in enumerate(zip(volumes, variances, strict=True))
    ]


def memory_for_disk(members: Sequence[SubjectMap], coverage: float, n_arrays: int = 1, **options: Any) -> int:
    """Memory for the group model, 48 bytes a value, at the voxels where any of the first n - n_required + 1 has data.

    The values themselves, 8 bytes each, do not fit.
    """
    first = members[: len(members) - n_required(coverage, len(members)) + 1]
    return len(members) * load_stack(first, coverage=0.01, **options).space.n_points * 48 * n_arrays


class TestSameBits:
    """Memory, threads and the points that are stored change no bit of the values."""

    @pytest.mark.parametrize("masked", [False, True])
    @pytest.mark.parametrize("coverage", [1.0, 0.75, 0.1])
    @pytest.mark.parametrize("smoothing", [None, 6.0])
    @pytest.mark.parametrize("target", [None, COARSE], ids=["as is", "resampled"])
    def test_in_memory_and_on_disk(
        self,
        tmp_path: Path,
        rng: np.random.Generator,
        masked: bool,
        coverage: float,
        smoothing: float | None,
        target: Grid | None,
    ) -> None:
        members, grid = ten(tmp_path, rng), target or GRID
        mask = np.arange(math.prod(grid.shape)).reshape(grid.shape) % 3 > 0 if masked else np.ones(grid.shape, bool)
        options: dict[str, Any] = {"coverage": coverage, "smoothing": smoothing, "target": target}
        here = load_stack(members, mask=VolumeSpace(grid, mask), **options)
        options["mask"] = VolumeSpace(grid, mask) if masked else None
        mem = 10 * int(mask.sum()) * 48 if masked else memory_for_disk(members, coverage, target=target)
        mem = max(mem, MapReader(grid, 0, target is not None).n_bytes(members, 1320))
        there = load_stack(members, **options, n_threads=3, mem=mem, work_dir=tmp_path)
        stored = there.effects.values if isinstance(there.effects, Columns) else there.effects
        assert isinstance(stored, RowsOnDisk)
        assert there.effects[:, :].tobytes() == here.effects[:, :].tobytes()
        np.testing.assert_array_equal(there.space.inside, here.space.inside)
        np.testing.assert_array_equal(there.coverage, here.coverage)
        assert (there.hashes, there.notes, there.resampled) == (here.hashes, here.notes, here.resampled)

    def test_results_of_a_group_model(self, tmp_path: Path, rng: np.random.Generator) -> None:
        members = ten(tmp_path, rng)
        here = load_stack(members, coverage=0.5)
        there = load_stack(members, coverage=0.5, mem=memory_for_disk(members, 0.5), work_dir=tmp_path)
        matrix = np.column_stack([np.ones(10), np.arange(10)])
        tests = {"mean": np.array([1.0, 0]), "both": np.eye(2)}
        for one, other in zip(fit_glm(here.effects, matrix, tests), fit_glm(there.effects, matrix, tests), strict=True):
            assert one.z.tobytes() == other.z.tobytes()
            assert one.dof.tobytes() == other.dof.tobytes()

    def test_variances(self, tmp_path: Path, rng: np.random.Generator) -> None:
        members = ten(tmp_path, rng)
        here = load_stack(members, variances=True, coverage=0.8)
        mem = memory_for_disk(members, 0.8, 2)
        there = load_stack(members, variances=True, coverage=0.8, n_threads=2, mem=mem, work_dir=tmp_path)
        for one, other in ((here.effects, there.effects), (here.variances, there.variances)):
            assert one is not None
            assert isinstance(other, Columns)
            assert isinstance(other.values, RowsOnDisk)
            assert one[:, :].tobytes() == other[:, :].tobytes()

    def test_nothing_remains_in_the_folder_also_after_a_failure(self, tmp_path: Path, rng: np.random.Generator) -> None:
        work = tmp_path / "work"
        work.mkdir()
        members = ten(tmp_path, rng)
        mem = memory_for_disk(members, 1.0)
        load_stack(members, mem=mem, work_dir=work)
        assert list(work.iterdir()) == []
        saved(members[4].paths[0], np.zeros(SHAPE))
        with pytest.raises(DataError, match="sub-04 has no data"):
            load_stack(members, mem=mem, work_dir=work)
        assert list(work.iterdir()) == []
        with pytest.raises(OutputError, match="gone cannot hold the values"):
            load_stack(members, mem=mem, work_dir=tmp_path / "gone")


class TestTarget:
    def test_maps_on_other_grids_are_resampled_and_noted(self, tmp_path: Path, rng: np.random.Generator) -> None:
        volumes = [brain(rng).astype(np.float32) for _ in range(2)]
        volumes[1][5, 5, 5] = np.nan
        coarse = rng.normal(size=COARSE.shape).astype(np.float32)
        paths = [saved(tmp_path / f"{i}.nii", volume) for i, volume in enumerate(volumes)]
        paths.append(saved(tmp_path / "2.nii", coarse, COARSE.affine))
        stack = load_stack(one_each(paths), target=COARSE, coverage=0.1, template="MNI")
        assert stack.space.grid.matches(COARSE)
        assert stack.resampled == ("00", "01")
        assert stack.notes == (f"Maps of 2 subjects were resampled by cubic splines to {COARSE}: sub-00, sub-01",)
        holes = [np.where(missing(each), np.nan, each) for each in (volume.astype(float) for volume in volumes)]
        expected = np.array([*(resample(each, GRID, COARSE) for each in holes), coarse.astype(float)])
        np.testing.assert_allclose(stack.coverage, (~np.isnan(expected)).mean(axis=0), rtol=1e-15)
        np.testing.assert_array_equal(stack.effects[:, :], expected[:, stack.space.inside])

    def test_the_first_map_may_be_the_target(self, tmp_path: Path, rng: np.random.Generator) -> None:
        paths = [saved(tmp_path / "0.nii", np.ones(COARSE.shape), COARSE.affine)]
        paths += [saved(tmp_path / f"{i}.nii", brain(rng)) for i in (1, 2)]
        stack = load_stack(one_each(paths), target="first", template="MNI")
        assert stack.space.grid.matches(COARSE)
        assert stack.resampled == ("01", "02")

    @pytest.mark.parametrize("target", [GRID, "first", "file"])
    def test_maps_on_the_target_do_not_change(
        self, tmp_path: Path, rng: np.random.Generator, target: Grid | str
    ) -> None:
        paths = [saved(tmp_path / f"{i}.nii", brain(rng)) for i in range(2)]
        stack = load_stack(one_each(paths), target=paths[1] if target == "file" else target)
        np.testing.assert_array_equal(stack.effects[:, :], load_stack(one_each(paths)).effects[:, :])
        assert (stack.resampled, stack.notes) == ((), ())

    def test_maps_are_resampled_before_they_are_smoothed(self, tmp_path: Path, rng: np.random.Generator) -> None:
        paths = [saved(tmp_path / "0.nii", brain(rng))]
        plain = load_stack(one_each(paths), target=COARSE)
        rough = plain.space.unmask(plain.effects[0:1, :][0], 0)
        expected = smooth_img(nib.Nifti1Image(rough, COARSE.affine), 9.0).get_fdata()
        stack = load_stack(one_each(paths), target=COARSE, smoothing=9.0)
        np.testing.assert_allclose(stack.effects[0:1, :][0], stack.space.select(expected), rtol=1e-12)
