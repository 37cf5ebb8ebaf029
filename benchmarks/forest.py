"""The complete forest, with TDN at every node, against nilearn at three thresholds and the max-tree of tfce, in turn.

usage: python benchmarks/forest.py [--resolution 1 2 3 4] [--repeats 7] [--processor]

The time of bids_ari starts from the z map in memory: p, h and categories, neighbours, sort, tree and TDN. That of
`cluster_level_inference` of nilearn starts from the same map as an image, with the same mask. tfce is measured
where it is installed (``pip install tfce==0.1.0``). Its tree of one side holds the voxels above 0: so it is given the
map and, for a tree of all voxels, the map plus a constant. For one thread set OMP_NUM_THREADS, NUMBA_NUM_THREADS and
OPENBLAS_NUM_THREADS to 1. A second table has the time of each step; it omits that of finding values in their new order.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from nilearn.datasets import load_mni152_brain_mask
from nilearn.glm import cluster_level_inference
from scipy import ndimage

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.stats import forest_kernels as kernels
from bids_ari.stats.closed_testing import hommel_bound, hommel_value, local_scales
from bids_ari.stats.distributions import p_from_z
from bids_ari.stats.forest import ClusterForest, grow_forest

try:
    from tfce import tfce
except ImportError:
    tfce = None

CONNECTIVITY = 18


def simulated_z(inside: np.ndarray, resolution: int) -> np.ndarray:
    """Return a smooth field of unit variance with some bumps of signal, (x, y, z)."""
    rng = np.random.default_rng(1)
    noise = ndimage.gaussian_filter(rng.normal(size=inside.shape), 4 / resolution)
    bumps = ndimage.gaussian_filter((rng.random(inside.shape) > 1 - 4e-5 * resolution**3).astype(float), 6 / resolution)
    return noise / noise[inside].std() + 5 * bumps / bumps.max()


def seconds(call: Callable[[], object]) -> float:
    """Time one call: wall seconds, or with ``--processor`` processor seconds."""
    clock = time.process_time if "--processor" in sys.argv else time.perf_counter
    start = clock()
    call()
    return clock() - start


def summary(values: list[float], scale: float = 1.0) -> str:
    """Return median and range as text."""
    return f"{statistics.median(values) * scale:.3g} ({min(values) * scale:.3g}-{max(values) * scale:.3g})"


def bytes_per_voxel(inside: np.ndarray, z: np.ndarray) -> float:
    """Measure in a separate process the increase of the peak of resident memory by the forest (Linux)."""
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        np.savez(file, inside=inside, z=z)
        file.flush()
        child = [sys.executable, __file__, "--memory-of", file.name]
        return float(subprocess.run(child, check=True, capture_output=True, text=True).stdout)


def measure_memory(path: str) -> float:
    """Return the bytes per voxel of one forest, with inputs in memory and loops compiled."""

    def grow(inside: np.ndarray, z: np.ndarray) -> None:
        bound = hommel_bound(p_from_z(z, "greater"), 0.05)
        grow_forest(z, VolumeSpace(Grid(inside.shape, np.eye(4)), inside).adjacency(CONNECTIVITY), bound)

    def peak() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    data = np.load(path)
    inside, z = data["inside"], data["z"]
    grow(np.ones((5, 5, 5), dtype=bool), np.arange(125.0))
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    grow(inside, z)
    return (peak() - before) / z.size


def peers(mask: VolumeSpace, volume: np.ndarray) -> dict[str, Callable[[], object]]:
    """Return the calls of the peers."""
    image = mask.image(volume[mask.inside])
    calls = {
        "nilearn": partial(
            cluster_level_inference,
            image,
            mask_img=mask.image(np.ones(mask.n_points, dtype=np.uint8)),
            threshold=[3, 4, 5],
            alpha=0.05,
        )
    }
    if tfce is not None:
        for name, constant in (("tfce, z > 0", 0.0), ("tfce, all", 1e-3 - volume[mask.inside].min())):
            inside = np.asfortranarray(np.where(mask.inside, volume + constant, 0), dtype=np.float32)  # as it reads it
            calls[name] = partial(tfce, inside, connectivity=CONNECTIVITY, two_sided=False)
    return calls


def compare(mask: VolumeSpace, volume: np.ndarray, repeats: int) -> dict[str, str]:
    """Run all in turn at one resolution; return one row of the table by column."""
    z = volume[mask.inside]
    p = p_from_z(z, "greater")
    scales = local_scales(p.size, "simes")

    def bids_ari() -> ClusterForest:
        bound = hommel_bound(p_from_z(z, "greater"), 0.05)
        return grow_forest(z, mask.adjacency(CONNECTIVITY), bound)

    forest = bids_ari()  # compiles
    calls = peers(mask, volume)
    runs = [(seconds(bids_ari), {name: seconds(call) for name, call in calls.items()}) for _ in range(repeats)]
    pairs_h = [(seconds(lambda: hommel_value(p, 0.05, scales)), seconds(lambda: np.sort(p))) for _ in range(repeats)]
    query = [seconds(lambda: forest.with_tdp(0.7)) for _ in range(repeats)]
    return {
        "m": f"{z.size:,}",
        "bids_ari, s": summary([ours for ours, _ in runs]),
        **{f"{name}, s": summary([theirs[name] for _, theirs in runs]) for name in calls},
        **{f"bids_ari / {name}": summary([ours / theirs[name] for ours, theirs in runs]) for name in calls},
        "h / numpy sort": summary([a / b for a, b in pairs_h]),
        "with_tdp, ms": summary(query, 1000),
        "bytes per voxel": f"{bytes_per_voxel(mask.inside, z):.0f}",
    }


def steps(mask: VolumeSpace, z: np.ndarray, repeats: int) -> dict[str, str]:
    """Time each step of the forest in ms; return one row of the table by column."""
    times: dict[str, list[float]] = {}

    def timed(name: str, step: Callable[..., Any], *args: object) -> Any:
        results: list[Any] = []
        times.setdefault(name, []).append(seconds(lambda: results.append(step(*args))))
        return results[0]

    for _ in range(repeats):
        p = timed("p", p_from_z, z, "greater")
        bound = timed("h, categories", hommel_bound, p, 0.05)
        adjacency = timed("neighbours", mask.adjacency, CONNECTIVITY)
        order = timed("sort", kernels.ascending_order, (-z).view(np.uint64))
        parents = timed("tree", adjacency.parents, order)
        points, size, parent = timed("preorder", kernels.preorder, order, parents)
        timed("TDN", kernels.subtree_discoveries, bound.category[points], size, parent)
    return {"m": f"{z.size:,}"} | {f"{name}, ms": summary(values, 1000) for name, values in times.items()}


def table(rows: list[dict[str, str]]) -> str:
    """Format rows of equal columns."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Print two tables, of the comparison and of the steps: one row per resolution."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolution", type=int, nargs="+", default=[4, 3, 2, 1], help="voxel sizes in mm")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--processor", action="store_true", help="processor seconds instead of wall seconds")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        sys.stdout.write(f"{measure_memory(arguments.memory_of)}\n")
        return
    warnings.simplefilter("ignore")
    compared, by_step = [], []
    for resolution in arguments.resolution:
        mask_image = load_mni152_brain_mask(resolution=resolution)
        mask = VolumeSpace(Grid.of(mask_image), mask_image.get_fdata() > 0)
        volume = simulated_z(mask.inside, resolution)
        compared.append(compare(mask, volume, arguments.repeats))
        by_step.append(steps(mask, volume[mask.inside], arguments.repeats))
    sys.stdout.write(f"{table(compared)}\n{table(by_step)}")


if __name__ == "__main__":
    main()
