"""The explorer of a result: a page for clusters at any target TDP, any voxel, and any region.

It shows volumes; all bounds are computed here, and the page only looks them up.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import nibabel as nib
import numpy as np

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import plural_of
from bids_ari.images.regions import RegionSet
from bids_ari.images.volume import Grid, volume_of
from bids_ari.outputs.names import report_name, stem
from bids_ari.report import explorer_arrays as arrays
from bids_ari.report.explorer_arrays import Blob
from bids_ari.report.figures.draw import Picture
from bids_ari.report.figures.slices import CLUSTER_COLOURS
from bids_ari.report.figures.underlay import Underlay, make_underlay
from bids_ari.report.formatting import percent
from bids_ari.report.labels import MEANINGS, contrast_label, permutations_text, region_set_title, result_label
from bids_ari.report.render import ASSETS, Context, render, script_hash

SCRIPTS = (
    "elements",
    "decode",
    "grid",
    "forest",
    "colours",
    "slices",
    "curve",
    "history",
    "panels",
    "saving",
    "controls",
    "main",
)
"""The files of ``assets/explorer`` that are joined to the script of the page, in order."""

TARGET_TDP = 0.7
"""The target TDP at the start."""

_HEADER_BYTES = 352  # of a NIfTI-1 file without extensions
_GREY_LEVELS = 20
_SMALLEST_TDP = 0.01  # of the slider where the page has all clusters
_COARSE_STEP = 0.1  # of z outside of clusters, in large maps
_FINE_UNDERLAY = 2_000_000  # grids with more voxels have half as many underlay values along each axis
_MARK = "TdpHere"  # placeholder of the target TDP in names of files


def explorer_page(results: Sequence[ContrastResult], picture: Picture | None) -> str:
    """Return the explorer of a result as an HTML page that needs no other file, but links to the report beside it.

    The first of the results is shown first; the others are the same test with other alternatives. The picture is shown
    without JavaScript.
    """
    result, space = results[0], volume_of(results[0].space)
    stride = 1 if space.inside.size <= _FINE_UNDERLAY else 2
    underlay = make_underlay(space, StandardSpace.of(result.contrast.entities), stride, result.options.underlay)
    least = arrays.least_tdp([each.forest for each in results])
    z_step = _COARSE_STEP if least else arrays.Z_STEP
    facts = _facts(results, underlay) | {"leastTdp": least, "zStepElsewhere": z_step}
    # in a function, so that its names are not global
    script = '\n"use strict";\n(() => {\n' + "\n".join(_asset(f"{name}.js") for name in SCRIPTS) + "})();\n"
    return render(
        "explorer/explorer.html",
        name=result.contrast.name,
        label=contrast_label(result),
        result_label=result_label(result, directed=len(results) == 1),
        permutations=result.calibrated and permutations_text(result.calibrated),
        report=report_name(result).rpartition("/")[-1],
        picture=picture,
        slider_start=least or _SMALLEST_TDP,
        least_tdp=least,
        underlay=underlay.description,
        units=plural_of(space.unit),
        directions=facts["directions"],
        atlas=facts["atlas"],
        has_regions=bool(result.regions),
        # no "<", which could end the script element
        facts=json.dumps(facts, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        blobs=list(_blobs(results, underlay, least, z_step)),
        explorer_css=_asset("explorer.css"),
        explorer_script=script,
        explorer_hash=script_hash(script),
    )


@cache
def _asset(name: str) -> str:
    return (ASSETS / "explorer" / name).read_text(encoding="utf-8")


def _blobs(results: Sequence[ContrastResult], underlay: Underlay, least: float, z_step: float) -> Iterator[Blob]:
    """Yield the arrays of a page."""
    result = results[0]
    kept = [arrays.kept_places(each.forest, least) for each in results]
    yield Blob.of("mask", np.packbits(result.space.inside))
    yield Blob.of("underlay", np.ceil(_GREY_LEVELS * underlay.values).astype(np.uint8))
    yield from arrays.z_blobs(result.glm.z, result.forest.preorder[kept[0]], z_step)
    if result.atlas is not None:
        yield Blob.of("atlas", (result.atlas.labels(result.space.n_points) + 1).astype(np.uint16))
    for i, (each, places) in enumerate(zip(results, kept, strict=True)):
        yield from arrays.forest_blobs(each.forest, places, f"-{i}")
        yield Blob.of(f"category-{i}", arrays.counting_categories(each.bound))


def _facts(results: Sequence[ContrastResult], underlay: Underlay) -> Context:
    """Return everything that is not an array, for the script."""
    result, grid, z = results[0], volume_of(results[0].space).grid, results[0].glm.z
    clusters = result.formed(tdp=TARGET_TDP)
    start = clusters[0].peak if clusters else int(result.extremeness.argmax())
    ends = [first + underlay.stride * n for first, n in zip(underlay.start, underlay.values.shape, strict=True)]
    header = grid.image(np.zeros(grid.shape, dtype=np.uint8)).to_bytes()[:_HEADER_BYTES]
    return {
        "nVoxels": result.space.n_points,
        "voxelVolume": grid.voxel_volume,
        "grid": _grid_facts(grid),
        "header": base64.b64encode(header).decode(),  # the script sets the data type
        "underlay": {
            "start": list(underlay.start),
            "stop": [min(end, n) for end, n in zip(ends, grid.shape, strict=True)],
            "stride": underlay.stride,
            "shape": list(underlay.values.shape),
            "levels": _GREY_LEVELS,
        },
        "zStep": arrays.Z_STEP,
        "zInfinite": arrays.Z_INFINITE,
        "zTop": int(np.ceil(np.abs(z[np.isfinite(z)]).max(initial=4.0))),  # end of the colour scale
        "colours": _colours(),
        "targetTdp": TARGET_TDP,
        "voxel": [int(index) for index in volume_of(result.space).indices[start]],  # of the crosshair at the start
        "atlas": None
        if result.atlas is None
        else {"title": region_set_title(result.atlas, result), "names": [each.name for each in result.atlas.regions]},
        "directions": [_direction_facts(each) for each in results],
    }


def _grid_facts(grid: Grid) -> Context:
    """Return shape and affine of the grid, and the file axis nearest to x, y and z with its sign."""
    axes: list[list[int]] = [[], [], []]
    for i, (axis, sign) in enumerate(nib.io_orientation(grid.affine)):
        axes[int(axis)] = [i, int(sign)]
    return {
        "shape": list(grid.shape),
        "affine": grid.affine.tolist(),
        "inverse": np.linalg.inv(grid.affine).tolist(),
        "zooms": list(grid.zooms),
        "axes": axes,
    }


@cache
def _colours() -> Context:
    """Return palettes as hexadecimal digits, six a colour."""
    from matplotlib import colormaps

    steps, names = np.linspace(0, 1, 256), {"sequential": "viridis", "diverging": "RdBu_r"}
    palettes = {name: bytes(colormaps[cmap](steps, bytes=True)[:, :3]).hex() for name, cmap in names.items()}
    return palettes | {"clusters": "".join(CLUSTER_COLOURS).replace("#", "")}


def _direction_facts(result: ContrastResult) -> Context:
    """Return what belongs to one alternative; parcels of the atlas are the first regions."""
    bound = result.bound
    before, after = str(stem(result, desc=result.desc + _MARK)).split(_MARK)
    sets = sorted(result.regions, key=lambda regions: regions is not result.atlas)
    return {
        "name": result.alternative_label,
        "meaning": MEANINGS[result.alternative_label],
        "alpha": f"{bound.alpha:g}",
        "confidence": percent(1 - bound.alpha),
        "whole": bound.whole,
        "nVoxels": bound.n_points,
        "top": float(result.forest.highest_tdp().max()),
        "file": [before + "Tdp", after],
        "parcels": [fact for regions in sets for fact in _region_facts(regions, result)],
    }


def _region_facts(regions: RegionSet, result: ContrastResult) -> Iterator[dict[str, Any]]:
    """Yield size, TDN and most extreme point of each region."""
    extremeness = result.extremeness
    for region in regions.regions:
        points = region.points
        yield {
            "name": region.name,
            "size": int(points.size),
            "tdn": result.bound.tdn(points),
            "strongest": int(points[extremeness[points].argmax()]) if points.size else -1,
        }
