"""The output of ``--list``: what a run would analyse and what it excludes, as text for a terminal."""

import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import NamedTuple

from bids_ari.analysis.run_summary import cause_of
from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.entities import contrast_label
from bids_ari.bids.exclusions import Excluded, by_reason, subject_ranges
from bids_ari.design.design import Design
from bids_ari.errors import BidsAriError, counted, joint_exit_code, listing, printable
from bids_ari.runtime.progress import track

_WIDTH = 100
_MOST = 5
"""Number of problems that are shown."""

Check = Callable[[ContrastSet], tuple[ContrastSet, Design | None]]


class _Checked(NamedTuple):
    """A contrast as a run would analyse it, with its design, or the error that prevents it."""

    contrast: ContrastSet
    design: Design | None = None
    error: BidsAriError | None = None


class _Problems:
    """The problems that are shown already, so that those of one cause are shown once."""

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}  # of the contrast whose problem is shown, by what problems of a cause share

    def lines(self, title: str, checked: Sequence[_Checked]) -> Iterator[str]:
        """Yield the problems of the maps of a contrast: of one cause the first, with the number of the others."""
        alike: dict[str, list[BidsAriError]] = defaultdict(list)
        for contrast, _, error in checked:
            if error:
                alike[cause_of(contrast, error)].append(error)
        for cause, errors in list(alike.items())[:_MOST]:
            others = f"; likewise {counted(len(errors) - 1, 'other map')}" if len(errors) > 1 else ""
            first = self._titles.setdefault(cause, title)
            yield f"{errors[0]}{others}" if first == title else f"the same as of {first}{others}"
        if n_more := sum(map(len, list(alike.values())[_MOST:])):
            yield f"{n_more} more"


class Overview(NamedTuple):
    """What a run would analyse, as text, and the exit code that its problems would lead to; 0 for none."""

    text: str
    exit_code: int
    labels: tuple[str, ...] = ()  # of contrasts that can be analysed, as --contrast selects them, each once


def overview(
    discovery: Discovery, contrasts: Sequence[ContrastSet], check: Check, *, names_files: bool = False
) -> Overview:
    """Return what a run would analyse, the problems with it, and what is excluded with the reasons.

    What is excluded has one line for each reason, and with `names_files` one for each file. At the participant level,
    `contrasts` has one per map; maps of one contrast are shown together. `check` returns a contrast as it would be
    analysed, with its design, or raises the problem with it. Lines have at most 100 columns, apart from long paths,
    and no control characters.
    """
    is_single = any(map(_is_single, contrasts))
    unit = "map" if is_single else "contrast"
    tracked = track(contrasts, "checking contrasts", unit, len(contrasts), is_logged=False)
    checked = [_check(contrast, check) for contrast in tracked]
    lines: list[str] = []
    problems = _Problems()
    if is_single:
        blocks: dict[str, list[_Checked]] = defaultdict(list)
        for each in checked:
            blocks[_title(each.contrast)].append(each)
        for title, inside in sorted(blocks.items()):
            lacking = _lacking(found for found in discovery if _title(found) == title)
            lines += _block(title, inside, lacking, problems)
    else:
        for each in checked:
            lines += _block(each.contrast.name, [each], _lacking([each.contrast]), problems)
    lines += _excluded(discovery, names_files)
    codes = [each.error.exit_code for each in checked if each.error]
    n_good = len(contrasts) - len(codes)
    verdict = f"{counted(n_good, unit)} can be analysed"
    text = "\n".join([*lines, verdict + (f", {len(codes)} cannot" if codes else "")])
    labels = dict.fromkeys(contrast_label(each.contrast.entities) for each in checked if not each.error)
    return Overview(text, joint_exit_code(codes, n_good > 0), tuple(label for label in labels if label))


def _check(contrast: ContrastSet, check: Check) -> _Checked:
    """Return a contrast with its design, or with the error that a run would raise."""
    try:
        return _Checked(*check(contrast))
    except BidsAriError as error:
        subjects = set(contrast.subjects).difference(entry.subject for entry in error.excluded)
        return _Checked(contrast.keep(subjects, error.excluded), error=error)


def _is_single(contrast: ContrastSet) -> bool:
    return contrast.entities.get("sub") is not None


def _title(contrast: ContrastSet) -> str:
    return str(contrast.entities.without("sub", "ses", "run")) or "statmaps"


def _lacking(contrasts: Iterable[ContrastSet]) -> list[Excluded]:
    """Return the subjects without a contrast."""
    return [entry for contrast in contrasts for entry in contrast.excluded if entry.is_subject]


def _block(title: str, checked: Sequence[_Checked], lacking: Sequence[Excluded], problems: _Problems) -> Iterator[str]:
    """Yield the lines about one contrast."""
    yield from _wrapped(title)
    found = (("problem", problem) for problem in problems.lines(title, checked))
    lines = (pair for word, text in found for pair in zip(chain([word], repeat("")), text.splitlines(), strict=False))
    for word, text in (*_maps(checked, lacking), *_findings(checked), *lines):
        yield from _wrapped(text, f"  {word:<10}", 12 if word else 16)
    yield ""


def _maps(checked: Sequence[_Checked], lacking: Sequence[Excluded]) -> Iterator[tuple[str, str]]:
    """Yield the words and texts about the maps of a contrast."""
    first = checked[0].contrast
    members = [member for each in checked for member in each.contrast.members]
    subjects, n_maps = {member.subject for member in members}, sum(len(member.all_maps) for member in members)
    yield "stat", first.stat
    yield "subjects", f"{len(subjects)}: {subject_ranges(subjects)}"
    both = any(each.pair for member in members for each in member.all_maps)
    if n_maps > len(subjects) or first.weighted or both:
        use = ", each of both hemispheres" * both
        use += f", combined over {first.combined}s" if first.combined else ""
        use += ", in weighted sums" * (not first.within and any(member.is_weighted_sum for member in members))
        if first.within is not None:
            use += f", {len(first.within.levels)} levels of {first.within.column}: {listing(first.within.levels, 20)}"
        use += ", in pairs" * bool(first.paired and not first.within) + ", each with its variance map" * first.weighted
        yield "maps", f"{n_maps}{use}"
    for reason in dict.fromkeys(entry.reason for entry in lacking):
        absent = {entry.name.removeprefix("sub-") for entry in lacking if entry.reason == reason}
        yield "without", f"{subject_ranges(absent)}: {reason}"


def _findings(checked: Sequence[_Checked]) -> Iterator[tuple[str, str]]:
    """Yield the words and texts about designs, and the notes."""
    designs = [each.design for each in checked if each.design is not None]
    for design in designs:
        if len(design.columns) > 1 or len(design.tests) > 1:
            yield "columns", ", ".join(design.columns)
            yield "tests", ", ".join(f"{name} ({design.statistic(name)})" for name in design.tests)
    notes = [note for each in checked for note in each.contrast.notes]
    for note in dict.fromkeys(notes + [note for design in designs for note in design.notes]):
        yield "note", note


def _excluded(discovery: Discovery, names_files: bool) -> Iterator[str]:
    """Yield what is excluded, but for subjects that are shown with their contrasts."""
    shown = set(_lacking(discovery))
    groups = by_reason(entry for entry in discovery.all_excluded() if entry not in shown)
    if groups:
        yield "excluded"
    for alike in groups:
        yield from _wrapped(str(alike), "  ", 6)
        for name in alike.names if names_files else ():
            yield from _wrapped(name, " " * 6, 10)
    if any(not alike.are_subjects for alike in groups) and not names_files:
        yield "  (-v lists the files)"
    if groups:
        yield ""


def _wrapped(text: str, first: str = "", rest: int = 4) -> list[str]:
    """Return a text as lines with their indents; a path is not broken, so that it can be copied."""
    wrapper = textwrap.TextWrapper(
        _WIDTH, initial_indent=first, subsequent_indent=" " * rest, break_on_hyphens=False, break_long_words=False
    )
    return wrapper.wrap(printable(text))
