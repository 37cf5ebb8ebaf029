"""Designs: which group-level question is asked of the subjects' maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bids_ari.errors import DesignError
from bids_ari.stats.tails import FloatArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Design:
    """Subjects by columns, and the linear combinations of columns to test.

    Attributes
    ----------
    matrix : array (n_subjects, n_columns)
        The design matrix.
    columns : tuple of str
        Names of its columns.
    tests : mapping of str to array (n_columns,)
        Name and weights of each test.
    """

    matrix: FloatArray
    columns: tuple[str, ...]
    tests: Mapping[str, FloatArray]

    def __repr__(self) -> str:
        return f"Design(n_subjects={len(self.matrix)}, columns={self.columns}, tests={tuple(self.tests)})"


def one_sample_design(subjects: Sequence[str]) -> Design:
    """Make the design that asks for the mean over subjects.

    Raises
    ------
    DesignError
        With fewer than two subjects.
    """
    if len(subjects) < 2:
        who = f" (sub-{subjects[0]})" if subjects else ""
        raise DesignError(
            f"There is {len(subjects)} subject{who}", "at least 2 for a group analysis", "Check the filters"
        )
    return Design(np.ones((len(subjects), 1)), ("intercept",), {"mean": np.ones(1)})
