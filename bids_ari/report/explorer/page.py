"""The explorer of a result: a page for clusters at any target TDP, any voxel, and any region.

It shows voxels as slices and vertices as surfaces. All bounds are computed here, and the page only looks them up.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.spaces import StandardSpace
from bids_ari.images.cortex import display_of, image_of_voxels, space_of_voxels, voxels_of
from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.regions import RegionSet
from bids_ari.images.volume import volume_of
from bids_ari.outputs.names import report_name, stem
from bids_ari.report.explorer import arrays
from bids_ari.report.explorer.arrays import Blob
from bids_ari.report.explorer.regions import atlas_facts, parcel_numbers, parcels_of, region_facts
from bids_ari.report.explorer.surface import GREY_LEVELS, surface_part
from bids_ari.report.explorer.underlay import page_underlay
from bids_ari.report.explorer.volume import Part, volume_part
from bids_ari.report.figures.draw import Picture
from bids_ari.report.figures.palettes import TDP_PALETTE, palette
from bids_ari.report.figures.slices import CLUSTER_COLOURS
from bids_ari.report.formatting import SIZES, percent
from bids_ari.report.labels import contrast_label, meaning, permutations_text, result_label, signs
from bids_ari.report.render import ASSETS, Context, asset, render, script_hash

SCRIPTS = (
    "elements",
    "decode",
    "bounds",
    "forest",
    "points",
    "grid",
    "mesh",
    "colours",
    "bars",
    "viewport",
    "layers",
    "outlines",
    "marks",
    "slices",
    "mosaic",
    "glass",
    "beside",
    "pictures",
    "appearance",
    "camera",
    "renderer",
    "borders",
    "surfaces",
    "curve",
    "sentence",
    "regions",
    "history",
    "panels",
    "clusters",
    "parcels",
    "nifti",
    "gifti",
    "cifti",
    "loading",
    "labels",
    "saving",
    "pointing",
    "tour",
    "controls",
    "turning",
    "main",
)
"""The files of ``assets/explorer`` that are joined to the script of the page, in order."""

TARGET_TDP = 0.7
"""The target TDP at the start."""

_SMALLEST_TDP = 0.01  # of the slider where the page has all clusters
_COARSE_STEP = 0.1  # of z outside of clusters, in large maps
_MARK = "TdpHere"  # placeholder of the target TDP in names of files


def explorer_page(results: Sequence[ContrastResult], picture: Picture | None, *, is_alone: bool = False) -> str:
    """Return the explorer of a result as an HTML page that needs no other file, but links to the report beside it.

    A page that is alone has no such links.

    The first of the results is shown first; the others are the same test with other alternatives. The picture is shown
    without JavaScript.
    """
    result, part, parcels = results[0], _part(results[0]), parcels_of(results[0])
    least = arrays.least_tdp([each.forest for each in results])
    z_step = _COARSE_STEP if least else arrays.Z_STEP
    facts = (
        _facts(results, parcels, [file.get("hemi") for file in part.facts["labelFiles"]])
        | part.facts
        | {"leastTdp": least, "zStepElsewhere": z_step}
    )
    # in a function, so that its names are not global
    script = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    script = f"\n{asset('printing.js')}(() => {{\n{script}}})();\n"
    return render(
        "explorer/explorer.html",
        name=result.contrast.name,
        label=contrast_label(result),
        result_label=result_label(result, directed=len(results) == 1),
        permutations=result.calibrated and permutations_text(result.calibrated),
        report="" if is_alone else report_name(result).rpartition("/")[-1],
        picture=picture,
        slider_start=least or _SMALLEST_TDP,
        least_tdp=least,
        unit_title=result.space.units.capitalize(),
        unit=result.space.unit,
        units=result.space.units,
        size_titles=[SIZES[name] for name in part.facts["sizes"]],
        has_structures="structures" in part.facts,
        label_files=part.facts["labelFiles"],
        **part.page,
        directions=facts["directions"],
        atlas=facts["atlas"],
        has_familywise=result.familywise is not None,
        ball="disc" if part.page["meshes"] and not part.page["underlay"] else "sphere",
        # no "<", which could end the script element
        facts=json.dumps(facts, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        blobs=[*part.blobs, *_blobs(results, parcels, least, z_step)],
        explorer_css=_asset("explorer.css"),
        explorer_script=script,
        explorer_hash=script_hash(script),
    )


@cache
def _asset(name: str) -> str:
    return (ASSETS / "explorer" / name).read_text(encoding="utf-8")


def _part(result: ContrastResult) -> Part:
    """Return what the page has about where the points of a result are."""
    space, label, image = result.space, StandardSpace.of(result.contrast.entities), result.options.underlay
    start = _start(result)
    if isinstance(space, GrayordinateSpace):
        voxels, slices = voxels_of(space), None
        if voxels is not None:
            where = space_of_voxels(space.frame, label)
            slices = voxels.space.grid, page_underlay(voxels.space, where, image_of_voxels(image))
        return surface_part(space, display_of(space.frame, label, image), slices, result.extremeness, start)
    volume = volume_of(space)
    return volume_part(volume, page_underlay(volume, label, image), start)


def _start(result: ContrastResult) -> int:
    """Return the point at which the crosshair is first: the peak of the largest cluster, or of the map."""
    clusters = result.formed(tdp=TARGET_TDP)
    return clusters[0].peak if clusters else int(result.extremeness.argmax())


def _blobs(results: Sequence[ContrastResult], parcels: RegionSet | None, least: float, z_step: float) -> Iterator[Blob]:
    """Yield the arrays of a page, besides those of its part."""
    result = results[0]
    kept = [arrays.kept_places(each.forest, least) for each in results]
    yield from arrays.z_blobs(result.glm.z, result.forest.preorder[kept[0]], z_step)
    if parcels is not None:
        yield Blob.of("atlas", parcel_numbers(parcels, result.space.n_points))
    if rois := [region for regions in result.regions if regions is not result.atlas for region in regions.regions]:
        yield Blob.of("rois", arrays.region_bits([region.points for region in rois], result.space.n_points))
    for i, (each, places) in enumerate(zip(results, kept, strict=True)):
        yield from arrays.forest_blobs(each.forest, places, f"-{i}")
        yield Blob.of(f"category-{i}", arrays.counting_categories(each.bound))
        for name, bound in each.directions._asdict().items() if each.directions else ():
            yield Blob.of(f"{name}-{i}", arrays.counting_categories(bound))
        if each.familywise is not None:
            counts = each.familywise.counts
            yield Blob.of(f"fwe-{i}", counts.astype(np.min_scalar_type(max(int(counts.max()), 256))))


def _facts(results: Sequence[ContrastResult], parcels: RegionSet | None, hemispheres: Sequence[str | None]) -> Context:
    """Return what is not an array, for the script, besides that of its part."""
    result, z = results[0], results[0].glm.z
    return {
        "nPoints": result.space.n_points,
        "unit": result.space.unit,
        "units": result.space.units,
        "greyLevels": GREY_LEVELS,
        "zStep": arrays.Z_STEP,
        "zInfinite": arrays.Z_INFINITE,
        "zTop": int(np.ceil(np.abs(z[np.isfinite(z)]).max(initial=4.0))),  # end of the colour scale
        "colours": _colours(),
        "targetTdp": TARGET_TDP,
        "atlas": atlas_facts(result, parcels),
        "directions": [_direction_facts(each, parcels, hemispheres) for each in results],
    }


@cache
def _colours() -> Context:
    """Return palettes as hexadecimal digits, six a colour."""
    names = {"sequential": TDP_PALETTE, "diverging": "RdBu_r"}
    palettes = {name: palette(each).tobytes().hex() for name, each in names.items()}
    return palettes | {"clusters": "".join(CLUSTER_COLOURS).replace("#", "")}


def _direction_facts(result: ContrastResult, parcels: RegionSet | None, hemispheres: Sequence[str | None]) -> Context:
    """Return what belongs to one alternative; parcels are the first regions.

    `hemispheres` are those of the files of labels that the page can save; None for files of all points.
    """
    bound = result.bound
    return {
        "name": result.alternative_label,
        "meaning": meaning(result),
        "alpha": f"{bound.alpha:g}",
        "confidence": percent(1 - bound.alpha),
        "whole": bound.whole,
        "signs": [{"meaning": text, "whole": tdn} for tdn, text in signs(result)],
        "signsApart": "" if result.calibrated else "; by separate bounds",  # see the wording of sentences
        "nPoints": bound.n_points,
        "nPermutations": result.familywise.n_permutations if result.familywise else None,
        "top": float(result.forest.highest_tdp().max()),
        "file": _name_parts(result),
        "labelFiles": [_name_parts(result, **({"hemi": hemi} if hemi else {})) for hemi in hemispheres],
        "parcels": list(region_facts(result, parcels)),
    }


def _name_parts(result: ContrastResult, **labels: str) -> list[str]:
    """Return the names of saved files before and after the target TDP."""
    before, after = str(stem(result, desc=result.desc + _MARK, **labels)).split(_MARK)
    return [before + "Tdp", after]
