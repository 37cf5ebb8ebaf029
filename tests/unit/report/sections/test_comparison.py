"""Section "Methods compared"."""

from pathlib import Path

import pytest
from reported import by_methods, drawn_calibrated, section, section_text, text_of, with_options

from bids_ari.analysis.result import ContrastResult
from bids_ari.outputs import names
from bids_ari.report.page import report_page
from bids_ari.report.sections.tables import comparison_table


@pytest.fixture(scope="module")
def simes() -> ContrastResult:
    """By closed testing."""
    return by_methods()[0]


@pytest.fixture(scope="module")
def permuted() -> ContrastResult:
    """The same, calibrated by permutation."""
    return by_methods()[1]


def test_results_of_several_methods_are_compared(simes: ContrastResult, permuted: ContrastResult) -> None:
    for one, other in ((simes, permuted), (permuted, simes)):
        html = section(report_page(one, drawn_calibrated(), [other]), "comparison")
        assert f'href="{Path(names.report_name(other)).name}"' in html
        text = text_of(html)
        assert text.index("closed testing, Simes") < text.index("calibrated by permutation")
        assert "--split-alpha" in text
    assert 'id="comparison"' not in report_page(permuted, drawn_calibrated())


def test_bounds_of_the_same_sets_are_side_by_side(simes: ContrastResult, permuted: ContrastResult) -> None:
    """Of the whole mask and of each cluster with TDN above 0 by any method; the others are counted."""
    table = comparison_table(permuted, [simes])
    assert table == comparison_table(simes, [permuted]) | {"columns": table["columns"]}
    (whole,) = table["blocks"][0]["rows"]
    assert [tdn for tdn, _, _ in whole["cells"]] == [simes.bound.whole, permuted.bound.whole]
    for threshold, shown in zip((2.0, 3.0), table["blocks"][1:], strict=True):
        clusters = {str(each.label): each for each in simes.clusters[threshold]}
        assert len(shown["rows"]) + shown["n_more"] == len(clusters)
        assert shown["n_active_more"] == 0
        for row in shown["rows"]:
            points = clusters[row["label"]].points
            tdns = [simes.bound.tdn(points), permuted.bound.tdn(points)]
            assert [(tdn, most) for tdn, _, most in row["cells"]] == [
                (tdn, tdns[0] != tdns[1] and tdn == max(tdns)) for tdn in tdns
            ]


def test_with_a_divided_alpha_the_larger_bound_may_be_reported(simes: ContrastResult, permuted: ContrastResult) -> None:
    split = {"alpha": 0.025, "n_results": 2}
    one, other = with_options(permuted, **split), with_options(simes, **split)
    text = section_text(one, "comparison", drawn_calibrated(), other)
    assert "2 results of the run, 0.025 each" in text
    assert "95 % confidence" in text
    assert "--split-alpha" not in text
