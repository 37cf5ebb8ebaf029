"""The mesh of each hemisphere: from a file, from TemplateFlow, or of those that come with nilearn."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bids_ari.bids.group_checks import is_native
from bids_ari.bids.hemispheres import (
    SIDES,
    Hemisphere,
    hemisphere_files,
    hemisphere_of_label,
    hemisphere_of_name,
    labelled_file,
)
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import BidsAriError, DataError, InputNotFoundError, UsageError, listing
from bids_ari.images.gifti import STRUCTURES
from bids_ari.images.mesh import Mesh
from bids_ari.images.mesh_files import read_mesh
from bids_ari.images.nilearn_data import nilearn_files
from bids_ari.images.surface_templates import DENSITIES, density_of, template_surfaces
from bids_ari.images.templates import SpaceName, standard

_SURFACES = ("midthickness", "pial", "white")  # of the first that TemplateFlow has, in this order
OF_NILEARN = 10242
"""Number of vertices of fsaverage5, whose files come with nilearn; its meshes are the same as those of TemplateFlow."""

_USUAL = {32492: "fsLR", 59292: "fsLR"} | dict.fromkeys((2562, 10242, 40962, 163842), "fsaverage")
"""Spaces of maps whose names have none, by the number of vertices of a hemisphere."""

_OFFLINE = (
    "Fill TEMPLATEFLOW_HOME by bids-ari-templates where there is a network, or give the mesh of the maps with "
    "--surface L=FILE R=FILE"
)
_GIVE = "Give the mesh on which the maps were computed with --surface L=FILE R=FILE"


@dataclass(frozen=True, slots=True)
class MeshFiles:
    """The files of the meshes of an analysis."""

    paths: Mapping[str, Path]  # by the name of CIFTI's structure
    note: str = ""  # which they are, where they were not given
    is_guess: bool = False  # whether the space of the maps is not known, and guessed by their number of vertices

    @property
    def roles(self) -> dict[str, Path]:
        """The files by their role in sidecars: ``surface L`` and ``surface R``."""
        return {f"surface {side}": self.paths[name] for side, name in STRUCTURES.items() if name in self.paths}


def find_meshes(n_vertices: Mapping[str, int], space: SpaceName, surface: Sequence[str] = ()) -> MeshFiles:
    """Return the file of the mesh of each hemisphere.

    Parameters
    ----------
    n_vertices : mapping
        Numbers of vertices, by the names of CIFTI's structures.
    space : StandardSpace, str or None
        The space of the maps, from their file names.
    surface : sequence of str
        The files of the option ``--surface``, see `surface_files`. Without any, TemplateFlow's meshes of the space are
        used: midthickness, else pial, else white; of fsaverage with 10,242 vertices, if these are not on this machine,
        the pial meshes that come with nilearn, which are the same.

    Raises
    ------
    InputNotFoundError
        When no mesh of so many vertices is known, or it cannot be fetched.
    UsageError, DataError
        When ``--surface`` has no file of a hemisphere, or one that cannot be read.
    """
    sides = sides_of(n_vertices)
    if not sides:
        return MeshFiles({})
    if surface:
        return MeshFiles(_given(surface_files(surface), sides))
    where, n, is_guess = place_of(n_vertices, space)
    try:
        found = _known(where, n, sides) if where is not None and n else ()
    except InputNotFoundError as error:  # it cannot be fetched
        raise InputNotFoundError(
            f"The maps have {n} vertices in each hemisphere. {error.found}", hint=_OFFLINE
        ) from error
    if not found:
        raise _no_mesh(n_vertices, where)
    paths = {STRUCTURES[side]: path for side, path in zip(sides, found, strict=True)}
    return MeshFiles(paths, _note(paths.values(), where, n, is_guess=is_guess), is_guess)


def read_meshes(files: MeshFiles, n_vertices: Mapping[str, int]) -> dict[str, Mesh]:
    """Read the meshes of an analysis, by the names of CIFTI's structures.

    Raises
    ------
    DataError
        When the maps have another number of vertices, or a mesh is that of the other hemisphere.
    """
    meshes = {}
    for side, name in STRUCTURES.items():
        if name in files.paths:
            meshes[name] = _read_once(files.paths[name], side)
            _check_number(meshes[name], side, n_vertices[name])
    return meshes


def _read_once(path: Path, side: Hemisphere) -> Mesh:
    """Read a mesh once for all contrasts, with what is computed of it."""
    try:
        about = path.stat()
    except OSError:
        return read_mesh(path, side)  # whose error says more
    return _read(path, side, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, side: Hemisphere, mtime_ns: int, size: int) -> Mesh:
    return read_mesh(path, side)


def surface_files(surface: Sequence[str]) -> dict[Hemisphere, Path]:
    """Return the files of ``--surface`` by hemisphere.

    Parameters
    ----------
    surface : sequence of str
        ``L=FILE`` and ``R=FILE``; or one or two files, whose names say the hemisphere, or their coordinates do. One
        file whose name says ``hemi-L`` stands also for that of ``hemi-R`` beside it.

    Raises
    ------
    UsageError, DataError
        When two are of the same hemisphere, or one does not say which it is.
    """
    found: dict[Hemisphere, Path] = {}
    for text in surface:
        label, path = labelled_file(text)
        several = hemisphere_files(path) if label is None and len(surface) == 1 else (path,)
        for each in several:
            side = label or hemisphere_of_name(each.name) or _hemisphere_of_mesh(each)
            if side in found:
                raise UsageError(
                    f"--surface has two meshes of the {SIDES[side]} hemisphere: {found[side].name} and {each.name}",
                    "L=FILE R=FILE",
                )
            found[side] = each
    return found


def sides_of(n_vertices: Mapping[str, int]) -> list[Hemisphere]:
    """Return the hemispheres that have vertices; raise if another structure has."""
    if others := sorted(n_vertices.keys() - STRUCTURES.values()):
        raise DataError(
            f"The maps have vertices of {listing(others)}",
            f"{' and '.join(STRUCTURES.values())}",
            "Remove these structures, for example with wb_command -cifti-create-dense-from-template",
        )
    return [side for side, name in STRUCTURES.items() if name in n_vertices]


def _given(files: Mapping[Hemisphere, Path], sides: Iterable[Hemisphere]) -> dict[str, Path]:
    """Return the files of ``--surface`` by structure; raise if a hemisphere has none."""
    for side in sides:
        if side not in files:
            names = listing(path.name for path in files.values())
            raise UsageError(f"--surface has no mesh of the {SIDES[side]} hemisphere: {names}", f"also {side}=FILE")
    return {STRUCTURES[side]: files[side] for side in sides}


def place_of(n_vertices: Mapping[str, int], space: SpaceName) -> tuple[StandardSpace | None, int, bool]:
    """Return the standard space of maps, the number of vertices of a hemisphere, and whether the space is a guess.

    The space is None where it is not known; the number is 0 where the hemispheres differ.
    """
    counts = set(n_vertices.values())
    (n,) = counts if len(counts) == 1 else (0,)
    where = StandardSpace.parse(space) if isinstance(space, str) else space
    if where is not None:
        return (None if is_native(where.name) else where), n, False
    return (StandardSpace(_USUAL[n]) if n in _USUAL else None), n, n in _USUAL


def template_place(n_vertices: Mapping[str, int], space: SpaceName) -> tuple[StandardSpace, str, Sequence[Hemisphere]]:
    """Return what finds files of TemplateFlow for maps: their space, the density of their meshes and hemispheres.

    Raises
    ------
    UsageError
        When the names of the maps have no space, and their number of vertices is not that of a usual one.
    """
    where, n, _ = place_of(n_vertices, space)
    if where is None:
        where = standard(space)
    return where, density_of(where, n), sides_of(n_vertices)


def _known(where: StandardSpace, n: int, sides: Sequence[Hemisphere]) -> tuple[Path, ...]:
    """Return the files of TemplateFlow, or of nilearn; nothing where there are none."""
    density = density_of(where, n)
    if not density:
        return ()
    if where.name != "fsaverage" or n != OF_NILEARN:
        return template_surfaces(where, density, sides, _SURFACES)
    with suppress(BidsAriError):  # no home can be made
        if found := template_surfaces(where, density, sides, _SURFACES, fetch=False):
            return found
    return nilearn_files("pial", sides)


def _hemisphere_of_mesh(path: Path) -> Hemisphere:
    """Return the hemisphere of a mesh by its coordinates."""
    side = hemisphere_of_label(read_mesh(path).hemisphere or "")
    if side is None:
        raise UsageError(
            f"The mesh {path} tells its hemisphere neither by its name nor by its coordinates",
            "L=FILE R=FILE for --surface",
        )
    return side


def _check_number(mesh: Mesh, side: Hemisphere, n: int) -> None:
    """Raise if a mesh has another number of vertices than the maps."""
    if mesh.n_vertices != n:
        raise DataError(
            f"The mesh {mesh.name} of the {SIDES[side]} hemisphere has {mesh.n_vertices} vertices, the maps have {n}",
            "the mesh on which the maps were computed",
            f"{_GIVE}{_example(n)}",
        )


def _no_mesh(n_vertices: Mapping[str, int], where: StandardSpace | None) -> InputNotFoundError:
    """Return the error for maps whose mesh is not known."""
    counts = sorted(set(n_vertices.values()))
    of_space = f"in the space {where}" if where is not None else "for maps without a standard space"
    return InputNotFoundError(
        f"No mesh with {' and '.join(map(str, counts))} vertices is known {of_space}",
        hint=f"{_GIVE}{_example(counts[-1])}",
    )


def _example(n: int) -> str:
    """Return which mesh has so many vertices."""
    if n not in _USUAL:
        return ""
    density = DENSITIES[n]
    kind = "midthickness" if _USUAL[n] == "fsLR" or n == max(DENSITIES) else "pial"
    return f"; {n} vertices are those of {_USUAL[n]}, den-{density}, such as hemi-L_den-{density}_{kind}.surf.gii"


def _note(paths: Iterable[Path], where: StandardSpace | None, n: int, *, is_guess: bool) -> str:
    """Return which meshes are used where none were given."""
    names = [path.name for path in paths]
    used = f"{' and '.join(names)} of {'TemplateFlow' if names[0].startswith('tpl-') else 'fsaverage5 in nilearn'}"
    if not is_guess:
        return f"Mesh: {used}"
    return (
        f"The names of the maps have no space. They have {n} vertices in each hemisphere, as {where} has: its mesh is "
        f"used ({used}). Check this, or use --surface"
    )


def notes_on_meshes(meshes: Mapping[str, Mesh]) -> Iterator[str]:
    """Yield a note on each mesh that is no anatomical surface, by its name or its coordinates."""
    for mesh in meshes.values():
        name = Path(mesh.name).name
        if (found := re.search("inflated|sphere|flat", name, re.IGNORECASE)) or mesh.hemisphere is None:
            what = (
                f"is {found[0]} by its name" if found else "lies about the midline, as inflated surfaces and spheres do"
            )
            yield (
                f"The mesh {name} {what}: areas, distances, coordinates and smoothing in mm are not those of the "
                "cortex. Use a midthickness, pial or white surface with --surface"
            )
