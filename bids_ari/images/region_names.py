"""Names of the regions of points: by one atlas, and by another one where the first has no region."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_ari.errors import BidsAriError
from bids_ari.images.atlas_files import find_atlas, names_a_file, roles_of
from bids_ari.images.atlas_names import AtlasName
from bids_ari.images.files import read_header
from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.local_atlases import NamingAtlas, Source, local_atlases
from bids_ari.images.naming_layers import Layer, read_layer
from bids_ari.images.regions import Region, RegionSet, load_atlas
from bids_ari.images.space import Frame, Space
from bids_ari.images.structures import short_name
from bids_ari.images.surface_values import is_surface_file
from bids_ari.images.templates import SpaceName

log = logging.getLogger(__name__)

NONE = "none"
"""The value of ``--region-names`` without names."""


@dataclass(frozen=True, slots=True)
class AtlasFacts:
    """An atlas that names regions."""

    name: str  # such as Schaefer2018
    variant: str = ""  # as --atlas spells it behind the name
    source: Source = "file"
    space: str = ""  # of its positions, where it is another than that of the maps


@dataclass(frozen=True, slots=True, eq=False)
class RegionNames:
    """The region that contains each point, by atlases in which names of regions differ."""

    names: tuple[str, ...]  # the labels of the atlases
    which: npt.NDArray[np.int32]  # (n_points,): the place of the region in `names`, -1 for none
    atlases: tuple[AtlasFacts, ...]  # the first, and the one for what it leaves unnamed

    def at(self, point: int) -> str | None:
        """Return the label of the region that contains a point; None in no region."""
        place = int(self.which[point])
        return self.names[place] if place >= 0 else None

    def parcels(self, name: str, title: str) -> RegionSet:
        """Return the regions, for bounds of each."""
        order = np.argsort(self.which, kind="stable").astype(np.int32)
        ends = np.searchsorted(self.which[order], np.arange(len(self.names) + 1))
        parts = (order[start:stop] for start, stop in pairwise(ends.tolist()))
        regions = (Region(i, label, part) for i, (label, part) in enumerate(zip(self.names, parts, strict=True), 1))
        return RegionSet(name, title, tuple(regions))

    def shares(self, points: npt.NDArray[np.integer], most: int) -> list[tuple[float, str | None]]:
        """Return the regions with most of some points: the share of the points in each, and its label; None for none.

        >>> names = RegionNames(("a", "b"), np.array([0, 1, 1, -1], np.int32), ())
        >>> names.shares(np.arange(4), 5), names.at(3)
        ([(0.5, 'b'), (0.25, None), (0.25, 'a')], None)
        """
        counts = np.bincount(self.which[points] + 1, minlength=len(self.names) + 1)
        places = np.argsort(-counts, kind="stable")[:most]
        return [
            (float(counts[i] / len(points)), self.names[i - 1] if i else None) for i in places.tolist() if counts[i]
        ]


def nearest_regions(
    names: RegionNames, points: Sequence[int], space: Space, limit: float
) -> list[tuple[str | None, float]]:
    """Return the region nearest to each of some points and its distance in mm; None and NaN where that is in a region.

    None and NaN also where no region is within the limit, in mm. Distances are in a straight line, also of vertices.
    """
    found: list[tuple[str | None, float]] = [(None, np.nan)] * len(points)
    outside = [i for i, point in enumerate(points) if names.which[point] < 0]
    inside = np.flatnonzero(names.which >= 0).astype(np.int32)
    if not outside or not inside.size:
        return found
    places = space.coordinates(inside)
    for i, at in zip(outside, space.coordinates(np.array([points[i] for i in outside], dtype=np.int32)), strict=True):
        window = np.flatnonzero(np.abs(places - at).max(axis=1) <= limit)
        if window.size:
            apart = np.linalg.norm(places[window] - at, axis=1)
            if (distance := float(apart.min())) <= limit:
                found[i] = names.at(int(inside[window[apart.argmin()]])), distance
    return found


def naming_atlases(option: str | None, atlas: str | None, template: SpaceName, frame: Frame) -> tuple[NamingAtlas, ...]:
    """Return the atlases that name regions; none if that of the parcels does.

    Parameters
    ----------
    option : str, optional
        The option ``--region-names``: a file, a name of TemplateFlow, or ``none``. By default, the atlas of the parcels
        is used, else those on this machine for the space of the maps.
    atlas : str, optional
        The option ``--atlas``.
    template : StandardSpace, str or None
        The space of the maps.
    frame : Frame
        Where the maps have values.

    Raises
    ------
    BidsAriError
        When an atlas that was named cannot be found.
    """
    if option is not None and option != NONE:
        source: Source = "file" if names_a_file(option) else "TemplateFlow"
        return (NamingAtlas(find_atlas(option, None, template, frame), source),)
    return tuple(filter(_is_readable, local_atlases(template, frame))) if option is None and atlas is None else ()


def _is_readable(atlas: NamingAtlas) -> bool:
    """Return whether an atlas at hand has headers that make sense: nobody asked for it, so that others do no harm."""
    try:
        for path in atlas.files.paths:
            if not is_surface_file(path):
                read_header(path)
    except BidsAriError as error:
        log.debug("no names of regions by %s: %s", atlas.files.name, error)
        return False
    return True


def naming_roles(atlases: Sequence[NamingAtlas]) -> dict[str, Path]:
    """Return the files of atlases that name regions by their role in sidecars."""
    found: dict[str, Path] = {}
    for i, each in enumerate(atlases):
        role = f"names {i + 1}" if i else "names"
        found |= roles_of(role, each.files.paths)
        found |= {} if each.files.labels is None else {f"{role} labels": each.files.labels}
    return found


def load_names(
    option: str | None, parcels: RegionSet | None, atlas: str | None, template: SpaceName, space: Space
) -> RegionNames | None:
    """Read the names of regions at points; None where no atlas names them.

    Parameters
    ----------
    option : str, optional
        The option ``--region-names``, see `naming_atlases`.
    parcels : RegionSet, optional
        The parcels of ``--atlas``, which name regions unless the option names another atlas.
    atlas : str, optional
        The option ``--atlas``.
    template : StandardSpace, str or None
        The space of the maps.
    space : Space
        The points that are tested.

    Raises
    ------
    BidsAriError
        When an atlas that was named cannot be used. Atlases at hand that cannot be used are left out.
    """
    if option == NONE:
        return None
    if option is not None:
        parcels = load_atlas(option, None, template, space)
    if parcels is not None:
        return names_of(parcels, space.n_points, option or atlas)
    layers = []
    for each in local_atlases(template, space.frame):
        try:
            layers.append((read_layer(each, space), _facts(each)))
        except BidsAriError as error:
            log.debug("no names of regions by %s: %s", each.files.name, error)
    return _together(layers, space)


def names_of(regions: RegionSet, n_points: int, atlas: str | None) -> RegionNames:
    """Return the names of regions by the parcels of an atlas, which has the name of a file or of TemplateFlow."""
    names = tuple(region.name for region in regions.regions)
    named = None if atlas is None or names_a_file(atlas) else AtlasName.saved(atlas)
    variant = AtlasName(regions.name, regions.variant).spelled_variant
    facts = (
        AtlasFacts(regions.name, named.spelled_variant, "TemplateFlow") if named else AtlasFacts(regions.name, variant)
    )
    return RegionNames(names, regions.labels(n_points), (facts,))


def _facts(atlas: NamingAtlas) -> AtlasFacts:
    """Return what a result knows of an atlas."""
    return AtlasFacts(atlas.files.name, atlas.variant, atlas.source, atlas.space)


def _together(layers: Sequence[tuple[Layer, AtlasFacts]], space: Space) -> RegionNames | None:
    """Return the names of several atlases, each where those before have none; of voxels of grayordinates first."""
    names, which = _structures(space)
    facts: list[AtlasFacts] = []
    for (more, places), about in layers:
        new = (which < 0) & (places >= 0)
        if new.any():
            which[new] = places[new] + len(names)
            names, facts = [*names, *more], [*facts, about]
    used = np.unique(which[which >= 0])
    if not used.size:
        return None
    order = np.full(len(names) + 1, -1, dtype=np.int32)
    order[used] = np.arange(used.size)
    return RegionNames(tuple(names[i] for i in used.tolist()), order[which], tuple(facts))


def _structures(space: Space) -> Layer:
    """Return the structures of the voxels of grayordinates, which CIFTI files name; none of others."""
    which = np.full(space.n_points, -1, dtype=np.int32)
    names: list[str] = []
    if isinstance(space, GrayordinateSpace) and not space.frame.axis.surface_mask.all():
        at = space.select(np.arange(len(space.frame.axis)))
        for name, positions in space.frame.structures.items():
            if name not in space.frame.axis.nvertices:
                which[np.isin(at, positions)] = len(names)
                names.append(short_name(name))
    return names, which
