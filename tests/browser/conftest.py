"""A real browser, headless, for pages opened from files; these tests are skipped where there is none."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.browsing import ARGUMENTS, Visits, chromium_path, profile
from browser.outputs_to_see import write_all

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of `write_all`, made once for all modules and processes of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "outputs to see"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            write_all(folder)
            (folder / "done").touch()
    return folder / "out"


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """Chromium; closed after each module, for other tests count threads and send signals."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium: install it (apt-get install chromium), or say where it is in BIDS_ARI_CHROMIUM")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def profiles(chromium: "Browser") -> tuple["BrowserContext", "BrowserContext"]:
    """Profiles with and without scripts, which tests share: pages store nothing, and a new one takes long."""
    return profile(chromium, scripts=True), profile(chromium, scripts=False)


@pytest.fixture
def visits(profiles: tuple["BrowserContext", "BrowserContext"]) -> Iterator[Visits]:
    """Opens pages; the test fails when one of them logs an error or requests another file."""
    opened = Visits(*profiles)
    yield opened
    opened.close()
    assert opened.problems == []
