"""Calibrated bounds against pARI 1.1.2, on the same sign flips of 15 subjects, the observed data first.

pARI multiplies lambda by alpha in the family simes, so lambda is alpha times that of pARI. Where a p equals the
critical vector, pARI counts the point and this package does not; no p of these sets does. Its families aorc and
higher.criticism are not calibrated, and are not offered.
"""

import json
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from bids_ari.stats.calibration import calibrate, calibrate_step_down
from bids_ari.stats.critical_vectors import Beta, CriticalVectors, Simes, smallest_lambda

Floats = npt.NDArray[np.float64]

ALPHAS = (0.05, 0.1, 0.2)
CASES = [
    *product(("two.sided", "greater"), ("simes",), (0, 1, 8, 27), ALPHAS),
    *product(("two.sided", "greater"), ("beta",), (0,), ALPHAS),
]


class Pari(NamedTuple):
    p: dict[str, Floats]
    """(permutations, points), the observed first."""
    sets: dict[str, npt.NDArray[np.intp]]
    results: dict[tuple[str, str, int, float], dict[str, Any]]
    step_down: float


@pytest.fixture(scope="module")
def pari(shared: Path) -> Pari:
    content = json.loads((shared / "pari_small.json").read_text(encoding="utf-8"))
    arrays = np.load(shared / "pari_small.npz")
    keys = ("alternative", "family", "delta", "alpha")
    return Pari(
        {"two.sided": arrays["P_twosided"].T, "greater": arrays["P_greater"].T},
        {name: arrays[f"set_{name}"] for name in content["sets"]},
        {tuple(result[key] for key in keys): result for result in content["results"]},
        next(each["lambda"] for each in content["stepdown"] if each["family"] == "simes"),
    )


def test_cases_are_all_that_are_calibrated(pari: Pari) -> None:
    assert {case for case in pari.results if case[1] in ("simes", "beta")} == set(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_lambda_critical_vector_and_bounds_agree_with_pari(pari: Pari, case: tuple[str, str, int, float]) -> None:
    alternative, name, delta, alpha = case
    p, expected = pari.p[alternative], pari.results[case]
    family: CriticalVectors = Simes(p.shape[1], delta) if name == "simes" else Beta(p.shape[1])
    found = calibrate(smallest_lambda(family, np.sort(p, axis=1)), family, alpha)
    scale = alpha if name == "simes" else 1.0
    assert found.lambda_ == pytest.approx(scale * expected["lambda"], rel=1e-9)
    np.testing.assert_allclose(
        found.family.critical(found.lambda_), np.maximum(expected["cv"], 0), rtol=1e-9, atol=1e-300
    )
    bound = found.bound(p[0])
    assert {name: bound.tdn(pari.sets[name]) for name in expected["d"]} == expected["d"]


def test_step_down_lambda_agrees_with_pari(pari: Pari) -> None:
    p = pari.p["two.sided"]
    family = Simes(p.shape[1])
    found = calibrate_step_down(
        p[0], lambda excluded: smallest_lambda(family, np.sort(p[:, ~excluded], axis=1)), family, 0.05
    )
    assert found.lambda_ == pytest.approx(0.05 * pari.step_down, rel=1e-9)
    assert (found.n_excluded, found.n_steps) == (13, 3)
