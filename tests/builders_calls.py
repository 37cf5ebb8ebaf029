"""Functions that worker processes can import, whose calls a test can count."""

import logging
import os
import signal
import time
from pathlib import Path

log = logging.getLogger("bids_ari.test")


def squares(folder: str | Path, seconds: float, item: int) -> int:
    """Note the call in a file, then, after some time, return a number."""
    with Path(folder, "calls").open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(seconds)
    return item**2


def callers(folder: Path) -> list[int]:
    """Return the process of each call of `squares`, in their order."""
    file = folder / "calls"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def n_in_the_end(folder: Path) -> int:
    """Return the number of calls of `squares` as soon as there was none for two seconds."""
    before, found = -1, len(callers(folder))
    while found != before:
        time.sleep(2.0)
        before, found = found, len(callers(folder))
    return found


def fail_at(bad: int, item: int) -> int:
    """Divide by zero at one item."""
    return 1 // (item - bad) if item == bad else item


def die(bad: int, item: int) -> int:
    """Kill the process at one item."""
    if item == bad:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def die_once(folder: Path, bad: int, item: int) -> int:
    """Kill the process at one item, the first time."""
    died = folder / "died"
    if item == bad and not died.exists():
        died.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def log_and_return(item: int) -> int:
    """Write a line to the log; later items are faster."""
    log.info("item %d", item)
    time.sleep(0.3 / (item + 1))
    return item
