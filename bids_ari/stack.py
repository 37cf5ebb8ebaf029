"""The maps of a contrast: a *stack* is one map per subject on one grid; who has data where, and the values."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from bids_ari.compute import available_memory, progress, run_parallel
from bids_ari.errors import BidsAriError, DataError, EmptyMaskError, counted, listing
from bids_ari.grids import BoolVolume, Grid, Mask
from bids_ari.images import smooth
from bids_ari.preflight import Headers, Problem, Target, attempt, check_headers, one_error
from bids_ari.sources import Loaded, Reading, Source, bytes_to_load, load_source
from bids_ari.stats.tails import FloatArray
from bids_ari.values import Columns, Stored, Values, room_for

__all__ = ["Keep", "Source", "Stack", "group_mask", "load_stack"]

Result = TypeVar("Result")

_FEW = 0.5
"""A subject with data at fewer than this part of the voxels of the median subject is named."""


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

    given: Callable[[Grid], Mask | None]
    coverage: float = 1.0
    smoothing: float | None = None
    work_dir: Path | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stack:
    """One map per subject, all on one grid; checked.

    Only the maps of all subjects together tell which voxels are tested. So values are kept, in memory or on disk, at
    all voxels that may be when a map is looked at; or else the files are read a second time. Beside them, memory holds
    one volume per thread.

    Attributes
    ----------
    sources : tuple of Source
        The files of each subject.
    grid : Grid
        The grid that all share.
    counts : array of int (x, y, z)
        How many subjects have data at each voxel.
    hashes : mapping of Path to str
        SHA-256 of each file.
    notes : tuple of str
        What the reader of a result should know about the maps.
    resampled : tuple of str
        Subjects whose maps were on another grid.
    n_largest : int
        Number of voxels of the largest grid of a file.
    variances : bool
        Whether the variances of single maps were looked at.
    given : Mask or None
        The mask that was given with what to keep.
    kept : Kept or None
        The values that were kept.
    """

    sources: tuple[Source, ...]
    grid: Grid
    counts: npt.NDArray[np.int32]
    hashes: Mapping[Path, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    resampled: tuple[str, ...] = ()
    n_largest: int = 0
    variances: bool = False
    given: Mask | None = None
    kept: "Kept | None" = None

    @property
    def subjects(self) -> tuple[str, ...]:
        """The label of each subject."""
        return tuple(source.subject for source in self.sources)

    @property
    def coverage(self) -> FloatArray:
        """Fraction of subjects with data at each voxel, (x, y, z)."""
        return self.counts / len(self.sources)

    def within(
        self,
        mask: Mask,
        smoothing: float | None = None,
        *,
        n_jobs: int = 1,
        memory: int | None = None,
        work_dir: Path | None = None,
    ) -> Values:
        """Give the values within a mask, (n_subjects, n_voxels); NaN where a subject has no data.

        Maps whose values were kept are not read again, and what is said here of reading does not matter.

        Parameters
        ----------
        mask : Mask
            On the same grid.
        smoothing : float, optional
            Full width at half maximum in mm of a Gaussian by which each whole volume is smoothed first. Voxels
            without data count as 0 then.
        n_jobs : int
            Threads; the values do not depend on it.
        memory : int, optional
            Bytes that this and the group model may take; by default, what is free.
        work_dir : Path, optional
            Where values are kept that do not fit into memory; by default, in the system's folder of temporary files.

        Returns
        -------
        array, RowsOnDisk or Columns
            The same numbers, wherever they are.

        Raises
        ------
        DataError
            When a single map does not fit into memory, or a file is not what it was when the stack was loaded.
        OutputError
            When there is no room on disk.
        """
        if self.kept is not None and (kept := self.kept.within(mask, smoothing)):
            return kept[0]
        how = replace(self._how(memory), variances=False)
        (effects,) = self._read(how, mask, smoothing, n_jobs, work_dir)
        return effects

    def with_variances(
        self, mask: Mask, *, n_jobs: int = 1, memory: int | None = None, work_dir: Path | None = None
    ) -> tuple[Values, Values]:
        """Give the values and their variances within a mask, each (n_subjects, n_voxels).

        A variance is NaN where the subject has no data, and where it is not finite and above 0. There is no
        smoothing: what becomes of a variance then depends on how the noise of neighbouring voxels is correlated.
        Parameters and errors are those of `within`; the stack must have been loaded with variances.
        """
        if not self.variances:
            raise ValueError("the stack must be loaded with variances=True")
        kept = self.kept.within(mask, None) if self.kept is not None else ()
        effects, variances = kept or self._read(self._how(memory), mask, None, n_jobs, work_dir)
        return effects, variances

    def _how(self, memory: int | None) -> Reading:
        """Say how maps are read: as they were when they were looked at."""
        memory = available_memory() if memory is None else memory
        return Reading(self.grid, memory, bool(self.resampled), self.variances, self.hashes)

    def _read(
        self, how: Reading, mask: Mask, smoothing: float | None, n_jobs: int, work_dir: Path | None
    ) -> tuple[Stored, ...]:
        """Read the map of each subject into arrays, in memory or on disk."""
        volume = bytes_to_load(self.sources, how, self.n_largest)
        kept, spare = _room(self.sources, how, volume, mask, smoothing, work_dir)

        def read(source: Source) -> tuple[FloatArray, ...]:
            return kept.rows(load_source(source, how))

        for i, rows in enumerate(_each(self.sources, read, min(n_jobs, spare // volume))):
            kept.put(i, rows)
        return kept.arrays

    def __repr__(self) -> str:
        return f"Stack(n_subjects={len(self.sources)}, grid={self.grid})"


class Kept(NamedTuple):
    """Values at the voxels of a mask: of all subjects the effects, and the variances where these are needed.

    Attributes
    ----------
    mask : Mask
        The voxels.
    places : tuple of two arrays of int (n_voxels,)
        Where these are in a volume whose last axis runs fastest in memory, and in one whose first axis does.
    smoothing : float or None
        Full width at half maximum in mm by which volumes are smoothed.
    arrays : tuple of arrays
        The values (n_subjects, n_voxels), in memory or on disk.
    """

    mask: Mask
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

    def put(self, i: int, rows: tuple[FloatArray, ...]) -> None:
        """Put the values of a subject where they are kept."""
        for array, row in zip(self.arrays, rows, strict=True):
            array[i] = row

    def within(self, mask: Mask, smoothing: float | None) -> tuple[Values, ...]:
        """Give the values within another mask; none where they are not all here, or smoothed otherwise."""
        if (smoothing or None) != (self.smoothing or None) or (mask.inside & ~self.mask.inside).any():
            return ()
        positions = np.flatnonzero(mask.inside[self.mask.inside])
        if positions.size == self.mask.n_voxels:
            return self.arrays
        return tuple(Columns(array, positions) for array in self.arrays)

    def _at(self, volume: FloatArray) -> FloatArray:
        """Take the values at the voxels, the last axis running fastest, whichever does in the volume."""
        last, first = self.places
        if volume.flags.c_contiguous or not volume.flags.f_contiguous:
            return volume.ravel().take(last)
        return volume.T.ravel().take(first)


class _Seen(NamedTuple):
    """What is kept of a map that was looked at."""

    present: BoolVolume
    hashes: dict[Path, str]
    n_empty: int
    rows: tuple[FloatArray, ...]


def load_stack(
    sources: Sequence[Source],
    *,
    target: Target | None = None,
    variances: bool = False,
    n_jobs: int = 1,
    memory: int | None = None,
    keep: Keep | None = None,
) -> Stack:
    """Check the maps of all subjects and count at each voxel the subjects that have data there.

    All headers are looked at before any voxel is read. All that is wrong with the files is said in one error.

    Parameters
    ----------
    sources : sequence of Source
        The files of each subject.
    target : Grid or 'first', optional
        The grid that maps are brought to, or that of the first file; by default, all must share one. Each file is
        resampled before it is combined, subtracted or smoothed.
    variances : bool
        Whether the variance of each map is needed.
    n_jobs : int
        Threads; the stack does not depend on it.
    memory : int, optional
        Bytes that this may take, and the group model with values that are kept; by default, what is free.
    keep : Keep, optional
        What will be asked of the maps, so that they need not be read again for it.

    Raises
    ------
    GridMismatchError
        When the maps do not share one grid, or lie elsewhere than the target; names who differs.
    DataError
        When maps cannot be used: damaged, not 3-D, too large, without any value, or without the variances needed.
    """
    memory = available_memory() if memory is None else memory
    if variances:
        _check_variances(sources)
    files = [(source.subject, path) for source in sources for path in source.files(variances)]
    headers = check_headers(files, target=target, n_jobs=n_jobs, memory=memory)
    how = Reading(headers.grid, memory, bool(headers.resampled), variances)
    volume = bytes_to_load(sources, how, headers.n_voxels)
    given = keep.given(headers.grid) if keep is not None else None
    kept, how, spare = _start_keeping(sources, how, volume, keep, given, n_jobs)
    counts = np.zeros(headers.grid.shape, dtype=np.int32)
    n_present: list[int] = []
    hashes: dict[Path, str] = {}
    notes = list(_who_was_resampled(headers))
    looks = _each(sources, partial(_look, how=how, kept=kept), min(n_jobs, spare // volume))
    for i, (source, seen) in enumerate(zip(sources, looks, strict=True)):
        if kept is not None:
            kept.put(i, seen.rows)
        counts += seen.present
        n_present.append(int(np.count_nonzero(seen.present)))
        hashes |= seen.hashes
        if seen.n_empty:
            n_maps = sum(len(part.effects) for part in source.parts)
            notes.append(f"{seen.n_empty} of {n_maps} maps of sub-{source.subject} hold no data")
    notes.extend(_who_covers_little(sources, n_present))
    return Stack(
        tuple(sources),
        headers.grid,
        counts,
        hashes,
        tuple(notes),
        headers.resampled,
        headers.n_voxels,
        variances,
        given,
        kept,
    )


def group_mask(stack: Stack, given: Mask | None, coverage: float) -> Mask:
    """Choose the voxels to test: inside the given mask, and with data of enough subjects.

    Parameters
    ----------
    stack : Stack
        The maps.
    given : Mask, optional
        Voxels outside are not tested.
    coverage : float
        The fraction of subjects, in (0, 1], that must have data at a voxel.

    Raises
    ------
    EmptyMaskError
        When no voxel is left.
    """
    enough = stack.counts >= _enough(coverage, len(stack.sources))
    inside = enough & given.inside if given is not None else enough
    if not inside.any():
        most = int(stack.counts.max() if given is None else stack.counts[given.inside].max())
        raise EmptyMaskError(
            f"No voxel has data of {coverage:.0%} of the {len(stack.sources)} subjects (at most {most} do)"
            + (" inside the mask" if given is not None else ""),
            hint="Lower --coverage, leave out who covers least with --exclude, or check the mask",
        )
    return Mask(stack.grid, inside)


def _enough(coverage: float, n_subjects: int) -> int:
    """Say how many subjects must have data at a voxel."""
    return max(1, math.ceil(coverage * n_subjects - 1e-9))


def _start_keeping(
    sources: Sequence[Source], how: Reading, volume: int, keep: Keep | None, given: Mask | None, n_jobs: int
) -> tuple[Kept | None, Reading, int]:
    """Make room for the values at all voxels that may be tested; say how to read, and in how much memory.

    Where that fails nothing is kept: a map that cannot be read is told with all others, and values that have no room
    may have it when it is known which voxels are tested.
    """
    if keep is None:
        return None, how, how.memory
    try:
        if given is None:
            n_first = len(sources) - _enough(keep.coverage, len(sources)) + 1
            given, how = _covered(sources[:n_first], how, min(n_jobs, how.memory // volume))
        smoothing = None if how.variances else keep.smoothing
        kept, spare = _room(sources, how, volume, given, smoothing, keep.work_dir)
    except BidsAriError:
        return None, how, how.memory
    return kept, how, spare


def _covered(sources: Sequence[Source], how: Reading, n_jobs: int) -> tuple[Mask, Reading]:
    """Find where any of some subjects has data; of the others, too few are left to make another voxel be tested."""
    inside = np.zeros(how.grid.shape, dtype=bool)
    hashes: dict[Path, str] = {}
    for seen in _each(sources, partial(_look, how=how, kept=None), n_jobs):
        inside |= seen.present
        hashes |= seen.hashes
    return Mask(how.grid, inside), replace(how, known=hashes)


def _room(
    sources: Sequence[Source], how: Reading, volume: int, mask: Mask, smoothing: float | None, folder: Path | None
) -> tuple[Kept, int]:
    """Make room for the values of all subjects within a mask; give also the memory that is left for reading."""
    shape = len(sources), mask.n_voxels
    arrays, spare = room_for(shape, n_arrays=1 + how.variances, reading=volume, memory=how.memory, folder=folder)
    places = np.flatnonzero(mask.inside), np.ravel_multi_index(tuple(mask.indices.T), how.grid.shape, order="F")
    return Kept(mask, places, smoothing, arrays), spare


def _each(sources: Sequence[Source], function: Callable[[Source], Result], n_jobs: int) -> Iterator[Result]:
    """Call a function with each source, in order; raise one error of all that went wrong, at the end."""
    problems: list[Problem] = []
    results = progress(run_parallel(attempt(function), sources, n_jobs), "map", len(sources))
    for source, result in zip(sources, results, strict=True):
        if isinstance(result, list):
            problems.extend(Problem((source.subject,), error) for error in result)
        elif not problems:
            yield result
    if problems:
        raise one_error(problems, [source.subject for source in sources])


def _check_variances(sources: Sequence[Source]) -> None:
    """Refuse maps without variances, where these are needed."""
    lacking = [source for source in sources if any(len(part.variances) != len(part.effects) for part in source.parts)]
    if lacking:
        subjects = tuple(source.subject for source in lacking)
        who = f"{listing(f'sub-{subject}' for subject in subjects)} {'has' if len(subjects) == 1 else 'have'}"
        raise DataError(
            f"{who} no variance for each map, such as {lacking[0].effects[0]}",
            "a stat-variance map beside each, by which maps are weighted",
            f"Take --estimator ols, or leave out with --exclude {' '.join(subjects)}",
        )


def _look(source: Source, how: Reading, kept: Kept | None) -> _Seen:
    """See where a subject has data, and take out the values that are kept."""
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
    return _Seen(present, loaded.hashes, len(loaded.empty), kept.rows(loaded) if kept is not None else ())


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


def _who_was_resampled(headers: Headers) -> Iterator[str]:
    """Name the subjects whose maps were on another grid."""
    if headers.resampled:
        who = listing(f"sub-{subject}" for subject in headers.resampled)
        n_subjects = counted(len(headers.resampled), "subject")
        yield f"Maps of {n_subjects} were resampled by cubic splines to {headers.grid}: {who}"


def _who_covers_little(sources: Sequence[Source], n_present: Sequence[int]) -> Iterator[str]:
    """Name the subjects whose maps cover far less than those of the others."""
    median = float(np.median(n_present))
    few = [(source, n) for source, n in zip(sources, n_present, strict=True) if n < _FEW * median]
    if few:
        yield (
            f"{counted(len(few), 'subject')} with data at fewer than half as many voxels as the median, {median:.0f}: "
            + listing(f"sub-{source.subject} ({n})" for source, n in few)
        )
