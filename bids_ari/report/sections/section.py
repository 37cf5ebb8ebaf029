"""What a section of the report is: a module with its numbers beside a template with its text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bids_ari.analysis.result import ContrastResult
from bids_ari.report.figures.draw import Picture
from bids_ari.report.render import Context


class ReportData(NamedTuple):
    """All that a report shows.

    Attributes
    ----------
    result : ContrastResult
        The result.
    pictures : mapping of str to Picture
        Its pictures, from `draw`.
    compared : sequence of ContrastResult
        The same test with the same alternative by other methods.
    """

    result: ContrastResult
    pictures: Mapping[str, Picture]
    compared: Sequence[ContrastResult] = ()


def _always(data: ReportData) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the report.

    Attributes
    ----------
    name, title : str
        Its template (``sections/<name>.html``) and anchor, and its heading.
    context : callable
        Returns the variables of the template.
    applies : callable
        Whether a report has this section.
    """

    name: str
    title: str
    context: Callable[[ReportData], Context]
    applies: Callable[[ReportData], bool] = _always
