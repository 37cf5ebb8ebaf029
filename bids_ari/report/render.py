"""HTML templates: rendering, escaping and the hash of the script that a page may run."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bids_ari.report.formatting import isolated, percent, plural, thousands
from bids_ari.runtime.caches import compiled_folder

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.nodes import EvalContext
    from markupsafe import Markup

Context = dict[str, Any]
"""The variables of a template."""

_WORDS = re.compile("(?<=[a-z])(?=[A-Z])")

REPORT = Path(__file__).parent
ASSETS = REPORT / "assets"


def render(template: str, /, **context: Any) -> str:
    """Render a template in ``assets`` or ``sections``.

    Strings are escaped in HTML, and everywhere characters that UTF-8 cannot encode.
    """
    page = _environment().get_template(template).render(**context)
    return page.encode(errors="backslashreplace").decode()  # file names may not be valid UTF-8


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_eval_context, select_autoescape

    from bids_ari.report.compiled import CompiledTemplates

    folder = compiled_folder(REPORT)
    environment = Environment(
        loader=FileSystemLoader([ASSETS, REPORT]),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        finalize=pass_eval_context(_shown),
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=None if folder is None else CompiledTemplates(folder, Path(__file__).read_bytes()),
    )
    environment.filters |= {"thousands": thousands, "plural": plural, "percent": percent, "link": quote}
    environment.filters["breakable"] = breakable
    environment.globals |= {"css": asset("style.css"), "report_css": asset("report.css")} | page_script("report.js")
    return environment


def _shown(context: "EvalContext", value: object) -> object:
    """Return a value as HTML templates show it: in texts, not in markup, names from right to left are isolated."""
    return isolated(value) if context.autoescape and type(value) is str else value


@cache
def asset(name: str) -> str:
    """Return the text of a file in ``assets``."""
    return (ASSETS / name).read_text(encoding="utf-8")


def page_script(name: str) -> Context:
    """Return the variables of a page for a script in ``assets``, with that for paper: the only one that it may run."""
    script = asset("printing.js") + asset(name)
    return {"script": script, "script_hash": script_hash(f"\n{script}\n")}


def breakable(text: str) -> "Markup":
    """Return a name, escaped, that may break into lines between its words.

    >>> breakable("faceVsHouse<b>")
    Markup('face<wbr>Vs<wbr>House&lt;b&gt;')
    """
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(word) for word in _WORDS.split(text))


def script_hash(script: str) -> str:
    """Return the Content-Security-Policy source that allows exactly one inline script.

    >>> script_hash("alert('Hello, world.');")
    'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def data_uri(png: bytes) -> str:
    """Return a PNG as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
