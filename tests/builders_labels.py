"""Files of labels of volumes, and of labels and values of surfaces, written by nibabel."""

from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
from builders import SHAPE, image
from nibabel.cifti2 import BrainModelAxis, LabelAxis, ScalarAxis

LEFT, RIGHT = "CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT"
THALAMUS = "CIFTI_STRUCTURE_THALAMUS_LEFT"


def save_atlas(folder: Path, names: Mapping[int, str]) -> np.ndarray:
    """Write ``atlas.nii.gz``, in which region i is two slices from 2 i - 1 on, and its table; return its numbers."""
    parcels = np.zeros(SHAPE)
    for index in names:
        parcels[2 * index - 1 : 2 * index + 1] = index
    nib.save(image(parcels, dtype=np.uint8), folder / "atlas.nii.gz")
    lines = ["index\tname", *(f"{index}\t{name}" for index, name in names.items())]
    (folder / "atlas.tsv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return parcels


def save_gifti(path: Path, values: npt.ArrayLike, names: Mapping[int, str] | None = None) -> Path:
    """Write values at vertices, or with names numbers of labels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = nib.gifti.GiftiLabelTable()
    for key, text in (names or {}).items():
        entry = nib.gifti.GiftiLabel(key, 1, 0, 0, 1)
        entry.label = text
        table.labels.append(entry)
    kind, intent = (np.float32, "NIFTI_INTENT_SHAPE") if names is None else (np.int32, "NIFTI_INTENT_LABEL")
    array = nib.gifti.GiftiDataArray(np.asarray(values, dtype=kind), intent)
    nib.save(nib.GiftiImage(darrays=[array], labeltable=table), path)
    return path


def save_cifti(path: Path, values: npt.ArrayLike, axis: BrainModelAxis, names: Mapping[int, str] | None = None) -> Path:
    """Write values of grayordinates, or with names numbers of labels."""
    table = {key: (text, (1.0, 0.0, 0.0, 1.0)) for key, text in (names or {}).items()}
    maps = ScalarAxis(["map"]) if names is None else LabelAxis(["map"], [table])
    nib.save(nib.Cifti2Image(np.asarray(values, dtype=np.float32)[None], (maps, axis)), path)
    return path


def cortex(n: int, *, left: npt.ArrayLike | None = None, right: npt.ArrayLike | None = None) -> BrainModelAxis:
    """The axis of some vertices, by default all, of two hemispheres of n vertices each."""
    parts = [(LEFT, left), (RIGHT, right)]
    axes = [BrainModelAxis.from_surface(np.arange(n) if own is None else own, n, name) for name, own in parts]
    return axes[0] + axes[1]


def voxels(indices: npt.ArrayLike, size: float = 2.0, name: str = THALAMUS) -> BrainModelAxis:
    """The axis of some voxels (n, 3) of a grid of 5 x 5 x 5."""
    return BrainModelAxis(
        [name] * len(np.asarray(indices)),
        voxel=np.asarray(indices),
        affine=np.diag([size, size, size, 1]),
        volume_shape=(5, 5, 5),
    )
