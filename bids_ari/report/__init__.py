"""Results as pages that open offline."""

from bids_ari.report.citation import methods_note, write_citation
from bids_ari.report.index import failure_note, write_index
from bids_ari.report.page import write

__all__ = ["failure_note", "methods_note", "write", "write_citation", "write_index"]
