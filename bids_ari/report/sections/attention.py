"""What a reader of a report should look at first: the box at the top, with a link to the section of each item."""

from collections.abc import Iterator
from typing import NamedTuple

from bids_ari.analysis.normality import notes_on_normality
from bids_ari.analysis.outliers import criteria, named_outliers, notes_on_outliers
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.exclusions import by_reason, notes_on_subjects, subject_ranges
from bids_ari.errors import listing
from bids_ari.outputs.names import threshold_label
from bids_ari.report.formatting import beyond, plural
from bids_ari.report.labels import permutations_text, source
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData
from bids_ari.report.sections.tables import doubts

FEW_SUBJECTS = 12
"""Subjects below which a report says what a small group means."""

FEW_PERMUTATIONS = 1000
"""Random permutations below which bounds depend on the seed by more than a few percent."""

LEAST_LOSS = 0.02
"""Fraction of the points that must be missing because of single subjects to be mentioned."""

MOST_ITEMS = 5
"""Items that are visible at first; the others unfold."""

_LONGEST = 160  # characters of a note in the box; all of it is below
_FACTS = (
    "alpha was divided over",
    "greater and less were tested",
    "An F test has no direction",
    "A test of any effect",
)
"""Beginnings of notes that state what was done and need no attention."""


class Item(NamedTuple):
    """Something to look at."""

    about: str  # the text of the link: ``3 possible outliers``
    anchor: str  # of the section
    text: str  # what follows


def attention_box(data: ReportData) -> Context:
    """Return the items of the box, visible and folded, and all notes."""
    result = data.result
    known = set(_known_notes(result))
    items = [*_items(data), *_noted(note for note in result.notes if note not in known)]
    return {"attention": items[:MOST_ITEMS], "further_attention": items[MOST_ITEMS:]}


def _items(data: ReportData) -> Iterator[Item]:
    """Yield items by what is known of the result, the most important first."""
    result = data.result
    yield from _excluded(result)
    if source(result) == "group":
        yield from _small_group(result)
        yield from _normality(result)
        yield from _outliers(result)
        yield from _losses(result)
    yield from _permutations(result)
    yield from _without_clusters(result)
    for doubt in doubts((result, *data.compared)):
        text = f": {doubt['tdn']:,} by {doubt['title']}, {doubt['permuted']:,} by permutation"
        yield Item("Closed testing finds clearly more than permutations", "comparison", text)


def _known_notes(result: ContrastResult) -> Iterator[str]:
    """Yield the notes that items are about."""
    yield from notes_on_subjects(result.excluded)
    if result.design is not None and result.outlying is not None:
        found = criteria(result.quality, result.outlying, result.test)
        yield from notes_on_outliers(found, result.design.subjects)
        yield from _notes_on_normality(result)


def _notes_on_normality(result: ContrastResult) -> list[str]:
    if result.design is None:
        return []
    has_direction = result.contrast.within is None or result.contrast.within.n_rows == 1
    found = notes_on_normality(
        result.normality, result.design, result.test, result.options, result.space.units, has_direction=has_direction
    )
    return list(found)


def _excluded(result: ContrastResult) -> Iterator[Item]:
    subjects = result.contrast.lost_subjects
    n_files = sum(
        len(alike.entries) for alike in by_reason(result.excluded) if not (alike.are_subjects or alike.is_ordinary)
    )
    if subjects:
        reasons = "; ".join(f"{subject_ranges(found)}: {reason}" for found, reason in _reasons(result.contrast))
        yield Item(f"{plural(len(subjects), 'subject')} excluded", "inputs", f" ({reasons})")
    elif n_files:
        yield Item(f"{plural(n_files, 'file')} not used", "inputs", ", no subject excluded")


def _reasons(contrast: ContrastSet) -> Iterator[tuple[list[str], str]]:
    """Yield the subjects that are excluded for each reason, each subject once."""
    rest = set(contrast.lost_subjects)
    for alike in by_reason(contrast.excluded):
        if found := rest & set(alike.subjects):
            yield sorted(found), alike.reason_for_subjects
            rest -= found


def _small_group(result: ContrastResult) -> Iterator[Item]:
    n, calibrated = len(result.contrast.members), result.calibrated
    if n < FEW_SUBJECTS:
        if calibrated is not None and calibrated.is_complete:
            least = f"{1 / calibrated.n_permutations:.2g}"
            text = f": {permutations_text(calibrated)}, so that no p by permutation is below {least}"
        elif calibrated is not None:
            text = ": the power to find anything is low"
        else:
            text = ": bounds rest on small p, which need normal errors; so few subjects hardly show whether they are"
        yield Item(f"Small group, {plural(n, 'subject')}", "design", text)


def _normality(result: ContrastResult) -> Iterator[Item]:
    if not set(_notes_on_normality(result)) & set(result.notes):
        return
    if result.normality is not None and result.normality.is_doubtful:
        by = "; the bounds by permutation depend on it less" if result.calibrated is None else ""
        yield Item("Errors may not be normal", "design", f": see the residuals and the note below{by}")
    elif len(result.contrast.members) >= FEW_SUBJECTS:
        yield Item("Skewed errors may not be noticed in so few subjects", "design", ": see the note below")


def _outliers(result: ContrastResult) -> Iterator[Item]:
    if result.outlying is None or result.design is None:
        return
    named = named_outliers(criteria(result.quality, result.outlying, result.test), result.design.subjects)
    if named:
        yield Item(plural(len(named), "possible outlier"), "quality", f": {listing(named)}")


def _losses(result: ContrastResult) -> Iterator[Item]:
    """Yield an item if many points were not tested because single subjects lack data there."""
    if result.quality is None:
        return
    lost, subjects = result.quality.lost, result.contrast.subjects
    n = int(lost.sum())
    if n < LEAST_LOSS * (result.space.n_points + n):
        return
    worst = f"sub-{subjects[int(lost.argmax())]}"
    if (lost > 0).sum() == 1:
        text = f": only {worst} lacks data there"
    else:
        most = plural(int(lost.max()), result.space.unit)
        text = f": each lacks the data of one subject, most of them those of {worst} ({most})"
    yield Item(f"{plural(n, result.space.unit)} lost from the mask", "mask", text)


def _permutations(result: ContrastResult) -> Iterator[Item]:
    calibrated = result.calibrated
    if calibrated is None:
        return
    if not calibrated.n_errors:
        text = f": with {permutations_text(calibrated)}, alpha {result.options.alpha:g} allows no discoveries"
        yield Item("Too few permutations", "calibration", text)
    elif not calibrated.is_complete and calibrated.n_permutations < FEW_PERMUTATIONS:
        text = f": {permutations_text(calibrated)}; with others the bounds would differ somewhat"
        yield Item("Few permutations", "calibration", text)


def _without_clusters(result: ContrastResult) -> Iterator[Item]:
    empty = [threshold for threshold, found in result.clusters.items() if not found]
    if empty:
        conditions = listing(beyond(threshold, result.alternative) for threshold in empty)
        yield Item("No cluster", f"clusters-{threshold_label(empty[0])}", f" with {conditions}")


def _noted(notes: Iterator[str]) -> Iterator[Item]:
    """Yield an item for each note that no other item is about."""
    for note in notes:
        if not note.startswith(_FACTS):
            begin, _, rest = note.partition(": ")
            about, text = (begin, f": {rest}") if rest and len(begin) < _LONGEST // 2 else ("Note", f": {note}")
            yield Item(about, "notes", text if len(text) <= _LONGEST else f"{text[:_LONGEST].rpartition(' ')[0]} …")
