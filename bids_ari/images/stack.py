"""The stack of a contrast: the maps of all subjects, checked and read, as values at the points to test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import DataError, listing
from bids_ari.images.checks import Target, check_headers
from bids_ari.images.duplicates import check_copies, notes_on_similar
from bids_ari.images.located import locate
from bids_ari.images.maps import MapReader
from bids_ari.images.masks import Mask, group_mask, load_mask, n_required
from bids_ari.images.mosaic import mosaic_of
from bids_ari.images.quality import Quality, assess
from bids_ari.images.space import Space
from bids_ari.images.stack_notes import note_on_map_name, notes_on_maps
from bids_ari.images.stack_reading import Reading, find_candidates
from bids_ari.images.statistic import Statistic
from bids_ari.images.storage import Values, at_points, room_for
from bids_ari.images.templates import SpaceName
from bids_ari.images.walls import with_wall
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
    n_reading = min(n_threads, mem // n_bytes)
    reader, walls = with_wall(members, reader, coverage, n_reading)
    frame, candidates = reader.frame, inside
    if candidates is None:
        candidates, reader = find_candidates(members, coverage, reader, n_reading)
    arrays, spare = room_for(
        (len(members), candidates.n_points),
        n_arrays=max(1 + variances, len(members[0].rows)),
        reading=n_bytes,
        mem=mem,
        folder=work_dir,
        unit=frame.unit,
    )
    n_reading = min(n_threads, spare // n_bytes)
    reading = Reading(reader, candidates, smoothing, arrays, mosaic_of(candidates, template))
    counts, summaries = reading.store_all(members, n_reading)
    digests = {place: digest for each in summaries for place, digest in each.digests.items()}
    notes = (*located, *walls, *check_copies(members, digests, allow_duplicates), *note_on_map_name(frame, map_name))
    found = notes_on_maps(members, headers, summaries, counts, frame, inside, stat=stat)
    space = group_mask(counts, len(members), coverage, frame, inside, suspicion=found.suspicion)
    with step("smoothing near missing data"):
        normalised = reading.normalise(summaries, counts, space, n_reading)
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


def _check_variances(members: Sequence[SubjectMap]) -> None:
    """Raise if a map has no variance map, or several sums of maps."""
    if any(member.rows for member in members):
        raise ValueError("several sums of the maps of a subject and variances exclude each other")
    lacking = [member for member in members if not member.has_variances]
    if lacking:
        subjects = tuple(member.subject for member in lacking)
        found = f"{listing(f'sub-{subject}' for subject in subjects)} {'has' if len(subjects) == 1 else 'have'}"
        raise DataError(
            f"{found} no variance map for each map, such as {lacking[0].paths[0]}",
            "a stat-variance map beside each, for the weights of the maps",
            f"Use --estimator ols, or exclude subjects with --exclude {' '.join(subjects)}",
        )
