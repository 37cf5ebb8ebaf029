"""The explorer page has the exact result; tests/browser checks what a browser shows."""

import base64
import re
from dataclasses import replace
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from builders_colours import lab_of
from explored import blobs_of, decoded, described, facts_of, queried
from markupsafe import escape
from reported import analysed

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.regions import Region, RegionSet
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.explorer import arrays as explorer_arrays
from bids_ari.report.explorer.arrays import Blob, counting_categories, forest_blobs, kept_places, z_steps
from bids_ari.report.explorer.page import explorer_page
from bids_ari.report.figures.draw import draw
from bids_ari.report.figures.scales import tdp_colour, tdp_scale
from bids_ari.stats.bounds import Bound, true_discoveries
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.forest import grow_forest

TARGETS = (0.001, 0.07, 0.28, 0.3, 1 / 3, 0.5, 0.55, 2 / 3, 0.7, 0.9, 1.0)
OBLIQUE = np.array([[-1.8, 0.6, 0.2, 9], [0.5, 1.9, -0.3, -8], [-0.3, 0.2, 2.4, -7], [0, 0, 0, 1]])


def page_of(*results: ContrastResult) -> str:
    return explorer_page(results or analysed(3.0)[:1], None)


def random_result(rng: np.random.Generator, affine: npt.NDArray[np.float64] = OBLIQUE, decimals: int = 0) -> Any:
    """A result whose z has many ties, on some grid."""
    inside = rng.random((7, 8, 6)) < 0.8
    mask = VolumeSpace(Grid((7, 8, 6), affine, (4, 1)), inside)
    z = rng.normal(1, 2, size=mask.n_points).round(decimals)
    bound = hommel_bound(np.exp(-(np.maximum(z, 0) ** 2) * 1.2))
    forest = grow_forest(z, mask.adjacency(18), bound)
    result = analysed(3.0)[0]
    glm = replace(result.glm, z=z)
    return replace(result, space=mask, glm=glm, bound=bound, forest=forest, clusters={}, largest={})


def counted(category: npt.NDArray[np.integer], voxels: npt.NDArray[np.integer]) -> int:
    """TDN by its definition, where category 0 never counts: max(0, max over u of 1 - u + #{0 < c <= u})."""
    chosen = category[voxels]
    counting = np.sort(chosen[chosen > 0])
    best = 0
    for u in np.unique(counting):
        best = max(best, 1 - int(u) + int(np.searchsorted(counting, u, side="right")))
    return best


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "uint32", "int32"])
@pytest.mark.parametrize("delta", [False, True])
def test_an_array_comes_back_from_its_text(kind: str, delta: bool) -> None:
    ends = np.iinfo(kind)
    array = np.array([ends.min, ends.max, 0, 1, ends.max, ends.min], dtype=kind)
    for each in (array, array[:0]):
        back = decoded(Blob.of("a", each, delta=delta))
        assert back.dtype == kind
        np.testing.assert_array_equal(back, each)


def test_compressed_arrays_have_no_time() -> None:
    packed = base64.b64decode(Blob.of("a", np.arange(9)).text)
    assert packed[:2] == b"\x1f\x8b"
    assert packed[3:8] == bytes(5)  # no name; time 0


def test_a_page_has_mask_z_and_forest() -> None:
    (result,) = analysed(3.0)[:1]
    arrays, forest = blobs_of(page_of()), result.forest
    np.testing.assert_array_equal(
        np.unpackbits(arrays["mask"], count=result.space.inside.size), result.space.inside.flat
    )
    np.testing.assert_array_equal(arrays["preorder-0"], forest.preorder)
    np.testing.assert_array_equal(arrays["size-0"], forest.size)
    np.testing.assert_array_equal(arrays["tdn-0"], np.where(forest.valid, forest.tdn, 0))
    assert np.abs(arrays["z"] / 100 - result.glm.z[forest.preorder]).max() <= 0.005 + 1e-12
    assert arrays["z-elsewhere"].size == 0


def test_z_that_is_infinite_or_too_large_differs() -> None:
    steps = z_steps(np.array([0.0, -1.239, np.inf, -np.inf, 327.66, 400.0, -1e9]))
    assert steps.tolist() == [0, -124, 32767, -32767, 32766, 32766, -32766]


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_clusters_of_the_page_are_those_of_the_forest(rng: np.random.Generator, decimals: int) -> None:
    for _ in range(12):
        result = random_result(rng, decimals=decimals)
        arrays, forest = blobs_of(page_of(result)), result.forest
        exact = (forest.tdn / forest.size)[forest.valid & (forest.tdn > 0)]
        for tdp in (*TARGETS, *exact[:20]):
            assert queried(arrays, float(tdp)) == described(forest.with_tdp(float(tdp)))


def test_peaks_that_differ_by_less_than_a_hundredth_are_distinguished() -> None:
    """Two clusters of one voxel, 5.001 and 5.002: the second is the more extreme, although z says 5.00 of both."""
    mask = VolumeSpace(Grid((3, 1, 1), np.eye(4)), np.ones((3, 1, 1), dtype=bool))
    bound = hommel_bound(np.array([1e-9, 0.9, 1e-9]))
    forest = grow_forest(np.array([5.001, 0.0, 5.002]), mask.adjacency(6), bound)
    arrays = {blob.name: decoded(blob) for blob in forest_blobs(forest, kept_places(forest, 0.0), "-0")}
    assert [peak for _, _, peak, _ in queried(arrays, 1.0)] == [2, 0]


def test_places_without_tdp_are_excluded(rng: np.random.Generator) -> None:
    result = random_result(rng)
    bound = Bound(np.full(result.space.n_points, result.space.n_points + 1, dtype=np.int32), 0.05, "simes", 1)
    forest = grow_forest(result.glm.z, result.space.adjacency(18), bound)
    page = page_of(replace(result, bound=bound, forest=forest))
    arrays = blobs_of(page)
    assert arrays["preorder-0"].size == arrays["z"].size == 0
    np.testing.assert_array_equal(arrays["z-elsewhere"], 100 * result.glm.z)
    assert facts_of(page)["directions"][0]["whole"] == 0


def test_a_large_map_keeps_clusters_from_a_least_tdp_on(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = random_result(rng, decimals=9)
    all_places = int((result.forest.highest_tdp() >= 0.5).sum())
    monkeypatch.setattr(explorer_arrays, "COMPLETE", 10)
    monkeypatch.setattr(explorer_arrays, "MOST_PLACES", all_places)
    page = page_of(result)
    least, arrays = facts_of(page)["leastTdp"], blobs_of(page)
    assert 0 < least <= 0.5
    assert 0 < arrays["preorder-0"].size <= all_places
    assert f"clusters with a TDP of {least}" in " ".join(page.split())
    for tdp in (least, 0.5, 0.55, 0.7, 1.0):
        assert queried(arrays, tdp) == described(result.forest.with_tdp(tdp))
    kept = set(arrays["preorder-0"].tolist())
    elsewhere = [voxel for voxel in range(result.space.n_points) if voxel not in kept]
    assert np.abs(arrays["z-elsewhere"] / 10 - result.glm.z[elsewhere]).max() <= 0.05 + 1e-12


def test_categories_give_the_bound_of_any_set(rng: np.random.Generator) -> None:
    for _ in range(20):
        bound = random_result(rng).bound
        category = counting_categories(bound)
        assert counted(category, np.arange(bound.n_points)) == bound.whole
        for size in (1, 2, 20, bound.n_points - 3):
            voxels = rng.choice(bound.n_points, size, replace=False)
            assert counted(category, voxels) == bound.tdn(voxels)


def test_categories_beyond_two_bytes_are_kept() -> None:
    """All 70,000 voxels have category 66,000: TDN is 1 - 66,000 + 70,000, and 1 - 66,000 + 66,500 of 66,500 of them."""
    bound = Bound(np.full(70_000, 66_000, dtype=np.int32), 0.05, "simes", 1)
    category = counting_categories(bound)
    assert category.dtype == np.uint32
    assert counted(category, np.arange(70_000)) == 4_001 == bound.whole
    assert counted(category, np.arange(66_500)) == 501


def test_categories_that_never_count_are_none() -> None:
    """1 - u + N(u) is 3, 2, 2, 1 for u = 1..4: what is beyond 1 adds nothing."""
    bound = Bound(np.array([1, 1, 1, 3, 9], dtype=np.int32), 0.05, "simes", 2)
    category = counting_categories(bound)
    assert category.tolist() == [1, 1, 1, 0, 0]
    assert category.dtype == np.uint16


def test_each_direction_has_its_own_forest_and_bound() -> None:
    results = analysed(3.0)
    page = page_of(*results)
    arrays, directions = blobs_of(page), facts_of(page)["directions"]
    assert [each["name"] for each in directions] == ["greater", "two-sided"]
    assert [each["whole"] for each in directions] == [result.bound.whole for result in results]
    for d, result in enumerate(results):
        assert queried(arrays, 0.7, d) == described(result.forest.with_tdp(0.7))
        assert directions[d]["file"][0].endswith(f"desc-{result.desc}Tdp")
    kept = arrays["preorder-0"]
    np.testing.assert_allclose(arrays["z"] / 100, results[0].glm.z[kept], atol=0.0051)
    assert '<select id="direction">' in page
    assert '<select id="direction">' not in page_of()


def test_the_same_result_gives_the_same_bytes() -> None:
    assert page_of() == page_of()


def test_tdp_has_the_colours_of_figures_and_tables() -> None:
    """The page has 256 colours, figures 64: two colours of neighbouring places are at most 2.5 apart in CIELAB."""
    digits = facts_of(page_of())["colours"]["sequential"]
    page = np.frombuffer(bytes.fromhex(digits), dtype=np.uint8).reshape(-1, 3)
    tdp = np.linspace(0.001, 1, 500)
    figures = tdp_scale().colour(tdp)
    tables = np.array([list(bytes.fromhex(tdp_colour(each)[1:])) for each in tdp])
    assert (figures == tables).all()
    assert np.linalg.norm(lab_of(page[np.rint(255 * tdp).astype(int)]) - lab_of(figures), axis=1).max() < 2.5


def test_categories_of_each_sign_bound_any_set(rng: np.random.Generator) -> None:
    greater, two_sided = analysed(3.0)
    page = page_of(two_sided)
    arrays, directions, facts = blobs_of(page), two_sided.directions, facts_of(page)["directions"][0]
    assert directions is not None
    assert facts["signs"] == [
        {"meaning": "above zero", "whole": directions.positive.whole},
        {"meaning": "below zero", "whole": directions.negative.whole},
    ]
    for name, bound in directions._asdict().items():
        category = arrays[f"{name}-0"].astype(np.int32)
        for size in (1, 20, two_sided.space.n_points):
            points = rng.permutation(two_sided.space.n_points)[:size]
            counting = category[points]
            assert true_discoveries(np.where(counting, counting, two_sided.space.n_points + 1)) == bound.tdn(points)
    assert directions.positive.whole
    assert "positive-0" not in blobs_of(page_of(greater))


AXES = {
    "RAS": (np.diag([2.0, 2, 2, 1]), [[0, 1], [1, 1], [2, 1]]),
    "LAS": (np.diag([-2.0, 2, 3, 1]), [[0, -1], [1, 1], [2, 1]]),
    "permuted": (np.array([[0, 0, 2.0, 0], [-2, 0, 0, 0], [0, 3, 0, 0], [0, 0, 0, 1]]), [[2, 1], [0, -1], [1, 1]]),
    "oblique": (OBLIQUE, [[0, -1], [1, 1], [2, 1]]),
}


@pytest.mark.parametrize("name", AXES)
def test_the_nearest_axes_and_the_header_for_any_storage(rng: np.random.Generator, name: str) -> None:
    affine, axes = AXES[name]
    result = random_result(rng, affine)
    facts = facts_of(page_of(result))
    assert facts["grid"]["axes"] == axes
    np.testing.assert_allclose(np.array(facts["grid"]["inverse"]) @ affine, np.eye(4), atol=1e-12)
    labels = result.space.unmask(result.labels(tdp=0.5))
    content = base64.b64decode(facts["header"]) + labels.astype(np.uint8).tobytes(order="F")
    image, expected = nib.Nifti1Image.from_bytes(content), result.image("clusters", tdp=0.5)
    np.testing.assert_array_equal(np.asarray(image.dataobj), np.asarray(expected.dataobj))
    np.testing.assert_allclose(image.affine, affine, atol=1e-5)
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (4, 1)


def test_regions_are_bounded_and_lead_to_their_strongest_voxel() -> None:
    (result,) = analysed(3.0)[:1]
    front = np.flatnonzero(result.space.indices[:, 1] > 4).astype(np.int32)
    atlas = RegionSet("Halves", "Halves", (Region(1, "front", front), Region(2, "nowhere", front[:0])))
    page = page_of(replace(result, regions=(atlas,), atlas=atlas))
    parcels = facts_of(page)["directions"][0]["parcels"]
    strongest = int(front[result.glm.z[front].argmax()])
    assert parcels[0] == {
        "name": "front",
        "size": front.size,
        "tdn": result.bound.tdn(front),
        "signs": [],
        "strongest": strongest,
    }
    assert parcels[1]["size"] == parcels[1]["tdn"] == 0
    np.testing.assert_array_equal(blobs_of(page)["atlas"], np.isin(np.arange(result.space.n_points), front))
    assert 'id="parcels"' in page


def test_regions_of_interest_are_stored_by_their_points_as_they_may_overlap() -> None:
    (result,) = analysed(3.0)[:1]
    points = [np.arange(start, 40, step, dtype=np.int32) for start, step in ((0, 3), (1, 2), (39, 1))]
    regions = tuple(Region(i, f"region {i}", each) for i, each in enumerate(points, start=1))
    atlas = RegionSet("Halves", "Halves", (Region(1, "front", points[0]),))
    page = page_of(replace(result, regions=(RegionSet("rois", "Regions", regions), atlas), atlas=atlas))
    stored = blobs_of(page)["rois"].reshape(len(regions), -1).astype(np.uint8)
    found = np.unpackbits(stored, axis=1, count=result.space.n_points)
    assert [np.flatnonzero(row).tolist() for row in found] == [each.tolist() for each in points]
    names = [each["name"] for each in facts_of(page)["directions"][0]["parcels"]]
    assert names == ["front", "region 1", "region 2", "region 3"]
    assert "rois" not in blobs_of(page_of(replace(result, regions=(atlas,), atlas=atlas)))


HOSTILE = '</script><script>alert("1")</script><!-- é 脳'


def test_hostile_names_stay_names() -> None:
    (result,) = analysed(3.0)[:1]
    region = Region(1, f"{HOSTILE} \udce9", np.arange(5, dtype=np.int32))
    atlas = RegionSet("x", HOSTILE, (region,))
    contrast = replace(result.contrast, entities=result.contrast.entities.with_(contrast=HOSTILE))
    page = page_of(replace(result, contrast=contrast, regions=(atlas,), atlas=atlas))
    assert "<script>alert" not in page
    assert "<!--" not in page
    assert page.count("</script>") == page.count("<script")
    assert facts_of(page)["atlas"]["names"] == [region.name]
    assert f"<h1>{escape(HOSTILE)} " in page


def test_the_script_writes_names_as_text_only_and_runs_nothing_else() -> None:
    page = page_of()
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|fetch\(", script)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "script-src 'sha256-" in policy[1]
    assert "connect-src 'none'" in policy[1]


def test_without_a_script_there_are_words_and_the_picture() -> None:
    (result,) = analysed(3.0)[:1]
    picture = dict(draw(result))["tdp"]
    page = explorer_page([result], picture)
    assert f'<img src="{picture.uri}"' in page
    assert re.search(r'<noscript><p class="notes">.*?report', page, re.DOTALL)
    assert re.search(r'id="error" role="alert".*Chrome.*Firefox 113.*Safari 16.4', page, re.DOTALL)
    assert (
        page.count('href="task-emo_space-MNI152NLin2009cAsym_contrast-faces_test-mean_desc-greater_report.html"') == 3
    )
