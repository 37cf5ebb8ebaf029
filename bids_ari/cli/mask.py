"""The command ``bids-ari-mask``: a mask of a group, from the brain masks of its subjects and a map of grey matter."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bids_ari.cli.arguments import Parser, flag_names, some_path
from bids_ari.cli.runner import answer
from bids_ari.errors import UsageError

if TYPE_CHECKING:
    from bids_ari.bids.subject_masks import SubjectMasks
    from bids_ari.images.group_masks import GroupMask

log = logging.getLogger(__name__)

GREY_THRESHOLD = 0.2
"""As in nilearn's ``load_mni152_gm_mask``."""

_ENDINGS = (".nii.gz", ".nii")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these words, by default those of the process, and return the exit code."""
    return answer(parser().parse_args, argv, write_mask)


def parser() -> Parser:
    """Build the parser."""
    top = Parser(
        "bids-ari-mask",
        "Write a mask for bids-ari --mask: the voxels inside the brain masks of all subjects, or of most, as fMRIPrep "
        "writes them; with --grey-matter, those of grey matter. A mask must be chosen before looking at results.",
        has_log=False,
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
    group.add_argument(*flag_names("grey-matter"), metavar="FILE|template|subjects", help=text)
    text = f"least probability of grey matter (default: {GREY_THRESHOLD:g})"
    flags = flag_names("grey-matter-threshold")
    group.add_argument(*flags, type=float, default=GREY_THRESHOLD, metavar="P", help=text)
    text = "write the mask on the grid of this map (default: the grid of the masks)"
    group.add_argument("--like", type=some_path, metavar="MAP", help=text)


def write_mask(arguments: argparse.Namespace) -> int:
    """Make the mask and write it; write a summary to stdout, and return the exit code."""
    _check(arguments)
    from bids_ari.bids.subject_masks import find_masks
    from bids_ari.cli.main import read_labels
    from bids_ari.images.files import read_header
    from bids_ari.images.group_masks import SUBJECTS, make_mask, note_other_spaces
    from bids_ari.images.templates import TEMPLATE
    from bids_ari.outputs.group_mask import write_group_mask

    masks = find_masks(
        arguments.fmriprep_dir,
        space=arguments.space,
        subjects=read_labels(arguments.participant_label),
        exclude=read_labels(arguments.exclude),
        task=arguments.task_id,
        session=arguments.session_label,
    )
    _check_spaces(arguments, masks)
    mask = make_mask(
        masks,
        coverage=arguments.coverage,
        grey_matter=arguments.grey_matter,
        threshold=arguments.grey_matter_threshold,
        like=read_header(arguments.like).grid if arguments.like else None,
    )
    grey = arguments.grey_matter
    named = [Path(each) for each in (arguments.like, grey) if each and each not in (TEMPLATE, SUBJECTS)]
    note_other_spaces(masks, [*named, arguments.mask])
    write_group_mask(mask, arguments.mask)
    sys.stdout.write(f"{arguments.mask}\n{_summary(mask)}")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Raise UsageError for values that cannot be meant."""
    if not arguments.mask.name.endswith(_ENDINGS):
        raise UsageError(f"The mask {arguments.mask} has another extension", f"one of {', '.join(_ENDINGS)}")
    if arguments.mask.name in _ENDINGS:
        raise UsageError(f"The mask {arguments.mask} has no name", "one before the extension")
    if arguments.grey_matter == "":  # of a variable of the shell that is not set
        raise UsageError("--grey-matter is empty", "template, subjects, or a file")
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


def _check_spaces(arguments: argparse.Namespace, masks: "SubjectMasks") -> None:
    """Raise UsageError if the name of the mask has another space than the brain masks; log other files that have."""
    from bids_ari.bids.subject_masks import other_space

    if found := other_space(masks, arguments.mask.name):
        expected = f"space-{masks.space.partition(':')[0]}, that of the brain masks, or none"
        raise UsageError(f"The name of the mask {arguments.mask} has the space {found}", expected, "Rename it")
    for flag, path in (("grey-matter", arguments.grey_matter), ("like", arguments.like)):
        name = Path(path or "").name
        if found := other_space(masks, name):
            log.warning("--%s %s is of %s by its name, the masks are in %s: check it", flag, name, found, masks.space)


def _summary(mask: "GroupMask") -> str:
    """Return what is in a mask, as lines for a terminal."""
    from bids_ari.bids.exclusions import subject_ranges

    masks, n_voxels = mask.masks, mask.inside.sum()
    n, n_files = len(masks.files), sum(map(len, masks.files.values()))
    return (
        f"  {mask.description}\n"
        f"  subjects  {n}: {subject_ranges(masks.files)}\n"
        f"  masks     {n_files}{f', in {masks.space}' if masks.space else ''}\n"
        f"  voxels    {n_voxels}, {n_voxels * mask.grid.voxel_volume / 1000:.0f} cm3\n"
        f"  grid      {mask.grid}\n"
    )
