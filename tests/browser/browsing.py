"""Actions of a reader in a browser, and events that must never happen there."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

WIDTHS = (360, 800, 1400)
"""Pixels: a telephone, half a screen, a screen."""

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

_WITHOUT_GRAPHICS_CARD = "GPU stall due to ReadPixels"  # Chromium's advice wherever software draws WebGL
_LATE = 15_000  # milliseconds after which a page that is not there will not come
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium_path() -> str | None:
    """Where Chromium is on this machine."""
    return os.environ.get("BIDS_ARI_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


def profile(browser: "Browser", *, scripts: bool) -> "BrowserContext":
    """Make a profile, in which pages may run scripts or not."""
    made = browser.new_context(java_script_enabled=scripts, accept_downloads=True, reduced_motion="reduce")
    made.set_default_timeout(_LATE)
    return made


class Visits:
    """Pages that are open, and what went wrong in any of them."""

    def __init__(self, with_scripts: "BrowserContext", without_scripts: "BrowserContext") -> None:
        self._profiles = {True: with_scripts, False: without_scripts}
        self._pages: list[Page] = []
        self.problems: list[str] = []

    def open(
        self,
        path: Path,
        *,
        width: int = 1400,
        height: int = 900,
        scripts: bool = True,
        place: str = "",
        before: str = "",
    ) -> "Page":
        """Open a file, at a place of it; `before` is a script that runs before those of the page."""
        page = self._profiles[scripts].new_page()
        self._pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        if before:
            page.add_init_script(before)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", self._asked)
        page.goto(path.resolve().as_uri() + place)
        return page

    def explorer(self, path: Path, *, tour: bool = False, before: str = "", **more: Any) -> "Page":
        """Open an explorer, whose tour was closed before or not, and wait until it can be used."""
        stored = "localStorage.clear();" if tour else "localStorage.setItem('bids_ari explorer tour', 'closed');"
        once = f"if (!sessionStorage.opened) {{ sessionStorage.opened = 'yes'; {stored} }}"  # not when it is reloaded
        page = self.open(path, before=f"{once}\n{before}", **more)
        page.wait_for_selector('body[data-ready="true"]')
        return page

    def close(self) -> None:
        """Close all pages, and forbid again what one was allowed."""
        for page in self._pages:
            page.close()
        self._profiles[True].clear_permissions()

    def _heard(self, message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning") and _WITHOUT_GRAPHICS_CARD not in message.text:
            self.problems.append(f"console: {message.text}")

    def _asked(self, request: "Request") -> None:
        """Only the page itself may be loaded, or one that a link leads to."""
        is_page = request.is_navigation_request() and request.frame.parent_frame is None
        if not request.url.startswith(("data:", "blob:")) and not (is_page and request.url.startswith("file:")):
            self.problems.append(f"request: {request.url}")


def file_of(page: "Page") -> Path:
    """The file that a page shows."""
    return Path(unquote(urlsplit(page.url).path))


def violations(page: "Page") -> list[str]:
    """Return the serious and critical findings of axe-core in a page, and where."""
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")
    page.evaluate(axe.AXE_SCRIPT)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [
        f"{violation['id']}: {violation['help']}: {[node['html'][:150] for node in violation['nodes'][:4]]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
    ]


_WIDER = """() => {
  const room = document.documentElement.clientWidth;
  const boxed = ({parentElement: box}) => box !== null
    && (/auto|scroll|hidden|clip/.test(getComputedStyle(box).overflowX) || boxed(box));
  const wide = (element) => element.getBoundingClientRect().right > room + 0.5 && !boxed(element)
    && getComputedStyle(element).position !== 'absolute' && element.getClientRects().length > 0;
  return [...document.body.querySelectorAll('*')].filter(wide).map((element) => element.outerHTML.slice(0, 120));
}"""


def overflowing(page: "Page") -> list[str]:
    """Elements that reach beyond the right side of the window, not counting what scrolls in a box of its own."""
    wide: list[str] = page.evaluate(_WIDER)
    scroll, room = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    return wide + ([f"the page is {scroll} wide in a window of {room}"] if scroll > room else [])


_FOCUSABLE = """() => {
  const all = [...document.querySelectorAll('a[href], summary, button, input, select, [tabindex="0"]')];
  const seen = all.filter((element) => !element.disabled && element.tabIndex >= 0
    && element.checkVisibility({visibilityProperty: true}));
  seen.forEach((element, i) => { element.dataset.stop = i; });
  return seen.length;
}"""
_FOCUS = """() => {
  const {stop} = document.activeElement.dataset;
  const style = getComputedStyle(document.activeElement);
  const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
  return [stop === undefined ? -1 : Number(stop), seen, document.activeElement.outerHTML.slice(0, 120)];
}"""


def tab_through(page: "Page") -> tuple[set[int], set[int], list[str]]:
    """Press Tab until it comes round: what can take the focus, what got it, and what does not show that it has it."""
    expected = set(range(page.evaluate(_FOCUSABLE)))
    reached: set[int] = set()
    unseen = []
    for _ in range(2 * len(expected) + 5):
        page.keyboard.press("Tab")
        stop, is_seen, html = page.evaluate(_FOCUS)
        if stop in reached:
            break
        reached.add(stop)
        if stop >= 0 and not is_seen:
            unseen.append(html)
    return expected, reached - {-1}, unseen


def settle(page: "Page") -> None:
    """Wait until what was chosen is drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


TRY_THE_NETWORK = """async () => {
  const refused = [];
  addEventListener('securitypolicyviolation', (event) => refused.push(event.effectiveDirective));
  const settled = (begin) => new Promise((end) => { begin(end); setTimeout(end, 300); });
  const load = (tag, name, value) => settled((end) => {
    const element = document.createElement(tag);
    element.onload = element.onerror = end;
    element[name] = value;
    document.head.append(element);
  });
  await fetch('https://example.org/').catch(() => {});
  try { new WebSocket('wss://example.org/'); } catch {}
  navigator.sendBeacon('https://example.org/', 'x');
  await load('img', 'src', 'https://example.org/a.png');
  await load('script', 'src', 'https://example.org/a.js');
  await load('script', 'textContent', 'document.title = "taken"');
  await load('iframe', 'src', 'https://example.org/');
  const link = Object.assign(document.createElement('link'), {rel: 'stylesheet', href: 'https://example.org/a.css'});
  document.head.append(link);
  try { setTimeout('document.title = "taken"', 0); } catch {}
  await settled(() => {});
  return [refused, document.title];
}"""
"""Attempts of a script, and the rules of the policy that forbid them; `document.title` shows whether one ran."""
