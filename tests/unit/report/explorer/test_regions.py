"""Regions in the explorer: numbers of parcels, and the bounds of each region by their definition."""

from dataclasses import replace

import numpy as np
import pytest
from reported import analysed, region, with_atlas

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.regions import RegionSet
from bids_ari.report.explorer.regions import atlas_facts, parcel_numbers, parcels_of, region_facts


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    """A result with an atlas of three parcels, one of them without points."""
    found = analysed(3.0)[0]
    best = int(found.glm.z.argmax())
    active = np.flatnonzero(found.glm.z > 3)
    labels = ("7Networks_LH_Vis_9", "nothing", "rest_of_it")
    parcels = (active.tolist(), [], sorted({0, 1, 2, 3} - {best, *active.tolist()}))
    named = enumerate(zip(labels, parcels, strict=True), 1)
    return with_atlas(found, *(region(i, name, *points) for i, (name, points) in named))


def true_discoveries(result: ContrastResult, points: np.ndarray) -> int:
    """The lower bound by its definition: the largest of 1 - u + #(categories up to u), over u, or 0."""
    categories = result.bound.category[points]
    return max([0, *(1 - u + int((categories <= u).sum()) for u in range(1, points.size + 1))])


def test_points_have_the_number_of_their_parcel(result: ContrastResult) -> None:
    parcels = RegionSet("x", "X", (region(5, "a", 1, 3), region(9, "b", 0)))
    assert parcel_numbers(parcels, 5).tolist() == [2, 1, 0, 1, 0]
    assert parcel_numbers(parcels, 5).dtype == np.uint16


def test_parcels_are_those_of_the_atlas(result: ContrastResult) -> None:
    assert parcels_of(result) is result.atlas
    assert parcels_of(replace(result, atlas=None, regions=(), names=None)) is None


def test_without_an_atlas_they_are_those_that_name_regions(result: ContrastResult) -> None:
    """With the points that have the name."""
    named = replace(result, atlas=None, regions=())
    found = parcels_of(named)
    assert found is not None
    assert named.names is not None
    for each in found.regions:
        assert [named.names.names[named.names.which[point]] for point in each.points] == [each.name] * each.points.size
    assert sum(each.points.size for each in found.regions) == (named.names.which >= 0).sum() > 0


def test_labels_are_kept_beside_names_for_readers(result: ContrastResult) -> None:
    facts = atlas_facts(result, result.atlas)
    assert facts is not None
    assert facts["labels"] == ["7Networks_LH_Vis_9", "nothing", "rest_of_it"]
    assert facts["names"][0] == "left visual 9"
    assert atlas_facts(result, None) is None


def test_bounds_are_those_of_the_definition(result: ContrastResult) -> None:
    assert result.atlas is not None
    facts = [*region_facts(result, result.atlas)]
    assert [each["name"] for each in facts][:2] == ["left visual 9", "nothing"]
    for each, parcel in zip(facts, result.atlas.regions, strict=True):
        assert each["size"] == parcel.points.size
        assert each["tdn"] == true_discoveries(result, parcel.points)
    assert facts[0]["tdn"] > 0
    assert [each["strongest"] for each in facts[:2]] == [result.glm.z.argmax(), -1]
    weak = result.atlas.regions[2].points
    assert facts[2]["strongest"] == weak[result.glm.z[weak].argmax()]


def test_own_regions_follow_with_their_names_as_they_are(result: ContrastResult) -> None:
    assert result.atlas is not None
    own = RegionSet("rois", "Regions", (region(1, "7Networks_LH_Vis_9", 0, 1),))
    facts = [*region_facts(replace(result, regions=(result.atlas, own)), result.atlas)]
    assert len(facts) == 4
    assert (facts[-1]["name"], facts[-1]["size"]) == ("7Networks_LH_Vis_9", 2)
    alone = [*region_facts(replace(result, regions=(own,), atlas=None), None)]
    assert alone == facts[-1:]
