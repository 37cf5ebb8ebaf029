"""Files that the options name: those of this machine, and those that TemplateFlow has for the space of the maps."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.spaces import StandardSpace
from bids_ari.config.options import FIRST, TEMPLATE, Options
from bids_ari.images.files import read_header
from bids_ari.images.regions import find_atlas
from bids_ari.images.space import Grid
from bids_ari.images.templates import template_mask

_TEXTS = ("atlas labels", "model")  # roles of files that are not images


def option_files(options: Options, contrast: ContrastSet) -> dict[str, Path]:
    """Return the files that exist of those that the options name, by their role, such as ``mask`` or ``region 1``."""
    where, grid = StandardSpace.of(contrast.entities), None
    named = {"mask": options.mask, "target grid": options.target_grid, "model": options.model}
    named["underlay"] = options.underlay
    named |= {f"region {i}": path for i, path in enumerate(options.roi, start=1)}
    if TEMPLATE in (options.mask, options.target_grid) or options.atlas is not None:
        grid = read_header(contrast.files[0].path).grid
    if grid is not None and options.target_grid == TEMPLATE:
        named["target grid"] = template_mask(where, grid)
    if grid is not None and options.mask == TEMPLATE:
        named["mask"] = template_mask(where, _resampled(grid, named["target grid"]))
    if grid is not None and options.atlas is not None:
        atlas = find_atlas(options.atlas, options.atlas_labels, where, _resampled(grid, named["target grid"]))
        named |= {"atlas": atlas.path, "atlas labels": atlas.labels}
    return {role: path for role, path in named.items() if path is not None and path.is_file()}


def hash_files(files: Mapping[str, Path]) -> dict[str, str]:
    """Return the SHA-256 of files by their role."""
    for role, path in files.items():
        if role not in _TEXTS:
            read_header(path)  # an image of any size is not read before its header makes sense
    return {role: _cached_hash(path, path.stat().st_mtime_ns, path.stat().st_size) for role, path in files.items()}


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _resampled(grid: Grid, target: Path | None) -> Grid:
    """Return the grid of the maps after resampling; that of the first map where there is no such file."""
    return grid if target in (None, FIRST) or not target.is_file() else read_header(target).grid


@lru_cache(maxsize=64)
def _cached_hash(path: Path, mtime_ns: int, size: int) -> str:
    """Return the SHA-256 of a file, computed once for all contrasts."""
    return hash_file(path)
