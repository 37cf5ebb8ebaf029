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
    png = draw_calibration(made, p, "about")
    return matplotlib.image.imread(io.BytesIO(png), format="png")[..., :3]


@pytest.mark.usefixtures("rendered")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"family": "beta"},
        {"delta": 700},
        {"family": "learned", "learned": np.array([0.01])},
        {"lambdas": np.array([0.0, 0.2, 1.0]), "lambda_": 0.0},
        {"lambdas": np.array([np.inf, 0.2, np.inf]), "lambda_": np.inf},
        {"lambdas": np.full(3, np.inf), "lambda_": np.inf},
        {"lambdas": np.array([1.0]), "lambda_": 1.0},
    ],
)
@pytest.mark.parametrize("zero", [False, True])
def test_a_calibration_is_drawn(changes: dict[str, Any], zero: bool, result: ContrastResult) -> None:
    """Whatever lambdas there are, and also where p is 0; the same bytes again."""
    made = with_calibration(result, **changes).calibrated
    assert made is not None
    p = result.glm.p("greater") * (not zero)
    shown = pixels(made, p)
    assert shown.shape == (590, 1152, 3)
    assert (shown == pixels(made, p)).all()
