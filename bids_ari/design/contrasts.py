"""Tests as linear combinations of columns: ``group[T.patient] - group[T.sibling]``, ``age; group`` or a factor.

Several expressions, separated by ``;`` or ``,``, are the rows of an F test, as is a factor with several columns. Names
are those of the columns of the design, or shorter ones (see `names_of`).
"""

import ast
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bids_ari.bids.entities import safe_label
from bids_ari.design.coding import CodedFactor, ModelMatrix
from bids_ari.design.formula import INTERCEPT
from bids_ari.design.hypotheses import (
    MainEffect,
    is_intercept,
    is_mean,
    is_mean_at_intercept,
    is_of_groups,
    mean_weights,
    notes_on_tests,
    other_factors,
    term_rows,
    way_to_mean,
    where_others_are_zero,
)
from bids_ari.errors import UsageError, listing
from bids_ari.stats.distributions import FloatArray

_LABEL = re.compile("[a-zA-Z0-9+]+")
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LEVEL = re.compile(r"[^\W\d](?:.*\w)?")
_LONGEST_LABEL, _DEEPEST = 60, 20
_OPERATORS = tuple("+-*/()")
Columns = tuple[int, ...]  # columns of the design matrix, by index


class Meaning(NamedTuple):
    """The meaning of a name in a test."""

    columns: Columns  # empty for the mean over subjects
    rows: FloatArray  # (n_rows, n_columns)


def default_tests(model: ModelMatrix) -> dict[str, FloatArray]:
    """Return a t test of each column, an F test of each term with several columns, and main effects.

    A column that is a simple effect beside an interaction has a t test of its main effect, too. Tests are named after
    the columns of the table and the level: ``ageXGroupPatient``, the main effect ``groupPatientMain``.
    """
    return _default_tests(model)[0]


def notes_on_default_tests(model: ModelMatrix, tests: Collection[str]) -> tuple[str, ...]:
    """Return notes on those default tests that are easily mistaken: the intercept, and simple effects."""
    weights, main_effects, terms = _default_tests(model)
    notes = tuple(notes_on_tests(model, tests, main_effects, terms))
    if "mean" in tests and not is_mean(weights["mean"], model.matrix):
        way = way_to_mean("mean", model.names)
        notes += (f"mean is the test of a column of this name, not the mean over subjects, tested by --test {way}",)
    return notes


def _default_tests(model: ModelMatrix) -> tuple[dict[str, FloatArray], dict[str, MainEffect], dict[str, str]]:
    """Return the default tests, the main effect of each that is a simple effect, and the term of each F test."""
    n_columns = len(model.columns)
    if model.names == (INTERCEPT,):
        return {"mean": np.ones(1)}, {}, {}
    several = {term: columns for term, columns in model.terms.items() if len(columns) > 1}
    stems = [[CodedFactor(part.factor) for part in _widest(model, columns)] for columns in several.values()]
    labels = _labels([*model.columns, *stems])
    f_tests = dict(zip(several, labels[n_columns:], strict=True))
    weights = dict(zip(labels, np.eye(n_columns), strict=False))
    weights |= {label: term_rows(model, term) for term, label in f_tests.items()}
    main_effects: dict[str, MainEffect] = {}
    for term, columns in model.terms.items():
        if others := other_factors(model, term):
            label = f_tests.get(term) or _free(f"{labels[columns[0]]}Main", weights)
            weights.setdefault(label, term_rows(model, term)[0])
            main_effects |= {labels[i]: MainEffect(label, others) for i in columns}
    return weights, main_effects, {label: term for term, label in f_tests.items()}


def _free(label: str, taken: Iterable[str]) -> str:
    """Return a label, with a number if it is taken, in any case of letters."""
    used = {each.casefold() for each in taken}
    candidates = (label, *(f"{label}x{i}" for i in range(2, len(used) + 3)))
    return next(each for each in candidates if each.casefold() not in used)


def parse_tests(tests: Iterable[str], model: ModelMatrix) -> dict[str, FloatArray]:
    """Parse tests, ``NAME=EXPRESSION``: the weights (n_columns,) of t tests, or (n_rows, n_columns) of F tests."""
    weights: dict[str, FloatArray] = {}
    taken: dict[str, str] = {}
    known = names_of(model)
    scanner = _scanner(known)
    for test in tests:
        name, _, text = (part.strip() for part in test.partition("="))
        if not _LABEL.fullmatch(name):
            raise UsageError(f"A test is named {name!r}", "letters and digits", f"Write {safe_label(name)}={text}")
        if name.casefold() in taken:
            raise UsageError(f"Tests are named {taken[name.casefold()]} and {name}", "names that differ by letters")
        taken[name.casefold()] = name
        weights[name] = _Expression(name, text, model.names, known, scanner).weights()
        _check_mean(test, name, weights[name], model)
    return weights


def _check_mean(test: str, name: str, weights: FloatArray, model: ModelMatrix) -> None:
    """Refuse the name ``mean`` for a test that is not the mean over subjects."""
    reason, other, is_at_intercept = "", "another name", is_intercept(weights, model.names)
    is_right = (
        is_mean_at_intercept(model.matrix, model.names)
        if is_at_intercept
        else is_mean(weights, model.matrix, model.sum_coded)
    )
    if name.casefold() != "mean" or is_right:
        return
    if is_at_intercept:
        where = listing(where_others_are_zero(model), 20)
        reason, other = f": the intercept of this model is the effect at {where}", f"{INTERCEPT}=1"
    raise UsageError(
        f"The test {test} is not the mean over subjects{reason}",
        "a test whose name is its meaning",
        f"Write {way_to_mean(name, model.names)} for the mean over subjects, or {other}",
    )


def names_of(model: ModelMatrix) -> dict[str, tuple[Meaning, ...]]:
    """Return the names that tests may use, each with what it may mean; several meanings if it is ambiguous.

    A name means the first of these: a column; the intercept, or the ``mean`` over subjects; a term; a column by the
    names of the table (``group[T.patient]`` for ``C(group)[T.patient]``); a term by the names of the table (``age`` for
    ``center(age)``); the level of a factor (``patient``). A term of groups is its main effect or interaction.
    """
    columns = list(enumerate(model.columns))
    identity = np.eye(len(columns))
    single = [Meaning((i,), identity[[i]]) for i, _ in columns]
    terms = [
        (text, Meaning(at, term_rows(model, text) if is_of_groups(model, text) else identity[list(at)]))
        for text, at in model.terms.items()
        if at
    ]
    alone = [(i, parts[0]) for i, parts in columns if len(parts) == 1 and parts[0].factor.text in model.levels]
    layers: list[list[tuple[str, Meaning]]] = [
        list(zip(model.names, single, strict=True)),
        [
            *((word, single[i]) for i, parts in columns if not parts for word in (INTERCEPT, "Intercept")),
            ("mean", Meaning((), mean_weights(model.matrix)[None])),
        ],
        terms,
        [(":".join(part.name(part.factor.short) for part in parts), single[i]) for i, parts in columns if parts],
        [(":".join(part.factor.short for part in _widest(model, each.columns)), each) for _, each in terms],
        [(part.level, single[i]) for i, part in alone if _LEVEL.fullmatch(part.level)],
    ]
    names: dict[str, tuple[Meaning, ...]] = {}
    for layer in layers:
        found: dict[str, dict[Columns, Meaning]] = {}
        for name, meaning in layer:
            if name not in names:
                found.setdefault(name, {}).setdefault(meaning.columns, meaning)
        names |= {name: tuple(choices.values()) for name, choices in found.items()}
    return names


def _widest(model: ModelMatrix, columns: Iterable[int]) -> Sequence[CodedFactor]:
    """Return a column of a term with all factors of the term; ``1 + a:b`` also has columns of ``b`` only."""
    return max((model.columns[i] for i in columns), key=len)


def _labels(columns: Iterable[Sequence[CodedFactor]]) -> list[str]:
    """Return labels of columns: letters and digits, unique also on file systems that ignore case."""
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
    """Return a text in camel case, as letters and digits.

    >>> _camel("group[T.very old]"), _camel("`body weight`"), _camel("é")
    ('GroupVeryOld', 'BodyWeight', 'X')
    """
    words = re.findall("[a-zA-Z0-9+]+", re.sub(r"\[[TS]\.", "[", text))
    return "".join(word[0].upper() + word[1:] for word in words)[:_LONGEST_LABEL] or "X"


@dataclass(frozen=True, slots=True)
class _Expression:
    """The expression of a test, with the names that it may use (see `names_of`) and a pattern of the next token."""

    name: str
    text: str
    columns: Sequence[str]
    known: Mapping[str, tuple[Meaning, ...]]
    scanner: re.Pattern[str]

    def weights(self) -> FloatArray:
        """Return the weights of a t test, or the rows of an F test."""
        rows: list[list[str]] = [[]]
        names = list(self.known)
        for found in self.scanner.finditer(self.text):
            if found.lastgroup == "other":
                raise self._error(f"{found[0]!r} is not understood")
            if found[0] in (",", ";"):
                rows.append([])
            elif not found[0].isspace():
                rows[-1].append(names[int(found.lastgroup[1:])] if found.lastgroup else found[0])
        with np.errstate(all="ignore"):  # weights that are not finite are an error
            weights = np.vstack([self._row(row) for row in rows]) + 0.0  # -0 becomes 0
        if not weights.any(axis=1).all():
            raise self._error("its weights are all 0")
        if np.linalg.matrix_rank(weights) < len(weights):
            raise self._error("its rows are linearly dependent", "linearly independent rows")
        return weights[0] if len(weights) == 1 else weights

    def _row(self, tokens: Sequence[str]) -> FloatArray:
        """Return the weights of one row, or those of all columns of a factor."""
        if "=" in tokens:
            at = tokens.index("=")
            right = " ".join(tokens[at + 1 :])
            if not _NUMBER.fullmatch(right) or float(right):
                raise self._error(f"it is compared with {right!r}", "0", "Write a = b as a - b")
            tokens = tokens[:at]
        identity = np.eye(len(self.columns))
        if len(tokens) == 1 and tokens[0] in self.known:
            return self._meaning(tokens[0]).rows
        *weights, constant = self._parse(tokens)
        if not np.isfinite([*weights, constant]).all():
            raise self._error("its weights are too large")
        if constant == 1 and not np.any(weights):
            if INTERCEPT not in self.columns:
                raise self._error("the design has no intercept", "columns", "mean is the mean over subjects")
            return identity[[self.columns.index(INTERCEPT)]]
        if constant:
            raise self._error("it adds a number to columns", "numbers that multiply columns", "1 is the intercept")
        return np.array([weights])

    def _meaning(self, name: str) -> Meaning:
        """Return the meaning of a name."""
        choices = self.known[name]
        if len(choices) > 1:
            raise self._error(f"{name} may be {' or '.join(self.columns[each.columns[0]] for each in choices)}")
        return choices[0]

    def _parse(self, tokens: Sequence[str]) -> FloatArray:
        """Return the weights of all columns, and the constant, of a sum of columns and numbers."""
        terms: list[FloatArray] = []
        source: list[str] = []
        depth = signs = 0
        identity = np.eye(len(self.columns) + 1)
        for token in tokens:
            depth += (token == "(") - (token == ")")
            signs = signs + 1 if token in ("+", "-") else 0
            if depth + signs > _DEEPEST:
                raise self._error(f"more than {_DEEPEST} signs or parentheses are nested")
            if token in self.known:
                meaning = self._meaning(token)
                if len(meaning.rows) > 1:
                    n_columns = len(meaning.columns)
                    raise self._error(f"{token} has {n_columns} columns and cannot be part of a sum")
                terms.append(np.append(meaning.rows[0], 0.0))
            elif token not in _OPERATORS:
                terms.append(float(token) * identity[-1])
            source.append(token if token in _OPERATORS else f"v{len(terms) - 1}")
        try:
            return self._evaluate(ast.parse(" ".join(source), mode="eval").body, terms)
        except (SyntaxError, RecursionError, MemoryError) as error:
            reason = f"{' '.join(tokens)!r} is not a sum of columns" if tokens else "an expression is missing"
            raise self._error(reason) from error

    def _evaluate(self, node: ast.expr, terms: Sequence[FloatArray]) -> FloatArray:
        """Compute a syntax tree of sums, products and quotients; see `_parse`."""
        match node:
            case ast.Name(id=name):
                return terms[int(name[1:])]
            case ast.UnaryOp(op=ast.UAdd() | ast.USub() as sign, operand=operand):
                value = self._evaluate(operand, terms)
                return -value if isinstance(sign, ast.USub) else value
            case ast.BinOp(left=left, op=sign, right=right):
                one, other = self._evaluate(left, terms), self._evaluate(right, terms)
            case _:
                raise SyntaxError
        match sign:
            case ast.Add():
                return one + other
            case ast.Sub():
                return one - other
            case ast.Div():
                if other[:-1].any() or not other[-1]:
                    raise self._error("it divides by a column or by 0")
                return one * (1 / float(other[-1]))
        if one[:-1].any() and other[:-1].any():
            raise self._error("it multiplies columns", "sums of columns", "A product of columns is a:b in --formula")
        return one * float(other[-1]) if one[:-1].any() else other * float(one[-1])

    def _error(self, reason: str, expected: str = "", hint: str = "") -> UsageError:
        columns = f"The design has the columns {listing(self.columns, 20)}"
        hints = ". ".join(filter(None, (hint, columns)))
        return UsageError(f"The test {self.name}={self.text} is not understood: {reason}", expected, hints)


def _scanner(names: Iterable[str]) -> re.Pattern[str]:
    """Return a regular expression for the next token: a name, with any spaces around signs and either kind of quotes.

    Of several names, the longest matches.
    """
    patterns = []
    for i, name in sorted(enumerate(names), key=lambda each: -len("".join(each[1].split()))):
        pieces = re.findall(r"(\w+)|([^\w\s])", name)
        parts = (rf"\b{word}\b" if word else "['\"]" if sign in "'\"" else re.escape(sign) for word, sign in pieces)
        patterns.append(rf"(?P<n{i}>" + r"\s*".join(parts) + ")")
    return re.compile("|".join([*patterns, _NUMBER.pattern, r"[-+*/(),;=]", r"\s+", "(?P<other>.+)"]), re.DOTALL)
