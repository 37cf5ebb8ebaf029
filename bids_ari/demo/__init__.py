"""Simulated data: the datasets of ``bids-ari-demo``, and practice data in the layouts of other programs."""
