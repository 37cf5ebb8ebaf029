"""Mutations of texts (JSON, TOML, tables), accidental and malicious."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator

TOKENS: tuple[bytes, ...] = (
    b"null",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"-1e-999",
    b"0x" + b"f" * 5000,
    b"9" * 5000,
    b"true",
    b"{{ 7*7 }}",
    b"%s%n",
    b"\0",
    b"\\u0000",
    b"\\ud800",
    b"\xed\xa0\x80",
    b"\xff",
    b"\xef\xbb\xbf",
    b"[" * 3000,
    b'{"a":' * 3000,
    b"a." * 2000,
    b'"',
    b"'''",
    b"\\",
    b"\t",
    b"\t\t",
    b"\r",
    b"\n",
    b"\n\n",
    b"#",
    b"=",
    b"-",
    b"\x1b[2J",
    b"<script>alert(1)</script>",
    b'\\"><img src=x onerror=alert(1)>',
    b"javascript:alert(1)",
    b"../../",
    b"../victim.html",
    b"*",
    "\u202e\u2028\x85".encode(),
    b"n" * 100_000,
)
"""Insertions into a text."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 10**300, 0.5, 1e308, -1e-308, "", "x", "n/a", "NaN", "*", "-", "."),
    *(
        "..",
        "../../x",
        "/",
        "/etc/passwd",
        "//evil/x.html",
        "javascript:alert(1)",
        "\0",
        "\ud800",
        "a\nb\tc",
        "\x1b[2J",
    ),
    *('"><img src=x onerror=alert(1)>', "<script>alert(1)</script>", "{{ 7*7 }}", "é脳\U0001f9e0", "x" * 300),
    *([], {}, [None], [[]], [{}], {"": None}, {"a": {"b": [1]}}, [1, "a"], ["x"] * 300),
)
"""Replacements of a value."""


def mutate_text(content: bytes, rng: Rng) -> bytes:
    """Change a text in one or two places."""
    text = bytearray(content)
    for _ in range(rng.integers(1, 3)):
        BYTES[rng.integers(len(BYTES))](text, rng)
    return bytes(text)


def mutate_json(value: Any, rng: Rng) -> Any:
    """Return parsed JSON with one or two other values; `value` is not changed."""
    changed = [json.loads(json.dumps(value))]
    for _ in range(rng.integers(1, 3)):
        places = list(_places(changed))
        holder, key = places[rng.integers(len(places))]
        VALUES_OF[rng.integers(len(VALUES_OF))](holder, key, rng)
        if not changed:  # the whole is gone
            return None
    return changed[0]


def _flip(text: bytearray, rng: Rng) -> None:
    for at in rng.integers(max(len(text), 1), size=rng.integers(1, 3)):
        if at < len(text):
            text[at] ^= 1 << int(rng.integers(8))


def _cut(text: bytearray, rng: Rng) -> None:
    del text[rng.integers(len(text) + 1) :]


def _remove(text: bytearray, rng: Rng) -> None:
    at = rng.integers(len(text) + 1)
    del text[at : at + rng.integers(1, 20)]


def _repeat(text: bytearray, rng: Rng) -> None:
    at = rng.integers(len(text) + 1)
    text[at:at] = text[at : at + rng.integers(1, 60)]


def _insert(text: bytearray, rng: Rng) -> None:
    at = rng.integers(len(text) + 1)
    text[at:at] = TOKENS[rng.integers(len(TOKENS))]


def _replace(text: bytearray, rng: Rng) -> None:
    at = rng.integers(len(text) + 1)
    text[at : at + rng.integers(1, 12)] = TOKENS[rng.integers(len(TOKENS))]


BYTES: tuple[Callable[[bytearray, Rng], None], ...] = (_flip, _cut, _remove, _repeat, _insert, _insert, _replace)


def _places(holder: Any) -> Any:
    """Every value, as its container and key."""
    for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
        yield holder, key
        if isinstance(holder[key], dict | list):
            yield from _places(holder[key])


def _other(holder: Any, key: Any, rng: Rng) -> None:
    holder[key] = json.loads(json.dumps(VALUES[rng.integers(len(VALUES))]))


def _gone(holder: Any, key: Any, rng: Rng) -> None:
    del holder[key]


def _wrapped(holder: Any, key: Any, rng: Rng) -> None:
    holder[key] = [holder[key]] if rng.random() < 0.5 else {"a": holder[key]}


def _renamed(holder: Any, key: Any, rng: Rng) -> None:
    if isinstance(holder, dict):
        holder[str(VALUES[rng.integers(len(VALUES))])[:300]] = holder.pop(key)


VALUES_OF: tuple[Callable[[Any, Any, Rng], None], ...] = (_other, _other, _other, _gone, _wrapped, _renamed)
