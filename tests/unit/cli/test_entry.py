"""Signals during the first imports of a command."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

_START = """
import sys, signal
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "bids_ari.config.settings":
            {strike}
sys.meta_path.insert(0, Finder())
from bids_ari.cli.entry import bids_ari
sys.exit(bids_ari())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "strike",
    ["signal.raise_signal({0})", "exec('signal.raise_signal({0})')", "type('A', (), {{'b': Named()}})"],
    ids=["plain", "in exec", "in a class body"],
)
def test_they_end_it_with_their_code(number: signal.Signals, strike: str, tmp_path: Path) -> None:
    named = "class Named:\n    def __set_name__(self, *_):\n        import signal\n        signal.raise_signal({0})\n"
    start = named.format(int(number)) + _START.format(strike=strike.format(int(number)))
    done = subprocess.run([sys.executable, "-c", start, "in", str(tmp_path), "group"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "ERROR interrupted: run the same command again\n"
