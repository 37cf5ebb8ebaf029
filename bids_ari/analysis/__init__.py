"""From the maps of one contrast to results: group model, inference, tables."""
