"""The radix sort, and the cache of compiled code on disk."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bids_ari.stats.forest_kernels import ascending_order

VALUES = st.one_of(st.floats(allow_nan=False), st.sampled_from((0.0, np.inf, -np.inf, 5e-324, -5e-324, 1.0, -1.0)))


@given(hnp.arrays(np.float64, st.integers(1, 200), elements=VALUES))
def test_ascending_order_is_a_stable_sort(values: npt.NDArray[np.float64]) -> None:
    """Ties keep their order; -0.0 is replaced by 0.0 before."""
    values = values + 0.0
    np.testing.assert_array_equal(ascending_order(values.view(np.uint64)), np.argsort(values, kind="stable"))


def python(code: str, **environment: str) -> str:
    """Run code in a separate process; return its output."""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )
    return done.stdout


def test_the_second_process_does_not_compile(tmp_path: Path) -> None:
    """numba counts for each function how often it was read from the cache and how often compiled."""
    code = (
        "import numpy as np\n"
        "from bids_ari.stats import forest_kernels as kernels\n"
        "from bids_ari.stats.closed_testing import hommel_bound\n"
        "hommel_bound(np.array([.01, .5]))\n"
        "kernel = kernels.largest_not_rejected.stats\n"
        "print(sum(kernel.cache_hits.values()), sum(kernel.cache_misses.values()))\n"
    )
    assert python(code, NUMBA_CACHE_DIR=str(tmp_path)).split() == ["0", "1"]
    assert python(code, NUMBA_CACHE_DIR=str(tmp_path)).split() == ["1", "0"]


def test_without_a_cache_folder() -> None:
    """numba raises when a function is defined and no cache folder is writable."""
    code = (
        "import numba.core.caching\n"
        "numba.core.caching.CacheImpl._locator_classes = []\n"
        "import logging, sys, numpy as np\n"
        "from bids_ari.analysis.inference import log_compilation\n"
        "from bids_ari.stats import forest_kernels as kernels\n"
        "from bids_ari.stats.closed_testing import hommel_bound\n"
        "logging.basicConfig(level='INFO', stream=sys.stdout)\n"
        "log_compilation()\n"
        "print(len(kernels.uncached), hommel_bound(np.array([.01, .5])).h)\n"
    )
    output = python(code)
    assert "no cache folder" in output
    assert output.split()[-1] == "1"  # .01 * 2 <= .05 rejects both together, .5 alone is not rejected
    assert int(output.split()[-2]) > 5
