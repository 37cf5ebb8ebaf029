"""Results to report: a group with signal and one without, analysed once for all tests."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from builders import brain, describe, write_group, write_map

import bids_ari as ari
from bids_ari.report import page
from bids_ari.report.page import Picture
from bids_ari.results import ContrastResult


def analysed(root: Path, signal: float) -> tuple[ContrastResult, ...]:
    rng = np.random.default_rng(7)
    describe(root)
    write_group(root, 8, rng, signal=signal)
    write_map(root, "01", brain(rng), stat="variance")
    options = ari.Options(alternatives=("greater", "two-sided"), thresholds=(2, 3, 50))
    return ari.analyse(ari.discover(root)[0], options)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[ContrastResult, ...]:
    """Eight subjects with a blob of signal, greater and two-sided; no voxel reaches the last threshold."""
    return analysed(tmp_path_factory.mktemp("jane-doe") / "first-level", 3.0)


@pytest.fixture(scope="session")
def result(results: tuple[ContrastResult, ...]) -> ContrastResult:
    """The result for greater."""
    return results[0]


@pytest.fixture(scope="session")
def null_result(tmp_path_factory: pytest.TempPathFactory) -> ContrastResult:
    """Eight subjects of pure noise: nothing is found."""
    return analysed(tmp_path_factory.mktemp("null") / "first-level", 0.0)[0]


@pytest.fixture(scope="session")
def pictures(result: ContrastResult) -> Mapping[str, Picture]:
    """The pictures of the result for greater."""
    return dict(page.draw(result))
