"""Fixtures of reference results that are too large for this repository; tests are skipped without them."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from oracle_case import OracleCase

SHARED_ORACLE = Path(__file__).resolve().parents[2].parent / "shared" / "oracle"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of results by R hommel, ARIbrain and brute force; its README describes how they were computed."""
    if not SHARED_ORACLE.is_dir():
        pytest.skip(f"no reference results at {SHARED_ORACLE}")
    return SHARED_ORACLE


@pytest.fixture(scope="session")
def read_case(shared: Path) -> Callable[[str], OracleCase]:
    """Read a case by its name, once."""
    return cache(lambda name: OracleCase.read(shared, name))
