"""Residuals that draws act on, against what defines them."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.reduction import ordinary, spent, uncorrelated

# Sums of some tens of products of order 1 round in the 15th digit; inverses of well-conditioned matrices lose a few.
ROUNDING = 1e-12


def directions(n_directions: int, n: int, seed: int = 0) -> FloatArray:
    """Orthonormal directions at random, as rows."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n_directions)))[0].T


@pytest.mark.parametrize(("k", "n"), [(0, 4), (1, 2), (1, 9), (3, 4), (3, 12), (6, 9)])
def test_uncorrelated_residuals_are_those_of_theil(k: int, n: int) -> None:
    """They see nothing of what is fitted, covary as the errors do, and are what his formula gives."""
    fitted = directions(k, n)
    residuals = uncorrelated(fitted)
    weights = residuals.of(np.eye(n))
    assert weights.shape == (n - k, n)
    np.testing.assert_allclose(weights @ fitted.T, 0, atol=ROUNDING)
    np.testing.assert_allclose(weights @ weights.T, np.eye(n - k), atol=ROUNDING)
    left = (np.eye(n) - fitted.T @ fitted)[residuals.kept]
    root = np.real(sqrtm(left[:, residuals.kept]))
    np.testing.assert_allclose(weights, np.linalg.solve(root, left), atol=ROUNDING)


def test_ordinary_residuals_are_what_is_not_fitted() -> None:
    fitted = directions(2, 7)
    np.testing.assert_allclose(ordinary(fitted).of(np.eye(7)), np.eye(7) - fitted.T @ fitted, atol=ROUNDING)


def test_the_statistic_of_the_data_does_not_change() -> None:
    """Lengths and angles of what is orthogonal to the fitted stay."""
    fitted, others = np.split(directions(6, 11), [4])
    seen = uncorrelated(fitted).of(others.T)
    np.testing.assert_allclose(seen.T @ seen, np.eye(2), atol=ROUNDING)


def test_spent_are_those_on_which_the_fit_depends_most() -> None:
    """Subject 3 alone has a column; of the others the mean is fitted, on which all depend alike: the first of them."""
    matrix = np.column_stack([np.arange(6) == 3, np.arange(6) != 3]).astype(float)
    assert spent((matrix / np.linalg.norm(matrix, axis=0)).T).tolist() == [3, 0]


def test_what_is_spent_does_not_depend_on_roundings() -> None:
    """Equal leverages, disturbed in the last digit: it is always the first subject."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        mean = np.full((1, 8), 8**-0.5) * (1 + 1e-15 * rng.normal(size=8))
        assert spent(mean).tolist() == [0]


def test_residuals_are_near_the_errors_of_their_subjects() -> None:
    """Ten subjects, mean and a covariate: each weight of a subject's own error is above .7, where 1 is the error."""
    age = np.linspace(-1, 1, 10)
    weights = uncorrelated(np.linalg.qr(np.column_stack([np.ones(10), age]))[0].T)
    assert np.diag(weights.of(np.eye(10))[:, weights.kept]).min() > 0.7
