"""The explorer in the output of a notebook cell: in a frame without an address, a place to store, or access."""

import re
from pathlib import Path

import numpy as np
import pytest
from browser.browsing import Visits
from builders import brain, image

from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.single import analyse_map
from bids_ari.config.options import Options


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ContrastResult:
    path = tmp_path_factory.mktemp("cell") / "z.nii.gz"
    image(2 * brain(np.random.default_rng(2), signal=3)).to_filename(path)
    (found,) = analyse_map(path, Options(threshold=(3,)))
    return found


def test_it_can_be_used_within_a_notebook(result: ContrastResult, visits: Visits, tmp_path: Path) -> None:
    cell = tmp_path / "cell.html"
    cell.write_text(f"<!doctype html><title>cell</title><body>{result._repr_html_()}{result.explore()._repr_html_()}")
    page = visits.open(cell)
    (frame,) = page.frames[1:]
    frame.wait_for_selector('body[data-ready="true"]')
    assert re.sub(r"\D", "", frame.inner_text("#headline"))[2:].startswith(str(result.bound.whole))
    assert frame.is_hidden("#tour")  # it would be shown for each cell
    assert page.evaluate("window.scrollY") == 0
    frame.fill("#tdp", "0.9")
    frame.press("#tdp", "Enter")
    page.wait_for_timeout(400)  # the address of a page of its own would be kept by now
    assert page.url.endswith("cell.html")
    assert frame.input_value("#tdp-slider") == "0.9"
