"""A run whose bounds all hold together: contrasts are prepared, calibrated together, and then completed.

Contrasts are prepared in parallel, and all that is needed to complete them waits on disk: only their evidence is kept
in memory. See `bids_ari.analysis.joint`.
"""

import logging
import pickle
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from bids_ari.analysis.analyse import group_tests
from bids_ari.analysis.fingerprint import family_of, in_family
from bids_ari.analysis.group_model import options_of, plan
from bids_ari.analysis.inputs import CONTRAST_ERRORS
from bids_ari.analysis.joint import Calibrations, Evidence, calibrate_together
from bids_ari.analysis.single import subject_tests
from bids_ari.analysis.together import PreparedTest, fingerprint_of, prepare
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.participants import Participants
from bids_ari.config.methods import METHODS, Method
from bids_ari.config.settings import Settings
from bids_ari.errors import OutputError, TemporaryError
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.outcome import (
    Outcome,
    current_fingerprint,
    kept_outcome,
    or_failed,
    outcome_of,
    refuse_other_model,
)
from bids_ari.report.rebuild import shown_as
from bids_ari.report.results import write_results
from bids_ari.runtime.executors import Pool, map_contrasts
from bids_ari.runtime.progress import step, titled

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """What workers need apart from the contrast."""

    settings: Settings
    participants: Participants | None
    out: Derivatives
    methods: tuple[Method, ...]  # also those that a worker process does not have
    sharing: tuple[str, ...] = ()  # subjects of all contrasts, for the same permutations of them
    folder: Path = Path()  # of what waits until all contrasts are prepared


@dataclass(frozen=True, slots=True)
class Prepared:
    """A contrast that waits for the others, as a worker returns it."""

    evidence: tuple[Evidence, ...]
    fingerprint: str
    file: Path
    seconds: float


Item = TypeVar("Item")
Result = TypeVar("Result")
Outcomes = Iterator[tuple[ContrastSet, Outcome]]


def analyse_jointly(contrasts: Sequence[ContrastSet], workers: Pool, work: Work) -> Outcomes:
    """Analyse contrasts so that all bounds hold together; yield contrasts with their outcomes, in order.

    They are prepared first; those that fail are no part of the family. One that fails later is: the bounds of the
    others stay as they are. Results of an earlier run are kept if all of them are unchanged.
    """
    if not work.settings.rerun and (kept := _kept(contrasts, workers, work)):
        yield from zip(contrasts, kept, strict=True)
        return
    with _folder(work.settings) as folder:
        work = replace(work, folder=folder, sharing=_subjects(contrasts, work))
        replies: list[Prepared | Outcome] = []
        for contrast, reply in zip(
            contrasts,
            map_contrasts(workers, partial(_prepare, work=work), contrasts, "preparing contrasts"),
            strict=True,
        ):
            replies.append(Outcome(error=reply) if isinstance(reply, TemporaryError) else reply)
            if isinstance(found := replies[-1], Outcome) and work.settings.stop_on_first_crash:
                yield contrast, found
                return
        prepared = [reply for reply in replies if isinstance(reply, Prepared)]
        with step("joint calibration"):
            calibrations = _calibrate(prepared, work.settings)
        complete = partial(_complete, calibrations=calibrations, work=work)
        done = map_contrasts(workers, complete, _waiting(contrasts, replies), "completing contrasts")
        for contrast, reply in zip(contrasts, replies, strict=True):
            if isinstance(reply, Prepared):
                outcome = next(done)
                reply = Outcome(error=outcome) if isinstance(outcome, TemporaryError) else outcome
            yield contrast, reply


def _subjects(contrasts: Sequence[ContrastSet], work: Work) -> tuple[str, ...]:
    """Return the subjects of all contrasts, where they are permuted."""
    found: set[str] = set()
    for contrast in contrasts if work.settings.options.is_permuted else ():
        with suppress(*CONTRAST_ERRORS):  # preparing the contrast reports it
            options = options_of(contrast, work.settings.options)
            found.update(plan(contrast, options, work.participants)[1].subjects)
    return tuple(sorted(found))


def _waiting(
    contrasts: Sequence[ContrastSet], replies: Sequence[Prepared | Outcome]
) -> list[tuple[ContrastSet, Prepared]]:
    """Return the contrasts that were prepared."""
    both = zip(contrasts, replies, strict=True)
    return [(contrast, reply) for contrast, reply in both if isinstance(reply, Prepared)]


def _calibrate(prepared: Sequence[Prepared], settings: Settings) -> Calibrations:
    """Calibrate the results of all contrasts that were prepared."""
    evidence = [each for contrast in prepared for each in contrast.evidence]
    family = family_of(each.fingerprint for each in prepared)
    calibrations = calibrate_together(evidence, settings.options.exact_alpha, family)
    if len(evidence) > 1:
        log.info("%s", calibrations.note)
    return calibrations


def _prepare(contrast: ContrastSet, work: Work) -> Prepared | Outcome:
    """Compute the evidence of a contrast, under its lock, and save what is needed to complete it."""
    began, settings = time.monotonic(), work.settings

    def prepared() -> Prepared:
        with work.out.result(contrast.name), titled(contrast.name):
            if not settings.rerun:
                refuse_other_model(contrast, settings, work.participants, work.out)
            if settings.level == "participant":
                tests = prepare(subject_tests(contrast, settings.options, settings.resources))
            else:
                arguments = settings.options, settings.resources, work.participants, work.sharing
                tests = prepare(group_tests(contrast, *arguments))
        evidence, file = tuple(each.evidence for each in tests), _save(tests, work.folder)
        return Prepared(evidence, fingerprint_of(tests), file, time.monotonic() - began)

    return _or_failed(prepared, contrast, work)


def _complete(item: tuple[ContrastSet, Prepared], calibrations: Calibrations, work: Work) -> Outcome:
    """Compute the results of a contrast that was prepared, and write them under its lock."""
    (contrast, prepared), began = item, time.monotonic()

    def completed() -> Outcome:
        with work.out.result(contrast.name), titled(contrast.name):
            results = [each.complete(calibrations) for each in _load(prepared.file)]
            write_results(results, work.out, rerun=work.settings.rerun, n_threads=work.settings.resources.n_jobs)
        prepared.file.unlink()
        return outcome_of(results, began - prepared.seconds)

    return _or_failed(completed, contrast, work)


def _or_failed(do: Callable[[], Result], contrast: ContrastSet, work: Work) -> Result | Outcome:
    """Return what a function returns, or the outcome of a contrast that cannot be analysed."""
    METHODS.update((method.name, method) for method in work.methods)  # a worker process lacks those of the caller
    return or_failed(do, contrast, work.settings, work.participants)


@contextmanager
def _folder(settings: Settings) -> Iterator[Path]:
    """Make a folder for what waits: in the output where other computers must see it, else among temporary files."""
    resources = settings.resources
    parent = resources.work_dir if resources.dask_scheduler is None else settings.output_dir
    with tempfile.TemporaryDirectory(prefix=".joint-", dir=parent) as folder:
        yield Path(folder)


def _save(prepared: Sequence[PreparedTest], folder: Path) -> Path:
    """Save the tests of a contrast in a file."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            pickle.dump(prepared, file, protocol=pickle.HIGHEST_PROTOCOL)
    except OSError as error:
        hint = "Use another folder with --work-dir, or free some space"
        raise OutputError(
            f"{folder} cannot hold what waits for other contrasts: {error.strerror}", hint=hint
        ) from error
    return Path(file.name)


def _load(path: Path) -> tuple[PreparedTest, ...]:
    """Read the tests of a contrast from a file that `_save` wrote."""
    with path.open("rb") as file:
        tests: tuple[PreparedTest, ...] = pickle.load(file)
    return tests


def _kept(contrasts: Sequence[ContrastSet], workers: Pool, work: Work) -> list[Outcome]:
    """Return the outcomes of an earlier run if nothing that any of its results depends on has changed since."""
    if not all(work.out.reusable(contrast.name) for contrast in contrasts):
        return []
    planned: list[tuple[ContrastSet, str]] = []
    for reply in map_contrasts(workers, partial(_current, work=work), contrasts, "comparing with earlier results"):
        if not isinstance(reply, tuple):
            return []
        planned.append(reply)
    family = family_of(key for _, key in planned)
    kept = [kept_outcome(contrast, in_family(key, family), work.out) for contrast, key in planned]
    if not all(kept):
        return []
    items = [(contrast, each) for (contrast, _), each in zip(planned, kept, strict=True) if each]
    shown = map_contrasts(workers, partial(_shown, work=work), items, "comparing with earlier reports")
    found = [each for each in shown if isinstance(each, Outcome)]
    return found if len(found) == len(items) else []


def _shown(item: tuple[ContrastSet, Outcome], work: Work) -> Outcome | None:
    """Write reports and copies of results that are kept again, where the options ask for others."""
    contrast, kept = item
    METHODS.update((method.name, method) for method in work.methods)  # as in `_or_failed`
    with suppress(*CONTRAST_ERRORS), work.out.result(contrast.name):  # preparing the contrast reports the error
        return shown_as(work.settings.options, contrast.name, kept, work.out)
    return None


def _current(contrast: ContrastSet, work: Work) -> tuple[ContrastSet, str] | None:
    """Return a contrast as it would be analysed, and its fingerprint; None where the analysis will report an error."""
    METHODS.update((method.name, method) for method in work.methods)  # as in `_or_failed`
    try:
        planned, key = current_fingerprint(contrast, work.settings, work.participants)
    except CONTRAST_ERRORS:
        return None
    return None if key is None else (planned, key)
