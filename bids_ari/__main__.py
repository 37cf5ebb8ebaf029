"""``python -m bids_ari``."""

import sys

from bids_ari.cli.main import main

sys.exit(main())
