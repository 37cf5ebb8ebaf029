"""Names of alternatives, local tests and schemes, importable without numpy for the command line."""

from typing import Literal, get_args

Alternative = Literal["greater", "less", "two-sided"]
"""Alternatives of a test, as in `scipy.stats`."""

LocalTest = Literal["simes", "hommel"]
"""Local tests of closed testing."""

Scheme = Literal["flip", "permute", "both"]
"""Resampling schemes: sign flips, permutations of subjects, or permutations with sign flips."""

ALTERNATIVES: tuple[Alternative, ...] = get_args(Alternative)
LOCAL_TESTS: tuple[LocalTest, ...] = get_args(LocalTest)
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
