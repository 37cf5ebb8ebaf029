"""The method ``permutation`` for several results at once: the same permutations of the subjects serve all of them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bids_ari.analysis.calibrated import Calibrated
from bids_ari.analysis.joint import Evidence
from bids_ari.analysis.methods import GroupData, Inferred
from bids_ari.analysis.permutation import (
    PermutationTest,
    familywise_of,
    notes_of,
    plan_permutations,
    resampling_of,
    scheme_of,
)
from bids_ari.analysis.template import Template
from bids_ari.config.options import Options
from bids_ari.runtime.progress import step
from bids_ari.stats.bounds import true_discoveries
from bids_ari.stats.calibration import Calibration, categories, permuted_lambdas
from bids_ari.stats.choices import Alternative
from bids_ari.stats.critical_vectors import Combined, CriticalVectors, Scale
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.familywise import FamilywiseErrors
from bids_ari.stats.glm import GlmResult
from bids_ari.stats.joint import JointLambda, joint_lambda, scaled, unscaled
from bids_ari.stats.null_model import NullModel
from bids_ari.stats.resampling import Exchangeability, Resampling, shared_flips, shared_resampling

_SCALE = 250
"""Most permutations that the scale of lambda is learned from; see `bids_ari.stats.joint`."""


class TogetherBy(NamedTuple):
    """The calibration of the results of one kind."""

    chosen: JointLambda
    alpha: float
    n_results: int


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A test whose permutations were computed."""

    vectors: CriticalVectors
    scale: Scale | None  # of lambda; None where it is comparable between results as it is
    lambdas: FloatArray  # (n_permutations,)
    p: FloatArray  # (n_points,), observed
    facts: dict[str, Any]  # arguments of `Calibrated.of`
    template: Template | None  # that is to be kept
    familywise: FamilywiseErrors | None
    notes: tuple[str, ...]


class PermutationTogether(NamedTuple):
    """Calibration of all results by the same permutations: `bids_ari.analysis.joint.Steps`."""

    def prepare(
        self, glm: GlmResult, alternative: Alternative, options: Options, group: GroupData
    ) -> tuple[Evidence, Waiting]:
        """Compute all permutations of a test."""
        design, n_threads = group.design, group.n_threads
        shared = partial(_shared, is_free=_is_free(glm.test, options, group))
        test = plan_permutations(glm, alternative, options, group, shared)
        with step("calibration by permutation", "permutation"):
            lambdas = permuted_lambdas(test.model, test.resampling, test.vectors, n_threads=n_threads)
        scale = _scale(test, n_threads)
        waiting = Waiting(
            test.vectors,
            scale,
            lambdas,
            test.model.observed_p(),
            test.facts(options, design),
            test.template(options),
            familywise_of(test, glm, alternative, options, group),
            tuple(test.notes(design)),
        )
        kind = _kind(glm.test, options, group)
        return Evidence("permutation", kind, test.model.n_points, scaled(lambdas, scale)), waiting

    def calibrate(self, evidence: Sequence[Evidence], alpha: Fraction) -> TogetherBy:
        """Choose the lambda of all results of one kind."""
        chosen = joint_lambda([each.values for each in evidence], alpha)
        return TogetherBy(chosen, float(alpha), len(evidence))

    def complete(
        self, glm: GlmResult, alternative: Alternative, options: Options, prepared: Waiting, calibration: TogetherBy
    ) -> Inferred:
        """Compute the bound of one result."""
        level, low, high, n_errors = calibration.chosen
        vectors, lambdas, p = prepared.vectors, prepared.lambdas, prepared.p
        each = [unscaled(value, prepared.scale, lambdas) for value in (level, low, high)]
        found = Calibration(vectors, calibration.alpha, each[0], lambdas, n_errors)
        tdn_range = tuple(true_discoveries(categories(p, vectors, lambda_)) for lambda_ in each[1:])
        calibrated = Calibrated.of(
            found, **prepared.facts, tdn_range=(tdn_range[0], tdn_range[1]), n_together=calibration.n_results
        )
        notes = (*notes_of(calibrated, options), *prepared.notes)
        return Inferred(found.bound(p), calibrated, prepared.template, prepared.familywise, notes)


def _is_free(test: str, options: Options, group: GroupData) -> bool:
    """Return whether single subjects are flipped and nothing has to be estimated before."""
    design = group.design
    weights = design.tests[test]
    n_tested = 1 if weights.ndim == 1 else len(weights)
    return scheme_of(test, design, options) == "flip" and not design.blocks and design.matrix.shape[1] == n_tested


def _kind(test: str, options: Options, group: GroupData) -> str:
    """Return what results must have in common to be permuted together.

    Signs of subjects can be flipped in any contrast that has them. Permuted subjects must have the same places: these
    are the same subjects with the same rows of the design and blocks; flips of residuals also the same reduced model.
    """
    if _is_free(test, options, group):
        return "permutation"
    design, shuffle = group.design, scheme_of(test, group.design, options)
    blocks = repr(design.blocks) if design.blocks else ""
    digest = hashlib.sha256(json.dumps([shuffle, design.subjects, blocks]).encode())
    digest.update(np.ascontiguousarray(design.matrix).tobytes())
    if shuffle != "permute":
        digest.update(np.ascontiguousarray(design.tests[test]).tobytes())
    return f"permutation {digest.hexdigest()}"


def _shared(
    model: NullModel, exchangeability: Exchangeability, options: Options, group: GroupData, *, is_free: bool
) -> Resampling:
    """Choose the permutations of a test so that they serve all tests of its kind."""
    resampling_of(model, exchangeability, options, group)  # raises an error if they change nothing
    n, seed, design = options.n_permutations, options.random_seed, group.design
    if not is_free:
        return shared_resampling(design.matrix, exchangeability, n, seed, model.subspaces.dropped)
    everybody = sorted({*group.sharing, *design.subjects})
    places = {subject: place for place, subject in enumerate(everybody)}
    chosen = np.array([places[subject] for subject in design.subjects], dtype=np.intp)
    return shared_flips(len(everybody), n, seed, chosen)


def _scale(test: PermutationTest, n_threads: int) -> Scale | None:
    """Learn the scale of lambda from other permutations; those of templates have it already."""
    if test.family.is_learned or isinstance(test.vectors, Combined) or test.resampling.complete is not None:
        return None
    independent = test.resampling.independent(min(test.resampling.n_permutations, _SCALE))
    with step("learning the scale of lambda", "permutation"):
        return Scale.of(permuted_lambdas(test.model, independent, test.vectors, n_threads=n_threads))
