"""Results as HTML pages that open offline: a report and an explorer for each result, and an index of all.

Other rooms import the functions below; ``write_report`` is the usual entry.
"""

from bids_ari.report.citation import methods_note, write_citation
from bids_ari.report.index import failure_note, write_index
from bids_ari.report.page import write_report

__all__ = ["failure_note", "methods_note", "write_citation", "write_index", "write_report"]
