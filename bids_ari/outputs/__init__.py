"""Results as files of a BIDS derivative dataset, and back."""
