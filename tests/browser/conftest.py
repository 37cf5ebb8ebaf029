"""A real browser, headless, for pages opened from files; these tests are skipped where there is none."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from browser.browsing import ARGUMENTS, Visits, chromium_path, profile

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext


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
