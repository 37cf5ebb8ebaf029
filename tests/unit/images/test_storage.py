"""Values in memory or on disk: the same numbers, the choice between them, and no file left behind."""

import gc
import logging
import os
import shutil
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_ari.errors import DataError, OutputError, ReadError
from bids_ari.images.storage import Columns, RowsOnDisk, Values, room_for
from bids_ari.stats.glm import fit_glm
from bids_ari.stats.mixed_effects import fit_mixed

SHAPE = (5, 70)


def filled(folder: Path, values: np.ndarray) -> RowsOnDisk:
    rows = RowsOnDisk((values.shape[0], values.shape[1]), folder)
    for i, row in enumerate(values):
        rows[i] = row
    return rows


@pytest.fixture
def values(rng: np.random.Generator) -> np.ndarray:
    values = rng.normal(size=SHAPE)
    values[1, 3:5] = np.nan
    values[2, 0] = 1e-310  # each bit counts
    return values


def open_files() -> set[str]:
    """Return the files that this process has open (Linux)."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{entry.name} {os.readlink(entry)}")  # noqa: PTH115 - of what has no name, too
        except FileNotFoundError:  # the folder that is being listed
            continue
    return found


class TestRowsOnDisk:
    @pytest.mark.parametrize(
        "rows",
        [
            slice(None),
            slice(1, 3),
            slice(None, None, -2),
            np.array([3, 0, 3]),
            np.array([True, False, True, True, False]),
        ],
    )
    @pytest.mark.parametrize("columns", [slice(None), slice(0, 1), slice(60, 99), slice(-5, None), slice(9, 9)])
    def test_it_is_read_like_an_array(self, tmp_path: Path, values: np.ndarray, rows: Any, columns: slice) -> None:
        found = filled(tmp_path, values)[rows, columns]
        assert found.dtype == np.float64
        assert found.flags.writeable
        np.testing.assert_array_equal(found.view(np.int64), values[rows, columns].copy().view(np.int64))

    @settings(max_examples=50, deadline=None)
    @given(st.data())
    def test_any_block_of_any_shape(self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
        n_rows, n_columns = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 40))
        whole = np.arange(n_rows * n_columns, dtype=float).reshape(n_rows, n_columns)
        found = filled(tmp_path_factory.getbasetemp(), whole)
        at = data.draw(st.integers(0, n_columns)), data.draw(st.integers(0, n_columns))
        np.testing.assert_array_equal(found[:, at[0] : at[1]], whole[:, at[0] : at[1]])

    def test_rows_are_written_in_any_order(self, tmp_path: Path, values: np.ndarray) -> None:
        rows = RowsOnDisk(SHAPE, tmp_path)
        for i in (3, 0, 4, 2, 1):
            rows[i] = values[i]
        np.testing.assert_array_equal(rows[:, :], values)

    def test_blocks_are_copies(self, tmp_path: Path, values: np.ndarray) -> None:
        rows = filled(tmp_path, values)
        rows[:, 0:9][:] = 0
        np.testing.assert_array_equal(rows[:, :], values)

    def test_reading_a_block_takes_the_memory_of_a_block(self, tmp_path: Path) -> None:
        """Of 64 MB, a block of 64 x 1000 values of 8 bytes: 512 KB."""
        rows = RowsOnDisk((64, 125_000), tmp_path)
        for i in range(64):
            rows[i] = np.full(125_000, float(i))
        tracemalloc.start()
        assert rows[:, 5000:6000].sum() == 1000 * 63 * 64 / 2
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2 * 512_000

    def test_the_file_has_no_name_and_is_closed(self, tmp_path: Path, values: np.ndarray) -> None:
        gc.collect()  # of tests before this one
        before = open_files()
        rows = filled(tmp_path, values)
        assert len(open_files() - before) == 1
        assert list(tmp_path.iterdir()) == []
        del rows
        gc.collect()
        assert open_files() == before

    def test_it_can_be_closed(self, tmp_path: Path, values: np.ndarray) -> None:
        gc.collect()  # of tests before this one
        before = open_files()
        rows = filled(tmp_path, values)
        rows.close()
        rows.close()
        assert open_files() == before
        with pytest.raises(ReadError, match=f"The values in {tmp_path} cannot be read: Bad file descriptor"):
            rows[:, :]

    def test_a_step_or_a_row_of_another_length_is_an_error(self, tmp_path: Path, values: np.ndarray) -> None:
        rows = filled(tmp_path, values)
        with pytest.raises(ValueError, match="slice without step"):
            rows[:, ::2]
        with pytest.raises(ValueError, match=r"a row has 70 values; found \(69,\)"):
            rows[0] = values[0, 1:]

    def test_a_file_that_ends_too_early_is_an_error(self, tmp_path: Path, values: np.ndarray) -> None:
        rows = RowsOnDisk(SHAPE, tmp_path)
        rows[0] = values[0]
        with pytest.raises(ReadError, match="end too early"):
            rows[:, :]

    def test_interrupted_writing_continues(
        self, tmp_path: Path, values: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A system may write and read fewer bytes than requested."""
        write, read = os.pwrite, os.preadv
        monkeypatch.setattr(os, "pwrite", lambda file, content, at: write(file, content[:100], at))
        monkeypatch.setattr(os, "preadv", lambda file, content, at: read(file, [content[0][:37]], at))
        np.testing.assert_array_equal(filled(tmp_path, values)[:, 1:], values[:, 1:])


class TestNoSpace:
    class Usage(NamedTuple):
        free: int

    def test_a_disk_without_space_is_an_error_before_anything_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """5 x 70 values of 8 bytes: 2800 bytes, 2.7 KB; both arrays 5.5 KB."""
        monkeypatch.setattr(shutil, "disk_usage", lambda _: self.Usage(2799))
        with pytest.raises(OutputError, match=rf"{tmp_path} has 2.7 KB free; expected 2.7 KB for the values") as caught:
            RowsOnDisk(SHAPE, tmp_path)
        assert "--work-dir" in caught.value.hint
        assert "--mem" in caught.value.hint
        monkeypatch.setattr(shutil, "disk_usage", lambda _: self.Usage(5599))
        RowsOnDisk(SHAPE, tmp_path)
        with pytest.raises(OutputError, match=r"expected 5\.5 KB"):
            room_for(SHAPE, n_arrays=2, reading=1, mem=33_600, folder=tmp_path)

    def test_a_disk_that_becomes_full_is_an_error(
        self, tmp_path: Path, values: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(OutputError, match="cannot hold the values of all subjects: No space left on device"):
            filled(tmp_path, values)

    def test_a_folder_that_does_not_exist_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match=r"nowhere cannot hold the values .*: No such file") as caught:
            RowsOnDisk(SHAPE, tmp_path / "nowhere")
        assert "--work-dir" in caught.value.hint

    def test_without_a_folder_for_temporary_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def none() -> str:
            raise FileNotFoundError(2, "No usable temporary directory found")

        monkeypatch.setattr(tempfile, "gettempdir", none)
        with pytest.raises(OutputError, match="no writable folder for temporary files") as caught:
            room_for(SHAPE, n_arrays=1, reading=1, mem=16_800, folder=None)
        assert "--work-dir" in caught.value.hint


class TestRoomFor:
    """5 x 70 values: 2800 bytes, and 16,800 (48 a value) beside them for the group model, or more for reading."""

    def room(self, folder: Path, mem: int, reading: int = 100, n_arrays: int = 1) -> tuple[tuple[Values, ...], int]:
        return room_for(SHAPE, n_arrays=n_arrays, reading=reading, mem=mem, folder=folder)

    def test_values_are_in_memory_if_they_fit(self, tmp_path: Path) -> None:
        (array,), spare = self.room(tmp_path, 19_600)
        assert isinstance(array, np.ndarray)
        assert array.shape == SHAPE
        assert spare == 16_800

    def test_else_they_are_on_disk_and_logged(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="bids_ari")
        (rows,), spare = self.room(tmp_path, 19_599)
        assert isinstance(rows, RowsOnDisk)
        assert rows.shape == SHAPE
        assert spare == 19_599
        (line,) = caplog.messages
        assert line == "The values of 5 subjects at 70 voxels, 2.7 KB, are stored on disk: --mem is 19 KB"

    def test_variances_take_as_much_again(self, tmp_path: Path) -> None:
        arrays, spare = self.room(tmp_path, 39_200, n_arrays=2)
        assert [type(each) for each in arrays] == [np.ndarray] * 2
        assert spare == 33_600
        arrays, _ = self.room(tmp_path, 39_199, n_arrays=2)
        assert [type(each) for each in arrays] == [RowsOnDisk] * 2

    def test_reading_may_need_more_than_the_group_model(self, tmp_path: Path) -> None:
        assert isinstance(self.room(tmp_path, 52_800, reading=50_000)[0][0], np.ndarray)
        assert isinstance(self.room(tmp_path, 52_799, reading=50_000)[0][0], RowsOnDisk)

    @pytest.mark.parametrize(("reading", "least", "size"), [(100, 16_800, "16 KB"), (50_000, 50_000, "49 KB")])
    def test_too_little_memory_for_a_block_is_an_error(
        self, tmp_path: Path, reading: int, least: int, size: str
    ) -> None:
        assert isinstance(self.room(tmp_path, least, reading)[0][0], RowsOnDisk)
        with pytest.raises(DataError, match=f"5 subjects at 70 voxels take {size} of memory") as caught:
            self.room(tmp_path, least - 1, reading)
        assert "--mem" in caught.value.hint

    def test_the_memory_of_the_group_model_is_bounded(self, tmp_path: Path) -> None:
        """1000 x 230,000 values are 1.84e9 bytes; the group model reads blocks, 192 MB in all."""
        (rows,), _ = room_for((1000, 230_000), n_arrays=1, reading=1, mem=6 * 2**25, folder=tmp_path)
        assert isinstance(rows, RowsOnDisk)
        with pytest.raises(DataError, match="take 192 MB of memory"):
            room_for((1000, 230_000), n_arrays=1, reading=1, mem=6 * 2**25 - 1, folder=tmp_path)
        with pytest.raises(DataError, match="take 384 MB of memory"):
            room_for((1000, 230_000), n_arrays=2, reading=1, mem=12 * 2**25 - 1, folder=tmp_path)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_group_model_takes_the_expected_memory(tmp_path: Path, rng: np.random.Generator, weighted: bool) -> None:
    """Values of 48 MB, more than a block: beside them, the fit stays below 192 MB for each array, and not far below."""
    shape = (40, 150_000)
    effects, variances = RowsOnDisk(shape, tmp_path), RowsOnDisk(shape, tmp_path)
    for i in range(shape[0]):
        effects[i] = rng.normal(size=shape[1])
        variances[i] = rng.chisquare(5, size=shape[1])
    matrix, tests = np.ones((shape[0], 1)), {"mean": np.ones(1)}
    tracemalloc.start()
    if weighted:
        fit_mixed(effects, variances, matrix, tests)
    else:
        fit_glm(effects, matrix, tests)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = 6 * 2**25 * (2 if weighted else 1)
    assert size / 3 < peak < size


class TestColumns:
    """Some columns of values are read as a copy of these columns would be, in memory and on disk."""

    POSITIONS = np.array([0, 3, 4, 30, 31, 69])

    @pytest.mark.parametrize("on_disk", [False, True])
    @pytest.mark.parametrize("columns", [slice(None), slice(0, 1), slice(2, 5), slice(-2, None), slice(4, 4)])
    @pytest.mark.parametrize("rows", [slice(None), slice(1, 3), np.array([3, 0, 3])])
    def test_they_are_read_like_an_array(
        self, tmp_path: Path, values: np.ndarray, on_disk: bool, columns: slice, rows: Any
    ) -> None:
        chosen = Columns(filled(tmp_path, values) if on_disk else values, self.POSITIONS)
        expected = values[:, self.POSITIONS]
        assert chosen.shape == expected.shape == (5, 6)
        found = chosen[rows, columns]
        np.testing.assert_array_equal(found.view(np.int64), expected[rows, columns].copy().view(np.int64))
        found[:] = 0
        np.testing.assert_array_equal(chosen[:, :], expected)

    def test_the_columns_between_take_the_memory_of_one_row(self, tmp_path: Path) -> None:
        """Two columns of 64 rows of 125,000 values; all between them would be 64 MB, a row is 1 MB."""
        rows = RowsOnDisk((64, 125_000), tmp_path)
        for i in range(64):
            rows[i] = np.full(125_000, float(i))
        chosen = Columns(rows, np.array([0, 124_999]))
        tracemalloc.start()
        assert chosen[:, 0:2].sum() == 2 * 63 * 64 / 2
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 3e6
