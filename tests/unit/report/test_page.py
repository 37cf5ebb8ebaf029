"""The page of one result: what a reader can see, and what a dataset must not do to it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from reported import analysed
from webpages import without_own_script

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.contrasts import Excluded
from bids_ari.bids.entities import Entities
from bids_ari.outputs import names
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.report import page
from bids_ari.report.figures.draw import Picture, draw
from bids_ari.report.sections import clusters as blocks

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def results() -> tuple[ContrastResult, ...]:
    """Greater and two-sided, with signal."""
    return analysed(3.0)


@pytest.fixture
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


@pytest.fixture
def null_result() -> ContrastResult:
    """Greater, pure noise: nothing is found."""
    return analysed(0.0)[0]


@pytest.fixture(scope="module")
def pictures() -> Mapping[str, Picture]:
    """The pictures of the result."""
    return dict(draw(analysed(3.0)[0]))


class Reader(HTMLParser):
    """Collects what a browser would: the tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def attributes(self, tag: str, name: str) -> list[str]:
        return [str(attrs[name]) for found, attrs in self.tags if found == tag and name in attrs]


def read(result: ContrastResult, pictures: Mapping[str, Picture]) -> Reader:
    return Reader(without_own_script(page.page(result, pictures)))


def test_headline_numbers_are_those_of_the_result(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    text = read(result, pictures).text
    assert result.bound.whole > 0
    assert (
        f"With 95 % confidence, at least {result.bound.whole} of the {result.space.n_points} voxels tested "
        "are truly active." in text
    )
    assert "8 subjects" in text
    assert "(mean) is above zero" in text


def test_sections_stand_in_order(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    html = page.page(result, pictures)
    names = re.findall('<section id="(\\w+)"', html)
    assert names == re.findall('<li><a href="#(\\w+)"', html)
    assert " ".join(names) == (
        "headline inputs design mask maps quality clusters tdp largest resolutions methods provenance"
    )


def test_every_cluster_is_told(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    html = page.page(result, pictures)
    for threshold, clusters in result.clusters.items():
        block = html.split(f'id="clusters-Z{threshold:g}"')[1].split("</section>")[0]
        rows = re.findall(
            r'rowgroup" rowspan="\d">(\d+)</th><td rowspan="\d">(\d+)</td>.*\n<td rowspan="\d">(\d+)', block
        )
        assert rows == [(str(c.label), str(c.size), str(c.tdn)) for c in clusters]


def test_an_empty_threshold_says_no_cluster(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    assert not result.clusters[50]
    text = read(result, pictures).text
    assert "z > 50: no clusters" in text
    assert "No cluster: no voxel has z > 50." in text


def test_many_clusters_unfold_and_end(
    null_result: ContrastResult, pictures: Mapping[str, Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that do not stand in the first table unfold; those beyond the limit are counted."""
    monkeypatch.setattr(blocks, "FIRST_ROWS", 1)
    monkeypatch.setattr(blocks, "MOST_ROWS", 3)
    n = len(null_result.clusters[2])
    assert n > 4
    text = read(null_result, pictures).text
    assert "2 smaller clusters, none with TDP above 0" in text
    assert f"{n - 3} still smaller clusters not shown here, none with TDP above 0" in text


def test_the_bounds_on_the_whole_are_told(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    text = read(result, pictures).text
    n_significant = int((result.image("adjusted_p").get_fdata() <= 0.05).sum())
    assert n_significant > 1
    assert f"{n_significant} voxels are significant by themselves: p adjusted by closed testing for all 720" in text
    assert f"the largest set that closed testing cannot reject has h = {result.bound.h} voxels" in text


def test_nothing_found_is_said(null_result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    drawn = dict(draw(null_result))
    text = read(null_result, drawn).text
    assert null_result.bound.whole == 0
    assert (
        f"at least 0 of the {null_result.space.n_points} voxels tested are truly active: none can be claimed." in text
    )
    assert "This does not show that nothing is active" in text
    assert "No voxel is significant by itself" in text
    assert text.count("None reaches it: no supra-threshold cluster, at any threshold, has a TDP of at least") == 3
    assert "No supra-threshold cluster, at any threshold, has a TDP above 0." in text
    assert [what for what in drawn if what.startswith(("tdp", "largest", "highest"))] == ["tdp", "tdp above 2"]


def test_who_was_left_out_and_why(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    """Grouped by reason, the most frequent first."""
    entries = (Excluded("sub-09", "excluded"), Excluded("sub-10", "excluded"), Excluded("a/map.nii", "too short"))
    text = read(replace(result, contrast=replace(result.contrast, excluded=entries)), pictures).text
    assert "Left out: 3 files or subjects, for 2 reasons." in text
    assert text.index("Left out: 2, excluded") < text.index("Left out: 1, too short") < text.index("a/map.nii")
    assert "its stat is variance" in read(result, pictures).text


def test_notes_are_shown(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    assert "Please note" not in read(replace(result, notes=()), pictures).text
    noted = read(replace(result, notes=("Mind the gap", "Twice")), pictures).text
    assert "Please note Mind the gap Twice" in noted


def test_hostile_names_stay_text(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    contrast = replace(
        result.contrast,
        entities=Entities.of({"task": HOSTILE, "contrast": HOSTILE}),
        excluded=(Excluded(HOSTILE, HOSTILE),),
    )
    options = replace(result.options, mask=Path("x") / f"{HOSTILE.replace('/', '')}.nii")
    spoilt = {key: replace(shown, name=HOSTILE, alt=HOSTILE) for key, shown in pictures.items()}
    reader = read(replace(result, contrast=contrast, options=options, notes=(HOSTILE,)), spoilt)
    assert "script" not in {tag for tag, _ in reader.tags}
    assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]
    assert all(source.startswith("data:image/png;base64,") for source in reader.attributes("img", "src"))
    assert HOSTILE in reader.text


def test_page_needs_nothing_else(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    """A policy that forbids every request, and no reference that would make one."""
    reader = read(result, pictures)
    (policy,) = (a["content"] for _, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "style-src 'unsafe-inline'; img-src data:" in policy
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in reader.tags}
    assert all(
        re.match(r"#|\.\./index\.html$|[\w-]+_explorer\.html$|https://doi\.org/", href)
        for href in reader.attributes("a", "href")
    )
    assert "url(" not in page.page(result, pictures)


def test_page_tells_no_folders(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    """Neither where the data lie nor where the mask lies."""
    options = replace(result.options, mask=Path("/home/jane doe/secret/brain_mask.nii.gz"))
    html = page.page(replace(result, options=options), pictures)
    assert "brain_mask.nii.gz" in html
    assert not re.search(r"jane|secret|/home/", html)
    assert "bids:first-level:sub-01/func/" in html


def test_page_is_accessible(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    """One main heading, no level skipped, texts for pictures, captions and scopes for tables."""
    reader = read(result, pictures)
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


def test_only_the_time_differs_between_two_pages(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    first, second = (re.sub("<time.*</time>", "", page.page(result, pictures)) for _ in range(2))
    assert first == second


def test_reports_and_pictures_are_written(results: tuple[ContrastResult, ...], tmp_path: Path) -> None:
    """One page a result; maps, highest TDP, TDP of both thresholds with clusters, of all, and the largest clusters."""
    with Derivatives(tmp_path, {}) as out:
        written = [name for result in results for name in page.write(result, out)]
    assert sorted(written) == sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert {names.report_name(result) for result in results} <= set(written)
    stem = "figures/task-emo_space-MNI152NLin2009cAsym_contrast-faces_test-mean_desc-"
    assert {name for name in written if name.endswith(".png")} == {
        f"{stem}{desc}_{what}.png"
        for direction in ("greater", "twoSided")
        for desc, what in (
            *((direction, what) for what in ("glass", "z", "faded", "quality", "subjects1")),
            *((f"{direction}All", what) for what in ("effect", "t", "z")),
            *((f"{direction}{which}", "tdp") for which in ("", "Z2", "Z3", "All")),
            *((f"{direction}Tdp{gamma}", "clusters") for gamma in (50, 70, 90)),
        )
    }


def test_one_threshold_needs_one_picture_of_tdp(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    alone = replace(result, clusters={2.0: result.clusters[2]})
    drawn = dict(draw(alone))
    assert [what for what in drawn if what.startswith("tdp")] == ["tdp"]
    assert "Each voxel has the TDP of its cluster." in read(alone, drawn).text
