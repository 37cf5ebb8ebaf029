"""Settings as a TOML file, whose keys are the long flags of the command line.

``bids-dir``, ``output-dir`` and ``level`` are the positional arguments. Relative paths are relative to the folder in
which the command is called, as on the command line.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

import tomli_w

from bids_ari.config.settings import Settings
from bids_ari.config.table import entries
from bids_ari.errors import InputNotFoundError, ReadError, UsageError

_FLAG = re.compile("[a-z]+(-[a-z]+)*")


def to_toml(settings: Settings) -> str:
    """Return settings as a TOML file that repeats the run from any folder; options without a value are omitted."""
    content = {}
    for each in entries(type(settings)):
        value = each.of(settings)
        if value is not None and value is not False and (value != () or each.may_be_empty):
            value = each.absolute(each.to_file(value) if each.to_file else value)
            content[each.flag] = list(map(_plain, value)) if isinstance(value, tuple) else _plain(value)
    return tomli_w.dumps(content)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def read_config(path: Path, table: type = Settings) -> tuple[dict[str, str], list[str]]:
    """Read a configuration file as positional arguments by name, and the words of all flags of a command line.

    Raises
    ------
    InputNotFoundError, ReadError
        When the file does not exist or cannot be read.
    UsageError
        When it is not TOML, or holds a value that no flag accepts.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputNotFoundError(f"The configuration file {path} does not exist") from error
    except OSError as error:
        raise ReadError(f"The configuration file {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The configuration file {path} is not valid TOML: {error}") from error
    content = {key.replace("_", "-"): value for key, value in content.items()}
    if wrong := [key for key in content if not _FLAG.fullmatch(key)]:
        raise UsageError(f"{path} holds the key {shorten(wrong[0])}", "long flags without their dashes")
    names = {each.flag: each.name for each in entries(table) if each.is_positional}
    positional = {name: str(content.pop(flag)) for flag, name in names.items() if flag in content}
    return positional, [word for key, value in content.items() for word in _words(path, key, value)]


def _words(path: Path, key: str, value: Any) -> Iterator[str]:
    """Yield one entry of the file as words of the command line."""
    if isinstance(value, bool):
        yield f"--{key}" if value else f"--no-{key}"
    elif key == "verbose" and isinstance(value, int):
        yield "--verbose"  # the command line alone decides how much is logged
    elif isinstance(value, list) and all(map(_is_plain, value)):
        if wrong := [each for each in value if isinstance(each, str) and each.startswith("-")]:
            raise UsageError(f"{key} in {path} holds {wrong[0]!r}", "a value that does not begin with a dash")
        yield from (f"--{key}", *map(str, value))
    elif _is_plain(value):
        yield f"--{key}={value}"
    else:
        found = "a number with too many digits" if isinstance(value, int) else shorten(value)
        raise UsageError(f"{key} in {path} is {found}", "a text, a number, true, false, or a list of texts or numbers")


def _is_plain(value: Any) -> bool:
    """Return whether a value is a text or a number that Python can write; it reads some that it cannot write."""
    is_short = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18
    return is_short or isinstance(value, str | float)
