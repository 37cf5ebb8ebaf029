"""Exceptions, their exit codes and messages."""

import os
import pickle
import re
from collections.abc import Iterator

import pytest

from bids_ari import errors
from bids_ari.errors import BidsAriError, GridMismatchError, listing


def _classes() -> dict[str, type[BidsAriError]]:
    return {
        name: each for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, BidsAriError)
    }


def test_control_characters_in_a_message_are_escaped() -> None:
    error = BidsAriError("a\nERROR forged", "b\x1b[2J", lines=["c\rd", "e" * 10**5])
    assert len(str(error).splitlines()) == 3  # the message, and a line for each of two
    assert "\x1b" not in str(error)
    assert len(str(error)) < 5000


def _tree() -> Iterator[tuple[str, str | None, int]]:
    """Read the tree in the docstring: each class, the class above it, its exit code."""
    above: list[tuple[int, str, int]] = []
    for line in str(errors.__doc__).splitlines():
        if found := re.match(r"( {4,})((?:\w+Error(?:, )?)+)(?: +(?:exit )?(\d+))?", line):
            indent = len(found[1])
            above = [each for each in above if each[0] < indent]
            _, parent, code = above[-1] if above else (0, None, 0)
            code = int(found[3] or code)
            for name in found[2].split(", "):
                yield name, parent, code
            above.append((indent, name, code))


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    tree = {name: (parent, code) for name, parent, code in _tree()}
    classes = {
        name: (None if each is BidsAriError else each.__bases__[0].__name__, each.exit_code)
        for name, each in _classes().items()
    }
    assert tree == classes
    assert len(tree) == 15


# sysexits.h where it has a number; 17 and 18 are those of the BIDS-App execution specification.
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("UsageError", os.EX_USAGE),
        ("UnknownLevelError", 17),
        ("InputNotFoundError", os.EX_NOINPUT),
        ("NoMatchError", 18),
        ("DataError", os.EX_DATAERR),
        ("GridMismatchError", os.EX_DATAERR),
        ("DesignError", os.EX_DATAERR),
        ("EmptyMaskError", os.EX_DATAERR),
        ("DuplicateMapsError", os.EX_DATAERR),
        ("ReadError", os.EX_IOERR),
        ("OutputError", os.EX_CANTCREAT),
        ("TemporaryError", os.EX_TEMPFAIL),
        ("BidsAriError", 1),
    ],
)
def test_each_error_has_the_exit_code_of_its_kind(name: str, code: int) -> None:
    assert _classes()[name].exit_code == code


def test_every_exit_code_has_a_description() -> None:
    codes = {each.exit_code for each in _classes().values()}
    assert set(errors.EXIT_CODES) == codes | {0, errors.INTERRUPTED, errors.UNREAD}


def test_an_interrupt_has_the_exit_code_of_shells() -> None:
    assert errors.INTERRUPTED == 128 + 2  # 128 + SIGINT


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("a", "b", "c"), "a; expected b. c"),
        (("a", "b"), "a; expected b"),
        (("a", "", "c"), "a. c"),
        (("a",), "a"),
    ],
)
def test_parts_of_a_message(parts: tuple[str, ...], message: str) -> None:
    assert str(BidsAriError(*parts)) == message


def test_an_error_has_its_parts_as_attributes() -> None:
    error = GridMismatchError("found", "expected", "hint")
    assert (error.found, error.expected, error.hint) == ("found", "expected", "hint")


@pytest.mark.parametrize("kind", _classes().values(), ids=_classes())
def test_an_error_can_be_pickled(kind: type[BidsAriError]) -> None:
    back = pickle.loads(pickle.dumps(kind("found", hint="hint")))
    assert type(back) is kind
    assert str(back) == "found. hint"


def test_wrong_values_can_be_caught_as_value_errors() -> None:
    assert {name for name, each in _classes().items() if issubclass(each, ValueError)} == {
        "UsageError",
        "UnknownLevelError",
        "OtherModelError",
        "DesignError",
    }


@pytest.mark.parametrize(
    ("n", "text"),
    [(0, ""), (1, "0"), (5, "0, 1, 2, 3, 4"), (6, "0, 1, 2, 3, 4 and 1 more")],
)
def test_a_listing_names_five_then_counts(n: int, text: str) -> None:
    assert listing(range(n)) == text
