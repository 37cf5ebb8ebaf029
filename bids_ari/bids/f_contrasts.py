"""F contrasts of the first level, of which each subject has a map of F.

Their effect has one volume for each row of the contrast, and their z is that of a test of any effect: neither has a
direction. nilearn writes both beside the map of F.
"""

import math
import re
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.dataset import Dataset
from bids_ari.bids.exclusions import Excluded, Reason
from bids_ari.bids.sidecars import read_json
from bids_ari.bids.statmap import StatMap
from bids_ari.errors import ReadError, SidecarError

_STAT = re.compile("(^|[/_])stat-[^/_]+(?=[/_])")

Names = frozenset[tuple[str, str]]  # of files: dataset, and name without its statistic and extension


def f_contrasts(dataset: Dataset) -> Names:
    """Return the names of the F maps in a dataset, for `has_f_map`."""
    return frozenset(_name(file) for file in dataset.statmaps if file.stat == "F")


def has_f_map(file: StatMap, found: Names) -> bool:
    """Return whether a map has a map of F beside it: one that differs in its statistic only."""
    return bool(found) and _name(file) in found


def has_several_volumes(path: Path) -> bool:
    """Return whether a file has several volumes, or maps of a surface; False where it cannot be read."""
    import nibabel as nib
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    damaged = (ImageFileError, HeaderDataError, ExpatError, zlib.error)
    try:
        image: Any = nib.load(path)
    except (OSError, ValueError, TypeError, OverflowError, KeyError, EOFError, *damaged):
        return False
    if isinstance(image, nib.GiftiImage):
        n_maps = (math.prod(array.dims[1:]) for array in image.darrays)  # nilearn has all rows in one array
        return bool(sum(n_maps) > 1)
    return any(n > 1 for n in (image.shape[:1] if isinstance(image, nib.Cifti2Image) else image.shape[3:]))


def says_f(sidecar: Mapping[str, Any]) -> bool:
    """Return whether the metadata of a map are those of an F contrast."""
    return sidecar.get("Statistic") == "F" or bool(sidecar.get("DegreesOfFreedomOfRows"))


def mark_f(contrast: ContrastSet, found: Names) -> ContrastSet:
    """Mark a contrast of z or t maps that are of F: by a map of F, an effect of several volumes, or a sidecar."""
    files = [file for member in contrast.members for file in member.all_maps]
    of_f = any(has_f_map(file, found) for file in files) or _sidecars_say_f(files)
    effect = None if of_f else files[0].beside("effect")
    return replace(contrast, of_f=of_f or (effect is not None and has_several_volumes(effect)))


def without_f(discovery: Discovery) -> Discovery:
    """Exclude F contrasts where there are others, for the group level."""
    kept = tuple(contrast for contrast in discovery if not contrast.of_f)
    if not kept or len(kept) == len(discovery):
        return discovery
    maps = [each for contrast in discovery if contrast.of_f for member in contrast.members for each in member.all_maps]
    excluded = [Excluded.of_file(file, Reason.NO_DIRECTION.text()) for each in maps for file in each.files]
    excluded += [entry for each in discovery if each not in kept for entry in each.excluded if not entry.is_subject]
    return Discovery(kept, (*discovery.excluded, *excluded))


def _sidecars_say_f(files: Sequence[StatMap]) -> bool:
    """Return whether the metadata of the first map, or the JSON file of any map, say F; those not readable do not.

    JSON files further up, which usually apply to all subjects, are read for the first map only.
    """
    with suppress(SidecarError, ReadError):
        if says_f(files[0].sidecar()):
            return True
    for file in files[1:]:
        path = file.path.with_name(file.path.name.removesuffix(file.extension) + ".json")
        with suppress(SidecarError, ReadError):
            if says_f(read_json(path, SidecarError)):
                return True
    return False


def _name(file: StatMap) -> tuple[str, str]:
    return file.dataset, _STAT.sub(r"\1", file.name).removesuffix(file.extension)
