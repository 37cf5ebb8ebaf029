"""The maps of a contrast: a *stack* is one map per subject on one grid; who has data where, and the values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_ari.errors import DataError, EmptyMaskError, counted, listing
from bids_ari.images.checks import Headers, Target, check_headers
from bids_ari.images.kept import Keep, Kept, each_of, look, make_room, n_enough, start_keeping
from bids_ari.images.quality import Glimpse, Mosaic, Quality, assess
from bids_ari.images.sources import Reading, Source, bytes_to_load
from bids_ari.images.space import Grid, VolumeSpace
from bids_ari.images.values import Stored, Values
from bids_ari.runtime.executors import Map, available_memory
from bids_ari.stats.distributions import FloatArray

__all__ = ["Keep", "Source", "Stack", "group_mask", "load_stack"]

_FEW = 0.5
"""A subject with data at fewer than this part of the voxels of the median subject is named."""


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
    given : VolumeSpace or None
        The mask that was given with what to keep.
    kept : Kept or None
        The values that were kept.
    glimpses : tuple of Glimpse
        One of each map, where values were kept.
    """

    sources: tuple[Source, ...]
    grid: Grid
    counts: npt.NDArray[np.int32]
    hashes: Mapping[Path, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    resampled: tuple[str, ...] = ()
    n_largest: int = 0
    variances: bool = False
    given: VolumeSpace | None = None
    kept: Kept | None = None
    glimpses: tuple[Glimpse, ...] = ()

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
        mask: VolumeSpace,
        smoothing: float | None = None,
        *,
        n_jobs: int = 1,
        memory: int | None = None,
        work_dir: Path | None = None,
    ) -> Values:
        """Give the values within a mask, (n_subjects, n_points); NaN where a subject has no data.

        Maps whose values were kept are not read again, and what is said here of reading does not matter.

        Parameters
        ----------
        mask : VolumeSpace
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
        self, mask: VolumeSpace, *, n_jobs: int = 1, memory: int | None = None, work_dir: Path | None = None
    ) -> tuple[Values, Values]:
        """Give the values and their variances within a mask, each (n_subjects, n_points).

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
        self, how: Reading, mask: VolumeSpace, smoothing: float | None, n_jobs: int, work_dir: Path | None
    ) -> tuple[Stored, ...]:
        """Read the map of each subject into arrays, in memory or on disk."""
        volume = bytes_to_load(self.sources, how, self.n_largest)
        kept, spare = make_room(self.sources, how, volume, mask, smoothing, work_dir)
        for i, rows in enumerate(each_of(self.sources, partial(kept.read, how=how), min(n_jobs, spare // volume))):
            kept.put(i, rows)
        return kept.arrays

    def quality(self, mask: VolumeSpace, coverage: float) -> Quality | None:
        """Say what each subject covers, and costs a group mask; None where nothing was kept of the maps."""
        if not self.glimpses:
            return None
        return assess(self.glimpses, self.counts, self.given, mask, n_enough(coverage, len(self.sources)))

    def __repr__(self) -> str:
        return f"Stack(n_subjects={len(self.sources)}, grid={self.grid})"


def load_stack(
    sources: Sequence[Source],
    *,
    target: Target | None = None,
    variances: bool = False,
    n_jobs: int = 1,
    memory: int | None = None,
    keep: Keep | None = None,
    by: Map | None = None,
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
    by : callable, optional
        Reads the maps in place of threads: the `map` of an engine. Headers are read here.

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
    volume = bytes_to_load(sources, how, headers.n_points)
    given = keep.given(headers.grid) if keep is not None else None
    kept, how, spare = start_keeping(sources, how, volume, keep, given, n_jobs, by)
    counts = np.zeros(headers.grid.shape, dtype=np.int32)
    n_present: list[int] = []
    hashes: dict[Path, str] = {}
    notes = list(_who_was_resampled(headers))
    glimpses: list[Glimpse] = []
    mosaic = Mosaic.through(kept.mask) if kept is not None else None
    taken = kept.without_values() if kept is not None else None
    looks = each_of(sources, partial(look, how=how, kept=taken, mosaic=mosaic), min(n_jobs, spare // volume), by)
    for i, (source, seen) in enumerate(zip(sources, looks, strict=True)):
        if kept is not None:
            kept.put(i, seen.rows)
        if seen.glimpse is not None:
            glimpses.append(seen.glimpse)
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
        headers.n_points,
        variances,
        given,
        kept,
        tuple(glimpses),
    )


def group_mask(stack: Stack, given: VolumeSpace | None, coverage: float) -> VolumeSpace:
    """Choose the voxels to test: inside the given mask, and with data of enough subjects.

    Parameters
    ----------
    stack : Stack
        The maps.
    given : VolumeSpace, optional
        Voxels outside are not tested.
    coverage : float
        The fraction of subjects, in (0, 1], that must have data at a voxel.

    Raises
    ------
    EmptyMaskError
        When no voxel is left.
    """
    enough = stack.counts >= n_enough(coverage, len(stack.sources))
    inside = enough & given.inside if given is not None else enough
    if not inside.any():
        most = int(stack.counts.max() if given is None else stack.counts[given.inside].max())
        raise EmptyMaskError(
            f"No voxel has data of {coverage:.0%} of the {len(stack.sources)} subjects (at most {most} do)"
            + (" inside the mask" if given is not None else ""),
            hint="Lower --coverage, leave out who covers least with --exclude, or check the mask",
        )
    return VolumeSpace(stack.grid, inside)


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
