"""Sign flips and calibration (family simes) against sanssouci, each in a separate process, in turn.

usage: python benchmarks/permutation.py [--voxels 20000 50000 235000] [--repeats 5] [--peer-up-to 50000]

Needs sanssouci from PyPI. Both start from the same effects of 30 subjects in memory and end with lambda, two-sided
(the only alternative of sanssouci), with 1,000 permutations. The *bare product* only multiplies the same signs with the
same data by BLAS on one thread, 32 permutations at a time. *M/s* are millions of points x permutations per second, from
the effects to lambda and the bound.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import ndimage

N_SUBJECTS, N_PERMUTATIONS, ALPHA, BATCH = 30, 1000, 0.05, 32


def simulated(n_points: int) -> np.ndarray:
    """Return smooth maps of unit variance, a fiftieth of them active, (n_subjects, n_points)."""
    rng = np.random.default_rng(1)
    side = int(np.ceil(n_points ** (1 / 3)))
    maps = [ndimage.gaussian_filter(rng.normal(size=(side,) * 3), 2).ravel()[:n_points] for _ in range(N_SUBJECTS)]
    effects = np.array(maps) / np.std(maps)
    effects[:, : n_points // 50] += 0.7
    return effects


def took(start: float, before: float) -> dict[str, float]:
    """Return the seconds since `start`, and those of the processor since `before`."""
    return {"seconds": time.perf_counter() - start, "CPU": time.process_time() - before}


def bids_ari(effects: np.ndarray, n_jobs: int, n_learned: int = 0) -> dict[str, float]:
    """Return lambda and the seconds; with `n_learned`, those of simes and a template of so many permutations."""
    from bids_ari.stats.calibration import calibrate_by_permutation, learn_combined
    from bids_ari.stats.critical_vectors import CriticalVectors, Simes
    from bids_ari.stats.null_model import fit_null_model
    from bids_ari.stats.resampling import Exchangeability, make_resampling

    matrix, weights = np.ones((N_SUBJECTS, 1)), np.ones(1)
    exchangeability = Exchangeability.of(N_SUBJECTS, "flip")

    def run(effects: np.ndarray) -> dict[str, float]:
        start, before = time.perf_counter(), time.process_time()
        model = fit_null_model(effects, matrix, weights, "two-sided", exchangeability)
        resampling = make_resampling(model.subspaces, exchangeability, N_PERMUTATIONS, seed=1)
        family: CriticalVectors = Simes(model.n_points)
        if n_learned:
            family = learn_combined(model, resampling.independent(n_learned), family, n_threads=n_jobs)
        found = calibrate_by_permutation(model, resampling, family, ALPHA, n_threads=n_jobs)
        whole = found.bound(model.observed_p()).whole
        return took(start, before) | {"lambda": found.lambda_, "whole": whole}

    run(effects[:, :5000])  # reads the compiled code
    return run(effects)


def combined(effects: np.ndarray, n_jobs: int) -> dict[str, float]:
    """Return lambda and the seconds of the family combined."""
    from bids_ari.config.families import FAMILIES

    return bids_ari(effects, n_jobs, FAMILIES["combined"].n_learned_from or N_PERMUTATIONS)


def peer(effects: np.ndarray, n_jobs: int) -> dict[str, float]:
    """Return lambda and the seconds."""
    import sanssouci

    start, before = time.perf_counter(), time.process_time()
    p = sanssouci.get_permuted_p_values_one_sample(effects, B=N_PERMUTATIONS, seed=1, n_jobs=1)
    lambda_ = float(np.quantile(sanssouci.get_pivotal_stats(p), ALPHA))
    return took(start, before) | {"lambda": lambda_}


def product(effects: np.ndarray, n_jobs: int) -> dict[str, float]:
    """Return the seconds of the product alone."""
    signs = np.random.default_rng(1).choice([-1.0, 1.0], size=(N_PERMUTATIONS, N_SUBJECTS))
    found = np.empty((BATCH, effects.shape[1]))
    start, before = time.perf_counter(), time.process_time()
    for first in range(0, N_PERMUTATIONS, BATCH):
        some = signs[first : first + BATCH]
        np.matmul(some, effects, out=found[: len(some)])
    return took(start, before)


TASKS: dict[str, Callable[[np.ndarray, int], dict[str, float]]] = {
    "bids_ari": bids_ari,
    "combined": combined,
    "sanssouci": peer,
    "product": product,
}


def measure(task: str, n_points: int, n_jobs: int) -> dict[str, float]:
    """Run a task in a separate process."""
    command = [sys.executable, __file__, "--child", task, "--voxels", str(n_points), "--jobs", str(n_jobs)]
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1"} if task == "product" else None
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=one_thread)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def child(task: str, n_points: int, n_jobs: int) -> dict[str, float]:
    """Run a task in this process; return also the peak memory in MB, data and Python included."""
    found = TASKS[task](simulated(n_points), n_jobs)
    status = Path("/proc/self/status").read_text().splitlines()  # getrusage counts the parent, too
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    return {"peak": peak, **found}


def summary(values: list[float]) -> str:
    """Return median and range as text."""
    return f"{statistics.median(values):.3g} ({min(values):.3g}-{max(values):.3g})" if values else "n/a"


def compare(n_points: int, repeats: int, with_peer: bool) -> str:
    """Run all tasks in turn; return one row of the table."""
    tasks = {"1 thread": ("bids_ari", 1), "2 threads": ("bids_ari", 2), "product": ("product", 1)}
    tasks["combined"] = ("combined", 1)
    if with_peer:
        tasks["sanssouci"] = ("sanssouci", 1)
    runs = [{name: measure(task, n_points, n_jobs) for name, (task, n_jobs) in tasks.items()} for _ in range(repeats)]

    def of(name: str, what: str) -> list[float]:
        return [run[name][what] for run in runs if name in run]

    def ratio(one: str, other: str, what: str = "seconds") -> list[float]:
        return [run[one][what] / run[other][what] for run in runs if one in run and other in run]

    def rate(name: str, what: str = "seconds") -> list[float]:
        """Return points x permutations per second, in millions."""
        return [n_points * N_PERMUTATIONS / seconds / 1e6 for seconds in of(name, what)]

    columns = (
        f"{n_points:,}",
        *(summary(of(name, "seconds")) for name in ("1 thread", "2 threads", "sanssouci")),
        *(summary(rate(name)) for name in ("1 thread", "2 threads")),
        summary(rate("1 thread", "CPU")),
        *(summary(ratio("sanssouci", name)) for name in ("1 thread", "2 threads")),
        summary(ratio("sanssouci", "1 thread", "CPU")),
        summary(of("product", "seconds")),
        summary(ratio("1 thread", "product", "CPU")),
        summary(ratio("combined", "1 thread", "CPU")),
        *(summary(of(name, "peak")) for name in ("2 threads", "sanssouci")),
    )
    return f"| {' | '.join(columns)} |"


def main() -> None:
    """Print a table: one row per number of voxels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--voxels", type=int, nargs="+", default=[20_000, 50_000, 235_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--peer-up-to", type=int, default=50_000, help="voxels; sanssouci needs 60 bytes per permutation"
    )
    arguments = parser.parse_args()
    if arguments.child:
        sys.stdout.write(json.dumps(child(arguments.child, arguments.voxels[0], arguments.jobs)))
        return
    head = [
        "m",
        "1 thread, s",
        "2 threads, s",
        "sanssouci, s",
        "1 thread, M/s",
        "2 threads, M/s",
        "1 thread, M/s of CPU",
        "sanssouci / 1 thread",
        "sanssouci / 2 threads",
        "in CPU",
    ]
    head += [
        "bare product, s",
        "1 thread / product, CPU",
        "combined / 1 thread, CPU",
        "peak, 2 threads, MB",
        "peak, sanssouci, MB",
    ]
    sys.stdout.write(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}\n")
    for n_points in arguments.voxels:
        sys.stdout.write(compare(n_points, arguments.repeats, n_points <= arguments.peer_up_to) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
