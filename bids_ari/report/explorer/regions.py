"""Regions in the explorer: parcels of the atlas, or of the atlas that names regions, and the user's own masks."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.region_words import readable
from bids_ari.images.regions import RegionSet
from bids_ari.report.atlases import names_title
from bids_ari.report.labels import region_set_title
from bids_ari.report.render import Context


def parcels_of(result: ContrastResult) -> RegionSet | None:
    """Return the parcels that the page lists and names; None where there are none."""
    if result.atlas is not None or result.names is None:
        return result.atlas
    return result.names.parcels("names", f"Regions: {names_title(result)}")


def atlas_facts(result: ContrastResult, parcels: RegionSet | None) -> Context | None:
    """Return the title of the parcels, their names for readers, and their labels in the atlas for saved tables."""
    if parcels is None:
        return None
    labels = [each.name for each in parcels.regions]
    return {"title": region_set_title(parcels, result), "names": list(map(readable, labels)), "labels": labels}


def parcel_numbers(parcels: RegionSet, n_points: int) -> npt.NDArray[np.uint16]:
    """Return the number of the parcel of each point, (n_points,), from 1; 0 for none."""
    return (parcels.labels(n_points) + 1).astype(np.uint16)


def region_facts(result: ContrastResult, parcels: RegionSet | None) -> Iterator[dict[str, Any]]:
    """Yield name, size, TDN and most extreme point of each region; parcels first."""
    extremeness = result.extremeness
    own = (regions for regions in result.regions if regions is not result.atlas)
    for regions in (*((parcels,) if parcels else ()), *own):
        for region in regions.regions:
            points = region.points
            yield {
                "name": readable(region.name) if regions is parcels else region.name,
                "size": int(points.size),
                "tdn": result.bound.tdn(points),
                "signs": [each.tdn(points) for each in result.directions or ()],
                "strongest": int(points[extremeness[points].argmax()]) if points.size else -1,
            }
