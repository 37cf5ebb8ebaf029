"""Checks of every output and of every log, for any input."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from webpages import without_data, without_own_script

from bids_ari.report.figures import draw as pictures
from bids_ari.report.figures import slices as figures
from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.scene import Cells, Scene

Structure = list[tuple[str, tuple[str, ...]]]
"""The elements of a page, in order, with the names of their attributes."""

DOT = Canvas((1, 1))
"""A picture of one pixel."""

NONE = np.zeros((0, 0))
SCENE = Scene.of([Cells(NONE.astype(np.int32), NONE, ())], "Slices", "Left is left.", "nothing")
"""What pictures of one pixel share."""

_LONGEST = 3000  # characters of a line of the log
_WITHOUT_VALUE = ("hidden", "multiple", "checked", "selected", "open")
_EMPTY = ("meta", "img", "input", "wbr")
_DANGEROUS = ("script", "iframe", "frame", "object", "embed", "form", "input", "button", "base", "link", "svg", "math")
_VALUES = {
    "href": re.compile(r"#[\w-]+|(?!/)[\w+%./~-]+|https://doi\.org/[\w./()<>;:-]+"),
    "src": re.compile(r"data:image/png;base64,[A-Za-z0-9+/]+=*"),
    "style": re.compile(
        r"(width: [0-9.e-]+%; )?background: #[0-9A-Fa-f]{6}|background: linear-gradient\(to right(, #[0-9A-Fa-f]{6})+\)"
        r"|--columns:( minmax\(0, [0-9.]+fr\))+"
    ),
}
"""Patterns of the values of attributes that name an address or hold another language."""

_ATTRIBUTES = {*_VALUES, "lang", "charset", "http-equiv", "content", "name", "class", "id", "alt", "width", "height"}
_ATTRIBUTES |= {"role", "tabindex", "title", "rel", "scope", "rowspan", "colspan", "datetime"}
_ATTRIBUTES |= {"data-copyable", "data-searchable", "data-sentence", "data-sort", "data-label"}
"""Attributes that a page may have, beside those of `aria-`."""


class Page(HTMLParser):
    """A page, read strictly: no element that acts, none that is not closed, no attribute that is not known."""

    dangerous: frozenset[str] = frozenset(_DANGEROUS)
    attributes: frozenset[str] = frozenset(_ATTRIBUTES)

    def __init__(self, path: Path, root: Path) -> None:
        super().__init__()
        self._path, self._root = path, root
        self.structure: Structure = []
        self.text = ""
        self._open: list[str] = []
        self.feed(without_data(without_own_script(path.read_text(encoding="utf-8"))))
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in self.dangerous
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names)
        for name, value in attrs:
            assert name in self.attributes or re.fullmatch("aria-[a-z]+", name), name
            assert value is not None or name in _WITHOUT_VALUE, name
            assert name not in _VALUES or _VALUES[name].fullmatch(value), (name, value)
            if name == "href" and not value.startswith("https:"):
                assert (self._path.parent / unquote(value)).resolve().is_relative_to(self._root.resolve()), value
        if tag != "wbr":  # names may break where they do, which is no structure
            self.structure.append((tag, tuple(sorted(names))))
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")


class Explorer(Page):
    """A page that is there to be acted on; it has a script, which alone fills in what a dataset says."""

    dangerous = Page.dangerous - {"input", "button"}
    attributes = Page.attributes | {"type", "min", "max", "step", "inputmode", "for", "value", "hidden", "data-name"}
    attributes |= {"data-view", "data-about", "data-picture", "multiple", "accept", "checked", "selected", "open"}


def undraw(patch: pytest.MonkeyPatch) -> None:
    """Make pictures of one pixel: few words come into them, and drawing takes most of the time."""
    for name in ("draw_z", "draw_values", "draw_tdp", "draw_clusters"):
        patch.setattr(figures, name, lambda *_, **__: DOT)
    for name in ("draw_subjects", "draw_design", "draw_calibration"):
        patch.setattr(pictures, name, lambda *_: DOT)
    patch.setattr(pictures, "sheets", lambda *_: [lambda: DOT])
    patch.setattr(pictures, "scene_of", lambda *_: SCENE)


def pages_in(out: Path) -> list[Page]:
    """Every page of an output."""
    paths = sorted(out.rglob("*.html"))
    return [(Explorer if path.name.endswith("_explorer.html") else Page)(path, out) for path in paths]


def check_output(out: Path, *shows: str) -> None:
    """Every page, table and JSON file can be read, pages show some texts, and nothing is a link."""
    assert not [path for path in out.rglob("*") if path.is_symlink()]
    for path in out.rglob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        json.dumps(content, ensure_ascii=False).encode()  # fails for halves of surrogate pairs
    for path in out.rglob("*.tsv"):
        *rows, end = path.read_text(encoding="utf-8").split("\n")
        assert not end
        assert len({row.count("\t") for row in rows}) == 1, path
    shown = "".join(page.text for page in pages_in(out))
    for text in shows:
        assert text in shown


def check_log(err: str, *says: str) -> None:
    """Nothing in it moves a cursor, forges a line or floods the terminal; each failure is one line, and says enough."""
    lines = err.split("\n")
    for line in lines:
        assert line.isprintable(), line
        assert len(line) <= _LONGEST
        assert not line or line.startswith(("INFO ", "WARNING ", "ERROR ", "- ", "and ")), line
    for text in says:
        assert text in err
    errors = [line for line in lines if line.startswith("ERROR ")]
    reported = re.fullmatch(r"ERROR (\d+) contrasts? could not be analysed", errors[-1]) if errors else None
    assert len(errors) <= (int(reported[1]) + 1 if reported else 1)


def _refuse(constant: str) -> Any:
    raise AssertionError(f"no JSON: {constant}")
