"""Sections of the report, one module each beside its template, in the order in which they are shown."""

from bids_ari.report.sections import (
    calibration,
    clusters,
    comparison,
    design,
    headline,
    inputs,
    largest,
    maps,
    mask,
    methods,
    provenance,
    quality,
    regions,
    resolutions,
    tdp,
)
from bids_ari.report.sections.section import ReportData, Section

__all__ = ["SECTIONS", "ReportData", "Section"]

SECTIONS = (
    Section("headline", "Result", headline.context),
    Section("inputs", "Inputs", inputs.context),
    Section("design", "Design", design.context),
    Section("mask", "Mask", mask.context),
    Section("maps", "Maps", maps.context),
    Section("quality", "Quality of the maps", quality.context, quality.applies),
    Section("calibration", "Calibration", calibration.context, calibration.applies),
    Section("clusters", "Clusters above thresholds", clusters.context),
    Section("tdp", "True discovery proportion", tdp.context),
    Section("largest", "Largest clusters at a target TDP", largest.context, largest.applies),
    Section("resolutions", "All resolutions", resolutions.context),
    Section("regions", "Regions", regions.context, regions.applies),
    Section("comparison", "Methods compared", comparison.context, comparison.applies),
    Section("methods", "Methods", methods.context),
    Section("provenance", "Provenance", provenance.context),
)
"""All sections, from top to bottom."""
