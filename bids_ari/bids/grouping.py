"""Contrast sets of groups of maps: each with the files and subjects that could belong to it and are excluded."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bids_ari.bids.combine import Combined
from bids_ari.bids.contrasts import ContrastSet, Discovery, by_name, with_shared
from bids_ari.bids.division import Division
from bids_ari.bids.entities import Entities, Pairs
from bids_ari.bids.exclusions import Excluded, Reason, ReasonText
from bids_ari.bids.map_notes import notes_on_maps
from bids_ari.bids.pairs import Joined
from bids_ari.bids.stages import Refused, are_compatible
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import Stat

_OF_SUBJECT = (Reason.OTHER_STAT, Reason.OTHER_STAGE, Reason.NO_MAP_IN_MANIFEST, Reason.HALF_A_MAP)
"""Reasons of files of subjects in the study."""


def key_of(file: StatMap, division: Division) -> Entities:
    """Return the entities that separate the contrast of a map from others: not the hemisphere of a surface."""
    key = division.key(file)
    return key.without("hemi") if file.kind == "GIFTI" else key


def with_excluded(
    groups: Mapping[Entities, Combined], refused: Refused, stat: Stat, division: Division, joined: Joined
) -> Discovery:
    """Make the contrast sets, each with the excluded files and subjects that could belong to it."""
    everyone = {member.subject for group in groups.values() for member in group.members}
    of_subjects = {reason for reason in {each for _, each in refused} if any(it.fits(reason) for it in _OF_SUBJECT)}
    everyone |= {str(file.entities.get("sub")) for file, reason in refused if reason in of_subjects}
    excluded: dict[Entities, list[Excluded]] = defaultdict(list)
    elsewhere: list[Excluded] = []
    fitting: dict[Entities, list[list[Excluded]]] = {}
    places: dict[Pairs, list[list[Excluded]]] = {}  # those of `fitting`, by the entities of files
    for file, reason in refused:
        entry = Excluded.of_file(file, reason)
        if (others := file.entities.others) not in places:
            if (own := division.key(file)) not in fitting:
                exact = [key for key in (own, key_of(file, division)) if key in groups]
                keys = exact[:1] or [key for key in groups if are_compatible(own, key)]
                fitting[own] = [excluded[key] for key in keys] or [elsewhere]
            places[others] = fitting[own]
        for entries in places[others]:
            entries.append(entry)
    sets: dict[Entities, ContrastSet] = {}
    subjects, no_map = sorted(everyone), Reason.NO_MAP.text(stat=stat)
    for key, group in groups.items():
        absent = dict.fromkeys(subjects, no_map) | joined.lacking.get(key, {})
        group = group._replace(notes=(*joined.notes.get(key, ()), *group.notes))
        sets.update([_contrast_set(key, group, absent, excluded[key], stat)])
    return Discovery(by_name(sets), tuple(elsewhere))


def without_used(discovery: Discovery) -> Discovery:
    """Remove variance maps that are used from what is excluded."""
    used = {file.label for contrast in discovery for file in contrast.files}
    contrasts = (
        replace(contrast, excluded=tuple(entry for entry in contrast.excluded if entry.name not in used))
        for contrast in discovery
    )
    return Discovery(tuple(contrasts), tuple(entry for entry in discovery.excluded if entry.name not in used))


def _contrast_set(
    key: Entities, group: Combined, absent: Mapping[str, ReasonText], excluded: Sequence[Excluded], stat: Stat
) -> tuple[Entities, ContrastSet]:
    """Make one contrast set, with its key as in file names; the subjects without a map of it are excluded.

    `absent` has the reason for each subject that may have none.
    """
    present = {member.subject for member in group.members}
    reasons = {subject: reason for subject, reason in absent.items() if subject not in present}
    rows = {entry for entry in excluded if entry.subject in reasons and Reason.NO_MAP_IN_MANIFEST.fits(entry.reason)}
    reasons |= {entry.subject: ReasonText(entry.reason) for entry in rows}
    excluded = [entry for entry in excluded if entry not in rows] if rows else excluded
    lacking = [Excluded.of_subject(subject, reason) for subject, reason in reasons.items()]
    key = with_shared(key, [file for member in group.members for file in member.maps])
    notes = (*notes_on_maps(key, group.members), *group.notes)
    return key, ContrastSet(key.written(), stat, group.members, (*lacking, *excluded), notes, group.over)


def weighted(contrast: ContrastSet) -> ContrastSet:
    """Mark a contrast as weighted by variance maps, without the subjects that lack one.

    Subjects with several maps remain: `ContrastSet.check` refuses them.
    """
    times = Counter(contrast.subjects)
    lacking = [each for each in contrast.members if times[each.subject] == 1 and not each.has_variances]
    excluded = []
    for member in lacking:
        of = " of both hemispheres" if member.first.pair else ""
        reason = (Reason.NO_VARIANCES if len(member.all_maps) > 1 else Reason.NO_VARIANCE).text(of=of)
        excluded.append(Excluded.of_subject(member.subject, reason))
        excluded += [Excluded.of_file(file, reason) for file in member.all_files]
    subjects = set(contrast.subjects).difference(member.subject for member in lacking)
    return replace(contrast.keep(subjects, excluded), weighted=True)
