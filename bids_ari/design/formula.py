"""Parser of formulas, in the notation of R, patsy and formulaic, such as ``1 + center(age) * C(group)``.

A *factor* is an operand of ``+ - * : / **``: a column of the table, a function of columns, or arithmetic in braces. A
*term* is a product of factors. Names of columns that are not plain words are in backticks.

A formula may come from an untrusted file, so no part of it is ever executed: factors become syntax trees over a short
list of functions, and are replaced by the names f0, f1, ... in the algebra of terms, which formulaic expands.
"""

import ast
import difflib
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bids_ari.errors import DesignError, UsageError, listing

INTERCEPT = "intercept"  # the name of the column of ones

_TOKEN = re.compile(
    r"""(?P<space>\s+)|`(?P<quoted>[^`]+)`|"(?P<double>[^"]*)"|'(?P<single>[^']*)'"""
    r"""|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"""
    r"""|(?P<name>[^\W\d][\w.]*)|(?P<mark>\*\*|[-+*/:^(){},=])|."""
)
_PLAIN = re.compile(r"[^\W\d][\w.]*")
_LONGEST, _DEEPEST = 2000, 20

FUNCTIONS = ("center", "scale", "abs", "sqrt", "exp", "log", "log2", "log10", "I")
_CALLED = (*FUNCTIONS, "C", "poly")  # C and poly cannot be part of arithmetic
CODINGS = {"Treatment": "treatment", "contr.treatment": "treatment", "Sum": "sum", "contr.sum": "sum"}  # in C()
HIGHEST = 5  # the highest power of terms, and the highest degree of polynomials


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """A factor of a formula."""

    text: str  # with normalized spaces: center(age)
    tree: ast.expr  # its syntax tree, with names of columns as in its text
    variables: Mapping[str, str]  # the columns that it uses: name in its text to name in the table

    @property
    def variable(self) -> str:
        """The name of its column in the table if it uses one column, else its text."""
        return next(iter(self.variables.values())) if len(self.variables) == 1 else self.text

    @property
    def short(self) -> str:
        """The same as written in a formula, in backticks if it is not a plain word."""
        return next(iter(self.variables)) if len(self.variables) == 1 else self.text


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed formula: its text, the same with f0, f1, ... in place of its factors, and these factors."""

    text: str
    algebra: str
    factors: Mapping[str, Factor]

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns of the table that it uses."""
        return tuple(dict.fromkeys(name for factor in self.factors.values() for name in factor.variables.values()))


def parse_formula(text: str, columns: Sequence[str] | None = None) -> Formula:
    """Parse a formula; `columns` are those of the table, without which any name may be a column."""
    tokens = _tokens(text)
    if not tokens:
        raise wrong_formula(text, "It is empty")
    factors: dict[str, Factor] = {}
    algebra: list[str] = []
    while tokens:
        if (length := _factor_length(text, tokens)) == 0:
            algebra.append(_operator(text, tokens.pop(0), algebra))
            continue
        factor = _factor(text, tokens[:length], columns)
        name = next((name for name, other in factors.items() if other.text == factor.text), f"f{len(factors)}")
        factors.setdefault(name, factor)
        algebra.append(name)
        tokens = tokens[length:]
    return Formula(text.strip(), " ".join(algebra), factors)


class _Token(NamedTuple):
    kind: str
    text: str


def _tokens(text: str) -> list[_Token]:
    """Split a formula into tokens."""
    if len(text) > _LONGEST:
        raise wrong_formula(text[:40] + "...", f"It has {len(text)} characters", f"at most {_LONGEST}")
    tokens, depth = [], 0
    for found in _TOKEN.finditer(unicodedata.normalize("NFC", text.strip()).removeprefix("~")):
        kind = found.lastgroup or "other"
        if kind == "other":
            raise wrong_formula(text, f"{found[0]!r} is not understood")
        if kind != "space":
            tokens.append(_Token("string" if kind in ("double", "single") else kind, found[kind]))
            depth += (found[0] in ("(", "{")) - (found[0] in (")", "}"))
            if depth > _DEEPEST:
                raise wrong_formula(text, f"More than {_DEEPEST} parentheses are open")
    return tokens


def _factor_length(text: str, tokens: Sequence[_Token]) -> int:
    """Return the number of tokens of the factor at the start; 0 if there is none."""
    first, second = tokens[0], tokens[1].text if len(tokens) > 1 and tokens[1].kind == "mark" else ""
    if first == ("mark", "{") or (first.kind == "name" and second == "("):
        depth = 0
        for i, (kind, mark) in enumerate(tokens):
            if kind == "mark":
                depth += (mark in "({") - (mark in ")}")
                if depth == 0 and mark in ")}":
                    return i + 1
        raise wrong_formula(text, "A parenthesis is not closed")
    return int(first.kind in ("name", "quoted"))


def _operator(text: str, token: _Token, before: Sequence[str]) -> str:
    """Check a token between factors."""
    power = before and before[-1] in ("^", "**")
    numbers = [str(i) for i in range(2, HIGHEST + 1)] if power else ["0", "1"]
    allowed = {"mark": ["+", "-", "*", "/", ":", "(", ")", "^", "**"], "number": numbers}
    if token.text in allowed.get(token.kind, ()):
        return token.text
    hint = f"A power of terms is 2 to {HIGHEST}" if power else "Numbers go into I(): I(2 * age), I(age ** 2)"
    raise wrong_formula(text, f"{token.text!r} is not allowed there", hint=hint)


def _factor(text: str, tokens: Sequence[_Token], columns: Sequence[str] | None) -> Factor:
    """Parse one factor; names of columns are v0, v1, ... in Python, and restored in the syntax tree."""
    if tokens[0] == ("mark", "{"):
        tokens = [_Token("name", "I"), _Token("mark", "("), *tokens[1:-1], _Token("mark", ")")]
    used: list[str] = []
    source = []
    for i, (token, after) in enumerate(zip(tokens, [*tokens[1:], _Token("", "")], strict=True)):
        coding = i > 2 and tokens[0] == ("name", "C") and token.kind == "name" and token.text in CODINGS
        python = token.text if coding else _python(text, token, after)
        if python is None:
            used.append(_column(text, token.text, columns))
            python = f"v{len(used) - 1}"
        source.append(python)
    shown = {f"v{i}": _shown(column) for i, column in enumerate(used)}
    try:
        tree = ast.parse(" ".join(source), mode="eval").body
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                node.id = shown.get(node.id, node.id)
        return Factor(ast.unparse(tree), tree, {_shown(column): column for column in used})
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise wrong_formula(text, "A factor in it cannot be parsed") from error


def _python(text: str, token: _Token, after: _Token) -> str | None:
    """Return a token in Python; None for the name of a column."""
    word = token.text
    if token.kind == "string":
        return repr(word)
    if token.kind == "number":
        value = float(word)
        if not math.isfinite(value):
            raise wrong_formula(text, f"{word[:20]} is too large")
        return repr(int(value)) if value.is_integer() and value < 2**53 else repr(value)
    if token.kind == "name" and after == ("mark", "("):
        if word not in _CALLED:
            raise wrong_formula(text, f"It calls {word}", f"one of {', '.join(_CALLED)}")
        return word
    return word if token.kind == "mark" or (token.kind == "name" and after == ("mark", "=")) else None


def _shown(column: str) -> str:
    """Return the name of a column as written in a formula."""
    return column if _PLAIN.fullmatch(column) and column != INTERCEPT else f"`{column}`"


def _column(text: str, word: str, columns: Sequence[str] | None) -> str:
    """Find a column by its name, in any Unicode normalization."""
    if columns is None or word in columns:
        return word
    normal = unicodedata.normalize("NFKC", word)
    alike = [column for column in columns if unicodedata.normalize("NFKC", column) == normal]
    if len(alike) == 1:
        return alike[0]
    near = difflib.get_close_matches(word, columns, n=3, cutoff=0.6)
    ordered = [*near, *(column for column in columns if column not in near)]
    raise DesignError(
        f"The formula {text!r} names {word}, which is not a column of the table",
        f"one of its columns: {listing(ordered, 20)}",
        f"Did you mean {_shown(near[0])}?" if near else "",
    )


def wrong_formula(text: str, reason: str, expected: str = "", hint: str = "") -> UsageError:
    """Return the error about a formula that cannot be parsed."""
    usual = "Write it as 1 + center(age) + C(group), names with spaces or signs in `backticks`"
    return UsageError(f"The formula {text!r} is not understood: {reason}", expected, hint or usual)
