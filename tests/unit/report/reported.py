"""Results to report: a group with signal and one without, each analysed once; and one bounded by several methods."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from builders import brain, describe, write_group, write_map

import bids_ari as ari
from bids_ari.analysis.result import ContrastResult


@cache
def analysed(signal: float) -> tuple[ContrastResult, ...]:
    """Eight subjects with that much signal in a blob, greater and two-sided; no voxel reaches the last threshold."""
    return _analysed(signal, alternative=("greater", "two-sided"))


@cache
def by_methods() -> tuple[ContrastResult, ...]:
    """The same eight subjects, greater, by closed testing and calibrated by draws: all 2^8 sign flips."""
    return _analysed(3.0, method=("simes", "permutation"))


def _analysed(signal: float, **options: Any) -> tuple[ContrastResult, ...]:
    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory(prefix="jane-doe") as folder:
        root = Path(folder) / "first-level"
        describe(root)
        write_group(root, 8, rng, signal=signal)
        write_map(root, "01", brain(rng), stat="variance")
        return ari.analyse(ari.discover(root)[0], ari.Options(threshold=(2, 3, 50), **options))
