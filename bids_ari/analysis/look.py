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
from bids_ari.images.regions import load_atlas, load_rois

_REQUIRED = {"atlas_labels": "atlas", "roi_threshold": "roi"}  # options of files that are not known any more
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
    return replace(
        result,
        options=options,
        clusters={threshold: result.forest.at_threshold(threshold) for threshold in options.threshold},
        largest={tdp: result.forest.with_tdp(tdp) for tdp in options.tdp},
        atlas=atlas,
        regions=(*((atlas,) if atlas else ()), *rois),
        hashes=_hashes(result, options, changes),
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


def _hashes(result: ContrastResult, options: Options, changes: Mapping[str, Any]) -> dict[str, str]:
    """Return the hashes of a result, with those of new files in place of those that they replace."""
    files: dict[str, Path] = {}
    begin = tuple(name for option, name in (("atlas", "atlas"), ("roi", "region ")) if option in changes)
    if "atlas" in changes and options.atlas:
        template = StandardSpace.of(result.contrast.entities)
        files = find_atlas(options.atlas, options.atlas_labels, template, result.space.frame).roles
    if "roi" in changes:
        files |= region_roles(options.roi)
    kept = {name: digest for name, digest in result.hashes.items() if not (begin and name.startswith(begin))}
    return kept | hash_files(files)
