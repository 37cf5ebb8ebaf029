"""Tests of a design in words: ``group[T.patient] - group[T.sibling]``, ``age; group`` or the name of a factor.

An expression is a sum of columns with numbers. Several, with ``;`` or ``,`` between them, are the rows of an F test, as
is a factor with several columns. The names are those of the design and what is short for them (see `names_of`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bids_ari.bids.entities import safe_label
from bids_ari.design.coding import Model, Part
from bids_ari.design.formula import INTERCEPT
from bids_ari.errors import UsageError, listing
from bids_ari.stats.distributions import FloatArray

_LABEL = re.compile("[a-zA-Z0-9+]+")
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LEVEL = re.compile(r"[^\W\d](?:.*\w)?")
_LONGEST_LABEL, _DEEPEST = 60, 20


def default_tests(model: Model) -> dict[str, FloatArray]:
    """Give a t test for each column, and an F test for each term with several columns.

    A column is named by the columns of the table that it is of, and by its level: ``ageXGroupPatient``.
    """
    n_columns = len(model.columns)
    if model.names == (INTERCEPT,):
        return {"mean": np.ones(1)}
    weights = dict(zip(_labels(model.columns), np.eye(n_columns), strict=True))
    several = {term: columns for term, columns in model.terms.items() if len(columns) > 1}
    stems = [[Part(part.factor) for part in _widest(model, columns)] for columns in several.values()]
    labels = _labels([*model.columns, *stems])[n_columns:]
    rows = (np.eye(n_columns)[list(columns)] for columns in several.values())
    return weights | dict(zip(labels, rows, strict=True))


def parse_tests(tests: Sequence[tuple[str, str]], model: Model) -> dict[str, FloatArray]:
    """Read tests that are given as names and expressions.

    Raises
    ------
    UsageError
        When a name is no label or there twice, or an expression is not understood.
    """
    found: dict[str, FloatArray] = {}
    taken: dict[str, str] = {}
    known = names_of(model)
    for name, text in tests:
        if not _LABEL.fullmatch(name):
            raise UsageError(f"A test is named {name!r}", "letters and digits", f"Write {safe_label(name)}={text}")
        if name.casefold() in taken:
            raise UsageError(f"Tests are named {taken[name.casefold()]} and {name}", "names that differ by letters")
        taken[name.casefold()] = name
        found[name] = _Reader(name, text, model.names, known).weights()
    return found


def names_of(model: Model) -> dict[str, tuple[tuple[int, ...], ...]]:
    """Give every name that a test may use, and the columns that it may mean: one choice, or an ambiguity.

    Where the same name can be had in several ways, the first of these counts: a column; ``intercept`` and ``mean``; a
    term; a column in the names of the table (``group[T.patient]`` for ``C(group)[T.patient]``); a term likewise
    (``age`` for ``center(age)``); the level of a factor (``patient``).
    """
    names: dict[str, tuple[tuple[int, ...], ...]] = {}
    for layer in _layers(model):
        meant: dict[str, list[tuple[int, ...]]] = {}
        for name, columns in layer:
            if name not in names and columns not in meant.setdefault(name, []):
                meant[name].append(columns)
        names |= {name: tuple(choices) for name, choices in meant.items() if choices}
    return names


def _layers(model: Model) -> Iterable[list[tuple[str, tuple[int, ...]]]]:
    """Give names and what they mean, in the order in which they count."""
    columns = list(enumerate(model.columns))
    terms = [(text, at) for text, at in model.terms.items() if at]
    yield [(name, (i,)) for i, name in enumerate(model.names)]
    yield [(word, (i,)) for i, parts in columns if not parts for word in (INTERCEPT, "Intercept", "mean")]
    yield terms
    yield [(":".join(part.name(part.factor.short) for part in parts), (i,)) for i, parts in columns if parts]
    yield [(":".join(part.factor.short for part in _widest(model, at)), at) for _, at in terms]
    alone = [(i, parts[0]) for i, parts in columns if len(parts) == 1 and parts[0].factor.text in model.levels]
    yield [(part.level, (i,)) for i, part in alone if _LEVEL.fullmatch(part.level)]


def _widest(model: Model, columns: Iterable[int]) -> Sequence[Part]:
    """Give a column of a term that has all its factors; ``a:b`` by itself holds columns of ``b`` alone, too."""
    return max((model.columns[i] for i in columns), key=len)


def _labels(columns: Iterable[Sequence[Part]]) -> list[str]:
    """Name columns by letters and digits, each name once, even where large and small letters are the same."""
    labels: list[str] = []
    taken: set[str] = set()
    for parts in columns:
        short = "X".join(_camel(part.name(part.factor.variable)) for part in parts) or INTERCEPT
        long = "X".join(_camel(part.name(part.factor.text)) for part in parts)
        candidates = [short[0].lower() + short[1:], *([long[0].lower() + long[1:]] if long else [])]
        candidates += [f"{candidates[0]}x{i}" for i in range(2, len(taken) + 3)]
        label = next(each for each in candidates if each.casefold() not in taken)
        labels.append(label)
        taken.add(label.casefold())
    return labels


def _camel(text: str) -> str:
    """Write words together, each with a capital.

    >>> _camel("group[T.very old]"), _camel("`body weight`"), _camel("é")
    ('GroupVeryOld', 'BodyWeight', 'X')
    """
    words = re.findall("[a-zA-Z0-9+]+", re.sub(r"\[[TS]\.", "[", text))
    return "".join(word[0].upper() + word[1:] for word in words)[:_LONGEST_LABEL] or "X"


class _Form(NamedTuple):
    """A sum of columns and a number."""

    weights: FloatArray
    constant: float

    def plus(self, other: "_Form", sign: float) -> "_Form":
        return _Form(self.weights + sign * other.weights, self.constant + sign * other.constant)

    def times(self, factor: float) -> "_Form":
        return _Form(self.weights * factor, self.constant * factor)


class _Reader:
    """Reads one expression from left to right."""

    def __init__(
        self, name: str, text: str, columns: Sequence[str], known: Mapping[str, tuple[tuple[int, ...], ...]]
    ) -> None:
        self.name, self.text, self.columns, self.known = name, text, columns, known
        self.at, self.depth = 0, 0
        self.patterns = [(re.compile(_pattern(word)), word) for word in known]

    def weights(self) -> FloatArray:
        """Give the weights of the test: of a t test, or the rows of an F test."""
        with np.errstate(all="ignore"):  # what is not finite is refused
            rows = [self._row()]
            while self._take(",") or self._take(";"):
                rows.append(self._row())
        if self._rest():
            raise self._error(f"{self._rest()!r} is not understood")
        weights = np.vstack(rows) + 0.0  # -0 becomes 0
        if not weights.any(axis=1).all():
            raise self._error("its weights are all 0")
        if np.linalg.matrix_rank(weights) < len(weights):
            raise self._error("its rows say the same in part", "rows none of which follows from the others")
        return weights[0] if len(weights) == 1 else weights

    def _row(self) -> FloatArray:
        """Read one row; or all those of a factor with several columns."""
        start = self.at
        if (found := self._name()) and len(found) > 1 and self._ends():
            self._zero()
            return np.eye(len(self.columns))[list(found)]
        self.at = start
        form = self._sum()
        self._zero()
        if not np.isfinite([*form.weights, form.constant]).all():
            raise self._error("its weights are too large")
        if form.constant == 1 and not form.weights.any():
            return self._intercept()
        if form.constant:
            raise self._error("a number stands without a column", "numbers that multiply columns", "1 is the intercept")
        return form.weights[None]

    def _zero(self) -> None:
        """Read what may follow a row."""
        if self._take("=") and not ((value := self._number()) == 0.0 and self._ends()):
            at = self._rest() if value is None else f"{value:g}"
            raise self._error(f"it is compared with {at!r}", "0", "Write a = b as a - b")

    def _ends(self) -> bool:
        return self._rest()[:1] in ("", ",", ";", "=")

    def _sum(self) -> _Form:
        form = self._product()
        while (plus := self._take("+")) or self._take("-"):
            form = form.plus(self._product(), 1.0 if plus else -1.0)
        return form

    def _product(self) -> _Form:
        form = self._atom()
        while (times := self._take("*")) or self._take("/"):
            other = self._atom()
            if not times:
                if other.weights.any() or not other.constant:
                    raise self._error("it divides by what is no number")
                form = form.times(1 / other.constant)
            elif form.weights.any() and other.weights.any():
                raise self._error(
                    "it multiplies columns", "sums of columns", "A product of columns is a:b in --formula"
                )
            else:
                form = other.times(form.constant) if other.weights.any() else form.times(other.constant)
        return form

    def _atom(self) -> _Form:
        if (minus := self._take("-")) or self._take("+"):
            self._go_deeper()
            form = self._atom().times(-1.0 if minus else 1.0)
            self.depth -= 1
            return form
        if (found := self._name()) is not None:
            if len(found) > 1:
                raise self._error(f"{self.text[: self.at].split()[-1]} has {len(found)} columns and stands in a sum")
            return _Form(np.eye(len(self.columns))[found[0]], 0.0)
        if (value := self._number()) is not None:
            return _Form(np.zeros(len(self.columns)), value)
        if self._take("("):
            self._go_deeper()
            form = self._sum()
            self.depth -= 1
            if not self._take(")"):
                raise self._error("a parenthesis is not closed")
            return form
        raise self._error(f"{self._rest()!r} is not understood" if self._rest() else "something is missing at its end")

    def _go_deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._error(f"more than {_DEEPEST} signs or parentheses are nested")

    def _rest(self) -> str:
        return self.text[self.at :].strip()

    def _skip(self) -> None:
        self.at = len(self.text) - len(self.text[self.at :].lstrip())

    def _take(self, mark: str) -> bool:
        self._skip()
        found = self.text.startswith(mark, self.at)
        self.at += found
        return found

    def _number(self) -> float | None:
        self._skip()
        if (found := _NUMBER.match(self.text, self.at)) is None:
            return None
        self.at = found.end()
        return float(found[0])

    def _name(self) -> tuple[int, ...] | None:
        """Read the longest name that stands here; give its columns."""
        self._skip()
        best: tuple[int, str] = (self.at, "")
        for pattern, word in self.patterns:
            if (found := pattern.match(self.text, self.at)) and found.end() > best[0]:
                best = (found.end(), word)
        if not best[1]:
            return None
        self.at = best[0]
        choices = self.known[best[1]]
        if len(choices) > 1:
            raise self._error(f"{best[1]} may be {' or '.join(self.columns[each[0]] for each in choices)}")
        return choices[0]

    def _intercept(self) -> FloatArray:
        if INTERCEPT not in self.columns:
            raise self._error("the design has no intercept")
        return np.eye(len(self.columns))[[self.columns.index(INTERCEPT)]]

    def _error(self, why: str, expected: str = "", hint: str = "") -> UsageError:
        columns = f"The design has the columns {listing(self.columns, 20)}"
        return UsageError(
            f"The test {self.name}={self.text} is not understood: {why}",
            expected,
            ". ".join(filter(None, (hint, columns))),
        )


def _pattern(name: str) -> str:
    """Write a name as a pattern that minds neither spaces beside signs nor the kind of quotes."""
    pieces = re.findall(r"\w+|[^\w\s]", name)
    pattern = ""
    for before, piece in zip(["", *pieces], pieces, strict=False):
        apart = r"\s+" if _is_word(before) and _is_word(piece) else r"\s*" if before else ""
        pattern += apart + ("['\"]" if piece in "'\"" else re.escape(piece))
    return pattern + (r"(?!\w)" if _is_word(pieces[-1]) else "")


def _is_word(piece: str) -> bool:
    return re.match(r"\w", piece) is not None
