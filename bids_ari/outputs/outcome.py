"""The outcome of one contrast in a run: of an analysis, or of an earlier run whose inputs are unchanged."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bids_ari.analysis.fingerprint import fingerprint
from bids_ari.analysis.group_model import plan
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.participants import Participants
from bids_ari.config.settings import Settings
from bids_ari.errors import BidsAriError
from bids_ari.outputs import names
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.records import files_of
from bids_ari.outputs.summary import headline, summary


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one contrast, as a worker returns it.

    Attributes
    ----------
    archives : tuple of str
        The archives of its results, relative to the output.
    summaries : tuple of dict
        What the log of the run keeps of each result.
    notes : tuple of (int, str)
        Levels and texts of notes for the log.
    headlines : tuple of str
        Lines for the log that summarise the results.
    seconds : float
        Time taken.
    error : BidsAriError or None
        Why it could not be analysed.
    """

    archives: tuple[str, ...] = ()
    summaries: tuple[dict[str, Any], ...] = ()
    notes: tuple[tuple[int, str], ...] = ()
    headlines: tuple[str, ...] = ()
    seconds: float = 0.0
    error: BidsAriError | None = None


def outcome_of(results: Sequence[ContrastResult], began: float) -> Outcome:
    """Return the outcome of a contrast that was analysed."""
    choices = results[0].contrast.notes
    notes = dict.fromkeys(note for result in results for note in result.notes)
    return Outcome(
        tuple(map(names.archive_name, results)),
        tuple(map(summary, results)),
        tuple((logging.INFO if note in choices else logging.WARNING, note) for note in notes),
        tuple(map(headline, results)),
        time.monotonic() - began,
    )


def unchanged_outcome(
    contrast: ContrastSet, settings: Settings, participants: Participants | None, out: Derivatives
) -> Outcome | None:
    """Return the outcome of an earlier run if nothing that the results depend on has changed since."""
    if not (reusable := out.reusable(contrast.name)):
        return None
    design = None
    if settings.level == "group":
        contrast, design = plan(contrast, settings.options, participants)
    try:
        key = fingerprint(contrast, design, settings.options)
    except (OSError, BidsAriError):
        return None  # the analysis reports it
    if not (records := reusable.get(key)):
        return None
    since = max(str(record.get("Time")) for record in records)
    archives = sorted(name for record in records for name in files_of(record) if name.endswith(names.ARCHIVE_ENDING))
    summaries = [each for record in records for each in record["Results"] if isinstance(each, dict)]
    line = f"{contrast.name}: unchanged since {since}, kept; use --rerun to analyse again"
    return Outcome(tuple(archives), tuple(summaries), headlines=(line,))
