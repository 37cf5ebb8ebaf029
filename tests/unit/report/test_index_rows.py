"""The rows of the index."""

from typing import Any

import pytest

from bids_ari.report.index_rows import MOST_TABLES, index_row

STEM = "group/contrast-a_test-mean"


def row(files: list[Any], report: str = f"{STEM}_desc-greater_report.html", **summary: Any) -> dict[str, Any]:
    return index_row({"Report": report, **summary}, {"Files": files})


def test_maps_and_tables_of_the_result_have_links() -> None:
    """Not those of other alternatives, targets and atlases of the maps."""
    names = {
        "effect": f"{STEM}_stat-effect_statmap.nii.gz",
        "z": f"{STEM}_stat-z_statmap.nii.gz",
        "TDP": f"{STEM}_stat-tdp_desc-greater_statmap.nii.gz",
        "sidecar": f"{STEM}_stat-tdp_desc-greater_statmap.json",
    }
    tables = {
        "regions, Schaefer": f"{STEM}_atlas-Schaefer_desc-greater_tdp.tsv",
        "largest clusters, TDP 70 %": f"{STEM}_desc-greaterTdp70_clusters.tsv",
        "clusters, z 3.1": f"{STEM}_desc-greaterZ3p1_clusters.tsv",
    }
    others = [
        f"{STEM}_stat-z_statmap.json",
        f"{STEM}_stat-tdp_desc-less_statmap.nii.gz",
        f"{STEM}_stat-tdp_desc-greaterAll_statmap.nii.gz",
        f"{STEM}_desc-lessZ3_clusters.tsv",
        f"{STEM}_desc-greaterZ3_dseg.tsv",
        f"{STEM}_atlas-Schaefer_desc-less_tdp.tsv",
        "group/contrast-b_test-mean_stat-z_statmap.nii.gz",
        f"../{STEM}_stat-z_statmap.nii.gz",
        3,
    ]
    found = row([*others, *names.values(), *tables.values()])
    assert dict(found["maps"]) == names
    assert dict(found["tables"]) == tables


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("task-x_atlas-A_contrast-a_test-mean_desc-greater_tdp.tsv", "regions, A"),
        ("task-x_atlas-A_seg-7n_scale-100_contrast-a_test-mean_desc-greater_tdp.tsv", "regions, A seg-7n scale-100"),
        ("task-x_contrast-a_test-mean_atlas-A_desc-greater_tdp.tsv", "regions, A"),  # of 0.1.0
    ],
)
def test_tables_of_regions_have_a_link_wherever_the_atlas_is_in_the_name(name: str, title: str) -> None:
    found = row([f"group/{name}"], "group/task-x_contrast-a_test-mean_desc-greater_report.html")
    assert found["tables"] == [(title, f"group/{name}")]


def test_each_hemisphere_has_a_link() -> None:
    files = [f"group/hemi-{side}_contrast-a_test-mean_stat-z_statmap.func.gii" for side in "LR"]
    files += [f"group/contrast-a_hemi-{side}_test-mean_stat-z_statmap.func.gii" for side in "LR"]
    assert row(files)["maps"] == [("z L", files[2]), ("z R", files[3])]


def test_few_tables_have_links() -> None:
    """Clusters above thresholds first: the report has them all."""
    found = row([f"{STEM}_desc-greaterZ{i}_clusters.tsv" for i in range(20)])
    assert (len(found["tables"]), found["n_more_tables"]) == (MOST_TABLES, 20 - MOST_TABLES)


@pytest.mark.parametrize("report", ["", "../x_report.html", "group/report.html", "x"])
def test_without_a_report_there_are_no_links(report: str) -> None:
    found = row([f"{STEM}_stat-z_statmap.nii.gz", "group/a_stat-z_statmap.nii.gz"], report)
    assert found["maps"] == found["tables"] == []


@pytest.mark.parametrize(
    ("n_points", "tdn", "expected"),
    [
        (200, 50, ("0.250", "25%")),
        (200, 0, ("0", "")),
        (3, 2, ("0.666", "66.7%")),  # rounded down, as all bounds are
        (0, 0, ("", "")),
        (5, 6, ("", "")),
        (None, 6, ("", "")),
        (5, -1, ("", "")),
        (float("inf"), 3, ("", "")),
    ],
)
def test_tdp_of_the_whole(n_points: float | None, tdn: float, expected: tuple[str, str]) -> None:
    found = row([], NumberOfVoxels=n_points, TrueDiscoveryNumber=tdn)
    assert (found["tdp"], found["width"]) == expected
    assert bool(found["colour"]) is bool(found["width"])


def test_entities_beside_the_contrast_are_named() -> None:
    found = row([], Contrast="task-stroop_space-MNI_contrast-a>b_run-1")
    assert (found["label"], found["about"]) == ("a>b", ["task stroop", "space MNI", "run 1"])
    assert row([], Contrast="some maps")["label"] == "some maps"
