"""The report of one result."""

from collections.abc import Mapping, Sequence

from bids_ari.analysis.result import ContrastResult
from bids_ari.errors import plural_of
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.names import explorer_name, report_name
from bids_ari.outputs.outcome import differ_only_in
from bids_ari.report.explorer.page import explorer_page
from bids_ari.report.figures.draw import Picture, draw
from bids_ari.report.figures.paper import paper_figures
from bids_ari.report.formatting import SIZES, percent, proportion
from bids_ari.report.labels import (
    contrast_label,
    permutations_text,
    result_label,
    signs,
    source,
    source_name,
    statistic,
)
from bids_ari.report.render import Context, render
from bids_ari.report.sections import SECTIONS, ReportData
from bids_ari.report.sentences import sentences_name, sentences_text


def write_report(
    result: ContrastResult,
    out: Derivatives,
    results: Sequence[ContrastResult] = (),
    pictures: Mapping[str, Picture] | None = None,
) -> list[str]:
    """Write the report of a result, its sentences, explorer and pictures; return the files, relative to the output.

    Of the other `results` of its contrast, the explorer shows those that differ in the alternative only, and the report
    compares those that differ in the method only. Pictures by what they show are drawn if they are not given.
    """
    pictures = dict(draw(result)) if pictures is None else pictures
    formats = result.options.figure_format
    written = [out.binary(name, content) for name, content in paper_figures(result, formats)]
    if "png" not in formats:
        written += [out.binary(picture.name, picture.png) for picture in pictures.values()]
    others = [other for other in results if differ_only_in("alternative", result, other)]
    if result.options.min_effect:
        others = []  # each alternative has a z of its own, and a page shows one
    explorer = explorer_page([result, *others], pictures.get("highest", pictures["tdp"]))
    written.append(out.text(explorer_name(result), explorer))
    written.append(out.text(sentences_name(result), sentences_text(result)))
    compared = [other for other in results if differ_only_in("method", result, other)]
    return [*written, out.text(report_name(result), report_page(result, pictures, compared))]


def report_page(
    result: ContrastResult,
    pictures: Mapping[str, Picture],
    compared: Sequence[ContrastResult] = (),
    *,
    is_alone: bool = False,
) -> str:
    """Return the report of a result as an HTML page that needs no other file; arguments as in `ReportData`."""
    data = ReportData(result, pictures, compared, is_alone)
    found = [(section, section.context(data)) for section in SECTIONS]
    context = _common(data)
    for _, values in found:
        context |= values or {}
    return render("report.html", sections=[section for section, values in found if values is not None], **context)


def _common(data: ReportData) -> Context:
    """Return the variables that several sections use."""
    result, sizes = data.result, data.result.space.sizes()
    return {
        "result": result,
        "pictures": data.pictures,
        "root": "../" * report_name(result).count("/"),
        "is_alone": data.is_alone,
        "figure_formats": () if data.is_alone else result.options.figure_format,
        "label": contrast_label(result),
        "result_label": result_label(result),
        "is_compared": bool(data.compared),
        "alpha": f"{result.options.alpha:g}",
        "confidence": percent(1 - result.options.alpha),
        "tdn": result.bound.whole,
        "signs": signs(result),
        "whole_tdp": proportion(result.bound.whole, result.space.n_points),
        "n_points": result.space.n_points,
        "unit": result.space.unit,
        "units": plural_of(result.space.unit),
        "size_units": [unit for column, unit in SIZES.items() if column in sizes],
        "has_area": "area_mm2" in sizes,
        "source": source(result),
        "source_name": source_name(result),
        "statistic": statistic(result),
        "n_subjects": len(result.contrast.members),
        "permutations": result.calibrated and permutations_text(result.calibrated),
    }
