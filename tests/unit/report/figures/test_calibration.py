"""The picture of a calibration by permutation."""

import io
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from reported import by_methods, with_calibration

from bids_ari.analysis.calibrated import Calibrated
from bids_ari.analysis.result import ContrastResult
from bids_ari.report.figures.calibration import draw_calibration


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    """Calibrated by permutation."""
    return by_methods()[1]


def pixels(made: Calibrated, p: np.ndarray) -> np.ndarray:
    png = draw_calibration(made, p, "about").png()
    return matplotlib.image.imread(io.BytesIO(png), format="png")[..., :3]


@pytest.mark.parametrize(
    ("changes", "factor"),
    [
        ({}, 1),
        ({}, 0),
        ({"family": "beta"}, 1),
        ({"delta": 700}, 0),
        ({"family": "learned", "learned": np.array([0.01])}, 1),
        (
            {
                **{"family": "combined", "learned": np.array([0.01, 0.02])},
                **{"member_lambdas": (0.04, 0.02)},
            },
            1,
        ),
        ({"lambdas": np.array([0.0, 0.2, 1.0]), "lambda_": 0.0}, 0),
        ({"lambdas": np.array([np.inf, 0.2, np.inf]), "lambda_": np.inf}, 1),
        ({"lambdas": np.full(3, np.inf), "lambda_": np.inf}, 0),
        ({"lambdas": np.array([1.0]), "lambda_": 1.0}, 1),
    ],
)
def test_a_calibration_is_drawn(changes: dict[str, Any], factor: int, result: ContrastResult) -> None:
    """Whatever lambdas there are, and also where p is 0."""
    made = with_calibration(result, **changes).calibrated
    assert made is not None
    assert pixels(made, factor * result.glm.p("greater")).shape == (590, 1152, 3)


def test_the_same_calibration_has_the_same_pixels(result: ContrastResult) -> None:
    made, p = result.calibrated, result.glm.p("greater")
    assert made is not None
    assert (pixels(made, p) == pixels(made, p)).all()
