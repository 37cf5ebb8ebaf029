"""Results of several tests that are inferred apart, or together so that all bounds hold at once (``--joint``)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bids_ari.analysis.fingerprint import family_of, fingerprint
from bids_ari.analysis.inference import DirectedTest, Tests
from bids_ari.analysis.joint import Calibrations, Evidence, calibrate_together, steps_of
from bids_ari.analysis.methods import infer_bound
from bids_ari.analysis.result import ContrastResult


@dataclass(frozen=True, slots=True, eq=False)
class PreparedTest:
    """A test with its evidence, before the calibration of all results; it can be pickled."""

    test: DirectedTest
    evidence: Evidence
    prepared: Any  # as `Steps.prepare` returns it

    def complete(self, calibrations: Calibrations) -> ContrastResult:
        """Return the result, from the calibrations of all results."""
        test, kind = self.test, self.evidence.kind
        steps, found = steps_of(test.method), calibrations.found[kind]
        inferred = steps.complete(test.glm, test.alternative, test.options, self.prepared, found)
        return test.conclude(inferred, calibrations.joint[kind])


def infer(tests: Tests, *, joint: bool) -> tuple[ContrastResult, ...]:
    """Compute the result of each test of one contrast: apart, or `joint`, so that their bounds hold together."""
    if not joint:
        apart = (
            test.conclude(infer_bound(test.method, test.glm, test.alternative, test.options, group))
            for test, group in tests
        )
        return tuple(apart)
    prepared = prepare(tests)
    evidence, alpha = [each.evidence for each in prepared], prepared[0].test.options.exact_alpha
    calibrations = calibrate_together(evidence, alpha, family_of([fingerprint_of(prepared)]))
    return tuple(each.complete(calibrations) for each in prepared)


def prepare(tests: Tests) -> tuple[PreparedTest, ...]:
    """Compute the evidence of each test of one contrast."""
    return tuple(_prepare(*each) for each in tests)


def _prepare(test: DirectedTest, group: Any) -> PreparedTest:
    evidence, prepared = steps_of(test.method).prepare(test.glm, test.alternative, test.options, group)
    return PreparedTest(test, evidence, prepared)


def fingerprint_of(prepared: Sequence[PreparedTest]) -> str:
    """Return the fingerprint of the contrast that tests belong to."""
    about = prepared[0].test.make.keywords  # type: ignore[attr-defined]
    return fingerprint(about["contrast"], about["design"], about["options"], about["hashes"])
