"""Vertices and grayordinates in an explorer page: meshes, the structures of points, and the files of saved labels."""

import base64
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bids_ari.images.display_meshes import DisplayMeshes
from bids_ari.images.encoding import label_cifti
from bids_ari.images.gifti import STRUCTURES
from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.grayordinates import Grayordinates
from bids_ari.images.mesh import Mesh
from bids_ari.images.structures import short_name, structure_label
from bids_ari.images.volume import Grid
from bids_ari.report.explorer.arrays import Blob
from bids_ari.report.explorer.underlay import PageUnderlay
from bids_ari.report.explorer.volume import Part, slice_facts
from bids_ari.report.render import Context
from bids_ari.stats.distributions import FloatArray

GREY_LEVELS = 20
"""Levels of grey of sulci."""

_STEP = 0.01  # mm, of coordinates
_LARGEST = 32767  # of an int16
_AREA_LEVELS = 65535
_CREST, _FUNDUS = 0.85, 0.35  # parts of the grey levels on the crown of a gyrus and in the depth of a sulcus
_GIVEN = ("midthickness", "pial", "white", "graymid", "inflated", "sphere")
_ANATOMICAL = _GIVEN[:4]  # where the cortex is in a volume
_HEADER_BYTES = 540  # of a NIfTI-2 file
_SIDES = {STRUCTURES["L"]: ("CortexLeft", "L"), STRUCTURES["R"]: ("CortexRight", "R")}


def surface_part(
    space: GrayordinateSpace,
    display: DisplayMeshes,
    slices: tuple[Grid, PageUnderlay] | None,
    heights: FloatArray,
    start: int,
) -> Part:
    """Return the points of meshes, or of a CIFTI file.

    Parameters
    ----------
    space : GrayordinateSpace
        The points.
    display : DisplayMeshes
        Inflated meshes, if there are any, and the sulci.
    slices : tuple of Grid and PageUnderlay, or None
        Those of the voxels, if there are any.
    heights : array (n_points,)
        The statistic, large where it is extreme: the first crosshair in the slices is at the highest voxel.
    start : int
        The point at which the crosshair is first.
    """
    frame, inflated = space.frame, display.inflated
    meshes = {name: frame.meshes[name] for name in frame.structures if name in frame.meshes}
    shapes = {name: [inflated[name], mesh] if name in inflated else [mesh] for name, mesh in meshes.items()}
    places, areas = _places(space), frame.areas[space.inside]
    area_step = float(areas.max(initial=1.0)) / _AREA_LEVELS
    facts: Context = {
        "structures": list(_structures(space, list(meshes))),
        "meshes": [_mesh_facts(name, shapes[name]) for name in meshes],
        "areaStep": area_step,
        "sizes": list(space.sizes()),
        "isAnatomical": all(_given(mesh) in _ANATOMICAL for mesh in meshes.values()),
        "grid": None,
        "underlay": None,
        **_start(space, places, list(meshes), heights, start),
    }
    blobs = [
        Blob.of("place", places, delta=True),
        Blob.of("area", np.rint(areas / area_step).astype(np.uint16)),
    ]
    for i, name in enumerate(meshes):
        blobs += _mesh_blobs(i, shapes[name], display.sulci[name])
    if slices is not None:
        facts |= slice_facts(*slices)
        blobs += slices[1].blobs
    label_facts, label_blobs = _label_files(space, list(meshes))
    page = {
        "underlay": slices and slices[1].description,
        "meshes": [structure_label(name) for name in meshes],
        "shapes": [shape["name"] for shape in facts["meshes"][0]["shapes"]] if meshes else [],
    }
    return Part(facts | label_facts, blobs + label_blobs, page)


def _places(space: GrayordinateSpace) -> npt.NDArray[np.int32]:
    """Return the vertex of each point in its mesh, or the voxel in the grid in C order, (n_points,)."""
    axis, inside = space.frame.axis, space.inside
    places = np.array(axis.vertex)[inside].astype(np.int32)
    is_voxel = ~space.frame.is_vertex[inside]
    if is_voxel.any():
        voxels = np.asarray(axis.voxel)[inside][is_voxel]
        places[is_voxel] = np.ravel_multi_index(tuple(voxels.T), axis.volume_shape)
    return places


def _structures(space: GrayordinateSpace, meshes: list[str]) -> Iterator[Context]:
    """Yield the structures of consecutive points."""
    names = np.asarray(space.frame.axis.name)[space.inside]
    starts = np.flatnonzero(np.append(True, names[1:] != names[:-1]))
    for start, stop in zip(starts, [*starts[1:], names.size], strict=True):
        name = str(names[start])
        yield {
            "name": short_name(name),
            "title": structure_label(name),
            "start": int(start),
            "stop": int(stop),
            "mesh": meshes.index(name) if name in meshes else -1,
        }


def _start(
    space: GrayordinateSpace, places: npt.NDArray[np.int32], meshes: list[str], heights: FloatArray, start: int
) -> Context:
    """Return the voxel and the vertex of the crosshair at the start; None without voxels, or while it is at a voxel."""
    axis, where = space.frame.axis, np.flatnonzero(space.inside)
    is_voxel = ~space.frame.is_vertex[where]
    voxel = vertex = None
    if is_voxel.any():
        highest = int(np.where(is_voxel, heights, -np.inf).argmax())
        voxel = [int(i) for i in axis.voxel[where[start if is_voxel[start] else highest]]]
    if not is_voxel[start]:
        vertex = [meshes.index(str(axis.name[where[start]])), int(places[start])]
    return {"voxel": voxel, "vertex": vertex}


def _mesh_facts(name: str, shapes: list[Mesh]) -> Context:
    """Return what the page must know of a mesh."""
    titles = ["inflated", _given(shapes[-1])][-len(shapes) :]
    return {
        "name": short_name(name),
        "title": structure_label(name),
        "structure": _SIDES.get(name, ("", ""))[0],
        "isRight": name.endswith("_RIGHT"),
        "nVertices": shapes[-1].n_vertices,
        "shapes": [
            {"name": title, "step": _coordinate_step(shape)} for title, shape in zip(titles, shapes, strict=True)
        ],
    }


def _given(mesh: Mesh) -> str:
    """Return the kind of a mesh, by its name."""
    return next((kind for kind in _GIVEN if kind in mesh.name.lower()), "as given")


def _coordinate_step(mesh: Mesh) -> float:
    """Return the resolution of coordinates in mm, coarser only for surfaces that are larger than a head."""
    return max(_STEP, float(np.abs(mesh.coordinates).max()) / _LARGEST)


def _mesh_blobs(i: int, shapes: list[Mesh], sulci: FloatArray) -> Iterator[Blob]:
    """Yield the arrays of a mesh, columns one after the other."""
    yield Blob.of(f"triangles-{i}", _ordered(shapes[-1].triangles).T.astype(np.int32), delta=True)
    grey = GREY_LEVELS * (_CREST + (_FUNDUS - _CREST) * sulci)
    yield Blob.of(f"sulci-{i}", np.rint(grey).astype(np.uint8), delta=True)
    for number, shape in enumerate(shapes):
        steps = np.rint(shape.coordinates / _coordinate_step(shape))
        yield Blob.of(f"coordinates-{i}-{number}", steps.T.astype(np.int16), delta=True)


def _ordered(triangles: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return triangles in the order of their first vertices, which are the smallest; sides of faces are unchanged."""
    first = triangles.argmin(axis=1)
    turned = np.take_along_axis(triangles, (first[:, None] + np.arange(3)) % 3, axis=1)
    return turned[np.lexsort(turned.T[::-1])]


def _label_files(space: GrayordinateSpace, meshes: list[str]) -> tuple[Context, list[Blob]]:
    """Return the files of labels that a page can save, and what it needs for them."""
    if not space.frame.is_cifti:
        files = [
            {
                "kind": "gifti",
                "mesh": i,
                "hemi": _SIDES[name][1],
                "suffix": "dseg.label.gii",
                "title": f"Labels, {structure_label(name)} (.label.gii)",
            }
            for i, name in enumerate(meshes)
        ]
        return {"labelFiles": files}, []
    header, xml, at = _cifti_without_labels(space.frame)
    facts = {
        "labelFiles": [{"kind": "cifti", "suffix": "dseg.dlabel.nii", "title": "Label map (.dlabel.nii)"}],
        "header": base64.b64encode(header).decode(),
        "labelTableAt": at,
        "nPositions": int(space.inside.size),
    }
    return facts, [Blob.of("mask", np.packbits(space.inside)), Blob.of("cifti", np.frombuffer(xml, dtype=np.uint8))]


def _cifti_without_labels(frame: Grayordinates) -> tuple[bytes, bytes, int]:
    """Return header and XML of a label file without the table of labels, and where in the XML the table belongs."""
    content = label_cifti(np.zeros(len(frame.axis), dtype=np.int32), {}, frame.axis, ["clusters"]).to_bytes()
    size = int(np.frombuffer(content, "<i4", 1, _HEADER_BYTES + 4)[0])  # of the extension
    xml = content[_HEADER_BYTES + 12 : _HEADER_BYTES + 4 + size].rstrip(b"\0")
    before, _, rest = xml.partition(b"<LabelTable>")
    return content[:_HEADER_BYTES], before + rest.partition(b"</LabelTable>")[2], len(before)
