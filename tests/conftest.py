"""Fixtures for all tests."""

import signal
from pathlib import Path

import numpy as np
import pytest
from builders import describe, write_group

for heard in (signal.SIGINT, signal.SIGHUP):  # which nohup and shells make jobs in the background ignore
    if signal.getsignal(heard) == signal.SIG_IGN:
        signal.signal(heard, signal.default_int_handler if heard == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture
def rng() -> np.random.Generator:
    """The same random numbers in every run."""
    return np.random.default_rng(20240229)


@pytest.fixture
def group_dir(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A derivative dataset: eight subjects, one contrast, signal in a blob."""
    root = tmp_path / "first-level"
    describe(root)
    write_group(root, 8, rng)
    return root
