"""How messages name options: as flags of the command line, or as arguments in Python."""

import re
from collections.abc import Iterator
from contextlib import contextmanager


class _Wording:
    """Whether messages name flags: state of the process, since the same errors are raised in both."""

    has_flags = True


_OF_DISCOVER = {"participant-label": "subjects", "session-label": "session", "run-label": "run", "task-id": "task"}
"""Arguments of `bids_ari.discover` that are named otherwise than the flags."""

_CHOICES = (
    *("permutation", "simes", "hommel", "ols", "mixed", "fixed", "equal", "unequal", "flip", "permute", "both"),
    *("greater", "less", "two-sided", "effect", "z", "t", "template", "first", "run", "session"),
    *("drop", "error", "combined", "beta", "learned", "png", "pdf", "svg", "xlsx"),
)
"""Words that are values when they follow a flag; the tables of options are in rooms above."""

_FLAG = re.compile(
    rf"(?<![\w-])--(no-)?([a-z][a-z0-9]*(?:-[a-z0-9]+)*)"
    rf"(?: (?:(?=[0-9.'\"])()|({'|'.join(map(re.escape, _CHOICES))})(?![\w-])))?"
)
_NAME = re.compile(r"^(?:(Both) )?([a-z]+(?:-[a-z]+)+|(?<=Both )[a-z]+)(?: and ([a-z-]+))?(?= is | are | requires )")
_COMMAND_ONLY = ("list", "list-contrasts", "reports-only", "config-file", "version", "help", "verbose", "quiet")


def name_arguments() -> None:
    """Name arguments of Python in messages from now on: for users of the package."""
    _Wording.has_flags = False


@contextmanager
def naming_flags() -> Iterator[None]:
    """Name flags in messages within a block: that of a command."""
    before, _Wording.has_flags = _Wording.has_flags, True
    try:
        yield
    finally:
        _Wording.has_flags = before


def with_option_names(text: str) -> str:
    """Return a message with flags, as it is written, for commands; else with arguments of Python in their place."""
    return text if _Wording.has_flags else with_arguments(text)


def with_arguments(text: str) -> str:
    """Return a text with arguments of Python in place of flags; flags of commands only are named with the command.

    >>> with_arguments("Give --coverage 1 or a smaller --mask; --list shows subjects")
    'Give coverage=1 or a smaller mask; bids-ari --list shows subjects'
    >>> with_arguments("Take --method simes, or another --shuffle or --blocks")
    "Take method='simes', or another shuffle or blocks"
    >>> with_arguments("Choose with --session-label 1 or --combine session")
    "Choose with session=1 or combine='session'"
    >>> with_arguments("n-permutations is 0"), with_arguments("Both joint and step-down are set")
    ('n_permutations is 0', 'Both joint and step_down are set')
    """

    def argument(match: re.Match[str]) -> str:
        negated, name, number, word = match.groups()
        if name in _COMMAND_ONLY:
            return f"bids-ari {match[0]}"
        value = "=False" if negated else "=" if number is not None else f"={word!r}" if word else ""
        return _OF_DISCOVER.get(name, name.replace("-", "_")) + value

    return _NAME.sub(lambda match: match[0].replace("-", "_"), _FLAG.sub(argument, text))
