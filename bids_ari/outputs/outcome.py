"""Outcome of one contrast in a run, summaries of its results, and which results of a contrast belong together."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np

from bids_ari.analysis.fingerprint import fingerprint
from bids_ari.analysis.group_model import options_of, plan
from bids_ari.analysis.inputs import CONTRAST_ERRORS
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.copies import is_on_copies
from bids_ari.bids.exclusions import Excluded, notes_on_subjects
from bids_ari.bids.map_notes import is_on_labels
from bids_ari.bids.participants import Participants
from bids_ari.bids.splits import is_on_splits
from bids_ari.config.methods import METHODS
from bids_ari.config.options import SHOWN, Options
from bids_ari.config.settings import Settings
from bids_ari.errors import BidsAriError, DataError, counted, listing
from bids_ari.outputs import names
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.models import check_model, model_facts
from bids_ari.outputs.records import Note, entry, files_of

T = TypeVar("T")

OTHER_UNDERLAY = "other_underlay"
"""Mark among the options ``Shown`` of a record: the underlay of its pictures may not be that of the analysis."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one contrast, as a worker returns it: of its analysis, or of an earlier run that is kept."""

    archives: tuple[str, ...] = ()  # of its results, relative to the output
    summaries: tuple[dict[str, Any], ...] = ()
    notes: tuple[tuple[int, str], ...] = ()  # levels and texts for the log
    headlines: tuple[str, ...] = ()  # lines for the log that summarise the results
    seconds: float = 0.0
    error: BidsAriError | None = None  # why it could not be analysed
    excluded: tuple[Excluded, ...] = ()  # files and subjects of the contrast, also those that the group model excludes


def outcome_of(results: Sequence[ContrastResult], began: float) -> Outcome:
    """Return the outcome of a contrast that was analysed."""
    choices, excluded = {each for each in results[0].contrast.notes if not _is_doubt(each)}, results[0].excluded
    known = set(notes_on_subjects(excluded))  # these are in the log as exclusions
    notes = dict.fromkeys(note for result in results for note in result.notes if note not in known)
    return Outcome(
        tuple(map(names.archive_name, results)),
        tuple(map(summary, results)),
        tuple((logging.INFO if note in choices else logging.WARNING, note) for note in notes),
        tuple(map(headline, results)),
        time.monotonic() - began,
        excluded=excluded,
    )


def _is_doubt(note: str) -> bool:
    """Return whether a note of a contrast is on a probable mistake, and not on a choice."""
    return is_on_copies(note) or is_on_labels(note) or is_on_splits(note)


def or_failed(
    do: Callable[[], T], contrast: ContrastSet, settings: Settings, participants: Participants | None
) -> T | Outcome:
    """Return what a function returns, or the outcome of a contrast that cannot be analysed."""
    try:
        return do()
    except MemoryError:
        error: BidsAriError = DataError(f"{contrast.name} does not fit into memory", hint="Find a larger computer")
    except CONTRAST_ERRORS as problem:
        error = problem
    return _failed_outcome(error, contrast, settings, participants)


def _failed_outcome(
    error: BidsAriError, contrast: ContrastSet, settings: Settings, participants: Participants | None
) -> Outcome:
    """Return the outcome of a contrast that could not be analysed, with all that is excluded from it."""
    excluded = contrast.excluded
    if settings.level == "group":
        try:
            excluded = plan(contrast, settings.options, participants)[0].excluded
        except BidsAriError as problem:
            excluded = (*problem.excluded, *contrast.excluded)
    return Outcome(error=error, excluded=excluded)


def unchanged_outcome(
    contrast: ContrastSet, settings: Settings, participants: Participants | None, out: Derivatives
) -> Outcome | None:
    """Return the outcome of an earlier run if nothing that the results depend on has changed since."""
    if not out.reusable(contrast.name):
        return None
    planned, key = current_fingerprint(contrast, settings, participants)
    return None if key is None else kept_outcome(planned, key, out)


def current_fingerprint(
    contrast: ContrastSet, settings: Settings, participants: Participants | None
) -> tuple[ContrastSet, str | None]:
    """Return a contrast as it would be analysed, and its fingerprint; None where the analysis will report an error."""
    design, options = None, options_of(contrast, settings.options)
    if settings.level == "group":
        contrast, design = plan(contrast, options, participants)
    try:
        return contrast, fingerprint(contrast, design, options)
    except (OSError, BidsAriError):
        return contrast, None


def kept_outcome(contrast: ContrastSet, key: str, out: Derivatives) -> Outcome | None:
    """Return the outcome of an earlier run with a fingerprint, if its results are complete."""
    if not (records := out.reusable(contrast.name).get(key)):
        return None
    since = max(str(record.get("Time")) for record in records)
    archives = sorted(name for record in records for name in files_of(record) if name.endswith(names.ARCHIVE_ENDING))
    summaries = [each for record in records for each in record["Results"] if isinstance(each, dict)]
    line = f"{contrast.name}: unchanged since {since}, kept; use --rerun to analyse again"
    return Outcome(tuple(archives), tuple(summaries), headlines=(line,), excluded=contrast.excluded)


def not_shown(record: Note, options: Options) -> dict[str, Any]:
    """Return those of the options `SHOWN` with which the pictures and copies of a result on disk are not made yet.

    Copies that are there stay, as they are of the same result; an underlay of a later report is replaced. A record
    without these options is of a version that kept a result only with the default ones.
    """
    wanted, default = ({name: getattr(each, name) for name in SHOWN} for each in (options, Options()))
    there = default | shown_of(record)
    found = {name: value for name, value in wanted.items() if not _is_shown(name, value, there[name])}
    return found | ({"underlay": options.underlay} if OTHER_UNDERLAY in there else {})


def _is_shown(name: str, wanted: Any, there: Any) -> bool:
    """Return whether what an option asks for is there."""
    if name == "slices":
        return bool(wanted == there)
    if isinstance(wanted, bool):
        return there is True or not wanted
    return isinstance(there, tuple) and {*wanted} <= {*there}


def shown_of(record: Note) -> dict[str, Any]:
    """Return the options of the pictures and copies of a result on disk, none if its record lacks them."""
    first = next((each for each in entry(record, "Results", list) if isinstance(each, dict)), {})
    found = entry(first, "Shown", dict)
    return {name: tuple(map(str, value)) if isinstance(value, list) else value for name, value in found.items()}


def shown_again(kept: Outcome, shown: Mapping[str, Any]) -> Outcome:
    """Return the outcome of results that are kept, whose pictures and copies were made again with some options."""
    flags = listing(f"--{name.replace('_', '-')}" for name in shown)
    return replace(kept, headlines=tuple(f"{line}. Its pages are written again for {flags}" for line in kept.headlines))


def refuse_other_model(
    contrast: ContrastSet, settings: Settings, participants: Participants | None, out: Derivatives
) -> None:
    """Raise an OtherModelError if there are results of a contrast by another model, before it is analysed."""
    if not (earlier := out.records_of(contrast.name)):
        return
    design, options = None, options_of(contrast, settings.options)
    if settings.level == "group":
        contrast, design = plan(contrast, options, participants)
    facts = model_facts(contrast, design, options, out.folder)
    check_model(facts, earlier, out.folder, contrast.label)


def summary(result: ContrastResult) -> dict[str, Any]:
    """Return what the index shows of a result, as JSON.

    ``Model`` identifies the maps, points and group model: results of a contrast with different values of it are of
    different analyses.
    """
    return {
        "Contrast": result.contrast.name,
        "Test": result.test,
        "Alternative": result.alternative_label,
        "Method": result.method,
        "Alpha": result.options.alpha,
        "NumberOfSubjects": len(result.contrast.members),
        "NumberOfSubjectsExcluded": len({entry.name for entry in result.excluded if entry.is_subject}),
        "NumberOfVoxels": result.space.n_points,
        "Unit": result.space.unit,
        "TrueDiscoveryNumber": result.bound.whole,
        "Clusters": {f"{threshold:g}": len(found) for threshold, found in result.clusters.items()},
        "LargestClusters": {f"{tdp:g}": len(found) for tdp, found in result.largest.items()},
        "LargestClusterSizes": {
            f"{tdp:g}": max((cluster.size for cluster in found), default=0) for tdp, found in result.largest.items()
        },
        "Notes": list(result.notes),
        "Report": names.report_name(result),
        "Explorer": names.explorer_name(result),
        "Model": _model_digest(result),
        "Shown": {name: getattr(result.options, name) for name in SHOWN},
    }


def headline(result: ContrastResult) -> str:
    """Return a line for the log that summarises a result."""
    sizes = ", ".join(f"{len(found)} above z = {z:g}" for z, found in result.clusters.items())
    method = result.method if METHODS[result.method].label else ""
    test = ", ".join(filter(None, (result.test, result.alternative_label, method)))
    group = counted(len(result.contrast.members), "subject") if result.design is not None else "one map"
    if (question := result.contrast.within) is not None:
        group += f", {question.text}"
    points = f"{result.space.n_points} {result.space.units}"
    return (
        f"{result.contrast.name} ({test}): {group}, at least {result.bound.whole} of {points} active; clusters: {sizes}"
    )


def differ_only_in(field: Literal["alternative", "method"], result: ContrastResult, other: ContrastResult) -> bool:
    """Return whether two results of one test of the same maps with the same options differ in one of two fields."""
    different = [name for name in ("alternative", "method") if getattr(result, name) != getattr(other, name)]
    same_test = (result.test, result.options) == (other.test, other.options)
    return different == [field] and same_test and _model_digest(result) == _model_digest(other)


def _model_digest(result: ContrastResult) -> str:
    """Return a digest of what all results of a contrast share: subject maps, points tested and group model."""
    options, design, uris = result.options, result.design, [file.uri for file in result.contrast.files]
    settings = (options.smoothing, options.estimator, options.variance, options.target_grid, options.coverage)
    facts = [uris, [result.hashes.get(uri) for uri in uris], [str(each) for each in settings]]
    if any(member.is_weighted_sum for member in result.contrast.members):
        facts.append([member.uri for member in result.contrast.members])
    if result.contrast.within is not None:
        facts.append([each.rows for each in result.contrast.members] + [result.contrast.within.rows])
    arrays: list[np.ndarray] = [result.coverage]
    facts.append(result.space.frame.fingerprint.hex())
    if design is None:
        arrays.append(result.space.arrays()["mask"])
    else:
        facts.append([*design.columns, *design.tests])
        arrays += [design.matrix, *design.tests.values()]
    content = json.dumps(facts).encode() + b"".join(array.tobytes() for array in arrays)
    return hashlib.sha256(content).hexdigest()
