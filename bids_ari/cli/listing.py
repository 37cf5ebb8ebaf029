"""What would be analysed and what is left out, as text for a terminal: the answer to ``--list``."""

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
"""How many problems or files are named before the rest is counted; subjects of twice as many ranges are."""


Look = Callable[[ContrastSet], tuple[ContrastSet, Design | None]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A contrast as it would be analysed, by which design, or why it would not."""

    contrast: ContrastSet
    design: Design | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Block:
    """What is shown together: one contrast set or, at the participant level, those of all maps of one contrast."""

    title: str
    seen: Sequence[_Seen]
    lacking: Sequence[Excluded]


def overview(
    discovery: Discovery,
    contrasts: Sequence[ContrastSet],
    look: Look | None = None,
) -> str:
    """Say what would be analysed, what stands in the way, and what is left out and why.

    Parameters
    ----------
    discovery : Discovery
        What was found.
    contrasts : sequence of ContrastSet
        What would be analysed: those found or, at the participant level, one for each map, which are shown together.
    look : callable, optional
        Gives a contrast as it would be analysed and the design of its group model, if it has one, and raises what is
        wrong with it. By default, the mean over subjects is asked for, and no file is looked at.

    Returns
    -------
    str
        Lines of at most 100 columns, but for long paths; no name of a file can bring a control character in.
    """
    single = any(map(_is_of_subject, contrasts))
    seen = [_see(contrast, look or _plan_mean) for contrast in contrasts]
    if single:
        blocks = _by_contrast(discovery, seen)
    else:
        blocks = [_Block(each.contrast.name, [each], _lacking([each.contrast])) for each in seen]
    lines = [line for block in blocks for line in _block(block)]
    lines += _left_out(discovery)
    failing = sum(bool(each.problem) for each in seen)
    verdict = f"{counted(len(contrasts) - failing, 'map' if single else 'contrast')} can be analysed"
    return "\n".join([*lines, verdict + (f", {failing} cannot" if failing else "")])


def subject_ranges(labels: Iterable[str]) -> str:
    """List subjects, numbers that follow each other as a range; of many pieces the first five and a count.

    >>> subject_ranges(["03", "01", "02", "10", "pilot"])
    '01-03, 10, pilot'
    """
    ranges: list[list[str]] = []
    for label in sorted(set(labels), key=_by_number):
        if ranges and _follows(ranges[-1][-1], label):
            ranges[-1].append(label)
        else:
            ranges.append([label])
    texts = [", ".join(each) if len(each) < 3 else f"{each[0]}-{each[-1]}" for each in ranges]
    if len(ranges) <= 2 * _MOST:
        return ", ".join(texts)
    return f"{', '.join(texts[:_MOST])} and {sum(map(len, ranges[_MOST:]))} more"


def _by_contrast(discovery: Discovery, seen: Sequence[_Seen]) -> list[_Block]:
    """Bring the maps of all subjects, sessions and runs of a contrast together."""
    sets: dict[str, list[_Seen]] = defaultdict(list)
    found: dict[str, list[ContrastSet]] = defaultdict(list)
    for each in seen:
        sets[_title(each.contrast)].append(each)
    for contrast in discovery:
        found[_title(contrast)].append(contrast)
    return [_Block(title, inside, _lacking(found[title])) for title, inside in sorted(sets.items())]


def _title(contrast: ContrastSet) -> str:
    return str(contrast.entities.without("sub", "ses", "run")) or "statmaps"


def _lacking(contrasts: Iterable[ContrastSet]) -> list[Excluded]:
    """Give the subjects that lack a contrast."""
    return [entry for contrast in contrasts for entry in contrast.excluded if entry.is_subject]


def _is_of_subject(contrast: ContrastSet) -> bool:
    return contrast.entities.get("sub") is not None


def _plan_mean(contrast: ContrastSet) -> tuple[ContrastSet, Design | None]:
    """Check the names of a contrast, and whether there are subjects enough for a mean."""
    contrast.check()
    return contrast, None if _is_of_subject(contrast) else make_design(contrast.subjects)


def _see(contrast: ContrastSet, look: Look) -> _Seen:
    """Look at a contrast; say in which words it would be refused before any voxel is read."""
    try:
        return _Seen(*look(contrast))
    except BidsAriError as error:
        return _Seen(contrast, problem=str(error))


def _block(block: _Block) -> Iterator[str]:
    """Show what there is of one contrast."""
    contrasts = [each.contrast for each in block.seen]
    subjects = {member.subject for contrast in contrasts for member in contrast.members}
    n_maps = sum(len(member.all_maps) for contrast in contrasts for member in contrast.members)
    yield from _wrapped(block.title)
    yield from _wrapped(contrasts[0].stat, "stat")
    yield from _wrapped(f"{len(subjects)}: {subject_ranges(subjects)}", "subjects")
    if n_maps > len(subjects) or contrasts[0].weighted:
        yield from _wrapped(f"{n_maps}{_use(contrasts[0])}", "maps")
    for reason in dict.fromkeys(entry.reason for entry in block.lacking):
        absent = {entry.name.removeprefix("sub-") for entry in block.lacking if entry.reason == reason}
        yield from _wrapped(f"{subject_ranges(absent)}: {reason}", "without")
    designs = [each.design for each in block.seen if each.design is not None]
    for design in designs:
        if len(design.columns) > 1 or len(design.tests) > 1:
            yield from _wrapped(", ".join(design.columns), "columns")
            yield from _wrapped(", ".join(f"{name} ({design.statistic(name)})" for name in design.tests), "tests")
    notes = [note for contrast in contrasts for note in contrast.notes]
    for note in dict.fromkeys(notes + [note for design in designs for note in design.notes]):
        yield from _wrapped(note, "note")
    yield from _problems(list(dict.fromkeys(each.problem for each in block.seen if each.problem)))
    yield ""


def _problems(said: Sequence[str]) -> Iterator[str]:
    """Show why contrasts would be refused."""
    for problem in said[:_MOST]:
        first, *more = problem.splitlines()
        yield from _wrapped(first, "problem")
        yield from (line for each in more for line in _wrapped(each, indent=12))
    if len(said) > _MOST:
        yield from _wrapped(f"{len(said) - _MOST} more such", "problem")


def _use(contrast: ContrastSet) -> str:
    """Say what becomes of the maps of a subject."""
    over = f", combined over {contrast.combined}s" if contrast.combined else ""
    return over + ", in pairs" * bool(contrast.paired) + ", each with its variance map" * contrast.weighted


def _left_out(discovery: Discovery) -> Iterator[str]:
    """Show which files take no part, by reason, the most frequent first."""
    shown = set(_lacking(discovery))
    by_reason: dict[str, list[str]] = defaultdict(list)
    for entry in discovery.all_excluded():
        if entry not in shown:
            by_reason[entry.reason].append(entry.name)
    if by_reason:
        yield "left out"
    for reason, names in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0])):
        yield from _wrapped(f"{len(names)}: {reason}", indent=2)
        for name in sorted(names)[:_MOST]:
            yield from _wrapped(name, indent=6)
        if len(names) > _MOST:
            yield f"      and {len(names) - _MOST} more"
    if by_reason:
        yield ""


def _wrapped(text: str, word: str = "", indent: int = 0) -> list[str]:
    """Break a text into lines, below the word that says what it is; a path stays whole, to be copied."""
    first = f"  {word:<10}" if word else " " * indent
    rest = " " * (len(first) if word else indent + 4)
    wrapper = textwrap.TextWrapper(
        _WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )
    return wrapper.wrap(printable(text))


def _by_number(label: str) -> tuple[bool, int, str]:
    number = _is_number(label)
    return (not number, int(label) if number else 0, label)


def _follows(one: str, other: str) -> bool:
    return _is_number(one) and other == str(int(one) + 1).zfill(len(one))


def _is_number(label: str) -> bool:
    return label.isascii() and label.isdecimal() and len(label) < 19
