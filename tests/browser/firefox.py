"""Firefox, controlled by WebDriver BiDi, the standard protocol that it serves by itself: no other program is needed.

Playwright controls only a Firefox of its own build, or one newer than the one that Debian has.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

_NAMES = ("firefox-esr", "firefox")
_START = 60  # seconds; 2 on a free processor
_ANSWER = 30  # seconds
_PREFERENCES = {
    "ui.prefersReducedMotion": 1,
    "layout.css.prefers-color-scheme.content-override": 1,
    "focusmanager.testmode": True,  # pages have the focus also where the window does not, as on a busy machine
    "browser.download.alwaysOpenPanel": False,  # which would take the focus
}
_LISTENED = (
    "log.entryAdded",
    "network.beforeRequestSent",
    "browsingContext.userPromptOpened",
    "browsingContext.downloadEnd",
)
_WITHOUT_GRAPHICS_CARD = "WebGL"  # Firefox's warnings where it cannot draw it; the page says so to its reader
_BEFORE = """() => { try { localStorage.setItem("bids_ari explorer tour", "closed"); } catch {} }"""
_FILES = """[...document.querySelectorAll("[src], link")].map((each) => each.src ?? each.href)
  .filter((address) => !/^(data|blob):/.test(address))"""
"""Files of which a page consists: Firefox neither reports that it reads them, nor does a page's policy forbid it."""

KEYS = {"Enter": "\ue007", "Tab": "\ue004", "Shift": "\ue008"}
KEYS |= {"ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015"}
"""Keys without a character, as WebDriver names them."""


def firefox_path() -> str | None:
    """Where Firefox is on this machine; that of Snap does not see profiles and pages in temporary folders."""
    found = os.environ.get("BIDS_ARI_FIREFOX") or next(filter(None, map(shutil.which, _NAMES)), None)
    return None if found and "/snap/" in str(Path(found).resolve()) else found


@contextmanager
def running(path: str, folder: Path) -> Iterator["Firefox"]:
    """Firefox with a new profile in a folder; its process and those that it started end in any case."""
    client = pytest.importorskip("websockets.sync.client", reason="websockets is not installed")
    profile = folder / "profile"
    profile.mkdir()
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _PREFERENCES.items()]
    (profile / "user.js").write_text("".join(lines))
    command = [path, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, env=os.environ | {"HOME": str(folder)}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        address = _address(process, profile / "WebDriverBiDiServer.json", folder / "log")
        with client.connect(address, max_size=None, compression=None, proxy=None) as connection:
            yield Firefox(connection, folder)
    finally:
        _end(process)


def _address(process: subprocess.Popen[bytes], described: Path, log: Path) -> str:
    """Wait until Firefox writes at which free port it listens; return the address."""
    last = time.monotonic() + _START
    while time.monotonic() < last and process.poll() is None:
        if described.exists() and (text := described.read_text()).rstrip().endswith("}"):
            server = json.loads(text)
            return f"ws://{server['ws_host']}:{server['ws_port']}/session"
        time.sleep(0.05)
    raise RuntimeError(f"Firefox did not start (exit status {process.poll()}):\n{log.read_text()[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process group: nothing of the profile is kept, so Firefox need not tidy up."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_ANSWER)


class Firefox:
    """A running Firefox, and the problems of its pages."""

    def __init__(self, connection: "ClientConnection", folder: Path) -> None:
        self._connection = connection
        self._n_sent = 0
        self._saved: deque[Path] = deque()
        self._open: list[Tab] = []
        self.problems: list[str] = []
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=list(_LISTENED))
        (folder / "saved").mkdir()
        to = {"type": "allowed", "destinationFolder": str(folder / "saved")}
        self.send("browser.setDownloadBehavior", downloadBehavior=to)
        self.send("script.addPreloadScript", functionDeclaration=_BEFORE)

    def send(self, method: str, **parameters: Any) -> Any:
        """Send a command; return its result."""
        self._n_sent += 1
        self._connection.send(json.dumps({"id": self._n_sent, "method": method, "params": parameters}))
        while True:
            answer = self._receive()
            if answer.get("id") == self._n_sent:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['error']}: {answer['message']}")
                return answer["result"]

    def saved(self) -> Path:
        """Return the next file that a page saves."""
        while not self._saved:
            self._receive()
        return self._saved.popleft()

    def open(self, path: Path, *, width: int = 1400) -> "Tab":
        """Open a file in a new tab, which gets the focus: without it, no element shows that it has the focus."""
        tab = Tab(self, self.send("browsingContext.create", type="tab")["context"])
        self.send("browsingContext.activate", context=tab.context)
        self._open.append(tab)
        tab.resize(width)
        self.send("browsingContext.navigate", context=tab.context, url=path.resolve().as_uri(), wait="complete")
        return tab

    def explorer(self, path: Path) -> "Tab":
        """Open an explorer, and wait until it can be used."""
        tab = self.open(path)
        tab.wait_for("document.body.dataset.ready === 'true'")
        return tab

    def close_all(self) -> None:
        """Close all pages but the first, which is empty: without any, Firefox would end."""
        for tab in self._open:
            self.problems += [f"file: {address}" for address in tab.evaluate(_FILES)]
            self.send("browsingContext.close", context=tab.context)
        self._open.clear()

    def _receive(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._connection.recv(timeout=_ANSWER))
        if answer["type"] == "event":
            self._handle(answer["method"], answer["params"])
        return answer

    def _handle(self, method: str, event: dict[str, Any]) -> None:
        if method == "log.entryAdded" and event["level"] in ("error", "warn"):
            if _WITHOUT_GRAPHICS_CARD not in (event["text"] or ""):
                self.problems.append(f"{event['type']}: {event['text']}")
        elif method == "network.beforeRequestSent":
            if not event["request"]["url"].startswith(("data:", "blob:", "file:")):
                self.problems.append(f"request: {event['request']['url']}")
        elif method == "browsingContext.userPromptOpened":
            self.problems.append(f"dialog: {event['message']}")
        elif method == "browsingContext.downloadEnd" and event["status"] == "complete":
            self._saved.append(Path(event["filepath"]))


_AS_JSON = """async (found, given) =>
  JSON.stringify(await (typeof found === "function" ? found(JSON.parse(given)) : found))"""


class Tab:
    """A page, with those methods of playwright's that `browsing` calls."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        self._firefox = firefox
        self.context = context

    def resize(self, width: int, height: int = 900) -> None:
        """Set the size of the window in pixels."""
        size = {"width": width, "height": height}
        self._firefox.send("browsingContext.setViewport", context=self.context, viewport=size, devicePixelRatio=1)

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """Run a script, or call a function with an argument; return its value once it is there."""
        found = self._run("script.evaluate", expression=script, resultOwnership="root")
        if "handle" not in found:
            return found.get("value")
        given = {"type": "string", "value": json.dumps(argument)}
        text = self._run("script.callFunction", functionDeclaration=_AS_JSON, arguments=[found, given])
        return json.loads(text.get("value", "null"))

    def _run(self, method: str, **parameters: Any) -> dict[str, Any]:
        target = {"target": {"context": self.context}, "awaitPromise": True}
        shallow = {"maxObjectDepth": 0}
        answer = self._firefox.send(method, **target, **parameters, serializationOptions=shallow)
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        result: dict[str, Any] = answer["result"]
        return result

    def wait_for(self, condition: str) -> None:
        """Wait until a condition is true."""
        self.evaluate(f"""() => new Promise((done, failed) => {{
          const last = performance.now() + {1000 * _ANSWER} / 2;
          const look = () => {{
            if ({condition}) done();
            else if (performance.now() > last) failed(new Error({json.dumps(condition)}));
            else setTimeout(look, 20);
          }};
          look();
        }})""")

    def text(self, selector: str) -> str:
        """Return the text of an element as it is seen."""
        seen: str = self.evaluate("(selector) => document.querySelector(selector).innerText", selector)
        return seen

    def press(self, selector: str, *keys: str) -> None:
        """Give an element the focus, and press keys one after the other."""
        self._firefox.send("browsingContext.activate", context=self.context)
        self.evaluate("(selector) => document.querySelector(selector).focus()", selector)
        values = [KEYS.get(key, key) for key in keys]
        strokes = [{"type": kind, "value": value} for value in values for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": strokes})

    def fill(self, selector: str, text: str) -> None:
        """Type a text in place of the one in a field."""
        self.evaluate("(selector) => document.querySelector(selector).select()", selector)
        self.press(selector, *text)

    def click(self, selector: str) -> None:
        """Click the middle of an element."""
        x, y = self.evaluate(_MIDDLE, selector)
        button = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        self._act({"type": "pointer", "id": "mouse", "actions": [{"type": "pointerMove", "x": x, "y": y}, *button]})

    def saved(self, selector: str) -> Path:
        """Click a button; return the file that it saves."""
        self.click(selector)
        return self._firefox.saved()

    def _act(self, device: dict[str, Any]) -> None:
        self._firefox.send("input.performActions", context=self.context, actions=[device])


_MIDDLE = """(selector) => {
  const element = document.querySelector(selector);
  element.scrollIntoView({block: "center", behavior: "instant"});
  const box = element.getBoundingClientRect();
  return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
}"""
