"""Bounds of all results of a run that hold together, at level alpha (``--joint``).

Each result contributes *evidence* to a family: of closed testing its small p, of permutations the lambda of each. Only
that is kept of a result until all are there. Results whose evidence can be joined, those of one *kind*, are calibrated
together: the null hypotheses of closed testing are one family, and a permutation is in error if it is in any result.
Kinds that cannot be joined share alpha in proportion to their number of results, so that by the union bound all hold.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

import numpy as np

from bids_ari.analysis.methods import GroupData, Inferred
from bids_ari.config.methods import METHODS
from bids_ari.config.options import Options
from bids_ari.errors import UsageError, counted, listing
from bids_ari.stats.choices import Alternative, LocalTest
from bids_ari.stats.closed_testing import bound_in_pool, pooled_hommel_value
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import GlmResult


class Evidence(NamedTuple):
    """What one result contributes to the calibration of all results."""

    method: str
    kind: str  # results of one kind can be calibrated together
    n_points: int  # number of null hypotheses, m
    values: FloatArray  # of closed testing the p that are at most alpha; of permutations the lambda of each


class Steps(Protocol):
    """A method of inference in two steps, with the calibration of several results between them."""

    def prepare(
        self, glm: GlmResult, alternative: Alternative, options: Options, group: GroupData | None
    ) -> tuple[Evidence, Any]:
        """Return the evidence of one test, and all that `complete` needs apart from its statistics; can be pickled."""

    def calibrate(self, evidence: Sequence[Evidence], alpha: Fraction) -> Any:
        """Calibrate results of one kind together; can be pickled."""

    def complete(
        self, glm: GlmResult, alternative: Alternative, options: Options, prepared: Any, calibration: Any
    ) -> Inferred:
        """Compute the bound of a test that was prepared."""


@dataclass(frozen=True, slots=True)
class Joint:
    """The results whose bounds hold together with those of a result."""

    n_results: int  # of the run, this one included
    n_together: int  # of these, calibrated together with this one
    n_hypotheses: int  # null hypotheses of the results calibrated together
    alpha: float  # error level of the results calibrated together; that of all results, where these are all
    family: str  # digest of all results; the same for each of them


class Calibrations(NamedTuple):
    """The calibrations of all results of a run."""

    joint: Mapping[str, Joint]  # by kind
    found: Mapping[str, Any]  # by kind, as `Steps.complete` takes it
    note: str  # what holds together, for the log


class ClosedTestingTogether(NamedTuple):
    """Closed testing of the null hypotheses of all results as one family."""

    local_test: LocalTest

    def prepare(
        self, glm: GlmResult, alternative: Alternative, options: Options, group: GroupData | None
    ) -> tuple[Evidence, None]:
        """Return the p that are at most alpha."""
        p = glm.p(alternative)
        return Evidence(self.local_test, self.local_test, p.size, p[p <= options.alpha]), None

    def calibrate(self, evidence: Sequence[Evidence], alpha: Fraction) -> tuple[int, float]:
        """Return h of the family, and alpha."""
        small = np.concatenate([each.values for each in evidence])
        m = sum(each.n_points for each in evidence)
        return pooled_hommel_value(small, m, float(alpha), self.local_test), float(alpha)

    def complete(
        self, glm: GlmResult, alternative: Alternative, options: Options, prepared: None, calibration: tuple[int, float]
    ) -> Inferred:
        """Compute the bound of one result."""
        h, alpha = calibration
        return Inferred(bound_in_pool(glm.p(alternative), alpha, self.local_test, h))


def steps_of(method: str) -> Steps:
    """Return the steps of a method; raise UsageError if it has none, so that its results cannot be joined."""
    if (together := METHODS[method].together) is None:
        joinable = [f"--method {each.name}" for each in METHODS.values() if each.together]
        raise UsageError(f"--joint cannot be combined with --method {method}", listing(joinable))
    steps: Steps = together()
    return steps


def calibrate_together(evidence: Sequence[Evidence], alpha: Fraction, family: str) -> Calibrations:
    """Calibrate the results of a run, so that all bounds hold together with probability at least 1 - alpha.

    Each kind gets alpha times its share of the results. `family` is the digest of all results.
    """
    kinds: dict[str, list[Evidence]] = {}
    for each in evidence:
        kinds.setdefault(each.kind, []).append(each)
    joint, found = {}, {}
    for kind, members in kinds.items():
        part = alpha * len(members) / len(evidence)
        m = sum(each.n_points for each in members)
        joint[kind] = Joint(len(evidence), len(members), m, float(part), family)
        found[kind] = steps_of(members[0].method).calibrate(members, part)
    return Calibrations(joint, found, _note(kinds, joint, alpha))


def _note(kinds: Mapping[str, Sequence[Evidence]], joint: Mapping[str, Joint], alpha: Fraction) -> str:
    """Return what holds together, and how alpha was divided."""
    n_results = sum(map(len, kinds.values()))
    together = f"The bounds of all {n_results} results of this run hold together at level {float(alpha):g}"
    if len(kinds) == 1:
        return f"{together}: they are calibrated together"
    parts = Counter((joint[kind].alpha, len(members), members[0].method) for kind, members in kinds.items())
    said = (
        f"{part:.4g} for {counted(n, 'result')} by {method}" + f" of each of {n_kinds} kinds" * (n_kinds > 1)
        for (part, n, method), n_kinds in parts.items()
    )
    return f"{together}, which is divided among those that cannot be calibrated together: {listing(said, 20)}"
