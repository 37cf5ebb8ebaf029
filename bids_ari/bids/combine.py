"""Fixed-effects combination of several maps of a subject: those of its runs, or of its sessions and the runs in them.

This module decides which maps are combined and how; their values are combined when they are read.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from bids_ari.bids.entities import printable
from bids_ari.bids.subject_map import COMBINED_OVER, Combine, Stat, SubjectMap, can_combine
from bids_ari.errors import listing

_PARTS = {"run": "runs", "session": "sessions or runs"}


class Combined(NamedTuple):
    """The maps of a contrast after combination."""

    members: tuple[SubjectMap, ...]  # by subject; one of each, unless some cannot be combined
    over: Literal["", "run", "session"] = ""  # empty when there was nothing to combine
    notes: tuple[str, ...] = ()


def combine_maps(
    maps: Iterable[SubjectMap], how: Combine | None, stat: Stat, *, keep_variances: bool = False
) -> Combined:
    """Combine the maps of each subject, given one for each file, with its variance map if it has one.

    All subjects are combined the same way: by precision when every map to combine has a variance map, else by the
    plain mean. With `keep_variances`, single maps keep theirs, and each subject is combined by precision if all its
    maps have one; otherwise it has no variances at all.
    """
    groups = sorted(_groups(maps, how), key=lambda parts: (parts[0].subject, parts[0].first.label))
    several = [parts for parts in groups if len(parts) > 1]
    lacking = [part for parts in several for part in parts if not part.variances]
    if keep_variances:
        members, lacking = tuple(_as_one(parts, all(part.variances for part in parts)) for parts in groups), []
    else:
        members = tuple(_as_one(parts, len(parts) > 1 and not lacking) for parts in groups)
    if how is None:
        return Combined(members)
    if not several:
        return Combined(members, notes=(f"No subject has several {_PARTS[how]} to combine",))
    over: Combine = "session" if any(_n_sessions(parts) > 1 for parts in several) else "run"
    mean = "precision-weighted mean (variance maps)" if not lacking else f"plain mean of their {stat} maps"
    if lacking and stat == "effect":
        names = listing(printable(part.first.name) for part in lacking)
        mean = f"plain mean: not every map has a variance map ({names})"
    note = f"{over.capitalize()}s of each subject were combined by {mean}"
    return Combined(members, over, (note, *_incomplete(groups)))


def _groups(maps: Iterable[SubjectMap], how: Combine | None) -> Iterator[list[SubjectMap]]:
    """Group the maps to combine, by session and run; others remain alone."""
    if how is None:
        yield from ([each] for each in maps)
        return
    groups: dict[object, list[SubjectMap]] = defaultdict(list)
    for each in maps:
        alike = each.first.entities.without(*COMBINED_OVER[how])
        groups[each.subject, each.first.dataset, alike].append(each)
    for parts in groups.values():
        if can_combine([part.first for part in parts], how):
            yield sorted(parts, key=lambda part: [part.first.entities.get(key) or "" for key in ("ses", "run")])
        else:
            yield from ([part] for part in parts)


def _as_one(parts: Sequence[SubjectMap], weighted: bool) -> SubjectMap:
    variances = tuple(file for part in parts for file in part.variances) if weighted else ()
    if len(parts) == 1:
        return parts[0] if variances == parts[0].variances else replace(parts[0], variances=variances)
    return SubjectMap(parts[0].subject, tuple(part.first for part in parts), variances)


def _n_sessions(parts: Sequence[SubjectMap]) -> int:
    return len({part.first.entities.get("ses") for part in parts})


def _incomplete(groups: Sequence[Sequence[SubjectMap]]) -> Iterator[str]:
    """List the subjects with fewer maps than others."""
    most = max(map(len, groups))
    of_sessions = all(_n_sessions(parts) == len(parts) for parts in groups)
    noun = "runs" if all(_n_sessions(parts) == 1 for parts in groups) else "sessions" if of_sessions else "maps"
    few = [(parts[0].subject, len(parts)) for parts in groups if len(parts) < most]
    if few:
        yield listing(f"sub-{printable(subject)} has {n} of {most} {noun}" for subject, n in few)
