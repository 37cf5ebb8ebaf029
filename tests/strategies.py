"""Hypothesis strategies: p as data give them, and small volumes."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

LOCAL_TESTS = st.sampled_from(("simes", "hommel"))

ALPHAS = st.one_of(st.sampled_from((0.01, 0.05, 0.1, 0.2, 0.5)), st.floats(1e-6, 0.99))

_GRID_400 = st.one_of(st.integers(0, 40), st.integers(0, 400)).map(lambda k: k / 400)
"""p as 399 permutations give them, small ones more often: full of ties and of equalities."""

_CONTINUOUS = st.one_of(st.floats(0, 1), st.floats(0, 0.01), st.sampled_from((0.0, 1.0, 5e-324, 1e-30)))


def p_vectors(max_size: int = 30) -> st.SearchStrategy[npt.NDArray[np.float64]]:
    """p (m,), m >= 1: on a grid, or anywhere with exact 0 and 1 among them."""
    rows = st.one_of(
        st.lists(_GRID_400, min_size=1, max_size=max_size),
        st.lists(_CONTINUOUS, min_size=1, max_size=max_size),
        st.lists(st.one_of(_GRID_400, _CONTINUOUS), min_size=1, max_size=max_size),
    )
    return rows.map(lambda row: np.array(row, dtype=np.float64))


def dyadic_p(max_size: int = 7) -> st.SearchStrategy[list[Fraction]]:
    """p = k / 1024, small ones more often: their products with small integers are exact in float64."""
    one = st.one_of(st.integers(0, 128), st.integers(0, 1024)).map(lambda k: Fraction(k, 1024))
    return st.lists(one, min_size=1, max_size=max_size)


class Volume(NamedTuple):
    """A mask (x, y, z), and the statistic and category of its voxels (n_points,)."""

    inside: npt.NDArray[np.bool_]
    statistic: npt.NDArray[np.float64]
    category: npt.NDArray[np.int32]


@st.composite
def volumes(draw: st.DrawFn, max_side: int = 4) -> Volume:
    """Small volumes: full and ragged masks, statistics with and without ties, any categories."""
    shape = draw(st.tuples(*[st.integers(1, max_side)] * 3))
    inside = np.ones(shape, dtype=bool)
    if draw(st.booleans()):
        inside = draw(hnp.arrays(bool, shape, elements=st.booleans(), fill=st.nothing()))
        inside[0, 0, 0] |= not inside.any()
    n_points = int(inside.sum())
    tied = st.integers(-3, 3).map(float)
    spread = st.one_of(st.floats(-9, 9), st.sampled_from((np.inf, 45.0, 0.0, -0.0)))
    elements = draw(st.sampled_from((tied, spread)))
    statistic = draw(hnp.arrays(np.float64, n_points, elements=elements, fill=st.nothing()))
    category = draw(hnp.arrays(np.int32, n_points, elements=st.integers(1, 12), fill=st.nothing()))
    return Volume(inside, statistic, category)
