"""From image files to arrays on one space."""
