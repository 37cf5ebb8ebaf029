"""The map of one subject: read from its files, combined, resampled and subtracted as asked.

Here a map is a volume (x, y, z) that is NaN where the subject has no data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from bids_ari.errors import BidsAriError, DataError
from bids_ari.images.checks import attempt
from bids_ari.images.files import BYTES_PER_VOXEL, Image, read_image
from bids_ari.images.resampling import RESAMPLING_BYTES, resample
from bids_ari.images.space import Grid
from bids_ari.images.volumes import missing
from bids_ari.stats.distributions import FloatArray


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
        The variance map of each, or none. Combining needs them; that of a single map is read when it is asked for.
    minus : Source or None
        The map of the same subject that is taken away from this one.
    """

    subject: str
    effects: tuple[Path, ...]
    variances: tuple[Path, ...] = ()
    minus: Optional["Source"] = None

    @property
    def parts(self) -> tuple["Source", ...]:
        """This map, and the one that is taken away."""
        return (self, self.minus) if self.minus is not None else (self,)

    @property
    def combines(self) -> bool:
        """Whether several maps become one."""
        return len(self.effects) > 1

    def files(self, variances: bool = False) -> tuple[Path, ...]:
        """All files that are read; the variances of single maps where they are asked for."""
        own = self.effects + self.variances if variances or self.combines else self.effects
        return own + (self.minus.files(variances) if self.minus is not None else ())


@dataclass(frozen=True, slots=True)
class Reading:
    """How maps are read.

    Attributes
    ----------
    grid : Grid
        The grid that they are brought to.
    memory : int
        Bytes that a volume may take.
    resampled : bool
        Whether files may be on other grids; else one that is has changed since its header was looked at.
    variances : bool
        Whether the variance of each map is asked for.
    known : mapping of Path to str
        The SHA-256 that files which were read before must have.
    """

    grid: Grid
    memory: int
    resampled: bool = False
    variances: bool = False
    known: Mapping[Path, str] = field(default_factory=dict)


class Loaded(NamedTuple):
    """The map of a subject, its variance if that was asked for, the SHA-256 of its files, and its maps without data."""

    effect: FloatArray
    variance: FloatArray | None
    hashes: dict[Path, str]
    empty: tuple[Path, ...]


def load_source(source: Source, how: Reading) -> Loaded:
    """Read the map of a subject.

    The variance of a combination by precision is 1 / sum(1 / variance), that of a difference the sum of both; it is
    NaN where a file holds none that is finite and above 0.

    Raises
    ------
    BidsAriError
        When a file cannot be used; an ExceptionGroup of such errors when there are several.
    """
    loaded: list[Loaded] = []
    errors: list[BidsAriError] = []
    for part in source.parts:
        found = attempt(partial(_load_part, how=how))(part)
        if isinstance(found, Loaded):
            loaded.append(found)
        else:
            errors += found
    if errors:
        raise ExceptionGroup(f"sub-{source.subject}", errors)
    return loaded[0] if source.minus is None else _difference(*loaded)


def bytes_to_load(sources: Sequence[Source], how: Reading, n_points: int) -> int:
    """Say how much memory reading any of the sources takes, at the most, where no file has more than so many voxels."""
    per_voxel = BYTES_PER_VOXEL
    parts = [part for source in sources for part in source.parts]
    if any(part.combines for part in parts):
        per_voxel += BYTES_PER_VOXEL  # sums, kept while others are read
    if how.resampled:
        per_voxel += RESAMPLING_BYTES
    kept = 1 + how.variances
    return n_points * (per_voxel + 8 * how.variances + 8 * kept * (len(parts) > len(sources)))


def _difference(one: Loaded, other: Loaded) -> Loaded:
    """Take one map away from another, where both have data."""
    variance = None
    with np.errstate(all="ignore"):  # what is too large becomes infinite: missing
        effect = _finite(one.effect - other.effect)
        if one.variance is not None and other.variance is not None:
            variance = _finite(one.variance + other.variance)
    return Loaded(effect, variance, one.hashes | other.hashes, one.empty + other.empty)


def _load_part(source: Source, how: Reading) -> Loaded:
    """Read the map of a source, combined where there are several; what is taken away is another part."""
    variances = source.variances if how.variances or source.combines else ()
    if source.combines:
        return _combined(source, variances, how)
    return _pair((source.effects[0], variances[0] if variances else None), how)


def _pair(paths: tuple[Path, Path | None], how: Reading) -> Loaded:
    """Read one map, and its variance if that is asked for."""
    path, variance_path = paths
    found = attempt(partial(_read_effect, how=how))(path)
    other = attempt(partial(_read_variance, how=how))(variance_path) if variance_path is not None else None
    errors = [error for each in (found, other) if isinstance(each, list) for error in each]
    if errors or isinstance(found, list) or isinstance(other, list):
        raise ExceptionGroup(str(path), errors)
    hashes = {path: found.sha256}
    if other is not None and variance_path is not None:
        hashes[variance_path] = other.sha256
    empty = (path,) if np.isnan(found.values).all() else ()
    return Loaded(found.values, other.values if other is not None else None, hashes, empty)


def _combined(source: Source, variances: tuple[Path, ...], how: Reading) -> Loaded:
    """Combine maps as fixed effects: sum(w e) / sum(w) over those with data at a voxel, w = 1 / variance, else 1."""
    weights, total = np.zeros(1), np.zeros(1)
    hashes: dict[Path, str] = {}
    errors: list[BidsAriError] = []
    empty: tuple[Path, ...] = ()
    for paths in zip_longest(source.effects, variances):
        found = attempt(partial(_pair, how=how))(paths)
        if isinstance(found, list):
            errors += found
        if errors or isinstance(found, list):
            continue
        weight = _weight(found)
        with np.errstate(all="ignore"):  # what is too large becomes infinite: missing
            weights = weights + weight
            total = total + weight * np.where(weight > 0, found.effect, 0.0)
        hashes |= found.hashes
        empty += () if weight.any() else paths[:1]
    if errors:
        raise ExceptionGroup(f"sub-{source.subject}", errors)
    with np.errstate(all="ignore"):
        effect = _finite(total / weights)
        variance = np.where(np.isnan(effect), np.nan, 1 / weights) if variances and how.variances else None
    return Loaded(effect, variance, hashes, empty)


def _weight(one: Loaded) -> FloatArray:
    """Say how much a map counts at each voxel: 1 / variance, or 1; nothing where it has no data."""
    weight = np.ones(1) if one.variance is None else 1 / one.variance
    return np.where(np.isnan(one.effect) | np.isnan(weight), 0.0, weight)


class _File(NamedTuple):
    """The volume of a file, and its SHA-256."""

    values: FloatArray
    sha256: str


def _read_effect(path: Path, how: Reading) -> _File:
    """Read a map; NaN where it is missing."""
    image = _read(path, how)
    values = np.where(missing(image.values, image.header.step), np.nan, image.values)
    return _File(resample(values, image.header.grid, how.grid), image.sha256)


def _read_variance(path: Path, how: Reading) -> _File:
    """Read a variance; NaN where it is none, or so small that its inverse is no number."""
    image = _read(path, how)
    with np.errstate(all="ignore"):
        precision = 1 / image.values
    values = np.where(np.isfinite(precision) & (precision > 0), image.values, np.nan)
    return _File(resample(values, image.header.grid, how.grid, "linear"), image.sha256)


def _read(path: Path, how: Reading) -> Image:
    """Read an image that was looked at before; refuse it if it is another one now."""
    image = read_image(path, how.memory)
    other_grid = not how.resampled and not image.header.grid.matches(how.grid)
    if other_grid or how.known.get(path, image.sha256) != image.sha256:
        raise DataError(f"{path} changed while it was in use", hint="Run again when nothing writes to it")
    return image


def _finite(volume: FloatArray) -> FloatArray:
    """Make what is infinite missing."""
    return np.where(np.isfinite(volume), volume, np.nan)
