"""Results to report: a group with signal and one without, each analysed once."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from builders import brain, describe, write_group, write_map

import bids_ari as ari
from bids_ari.results import ContrastResult


@cache
def analysed(signal: float) -> tuple[ContrastResult, ...]:
    """Eight subjects with that much signal in a blob, greater and two-sided; no voxel reaches the last threshold."""
    rng = np.random.default_rng(7)
    options = ari.Options(alternatives=("greater", "two-sided"), thresholds=(2, 3, 50))
    with tempfile.TemporaryDirectory(prefix="jane-doe") as folder:
        root = Path(folder) / "first-level"
        describe(root)
        write_group(root, 8, rng, signal=signal)
        write_map(root, "01", brain(rng), stat="variance")
        return ari.analyse(ari.discover(root)[0], options)
