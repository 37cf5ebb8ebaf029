"""TemplateFlow: brain masks and atlases by name.

It is used only for names: without network and without a TemplateFlow home, local files work.
"""

import re
import warnings
from pathlib import Path
from typing import Any

from bids_ari.bids.entities import labels_in_name
from bids_ari.errors import InputNotFoundError, NoMatchError, UsageError, listing
from bids_ari.images.space import Grid

TEMPLATE = "template"  # as a mask or a target grid: TemplateFlow's brain mask of the space of the maps

_QUERY = {"res": "resolution", "desc": "desc", "atlas": "atlas"}
_OFFLINE = "Fill TEMPLATEFLOW_HOME on a machine with network access, or use a local file"


def template_mask(space: str | None, grid: Grid) -> Path:
    """Return the path of TemplateFlow's brain mask of a space, in the resolution nearest to a grid."""
    return _fetch(space, grid, f"a brain mask of {space}", desc="brain", suffix="mask", extension=".nii.gz")


def template_atlas(atlas: str, space: str | None, grid: Grid) -> tuple[Path, Path | None]:
    """Return the paths of TemplateFlow's atlas and its table, if it has one."""
    name, _, desc = atlas.partition(":")
    query: dict[str, Any] = {"atlas": name, "suffix": "dseg"} | ({"desc": desc} if desc else {})
    path = _fetch(space, grid, f"the atlas {atlas} in {space}", extension=".nii.gz", **query)
    try:
        table = _fetch(space, grid, f"the table of {atlas}", extension=".tsv", **query)
    except NoMatchError:
        return path, None
    return path, table


def _fetch(space: str | None, grid: Grid, what: str, **query: Any) -> Path:
    """Return the path of one file of TemplateFlow: on this machine if possible, in the resolution nearest to a grid."""
    if space is None:
        hint = "Use a local file with --mask, --atlas or --target-grid; for bids-ari-map, add --space LABEL"
        raise UsageError("The names of the maps have no space", "space- in their names", hint)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # of creating a new home
            from templateflow import api
        candidates = [Path(path) for path in api.ls(space, **query)]
    except OSError as error:  # no home can be made
        raise InputNotFoundError(f"TemplateFlow cannot be used: {error}", hint=_OFFLINE) from error
    if not candidates:
        others = sorted({str(path.name) for path in map(Path, api.ls(space, suffix=query["suffix"]))})
        raise NoMatchError(
            f"TemplateFlow does not have {what}",
            f"one of: {listing(others)}" if others else f"a space such as {listing(api.templates())}",
            "Use a local file",
        )
    target = max(grid.zooms)

    def distance(path: Path) -> tuple[bool, float, str]:
        digits = re.sub(r"\D", "", labels_in_name(path.name).get("res", "")) or "0"
        return not (path.exists() and path.stat().st_size > 0), abs(float(digits) - target), path.name

    best = min(candidates, key=distance)
    labels = labels_in_name(best.name)
    exact = query | {key: labels[short] for short, key in _QUERY.items() if short in labels}
    try:
        found = api.get(space, raise_empty=True, **exact)
    except Exception as error:  # requests' ConnectionError and many more: the network, the disk
        raise InputNotFoundError(f"{what} could not be fetched: {type(error).__name__}", hint=_OFFLINE) from error
    return Path(found[0] if isinstance(found, list) else found)
