"""From the files of many subjects to t at every voxel: peak memory and time, against only reading the files.

usage: python benchmarks/size.py [--subjects 100] [--resolution 2] [--mem 256M] [--nprocs 2] [--folder FOLDER]

Simulated maps, float32 in .nii.gz, with values within nilearn's MNI brain mask, are written to a temporary folder and
removed afterwards. Each measurement is a process of its own; the files are in the system's memory of the disk.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np


def simulate(folder: Path, n_subjects: int, resolution: int) -> int:
    """Write one map per subject, unit noise and an effect; return the number of voxels with values."""
    from nilearn.datasets import load_mni152_brain_mask

    mask = load_mni152_brain_mask(resolution=resolution)
    inside = mask.get_fdata() > 0
    rng = np.random.default_rng(1)
    for i in range(n_subjects):
        volume = np.zeros(inside.shape, dtype=np.float32)
        volume[inside] = rng.normal(rng.normal(), size=np.count_nonzero(inside))
        nib.save(nib.Nifti1Image(volume, mask.affine), folder / f"sub-{i:04d}.nii.gz")
    return int(np.count_nonzero(inside))


def read_only(paths: list[Path], memory: int, n_jobs: int) -> dict[str, float]:
    """Read the values of each file with nibabel."""
    for path in paths:
        nib.load(path).get_fdata()
    return {}


def read_and_keep(paths: list[Path], memory: int, n_jobs: int) -> dict[str, float]:
    """Read the values of each file with nibabel, and keep those within the first map, without any check."""
    inside = nib.load(paths[0]).get_fdata() != 0
    kept = np.empty((len(paths), np.count_nonzero(inside)))
    for path, row in zip(paths, kept, strict=True):
        row[:] = nib.load(path).get_fdata()[inside]
    return {}


def whole_path(paths: list[Path], memory: int, n_jobs: int) -> dict[str, float]:
    """Check the maps, read them, find the voxels to test, fit the mean; return the processor seconds of each step."""
    took: dict[str, float] = {}
    clock = time.process_time()

    def lap(step: str) -> None:
        nonlocal clock
        took[step], clock = time.process_time() - clock, time.process_time()

    from bids_ari.bids.dataset import StatMap
    from bids_ari.bids.entities import Entities
    from bids_ari.bids.subject_map import SubjectMap
    from bids_ari.images.stack import load_stack
    from bids_ari.stats.glm import fit_glm

    lap("imports")
    files = [StatMap(str(path), path.name, "", Entities.of({}), ".nii.gz") for path in paths]
    members = [SubjectMap(file.name[4:8], (file,)) for file in files]
    stack = load_stack(members, n_threads=n_jobs, mem=memory, work_dir=paths[0].parent)
    lap("read")
    (result,) = fit_glm(stack.effects, np.ones((len(paths), 1)), {"mean": np.ones(1)})
    lap("fit")
    assert np.isfinite(result.z).all()
    return took


TASKS: dict[str, Callable[[list[Path], int, int], dict[str, float]]] = {
    "reading": read_only,
    "reading and keeping": read_and_keep,
    "bids_ari": whole_path,
}


def measure(task: str, folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """Run a task in a separate process; return its seconds, in total and by step, and its peak memory."""
    child = [sys.executable, __file__, "--child", task, "--folder", str(folder)]
    child += ["--mem", arguments.mem, "--nprocs", str(arguments.nprocs)]
    found: dict[str, float] = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
    return found


def child(arguments: argparse.Namespace) -> dict[str, float]:
    """Run a task in this process."""
    from bids_ari.runtime.memory import parse_memory

    paths = sorted(arguments.folder.glob("sub-*.nii.gz"))
    start, before = time.perf_counter(), os.times()
    steps = TASKS[arguments.child](paths, parse_memory(arguments.mem), arguments.nprocs)
    after = os.times()
    processor = after.user + after.system - before.user - before.system
    status = Path("/proc/self/status").read_text().splitlines()  # getrusage counts the parent, too
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    return {"wall": time.perf_counter() - start, "CPU": processor, "peak": peak, **steps}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=100)
    parser.add_argument("--resolution", type=int, default=2, help="voxel size in mm")
    parser.add_argument("--mem", default="256M", help="as the flag of bids-ari")
    parser.add_argument("--nprocs", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the files are made")
    parser.add_argument("--child", choices=TASKS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        sys.stdout.write(json.dumps(child(arguments)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        n_points = simulate(Path(folder), arguments.subjects, arguments.resolution)
        found = {task: measure(task, Path(folder), arguments) for task in TASKS}
    sys.stdout.write(f"{arguments.subjects} subjects x {n_points:,} voxels, --mem {arguments.mem}\n")
    sys.stdout.write(
        "| | wall, s | CPU, s | peak memory, MB | imports, read, fit, CPU s |\n| --- | --- | --- | --- | --- |\n"
    )
    for task, each in found.items():
        steps = ", ".join(f"{each[step]:.3g}" for step in ("imports", "read", "fit") if step in each)
        row = f"| {task} | {each['wall']:.3g} | {each['CPU']:.3g} | {each['peak']:.0f} | {steps} |\n"
        sys.stdout.write(row)
    ratios = ", ".join(f"{key} {found['bids_ari'][key] / found['reading'][key]:.2f}" for key in ("wall", "CPU"))
    sys.stdout.write(f"bids_ari / reading: {ratios}\n")
    for task in ("reading", "reading and keeping"):
        only = found["bids_ari"]["read"] / found[task]["CPU"]
        sys.stdout.write(f"bids_ari / {task}, CPU, without imports and group model: {only:.2f}\n")


if __name__ == "__main__":
    main()
