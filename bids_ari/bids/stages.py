"""Stages of a first-level model: maps of runs, sessions and subjects, of which the nearest to subjects are used."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from bids_ari.bids.entities import Entities, printable
from bids_ari.bids.exclusions import Reason, ReasonText
from bids_ari.bids.statmap import StatMap
from bids_ari.errors import DataError, counted, listing

Refused = list[tuple[StatMap, ReasonText]]
"""Files that are not used, with the reason."""

_STAGES = {"run": 2, "ses": 1, "sub": 0, "dataset": 3}


@cache
def stage_of_node(node: str | None) -> str | None:
    """Return the stage of a first-level model that the node or level of a map names: run, ses, sub or dataset."""
    found = re.search(r"(?:^|[^a-z])(dataset|run|ses|sub)(?:sion|ject)?s?(?:level|[^a-z]|$)", (node or "").lower())
    return found.group(1) if found else None


def _stage(file: StatMap) -> int:
    """Rank a map by its stage: the subject's before a session's before a run's."""
    if named := stage_of_node(file.node):
        return _STAGES[named]
    return 2 if file.entities.get("run") else 1 if file.entities.get("ses") else 0


def choose_maps(usable: Mapping[Entities, list[StatMap]], refused: Refused) -> dict[Entities, list[StatMap]]:
    """Choose the stage of each contrast, of files of one kind.

    Raises
    ------
    DataError
        When the maps of one contrast are volumes, surfaces and grayordinates that only their extensions distinguish.
    """
    kinds = dict.fromkeys(file.kind for files in usable.values() for file in files)
    chosen: dict[Entities, list[StatMap]] = {}
    for kind in kinds:
        own = {key: found for key, files in usable.items() if (found := [file for file in files if file.kind == kind])}
        for key, files in choose_stages(own, refused):
            if key in chosen:
                raise _mixed(key, [*chosen[key], *files])
            chosen[key] = files
    return chosen


def _mixed(key: Entities, files: Sequence[StatMap]) -> DataError:
    """Make the error that a contrast has files of several kinds; it says how to choose."""
    counts = Counter(file.extension for file in files)
    found = listing(f"{counted(n, 'file')} {extension}" for extension, n in counts.items())
    last = files[-1].extension
    return DataError(
        f"The maps of {printable(str(key))} are of different kinds: {found}",
        "volumes, surfaces or grayordinates, or a label of space in the names that distinguishes them",
        f'Choose with --bids-filter-file, such as {{"statmap": {{"extension": "{last}"}}}}',
    )


def choose_stages(
    usable: Mapping[Entities, list[StatMap]], refused: Refused
) -> Iterator[tuple[Entities, list[StatMap]]]:
    """Keep the stage nearest to the subject, where a dataset holds one contrast at several stages of a model.

    A subject-level map may have lost entities that the run-level maps it was made from still have (task, space),
    so stages compete within a contrast label, between groups whose other entities do not contradict.
    """
    best = {key: min(map(_stage, files)) for key, files in usable.items()}
    with_nodes = [key for key, files in usable.items() if any(file.node is not None for file in files)]
    for key, files in usable.items():
        if key in with_nodes:
            stage = min(best[other] for other in with_nodes if are_compatible(key, other))
            refused.extend((file, Reason.OTHER_STAGE.text()) for file in files if _stage(file) != stage)
            files = [file for file in files if _stage(file) == stage]
        if files:
            yield key, files


def are_compatible(one: Entities, other: Entities) -> bool:
    """Return whether two keys agree wherever both have a label, and on the contrast."""
    a, b = dict(one), dict(other)
    return a.get("contrast") == b.get("contrast") and all(a[key] == b[key] for key in a.keys() & b.keys())
