"""Results as pages that open offline."""

from bids_ari.report.page import write, write_index

__all__ = ["write", "write_index"]
