"""Group models of questions within subjects with several differences: which tests are possible, and their names."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bids_ari.analysis.joint_tests import check_joint_tests
from bids_ari.bids.questions import Question
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.errors import UsageError, counted, listing
from bids_ari.stats.wilks import is_exact


def plan_within(question: Question | None, design: Design, options: Options) -> Design:
    """Return the design with the number of differences of a question, without default tests that have no exact p.

    Raises
    ------
    UsageError
        When weights, unequal variances or a minimum effect are set.
    DesignError
        When there are too few subjects for so many differences, or a test of the user has no exact p.
    """
    if question is None or (q := question.n_rows) == 1:
        return design
    _check_options(question, options)
    design = replace(design, n_differences=q)
    inexact = [name for name, weights in design.tests.items() if not is_exact(len(np.atleast_2d(weights)), q)]
    is_default = not options.test and options.model is None and len(inexact) < len(design.tests)
    if inexact and is_default and options.method != ("permutation",):
        tests = {name: weights for name, weights in design.tests.items() if name not in inexact}
        note = (
            f"Not tested: {listing(inexact)}, of three rows or more in {q} {question.noun} within subjects, because "
            "Wilks' lambda has no exact p there. Use --method permutation alone, or test one or two rows with --test"
        )
        design = replace(design, tests=tests, notes=(*design.notes, note))
    check_joint_tests(q, design, options)
    return design


def name_of_test(design: Design, test: str) -> str:
    """Return the statistic of a test in several differences within subjects."""
    return "Hotelling's T2" if len(np.atleast_2d(design.tests[test])) == 1 else "Wilks' lambda"


def notes_within(question: Question | None, design: Design) -> Iterator[str]:
    """Yield a note on many differences in relation to the number of subjects."""
    if question is None or question.n_rows == 1:
        return
    dof = len(design.matrix) - design.matrix.shape[1]
    if dof < 2 * question.n_rows:
        yield (
            f"{question.n_rows} {question.noun} within subjects with {counted(dof, 'residual degree')} of freedom: "
            "their covariance is estimated from few subjects, so that power is low; a contrast of one row "
            "(--within-contrast) has more"
        )


def _check_options(question: Question, options: Options) -> None:
    """Refuse options that have no meaning for several differences."""
    several = f"{question.n_rows} {question.noun} within subjects ({question.text})"
    hint = "Name a contrast with one row, as --within-contrast trend=-1,0,1"
    if options.min_effect:
        raise UsageError(
            f"--min-effect is {options.min_effect:g}, but {several} have no single effect in units",
            "a question with one row of weights",
            f"{hint}, or remove --min-effect",
        )
    if options.variance == "unequal":
        raise UsageError(
            f"Unequal variances cannot be combined with {several}",
            "a question with one row of weights, or --variance equal",
            f"The covariance of the differences is estimated from all groups together. {hint}",
        )
    if options.is_weighted:
        raise UsageError(
            f"--estimator {options.estimator} cannot be combined with {several}",
            "--estimator ols, or a question with one row of weights",
            f"The differences share maps, and variance maps do not tell the covariance of their errors. {hint}",
        )
