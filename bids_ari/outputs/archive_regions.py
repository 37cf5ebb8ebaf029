"""Regions in archives: the points of each, and the name of the region of each point, as arrays beside the text."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bids_ari.outputs.npz import Array, from_json, require


def with_names(text: dict[str, Any], arrays: Mapping[str, Array]) -> dict[str, Any]:
    """Return the text with the place of the name of each point."""
    if (names := text.get("names")) is None:
        return text
    names = from_json(dict[str, Any], names)
    labels = from_json(list[str], names.get("names"))
    require("names" in arrays, "there is no array names")
    require(arrays["names"].max(initial=-1) < len(labels), "the array names has a place outside the list of names")
    return text | {"names": names | {"which": arrays["names"]}}


def with_points(text: dict[str, Any], arrays: Mapping[str, Array]) -> dict[str, Any]:
    """Return the text with the points of each region."""
    sets = from_json(list[dict[str, Any]], text.get("regions") or [])
    if not sets:
        return text
    require("region_size" in arrays and "region_voxels" in arrays, "there is no array region_size or region_voxels")
    regions = [from_json(list[dict[str, Any]], each.get("regions")) for each in sets]
    points, sizes, n_regions = arrays["region_voxels"], arrays["region_size"], sum(map(len, regions))
    require(points.max(initial=0) < arrays["z"].size, "a region has a point outside 0 to m - 1")
    require(n_regions == sizes.size, f"there are {sizes.size} regions; expected {n_regions}")
    parts = np.split(points, np.cumsum(sizes)[:-1])
    require(all((np.diff(part) > 0).all() for part in parts), "the points of a region do not ascend")
    each_part = iter(parts)
    placed = [[region | {"points": next(each_part)} for region in those] for those in regions]
    return text | {"regions": [each | {"regions": those} for each, those in zip(sets, placed, strict=True)]}
