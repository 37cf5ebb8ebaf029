"""From a table of subjects to a design matrix and its tests."""
