"""Random meshes with holes, random axes of grayordinates and maps with ties, and their neighbours by definition."""

from functools import reduce
from itertools import combinations
from operator import add
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from builders_meshes import icosphere, octahedron, plane
from builders_stats import Bools, Floats
from nibabel.cifti2.cifti2_axes import BrainModelAxis
from scipy import sparse
from scipy.sparse import csgraph

from bids_ari.images.gifti import LEFT, RIGHT
from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.grayordinates import Grayordinates, frame_of
from bids_ari.images.mesh import Mesh

VOLUMES = tuple(f"CIFTI_STRUCTURE_{name}" for name in ("THALAMUS_LEFT", "PALLIDUM_LEFT", "BRAIN_STEM"))
SIDE = 4
"""Of the grid of voxels, of which the structures lie beside each other."""

_AXES_APART = {6: 1, 18: 2, 26: 3}


class RandomMap(NamedTuple):
    """A frame, the space of some of its positions, and statistic and category (n_points,)."""

    frame: Grayordinates
    space: GrayordinateSpace
    connectivity: int
    statistic: Floats
    category: npt.NDArray[np.int32]


def random_mesh(rng: np.random.Generator) -> Mesh:
    """A sphere or a plane without some of its triangles: with holes, and with vertices in no triangle."""
    mesh = (octahedron(), icosphere(0), icosphere(1), plane(5, 3.0))[rng.integers(4)]
    kept = rng.random(len(mesh.triangles)) < rng.choice([1.0, 0.7, 0.3])
    return Mesh(mesh.coordinates + rng.normal(size=mesh.coordinates.shape), mesh.triangles[kept])


def random_frame(rng: np.random.Generator) -> Grayordinates:
    """Some of two hemispheres and three volume structures, in any order, and their positions in any order."""
    meshes = {LEFT: random_mesh(rng), RIGHT: random_mesh(rng)}
    owner = rng.integers(-1, len(VOLUMES), (SIDE, SIDE, SIDE))
    parts = []
    for name in rng.permutation([*meshes, *VOLUMES])[: rng.integers(1, 6)].tolist():
        if name in meshes:
            n = meshes[name].n_vertices
            vertices = rng.permutation(n)[: rng.integers(1, n + 1)]
            parts.append(BrainModelAxis.from_surface(vertices, n, name))
        else:
            voxels = np.argwhere(owner == VOLUMES.index(name))
            grid = {"affine": np.diag([2.0, 2, 2, 1]), "volume_shape": owner.shape}
            parts.append(BrainModelAxis(name, voxel=rng.permutation(voxels), **grid))
    return frame_of(reduce(add, parts)).located(meshes)


def random_map(seed: int) -> RandomMap:
    """A random frame of which some positions are tested; values have ties, except for every third seed."""
    rng = np.random.default_rng(seed)
    frame = random_frame(rng)
    inside = rng.random(frame.shape) < rng.choice([1.0, 0.8])
    inside[rng.integers(inside.size)] = True
    n = int(inside.sum())
    statistic = rng.integers(-3, 4, n).astype(float) if seed % 3 else rng.normal(size=n)
    category = rng.integers(1, 12, n, dtype=np.int32)
    space = frame.space(inside)
    assert isinstance(space, GrayordinateSpace)
    return RandomMap(frame, space, int(rng.choice([6, 18, 26])), statistic, category)


def neighbours(frame: Grayordinates, connectivity: int) -> Bools:
    """Whether two positions are neighbours, (n_positions, n_positions), from the definition.

    Vertices of one structure that are corners of the same triangle, and voxels of any structures that touch.
    """
    axis, n = frame.axis, len(frame.axis)
    touch = np.zeros((n, n), dtype=bool)
    for name, mesh in frame.meshes.items():
        place = {int(axis.vertex[i]): i for i in range(n) if axis.name[i] == name}
        for triangle in mesh.triangles.tolist():
            for one, other in combinations([place[vertex] for vertex in triangle if vertex in place], 2):
                touch[one, other] = touch[other, one] = True
    is_voxel = np.array([not str(name).startswith("CIFTI_STRUCTURE_CORTEX") for name in axis.name])
    apart = np.abs(axis.voxel[:, None] - axis.voxel[None])
    touches = (apart.max(axis=2) == 1) & (apart.sum(axis=2) <= _AXES_APART[connectivity])
    return touch | (touches & is_voxel[:, None] & is_voxel)


def parts_of(touch: Bools, chosen: Bools) -> set[frozenset[int]]:
    """Connected components of the chosen ones, by scipy."""
    where = np.flatnonzero(chosen)
    _, part = csgraph.connected_components(sparse.csr_array(touch[np.ix_(where, where)]), directed=False)
    return {frozenset(where[part == number].tolist()) for number in np.unique(part)}
