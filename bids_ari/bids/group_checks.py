"""Checks of contrasts whose maps are analysed together as a group; single maps need none of them."""

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeAlias

from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.entities import printable
from bids_ari.bids.exclusions import subject_ranges
from bids_ari.bids.labels import unpadded
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import DataError, DuplicateMapsError, listing

Same: TypeAlias = tuple[list[str], list[str]]
"""Labels of the subjects, and names of the files, that have the same image."""

NATIVE_SPACES = frozenset(
    (
        *("t1w", "t2w", "pdw", "flair", "inplanet1", "inplanet2", "t1", "t2", "t1map", "t2map", "t2starw", "mprage"),
        *("anat", "anatomical", "struct", "structural", "acpc", "t1wacpc", "t2wacpc", "acpct1w", "acpct2w"),
        *("orig", "native", "individual", "subject", "participant", "sub", "self", "session", "fsnative", "freesurfer"),
        *("func", "functional", "bold", "boldref", "meanbold", "sbref", "epi", "epiref", "run", "dwi", "dwiref", "b0"),
        *("asl", "aslref", "pet", "petref", "fmap", "scanner", "scanras", "device"),
    )
)
"""Labels of spaces in which each subject has a brain of its own, in lower case."""


def is_native(space: str | None, subjects: Collection[str] = ()) -> bool:
    """Return whether a space is that of each subject, or of one of some subjects; no space is not.

    The space of a subject is its label, also after ``sub`` and with other leading zeros.

    >>> is_native("T1w"), is_native("MNI152NLin6Asym"), is_native(None)
    (True, False, False)
    >>> is_native("sub01", ["01", "02"]), is_native("2", ["01", "02"]), is_native("study", ["01", "02"])
    (True, True, False)
    """
    label = (space or "").lower()
    if not label or label in NATIVE_SPACES:
        return bool(label)
    known = {unpadded(subject.lower()) for subject in subjects}
    return not known.isdisjoint(unpadded(each) for each in (label, re.sub("^(sub|subject|participant)-?", "", label)))


def check_group(
    contrast: ContrastSet, *, allow_native_space: bool = False, allow_duplicates: bool = False
) -> tuple[str, ...]:
    """Check that a group analysis of a contrast makes sense; return notes on what may be unexpected.

    Raises
    ------
    DataError
        When the maps are in the native space of each subject, or have no direction.
    DuplicateMapsError
        When one file is listed, or linked to, more than once.
    """
    space = contrast.entities.get("space")
    native = is_native(space, {*contrast.subjects, *(entry.subject for entry in contrast.excluded)})
    if native and not allow_native_space:
        raise DataError(
            f"The maps of {contrast.name} are in the native space of each subject (space-{space})",
            "maps in one standard space, such as MNI152NLin2009cAsym or fsaverage, where a voxel or vertex is the same "
            "place in all subjects",
            "Choose maps in a standard space with --space, or use --allow-native-space if all are aligned",
        )
    if contrast.of_f:
        raise DataError(
            f"The {contrast.stat} maps of {contrast.name} are of an F contrast, tests of any effect",
            "maps with a direction, of which a group mean can be tested",
            "Choose other contrasts with --contrast, or test each subject with the level participant",
        )
    if not allow_duplicates:
        _check_files(contrast)
    found = f"The maps are in the native space of each subject (space-{space}), analysed with --allow-native-space"
    return (*[found] * native, *_mixed(contrast.members))


def _mixed(members: Sequence[SubjectMap]) -> Iterator[str]:
    """Describe of which sessions, and of which runs, the only map of each subject is, if they differ."""
    if any(len(member.all_maps) > 1 for member in members):
        return  # combined or compared
    for key, name in (("ses", "session"), ("run", "run")):
        subjects: dict[str, list[str]] = defaultdict(list)
        for member in members:
            label = member.first.entities.get(key)
            subjects[f"{key}-{printable(label)}" if label else f"no {name}"].append(member.subject)
        if len(subjects) > 1:
            found = listing(f"{label} ({subject_ranges(subjects[label])})" for label in sorted(subjects))
            yield f"Maps of different {name}s are analysed together, one of each subject: {found}"


def _check_files(contrast: ContrastSet) -> None:
    """Raise if one file is the map of several subjects, or several maps of one."""
    owners: dict[tuple[str, str], list[tuple[str, StatMap]]] = defaultdict(list)
    for member in contrast.members:
        for file in member.all_files:
            owners[os.path.realpath(file.path), file.map_name].append((member.subject, file))
    twice = [found for found in owners.values() if len(found) > 1]
    if twice:
        raise same_image([([subject for subject, _ in found], [file.label for _, file in found]) for found in twice])


def same_image(groups: Iterable[Same]) -> DuplicateMapsError:
    """Make the error that images are used more than once, from the subjects and the files that have one."""
    return DuplicateMapsError(
        f"The same image is used more than once: {listing(map(describe, groups))}",
        "different images for all subjects, runs, sessions and statistics",
        "Replace the wrong files, exclude subjects with --exclude, or use --allow-duplicates if this is intended",
    )


def describe(group: Same) -> str:
    """Name the subjects and the files that have the same image."""
    subjects, files = (list(dict.fromkeys(each)) for each in group)
    owners = " and ".join(f"sub-{printable(subject)}" for subject in subjects[:2])
    owners = listing(f"sub-{printable(subject)}" for subject in subjects) if len(subjects) > 2 else owners
    return f"{owners} ({listing(files, 3)})"
