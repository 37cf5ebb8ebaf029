"""Maps of vertices and grayordinates from their files: one for each hemisphere, or a CIFTI file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bids_ari.bids.hemispheres import GIFTI, hemisphere_files
from bids_ari.errors import DataError
from bids_ari.images.cifti import is_cifti, read_cifti
from bids_ari.images.contents import ContentKind
from bids_ari.images.gifti import SurfaceFile, read_gifti
from bids_ari.images.grayordinates import Grayordinates, frame_of, surfaces
from bids_ari.images.headers import NO_INTENT, Header, Intent
from bids_ari.images.image import Image
from bids_ari.images.structures import structure_label


def is_of_surfaces(path: Path) -> bool:
    """Return whether the name of a file is that of a GIFTI or a CIFTI file."""
    return path.name.lower().endswith((GIFTI, f"{GIFTI}.gz")) or is_cifti(path)


def read_surfaces(
    paths: Sequence[Path],
    mem: int | None = None,
    *,
    check_only: bool = False,
    map_name: str | None = None,
    content: ContentKind = "map",
) -> Image:
    """Read one map of a CIFTI file, or of the GIFTI files of one or two hemispheres.

    Parameters
    ----------
    paths : sequence of Path
        The files, that of the left hemisphere first. A single GIFTI file is one hemisphere.
    mem, check_only, map_name, content
        As in `bids_ari.images.gifti.read_gifti`.

    Returns
    -------
    Image
        Values, (n_positions,), at the vertices of both hemispheres, or in the order of the CIFTI file; without values
        if only the header was checked.

    Raises
    ------
    InputNotFoundError, DataError, ReadError
        When there is no file, it has no single map, it is damaged or too large, or the files are of one hemisphere.
    """
    if is_cifti(paths[0]):
        (path,) = paths
        found = read_cifti(path, mem, check_only=check_only, map_name=map_name, content=content)
        header = _header(path, frame_of(found.axis), found.step)
        return Image(found.values, header, {path: found.sha256})
    files = [read_gifti(path, mem, check_only=check_only, map_name=map_name, content=content) for path in paths]
    _check_hemispheres(paths, files)
    frame = surfaces(tuple((file.structure, file.n_vertices) for file in files))
    header = _header(paths[0], frame, max(file.step for file in files), *(file.intent for file in files))
    hashes = {path: file.sha256 for path, file in zip(paths, files, strict=True)}
    return Image(np.concatenate([file.values for file in files]), header, hashes)


def sources_of(path: Path) -> tuple[Path, ...]:
    """Return the files of an image that an option names: a GIFTI file also stands for that of the other hemisphere."""
    return hemisphere_files(path)


def _header(
    path: Path, frame: Grayordinates, step: float, intent: Intent = NO_INTENT, right: Intent = NO_INTENT
) -> Header:
    """Return a header; values of integers are `step` apart."""
    dtype = np.dtype(np.int32 if step else np.float64)
    return Header(str(path), frame, dtype, slope=step or 1.0, intent=intent, right=right)


def _check_hemispheres(paths: Sequence[Path], files: Sequence[SurfaceFile]) -> None:
    """Raise if two files are of the same hemisphere."""
    if len({file.structure for file in files}) < len(files):
        raise DataError(
            f"{paths[0]} and {paths[1]} are both of the {structure_label(files[0].structure)}",
            "one file of each hemisphere",
            "Correct the names of the files, or AnatomicalStructurePrimary in them (wb_command -set-structure)",
        )
