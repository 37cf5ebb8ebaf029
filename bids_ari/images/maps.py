"""The map of one subject: read from its files, resampled, combined over runs, and summed with weights.

A map is a volume (x, y, z) that is NaN where the subject has no data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import BidsAriError, DataError, listing
from bids_ari.images.checks import collecting, maps_to_read, source_of
from bids_ari.images.claims import claims_of
from bids_ari.images.duplicates import digests_of
from bids_ari.images.files import BYTES_PER_VOXEL, read_image
from bids_ari.images.image import Image
from bids_ari.images.resampling import RESAMPLING_BYTES, resample
from bids_ari.images.space import BoolArray, Frame
from bids_ari.images.unusual import ValueFacts, facts_of, known_values
from bids_ari.images.volume import Grid
from bids_ari.stats.distributions import FloatArray


class Volumes(NamedTuple):
    """The map of a subject."""

    effect: FloatArray  # (x, y, z), NaN where the subject has no data; float32 where the only file of the subject is
    variance: FloatArray | None  # (x, y, z), NaN where no file has a variance that is finite and above 0
    hashes: dict[Path, str]  # SHA-256 of each file
    empty: tuple[Path, ...]  # files without any data
    digests: dict[tuple[Path, str], bytes]  # of the values in each file, by its place
    facts: dict[Path, ValueFacts]  # about the values in each map
    further: tuple[FloatArray, ...] = ()  # the other ones of several weighted sums, NaN where `effect` is


@dataclass(frozen=True, slots=True)
class MapReader:
    """Reader of the maps of a contrast."""

    frame: Frame  # to which maps are resampled
    mem: int  # bytes that a volume may take
    resamples: bool = False  # if not, a file on another grid has changed since its header was checked
    variances: bool = False  # whether the variance of each map is read
    hashes: Mapping[Path, str] = field(default_factory=dict)  # SHA-256 of files that have been read before
    map_name: str | None = None  # of the map in files with several

    def n_bytes(self, members: Sequence[SubjectMap], n_voxels: int) -> int:
        """Return the most memory that reading any of the members takes; no file has more than `n_voxels` voxels."""
        per_voxel = BYTES_PER_VOXEL
        parts = [part for member in members for part in member.terms]
        if any(len(part.maps) > 1 for part in parts):
            per_voxel += BYTES_PER_VOXEL  # sums, kept while the other maps are read
        if self.resamples:
            per_voxel += RESAMPLING_BYTES
        n_arrays = max(1 + self.variances, *(len(member.rows) + 1 for member in members))
        return n_voxels * (per_voxel + 8 * self.variances + 8 * n_arrays * (len(parts) > len(members)))

    def read(self, member: SubjectMap) -> Volumes:
        """Read the map of a subject; raise an error, or an ExceptionGroup of several, if it cannot be used.

        The variance of a combination by precision is 1 / sum(1 / variance), that of a weighted sum the sum of the
        variances times the squares of the weights.
        """
        errors: list[BidsAriError] = []
        volumes: Volumes | None = None
        for i, term in enumerate(member.terms):
            with collecting(errors):
                found = self._read_term(term)
                if len(member.terms) > 1 or member.rows:
                    found = found._replace(effect=found.effect.astype(np.float64, copy=False))
                if member.rows:
                    found = _in_rows(found, [row[i] for row in member.rows])
                volumes = found if volumes is None else _sum(volumes, found)
        if errors or volumes is None:
            raise ExceptionGroup(f"sub-{member.subject}", errors)
        volumes = _complete(volumes) if volumes.further else volumes
        _check_values(member, volumes, self.frame.unit)
        return volumes

    def _read_term(self, term: SubjectMap) -> Volumes:
        """Read one term of a weighted sum, times its weight."""
        if len(term.maps) > 1:
            found = _combined(term, self)
        else:
            found = _read_pair(term.first, next(iter(term.variances), None) if self.variances else None, self)
        if term.weight == 1:
            return found
        variance = None if found.variance is None else found.variance * term.weight**2
        return found._replace(effect=found.effect.astype(np.float64, copy=False) * term.weight, variance=variance)


def _in_rows(found: Volumes, weights: Sequence[float]) -> Volumes:
    """Return a term with its weight in each of several sums; NaN in all of them where it has no data."""
    first, *further = (found.effect if weight == 1 else found.effect * weight for weight in weights)
    return found._replace(effect=first, further=tuple(further))


def _sum(first: Volumes, second: Volumes) -> Volumes:
    """Add two maps where both have data."""
    variance = None
    with np.errstate(all="ignore"):  # too large numbers become infinite: missing
        effect = _finite(first.effect + second.effect)
        further = tuple(_finite(one + other) for one, other in zip(first.further, second.further, strict=True))
        if first.variance is not None and second.variance is not None:
            variance = _finite(first.variance + second.variance)
    hashes, digests = first.hashes | second.hashes, first.digests | second.digests
    facts = first.facts | second.facts
    return Volumes(effect, variance, hashes, first.empty + second.empty, digests, facts, further)


def _complete(volumes: Volumes) -> Volumes:
    """Return several sums with data where all of them have data: one of them may be too large a number."""
    lacking = np.isnan(volumes.effect)
    for each in volumes.further:
        lacking |= np.isnan(each)
    effect, *further = (np.where(lacking, np.nan, each) for each in (volumes.effect, *volumes.further))
    return volumes._replace(effect=effect, further=tuple(further))


def _combined(member: SubjectMap, reader: MapReader) -> Volumes:
    """Combine maps as fixed effects: sum(w e) / sum(w) over those with data at a voxel, w = 1 / variance, else 1."""
    weights, total = np.zeros(1), np.zeros(1)
    hashes: dict[Path, str] = {}
    digests: dict[tuple[Path, str], bytes] = {}
    facts: dict[Path, ValueFacts] = {}
    errors: list[BidsAriError] = []
    empty: tuple[Path, ...] = ()
    for each, its_variance in zip_longest(member.maps, member.variances):
        with collecting(errors):
            found = _read_pair(each, its_variance, reader)
            weight = np.ones(1) if found.variance is None else 1 / found.variance
            weight = np.where(np.isnan(found.effect) | np.isnan(weight), 0.0, weight)  # 0 where there are no data
            with np.errstate(all="ignore"):  # too large numbers become infinite: missing
                weights = weights + weight
                total = total + weight * np.where(weight > 0, found.effect, 0.0)
            hashes |= found.hashes
            digests |= found.digests
            facts |= found.facts
            empty += () if weight.any() else (each.path,)
    if errors:
        raise ExceptionGroup(f"sub-{member.subject}", errors)
    with np.errstate(all="ignore"):
        effect = _finite(total / weights)
        has_variance = member.variance_paths and reader.variances
        variance = np.where(np.isnan(effect), np.nan, 1 / weights) if has_variance else None
    return Volumes(effect, variance, hashes, empty, digests, facts)


def _read_pair(file: StatMap, variance_file: StatMap | None, reader: MapReader) -> Volumes:
    """Read one map, and its variance map if there is one."""
    path = file.path
    errors: list[BidsAriError] = []
    variance = None
    hashes: dict[Path, str] = {}
    digests: dict[tuple[Path, str], bytes] = {}
    facts: dict[Path, ValueFacts] = {}
    with collecting(errors):
        image = _read(file, reader)
        digests |= digests_of(file, image)
        facts[path] = facts_of(known_values(image.stored), image.header.step)._replace(
            claims=claims_of(image, path.name)
        )
        effect = _with_gaps(image, reader.frame.missing(image.stored, image.header.step))
        effect = resample(effect, image.frame, reader.frame)
        hashes |= image.hashes
        del image
    if variance_file is not None:
        with collecting(errors):
            image = _read(variance_file, reader)
            digests |= digests_of(variance_file, image)
            with np.errstate(all="ignore"):
                precision = 1 / image.values
            variance = np.where(np.isfinite(precision) & (precision > 0), image.values, np.nan)
            del precision
            variance = resample(variance, image.frame, reader.frame, "linear")
            hashes |= image.hashes
    if errors:
        raise ExceptionGroup(str(path), errors)
    return Volumes(effect, variance, hashes, (path,) if np.isnan(effect).all() else (), digests, facts)


def _with_gaps(image: Image, missing: BoolArray) -> FloatArray:
    """Return the values of an image, NaN where they are missing."""
    if not isinstance(image.frame, Grid):
        return np.where(missing, np.nan, image.values)
    image.stored[missing] = np.nan  # a copy would take longer; the image is not used any more
    return image.stored


def _read(file: StatMap, reader: MapReader) -> Image:
    """Read an image whose header has been checked; raise if the file has changed since."""
    image = read_image(source_of(file), reader.mem, map_name=file.map_name or reader.map_name)
    moved = not reader.resamples and not image.frame.matches(reader.frame)
    if moved or any(reader.hashes.get(path, sha256) != sha256 for path, sha256 in image.hashes.items()):
        raise DataError(f"{file.path} changed during the analysis", hint="Run again when no program writes to it")
    return image


def _check_values(member: SubjectMap, volumes: Volumes, unit: str) -> None:
    """Raise if a subject has no data, or no variance where it has data."""
    hint = f"Fix the files, or exclude the subject with --exclude {member.subject}"
    present = ~np.isnan(volumes.effect)
    if not present.any():
        raise DataError(f"sub-{member.subject} has no data: {_found_instead(member, volumes, unit)}", hint=hint)
    if volumes.variance is not None and np.isnan(volumes.variance[present]).all():
        files = [path for term in member.terms for path in term.variance_paths]
        raise DataError(f"sub-{member.subject} has no variance above 0 where it has data: {listing(files)}", hint=hint)


def _found_instead(member: SubjectMap, volumes: Volumes, unit: str) -> str:
    """Describe why a subject has no data: its maps, or one of them, have none, or they have none in common."""
    terms = [term for term in member.terms if set(volumes.empty).issuperset(term.paths)]
    files = [path for each in maps_to_read(member) for path in source_of(each)]
    if member.others and not terms:
        n_maps = "two" if len(member.terms) == 2 else str(len(member.terms))
        return f"its {n_maps} maps have no {unit} with data in common, {listing(files)}"
    terms = terms or list(member.terms)
    files = [path for term in terms for each in maps_to_read(term) for path in source_of(each)]
    weighted = any(len(term.maps) > 1 and term.variances for term in terms)
    contain = "contain" if len(files) > 1 else "contains"
    is_infinite = any(volumes.facts[path].n_infinite for path in files if path in volumes.facts)
    values = "infinite values, NaN or zero" if is_infinite else "NaN or zero"
    return f"{listing(files)} {contain} only {values}" + (", or no variance above 0" if weighted else "")


def _finite(volume: FloatArray) -> FloatArray:
    """Set infinite values to NaN."""
    return np.where(np.isfinite(volume), volume, np.nan)
