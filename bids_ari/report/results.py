"""All files of the results of a contrast, and the reports of results that were written before."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

from bids_ari import report
from bids_ari.analysis.fingerprint import fingerprint
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.entities import printable
from bids_ari.errors import BidsAriError, DataError
from bids_ari.outputs import archive, files, names
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.records import Note, files_of
from bids_ari.outputs.summary import differs_in_direction, differs_in_method, summary

log = logging.getLogger(__name__)


def write_results(results: Sequence[ContrastResult], out: Derivatives) -> None:
    """Write all files of the results of one contrast, in place of those of an earlier run."""
    first = results[0]
    key = fingerprint(first.contrast, first.design, first.options, first.hashes)
    for result in results:
        written = files.write(result, out) + _write_report(result, results, out)
        out.record(
            names.record_name(result),
            written,
            _summary_for_index(result),
            fingerprint=key,
            results=map(names.record_name, results),
        )


def _write_report(result: ContrastResult, results: Sequence[ContrastResult], out: Derivatives) -> list[str]:
    """Write the report of a result; return the paths of its files.

    Parameters
    ----------
    result : ContrastResult
        The result.
    results : sequence of ContrastResult
        All results of its contrast; those that differ in alternative or in method only are shown beside it.
    out : Derivatives
        The output.
    """
    others = [other for other in results if differs_in_direction(result, other)]
    compared = [other for other in results if differs_in_method(result, other)]
    return report.write_report(result, out, others, compared)


def _summary_for_index(result: ContrastResult) -> dict[str, Any]:
    """Return what the pages about all results show of one."""
    return summary(result) | report.methods_note(result)


def rebuild_report(record: Note, out: Derivatives) -> None:
    """Write the report of a result again, from its archive.

    Raises
    ------
    DataError
        When the archive is damaged or holds another result.
    """
    name, paths = str(record.get("Name")), files_of(record)
    path = next((file for file in sorted(paths) if file.endswith(names.ARCHIVE_ENDING)), None)
    if path is None:
        log.warning("%s has no file ...%s, and keeps its report", printable(name), names.ARCHIVE_ENDING)
        return
    result = archive.load_result(out.folder / path)
    if names.record_name(result) != name:
        raise DataError(f"{out.folder / path} holds another result", name, "Run the analysis again")
    fingerprint, results = record.get("Fingerprint"), record.get("ContrastResults")
    with out.result(result.contrast.name):
        kept = [file for file in paths if not file.endswith((".html", ".png"))]
        out.record(
            name,
            kept + _write_report(result, _others(result, out), out),
            _summary_for_index(result),
            fingerprint=fingerprint if isinstance(fingerprint, str) else "",
            results=results if isinstance(results, list) else (),
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
