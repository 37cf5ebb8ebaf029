"""A single statistical map, made by another program or of one subject: read, and compared with what it should be."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from bids_ari.errors import DataError, EmptyMaskError, printable
from bids_ari.images.binary import is_zero
from bids_ari.images.claims import Claim, claims_of
from bids_ari.images.feat import dof_of_feat
from bids_ari.images.files import name_of, read_image
from bids_ari.images.located import locate
from bids_ari.images.masks import Mask, load_mask
from bids_ari.images.space import BoolArray, Frame
from bids_ari.images.stack import Stack
from bids_ari.images.stack_notes import note_on_place
from bids_ari.images.statistic import NOTHING, Given, Statistic, check_values, decide, threshold_of, what_lacks
from bids_ari.images.templates import SpaceName
from bids_ari.stats.distributions import FloatArray

_FEW = 0.05  # a map of a brain has values at more than this part of the volume


def load_map(
    image: str | Path | Sequence[Path] | nib.Nifti1Image,
    mask: Mask | None = None,
    *,
    mask_threshold: float | None = None,
    template: SpaceName = None,
    surface: Sequence[str] = (),
    map_name: str | None = None,
    drop_zeros: bool = False,
    mem: int | None = None,
    given: Given = NOTHING,
) -> Stack:
    """Read a single statistical map.

    Parameters
    ----------
    image : path, sequence of path or image
        The map; of two files, that of the left hemisphere first. An infinite statistic is a value.
    mask : path, image, Space or 'template', optional
        The voxels that were tested, NaN among them excluded; by default, those with data. In a thresholded map, all
        voxels of the mask without a value count as 0.
    mask_threshold : float, optional
        The least value inside, of a mask of probabilities.
    template : StandardSpace or str, optional
        The space of the map, for 'template' and for its meshes.
    surface : sequence of str
        The meshes of a map on surfaces, as `bids_ari.images.meshes.find_meshes` reads them; by default, those of the
        image, else of its space.
    map_name : str, optional
        The name of the map in a GIFTI or CIFTI file with several.
    drop_zeros : bool
        Whether a zero inside the brain is missing, too.
    mem : int, optional
        Bytes that the map may take; by default, all available memory.
    given : Given
        The statistic and its degrees of freedom, if they are known; by default, those that header, name or sidecar
        state, else z, or t with degrees of freedom.

    Returns
    -------
    Stack
        With one map, without a label, and with its `statistic`.

    Raises
    ------
    DataError
        When the image cannot be used, is no z, t or F map, or is thresholded and there is no mask.
    UsageError
        When `dof` contradicts the image.
    GridMismatchError, EmptyMaskError
        When the mask does not fit, or no voxel remains.
    """
    found = read_image(image, mem, map_name=map_name)
    name, values = printable(Path(name_of(image)).name), found.values
    frame, located = locate(found.frame, surface, template)
    frame = frame.walled(frame.hollow(values, found.header.step))
    statistic = decide(name, [*claims_of(found, name, given.sidecar), *_of_feat(image, given)], given)
    absent = frame.missing(values, found.header.step)
    if drop_zeros:
        zero = is_zero(values, found.header.step)
        absent |= zero
        values = np.where(zero, np.nan, values)
    own = None if mask is None else load_mask(mask, frame, template, threshold=mask_threshold)
    tested = None if own is None else own.inside
    inside = ~absent | np.isinf(values) if tested is None else tested & ~np.isnan(values)
    if not inside.any():
        where, hint = ("", "Check the file") if mask is None else (" inside the mask", "Check map and mask")
        raise EmptyMaskError(f"The map {name} has no value{where}", hint=hint)
    place = note_on_place(frame, f"The header of {name} does")
    notes = (*located, *place, *statistic.notes, *check_values(name, statistic, values[inside], frame.unit))
    values, inside, more = _without_threshold(name, values, inside, tested, statistic, found.header.step, frame)
    return Stack(
        values[inside][None],
        ("",),
        frame.space(inside),
        inside.astype(float),
        hashes=found.hashes,
        notes=(*notes, *more),
        statistic=statistic,
        mask_fraction=None if own is None else own.fraction,
    )


def _without_threshold(
    name: str,
    values: FloatArray,
    inside: BoolArray,
    tested: BoolArray | None,
    statistic: Statistic,
    step: float,
    frame: Frame,
) -> tuple[FloatArray, BoolArray, list[str]]:
    """Return the values of a map and the voxels that were tested, with notes, if a threshold was applied or may be.

    `inside` are the voxels with values, and `tested` those of the mask.
    """
    threshold = threshold_of(statistic, values[inside])
    lacking = what_lacks(statistic, values[inside], step)
    if lacking and tested is None and not threshold:
        note = (
            f"{name} may lack {frame.units} that were tested: {lacking}. Then bounds are too high; name all "
            f"{frame.units} that were tested with --mask"
        )
        return values, inside, [note]
    if threshold := threshold or lacking:
        values, inside, note = _filled(name, values, tested, threshold, frame.units)
        return values, inside, [note]
    notes = []
    if statistic.thresholded_by:
        notes.append(
            f"{name} may be thresholded by {statistic.thresholded_by}, but has values close to 0: analysed as "
            "a map without a threshold. Check that it is the map before thresholding"
        )
    return values, inside, notes + ([*_notes_on_extent(name, inside, frame)] if tested is None else [])


def _of_feat(image: object, given: Given) -> Iterator[Claim]:
    """Yield what a file of FEAT beside a t map says, unless the user states another kind of statistic."""
    paths = [image] if isinstance(image, str | Path) else image if isinstance(image, Sequence) else ()
    if len(paths) != 1 or given.stat not in (None, "t"):
        return
    try:
        found = dof_of_feat(Path(paths[0]))
    except DataError:
        if given.dof is None:
            raise
        return  # they differ between voxels, and the user states one number
    if found is not None:
        yield Claim("t", f"the file {found.source.name} beside it", (found.dof,))


def _notes_on_extent(name: str, inside: BoolArray, frame: Frame) -> Iterator[str]:
    """Yield notes on the voxels that have values, where no mask names those that were tested."""
    profile = frame.profile(inside)
    if text := frame.lacking(profile, profile):
        yield f"{name} has {frame.parts} without any data between others: {text}"
    if inside.mean() < _FEW:
        yield (
            f"{name} has values at {inside.sum()} {frame.units} only, {inside.mean():.1%} of all: if others were "
            f"removed because they were not significant, bounds are not valid. Then name all {frame.units} that were "
            "tested with --mask"
        )


def _filled(
    name: str, values: FloatArray, tested: BoolArray | None, found: str, units: str
) -> tuple[FloatArray, BoolArray, str]:
    """Return the values of a thresholded map with 0 where the mask has no value, the mask, and a note.

    Bounds are valid, since they never rise with a p-value, and p-values above alpha, such as that of 0, do not count.
    """
    if tested is None:
        raise DataError(
            f"{name} is thresholded: {found}",
            f"a map of all {units} that were tested, without a threshold",
            f"Use the map before thresholding; or name all {units} that were tested with --mask: those without a value "
            "then count as 0, which is valid but loses power",
        )
    n_filled = int((tested & (np.isnan(values) | (values == 0))).sum())
    note = (
        f"{name} is thresholded: {found}. {n_filled} of the {int(tested.sum())} {units} of the mask have no value and "
        f"count as 0. Bounds are valid if the mask contains all {units} that were tested, but they would be higher for "
        "the map without a threshold"
    )
    return np.where(tested & np.isnan(values), 0.0, values), tested, note
