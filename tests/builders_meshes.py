"""Small meshes with known geometry, and their files."""

from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt

from bids_ari.images.mesh import Mesh

_GOLDEN = (1 + 5**0.5) / 2


def octahedron(radius: float = 10.0) -> Mesh:
    """Six vertices on the axes, eight triangles with sides of sqrt(2) radii, turned outwards."""
    x = np.eye(3)
    points = radius * np.concatenate([x, -x])
    triangles = [[i, j, k] for i in (0, 3) for j in (1, 4) for k in (2, 5)]
    outwards = [t if np.linalg.det(points[t]) > 0 else t[::-1] for t in triangles]
    return Mesh(points, np.array(outwards, dtype=np.int32))


def icosphere(rounds: int, radius: float = 50.0, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Mesh:
    """A sphere: an icosahedron, its triangles divided by four in each round; 10 * 4**rounds + 2 vertices."""
    corners = [np.roll([0.0, a, b * _GOLDEN], shift) for shift in range(3) for a in (-1, 1) for b in (-1, 1)]
    points = np.array(corners) / np.hypot(1, _GOLDEN)
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    near = (apart > 0) & (apart < 1.1)
    triangles = np.array(
        [(i, j, k) for i in range(12) for j in range(i) for k in range(j) if near[i, j] and near[j, k] and near[i, k]]
    )
    outwards = np.linalg.det(points[triangles])[:, None] > 0
    triangles = np.where(outwards, triangles, triangles[:, ::-1])
    for _ in range(rounds):
        points, triangles = _divided(points, triangles)
    return Mesh(radius * points + np.array(centre), triangles.astype(np.int32))


def _divided(points: npt.NDArray[np.float64], triangles: npt.NDArray[np.int64]) -> tuple[np.ndarray, np.ndarray]:
    """Divide each triangle by the middles of its sides, moved to the unit sphere."""
    sides = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    pairs, index = np.unique(sides, axis=0, return_inverse=True)
    middles = points[pairs].sum(axis=1)
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    a, b, c = triangles.T
    ab, bc, ca = (len(points) + index.reshape(-1, 3)).T
    parts = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return np.concatenate([points, middles]), np.concatenate([np.stack(part, axis=1) for part in parts])


def plane(rows: int, edge: float) -> Mesh:
    """A square of equilateral triangles in the plane z = 0, about the origin."""
    row, column = np.divmod(np.arange(rows**2), rows)
    points = np.stack([edge * (column + row % 2 / 2), edge * row * 3**0.5 / 2, np.zeros(rows**2)], axis=1)
    triangles = []
    for i in range(rows - 1):
        for j in range(rows - 1):
            a, b, c, d = i * rows + j, i * rows + j + 1, (i + 1) * rows + j, (i + 1) * rows + j + 1
            triangles += [(a, b, c), (b, d, c)] if i % 2 == 0 else [(a, d, c), (a, b, d)]
    return Mesh(points - points.mean(axis=0), np.array(triangles, dtype=np.int32))


def saved_mesh(mesh: Mesh, path: Path, structure: str = "") -> Path:
    """Write a mesh as FreeSurfer and Connectome Workbench do."""
    meta = {"AnatomicalStructurePrimary": structure} if structure else {}
    array = nib.gifti.GiftiDataArray
    points = array(mesh.coordinates.astype(np.float32), "NIFTI_INTENT_POINTSET", meta=meta)
    triangles = array(mesh.triangles.astype(np.int32), "NIFTI_INTENT_TRIANGLE")
    nib.save(nib.GiftiImage(darrays=[points, triangles]), path)
    return path
