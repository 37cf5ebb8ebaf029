"""Designs: from a table of subjects and a formula, or a BIDS Stats Model, to columns and tests."""
