"""The files of an output: which names they may have, and how each gets its name whole or not at all."""

import errno
import os
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path, PurePosixPath

from bids_ari.bids.sidecars import is_ours
from bids_ari.bids.tree import DESCRIPTION
from bids_ari.errors import DataError, OutputError, ReadError, UsageError
from bids_ari.outputs.locks import as_output_error, own_place, retry
from bids_ari.outputs.records import LONGEST, leads_out


class Files:
    """The files of one output; remembers which folders were made for them.

    Parameters
    ----------
    root : Path
        The output.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made: list[Path] = []

    def open(self) -> None:
        """Make the output and prove that it can be written; remove what killed runs have left in it.

        Raises
        ------
        UsageError
            When there is another dataset in its place, or around it.
        OutputError
            When it cannot be made or written.
        """
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
        """Give the path of a file, after making sure that the file can get this name.

        Raises
        ------
        DataError
            When the name is too long: labels come from the data.
        OutputError
            When something is in its way.
        """
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
                raise _too_long(f"The path {path}", len(os.fsencode(path)), "what the system takes") from error
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
        """Give a whole file its name, in place of what had it."""
        path = self.root / name

        def attempt() -> None:
            self.make_folder(path.parent)
            _rename(part, path)

        with as_output_error(path):
            retry(attempt)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there; a folder that took its place is not ours."""
        path = self.root / name
        with as_output_error(path), suppress(FileNotFoundError, NotADirectoryError):
            if not stat.S_ISDIR(path.lstat().st_mode):
                path.unlink()

    def make_folder(self, folder: Path) -> bool:
        """Make a folder and those above it; say whether this made it, and nobody before or at the same time."""
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
        """Remove the folders made in which nobody has written anything."""
        for folder in reversed(self._made):
            with suppress(OSError):
                folder.rmdir()
        self._made.clear()

    def _refuse_bad_place(self) -> None:
        """Refuse what is no folder nor a place for one, another dataset, and a place among a subject's files."""
        self._refuse_what_is_no_folder()
        place, expected = self.root.resolve(), "an empty or a new folder, or our own"
        try:
            if os.path.lexists(place / DESCRIPTION) and not is_ours(place):
                raise UsageError(f"The output folder {self.root} holds another dataset", expected)
        except ReadError as error:
            found = f"The output folder {self.root} may hold another dataset: {error.found}"
            hint = "If it holds results of bids_ari, remove that file, which is made anew"
            raise UsageError(found, expected, hint) from error
        for folder in (place, *place.parents):
            if folder.name.startswith("sub-") and (folder.parent / DESCRIPTION).exists():
                found = f"The output folder {self.root} lies among a subject's files"
                raise UsageError(found, "a folder outside any dataset's sub-*")

    def _refuse_what_is_no_folder(self) -> None:
        """Refuse a file and a link that leads nowhere, there or above."""
        there = (each for each in (self.root, *self.root.parents) if each.exists() or each.is_symlink())
        nearest = next(there, None)
        if nearest is not None and not nearest.is_dir():
            what = "a file" if nearest.exists() else "a link that leads nowhere"
            raise OutputError(f"The output folder {self.root} cannot be made: {nearest} is {what}")


def _rename(part: Path, path: Path) -> None:
    """Rename a file; when its folder lies on another file system, as behind a link, by way of a copy there."""
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
    return DataError(f"{what} has {n_bytes} bytes", f"at most {most}", "Shorten the labels of the maps")
