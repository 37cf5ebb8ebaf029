"""Results to report, each analysed once, their pictures, and pages as a reader sees them."""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from builders import brain, describe, write_group, write_map
from builders_cortex import write_surfaces
from webpages import without_own_script

import bids_ari as ari
from bids_ari.analysis.result import ContrastResult
from bids_ari.images.region_names import names_of
from bids_ari.images.regions import Region, RegionSet
from bids_ari.report.figures.draw import Picture, draw
from bids_ari.report.page import report_page

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"


@cache
def analysed(signal: float) -> tuple[ContrastResult, ...]:
    """Eight subjects with that much signal in a blob, greater and two-sided; no voxel reaches the last threshold."""
    return _analysed(signal, alternative=("greater", "two-sided"))


@cache
def analysed_surfaces(*, cifti: bool) -> ContrastResult:
    """Eight subjects with signal at the top of two spheres, greater; with voxels in CIFTI files."""
    with tempfile.TemporaryDirectory(prefix="jane-doe") as folder:
        root = Path(folder) / "first-level"
        describe(root)
        surface = tuple(write_surfaces(root, 8, np.random.default_rng(8), 3.0, cifti=cifti))
        (result,) = ari.analyse(ari.discover(root)[0], ari.Options(threshold=(2, 3), surface=surface))
        return result


@cache
def by_methods() -> tuple[ContrastResult, ...]:
    """The same eight subjects, greater, by closed testing and calibrated by all 2^8 sign flips."""
    return _analysed(3.0, method=("simes", "permutation"))


def _analysed(signal: float, **options: Any) -> tuple[ContrastResult, ...]:
    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory(prefix="jane-doe") as folder:
        root = Path(folder) / "first-level"
        describe(root)
        write_group(root, 8, rng, signal=signal)
        write_map(root, "01", brain(rng), stat="variance")
        return ari.analyse(ari.discover(root)[0], ari.Options(threshold=(2, 3, 50), **options))


@cache
def drawn() -> Mapping[str, Picture]:
    """The pictures of the first result with signal."""
    return dict(draw(analysed(3.0)[0]))


@cache
def drawn_calibrated() -> Mapping[str, Picture]:
    """The pictures of the result that was calibrated by permutation."""
    return dict(draw(by_methods()[1]))


def with_options(result: ContrastResult, **options: Any) -> ContrastResult:
    """The result with other options."""
    return replace(result, options=replace(result.options, **options))


def with_calibration(result: ContrastResult, **changes: Any) -> ContrastResult:
    """The result with a changed calibration."""
    assert result.calibrated is not None
    return replace(result, calibrated=replace(result.calibrated, **changes))


def one_map(result: ContrastResult, **changes: Any) -> ContrastResult:
    """The result as if it came from a single map."""
    alone = replace(result.contrast, members=result.contrast.members[:1])
    group_only = {"design": None, "quality": None, "outlying": None}
    return replace(result, contrast=alone, **group_only, **changes)


def region(index: int, name: str, *points: int) -> Region:
    """A region of some points."""
    return Region(index, name, np.array(points, dtype=np.int32))


def with_atlas(result: ContrastResult, *regions: Region, atlas: str = "/home/jane/own.nii.gz") -> ContrastResult:
    """The result with an atlas of these regions."""
    parcels = RegionSet("own", "Atlas own", regions)
    names = names_of(parcels, result.space.n_points, atlas)
    return replace(with_options(result, atlas=atlas), regions=(parcels,), atlas=parcels, names=names)


class Reader(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(without_own_script(html))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("dt", "dd", "td", "th"):
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def attributes(self, tag: str, name: str) -> list[str]:
        return [str(attrs[name]) for found, attrs in self.tags if found == tag and name in attrs]


def section(html: str, name: str) -> str:
    """The HTML of a section of a report."""
    start = html.index(f'<section id="{name}"')
    end = html.find('<section id="', start + 1)
    return html[start : end if end >= 0 else html.index("</main>")]


def section_text(
    result: ContrastResult, name: str, pictures: Mapping[str, Picture] | None = None, *compared: ContrastResult
) -> str:
    """The text of a section of the report of a result, by default with the pictures of `drawn`."""
    return text_of(section(report_page(result, drawn() if pictures is None else pictures, compared), name))


def text_of(html: str) -> str:
    """The text of a part of a page."""
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", html))
