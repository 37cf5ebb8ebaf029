"""Many contrasts in one command: its wall time by default, and on a Dask cluster, against one contrast after the other.

usage: python benchmarks/contrasts.py [--contrasts 12] [--subjects 20] [--resolution 3] [--workers 2] [--repeats 3]

Simulated maps within nilearn's MNI brain mask; each contrast is tested in two directions. Measured in turn: the sum of
one command per contrast; one command with one process (`--nprocs 1`); one command as it is by default; and one command
on fresh workers of a Dask cluster on this computer, whose start is not measured. Each command is a fresh process,
from its start to its end, with all its outputs. Disk cache and compiled code are warm.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from measuring import Measured, measure, peak_of_all, processor, ratios, summary

NAME = "sub-{0:02d}/func/sub-{0:02d}_task-sim_space-MNI152NLin2009cAsym_contrast-c{1:02d}_stat-effect_statmap.nii.gz"
KEEPS_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**27), "MALLOC_MMAP_THRESHOLD_": str(2**25)}  # as in docs/slurm.md
WORDS = ("--smoothing", "8", "--alternative", "greater", "less", "--rerun")


def simulate(root: Path, n_contrasts: int, n_subjects: int, resolution: int) -> None:
    """Write a dataset: smooth noise, and per contrast some regions with an effect, a half of them negative."""
    import nibabel as nib
    from nilearn.datasets import load_mni152_brain_mask
    from scipy import ndimage

    mask, rng = load_mni152_brain_mask(resolution=resolution), np.random.default_rng(1)
    inside = mask.get_fdata() > 0
    root.mkdir()
    facts = {"Name": "Simulated", "BIDSVersion": "1.9.0", "DatasetType": "derivative", "GeneratedBy": [{"Name": "sim"}]}
    (root / "dataset_description.json").write_text(json.dumps(facts))
    for contrast in range(1, n_contrasts + 1):
        places = (rng.random(inside.shape) > 0.9997).astype(float) * rng.choice([-1.0, 1.0], inside.shape)
        signal = ndimage.gaussian_filter(places, 10 / resolution)
        signal *= 1.5 / np.abs(signal).max()
        for subject in range(1, n_subjects + 1):
            noise = ndimage.gaussian_filter(rng.normal(size=inside.shape), 3 / resolution)
            volume = np.where(inside, noise / noise.std() + signal, 0).astype(np.float32)
            path = root / NAME.format(subject, contrast)
            path.parent.mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(volume, mask.affine), path)


@contextmanager
def dask_cluster(n_workers: int) -> Iterator[str]:
    """Start workers of one thread each; yield the address of their scheduler."""
    from distributed import LocalCluster

    os.environ |= KEEPS_MEMORY
    with (
        suppress(TimeoutError),
        LocalCluster(  # where others use the computer, workers may end late
            n_workers=n_workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
    ):
        cluster.wait_for_workers(n_workers)
        yield cluster.scheduler_address


def total(runs: list[Measured]) -> Measured:
    """Return the sums of seconds, and the largest peak."""
    wall, cpu, peak = zip(*runs, strict=True)
    return Measured(sum(wall), sum(cpu), max(peak))


def compare(dataset: Path, out: Path, n_contrasts: int, n_workers: int, repeats: int) -> None:
    """Run all in turn, once unmeasured; print a table."""
    command = [sys.executable, "-m", "bids_ari", dataset, out, "group", *WORDS]
    names = [f"c{i:02d}" for i in range(1, n_contrasts + 1)]
    rows = ("commands one by one", "one process", "by default", f"Dask, {n_workers} workers")
    found: dict[str, list[Measured]] = {name: [] for name in rows}
    measure([*command, "--contrast", names[0]])
    for _ in range(repeats):
        found[rows[0]].append(total([measure([*command, "--contrast", name]) for name in names]))
        found[rows[1]].append(measure([*command, "--nprocs", "1"]))
        found[rows[2]].append(measure(command))
        with dask_cluster(n_workers) as address:
            found[rows[3]].append(measure([*command, "--dask-scheduler", address]))
    sys.stdout.write(f"{processor()}; Dask: CPU and memory without those of the workers\n")
    sys.stdout.write("| | wall, s | CPU, s | peak memory of a process, MB | wall / one by one | wall / one process |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- | --- |\n")
    walls = {name: [run.wall for run in runs] for name, runs in found.items()}
    for name, runs in found.items():
        cells = [summary(values) for values in zip(*runs, strict=True)]
        cells += [ratios(walls[name], walls[other]) for other in rows[:2]]
        sys.stdout.write(f"| {name} | {' | '.join(cells)} |\n")
    sys.stdout.write(f"peak memory of all processes by default: {peak_of_all(command):.0f} MB\n")


def main() -> None:
    """Print a table: one row per way to run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contrasts", type=int, default=12)
    parser.add_argument("--subjects", type=int, default=20)
    parser.add_argument("--resolution", type=int, default=3, help="voxel size in mm")
    parser.add_argument("--workers", type=int, default=2, help="of the Dask cluster")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        dataset = Path(scratch) / "dataset"
        simulate(dataset, arguments.contrasts, arguments.subjects, arguments.resolution)
        compare(dataset, Path(scratch) / "out", arguments.contrasts, arguments.workers, arguments.repeats)


if __name__ == "__main__":
    main()
