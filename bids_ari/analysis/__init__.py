"""The analysis of one contrast: group model, inference, results, tables."""
