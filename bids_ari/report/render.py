"""Templates to pages: the one place that knows jinja2, and how numbers and names are written for people."""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bids_ari.report.figures.slices import SIZE
from bids_ari.stats.distributions import Alternative

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
_ASSETS = _HERE / "assets"
_FOLDERS = re.compile(r"""(?<![\w.:/~])(?:/[^/\s:;,'"()<>]+)+/""")


def render(template: str, **facts: Any) -> str:
    """Fill in a template; every string is escaped, and so is what no text can hold.

    Parameters
    ----------
    template : str
        The name of a file in ``assets``.
    **facts
        What the template tells.

    Returns
    -------
    str
        The page.
    """
    page = _environment().get_template(template).render(**facts)
    return page.encode(errors="backslashreplace").decode()  # of names of files that are not UTF-8


@cache
def _environment() -> "Environment":
    """Open the templates."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader([_ASSETS, _HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"thousands": thousands, "plural": plural, "link": quote}
    environment.globals["picture_size"] = SIZE
    script = (_ASSETS / "report.js").read_text(encoding="utf-8")
    environment.globals["css"] = Markup((_ASSETS / "style.css").read_text(encoding="utf-8"))
    environment.globals["script"] = Markup(script)
    environment.globals["script_hash"] = script_hash(f"\n{script}\n")
    return environment


def script_hash(script: str) -> str:
    """Name the one script that may run on a page, for its Content-Security-Policy: every character counts.

    >>> script_hash("alert('Hello, world.');")
    'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def thousands(number: float) -> str:
    """Write a whole number with separators.

    >>> thousands(31079)
    '31,079'
    """
    return f"{round(number):,}"


def plural(number: int, one: str, many: str = "") -> str:
    """Write a number of things, "no" for none.

    >>> plural(0, "cluster"), plural(1, "cluster"), plural(1200, "cluster")
    ('no clusters', '1 cluster', '1,200 clusters')
    """
    return f"{thousands(number) if number else 'no'} {one if number == 1 else many or one + 's'}"


def percent(fraction: float) -> str:
    """Write a fraction as a percentage, as short as it is.

    >>> percent(1 - 0.05), percent(0.999)
    ('95 %', '99.9 %')
    """
    return f"{100 * fraction:.8g} %"


def proportion(part: int, whole: int) -> str:
    """Write a proportion that bounds from below: rounded down, never up.

    >>> proportion(0, 9), proportion(2, 3), proportion(1999, 2000), proportion(1, 5000), proportion(9, 9)
    ('0', '0.666', '0.999', '< 0.001', '1')
    """
    if part in (0, whole):
        return "0" if part == 0 else "1"
    thousandths = 1000 * part // whole
    return f"{thousandths / 1000:.3f}" if thousandths else "< 0.001"


def above(threshold: float, alternative: Alternative) -> str:
    """Write the condition that a cluster-forming threshold stands for.

    >>> above(3.0, "greater"), above(3.1, "less"), above(3.0, "two-sided")
    ('z > 3', 'z < -3.1', '|z| > 3')
    """
    return {
        "greater": f"z > {threshold:g}",
        "less": f"z < {-threshold if threshold else 0:g}",
        "two-sided": f"|z| > {threshold:g}",
    }[alternative]


def any_of(words: Iterable[str]) -> str:
    """Join alternatives.

    >>> any_of(["3"]), any_of(["3", "4", "5"])
    ('3', '3, 4 or 5')
    """
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def data_uri(png: bytes) -> str:
    """Write a picture into a page."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def without_folders(text: str, names: Mapping[str, str]) -> str:
    """Take absolute paths out of a message: pages travel, and folders tell who worked where.

    Parameters
    ----------
    text : str
        A message.
    names : mapping of str to str
        What to write instead of folders that are known; of any other path only the last part is kept.

    Returns
    -------
    str
        The message without them.

    Examples
    --------
    >>> without_folders("/home/jo/ds/sub-01/map.nii is empty, /tmp/m.nii too", {"/home/jo/ds": "ds"})
    'ds/sub-01/map.nii is empty, m.nii too'
    """
    for folder in sorted(names, key=len, reverse=True):
        text = text.replace(folder, names[folder])
    return _FOLDERS.sub("", text)
