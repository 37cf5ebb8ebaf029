"""The statistic of a map: decided from what the user and the image say, and compared with the values."""

import math

import numpy as np
import pytest

from bids_ari.errors import DataError, UsageError
from bids_ari.images.claims import EFFECT, Claim, P
from bids_ari.images.statistic import (
    Given,
    Kind,
    Statistic,
    check_values,
    decide,
    smallest_z,
    threshold_of,
    what_lacks,
)
from bids_ari.stats.distributions import FloatArray

T19, F = Claim("t", "its description", (19.0,)), Claim("F", "its description", (2.0, 18.5))
T, Z = Claim("t", "its name"), Claim("z", "its name")


class TestDecide:
    @pytest.mark.parametrize(
        ("claims", "given", "kind", "dof", "n_rows"),
        [
            ([], Given(), "z", math.inf, 0),
            ([], Given(dof=19), "t", 19, 0),
            ([], Given("t", 19), "t", 19, 0),
            ([Z], Given(), "z", math.inf, 0),
            ([T19], Given(), "t", 19, 0),
            ([T19], Given(dof=19), "t", 19, 0),
            ([T19], Given(dof=18.97), "t", 18.97, 0),
            ([T19, T], Given(), "t", 19, 0),
            ([T], Given(dof=7.5), "t", 7.5, 0),
            ([F], Given(), "F", 18.5, 2),
            ([T19], Given("z"), "z", math.inf, 0),
            ([Claim(EFFECT, "its name")], Given("z"), "z", math.inf, 0),
            ([Z], Given("t", 19), "t", 19, 0),
        ],
    )
    def test_what_it_is(self, claims: list[Claim], given: Given, kind: Kind, dof: float, n_rows: float) -> None:
        found = decide("map", claims, given)
        assert (found.kind, found.dof, found.n_rows) == (kind, dof, n_rows)

    @pytest.mark.parametrize(
        ("claims", "given", "words"),
        [
            ([T19], Given(dof=24), "--dof is 24, but map has 19 by its description"),
            ([Z], Given(dof=24), "--dof is 24, but map contains z statistics by its name"),
            ([F], Given(dof=18.5), "F statistics"),
            ([], Given("z", 24), "--dof is 24, but --stat z"),
            ([T19], Given("t", 24), "map has 19"),
            ([], Given(dof=0), "dof is 0"),
            ([], Given(dof=math.inf), "dof is inf"),
            ([], Given("r"), "stat is 'r'"),  # type: ignore[arg-type]
        ],
    )
    def test_what_the_user_states_must_agree(self, claims: list[Claim], given: Given, words: str) -> None:
        with pytest.raises(UsageError, match=words):
            decide("map", claims, given)

    @pytest.mark.parametrize(
        ("claims", "given", "words"),
        [
            ([T], Given(), r"map contains t statistics by its name, but no degrees of freedom.*--dof"),
            ([], Given("t"), "no degrees of freedom"),
            ([Claim("F", "its name")], Given(), "set_intent"),
            ([Claim(EFFECT, "its name, con_0001")], Given(), "map contains effects: its name, con_0001.*--stat"),
            ([Claim(EFFECT, "its name")], Given(dof=19), "effects"),
            ([Claim(P, "its name"), T19], Given(), "p-values"),
            ([T19, Z], Given(), r"t statistics by its description, but z statistics by its name.*--stat t or --stat z"),
            ([T19, Claim("t", "the sidecar", (20.0,))], Given(), "19 degrees of freedom by its description, but 20"),
        ],
    )
    def test_maps_that_are_refused(self, claims: list[Claim], given: Given, words: str) -> None:
        with pytest.raises(DataError, match=words):
            decide("map", claims, given)

    def test_notes_name_what_was_not_followed_and_what_was_assumed(self) -> None:
        (note,) = decide("map", [T19], Given("z")).notes
        assert "its description says t statistics" in note
        (note,) = decide("map", [], Given()).notes
        assert "Read as z" in note
        assert decide("map", [T19], Given()).notes == decide("map", [], Given(dof=3)).notes == ()

    def test_the_z_of_an_f_test(self) -> None:
        assert decide("map", [Claim("z", "its intent"), Claim("z", "its name", is_z_of_f=True)]).is_z_of_f
        assert decide("map", [Z], Given("z", is_z_of_f=True)).is_z_of_f


def check(values: FloatArray, **fields: object) -> list[str]:
    return list(check_values("map", Statistic(**fields), values))  # type: ignore[arg-type]


class TestValues:
    @pytest.fixture
    def z(self, rng: np.random.Generator) -> FloatArray:
        return rng.normal(size=200)

    def test_statistics_have_no_note(self, z: FloatArray) -> None:
        assert check(z) == check(z, kind="t", dof=10.0) == []
        assert check(z[:99] / 100) == []  # too few for conclusions

    def test_infinite_values_are_counted(self, z: FloatArray) -> None:
        z[:3] = np.inf, -np.inf, np.inf
        (note,) = check(z)
        assert note.startswith("3 voxels with an infinite z")

    def test_p_values_and_effects_are_refused_unless_stated(self, z: FloatArray, rng: np.random.Generator) -> None:
        """Of 200 z, none is beyond 1 with a probability of .68^200 = 1e-33."""
        for values, words in ((rng.uniform(size=200), "p-values"), (z / 100, "effects or correlations")):
            with pytest.raises(DataError, match=words):
                check(values, is_known=True)
            (note,) = check(values, is_known=True, is_stated=True)
            assert "unusual for z" in note

    def test_effects_in_the_units_of_a_scanner(self, z: FloatArray) -> None:
        with pytest.raises(DataError, match=r"as of effects.*--stat z"):
            check(50 * z)
        (note,) = check(50 * z, is_known=True)
        assert "unusual for z" in note
        assert check(50 * z, kind="t", dof=3.0) == []

    def test_labels(self, rng: np.random.Generator) -> None:
        labels = rng.integers(0, 90, 200).astype(float) // 3
        with pytest.raises(DataError, match="labels or counts"):
            check(labels)
        assert check(labels - 10) == []


class TestThreshold:
    def test_the_smallest_z_other_than_zero(self) -> None:
        assert smallest_z(Statistic(), np.array([0.0, -2.0, 3.0, np.nan, np.inf])) == 2.0
        assert math.isnan(smallest_z(Statistic(), np.array([0.0, np.inf])))

    def test_of_t_and_f_it_has_the_same_tail(self) -> None:
        """P(T > 2) with 15 degrees of freedom is P(Z > 1.8526); P(F > 4) with 1 and 15 is twice that, P(Z > 1.5225)."""
        assert smallest_z(Statistic("t", 15.0), np.array([-2.0, 5.0])) == pytest.approx(1.8526, abs=1e-4)
        assert smallest_z(Statistic("F", 15.0, 1.0), np.array([4.0, 9.0])) == pytest.approx(1.5225, abs=1e-4)
        assert smallest_z(Statistic("F", 15.0, 2.0), np.array([0.01, 9.0])) < 0

    @pytest.mark.parametrize(
        ("smallest", "said_by", "expected"),
        [
            (2.3, "", "no value between 0 and |z| = 2.3"),
            (1.0, "", ""),
            (0.5, "its name", "its name; no value between 0 and |z| = 0.5"),
            (0.05, "its name", ""),
            (0.5, "", ""),
        ],
    )
    def test_by_the_smallest_value(self, smallest: float, said_by: str, expected: str) -> None:
        values = np.array([-4.0, -smallest, 0.0, 3.0])
        assert threshold_of(Statistic(thresholded_by=said_by), values) == expected

    def test_maps_without_negative_values(self, rng: np.random.Generator) -> None:
        """Without the negative half, m is half as large, so that every bound would be too high."""
        positive = np.abs(rng.normal(size=200))
        assert "negative" in what_lacks(Statistic(), positive)
        assert "negative" in what_lacks(Statistic("t", 19.0), positive)
        for statistic in (Statistic("F", 10.0, 2.0), Statistic(is_z_of_f=True)):
            assert what_lacks(statistic, positive) == ""
        assert what_lacks(Statistic(), positive[:99]) == ""
