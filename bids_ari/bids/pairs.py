"""Pairs of hemispheres: the maps of the left and the right hemisphere of a subject are one map.

Both hemispheres belong to one analysis: the error rate is controlled over the whole brain that was measured. Where
fewer than half of the subjects have both, each hemisphere is a contrast of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from bids_ari.bids.entities import Entities
from bids_ari.bids.exclusions import Reason, ReasonText
from bids_ari.bids.hemispheres import SIDES, Hemisphere
from bids_ari.bids.stages import Refused
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import Stat, SubjectMap
from bids_ari.errors import DataError, counted

_OTHER: Mapping[Hemisphere, Hemisphere] = {"L": "R", "R": "L"}


@dataclass(slots=True)
class Joined:
    """The maps of contrasts, where those of two hemispheres are one, and what is excluded."""

    maps: dict[Entities, list[SubjectMap]] = field(default_factory=dict)  # by contrast
    refused: Refused = field(default_factory=list)  # maps of one hemisphere only
    lacking: dict[Entities, dict[str, ReasonText]] = field(default_factory=dict)  # subjects without a map of both
    notes: dict[Entities, tuple[str, ...]] = field(default_factory=dict)


def join_hemispheres(maps: Mapping[Entities, Sequence[SubjectMap]], stat: Stat) -> Joined:
    """Join the maps of both hemispheres of each subject, session and run.

    Parameters
    ----------
    maps : mapping
        The maps of each contrast, each of one file; the keys of contrasts of surfaces have no hemisphere.
    stat : {'effect', 't', 'z'}
        The statistic of the maps.
    """
    joined = Joined()
    for key, own in maps.items():
        if own[0].first.kind == "GIFTI":
            _join(joined, key, own, stat)
        else:
            joined.maps[key] = list(own)
    return joined


def _join(joined: Joined, key: Entities, maps: Sequence[SubjectMap], stat: Stat) -> None:
    """Add the maps of one contrast."""
    pairs, lone = _pairs(maps)
    both, everyone = ({each.subject for each in some} for some in (pairs, maps))
    if 2 * len(both) >= len(everyone):
        joined.maps[key] = pairs
        joined.lacking[key] = {}
        for each in lone:
            values = {"stat": stat, "side": SIDES[_OTHER[_hemisphere(each.first)]]}
            of_subject = Reason.NO_HEMISPHERE.text(**values)
            if each.subject not in both:
                joined.lacking[key][each.subject] = of_subject
            reason = of_subject if each.subject in both else Reason.HALF_A_MAP.text(**values)
            joined.refused.append((each.first, reason))
        return
    for each in maps:
        joined.maps.setdefault(key.with_(hemi=_hemisphere(each.first)), []).append(each)
    if both:
        few = f"{len(both)} of {counted(len(everyone), 'subject')} have"
        note = f"Each hemisphere is analysed on its own, as only {few} maps of both"
        joined.notes |= dict.fromkeys((key.with_(hemi=side) for side in SIDES), (note,))


def _pairs(maps: Iterable[SubjectMap]) -> tuple[list[SubjectMap], list[SubjectMap]]:
    """Return the maps of both hemispheres, joined, and those without the other one.

    The two may be in different folders, unless several maps have the same entities; and one may be compressed.
    """
    groups: dict[object, list[SubjectMap]] = defaultdict(list)
    for each in maps:
        first = each.first
        groups[first.dataset, first.entities.without("hemi"), first.extension.removesuffix(".gz")].append(each)
    pairs, lone = [], []
    for group in groups.values():
        for parts in [group] if len(group) <= 2 else _by_folder(group):
            left, right = ([each for each in parts if _hemisphere(each.first) == side] for side in SIDES)
            pairs += [_joined(one, other) for one in left for other in right]
            lone += [] if left and right else parts
    return pairs, lone


def _by_folder(maps: Iterable[SubjectMap]) -> Iterator[list[SubjectMap]]:
    groups: dict[PurePosixPath, list[SubjectMap]] = defaultdict(list)
    for each in maps:
        groups[PurePosixPath(each.first.name).parent].append(each)
    yield from groups.values()


def _hemisphere(file: StatMap) -> Hemisphere:
    return "R" if file.entities.get("hemi") == "R" else "L"


def _joined(left: SubjectMap, right: SubjectMap) -> SubjectMap:
    """Return the map of both hemispheres, with its variance map if both have one."""
    if left.dof != right.dof:
        raise DataError(
            f"The maps of the two hemispheres of {left.first.label} have {left.dof} and {right.dof} degrees of freedom",
            "the same number for both",
        )
    both = zip(left.variances, right.variances, strict=False)
    variances = tuple(pair_files(one, other) for one, other in both)
    return replace(left, maps=(pair_files(left.first, right.first),), variances=variances)


def pair_files(left: StatMap, right: StatMap) -> StatMap:
    """Return the files of both hemispheres as one map, whose entities have no hemisphere."""
    return left.with_(entities=left.entities.without("hemi"), pair=right)
