"""Identity of the process that owns a folder, encoded in the folder's name, and whether that process still runs."""

import hashlib
import os
import platform
import re
import secrets
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_TOKEN = re.compile(r"([0-9]{1,9})_([0-9]*)_([0-9a-f]*)_([0-9]{1,10})_[0-9a-f]+_(.*)")
_ENDED = ("Z", "X")  # states of processes of which only the exit status is left


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that owns a folder; texts are empty if unknown."""

    pid: int
    started: str  # in clock ticks since boot; a process ID is reused, but not with this time
    namespace: str  # digest of the boot of the machine and the namespace of process IDs
    since: int  # time at which it became the owner, in seconds since 1970, for messages
    host: str  # for messages: containers on one host have different names, and those of two hosts may be equal

    @classmethod
    def this_process(cls) -> "Owner":
        """Return the identity of this process."""
        host = re.sub(r"[^a-zA-Z0-9.-]", "-", socket.gethostname())[:64]
        return cls(os.getpid(), process_state(os.getpid())[1], process_namespace(), int(time.time()), host)

    @classmethod
    def of(cls, folder: Path) -> "Owner | None":
        """Read the owner of a folder from its name; None if the name has another form."""
        token = _TOKEN.fullmatch(folder.name)
        if token is None or int(token[1]) == 0:
            return None
        return cls(int(token[1]), token[2], token[3], int(token[4]), token[5])

    def token(self) -> str:
        """Return a name for a folder of this owner, different at each call."""
        return f"{self.pid}_{self.started}_{self.namespace}_{self.since}_{secrets.token_hex(6)}_{self.host}"

    def is_running(self) -> bool | None:
        """Return whether the process runs; None if that cannot be seen from this machine or container."""
        if not self.namespace or self.namespace != process_namespace():
            return None
        try:
            with suppress(PermissionError):  # a process of another user
                os.kill(self.pid, 0)  # sends no signal
        except ProcessLookupError:
            return False
        state, started = process_state(self.pid)
        return state not in _ENDED and (not self.started or not started or started == self.started)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {datetime.fromtimestamp(self.since, UTC):%Y-%m-%d %H:%M} UTC"


def process_namespace() -> str:
    """Return a digest of where the ID of this process is valid; empty if unknown."""
    text = f"host {socket.gethostname()}"
    if platform.system() == "Linux":
        try:
            if Path("/proc/self").readlink() != Path(str(os.getpid())):
                return ""  # /proc shows the processes of another namespace
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            text = f"boot {boot} {Path('/proc/self/ns/pid').readlink()}"
        except OSError:
            return ""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def process_state(pid: int) -> tuple[str, str]:
    """Return the state of a process and its start time in clock ticks since boot; empty if unknown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]
