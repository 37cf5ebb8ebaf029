"""Possible outliers by criterion, and the note on them."""

from dataclasses import replace

import numpy as np
import pytest
from builders import Floats

from bids_ari.analysis.outliers import criteria, named_outliers, notes_on_outliers, outliers
from bids_ari.images.quality import Quality
from bids_ari.stats.diagnostics import SubjectDiagnostics

SUBJECTS = [f"{i:02d}" for i in range(1, 9)]


def quality(**fields: object) -> Quality:
    nothing = np.zeros(8, dtype=np.int32)
    return replace(Quality(100, nothing, nothing, np.ones(8), np.zeros((8, 1, 1), np.int8), np.ones(8)), **fields)


def outlying(**fields: object) -> SubjectDiagnostics:
    one = SubjectDiagnostics(np.full(8, 0.5), np.ones(8), {"mean": np.zeros(8)}, np.zeros(8), np.ones(8))
    return replace(one, **fields)


def odd(usual: float, last: float) -> Floats:
    return np.r_[np.full(7, usual), last]


@pytest.mark.parametrize(
    ("maps", "cover", "reason"),
    [
        ({}, {}, None),
        ({"correlation": odd(0.5, 0.1)}, {}, 0),
        ({"mean": odd(0, 0.11)}, {}, 1),
        ({"mean": odd(0, 0.09)}, {}, None),  # less than a tenth of the usual standard deviation
        ({"sd": odd(1, 1.11)}, {}, 2),
        ({}, {"overlap": odd(0.95, 0.92)}, 3),
        ({}, {"overlap": odd(0.95, 0.94)}, None),
        ({}, {"overlap": odd(0.95, 1.0)}, None),  # more coverage than others is no outlier
        ({"residual": odd(1, 2.1)}, {}, 4),
        ({"influence": {"mean": odd(0, 1)}, "residual": odd(1, 1.6)}, {}, 5),
    ],
)
def test_possible_outliers_by_criterion(maps: dict[str, object], cover: dict[str, object], reason: int | None) -> None:
    found = outliers(criteria(quality(**cover), outlying(**maps), "mean"))
    assert np.argwhere(found).tolist() == ([] if reason is None else [[7, reason]])


def test_the_usual_range_is_that_of_the_flags() -> None:
    """Values of 1 to 8: median 4.5, median distance 2, so that 3.5 x 1.4826 x 2 = 10.378 on each side are usual.

    Correlations tanh(.1), ..., tanh(.8): median .45, MAD .2, so that tanh(.45 - 3 x 1.4826 x .2) = tanh(-.43956) is the
    least. The least influence is 2 / sqrt(8).
    """
    found = criteria(quality(), outlying(mean=np.arange(1.0, 9), correlation=np.tanh(np.arange(1, 9) / 10)), "mean")
    by_name = {each.name: each.usual for each in found}
    assert by_name["mean"] == pytest.approx((4.5 - 10.3782, 4.5 + 10.3782))
    assert by_name["correlation"][0] == pytest.approx(np.tanh(-0.43956))
    assert by_name["influence"][1] == pytest.approx(2 / np.sqrt(8))
    assert by_name["residual"][1] == 2


def test_subjects_are_named_with_their_criteria() -> None:
    found = criteria(
        quality(overlap=odd(0.95, 0.5)), outlying(mean=np.r_[3.25, np.zeros(7)], residual=odd(1, 2.5)), "mean"
    )
    assert named_outliers(found, SUBJECTS) == ["sub-01 (mean)", "sub-08 (overlap, residual)"]
    (note,) = notes_on_outliers(found, SUBJECTS)
    assert note.startswith("Possible outliers: sub-01 (mean 3.250), sub-08 (overlap 0.500, residual 2.50). ")
    assert not list(notes_on_outliers(criteria(quality(), outlying(), "mean"), SUBJECTS))


def test_a_constant_map_has_no_correlation() -> None:
    (note,) = notes_on_outliers(criteria(None, outlying(correlation=odd(0.5, np.nan)), "mean"), SUBJECTS)
    assert "Possible outlier: sub-08 (correlation none)" in note
    assert "constant" in note


@pytest.mark.parametrize(("unit", "shown"), [(1e30, "mean 3.25e+30"), (1e-30, "mean 3.25e-30"), (1.0, "mean 3.250")])
def test_numbers_in_any_unit_are_short(unit: float, shown: str) -> None:
    maps = outlying(mean=np.r_[3.25, np.zeros(7)] * unit, sd=np.full(8, unit))
    (note,) = notes_on_outliers(criteria(None, maps, "mean"), SUBJECTS)
    assert f"sub-01 ({shown})" in note
