"""The files about all results of an output: the index, the citations and the description of the dataset."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bids_ari import report
from bids_ari.errors import BidsAriError
from bids_ari.outputs.derivatives import Derivatives


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
    report.write_index(out)
    report.write_citation(out)
