"""The report of one result: its parts, and what names from a dataset must not do to it."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from reported import HOSTILE, Reader, analysed, by_methods, drawn, drawn_calibrated, with_options

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.entities import Entities
from bids_ari.bids.exclusions import Excluded
from bids_ari.outputs import names
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.report import page
from bids_ari.report.page import report_page, write_report


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


@pytest.fixture(scope="module")
def html(result: ContrastResult) -> str:
    """Its report."""
    return report_page(result, drawn())


@pytest.fixture(scope="module")
def reader(html: str) -> Reader:
    """Its report, parsed."""
    return Reader(html)


def test_sections_are_in_order(html: str) -> None:
    names = re.findall('<section id="(\\w+)"', html)
    assert names == re.findall('<li><a href="#(\\w+)"', html[: html.index("</nav>")])
    assert " ".join(names) == (
        "headline inputs design mask maps quality clusters tdp largest resolutions sentences methods provenance"
    )


def test_calibration_and_comparison_are_sections_of_their_results() -> None:
    simes, permuted = by_methods()
    names = re.findall('<section id="(\\w+)"', report_page(permuted, drawn_calibrated(), [simes]))
    assert names[5:8] == ["quality", "calibration", "clusters"]
    assert names[-4:] == ["comparison", "sentences", "methods", "provenance"]


def test_hostile_names_stay_text(result: ContrastResult) -> None:
    contrast = replace(
        result.contrast,
        entities=Entities.of({"task": HOSTILE, "contrast": HOSTILE}),
        excluded=(Excluded(HOSTILE, HOSTILE),),
    )
    spoilt = {key: replace(shown, name=HOSTILE, alt=HOSTILE) for key, shown in drawn().items()}
    changed = with_options(result, mask=Path("x") / f"{HOSTILE.replace('/', '')}.nii")
    reader = Reader(report_page(replace(changed, contrast=contrast, notes=(HOSTILE,)), spoilt))
    assert "script" not in {tag for tag, _ in reader.tags}
    assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]
    assert all(source.startswith("data:image/png;base64,") for source in reader.attributes("img", "src"))
    assert HOSTILE in reader.text


def test_page_needs_nothing_else(reader: Reader, html: str) -> None:
    """A policy that forbids every request, and no reference that would make one."""
    (policy,) = (a["content"] for _, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "style-src 'unsafe-inline'; img-src data:" in policy
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in reader.tags}
    assert all(
        re.match(r"#|\.\./index\.html$|[\w-]+_explorer\.html$|https://doi\.org/", href)
        or re.fullmatch(r"\.\./(figures/[\w-]+\.png|group/[\w-]+\.(tsv|txt))", href)  # files, which a page links to
        for href in reader.attributes("a", "href")
    )
    assert "url(" not in html


def test_page_has_no_folders(result: ContrastResult) -> None:
    """Neither that of the data nor that of the mask."""
    html = report_page(with_options(result, mask=Path("/home/jane doe/secret/brain_mask.nii.gz")), drawn())
    assert "brain_mask.nii.gz" in html
    assert not re.search(r"jane|secret|/home/", html)
    assert "bids:first-level:sub-01/func/" in html


def test_page_is_accessible(reader: Reader) -> None:
    """One main heading, no level skipped, texts for pictures, captions and scopes for tables."""
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    tags = [tag for tag, _ in reader.tags]
    assert tags.count("caption") == tags.count("table")
    assert len(reader.attributes("th", "scope")) == tags.count("th")
    assert len(reader.attributes("img", "alt")) == tags.count("img")
    ids = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert ("html", {"lang": "en"}) in reader.tags
    assert {"main", "nav"} <= set(tags)


def test_only_the_time_differs_between_two_pages(result: ContrastResult, html: str) -> None:
    first, second = (re.sub("<time.*</time>", "", page) for page in (html, report_page(result, drawn())))
    assert first == second


def test_reports_and_pictures_are_written(tmp_path: Path) -> None:
    """A page per result; maps, highest TDP, TDP of both thresholds with clusters and of all, largest clusters."""
    results = analysed(3.0)
    with Derivatives(tmp_path, {}) as out:
        written = [name for result in results for name in write_report(result, out)]
    assert sorted(written) == sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert {names.report_name(result) for result in results} <= set(written)
    stem = "figures/task-emo_space-MNI152NLin2009cAsym_contrast-faces_test-mean_desc-"
    assert {name for name in written if name.endswith(".png")} == {
        f"{stem}{desc}_{what}.png"
        for direction in ("greater", "twoSided")
        for desc, what in (
            *((direction, what) for what in ("glass", "z", "faded", "quality", "subjects1")),
            *((f"{direction}All", what) for what in ("effect", "t", "z")),
            *((f"{direction}{which}", "tdp") for which in ("", "Z2", "Z3", "All", "Surface")),
            *((f"{direction}Tdp{percent}", "clusters") for percent in (50, 70, 90)),
        )
    }


@pytest.mark.parametrize(("formats", "has_light"), [(("pdf", "svg"), True), (("png",), False)])
def test_figures_for_papers_are_among_the_files(
    formats: tuple[str, ...], has_light: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those in PNG take the place of the light pictures of the report, which holds these itself."""
    result = replace(analysed(3.0)[0], options=replace(analysed(3.0)[0].options, figure_format=formats))
    monkeypatch.setattr(page, "paper_figures", lambda _, formats: [(f"figures/x.{each}", b"fine") for each in formats])
    with Derivatives(tmp_path, {}) as out:
        written = write_report(result, out, pictures=drawn())
    figures = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {f"x.{each}" for each in formats} <= figures
    assert all((picture.name in written) == has_light for picture in drawn().values())
    assert {f"figures/{name}" for name in figures} <= set(written)
