"""Reports of how far a computation is."""

import numpy as np
import pytest

from bids_ari.stats.calibration import permuted_lambdas
from bids_ari.stats.critical_vectors import Simes
from bids_ari.stats.null_model import fit_null_model
from bids_ari.stats.progress import Advance, counter, listening
from bids_ari.stats.resampling import Exchangeability, make_resampling


def test_without_a_listener_nothing_is_reported() -> None:
    counter(10)(3)  # no error


def test_a_listener_is_called_by_each_computation_within_its_block() -> None:
    calls: list[tuple[int, int]] = []

    def listener(total: int) -> Advance:
        return lambda n: calls.append((total, n))

    with listening(listener):
        counter(10)(3)
    counter(20)(4)
    assert calls == [(10, 3)]


@pytest.mark.parametrize("n_threads", [1, 3])
def test_permutations_are_counted_in_any_number_of_threads(n_threads: int, rng: np.random.Generator) -> None:
    totals: list[int] = []
    done: list[int] = []

    def listener(total: int) -> Advance:
        totals.append(total)
        return done.append

    maps = rng.normal(size=(12, 50))
    exchangeability = Exchangeability.of(12, "flip", None)
    model = fit_null_model((maps,), np.ones((12, 1)), np.ones(1), "greater", exchangeability)
    resampling = make_resampling(model.subspaces, exchangeability, 100, 1)
    with listening(listener):
        permuted_lambdas(model, resampling, Simes(50), n_threads=n_threads)
    assert totals == [100]
    assert sum(done) == 100
    assert len(done) >= 4  # batches have at most 32
