"""Values of options: other forms in which they are accepted, and values that cannot be meant."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

from bids_ari.bids.entities import decimal_label
from bids_ari.bids.hemispheres import labelled_file

HIGHEST_ALPHA = 0.5  # larger ones are confidence levels
LOWEST_THRESHOLD = 0.1  # in z, apart from 0; smaller ones are p-values


def as_pairs(value: Any) -> Any:
    """Return the entries of a mapping, such as tests by name or meshes by hemisphere, as ``KEY=VALUE``."""
    return [f"{name}={each}" for name, each in value.items()] if isinstance(value, Mapping) else value


def absolute_surface(text: str) -> str:
    """Return a value of ``--surface``, ``FILE`` or ``L=FILE``, with an absolute path.

    >>> absolute_surface("L=/data/lh.pial.gii"), absolute_surface("/data/lh.pial.gii")
    ('L=/data/lh.pial.gii', '/data/lh.pial.gii')
    """
    side, path = labelled_file(text)
    return f"{side}={path.absolute()}" if side else str(path.absolute())


def have_distinct_labels(values: Sequence[float]) -> bool:
    """Return whether numbers are still distinct as labels in file names."""
    return len({decimal_label(value) for value in values}) == len(values)


def fraction_meant(value: float) -> str:
    """Return the fraction that a percentage stands for.

    >>> fraction_meant(70), fraction_meant(0.7)
    ('0.7', '')
    """
    return f"{value / 100:g}" if 1 < value <= 100 else ""


def alpha_meant(value: float) -> str:
    """Return the error level that a percentage or a confidence level stands for.

    >>> alpha_meant(5), alpha_meant(0.95), alpha_meant(95), alpha_meant(0.05)
    ('0.05', '0.05', '0.05', '')
    """
    level = value / 100 if 1 < value < 100 else value
    level = 1 - level if HIGHEST_ALPHA < level < 1 else level
    return f"{level:g}" if 0 < level < 1 and level != value else ""


def threshold_meant(value: float) -> str:
    """Return the z that a p-value stands for.

    >>> threshold_meant(0.001), threshold_meant(3.1), threshold_meant(0)
    ('3.09 (one-sided p = 0.001)', '', '')
    """
    if not 0 < value < LOWEST_THRESHOLD:
        return ""
    return f"{NormalDist().inv_cdf(1 - value):.3g} (one-sided p = {value:g})"


def are_thresholds(values: Sequence[float]) -> bool:
    """Return whether numbers may be thresholds in z: no p-values, and distinct as labels in file names."""
    return have_distinct_labels(values) and not any(map(threshold_meant, values))
