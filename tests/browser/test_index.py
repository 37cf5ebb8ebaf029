"""The index in a real browser: sorted, filtered, on narrow screens and by keyboard."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser.browsing import WIDTHS, Visits, overflowing, violations

from bids_ari.outputs.derivatives import Derivatives
from bids_ari.report.index import write_index

if TYPE_CHECKING:
    from playwright.sync_api import Page

CONTRASTS = ("faces", "houses", "tools2", "tools10")
TESTS = ("mean", "age")
TDN = {"faces": 9, "houses": 1200, "tools2": 0, "tools10": 70}
Make = Callable[[int], Path]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Indexes of a number of results, in turn of each contrast and test."""

    def write(n: int) -> Path:
        folder = tmp_path_factory.mktemp("index")
        with Derivatives(folder, {}) as out:
            found = [_record(i, CONTRASTS[i // 2 % 4], TESTS[i % 2]) for i in range(n)]
            out.records = lambda: found  # type: ignore[method-assign]
            write_index(out)
        return folder / "index.html"

    return write


def _record(i: int, contrast: str, test: str) -> dict[str, Any]:
    stem = f"group/task-stroop_space-MNI152NLin6Asym_run-{i}_contrast-{contrast}_test-{test}"
    summary = {
        "Contrast": f"task-stroop_space-MNI152NLin6Asym_run-{i}_contrast-{contrast}",
        "Test": test,
        "Alternative": "greater",
        "Method": "simes",
        "Alpha": 0.05,
        "NumberOfSubjects": 20 + i,
        "NumberOfVoxels": 200_000,
        "TrueDiscoveryNumber": TDN[contrast],
        "Clusters": {"3": i, "4": 1},
        "LargestClusters": {"0.7": i},
        "Notes": ["A note that is long enough to be folded"],
        "Report": f"{stem}_desc-greater_report.html",
        "Explorer": f"{stem}_desc-greater_explorer.html",
        "Thumbnail": {
            "Kind": "glass",
            "Clusters": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=",
        },
    }
    files = [f"{stem}_stat-z_statmap.nii.gz", f"{stem}_desc-greaterZ3_clusters.tsv"]
    return {"Results": [summary], "Files": files, "Time": f"2026-01-{1 + i % 28:02d}T10:00:00"}


@pytest.fixture(scope="module")
def few(make: Make) -> Path:
    return make(8)


def shown(page: "Page", column: str = "TDN") -> list[str]:
    """The texts of a column, of the rows that are shown, from top to bottom."""
    script = """(cells) => cells.filter((each) => !each.parentElement.hidden).map((each) => each.textContent.trim())"""
    cells: list[str] = page.locator(f"tbody td[data-label='{column}']").evaluate_all(script)
    return cells


def head(page: "Page", column: str) -> "Any":
    return page.locator(f"th[data-sort={column}]")


def test_a_column_sorts_by_its_numbers(few: Path, visits: Visits) -> None:
    """The largest first, then the smallest, then as before; 1,200 is more than 70; by Enter on its head."""
    page = visits.open(few)
    before = shown(page)
    for state, expected in (
        ("descending", ["1,200", "1,200", "70", "70", "9", "9", "0", "0"]),
        ("ascending", ["0", "0", "9", "9", "70", "70", "1,200", "1,200"]),
        (None, before),
    ):
        head(page, "tdn").get_by_role("button").press("Enter")
        assert head(page, "tdn").get_attribute("aria-sort") == state
        assert shown(page) == expected
    assert page.locator("[aria-sort]").count() == 0


def test_names_are_sorted_as_people_count(few: Path, visits: Visits) -> None:
    page = visits.open(few)
    head(page, "contrast").get_by_role("button").click()
    labels = page.locator("tbody .label").all_inner_texts()
    assert labels == ["faces", "faces", "houses", "houses", "tools2", "tools2", "tools10", "tools10"]
    assert head(page, "contrast").get_attribute("aria-sort") == "ascending"


def test_filters_combine_and_are_in_the_address(few: Path, visits: Visits) -> None:
    page = visits.open(few)
    page.get_by_role("searchbox").fill("TOOLS stroop")
    assert len(shown(page)) == 4
    page.get_by_role("button", name="age").click()
    assert sorted(shown(page)) == ["0", "70"]
    page.get_by_role("button", name="TDN above 0").click()
    assert shown(page) == ["70"]
    assert page.get_by_role("status").inner_text() == "1 of 8 results"
    head(page, "subjects").get_by_role("button").click()
    again = visits.open(few, place="#" + page.url.partition("#")[2])
    assert shown(again) == ["70"]
    assert again.get_by_role("searchbox").input_value() == "TOOLS stroop"
    assert again.get_by_role("button", name="age").get_attribute("aria-pressed") == "true"
    assert head(again, "subjects").get_attribute("aria-sort") == "descending"
    again.get_by_role("searchbox").fill("no such result")
    assert again.get_by_text("No result has all that was chosen").is_visible()
    again.get_by_role("button", name="Show all").click()
    assert len(shown(again)) == 8
    again.get_by_role("combobox", name="Contrast").select_option("faces")
    assert shown(again) == ["9", "9"]


@pytest.mark.parametrize("place", ["#main", "#sort=nothing&test=unknown", "#q=%E0%A4%A", "#%"])
def test_other_addresses_do_no_harm(place: str, few: Path, visits: Visits) -> None:
    page = visits.open(few, place=place)
    assert len(shown(page)) == (0 if "unknown" in place or "q=" in place else 8)


def test_on_a_telephone_controls_open_and_cards_are_sorted(few: Path, visits: Visits) -> None:
    page = visits.open(few, width=360)
    assert not head(page, "tdn").is_visible()
    choices = page.get_by_role("button", name="Filter and sort by")
    assert choices.get_attribute("aria-expanded") == "false"
    choices.click()
    page.get_by_label("Sort").select_option("-tdn")
    assert shown(page)[0] == "1,200"


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_fits_and_can_be_read(width: int, few: Path, visits: Visits) -> None:
    """Nothing is cut, no column scrolls, and axe-core finds no barrier, in the dark as well."""
    page = visits.open(few, width=width)
    page.evaluate("document.querySelectorAll('details').forEach((list) => { list.open = true; })")
    assert overflowing(page) == []
    box = "(box) => box.scrollWidth - box.clientWidth"
    assert page.locator(".scroll").first.evaluate(box) == 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []


def test_with_forced_colours_pictures_stay(few: Path, visits: Visits) -> None:
    page = visits.open(few)
    page.emulate_media(forced_colors="active")
    style = "(each) => getComputedStyle(each).backgroundColor"
    assert page.locator(".thumbnail").first.evaluate(style) == "rgb(255, 255, 255)"
    assert violations(page) == []


def test_500_results_are_sorted_at_once(make: Make, visits: Visits) -> None:
    """Rows that are not seen are not laid out: 0.1 s on a free processor, and 0.6 s with all of them."""
    page = visits.open(make(500))
    script = """(button) => { const began = performance.now(); button.click(); document.body.offsetHeight;
      return performance.now() - began; }"""
    button = head(page, "tdn").get_by_role("button")
    assert min(button.evaluate(script) for _ in range(3)) < 400
    assert len(shown(page)) == 500
