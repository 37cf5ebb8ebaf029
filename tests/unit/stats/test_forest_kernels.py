"""Compiled code is kept on disk where that is possible, and compiled anew where it is not."""

import os
import subprocess
import sys
from pathlib import Path


def python(code: str, **environment: str) -> str:
    """Run code in a process of its own; give what it says."""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )
    return done.stdout


def test_the_second_process_compiles_nothing(tmp_path: Path) -> None:
    """numba counts for each loop how often it read the cache and how often it had to compile."""
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


def test_without_any_cache_folder_it_says_so_and_works() -> None:
    """numba raises when a loop is defined and no folder for its cache can be written."""
    code = (
        "import numba.core.caching\n"
        "numba.core.caching.CacheImpl._locator_classes = []\n"
        "import logging, sys, numpy as np\n"
        "from bids_ari.analysis.inference import say_what_is_compiled\n"
        "from bids_ari.stats import forest_kernels as kernels\n"
        "from bids_ari.stats.closed_testing import hommel_bound\n"
        ""
        "logging.basicConfig(level='INFO', stream=sys.stdout)\n"
        "say_what_is_compiled()\n"
        "print(len(kernels.uncached), hommel_bound(np.array([.01, .5])).h)\n"
    )
    said = python(code)
    assert "no cache folder" in said
    assert said.split()[-1] == "1"  # .01 * 2 <= .05 rejects both together, .5 alone is not rejected
    assert int(said.split()[-2]) > 5
