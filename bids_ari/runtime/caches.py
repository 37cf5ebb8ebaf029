"""Writable folders for the caches of libraries, found before these are loaded.

A container may run read-only, as a user without a home, with nothing writable but the output folder. matplotlib and
pybids then warn or fail, some already when imported. Each gets a folder that can be written: in --work-dir, else its
default, else one in the temporary folder of the system, else one in the output. Machine code of an image is copied
there, because numba reads only what it could also write.
"""

import logging
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bids_ari.errors import OutputError

log = logging.getLogger(__name__)

VARIABLES = {
    "MPLCONFIGDIR": "matplotlib",
    "NUMBA_CACHE_DIR": "numba",
    "XDG_CACHE_HOME": "cache",
    "JOBLIB_TEMP_FOLDER": "joblib",
}
"""Environment variables of caches, and the folder of each in the work folder."""

BROUGHT = "BIDS_ARI_COMPILED"
"""The environment variable that names a folder of machine code, compiled by numba when an image was built."""

TEMPLATES = "BIDS_ARI_TEMPLATES"
"""The environment variable that names a TemplateFlow home within an image, for those who have no other."""

TEMPORARY = ".bids_ari-work-"
"""Beginning of the names of temporary folders in an output."""

_OTHERS = ("TMPDIR", "HOME", "JOBLIB_MULTIPROCESSING", "TEMPLATEFLOW_HOME")
_TEMPORARY = ("/tmp", "/var/tmp", "/usr/tmp")
_OLD = 7 * 24 * 3600.0  # seconds


def is_temporary(path: Path) -> bool:
    """Return whether a path is, by its name, a temporary folder that `caches` makes in an output."""
    return path.name.startswith(TEMPORARY)


@contextmanager
def caches(work_dir: Path | None, output_dir: Path | None) -> Iterator[None]:
    """Set writable folders for the caches of libraries and for temporary files.

    They are in `work_dir`, which is made if necessary and kept. Else, where no other folder can be written, they are in
    a temporary folder in `output_dir` (None when nothing is computed), removed at the end with what was made for it.
    """
    before = {name: os.environ.get(name) for name in (*VARIABLES, *_OTHERS)}
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
    """Set the environment variables that need it."""
    if work_dir is not None and not is_writable(work_dir):
        raise OutputError(f"The work folder {work_dir} cannot be written", hint="Choose another with --work-dir")
    if not has_home():
        os.environ["HOME"] = "/"  # as containers have it: pybids looks there when it is imported
    if not has_semaphores():
        os.environ.setdefault("JOBLIB_MULTIPROCESSING", "0")  # which nothing here wants; it would warn
    templates = os.environ.get(TEMPLATES)
    if templates and Path(templates).is_dir() and any(Path(templates).iterdir()):
        os.environ.setdefault("TEMPLATEFLOW_HOME", templates)
    lacking = [name for name in VARIABLES if work_dir is not None or not any(map(is_writable, _places(name)))]
    temporary = temporary_folder()
    if temporary is not None and not lacking:
        return
    place = work_dir or _private(temporary or output_dir, made)
    if place is None:
        return  # nothing at all can be written: the output will say so
    for name in lacking:
        os.environ[name] = str(place / VARIABLES[name])
        (place / VARIABLES[name]).mkdir(parents=True, exist_ok=True)
    if work_dir is not None or temporary is None:
        os.environ["TMPDIR"], tempfile.tempdir = str(place), None
    if "NUMBA_CACHE_DIR" in lacking:
        if (brought := _brought()) is not None:
            _bring(brought, Path(os.environ["NUMBA_CACHE_DIR"]))
        elif work_dir is None and output_dir is not None:
            log.info("Compiled code cannot be kept: each run compiles again, unless --work-dir names a folder for it")


def _brought() -> Path | None:
    """Return the folder of compiled code in the image, if there is one."""
    folder = os.environ.get(BROUGHT)
    return Path(folder) if folder and Path(folder).is_dir() else None


def _bring(brought: Path, folder: Path) -> None:
    """Copy compiled code to the cache of numba; other jobs may do the same at the same time."""
    for source in sorted(path for path in brought.rglob("*") if path.is_file()):  # code before the index that names it
        target = folder / source.relative_to(brought)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
        shutil.copyfile(source, part)
        part.replace(target)


def compiled_folder(beside: Path) -> Path | None:
    """Return a folder for compiled code where numba keeps its own: that of its variable, else beside the source.

    Where that cannot be written, it is in the folder of the user for caches; None where that cannot be written either.
    """
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        places = [Path(named)]
    else:
        places = [beside / "__pycache__"]
        if cache := os.environ.get("XDG_CACHE_HOME"):
            places.append(Path(cache) / "bids_ari")
        elif has_home():
            places.append(Path.home() / ".cache" / "bids_ari")
    return next(filter(is_writable, places), None)


def is_writable(folder: Path) -> bool:
    """Return whether a file can be created in a folder, which is created if need be."""
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:  # also of a folder that this user may not even look into
        return False


def _places(name: str) -> list[Path]:
    """Return the folders that a library uses by default: that of its variable, else those without one."""
    if os.environ.get(name):
        return [Path(os.environ[name])]
    if name == "NUMBA_CACHE_DIR" and _brought() is not None:
        return []  # the default folders lack the compiled code of the image
    config, cache = (
        Path(os.environ.get(f"XDG_{kind.upper()}_HOME") or Path.home() / f".{kind}") for kind in ("config", "cache")
    )
    return {
        "MPLCONFIGDIR": [config],
        "NUMBA_CACHE_DIR": [Path(__file__).parents[1] / "stats", cache],
        "XDG_CACHE_HOME": [cache],
    }.get(name) or ([temporary] if (temporary := temporary_folder()) else [])


def has_home() -> bool:
    """Return whether this user has a home that can be read or does not exist."""
    try:
        home = Path.home()
        home.joinpath("anything").exists()
    except (RuntimeError, PermissionError):
        return False
    return home.is_absolute()


def temporary_folder() -> Path | None:
    """Return the folder of the system for temporary files, if it can be written."""
    try:
        found = tempfile.gettempdir()
        is_last_resort = found not in (os.environ.get("TMPDIR"), *_TEMPORARY) and Path(found).samefile(".")
    except OSError:
        return None
    return None if is_last_resort else Path(found)


def has_semaphores() -> bool:
    """Return whether processes can share semaphores, which are files on Linux."""
    shared = Path("/dev/shm")
    return not sys.platform.startswith("linux") or (shared.is_dir() and is_writable(shared))


def _private(place: Path | None, made: list[Path]) -> Path | None:
    """Create a private folder, and list what was created; remove folders that killed jobs left long ago."""
    if place is None:
        return None
    try:
        for old in place.glob(f"{TEMPORARY}*"):
            if time.time() - old.stat().st_mtime > _OLD:
                shutil.rmtree(old, ignore_errors=True)
        absent = [each for each in (place, *place.parents) if not each.exists()]
        place.mkdir(parents=True, exist_ok=True)
        made += reversed(absent)
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=place))
    except OSError:
        return None
    made.append(folder)
    return folder


def _remove(made: list[Path]) -> None:
    """Remove the private folder, and those above it that were created and are empty."""
    for folder in reversed(made):
        if is_temporary(folder):
            shutil.rmtree(folder, ignore_errors=True)
        else:
            with suppress(OSError):
                folder.rmdir()
