"""The radix sort, against numpy's stable sort."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bids_ari.stats.forest_kernels import ascending_order

VALUES = st.one_of(st.floats(allow_nan=False), st.sampled_from((0.0, np.inf, -np.inf, 5e-324, -5e-324, 1.0, -1.0)))


@given(hnp.arrays(np.float64, st.integers(1, 200), elements=VALUES))
def test_it_is_a_stable_sort_of_any_values(values: npt.NDArray[np.float64]) -> None:
    """Equals keep their order; -0.0 is taken for 0.0 before."""
    values = values + 0.0
    np.testing.assert_array_equal(ascending_order(values.view(np.uint64)), np.argsort(values, kind="stable"))
