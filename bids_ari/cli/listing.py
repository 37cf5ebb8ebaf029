"""The output of ``--list``: what a run would analyse and what it excludes, as text for a terminal."""

import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bids_ari.bids.contrasts import ContrastSet, Discovery, Excluded
from bids_ari.bids.entities import printable
from bids_ari.design.design import Design, make_design
from bids_ari.errors import BidsAriError, counted

_WIDTH = 100
_MOST = 5
"""Number of problems, or of files with one reason, that are shown; of ranges of subjects, twice as many."""

Look = Callable[[ContrastSet], tuple[ContrastSet, Design | None]]


@dataclass(frozen=True, slots=True)
class _Checked:
    """A contrast as a run would analyse it, with its design, or the problem that prevents it."""

    contrast: ContrastSet
    design: Design | None = None
    problem: str = ""


def overview(discovery: Discovery, contrasts: Sequence[ContrastSet], look: Look | None = None) -> str:
    """Return what a run would analyse, the problems with it, and what is excluded with the reasons.

    Parameters
    ----------
    discovery : Discovery
        The contrasts and the excluded files of the dataset.
    contrasts : sequence of ContrastSet
        The contrasts of the run; at the participant level, one per map: maps of one contrast are shown together.
    look : callable, optional
        Takes a contrast, returns it as it would be analysed and its design, or raises the problem with it. By default,
        the design is the mean over subjects, and no file is opened.

    Returns
    -------
    str
        Lines of at most 100 columns, apart from long paths, without control characters.
    """
    is_single = any(map(_is_of_subject, contrasts))
    checked = [_check(contrast, look or _look_at_names) for contrast in contrasts]
    blocks = _by_contrast(checked) if is_single else [(each.contrast.name, [each]) for each in checked]
    lines: list[str] = []
    for title, inside in blocks:
        found = [each for each in discovery if _title(each) == title] if is_single else [inside[0].contrast]
        lines += _block(title, inside, _lacking(found))
    lines += _excluded(discovery)
    n_failing = sum(bool(each.problem) for each in checked)
    verdict = f"{counted(len(contrasts) - n_failing, 'map' if is_single else 'contrast')} can be analysed"
    return "\n".join([*lines, verdict + (f", {n_failing} cannot" if n_failing else "")])


def subject_ranges(labels: Iterable[str]) -> str:
    """Return subjects as text, consecutive numbers as a range; of many ranges the first five and a count.

    >>> subject_ranges(["03", "01", "02", "10", "pilot"])
    '01-03, 10, pilot'
    """
    ranges: list[list[str]] = []
    for label in sorted(set(labels), key=_by_number):
        if ranges and _is_number(ranges[-1][-1]) and label == str(int(ranges[-1][-1]) + 1).zfill(len(ranges[-1][-1])):
            ranges[-1].append(label)
        else:
            ranges.append([label])
    texts = [", ".join(each) if len(each) < 3 else f"{each[0]}-{each[-1]}" for each in ranges]
    if len(ranges) <= 2 * _MOST:
        return ", ".join(texts)
    return f"{', '.join(texts[:_MOST])} and {sum(map(len, ranges[_MOST:]))} more"


def _by_contrast(checked: Iterable[_Checked]) -> list[tuple[str, list[_Checked]]]:
    """Return the maps of all subjects, sessions and runs of each contrast, by its title."""
    blocks: dict[str, list[_Checked]] = defaultdict(list)
    for each in checked:
        blocks[_title(each.contrast)].append(each)
    return sorted(blocks.items())


def _title(contrast: ContrastSet) -> str:
    return str(contrast.entities.without("sub", "ses", "run")) or "statmaps"


def _lacking(contrasts: Iterable[ContrastSet]) -> list[Excluded]:
    """Return the subjects without a contrast."""
    return [entry for contrast in contrasts for entry in contrast.excluded if entry.is_subject]


def _is_of_subject(contrast: ContrastSet) -> bool:
    return contrast.entities.get("sub") is not None


def _look_at_names(contrast: ContrastSet) -> tuple[ContrastSet, Design | None]:
    """Check the names of a contrast, and that there are enough subjects for a mean."""
    contrast.check()
    return contrast, None if _is_of_subject(contrast) else make_design(contrast.subjects)


def _check(contrast: ContrastSet, look: Look) -> _Checked:
    """Return a contrast with its design, or with the message of the error that a run would raise."""
    try:
        return _Checked(*look(contrast))
    except BidsAriError as error:
        return _Checked(contrast, problem=str(error))


def _block(title: str, checked: Sequence[_Checked], lacking: Sequence[Excluded]) -> Iterator[str]:
    """Yield the lines about one contrast."""
    contrasts = [each.contrast for each in checked]
    subjects = {member.subject for contrast in contrasts for member in contrast.members}
    n_maps = sum(len(member.all_maps) for contrast in contrasts for member in contrast.members)
    yield from _wrapped(title)
    yield from _wrapped(contrasts[0].stat, "stat")
    yield from _wrapped(f"{len(subjects)}: {subject_ranges(subjects)}", "subjects")
    if n_maps > len(subjects) or contrasts[0].weighted:
        yield from _wrapped(f"{n_maps}{_use(contrasts[0])}", "maps")
    for reason in dict.fromkeys(entry.reason for entry in lacking):
        absent = {entry.name.removeprefix("sub-") for entry in lacking if entry.reason == reason}
        yield from _wrapped(f"{subject_ranges(absent)}: {reason}", "without")
    designs = [each.design for each in checked if each.design is not None]
    for design in designs:
        if len(design.columns) > 1 or len(design.tests) > 1:
            yield from _wrapped(", ".join(design.columns), "columns")
            yield from _wrapped(", ".join(f"{name} ({design.statistic(name)})" for name in design.tests), "tests")
    notes = [note for contrast in contrasts for note in contrast.notes]
    for note in dict.fromkeys(notes + [note for design in designs for note in design.notes]):
        yield from _wrapped(note, "note")
    yield from _problems(list(dict.fromkeys(each.problem for each in checked if each.problem)))
    yield ""


def _problems(problems: Sequence[str]) -> Iterator[str]:
    """Yield the reasons why contrasts cannot be analysed."""
    for problem in problems[:_MOST]:
        first, *more = problem.splitlines()
        yield from _wrapped(first, "problem")
        yield from (line for each in more for line in _wrapped(each, indent=12))
    if len(problems) > _MOST:
        yield from _wrapped(f"{len(problems) - _MOST} more", "problem")


def _use(contrast: ContrastSet) -> str:
    """Return what is done with the maps of a subject."""
    over = f", combined over {contrast.combined}s" if contrast.combined else ""
    return over + ", in pairs" * bool(contrast.paired) + ", each with its variance map" * contrast.weighted


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
        yield from _wrapped(f"{len(names)}: {reason}", indent=2)
        for name in sorted(names)[:_MOST]:
            yield from _wrapped(name, indent=6)
        if len(names) > _MOST:
            yield f"      and {len(names) - _MOST} more"
    if by_reason:
        yield ""


def _wrapped(text: str, word: str = "", indent: int = 0) -> list[str]:
    """Return a text as lines beside a word; a path is not broken, so that it can be copied."""
    first = f"  {word:<10}" if word else " " * indent
    rest = " " * (len(first) if word else indent + 4)
    wrapper = textwrap.TextWrapper(
        _WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )
    return wrapper.wrap(printable(text))


def _by_number(label: str) -> tuple[bool, int, str]:
    number = _is_number(label)
    return (not number, int(label) if number else 0, label)


def _is_number(label: str) -> bool:
    return label.isascii() and label.isdecimal() and len(label) < 19
