"""All files of results: those of a contrast, reports of results written before, and the pages about all results."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import product
from typing import Any

from bids_ari.analysis.fingerprint import fingerprint
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.entities import printable
from bids_ari.errors import BidsAriError, DataError
from bids_ari.outputs import archive, files, names
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.models import check_model, model_facts
from bids_ari.outputs.outcome import summary
from bids_ari.outputs.records import Note, files_of
from bids_ari.report.citation import methods_note, write_citation
from bids_ari.report.index import write_index
from bids_ari.report.page import write_report

log = logging.getLogger(__name__)


def write_results(results: Sequence[ContrastResult], out: Derivatives, *, rerun: bool = False) -> None:
    """Write all files of the results of one contrast, in place of those of an earlier run.

    Those of another model are replaced only by a `rerun`; otherwise raise an OtherModelError.
    """
    first = results[0]
    model = model_facts(first.contrast, first.design, first.options, out.folder)
    if not rerun:
        check_model(model, out.records_of(first.contrast.name), out.folder, first.contrast.label)
    key = fingerprint(first.contrast, first.design, first.options, first.hashes)
    for result in results:
        written = files.write(result, out) + write_report(result, out, results)
        out.record(
            names.record_name(result),
            written,
            _summary_for_index(result),
            fingerprint=key,
            results=map(names.record_name, results),
            model=model,
        )


def _summary_for_index(result: ContrastResult) -> dict[str, Any]:
    """Return what the pages about all results show of one."""
    return summary(result) | methods_note(result)


def rebuild_report(record: Note, out: Derivatives) -> None:
    """Write the report of a result again, from its archive; raise DataError if that is damaged or of another result."""
    name, paths = str(record.get("Name")), files_of(record)
    path = next((file for file in sorted(paths) if file.endswith(names.ARCHIVE_ENDING)), None)
    if path is None:
        log.warning("%s has no file ...%s, and keeps its report", printable(name), names.ARCHIVE_ENDING)
        return
    result = archive.load_result(out.folder / path)
    if names.record_name(result) != name:
        raise DataError(f"{out.folder / path} holds another result", name, "Run the analysis again")
    fingerprint, results, model = (record.get(key) for key in ("Fingerprint", "ContrastResults", "ModelFacts"))
    with out.result(result.contrast.name):
        kept = [file for file in paths if not file.endswith((".html", ".png"))]
        out.record(
            name,
            kept + write_report(result, out, _others(result, out)),
            _summary_for_index(result),
            fingerprint=fingerprint if isinstance(fingerprint, str) else "",
            results=results if isinstance(results, list) else (),
            model=model if isinstance(model, dict) else None,
        )
    log.info("%s: report written again", name)


def _others(result: ContrastResult, out: Derivatives) -> list[ContrastResult]:
    """Read the results of the same test that differ in alternative or in method, in the order of the options.

    One that cannot be read is reported with its own report.
    """
    others = []
    for alternative, method in product(result.options.alternative, result.options.method):
        if (alternative != result.alternative) != (method != result.method):
            other = replace(result, alternative=alternative, bound=replace(result.bound, method=method))
            with suppress(BidsAriError):
                others.append(archive.load_result(out.folder / names.archive_name(other)))
    return others


@contextmanager
def updated_overview(out: Derivatives) -> Iterator[None]:
    """Update the files about all results at the end, also when a full disk or Ctrl-C ends the run early."""
    try:
        yield
    except BaseException:
        with suppress(BidsAriError):
            _update(out)
        raise
    _update(out)


def _update(out: Derivatives) -> None:
    """Update the files about all results, if there are any."""
    if out.records() or out.interrupted() or out.failures():
        with out.shared():
            write_overview(out)
            out.describe()


def write_overview(out: Derivatives) -> None:
    """Write the pages about all results."""
    write_index(out)
    write_citation(out)
