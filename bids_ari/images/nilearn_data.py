"""Data files in nilearn's package. They are found by their names: importing ``nilearn.datasets`` takes a second."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from bids_ari.bids.hemispheres import SIDES, Hemisphere
from bids_ari.images.volume import Grid

_DATA = Path(str(files("nilearn"))) / "datasets" / "data"
_TEMPLATE = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


def nilearn_template() -> tuple[npt.NDArray[np.float32], Grid]:
    """Return the MNI152 template, (x, y, z) from 0 to 1, with a resolution of 1 mm, and its grid."""
    path = _DATA / _TEMPLATE
    image: Any
    if path.is_file():
        image = nib.load(path)
    else:  # another version of nilearn
        from nilearn.datasets import load_mni152_template

        image = load_mni152_template(resolution=1)
    values = np.asarray(image.dataobj, dtype=np.float32)
    return values / values.max(), Grid.of(image)


def nilearn_files(kind: str, sides: Sequence[Hemisphere]) -> tuple[Path, ...]:
    """Return files of fsaverage5, such as ``pial`` or ``infl``."""
    found = tuple(_DATA / "fsaverage5" / f"{kind}_{SIDES[side]}.gii.gz" for side in sides)
    if all(path.is_file() for path in found):
        return found
    from nilearn.datasets import fetch_surf_fsaverage  # another version of nilearn

    names = fetch_surf_fsaverage("fsaverage5")
    return tuple(Path(names[f"{kind}_{SIDES[side]}"]) for side in sides)
