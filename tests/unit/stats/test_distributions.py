import numpy as np
import pytest
from scipy import stats

from bids_ari.stats.choices import ALTERNATIVES, Alternative
from bids_ari.stats.distributions import p_from_t, p_from_z, z_from_t

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
    for answer in (p_from_t(values, 10.0, alternative), p_from_z(values, alternative), z_from_t(values, 10.0)):
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
