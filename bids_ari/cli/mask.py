"""The command ``bids-ari-mask``: a mask of a group, from the brain masks of its subjects and a map of grey matter."""

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bids_ari.cli.arguments import Parser, flag_names, some_path
from bids_ari.cli.runner import answer
from bids_ari.errors import UsageError

if TYPE_CHECKING:
    from bids_ari.bids.subject_masks import SubjectMasks
    from bids_ari.images.group_masks import SubjectCounts
    from bids_ari.images.space import BoolArray

log = logging.getLogger(__name__)

TEMPLATE, SUBJECTS = "template", "subjects"
"""Words for ``--grey-matter``: TemplateFlow's map, and the mean of the maps of the subjects."""

GREY_THRESHOLD = 0.2
"""As in nilearn's ``load_mni152_gm_mask``."""

_ENDINGS = (".nii.gz", ".nii")
_LACKS_MUCH = 0.05  # of the voxels of most subjects


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these words, by default those of the process, and return the exit code."""
    return answer(parser().parse_args, argv, make_mask)


def parser() -> Parser:
    """Build the parser."""
    top = Parser(
        "bids-ari-mask",
        "Write a mask for bids-ari --mask: the voxels inside the brain masks of all subjects, or of most, as fMRIPrep "
        "writes them; with --grey-matter, those of grey matter. A mask must be chosen before looking at results.",
    )
    text = "folder with the brain masks of subjects: outputs of fMRIPrep, HALFpipe or nilearn (required)"
    top.add_argument("fmriprep_dir", type=some_path, metavar="FMRIPREP_DIR", help=text)
    text = "image to write, .nii.gz or .nii; a sidecar beside it says how it was made (required)"
    top.add_argument("mask", type=some_path, metavar="MASK", help=text)
    _add_filters(top.add_argument_group("which masks"))
    _add_choices(top.add_argument_group("which voxels"))
    return top


def _add_filters(group: Any) -> None:
    """Add the flags that select masks."""
    text = "space of the masks, such as MNI152NLin2009cAsym or MNI152NLin6Asym:res-2 (default: the only one there is)"
    group.add_argument("--space", default="", metavar="LABEL", help=text)
    for name, text in (
        ("participant-label", "subjects to use, or a file with one label per line (default: all)"),
        ("exclude", "subjects to leave out (default: none)"),
        ("session-label", "sessions to use (default: all)"),
        ("task-id", "tasks to use (default: all)"),
    ):
        group.add_argument(*flag_names(name), nargs="+", default=[], metavar="LABEL", help=text)


def _add_choices(group: Any) -> None:
    """Add the flags that define the mask."""
    text = "least part of the subjects whose masks contain a voxel, in all of their runs (default: 1)"
    group.add_argument("--coverage", type=float, default=1.0, metavar="PART", help=text)
    text = (
        "only voxels of grey matter: by TemplateFlow's map of the space (template), by the mean of the maps that "
        "fMRIPrep wrote of these subjects (subjects), or by a map of probabilities or a mask (default: the whole brain)"
    )
    group.add_argument(*flag_names("grey-matter"), metavar=f"FILE|{TEMPLATE}|{SUBJECTS}", help=text)
    text = f"least probability of grey matter (default: {GREY_THRESHOLD:g})"
    flags = flag_names("grey-matter-threshold")
    group.add_argument(*flags, type=float, default=GREY_THRESHOLD, metavar="P", help=text)
    text = "write the mask on the grid of this map (default: the grid of the masks)"
    group.add_argument("--like", type=some_path, metavar="MAP", help=text)


def make_mask(arguments: argparse.Namespace) -> int:
    """Make the mask and write it; write a summary to stdout, and return the exit code."""
    _check(arguments)
    from bids_ari.bids.subject_masks import find_masks
    from bids_ari.cli.main import read_labels
    from bids_ari.images.files import read_header
    from bids_ari.images.group_masks import count_masks

    masks = find_masks(
        arguments.fmriprep_dir,
        space=arguments.space,
        subjects=read_labels(arguments.participant_label),
        exclude=read_labels(arguments.exclude),
        task=arguments.task_id,
        session=arguments.session_label,
    )
    counted = count_masks(masks.files, read_header(arguments.like).grid if arguments.like else None)
    inside = counted.inside(arguments.coverage)
    grey: dict[str, Any] = {}
    if arguments.grey_matter:
        inside, grey = _in_grey_matter(arguments, masks, counted, inside)
    _note_small_masks(counted)
    about = _sidecar(arguments, masks, inside, counted.lacking(inside), grey)
    _write(arguments.mask, masks, counted, inside, about)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Raise UsageError for values that cannot be meant."""
    if not arguments.mask.name.endswith(_ENDINGS):
        raise UsageError(f"The mask {arguments.mask} has another extension", f"one of {', '.join(_ENDINGS)}")
    if not _stem(arguments.mask):
        raise UsageError(f"The mask {arguments.mask} has no name", "one before the extension")
    if arguments.grey_matter == "":  # of a variable of the shell that is not set
        raise UsageError("--grey-matter is empty", f"{TEMPLATE}, {SUBJECTS}, or a file")
    if not 0 < arguments.coverage <= 1:
        raise UsageError(f"--coverage is {arguments.coverage:g}", "a part of the subjects above 0, at most 1")
    if not 0 < arguments.grey_matter_threshold <= 1:
        raise UsageError(f"--grey-matter-threshold is {arguments.grey_matter_threshold:g}", "a probability above 0")
    _check_place(arguments)


def _check_place(arguments: argparse.Namespace) -> None:
    """Raise UsageError if the mask would replace an input, or be one of the next time."""
    path, folder = arguments.mask, arguments.fmriprep_dir
    for own, top in ((path.absolute(), folder.absolute()), (path.resolve(), folder.resolve())):
        if own.is_relative_to(top) and "".join(own.relative_to(top).parts[:1]).startswith("sub-"):
            raise UsageError(f"The mask {path} lies among the files of a subject", "another folder for it")
    for flag in ("grey_matter", "like"):
        if (given := getattr(arguments, flag)) and Path(given).resolve() == path.resolve():
            raise UsageError(f"The mask {path} is the file of --{flag.replace('_', '-')}", "another name for it")


def _stem(path: Path) -> str:
    """Return the name of an image without its extension."""
    return path.name.removesuffix(next(each for each in _ENDINGS if path.name.endswith(each)))


def _in_grey_matter(
    arguments: argparse.Namespace, masks: "SubjectMasks", counted: "SubjectCounts", inside: "BoolArray"
) -> tuple["BoolArray", dict[str, Any]]:
    """Return the voxels of a mask that are in grey matter, and what the sidecar has about it."""
    from bids_ari.bids.subject_masks import find_tissues
    from bids_ari.images.group_masks import grey_matter, intersection
    from bids_ari.images.templates import template_tissue

    if arguments.grey_matter == SUBJECTS:
        files = [*find_tissues(masks).values()]
    elif arguments.grey_matter == TEMPLATE:
        files = [template_tissue(masks.space or None, counted.grid)]
    else:
        files = [Path(arguments.grey_matter)]
    threshold = arguments.grey_matter_threshold
    grey, hashes = grey_matter(files, counted.grid, threshold)
    kind = {TEMPLATE: "TemplateFlow", SUBJECTS: "Mean over subjects"}.get(arguments.grey_matter, "File")
    about = {"Source": kind, "Threshold": threshold, "Files": {path.name: hashes[path] for path in files}}
    return intersection(inside, grey, files, threshold), {"GreyMatter": about}


def _note_small_masks(counted: "SubjectCounts") -> None:
    """Log subjects whose masks lack many of the voxels that most subjects have."""
    usual = counted.inside(0.5)
    n_usual = int(usual.sum())
    for subject, n in counted.lacking(usual).items():
        if n > _LACKS_MUCH * n_usual:
            log.warning("sub-%s lacks %.0f %% of the voxels that half of the subjects have", subject, 100 * n / n_usual)


def _sidecar(
    arguments: argparse.Namespace,
    masks: "SubjectMasks",
    inside: "BoolArray",
    lacking: Mapping[str, int],
    grey: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the content of the sidecar: what the mask is, and how to make it again."""
    from bids_ari._version import __version__
    from bids_ari.images.masks import n_required
    from bids_ari.outputs.description import CODE_URL

    n = len(masks.files)
    name = masks.folder.resolve().name or "fmriprep"
    link = Path(os.path.relpath(masks.folder.resolve(), arguments.mask.resolve().parent)).as_posix()
    needed = n_required(arguments.coverage, n)
    which = f"at least {needed} of" if needed < n else "all"
    text = f"Voxels inside the brain masks of {f'{which} {n} subjects' if n > 1 else 'one subject'}"
    return {
        "Description": text + (", in grey matter" if grey else ""),
        "Type": "Brain",
        **({"SpatialReference": masks.space} if masks.space else {}),
        "Coverage": arguments.coverage,
        "NumberOfVoxels": int(inside.sum()),
        **grey,
        "NumberOfSubjects": n,
        "VoxelsOutsideMaskOfSubject": {f"sub-{subject}": n_lacking for subject, n_lacking in lacking.items()},
        "Sources": [
            f"bids:{name}:{path.relative_to(masks.folder).as_posix()}"
            for files in masks.files.values()
            for path in files
        ],
        "DatasetLinks": {name: link},
        "GeneratedBy": [{"Name": "bids_ari", "Version": __version__, "CodeURL": CODE_URL}],
    }


def _write(
    path: Path, masks: "SubjectMasks", counted: "SubjectCounts", inside: "BoolArray", about: Mapping[str, Any]
) -> None:
    """Write the image and its sidecar, each complete or not at all, and a summary to stdout."""
    import numpy as np

    from bids_ari.bids.exclusions import subject_ranges
    from bids_ari.outputs.derivatives import Derivatives
    from bids_ari.outputs.folder import made_folder

    made_folder(path.parent)
    out = Derivatives(path.parent, {})
    with out.together():
        out.json(f"{_stem(path)}.json", about)
        out.image(path.name, counted.grid.image(inside.astype(np.uint8)))
    n, n_files = len(masks.files), sum(map(len, masks.files.values()))
    sys.stdout.write(
        f"{path}\n"
        f"  {about['Description']}\n"
        f"  subjects  {n}: {subject_ranges(masks.files)}\n"
        f"  masks     {n_files}{f', in {masks.space}' if masks.space else ''}\n"
        f"  voxels    {inside.sum()}, {inside.sum() * counted.grid.voxel_volume / 1000:.0f} cm3\n"
        f"  grid      {counted.grid}\n"
    )
