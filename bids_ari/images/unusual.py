"""Unusual maps of a group, for the notes: infinite values, slices without data, thresholds, and other statistics."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import counted, listing
from bids_ari.images.claims import EFFECT, Claim, words
from bids_ari.images.masks import UNMASKED
from bids_ari.images.space import Frame, Profile, Space
from bids_ari.stats.distributions import FloatArray

_HUGE = 1e15  # no unit of a first-level map is so small that values are larger
_MANY = 100  # values that are conclusive
_LEAST = 0.25  # smallest of the absolute values of a thresholded map, as a fraction of their mean
_PILED = 0.1  # fraction of its values that are near the smallest one: at least, since they begin at a threshold
_PILED_FEW = 0.08  # the same of the pooled values of maps with few: positive quantities of small regions have less
_SPARSE = 0.5  # maps have data at less than this part of the voxels where they should, on average
_COPE = re.compile(r"(?<![A-Za-z])(cope\d+)(?=\.(?:feat/|nii|img|dtseries|dscalar|func))")
_EXTENT = 0.05  # a map of a brain has values at more than this part of the volume


class ValueFacts(NamedTuple):
    """Facts about the values of one file."""

    n_infinite: int = 0
    threshold: float = 0.0  # smallest absolute value of a map that looks thresholded; 0 for others
    claims: tuple[Claim, ...] = ()  # what header and name say about them
    few: tuple[float, ...] = ()  # absolute values other than 0, if they are too few to tell a threshold of one map
    n_huge: int = 0  # number of values so large that they are a fault
    constant: float | None = None  # the only value other than 0 of a map, if it has several of it


def known_values(values: FloatArray) -> FloatArray:
    """Return the values of a file that are neither 0 nor NaN, in the order of the file."""
    flat = np.ravel(values, order="F")
    return flat[(flat < 0) | (flat > 0)]


def facts_of(values: FloatArray, step: float = 0.0) -> ValueFacts:
    """Return facts about the values of a file; integers, scaled or not, are `step` apart.

    A map looks thresholded if it has no value between 0 and its smallest absolute value, which is at least a quarter of
    their mean, and if many of its values are just above that.
    """
    finite = np.isfinite(values)
    n_infinite = int(np.count_nonzero(np.isinf(values))) if not finite.all() else 0
    known = values[finite & (values != 0)].astype(np.float64, copy=False)
    sizes = np.abs(known)
    constant = float(known[0]) if known.size > 1 and (known == known[0]).all() else None
    found = ValueFacts(n_infinite, n_huge=int(np.count_nonzero(sizes > _HUGE)), constant=constant)
    if sizes.size >= _MANY:
        return found._replace(threshold=_least_if_thresholded(sizes, _PILED, step))
    return found._replace(few=tuple(sizes.tolist())) if sizes.size and sizes.min() > 1.5 * step else found


def _least_if_thresholded(sizes: FloatArray, piled: float, step: float = 0.0) -> float:
    """Return the smallest absolute value if values look thresholded, of which a part is piled up there; else 0."""
    with np.errstate(over="ignore"):  # too large numbers are no threshold
        least, mean = float(sizes.min()), float(sizes.mean())
    if not max(_LEAST * mean, 1.5 * step) < least < mean:
        return 0.0
    near = np.count_nonzero(sizes - least < _LEAST * (mean - least))
    return least if near / sizes.size >= piled else 0.0


def notes_on_values(
    members: Sequence[SubjectMap],
    facts: Mapping[Path, ValueFacts],
    profiles: Sequence[Profile],
    half: Profile,
    frame: Frame,
) -> Iterator[str]:
    """Yield notes on infinite values, parts without data and constant maps.

    `half` is the profile of the points where at least half of the subjects have data.
    """
    own = [(member, [facts[path] for path in _paths(member) if path in facts]) for member in members]
    infinite = {member.subject: sum(each.n_infinite for each in found) for member, found in own}
    if total := sum(infinite.values()):
        subjects = listing(f"sub-{subject} ({n})" for subject, n in infinite.items() if n)
        yield f"{counted(total, 'infinite value')} in the maps count as missing: {subjects}"
    huge = {member.subject: str(n) for member, found in own if (n := sum(each.n_huge for each in found))}
    if huge:
        yield (
            f"Maps of {counted(len(huge), 'subject')} have values beyond {_HUGE:g}, in parentheses their number: "
            f"{_subjects(huge)}. Check these files"
        )
    texts = [frame.lacking(each, half) for each in profiles]
    lacking = [(member, text) for member, text in zip(members, texts, strict=True) if text]
    if lacking:
        yield (
            f"{counted(len(lacking), 'subject')} without any data in {frame.parts} where the others have data: "
            + listing(f"sub-{member.subject} ({text})" for member, text in lacking)
        )
    constant = {m.subject: f"{each.constant:.3g}" for m, found in own for each in found if each.constant is not None}
    if constant:
        yield (
            f"Maps of {counted(len(constant), 'subject')} are constant, in parentheses their only value other than 0: "
            f"{_subjects(constant)}. Check these files"
        )


def notes_on_thresholds(
    members: Sequence[SubjectMap],
    facts: Mapping[Path, ValueFacts],
    counts: npt.NDArray[np.int32],
    mask: Space | None = None,
    units: str = "voxels",
) -> Iterator[str]:
    """Yield a note on maps that look thresholded, else on those with data at few voxels.

    Values of maps that have few are pooled over subjects. `counts` is the number of subjects with data, an array of the
    frame; they should have data in the mask, or where any subject has if there is none or it is not that of a brain.
    """
    own = {member.subject: [facts[path] for path in _paths(member) if path in facts] for member in members}
    few = np.array([value for found in own.values() for each in found for value in each.few])
    pooled = _least_if_thresholded(few, _PILED_FEW) if few.size >= _MANY else 0.0
    thresholds = {subject: text for subject, found in own.items() if (text := _threshold(found, pooled))}
    if thresholds:
        yield (
            f"Maps of {counted(len(thresholds), 'subject')} look thresholded, in parentheses by what, or without any "
            f"value between 0 and this number: {_subjects(thresholds)}. What was removed is missing or counts as 0, so "
            "that results are not valid: use the maps before thresholding"
        )
        return
    if mask is not None and mask.frame.has_background and mask.fraction > UNMASKED:
        mask = None
    expected = counts > 0 if mask is None else mask.inside
    part = float(counts[expected].mean()) / len(members) if expected.any() else 0.0
    found = f"Maps have data at {part:.0%} of the {units} {'of all maps' if mask is None else 'of the mask'} on average"
    if part >= _SPARSE:
        if mask is not None or expected.mean() >= _EXTENT:
            return
        found = f"Maps have data at {expected.sum()} {units} only, {expected.mean():.1%} of all"
    yield (
        f"{found}: if others were removed because they were not significant, results are not valid, whatever "
        "--coverage: use the maps before thresholding"
    )


def notes_on_claims(members: Sequence[SubjectMap], facts: Mapping[Path, ValueFacts], stat: str | None) -> Iterator[str]:
    """Yield a note on maps whose header or name says that they are not of the statistic, if known, that is analysed."""
    if stat is None:
        return
    kind = {"effect": EFFECT}.get(stat, stat)
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for member in members:
        claims = [claim for path in _paths(member) if path in facts for claim in facts[path].claims]
        for claim in claims:
            if claim.kind not in ("", kind):
                found[claim.kind].setdefault(member.subject, claim.source)
    for other, sources in found.items():
        yield (
            f"Maps of {counted(len(sources), 'subject')} were analysed as {words(kind)}, but contain {words(other)}, "
            f"in parentheses by what: {_subjects(sources)}. Check that these are the right files"
        )


def notes_on_contrasts(members: Sequence[SubjectMap], facts: Mapping[Path, ValueFacts]) -> Iterator[str]:
    """Yield a note on subjects whose maps are of another contrast than those of most.

    SPM has its name in the header: the number depends on the conditions and sessions of a subject. FSL has a number in
    the names of files only.
    """
    names: dict[str, str] = {}
    for member in members:
        claims = [claim for path in _paths(member) if path in facts for claim in facts[path].claims]
        found = dict.fromkeys(claim.contrast for claim in claims if claim.contrast)
        found = found or dict.fromkeys(filter(None, map(_cope, _paths(member))))
        if found and not member.others:  # a difference has maps of two contrasts
            names[member.subject] = " and ".join(found)
    counts = Counter(name.lower() for name in names.values())
    if len(counts) < 2 or counts.most_common(1)[0][1] < 2:  # names of which none is shared say nothing
        return
    usual = counts.most_common(1)[0][0]
    shown = next(name for name in names.values() if name.lower() == usual)
    others = {subject: repr(name) for subject, name in names.items() if name.lower() != usual}
    yield (
        f"Maps of {counted(len(others), 'subject')} are of another contrast than {shown!r}, by their headers or "
        f"names, in parentheses which: {_subjects(others)}. Check that these are the right files"
    )


def _cope(path: Path) -> str:
    """Return the contrast of a file of FEAT by its number.

    >>> _cope(Path("a.feat/stats/cope2.nii.gz")), _cope(Path("a.gfeat/cope2.feat/stats/cope1.nii.gz"))
    ('cope2', 'cope2')
    """
    numbers = _COPE.findall(path.as_posix())
    own = numbers[-1:] if numbers[-1:] != ["cope1"] or len(numbers) == 1 else []  # of the mean over runs, the first
    return "/".join((*numbers[-2:-1], *own))


def _threshold(found: Sequence[ValueFacts], pooled: float) -> str:
    """Return the smallest value of the maps of a subject that look thresholded, or what says so; empty for none.

    Maps with few values look so if the `pooled` ones of all subjects do, whose smallest value is not 0 then.
    """
    if least := max((min(each.few) if each.few and pooled else each.threshold for each in found), default=0.0):
        return f"{least:.3g}"
    return next((claim.source for each in found for claim in each.claims if claim.is_thresholded), "")


def _subjects(texts: Mapping[str, str]) -> str:
    return listing(f"sub-{subject} ({text})" for subject, text in texts.items())


def _paths(member: SubjectMap) -> Iterator[Path]:
    """Yield the path of each map of a subject."""
    for file in member.all_maps:
        yield file.path
