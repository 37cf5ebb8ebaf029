"""``python -m bids_ari``."""

import sys

from bids_ari.cli import main

sys.exit(main())
