"""What pictures of volumes show, as `--slices` names it: planes, coordinates in mm, or the surface of the cortex."""

import math
from collections.abc import Sequence
from typing import NamedTuple

PLANES = {"axial": "z", "coronal": "y", "sagittal": "x"}
"""Planes, in the order of a mosaic, and the axis across which each lies."""

SURFACE, MOSAIC = "surface", "mosaic"

MOST_SLICES = 24
"""Slices of one picture."""

_WORDS = (*PLANES, MOSAIC, SURFACE)
_FURTHEST = 1000  # mm
_CLOSE = 0.6  # similarity of a misspelt word


class Request(NamedTuple):
    """Rows of a picture."""

    kind: str  # a plane, or ``surface``
    cuts: tuple[float, ...] = ()  # in mm along the axis of the plane, ascending; empty: through the peaks


def requests(values: Sequence[str]) -> tuple[Request, ...]:
    """Return what values of ``--slices`` ask for; raise ValueError for a value that is none.

    >>> requests(["z:-12,8"]), [each.kind for each in requests(["mosaic"])]
    ((Request(kind='axial', cuts=(-12.0, 8.0)),), ['axial', 'coronal', 'sagittal'])
    """
    found: list[Request] = []
    for value in values:
        axis, colon, numbers = value.partition(":")
        if colon:
            planes = [plane for plane, name in PLANES.items() if name == axis]
            cuts = sorted({float(number) + 0.0 for number in numbers.split(",")})
            if not planes or not all(abs(cut) <= _FURTHEST for cut in cuts):  # of NaN, not either
                raise ValueError(value)
            found.append(Request(planes[0], tuple(cuts)))
        elif value in _WORDS:
            found += map(Request, PLANES if value == MOSAIC else [value])
        else:
            raise ValueError(value)
    return tuple(dict.fromkeys(found))


def cuts(values: Sequence[str]) -> list[tuple[str, float]]:
    """Return axis and mm of each slice that values of ``--slices`` name.

    >>> cuts(["z:-12,8", "mosaic"])
    [('z', -12.0), ('z', 8.0)]
    """
    return [(PLANES[each.kind], cut) for each in requests(values) for cut in each.cuts]


def are_slices(values: Sequence[str]) -> bool:
    """Return whether values of ``--slices`` are accepted, with few enough slices for one picture."""
    return len(cuts(values)) <= MOST_SLICES


def slices_meant(value: str) -> str:
    """Return what was probably meant by a value of ``--slices``.

    >>> slices_meant("saggital"), slices_meant("z=4,10"), slices_meant("Z:4"), slices_meant("axial")
    ('sagittal', 'z:4,10', 'z:4', '')
    """
    from difflib import get_close_matches

    lower = value.lower().replace("=", ":").replace(" ", "")
    if lower == value and value in _WORDS:
        return ""
    try:
        return lower if requests([lower]) and lower != value else ""
    except ValueError:
        return next(iter(get_close_matches(lower, _WORDS, 1, _CLOSE)), "")


def slice_text(axis: str, cut: float) -> str:
    """Return a coordinate as pictures and messages have it.

    >>> slice_text("z", -12.0), slice_text("x", 2.5)
    ('z = −12 mm', 'x = 2.5 mm')
    """
    number = f"{cut + 0.0:.1f}".removesuffix(".0") if math.isfinite(cut) else str(cut)
    return f"{axis} = {number.replace('-', '−')} mm"
