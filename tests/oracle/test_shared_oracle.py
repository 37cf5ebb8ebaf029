"""Results of R hommel 1.8, of the C++ of ARIbrain 0.9 (with sorted p) and of brute force, case by case."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders_stats import CONNECTIVITIES, adjacency, as_sets, by_label, concentration_set, members
from oracle_case import NAME_IN_R, OracleCase

from bids_ari.stats.bounds import Bound
from bids_ari.stats.choices import LOCAL_TESTS, LocalTest
from bids_ari.stats.closed_testing import adjusted_p, hommel_bound, local_scales
from bids_ari.stats.forest import grow_forest

CASES = (
    "sim_2e3",
    "sim_2e4",
    "motor_onesided",
    "motor_twosided",
    "all_null",
    "all_p_zero",
    "mixed_p_zero",
    "ties",
    "m1_small",
    "m1_large",
    "tiny_m8",
    "scattered_mask",
    "nan_inside",
    "boundary_simes_line",
    "boundary_exact",
    "float32",
    "diagonal_conn",
    "ramp",
    "salt_pepper",
)
"""The list in the README of the oracle."""

OTHER_FILES = {"bruteforce_closed_testing", "pari_small", "surfaces"}

every_local_test = pytest.mark.parametrize("local_test", LOCAL_TESTS)
every_connectivity = pytest.mark.parametrize("connectivity", CONNECTIVITIES)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, read_case: Callable[[str], OracleCase]) -> OracleCase:
    return read_case(request.param)


def trusted(case: OracleCase, local_test: LocalTest) -> Iterator[tuple[dict[str, Any], Bound]]:
    """Yield the result of R and the bound, for each alpha where R has the exact h in spite of rounding at ties."""
    for result, h, bound in case.answers(local_test):
        if result["h"] != h:
            assert (case.name, local_test) == ("boundary_simes_line", "simes")  # the only one known
            pytest.skip(f"R rounds at exact ties: its h is {result['h']}, in fractions it is {h}")
        yield result, bound


def test_case_grid_is_complete(shared: Path) -> None:
    arrays = {file.stem for file in shared.glob("*.npz")}
    facts = {file.stem for file in shared.glob("*.json")}
    assert arrays == {*CASES, "pari_small"}
    assert facts == {*CASES, *OTHER_FILES}


def test_every_case_has_all_results(case: OracleCase) -> None:
    alphas = case.arrays["alphas"].tolist()
    for name in NAME_IN_R.values():
        assert [result["alpha"] for result in case.facts[name]] == alphas
    exact = [query for query in case.facts["adaptive"] if query["variant"] == "exact"]
    # ARIbrain was run at every alpha in small cases, in the two largest at .05 only.
    expected = [0.05] if case.name in ("motor_onesided", "sim_2e4") else alphas
    assert [(q["conn"], q["alpha"]) for q in exact] == [(c, a) for c in CONNECTIVITIES for a in expected]
    gammas = case.arrays["gammas"].tolist()
    assert all("error" in q or [g["gamma"] for g in q["queries"]] == gammas for q in exact)


@every_local_test
def test_h(case: OracleCase, local_test: LocalTest) -> None:
    for _, h, bound in case.answers(local_test):
        assert bound.h == h
        assert bound.whole == bound.n_points - h


@every_local_test
def test_h_at_other_alphas(case: OracleCase, local_test: LocalTest) -> None:
    """h(alpha) = #{jumpalpha > alpha}, the alphas at which h jumps, from R hommel."""
    jumps = case.arrays[f"jumpalpha_{NAME_IN_R[local_test]}"]
    for alpha in (0.001, 0.003, 0.02, 0.07, 0.13, 0.3, 0.6):
        if np.abs(jumps - alpha).min() > 1e-12:  # R divides: closer, rounding decides
            assert hommel_bound(case.p, alpha, local_test).h == (jumps > alpha).sum()


@every_local_test
def test_single_points(case: OracleCase, local_test: LocalTest) -> None:
    """A single point is a discovery (its category is 1) when its adjusted p is at most alpha."""
    adjusted = case.arrays[f"adjusted_{NAME_IN_R[local_test]}"]
    for _, bound in trusted(case, local_test):
        clear = np.abs(adjusted - bound.alpha) > 1e-12  # R divides: closer, rounding decides
        np.testing.assert_array_equal(bound.category[clear] == 1, adjusted[clear] <= bound.alpha)


@every_local_test
def test_adjusted_p(case: OracleCase, local_test: LocalTest) -> None:
    expected = case.arrays[f"adjusted_{NAME_IN_R[local_test]}"]
    # both sides divide and multiply a few times, R in another order, and sums 1 + 1/2 + ... over all sizes
    np.testing.assert_allclose(adjusted_p(case.p, local_test), expected, rtol=1e-12)


def test_adjusted_p_of_sets(case: OracleCase) -> None:
    """The smallest alpha at which a set contains a discovery."""
    for result in case.facts["simes"]:
        expected = np.atleast_1d(result["set_localtest"])  # of a single set R wrote a number, not a list
        for points, adjusted in zip(case.sets, expected, strict=False):
            below, above = adjusted * (1 - 1e-11), max(adjusted * (1 + 1e-11), 1e-300)  # written with 15 digits
            assert not 0 < below < 1 or hommel_bound(case.p, below).tdn(points) == 0
            assert above >= 1 or hommel_bound(case.p, above).tdn(points) > 0


@every_local_test
def test_tdn_of_clusters(case: OracleCase, local_test: LocalTest) -> None:
    for result, bound in trusted(case, local_test):
        for index, _, _, labels in case.label_maps:
            clusters = by_label(labels)
            assert sorted(clusters) == list(range(1, len(result["cluster_d"][index]) + 1))
            found = [bound.tdn(np.array(sorted(clusters[label]))) for label in sorted(clusters)]
            assert found == result["cluster_d"][index]


@every_local_test
def test_tdn_of_sets(case: OracleCase, local_test: LocalTest) -> None:
    for result, bound in trusted(case, local_test):
        assert [bound.tdn(points) for points in case.sets] == result["set_d"]


@every_local_test
def test_concentration_set(case: OracleCase, local_test: LocalTest) -> None:
    """TDN(S) = TDN(S within the concentration set)."""
    for result, bound in trusted(case, local_test):
        assert bound.h is not None
        core = concentration_set(case.p, bound.alpha, bound.h, local_scales(bound.n_points, local_test)[bound.h])
        assert core.size == result["conc_z"]
        if core.size:
            assert case.p[core].max() == pytest.approx(result["conc_p"], rel=1e-12)  # written with 15 digits
        assert [bound.tdn(np.intersect1d(points, core)) for points in case.sets] == result["set_d"]


@every_local_test
@every_connectivity
def test_clusters_at_thresholds(case: OracleCase, connectivity: int, local_test: LocalTest) -> None:
    neighbours = adjacency(case.inside, connectivity)
    for result, bound in trusted(case, local_test):
        forest = grow_forest(case.statistic, neighbours, bound)
        for index, connectivity_of_map, threshold, labels in case.label_maps:
            if connectivity_of_map == connectivity:
                tdn = dict(enumerate(result["cluster_d"][index], start=1))
                expected = {points: tdn[label] for label, points in by_label(labels).items()}
                assert as_sets(forest.at_threshold(threshold)) == expected


@every_connectivity
def test_maximal_clusters(case: OracleCase, connectivity: int) -> None:
    """The largest clusters with TDP >= gamma, as by ARIbrain with sorted p."""
    neighbours = adjacency(case.inside, connectivity)
    bounds = {bound.alpha: bound for _, bound in trusted(case, "simes")}
    for result in case.facts["adaptive"]:
        if (result["variant"], result["conn"]) != ("exact", connectivity):
            continue
        alpha = result["alpha"]
        forest = grow_forest(case.statistic, neighbours, bounds[alpha])
        if "error" in result:  # ARIbrain stops where there is no discovery at all
            assert forest.with_tdp(1e-9) == ()
            continue
        for query in result["queries"]:
            clusters = forest.with_tdp(query["gamma"])
            labels = case.arrays[f"adaptive_exact_c{connectivity}_a{alpha}_g{query['gamma']}"]
            tdn = dict(enumerate(query["d_exact"], start=1))
            assert [cluster.size for cluster in clusters] == query["sizes"]
            assert as_sets(clusters) == {points: tdn[label] for label, points in by_label(labels).items()}


def test_all_p_on_the_simes_line(read_case: Callable[[str], OracleCase]) -> None:
    """p_(i) = i * alpha / m: every set is rejected (equality rejects), so h = 0 and TDN(S) = |S|."""
    case = read_case("boundary_simes_line")
    ((result, h, bound),) = case.answers("simes")
    assert (result["h"], h) == (101, 0)
    assert [bound.tdn(points) for points in case.sets] == [points.size for points in case.sets]
    for connectivity in CONNECTIVITIES:
        forest = grow_forest(case.statistic, adjacency(case.inside, connectivity), bound)
        assert [(cluster.size, cluster.tdn) for cluster in forest.with_tdp(1.0)] == [(200, 200)]


def test_nan_in_the_mask(read_case: Callable[[str], OracleCase]) -> None:
    """Voxels without p are not counted in m: 1859 in the mask, 5 of them NaN."""
    case = read_case("nan_inside")
    assert case.arrays["mask"].sum() == 1859
    assert hommel_bound(case.p).n_points == 1854
    with pytest.raises(ValueError, match="NaN"):
        hommel_bound(case.arrays["p"][case.arrays["mask"]])


@every_local_test
def test_literal_closed_testing(shared: Path, local_test: LocalTest) -> None:
    """All 2^m sets of 400 p vectors, from all their supersets."""
    cases = json.loads((shared / "bruteforce_closed_testing.json").read_text())
    assert len(cases) == 400
    for number, case in enumerate(cases):
        p, truth = np.array(case["p"]), case[NAME_IN_R[local_test]]
        bound = hommel_bound(p, case["alpha"], local_test)
        tdn = [bound.tdn(np.array(members(subset), dtype=int)) for subset in range(2**p.size)]
        assert (number, bound.h, tdn) == (number, truth["h"], truth["d"])


def test_golden_numbers(read_case: Callable[[str], OracleCase]) -> None:
    """motor_onesided at alpha = .05, from R hommel and ARIbrain."""
    case = read_case("motor_onesided")
    bound = hommel_bound(case.p, alpha=0.05)
    assert bound.h is not None
    core = concentration_set(case.p, 0.05, bound.h, float(bound.h))
    assert (bound.n_points, bound.h, core.size, bound.whole) == (45448, 43404, 2246, 2044)
    forest = grow_forest(case.statistic, adjacency(case.inside, 18), bound)
    assert {gamma: [c.size for c in forest.with_tdp(gamma)] for gamma in (0.3, 0.5, 0.7, 0.9)} == {
        0.3: [5290, 745],
        0.5: [3486, 482],
        0.7: [2490, 342],
        0.9: [1542, 290, 266],
    }
