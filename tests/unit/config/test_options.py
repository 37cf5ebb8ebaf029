"""Options: one form of each value; values and combinations that are not accepted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bids_ari.config.options import Options
from bids_ari.errors import UsageError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("alpha", value) for value in (0, 1, -0.05, 5, float("nan"), None, "much", [0.05, 0.1])],
        *[("coverage", value) for value in (0, 1.01, -1, float("nan"), None)],
        *[("smoothing", value) for value in (-1, float("inf"), float("nan"), "wide")],
        *[("connectivity", value) for value in (1, 2, 3, 8, 0, 18.5, "18", None, [18])],
        *[("method", value) for value in ("Simes", "bonferroni", "", None, [], ["simes", "other"])],
        *[("threshold", value) for value in ((), (-1,), (3, float("nan")), (float("inf"),), ("x",), None)],
        *[("alternative", value) for value in ((), ("up",), ("greater", "up"), "up", None, 1)],
        ("mask", 3),
        *[("surface", value) for value in (3, ["a", "b", "c"], "", [None])],
        *[("n_permutations", value) for value in (0, -1, 2.5, "many", 2**31, None)],
        *[("family", value) for value in ("aorc", "", None)],
        *[("delta", value) for value in (-1, 1.5, None)],
        *[("shuffle", value) for value in ("shuffle", "")],
        *[("random_seed", value) for value in (-1, 2**64, 0.5, None)],
    ],
)
def test_a_value_that_is_not_accepted_is_named(name: str, value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Options(**{name: value})
    assert caught.value.found.startswith(f"{name.replace('_', '-')} is ")
    assert repr(value) in caught.value.found
    assert caught.value.expected


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("threshold", (8, 1, 3, 3.0, 2.3), (1.0, 2.3, 3.0, 8.0)),
        ("threshold", 3.1, (3.1,)),
        ("threshold", np.array([4, 3]), (3.0, 4.0)),
        ("threshold", (0,), (0.0,)),
        ("alternative", ["less", "greater", "less"], ("less", "greater")),
        ("alternative", "two-sided", ("two-sided",)),
        ("method", "hommel", ("hommel",)),
        ("method", ["permutation", "simes", "permutation"], ("permutation", "simes")),
        ("mask", "mask.nii.gz", Path("mask.nii.gz")),
        ("surface", {"L": Path("a.gii"), "R": "b.gii"}, ("L=a.gii", "R=b.gii")),
        ("surface", Path("a.gii"), ("a.gii",)),
        ("coverage", 1, 1.0),
        ("smoothing", 0, 0.0),
        ("smoothing", None, None),
        ("connectivity", np.int64(26), 26),
        ("alpha", np.float32(0.5), 0.5),
    ],
)
def test_a_value_has_one_form(name: str, value: Any, kept: Any) -> None:
    found = getattr(Options(**{name: value}), name)
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"step_down": True}, "step-down requires --method permutation"),
        ({"family": "beta"}, "family requires --method permutation"),
        ({"random_seed": 3}, "random-seed requires --method permutation"),
        ({"blocks": "site", "method": ["simes", "hommel"]}, "blocks requires --method permutation"),
        ({"method": "permutation", "estimator": "mixed"}, "cannot be combined with --estimator mixed"),
        *(
            (
                {"method": "permutation", "variance": "unequal", "shuffle": shuffle},
                f"--shuffle {shuffle} cannot be combined",
            )
            for shuffle in ("permute", "both")
        ),
        ({"method": "permutation", "family": "beta", "delta": 2}, "delta requires --family combined or simes"),
        ({"method": "permutation", "family": "simes", "template": "t.npz"}, "template requires --family combined or"),
        ({"method": "permutation", "family": "beta", "save_template": True}, "save-template requires --family"),
        (
            {"method": "permutation", "family": "learned", "template": "t.npz", "save_template": True},
            "Both template and save-template",
        ),
    ],
    ids=str,
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        Options(**options)
    assert caught.value.hint


def test_minus_zero_is_zero() -> None:
    assert str(Options(threshold=(-0.0,)).threshold) == "(0.0,)"


def test_the_defaults_are_those_of_the_design() -> None:
    """They are those of the table of flags in the design."""
    options = Options()
    assert (options.mask, options.coverage, options.smoothing) == (None, 1.0, None)
    assert (options.alternative, options.alpha, options.threshold) == (("greater",), 0.05, (3.0, 4.0, 5.0))
    assert (options.connectivity, options.method, options.join_signs) == (18, ("simes",), False)


def test_numbers_that_would_share_a_file_name_are_refused() -> None:
    with pytest.raises(UsageError, match="differ in the first ten decimals"):
        Options(threshold=(3, 3 + 1e-12))


def test_a_threshold_may_be_a_number_of_numpy() -> None:
    assert Options(threshold=np.array(3.0)).threshold == Options(threshold=np.float32(3)).threshold == (3.0,)


@pytest.mark.parametrize(
    ("option", "value", "meant"),
    [
        ("tdp", (70,), "0.7"),
        ("tdp", (0.5, 90), "0.9"),
        ("alpha", 5, "0.05"),
        ("alpha", 0.95, "0.05"),
        ("alpha", 99, "0.01"),
        ("coverage", 90, "0.9"),
        ("mask_threshold", 50, "0.5"),
        ("roi_threshold", 50, "0.5"),
        ("threshold", 0.001, "3.09 (one-sided p = 0.001)"),  # the 0.999 quantile of the normal distribution is 3.0902
        ("threshold", (3.1, 0.05), "1.64 (one-sided p = 0.05)"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_with_the_one_that_may_be(option: str, value: Any, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        Options(**{option: value})
    assert caught.value.hint == f"Did you mean {meant}?"


@pytest.mark.parametrize(("option", "value"), [("tdp", (1,)), ("coverage", 1), ("threshold", (0, 0.1)), ("alpha", 0.5)])
def test_values_that_may_be_meant(option: str, value: Any) -> None:
    assert getattr(Options(**{option: value}), option) == value


@pytest.mark.parametrize(("option", "value"), [("tdp", (700,)), ("alpha", 0), ("threshold", (-1,)), ("coverage", -1)])
def test_values_without_a_guess(option: str, value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Options(**{option: value})
    assert "Did you mean" not in caught.value.hint


def test_the_family_of_files_of_0_1_0_is_accepted_without_permutations() -> None:
    """They contain all options, at their defaults then."""
    assert Options(method=("simes",), family="simes").family == "simes"  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="family requires --method permutation"):
        Options(method=("simes",), family="learned")  # type: ignore[arg-type]
