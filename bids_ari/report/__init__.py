"""Results as pages that open offline."""

from bids_ari.report.index import write_index
from bids_ari.report.page import write

__all__ = ["write", "write_index"]
