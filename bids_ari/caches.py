"""Writable folders for the caches of libraries, found before these are loaded.

A container may run read-only, as a user without a home, with nothing writable but the output folder. matplotlib and
numba then fail, some already when imported. Each is pointed to a folder that can be written: where the user says, else
where it would look by itself, else a folder of its own among the system's temporary files, else one inside the output.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bids_ari.errors import OutputError

VARIABLES = {
    "MPLCONFIGDIR": "matplotlib",
    "NUMBA_CACHE_DIR": "numba",
    "XDG_CACHE_HOME": "cache",
    "JOBLIB_TEMP_FOLDER": "joblib",
}
"""Environment variables that say where a cache is, and its folder in the work folder."""

_PREFIX = ".bids_ari-work-"
_OLD = 7 * 24 * 3600.0  # seconds


@contextmanager
def caches(work_dir: Path | None, output_dir: Path | None) -> Iterator[None]:
    """Point the caches of libraries and temporary files to folders that can be written.

    Parameters
    ----------
    work_dir : Path or None
        Where the user wants them; made when it does not exist, and kept.
    output_dir : Path or None
        Where a temporary folder is made when no other place can be written. It is removed at the end, and so is the
        output folder if it was made for it and nothing else came there.
    """
    before = {name: os.environ.get(name) for name in (*VARIABLES, "TMPDIR")}
    made: list[Path] = []
    try:
        _point(work_dir, output_dir, made)
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        tempfile.tempdir = None
        _remove(made)


def _point(work_dir: Path | None, output_dir: Path | None, made: list[Path]) -> None:
    """Set the variables that have to be set."""
    if work_dir is not None and not is_writable(work_dir):
        raise OutputError(f"The work folder {work_dir} cannot be written", hint="Give another with --work-dir")
    lacking = [name for name in VARIABLES if work_dir is not None or not any(map(is_writable, _places(name)))]
    temporary = _temporary()
    if temporary is not None and not lacking:
        return
    home = work_dir or _private(temporary or output_dir, made)
    if home is None:
        return  # nothing at all can be written: the output will say so
    for name in lacking:
        os.environ[name] = str(home / VARIABLES[name])
        (home / VARIABLES[name]).mkdir(parents=True, exist_ok=True)
    if work_dir is not None or temporary is None:
        os.environ["TMPDIR"], tempfile.tempdir = str(home), None


def is_writable(folder: Path) -> bool:
    """Say whether a file can be made in a folder, or the folder itself and those above it can be made."""
    while not folder.exists():
        if folder == folder.parent:
            return False
        folder = folder.parent
    if not folder.is_dir():
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _places(name: str) -> list[Path]:
    """Give where a library looks by itself: where its variable points, else where it would go without one."""
    if os.environ.get(name):
        return [Path(os.environ[name])]
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - unlike Path.home, does not fail without a home
    if not home.is_absolute():
        return []
    config, cache = (
        Path(os.environ.get(f"XDG_{kind.upper()}_HOME") or home / f".{kind}") for kind in ("config", "cache")
    )
    return {
        "MPLCONFIGDIR": [config],
        "NUMBA_CACHE_DIR": [Path(__file__).parent / "stats", cache],
        "XDG_CACHE_HOME": [cache],
    }.get(name) or ([temporary] if (temporary := _temporary()) else [])


def _temporary() -> Path | None:
    """Give the system's folder for temporary files, if there is one that can be written."""
    try:
        found = Path(tempfile.gettempdir())
    except FileNotFoundError:
        return None
    return found if found != Path.cwd() or os.environ.get("TMPDIR") else None  # the last place Python tries


def _private(place: Path | None, made: list[Path]) -> Path | None:
    """Make a folder that nobody else can write, and note what was made; what killed jobs left long ago goes."""
    if place is None:
        return None
    try:
        for old in place.glob(f"{_PREFIX}*"):
            if time.time() - old.stat().st_mtime > _OLD:
                shutil.rmtree(old, ignore_errors=True)
        absent = [each for each in (place, *place.parents) if not each.exists()]
        place.mkdir(parents=True, exist_ok=True)
        made += reversed(absent)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    except OSError:
        return None
    made.append(folder)
    return folder


def _remove(made: list[Path]) -> None:
    """Remove the folder of caches, and those above it that are empty."""
    for folder in reversed(made):
        if folder.name.startswith(_PREFIX):
            shutil.rmtree(folder, ignore_errors=True)
        else:
            with suppress(OSError):
                folder.rmdir()
