"""The mask of a group: voxels inside the brain masks of enough subjects, and inside grey matter."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_ari.bids.entities import printable
from bids_ari.bids.spaces import StandardSpace
from bids_ari.bids.subject_masks import SubjectMasks, find_tissues
from bids_ari.errors import BidsAriError, EmptyMaskError, GridMismatchError, listing
from bids_ari.images.binary import voxels_inside
from bids_ari.images.checks import Problem, collecting, one_error
from bids_ari.images.files import read_image
from bids_ari.images.image import Image
from bids_ari.images.masks import n_required
from bids_ari.images.resampling import is_elsewhere, resample, resample_nearest
from bids_ari.images.space import BoolArray
from bids_ari.images.templates import TEMPLATE, template_tissue
from bids_ari.images.volume import Grid
from bids_ari.runtime.progress import track
from bids_ari.stats.distributions import FloatArray

log = logging.getLogger(__name__)

GREY_FLAG = "grey-matter-threshold"
"""The option that sets the least probability of grey matter."""

SUBJECTS = "subjects"
"""Instead of a file of grey matter: the mean of the maps of the subjects."""

_LACKS_MUCH = 0.05  # of the voxels of most subjects


@dataclass(frozen=True, slots=True)
class GreyMatter:
    """Where the grey matter of a mask is from."""

    source: str  # a file, or one of the words TEMPLATE and SUBJECTS
    threshold: float
    hashes: Mapping[Path, str]  # SHA-256 of each file


@dataclass(frozen=True, slots=True, eq=False)
class GroupMask:
    """The mask of a group, and how it was made."""

    masks: SubjectMasks
    coverage: float
    grid: Grid
    inside: BoolArray  # (x, y, z)
    lacking: Mapping[str, int]  # by subject, the number of its voxels outside the mask of this subject
    grey: GreyMatter | None = None

    @property
    def description(self) -> str:
        """The definition of the mask."""
        n = len(self.masks.files)
        needed = n_required(self.coverage, n)
        which = f"at least {needed} of" if needed < n else "all"
        text = f"Voxels inside the brain masks of {f'{which} {n} subjects' if n > 1 else 'one subject'}"
        return text + (", in grey matter" if self.grey else "")


@dataclass(frozen=True, slots=True, eq=False)
class SubjectCounts:
    """How many subjects have each voxel inside their brain masks."""

    grid: Grid
    counts: npt.NDArray[np.int32]  # (x, y, z)
    own: Mapping[str, npt.NDArray[np.uint8]]  # the mask of each subject, packed into bits

    def inside(self, coverage: float) -> BoolArray:
        """Return the voxels that at least this fraction of the subjects have; raise EmptyMaskError for none."""
        needed = n_required(coverage, len(self.own))
        inside = np.asarray(self.counts >= needed)
        if not inside.any():
            found = f"No voxel is inside the masks of {needed} of the {len(self.own)} subjects"
            most = f"at most {int(self.counts.max())} have one in common"
            raise EmptyMaskError(f"{found} ({most})", hint="Check that all masks are in one space, or lower --coverage")
        return inside

    def lacking(self, inside: BoolArray) -> dict[str, int]:
        """Return how many voxels of a mask each subject lacks."""
        wanted = np.packbits(inside)
        return {subject: int(np.unpackbits(wanted & ~bits).sum()) for subject, bits in self.own.items()}


def make_mask(
    masks: SubjectMasks,
    *,
    coverage: float = 1.0,
    grey_matter: str | None = None,
    threshold: float,
    like: Grid | None = None,
) -> GroupMask:
    """Make the mask of a group.

    Parameters
    ----------
    masks : SubjectMasks
        The brain masks of the subjects.
    coverage : float
        The least part of the subjects whose masks contain a voxel, in (0, 1].
    grey_matter : str, optional
        A map of the probability of grey matter, ``template`` for TemplateFlow's map of the space, or ``subjects`` for
        the mean of the maps of the subjects; by default, voxels of the whole brain are inside.
    threshold : float
        The least probability of grey matter, in (0, 1].
    like : Grid, optional
        The grid of the mask; by default, that of the brain masks.

    Raises
    ------
    GridMismatchError, EmptyMaskError, InputNotFoundError
        When images do not fit together, have no voxel in common, or a map of grey matter does not exist.
    """
    counted = count_masks(masks.files, like)
    inside, grey = counted.inside(coverage), None
    if grey_matter:
        files = _grey_files(grey_matter, masks, counted.grid)
        in_grey, hashes = find_grey_matter(files, counted.grid, threshold)
        inside = intersection(inside, in_grey, files, threshold)
        grey = GreyMatter(grey_matter, threshold, {path: hashes[path] for path in files})
    _note_small_masks(counted)
    return GroupMask(masks, coverage, counted.grid, inside, counted.lacking(inside), grey)


def note_other_spaces(masks: SubjectMasks, named: Sequence[Path]) -> None:
    """Log files that are of another space than the brain masks, by their names; their grid does not tell."""
    where = StandardSpace.parse(masks.space) if masks.space else None
    for path in named:
        found = StandardSpace.in_name(path.name)
        if where is not None and found is not None and found.differs_from(where):
            log.warning("%s is of %s by its name, the brain masks are in %s: check it", path.name, found, where)


def _grey_files(source: str, masks: SubjectMasks, grid: Grid) -> list[Path]:
    """Return the maps of grey matter, by a word or the name of a file."""
    if source == SUBJECTS:
        return [*find_tissues(masks).values()]
    return [template_tissue(masks.space or None, grid) if source == TEMPLATE else Path(source)]


def _note_small_masks(counted: SubjectCounts) -> None:
    """Log subjects whose masks lack many of the voxels that most subjects have."""
    usual = np.asarray(counted.counts >= n_required(0.5, len(counted.own)))  # none, where no voxel is in half of them
    n_usual = int(usual.sum())
    for subject, n in counted.lacking(usual).items():
        if n > _LACKS_MUCH * n_usual:
            log.warning("sub-%s lacks %.0f %% of the voxels that half of the subjects have", subject, 100 * n / n_usual)


def count_masks(masks: Mapping[str, Sequence[Path]], like: Grid | None = None) -> SubjectCounts:
    """Count in how many subjects each voxel is inside the masks of all of their runs.

    Parameters
    ----------
    masks : mapping of str to sequence of Path
        The mask of each run, by subject; probabilities count from 0.5 on.
    like : Grid, optional
        The grid of the result: masks on another one are resampled to the nearest voxel. By default, that of all masks.

    Raises
    ------
    GridMismatchError
        When masks are on several grids, or lie elsewhere than the grid of the result.
    EmptyMaskError
        When a mask is empty, or those of a subject have nothing in common.
    """
    grid, first, counts = like, Path(), np.zeros(0, np.int32)
    own: dict[str, npt.NDArray[np.uint8]] = {}
    problems: list[Problem] = []
    for subject, paths in track(masks.items(), "reading masks", "subject", len(masks)):
        inside: BoolArray | None = None
        for path in paths:
            errors: list[BidsAriError] = []
            with collecting(errors):
                image = read_image(path)
                if grid is None:
                    grid, first = image.grid, path
                values = _on_grid(_inside_of(image, path), image.grid, grid, path, first, is_resampled=like is not None)
                inside = values if inside is None else inside & values
            problems += [Problem((subject,), error, (path, Path(path.name))) for error in errors]
        if problems or inside is None or grid is None:
            continue
        if len(paths) > 1 and not inside.any():
            found = f"The masks of the {len(paths)} runs of sub-{printable(subject)} have no voxel in common"
            hint = "Choose with --task-id or --session-label, or leave the subject out with --exclude"
            raise EmptyMaskError(found, "voxels inside all of them", hint)
        counts = counts + inside if own else inside.astype(np.int32)
        own[subject] = np.packbits(inside)
    if problems:
        raise one_error(problems, list(masks))
    if grid is None:
        raise EmptyMaskError("There are no masks", "those of at least one subject")
    return SubjectCounts(grid, counts, own)


def _inside_of(image: Image, path: Path) -> BoolArray:
    """Return what is inside a brain mask; raise an EmptyMaskError if it is nothing."""
    label = f"The mask {path}"
    inside = voxels_inside(image.values, image.header.step, 0.5, label=label, flag="mask-threshold")
    if not inside.any():
        least = "at least one voxel that is not 0, or with a probability of 0.5 or more"
        raise EmptyMaskError(f"{label} is empty", least, "Leave it out with --exclude")
    return inside


def _on_grid(inside: BoolArray, own: Grid, grid: Grid, path: Path, first: Path, *, is_resampled: bool) -> BoolArray:
    """Return a mask on the grid of the result; raise where it may not be resampled."""
    if own.matches(grid):
        return inside
    if not is_resampled:
        found = f"The masks are on several grids: {printable(path.name)} on {own}, {printable(first.name)} on {grid}"
        hint = "Choose one with --space NAME:res-N, leave subjects out with --exclude, or resample all with --like MAP"
        raise GridMismatchError(found, "one grid", hint)
    _check_place(f"The mask {path}", own, grid)
    return resample_nearest(inside.astype(np.uint8), own, grid).astype(bool)


def _check_place(label: str, own: Grid, grid: Grid) -> None:
    """Raise GridMismatchError for an image in another place than the grid of the result."""
    if is_elsewhere(own, grid):
        raise GridMismatchError(f"{label} lies elsewhere: {own}", f"a field of view like {grid}", "Check the space")


def find_grey_matter(files: Sequence[Path], grid: Grid, threshold: float) -> tuple[BoolArray, dict[Path, str]]:
    """Return the voxels of a grid with enough grey matter, and the SHA-256 of each file.

    Parameters
    ----------
    files : sequence of Path
        Maps of the probability of grey matter, whose mean is used, or one mask. They are interpolated linearly to the
        grid.
    grid : Grid
        The grid of the result.
    threshold : float
        The least probability.

    Raises
    ------
    GridMismatchError, DataError, UsageError
        When a map lies elsewhere, holds no probabilities, or the threshold is none.
    """
    total: FloatArray = np.zeros(grid.shape)
    hashes: dict[Path, str] = {}
    for path in track(files, "reading maps of grey matter", "map", len(files)):
        image, label = read_image(path), f"The map of grey matter {path}"
        inside = voxels_inside(image.values, image.header.step, threshold, label=label, flag=GREY_FLAG)
        _check_place(label, image.grid, grid)
        known = np.nan_to_num(image.values)
        values = inside.astype(float) if known.max() > 1.5 else known
        total += np.nan_to_num(resample(values, image.grid, grid, "linear"))
        hashes |= image.hashes
    return np.asarray(total / len(files) >= threshold), hashes


def intersection(inside: BoolArray, grey: BoolArray, names: Sequence[Path], threshold: float) -> BoolArray:
    """Return the voxels inside both masks; raise EmptyMaskError if there are none."""
    both = inside & grey
    if not both.any():
        found = f"No voxel of the brain masks has grey matter of at least {threshold:g} in {listing(names)}"
        raise EmptyMaskError(found, hint="Lower --grey-matter-threshold, or check that both are in one space")
    return both
