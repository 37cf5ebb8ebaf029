"""Small frames of surfaces and grayordinates: boxes for hemispheres, and a block of voxels."""

from pathlib import Path

import nibabel as nib
import numpy as np
from builders_meshes import icosphere, saved_mesh
from nibabel.cifti2.cifti2_axes import BrainModelAxis, ScalarAxis

from bids_ari.images.gifti import LEFT, RIGHT
from bids_ari.images.grayordinates import Grayordinates, frame_of
from bids_ari.images.mesh import Mesh

PUTAMEN = "CIFTI_STRUCTURE_PUTAMEN_LEFT"


def box(side: str) -> Mesh:
    """A box of 40 x 120 x 80 mm beside the midline; its vertices are its corners, in front at y = 60."""
    x = (-41.0, -1.0) if side == "L" else (1.0, 41.0)
    corners = np.array([[i, j, k] for i in x for j in (-60.0, 60) for k in (-40.0, 40)])
    faces = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    triangles = [t for a, b, c, d in faces for t in ((a, b, c), (a, c, d))]
    return Mesh(corners, np.array(triangles, dtype=np.int32), f"/somewhere/{side}.surf.gii")


def surfaces(sides: str = "LR") -> Grayordinates:
    """All vertices of one or two boxes."""
    names = {"L": LEFT, "R": RIGHT}
    axes = [BrainModelAxis.from_surface(np.arange(8), 8, names[side]) for side in sides]
    frame = frame_of(sum(axes[1:], axes[0]), is_cifti=False)
    return frame.located({names[side]: box(side) for side in sides})


def grayordinates(sides: str = "LR") -> Grayordinates:
    """Seven vertices of each of some boxes, then 4 x 6 x 4 voxels of 2 mm about the origin, whose first axis is -x."""
    names = {"L": LEFT, "R": RIGHT}
    affine = np.array([[-2.0, 0, 0, 3], [0, 2, 0, -5], [0, 0, 2, -3], [0, 0, 0, 1]])
    axis = BrainModelAxis.from_mask(np.ones((4, 6, 4), dtype=bool), PUTAMEN, affine)
    for side in reversed(sides):
        axis = BrainModelAxis.from_surface(np.arange(7), 8, names[side]) + axis
    return frame_of(axis).located({names[side]: box(side) for side in sides})


def write_surfaces(root: Path, n_subjects: int, rng: np.random.Generator, signal: float, *, cifti: bool) -> list[str]:
    """Write effect maps with signal at the top of two spheres; return values of ``--surface``.

    They are GIFTI files of each hemisphere, or CIFTI files with a block of voxels besides.
    """
    spheres = {side: icosphere(2, 45.0, (x, 0.0, 0.0)) for side, x in (("L", -50.0), ("R", 50.0))}
    axis = grayordinate_axis(*(sphere.n_vertices for sphere in spheres.values()))
    top = np.concatenate([sphere.coordinates[:, 2] > 20 for sphere in spheres.values()] + [np.zeros(64, dtype=bool)])
    for i in range(n_subjects):
        stem = root / f"sub-{i + 1:02d}" / "func" / f"sub-{i + 1:02d}"
        stem.parent.mkdir(parents=True)
        values = (rng.normal(size=top.size) + signal * top).astype(np.float32)
        if cifti:
            name = f"{stem}_space-mine_contrast-faces_stat-effect_statmap.dscalar.nii"
            header = nib.cifti2.Cifti2Header.from_axes((ScalarAxis(["effect"]), axis))
            nib.save(nib.Cifti2Image(values[None], header), name)
            continue
        for side, part in zip("LR", np.split(values[:-64], 2), strict=True):
            array = nib.gifti.GiftiDataArray(part, "NIFTI_INTENT_NONE")
            name = f"{stem}_hemi-{side}_space-mine_contrast-faces_stat-effect_statmap.func.gii"
            nib.save(nib.GiftiImage(darrays=[array]), name)
    return [f"{side}={saved_mesh(sphere, root.parent / f'{side}.surf.gii')}" for side, sphere in spheres.items()]


def grayordinate_axis(n_left: int, n_right: int) -> BrainModelAxis:
    """All vertices of two meshes, and 64 voxels of 2 mm about the origin."""
    affine = np.array([[2.0, 0, 0, -3], [0, 2, 0, -3], [0, 0, 2, -3], [0, 0, 0, 1]])
    return (
        BrainModelAxis.from_surface(np.arange(n_left), n_left, LEFT)
        + BrainModelAxis.from_surface(np.arange(n_right), n_right, RIGHT)
        + BrainModelAxis.from_mask(np.ones((4, 4, 4), dtype=bool), PUTAMEN, affine)
    )
