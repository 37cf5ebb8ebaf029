"""The story, top to bottom: find the contrasts, analyse each, write what was found."""

import logging
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from bids_ari import report
from bids_ari.analysis.analyse import (
    analyse,
    analyse_map,
    analyse_subject,
    look_at_maps,
)
from bids_ari.analysis.group_model import plan, with_estimator
from bids_ari.analysis.result import ContrastResult, Failure, RunSummary
from bids_ari.bids.contrasts import ContrastSet, Discovery, Excluded
from bids_ari.bids.dataset import Dataset, open_dataset
from bids_ari.bids.discover import MAP_SOURCE, discover, subject_contrasts
from bids_ari.bids.entities import printable
from bids_ari.bids.filters import read_filter_file
from bids_ari.bids.manifest import open_manifest
from bids_ari.bids.participants import Participants, find_participants, read_participants
from bids_ari.config.methods import METHODS
from bids_ari.config.options import FIRST, TEMPLATE, Options
from bids_ari.config.settings import Resources, Settings
from bids_ari.config.toml import to_toml
from bids_ari.design.design import Design
from bids_ari.design.model_inputs import check_groups, select_maps
from bids_ari.design.stats_model import read_model
from bids_ari.errors import (
    BidsAriError,
    DataError,
    InputNotFoundError,
    ReadError,
    TemporaryError,
    UsageError,
    counted,
    listing,
)
from bids_ari.outputs import archive, files, names
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.records import files_of
from bids_ari.outputs.run_log import RunLog
from bids_ari.outputs.summary import differs_in_direction, differs_in_method, summary
from bids_ari.runtime.executors import progress

log = logging.getLogger(__name__)

SPARES_OTHERS = (DataError, InputNotFoundError, ReadError, UsageError, TemporaryError)
"""Errors of one contrast, after which the others are analysed; when the output cannot be written, nothing can."""


class Preview(NamedTuple):
    """What a run would analyse.

    Attributes
    ----------
    discovery : Discovery
        The contrasts found, and the files that belong to none.
    contrasts : sequence of ContrastSet
        What would be analysed: groups, or maps of single subjects.
    look : callable
        Takes a contrast, returns it with its design; raises what is wrong with its files or its group model.
    """

    discovery: Discovery
    contrasts: Sequence[ContrastSet]
    look: Callable[[ContrastSet], tuple[ContrastSet, Design | None]]


def run(settings: Settings) -> RunSummary:
    """Test every contrast found in a dataset and write what was found.

    Parameters
    ----------
    settings : Settings
        Where and what.

    Returns
    -------
    RunSummary
        The results, and the contrasts whose data do not fit, which spare the others.

    Raises
    ------
    BidsAriError
        When nothing can be analysed, or the output cannot be written.
    """
    with RunLog(to_toml(settings)) as journal:
        _check_files(settings.options, settings.participants)
        settings = replace(settings, options=with_estimator(settings.options))
        dataset, discovery = find(settings)
        contrasts = contrasts_of(discovery, settings)
        participants = participants_of(dataset, settings)
        options = _split_alpha(settings, contrasts, participants)
        journal.excluded = discovery.all_excluded()
        _say_what_was_found(journal.excluded, contrasts)
        written: list[Path] = []
        failures: list[Failure] = []
        with Derivatives(settings.output_dir, dataset.roots) as out:
            journal.open(out)
            try:
                for contrast in progress(contrasts, unit="contrast"):
                    try:
                        written += _analyse_and_write(
                            contrast, replace(settings, options=options), participants, out, journal
                        )
                    except SPARES_OTHERS as error:
                        failures.append(_fail(contrast, error, out, journal))
                        if settings.stop_on_first_crash:
                            break
            except BaseException:  # the disk is full, or somebody pressed Ctrl-C: what is done stays usable
                with suppress(BidsAriError):
                    _describe(out)
                raise
            _describe(out)
    return RunSummary(archive.SavedResults(written), tuple(failures), discovery.excluded)


def run_map(
    path: Path,
    output_dir: Path,
    options: Options,
    dof: float | None = None,
    resources: Resources | None = None,
) -> tuple[ContrastResult, ...]:
    """Bound a statistical map that was made elsewhere, and write what was found.

    Parameters
    ----------
    path : path
        z statistics, or t statistics with `dof`; not thresholded. The entities of its name, if it has any, name the
        results; else its whole name does.
    output_dir : path
        Where all results are written.
    options : Options
        What is asked; smoothing and coverage play no part.
    dof : float, optional
        Degrees of freedom of a t map, above 0.
    resources : Resources, optional
        What may be used of the machine.

    Returns
    -------
    tuple of ContrastResult
        One per alternative.

    Raises
    ------
    BidsAriError
        When the map cannot be analysed, or the output cannot be written.
    """
    with RunLog("") as journal:
        _check_files(options)
        began = time.monotonic()
        results = analyse_map(path, options, resources, dof)
        with Derivatives(output_dir, {MAP_SOURCE: path.parent}) as out:
            journal.open(out)
            name = results[0].contrast.name
            with out.result(name):
                write(results, out)
            _tell(name, results, journal, time.monotonic() - began)
            _describe(out)
    return results


def preview(settings: Settings) -> Preview:
    """Find what a run would analyse; nothing is written and no image value is read.

    Raises
    ------
    BidsAriError
        When nothing can be analysed.
    """
    settings = replace(settings, options=with_estimator(settings.options))
    dataset, discovery = find(settings, make_database=False)
    look = partial(look_at_maps, options=settings.options, participants=participants_of(dataset, settings))
    return Preview(discovery, contrasts_of(discovery, settings), look)


def rebuild_reports(output_dir: Path) -> None:
    """Make the reports of all results in an output folder anew, from what was written there.

    Raises
    ------
    InputNotFoundError
        When there is no result.
    DataError
        When what was written of a result is damaged.
    """
    if not any((output_dir / "logs" / "results").glob("*.json")):
        raise InputNotFoundError(f"There is no result in {output_dir}", "the output of an earlier run")
    bad: list[BidsAriError] = []
    with RunLog("") as journal, Derivatives(output_dir, {}) as out:
        journal.open(out)
        for record in progress(out.records(), unit="report"):
            try:
                _rebuild(record, out)
            except SPARES_OTHERS as error:
                log.error("%s", error)
                bad.append(error)
        with out.shared():
            _write_overview(out)
    if bad:
        raise bad[0] if len(bad) == 1 else DataError(f"{len(bad)} reports could not be made anew")


def _rebuild(record: dict[str, Any], out: Derivatives) -> None:
    """Make the report of one result anew."""
    name, files = str(record.get("Name")), files_of(record)
    path = next((file for file in sorted(files) if file.endswith(names.ARCHIVE_ENDING)), None)
    if path is None:
        log.warning("%s has no file ...%s, and keeps its report", printable(name), names.ARCHIVE_ENDING)
        return
    result = archive.load_result(out.folder / path)
    if names.record_name(result) != name:
        raise DataError(f"{out.folder / path} holds another result", name, "Run the analysis again")
    with out.result(result.contrast.name):
        kept = [file for file in files if not file.endswith((".html", ".png"))]
        out.record(name, kept + _report(result, _others_on_disk(result, out), out), _noted(result))
    log.info("%s: report made anew", name)


def _others_on_disk(result: ContrastResult, out: Derivatives) -> list[ContrastResult]:
    """Read the results of the same test that differ in direction or in method, in the order in which they were made.

    One that cannot be read is told with its own report.
    """
    others = []
    for alternative, method in product(result.options.alternative, result.options.method):
        if (alternative != result.alternative) != (method != result.method):
            other = replace(result, alternative=alternative, bound=replace(result.bound, method=method))
            with suppress(BidsAriError):
                others.append(archive.load_result(out.folder / names.archive_name(other)))
    return others


def find(settings: Settings, make_database: bool = True) -> tuple[Dataset, Discovery]:
    """Open the dataset or the manifest, and sort its maps into contrasts."""
    where = None if settings.bids_filter_file is None else read_filter_file(settings.bids_filter_file)
    dataset = (
        open_dataset(
            settings.bids_dir,
            settings.derivatives,
            [settings.output_dir],
            database_dir=settings.bids_database_dir,
            make_database=make_database,
        )
        if settings.manifest is None
        else open_manifest(settings.manifest)
    )
    weights, tables = settings.options.is_weighted, _folders(dataset, settings)
    search = partial(discover, dataset, **settings.filters.arguments(), weights=weights, tables=tables)
    if settings.options.model is None:
        return dataset, search(where=where)
    model = read_model(settings.options.model, settings.options.node)
    maps, notes = select_maps(model.inputs, dataset)
    if both := [key for key in maps if key in (where or {})]:
        raise UsageError(
            f"Both {settings.bids_filter_file} and {model.path} choose the {both[0]} of maps", "one of them"
        )
    discovery = search(where={**maps, **(where or {})})
    check_groups(model.inputs, model.group_by, discovery)
    contrasts = tuple(replace(contrast, notes=(*contrast.notes, *notes)) for contrast in discovery)
    return dataset, replace(discovery, contrasts=contrasts)


def participants_of(dataset: Dataset, settings: Settings) -> Participants | None:
    """Read the table of subjects, where the group model looks at it."""
    if settings.level == "participant" or not settings.options.asks_table:
        return None
    folders = _folders(dataset, settings)
    path = settings.participants or find_participants(folders)
    return None if path is None else replace(read_participants(path), folders=(path.parent, *folders))


def _folders(dataset: Dataset, settings: Settings) -> tuple[Path, ...]:
    """Say where tables of subjects and of their sessions may be."""
    named = () if settings.participants is None else (settings.participants.parent,)
    return tuple(dict.fromkeys((settings.bids_dir, *named, *dataset.roots.values())))


def contrasts_of(discovery: Discovery, settings: Settings) -> Sequence[ContrastSet]:
    """Give what is analysed at the level of a run: groups, or maps of single subjects."""
    return subject_contrasts(discovery) if settings.level == "participant" else tuple(discovery)


def write(results: Iterable[ContrastResult], out: Derivatives) -> None:
    """Write all files of the results of one contrast, each in place of those of an earlier run."""
    results = tuple(results)
    for result in results:
        written = files.write(result, out) + _report(result, results, out)
        out.record(names.record_name(result), written, _noted(result))


def _report(result: ContrastResult, around: Sequence[ContrastResult], out: Derivatives) -> list[str]:
    """Write the report of a result, beside which those around it stand that differ in direction or in method alone."""
    others = [other for other in around if differs_in_direction(result, other)]
    compared = [other for other in around if differs_in_method(result, other)]
    return report.write_report(result, out, others, compared)


def _noted(result: ContrastResult) -> dict[str, Any]:
    """Give what is noted of a result, for the pages that tell of all."""
    return summary(result) | report.methods_note(result)


def headline(result: ContrastResult) -> str:
    """Say in one line what was found."""
    sizes = ", ".join(f"{len(found)} above z = {z:g}" for z, found in result.clusters.items())
    method = result.method if METHODS[result.method].label else ""
    asked = ", ".join(filter(None, (result.test, result.asked, method)))
    whose = counted(len(result.contrast.members), "subject") if result.design is not None else "one map"
    return (
        f"{result.contrast.name} ({asked}): {whose}, at least {result.bound.whole} of {result.space.n_points} voxels "
        f"active; clusters: {sizes}"
    )


def _analyse_and_write(
    contrast: ContrastSet, settings: Settings, participants: Participants | None, out: Derivatives, journal: RunLog
) -> list[Path]:
    """Analyse one contrast and write what was found, while nobody else does; give where each result is kept."""
    began = time.monotonic()
    with out.result(contrast.name):
        work = analyse_subject if settings.level == "participant" else partial(analyse, participants=participants)
        try:
            results = work(contrast, settings.options, settings.resources)
        except MemoryError as error:
            raise DataError(f"{contrast.name} does not fit into memory", hint="Find a larger computer") from error
        write(results, out)
    _tell(contrast.name, results, journal, time.monotonic() - began)
    return [out.folder / names.archive_name(result) for result in results]


def _tell(name: str, results: Sequence[ContrastResult], journal: RunLog, seconds: float) -> None:
    """Log a line for each result and each note once; note all of it for machines."""
    choices = results[0].contrast.notes
    for note in dict.fromkeys(note for result in results for note in result.notes):
        if note not in journal.logged:  # of thousands of subjects, the first stands for all
            log.log(logging.INFO if note in choices else logging.WARNING, "%s: %s", name, note)
        journal.logged.add(note)
    for result in results:
        log.info("%s", headline(result))
    journal.done(name, map(summary, results), seconds)


def _fail(contrast: ContrastSet, error: BidsAriError, out: Derivatives, journal: RunLog) -> Failure:
    """Note that a contrast could not be analysed."""
    log.error("%s: %s", contrast.name, error)
    failure = Failure(contrast, error)
    journal.failed(contrast.name, error)
    if not isinstance(error, TemporaryError):  # then another job is at it, which tells its own end
        out.record_failure(contrast.name, report.failure_note(failure, out))
    return failure


def _describe(out: Derivatives) -> None:
    """Bring the files that tell of all results up to date, if there is anything to tell."""
    if out.records() or out.interrupted() or out.failures():
        with out.shared():
            _write_overview(out)
            out.describe()


def _write_overview(out: Derivatives) -> None:
    """Write the pages that tell of all results."""
    report.write_index(out)
    report.write_citation(out)


def _check_files(options: Options, participants: Path | None = None) -> None:
    """Look for the files named in the options before any work."""
    named = {"mask": options.mask, "table of the atlas": options.atlas_labels, "target grid": options.target_grid}
    named |= {"table of participants": participants, "template": options.template}
    for what, path in [*named.items(), *(("region", path) for path in options.roi)]:
        if path is not None and path not in (FIRST, TEMPLATE):
            try:
                is_file = stat.S_ISREG(path.stat().st_mode)
            except FileNotFoundError as error:
                if path.is_symlink():
                    hint = f"Fetch it: datalad get {path}, or mend the link"
                    raise DataError(f"The {what} {path} is a link to content that is not here", hint=hint) from error
                raise InputNotFoundError(f"There is no {what} {path}") from error
            except OSError as error:
                raise ReadError(f"The {what} {path} cannot be read: {error.strerror}") from error
            if not is_file:
                raise ReadError(f"The {what} {path} cannot be read: it is no file")


def _split_alpha(settings: Settings, contrasts: Sequence[ContrastSet], participants: Participants | None) -> Options:
    """Divide alpha over the results of a run, if asked, so that all bounds of the run hold together."""
    options = settings.options
    if not settings.split_alpha:
        return options
    n_results = len(contrasts) * len(options.alternative) * len(options.method)
    if settings.level == "group":
        n_results = sum(_n_results(contrast, options, participants) for contrast in contrasts)
    if n_results <= 1:
        return options
    alpha = options.alpha / n_results
    log.info("alpha %g is divided over %d results: %g each", options.alpha, n_results, alpha)
    return replace(options, alpha=alpha, n_results=n_results)


def _n_results(contrast: ContrastSet, options: Options, participants: Participants | None) -> int:
    """Say how many results a contrast will have; none where its group model cannot be fitted."""
    try:
        _, design = plan(contrast, options, participants)
    except SPARES_OTHERS:
        return 0
    directions = [1 if design.statistic(test) == "F" else len(options.alternative) for test in design.tests]
    return sum(directions) * len(options.method)


def _say_what_was_found(excluded: Sequence[Excluded], contrasts: Sequence[ContrastSet]) -> None:
    """Log what will be analysed and how much is left out."""
    log.info("%s: %s", counted(len(contrasts), "contrast"), listing(contrast.name for contrast in contrasts))
    for reason, n in Counter(entry.reason for entry in excluded).most_common():
        log.info("left out: %d, %s", n, reason)
