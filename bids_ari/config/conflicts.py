"""Combinations of options that are not accepted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bids_ari.config.families import FAMILIES
from bids_ari.config.table import changed

if TYPE_CHECKING:
    from bids_ari.config.options import Options

Conflict = tuple[object, str, str]
"""Whether the combination occurs, the message and the hint."""


def conflicts(options: "Options") -> Iterator[Conflict]:
    """Yield every combination that is not accepted."""
    yield from _model_conflicts(options)
    yield from _permutation_conflicts(options)


def _model_conflicts(options: "Options") -> Iterator[Conflict]:
    """Yield combinations of options of the data and the group model."""
    estimator = f"--estimator {options.estimator}"
    yield options.mask_threshold and not options.mask, "mask-threshold requires a mask", "Add --mask FILE"
    yield options.roi_threshold and not options.roi, "roi-threshold requires regions", "Add --roi FILE"
    yield options.atlas_labels and not options.atlas, "atlas-labels requires an atlas", "Add --atlas FILE"
    yield options.model and options.formula != "1", "Both formula and model are set", "Use one of them"
    yield options.model and options.test, "Both test and model are set", "The Stats Model defines the tests"
    yield options.node and not options.model, "node requires a Stats Model", "Add --model JSON"
    yield (
        options.is_weighted and options.variance == "unequal",
        f"Unequal variances cannot be combined with {estimator}",
        "Its weights come from the first level; mixed also estimates the variance between subjects",
    )
    yield (
        options.is_weighted and options.smoothing,
        f"Smoothing cannot be combined with {estimator}",
        "Smoothing changes the variance of an effect: smooth the data before the first level",
    )


def _permutation_conflicts(options: "Options") -> Iterator[Conflict]:
    """Yield combinations that are not accepted with a method, or without the method that an option belongs to."""
    family = FAMILIES[options.family]
    with_delta = " or ".join(each.name for each in FAMILIES.values() if each.has_delta)
    learned = " or ".join(each.name for each in FAMILIES.values() if each.is_learned)
    for each in changed(options):
        method, is_meant = each.method, each.of(options) != each.default_0_1_0
        yield method and is_meant and method not in options.method, f"{each.flag} requires --method {method}", "Add it"
    yield (
        options.is_permuted and options.is_weighted,
        f"Permutations cannot be combined with --estimator {options.estimator}",
        "Its weights would have to be estimated for each permutation: use --estimator ols",
    )
    yield (
        options.variance == "unequal" and options.shuffle in ("permute", "both"),
        f"--shuffle {options.shuffle} cannot be combined with unequal variances",
        "Subjects of groups with different variances are not exchangeable: use --shuffle flip, or --variance equal",
    )
    yield (
        options.is_permuted and options.min_effect,
        "Permutations cannot be combined with --min-effect",
        "Flips and permutations are exact about one value of the effect, not about an interval: use --method simes",
    )
    yield (
        options.joint and options.step_down,
        "Both joint and step-down are set",
        "The points that step-down excludes depend on the bounds of all results: remove one of the two",
    )
    yield options.delta and not family.has_delta, f"delta requires --family {with_delta}", "Remove --delta"
    for flag, value in (("template", options.template), ("save-template", options.save_template)):
        problem = f"{flag} requires --family {learned}"
        yield value and not family.is_learned, problem, f"Use it, or remove --{flag}"
    yield (
        options.template and options.save_template,
        "Both template and save-template are set",
        "No template is learned where one is set",
    )
