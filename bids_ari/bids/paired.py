"""Differences within subjects: one of the two maps of each subject minus the other.

The two maps of a subject differ in one *column*: an entity of their names, such as contrast, session or run, or a
column of ``sub-X/sub-X_sessions.tsv``. They are alike otherwise. The two values to compare are *high* and *low*: the
input of the group model is the map of high minus that of low. See `bids_ari.bids.within` for more than two values.
"""

import logging
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bids_ari.bids.columns import number
from bids_ari.bids.comparison import Comparison, existing_value, find_column
from bids_ari.bids.contrasts import Discovery
from bids_ari.bids.dataset import Dataset
from bids_ari.bids.differences import compare
from bids_ari.bids.division import Division
from bids_ari.bids.entities import CONTRAST_KEYS, bare_label, printable, safe_label
from bids_ari.bids.exclusions import Excluded, Reason
from bids_ari.bids.labels import same_label
from bids_ari.errors import NoMatchError, UsageError, counted, listing

log = logging.getLogger(__name__)


def pair(
    discovery: Discovery, column: str, folders: Iterable[Path] = (), division: Division | None = None
) -> Discovery:
    """Make contrasts of differences within subjects; exclude subjects and contrasts with one of the two maps only.

    `column` is ``COLUMN=HIGH-LOW``, or ``COLUMN`` where it has two values: then the second minus the first, in natural
    order. Tables of sessions are searched in `folders`. Contrasts that are divided by an entity remain divided.
    """
    members = [member for contrast in discovery for member in contrast.members]
    name, has_values, values = column.partition("=")
    found = find_column(name, members, folders)
    found.check_not_combined(discovery)
    existing = found.existing(members)
    high, low = _split(found, values, existing) if has_values else _two(found, existing)
    check_distinct(found, (high, low), "paired")
    if not has_values:
        warn_of_direction(found, high, low, "paired")
    return compare(discovery, replace(found, levels=(high, low)), (None,), division or Division())


def warn_of_direction(found: Comparison, high: str, low: str, flag: str) -> None:
    """Log a warning that the direction of a difference was chosen by the order of words, which is arbitrary."""
    if high.isdigit() and low.isdigit():
        return
    name = found.column
    other = printable(f"--paired {name}={low}-{high}" if flag == "paired" else f"--within {name}={high},{low}")
    log.warning("--%s uses %s minus %s; for the other direction: %s", flag, high, low, other)


def check_distinct(found: Comparison, levels: Sequence[str], flag: str) -> None:
    """Raise a UsageError if two levels are the same number."""
    for i, high in enumerate(levels):
        for low in levels[i + 1 :]:
            if same_label(high, low) or (number(high) is not None and number(high) == number(low)):
                raise UsageError(
                    f"The values {low} and {high} of {found.column} are the same number, probably the same session or "
                    "run",
                    "two different values",
                    "Rename the maps of one of them as the other, or choose "
                    + ("two others" if flag == "paired" else "others")
                    + f" with --{flag}",
                )


def names_of_differences(contrast: Sequence[str] | str, dataset: Dataset) -> frozenset[str]:
    """Return the labels that select contrasts if no map has any of them: then they name differences, as results do."""
    labels = [bare_label(label, "contrast") for label in ([contrast] if isinstance(contrast, str) else contrast)]
    existing = dataset.labels("contrast")
    return frozenset(() if existing.union(map(safe_label, existing)).intersection(labels) else labels)


def only_differences(discovery: Discovery, labels: Collection[str]) -> Discovery:
    """Keep the differences with these labels; exclude the maps of others."""
    named = [(contrast, {contrast.entities.get(key) for key in CONTRAST_KEYS} - {None}) for contrast in discovery]
    kept = tuple(contrast for contrast, own in named if own.intersection(labels))
    if not kept:
        existing = sorted({str(label) for _, own in named for label in own})
        raise NoMatchError(f"No difference or map has contrast {listing(labels)}", f"one of: {listing(existing, 20)}")
    others = [contrast for contrast in discovery if contrast not in kept]
    reason = Reason.NOT_SELECTED.text(kinds="contrasts")
    excluded = [Excluded.of_file(file, reason) for each in others for file in each.files]
    excluded += [entry for each in others for entry in each.excluded if not entry.is_subject]
    return Discovery(kept, (*discovery.excluded, *excluded))


def _two(found: Comparison, existing: Sequence[str]) -> tuple[str, str]:
    """Return high and low where a column has two values: the second and the first."""
    if len(existing) == 2:
        return existing[1], existing[0]
    problem = (
        f"The maps have {counted(len(existing), 'value')} of {found.column}: {listing(map(printable, existing), 20)}"
    )
    if len(existing) < 2:
        raise NoMatchError(problem, "two, for differences within subjects", "Select maps of both")
    other = next((each for each in existing if not same_label(each, existing[0])), existing[1])
    hint = (
        f"Choose two, as --paired {printable(f'{found.column}={other}-{existing[0]}')}, or use a filter; "
        f"--within {printable(found.column)} compares all"
    )
    raise UsageError(problem, "two", hint)


def _split(found: Comparison, values: str, existing: Collection[str]) -> tuple[str, str]:
    """Split HIGH-LOW into two existing values, which may hold dashes themselves."""
    splits = [(values[: dash.start()], values[dash.end() :]) for dash in re.finditer("-", values)]
    bare = ((existing_value(bare_label(one, found.key), existing) for one in split) for split in splits)
    fitting = sorted({(high, low) for high, low in bare if high and low and high != low})
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        ways = listing(f"{high} minus {low}" for high, low in fitting)
        raise UsageError(f"--paired {found.column}={values} may be {ways}", "values that can be split in one way")
    raise NoMatchError(
        f"No maps have two values of {found.column} that match {values!r}",
        f"HIGH-LOW, two of: {listing(map(printable, existing), 20) or 'nothing'}",
    )
