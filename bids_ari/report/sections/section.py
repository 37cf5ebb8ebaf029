"""The type of a section of the report, and the data that sections are made of."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from bids_ari.analysis.result import ContrastResult
from bids_ari.report.figures.draw import Picture
from bids_ari.report.render import Context


class ReportData(NamedTuple):
    """All that a report shows."""

    result: ContrastResult
    pictures: Mapping[str, Picture]  # from `draw`
    compared: Sequence[ContrastResult] = ()  # the same test with the same alternative by other methods
    is_alone: bool = False  # whether there is no index and no explorer beside it


class Section(NamedTuple):
    """A section of the report."""

    name: str  # of its template, ``sections/<name>.html``, and of its anchor
    title: str
    context: Callable[[ReportData], Context | None]  # the variables of the template; None where there is no section
