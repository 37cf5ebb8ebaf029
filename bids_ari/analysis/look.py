"""What may be chosen after looking at the data: thresholds, target TDPs and regions of a result, without its maps.

The bounds of a result hold for all sets of points at once, so that any clusters and regions may be chosen later.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bids_ari.analysis.option_files import hash_files
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.spaces import StandardSpace
from bids_ari.config.options import Options
from bids_ari.errors import UsageError, listing
from bids_ari.images.atlas_files import find_atlas, region_roles
from bids_ari.images.region_names import load_names, naming_atlases, naming_roles
from bids_ari.images.regions import load_atlas, load_rois

_REQUIRED = {"atlas_labels": "atlas", "roi_threshold": "roi"}  # options of files that are not known any more
OF_REGIONS = {"atlas", "atlas_labels", "roi", "roi_threshold"}
"""Options that change regions: then the effects of subjects in them are not known, without the maps."""

_NAMING = {"atlas", "region_names"}  # options that name clusters
_NOTE = (
    "Thresholds, target TDPs or regions were changed after the analysis, by --reports-only. The bounds hold for all "
    "sets of voxels at once, so that this needs no correction"
)


def with_look(result: ContrastResult, changes: Mapping[str, Any]) -> ContrastResult:
    """Return a result with other options that are free to choose; clusters and regions are computed again.

    Raises
    ------
    UsageError
        When an option belongs to an atlas or a region that is not among the changes.
    BidsAriError
        When an atlas or a region cannot be used.
    """
    for option, required in _REQUIRED.items():
        if changes.get(option) is not None and not changes.get(required):
            flag, other = (name.replace("_", "-") for name in (option, required))
            raise UsageError(f"--{flag} requires --{other}", hint=f"Add --{other} FILE")
    dependent = {option: None for option, required in _REQUIRED.items() if required in changes}
    options = replace(result.options, **{**dependent, **changes})
    atlas, rois = result.atlas, tuple(each for each in result.regions if each is not result.atlas)
    space, template = result.space, StandardSpace.of(result.contrast.entities)
    if "atlas" in changes:
        atlas = load_atlas(options.atlas, options.atlas_labels, template, space) if options.atlas else None
    if "roi" in changes:
        rois = (load_rois(options.roi, space, options.roi_threshold),) if options.roi else ()
    names, files = result.names, _files(result, options, changes)
    if changes.keys() & _NAMING:
        names = load_names(options.region_names, atlas, options.atlas, template, space)
    return replace(
        result,
        options=options,
        clusters={threshold: result.forest.at_threshold(threshold) for threshold in options.threshold},
        largest={tdp: result.forest.with_tdp(tdp) for tdp in options.tdp},
        atlas=atlas,
        names=names,
        regions=(*((atlas,) if atlas else ()), *rois),
        region_effects=() if changes.keys() & OF_REGIONS else result.region_effects,
        hashes=_kept(result.hashes, changes) | hash_files(files),
        files=_kept(result.files, changes) | {role: path.name for role, path in files.items()},
        notes=tuple(dict.fromkeys((*result.notes, _NOTE, *_notes_on_extents(result, options)))),
    )


def _notes_on_extents(result: ContrastResult, options: Options) -> Iterator[str]:
    """Yield a note on thresholds above which the largest clusters of the permutations are not known."""
    if (errors := result.familywise) is None:
        return
    if unknown := [f"{threshold:g}" for threshold in options.threshold if not errors.has_extents(threshold)]:
        yield (
            f"No familywise p of extents at z > {listing(unknown, 20)}: the largest clusters of the permutations are "
            "known only for thresholds of the analysis"
        )


def _files(result: ContrastResult, options: Options, changes: Mapping[str, Any]) -> dict[str, Path]:
    """Return the files of regions that were changed, by their role."""
    template, frame = StandardSpace.of(result.contrast.entities), result.space.frame
    files: dict[str, Path] = {}
    if "atlas" in changes and options.atlas:
        files |= find_atlas(options.atlas, options.atlas_labels, template, frame).roles
    if "roi" in changes:
        files |= region_roles(options.roi)
    if changes.keys() & _NAMING:
        files |= naming_roles(naming_atlases(options.region_names, options.atlas, template, frame))
    return files


def _kept(found: Mapping[str, str], changes: Mapping[str, Any]) -> dict[str, str]:
    """Return what is known of files, by their role, without those that a change replaces."""
    pairs = (("atlas", ("atlas",)), ("region ", ("roi",)), ("names", _NAMING))
    begin = tuple(name for name, options in pairs if changes.keys() & {*options})
    return {name: each for name, each in found.items() if not (begin and name.startswith(begin))}
