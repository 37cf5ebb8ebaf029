"""Folder of an output: names that files may have, and files that appear completely or not at all."""

import errno
import json
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from bids_ari.bids.sidecars import DESCRIPTION, is_ours
from bids_ari.errors import DataError, OutputError, ReadError, UsageError
from bids_ari.outputs.locks import as_output_error, own_place, retry
from bids_ari.outputs.records import LONGEST, leads_out


class Files:
    """Files of one output, with the folders made for them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made: list[Path] = []

    def open(self) -> None:
        """Make the output, check that it can be written, and remove unfinished files of killed runs."""
        try:
            self._refuse_bad_place()
            retry(lambda: self.make_folder(self.root))
            with own_place(self.root) as place:
                place.write(b"x")
                place.sweep()
        except BaseException as error:
            self.remove_empty()
            if isinstance(error, OSError):
                raise OutputError(f"The output folder {self.root} cannot be written: {error.strerror}") from error
            raise

    def path(self, name: str) -> Path:
        """Return the path of a file, after checking that the name is possible: labels in it come from the data."""
        if leads_out(name):
            raise ValueError(f"{name!r} names no file in the output")
        path, longest = self.root / name, max(map(os.fsencode, PurePosixPath(name).parts), key=len)
        if len(longest) > LONGEST:
            raise _too_long(f"The file name {os.fsdecode(longest)}", len(longest), str(LONGEST))
        try:
            is_folder = stat.S_ISDIR(path.lstat().st_mode)
        except FileNotFoundError:
            return path
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise _too_long(f"The path {path}", len(os.fsencode(path)), "the limit of the system") from error
            raise OutputError(f"{path} cannot be written: {error.strerror}") from error
        if is_folder:
            raise OutputError(f"{path} cannot be written: a folder is in its place", hint="Remove that folder")
        return path

    def write(self, name: str, content: bytes) -> None:
        """Write a file at once."""
        path = self.path(name)
        with own_place(self.root) as place:
            with as_output_error(path):
                part = place.write(content)
            self.move(part, name)

    def move(self, part: Path, name: str) -> None:
        """Rename a complete file, replacing an earlier one."""
        path = self.root / name

        def attempt() -> None:
            self.make_folder(path.parent)
            _rename(part, path)

        with as_output_error(path):
            retry(attempt)

    def move_all(self, parts: Mapping[str, Path]) -> None:
        """Rename complete files, likewise, to the names that are the keys."""
        for name, part in parts.items():
            self.move(part, name)

    def remove(self, name: str) -> None:
        """Remove a file if it exists; a folder with its name stays."""
        path = self.root / name
        with as_output_error(path), suppress(FileNotFoundError, NotADirectoryError):
            if not stat.S_ISDIR(path.lstat().st_mode):
                path.unlink()

    def make_folder(self, folder: Path) -> bool:
        """Make a folder and those above it; return whether this call made it, and no other process."""
        is_new = False
        for each in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            with suppress(FileExistsError):
                each.mkdir()
                self._made.append(each)
                is_new = each == folder
        if not folder.is_dir():
            raise FileExistsError(errno.EEXIST, f"{folder} is no folder")
        return is_new

    def remove_empty(self) -> None:
        """Remove the folders made that are empty."""
        for folder in reversed(self._made):
            with suppress(OSError):
                folder.rmdir()
        self._made.clear()

    def _refuse_bad_place(self) -> None:
        """Raise an error if the output is not a folder, holds another dataset, or lies in a subject's folder."""
        there = (each for each in (self.root, *self.root.parents) if each.exists() or each.is_symlink())
        if (nearest := next(there, None)) is not None and not nearest.is_dir():
            what = "a file" if nearest.exists() else "a broken link"
            raise OutputError(f"The output folder {self.root} cannot be made: {nearest} is {what}")
        place, expected = self.root.resolve(), "an empty or new folder, or one written by bids_ari"
        try:
            if os.path.lexists(place / DESCRIPTION) and not is_ours(place):
                raise UsageError(f"The output folder {self.root} holds another dataset", expected)
        except ReadError as error:
            found = f"The output folder {self.root} may hold another dataset: {error.found}"
            hint = "If it holds results of bids_ari, remove that file; it is written again"
            raise UsageError(found, expected, hint) from error
        for folder in (place, *place.parents):
            if folder.name.startswith("sub-") and (folder.parent / DESCRIPTION).exists():
                found = f"The output folder {self.root} lies among the files of a subject"
                raise UsageError(found, "a separate folder")


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """Return the content of a JSON file; NaN and infinity are errors."""
    return (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()


def write_file(path: Path, content: bytes) -> Path:
    """Write a file, completely or not at all, in a folder that exists; return its path.

    Raises
    ------
    OutputError
        When it cannot be written; an earlier file stays.
    """
    if path.is_dir():
        raise OutputError(f"{path} cannot be written: a folder is in its place", hint="Choose another name")
    if not path.parent.is_dir():
        raise OutputError(f"{path} cannot be written: there is no folder {path.parent}", hint="Make it first")
    Files(path.parent).write(path.name, content)
    return path


def made_folder(folder: Path) -> None:
    """Make a folder; raise OutputError where that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be created: {error.strerror}") from error


def _rename(part: Path, path: Path) -> None:
    """Rename a file; if its folder is a link to another file system, by way of a copy there."""
    try:
        part.replace(path)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        near = path.with_name(f".{part.name}-{secrets.token_hex(4)}")
        try:
            shutil.copyfile(part, near)
            near.replace(path)
        finally:
            near.unlink(missing_ok=True)


def _too_long(what: str, n_bytes: int, most: str) -> DataError:
    """Return the error for a name of too many bytes."""
    return DataError(f"{what} has {n_bytes} bytes", f"at most {most}", "Shorten the labels of the maps")
