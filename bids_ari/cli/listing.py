"""The output of ``--list``: what a run would analyse and what it excludes, as text for a terminal."""

import textwrap
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import NamedTuple

from bids_ari.bids.contrasts import ContrastSet, Discovery, Excluded
from bids_ari.design.design import Design
from bids_ari.errors import BidsAriError, counted, printable

_WIDTH = 100
_MOST = 5
"""Number of problems, or of files with one reason, that are shown; of ranges of subjects, twice as many."""

Check = Callable[[ContrastSet], tuple[ContrastSet, Design | None]]


class _Checked(NamedTuple):
    """A contrast as a run would analyse it, with its design, or the problem that prevents it."""

    contrast: ContrastSet
    design: Design | None = None
    problem: str = ""


def overview(discovery: Discovery, contrasts: Sequence[ContrastSet], check: Check) -> str:
    """Return what a run would analyse, the problems with it, and what is excluded with the reasons.

    At the participant level, `contrasts` has one per map; maps of one contrast are shown together. `check` returns a
    contrast as it would be analysed, with its design, or raises the problem with it. Lines have at most 100 columns,
    apart from long paths, and no control characters.
    """
    is_single = any(contrast.entities.get("sub") is not None for contrast in contrasts)
    checked = [_check(contrast, check) for contrast in contrasts]
    lines: list[str] = []
    if is_single:
        blocks: dict[str, list[_Checked]] = defaultdict(list)
        for each in checked:
            blocks[_title(each.contrast)].append(each)
        for title, inside in sorted(blocks.items()):
            lines += _block(title, inside, _lacking(found for found in discovery if _title(found) == title))
    else:
        for each in checked:
            lines += _block(each.contrast.name, [each], _lacking([each.contrast]))
    lines += _excluded(discovery)
    n_failing = sum(bool(each.problem) for each in checked)
    verdict = f"{counted(len(contrasts) - n_failing, 'map' if is_single else 'contrast')} can be analysed"
    return "\n".join([*lines, verdict + (f", {n_failing} cannot" if n_failing else "")])


def subject_ranges(labels: Collection[str]) -> str:
    """Return subjects as text, consecutive numbers as a range; of many ranges the first five and a count.

    >>> subject_ranges(["03", "01", "02", "10", "pilot"])
    '01-03, 10, pilot'
    """
    numbers = {each: int(each) for each in labels if each.isascii() and each.isdecimal() and len(each) < 19}
    ranges: list[list[str]] = []
    for label in sorted({*labels}, key=lambda each: (each not in numbers, numbers.get(each, 0), each)):
        last = ranges[-1][-1] if ranges else ""
        if last in numbers and label == str(numbers[last] + 1).zfill(len(last)):
            ranges[-1].append(label)
        else:
            ranges.append([label])
    texts = [", ".join(each) if len(each) < 3 else f"{each[0]}-{each[-1]}" for each in ranges]
    if len(ranges) <= 2 * _MOST:
        return ", ".join(texts)
    return f"{', '.join(texts[:_MOST])} and {sum(map(len, ranges[_MOST:]))} more"


def _check(contrast: ContrastSet, check: Check) -> _Checked:
    """Return a contrast with its design, or with the message of the error that a run would raise."""
    try:
        return _Checked(*check(contrast))
    except BidsAriError as error:
        return _Checked(contrast, problem=str(error))


def _title(contrast: ContrastSet) -> str:
    return str(contrast.entities.without("sub", "ses", "run")) or "statmaps"


def _lacking(contrasts: Iterable[ContrastSet]) -> list[Excluded]:
    """Return the subjects without a contrast."""
    return [entry for contrast in contrasts for entry in contrast.excluded if entry.is_subject]


def _block(title: str, checked: Sequence[_Checked], lacking: Sequence[Excluded]) -> Iterator[str]:
    """Yield the lines about one contrast."""
    yield from _wrapped(title)
    for word, text in (*_maps(checked, lacking), *_findings(checked)):
        yield from _wrapped(text, f"  {word:<10}", 12 if word else 16)
    yield ""


def _maps(checked: Sequence[_Checked], lacking: Sequence[Excluded]) -> Iterator[tuple[str, str]]:
    """Yield the words and texts about the maps of a contrast."""
    first = checked[0].contrast
    members = [member for each in checked for member in each.contrast.members]
    subjects, n_maps = {member.subject for member in members}, sum(len(member.all_maps) for member in members)
    yield "stat", first.stat
    yield "subjects", f"{len(subjects)}: {subject_ranges(subjects)}"
    if n_maps > len(subjects) or first.weighted:
        use = f", combined over {first.combined}s" if first.combined else ""
        use += ", in pairs" * bool(first.paired) + ", each with its variance map" * first.weighted
        yield "maps", f"{n_maps}{use}"
    for reason in dict.fromkeys(entry.reason for entry in lacking):
        absent = {entry.name.removeprefix("sub-") for entry in lacking if entry.reason == reason}
        yield "without", f"{subject_ranges(absent)}: {reason}"


def _findings(checked: Sequence[_Checked]) -> Iterator[tuple[str, str]]:
    """Yield the words and texts about designs, the notes, and the reasons why contrasts cannot be analysed."""
    designs = [each.design for each in checked if each.design is not None]
    for design in designs:
        if len(design.columns) > 1 or len(design.tests) > 1:
            yield "columns", ", ".join(design.columns)
            yield "tests", ", ".join(f"{name} ({design.statistic(name)})" for name in design.tests)
    notes = [note for each in checked for note in each.contrast.notes]
    for note in dict.fromkeys(notes + [note for design in designs for note in design.notes]):
        yield "note", note
    problems = list(dict.fromkeys(each.problem for each in checked if each.problem))
    for problem in problems[:_MOST]:
        yield from zip(chain(["problem"], repeat("")), problem.splitlines(), strict=False)
    if len(problems) > _MOST:
        yield "problem", f"{len(problems) - _MOST} more"


def _excluded(discovery: Discovery) -> Iterator[str]:
    """Yield the files that are excluded, by reason, the most frequent first."""
    shown = set(_lacking(discovery))
    by_reason: dict[str, list[str]] = defaultdict(list)
    for entry in discovery.all_excluded():
        if entry not in shown:
            by_reason[entry.reason].append(entry.name)
    if by_reason:
        yield "excluded"
    for reason, names in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0])):
        yield from _wrapped(f"{len(names)}: {reason}", "  ", 6)
        for name in sorted(names)[:_MOST]:
            yield from _wrapped(name, " " * 6, 10)
        if len(names) > _MOST:
            yield f"      and {len(names) - _MOST} more"
    if by_reason:
        yield ""


def _wrapped(text: str, first: str = "", rest: int = 4) -> list[str]:
    """Return a text as lines with their indents; a path is not broken, so that it can be copied."""
    wrapper = textwrap.TextWrapper(
        _WIDTH, initial_indent=first, subsequent_indent=" " * rest, break_on_hyphens=False, break_long_words=False
    )
    return wrapper.wrap(printable(text))
