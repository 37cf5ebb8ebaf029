"""The maps of a contrast: a *stack* is one map per subject on one grid, read only when its values are asked for."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from bids_ari.compute import available_memory, format_memory, progress, run_parallel
from bids_ari.errors import BidsAriError, DataError, EmptyMaskError, counted, listing
from bids_ari.grids import BoolVolume, Grid, Mask
from bids_ari.images import missing, smooth
from bids_ari.nifti import BYTES_PER_VOXEL, Image, read_image
from bids_ari.preflight import Problem, attempt, one_error, preflight
from bids_ari.stats.tails import FloatArray

Result = TypeVar("Result")

_FEW = 0.5
"""A subject with data at fewer than this part of the voxels of the median subject is named."""

_BYTES_PER_VALUE = 16
"""Memory of the value of one subject at one tested voxel: as float64, and as much again in the group model."""


@dataclass(frozen=True, slots=True)
class Source:
    """The files of one subject's map: one, or those of several runs or sessions that are combined.

    Several are combined at each voxel over those that have data there: by the mean weighted by 1 / variance, or by
    the plain mean where no variances are given.

    Attributes
    ----------
    subject : str
        The label.
    effects : tuple of Path
        One map, or several.
    variances : tuple of Path
        The variance map of each, or none. A single map needs none: it is taken as it is.
    """

    subject: str
    effects: tuple[Path, ...]
    variances: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are read."""
        return self.effects + self.variances if len(self.effects) > 1 else self.effects


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stack:
    """One map per subject, all on one grid; checked, and read when asked for.

    Each file is read twice: first to see where it has data, then for its values at the voxels that are tested, which
    only the maps of all subjects together tell. So memory holds one volume per thread beside the values themselves.

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
    """

    sources: tuple[Source, ...]
    grid: Grid
    counts: npt.NDArray[np.int32]
    hashes: Mapping[Path, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """The label of each subject."""
        return tuple(source.subject for source in self.sources)

    @property
    def coverage(self) -> FloatArray:
        """Fraction of subjects with data at each voxel, (x, y, z)."""
        return self.counts / len(self.sources)

    def within(
        self, mask: Mask, smoothing: float | None = None, *, n_jobs: int = 1, memory: int | None = None
    ) -> FloatArray:
        """Read the maps within a mask, (n_subjects, n_voxels); NaN where a subject has no data.

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

        Raises
        ------
        DataError
            When the values do not fit into memory, or a file is not what it was when the stack was loaded.
        """
        memory = available_memory() if memory is None else memory
        spare = memory - len(self.sources) * mask.n_voxels * _BYTES_PER_VALUE
        volume = _bytes_per_volume(self.sources, self.grid)
        if spare < volume:
            raise DataError(
                f"The maps of {counted(len(self.sources), 'subject')} at {counted(mask.n_voxels, 'voxel')} take "
                f"{format_memory(memory - spare + volume)}; the memory here is {format_memory(memory)}",
                hint="Allow more with --mem, test fewer voxels with --mask, or find a larger computer",
            )
        complete = bool((self.counts[mask.inside] == len(self.sources)).all())

        def row(source: Source) -> FloatArray:
            loaded = _load(source, self.grid, memory, self.hashes)
            values = smooth(loaded.values, self.grid, smoothing)[mask.inside]
            if not complete:
                values[loaded.absent[mask.inside]] = np.nan
            return values

        effects = np.empty((len(self.sources), mask.n_voxels))
        for i, values in enumerate(_each(self.sources, row, min(n_jobs, spare // volume))):
            effects[i] = values
        return effects

    def __repr__(self) -> str:
        return f"Stack(n_subjects={len(self.sources)}, grid={self.grid})"


class _Loaded(NamedTuple):
    """The map of a subject, where it has no data, the SHA-256 of its files, and how many of these hold nothing."""

    values: FloatArray
    absent: BoolVolume
    hashes: dict[Path, str]
    n_empty: int = 0


class _Seen(NamedTuple):
    """What is kept of a map that was looked at."""

    present: BoolVolume
    hashes: dict[Path, str]
    n_empty: int


def load_stack(sources: Sequence[Source], *, n_jobs: int = 1, memory: int | None = None) -> Stack:
    """Check the maps of all subjects and count at each voxel the subjects that have data there.

    All headers are looked at before any voxel is read. All that is wrong with the files is said in one error.

    Parameters
    ----------
    sources : sequence of Source
        The files of each subject.
    n_jobs : int
        Threads; the stack does not depend on it.
    memory : int, optional
        Bytes that this may take; by default, what is free.

    Raises
    ------
    GridMismatchError
        When the maps do not share one grid; names who differs.
    DataError
        When maps cannot be used: damaged, not 3-D, too large, or without any value.
    """
    memory = available_memory() if memory is None else memory
    files = [(source.subject, path) for source in sources for path in source.files]
    grid = preflight(files, n_jobs=n_jobs, memory=memory)
    counts = np.zeros(grid.shape, dtype=np.int32)
    n_present: list[int] = []
    hashes: dict[Path, str] = {}
    notes: list[str] = []
    look = partial(_look, grid=grid, memory=memory)
    for i, seen in enumerate(_each(sources, look, min(n_jobs, memory // _bytes_per_volume(sources, grid)))):
        counts += seen.present
        n_present.append(int(np.count_nonzero(seen.present)))
        hashes |= seen.hashes
        if seen.n_empty:
            notes.append(f"{seen.n_empty} of {len(sources[i].effects)} maps of sub-{sources[i].subject} hold no data")
    notes.extend(_who_covers_little(sources, n_present))
    return Stack(tuple(sources), grid, counts, hashes, tuple(notes))


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
    enough = stack.counts >= max(1, math.ceil(coverage * len(stack.sources) - 1e-9))
    inside = enough & given.inside if given is not None else enough
    if not inside.any():
        most = int(stack.counts.max() if given is None else stack.counts[given.inside].max())
        raise EmptyMaskError(
            f"No voxel has data of {coverage:.0%} of the {len(stack.sources)} subjects (at most {most} do)"
            + (" inside the mask" if given is not None else ""),
            hint="Lower --coverage, leave out who covers least with --exclude, or check the mask",
        )
    return Mask(stack.grid, inside)


def _bytes_per_volume(sources: Sequence[Source], grid: Grid) -> int:
    """Say how much memory a thread takes that reads one subject's map; combining holds as much again."""
    combined = any(len(source.effects) > 1 for source in sources)
    return math.prod(grid.shape) * BYTES_PER_VOXEL * (2 if combined else 1)


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


def _look(source: Source, grid: Grid, memory: int) -> _Seen:
    """See where a subject has data."""
    loaded = _load(source, grid, memory)
    if loaded.absent.all():
        many = len(source.files) > 1
        weighted = ", or no variance above 0" if many and source.variances else ""
        raise DataError(
            f"sub-{source.subject} has no data: {listing(source.files)} {'hold' if many else 'holds'} only NaN or zero"
            + weighted,
            hint=f"Mend it or leave the subject out with --exclude {source.subject}",
        )
    return _Seen(~loaded.absent, loaded.hashes, loaded.n_empty)


def _load(source: Source, grid: Grid, memory: int, known: Mapping[Path, str] | None = None) -> _Loaded:
    """Read the map of a subject; combine it where there are several. `known` hashes must be met."""
    read = partial(_read, grid=grid, memory=memory, known=known)
    if len(source.effects) > 1:
        return _combine(source, read)
    (path,) = source.effects
    image = read(path)
    return _Loaded(image.values, missing(image.values, image.header.step), {path: image.sha256})


def _read(path: Path, grid: Grid, memory: int, known: Mapping[Path, str] | None) -> Image:
    """Read an image that was looked at before; refuse it if it is another one now."""
    image = read_image(path, memory)
    if not image.header.grid.matches(grid) or (known is not None and known[path] != image.sha256):
        raise DataError(f"{path} changed while it was in use", hint="Run again when nothing writes to it")
    return image


def _combine(source: Source, read: Callable[[Path], Image]) -> _Loaded:
    """Combine maps as fixed effects: sum(w e) / sum(w) over those with data at a voxel, w = 1 / variance, else 1."""
    weights, total = np.zeros(1), np.zeros(1)
    hashes: dict[Path, str] = {}
    errors: list[BidsAriError] = []
    n_empty = 0
    for paths in zip_longest(source.effects, source.variances):
        found = [attempt(read)(path) for path in paths if path is not None]
        errors += [error for each in found if isinstance(each, list) for error in each]
        images = [image for image in found if isinstance(image, Image)]
        if errors:
            continue
        weight = _weight(*images)
        with np.errstate(all="ignore"):  # what is too large becomes infinite: missing
            weights = weights + weight
            total = total + weight * np.where(weight > 0, images[0].values, 0.0)
        n_empty += not weight.any()
        hashes |= {path: image.sha256 for path, image in zip(paths, images, strict=False)}
    if errors:
        raise ExceptionGroup(f"sub-{source.subject}", errors)
    with np.errstate(all="ignore"):
        combined = total / weights
    return _Loaded(combined, ~np.isfinite(combined), hashes, n_empty)


def _weight(effect: Image, variance: Image | None = None) -> FloatArray:
    """Say how much a map counts at each voxel: 1 / variance, or 1; nothing where it has no data."""
    present = ~missing(effect.values, effect.header.step)
    if variance is None:
        return present.astype(float)
    with np.errstate(all="ignore"):
        precision = 1 / variance.values
    return np.where(present & np.isfinite(precision) & (precision > 0), precision, 0.0)


def _who_covers_little(sources: Sequence[Source], n_present: Sequence[int]) -> Iterator[str]:
    """Name the subjects whose maps cover far less than those of the others."""
    median = float(np.median(n_present))
    few = [(source, n) for source, n in zip(sources, n_present, strict=True) if n < _FEW * median]
    if few:
        yield (
            f"{counted(len(few), 'subject')} with data at fewer than half as many voxels as the median, {median:.0f}: "
            + listing(f"sub-{source.subject} ({n})" for source, n in few)
        )
