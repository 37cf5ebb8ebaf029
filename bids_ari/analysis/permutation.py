"""The method ``permutation``: from the maps of subjects and their design to a calibrated bound."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bids_ari.analysis.calibrated import Calibrated, Exactness
from bids_ari.analysis.exchange import exchange_in_words, notes_on_blocks, why_nothing_changes
from bids_ari.analysis.methods import GroupData, Inferred
from bids_ari.analysis.template import Template, read_template
from bids_ari.analysis.values import extremeness
from bids_ari.config.families import FAMILIES, Family
from bids_ari.config.options import Options
from bids_ari.design.blocks import blocks_name
from bids_ari.design.design import Design
from bids_ari.errors import DataError, DesignError, counted, plural_of
from bids_ari.runtime.progress import step
from bids_ari.stats.calibration import calibrate_by_permutation, learn_combined, learn_template
from bids_ari.stats.choices import Alternative, Scheme
from bids_ari.stats.critical_vectors import Combined, CriticalVectors
from bids_ari.stats.familywise import FamilywiseErrors, familywise_errors
from bids_ari.stats.glm import GlmResult
from bids_ari.stats.null_model import NullModel, default_scheme, fit_null_model
from bids_ari.stats.resampling import Exchangeability, Resampling, make_resampling
from bids_ari.stats.welch_model import FEW_IN_GROUP, WelchModel, fit_welch_model


@dataclass(frozen=True, slots=True, eq=False)
class PermutationTest:
    """A test whose permutations are planned."""

    model: NullModel
    exchangeability: Exchangeability
    resampling: Resampling
    shuffle: Scheme
    family: Family
    vectors: CriticalVectors
    origin: str  # of a learned template

    def facts(self, options: Options, design: Design) -> dict[str, Any]:
        """Return the arguments of `Calibrated.of` that are known before the calibration."""
        return {
            "family": self.family,
            "permutations": self.resampling,
            "n_points": self.model.n_points,
            "delta": options.delta,
            "shuffle": self.shuffle,
            "blocks": blocks_name(options.blocks),
            "exchange": exchange_in_words(design, self.exchangeability),
            "exactness": _exactness(self.model, self.exchangeability),
            "template": self.origin,
        }

    def notes(self, design: Design) -> Iterator[str]:
        """Yield notes on the design that do not depend on the calibration."""
        yield from notes_on_blocks(design, self.exchangeability)
        if not isinstance(self.model, WelchModel) or self.model.n_groups == 1:
            return
        if (fewest := self.model.fewest_signs(self.exchangeability)) < FEW_IN_GROUP:
            signs = "blocks" if design.blocks else "subjects"
            yield (
                f"Sign flips with unequal variances and a group of {fewest} {signs}: below {FEW_IN_GROUP} their error "
                "may be above alpha (in simulations: up to .07 at alpha .05 with 5)"
            )

    def template(self, options: Options) -> Template | None:
        """Return the template of the family, if it is to be kept."""
        return Template.of(self.vectors) if options.save_template else None


def permute(glm: GlmResult, alternative: Alternative, options: Options, group: GroupData) -> Inferred:
    """Compute the bound of one test by permutations of its group model, restricted by its exchangeability blocks.

    Of `glm` only the name of the test is used, and z for clusters.

    Raises
    ------
    DesignError
        When the subjects of this design cannot be exchanged so that the test would change.
    DataError
        When subjects that would change places lack data in places, or a template does not fit.
    """
    test = plan_permutations(glm, alternative, options, group, resampling_of)
    model, n_threads = test.model, group.n_threads
    with step("calibration by permutation", "permutation"):
        found = calibrate_by_permutation(
            model, test.resampling, test.vectors, options.exact_alpha, step_down=options.step_down, n_threads=n_threads
        )
    p, design = model.observed_p(), group.design
    calibration = Calibrated.of(found, **test.facts(options, design), tdn_range=found.whole_range(p))
    notes = (*notes_of(calibration, options), *test.notes(design))
    familywise = familywise_of(test, glm, alternative, options, group)
    return Inferred(found.bound(p), calibration, test.template(options), familywise, notes)


Plan = Callable[[NullModel, Exchangeability, Options, GroupData], Resampling]
"""Chooses the permutations of a test."""


def plan_permutations(
    glm: GlmResult, alternative: Alternative, options: Options, group: GroupData, plan: Plan
) -> PermutationTest:
    """Fit the reduced model of a test, choose its permutations and make its family of critical vectors."""
    design = group.design
    weights, shuffle = design.tests[glm.test], scheme_of(glm.test, design, options)
    exchangeability = Exchangeability.of(len(design.subjects), shuffle, design.blocks or None)
    if shuffle != "flip":
        _check_complete(group, shuffle)
    model: NullModel
    with step("fitting the reduced model"):
        if options.variance == "unequal":
            model = fit_welch_model(group.maps[0], design.matrix, weights, alternative, exchangeability)
        else:
            model = fit_null_model(group.maps, design.matrix, weights, alternative, exchangeability)
    with step("choosing permutations"):
        resampling = plan(model, exchangeability, options, group)
    family = _family(resampling, options)
    vectors, origin = _vectors(model, resampling, family, options, group)
    return PermutationTest(model, exchangeability, resampling, shuffle, family, vectors, origin)


def scheme_of(test: str, design: Design, options: Options) -> Scheme:
    """Return what is permuted or flipped in a test."""
    default = "flip" if options.variance == "unequal" else default_scheme(design.matrix, design.tests[test])
    return options.shuffle or default


def familywise_of(
    test: PermutationTest, glm: GlmResult, alternative: Alternative, options: Options, group: GroupData
) -> FamilywiseErrors | None:
    """Compute the familywise errors by the permutations of the calibration, where extents are defined."""
    if group.extent is None:
        return None
    z = glm.z if alternative == "two-sided" else extremeness(glm.z, alternative)
    with step("familywise error by permutation", "permutation"):
        return familywise_errors(test.model, test.resampling, z, options.threshold, group.extent, group.n_threads)


def resampling_of(model: NullModel, exchangeability: Exchangeability, options: Options, group: GroupData) -> Resampling:
    """Choose the permutations of one test."""
    try:
        return make_resampling(model.subspaces, exchangeability, options.n_permutations, options.random_seed)
    except ValueError as error:
        within = f" within the blocks of {blocks_name(options.blocks)}" if options.blocks else ""
        reason = why_nothing_changes(group.design, exchangeability)
        raise DesignError(
            f"No sign flip or permutation of these subjects changes the test{within}" + (reason and f": {reason}"),
            "subjects that can be exchanged, some of them within their block",
            "Take --method simes, or another --shuffle or --blocks",
        ) from error


def _exactness(model: NullModel, exchangeability: Exchangeability) -> Exactness:
    """Return whether the error is at most alpha for any number of subjects."""
    if isinstance(model, WelchModel):
        return "exact" if model.n_groups == 1 else "approximate"
    if len(model.subspaces.nuisance):
        return "approximate"
    if not model.subspaces.dropped:
        return "exact"
    in_blocks = exchangeability.n_flips < 2**exchangeability.n_subjects
    return "approximate" if in_blocks or len(model.parts) > 1 else "normal"


def _family(resampling: Resampling, options: Options) -> Family:
    """Return the family; a simpler one where all permutations calibrate it, and none are left to learn from."""
    family = FAMILIES[options.family]
    if family.without_learning and resampling.complete is not None and options.template is None:
        return FAMILIES[family.without_learning]
    return family


def _vectors(
    model: NullModel, resampling: Resampling, family: Family, options: Options, group: GroupData
) -> tuple[CriticalVectors, str]:
    """Return the critical vectors of a family, and the origin of a template.

    It is that of another dataset, or learned from permutations that are used for nothing else.
    """
    m = model.n_points
    if family.has_delta and options.delta >= m:
        raise DataError(
            f"delta is {options.delta}, of {counted(m, group.unit)} tested",
            f"fewer than there are {plural_of(group.unit)}",
        )
    first, *others = (each.of_points(m, options.delta) for each in family.members)
    if not family.is_learned:
        return first, ""
    if options.template is not None:
        template = read_template(options.template, family).for_points(m)
        known = Combined((first, template.learned), template.scales) if others else template.learned
        return known, options.template.name
    independent = resampling.independent(min(options.n_permutations, family.n_learned_from or options.n_permutations))
    origin = f"{independent.n_permutations} other permutations"
    with step("learning critical vectors", "permutation"):
        if others:
            return learn_combined(model, independent, first, family.shares, n_threads=group.n_threads), origin
        return learn_template(model, independent, n_threads=group.n_threads), origin


def _check_complete(group: GroupData, shuffle: Scheme) -> None:
    """Check that all subjects have data at all points: otherwise their maps cannot change places."""
    maps, unit = group.maps, group.unit
    n_subjects, n_points = maps[0].shape
    blocks = (slice(start, start + _BLOCK) for start in range(0, n_points, _BLOCK))
    lacking = sum(int(np.any([np.isnan(each[:, some]).any(axis=0) for each in maps], axis=0).sum()) for some in blocks)
    if lacking:
        raise DataError(
            f"At {lacking} of {counted(n_points, unit)} some of the {n_subjects} subjects have no data, and their "
            "maps cannot change places there",
            f"all subjects at all {plural_of(unit)}",
            "Give --coverage 1 or a smaller --mask, or flip signs with --shuffle flip"
            if shuffle == "permute"
            else "Give --coverage 1 or a smaller --mask",
        )


_BLOCK = 1 << 16


def notes_of(calibration: Calibrated, options: Options) -> Iterator[str]:
    """Yield notes on a calibration for the report."""
    n = calibration.n_permutations
    if calibration.is_complete:
        yield (
            f"There are {n} different permutations of these subjects; all were computed"
            if n > 1
            else "These subjects cannot be exchanged: the data as they are count as the only permutation"
        )
    if not calibration.n_errors:
        yield (
            f"With {counted(n, 'permutation')} nothing can be found at alpha {calibration.alpha:g}: at least 1 / {n} = "
            f"{1 / n:.3g} is needed, or more subjects{' or other exchangeability blocks' if calibration.blocks else ''}"
        )
    if calibration.exactness == "approximate" and options.variance == "unequal":
        yield (
            "Sign flips with unequal variances are approximate: the means of groups are estimated under the null "
            "hypothesis first. Errors must be symmetric"
        )
    elif calibration.exactness == "approximate":
        yield (
            "Permutations of a model with covariates are approximate: the effects of these are estimated and removed "
            "first"
        )
    if calibration.family != options.family:
        yield (
            f"All {calibration.n_permutations} permutations calibrate the bounds, and none are left to learn from: "
            f"the family is {calibration.family} instead of {options.family}"
            + ("; there is no template to save" if options.save_template else "")
        )
