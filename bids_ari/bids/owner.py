"""Which process owns a folder, and whether it still runs: as far as that can be seen from another process."""

import json
import os
import platform
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

OWNER = "owner.json"
"""The file in a folder that tells its owner."""

_ENDED = ("Z", "X")  # states of processes of which only the exit status is left


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that owns a place.

    Attributes
    ----------
    pid : int
        Its number.
    host : str
        The host's name, for people: containers on one host differ in it, and those of two hosts may not.
    world : str
        What its number belongs to: a boot of a machine and a name space of process numbers; empty when unknown.
    started : str
        When it started, in the words of the system; empty when unknown. A number is used again, but not at that time.
    since : str
        When it made the place, for people.
    """

    pid: int
    host: str
    world: str
    started: str
    since: str

    @classmethod
    def me(cls) -> "Owner":
        """Tell of this process."""
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return cls(os.getpid(), socket.gethostname(), _world(), _process(os.getpid())[1], since)

    @classmethod
    def of(cls, place: Path) -> "Owner | None":
        """Read who owns a place; None when that is not told, or not in a way that can be understood."""
        try:
            told: dict[str, Any] = json.loads((place / OWNER).read_text(encoding="utf-8"))
            owner = cls(**told)
        except (OSError, ValueError, TypeError):
            return None
        texts = (owner.host, owner.world, owner.started, owner.since)
        is_number = isinstance(owner.pid, int) and 0 < owner.pid < 2**31
        return owner if is_number and all(isinstance(text, str) for text in texts) else None

    def runs(self) -> bool | None:
        """Say whether the process runs; None when that cannot be seen from here."""
        if not self.world or self.world != _world():
            return None
        try:
            os.kill(self.pid, 0)  # sends nothing
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it is another user's, and there
        state, started = _process(self.pid)
        return state not in _ENDED and (not self.started or not started or started == self.started)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


def _world() -> str:
    """Name what the number of this process belongs to."""
    if platform.system() != "Linux":
        return f"host {socket.gethostname()}"
    try:
        if Path("/proc/self").readlink() != Path(str(os.getpid())):
            return ""  # /proc shows the processes of another name space
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"boot {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _process(pid: int) -> tuple[str, str]:
    """Give the state of a process, and when it started in clock ticks since boot; empty where that is not shown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]
