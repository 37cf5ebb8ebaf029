"""The warning about errors that are not normal: of which methods, and what to do."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from bids_ari.analysis.group_model import fit
from bids_ari.analysis.normality import notes_on_normality
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.images.stack import Stack
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.stats.normality import Normality

NORMAL = Normality(512, (-0.4, 1.2), (0.0, 0.9), (-0.4, 1.2), (0.0, 0.9), 0.1, 0.3)
HEAVY = replace(NORMAL, kurtosis=(0.8, 5.0))
SKEWED = replace(NORMAL, skewness=(0.7, 1.5))
BOTH = ("simes", "permutation")


MEAN = Design(tuple(map(str, range(20))), np.ones((20, 1)), ("intercept",), {"test": np.ones(1)})
GROUPS = replace(MEAN, matrix=np.repeat(np.eye(2), 10, axis=0), columns=("a", "b"), tests={"test": np.array([1.0, -1])})
FEW = replace(MEAN, subjects=MEAN.subjects[:10], matrix=np.ones((10, 1)))
UNSURE = replace(NORMAL, skewness=(0.25, 1.5))


@pytest.mark.parametrize(
    ("found", "design", "options", "words"),
    [
        (
            HEAVY,
            MEAN,
            {"method": ("simes",)},
            ("kurtosis of 0.80 (with normal errors at most 0.10)", "Compare with --method permutation"),
        ),
        (HEAVY, MEAN, {"method": BOTH}, ("1e-6", "Prefer the bounds by permutation")),
        (SKEWED, MEAN, {"method": BOTH}, ("skewness of 0.70", "Means below zero may be found")),
        (
            replace(SKEWED, skewness=(-0.7, 1.5)),
            MEAN,
            {"method": ("permutation",)},
            ("Means above zero may be found",),
        ),
        (SKEWED, GROUPS, {"method": ("simes",)}, ("1e-6", "Compare with --method permutation")),
        (SKEWED, GROUPS, {"method": BOTH}, ("Prefer the bounds by permutation",)),
        (SKEWED, GROUPS, {"method": ("permutation",), "shuffle": "flip"}, ("use --shuffle permute",)),
        (HEAVY, MEAN, {"method": ("simes",), "min_effect": 0.2}, ("--method hommel", "1e-6")),
    ],
)
def test_the_warning(found: Normality, design: Design, options: dict[str, Any], words: tuple[str, ...]) -> None:
    (note,) = notes_on_normality(found, design, "test", Options(**options))
    assert note.startswith("Normality of errors is doubtful")
    for part in words:
        assert part in note


def test_permutations_are_advised_only_where_they_are_accepted() -> None:
    for found, design in product((HEAVY, SKEWED), (MEAN, GROUPS)):
        (note,) = notes_on_normality(found, design, "test", Options(min_effect=0.2))
        assert "permutation" not in note


def test_several_maps_together_have_no_direction() -> None:
    (note,) = notes_on_normality(SKEWED, MEAN, "test", Options(), has_direction=False)
    assert "Means away from zero may be found" in note


def test_signs_of_groups_are_not_flipped_by_default() -> None:
    """Permutations of subjects do not need symmetric errors."""
    (note,) = notes_on_normality(SKEWED, GROUPS, "test", Options())
    assert "symmetric" not in note


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (UNSURE, "skewness of 0.25, which may be chance (normal errors: at most 0.30)"),
        (replace(UNSURE, skewness=(-0.25, 1.5)), "means above zero may be found"),
        (None, "cannot be seen"),
    ],
)
def test_few_subjects_whose_errors_may_be_skewed(found: Normality | None, words: str) -> None:
    (note,) = notes_on_normality(found, FEW, "test", Options())
    assert note.startswith("Only 10 subjects")
    assert words in note
    assert list(notes_on_normality(found, FEW, "test", Options(method=("hommel",)))) == []
    assert list(notes_on_normality(found, FEW, "test", Options(estimator="mixed"))) == []


@pytest.mark.parametrize(
    ("found", "design", "methods"),
    [
        (NORMAL, FEW, ("simes",)),
        (UNSURE, MEAN, ("simes",)),
        (None, replace(GROUPS, subjects=FEW.subjects, matrix=GROUPS.matrix[5:15]), ("simes",)),
        (NORMAL, MEAN, ("simes",)),
        (None, MEAN, ("simes",)),
        (HEAVY, MEAN, ("permutation",)),
        (SKEWED, GROUPS, ("permutation",)),
    ],
)
def test_no_warning(found: Normality | None, design: Design, methods: tuple[str, ...]) -> None:
    assert list(notes_on_normality(found, design, "test", Options(method=methods))) == []


def test_the_fit_of_a_group_model() -> None:
    """With t3 errors it has the warning; not of Welch's test, which has another variance in each group."""
    shape, n = (6, 6, 6), 20
    space = VolumeSpace(Grid(shape, np.eye(4)), np.ones(shape, dtype=bool))
    effects = np.random.default_rng(1).standard_t(3, size=(n, 216))
    names = tuple(f"{i:02d}" for i in range(n))
    groups = np.repeat(np.eye(2), n // 2, axis=0)
    design = Design(names, groups, ("a", "b"), {"difference": np.array([1.0, -1])}, groups=("a",) * 10 + ("b",) * 10)
    stack = Stack(effects, names, space, np.ones(shape))
    fitted = fit(stack, design, Options())
    assert fitted.normality is not None
    (note,) = notes_on_normality(fitted.normality, design, "difference", Options())
    assert "excess kurtosis" in note
    assert fit(stack, design, Options(variance="unequal")).normality is None
