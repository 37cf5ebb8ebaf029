"""p and z of t and F, in the far tails too."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from bids_ari.stats.choices import ALTERNATIVES, Alternative
from bids_ari.stats.distributions import neg_log10_p, p_from_f, p_from_t, p_from_z, z_from_f, z_from_t

# (t, dof, P(T > t), z). With mpmath at 60 digits, n = dof and x = n / (n + t^2):
#   P = betainc(n/2, 1/2, 0, x, regularized=True) / 2
#   z = findroot(lambda z: log(erfc(z / sqrt(2)) / 2) - log(P), sqrt(-2 * log(P)))
TAILS_OF_T = [
    (0.5, 1.0, 0.35241638234956673, 0.37880487807081295),
    (1.0, 1.0, 0.25, 0.67448975019608174),
    (3.0, 1.0, 0.10241638234956673, 1.267902518264384),
    (12.5, 1.0, 0.025410673666115896, 1.9529852134238467),
    (1e3, 1.0, 0.00031830978008055894, 3.4155131479263497),
    (1e30, 1.0, 3.1830988618379067e-31, 11.562717119294753),
    (2.0, 2.5, 0.078695747878982993, 1.4138992174463506),
    (40.0, 2.5, 7.0978171452466915e-5, 3.8047345504596136),
    (1e6, 2.5, 7.1933971908142385e-16, 7.9820969596484826),
    (1e100, 2.5, 7.1933971908317221e-251, 33.809322582614827),
    (0.25, 4.0, 0.40745100572959061, 0.23410687150825616),
    (2.132, 4.0, 0.049991386369570736, 1.6449371501846324),
    (8.61, 4.0, 0.00050006706191393379, 3.2904889990391161),
    (1e20, 4.0, 3.0e-80, 18.933860381049937),
    (1e75, 4.0, 3.0000000000000009e-300, 37.017451537531633),
    (0.7, 19.0, 0.24620504411246858, 0.68648060880193219),
    (1.729, 19.0, 0.050012127821915087, 1.6447360473333245),
    (3.883, 19.0, 0.00050046366087588055, 3.2902659479617733),
    (12.0, 19.0, 1.2954473186110997e-10, 6.32146834132237),
    (1e3, 19.0, 1.2702992634254881e-46, 14.289601279732375),
    (1e15, 19.0, 1.2705176506221958e-274, 35.388776777388942),
    (1e16, 19.0, 1.2705176506221958e-293, 36.603229033564053),
    (2.75, 30.0, 0.0049999472634655917, 2.5758329506940834),
    (25.0, 30.0, 6.0459111906435132e-22, 9.5572576739089188),
    (1e9, 30.0, 1.0364534652562062e-249, 33.730391891764902),
    (1e10, 30.0, 1.0364534652562067e-279, 35.718064303333547),
    (1.66, 100.0, 0.050023625675631898, 1.644624596270356),
    (15.0, 100.0, 1.2123669942305735e-27, 10.83212077447239),
    (3.0, 1000.0, 0.0013833545221190962, 2.9925350400925269),
    (30.0, 1000.0, 7.6873437220217411e-142, 25.328840202254403),
    (43.0, 1000.0, 7.0505101855084908e-230, 32.34949709334719),
    (4.75, 1e4, 1.0312328297580189e-6, 4.7472053132989892),
    (36.5, 1e4, 3.0528441216087492e-274, 35.364015905254511),
    (38.0, 1e4, 1.4483005348856902e-295, 36.725170405305217),
    (0.1, 1e6, 0.46017217274602158, 0.099999974750003215),
    (3.1, 1e6, 0.00096763007566204049, 3.0999917772913479),
    (20.0, 1e6, 2.8665435236951859e-89, 19.997995433883835),
    (36.0, 1e6, 6.3669955601995134e-284, 35.988335184878472),
    (37.0, 1e6, 9.1498654309011315e-300, 36.987336885902511),
]

# (t, dof, z), where P(T > t) is below the smallest float64, 5e-324, or t^2 above the largest; by the same formula.
BEYOND_P = [
    (1e200, 1.0, 30.243427079379608),
    (1e12, 30.0, 39.394094582200947),
    (1e30, 19.0, 50.637172679214241),
    (4e4, 100.0, 40.694062638224189),
    (1e6, 100.0, 47.952622110895016),
    (100.0, 1e3, 48.958407262720094),
    (60.0, 1e4, 55.449952166966755),
    (40.0, 1e6, 39.98400385708067),
    (60.0, 1e6, 59.946090063497278),
]

# (z, P(Z > z)) = erfc(z / sqrt(2)) / 2 with mpmath at 60 digits.
TAILS_OF_Z = [
    (0.0, 0.5),
    (0.5, 0.3085375387259869),
    (1.0, 0.15865525393145705),
    (3.0, 0.0013498980316300945),
    (6.0, 9.8658764503769814e-10),
    (10.0, 7.6198530241605261e-24),
    (20.0, 2.7536241186062337e-89),
    (37.0, 5.7255712225245768e-300),
]

# A rounding error of 1e-16 in t or z, magnified by z^2 = 1400 and by dof in a power, stays below 1e-12 relative.
ROUNDING = 1e-12

every_alternative = pytest.mark.parametrize("alternative", ALTERNATIVES)


def test_p_from_t_in_the_far_tail() -> None:
    t, dof, p, _ = np.array(TAILS_OF_T).T
    np.testing.assert_allclose(p_from_t(t, dof, "greater"), p, rtol=ROUNDING)
    np.testing.assert_allclose(p_from_t(-t, dof, "less"), p, rtol=ROUNDING)
    np.testing.assert_allclose(p_from_t(-t, dof, "greater"), 1 - p, rtol=ROUNDING)
    np.testing.assert_allclose(p_from_t(-t, dof, "two-sided"), 2 * p, rtol=ROUNDING)


def test_p_from_z_in_the_far_tail() -> None:
    z, p = np.array(TAILS_OF_Z).T
    np.testing.assert_allclose(p_from_z(z, "greater"), p, rtol=ROUNDING)
    np.testing.assert_allclose(p_from_z(-z, "less"), p, rtol=ROUNDING)
    np.testing.assert_allclose(p_from_z(-z, "greater"), 1 - p, rtol=ROUNDING)
    np.testing.assert_allclose(p_from_z(z, "two-sided"), 2 * p, rtol=ROUNDING)


def test_z_from_t_has_the_same_tail() -> None:
    t, dof, _, z = np.array(TAILS_OF_T).T
    np.testing.assert_allclose(z_from_t(t, dof), z, rtol=ROUNDING)


def test_z_from_t_where_p_underflows() -> None:
    t, dof, z = np.array(BEYOND_P).T
    np.testing.assert_allclose(z_from_t(t, dof), z, rtol=ROUNDING)


def test_neg_log10_p_in_the_far_tail() -> None:
    t, dof, p, _ = np.array(TAILS_OF_T).T
    twice = 2 * ROUNDING  # log p grows with the square of z
    np.testing.assert_allclose(neg_log10_p(z_from_t(t, dof), "greater"), -np.log10(p), rtol=twice)
    np.testing.assert_allclose(neg_log10_p(z_from_t(-t, dof), "less"), -np.log10(p), rtol=twice)
    np.testing.assert_allclose(neg_log10_p(z_from_t(-t, dof), "two-sided"), -np.log10(2 * p), rtol=twice)


def test_neg_log10_p_where_p_underflows() -> None:
    """With 1 degree of freedom P(T > t) = atan(1 / t) / pi, which is 1 / (pi t) for a large t."""
    t = np.array([1e100, 1e200, 1e300])
    expected = np.log10(np.pi) + np.array([100, 200, 300])
    np.testing.assert_allclose(neg_log10_p(z_from_t(t, 1.0), "greater"), expected, rtol=2 * ROUNDING)
    z = np.array([40.0, 100.0])
    np.testing.assert_allclose(neg_log10_p(z, "greater"), -stats.norm.logsf(z) / np.log(10), rtol=ROUNDING)


def test_neg_log10_p_of_f() -> None:
    """P(F > f) with 2 and n degrees of freedom is (1 + 2 f / n)^(-n / 2): for 10 and f = 1e80, (2e79)^-5."""
    found = neg_log10_p(z_from_f(np.array([0.0, 1.0, 1e80]), 2, 10.0), "greater")
    expected = 5 * np.array([0, np.log10(1.2), 79 + np.log10(2)])
    np.testing.assert_allclose(found, expected, rtol=2 * ROUNDING)


def test_z_from_t_is_odd() -> None:
    t, dof, _ = np.array(BEYOND_P).T
    near = np.array([row[:2] for row in TAILS_OF_T]).T
    np.testing.assert_array_equal(z_from_t(-t, dof), -z_from_t(t, dof))
    np.testing.assert_array_equal(z_from_t(-near[0], near[1]), -z_from_t(near[0], near[1]))
    assert z_from_t(np.zeros(1), 7.0) == 0


@pytest.mark.parametrize("dof", [1.0, 2.5, 9.0, 30.0, 500.0, 1e6])
def test_z_from_t_rises_with_t(dof: float) -> None:
    """A larger t has a larger z, also across p = 1e-290, where another formula is used, and p = 5e-324."""
    t = np.logspace(-2, 5, 5000) if dof > 100 else np.logspace(-2, 280, 5000)
    z = z_from_t(t, dof)
    assert z[0] < 1
    assert z[-1] > 35
    assert (np.diff(z) > 0).all()


@pytest.mark.parametrize("dof", [2.0, 12.0, 400.0])
@every_alternative
def test_p_agrees_with_scipy(alternative: Alternative, dof: float) -> None:
    t = np.linspace(-9, 9, 181)
    tails = {"greater": stats.t.sf(t, dof), "less": stats.t.cdf(t, dof)}
    tails["two-sided"] = 2 * np.minimum(tails["greater"], tails["less"])
    np.testing.assert_allclose(p_from_t(t, dof, alternative), tails[alternative], rtol=ROUNDING)
    tails = {"greater": stats.norm.sf(t), "less": stats.norm.cdf(t)}
    tails["two-sided"] = 2 * np.minimum(tails["greater"], tails["less"])
    np.testing.assert_allclose(p_from_z(t, alternative), tails[alternative], rtol=ROUNDING)


def test_one_dof_per_point() -> None:
    t, dof = np.array([2.0, 2.0, -1.5]), np.array([3.0, 30.0, 8.0])
    np.testing.assert_allclose(p_from_t(t, dof, "greater"), stats.t.sf(t, dof), rtol=ROUNDING)
    np.testing.assert_allclose(z_from_t(t, dof), stats.norm.isf(stats.t.sf(t, dof)), rtol=ROUNDING)


@every_alternative
def test_p_is_a_probability(alternative: Alternative) -> None:
    values = np.array([-np.inf, -1e300, -50, -1e-300, -0.0, 0.0, 1e-9, 3, 1e300, np.inf])
    for p in (p_from_t(values, 5.0, alternative), p_from_z(values, alternative)):
        assert ((p >= 0) & (p <= 1)).all()


@pytest.mark.parametrize(("alternative", "expected"), [("greater", [1, 0]), ("less", [0, 1]), ("two-sided", [0, 0])])
def test_infinite_statistics(alternative: Alternative, expected: list[float]) -> None:
    infinite = np.array([-np.inf, np.inf])
    np.testing.assert_array_equal(p_from_t(infinite, 10.0, alternative), expected)
    np.testing.assert_array_equal(p_from_z(infinite, alternative), expected)


def test_z_of_infinite_t() -> None:
    np.testing.assert_array_equal(z_from_t(np.array([-np.inf, np.inf]), 10.0), [-np.inf, np.inf])


@every_alternative
def test_nan_remains_nan(alternative: Alternative) -> None:
    values = np.array([np.nan, 2.0])
    answers = (p_from_t(values, 10.0, alternative), p_from_z(values, alternative), z_from_t(values, 10.0))
    for answer in (*answers, neg_log10_p(values, alternative)):
        np.testing.assert_array_equal(np.isnan(answer), [True, False])


def test_arguments_are_not_changed() -> None:
    t, dof = np.array([-2.0, np.nan, 1e200]), np.array([1.0, 2.0, 30.0])
    z_from_t(t, dof)
    p_from_t(t, dof, "two-sided")
    np.testing.assert_array_equal(t, [-2.0, np.nan, 1e200])
    np.testing.assert_array_equal(dof, [1.0, 2.0, 30.0])


def test_unknown_alternative() -> None:
    with pytest.raises(ValueError, match="greater, less, two-sided; found 'both'"):
        p_from_t(np.ones(1), 10.0, "both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="alternative"):
        p_from_z(np.ones(1), "")  # type: ignore[arg-type]


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
BEYOND_P_OF_F = [
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
ROUNDING_OF_F = 1e-12


def split_rows(rows: list[tuple[float, ...]]) -> list[tuple[Floats, int, float, Floats]]:
    """Return (F, n, dof, the rest) of each row: n is one number for all points of a test."""
    return [(np.array([f]), int(n), dof, np.array(rest)) for f, n, dof, *rest in rows]


@pytest.mark.parametrize(("f", "n_rows", "dof", "expected"), split_rows(TAILS_OF_F))
def test_p_and_z_have_the_tail_of_f(f: Floats, n_rows: int, dof: float, expected: Floats) -> None:
    p, z = expected
    np.testing.assert_allclose(p_from_f(f, n_rows, dof), p, rtol=ROUNDING_OF_F)
    np.testing.assert_allclose(z_from_f(f, n_rows, dof), z, rtol=ROUNDING_OF_F)


@pytest.mark.parametrize(("f", "n_rows", "dof", "z"), split_rows(BEYOND_P_OF_F))
def test_z_from_f_where_p_underflows(f: Floats, n_rows: int, dof: float, z: Floats) -> None:
    np.testing.assert_allclose(z_from_f(f, n_rows, dof), z, rtol=ROUNDING_OF_F)


@pytest.mark.parametrize("n_rows", [1, 2, 7, 40])
@pytest.mark.parametrize("dof", [1.0, 2.5, 30.0, 1e3, 1e6, np.inf])
def test_p_of_f_agrees_with_scipy(n_rows: int, dof: float) -> None:
    f = np.logspace(-3, 1.5, 60)
    expected = stats.chi2.sf(n_rows * f, n_rows) if np.isinf(dof) else stats.f.sf(f, n_rows, dof)
    np.testing.assert_allclose(p_from_f(f, n_rows, dof), expected, rtol=2e-9)  # scipy's own error at dof = 1e6


@pytest.mark.parametrize("dof", [1.0, 4.5, 30.0, 1e4, np.inf])
def test_one_row_is_t_squared(dof: float) -> None:
    """P(F > t^2) with one row is the two-sided p of t."""
    t = np.array([0.01, 0.5, 1, 3, 8, 30])
    np.testing.assert_allclose(p_from_f(t**2, 1, dof), p_from_t(t, dof, "two-sided"), rtol=ROUNDING_OF_F)
    np.testing.assert_array_equal(p_from_t(t[:3], np.inf, "less"), stats.norm.cdf(t[:3]))


@pytest.mark.parametrize("t", [38.0, 50.0, 1e3])
def test_t_with_infinite_dof_is_normal(t: float) -> None:
    """Also where p underflows."""
    np.testing.assert_allclose(z_from_t(np.array([-t, t]), np.inf), [-t, t], rtol=ROUNDING_OF_F)


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


def test_one_dof_per_point_of_f() -> None:
    f, dof = np.array([2.0, 2.0, 7.0]), np.array([3.0, np.inf, 8.0])
    tails = [stats.f.sf(2, 3, 3), stats.chi2.sf(6, 3), stats.f.sf(7, 3, 8)]
    np.testing.assert_allclose(p_from_f(f, 3, dof), tails, rtol=ROUNDING_OF_F)
    np.testing.assert_allclose(z_from_f(f, 3, dof), stats.norm.isf(tails), rtol=ROUNDING_OF_F)


@pytest.mark.parametrize("function", [p_from_f, z_from_f])
def test_arguments_of_f_are_not_changed(function: Callable[[Floats, int, Floats], Floats]) -> None:
    f, dof = np.array([0.1, np.nan, 1e200]), np.array([1.0, 2.0, 30.0])
    function(f, 2, dof)
    np.testing.assert_array_equal(f, [0.1, np.nan, 1e200])
    np.testing.assert_array_equal(dof, [1.0, 2.0, 30.0])
