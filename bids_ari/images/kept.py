"""What is taken from each map when it is looked at: where the subject has data, and the values that will be asked for.

Which voxels are tested only the maps of all subjects together tell. So values are kept at all voxels that may be.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from bids_ari.errors import BidsAriError, DataError, listing
from bids_ari.images.checks import Problem, attempt, one_error
from bids_ari.images.quality import Glimpse, Mosaic
from bids_ari.images.sources import Loaded, Reading, Source, load_source
from bids_ari.images.space import BoolVolume, Grid, VolumeSpace
from bids_ari.images.values import Columns, Stored, Values, room_for
from bids_ari.images.volumes import smooth
from bids_ari.runtime.executors import Map, progress, run_parallel
from bids_ari.stats.distributions import FloatArray

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class Keep:
    """What will be asked of the maps, so that they need not be read again for it.

    Attributes
    ----------
    given : function of Grid
        Gives a mask on that grid, beyond which no voxel is tested; or None.
    coverage : float
        The fraction of subjects that must have data at a voxel.
    smoothing : float, optional
        Full width at half maximum in mm.
    work_dir : Path, optional
        Where values are kept that do not fit into memory.
    """

    given: Callable[[Grid], VolumeSpace | None]
    coverage: float = 1.0
    smoothing: float | None = None
    work_dir: Path | None = None


class Kept(NamedTuple):
    """Values at the voxels of a mask: of all subjects the effects, and the variances where these are needed.

    Attributes
    ----------
    mask : VolumeSpace
        The voxels.
    places : tuple of two arrays of int (n_points,)
        Where these are in a volume whose last axis runs fastest in memory, and in one whose first axis does.
    smoothing : float or None
        Full width at half maximum in mm by which volumes are smoothed.
    arrays : tuple of arrays
        The values (n_subjects, n_points), in memory or on disk.
    """

    mask: VolumeSpace
    places: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
    smoothing: float | None
    arrays: tuple[Stored, ...]

    def rows(self, loaded: Loaded) -> tuple[FloatArray, ...]:
        """Take the values of a subject out of the volumes."""
        effect = self._at(loaded.effect)
        if loaded.variance is not None:
            return effect, np.where(np.isnan(effect), np.nan, self._at(loaded.variance))
        if not self.smoothing:
            return (effect,)
        smoothed = self._at(smooth(loaded.effect, self.mask.grid, self.smoothing))
        return (np.where(np.isnan(effect), np.nan, smoothed),)

    def read(self, source: Source, how: Reading) -> tuple[FloatArray, ...]:
        """Read a subject's files, and take out the values."""
        return self.rows(load_source(source, how))

    def put(self, i: int, rows: tuple[FloatArray, ...]) -> None:
        """Put the values of a subject where they are kept."""
        for array, row in zip(self.arrays, rows, strict=True):
            array[i] = row

    def without_values(self) -> "Kept":
        """Give what says how values are taken from a map; it is light, and can go elsewhere."""
        return self._replace(arrays=())

    def within(self, mask: VolumeSpace, smoothing: float | None) -> tuple[Values, ...]:
        """Give the values within another mask; none where they are not all here, or smoothed otherwise."""
        if (smoothing or None) != (self.smoothing or None) or (mask.inside & ~self.mask.inside).any():
            return ()
        positions = np.flatnonzero(mask.inside[self.mask.inside])
        if positions.size == self.mask.n_points:
            return self.arrays
        return tuple(Columns(array, positions) for array in self.arrays)

    def _at(self, volume: FloatArray) -> FloatArray:
        """Take the values at the voxels, the last axis running fastest, whichever does in the volume."""
        last, first = self.places
        if volume.flags.c_contiguous or not volume.flags.f_contiguous:
            return volume.ravel().take(last)
        return volume.T.ravel().take(first)


class Seen(NamedTuple):
    """What is kept of a map that was looked at."""

    present: BoolVolume
    hashes: dict[Path, str]
    n_empty: int
    rows: tuple[FloatArray, ...]
    glimpse: Glimpse | None


def start_keeping(
    sources: Sequence[Source],
    how: Reading,
    volume: int,
    keep: Keep | None,
    given: VolumeSpace | None,
    n_jobs: int,
    by: Map | None = None,
) -> tuple[Kept | None, Reading, int]:
    """Make room for the values at all voxels that may be tested; say how to read, and in how much memory.

    Where that fails nothing is kept: a map that cannot be read is told with all others, and values that have no room
    may have it when it is known which voxels are tested.
    """
    if keep is None:
        return None, how, how.memory
    try:
        if given is None:
            n_first = len(sources) - n_enough(keep.coverage, len(sources)) + 1
            given, how = _covered(sources[:n_first], how, min(n_jobs, how.memory // volume), by)
        smoothing = None if how.variances else keep.smoothing
        kept, spare = make_room(sources, how, volume, given, smoothing, keep.work_dir)
    except BidsAriError:
        return None, how, how.memory
    return kept, how, spare


def make_room(
    sources: Sequence[Source],
    how: Reading,
    volume: int,
    mask: VolumeSpace,
    smoothing: float | None,
    folder: Path | None,
) -> tuple[Kept, int]:
    """Make room for the values of all subjects within a mask; give also the memory that is left for reading."""
    shape = len(sources), mask.n_points
    arrays, spare = room_for(shape, n_arrays=1 + how.variances, reading=volume, memory=how.memory, folder=folder)
    places = np.flatnonzero(mask.inside), np.ravel_multi_index(tuple(mask.indices.T), how.grid.shape, order="F")
    return Kept(mask, places, smoothing, arrays), spare


def look(source: Source, how: Reading, kept: Kept | None, mosaic: Mosaic | None = None) -> Seen:
    """See where a subject has data, take out the values that are kept, and slices."""
    loaded = load_source(source, how)
    present = ~np.isnan(loaded.effect)
    if not present.any():
        raise _no_data(source, set(loaded.empty))
    if loaded.variance is not None and np.isnan(loaded.variance[present]).all():
        files = [path for part in source.parts for path in part.variances]
        raise DataError(
            f"sub-{source.subject} has no variance above 0 where it has data: {listing(files)}",
            hint=f"Mend it or leave the subject out with --exclude {source.subject}",
        )
    rows = kept.rows(loaded) if kept is not None else ()
    glimpse = mosaic.glimpse(loaded.effect, present) if mosaic is not None else None
    return Seen(present, loaded.hashes, len(loaded.empty), rows, glimpse)


def each_of(
    sources: Sequence[Source], function: Callable[[Source], Result], n_jobs: int, by: Map | None = None
) -> Iterator[Result]:
    """Call a function with each source, in threads or by others; raise one error of all that went wrong, at the end."""
    problems: list[Problem] = []
    work = attempt(function)
    results = run_parallel(work, sources, n_jobs) if by is None else by(work, sources)
    for source, result in zip(sources, progress(results, "map", len(sources)), strict=True):
        if isinstance(result, list):
            problems.extend(Problem((source.subject,), error) for error in result)
        elif not problems:
            yield result
    if problems:
        raise one_error(problems, [source.subject for source in sources])


def n_enough(coverage: float, n_subjects: int) -> int:
    """Say how many subjects must have data at a voxel."""
    return max(1, math.ceil(coverage * n_subjects - 1e-9))


def _covered(sources: Sequence[Source], how: Reading, n_jobs: int, by: Map | None) -> tuple[VolumeSpace, Reading]:
    """Find where any of some subjects has data; of the others, too few are left to make another voxel be tested."""
    inside = np.zeros(how.grid.shape, dtype=bool)
    hashes: dict[Path, str] = {}
    for seen in each_of(sources, partial(look, how=how, kept=None), n_jobs, by):
        inside |= seen.present
        hashes |= seen.hashes
    return VolumeSpace(how.grid, inside), replace(how, known=hashes)


def _no_data(source: Source, empty: set[Path]) -> DataError:
    """Make the error of a subject without data: in one of its maps, or in both at no voxel."""
    parts = [part for part in source.parts if empty.issuperset(part.effects)]
    if source.minus is not None and not parts:
        found = f"at no voxel do both of its maps have data, {listing(source.files())}"
    else:
        files = [path for part in parts or source.parts for path in replace(part, minus=None).files()]
        weighted = any(part.combines and part.variances for part in parts or source.parts)
        holds = "hold" if len(files) > 1 else "holds"
        found = f"{listing(files)} {holds} only NaN or zero" + (", or no variance above 0" if weighted else "")
    return DataError(
        f"sub-{source.subject} has no data: {found}",
        hint=f"Mend it or leave the subject out with --exclude {source.subject}",
    )
