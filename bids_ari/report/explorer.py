"""The explorer of a result: one page in which clusters follow the wanted TDP, and any region may be asked about."""

import base64
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.regions import RegionSet
from bids_ari.images.space import Grid
from bids_ari.outputs import names
from bids_ari.report import explorer_arrays as encoding
from bids_ari.report.explorer_arrays import Blob
from bids_ari.report.figures.draw import Picture
from bids_ari.report.figures.slices import CLUSTER_COLOURS
from bids_ari.report.figures.underlay import Underlay, make_underlay
from bids_ari.report.labels import draws_of, title_of, which
from bids_ari.report.render import percent, render, script_hash
from bids_ari.report.sections.clusters import Facts

SCRIPTS = (
    "words",
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
"""The files of ``assets/explorer`` that make the one script of the page, in order."""

GAMMA = 0.7
"""The wanted TDP at the start."""

MEANINGS = {
    "greater": "above zero",
    "less": "below zero",
    "two-sided": "different from zero",
    "any": "different from zero (F test)",
}
"""What it means to be active."""

_ASSETS = Path(__file__).with_name("assets") / "explorer"
_HEADER_BYTES = 352  # of a NIfTI-1 file without extensions
_GREY_LEVELS = 20
_LEAST_GAMMA = 0.01  # of the slider where the page holds all clusters
_COARSE_STEP = 0.1  # of z outside of clusters, in large maps
_FINE_UNDERLAY = 2_000_000  # grids with more voxels have half as many values along each axis
_MARK = "TdpHere"  # stands in names of files for the wanted TDP


def explorer_page(results: Sequence[ContrastResult], picture: Picture | None) -> str:
    """Give the explorer of a result.

    Parameters
    ----------
    results : sequence of ContrastResult
        The result that is shown first, then the same test in other directions.
    picture : Picture or None
        What is seen without JavaScript.

    Returns
    -------
    str
        An HTML page that needs no other file. It links to the report of the first result, in the same folder.
    """
    result = results[0]
    space = result.contrast.entities.get("space")
    underlay = make_underlay(result.space, space, 1 if result.space.inside.size <= _FINE_UNDERLAY else 2)
    least = encoding.least_tdp([each.forest for each in results])
    step = _COARSE_STEP if least else encoding.Z_STEP
    facts = _facts(results, underlay) | {"leastTdp": least, "zStepElsewhere": step}
    script, style = _assets()
    return render(
        "explorer/explorer.html",
        name=result.contrast.name,
        label=_label(result),
        which=which(result, directed=len(results) == 1),
        draws=result.calibrated and draws_of(result.calibrated),
        report=names.report_name(result).rpartition("/")[-1],
        picture=picture,
        least=least or _LEAST_GAMMA,
        least_tdp=least,
        underlay_words=underlay.words,
        directions=facts["directions"],
        atlas=facts["atlas"],
        has_regions=bool(result.regions),
        facts=_json(facts),
        blobs=list(_blobs(results, underlay, least, step)),
        explorer_css=style,
        explorer_script=script,
        explorer_hash=script_hash(script),
    )


def _label(result: ContrastResult) -> str:
    """Name the contrast as briefly as its report does."""
    entities = result.contrast.entities
    return entities.get("contrast") or entities.get("taskcontrast") or result.contrast.name


@cache
def _assets() -> tuple[str, str]:
    """Give the script, which leaves nothing behind in the page's names, and the style."""
    from markupsafe import Markup

    parts = [(_ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    script = '\n"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
    return Markup(script), Markup((_ASSETS / "explorer.css").read_text(encoding="utf-8"))


def _json(facts: Facts) -> str:
    """Write facts into a script element, which nothing in them can end."""
    from markupsafe import Markup

    return Markup(json.dumps(facts, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))


def _blobs(results: Sequence[ContrastResult], underlay: Underlay, least: float, step: float) -> Iterator[Blob]:
    """Write the arrays of a page."""
    result = results[0]
    kept = [encoding.kept_places(each.forest, least) for each in results]
    yield Blob.of("mask", np.packbits(result.space.inside))
    yield Blob.of("underlay", np.ceil(_GREY_LEVELS * underlay.values).astype(np.uint8))
    yield from encoding.z_blobs(result.glm.z, result.forest.preorder[kept[0]], step)
    if result.atlas is not None:
        yield Blob.of("atlas", (result.atlas.labels(result.space.n_points) + 1).astype(np.uint16))
    for i, (each, places) in enumerate(zip(results, kept, strict=True)):
        yield from encoding.forest_blobs(each.forest, places, f"-{i}")
        yield Blob.of(f"category-{i}", encoding.counting_categories(each.bound))


def _facts(results: Sequence[ContrastResult], underlay: Underlay) -> Facts:
    """Tell the script everything that is no array."""
    result = results[0]
    atlas, grid = result.atlas, result.space.grid
    return {
        "nVoxels": result.space.n_points,
        "voxelVolume": grid.voxel_volume,
        "grid": _grid_facts(grid),
        "header": _header(grid),
        "underlay": _underlay_facts(underlay, grid),
        "zStep": encoding.Z_STEP,
        "zInfinite": encoding.Z_INFINITE,
        "zTop": _top(result),
        "colours": _colours(),
        "gamma": GAMMA,
        "voxel": _start(result),
        "atlas": None if atlas is None else _atlas_facts(atlas, result),
        "directions": [_direction_facts(each) for each in results],
    }


def _grid_facts(grid: Grid) -> Facts:
    """Tell where voxels are, and which axis of the file is nearest to x, y and z, in which sense."""
    axes: list[list[int]] = [[], [], []]
    for i, (axis, sense) in enumerate(nib.io_orientation(grid.affine)):
        axes[int(axis)] = [i, int(sense)]
    return {
        "shape": list(grid.shape),
        "affine": grid.affine.tolist(),
        "inverse": np.linalg.inv(grid.affine).tolist(),
        "zooms": list(grid.zooms),
        "axes": axes,
    }


def _header(grid: Grid) -> str:
    """Write what stands before the values in an image on a grid, but for the type of the values."""
    empty = grid.image(np.zeros(grid.shape, dtype=np.uint8))
    return base64.b64encode(empty.to_bytes()[:_HEADER_BYTES]).decode()


def _underlay_facts(underlay: Underlay, grid: Grid) -> Facts:
    ends = [first + underlay.stride * n for first, n in zip(underlay.start, underlay.values.shape, strict=True)]
    return {
        "start": list(underlay.start),
        "stop": [min(end, n) for end, n in zip(ends, grid.shape, strict=True)],
        "stride": underlay.stride,
        "shape": list(underlay.values.shape),
        "levels": _GREY_LEVELS,
    }


def _top(result: ContrastResult) -> int:
    """Give the end of the colours of z: the largest that is finite, and no less than 4."""
    z = result.glm.z
    return int(np.ceil(np.abs(z[np.isfinite(z)]).max(initial=4.0)))


@cache
def _colours() -> Facts:
    """Give palettes as hexadecimal digits, six a colour."""
    from matplotlib import colormaps

    steps = np.linspace(0, 1, 256)
    told = {"sequential": "viridis", "diverging": "RdBu_r"}
    palettes = {name: bytes(colormaps[of](steps, bytes=True)[:, :3]).hex() for name, of in told.items()}
    return palettes | {"clusters": "".join(CLUSTER_COLOURS).replace("#", "")}


def _start(result: ContrastResult) -> list[int]:
    """Give the voxel at which the crosshair stands first: the peak of the largest cluster, else the most extreme."""
    clusters = result.formed(tdp=GAMMA)
    peak = clusters[0].peak if clusters else int(result.extremeness.argmax())
    return [int(index) for index in result.space.indices[peak]]


def _atlas_facts(atlas: RegionSet, result: ContrastResult) -> Facts:
    return {"title": title_of(atlas, result), "names": [region.name for region in atlas.regions]}


def _direction_facts(result: ContrastResult) -> Facts:
    """Tell what belongs to one direction; parcels of the atlas come first."""
    bound = result.bound
    before, after = str(names.stem(result, desc=result.desc + _MARK)).split(_MARK)
    sets = sorted(result.regions, key=lambda regions: regions is not result.atlas)
    return {
        "name": result.asked,
        "words": MEANINGS[result.asked],
        "alpha": f"{bound.alpha:g}",
        "confidence": percent(1 - bound.alpha),
        "whole": bound.whole,
        "nVoxels": bound.n_points,
        "top": float(result.forest.highest_tdp().max()),
        "file": [before + "Tdp", after],
        "parcels": [fact for regions in sets for fact in _region_facts(regions, result)],
    }


def _region_facts(regions: RegionSet, result: ContrastResult) -> Iterator[dict[str, Any]]:
    """Tell the bound of each region, and its strongest voxel."""
    extremeness = result.extremeness
    for region in regions.regions:
        voxels = region.points
        yield {
            "name": region.name,
            "size": int(voxels.size),
            "tdn": result.bound.tdn(voxels),
            "strongest": int(voxels[extremeness[voxels].argmax()]) if voxels.size else -1,
        }
