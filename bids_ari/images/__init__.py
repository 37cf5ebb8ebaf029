"""From image files to arrays on one space: files, checks, masks, resampling, the stack of a contrast, atlases."""
