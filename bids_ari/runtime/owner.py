"""Which process owns a folder, told by the folder's name; and whether it still runs, as far as that can be seen."""

import hashlib
import os
import platform
import re
import secrets
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_TOKEN = re.compile(r"([0-9]{1,9})_([0-9]*)_([0-9a-f]*)_([0-9]{1,10})_[0-9a-f]+_(.*)")
_ENDED = ("Z", "X")  # states of processes of which only the exit status is left


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that owns a folder.

    Attributes
    ----------
    pid : int
        Its number.
    started : str
        When it started, as the system counts; empty when unknown. Its number is used again, but not with that time.
    world : str
        What its number belongs to, as a digest: a boot of a machine and a name space of process numbers; empty when
        unknown.
    since : int
        When it became the owner, in seconds since 1970, for people.
    host : str
        The name of its host, for people: containers on one host differ in it, and those of two hosts may not.
    """

    pid: int
    started: str
    world: str
    since: int
    host: str

    @classmethod
    def me(cls) -> "Owner":
        """Tell of this process."""
        host = re.sub(r"[^a-zA-Z0-9.-]", "-", socket.gethostname())[:64]
        return cls(os.getpid(), _process(os.getpid())[1], _world(), int(time.time()), host)

    @classmethod
    def of(cls, folder: Path) -> "Owner | None":
        """Read who owns a folder; None when its name tells nobody."""
        told = _TOKEN.fullmatch(folder.name)
        if told is None or int(told[1]) == 0:
            return None
        return cls(int(told[1]), told[2], told[3], int(told[4]), told[5])

    def token(self) -> str:
        """Give a name for a folder of this owner; never the same again."""
        return f"{self.pid}_{self.started}_{self.world}_{self.since}_{secrets.token_hex(6)}_{self.host}"

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
        return f"process {self.pid} on {self.host} since {datetime.fromtimestamp(self.since, UTC):%Y-%m-%d %H:%M} UTC"


def _world() -> str:
    """Name what the number of this process belongs to."""
    if platform.system() != "Linux":
        return _digest(f"host {socket.gethostname()}")
    try:
        if Path("/proc/self").readlink() != Path(str(os.getpid())):
            return ""  # /proc shows the processes of another name space
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return _digest(f"boot {boot} {Path('/proc/self/ns/pid').readlink()}")
    except OSError:
        return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _process(pid: int) -> tuple[str, str]:
    """Give the state of a process, and when it started in clock ticks since boot; empty where that is not shown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]
