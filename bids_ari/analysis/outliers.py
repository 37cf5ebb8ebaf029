"""Possible outliers among the subjects, by the same criteria in notes, figures and tables.

They are descriptive: excluding subjects because of their results invalidates the inference.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.errors import listing
from bids_ari.images.quality import LEAST_FAR, Quality, far_from_others, usual_range
from bids_ari.stats.diagnostics import NOISY_RESIDUAL, SubjectDiagnostics
from bids_ari.stats.distributions import FloatArray

Flags = npt.NDArray[np.bool_]

SMALLEST_USUAL, LARGEST_USUAL = 0.0005, 1e6
"""Numbers of these sizes are written with decimals, others with an exponent."""


class Criterion(NamedTuple):
    """One number of each subject, and the possible outliers by it."""

    name: str
    values: FloatArray  # (n_subjects,)
    is_far: Flags  # (n_subjects,)
    usual: tuple[float, float]  # the range of values that are not far
    decimals: int = 2  # as tables have it


def criteria(quality: Quality | None, outlying: SubjectDiagnostics, test: str) -> tuple[Criterion, ...]:
    """Return the criteria for a possible outlier; that of the overlap needs the quality of maps.

    Correlation: more than 3 robust standard deviations below the median (`SubjectDiagnostics.outliers`). Mean, standard
    deviation and overlap: more than 3.5 scaled median absolute deviations from the median, and a least difference
    (`far_from_others`); only overlaps below the median count. Residual above 2 (`SubjectDiagnostics.noisy`). Influence
    on a test above 2 / sqrt(n_subjects), with a residual of at least 1.5 (`SubjectDiagnostics.influential`).
    """
    unit = float(np.nanmedian(outlying.sd)) if np.isfinite(outlying.sd).any() else 0.0
    influence, infinite = outlying.influence[test], float("inf")
    return (
        Criterion("correlation", outlying.correlation, outlying.outliers(), (outlying.least_correlation(), infinite)),
        _far("mean", outlying.mean, LEAST_FAR["mean"] * unit),
        _far("standard deviation", outlying.sd, LEAST_FAR["sd"] * unit),
        *(() if quality is None else (_overlap(quality),)),
        Criterion("residual", outlying.residual, outlying.noisy(), (-infinite, NOISY_RESIDUAL)),
        Criterion("influence", influence, outlying.influential(test), (-infinite, outlying.least_influence())),
    )


def _far(name: str, values: FloatArray, least: float) -> Criterion:
    return Criterion(name, values, far_from_others(values, least), usual_range(values, least), 3)


def _overlap(quality: Quality) -> Criterion:
    found = _far("overlap", quality.overlap, LEAST_FAR["overlap"])
    is_low = ~(quality.overlap >= np.median(quality.overlap))
    return found._replace(is_far=is_low & found.is_far, usual=(found.usual[0], float("inf")))


def outliers(found: Sequence[Criterion]) -> Flags:
    """Return which subject is a possible outlier by which criterion, (n_subjects, n_criteria)."""
    return np.column_stack([each.is_far for each in found])


def named_outliers(found: Sequence[Criterion], subjects: Sequence[str], *, with_values: bool = False) -> list[str]:
    """Return each possible outlier with its criteria: ``sub-16 (mean, influence)``, or with their values."""
    write = _value if with_values else _name
    return [
        f"sub-{subjects[i]} ({', '.join(write(each, i) for each in found if each.is_far[i])})"
        for i in np.flatnonzero(outliers(found).any(axis=1)).tolist()
    ]


def _name(criterion: Criterion, subject: int) -> str:
    return criterion.name


def _value(criterion: Criterion, subject: int) -> str:
    value = float(criterion.values[subject])
    shown = "none" if np.isnan(value) else in_any_unit(value, criterion.decimals)
    return f"{criterion.name} {shown}"


def in_any_unit(value: float, decimals: int = 3) -> str:
    """Write a finite number with some decimals, or by a power of ten where it is very large or small in its unit.

    >>> in_any_unit(-1.25), in_any_unit(1586264300182008631178146349056.0), in_any_unit(-2e-30), in_any_unit(0.0)
    ('-1.250', '1.59e+30', '-2e-30', '0.000')
    """
    is_usual = not value or SMALLEST_USUAL <= abs(value) < LARGEST_USUAL
    return f"{value:.{decimals}f}" if is_usual else f"{value:.3g}"


def notes_on_outliers(found: Sequence[Criterion], subjects: Sequence[str]) -> Iterator[str]:
    """Yield a note on possible outliers, if there are any."""
    if not (named := named_outliers(found, subjects, with_values=True)):
        return
    correlation = found[0].values
    constant = "; a map that is constant where it is tested has no correlation" if np.isnan(correlation).any() else ""
    yield (
        f"{'Possible outlier' if len(named) == 1 else 'Possible outliers'}: {listing(named)}. In parentheses, the "
        f"criteria with the values; section Quality of the maps in the report has those of all subjects{constant}"
    )
