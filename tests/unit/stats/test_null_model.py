"""Residuals of the reduced model against their definitions."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.null_model import dropped_subjects, ordinary_residuals, uncorrelated_residuals

# Sums of some tens of products of order 1 round in the 15th digit; inverses of well-conditioned matrices lose a few.
ROUNDING = 1e-12


def directions(n_directions: int, n: int, seed: int = 0) -> FloatArray:
    """Orthonormal directions at random, as rows."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n_directions)))[0].T


@pytest.mark.parametrize(("k", "n"), [(0, 4), (1, 2), (1, 9), (3, 4), (3, 12), (6, 9)])
def test_uncorrelated_residuals_are_those_of_theil(k: int, n: int) -> None:
    """They are orthogonal to the fit, have the covariance of the errors, and agree with his formula."""
    reduced = directions(k, n)
    residuals = uncorrelated_residuals(reduced)
    weights = residuals.of(np.eye(n))
    assert weights.shape == (n - k, n)
    np.testing.assert_allclose(weights @ reduced.T, 0, atol=ROUNDING)
    np.testing.assert_allclose(weights @ weights.T, np.eye(n - k), atol=ROUNDING)
    left = (np.eye(n) - reduced.T @ reduced)[residuals.kept]
    root = np.real(sqrtm(left[:, residuals.kept]))
    np.testing.assert_allclose(weights, np.linalg.solve(root, left), atol=ROUNDING)


def test_ordinary_residuals_are_data_minus_fit() -> None:
    reduced = directions(2, 7)
    np.testing.assert_allclose(
        ordinary_residuals(reduced).of(np.eye(7)), np.eye(7) - reduced.T @ reduced, atol=ROUNDING
    )


def test_uncorrelated_residuals_keep_the_statistic() -> None:
    """Lengths and angles of directions orthogonal to the fit do not change."""
    reduced, others = np.split(directions(6, 11), [4])
    seen = uncorrelated_residuals(reduced).of(others.T)
    np.testing.assert_allclose(seen.T @ seen, np.eye(2), atol=ROUNDING)


def test_dropped_are_the_subjects_of_most_leverage() -> None:
    """Subject 3 alone has a column; the others have the same leverage on their mean: the first of them."""
    matrix = np.column_stack([np.arange(6) == 3, np.arange(6) != 3]).astype(float)
    assert dropped_subjects((matrix / np.linalg.norm(matrix, axis=0)).T).tolist() == [3, 0]


def test_dropped_subjects_do_not_depend_on_rounding() -> None:
    """Equal leverages, perturbed in the last digit: always the first subject."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        mean = np.full((1, 8), 8**-0.5) * (1 + 1e-15 * rng.normal(size=8))
        assert dropped_subjects(mean).tolist() == [0]


def test_uncorrelated_residuals_are_close_to_the_errors_of_their_subjects() -> None:
    """Ten subjects, mean and a covariate: each weight of a subject's own error is above .7, where 1 is the error."""
    age = np.linspace(-1, 1, 10)
    weights = uncorrelated_residuals(np.linalg.qr(np.column_stack([np.ones(10), age]))[0].T)
    assert np.diag(weights.of(np.eye(10))[:, weights.kept]).min() > 0.7
