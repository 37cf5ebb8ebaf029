"""Reports of surfaces and grayordinates: pictures, sizes and vertices."""

import re
from math import floor

import pytest
from reported import Reader, analysed_surfaces, section, text_of

from bids_ari.analysis.result import ContrastResult
from bids_ari.report.figures.draw import draw
from bids_ari.report.page import report_page


@pytest.fixture(scope="module", params=[False, True], ids=["surfaces", "grayordinates"])
def result(request: pytest.FixtureRequest) -> ContrastResult:
    return analysed_surfaces(cifti=request.param)


@pytest.fixture(scope="module")
def html(result: ContrastResult) -> str:
    return report_page(result, dict(draw(result)))


def test_points_have_their_name(result: ContrastResult, html: str) -> None:
    """No voxels where there are none; 2 x 162 vertices and 64 voxels."""
    text = text_of(html)
    units = result.space.units
    assert f"of the {result.space.n_points} {units} tested" in text
    assert result.space.n_points == {"vertices": 324, "grayordinates": 388}[units]
    if units == "vertices":
        assert "voxel" not in text.replace("voxelwise", "")
    assert "jane-doe" not in html


def test_alternative_texts_say_what_is_shown(result: ContrastResult, html: str) -> None:
    alternatives = Reader(html).attributes("img", "alt")
    kind = (
        "Lateral and medial views and axial slices" if result.space.unit == "grayordinate" else "Views from six sides"
    )
    assert [alt for alt in alternatives if alt.startswith(f"{kind} of the z map")]
    assert [alt for alt in alternatives if alt.startswith("The map of each subject, sheet 1: lateral views")]
    assert not [alt for alt in alternatives if "Glass" in alt]
    assert "glass brain" not in text_of(section(html, "maps")).lower()


def test_sizes_are_areas_and_volumes(result: ContrastResult, html: str) -> None:
    """Two spheres with a radius of 45 mm have less than 8 pi 45^2 = 50,894 mm2, by how much flat triangles lack."""
    facts = text_of(section(html, "mask"))
    n = {"vertex": 324, "grayordinate": 388}[result.space.unit]
    assert f"{n} of {n} (" in facts
    (area,) = re.findall(r"([\d,]+) cm²", facts)
    assert 0.9 * 509 < float(area.replace(",", "")) < 509
    assert ("1 cm³" in facts) == (result.space.unit == "grayordinate")  # 64 voxels of 8 mm3 are 0.5 cm3


def test_clusters_have_areas_and_vertices(result: ContrastResult, html: str) -> None:
    table = section(html, "clusters")
    (head,) = re.findall(r"(?s)<thead>(.*?)</thead>", table)[:1]
    columns = [text_of(cell).strip() for cell in re.findall(r"(?s)<th.*?</th>", head)]
    has_voxels = result.space.unit == "grayordinate"
    assert columns[2:6] == (["TDN", "TDP", "mm²", "mm³"] if has_voxels else ["TDN", "TDP", "mm²", "Active mm²"])
    assert "Active mm²" in columns
    cluster = result.clusters[2][0]
    row = result.table(2).iloc[0]
    (first,) = re.findall(r"(?s)<tbody[^>]*>\s*<tr>(.*?)</tr>", table)[:1]
    cells = [text_of(cell).strip() for cell in re.findall(r"(?s)<t[hd].*?</t[hd]>", first)]
    assert len(cells) == len(columns)
    assert cells[:3] == [str(cluster.label), str(cluster.size), str(cluster.tdn)]
    assert cells[4] == f"{round(row['area_mm2']):,}"
    side = {"CORTEX_LEFT": "L", "CORTEX_RIGHT": "R"}[row["peak_structure"]]
    assert cells[-1] == f"{side} {int(row['peak_vertex'])}"
    assert f"{floor(row['active_area_mm2']):,}" in cells  # a lower bound


def test_peaks_of_voxels_have_their_structure() -> None:
    result = analysed_surfaces(cifti=True)
    table = section(report_page(result, dict(draw(result))), "clusters")
    structures = {name for name in result.table(2)["peak_structure"] if name == "PUTAMEN_LEFT"}
    assert ("left putamen" in table) == bool(structures)
