"""Settings as a file: TOML whose keys are the long flags of the command line.

``bids-dir``, ``output-dir`` and ``level`` stand for the three words without a flag. Relative paths are taken from the
folder in which the command is called, as on the command line.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

import tomli_w

from bids_ari.config.options import FIRST, OPTION_FLAGS, TEMPLATE
from bids_ari.config.settings import FILTER_FLAGS, Settings
from bids_ari.errors import InputNotFoundError, ReadError, UsageError

POSITIONAL = ("bids-dir", "output-dir", "level")
"""Keys of the words that have no flag."""

_FLAG = re.compile("[a-z]+(-[a-z]+)*")

_RESOURCES = ("work_dir", "nprocs", "omp_nthreads", "mem", "dask_scheduler")
_RUN = (
    *("bids_dir", "output_dir", "level", "derivatives", "bids_filter_file", "manifest", "participants"),
    *("bids_database_dir", "split_alpha", "stop_on_first_crash", "rerun"),
)
_FILTERS = {**FILTER_FLAGS, "stat": "stat", "combine": "combine", "paired": "paired"}


def to_toml(settings: Settings) -> str:
    """Write settings as a file that makes the same run; whatever is not said has its default."""
    said = {name: getattr(settings, name) for name in _RUN}
    said |= {_FILTERS[name]: value for name, value in settings.filters.items() if value}
    said |= {flag: getattr(settings.options, name) for name, flag in OPTION_FLAGS.items()}
    said |= {name: getattr(settings.resources, name) for name in _RESOURCES}
    if settings.resources.mem is not None:
        said["mem"] = str(settings.resources.mem / 2**20)  # exact: a power of two
    if settings.options.atlas is not None and Path(settings.options.atlas).is_file():
        said["atlas"] = Path(settings.options.atlas)
    plain = {key.replace("_", "-"): _plain(value) for key, value in said.items() if value is not None}
    return tomli_w.dumps({key: value for key, value in plain.items() if _says_something(key, value)})


def read_config(path: Path) -> tuple[dict[str, str], list[str]]:
    """Read such a file as words of the command line: those without a flag by their key, and all others.

    Raises
    ------
    InputNotFoundError, ReadError
        When there is no such file, or it cannot be read.
    UsageError
        When it is not TOML, or holds a value that no flag has.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputNotFoundError(f"There is no configuration file {path}") from error
    except OSError as error:
        raise ReadError(f"The configuration file {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The configuration file {path} is not TOML: {error}") from error
    content = {key.replace("_", "-"): value for key, value in content.items()}
    if wrong := [key for key in content if not _FLAG.fullmatch(key)]:
        raise UsageError(f"{path} holds the key {shorten(wrong[0])}", "long flags without their dashes")
    named = {key: str(content.pop(key)) for key in POSITIONAL if key in content}
    return named, [word for key, value in content.items() for word in _words(path, key, value)]


def _says_something(key: str, value: Any) -> bool:
    """Tell a switch that is off, and a list of nothing, from all that has to be written; no wanted TDP is a choice."""
    return value is not False and (value != [] or key == "tdp")


def _words(path: Path, key: str, value: Any) -> Iterator[str]:
    """Yield one entry as words."""
    if isinstance(value, bool):
        yield f"--{key}" if value else f"--no-{key}"
    elif key == "verbose" and isinstance(value, int):
        yield from ["--verbose"] * min(value, 2)  # as loud as can be
    elif isinstance(value, list) and all(map(_is_plain, value)):
        if wrong := [each for each in value if isinstance(each, str) and each.startswith("-")]:
            raise UsageError(f"{key} in {path} holds {wrong[0]!r}", "a value that does not begin with a dash")
        yield from (f"--{key}", *map(str, value))
    elif _is_plain(value):
        yield f"--{key}={value}"
    else:
        expected = "a text, a number, true, false, or a list of texts or numbers"
        found = "a number of many digits" if isinstance(value, int) else shorten(value)
        raise UsageError(f"{key} in {path} is {found}", expected)


def _is_plain(value: Any) -> bool:
    """Say whether a value is a text or a number that can be written; Python reads numbers that it cannot write."""
    if isinstance(value, bool):
        return False
    return isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 10**18)


def _plain(value: Any) -> Any:
    """Give a value as TOML has it; paths are made absolute, so that the file works from any folder."""
    if isinstance(value, Path):
        return str(value if value in (FIRST, TEMPLATE) else value.absolute())
    if isinstance(value, tuple | list | set | frozenset):
        return [_plain(each) for each in value]
    return value
