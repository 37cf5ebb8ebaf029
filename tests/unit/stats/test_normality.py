"""Skewness and kurtosis of residuals, compared with those of normal errors."""

import numpy as np
import pytest
from scipy import ndimage, stats

from bids_ari.stats.diagnostics import subject_diagnostics
from bids_ari.stats.normality import LEAST_DOF, ResidualSample, compare_with_normal

MEAN = {"mean": np.ones(1)}
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def residuals_of(maps: Floats) -> Floats:
    return np.asarray(maps - maps.mean(axis=0))


def test_moments_are_those_of_scipy() -> None:
    """With the mean only, all leverages are equal, and moments around 0 are those around the mean."""
    maps = np.random.default_rng(1).exponential(size=(15, 40))
    found = compare_with_normal(residuals_of(maps), np.ones((15, 1)))
    kurtosis, skewness = stats.kurtosis(maps), stats.skew(maps)
    assert found.kurtosis == pytest.approx(np.quantile(kurtosis, [0.5, 0.95]), rel=1e-10)
    assert found.skewness == pytest.approx((np.median(skewness), np.quantile(np.abs(skewness), 0.95)), rel=1e-10)


def test_subjects_of_leverage_one_do_not_count() -> None:
    maps = np.random.default_rng(3).normal(size=(12, 30))
    alone = np.eye(12)[:, :2]
    alone[1:, 1] = 1
    rest = maps - np.vstack([maps[:1], np.tile(maps[1:].mean(axis=0), (11, 1))])
    found = compare_with_normal(rest, alone)
    assert found.kurtosis[0] == pytest.approx(np.median(stats.kurtosis(maps[1:])), rel=1e-10)


@pytest.mark.parametrize(
    ("errors", "is_heavy", "is_skewed"),
    [(stats.norm, False, False), (stats.t(3), True, False), (stats.expon, True, True), (stats.gamma(4), None, True)],
)
def test_smooth_errors_of_twenty_subjects(errors: stats.rv_continuous, is_heavy: bool | None, is_skewed: bool) -> None:
    maps = ndimage.gaussian_filter(np.random.default_rng(4).normal(size=(20, 30, 30)), (0, 2, 2), mode="wrap")
    maps = errors.ppf(stats.norm.cdf(maps / maps.std())).reshape(20, -1)
    found = compare_with_normal(residuals_of(maps), np.ones((20, 1)))
    assert is_heavy in (None, found.is_heavy)
    assert found.is_skewed == is_skewed
    assert found.is_doubtful == (found.is_heavy or is_skewed)
    assert found.normal_kurtosis[0] < 0 < found.normal_kurtosis[1]


def test_units_do_not_matter() -> None:
    maps = residuals_of(np.random.default_rng(5).normal(size=(12, 150)))
    one, other = (compare_with_normal(maps * unit, np.ones((12, 1))) for unit in (1.0, 1e3))
    np.testing.assert_allclose(one.kurtosis, other.kurtosis, rtol=1e-10)
    np.testing.assert_allclose(one.kurtosis_limit, other.kurtosis_limit, rtol=1e-10)


def sampled(maps: Floats) -> ResidualSample:
    sample = ResidualSample(maps.shape, np.ones((len(maps), 1)))
    subject_diagnostics(maps, np.ones((len(maps), 1)), MEAN, sample.add)
    return sample


def test_points_with_data_of_all_subjects_are_sampled() -> None:
    """Of 600 points 512 are wanted; in the first 300 a subject has no data, in the last the values do not vary."""
    maps = np.random.default_rng(6).normal(size=(12, 600))
    maps[3, :300] = np.nan
    maps[:, -1] = 2.0
    wanted = np.linspace(0, 599, 512).astype(int)
    found = sampled(maps).normality()
    assert found is not None
    assert found.n_points == int(((wanted >= 300) & (wanted < 599)).sum())


@pytest.mark.parametrize("shape", [(LEAST_DOF, 600), (12, 90)])
def test_few_subjects_or_points_have_no_result(shape: tuple[int, int]) -> None:
    assert sampled(np.random.default_rng(7).normal(size=shape)).normality() is None
