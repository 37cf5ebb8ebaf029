"""Tests of several maps per subject that have no exact p, and need permutations."""

from collections.abc import Iterator

import numpy as np

from bids_ari.config.methods import METHODS
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.errors import DesignError, counted, listing
from bids_ari.stats.wilks import is_exact


def check_joint_tests(n_maps: int, design: Design, options: Options) -> None:
    """Raise a DesignError where several maps per subject cannot be tested together.

    Parameters
    ----------
    n_maps : int
        The number q of maps per subject.
    design : Design
        The group model.
    options : Options
        The options of the analysis: permutations do not need an exact F.
    """
    n_subjects, n_columns = design.matrix.shape
    if n_maps > 1 and n_subjects - n_columns < n_maps:
        raise DesignError(
            f"{n_subjects} subjects and {counted(n_columns, 'column')} of the design leave "
            f"{counted(n_subjects - n_columns, 'degree')} of freedom for {n_maps} maps per subject, tested together",
            f"at least {n_columns + n_maps} subjects",
            "Ask about fewer levels, or remove covariates",
        )
    by_closed_testing = [name for name in options.method if not METHODS[name].needs_group]
    if by_closed_testing and (found := _approximate(n_maps, design)):
        raise DesignError(
            f"{listing(found)}: a test of 3 or more rows in {n_maps} maps per subject has no exact p",
            "tests of at most 2 rows, or at most 2 maps per subject, for --method " + " ".join(by_closed_testing),
            "Take --method permutation",
        )


def note_on_joint_test(n_maps: int, design: Design, test: str) -> Iterator[str]:
    """Yield a note on a test whose F is approximate."""
    if test in _approximate(n_maps, design):
        yield (
            f"F, z and p of the test {test}, of {_n_rows(design, test)} rows in {n_maps} maps per subject, are "
            "approximations by Rao. They rank points and form clusters; bounds by permutation do not need them to be "
            "exact"
        )


def _approximate(n_maps: int, design: Design) -> list[str]:
    return [name for name in design.tests if not is_exact(_n_rows(design, name), n_maps)]


def _n_rows(design: Design, test: str) -> int:
    return len(np.atleast_2d(design.tests[test]))
