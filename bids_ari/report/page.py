"""Pages."""

from collections.abc import Sequence

from bids_ari.bids.derivatives import Derivatives
from bids_ari.results import ContrastResult, Failure


def write(results: Sequence[ContrastResult], out: Derivatives) -> list[str]:
    """Write the report of each result of one contrast."""
    return []


def write_index(out: Derivatives, failures: Sequence[Failure]) -> None:
    """Write index.html over all results on disk."""
