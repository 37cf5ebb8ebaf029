"""Binary images: which voxels are inside a mask, from values that are 0 and one other number, up to rounding."""

from typing import Any

import numpy as np

from bids_ari.errors import DataError, UsageError
from bids_ari.images.space import BoolArray
from bids_ari.stats.distributions import FloatArray

ROUNDING = 1e-3
"""A value this close to a whole number counts as it, or one within half the distance of neighbouring stored values."""

_RELATIVE = 1e-6  # of float32, for large numbers
_HOW = "e.g. nilearn.image.math_img('img > 0', img=...)"  # to make a mask


def is_zero(volume: FloatArray, step: float = 0.0) -> BoolArray:
    """Return which values count as zero: of scaled integers, `step` apart, the one nearest to zero."""
    return np.asarray(np.abs(volume) < step / 2 if step else volume == 0)


def voxels_inside(
    values: FloatArray,
    step: float = 0.0,
    threshold: float | None = None,
    *,
    label: str,
    flag: str,
    how: str = _HOW,
    units: str = "voxels",
) -> BoolArray:
    """Return the voxels inside a mask.

    Parameters
    ----------
    values : array (x, y, z)
        The values: 0, and 1 or one other whole number above 0, up to rounding; NaN is outside. With a threshold also
        probabilities, in [0, 1].
    step : float
        The distance between neighbouring values of scaled integers, which are accurate to half of it.
    threshold : float, optional
        The least probability of a voxel inside.
    label : str
        The name of the mask in messages, such as "The mask gm.nii.gz".
    flag : str
        The option that sets the threshold, without dashes.
    how : str
        How to make a mask of another image, in messages.
    units : str
        What the values are of, in messages.

    Raises
    ------
    UsageError
        When the threshold is no probability.
    DataError
        When the values are those of another kind of image.
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise UsageError(f"{flag} is {threshold!r}", "a probability above 0, at most 1")
    present = ~np.isnan(values)
    if not present.any():
        return present
    low, high = float(values.min(where=present, initial=np.inf)), float(values.max(where=present, initial=-np.inf))
    near = max(ROUNDING, step / 2)
    if np.isfinite(high):
        number = max(float(np.rint(high)), 1.0)
        inside = np.abs(values - number) < max(near, _RELATIVE * number)
        if (inside | (np.abs(values) < near) | ~present).all():
            return np.asarray(inside)
    if low <= -near or high >= 1 + near:
        raise _not_a_mask(values[present], near, label, flag, how)
    if threshold is None:
        example = values[present][np.argmin(np.abs(values[present] - 0.5))]
        raise DataError(
            f"{label} contains values between 0 and 1, such as {example:.4g}: these are probabilities",
            "0 outside and 1 inside",
            f"Use --{flag} P to include {units} with a probability of at least P, such as --{flag} 0.5",
        )
    return np.asarray(values > threshold - max(step / 2, _RELATIVE))


def _not_a_mask(values: FloatArray, near: float, label: str, flag: str, how: str) -> DataError:
    """Return the error for an image that is neither binary nor a map of probabilities."""
    low, high = values.min(), values.max()
    expected: dict[str, Any] = {"expected": "0 outside and 1 inside"}
    if low <= -near or not np.isfinite(high):
        return DataError(f"{label} contains values from {low:.4g} to {high:.4g}", **expected, hint=f"Make one, {how}")
    numbers = np.unique(np.rint(values[np.abs(values) >= near]))
    if (np.abs(values - np.rint(values)) < near).all():
        found = f"{label} contains {numbers.size} different numbers above 0, such as {numbers[0]:g} and {numbers[1]:g}"
        hint = f"Use it with --atlas if it is an atlas, or make a mask, {how}"
        return DataError(found, **expected, hint=hint)
    hint = f"Make one, {how}, or divide percentages by 100 and use --{flag} P"
    return DataError(f"{label} contains fractions and values up to {high:.4g}", **expected, hint=hint)
