"""Downloading the files of TemplateFlow that analyses need into a folder, for later."""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import InputNotFoundError, OutputError, counted, listing
from bids_ari.images.needed_templates import Wanted, needed_files, read_wanted
from bids_ari.images.opening import is_web_page
from bids_ari.images.templateflow import client, fetched, home, home_at, is_here
from bids_ari.runtime.caches import is_writable
from bids_ari.runtime.progress import track

_AT_ONCE = 2**20  # bytes


class Filled(NamedTuple):
    """The number of files that are wanted in a folder, all of which are there, and of those that were downloaded."""

    n_files: int
    n_new: int


def fill(folder: Path, words: Iterable[str]) -> Filled:
    """Download the files of TemplateFlow that analyses in some spaces may use; those that are there, and whole, stay.

    Parameters
    ----------
    folder : Path
        The folder to fill; need not be writable if nothing is missing.
    words : iterable of str
        Spaces and atlases, see `read_wanted`.

    Raises
    ------
    OutputError
        When the folder cannot be written.
    InputNotFoundError
        When files could not be downloaded; the others are kept.
    """
    if folder.exists() and not folder.is_dir():
        raise _not_writable(folder)
    with home_at(folder):
        needed = [(wanted, needed_files(wanted)) for wanted in map(read_wanted, words)]
        files = {path for _, paths in needed for path in paths}
        absent = {path for path in files if not _is_complete(path)}
        if absent and not is_writable(folder):
            raise _not_writable(folder)
        if absent:
            _list_files(absent)
        if missing := list(_download(needed)):
            raise _not_downloaded(missing, len(files))
        return Filled(len(files), sum(map(is_here, absent)))


def _not_writable(folder: Path) -> OutputError:
    """Return the error for a folder that cannot be filled."""
    return OutputError(f"The folder {folder} cannot be written", hint="Choose another folder")


def _not_downloaded(missing: Sequence[tuple[Path, str]], n_files: int) -> InputNotFoundError:
    """Return the error for files that could not be downloaded, each with the reason."""
    reasons = listing(sorted({reason for _, reason in missing}))
    return InputNotFoundError(
        f"{len(missing)} of {counted(n_files, 'file')} of TemplateFlow could not be downloaded ({reasons}): "
        f"{listing(path.name for path, _ in missing)}",
        hint=f"Run the same command again where there is a network; the other {n_files - len(missing)} are kept",
    )


def _is_complete(path: Path) -> bool:
    """Return whether a file is on this machine with its end: not after a download that was killed or filled the disk.

    A file that begins neither as a compressed file nor as a GIFTI file counts as complete, with two exceptions: a web
    page, such as the login page of a network, and a file that begins with zeros, as after a power failure.
    """
    if not is_here(path):
        return False
    try:
        with path.open("rb") as file:
            start = file.read(_AT_ONCE)
        if is_web_page(start) or start.startswith(b"\0"):
            return False
        if path.suffix == ".gii":
            text = path.read_bytes()
            return not text.startswith(b"<?xml") or text.rstrip().endswith(b"</GIFTI>")
        if path.suffix == ".gz":
            with gzip.open(path) as content:
                while content.read(_AT_ONCE):
                    pass
    except (EOFError, zlib.error):
        return False
    except OSError:  # who uses it reports it
        return True
    return True


def _download(needed: Sequence[tuple[Wanted, Sequence[Path]]]) -> Iterator[tuple[Path, str]]:
    """Download the files of spaces that are not on this machine; yield those that cannot be downloaded, and why.

    Files of which only a part is here are downloaded again. After a failure of the network the others are not tried:
    each would wait for an answer.
    """
    absent = {path: (wanted, files) for wanted, files in needed for path in files if not _is_complete(path)}
    reason = ""
    for path, (wanted, files) in track(absent.items(), "downloading", "file", len(absent)):
        if reason:
            yield path, reason
        elif error := _failure(path, files, wanted.where):
            reason = type(error).__name__ if isinstance(error, OSError) else ""  # of other errors, this file only
            yield path, type(error).__name__


def _failure(path: Path, files: Sequence[Path], where: StandardSpace) -> BaseException | None:
    """Download a file; return the error of the client. What has arrived of a file until then is removed."""
    has_arrived = False
    try:
        if path.exists():
            path.write_bytes(b"")  # as the client lists what is not there
        fetched(path, files, where)
        has_arrived = _is_complete(path)
    except InputNotFoundError as error:
        return error.__cause__ or error
    finally:
        if not has_arrived and path.exists():
            path.write_bytes(b"")
    return None if has_arrived else ConnectionError()


def _list_files(files: Iterable[Path]) -> None:
    """Have the client list files in a folder that others have filled, perhaps in part; it lists all in an empty one."""
    if home().is_dir() and any(home().iterdir()):
        for path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    client()
