"""``python -m bids_ari``."""

import sys

from bids_ari.cli.entry import bids_ari

sys.exit(bids_ari())
