"""The stack of a contrast: the maps of all subjects, checked and read, as values at the points to test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import BidsAriError, DataError, listing, plural_of
from bids_ari.images.checks import Target, check_headers, for_each_member
from bids_ari.images.duplicates import check_copies, notes_on_similar
from bids_ari.images.located import locate
from bids_ari.images.maps import MapReader
from bids_ari.images.masks import Mask, group_mask, load_mask, n_required
from bids_ari.images.mosaic import Mosaic, mosaic_of
from bids_ari.images.quality import Quality, assess, glimpse
from bids_ari.images.smoothing import normalise, weight_of, with_data_of_some
from bids_ari.images.space import BoolArray, Space
from bids_ari.images.stack_notes import Summary, notes_on_maps
from bids_ari.images.statistic import Statistic
from bids_ari.images.storage import Stored, Values, at_points, room_for
from bids_ari.images.templates import SpaceName
from bids_ari.images.walls import with_wall
from bids_ari.runtime.executors import run_parallel
from bids_ari.runtime.memory import available_memory
from bids_ari.runtime.progress import step
from bids_ari.stats.distributions import FloatArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stack:
    """The maps of a contrast on one space."""

    effects: Values  # (n_maps, n_points), in memory or on disk; NaN where a subject has no data
    subjects: tuple[str, ...]  # the label of each map
    space: Space  # the points to test
    coverage: FloatArray  # an array of the frame: fraction of subjects with data, also at points that are not tested
    variances: Values | None = None  # (n_maps, n_points), if requested; NaN also where not finite and above 0
    hashes: Mapping[Path, str] = field(default_factory=dict)  # SHA-256 of each file
    quality: Quality | None = None  # what each subject covers, and a small picture of its map
    notes: tuple[str, ...] = ()  # for the report
    resampled: tuple[str, ...] = ()  # subjects whose maps were on another grid
    statistic: Statistic | None = None  # of a single map
    mask_fraction: float | None = None  # part of the volume inside the mask; None without one
    normalised: tuple[str, ...] = ()  # subjects whose smoothed values were divided by the weight of their data
    further: tuple[Values, ...] = ()  # the other differences of a question within subjects, as `effects`

    @property
    def all_effects(self) -> tuple[Values, ...]:
        """The values of each difference of a question within subjects; of other contrasts, the only ones."""
        return (self.effects, *self.further)

    def __repr__(self) -> str:
        return f"Stack(n_maps={len(self.subjects)}, space={self.space})"


def load_stack(
    members: Sequence[SubjectMap],
    *,
    mask: Mask | None = None,
    mask_threshold: float | None = None,
    coverage: float = 1.0,
    smoothing: float | None = None,
    target: Target | None = None,
    template: SpaceName = None,
    variances: bool = False,
    allow_native_space: bool = False,
    allow_duplicates: bool = False,
    stat: str | None = None,
    surface: Sequence[str] = (),
    map_name: str | None = None,
    n_threads: int = 1,
    mem: int | None = None,
    work_dir: Path | None = None,
) -> Stack:
    """Read the maps of a contrast.

    All headers are checked before any voxel is read, and all problems with the files are reported in one error. The
    values do not depend on the number of threads, nor on whether they are in memory or on disk.

    Parameters
    ----------
    members : sequence of SubjectMap
        The map of each subject. Several files of a subject are combined at each voxel over those that have data there:
        by the mean weighted by 1 / variance, or by the plain mean without variance maps. Those with several rows of
        weights are read once, and summed with each.
    mask : path, image, Space or 'template', optional
        Voxels outside are not tested.
    mask_threshold : float, optional
        The least value inside, of a mask of probabilities.
    coverage : float
        The fraction of subjects, in (0, 1], that must have data at a voxel that is tested.
    smoothing : float, optional
        Full width at half maximum in mm of a Gaussian by which each whole volume is smoothed, as nilearn does, the
        background counting as 0, or of the heat kernel along meshes: see `bids_ari.images.mesh_smoothing`. Near points
        where a subject has no data but others have, by normalised convolution: see `bids_ari.images.smoothing`. Not
        with `variances`: the variance of a smoothed map depends on the correlation of its noise.
    target : Grid, Path, 'first' or 'template', optional
        The grid to which files are resampled before they are combined, subtracted or smoothed; by default, all files
        must share one.
    template : StandardSpace or str, optional
        The space of the maps, for 'template'.
    variances : bool
        Whether the variance of each map is needed.
    allow_native_space : bool
        Whether maps without a space in their names may have different grids.
    allow_duplicates : bool
        Whether several files may have the same image.
    stat : {'effect', 't', 'z'}, optional
        What the maps should contain, for a note on those whose header or name says something else.
    surface : sequence of str
        The meshes of maps on surfaces, as `bids_ari.images.meshes.find_meshes` reads them.
    map_name : str, optional
        The name of the map in GIFTI and CIFTI files with several.
    n_threads : int
        Number of threads.
    mem : int, optional
        Bytes that reading and the group model may take; by default, all available memory.
    work_dir : Path, optional
        Folder for values that do not fit into memory; by default, that of the system for temporary files.

    Returns
    -------
    Stack
        The values at the points to test.

    Raises
    ------
    GridMismatchError
        When the maps do not share one grid, or lie far from the target; names the subjects.
    DataError
        When files cannot be used: damaged, not 3-D, too large for the memory, without data or without the variances
        needed; or changed while they were read.
    DuplicateMapsError
        When several files have the same image.
    EmptyMaskError
        When no voxel remains to test.
    OutputError
        When there is no room on disk.
    """
    if variances and any(member.rows for member in members):
        raise ValueError("several sums of the maps of a subject and variances exclude each other")
    if variances and smoothing:
        raise ValueError("smoothing and variances exclude each other")
    if variances:
        _check_variances(members)
    mem = available_memory() if mem is None else mem
    headers = check_headers(
        members,
        variances=variances,
        target=target,
        template=template,
        allow_native_space=allow_native_space,
        map_name=map_name,
        n_threads=n_threads,
        mem=mem,
    )
    frame, located = locate(headers.frame, surface, template)
    inside = None if mask is None else load_mask(mask, frame, template, threshold=mask_threshold)
    reader = MapReader(frame, mem, bool(headers.resampled), variances, map_name=map_name)
    n_bytes = reader.n_bytes(members, headers.n_values)
    reader, walls = with_wall(members, reader, coverage, min(n_threads, mem // n_bytes))
    frame, candidates = reader.frame, inside
    if candidates is None:
        candidates, reader = _candidates(members, coverage, reader, min(n_threads, mem // n_bytes))
    arrays, spare = room_for(
        (len(members), candidates.n_points),
        n_arrays=max(1 + variances, len(members[0].rows)),
        reading=n_bytes,
        mem=mem,
        folder=work_dir,
        unit=frame.unit,
    )
    reading = _Reading(reader, candidates, smoothing, arrays, mosaic_of(candidates, template))
    counts = np.zeros(frame.shape, dtype=np.int32, order="F")  # as most files are
    summaries: list[Summary] = []
    what = "reading and smoothing maps" if smoothing else "reading maps"
    for present, summary in for_each_member(reading.store, members, min(n_threads, spare // n_bytes), what):
        counts += present
        summaries.append(summary)
    counts = np.ascontiguousarray(counts)
    digests = {place: digest for each in summaries for place, digest in each.digests.items()}
    notes = (*located, *walls, *check_copies(members, digests, allow_duplicates))
    found = notes_on_maps(members, headers, summaries, counts, frame, inside, stat=stat)
    space = group_mask(counts, len(members), coverage, frame, inside, suspicion=found.suspicion)
    with step("smoothing near missing data"):
        normalised = reading.normalise(summaries, counts, space, min(n_threads, spare // n_bytes))
    values: Sequence[Values] = arrays
    if space.n_points < candidates.n_points:
        values = [at_points(array, candidates.select(space.inside)) for array in arrays]
    subjects = tuple(member.subject for member in members)
    similar = notes_on_similar(values[0], subjects, [digests.get(each.first.place, b"") for each in members])
    return Stack(
        values[0],
        subjects,
        space,
        counts / len(members),
        variances=values[1] if variances else None,
        hashes={path: sha256 for each in summaries for path, sha256 in each.hashes.items()},
        quality=assess([each.glimpse for each in summaries], counts, inside, space, n_required(coverage, len(members))),
        notes=(*notes, *found.notes, *similar),
        resampled=headers.resampled,
        mask_fraction=None if inside is None else inside.fraction,
        normalised=tuple(member.subject for member, changed in zip(members, normalised, strict=True) if changed),
        further=() if variances else tuple(values[1:]),
    )


def _candidates(
    members: Sequence[SubjectMap], coverage: float, reader: MapReader, n_threads: int
) -> tuple[Space, MapReader]:
    """Return the points that may be tested, and the reader with the hashes of the files that were read for it.

    A point with data of n_required subjects has data of one of the first n - n_required + 1. Only these maps are read
    twice.
    """
    inside = np.zeros(reader.frame.shape, dtype=bool)
    hashes: dict[Path, str] = {}
    first = members[: len(members) - n_required(coverage, len(members)) + 1]
    what = f"finding {plural_of(reader.frame.unit)} with data"

    def read(_: int, member: SubjectMap) -> tuple[BoolArray, dict[Path, str]]:
        volumes = reader.read(member)
        return ~np.isnan(volumes.effect), volumes.hashes

    try:
        for present, found in for_each_member(read, first, n_threads, what):
            inside |= present
            hashes |= found
    except BidsAriError:
        for _ in for_each_member(read, members, n_threads, what):  # raises one error of the problems with all maps
            pass
        raise
    return reader.frame.space(inside), replace(reader, hashes=hashes)


class _Reading(NamedTuple):
    """The reader, the points at which values are stored, the width of smoothing, the arrays, and the pixels shown."""

    reader: MapReader
    space: Space
    smoothing: float | None
    arrays: Sequence[Stored]
    mosaic: Mosaic

    def store(self, i: int, member: SubjectMap) -> tuple[BoolArray, Summary]:
        """Read the map of a subject and store its values as row `i`; return where it has data, and its summary."""
        volumes = self.reader.read(member)
        present = ~np.isnan(volumes.effect)
        effect = self.space.select(volumes.effect)
        if volumes.variance is not None:
            self.arrays[1][i] = np.where(np.isnan(effect), np.nan, self.space.select(volumes.variance))
        self.arrays[0][i] = self._smoothed(volumes.effect, effect)
        for array, further in zip(self.arrays[1:], volumes.further, strict=False):
            array[i] = self._smoothed(further, self.space.select(further))
        seen = glimpse(self.mosaic, volumes.effect, present)
        n_present, n_empty = int(np.count_nonzero(present)), len(volumes.empty)
        files, profile = (volumes.hashes, volumes.digests), self.reader.frame.profile(present)
        return present, Summary(n_present, n_empty, *files, seen, volumes.facts, profile)

    def _smoothed(self, volume: FloatArray, values: FloatArray) -> FloatArray:
        """Return the values of a volume at the points that are stored, smoothed if that is requested."""
        if not self.smoothing:
            return values
        smoothed = self.space.select(self.reader.frame.smooth(volume.astype(np.float64, copy=False), self.smoothing))
        return np.where(np.isnan(values), np.nan, smoothed)

    def normalise(
        self, summaries: Sequence[Summary], counts: npt.NDArray[np.int32], tested: Space, n_threads: int
    ) -> list[bool]:
        """Divide smoothed values of each subject by the weight of its data; return whether tested values changed."""
        if not (fwhm := self.smoothing):
            return [False] * len(summaries)
        expected = with_data_of_some(counts, len(summaries)) | tested.inside
        is_tested = self.space.select(tested.inside)
        weight_of_all = weight_of(expected, fwhm, self.space)

        def divide(i: int) -> bool:
            present = expected & summaries[i].glimpse.mask(expected.shape)
            if (present == expected).all():
                return False
            weight = weight_of(present, fwhm, self.space)
            any_changed = False
            for array in self.arrays:  # differences within subjects, or one map
                array[i], changed = normalise(array[i : i + 1, :][0], weight, weight_of_all)
                any_changed |= bool(changed[is_tested].any())
            return any_changed

        return list(run_parallel(divide, range(len(summaries)), n_threads))


def _check_variances(members: Sequence[SubjectMap]) -> None:
    """Raise if a map has no variance map."""
    lacking = [member for member in members if not member.has_variances]
    if lacking:
        subjects = tuple(member.subject for member in lacking)
        found = f"{listing(f'sub-{subject}' for subject in subjects)} {'has' if len(subjects) == 1 else 'have'}"
        raise DataError(
            f"{found} no variance map for each map, such as {lacking[0].paths[0]}",
            "a stat-variance map beside each, for the weights of the maps",
            f"Use --estimator ols, or exclude subjects with --exclude {' '.join(subjects)}",
        )
