"""Brain masks and tissue maps of subjects, in the names of fMRIPrep, HALFpipe and nilearn."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bids_ari.bids.entities import bare_label, labels_in_name, printable
from bids_ari.bids.group_checks import is_native
from bids_ari.bids.labels import match_labels, same_label
from bids_ari.bids.spaces import StandardSpace, labels_of_space
from bids_ari.bids.tree import files_below
from bids_ari.errors import InputNotFoundError, NoMatchError, ReadError, UsageError, listing

log = logging.getLogger(__name__)

Labels = Mapping[str, str]

EXAMPLE = "sub-01/func/sub-01_task-rest_space-MNI152NLin2009cAsym_desc-brain_mask.nii.gz"
"""A brain mask in the names of fMRIPrep."""

_OTHER_MASKS = ("label", "atlas", "roi", "hemi", "seg")  # entities of masks that are not of the brain
_NAMES = {"task": "task-id", "ses": "session-label"}
_MOST = 20  # labels in a message


@dataclass(frozen=True, slots=True)
class SubjectMasks:
    """The brain masks of subjects in one space."""

    folder: Path
    space: str  # with what distinguishes it, as options of fMRIPrep have it; empty where names have none
    files: Mapping[str, tuple[Path, ...]]  # by subject, in order


def find_masks(
    folder: Path,
    *,
    space: str = "",
    subjects: Sequence[str] = (),
    exclude: Sequence[str] = (),
    task: Sequence[str] = (),
    session: Sequence[str] = (),
) -> SubjectMasks:
    """Find the brain masks of the functional runs of subjects, in one space.

    Parameters
    ----------
    folder : Path
        The outputs of fMRIPrep, or first-level results that have masks beside them, with folders of subjects.
    space : str
        A space, such as ``MNI152NLin2009cAsym`` or ``MNI152NLin6Asym:res-2``; by default, the only one there is that
        is not native. Where no name has a space, it states the space of all.
    subjects, exclude, task, session : sequence of str
        Labels, with or without their keys; empty for all, or none to exclude.

    Raises
    ------
    InputNotFoundError
        When there is no such folder, or no brain mask in it.
    NoMatchError
        When a label is that of no mask.
    ReadError
        When a folder of a subject cannot be read.
    UsageError
        When there are masks of several spaces, or the space is native.
    """
    if not folder.is_dir():
        raise InputNotFoundError(f"There is no folder {folder}", "the outputs of fMRIPrep")
    found = {path: labels_in_name(path.name) for path in _files(folder, "mask") if _is_of_brain(path, folder)}
    if not found:
        raise _no_mask(folder)
    for key, wanted in (("sub", subjects), ("task", task), ("ses", session)):
        found = _selected(found, key, wanted)
    found, label = _of_space(_without(found, exclude), space)
    files: dict[str, list[Path]] = defaultdict(list)
    for path, labels in found.items():
        files[labels["sub"]].append(path)
    if not files:
        raise NoMatchError(f"No brain mask in {folder} is left by the filters", "masks of at least one subject")
    return SubjectMasks(folder, label, {subject: tuple(files[subject]) for subject in sorted(files)})


def find_tissues(masks: SubjectMasks, tissue: str = "GM") -> dict[str, Path]:
    """Return the probability map of a tissue of each subject that has masks, as fMRIPrep writes it.

    Raises
    ------
    InputNotFoundError
        When a subject has none in the space of the masks.
    UsageError
        When that is not known.
    """
    if not masks.space:
        raise UsageError(
            "The names of the masks have no space", "one to look for maps of grey matter", "Use --space LABEL"
        )
    wanted = {key: label for key, label in labels_of_space(masks.space).items() if key != "res"}
    maps: dict[str, Path] = {}
    for path in _files(masks.folder, "probseg"):
        labels = labels_in_name(path.name)
        if labels.get("label") == tissue and {**labels, **wanted} == labels:
            maps.setdefault(labels["sub"], path)
    if lacking := [subject for subject in masks.files if subject not in maps]:
        name = f"sub-{lacking[0]}/anat/sub-{lacking[0]}_space-{wanted['space']}_label-{tissue}_probseg.nii.gz"
        hint = "Use --grey-matter template, or a file with --grey-matter FILE"
        raise InputNotFoundError(f"No map of grey matter of {listing(lacking)} in {masks.folder}", name, hint)
    return {subject: maps[subject] for subject in masks.files}


def other_space(masks: SubjectMasks, name: str) -> StandardSpace | None:
    """Return the space in the name of a file, if it is not that of the masks; None also where either is not known."""
    named = StandardSpace.in_name(name)
    return named if named and masks.space and named.differs_from(StandardSpace.parse(masks.space)) else None


def _files(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the images with a suffix in the folders of subjects, in order; raise ReadError for an unreadable one."""
    try:
        tops = sorted(path for path in folder.iterdir() if path.name.startswith("sub-") and path.is_dir())
        for path in files_below(*tops):
            if path.name.endswith((f"_{suffix}.nii", f"_{suffix}.nii.gz")) and "sub" in labels_in_name(path.name):
                yield path
    except OSError as error:
        found = f"{printable(str(error.filename or folder))} cannot be read: {error.strerror}"
        raise ReadError(found, hint=f"Make it readable, or move it out of {folder}") from error


def _is_of_brain(path: Path, folder: Path) -> bool:
    """Return whether a mask is that of the brain in a functional run."""
    labels = labels_in_name(path.name)
    is_brain = labels.get("desc", "brain") == "brain" and not any(key in labels for key in _OTHER_MASKS)
    return is_brain and ("task" in labels or "func" in path.relative_to(folder).parts)


def _no_mask(folder: Path) -> InputNotFoundError:
    """Return the error for a folder without brain masks."""
    inner = next((each for each in (folder / "derivatives" / "fmriprep", folder / "fmriprep") if each.is_dir()), None)
    hint = f"Use {inner}" if inner else "Use the folder of fMRIPrep's outputs, such as derivatives/fmriprep"
    return InputNotFoundError(
        f"There is no brain mask of a functional run in {folder}", f"files such as {EXAMPLE}", hint
    )


def _without(found: dict[Path, dict[str, str]], exclude: Sequence[str]) -> dict[Path, dict[str, str]]:
    """Return the masks of subjects that are not excluded."""
    asked = [bare_label(label, "sub") for label in exclude]
    existing = {labels["sub"] for labels in found.values()}
    pairs = match_labels(asked, existing).pairs
    left = {pairs.get(label, label) for label in asked}
    for label in sorted(left - existing):
        log.warning("--exclude %s: there is no such subject", printable(label))
    return {path: labels for path, labels in found.items() if labels["sub"] not in left}


def _selected(found: dict[Path, dict[str, str]], key: str, wanted: Iterable[str]) -> dict[Path, dict[str, str]]:
    """Return the masks with one of some labels of an entity; all without labels."""
    asked = [bare_label(label, key) for label in wanted]
    if not asked:
        return found
    existing = {labels[key] for labels in found.values() if key in labels}
    pairs = match_labels(asked, existing).pairs
    chosen = {pairs.get(label, label) for label in asked}
    if unknown := sorted(chosen - existing):
        expected = f"one of: {listing(sorted(existing), _MOST)}" if existing else f"masks with {key}- in their names"
        raise NoMatchError(f"No brain mask has {key}-{printable(listing(unknown))}", expected)
    return {path: labels for path, labels in found.items() if labels.get(key) in chosen}


def _of_space(found: dict[Path, dict[str, str]], space: str) -> tuple[dict[Path, dict[str, str]], str]:
    """Return the masks of a space, or of the only one, and its label; see `find_masks`."""
    subjects = {labels["sub"] for labels in found.values()}
    if is_native(space, subjects):
        raise UsageError(
            f"space-{space} is the native space of each subject",
            "a standard space, such as MNI152NLin2009cAsym, where a voxel is the same place in all subjects",
        )
    spaces = {_space_of(labels) for labels in found.values()}
    if space and spaces == {""}:
        return found, space
    if space:
        wanted = labels_of_space(space)
        fitting = {path: labels for path, labels in found.items() if _fits(labels, wanted)}
        if not fitting:
            raise NoMatchError(f"No brain mask has the space {space}", f"one of: {_spelled(spaces)}")
        spaces = {_space_of(labels) for labels in fitting.values()}
        found = fitting
    elif len(standard := {each for each in spaces if each and not is_native(each, subjects)}) == 1:
        spaces = standard
    if len(spaces) > 1:
        raise UsageError("The brain masks are of several spaces", f"one of: {_spelled(spaces)}", "Choose with --space")
    label = next(iter(spaces), "")
    if is_native(label, subjects):
        raise UsageError(f"All brain masks are in the native space of each subject (space-{label})", "a standard space")
    return {path: labels for path, labels in found.items() if _space_of(labels) == label}, label


def _space_of(labels: Labels) -> str:
    """Return the space in a name, with cohort and resolution, as options of fMRIPrep have it; empty without one."""
    parts = [f"{key}-{labels[key]}" for key in ("cohort", "res") if key in labels]
    return ":".join([labels["space"], *parts]) if "space" in labels else ""


def _fits(labels: Labels, wanted: Labels) -> bool:
    """Return whether a name has some labels; numbers may have other leading zeros."""
    return all(key in labels and same_label(labels[key], label) for key, label in wanted.items())


def _spelled(spaces: Iterable[str]) -> str:
    """Return the names of spaces for a message."""
    return listing((each or "names without space-" for each in sorted(spaces)), _MOST)
