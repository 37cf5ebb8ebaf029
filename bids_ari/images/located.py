"""Frames with their meshes: what makes vertices neighbours, and places them."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from bids_ari.errors import UsageError
from bids_ari.images.grayordinates import Grayordinates
from bids_ari.images.meshes import find_meshes, notes_on_meshes, read_meshes
from bids_ari.images.space import Frame
from bids_ari.images.templates import SpaceName

log = logging.getLogger(__name__)


class Located(NamedTuple):
    """A frame with its meshes, and notes on which they are."""

    frame: Frame
    notes: tuple[str, ...] = ()


def locate(frame: Frame, surface: Sequence[str], template: SpaceName) -> Located:
    """Return the frame with its meshes, if it has vertices.

    Parameters
    ----------
    frame : Frame
        Where the maps have values.
    surface : sequence of str
        The files of the option ``--surface``; by default, meshes are found as `bids_ari.images.meshes.find_meshes`
        describes.
    template : StandardSpace, str or None
        The space of the maps.

    Raises
    ------
    BidsAriError
        When a mesh is not found or does not fit, or maps of volumes have one.
    """
    if not isinstance(frame, Grayordinates) or not frame.axis.nvertices:
        if surface:
            raise UsageError(
                "The maps have no vertices, and need no mesh",
                hint="Remove --surface, or choose maps on surfaces with --space",
            )
        return Located(frame)
    if frame.meshes and not surface:
        return Located(frame)
    files = find_meshes(frame.axis.nvertices, template, surface)
    meshes = read_meshes(files, frame.axis.nvertices)
    if files.note and not files.is_guess:
        log.info("%s", files.note)
    return Located(frame.located(meshes), (*[files.note] * files.is_guess, *notes_on_meshes(meshes)))
