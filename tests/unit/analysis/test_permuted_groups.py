"""The note on permutations of groups of equal size whose variances differ."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bids_ari.analysis.variances import compare_variances, notes_on_permuted_groups
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.stats.equal_variance import chance_of_ratio

GROUP = np.repeat([0, 1], 10)
NAMES = tuple(f"{i:02d}" for i in range(20))
DESIGN = Design(
    NAMES, np.eye(2)[GROUP], ("a", "b"), {"difference": np.array([1.0, -1])}, groups=("a",) * 10 + ("b",) * 10
)


def residual(ratio: float, spread: float = 0.1) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Roots of mean squares of subjects, those of the first group with a variance that is larger by `ratio`."""
    found = np.exp(spread * np.tile(np.linspace(-1, 1, 10), 2)) * np.where(GROUP == 0, ratio**0.5, 1)
    return np.asarray(found / (found**2).mean() ** 0.5)


def notes(ratio: float, spread: float = 0.1, **options: Any) -> list[str]:
    chosen, values = Options(**{"method": ("permutation",), **options}), residual(ratio, spread)
    return [*notes_on_permuted_groups(compare_variances(DESIGN, values, chosen), values, DESIGN, chosen)]


def test_a_large_ratio() -> None:
    (note,) = notes(4)
    assert "the residual variance of a (n = 10) is 4 times that of b (n = 10)" in note
    assert "--variance unequal" in note


def test_several_differences_within_subjects_have_no_welch_test() -> None:
    design, options, values = replace(DESIGN, n_differences=2), Options(method=("permutation",)), residual(4)
    (note,) = notes_on_permuted_groups(compare_variances(design, values, options), values, design, options)
    assert "--variance unequal" not in note


@pytest.mark.parametrize(
    ("ratio", "options"),
    [
        (1.5, {}),
        (4, {"method": ("simes",)}),
        (4, {"variance": "unequal"}),
        (4, {"shuffle": "flip"}),
        (2.5, {"spread": 2}),
    ],
)
def test_no_note(ratio: float, options: dict[str, Any]) -> None:
    """Small ratios, other methods, and ratios that are due to a few subjects in either group."""
    assert notes(ratio, **options) == []


def test_no_note_where_the_larger_group_has_the_larger_variance() -> None:
    small = np.repeat([0, 1], [14, 6])
    design = replace(DESIGN, matrix=np.eye(2)[small], groups=("a",) * 14 + ("b",) * 6)
    values, chosen = np.where(small == 0, 2.0, 1.0) * np.linspace(0.99, 1.01, 20), Options(method=("permutation",))
    values /= (values**2).mean() ** 0.5
    assert not [*notes_on_permuted_groups(compare_variances(design, values, chosen), values, design, chosen)]


def test_the_chance_of_a_ratio_of_two_pairs() -> None:
    """Of variances 4, 4, 1 and 1, a third of the three ways to make two pairs has this ratio or a larger one."""
    assert chance_of_ratio(np.array([2.0, 2, 1, 1]), np.array([0, 0, 1, 1])) == pytest.approx(1 / 3, abs=0.05)
