"""Clusters that are named by an atlas on this machine, without --atlas."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import AFFINE, SHAPE, saved, write_group
from builders_templateflow import add
from reported import text_of

from bids_ari.cli.main import main
from bids_ari.outputs.archive import load_result

SPACE = "MNI152NLin2009cAsym"
LABELS = ("7Networks_LH_Vis_9", "7Networks_RH_Default_pCunPCC_2")


def one(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def table_in(group: Path, label: str = "greaterZ2") -> pd.DataFrame:
    return pd.read_csv(one(group, f"*{label}_clusters.tsv"), sep="\t")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a dataset, and a TemplateFlow home with an atlas of two halves of the volume."""
    folder = tmp_path_factory.mktemp("study")
    write_group(folder / "in", 8, np.random.default_rng(5))
    home = folder / "home" / f"tpl-{SPACE}"
    rows = "".join(f"{i}\t{label}\n" for i, label in enumerate(LABELS, 1))
    add(home, f"tpl-{SPACE}_atlas-Schaefer2018_desc-200Parcels7Networks_dseg.tsv", content=f"index\tname\n{rows}")
    numbers = np.ones(SHAPE, dtype=np.int16)
    numbers[SHAPE[0] // 2 :] = 2
    name = f"tpl-{SPACE}_res-02_atlas-Schaefer2018_desc-200Parcels7Networks_dseg.nii.gz"
    nib.save(nib.Nifti1Image(numbers, AFFINE), home / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPLATEFLOW_HOME", str(folder / "home"))
        yield folder


@pytest.fixture(scope="module")
def group(study: Path) -> Path:
    assert main([str(study / "in"), str(study / "out"), "group", "--threshold", "2", "--tdp", "0.5"]) == 0
    return study / "out" / "group"


def test_tables_have_the_labels_of_the_atlas(group: Path) -> None:
    table = table_in(group)
    for row in table.itertuples():
        index = np.linalg.inv(AFFINE) @ [row.peak_x, row.peak_y, row.peak_z, 1]
        assert row.peak_region == LABELS[round(index[0]) >= SHAPE[0] // 2]
    assert {*table_in(group, "greaterTdp50")["peak_region"]} <= {*LABELS}
    assert table["near_region"].isna().all()


def test_sidecars_have_the_files(group: Path, study: Path) -> None:
    about = json.loads(one(group, "*greaterZ2_clusters.json").read_text())
    assert {*about["RegionNames"]} == {path.name for path in (study / "home").rglob("*dseg*")}
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in about["RegionNames"].values())
    assert about["near_mm"]["Units"] == "mm"
    assert "RegionNames" not in json.loads(one(group, "*stat-z_statmap.json").read_text())


def test_no_bounds_of_parcels_are_written(group: Path) -> None:
    assert not [*group.glob("*atlas-*")]


def test_pages_have_names_in_words_and_cite_the_atlas(group: Path) -> None:
    report = text_of(one(group, "*greater_report.html").read_text())
    assert re.search(
        r"Peak in (left visual 9|right default mode, precuneus and posterior cingulate 2)\. Voxels: ", report
    )
    assert "Names of regions: Schaefer 2018 (200 parcels, 7 networks)." in report
    assert "named by the Schaefer 2018 (200 parcels, 7 networks) atlas (Schaefer et al., 2018)." in report
    assert "The Schaefer 2018 (200 parcels, 7 networks) atlas was taken from TemplateFlow" in report
    facts = json.loads(re.search(r'id="facts"[^>]*>(.*?)</script>', one(group, "*_explorer.html").read_text())[1])  # type: ignore[index]
    assert facts["atlas"]["labels"] == [*LABELS]
    assert facts["atlas"]["names"][0] == facts["directions"][0]["parcels"][0]["name"] == "left visual 9"


def test_archives_keep_the_names(group: Path) -> None:
    result = load_result(one(group, "*_forest.npz"))
    assert result.names is not None
    assert result.table(2.0)["peak_region"].tolist() == table_in(group)["peak_region"].tolist()
    assert result.region_tdp(result.names.parcels("x", "X")).shape == (result.space.n_points,)


def test_names_change_nothing_else(group: Path, study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("group", "--threshold", "2", "--tdp", "0.5", "--region-names", "none")
    assert main([str(study / "in"), str(out), *words]) == 0
    table = table_in(out / "group")
    pd.testing.assert_frame_equal(table, table_in(group)[table.columns])
    assert {*table_in(group).columns} - {*table.columns} == {"peak_region", "near_region", "near_mm", "regions"}
    for path in group.glob("*.nii.gz"):
        assert path.read_bytes() == (out / "group" / path.name).read_bytes()
    report = text_of(one(out / "group", "*greater_report.html").read_text())
    assert "Names of regions:" not in report
    assert "No names of regions" not in report


def test_they_may_be_chosen_later(group: Path, study: Path, tmp_path: Path) -> None:
    """Without the maps; the parcels of --atlas may be others than those that name."""
    out = tmp_path / "out"
    assert main([str(study / "in"), str(out), "group", "--threshold", "2", "--region-names", "none"]) == 0
    atlas = saved(tmp_path / "own.nii.gz", np.ones(SHAPE))
    words = ("--reports-only", "--atlas", str(atlas))
    own = saved(tmp_path / "mine.nii.gz", np.full(SHAPE, 4))
    (tmp_path / "mine.tsv").write_text("index\tname\n4\tL_V1_ROI\n")
    assert main([str(study / "in"), str(out), "group", *words, "--region-names", str(own)]) == 0
    assert {*table_in(out / "group")["peak_region"]} == {"L_V1_ROI"}
    assert [*one(out / "group", "*atlas-own_*desc-greater_tdp.tsv").read_text().split()][:1] == ["index"]
    about = json.loads(one(out / "group", "*greaterZ2_clusters.json").read_text())
    assert [*about["RegionNames"]] == ["mine.nii.gz", "mine.tsv"]


def test_an_atlas_that_is_not_there(study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ("group", "--region-names", str(tmp_path / "gone.nii.gz"))
    assert main([str(study / "in"), str(tmp_path / "out"), *words]) == 66
    assert "There is no atlas" in capfd.readouterr().err


def test_without_an_atlas_the_report_says_how_to_get_one(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "none"))
    assert main([str(study / "in"), str(tmp_path / "out"), "group"]) == 0
    report = text_of(one(tmp_path / "out" / "group", "*greater_report.html").read_text())
    assert f"No names of regions: no atlas of {SPACE} is on this machine." in report
    assert "--reports-only --region-names Schaefer2018:200Parcels7Networks" in report
    assert not (tmp_path / "none").exists()
