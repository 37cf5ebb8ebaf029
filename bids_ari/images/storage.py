"""Storage of the values of all subjects, (n_subjects, n_points): in memory, or in a file if they do not fit there.

Both are read in blocks of points, ``values[:, a:b]``.
"""

import logging
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from bids_ari.errors import DataError, OutputError, ReadError, counted
from bids_ari.runtime.memory import format_memory
from bids_ari.stats.distributions import FloatArray

log = logging.getLogger(__name__)

_VALUE = 8  # bytes, also on disk: as float32 there, results would depend on how much memory there is
_FIT = 6 * 2**25  # largest memory that the group model takes for each array of values: it reads blocks of 32 MB
_FIT_PER_VALUE = 48  # the same for each value, if one block contains them all
_HINT = "Use another folder with --work-dir, allow more memory with --mem, or test less with --mask"

_Rows: TypeAlias = slice | npt.NDArray[np.integer[Any]] | npt.NDArray[np.bool_]


class RowsOnDisk:
    """Rows of float64 in a file, written row by row and read like an array: ``rows[which, a:b]``.

    The file has no name where the system allows that, so it disappears with this object and with the process, however
    either ends. It is not memory-mapped: values that were read do not count as memory of the process afterwards, and
    a disk that fails raises an error instead of ending the process. The folder must have room for `needed` bytes, if
    this is not the only such file.
    """

    def __init__(self, shape: tuple[int, int], folder: Path, needed: int = 0) -> None:
        self.shape = shape
        self._folder = folder
        needed = max(needed, shape[0] * shape[1] * _VALUE)
        try:
            free = shutil.disk_usage(folder).free
            if free < needed:
                raise OutputError(
                    f"{folder} has {format_memory(free)} free",
                    f"{format_memory(needed)} for the values of all subjects, which do not fit into memory",
                    _HINT,
                )
            file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        except OSError as error:
            raise _unusable(folder, error) from error
        self._file = file.fileno()
        self.close = weakref.finalize(self, file.close)

    def __setitem__(self, row: int, values: FloatArray) -> None:
        content = np.ascontiguousarray(values, dtype=np.float64).data.cast("B")
        if content.nbytes != self.shape[1] * _VALUE:
            raise ValueError(f"a row has {self.shape[1]} values; found {np.shape(values)}")
        at = row * content.nbytes
        try:
            while content:
                n_written = os.pwrite(self._file, content, at)
                content, at = content[n_written:], at + n_written
        except OSError as error:
            raise _unusable(self._folder, error) from error

    def __getitem__(self, key: tuple[_Rows, slice]) -> FloatArray:
        """Read some rows between two columns into a new array."""
        which, columns = key
        start, stop, step = columns.indices(self.shape[1])
        if step != 1:
            raise ValueError(f"columns must be a slice without step; found {columns}")
        rows = np.arange(self.shape[0])[which]
        block = np.empty((rows.size, max(stop - start, 0)))
        for row, values in zip(rows.tolist(), block, strict=True):
            self._read(values.data.cast("B"), (row * self.shape[1] + start) * _VALUE)
        return block

    def _read(self, content: memoryview, at: int) -> None:
        """Fill a buffer from a position in the file."""
        while content:
            try:
                n_read = os.preadv(self._file, [content], at)
            except OSError as error:
                raise ReadError(f"The values in {self._folder} cannot be read: {error.strerror}") from error
            if n_read == 0:
                raise ReadError(f"The values in {self._folder} end too early", hint="Check the disk, and run again")
            content, at = content[n_read:], at + n_read


Stored: TypeAlias = FloatArray | RowsOnDisk  # values that rows can be written to


class Columns:
    """Some columns of values, in rising order, read like an array: ``columns[which, a:b]``; copied only then."""

    def __init__(self, values: Stored, positions: npt.NDArray[np.intp]) -> None:
        self.shape = (values.shape[0], positions.size)
        self.values = values
        self.positions = positions

    def __getitem__(self, key: tuple[_Rows, slice]) -> FloatArray:
        """Read some rows between two columns into a new array.

        Row by row: the values between the columns of a block may be far more than the block.
        """
        which, columns = key
        positions = self.positions[columns]
        rows = np.arange(self.shape[0])[which]
        block = np.empty((rows.size, positions.size))
        if positions.size:
            start, stop = int(positions[0]), int(positions[-1]) + 1
            for row, values in zip(rows.tolist(), block, strict=True):
                values[:] = self.values[row : row + 1, start:stop][0, positions - start]
        return block


Values: TypeAlias = Stored | Columns  # values that a group model reads


def at_points(values: Values, points: npt.NDArray[np.bool_]) -> Columns:
    """Return the columns of the points for which a boolean, (n_points,), is true, without copying values."""
    if isinstance(values, Columns):
        return Columns(values.values, values.positions[points])
    return Columns(values, np.flatnonzero(points))


def room_for(
    shape: tuple[int, int], *, n_arrays: int, reading: int, mem: int, folder: Path | None, unit: str = "voxel"
) -> tuple[tuple[Stored, ...], int]:
    """Allocate arrays of subjects by points: in memory if they and the group model fit there, else on disk.

    Everything may take `mem` bytes; a thread takes `reading` bytes to read the map of a subject. Returns the arrays,
    not initialized, and the bytes that remain for reading.
    """
    size = n_arrays * shape[0] * shape[1] * _VALUE
    beside = max(reading, min(n_arrays * _FIT, size // _VALUE * _FIT_PER_VALUE))
    if size + beside <= mem:
        return tuple(np.empty(shape) for _ in range(n_arrays)), mem - size
    description = f"{counted(shape[0], 'subject')} at {counted(shape[1], unit)}"
    if beside > mem:
        raise DataError(
            f"The maps of {description} take {format_memory(beside)} of memory, with their values on disk",
            f"at most the available memory, {format_memory(mem)}",
            "Increase --mem, test less with --mask, or use a larger computer",
        )
    log.info(
        "The values of %s, %s, are stored on disk: --mem is %s", description, format_memory(size), format_memory(mem)
    )
    try:
        folder = folder or Path(tempfile.gettempdir())
    except OSError as error:
        raise OutputError("There is no writable folder for temporary files", hint=_HINT) from error
    return tuple(RowsOnDisk(shape, folder, size) for _ in range(n_arrays)), mem


def _unusable(place: Path, error: OSError) -> OutputError:
    return OutputError(f"{place} cannot hold the values of all subjects: {error.strerror or error}", hint=_HINT)
