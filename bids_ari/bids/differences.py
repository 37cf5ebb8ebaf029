"""Contrast sets of questions within subjects, made of those with the maps of each level."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import chain, zip_longest

from bids_ari.bids.comparison import Comparison
from bids_ari.bids.contrasts import ContrastSet, Discovery, by_name, with_shared
from bids_ari.bids.division import Division
from bids_ari.bids.entities import Entities, printable
from bids_ari.bids.exclusions import Excluded, Reason, ReasonText
from bids_ari.bids.questions import Question
from bids_ari.bids.subject_map import COMBINED_OVER, SubjectMap, weighted_sum, weighted_sums
from bids_ari.errors import NoMatchError, listing


def compare(
    discovery: Discovery, comparison: Comparison, questions: Sequence[Question | None], division: Division
) -> Discovery:
    """Make a contrast of each question from contrasts of maps that are alike otherwise; exclude all other maps.

    None is the question about the difference of the first level minus the second. A question whose weights are 0 at a
    level does not need its maps.

    Raises
    ------
    NoMatchError
        When no maps of the levels of a question are alike otherwise.
    """
    groups: dict[Entities, list[ContrastSet]] = defaultdict(list)
    for contrast in discovery:
        groups[division.key(contrast.members[0].first).without(comparison.key)].append(contrast)
    made: dict[Entities, ContrastSet] = {}
    used: set[int] = set()
    restricted = [_restricted(comparison, question) for question in questions]
    every = {level for asked, _ in restricted for level in asked.levels}
    for asked, own in restricted:
        levels, before = set(asked.levels), len(made)
        for key, sets in groups.items():
            parts = [each for each in sets if asked.values(each) & levels]
            if parts and levels <= set().union(*map(asked.values, parts)):
                made.update([_contrast(key, parts, asked, own, every - levels)])
                used.update(map(id, parts))
        if len(made) == before:
            raise _nothing_to_compare(discovery, asked)
    excluded = list(discovery.excluded)
    for contrast in chain(*groups.values()):
        if id(contrast) not in used:
            excluded += comparison.exclude(contrast.members)
            excluded += [entry for entry in contrast.excluded if not entry.is_subject]
    return Discovery(by_name(made), tuple(excluded))


def _restricted(comparison: Comparison, question: Question | None) -> tuple[Comparison, Question | None]:
    """Return the comparison and the question of the levels that have a weight."""
    if question is None:
        return comparison, None
    weighted = [any(weights) for weights in zip(*question.rows, strict=True)]
    levels = tuple(level for level, has in zip(comparison.levels, weighted, strict=True) if has)
    shown = tuple(level for level, has in zip(question.levels, weighted, strict=True) if has)
    rows = tuple(tuple(weight for weight, has in zip(row, weighted, strict=True) if has) for row in question.rows)
    return replace(comparison, levels=levels), replace(question, levels=shown, rows=rows)


def _nothing_to_compare(discovery: Discovery, comparison: Comparison) -> NoMatchError:
    """Return the error that no maps of all levels are alike otherwise."""
    found = []
    for side, value in zip(comparison.sides, comparison.levels, strict=True):
        names = listing(each.name for each in discovery if value in comparison.values(each))
        found.append(f"{side}: {names}")
    sides = " and ".join(comparison.sides)
    expected = "pairs of maps" if len(comparison.sides) == 2 else "maps of each level"
    return NoMatchError(f"No maps of {sides} are alike otherwise ({'; '.join(found)})", expected)


def _contrast(
    key: Entities,
    parts: Sequence[ContrastSet],
    comparison: Comparison,
    question: Question | None,
    elsewhere: Collection[str],
) -> tuple[Entities, ContrastSet]:
    """Make the contrast of one question from those that hold the maps; return its key, too.

    Maps of the levels `elsewhere` are those of other questions, and not excluded.
    """
    maps: dict[str, list[SubjectMap]] = defaultdict(list)
    for part in parts:
        for each in part.members:
            if comparison.value(each) not in elsewhere:
                maps[each.subject].append(each)
    combined = max(part.combined for part in parts)  # '' < 'run' < 'session'
    alike = {"ses", "run"}.difference([comparison.key], COMBINED_OVER[combined] if combined else ())
    members: list[SubjectMap] = []
    excluded: list[Excluded] = []
    for subject in sorted(maps):
        found, reasons = _of_subject(maps[subject], comparison, question, alike, parts[0].stat)
        members += found
        excluded += reasons
    known = {f"sub-{printable(subject)}" for subject in maps}
    excluded += [entry for part in parts for entry in part.excluded if entry.name not in known]
    key = with_shared(comparison.name(key, question), [file for member in members for file in member.all_maps])
    return key, ContrastSet(
        key.written(),
        parts[0].stat,
        tuple(members),
        tuple(dict.fromkeys(excluded)),
        tuple(_notes(parts, members, comparison, question)),
        combined,
        of_f=any(part.of_f for part in parts),
        paired=comparison.key,
        within=question,
    )


def _of_subject(
    maps: Sequence[SubjectMap], comparison: Comparison, question: Question | None, alike: Collection[str], stat: str
) -> tuple[list[SubjectMap], list[Excluded]]:
    """Return the weighted sums of a subject's maps, several where a level has several; and what is excluded.

    `alike` are the entities of which all maps must have the same labels.
    """
    by_level = [[each for each in maps if comparison.value(each) == level] for level in comparison.levels]
    levels = list(chain(*by_level))
    excluded = comparison.exclude(each for each in maps if each not in levels)
    reasons: tuple[ReasonText, ReasonText] | None = None  # of the subject, and of its files
    if lacking := [side for side, own in zip(comparison.sides, by_level, strict=True) if not own]:
        values = {"stat": stat, "sides": " and ".join(lacking)}
        reasons = Reason.ONE_SIDE.text(**values), Reason.NOT_A_PAIR.text(**values)
    elif all(len(own) == 1 for own in by_level):  # more are refused later
        labels = {key: {each.first.entities.get(key) for each in levels} for key in sorted(alike)}
        if differing := [key for key, own in labels.items() if None not in own and len(own) > 1]:
            values = {"sides": " and ".join(comparison.sides), "keys": " and ".join(differing)}
            reasons = Reason.UNLIKE.text(**values), Reason.NOT_ALIKE.text(**values)
    if reasons:
        files = [file for each in levels for file in each.all_files]
        subject = Excluded.of_subject(maps[0].subject, reasons[0])
        return [], [subject, *(Excluded.of_file(file, reasons[1]) for file in files), *excluded]
    filled = zip_longest(*by_level)
    sets = [[each or own[0] for each, own in zip(row, by_level, strict=True)] for row in filled]
    return [_sum(question, each) for each in sets], excluded


def _sum(question: Question | None, maps: Sequence[SubjectMap]) -> SubjectMap:
    """Return the map of a question, of the maps of its levels; without a question, the first minus the second."""
    if question is not None and question.n_rows > 1:
        return weighted_sums(question.rows, maps)
    weights = (1.0, -1.0) if question is None else question.rows[0]
    terms = sorted(zip(weights, maps, strict=True), key=lambda term: term[0] < 0)  # positive ones first
    return weighted_sum(terms)


def _notes(
    parts: Sequence[ContrastSet],
    members: Sequence[SubjectMap],
    comparison: Comparison,
    question: Question | None,
) -> Iterator[str]:
    """Describe the question, what is unusual about it, and the notes of its parts."""
    if question is None:
        yield f"The map of each subject is {' minus '.join(comparison.sides)}"
    elif question.n_rows == 1:
        yield f"The map of each subject is {question.sums[0]}" + (f" ({question.name})" if question.name else "")
    else:
        sums = "; ".join(question.sums)
        yield (
            f"Question within subjects{f' ({question.name})' if question.name else ''}: is any of {question.n_rows} "
            f"maps of each subject other than zero? They are {sums}"
        )
    pairs = [(member, other) for member in members for other in member.others]
    if across := sorted({one.subject for one, other in pairs if one.first.dataset != other.first.dataset}):
        maps = "two maps" if len(comparison.levels) == 2 else "maps"
        yield f"The {maps} are in different datasets: {listing(f'sub-{printable(subject)}' for subject in across)}"
    for note in dict.fromkeys(note for part in parts for note in part.notes):
        of = [part for part in parts if note in part.notes]
        values = {comparison.value(part.members[0]) or "" for part in of}
        yield note if len(of) == len(parts) else f"{' and '.join(map(comparison.shown, sorted(values)))}: {note}"
