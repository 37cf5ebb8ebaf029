"""Small frames of surfaces and grayordinates: boxes for hemispheres, and a block of voxels."""

import numpy as np
from nibabel.cifti2.cifti2_axes import BrainModelAxis

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
