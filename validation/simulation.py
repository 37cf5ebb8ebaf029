"""The common part of the simulations: their options, processes and seeds, and the table that they write."""

import argparse
import csv
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import stats

from bids_ari.config.families import FAMILIES
from bids_ari.stats.bounds import Bound
from bids_ari.stats.critical_vectors import Combined, Learned, Scale, Simes, smallest_lambda
from bids_ari.stats.distributions import FloatArray

SEED = 20240229
ALPHA = 0.05

Row = dict[str, Any]
Map = Callable[..., Iterator[Any]]
"""``map``, in several processes."""

Counts = tuple[Counter[str], Counter[str], Counter[str]]
"""Errors, discoveries among active points, and data sets, by method."""

Setting = TypeVar("Setting")
Simulate = Callable[[Setting, np.random.SeedSequence, int, Map], Iterable[Row]]
"""Returns the rows of a setting, from its seed, the number of data sets, and a function like ``map``."""

log = logging.getLogger("validation")


def run(script: str, description: str, settings: Iterable[Setting], simulate: Simulate[Setting], n: int) -> None:
    """Simulate all settings and write the table ``script.tsv``.

    Parameters
    ----------
    script : str
        The file of the simulation.
    description : str
        Its text for ``--help``.
    settings : iterable
        In the order of the table; each has a seed of its own.
    simulate : callable
        Returns the rows of a setting.
    n : int
        Data sets of each setting, if not given by ``--repetitions``.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=n, help="data sets of each setting (default: %(default)s)")
    parser.add_argument("--processes", type=int, help="number of processes (default: all processors)")
    parser.add_argument("--output", type=Path, default=Path(script).with_suffix(".tsv"))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("bids_ari").setLevel(logging.ERROR)
    chosen = list(settings)
    seeds = np.random.SeedSequence(SEED).spawn(len(chosen))
    with (
        ProcessPoolExecutor(arguments.processes) as pool,
        arguments.output.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = None
        for number, (setting, seed) in enumerate(zip(chosen, seeds, strict=True), start=1):
            for row in simulate(setting, seed, arguments.repetitions, pool.map):
                if writer is None:
                    writer = csv.DictWriter(file, row, delimiter="\t", lineterminator="\n")
                    writer.writeheader()
                writer.writerow(row)
            file.flush()
            log.info("%d of %d settings: done", number, len(chosen))


def pieces(seed: np.random.SeedSequence, repetitions: int, size: int) -> Sequence[np.random.SeedSequence]:
    """Return a seed for each piece of `size` data sets, for at least that many repetitions."""
    return seed.spawn(-(-repetitions // size))


def rows_with_more(
    setting: Setting,
    seed: np.random.SeedSequence,
    seeds: Sequence[np.random.SeedSequence],
    more: int,
    piece: Callable[[Setting, np.random.SeedSequence], Any],
    rows: Callable[[Setting, Sequence[Any]], Iterable[Row]],
    apply: Map,
    matters: Callable[[Row], bool] = lambda _: True,
) -> list[Row]:
    """Return the rows of a setting from a `piece` for each of its seeds, with `more` times as many above chance.

    That is, if a row that `matters` is above chance.
    """
    counted = list(apply(piece, [setting] * len(seeds), seeds))
    if any(row["above chance"] == "yes" and matters(row) for row in rows(setting, counted)):
        counted += apply(piece, [setting] * more * len(seeds), seed.spawn(more * len(seeds)))
    return list(rows(setting, counted))


def repeated(
    piece: Callable[..., Any], rows: Callable[..., Iterable[Row]], size: int, more: int
) -> Callable[..., list[Row]]:
    """Return a simulation in pieces of `size` data sets, with `more` times as many where an error is above chance."""

    def simulate(setting: Setting, seed: np.random.SeedSequence, repetitions: int, apply: Map) -> list[Row]:
        return rows_with_more(setting, seed, pieces(seed, repetitions, size), more, piece, rows, apply)

    return simulate


def count(data_sets: Iterable[Iterable[tuple[str, Bound]]], active: npt.NDArray[np.bool_]) -> Counts:
    """Count errors, discoveries among active points, and data sets, of the bounds of each method in data sets.

    The bound of some set exceeds its number of active points exactly when that of all other points is above 0.
    """
    errors, found, n = Counter[str](), Counter[str](), Counter[str]()
    for bounds in data_sets:
        for method, bound in bounds:
            errors[method] += bound.tdn(~active) > 0
            found[method] += bound.tdn(active)
            n[method] += 1
    return errors, found, n


def square(side: int, active: int) -> npt.NDArray[np.bool_]:
    """Return the voxels of a map of `side` x `side` that are in a square of `active` x `active`, (side * side,)."""
    inside = np.zeros((side, side), dtype=bool)
    inside[3 : 3 + active, 3 : 3 + active] = True
    return inside.ravel()


def combined(learning: FloatArray, n_ranks: int) -> Combined:
    """Return the family combined from all p of permutations used for nothing else, ascending, (n, n_points)."""
    members = Simes(learning.shape[1]), Learned.from_smallest_p(learning[:, :n_ranks])
    shares = FAMILIES["combined"].shares
    scales = (Scale.of(smallest_lambda(each, learning), share) for each, share in zip(members, shares, strict=True))
    return Combined(members, tuple(scales))


def lambdas_of(family: Combined, ordered: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
    """Return what `smallest_lambda` does, and those of the members."""
    each = [smallest_lambda(member, ordered) for member in family.members]
    return family.smallest(each), each


def above_chance(error: float, n: int) -> str:
    """Return whether the proportion of errors in `n` data sets is above 99 % of the binomial distribution."""
    return "yes" if error > stats.binom.ppf(0.99, n, ALPHA) / n else "no"
