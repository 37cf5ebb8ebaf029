"""Results as HTML pages that open offline: a report and an explorer for each result, and an index of all.

Other rooms use ``results``, which writes all files of results, and `index.failure_note`.
"""
