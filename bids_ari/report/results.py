"""All files of results: those of a contrast, reports of results written before, and the pages about all results."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from bids_ari.analysis.fingerprint import fingerprint, in_family
from bids_ari.analysis.result import ContrastResult
from bids_ari.errors import BidsAriError
from bids_ari.outputs import files, names, neurovault, workbook
from bids_ari.outputs.crate import write_crate
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.models import check_model, model_facts
from bids_ari.outputs.outcome import summary
from bids_ari.report.citation import methods_note, write_citation
from bids_ari.report.figures.draw import Picture, draw
from bids_ari.report.index import write_index
from bids_ari.report.joint_bounds import joint_summary
from bids_ari.report.page import write_report
from bids_ari.report.thumbnails import thumbnail_note
from bids_ari.runtime.executors import begun
from bids_ari.runtime.progress import counting, step

log = logging.getLogger(__name__)


def write_results(
    results: Sequence[ContrastResult], out: Derivatives, *, rerun: bool = False, n_threads: int = 1
) -> None:
    """Write all files of the results of one contrast, in place of those of an earlier run.

    Those of another model are replaced only by a `rerun`; otherwise raise an OtherModelError. With several threads,
    maps and tables are written while pictures are drawn.
    """
    first = results[0]
    model = model_facts(first.contrast, first.design, first.options, out.folder)
    if not rerun:
        check_model(model, out.records_of(first.contrast.name), out.folder, first.contrast.label)
    key = fingerprint(first.contrast, first.design, first.options, first.hashes)
    if first.joint is not None:
        key = in_family(key, first.joint.family)
    with counting("writing results", "result", len(results), is_logged=False) as each:
        for result in results:
            with begun(partial(_drawn, result), n_threads) as drawn:
                with step("writing maps and tables"):
                    written = files.write(result, out)
                    written += write_copies(result, out, written)
                with step("drawing pictures"):
                    pictures = drawn()
                with step("writing the report and the explorer"):
                    written += write_report(result, out, results, pictures)
            out.record(
                names.record_name(result),
                written,
                summary_for_index(result),
                fingerprint=key,
                results=map(names.record_name, results),
                model=model,
            )
            each.advance()


def write_copies(result: ContrastResult, out: Derivatives, written: Sequence[str]) -> list[str]:
    """Write what options ask for in addition to the files written: images for NeuroVault, a workbook of the tables."""
    images = neurovault.write(result, out) if result.options.neurovault else []
    return images + (workbook.write(result, out, written) if workbook.XLSX in result.options.table_format else [])


def _drawn(result: ContrastResult) -> dict[str, Picture]:
    """Return the pictures of a result by what they show."""
    return dict(draw(result))


def summary_for_index(result: ContrastResult) -> dict[str, Any]:
    """Return what the pages about all results show of one."""
    notes = joint_summary(result) | methods_note(result) | thumbnail_note(result) | neurovault.note(result)
    return summary(result) | notes


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
    with out.shared():
        if out.records() or out.interrupted() or out.failures():
            write_overview(out)
            out.describe()
            write_crate(out)


def write_overview(out: Derivatives) -> None:
    """Write the pages about all results."""
    with step("writing the index"):
        write_index(out)
        write_citation(out)
        neurovault.write_metadata(out)
