"""What sidecars of maps say about their space, as other datasets may repeat it."""

import json
from pathlib import Path
from typing import Any

import pytest

from bids_ari.bids.entities import Entities
from bids_ari.bids.space_metadata import spatial_metadata
from bids_ari.bids.statmap import StatMap

NAME = "sub-01_space-study_res-2_stat-z_statmap.nii.gz"


def found(folder: Path, about: Any) -> dict[str, Any]:
    (folder / NAME.replace(".nii.gz", ".json")).write_text(about if isinstance(about, str) else json.dumps(about))
    labels = {"sub": "01", "space": "study", "res": "2", "stat": "z"}
    return spatial_metadata(StatMap(str(folder / NAME), NAME, "first", Entities.of(labels), ".nii.gz"))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("bids::sub-01/anat/T1w.nii.gz", "bids:first:sub-01/anat/T1w.nii.gz"),
        ("sub-01/anat/T1w.nii.gz", "bids:first:sub-01/anat/T1w.nii.gz"),  # as versions before 1.8 have it
        ("https://example.org/T1w.nii.gz", "https://example.org/T1w.nii.gz"),
        ("doi:10.0.2.3/x", "doi:10.0.2.3/x"),
        ({"VolumeReference": "bids::a/b.nii"}, {"VolumeReference": "bids:first:a/b.nii"}),
        ({"VolumeReference": "bids::a/b.nii", "CIFTI_STRUCTURE_CORTEX_LEFT": "orig"}, None),
        ("bids:other:a/b.nii", None),  # another dataset, whose link is not ours
        ("orig", None),  # each image in a space of its own
        ("file:///home/jo/T1w.nii.gz", None),  # a folder of a user
        ("/home/jo/T1w.nii.gz", None),
        ("../raw/T1w.nii.gz", None),
        ("bids::../raw/T1w.nii.gz", None),
        ("", None),
        (3, None),
        ({}, None),
        ([], None),
    ],
)
def test_references_can_be_resolved_from_another_dataset(value: object, kept: object, tmp_path: Path) -> None:
    assert found(tmp_path, {"SpatialReference": value}).get("SpatialReference") == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [("2 mm", "2 mm"), ({"1": "fine", "2": "coarse"}, "coarse"), ({"1": "fine"}, None), (2, None), ({"2": 3}, None)],
)
def test_the_resolution_of_the_map_is_chosen(value: object, kept: object, tmp_path: Path) -> None:
    assert found(tmp_path, {"Resolution": value, "SkullStripped": "yes"}) == ({"Resolution": kept} if kept else {})


@pytest.mark.parametrize("about", ["{", "[]", {}])
def test_without_a_sidecar_there_is_nothing(about: object, tmp_path: Path) -> None:
    assert found(tmp_path, about) == {}


def test_no_skull_is_a_truth_value(tmp_path: Path) -> None:
    assert found(tmp_path, {"SkullStripped": False}) == {"SkullStripped": False}
