"""Names that functions of this room accept, kept apart so that the command line can list them without numpy."""

from typing import Literal, get_args

Alternative = Literal["greater", "less", "two-sided"]
"""Directions of a test, as in `scipy.stats`."""

LocalTest = Literal["simes", "hommel"]
"""Local tests of closed testing."""

FamilyName = Literal["simes", "beta", "learned"]
"""Families of critical vectors."""

Scheme = Literal["flip", "permute", "both"]
"""Resampling schemes: sign flips, permutations of subjects, or permutations with sign flips."""

ALTERNATIVES: tuple[Alternative, ...] = get_args(Alternative)
LOCAL_TESTS: tuple[LocalTest, ...] = get_args(LocalTest)
FAMILIES: tuple[FamilyName, ...] = get_args(FamilyName)
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)

Shuffle, SHUFFLES = Scheme, SCHEMES  # former names, until no module imports them
