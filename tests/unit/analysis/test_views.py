"""A result as a table in a notebook: the largest clusters of its first threshold, and what is only counted."""

import re
from dataclasses import replace

import numpy as np
import pytest
from reported import analysed, one_map, with_options
from scipy import ndimage

from bids_ari.analysis.result import ContrastResult

MOST = 10


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    """With so low a threshold that there are many clusters."""
    return with_options(analysed(3.0)[0], threshold=(1.0, 3.0))


def sizes(result: ContrastResult, threshold: float) -> list[int]:
    """The sizes of the clusters beyond a threshold, the largest first."""
    inside = result.space.unmask(result.glm.z) > threshold
    n_axes = {6: 1, 18: 2, 26: 3}[result.options.connectivity]
    labels, _ = ndimage.label(inside, ndimage.generate_binary_structure(3, n_axes))
    return sorted(np.bincount(labels.ravel())[1:].tolist(), reverse=True)


def tables(result: ContrastResult) -> list[list[list[str]]]:
    """The texts of the cells of each row, of each table."""
    return [
        [re.findall(r"<t[hd][^>]*>([^<]*)", row) for row in re.findall(r"<tr>.*?</tr>", table)]
        for table in re.findall(r"<table>.*?</table>", result._repr_html_())
    ]


def test_the_largest_clusters_are_shown_and_the_others_counted(result: ContrastResult) -> None:
    expected = sizes(result, 1.0)
    assert len(expected) > MOST
    _, (head, *rows) = tables(result)
    assert head == ["cluster", "voxels", "TDN", "TDP", "peak z", "x, y, z (mm)"]
    assert [int(row[1]) for row in rows] == expected[:MOST]
    note = f"Clusters with z beyond 1; {len(expected) - MOST} smaller ones are not shown. All: result.table()"
    assert f"<p>{note}</p>" in result._repr_html_()


def test_a_row_has_what_the_table_of_the_result_has(result: ContrastResult) -> None:
    table = result.table(1.0)
    _, (_, *rows) = tables(result)
    for row, expected in zip(rows, table.itertuples(), strict=False):
        assert (int(row[0]), int(row[2])) == (expected.label, expected.tdn)
        assert 0 <= expected.tdp - float(row[3]) < 0.01  # rounded down
        assert float(row[4]) == pytest.approx(expected.peak_stat, abs=0.0051)
        place = [float(each) for each in row[5].split(", ")]
        assert place == pytest.approx([expected.peak_x, expected.peak_y, expected.peak_z], abs=0.5)


def test_where_few_clusters_are_none_is_left_out(result: ContrastResult) -> None:
    few = with_options(result, threshold=(3.0,))
    n = len(sizes(few, 3.0))
    assert 1 <= n <= MOST
    assert len(tables(few)[1]) == 1 + n
    assert "not shown" not in few._repr_html_()


def test_without_clusters_there_is_no_table(result: ContrastResult) -> None:
    assert len(tables(with_options(result, threshold=(50.0,)))) == 1
    assert "Clusters" not in with_options(result, threshold=(50.0,))._repr_html_()


def test_facts_of_the_analysis(result: ContrastResult) -> None:
    facts = dict(tables(result)[0])
    n, whole = result.space.n_points, result.bound.whole
    assert facts["test"] == "mean, greater, simes, alpha = 0.05"
    assert facts["subjects"] == "8"
    assert facts["voxels tested"] == f"{n:,}"
    count, percent = re.fullmatch(r"([\d,]+) \(([\d.]+) %\)", facts["truly active, at least"]).groups()  # type: ignore[union-attr]
    assert int(count.replace(",", "")) == whole > 0
    assert 0 <= 100 * whole / n - float(percent) < 0.1  # rounded down


def test_notes_are_counted_and_a_single_map_has_no_subjects(result: ContrastResult) -> None:
    assert "notes" not in dict(tables(replace(result, notes=()))[0])
    assert dict(tables(replace(result, notes=("a", "b")))[0])["notes"] == "2, in result.notes"
    assert "subjects" not in dict(tables(one_map(result))[0])
