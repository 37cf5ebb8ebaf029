"""Degrees of freedom of the t maps of FSL, which are not in the maps but in files beside them.

FEAT writes the number of a first level into the text file ``dof`` beside ``tstat1.nii.gz``; a level of runs or subjects
also has a map of them, ``tdof_t1.nii.gz``. FLAME 1+2 estimates others near the threshold, so that they may differ.
"""

import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bids_ari.errors import DataError
from bids_ari.images.files import read_image

_T = re.compile(r"tstat(\d+)(\.nii|\.nii\.gz|\.img)")
_LONGEST = 100  # bytes of a file that holds one number
_SAME = 0.01  # degrees of freedom are the same up to this: those of a map are float32


class FeatDof(NamedTuple):
    """Degrees of freedom, and the file that has them."""

    dof: float
    source: Path


def dof_of_feat(path: Path) -> FeatDof | None:
    """Return the degrees of freedom of a t map of FEAT, by the files beside it; None if none has them.

    Raises
    ------
    DataError
        When they differ between voxels.
    """
    if not (name := _T.fullmatch(path.name)):
        return None
    number, extension = name.groups()
    varying, single = path.with_name(f"tdof_t{number}{extension}"), path.with_name("dof")
    if varying.is_file():
        values = read_image(varying).values
        values = values[np.isfinite(values) & (values > 0)]
        if values.size and values.max() - values.min() > _SAME:
            raise DataError(
                f"Degrees of freedom of {path} differ between voxels: from {values.min():.4g} to {values.max():.4g} in "
                f"{varying.name}",
                "the same degrees of freedom at all voxels",
                f"Use the z map of the same contrast, zstat{number}{extension}",
            )
        if values.size:
            return FeatDof(float(np.median(values)), varying)
    try:
        with single.open("rb") as file:
            dof = float(file.read(_LONGEST))
    except (OSError, ValueError):
        return None
    return FeatDof(dof, single) if 0 < dof < math.inf else None
