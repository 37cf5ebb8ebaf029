"""Familywise errors in a saved result."""

from collections.abc import Mapping

from bids_ari.outputs.npz import Array, require
from bids_ari.stats.familywise import FamilywiseErrors

_FIELDS = {
    "fwe_count": "counts",
    "smallest_p": "smallest_p",
    "extent_thresholds": "thresholds",
    "largest_extents": "extents",
}
"""Arrays, and the fields of `FamilywiseErrors` that they hold."""


def familywise_arrays(errors: FamilywiseErrors | None) -> dict[str, object]:
    """Return the arrays of familywise errors, none where there are no errors."""
    return {} if errors is None else {name: getattr(errors, field) for name, field in _FIELDS.items()}


def familywise_of(arrays: Mapping[str, Array]) -> FamilywiseErrors | None:
    """Build familywise errors; return None where a file has none, as those of 0.1.0.

    Raise an error that `unpack` reports if they are impossible.
    """
    if not (found := arrays.keys() & _FIELDS.keys()):
        return None
    lacking = sorted(_FIELDS.keys() - found)
    require(not lacking, f"there is no array {', '.join(lacking)}")
    counts, smallest, thresholds, extents = (arrays[name] for name in _FIELDS)
    require(counts.max() <= smallest.size, "an array fwe_count has values above the number of permutations")
    require(len({*thresholds.tolist()}) == thresholds.size, "the array extent_thresholds holds a threshold twice")
    return FamilywiseErrors(counts, smallest, tuple(thresholds.tolist()), extents)
