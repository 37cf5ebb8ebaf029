"""The complete forest, with TDN at every node, against nilearn at three thresholds, in turn in one process.

usage: python benchmarks/forest.py [--resolution 1 2 3 4] [--repeats 7]

The time of bids_ari starts from the z map in memory: p, h and categories, neighbours, sort, tree and TDN. That of
`cluster_level_inference` of nilearn starts from the same map as an image, with the same mask.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from nilearn.datasets import load_mni152_brain_mask
from nilearn.glm import cluster_level_inference
from scipy import ndimage

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.stats.closed_testing import hommel_bound, hommel_value, local_scales
from bids_ari.stats.distributions import p_from_z
from bids_ari.stats.forest import ClusterForest, grow_forest


def simulated_z(inside: np.ndarray, resolution: int) -> np.ndarray:
    """Return a smooth field of unit variance with some bumps of signal, (x, y, z)."""
    rng = np.random.default_rng(1)
    noise = ndimage.gaussian_filter(rng.normal(size=inside.shape), 4 / resolution)
    bumps = ndimage.gaussian_filter((rng.random(inside.shape) > 1 - 4e-5 * resolution**3).astype(float), 6 / resolution)
    return noise / noise[inside].std() + 5 * bumps / bumps.max()


def seconds(call: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


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
        grow_forest(z, VolumeSpace(Grid(inside.shape, np.eye(4)), inside).adjacency(18), bound)

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


def compare(resolution: int, repeats: int) -> str:
    """Run both in turn at one resolution; return one row of the table."""
    mask_image = load_mni152_brain_mask(resolution=resolution)
    mask = VolumeSpace(Grid.of(mask_image), mask_image.get_fdata() > 0)
    volume = simulated_z(mask.inside, resolution)
    image = nib.Nifti1Image(np.where(mask.inside, volume, 0), mask_image.affine)
    z = volume[mask.inside]
    p = p_from_z(z, "greater")
    scales = local_scales(p.size, "simes")

    def bids_ari() -> ClusterForest:
        bound = hommel_bound(p_from_z(z, "greater"), 0.05)
        return grow_forest(z, mask.adjacency(18), bound)

    def peer() -> object:
        return cluster_level_inference(image, mask_img=mask_image, threshold=[3, 4, 5], alpha=0.05)

    forest = bids_ari()  # compiles
    pairs = [(seconds(bids_ari), seconds(peer)) for _ in range(repeats)]
    pairs_h = [(seconds(lambda: hommel_value(p, 0.05, scales)), seconds(lambda: np.sort(p))) for _ in range(repeats)]
    query = [seconds(lambda: forest.with_tdp(0.7)) for _ in range(repeats)]
    columns = (
        f"{z.size:,}",
        summary([a for a, _ in pairs]),
        summary([b for _, b in pairs]),
        summary([a / b for a, b in pairs]),
        summary([a / b for a, b in pairs_h]),
        summary(query, 1000),
        f"{bytes_per_voxel(mask.inside, z):.0f}",
    )
    return f"| {' | '.join(columns)} |"


def main() -> None:
    """Print a table: one row per resolution."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolution", type=int, nargs="+", default=[4, 3, 2, 1], help="voxel sizes in mm")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        sys.stdout.write(f"{measure_memory(arguments.memory_of)}\n")
        return
    warnings.simplefilter("ignore")
    head = ["m", "bids_ari, s", "nilearn, s", "bids_ari / nilearn", "h / numpy sort", "with_tdp, ms", "bytes per voxel"]
    sys.stdout.write(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}\n")
    for resolution in arguments.resolution:
        sys.stdout.write(compare(resolution, arguments.repeats) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
