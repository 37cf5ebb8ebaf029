"""Meanings of the choices of options, for the help page."""

from collections.abc import Mapping

from bids_ari.stats.choices import Alternative

ESTIMATORS: Mapping[str, str] = {
    "ols": "ordinary least squares",
    "fixed": "weights from the first-level variance maps, for inference about these subjects only",
    "mixed": "weights that also include the variance between subjects",
}

VARIANCES: Mapping[str, str] = {"equal": "the same in all groups", "unequal": "estimated in each group (Welch's test)"}

FIGURE_FORMATS: Mapping[str, str] = {
    "png": "300 dpi, in place of the pictures of reports",
    "pdf": "lines and text, with embedded fonts, around images of the brain",
    "svg": "the same, to edit",
}

TABLE_FORMATS: Mapping[str, str] = {"xlsx": "a sheet for each table, with numbers and texts as such in each language"}

ALTERNATIVES: Mapping[Alternative, str] = {
    "greater": "effects above zero",
    "less": "effects below zero",
    "two-sided": "effects that are not zero, whose sign is not covered by the confidence",
}
