"""JSON files of datasets, read with caution: they may be malformed, huge, or links to content that is not there."""

import json
import logging
import math
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bids_ari.errors import BidsAriError, ReadError

log = logging.getLogger(__name__)

DESCRIPTION = "dataset_description.json"  # the file that makes a folder a dataset
LARGEST = 16 * 2**20
"""Bytes of the largest JSON file that is read; a sidecar has some hundreds."""


def read_bytes(path: Path, most: float = math.inf) -> bytes | None:
    """Read a regular file of at most `most` bytes, as a pipe might never end; return None where there is none."""
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= most:
            return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if not path.is_symlink():
            return None
        found = f"{path} is a link to content that is not here"
        raise ReadError(found, hint=f"Fetch it: datalad get {path}, or fix the link") from error
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror}") from error
    if stat.S_ISDIR(status.st_mode):
        raise ReadError(f"{path} is a folder", "a file")
    if not stat.S_ISREG(status.st_mode):
        raise ReadError(f"{path} is not a regular file")
    raise ReadError(f"{path} has {status.st_size} bytes", f"at most {most} bytes")


def read_json(
    path: Path,
    wrong: type[BidsAriError] = ReadError,
    make_object: Callable[[list[tuple[str, Any]]], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Read a JSON object.

    Parameters
    ----------
    path : Path
        The file.
    wrong : type
        The error to raise when the file holds something else.
    make_object : callable, optional
        Makes each object of its keys and values, of which keys may be duplicate; by default the last one is kept.

    Returns
    -------
    dict
        The object; an empty one where there is no such file.

    Raises
    ------
    ReadError
        When the file cannot be read.
    wrong
        When it is not a JSON object whose numbers are finite and whose texts can be written again.
    """
    content = read_bytes(path, LARGEST)
    if content is None:
        return {}
    try:
        text = content.decode("utf-8-sig")
        found = json.loads(
            text, object_pairs_hook=make_object, parse_int=_integer, parse_float=_finite, parse_constant=_finite
        )
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair cannot be written
    except RecursionError:
        raise wrong(f"{path} is nested too deeply", "a JSON object", "Fix or remove it") from None
    except ValueError as error:
        raise wrong(f"{path} is not JSON: {error}", "a JSON object in UTF-8", "Fix or remove it") from error
    if not isinstance(found, dict):
        raise wrong(f"{path} holds no JSON object", hint="Fix or remove it")
    return found


def read_description(folder: Path) -> dict[str, Any]:
    """Read the dataset_description.json of a folder; if that fails, log a warning and return an empty one."""
    try:
        return read_json(folder / DESCRIPTION)
    except ReadError as error:
        log.warning("%s. Nothing in it is used", error)
        return {}


def is_ours(folder: Path) -> bool:
    """Return whether a folder is an output of this package; raise ReadError where its description cannot be read."""
    return describes_ours(read_json(folder / DESCRIPTION))


def describes_ours(description: Mapping[str, Any]) -> bool:
    """Return whether a description is that of an output of this package."""
    made_by = description.get("GeneratedBy")
    return isinstance(made_by, list) and any(
        isinstance(tool, dict) and tool.get("Name") == "bids_ari" for tool in made_by
    )


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a finite number")
    return number


def _integer(text: str) -> int:
    _finite(text)  # else an integer of thousands of digits would fail where it is used
    return int(text)
