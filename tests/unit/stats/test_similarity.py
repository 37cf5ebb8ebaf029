"""Maps that are nearly equal up to a factor and a constant."""

import numpy as np
import pytest

from bids_ari.stats.similarity import similar_maps


def test_pairs_are_those_of_the_correlation_matrix(rng: np.random.Generator) -> None:
    """Against numpy, with more maps than are compared at a time."""
    values = rng.normal(size=(300, 40))
    values[290] = 2 * values[7] + 5 + 0.01 * rng.normal(size=40)
    values[299] = -values[0]
    found = list(similar_maps(values))
    assert [(i, j) for i, j, _ in found] == [(0, 299), (7, 290)]
    for i, j, r in found:
        assert r == pytest.approx(np.corrcoef(values[i], values[j])[0, 1], abs=1e-12)


def test_constant_and_empty_maps_are_similar_to_none(rng: np.random.Generator) -> None:
    values = rng.normal(size=(4, 30))
    values[1], values[2], values[3] = 2.5, 2.5, np.nan
    assert list(similar_maps(values)) == []


def test_missing_values_count_as_the_mean(rng: np.random.Generator) -> None:
    values = rng.normal(size=(2, 1000))
    values[1] = values[0]
    values[1, 0] = np.nan
    ((_, _, r),) = similar_maps(values)
    assert 0.99 < r < 1
