"""Data files in nilearn's package. They are found by their names: importing ``nilearn.datasets`` takes a second."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from bids_ari.bids.hemispheres import SIDES, Hemisphere
from bids_ari.images.volume import Grid
from bids_ari.runtime.installed import installed_file

_DATA = "datasets/data"
_TEMPLATE = f"{_DATA}/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


def nilearn_template() -> tuple[npt.NDArray[Any], Grid]:
    """Return the MNI152 template, (x, y, z) in any units above 0, with a resolution of 1 mm, and its grid."""
    image: Any
    if (file := installed_file("nilearn", _TEMPLATE)) is not None:
        image = nib.load(file)
    else:  # another version of nilearn
        from nilearn.datasets import load_mni152_template

        image = load_mni152_template(resolution=1)
    return np.asarray(image.dataobj), Grid.of(image)


def nilearn_files(kind: str, sides: Sequence[Hemisphere]) -> tuple[Path, ...]:
    """Return files of fsaverage5, such as ``pial`` or ``infl``."""
    found = [installed_file("nilearn", f"{_DATA}/fsaverage5/{kind}_{SIDES[side]}.gii.gz") for side in sides]
    if None not in found:
        return tuple(path for path in found if path is not None)
    from nilearn.datasets import fetch_surf_fsaverage  # another version of nilearn

    names = fetch_surf_fsaverage("fsaverage5")
    return tuple(Path(names[f"{kind}_{SIDES[side]}"]) for side in sides)
