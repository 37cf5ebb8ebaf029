"""Bounds of each sign in results: of each method, in tables, and where there are none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import brain, write_map

from bids_ari.analysis.analyse import analyse
from bids_ari.analysis.joint import Joint
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.discover import discover
from bids_ari.config.options import Options
from bids_ari.images.regions import Region, RegionSet
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.direction import single_step_directions
from bids_ari.stats.distributions import p_from_t

METHODS = ("simes", "hommel", "permutation")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve subjects with a positive blob and a negative one beside it."""
    root, rng = tmp_path_factory.mktemp("first-level"), np.random.default_rng(7)
    for i in range(12):
        data = brain(rng, signal=3)
        data[6:9, 4:7, 5:8] -= 4
        write_map(root, f"{i:02d}", data)
    return root


@pytest.fixture(scope="module")
def results(dataset: Path) -> dict[str, ContrastResult]:
    options = Options(alternative=("two-sided",), method=METHODS, family="simes", n_permutations=200, threshold=(2, 3))
    return {result.method: result for result in analyse(discover(dataset)[0], options)}


def only(dataset: Path, **options: object) -> ContrastResult:
    (result,) = analyse(discover(dataset)[0], Options(**options))  # type: ignore[arg-type]
    return result


@pytest.mark.parametrize("method", METHODS)
def test_tables_have_the_bounds_of_each_sign(results: dict[str, ContrastResult], method: str) -> None:
    result = results[method]
    assert result.directions is not None
    table, clusters = result.table(threshold=2), result.clusters[2]
    columns = [*table.columns]
    assert columns[columns.index("tdp") + 1 :][:2] == ["tdn_positive", "tdn_negative"]
    for bound, column in zip(result.directions, ("tdn_positive", "tdn_negative"), strict=True):
        assert table[column].tolist() == [bound.tdn(cluster.points) for cluster in clusters]
        assert table[column].dtype == table["tdn"].dtype
    is_positive = table["peak_stat"] > 0  # clusters have one sign
    assert (table["tdn_negative"][is_positive] == 0).all()
    assert (table["tdn_positive"][~is_positive] == 0).all()
    assert (table["tdn_positive"] + table["tdn_negative"] <= table["tdn"]).all()
    assert table["tdn_positive"].any()
    assert table["tdn_negative"].any()
    assert "tdn_positive" in result.table(tdp=0.5)
    everything = np.arange(result.space.n_points, dtype=np.int32)
    regions = RegionSet("x", "x", (Region(1, "all", everything), Region(2, "none", everything[:0])))
    row, empty = result.region_table(regions).to_dict("records")
    assert (row["tdn_positive"], row["tdn_negative"]) == tuple(bound.whole for bound in result.directions)
    assert (empty["tdn_positive"], empty["tdn_negative"]) == (0, 0)


def test_closed_testing_uses_one_sided_p_at_half_the_level(results: dict[str, ContrastResult]) -> None:
    for method in ("simes", "hommel"):
        result = results[method]
        assert result.directions is not None
        assert result.glm.t is not None
        for bound, side in zip(result.directions, ("greater", "less"), strict=True):
            expected = hommel_bound(p_from_t(result.glm.t, 11.0, side), 0.025, method)  # type: ignore[arg-type]
            assert bound.h == expected.h
            near = (result.glm.t > 0) == (side == "greater")  # of the others, p is only known as 1 - p
            np.testing.assert_array_equal(bound.category[near], expected.category[near])
            np.testing.assert_allclose(bound.category, expected.category, atol=1)


def test_permutation_takes_the_points_of_each_sign(results: dict[str, ContrastResult]) -> None:
    result = results["permutation"]
    assert result.directions is not None
    points = np.flatnonzero(np.abs(result.glm.z) > 2)
    positive = points[result.glm.z[points] > 0]
    assert result.directions.positive.tdn(points) == result.bound.tdn(positive) > 0


def test_signs_refer_to_the_minimum_effect(dataset: Path) -> None:
    """Beyond .5: the one-sided tests are of effect <= .5 and of effect >= -.5."""
    result = only(dataset, alternative=("two-sided",), min_effect=0.5)
    glm = result.glm
    assert result.directions is not None
    assert glm.effect is not None
    assert glm.variance is not None
    error = np.sqrt(glm.variance)
    for bound, distance in zip(result.directions, (glm.effect - 0.5, -glm.effect - 0.5), strict=True):
        expected = hommel_bound(p_from_t(distance / error, 11.0, "greater"), 0.025)
        np.testing.assert_array_equal(bound.category, expected.category)
        assert bound.whole


def test_joint_results_of_closed_testing_count_all_null_hypotheses(results: dict[str, ContrastResult]) -> None:
    """Of two results with as many points: p is compared with k * alpha / (2 m), and the sign is included."""
    result = results["simes"]
    m = result.space.n_points
    joint = replace(result, joint=Joint(2, 2, 2 * m, 0.05, "x"))
    expected = single_step_directions(result.p, result.glm.z, 2 * m, 0.05, "simes")
    assert joint.directions is not None
    for found, bound in zip(joint.directions, expected, strict=True):
        np.testing.assert_array_equal(found.category, bound.category)
        assert found.whole


def test_one_sided_and_f_tests_have_none(dataset: Path) -> None:
    result = only(dataset, alternative=("greater",))
    assert result.directions is None
    assert "tdn_positive" not in result.table(threshold=3)
    assert replace(result, glm=replace(result.glm, is_z_of_f=True)).directions is None


def test_step_down_that_excludes_points_has_none(dataset: Path) -> None:
    options = {"method": ("permutation",), "family": "simes", "n_permutations": 200, "step_down": True}
    result = only(dataset, alternative=("two-sided",), **options)
    assert result.calibrated is not None
    assert result.calibrated.n_excluded
    assert result.directions is None
    assert "tdn_positive" not in result.table(threshold=3)
