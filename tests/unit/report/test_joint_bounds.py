"""What the index shows of results that hold together, from the summaries in records."""

from typing import Any

from bids_ari.report.joint_bounds import MOST_ROWS, joint_families


def summary(contrast: str, tdn: int, region: Any, family: str = "f", **more: Any) -> dict[str, Any]:
    return {
        "Contrast": contrast,
        "Test": "mean",
        "Alternative": "greater",
        "Method": "simes",
        "Alpha": 0.05,
        "NumberOfVoxels": 100,
        "TrueDiscoveryNumber": tdn,
        "Joint": {"Family": family, "NumberOfResults": 3},
        "Regions": {"atlas": {"S": region}},
        **more,
    }


def test_tdn_is_added_up_over_contrasts() -> None:
    (family,) = joint_families([summary("a", 12, [5, 20]), summary("b", 0, [0, 20]), summary("c", 3, [1, 18])])
    assert (family["alpha"], family["n_listed"], family["n_results"]) == (0.05, 3, 3)
    sums = {(each["set"], each["region"]): each for each in family["sums"]}
    whole, region = sums["", "all points tested"], sums["atlas", "S"]
    assert (whole["tdn"], whole["size"], whole["n_active"], whole["n_contrasts"]) == (15, 300, 2, 3)
    assert (region["tdn"], region["size"], region["n_active"], region["n_contrasts"]) == (6, 58, 2, 3)


def test_alternatives_and_families_are_not_mixed() -> None:
    other = summary("a", 4, [1, 20], Alternative="less")
    apart = summary("a", 4, [1, 20], family="g")
    families = joint_families([summary("a", 12, [5, 20]), other, apart, {"Contrast": "not joint"}])
    assert [family["n_listed"] for family in families] == [2, 1]
    assert [family["sums"] for family in families] == [[], []]  # one contrast each


def test_sums_that_are_not_listed_are_counted_by_their_tdn() -> None:
    regions = {"atlas": {str(i): [int(i > 3), 5] for i in range(MOST_ROWS + 10)}}
    (family,) = joint_families([summary("a", 12, [5, 20], Regions=regions), summary("b", 0, [0, 20], Regions=regions)])
    assert (len(family["sums"]), family["n_unlisted"], family["n_zero"]) == (MOST_ROWS, 7, 4)  # and the whole


def test_damaged_records() -> None:
    wrong: tuple[Any, ...] = (None, [1], ["a", 3], [5, 2], [-1, 3], [True, 3], {"x": 1})
    members = [summary("a", 1, each) for each in wrong]
    (family,) = joint_families([*members, summary("b", 1, [1, 9], Alpha="high", Regions=3)])
    assert {each["region"] for each in family["sums"]} == {"all points tested"}
    assert joint_families([{"Joint": {"Family": 3}}, {"Joint": []}, {}]) == []
