"""TemplateFlow: meshes, atlases and masks of surfaces by name, one file for each hemisphere."""

from collections.abc import Sequence
from pathlib import Path

from bids_ari.bids.entities import labels_in_name
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import InputNotFoundError, NoMatchError
from bids_ari.images.atlas_names import AtlasName, most_specific, variant_of
from bids_ari.images.templateflow import (
    OFFLINE,
    fetched,
    files_of,
    indexed_files,
    is_here,
    no_match,
    of_cohort,
    of_sides,
)

NESTED = {2562: "3k", 10242: "10k", 40962: "41k", 163842: "164k"}
"""Densities of fsaverage, divisions of one icosahedron: the vertices of one are the first of the next."""

DENSITIES = NESTED | {32492: "32k", 59292: "59k", 655362: "655k"}
"""Densities of TemplateFlow by the number of vertices of one hemisphere."""

_CORTEX = ("nomedialwall", "cortex")  # descriptions of masks of the cortex, of fsLR and onavg


def density_of(where: StandardSpace, n_vertices: int) -> str:
    """Return the density of a hemisphere in TemplateFlow: that of the name of its space, else by its vertices.

    >>> density_of(StandardSpace("fsaverage"), 10242), density_of(StandardSpace("fsLR", den="91k"), 32492)
    ('10k', '32k')
    """
    return where.den if where.den in DENSITIES.values() else DENSITIES.get(n_vertices, "")


def template_surfaces(
    where: StandardSpace,
    density: str,
    sides: Sequence[str],
    suffixes: Sequence[str],
    extension: str = ".surf.gii",
    *,
    fetch: bool = True,
) -> tuple[Path, ...]:
    """Return TemplateFlow's files of hemispheres ``L`` and ``R``, of the first of some suffixes that it has for all.

    Nothing where it has none; unless `fetch`, also where they are not on this machine.

    Raises
    ------
    InputNotFoundError
        When they cannot be fetched, or the folder on this machine does not list them, although TemplateFlow has them.
    """
    for suffix in suffixes:
        found = _plain(files_of(where, suffix=suffix, extension=extension, density=density), where)
        paths = of_sides(found, sides)
        if paths and (fetch or all(map(is_here, paths))):
            return tuple(fetched(path, found, where) for path in paths)
        if fetch and (known := _plain(indexed_files(where.name, f"_den-{density}_", f"_{suffix}{extension}"), where)):
            raise InputNotFoundError(
                f"TemplateFlow's folder on this machine does not list {known[0].name}", hint=OFFLINE
            )
    return ()


def template_cortex(where: StandardSpace, density: str, sides: Sequence[str]) -> tuple[Path, ...]:
    """Return TemplateFlow's files of the cortex without the medial wall, one for each hemisphere.

    Raises
    ------
    NoMatchError, InputNotFoundError
        When TemplateFlow has none of this space and density, or it cannot be fetched.
    """
    what = f"a mask of the cortex in {where}{_at(density)}"
    hint = "Use a local file with --mask; without a mask, vertices that are 0 or NaN in all subjects are not tested"
    listed = files_of(where, suffix="dparc", extension=".label.gii", density=density) if density else []
    found = [path for path in listed if labels_in_name(path.name).get("desc") in _CORTEX]
    if not (files := of_sides(found, sides)):
        if density and indexed_files(where.name, f"_den-{density}_", "_dparc.label.gii"):
            raise InputNotFoundError(f"TemplateFlow's folder on this machine does not list {what}", hint=OFFLINE)
        raise NoMatchError(f"TemplateFlow does not have {what}", hint=hint)
    return tuple(fetched(path, found, where) for path in files)


def _plain(paths: Sequence[Path], where: StandardSpace) -> list[Path]:
    """Return the files of the cohort of the maps that are neither variants nor aligned with another space."""
    others = {"space", "desc", "atlas"}
    return [path for path in of_cohort(where, paths) if not others & labels_in_name(path.name).keys()]


def template_surface_atlas(
    atlas: str, where: StandardSpace, density: str, sides: Sequence[str]
) -> tuple[tuple[Path, ...], Path | None]:
    """Return TemplateFlow's files of an atlas for some hemispheres, and its table, if it has one.

    Parameters
    ----------
    atlas : str
        Its name, with what distinguishes its variants; see `AtlasName.parse`.
    where : StandardSpace
        The space of the maps.
    density : str
        The density of the meshes, such as ``10k``. Of fsaverage, an atlas of a finer one is used if there is none: its
        first vertices are the same.
    sides : sequence of str
        The hemispheres: ``L``, ``R``.

    Raises
    ------
    UsageError
        When several variants have this name.
    NoMatchError, InputNotFoundError
        When TemplateFlow does not have it at this density, or it cannot be fetched.
    """
    asked = AtlasName.parse(atlas)
    what, name = f"the atlas {asked} in {where}", asked.name
    query = {"suffix": "dseg", "extension": ".label.gii"}
    found = files_of(where, atlas=name, **query)
    known = {*found, *of_cohort(where, indexed_files(where.name, f"_atlas-{name}_", "_dseg.label.gii"))}
    if not known:
        others = [*files_of(where, **query), *indexed_files(where.name, "_atlas-", "_dseg.label.gii")]
        raise no_match(what, {labels_in_name(path.name).get("atlas", "") for path in others} - {""})
    by_density = {
        den: [path for path in known if labels_in_name(path.name).get("den") == den] for den in finer(where, density)
    }
    dense: list[Path] = next(filter(None, by_density.values()), [])
    if not dense:
        densities = {f"{name} in {where}, den-{labels_in_name(path.name).get('den')}" for path in known}
        raise no_match(f"{what}{_at(density)}", densities)
    if (variant := asked.choose(map(variant_of, dense))) is None:
        raise no_match(what, {str(AtlasName.of(name, variant_of(path))) for path in dense})
    if not (files := of_sides([path for path in found if path in dense and variant_of(path) == variant], sides)):
        raise InputNotFoundError(f"TemplateFlow's folder on this machine does not list {what}", hint=OFFLINE)
    tables = filter(is_here, files_of(where, atlas=name, suffix="dseg", extension=".tsv"))  # the files have names, too
    return tuple(fetched(path, found, where) for path in files), most_specific(tables, files[0])


def _at(density: str) -> str:
    """Return the density in a message."""
    return f", den-{density}" if density else " for the mesh of these maps"


def finer(where: StandardSpace, density: str) -> list[str]:
    """Return a density, and those of fsaverage that contain its vertices.

    >>> finer(StandardSpace("fsaverage"), "10k"), finer(StandardSpace("fsLR"), "32k")
    (['10k', '41k', '164k'], ['32k'])
    """
    nested = [*NESTED.values()] if where.name == "fsaverage" else []
    return nested[nested.index(density) :] if density in nested else [density]
