"""The files of the mask of a group: the image, and a sidecar that says how it was made."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from bids_ari._version import __version__
from bids_ari.bids.tree import short_name
from bids_ari.images.group_masks import SUBJECTS, GreyMatter, GroupMask
from bids_ari.images.templates import TEMPLATE
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.description import CODE_URL
from bids_ari.outputs.folder import made_folder

_SOURCES = {TEMPLATE: "TemplateFlow", SUBJECTS: "Mean over subjects"}


def write_group_mask(mask: GroupMask, path: Path) -> None:
    """Write the image, ``.nii.gz`` or ``.nii``, and its sidecar; both or, after an error, none of them.

    Raises
    ------
    OutputError
        When they cannot be written.
    """
    made_folder(path.parent)
    out = Derivatives(path.parent, {})
    with out.together():
        out.json(f"{path.name.removesuffix('.gz').removesuffix('.nii')}.json", sidecar(mask, path))
        out.image(path.name, mask.grid.image(mask.inside.astype(np.uint8)))


def sidecar(mask: GroupMask, path: Path) -> dict[str, Any]:
    """Return the sidecar of a mask that is written to a path: what it is, and how to make it again."""
    masks = mask.masks
    name = short_name(masks.folder, ())
    link = Path(os.path.relpath(masks.folder.resolve(), path.resolve().parent)).as_posix()
    files = (file for each in masks.files.values() for file in each)
    sources = [f"bids:{name}:{file.relative_to(masks.folder).as_posix()}" for file in files]
    return {
        "Description": mask.description,
        "Type": "ROI" if mask.grey else "Brain",  # of the kinds that BIDS has
        **({"Space": masks.space} if masks.space else {}),
        "SpatialReference": sources[0],  # BIDS has no names of spaces here
        "Coverage": mask.coverage,
        "NumberOfVoxels": int(mask.inside.sum()),
        **({"GreyMatter": _grey_matter(mask.grey)} if mask.grey else {}),
        "NumberOfSubjects": len(masks.files),
        "VoxelsOutsideMaskOfSubject": {f"sub-{subject}": n_lacking for subject, n_lacking in mask.lacking.items()},
        "Sources": sources,
        "DatasetLinks": {name: link},
        "GeneratedBy": [{"Name": "bids_ari", "Version": __version__, "CodeURL": CODE_URL}],
    }


def _grey_matter(grey: GreyMatter) -> dict[str, Any]:
    """Return the entry about grey matter."""
    return {
        "Source": _SOURCES.get(grey.source, "File"),
        "Threshold": grey.threshold,
        "Files": {file.name: digest for file, digest in grey.hashes.items()},
    }
