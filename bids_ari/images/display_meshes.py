"""Inflated meshes and sulcal depth of templates, to show maps with, where they are on this machine."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bids_ari.errors import BidsAriError, DataError
from bids_ari.images.contents import read_content
from bids_ari.images.gifti import STRUCTURES, decode
from bids_ari.images.gifti_xml import GIFTI, parse_gifti
from bids_ari.images.mesh import Mesh
from bids_ari.images.mesh_files import read_mesh
from bids_ari.images.meshes import OF_NILEARN, place_of, sides_of
from bids_ari.images.nilearn_data import nilearn_files
from bids_ari.images.surface_templates import density_of, template_surfaces
from bids_ari.images.templates import SpaceName
from bids_ari.stats.distributions import FloatArray

_INFLATED = ("inflated", "veryinflated")  # of the first that TemplateFlow has, in this order
_MOST = 2**28  # bytes of a file
_RANGE = (5, 95)  # percentiles of sulcal depth that become 0 and 1


@dataclass(frozen=True, slots=True)
class DisplayMeshes:
    """What maps are shown with, by the name of CIFTI's structure."""

    inflated: Mapping[str, Mesh]
    sulci: Mapping[str, FloatArray] = field(default_factory=dict)
    """Sulcal depth (n_vertices,) in [0, 1], 1 at the fundus, as `Mesh.sulci`; empty where there is no file of it."""


def display_meshes(n_vertices: Mapping[str, int], space: SpaceName) -> DisplayMeshes | None:
    """Return the inflated mesh and the sulcal depth of each hemisphere in a standard space.

    Parameters
    ----------
    n_vertices : mapping
        Numbers of vertices, by the names of CIFTI's structures.
    space : StandardSpace, str or None
        The space of the maps, from their file names.

    Returns
    -------
    DisplayMeshes or None
        None if TemplateFlow's folder on this machine, and nilearn's package, have no inflated mesh of each hemisphere
        with so many vertices. Nothing is fetched for pictures.
    """
    try:
        return _read(n_vertices, space)
    except BidsAriError:  # damaged, or of the other structures
        return None


def _read(n_vertices: Mapping[str, int], space: SpaceName) -> DisplayMeshes | None:
    names = [STRUCTURES[side] for side in sides_of(n_vertices)]
    inflated = _files(n_vertices, space, _INFLATED, "infl", ".surf.gii")
    meshes = {name: read_mesh(path) for name, path in zip(names, inflated, strict=False)}
    if not meshes or any(mesh.n_vertices != n_vertices[name] for name, mesh in meshes.items()):
        return None
    sulci: dict[str, FloatArray] = {}
    with suppress(BidsAriError):
        files = _files(n_vertices, space, ("sulc",), "sulc", ".shape.gii")
        sulci = {name: read_depth(path) for name, path in zip(names, files, strict=False)}
    if any(len(values) != n_vertices[name] for name, values in sulci.items()):
        return DisplayMeshes(meshes)
    return DisplayMeshes(meshes, sulci)


def _files(
    n_vertices: Mapping[str, int], space: SpaceName, suffixes: tuple[str, ...], of_nilearn: str, extension: str
) -> tuple[Path, ...]:
    """Return the files of TemplateFlow, or of nilearn, that are on this machine."""
    sides, (where, n, _) = sides_of(n_vertices), place_of(n_vertices, space)
    if where is None or not (density := density_of(where, n)):
        return ()
    with suppress(BidsAriError):  # no home can be made
        if found := template_surfaces(where, density, sides, suffixes, extension, fetch=False):
            return found
    return nilearn_files(of_nilearn, sides) if where.name == "fsaverage" and n == OF_NILEARN else ()


def read_depth(path: Path) -> FloatArray:
    """Read sulcal depth, positive in sulci, from a GIFTI file, whose name may not say its hemisphere, as [0, 1]."""
    array, *others = parse_gifti(read_content(path, GIFTI, most=_MOST).data, path).arrays
    if others:
        raise DataError(f"{path} has {1 + len(others)} data arrays", "one")
    values = decode(array, math.prod(array.shape), path)
    low, high = np.nanpercentile(values, _RANGE)
    return np.asarray(np.clip((np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-6), 0, 1))
