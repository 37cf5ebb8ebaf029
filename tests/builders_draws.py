"""A null model with its draws, calls that a test can count, and functions that other processes can import."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bids_ari.stats.critical_vectors import CriticalVectors, Simes, smallest_lambda
from bids_ari.stats.null_model import NullModel, fit_null_model
from bids_ari.stats.resampling import Exchangeability, Resampling, make_resampling

Floats = npt.NDArray[np.float64]
Result = TypeVar("Result")


def one_sample(n_points: int = 300, n_permutations: int = 320, seed: int = 1) -> tuple[NullModel, Resampling]:
    """Twelve subjects without signal, and sign flips."""
    exchangeability = Exchangeability.of(12, "flip")
    effects = np.random.default_rng(7).normal(size=(12, n_points))
    model = fit_null_model(effects, np.ones((12, 1)), np.ones(1), "two-sided", exchangeability)
    return model, make_resampling(model.subspaces, exchangeability, n_permutations, seed)


def lambdas(n_points: int = 300, n_permutations: int = 320) -> "tuple[partial[Floats], range]":
    """What a calibration asks for, and of which draws."""
    model, resampling = one_sample(n_points, n_permutations)
    return partial(lambda_batch, model, resampling, Simes(n_points)), resampling.batches


def lambda_batch(model: NullModel, resampling: Resampling, family: CriticalVectors, first: int) -> Floats:
    """Return lambda_b of a batch."""
    return smallest_lambda(family, np.sort(model.permuted_p(resampling.batch(first)), axis=1))


def squares(folder: str, item: int, seconds: float = 0.0) -> Floats:
    """Note the call, then, after some time, give two numbers."""
    with Path(folder, "calls").open("a") as file:
        file.write(f"{item}\n")
    time.sleep(seconds)
    return np.array([item**2, np.inf])


def calls(folder: Path) -> list[int]:
    """Which calls of `squares` there were, in their order."""
    file = folder / "calls"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def fail_at(bad: int, item: int) -> int:
    """Divide by zero once."""
    return 1 // (item - bad) if item == bad else item


def slow(seconds: float, item: int) -> int:
    """Take some time."""
    time.sleep(seconds)
    return item


def die(item: int) -> int:
    """Kill the process that makes the call."""
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def die_once(function: Callable[[int], Result], folder: Path, bad: int, item: int) -> Result:
    """Kill the process that makes one of the calls, when it is made for the first time."""
    died = folder / "died"
    if item == bad and not died.exists():
        died.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return function(item)


def large(item: int) -> npt.NDArray[np.float64]:
    """Give eight million bytes."""
    return np.full(2**20, float(item))
