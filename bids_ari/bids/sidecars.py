"""What a dataset says in JSON, read with mistrust: anybody may have written it, and not everything is fetched."""

import json
import logging
import math
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bids_ari.bids.listings import DESCRIPTION
from bids_ari.errors import BidsAriError, ReadError

log = logging.getLogger(__name__)

_LARGEST = 16 * 2**20
"""Bytes of the largest file that is read. A sidecar has some hundreds."""


def read_json(path: Path, wrong: type[BidsAriError] = ReadError) -> dict[str, Any]:
    """Read a JSON object; an empty one where there is no such file.

    Raises
    ------
    ReadError
        When the file cannot be read.
    wrong
        When it can, and is no JSON object: strictly, so that whatever is read can be written again.
    """
    content = _content(path)
    if content is None:
        return {}
    try:
        text = content.decode("utf-8-sig")
        found = json.loads(text, parse_int=_integer, parse_float=_finite, parse_constant=_finite)
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except RecursionError:
        raise wrong(f"{path} is nested too deeply", "a JSON object", "Mend or remove it") from None
    except ValueError as error:
        raise wrong(f"{path} is not JSON: {error}", "a JSON object in UTF-8", "Mend or remove it") from error
    if not isinstance(found, dict):
        raise wrong(f"{path} holds no JSON object", hint="Mend or remove it")
    return found


def read_description(folder: Path) -> dict[str, Any]:
    """Read what a dataset says of itself; where that cannot be read, nothing, with a warning."""
    try:
        return read_json(folder / DESCRIPTION)
    except ReadError as error:
        log.warning("%s. Nothing in it is used", error)
        return {}


def is_ours(folder: Path) -> bool:
    """Say whether a folder is an earlier output of this package."""
    return says_ours(read_json(folder / DESCRIPTION))


def says_ours(description: Mapping[str, Any]) -> bool:
    """Say whether a description is that of an earlier output of this package."""
    made_by = description.get("GeneratedBy")
    return isinstance(made_by, list) and any(
        isinstance(tool, dict) and tool.get("Name") == "bids_ari" for tool in made_by
    )


def _content(path: Path) -> bytes | None:
    """Read a regular file of moderate size; None where there is none."""
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= _LARGEST:
            return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if not path.is_symlink():
            return None
        raise ReadError(
            f"{path} is a link to content that is not here", hint=f"Fetch it: datalad get {path}"
        ) from error
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror}") from error
    if stat.S_ISDIR(status.st_mode):
        raise ReadError(f"{path} is a folder", "a file")
    if not stat.S_ISREG(status.st_mode):
        raise ReadError(f"{path} is no regular file")
    raise ReadError(f"{path} has {status.st_size} bytes", f"JSON of at most {_LARGEST}")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no finite number")
    return number


def _integer(text: str) -> int:
    _finite(text)  # else an integer of thousands of digits would fail where it is used
    return int(text)
