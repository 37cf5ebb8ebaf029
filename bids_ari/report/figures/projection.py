"""Volumes on the cortex, for display: each vertex of fsaverage5 shows the voxel in the middle of the grey matter.

Views are rendered once, and kept, since this takes a quarter of a second.
"""

import io
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_ari.bids.hemispheres import SIDES
from bids_ari.images.cortex import Cortex
from bids_ari.images.display_meshes import read_depth
from bids_ari.images.mesh_files import read_mesh
from bids_ari.images.nilearn_data import nilearn_files
from bids_ari.images.volume import VolumeSpace
from bids_ari.report.figures.scene import Cell, Cells, Text, cell_pixels
from bids_ari.report.figures.surface_scene import cells_of, choose_views
from bids_ari.runtime.kept import kept
from bids_ari.stats.distributions import FloatArray

PROJECTED = "Voxels projected onto fsaverage5, for display only: bounds belong to voxels"
"""What pictures say."""

_FULL = 255
_NOTE = 24  # units of the row of the note


def projected(space: VolumeSpace, n_rows: int, per_unit: float) -> list[Cells]:
    """Return views of both hemispheres, in one or two rows, that show the voxels of a space similar to MNI152."""
    places, rows = _views(n_rows, per_unit, cell_pixels(per_unit))
    found = space.points_at(places)
    cells = [each._replace(points=np.where(each.points >= 0, found[each.points], np.int32(-1))) for each in rows]
    last, height = cells[-1], len(cells[-1].points) / per_unit
    edges = (0, round(_NOTE * per_unit))  # rows for the note
    light = None if last.light is None else np.pad(last.light, ((0, 0), edges, (0, 0)))
    return [
        *cells[:-1],
        last._replace(
            points=np.pad(last.points, (edges, (0, 0)), constant_values=-1),
            grey=np.pad(last.grey, (edges, (0, 0)), constant_values=1),
            texts=(*last.texts, Text(PROJECTED, 4, height + _NOTE / 2, "lm")),
            light=light,
        ),
    ]


@cache
def _views(n_rows: int, per_unit: float, shape: tuple[int, int]) -> tuple[FloatArray, list[Cells]]:
    """Return the middle of the cortex at each vertex, (n_vertices, 3) in mm, and views whose points are vertices.

    The height and the width of a cell in pixels are those of `cell_pixels`.
    """
    content = kept(
        f"cortical-views-{n_rows}-{per_unit:.4f}-{shape[0]}x{shape[1]}",
        "nilearn",
        Path(__file__),
        partial(_rendered, n_rows, per_unit),
    )
    with np.load(io.BytesIO(content)) as arrays:
        rows = []
        for i in range(n_rows):
            vertices, shades = arrays[f"vertices{i}"].astype(np.int32), arrays[f"shades{i}"].astype(np.float32) / _FULL
            texts = tuple(
                Text(name, column, row)
                for name, (column, row) in zip(arrays[f"names{i}"].tolist(), arrays[f"at{i}"].tolist(), strict=True)
            )
            boxes = tuple(Cell(*each) for each in arrays[f"boxes{i}"].tolist())
            rows.append(Cells(vertices, shades[0], texts, boxes, shades[1:]))
        return arrays["places"].astype(float), rows


def _rendered(n_rows: int, per_unit: float) -> bytes:
    """Render the views; return them as a file of arrays."""
    sides = tuple(SIDES)
    hemispheres, places, n = [], [], 0
    kinds = [nilearn_files(kind, sides) for kind in ("pial", "white", "infl", "sulc")]
    for side, pial, white, inflated, depth in zip(sides, *kinds, strict=True):
        places.append((read_mesh(pial).coordinates + read_mesh(white).coordinates) / 2)
        mesh = read_mesh(inflated)
        positions = np.arange(n, n + mesh.n_vertices, dtype=np.int32)
        hemispheres.append(Cortex(side, mesh, read_depth(depth), positions))
        n += mesh.n_vertices
    arrays: dict[str, npt.NDArray[Any]] = {"places": np.concatenate(places).astype(np.float32)}
    for i, cells in enumerate(cells_of(choose_views(hemispheres, n_rows), np.arange(n, dtype=np.int32), per_unit)):
        shades = np.concatenate(
            [cells.grey[None], np.zeros((2, *cells.grey.shape)) if cells.light is None else cells.light]
        )
        arrays |= {
            f"vertices{i}": cells.points.astype(np.int16),
            f"shades{i}": np.rint(_FULL * np.clip(shades, 0, 1)).astype(np.uint8),
            f"names{i}": np.array([text.text for text in cells.texts]),
            f"at{i}": np.array([[text.column, text.row] for text in cells.texts]),
            f"boxes{i}": np.array(cells.boxes),
        }
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()
