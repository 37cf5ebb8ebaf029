"""Tables of the mean effect of each subject in each region, for other programs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import SHAPE, describe, image, map_path, write_group
from builders_labels import save_atlas

from bids_ari.cli.main import main

Run = Callable[..., int]

NAMES = {1: "Left", 2: "=1+1", 3: "Left", 4: "Sources"}
"""Two regions with one name, one like a formula of a spreadsheet, and one like a key of sidecars."""

COLUMNS = ["participant_id", "Left (1)", "=1+1", "Left (3)", "Sources (4)"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("regions")
    describe(folder / "data")
    write_group(folder / "data", 8, np.random.default_rng(5))
    parcels = save_atlas(folder, NAMES)
    nib.save(image(parcels == 1, dtype=np.uint8), folder / "motor.nii.gz")
    return folder


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Run:
    words = ["--threshold", "3", "--tdp", "0.7"]
    return lambda *more: main([str(data / "data"), str(tmp_path / "out"), "group", *words, *more])


def tables(out: Path) -> dict[str, pd.DataFrame]:
    """The tables by the name of the set of regions."""
    found = sorted((out / "group").glob("*_effects.tsv"))
    return {path.name.partition("_atlas-")[2].partition("_")[0]: pd.read_csv(path, sep="\t") for path in found}


def test_means_of_the_maps(run: Run, data: Path, tmp_path: Path) -> None:
    """Over the voxels that were tested: all but the outermost."""
    assert run("--atlas", str(data / "atlas.nii.gz"), "--roi", str(data / "motor.nii.gz")) == 0
    found = tables(tmp_path / "out")
    assert list(found["atlas"]) == COLUMNS
    assert list(found["rois"]) == ["participant_id", "motor"]
    parcels = np.asarray(nib.load(data / "atlas.nii.gz").dataobj)
    for row in found["atlas"].itertuples(index=False):
        values = nib.load(map_path(data / "data", row[0].removeprefix("sub-"))).get_fdata()
        inner = np.zeros(SHAPE, dtype=bool)
        inner[1:-1, 1:-1, 1:-1] = True
        expected = [values[(parcels == index) & inner].mean() for index in NAMES]
        np.testing.assert_allclose(row[1:], expected, rtol=1e-6)  # ten digits in the table, float32 in the maps
    np.testing.assert_array_equal(found["rois"]["motor"], found["atlas"]["Left (1)"])
    about = json.loads(next((tmp_path / "out" / "group").glob("*_atlas-atlas_*effects.json")).read_text())
    assert about["=1+1"]["Description"] == "Mean effect in region 2, =1+1: 180 voxels tested"
    assert about["Sources"][0].startswith("bids:")
    assert about["AtlasEntities"] == {"atlas": "atlas"}


def test_reports_only_keeps_tables_of_regions_that_it_does_not_change(
    run: Run, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says which are not there."""
    assert run("--atlas", str(data / "atlas.nii.gz")) == 0
    again = [str(data / "data"), str(tmp_path / "out"), "group", "--reports-only"]
    for more in ([], ["--threshold", "2"]):
        assert main([*again, *more]) == 0
        assert list(tables(tmp_path / "out")) == ["atlas"]
    assert "_effects.tsv" not in caplog.text
    before = next((tmp_path / "out" / "group").glob("*_effects.tsv")).read_bytes()
    for more in (["--roi", str(data / "motor.nii.gz")], ["--atlas", str(data / "atlas.nii.gz")]):
        assert main([*again, *more]) == 0
        (path,) = (tmp_path / "out" / "group").glob("*_effects.tsv")
        assert path.read_bytes() == before
    assert "_effects.tsv) in Regions of interest, as results lack the maps of subjects" in caplog.text
    assert "_effects.tsv) in atlas" not in caplog.text
    shutil.copyfile(data / "motor.nii.gz", tmp_path / "atlas.nii.gz")  # another one of the same name
    assert main([*again, "--atlas", str(tmp_path / "atlas.nii.gz")]) == 0
    assert tables(tmp_path / "out") == {}
    assert list((tmp_path / "out" / "group").glob("*_effects.json")) == []


def test_alternatives_share_a_table(run: Run, data: Path, tmp_path: Path) -> None:
    assert run("--atlas", str(data / "atlas.nii.gz"), "--alternative", "greater", "less") == 0
    assert list(tables(tmp_path / "out")) == ["atlas"]


def test_a_name_may_be_that_of_another_region_with_its_number(run: Run, data: Path, tmp_path: Path) -> None:
    shutil.copyfile(data / "atlas.nii.gz", tmp_path / "atlas.nii.gz")
    (tmp_path / "atlas.tsv").write_text("index\tname\n1\tLeft\n2\tLeft (3)\n3\tLeft\n4\tBack\n")
    assert run("--atlas", str(tmp_path / "atlas.nii.gz")) == 0
    (path,) = (tmp_path / "out" / "group").glob("*_effects.tsv")
    assert path.read_text().split("\n")[0].split("\t")[1:] == ["Left (1)", "Left (3) (2)", "Left (3)", "Back (4)"]
