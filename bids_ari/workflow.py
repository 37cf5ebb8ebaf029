"""The story of a run: find the contrasts, analyse each, write the results."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bids_ari import report
from bids_ari.analysis.analyse import analyse, analyse_map, analyse_subject, check_maps
from bids_ari.analysis.fingerprint import fingerprint
from bids_ari.analysis.group_model import plan, with_estimator
from bids_ari.analysis.inputs import (
    CONTRAST_ERRORS,
    check_files,
    contrasts_at_level,
    find_contrasts,
    participants_of,
    split_alpha,
)
from bids_ari.analysis.result import ContrastResult, Failure, RunSummary
from bids_ari.bids.contrasts import ContrastSet, Discovery, Excluded
from bids_ari.bids.discover import MAP_SOURCE
from bids_ari.bids.participants import Participants
from bids_ari.config.options import Options
from bids_ari.config.settings import Resources, Settings
from bids_ari.config.toml import to_toml
from bids_ari.design.design import Design
from bids_ari.errors import BidsAriError, DataError, InputNotFoundError, TemporaryError, counted, listing
from bids_ari.outputs import archive, files, names
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.records import files_of
from bids_ari.outputs.run_log import RunLog
from bids_ari.outputs.summary import headline, summary
from bids_ari.report.rebuild import rebuild_report, summary_for_index, write_compared_report
from bids_ari.runtime.cluster import open_cluster
from bids_ari.runtime.executors import open_pool, progress
from bids_ari.runtime.processors import divide

log = logging.getLogger(__name__)

_PRELOAD = ("bids_ari.workflow", "bids_ari.report.figures.draw")
"""Modules that worker processes start with."""


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


class Preview(NamedTuple):
    """What a run would analyse.

    Attributes
    ----------
    discovery : Discovery
        The contrasts found, and the files that belong to none.
    contrasts : sequence of ContrastSet
        What would be analysed: groups of subjects, or maps of single subjects.
    check : callable
        Returns a contrast with its design; raises an error if its files or its group model cannot be used.
    """

    discovery: Discovery
    contrasts: Sequence[ContrastSet]
    check: Callable[[ContrastSet], tuple[ContrastSet, Design | None]]


def run(settings: Settings) -> RunSummary:
    """Analyse every contrast found in a dataset and write the results.

    Contrasts are analysed in parallel. A contrast whose inputs and options are unchanged since an earlier run keeps
    its results, unless `settings.rerun`.

    Parameters
    ----------
    settings : Settings
        The dataset, the output, and the options.

    Returns
    -------
    RunSummary
        The results, and the contrasts that could not be analysed.

    Raises
    ------
    BidsAriError
        When nothing can be analysed, or the output cannot be written.
    """
    with RunLog(to_toml(settings)) as journal:
        check_files(settings.options, settings.participants)
        settings = replace(settings, options=with_estimator(settings.options))
        dataset, discovery = find_contrasts(settings)
        contrasts = contrasts_at_level(discovery, settings)
        participants = participants_of(dataset, settings)
        settings = split_alpha(settings, contrasts, participants)
        journal.excluded = discovery.all_excluded()
        _log_contrasts(contrasts, journal.excluded)
        archives: list[Path] = []
        failures: list[Failure] = []
        with Derivatives(settings.output_dir, dataset.roots) as out, _described(out):
            journal.open(out)
            with closing(_analyse_all(contrasts, settings, participants, out)) as outcomes:
                for outcome, contrast in zip(outcomes, contrasts, strict=True):
                    if outcome.error is None:
                        archives += [out.folder / name for name in outcome.archives]
                        _log_outcome(contrast.name, outcome, journal)
                        continue
                    failures.append(_log_failure(contrast, outcome.error, out, journal))
                    if settings.stop_on_first_crash:
                        break
    return RunSummary(archive.SavedResults(archives), tuple(failures), discovery.excluded)


def run_map(
    path: Path,
    output_dir: Path,
    options: Options,
    dof: float | None = None,
    resources: Resources | None = None,
) -> tuple[ContrastResult, ...]:
    """Analyse a statistical map computed elsewhere, and write the results.

    Parameters
    ----------
    path : path
        z statistics, or t statistics with `dof`; not thresholded. The entities of its name, or else the whole name,
        name the results.
    output_dir : path
        The folder for all results.
    options : Options
        The options; smoothing and coverage are not used.
    dof : float, optional
        Degrees of freedom of a t map, above 0.
    resources : Resources, optional
        What may be used of the machine.

    Returns
    -------
    tuple of ContrastResult
        One per alternative and method.

    Raises
    ------
    BidsAriError
        When the map cannot be analysed, or the output cannot be written.
    """
    with RunLog("") as journal:
        check_files(options)
        began = time.monotonic()
        results = analyse_map(path, options, resources, dof)
        name = results[0].contrast.name
        with Derivatives(output_dir, {MAP_SOURCE: path.parent}) as out, _described(out):
            journal.open(out)
            with out.result(name):
                _write(results, out)
            _log_outcome(name, _outcome(results, began), journal)
    return results


def preview(settings: Settings) -> Preview:
    """Find what a run would analyse; write nothing and read no image value.

    Raises
    ------
    BidsAriError
        When nothing can be analysed.
    """
    settings = replace(settings, options=with_estimator(settings.options))
    dataset, discovery = find_contrasts(settings, make_database=False)
    check = partial(check_maps, options=settings.options, participants=participants_of(dataset, settings))
    return Preview(discovery, contrasts_at_level(discovery, settings), check)


def rebuild_reports(output_dir: Path) -> None:
    """Write the reports of all results in an output folder again, from their archives.

    Raises
    ------
    InputNotFoundError
        When there is no result.
    DataError
        When an archive is damaged.
    """
    if not any((output_dir / "logs" / "results").glob("*.json")):
        raise InputNotFoundError(f"There is no result in {output_dir}", "the output of an earlier run")
    errors: list[BidsAriError] = []
    with RunLog("") as journal, Derivatives(output_dir, {}) as out:
        journal.open(out)
        for record in progress(out.records(), unit="report"):
            try:
                rebuild_report(record, out)
            except CONTRAST_ERRORS as error:
                log.error("%s", error)
                errors.append(error)
        with out.shared():
            _write_overview(out)
    if errors:
        raise errors[0] if len(errors) == 1 else DataError(f"{len(errors)} reports could not be written again")


def _analyse_all(
    contrasts: Sequence[ContrastSet], settings: Settings, participants: Participants | None, out: Derivatives
) -> Generator[Outcome, None, None]:
    """Analyse contrasts in parallel; yield their outcomes in order."""
    resources = settings.resources
    if resources.dask_scheduler is not None:
        folders = [settings.bids_dir, settings.output_dir]
        pool = open_cluster(resources.dask_scheduler, [folder.absolute() for folder in folders])
        share = replace(resources, nprocs=resources.nprocs or 1)
    else:
        n_processes, n_threads, mem = divide(resources.n_jobs, resources.mem, len(contrasts))
        pool = open_pool(n_processes, _PRELOAD)
        share = replace(resources, nprocs=n_threads, mem=mem)
    work = partial(_analyse_and_write, settings=replace(settings, resources=share), participants=participants, out=out)
    with pool as workers:
        for outcome in progress(workers.map(work, contrasts), "contrast", len(contrasts)):
            yield Outcome(error=outcome) if isinstance(outcome, TemporaryError) else outcome


def _analyse_and_write(
    contrast: ContrastSet, settings: Settings, participants: Participants | None, out: Derivatives
) -> Outcome:
    """Analyse one contrast and write its results under their lock, unless they are there and unchanged."""
    began = time.monotonic()
    try:
        with out.result(contrast.name):
            if not settings.rerun and (kept := _unchanged(contrast, settings, participants, out)):
                return replace(kept, seconds=time.monotonic() - began)
            if settings.level == "participant":
                results = analyse_subject(contrast, settings.options, settings.resources)
            else:
                results = analyse(contrast, settings.options, settings.resources, participants)
            _write(results, out)
            return _outcome(results, began)
    except MemoryError:
        return Outcome(error=DataError(f"{contrast.name} does not fit into memory", hint="Find a larger computer"))
    except CONTRAST_ERRORS as error:
        return Outcome(error=error)


def _unchanged(
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
    except OSError:
        return None  # the analysis reports it
    if not (records := reusable.get(key)):
        return None
    since = max(str(record.get("Time")) for record in records)
    archives = sorted(name for record in records for name in files_of(record) if name.endswith(names.ARCHIVE_ENDING))
    summaries = [each for record in records for each in record["Results"] if isinstance(each, dict)]
    line = f"{contrast.name}: unchanged since {since}, kept; use --rerun to analyse again"
    return Outcome(tuple(archives), tuple(summaries), headlines=(line,))


def _write(results: Sequence[ContrastResult], out: Derivatives) -> None:
    """Write all files of the results of one contrast, in place of those of an earlier run."""
    first = results[0]
    key = fingerprint(first.contrast, first.design, first.options, first.hashes)
    for result in results:
        written = files.write(result, out) + write_compared_report(result, results, out)
        out.record(
            names.record_name(result),
            written,
            summary_for_index(result),
            fingerprint=key,
            results=map(names.record_name, results),
        )


def _outcome(results: Sequence[ContrastResult], began: float) -> Outcome:
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


def _log_contrasts(contrasts: Sequence[ContrastSet], excluded: Sequence[Excluded]) -> None:
    """Log the contrasts that will be analysed, and how many files are excluded."""
    log.info("%s: %s", counted(len(contrasts), "contrast"), listing(contrast.name for contrast in contrasts))
    for reason, n in Counter(entry.reason for entry in excluded).most_common():
        log.info("excluded: %d, %s", n, reason)


def _log_outcome(name: str, outcome: Outcome, journal: RunLog) -> None:
    """Log the notes of a contrast, each once in a run, and a line for each result."""
    for level, note in outcome.notes:
        if journal.is_new(note):
            log.log(level, "%s: %s", name, note)
    for line in outcome.headlines:
        log.info("%s", line)
    journal.done(name, outcome.summaries, outcome.seconds)


def _log_failure(contrast: ContrastSet, error: BidsAriError, out: Derivatives, journal: RunLog) -> Failure:
    """Log and record that a contrast could not be analysed."""
    log.error("%s: %s", contrast.name, error)
    failure = Failure(contrast, error)
    journal.failed(contrast.name, error)
    if not isinstance(error, TemporaryError):  # else another job is at it, and records its own outcome
        out.record_failure(contrast.name, report.failure_note(failure, out))
    return failure


@contextmanager
def _described(out: Derivatives) -> Iterator[None]:
    """Update the files about all results at the end, also when a full disk or Ctrl-C ends the run early."""
    try:
        yield
    except BaseException:
        with suppress(BidsAriError):
            _describe(out)
        raise
    _describe(out)


def _describe(out: Derivatives) -> None:
    """Update the files about all results, if there are any."""
    if out.records() or out.interrupted() or out.failures():
        with out.shared():
            _write_overview(out)
            out.describe()


def _write_overview(out: Derivatives) -> None:
    """Write the pages about all results."""
    report.write_index(out)
    report.write_citation(out)
