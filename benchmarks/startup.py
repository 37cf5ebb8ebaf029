"""Start-up: the first result of a fresh process, the help, and the peak memory of a command.

usage: python benchmarks/startup.py [DATASET] [--repeats 7] [--subjects 30] [--resolution 3]

Without a dataset, the one of simulated maps of `tutorial.py` is made in a temporary folder. The command is that of the
tutorial, with all its outputs. Its z map is what a fresh process then reads for `cluster_tdp`, and another one for
nilearn's `cluster_level_inference`; importing the libraries is included in both. Each is a fresh process, measured from
its start to its end; the first one of each, which compiles and fills the caches, is not.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from measuring import in_turn, measure, table
from tutorial import SMOOTHING, simulate

FIRST = "import bids_ari; bids_ari.cluster_tdp({map!r}, threshold=3)"
NILEARN = "from nilearn.glm import cluster_level_inference; cluster_level_inference({map!r}, threshold=[3], alpha=0.05)"
LIBRARIES = "import nibabel, numba, scipy.ndimage, scipy.special"


def compare(dataset: Path, output: Path, repeats: int) -> None:
    """Run all in turn; print a table."""
    module = [sys.executable, "-m", "bids_ari"]
    tutorial = [*module, dataset, output, "group", "--rerun", "--smoothing", f"{SMOOTHING:g}"]
    measure(tutorial)
    z = str(next((output / "group").glob("*_stat-z_statmap.nii.gz")))
    nilearn, ours = "nilearn: first cluster_level_inference", "bids_ari: first cluster_tdp"
    found = in_turn(
        {
            nilearn: [sys.executable, "-c", NILEARN.format(map=z)],
            ours: [sys.executable, "-c", FIRST.format(map=z)],
            "importing nibabel, numba, scipy only": [sys.executable, "-c", LIBRARIES],
            "Python only": [sys.executable, "-c", ""],
            "bids-ari --help": [*module, "--help"],
            "bids-ari DATASET OUT group": tutorial,
        },
        repeats,
    )
    sys.stdout.write(table(found, "bids_ari / nilearn, first result", ours, nilearn))


def main() -> None:
    """Print a table, a row per command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--subjects", type=int, default=30)
    parser.add_argument("--resolution", type=int, default=3, help="voxel size in mm")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        dataset = arguments.dataset
        if dataset is None:
            dataset = Path(scratch) / "dataset"
            simulate(dataset, arguments.subjects, arguments.resolution)
        compare(dataset, Path(scratch) / "output", arguments.repeats)


if __name__ == "__main__":
    main()
