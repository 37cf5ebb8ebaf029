"""Commands in processes of their own, and a cage: a place where nearly nothing can be written, without a network."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import builders_white

import bids_ari

STRANGER = 12345
"""A user who has no name on this machine."""

_START = {"bids-ari": "runpy.run_module('bids_ari', run_name='__main__')"}
_START["bids-ari-map"] = "from bids_ari.cli.map import main; sys.exit(main())"

_CAGE = """
set -e
scratch=$1; shift
mount --make-rprivate /
# What others may not enter, such as the home of root, becomes an empty folder that holds only what is needed below it.
while [ "$1" != -- ]; do
    mount --bind "$2" "$scratch"
    mount -t tmpfs -o mode=755 none "$1"
    (umask 022; mkdir -p "$2")
    mount --move "$scratch" "$2"
    shift 2
done
shift
writable=' '
while [ "$1" != -- ]; do
    mount --bind "$1" "$1"
    writable="$writable$1 "
    shift
done
shift
for each in $(cut -d ' ' -f 2 /proc/self/mounts | sort -u); do
    case "$writable" in *" $each "*) ;; *) mount -o remount,bind,ro "$each" 2>/dev/null || true ;; esac
done
exec "$@"
"""


@dataclass(frozen=True)
class Cage:
    """What a command finds that runs in it: all is read-only but some folders, which stand still in `writable`.

    Where tests run as root, the command runs as a stranger; else as a user who is root only within the cage.
    """

    writable: tuple[Path, ...]

    def words(self) -> list[str]:
        """The words to put before a command."""
        scratch = self.writable[0].parent / "scratch"
        scratch.mkdir(exist_ok=True)
        is_root = os.geteuid() == 0
        user = [] if is_root else ["--map-root-user"]
        opened = [str(path) for pair in _closed() for path in pair]
        who = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups", "--no-new-privs"]
        inside = [str(scratch), *opened, "--", *map(str, self.writable), "--", *(who if is_root else [])]
        return ["unshare", "--mount", "--net", *user, "--", "sh", "-c", _CAGE, "cage", *inside]


@contextmanager
def open_folder() -> Iterator[Path]:
    """A new folder that everybody may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder).resolve()
        path.chmod(0o755)
        yield path
        for each in path.rglob("*"):
            if each.is_dir() and not each.is_symlink():
                each.chmod(0o755)  # or its content could not be removed


def command(words: Sequence[object], program: str = "bids-ari", cage: Cage | None = None, first: str = "") -> list[str]:
    """The words of one of our commands, by the interpreter of the tests, which does something else `first`."""
    start = f"import runpy, sys\n{first}\n{_START[program]}"
    return [*(cage.words() if cage else []), sys.executable, "-c", start, *map(str, words)]


def surroundings(**more: str | None) -> dict[str, str]:
    """The least that a command needs of its environment, and more; None takes a variable away.

    Its pictures are white; without PYTHONPATH they are drawn.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "NUMBA_CACHE_DIR") if name in os.environ}
    kept |= {"LANG": "C.UTF-8", "PYTHONPATH": builders_white.PATH}
    return {name: value for name, value in (kept | more).items() if value is not None}


def call(
    words: Sequence[object],
    *,
    program: str = "bids-ari",
    cage: Cage | None = None,
    cwd: Path | None = None,
    umask: int = 0o022,
    **environment: str | None,
) -> subprocess.CompletedProcess[str]:
    """Run one of our commands to its end."""
    return subprocess.run(
        command(words, program, cage),
        env=surroundings(**environment),
        cwd=cwd,
        umask=umask,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=120,
    )


def compiled_code(folder: Path) -> dict[str, str]:
    """Copy the code that this Python has compiled into a folder; return the environment that names it, as an image has.

    Numba names the folders so. If it names them otherwise, nothing fails, but code is compiled again.
    """
    for kept in Path(bids_ari.__file__).parent.rglob("*.nb[ic]"):
        source = kept.parents[1]
        place = folder / f"{source.name}_{hashlib.sha1(str(source).encode()).hexdigest()}"
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept, place / kept.name)
    return {"BIDS_ARI_COMPILED": str(folder)}


def _closed() -> Iterator[tuple[Path, Path]]:
    """Find what the interpreter needs below a folder that others may not enter: that folder, and what is needed."""
    needed = {Path(sys.executable), Path(sys.prefix), Path(sys.base_prefix), Path(bids_ari.__file__).parents[1]}
    for path in sorted({each.resolve() for each in needed if each.is_dir()}):
        above = [folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001]
        if above:
            yield above[0], path
