"""Small pictures of results in their records, from which the index shows them without drawing anything."""

import base64
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bids_ari.analysis.result import ContrastResult
from bids_ari.outputs.records import entry
from bids_ari.report.figures.thumbnail import SIZE, draw_small_outlines, draw_thumbnail
from bids_ari.report.render import data_uri

NAME = "Thumbnail"
"""The entry of a record."""

_MEANINGS = {
    "glass": "in a glass brain, from the left and from above",
    "mask": "projected through the mask, from the left and from above",
    "cortex": "on the lateral sides of the cortex",
}
_PNG = "data:image/png;base64,"
_BASE64 = re.compile(r"[A-Za-z0-9+/]{20,40000}={0,2}")


class Thumbnail(NamedTuple):
    """A small picture as a page shows it."""

    kind: str
    png: str  # in base64, as `ground`
    ground: str
    size: tuple[int, int] = SIZE

    @property
    def uri(self) -> str:
        """The clusters as a data URI."""
        return f"{_PNG}{self.png}"

    @property
    def layer(self) -> str:
        """The class of elements with the same ground, or with the outlines of a glass brain."""
        return f"on-{zlib.crc32(self.ground.encode()):08x}" if self.ground else self.kind


def thumbnail_note(result: ContrastResult) -> dict[str, Any]:
    """Return the picture of a result for its record."""
    drawn = draw_thumbnail(result)
    clusters, ground = (base64.b64encode(png).decode() for png in (drawn.clusters, drawn.ground))
    return {NAME: {"Kind": drawn.kind, "Clusters": clusters, "Ground": ground}}


def thumbnail_of(summary: Mapping[str, Any]) -> Thumbnail | None:
    """Return the picture in a summary; None where it is damaged or missing, as in records of earlier versions."""
    noted = entry(summary, NAME, dict)
    kind, png, ground = (entry(noted, name, str) for name in ("Kind", "Clusters", "Ground"))
    is_good = kind in _MEANINGS and _BASE64.fullmatch(png) and (not ground or _BASE64.fullmatch(ground))
    return Thumbnail(kind, png, ground) if is_good else None


def meanings_of(thumbnails: Iterable[Thumbnail]) -> list[str]:
    """Return how the pictures of a page show clusters, each once."""
    kinds = {each.kind for each in thumbnails}
    return [text for kind, text in _MEANINGS.items() if kind in kinds]


def style_of(thumbnails: Iterable[Thumbnail]) -> str:
    """Return the style with what several pictures of a page share: grounds, and the outlines of a glass brain."""
    grounds = {each.layer: each.ground for each in thumbnails}
    rules = [f".{layer} {{ background-image: url({_PNG}{ground}); }}" for layer, ground in grounds.items() if ground]
    if "glass" in grounds:
        rules.append(f".glass::after {{ background-image: url({data_uri(draw_small_outlines())}); }}")
    return "\n".join(rules)
