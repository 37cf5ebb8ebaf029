"""Numbers and texts as reports write them."""

import math
import re
from collections.abc import Iterable, Mapping

from bids_ari.errors import plural_of
from bids_ari.stats.choices import Alternative

SIZES = {"area_mm2": "mm²", "volume_mm3": "mm³"}
"""Columns of sizes, with their units."""

_RTL = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
_BEGINS = r"""(?<![^\s,;:()\[\]"'])"""  # or the time would grow with the square of the length of a word
_WORD = rf"""{_BEGINS}[^\s,;:()\[\]"']*[{_RTL}](?:[^\s,;:()\[\]"']*[^\s,;:()\[\]"'.])?"""
_FROM_THE_RIGHT = re.compile(rf"{_WORD}(?:\s+{_WORD})*")
_FOLDERS = re.compile(r"""(?<![\w.:/~])(?:/[^/\s:;,'"()<>]+)+/""")


def thousands(number: float) -> str:
    """Write a whole number with separators.

    >>> thousands(31079)
    '31,079'
    """
    return f"{round(number):,}"


def plural(number: int, one: str, many: str = "") -> str:
    """Write a count with its noun, "no" for zero.

    >>> plural(0, "cluster"), plural(1, "cluster"), plural(1200, "cluster"), plural(2, "vertex")
    ('no clusters', '1 cluster', '1,200 clusters', '2 vertices')
    """
    return f"{thousands(number) if number else 'no'} {one if number == 1 else many or plural_of(one)}"


def percent(fraction: float) -> str:
    """Write a fraction as a percentage without superfluous decimals.

    >>> percent(1 - 0.05), percent(0.999)
    ('95 %', '99.9 %')
    """
    return f"{100 * fraction:.8g} %"


def proportion(part: int, whole: int) -> str:
    """Write a proportion that is a lower bound: rounded down, never up.

    >>> proportion(0, 9), proportion(2, 3), proportion(1999, 2000), proportion(1, 5000), proportion(9, 9)
    ('0', '0.666', '0.999', '< 0.001', '1')
    """
    if part in (0, whole):
        return "0" if part == 0 else "1"
    thousandths = 1000 * part // whole
    return f"{thousandths / 1000:.3f}" if thousandths else "< 0.001"


def share(part: int, whole: int) -> str:
    """Write a proportion that is a lower bound as a percentage: rounded down, never up.

    >>> share(356, 580), share(916, 31079), share(1, 31079), share(9, 9)
    ('61 %', '2.9 %', '< 0.1 %', '100 %')
    """
    if part * 10 >= whole:
        return f"{100 * part // whole} %"
    tenths = 1000 * part // whole
    return f"{tenths / 10:g} %" if tenths or not part else "< 0.1 %"


def decimal(value: float, decimals: int = 2) -> str:
    """Write a number that may be undefined or infinite.

    >>> decimal(2 / 3), decimal(math.nan), decimal(-math.inf)
    ('0.67', '–', '-∞')
    """
    if math.isfinite(value):
        return f"{value:.{decimals}f}"
    return "–" if math.isnan(value) else "∞" if value > 0 else "-∞"


def beyond(threshold: float, alternative: Alternative) -> str:
    """Write the condition on z for a cluster-forming threshold.

    >>> beyond(3.0, "greater"), beyond(3.1, "less"), beyond(3.0, "two-sided")
    ('z > 3', 'z < -3.1', '|z| > 3')
    """
    return {
        "greater": f"z > {threshold:g}",
        "less": f"z < {-threshold if threshold else 0:g}",
        "two-sided": f"|z| > {threshold:g}",
    }[alternative]


def anchor(name: str) -> str:
    """Return a name as part of an anchor, which has no spaces and needs no escaping.

    >>> anchor("Schaefer2018"), anchor("my regions")
    ('Schaefer2018', 'my-20regions')
    """
    return re.sub(r"[^a-zA-Z0-9]", lambda found: f"-{ord(found[0]):x}", name)


def isolated(text: str) -> str:
    """Return a text whose names in letters from right to left do not reorder what is beside them.

    Such names, of which the words of a dataset may be, are between U+2068 and U+2069 (Unicode Standard Annex 9).

    >>> ascii(isolated("sub-\\u05d0 (3 voxels), 61 %"))
    "'\\\\u2068sub-\\\\u05d0\\\\u2069 (3 voxels), 61 %'"
    """
    if text.isascii() or "\u2068" in text:
        return text
    return _FROM_THE_RIGHT.sub(lambda found: f"\u2068{found[0]}\u2069", text)


def any_of(words: Iterable[str]) -> str:
    """Join alternatives.

    >>> any_of(["3"]), any_of(["3", "4", "5"])
    ('3', '3, 4 or 5')
    """
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def without_folders(text: str, names: Mapping[str, str]) -> str:
    """Remove folders from a message, since reports are shared and folders reveal user names.

    Known folders have replacements in `names`; of any other absolute path only the last part is kept.

    >>> without_folders("/home/jo/ds/sub-01/map.nii is empty, /tmp/m.nii too", {"/home/jo/ds": "ds"})
    'ds/sub-01/map.nii is empty, m.nii too'
    """
    for folder in sorted(names, key=len, reverse=True):
        text = text.replace(folder, names[folder])
    return _FOLDERS.sub("", text)
