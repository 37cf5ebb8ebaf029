"""The story of a run: find the contrasts, analyse each, write the results."""

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bids_ari.analysis.analyse import analyse, check_maps
from bids_ari.analysis.group_model import with_estimator
from bids_ari.analysis.inputs import (
    CONTRAST_ERRORS,
    check_files,
    contrasts_at_level,
    find_contrasts,
    participants_of,
    split_alpha,
)
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.run_summary import Failure, RunSummary, cause_of
from bids_ari.analysis.single import analyse_map, analyse_subject
from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.participants import Participants
from bids_ari.bids.single_map import MAP_SOURCE
from bids_ari.config.methods import METHODS, Method
from bids_ari.config.options import Options
from bids_ari.config.settings import Resources, Settings
from bids_ari.config.toml import to_toml
from bids_ari.design.design import Design
from bids_ari.errors import (
    BidsAriError,
    DataError,
    InputNotFoundError,
    Interrupted,
    OtherModelError,
    TemporaryError,
    counted,
    listing,
)
from bids_ari.images.statistic import Kind
from bids_ari.joint import Work, analyse_jointly
from bids_ari.outputs import archive
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.outcome import Outcome, or_failed, outcome_of, refuse_other_model, unchanged_outcome
from bids_ari.outputs.run_log import RunLog
from bids_ari.report.index import failure_note
from bids_ari.report.rebuild import (
    BESIDE_RESULTS,
    free_changes,
    rebuild_result,
    saved_options,
    shown_as,
    with_label,
)
from bids_ari.report.results import updated_overview, write_results
from bids_ari.runtime.cluster import open_cluster
from bids_ari.runtime.executors import PRELOADED, map_contrasts, open_pool
from bids_ari.runtime.processors import divide
from bids_ari.runtime.progress import step, titled, track

log = logging.getLogger(__name__)


class Preview(NamedTuple):
    """The contrasts that a run would analyse; `check` raises an error if one of them cannot be."""

    discovery: Discovery  # the contrasts found, and the files that belong to none
    contrasts: Sequence[ContrastSet]  # groups of subjects, or maps of single subjects
    check: Callable[[ContrastSet], tuple[ContrastSet, Design | None]]  # returns a contrast with its design


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
        with step("searching for maps", "folder"):
            dataset, discovery = find_contrasts(settings)
        contrasts = contrasts_at_level(discovery, settings)
        participants = participants_of(dataset, settings)
        settings = split_alpha(settings, contrasts, participants)
        log.info("%s: %s", counted(len(contrasts), "contrast"), listing(contrast.name for contrast in contrasts))
        journal.exclude(discovery.excluded_by_contrast())
        archives: list[Path] = []
        failures: list[Failure] = []
        done: list[str] = []
        with (
            _explaining_interruption(len(contrasts), done, settings),
            Derivatives(settings.output_dir, dataset.roots) as out,
            updated_overview(out),
            journal.opened(out),
            closing(_analyse_all(contrasts, settings, participants, out)) as outcomes,
        ):
            for contrast, outcome in outcomes:
                done.append(contrast.name)
                if settings.level == "group":  # those of a single subject are among those of its contrast
                    journal.exclude({contrast.name: outcome.excluded})
                if outcome.error is None:
                    archives += [out.folder / name for name in outcome.archives]
                    _log_outcome(contrast.name, outcome, journal)
                    continue
                contrast = replace(contrast, excluded=outcome.excluded or contrast.excluded)
                failures.append(_log_failure(contrast, outcome.error, out, journal))
                if settings.stop_on_first_crash:
                    break
    return RunSummary(archive.SavedResults(archives), tuple(failures), journal.excluded)


def run_map(
    path: Path,
    output_dir: Path,
    options: Options,
    dof: float | None = None,
    resources: Resources | None = None,
    *,
    stat: Kind | None = None,
    space: str | None = None,
    rerun: bool = False,
) -> tuple[ContrastResult, ...]:
    """Analyse a statistical map computed elsewhere, and write the results.

    Parameters
    ----------
    path : path
        z, t or F statistics, not thresholded. Which ones, and the degrees of freedom, are read from the header, the
        name and the sidecar of the map. The entities of its name, or else the whole name, name the results.
    output_dir : path
        The folder for all results.
    options : Options
        The options; smoothing and coverage are not used.
    dof : float, optional
        Degrees of freedom of a t map, above 0, for maps whose header does not have them.
    resources : Resources, optional
        What may be used of the machine.
    stat : {'z', 't', 'F'}, optional
        The statistic, whatever the header or the name states.
    space : str, optional
        The label of the space of the map, for masks, atlases and underlays by name; by default, that of its name.
    rerun : bool
        Whether results of another map or mask with the same names are replaced; otherwise they are an error.

    Returns
    -------
    tuple of ContrastResult
        One per alternative and method.

    Raises
    ------
    BidsAriError
        When the map cannot be analysed (thresholded, no statistic, degrees of freedom that are unknown or contradict
        the header), or the output cannot be written.
    """
    with RunLog("") as journal:
        check_files(options)
        began = time.monotonic()
        results = analyse_map(path, options, resources, dof, stat=stat, space=space)
        name = results[0].contrast.name
        with Derivatives(output_dir, {MAP_SOURCE: path.parent}) as out, updated_overview(out):
            journal.open(out)
            with out.result(name), titled(name):
                write_results(results, out, rerun=rerun, n_threads=(resources or Resources()).n_jobs)
            _log_outcome(name, outcome_of(results, began), journal)
    return results


def preview(settings: Settings) -> Preview:
    """Find what a run would analyse; write nothing, and read no value of a map."""
    check_files(settings.options, settings.participants)
    settings = replace(settings, options=with_estimator(settings.options))
    with step("searching for maps", "folder", is_logged=False):
        dataset, discovery = find_contrasts(settings, make_database=False)
    check = partial(check_maps, options=settings.options, participants=participants_of(dataset, settings))
    return Preview(discovery, contrasts_at_level(discovery, settings), check)


def rebuild_reports(output_dir: Path, given: Mapping[str, Any] | None = None) -> None:
    """Write the reports of results in an output folder again, from their archives: of all, or of those with a label.

    Parameters
    ----------
    output_dir : path
        The output of earlier runs.
    given : mapping, optional
        Settings by name. Those that may be chosen after looking at the data, such as thresholds and regions, change the
        results; `label` selects the results of one model; others have to be those of the results.

    Raises
    ------
    UsageError
        When a setting may not be chosen after looking at the data.
    InputNotFoundError
        When there are no results.
    NoMatchError
        When no result has the label.
    DataError
        When a result is damaged.
    """
    if not any((output_dir / "logs" / "results").glob("*.json")):
        raise InputNotFoundError(f"There is no result in {output_dir}", "the output of an earlier run")
    given, errors = dict(given or {}), dict[str, BidsAriError]()  # errors by the name of the result
    label = given.pop("label", None)
    with RunLog("") as journal, Derivatives(output_dir, {}) as out:
        changes = free_changes(given, saved_options(with_label(out, label), out)) if given else {}
        check_files(Options(**changes))
        shown = {name: changes.pop(name) for name in BESIDE_RESULTS if name in changes}
        journal.open(out)
        records = with_label(out, label)
        with updated_overview(out):
            for record in track(records, "writing reports", "report", len(records)):
                try:
                    rebuild_result(record, out, changes, shown)
                except CONTRAST_ERRORS as error:
                    if str(error) not in map(str, errors.values()):
                        log.error("%s", error)
                    errors[str(record.get("Name"))] = error
    if errors:
        kinds = {type(error) for error in errors.values()}
        kind = kinds.pop() if len(kinds) == 1 else DataError
        raise kind(f"{counted(len(errors), 'report')} could not be written again")


@contextmanager
def _explaining_interruption(n_contrasts: int, done: Sequence[str], settings: Settings) -> Iterator[None]:
    """Raise an interruption with the number of contrasts that are finished, and how to continue."""
    try:
        yield
    except KeyboardInterrupt as error:
        n_done = max(len(done), *(n for n in error.args if isinstance(n, int)), 0)
        again = "the same command without --rerun" if settings.rerun else "the same command"
        if settings.options.joint:
            text = f"results of --joint are complete together; {again} begins again"
        elif n_done == 0:
            text = f"no contrast was finished; {again} begins again"
        else:
            text = f"{n_done} of {counted(n_contrasts, 'contrast')} are finished and kept; {again} goes on from there"
        raise Interrupted(text) from error


def _analyse_all(
    contrasts: Sequence[ContrastSet], settings: Settings, participants: Participants | None, out: Derivatives
) -> Generator[tuple[ContrastSet, Outcome], None, None]:
    """Analyse contrasts in parallel; yield them with their outcomes, in order."""
    resources = settings.resources
    if resources.dask_scheduler is not None:
        folders = [settings.bids_dir, settings.output_dir]
        pool = open_cluster(resources.dask_scheduler, [folder.absolute() for folder in folders])
        share = replace(resources, nprocs=resources.nprocs or 1)
    else:
        n_processes, n_threads, mem = divide(resources.n_jobs, resources.mem, len(contrasts))
        pool = open_pool(n_processes, [PRELOADED])
        share = replace(resources, nprocs=n_threads, mem=mem)
    settings, methods = replace(settings, resources=share), tuple(METHODS.values())
    if settings.options.joint:
        with pool as workers:
            yield from analyse_jointly(contrasts, workers, Work(settings, participants, out, methods))
        return
    work = partial(_analyse_and_write, settings=settings, participants=participants, out=out, methods=methods)
    with pool as workers:
        unit = "map" if settings.level == "participant" else "contrast"
        outcomes = map_contrasts(workers, work, contrasts, f"analysing {unit}s", unit)
        for contrast, outcome in zip(contrasts, outcomes, strict=True):
            yield contrast, Outcome(error=outcome) if isinstance(outcome, TemporaryError) else outcome


def _analyse_and_write(
    contrast: ContrastSet,
    settings: Settings,
    participants: Participants | None,
    out: Derivatives,
    methods: Sequence[Method],
) -> Outcome:
    """Analyse one contrast and write its results under their lock, unless they are there and unchanged."""
    began = time.monotonic()
    METHODS.update((method.name, method) for method in methods)  # a worker process lacks those of the caller

    def written() -> Outcome:
        with out.result(contrast.name), titled(contrast.name):
            if not settings.rerun:
                with step("comparing with earlier results"):
                    kept = unchanged_outcome(contrast, settings, participants, out)
                if kept and (kept := shown_as(settings.options, contrast.name, kept, out)):
                    return replace(kept, seconds=time.monotonic() - began)
                refuse_other_model(contrast, settings, participants, out)
            if settings.level == "participant":
                results = analyse_subject(contrast, settings.options, settings.resources)
            else:
                results = analyse(contrast, settings.options, settings.resources, participants)
            write_results(results, out, rerun=settings.rerun, n_threads=settings.resources.n_jobs)
            return outcome_of(results, began)

    return or_failed(written, contrast, settings, participants)


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
    first = journal.first_with(cause_of(contrast, error), contrast.name)
    log.error("%s: %s", contrast.name, f"the same as of {first}" if first else error)
    failure = Failure(contrast, error)
    journal.failed(contrast.name, error)
    if not isinstance(error, TemporaryError | OtherModelError):  # else other results are there, or will be
        out.record_failure(contrast.name, failure_note(failure, out))
    return failure
