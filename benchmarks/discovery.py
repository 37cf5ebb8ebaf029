"""Discovery of the first-level maps of a large study, against pybids and a bare walk, each in a fresh process.

usage: python benchmarks/discovery.py [--subjects 5000] [--layout func|node] [--sidecars] [--repeats 5] [--no-pybids]

The study is made of small maps in a temporary folder: 3 contrasts x 5 statistics for each subject, named as FitLins
does. Seconds are those of the whole process, from its start to its end. `bids-ari --list` also loads all of the command
and reads the header of each map that it would analyse.
"""

import argparse
import gzip
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from itertools import product
from multiprocessing import Process
from pathlib import Path

from measuring import Measured, measure, summary

NAME = "{}_task-emotion_space-MNI152NLin2009cAsym_contrast-{}_stat-{}_statmap"
CONTRASTS = ("faces", "houses", "facesMinusHouses")
STATS = ("effect", "variance", "t", "z", "p")


def make_study(root: Path, n_subjects: int, layout: str, sidecars: bool) -> None:
    """Write the files of a study: below sub-*/func as most programs do, or below node-*/sub-* as FitLins does."""
    contents = {(contrast, stat): small_map(seed) for seed, (contrast, stat) in enumerate(product(CONTRASTS, STATS))}
    for number in range(1, n_subjects + 1):
        subject = f"sub-{number:05d}"
        folder = root / subject / "func" if layout == "func" else root / "node-subjectLevel" / subject
        folder.mkdir(parents=True)
        for (contrast, stat), content in contents.items():
            name = NAME.format(subject, contrast, stat)
            (folder / f"{name}.nii.gz").write_bytes(content)
            if sidecars:
                (folder / f"{name}.json").write_text("{}")


def small_map(seed: int) -> bytes:
    """Return a compressed map of 216 voxels."""
    import nibabel as nib
    import numpy as np

    values = np.random.default_rng(seed).normal(size=(6, 6, 6)).astype(np.float32)
    return gzip.compress(nib.Nifti1Image(values, np.diag([3.0, 3, 3, 1])).to_bytes(), mtime=0)


def walk(root: Path, database_dir: Path) -> int:
    """Walk through all folders."""
    return sum(len(names) for _, _, names in os.walk(root))


def bids_ari(root: Path, database_dir: Path | None = None) -> int:
    """Find the maps and sort them into contrasts."""
    from bids_ari.bids.dataset import open_dataset
    from bids_ari.bids.discover import discover

    return sum(len(contrast.members) for contrast in discover(open_dataset(root, database_dir=database_dir)))


def listed(root: Path, database_dir: Path) -> int:
    """Run the command with ``--list``."""
    from bids_ari.cli.main import main as command

    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        return not command([str(root), str(database_dir.with_name("output")), "group", "--list"])


def pybids(root: Path, ignored: tuple[str, ...]) -> int:
    """Find the maps with pybids, without metadata, with the entities of bids_ari."""
    from bids import BIDSLayout, BIDSLayoutIndexer

    from bids_ari.bids.layouts import LAYOUT_CONFIG

    indexer = BIDSLayoutIndexer(validate=False, index_metadata=False, ignore=[re.compile(each) for each in ignored])
    config = ["bids", "derivatives", str(LAYOUT_CONFIG)]
    layout = BIDSLayout(str(root), validate=False, is_derivative=True, config=config, indexer=indexer)
    return len(layout.get(suffix="statmap", stat="effect", extension=".nii.gz"))


METHODS: dict[str, Callable[[Path, Path], int]] = {
    "bare walk": walk,
    "bids_ari": lambda root, _: bids_ari(root),
    "bids_ari, with a database": bids_ari,
    "bids-ari --list": listed,
    "pybids, effect maps only": lambda root, _: pybids(root, (r"^(?!.*stat-effect_statmap\.nii\.gz$).*\.(gz|json)$",)),
    "pybids, all files": lambda root, _: pybids(root, ()),
}


def run(method: str, root: Path, database_dir: Path) -> Measured:
    """Run one method in a fresh process."""
    return measure([sys.executable, __file__, "--child", method, root, database_dir])


def compare(root: Path, database_dir: Path, repeats: int, no_pybids: bool) -> None:
    """Run the quick methods in turn several times and pybids once or a few times; print one row for each."""
    quick = ("bare walk", "bids_ari", "bids-ari --list") + (() if no_pybids else ("bids_ari, with a database",))
    slow = {} if no_pybids else {"pybids, effect maps only": min(repeats, 3), "pybids, all files": 1}
    runs = {method: [run(method, root, database_dir) for _ in range(n)] for method, n in slow.items()}
    if not no_pybids:
        runs["bids_ari, making a database"] = [run("bids_ari, with a database", root, database_dir)]
    rounds = [{method: run(method, root, database_dir) for method in quick} for _ in range(repeats)]
    runs = {method: [each[method] for each in rounds] for method in quick} | runs
    sys.stdout.write("| | wall, s | CPU, s | peak memory, MB | CPU / bare walk |\n| --- | --- | --- | --- | --- |\n")
    for method, measured in runs.items():
        columns = [summary(values) for values in zip(*measured, strict=True)]
        walks = (runs["bare walk"] * len(measured))[: len(measured)]
        columns.append(summary([each.cpu / walk.cpu for each, walk in zip(measured, walks, strict=True)]))
        sys.stdout.write(f"| {method} | {' | '.join(columns)} |\n")


def main() -> None:
    """Make a study and print a table: one row per method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=5000)
    parser.add_argument("--layout", choices=("func", "node"), default="func")
    parser.add_argument("--sidecars", action="store_true", help="a .json beside each map")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-pybids", action="store_true", help="leave pybids out, which takes minutes")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        method, root, database_dir = arguments.child
        found = METHODS[method](Path(root), Path(database_dir))
        raise SystemExit(0 if found else "found nothing")
    scratch = Path(tempfile.mkdtemp())
    try:
        study = (scratch / "study", arguments.subjects, arguments.layout, arguments.sidecars)
        maker = Process(target=make_study, args=study)  # the memory of this process is the least that Linux counts
        maker.start()
        maker.join()
        compare(scratch / "study", scratch / "database", arguments.repeats, arguments.no_pybids)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
