"""Fixtures of the integration tests: the command line as a function, and the real data where they are present."""

from collections.abc import Callable
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2].parent / "shared"

Command = Callable[..., int]


@pytest.fixture(scope="module", autouse=True)
def _white(request: pytest.FixtureRequest) -> None:
    """Have white pictures, unless a module has the marker `pictures`."""
    if request.node.get_closest_marker("pictures") is None:
        request.getfixturevalue("white_pictures")


@pytest.fixture(scope="session")
def wager() -> Path:
    """Thirty real first-level maps, not brain-masked, with NaN."""
    folder = SHARED / "data" / "wager2008"
    if not folder.is_dir():
        pytest.skip(f"no real maps at {folder}")
    return folder


@pytest.fixture(scope="session")
def words() -> Path:
    """Fourteen real first-level maps with NaN background that differs per subject."""
    folder = SHARED / "data" / "words14"
    if not folder.is_dir():
        pytest.skip(f"no real maps at {folder}")
    return folder
