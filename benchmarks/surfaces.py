"""Surfaces: reading, fit and inference of 30 subjects, and the forest of a mesh beside that of a volume.

Meshes are icosahedra that were divided six times, with 40,962 vertices a hemisphere, as fsaverage6 has.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.gifti.gifti import GiftiDataArray, GiftiImage

import bids_ari as ari
from bids_ari.images.encoding import scalar_gifti
from bids_ari.images.gifti import LEFT, RIGHT
from bids_ari.images.grayordinates import surfaces
from bids_ari.images.mesh import Mesh
from bids_ari.images.volume import Grid
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import Adjacency, grow_forest

N_SUBJECTS, N_DIVISIONS, N_RUNS = 30, 6, 7


def icosphere(n_divisions: int, x: float) -> Mesh:
    """Divide each triangle of an icosahedron in four, repeatedly; its centre is at `x` mm."""
    golden = (1 + 5**0.5) / 2
    corners = [(s, t * golden, 0.0) for s in (-1, 1) for t in (-1, 1)]
    places = np.array([np.roll(corner, turn) for turn in range(3) for corner in corners])
    near = np.linalg.norm(places[:, None] - places, axis=2)
    is_edge = np.isclose(near, 2)
    triangles = np.array(
        [(i, j, k) for i, j, k in np.argwhere(is_edge[:, :, None] & is_edge[None] & is_edge[:, None]) if i < j < k]
    )
    for _ in range(n_divisions):
        pairs = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        edges, which = np.unique(pairs, axis=0, return_inverse=True)
        (a, b, c), (ab, bc, ca) = triangles.T, which.reshape(-1, 3).T + len(places)
        places = np.concatenate([places, places[edges].mean(axis=1)])
        triangles = np.concatenate(
            [np.stack(each, axis=1) for each in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))]
        )
    places *= 60 / np.linalg.norm(places, axis=1, keepdims=True)
    return Mesh(places + np.array([x, 0, 0]), triangles.astype(np.int32))


def write_dataset(folder: Path, meshes: dict[str, Mesh], rng: np.random.Generator) -> list[str]:
    """Write the maps of all subjects and the meshes; return the words of ``--surface``."""
    words = []
    for side, (structure, mesh) in zip("LR", meshes.items(), strict=True):
        path = folder / f"hemi-{side}_midthickness.surf.gii"
        points = GiftiDataArray(mesh.coordinates.astype(np.float32), intent="NIFTI_INTENT_POINTSET")
        nib.save(GiftiImage(darrays=[points, GiftiDataArray(mesh.triangles, intent="NIFTI_INTENT_TRIANGLE")]), path)
        words.append(f"{side}={path}")
        for i in range(1, N_SUBJECTS + 1):
            name = f"sub-{i:02d}_hemi-{side}_contrast-faces_stat-effect_statmap.func.gii"
            (folder / f"sub-{i:02d}").mkdir(exist_ok=True)
            values = rng.normal(np.where(mesh.coordinates[:, 2] > 40, 1, 0), 1)
            nib.save(scalar_gifti(values, structure, "faces"), folder / f"sub-{i:02d}" / name)
    return words


def seconds(work: Callable[[], Any]) -> str:
    """Return the median and the range of the processor seconds of several runs."""
    found = []
    for _ in range(N_RUNS):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return f"{median(found):.3g} ({min(found):.3g}-{max(found):.3g})"


def forest_of(z: FloatArray, neighbours: Adjacency) -> Any:
    """Compute the forest of z with its bounds."""
    from scipy.stats import norm

    return grow_forest(z, neighbours, hommel_bound(norm.sf(z), 0.05))


def main() -> None:
    """Print a table."""
    rng = np.random.default_rng(0)
    meshes = {LEFT: icosphere(N_DIVISIONS, -65), RIGHT: icosphere(N_DIVISIONS, 65)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = write_dataset(folder, meshes, rng)
        (contrast,) = ari.discover(folder)
        options = ari.Options(surface=tuple(words))
        ari.analyse(contrast, options)  # imports, and compiles
        read = seconds(lambda: ari.analyse(contrast, options))
    frame = surfaces(tuple((structure, mesh.n_vertices) for structure, mesh in meshes.items())).located(meshes)
    space = frame.space(np.ones(frame.shape, dtype=bool))
    side = round(space.n_points ** (1 / 3))
    volume = Grid((side, side, side), np.diag([2.0, 2, 2, 1])).space(np.ones((side, side, side), dtype=bool))
    lines = ["| | points | CPU, s |", "| --- | --- | --- |"]
    lines.append(f"| read, fit and infer, {N_SUBJECTS} subjects | {space.n_points:,} | {read} |")
    for label, each in (("forest of the meshes, neighbours included", space), ("forest of a volume", volume)):
        z = rng.normal(size=each.n_points)
        lines.append(
            f"| {label} | {each.n_points:,} | {seconds(lambda each=each, z=z: forest_of(z, each.adjacency(18)))} |"
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
