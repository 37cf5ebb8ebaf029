"""Laws of the group model, for any design: continuous and categorical columns, nearly collinear, of any units."""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import statsmodels.api as sm
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.linalg import null_space

from bids_ari.stats.diagnostics import design_diagnostics, subject_diagnostics
from bids_ari.stats.glm import GlmResult, condition_number, fit_glm

Floats = npt.NDArray[np.float64]
Rational = list[list[Fraction]]

CONDITION = 1e4
"""Up to here both sides keep 8 of 16 digits even where a program squares the condition number."""


class Case(NamedTuple):
    """A design and effects; `tests` has one t and one F test."""

    effects: Floats
    matrix: Floats
    tests: dict[str, Floats]


@st.composite
def designs(draw: st.DrawFn, rng: np.random.Generator) -> Floats:
    """An intercept or none, covariates of any unit, a factor, and perhaps a column that is nearly another."""
    n_subjects = draw(st.integers(8, 24))
    columns = [np.ones((n_subjects, 1))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 2))):
        unit, offset = 10.0 ** draw(st.integers(-4, 4)), draw(st.sampled_from((0, 3, 50)))
        columns.append(unit * (offset + rng.normal(size=(n_subjects, 1))))
    if levels := draw(st.sampled_from((0, 2, 3))):
        columns.append(np.eye(levels)[rng.permutation(n_subjects) % levels][:, 1:])
    if draw(st.booleans()):
        apart = 10.0 ** draw(st.integers(-4, -1))
        columns.append(columns[-1][:, :1] * (1 + apart * rng.normal(size=(n_subjects, 1))))
    return np.hstack(columns)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Five points; the last has an effect of each column that is 100 times the noise."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    matrix = draw(designs(rng))
    n_subjects, n_columns = matrix.shape
    assume(condition_number(matrix) <= CONDITION)
    effects = rng.normal(size=(n_subjects, 5))
    effects[:, 4] += 100 * (matrix / np.abs(matrix).max(axis=0)) @ rng.normal(size=n_columns)
    weights = rng.choice([-1.0, 0, 0.5, 2], size=n_columns)
    weights[0] = weights[0] or 1.0
    several = rng.normal(size=(draw(st.integers(1, n_columns)), n_columns))
    assume(condition_number(several.T) < 100)
    units = np.abs(matrix).max(axis=0)
    return Case(effects, matrix, {"t": weights * units, "F": several * units})


def statistics(case: Case) -> tuple[Floats, Floats]:
    t, f = fit_glm(case.effects, case.matrix, case.tests)
    assert t.t is not None
    assert f.f is not None
    return t.t, f.f


def close(found: Floats, expected: Floats, rel: float = 1e-8) -> None:
    """Agreement to 8 digits, absolute below 1: where an estimate is near 0, its parts have cancelled."""
    np.testing.assert_allclose(found, expected, rtol=rel, atol=rel)


@given(cases())
@settings(max_examples=80, deadline=None)
def test_agrees_with_statsmodels(case: Case) -> None:
    """F is the decrease of the residual sum of squares of statsmodels without the constraint C b = 0; t^2 likewise.

    Its own Wald tests invert X'X, which costs digits at condition 1e4: of them only the sign of t is taken.
    """
    t, f = statistics(case)
    fits = [sm.OLS(point, case.matrix).fit(method="qr") for point in case.effects.T]
    close(f, np.array([f_by_restriction(fit, case.tests["F"]) for fit in fits]))
    signs = np.array([np.sign(fit.t_test(case.tests["t"]).tvalue.item()) for fit in fits])
    t_squared = np.array([f_by_restriction(fit, case.tests["t"][None]) for fit in fits])
    close(t**2, t_squared)
    np.testing.assert_array_equal(np.sign(t)[t_squared > 1e-6], signs[t_squared > 1e-6])


def f_by_restriction(fit: Any, rows: Floats) -> float:
    """Fit again with coefficients under C b = 0, with columns in similar units."""
    matrix, y = fit.model.exog, fit.model.endog
    units = np.abs(matrix).max(axis=0)
    allowed = null_space(rows / units)
    if not allowed.size:
        return float((y @ y - fit.ssr) / len(rows) / fit.mse_resid)
    restricted = sm.OLS(y, matrix / units @ allowed).fit(method="qr")
    return float(fit.compare_f_test(restricted)[0])


@given(cases())
@settings(max_examples=25, deadline=None)
def test_agrees_with_exact_arithmetic(case: Case) -> None:
    """b = (X'X)^-1 X'y and Wald's form in fractions, without any rounding; float64 may lose 4 of 16 digits."""
    t, f = statistics(case)
    some = slice(3, 5)
    wald = [exact_wald(y, case.matrix, case.tests["t"][None]) for y in case.effects.T[some]]
    close((t**2)[some], np.array(wald), rel=1e-9)
    wald = [exact_wald(y, case.matrix, case.tests["F"]) for y in case.effects.T[some]]
    close(f[some], np.array(wald), rel=1e-9)


def exact_wald(y: Floats, matrix: Floats, rows: Floats) -> float:
    x, c, v = ([[Fraction(value) for value in row] for row in array] for array in (matrix, rows, y[:, None]))
    xt = transposed(x)
    b = solved(product(xt, x), product(xt, v))
    residuals = [one - two for (one,), (two,) in zip(v, product(x, b), strict=True)]
    sigma2 = sum(e * e for e in residuals) / (len(x) - len(xt))
    cb = product(c, b)
    metric = product(c, solved(product(xt, x), transposed(c)))
    return float(product(transposed(cb), solved(metric, cb))[0][0] / len(c) / sigma2)


def transposed(a: Rational) -> Rational:
    return [list(column) for column in zip(*a, strict=True)]


def product(a: Rational, b: Rational) -> Rational:
    return [
        [sum((x * y for x, y in zip(row, col, strict=True)), Fraction()) for col in zip(*b, strict=True)] for row in a
    ]


def solved(a: Rational, b: Rational) -> Rational:
    """Gauss-Jordan: a^-1 b for a positive definite a, whose pivots are never 0."""
    work = [[*left, *right] for left, right in zip(a, b, strict=True)]
    for i, row in enumerate(work):
        row[:] = [value / row[i] for value in row]
        for other in work:
            if other is not row:
                other[:] = [value - other[i] * pivot for value, pivot in zip(other, row, strict=True)]
    return [row[len(a) :] for row in work]


@given(cases(), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_the_order_of_subjects_does_not_matter(case: Case, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(case.matrix))
    for found, expected in zip(statistics(reordered(case, order)), statistics(case), strict=True):
        close(found, expected)


def reordered(case: Case, order: npt.NDArray[np.int_]) -> Case:
    return case._replace(effects=case.effects[order], matrix=case.matrix[order])


@given(cases(), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_the_coding_of_a_design_does_not_matter(case: Case, seed: int) -> None:
    """X A with weights C A tests the same combinations of its coefficients A^-1 b as X with C of b.

    A takes the units from the columns before it rotates them, so that it does not spoil the condition.
    """
    units = np.abs(case.matrix).max(axis=0)
    change = np.linalg.qr(np.random.default_rng(seed).normal(size=(units.size, units.size)))[0] / units[:, None]
    recoded = {name: weights @ change for name, weights in case.tests.items()}
    other = Case(case.effects, case.matrix @ change, recoded)
    for found, expected in zip(statistics(other), statistics(case), strict=True):
        close(found, expected)


@given(cases(), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_f_depends_only_on_the_span_of_its_rows(case: Case, seed: int) -> None:
    rows = case.tests["F"]
    mix = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(rows), len(rows))))[0] * 3
    mixed = case._replace(tests={**case.tests, "F": mix @ rows})
    close(statistics(mixed)[1], statistics(case)[1])


@given(cases())
@settings(max_examples=40, deadline=None)
def test_f_does_not_depend_on_untested_effects(case: Case) -> None:
    """Effects of X b with C b = 0 change no residual and no test."""
    allowed = null_space(case.tests["F"] / np.abs(case.matrix).max(axis=0))
    untested = case.matrix / np.abs(case.matrix).max(axis=0) @ allowed.sum(axis=1)
    more = case._replace(effects=case.effects + untested[:, None])
    close(statistics(more)[1], statistics(case)[1])


@given(cases(), st.data())
@settings(max_examples=40, deadline=None)
def test_a_missing_subject_has_no_effect(case: Case, data: st.DataObject) -> None:
    absent = data.draw(st.integers(0, len(case.matrix) - 1))
    there = np.arange(len(case.matrix)) != absent
    assume(there.sum() > case.matrix.shape[1] and condition_number(case.matrix[there]) <= CONDITION)
    effects = case.effects.copy()
    effects[absent] = np.nan
    pairs = zip(
        fit_glm(effects, case.matrix, case.tests),
        fit_glm(case.effects[there], case.matrix[there], case.tests),
        strict=True,
    )
    for found, expected in pairs:
        assert_same(found, expected)


def assert_same(found: GlmResult, expected: GlmResult) -> None:
    close(found.z, expected.z)
    np.testing.assert_array_equal(found.dof, expected.dof)


@given(cases())
@settings(max_examples=40, deadline=None)
def test_leverage_and_residuals_add_up(case: Case) -> None:
    """Leverages sum to the number of columns; (1 - h) r^2 to the degrees of freedom, at each point."""
    n_subjects, n_columns = case.matrix.shape
    leverage = design_diagnostics(case.matrix).leverage
    assume((leverage < 1 - 1e-6).all())
    found = subject_diagnostics(case.effects, case.matrix, case.tests)
    np.testing.assert_allclose(leverage.sum(), n_columns, rtol=1e-10)
    np.testing.assert_allclose(((1 - leverage) * found.residual**2).sum(), n_subjects - n_columns, rtol=1e-8)


@given(cases(), st.floats(1e-3, 1e3))
@settings(max_examples=40, deadline=None)
def test_diagnostics_do_not_depend_on_units(case: Case, unit: float) -> None:
    first, second = (subject_diagnostics(scale * case.effects, case.matrix, case.tests) for scale in (1.0, unit))
    close(second.correlation, first.correlation)
    close(second.residual, first.residual)
    for name in case.tests:
        close(second.influence[name], first.influence[name])
