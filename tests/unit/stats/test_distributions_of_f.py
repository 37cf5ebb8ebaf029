from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from bids_ari.stats.distributions import p_from_f, p_from_t, z_from_f, z_from_t

Floats = npt.NDArray[np.float64]

# (F, n, dof, P(F > f), z). With mpmath at 60 digits and x = dof / (dof + n f):
#   P = betainc(dof/2, n/2, 0, x, regularized=True); for dof = inf gammainc(n/2, n f/2, inf, regularized=True)
#   z = findroot(lambda z: log(erfc(z / sqrt(2)) / 2) - log(P), sqrt(-2 * log(P))); from 1 - P where P > 1/2
TAILS_OF_F = [
    (1e-30, 1, 9.0, 0.99999999999999922, -7.9727244710539276),
    (1e-06, 2, 12.0, 0.99999900000058333, -4.753424426707704),
    (0.001, 4, 30.0, 0.999997869887471, -4.5982656789690686),
    (0.3, 3, 7.0, 0.82465863389936102, -0.93326583160363558),
    (0.8, 2, 10.0, 0.47611301541420228, 0.059911612806750422),
    (1.0, 5, 1.0, 0.63678253235087737, -0.34987176820013259),
    (1.0, 40, 60.0, 0.49229980034235212, 0.019302736801127793),
    (2.5, 1, 25.0, 0.12641676321678908, 1.1434940434162452),
    (3.0, 3, 1000000.0, 0.029291365175454051, 1.8913118306960529),
    (4.5, 6, 14.5, 0.0089807572796025935, 2.3664105402079211),
    (12.0, 2, 100.0, 2.1326311181047388e-5, 4.0926200888388619),
    (60.0, 3, 20.0, 3.5279067454054529e-10, 6.1648317216046373),
    (400.0, 2, 300.0, 2.2871014762448017e-85, 19.544728321313766),
    (10000.0, 7, 45.0, 1.3044485093685979e-69, 17.596745988981684),
    (1000000000000.0, 2, 19.0, 1.942559143159341e-105, 21.776389319410435),
    (1e30, 4, 9.0, 2.1143847656249998e-133, 24.55091499669204),
    (1e100, 3, 2.5, 1.275353306887301e-125, 23.811302293940957),
    (30.0, 10, 10000.0, 1.2566239778669346e-57, 15.957828449157227),
    (1e-08, 3, np.inf, 0.99999999999861802, -6.9892318611456672),
    (0.5, 4, np.inf, 0.73575888234288464, -0.63032459374101632),
    (1.0, 1, np.inf, 0.3173105078629141, 0.47523284924708358),
    (5.0, 2, np.inf, 0.0067379469990854671, 2.4709386372615884),
    (40.0, 3, np.inf, 7.7167903556341587e-26, 10.445073490116455),
    (200.0, 5, np.inf, 6.0100776879208043e-214, 31.196138045383803),
    (1.5, 100, np.inf, 0.00090393204235400909, 3.1201052867122082),
]

# (F, n, dof, z), where P(F > f) is below the smallest float64, 5e-324, or below 1e-290; by the same formula.
BEYOND_P = [
    (1e40, 1, 19.0, 41.087372679754053),
    (1000000000000.0, 3, 100.0, 48.976080484131738),
    (1e300, 2, 3.0, 45.405286974901094),
    (100000.0, 4, 1000.0, 77.272248040655362),
    (800.0, 2, 10000.0, 38.406566673284474),
    (2000.0, 1, 1000000.0, 44.683509961935697),
    (100.0, 20, 1000000.0, 43.472994257644236),
    (30.0, 60, 100000.0, 39.035250320454517),
    (1e20, 10, 50.0, 46.823401020079469),
    (700.0, 2, np.inf, 37.295079632647417),
    (1500.0, 1, np.inf, 38.711944260372779),
    (600.0, 3, np.inf, 42.233038348413941),
    (40.0, 50, np.inf, 42.05510316877419),
    (1000000.0, 7, np.inf, 2645.7342008019284),
]

# Rounding of 1e-16 in F, magnified by dof and n in a power and by z^2, stays below this for all cases above.
ROUNDING = 1e-12


def split(rows: list[tuple[float, ...]]) -> list[tuple[Floats, int, float, Floats]]:
    """Return (F, n, dof, the rest) of each row: n is one number for all points of a test."""
    return [(np.array([f]), int(n), dof, np.array(rest)) for f, n, dof, *rest in rows]


@pytest.mark.parametrize(("f", "n_rows", "dof", "expected"), split(TAILS_OF_F))
def test_p_and_z_have_the_tail_of_f(f: Floats, n_rows: int, dof: float, expected: Floats) -> None:
    p, z = expected
    np.testing.assert_allclose(p_from_f(f, n_rows, dof), p, rtol=ROUNDING)
    np.testing.assert_allclose(z_from_f(f, n_rows, dof), z, rtol=ROUNDING)


@pytest.mark.parametrize(("f", "n_rows", "dof", "z"), split(BEYOND_P))
def test_z_from_f_where_p_underflows(f: Floats, n_rows: int, dof: float, z: Floats) -> None:
    np.testing.assert_allclose(z_from_f(f, n_rows, dof), z, rtol=ROUNDING)


@pytest.mark.parametrize("n_rows", [1, 2, 7, 40])
@pytest.mark.parametrize("dof", [1.0, 2.5, 30.0, 1e3, 1e6, np.inf])
def test_p_agrees_with_scipy(n_rows: int, dof: float) -> None:
    f = np.logspace(-3, 1.5, 60)
    expected = stats.chi2.sf(n_rows * f, n_rows) if np.isinf(dof) else stats.f.sf(f, n_rows, dof)
    np.testing.assert_allclose(p_from_f(f, n_rows, dof), expected, rtol=2e-9)  # scipy's own error at dof = 1e6


@pytest.mark.parametrize("dof", [1.0, 4.5, 30.0, 1e4, np.inf])
def test_one_row_is_t_squared(dof: float) -> None:
    """P(F > t^2) with one row is the two-sided p of t."""
    t = np.array([0.01, 0.5, 1, 3, 8, 30])
    np.testing.assert_allclose(p_from_f(t**2, 1, dof), p_from_t(t, dof, "two-sided"), rtol=ROUNDING)
    np.testing.assert_array_equal(p_from_t(t[:3], np.inf, "less"), stats.norm.cdf(t[:3]))


@pytest.mark.parametrize("t", [38.0, 50.0, 1e3])
def test_t_with_infinite_dof_is_normal(t: float) -> None:
    """Also where p underflows."""
    np.testing.assert_allclose(z_from_t(np.array([-t, t]), np.inf), [-t, t], rtol=ROUNDING)


@pytest.mark.parametrize("n_rows", [1, 2, 5, 60])
@pytest.mark.parametrize("dof", [1.0, 9.0, 200.0, 1e6, np.inf])
def test_z_from_f_rises_with_f(n_rows: int, dof: float) -> None:
    """A larger F has a larger z, also across the median, across p = 1e-290 and p = 5e-324."""
    f = np.logspace(-3, 4, 5000) if dof > 100 else np.logspace(-3, 300, 5000)
    z = z_from_f(f, n_rows, dof)
    assert z[0] < -1
    assert z[-1] > 20
    assert (np.diff(z) > 0).all()


@pytest.mark.parametrize("dof", [3.0, np.inf])
@pytest.mark.parametrize("n_rows", [1, 4])
def test_ends_and_nan(n_rows: int, dof: float) -> None:
    f = np.array([0.0, np.inf, np.nan])
    np.testing.assert_array_equal(p_from_f(f, n_rows, dof), [1, 0, np.nan])
    np.testing.assert_array_equal(z_from_f(f, n_rows, dof), [-np.inf, np.inf, np.nan])


def test_one_dof_per_point() -> None:
    f, dof = np.array([2.0, 2.0, 7.0]), np.array([3.0, np.inf, 8.0])
    tails = [stats.f.sf(2, 3, 3), stats.chi2.sf(6, 3), stats.f.sf(7, 3, 8)]
    np.testing.assert_allclose(p_from_f(f, 3, dof), tails, rtol=ROUNDING)
    np.testing.assert_allclose(z_from_f(f, 3, dof), stats.norm.isf(tails), rtol=ROUNDING)


@pytest.mark.parametrize("function", [p_from_f, z_from_f])
def test_arguments_are_not_changed(function: Callable[[Floats, int, Floats], Floats]) -> None:
    f, dof = np.array([0.1, np.nan, 1e200]), np.array([1.0, 2.0, 30.0])
    function(f, 2, dof)
    np.testing.assert_array_equal(f, [0.1, np.nan, 1e200])
    np.testing.assert_array_equal(dof, [1.0, 2.0, 30.0])
