"""Modules that worker processes start with, imported once by the process from which they are forked."""

from bids_ari.runtime.collector import no_collection

with no_collection(freeze=True):
    import bids_ari.workflow  # noqa: F401
