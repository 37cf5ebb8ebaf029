"""``--neurovault``: the folder passes the checks of NeuroVault's site, and stays consistent with the results."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import SHAPE, describe, image, map_path, write_group, write_map
from builders_jobs import finish, job_of_the_program, start
from builders_labels import save_gifti
from builders_meshes import icosphere, saved_mesh
from neurovault_rules import (
    TASKS,
    grid_columns,
    inferred_type,
    is_in_mni,
    is_thresholded,
    pasted,
    problems,
    upload,
)

from bids_ari.cli.main import main
from bids_ari.cli.map import main as map_main
from bids_ari.demo.volumes import SIMULATED, write_simulated

Run = Callable[..., int]
Rows = dict[str, dict[str, str]]


def rows_of(out: Path) -> Rows:
    """The table of metadata, by the file."""
    text = (out / "neurovault" / "images_metadata.csv").read_text(encoding="utf-8")
    return {row["Filename"]: row for row in csv.DictReader(text.splitlines())}


def images_of(out: Path) -> set[str]:
    return {path.name for path in (out / "neurovault").glob("*.nii.gz")}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of the demo's dataset: a brain in MNI space."""
    folder = tmp_path_factory.mktemp("demo")
    write_simulated(folder / "data")
    words = ["--smoothing", "8", "--threshold", "3", "--tdp", "0.7", "--neurovault"]
    assert main([str(folder / "data"), str(folder / "out"), "group", *words]) == 0
    return folder / "out"


def test_the_site_takes_the_folder_once_the_task_is_filled_in(demo: Path) -> None:
    images, rows = upload(demo / "neurovault"), list(rows_of(demo).values())
    table = pasted(rows, images)
    assert list(rows[0]) == grid_columns()
    assert {each.file.removesuffix(".nii.gz").removesuffix(".nii") + ".nii.gz" for each in images} == {*rows_of(demo)}
    assert problems(table) == ["cognitive_paradigm_cogatlas is empty"] * len(rows)
    assert problems([row | {"cognitive_paradigm_cogatlas": TASKS[0]} for row in table]) == []


def test_images_are_in_mni_space_and_not_thresholded(demo: Path) -> None:
    for (_, found), row in zip(upload(demo / "neurovault"), rows_of(demo).values(), strict=True):
        assert is_in_mni(found)
        if row["map_type"] == "other":
            assert inferred_type(found) == "other"
        else:
            assert not is_thresholded(found)


def test_metadata_of_a_group(demo: Path) -> None:
    types = {row["name"].rpartition(": ")[2]: row["map_type"] for row in rows_of(demo).values()}
    assert types == {
        "effect": "univariate-beta map",
        "variance": "variance",
        "t": "T map",
        "z": "Z map",
        "TDP, effects above zero": "other",
    }
    (t,) = (row for row in rows_of(demo).values() if row["map_type"] == "T map")
    assert t["name"] == "leftVsRightButtonPress (task localizer, test mean): t"
    assert t["target_template_image"] == "Human (Generic/Unknown MNI)"  # MNI152NLin2009aSym
    assert (t["analysis_level"], t["number_of_subjects"], t["modality"]) == ("group", "16", "fMRI-BOLD")
    assert "Degrees of freedom: 15" in t["description"]
    (tdp,) = (row for row in rows_of(demo).values() if row["map_type"] == "other")
    assert "95 % confidence" in tdp["description"]
    assert "10.1016/j.neuroimage.2018.07.060" in tdp["description"]


def test_images_are_those_of_the_results(demo: Path) -> None:
    stem = f"task-localizer_space-{SIMULATED.path('mask', '').split('space-')[1].split('_')[0]}"
    stem += "_contrast-leftVsRightButtonPress_test-mean"
    for name in ("stat-t", "stat-z", "stat-effect", "stat-variance", "stat-tdp_desc-greaterAll"):
        original = (demo / "group" / f"{stem}_{name}_statmap.nii.gz").read_bytes()
        assert (demo / "neurovault" / f"{stem}_{name}.nii.gz".replace("-", "_")).read_bytes() == original


def test_the_workbook_is_the_same_table(demo: Path) -> None:
    table = pd.read_excel(demo / "neurovault" / "images_metadata.xlsx", dtype=str, na_filter=False)
    assert {row["Filename"]: row for row in table.to_dict("records")} == rows_of(demo)


def test_readme_says_what_is_left_to_do(demo: Path) -> None:
    text = (demo / "neurovault" / "README.md").read_text(encoding="utf-8")
    assert "5 images" in text
    assert "cognitive_paradigm_cogatlas" in text
    assert "Smoothing FWHM: 8 mm" in text
    assert "{" not in text
    assert "neurovault" in (demo / ".bidsignore").read_text().splitlines()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two contrasts of a group, an atlas, and a map of another program."""
    folder = tmp_path_factory.mktemp("groups")
    describe(folder / "data")
    rng = np.random.default_rng(8)
    for contrast in ("faces", "words"):
        write_group(folder / "data", 8, rng, contrast=contrast)
    write_group(folder / "data", 2, rng, contrast="faces", stat="z", signal=6)
    halves = np.zeros(SHAPE)
    halves[2:5], halves[5:8] = 1, 2
    nib.save(image(halves, dtype=np.uint8), folder / "halves.nii.gz")
    return folder


@pytest.fixture
def run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *words, level="group": main(
        [str(data / "data"), "out", level, "--threshold", "3", "--tdp", "0.7", *words]
    )


FACES = {f"faces_test_mean_stat_{each}" for each in ("effect", "variance", "t", "z", "tdp_desc_greaterAll")}
WORDS = {each.replace("faces", "words") for each in FACES}


def parts(out: Path) -> set[str]:
    """The names of the images from the contrast on, the atlas first."""
    assert set(rows_of(out)) == images_of(out)
    return {re.sub(r"^.*?(atlas_[a-z]+_)?contrast_", r"\1", name).removesuffix(".nii.gz") for name in images_of(out)}


def test_results_of_several_runs_share_the_folder(run: Run, tmp_path: Path) -> None:
    """Without the option, later results have no images, and those that are there stay."""
    assert run("--contrast", "faces", "--neurovault") == 0
    assert parts(tmp_path / "out") == FACES
    assert run("--contrast", "words") == 0
    assert parts(tmp_path / "out") == FACES
    assert run("--neurovault") == 0
    assert parts(tmp_path / "out") == FACES | WORDS
    assert run("--contrast", "words", "--smoothing", "4", "--rerun") == 0
    assert parts(tmp_path / "out") == FACES
    assert run("--contrast", "faces", "--smoothing", "4", "--rerun") == 0
    assert not (tmp_path / "out" / "neurovault").exists()


def test_parallel_jobs_share_the_folder(data: Path, tmp_path: Path) -> None:
    """Two processes at once, as tasks of a cluster."""
    words = [str(data / "data"), str(tmp_path / "out"), "group", "--neurovault", "--threshold", "3", "--tdp", "0.7"]
    finish(*(start(job_of_the_program, [*words, "--contrast", contrast]) for contrast in ("faces", "words")))
    assert parts(tmp_path / "out") == FACES | WORDS


def test_two_directions_share_the_statistics(run: Run, tmp_path: Path) -> None:
    assert run("--contrast", "faces", "--alternative", "greater", "two-sided", "--neurovault") == 0
    assert parts(tmp_path / "out") == FACES | {"faces_test_mean_stat_tdp_desc_twoSidedAll"}


def test_a_shared_image_has_the_metadata_of_its_latest_result(run: Run, tmp_path: Path) -> None:
    """Descriptions name the version of the program, which may be another one by then."""
    assert run("--contrast", "faces", "--neurovault") == 0
    (record,) = (tmp_path / "out" / "logs" / "results").glob("*.json")
    text = (
        record.read_text().replace("Made by bids_ari ", "Made by bids_ari 0.0.").replace('"Time": "20', '"Time": "19')
    )
    record.write_text(text)
    assert run("--contrast", "faces", "--alternative", "less", "--neurovault") == 0
    (row,) = (row for row in rows_of(tmp_path / "out").values() if row["map_type"] == "Z map")
    assert "Made by bids_ari " in row["description"]
    assert "Made by bids_ari 0.0." not in row["description"]


def test_reports_only_adds_and_keeps_images(run: Run, data: Path, tmp_path: Path) -> None:
    """As an analysis would write them; also where later changes do not name the option."""
    assert run("--contrast", "faces") == 0
    only = ["out", "--reports-only"]
    assert main([str(data / "data"), "out", "group", "--reports-only", "--neurovault"]) == 0
    assert parts(tmp_path / "out") == FACES
    assert main([str(data / "data"), "out", "group", "--reports-only"]) == 0
    assert parts(tmp_path / "out") == FACES
    words = [*only[1:], "--threshold", "2", "--atlas", str(data / "halves.nii.gz")]
    assert main([str(data / "data"), "out", "group", *words]) == 0
    atlas = "atlas_halves_faces_test_mean_stat_tdp_desc_greater"
    assert parts(tmp_path / "out") == FACES | {atlas}
    record = json.loads(next((tmp_path / "out" / "logs" / "results").glob("*.json")).read_text())
    assert len([name for name in record["Files"] if name.startswith("neurovault/")]) == 6


def test_reports_only_compares_directions_also_with_other_pictures(run: Run, data: Path, tmp_path: Path) -> None:
    """The explorer of one direction has that of the other, whatever concerns pictures only."""
    assert run("--contrast", "faces", "--alternative", "greater", "less") == 0
    (explorer,) = (tmp_path / "out" / "group").glob("*greater_explorer.html")
    before = explorer.stat().st_size
    assert main([str(data / "data"), "out", "group", "--reports-only", "--figure-format", "png"]) == 0
    assert explorer.stat().st_size == before


def test_maps_of_subjects(run: Run, tmp_path: Path) -> None:
    assert run("--neurovault", level="participant") == 0
    row = rows_of(tmp_path / "out")["sub_01_task_emo_space_MNI152NLin2009cAsym_contrast_faces_stat_z.nii.gz"]
    assert (row["analysis_level"], row["number_of_subjects"]) == ("single-subject", "1")
    assert row["name"] == "faces (sub-01, task emo): z"
    assert row["target_template_image"] == "Human (MNI152 NLin 2009c Asym)"


def test_what_the_collection_asks_of_the_model(tmp_path: Path) -> None:
    """Fixed effects of differences between sessions of a macaque: answers are those of this model and template."""
    describe(tmp_path / "data")
    rng = np.random.default_rng(9)
    for session in "12":
        write_group(tmp_path / "data", 6, rng, session=session, signal=6 * (session == "2"), space="NMT31Sym")
        for subject in range(1, 7):
            names = {"stat": "variance", "session": session, "space": "NMT31Sym"}
            write_map(tmp_path / "data", f"{subject:02d}", np.ones(SHAPE), **names)
    words = ["--within-contrast", "change=-1,1", "--within", "session=1,2", "--estimator", "fixed", "--neurovault"]
    assert main([str(tmp_path / "data"), str(tmp_path / "out"), "group", *words]) == 0
    assert {row["target_template_image"] for row in rows_of(tmp_path / "out").values()} == {
        "Rhesus - macacca mulatta (NMT)"
    }
    text = (tmp_path / "out" / "neurovault" / "README.md").read_text(encoding="utf-8")
    assert "Repeated measures: yes" in text
    assert "Group inference type: fixed effects" in text
    assert "Coordinate space" not in text  # that of a macaque is not MNI


def test_a_map_of_another_program_leaves_open_what_is_unknown(data: Path, tmp_path: Path) -> None:
    (source,) = (data / "data").rglob("*sub-01*stat-z_statmap.nii.gz")
    shutil.copyfile(source, tmp_path / "z.nii.gz")
    assert map_main([str(tmp_path / "z.nii.gz"), str(tmp_path / "out"), "--neurovault"]) == 0
    row = next(iter(rows_of(tmp_path / "out").values()))
    assert (row["analysis_level"], row["number_of_subjects"], row["target_template_image"]) == ("", "", "")
    text = (tmp_path / "out" / "neurovault" / "README.md").read_text(encoding="utf-8")
    assert "`target_template_image`, where it is empty" in text
    assert "`analysis_level` (group" in text


def test_an_image_that_was_removed_has_no_metadata(run: Run, data: Path, tmp_path: Path) -> None:
    assert run("--contrast", "faces", "--neurovault") == 0
    next((tmp_path / "out" / "neurovault").glob("*_z.nii.gz")).unlink()
    assert run("--contrast", "words") == 0
    assert parts(tmp_path / "out") == FACES - {"faces_test_mean_stat_z"}


def test_an_empty_tdp_map_is_not_written(tmp_path: Path) -> None:
    """NeuroVault would take it to be a parcellation."""
    describe(tmp_path / "data")
    write_group(tmp_path / "data", 8, np.random.default_rng(3), signal=0)
    assert main([str(tmp_path / "data"), str(tmp_path / "out"), "group", "--neurovault"]) == 0
    assert {row["map_type"] for row in rows_of(tmp_path / "out").values()} >= {"T map"}
    assert not any("tdp" in name for name in images_of(tmp_path / "out"))


def test_long_names_differ(tmp_path: Path) -> None:
    """NeuroVault has names of up to 200 characters, by which readers choose an image."""
    describe(tmp_path / "data")
    write_group(tmp_path / "data", 8, np.random.default_rng(3), contrast=190 * "a", task=None, space=None)
    assert main([str(tmp_path / "data"), str(tmp_path / "out"), "group", "--neurovault"]) == 0
    names = [row["name"] for row in rows_of(tmp_path / "out").values()]
    assert len(set(names)) == len(names) == 5
    assert max(map(len, names)) == 200
    assert {name[190:] for name in names} >= {" (test : t", " (test : z"}  # the title of the result is cut


def test_other_spaces_have_no_images(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Said in the log and in the README; the results are written."""
    describe(tmp_path / "data")
    rng = np.random.default_rng(3)
    write_group(tmp_path / "data", 8, rng, space="Talairach")
    assert main([str(tmp_path / "data"), str(tmp_path / "out"), "group", "--neurovault"]) == 0
    assert "no images for NeuroVault" in caplog.text
    assert "Talairach" in (tmp_path / "out" / "neurovault" / "README.md").read_text(encoding="utf-8")
    assert images_of(tmp_path / "out") == set()
    assert rows_of(tmp_path / "out") == {}


def test_surfaces_have_no_images(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    describe(tmp_path / "data")
    rng = np.random.default_rng(4)
    for subject in range(1, 9):
        path = map_path(tmp_path / "data", f"{subject:02d}", space="small", hemi="L", extension=".func.gii")
        save_gifti(path, rng.normal(size=42))
    mesh = saved_mesh(icosphere(1), tmp_path / "small_hemi-L_midthickness.surf.gii")
    words = ["--surface", f"L={mesh}", "--neurovault"]
    assert main([str(tmp_path / "data"), str(tmp_path / "out"), "group", *words]) == 0
    assert "no images for NeuroVault" in caplog.text
    text = (tmp_path / "out" / "neurovault" / "README.md").read_text(encoding="utf-8")
    assert "There are no images." in text
    assert ": NeuroVault takes folders of volumes, and these are vertices\n" in text
    assert "Upload" not in text
    assert images_of(tmp_path / "out") == set()
