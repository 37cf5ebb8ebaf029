"""Report, explorer and index in Firefox: the same numbers as in Python, no errors, no requests, at every width."""

from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from browser.browsing import WIDTHS, overflowing, settle, violations
from browser.cortices import LEFT, of_surfaces
from browser.firefox import Firefox, Tab, firefox_path, running
from browser.outputs_to_see import PAGES
from browser.test_explorer_numbers import of_hits
from browser.test_explorer_texts import bounded


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """Firefox; it ends after this module, for other tests count threads and send signals."""
    path = firefox_path()
    if path is None:
        pytest.skip("no Firefox: install it (apt-get install firefox-esr), or say where it is in BIDS_ARI_FIREFOX")
    with running(path, tmp_path_factory.mktemp("firefox")) as firefox:
        yield firefox


@pytest.fixture
def firefox(browser: Firefox) -> Iterator[Firefox]:
    """Opens pages; the test fails when one of them logs an error or requests anything."""
    browser.problems.clear()
    yield browser
    browser.send("session.status")  # events of the pages arrive before its answer
    browser.close_all()
    assert browser.problems == []


def fits(tab: Tab) -> None:
    """Nothing reaches beyond the window, at any width, with all lists open."""
    tab.evaluate("document.querySelectorAll('details').forEach((list) => { list.open = true; })")
    for width in WIDTHS:
        tab.resize(width)
        settle(tab)
        assert tab.evaluate("innerWidth") == width
        assert overflowing(tab) == [], width


def test_what_goes_wrong_is_noticed(tmp_path: Path, browser: Firefox) -> None:
    """Else the tests below would always pass."""
    refusing = "<meta http-equiv='Content-Security-Policy' content=\"img-src 'none'\">"
    for i, page in enumerate(
        (
            "<script>console.warn('of a script'); nothing();</script>",
            f"{refusing}<img src='http://127.0.0.1:60009/refused.png'>",
            "<img src='http://127.0.0.1:60009/far.png'><link rel=stylesheet href=near.css>",
        )
    ):
        (tmp_path / f"{i}.html").write_text(f"<!doctype html>{page}")
        browser.open(tmp_path / f"{i}.html")
    browser.close_all()
    near = (tmp_path / "near.css").as_uri()
    signs = (
        "of a script",
        "nothing is not defined",
        "refused.png",
        "request: http://127.0.0.1:60009/far.png",
        f"file: {near}",
    )
    assert [sign for sign in signs if not any(sign in problem for problem in browser.problems)] == []


def test_a_report_is_whole_and_fits(out: Path, firefox: Firefox) -> None:
    (path,) = out.glob(PAGES["formula"])
    tab = firefox.open(path)
    tab.click("#clusters tbody[data-sentence] th button")
    tab.wait_for(
        "[...document.querySelectorAll('[role=status]')].some((each) => /^Copied: In a clu/.test(each.innerText))"
    )
    fits(tab)
    pictures = tab.evaluate("[...document.images].map((each) => each.complete && each.naturalWidth > 100)")
    assert len(pictures) >= 2
    assert all(pictures)
    assert violations(tab) == []


def test_the_explorer_of_a_volume_has_the_numbers_of_python(firefox: Firefox) -> None:
    """Sentence, table and labels at targets typed and set; the saved image has the same voxels and place."""
    explorer = of_hits("oblique")
    tab, result = firefox.explorer(explorer.path), explorer.result
    for target in (0.28, 0.55, 1.0):
        tab.fill("#tdp", str(target))
        tab.press("#tdp", "Enter")
        settle(tab)
        clusters = result.forest.with_tdp(target)
        points = np.concatenate([cluster.points for cluster in clusters])
        assert len(clusters) > 1
        assert tab.text("#status") == f"{len(clusters)} clusters, {points.size:,} voxels"
        words = f"the {len(clusters)} largest clusters with a TDP of at least {target:g}, together"
        assert f"{words} {bounded(result, points)}" in tab.text("#shown")
        rows = tab.evaluate(
            "[...document.querySelectorAll('#clusters tbody tr')].map((row) => row.innerText.split('\\t'))"
        )
        assert [[int(number.replace(",", "")) for number in row[:3]] for row in rows] == [
            [cluster.label, cluster.size, cluster.tdn] for cluster in clusters[: len(rows)]
        ]
        assert tab.evaluate("Array.from(explorer.labels())") == result.labels(tdp=target).tolist()
    image, expected = nib.load(tab.saved("#save-labels")), result.image("clusters", tdp=1.0)
    np.testing.assert_array_equal(np.asarray(image.dataobj), np.asarray(expected.dataobj))
    np.testing.assert_array_equal(image.affine, result.space.grid.affine.astype(np.float32))


def test_keys_move_the_crosshair_and_the_explorer_fits(firefox: Firefox) -> None:
    tab = firefox.explorer(of_hits().path)
    tab.evaluate("explorer.go(8, 8, 8)")
    for keys, voxel in (
        (("ArrowRight",), [9, 8, 8]),
        (("ArrowUp", "ArrowUp"), [9, 10, 8]),
        (("ArrowLeft", "ArrowDown"), [8, 9, 8]),
    ):
        tab.press("#slice-z", *keys)
        assert tab.evaluate("explorer.state().voxel") == voxel
    tab.press("#slice-z", "Tab")
    tab.wait_for("document.activeElement.id !== 'slice-z'")
    tab.wait_for("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
    fits(tab)
    assert violations(tab) == []


HAS_WEBGL = "document.createElement('canvas').getContext('webgl2') !== null"


def test_the_explorer_of_surfaces_works_with_and_without_webgl(firefox: Firefox) -> None:
    explorer = of_surfaces()
    tab, result = firefox.explorer(explorer.path), explorer.result
    if tab.evaluate(HAS_WEBGL):
        assert tab.evaluate("document.querySelector('#surfaces').offsetHeight") > 100
    else:
        assert "WebGL" in tab.text("#no-surfaces")
        assert tab.evaluate("document.querySelector('#surfaces').offsetHeight") == 0
    tab.evaluate("explorer.setTdp(0.5)")
    settle(tab)
    clusters = result.forest.with_tdp(0.5)
    assert f"{len(clusters)} clusters, " in tab.text("#status")
    assert tab.evaluate("Array.from(explorer.labels())") == result.labels(tdp=0.5).tolist()
    expected = result.space.unmask(result.labels(tdp=0.5))[result.space.frame.structures[LEFT]]
    np.testing.assert_array_equal(nib.load(tab.saved("#save-labels")).agg_data(), expected)
    assert len(pd.read_csv(tab.saved("#save-table"), sep="\t")) == len(clusters) > 1
    fits(tab)


def test_the_index_sorts_and_filters_and_fits(out: Path, firefox: Firefox) -> None:
    tab = firefox.open(out / PAGES["index"])
    shown = """[...document.querySelectorAll("tbody td[data-label='TDN']")]
      .filter((each) => !each.parentElement.hidden).map((each) => Number(each.innerText.replaceAll(",", "")))"""
    before = tab.evaluate(shown)
    assert len(before) >= 5
    for state, expected in (
        ("descending", sorted(before, reverse=True)),
        ("ascending", sorted(before)),
        (None, before),
    ):
        tab.press("th[data-sort=tdn] button", "Enter")
        assert tab.evaluate(shown) == expected
        assert tab.evaluate("document.querySelector('th[data-sort=tdn]').ariaSort") == state
    tab.fill("input[type=search]", "silence")
    assert len(tab.evaluate(shown)) == 1
    assert tab.evaluate("document.querySelector('tbody tr:not([hidden]) .label').innerText") == "silence"
    assert tab.text("[role=status]") == f"1 of {len(before)} results"
    tab.fill("input[type=search]", "s")
    fits(tab)
    assert violations(tab) == []
