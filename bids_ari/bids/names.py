"""Names of files and folders: their entities, and what in them is no entity.

A name of BIDS has pairs ``key-label``, a suffix and an extension, separated by underscores. A label that has an
underscore would be read up to it: names with anything that is no pair are reported instead.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

from bids_ari.bids.entities import Entities, Pairs, is_pair, key_of, labels_in_name, printable, safe_label
from bids_ari.bids.exclusions import Reason
from bids_ari.bids.hemispheres import hemisphere_of_label
from bids_ari.bids.labels import same_label
from bids_ari.bids.layouts import LAYOUT_CONFIG

INDICES = ("run", "echo", "flip", "inv", "split", "chunk")
"""Entities whose labels are numbers in BIDS: 1 and 01 are the same."""

_ONLY_PAIRS = re.compile("(?:[a-zA-Z0-9]+-[^_]+_)*[^_]*")
_OF_FOLDER = re.compile(r"(?:^|/)sub-([a-zA-Z0-9]+)(?=/|\Z)")
_OF_NAME = re.compile("sub-([a-zA-Z0-9]+)_")
_NOT_ENTITIES = ("suffix", "extension", "datatype", "fmap", "scans")  # of pybids
_OF_FOLDERS = ("sub", "ses")  # entities for which a folder and the files in it must not have different labels


class FolderLabels(NamedTuple):
    """The entities in the names of the folders that contain a file."""

    labels: Mapping[str, str]
    beginnings: Mapping[str, str]  # of the labels, as far as pybids reads them
    problems: Mapping[str, str]  # why those of the same name are not usable, by key


def problem_of_name(name: str, place: str = "name") -> str:
    """Return why the entities in the name of a file, or of another `place`, cannot be used; empty where they can.

    >>> problem_of_name("sub-01_contrast-faces_vs_houses_stat-z_statmap.nii.gz")
    'its name has contrast-faces_vs_houses: a label must not contain an underscore'
    >>> problem_of_name("sub-01_contrast-faces_stat-z_statmap.nii.gz")
    ''
    """
    parts = name.split("_")[:-1]
    if odd := [i for i, part in enumerate(parts) if not is_pair(part)]:
        first, last = max(odd[0] - 1, 0), odd[0] + 1
        while last in odd:
            last += 1
        shown = printable("_".join(parts[first:last]))
        if odd[0] and all(parts[odd[0] : last]) and is_pair(parts[first]):
            return Reason.UNDERSCORE.text(place=place, part=shown)
        return Reason.NO_PAIR.text(place=place, part=repr(shown))
    keys = Counter(part.partition("-")[0] for part in parts)
    twice = " and ".join(f"{key}-" for key, n in keys.items() if n > 1)
    return Reason.REPEATED_KEY.text(place=place, keys=twice) if twice else ""


@cache
def labels_of_folder(folder: str) -> FolderLabels:
    """Read the entities in the names of folders that pybids knows, relative to their dataset: never of those above it.

    Labels are read to their end, where pybids reads the letters and digits at their beginning.
    """
    from bids.layout import parse_file_entities  # takes a third of a second

    parsed = parse_file_entities(f"/{folder}/", entities=known_entities())
    found = {key_of(name): str(label) for name, label in parsed.items() if name not in _NOT_ENTITIES}
    whole: dict[str, str] = {}
    problems: dict[str, str] = {}
    for part in folder.split("/"):
        inside = labels_in_name(f"{part}_")
        whole = inside | whole  # pybids reads the first, too
        if problem := problem_of_name(f"{part}_", "folder"):
            problems = dict.fromkeys(inside, problem) | problems
    labels = {key: whole[key] if whole.get(key, "").startswith(label) else label for key, label in found.items()}
    return FolderLabels(labels, found, problems)


def entities_of_file(folder: str, name: str) -> tuple[Entities, str]:
    """Return the entities of a file in some folders, relative to their dataset, and why they cannot be used."""
    above, own, problem = labels_of_folder(folder), labels_in_name(name), ""
    if len(own) < name.count("_") or not _ONLY_PAIRS.fullmatch(name):  # else all is well, as in most names
        problem = problem_of_name(name)
        own = _whole_labels(name)
    for key in () if problem else above.labels:
        if key not in own:
            problem = problem or above.problems.get(key, "")
        elif key in _OF_FOLDERS:
            label, outer = printable(own[key]), above.labels[key]
            if not (same_label(label, outer) or same_label(label, above.beginnings[key])):
                problem = Reason.OTHER_FOLDER.text(found=f"{key}-{label}", other=f"{key}-{outer}")
    return Entities.of({**above.labels, **own}), problem


class Names:
    """The names of many files; of those that differ only in the label of their subject, one is parsed."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Pairs]] = {}  # by folder and name, both without the label

    def in_folder(self, folder: str) -> Callable[[str], tuple[Entities, str]]:
        """Return a function of the name of a file, equal to `entities_of_file` with this folder."""
        parse = partial(entities_of_file, folder)
        labels = _OF_FOLDER.findall(folder)
        if "_" in folder or folder.count("sub-") > len(labels) or len(labels) > 1:
            return parse  # the label might be a part of other entities
        label = "".join(labels)
        known = self._known.setdefault(folder.replace(f"sub-{label}", "sub-") if label else folder, {})

        def entities(name: str) -> tuple[Entities, str]:
            found = _OF_NAME.match(name)
            if found is None or (label and found[1] != label):
                return parse(name)
            own, rest = ("sub", found[1]), name[found.end() :]
            if rest not in known:
                parsed, problem = parse(name)
                if problem or parsed.pairs[0] != own:
                    return parsed, problem
                known[rest] = parsed.pairs[1:]
            return Entities((own, *known[rest])), ""

        return entities


def _whole_labels(name: str) -> dict[str, str]:
    """Return the labels of a name with all that follows up to the next key, so that none of them is truncated."""
    labels: dict[str, str] = {}
    last = ""
    for part in name.split("_")[:-1]:
        key, _, label = part.partition("-")
        if is_pair(part) and key not in labels:
            labels[key], last = label, key
        elif last:
            labels[last] += f"_{part}"
    return labels


def forms_of(label: str | int, key: str, existing: Collection[str]) -> Collection[str | int]:
    """Return the existing labels of an entity that one means: itself, else those written so, or the same in fact.

    >>> forms_of("facesscrambled", "contrast", ["faces>scrambled", "faces"]), forms_of("1", "run", ["01", "02"])
    (['faces>scrambled'], ['01'])
    >>> forms_of("lh", "hemi", ["L", "R"])
    ['L']
    """
    if label in existing or not isinstance(label, str):
        return [label]
    if key == "hemi" and (side := hemisphere_of_label(label)) and side in existing:
        return [side]
    written = [each for each in existing if safe_label(each) == label or (key in INDICES and same_label(each, label))]
    return written or [label]


@cache
def known_entities() -> tuple[Any, ...]:
    """Load the entities that pybids defines, and ours."""
    from bids.layout.models import Config

    bids, derivatives, ours = (Config.load(name).entities for name in ("bids", "derivatives", str(LAYOUT_CONFIG)))
    return tuple({**bids, **derivatives, **ours}.values())
