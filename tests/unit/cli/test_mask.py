"""bids-ari-mask: the mask, its sidecar, what it prints, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, image
from builders_templateflow import add, offline_client

from bids_ari.cli.main import main as bids_ari
from bids_ari.cli.mask import main

MNI = "MNI152NLin2009cAsym"


@pytest.fixture
def fmriprep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Masks of five subjects, of 8 x 9 x 10 voxels, the last one without two of the 8 slices; maps of grey matter."""
    monkeypatch.chdir(tmp_path)
    folder = Path("study", "derivatives", "fmriprep")
    for i in range(1, 6):
        values = np.zeros(SHAPE, np.uint8)
        values[1 : 7 if i == 5 else 9, 1:-1, 1:-1] = 1
        stem = f"sub-{i:02d}_space-{MNI}" if i else ""
        for path, content in (
            (f"func/sub-{i:02d}_task-rest_space-{MNI}_desc-brain_mask.nii.gz", values),
            (f"anat/{stem}_label-GM_probseg.nii.gz", np.where(np.arange(SHAPE[1])[:, None] < 5, 0.1 * i, 0) * values),
        ):
            target = folder / f"sub-{i:02d}" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            nib.save(image(content, dtype=np.float32), target)
    return folder


def inside(path: str) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def test_voxels_of_all_subjects(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(fmriprep), "masks/group_mask.nii.gz"]) == 0
    values = inside("masks/group_mask.nii.gz")
    assert (values.dtype, int(values.sum())) == (np.uint8, 6 * 9 * 10)
    about = json.loads(Path("masks/group_mask.json").read_text())
    assert about["Sources"][4] == f"bids:fmriprep:sub-05/func/sub-05_task-rest_space-{MNI}_desc-brain_mask.nii.gz"
    assert Path("masks", about["DatasetLinks"]["fmriprep"]).resolve() == fmriprep.resolve()
    assert (about["Coverage"], about["NumberOfSubjects"], about["NumberOfVoxels"]) == (1.0, 5, 540)
    assert {path.name for path in Path("masks").iterdir()} == {"group_mask.nii.gz", "group_mask.json"}
    out, err = capsys.readouterr()
    assert "masks/group_mask.nii.gz\n  Voxels inside the brain masks of all 5 subjects\n  subjects  5: 01-05\n" in out
    assert "voxels    540, 17 cm3" in out  # of 31.5 mm3
    assert "WARNING sub-05 lacks 25 % of the voxels" in err


def test_a_coverage_that_half_of_the_subjects_reach_nowhere(fmriprep: Path) -> None:
    """Each mask is another slice of 9 x 10 voxels: all five slices have one subject of five."""
    for i, path in enumerate(sorted(fmriprep.rglob("*_mask.nii.gz"))):
        values = np.zeros(SHAPE)
        values[1 + i, 1:-1, 1:-1] = 1
        nib.save(image(values, dtype=np.uint8), path)
    assert main([str(fmriprep), "mask.nii", "--coverage", "0.2"]) == 0
    assert int(inside("mask.nii").sum()) == 5 * 9 * 10


def test_voxels_of_most_subjects(fmriprep: Path) -> None:
    assert main([str(fmriprep), "mask.nii", "--coverage", "0.8"]) == 0
    assert int(inside("mask.nii").sum()) == 8 * 9 * 10
    about = json.loads(Path("mask.json").read_text())
    assert about["Description"] == "Voxels inside the brain masks of at least 4 of 5 subjects"
    assert about["VoxelsOutsideMaskOfSubject"] == {f"sub-0{i}": 180 * (i == 5) for i in range(1, 6)}


def test_some_subjects(fmriprep: Path) -> None:
    Path("who.txt").write_text("sub-01\n2\n5\n")
    assert main([str(fmriprep), "mask.nii.gz", "--participant-label", "./who.txt", "--exclude", "5"]) == 0
    assert json.loads(Path("mask.json").read_text())["VoxelsOutsideMaskOfSubject"] == {"sub-01": 0, "sub-02": 0}


def test_grey_matter_of_the_subjects(fmriprep: Path) -> None:
    """The mean of .1, .2, .3, .4 and .5 is .3 in four of nine slices; where the last one lacks data it is .2."""
    words = [str(fmriprep), "mask.nii.gz", "--coverage", "0.8", "--grey-matter", "subjects"]
    for threshold, n in (("0.15", 8), ("0.25", 6)):
        assert main([*words, "--grey-matter-threshold", threshold]) == 0
        assert int(inside("mask.nii.gz").sum()) == n * 4 * 10
    grey = json.loads(Path("mask.json").read_text())["GreyMatter"]
    assert (grey["Source"], grey["Threshold"], len(grey["Files"])) == ("Mean over subjects", 0.25, 5)


def test_grey_matter_of_a_file(fmriprep: Path) -> None:
    tissue = np.zeros(SHAPE)
    tissue[:5] = 0.3
    nib.save(image(tissue), "gm.nii.gz")
    assert main([str(fmriprep), "mask.nii.gz", "--grey-matter", "gm.nii.gz"]) == 0
    assert int(inside("mask.nii.gz").sum()) == 4 * 9 * 10


def test_grey_matter_of_the_template(fmriprep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "templateflow"
    offline_client(home, monkeypatch)
    file = home / f"tpl-{MNI}_res-02_label-GM_probseg.nii.gz"
    add(
        home,
        file.name,
        f"tpl-{MNI}_res-02_label-WM_probseg.nii.gz",
        f"tpl-{MNI}_res-02_atlas-x_label-GM_probseg.nii.gz",
    )
    tissue = np.zeros(SHAPE)
    tissue[:5] = 0.3
    nib.save(image(tissue), file)
    assert main([str(fmriprep), "mask.nii.gz", "--grey-matter", "template"]) == 0
    assert int(inside("mask.nii.gz").sum()) == 4 * 9 * 10
    assert [*json.loads(Path("mask.json").read_text())["GreyMatter"]["Files"]] == [file.name]


def test_a_template_without_grey_matter(
    fmriprep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offline_client(tmp_path / "templateflow", monkeypatch)
    add(tmp_path / "templateflow", f"tpl-{MNI}_res-02_label-WM_probseg.nii.gz")
    assert main([str(fmriprep), "mask.nii.gz", "--grey-matter", "template"]) == 18
    assert "--grey-matter subjects" in capsys.readouterr().err


def test_the_grid_of_a_map(fmriprep: Path) -> None:
    fine = AFFINE @ np.diag([0.5, 0.5, 0.5, 1])
    nib.save(image(np.zeros([2 * n for n in SHAPE]), fine), "map.nii.gz")
    assert main([str(fmriprep), "mask.nii.gz", "--like", "map.nii.gz"]) == 0
    made = nib.load("mask.nii.gz")
    np.testing.assert_array_equal(made.affine, fine)
    assert int(np.asarray(made.dataobj).sum()) == 8 * 540  # each voxel becomes eight


def test_files_of_another_space_are_noted(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = "space-MNI152NLin6Asym_map.nii.gz"
    nib.save(image(np.ones(SHAPE, np.uint8)), other)
    assert main([str(fmriprep), "mask.nii.gz", "--like", other, "--grey-matter", other]) == 0
    noted = capsys.readouterr().err
    assert noted.count(f"{other} is of MNI152NLin6Asym by its name, the brain masks are in {MNI}: check it") == 2
    assert main([str(fmriprep), f"space-{MNI}_mask.nii.gz"]) == 0
    assert "by its name" not in capsys.readouterr().err


def test_bids_ari_takes_the_mask(fmriprep: Path, rng: np.random.Generator) -> None:
    for i in range(1, 6):
        path = Path("maps", f"sub-{i:02d}", f"sub-{i:02d}_space-{MNI}_contrast-a_stat-effect_statmap.nii.gz")
        path.parent.mkdir(parents=True)
        nib.save(image(1 + rng.normal(size=SHAPE)), path)
    assert main([str(fmriprep), "mask.nii.gz"]) == 0
    assert bids_ari(["maps", "out", "group", "--mask", "mask.nii.gz"]) == 0
    (tested,) = Path("out").rglob("*_desc-analysis_mask.nii.gz")
    np.testing.assert_array_equal(inside(str(tested)) > 0, inside("mask.nii.gz") > 0)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["mask.txt"], 64, "one of .nii.gz, .nii"),
        (["mask.nii.gz", "--coverage", "90"], 64, "above 0, at most 1"),
        (["mask.nii.gz", "--grey-matter-threshold", "0"], 64, "a probability"),
        (["mask.nii.gz", "--grey-matter", ""], 64, "--grey-matter is empty"),
        (["mask.nii.gz", "--session-label", "1"], 18, "has ses-1; expected masks with ses-"),
        (["mask.nii.gz", "--space", "MNI152NLin6Asym"], 18, f"one of: {MNI}"),
        (["mask.nii.gz", "--participant-label", "9"], 18, "one of: 01, 02, 03, 04, 05"),
        (["mask.nii.gz", "--grey-matter", "gm.nii.gz"], 66, "gm.nii.gz"),
        (["mask.nii.gz", "--like", "map.nii.gz"], 66, "map.nii.gz"),
        (["study/mask.nii.gz/x.nii.gz"], 0, ""),
        (["study", "--coverage", "1"], 64, "extension"),
        (["space-MNI152NLin6Asym_mask.nii.gz"], 64, f"MNI152NLin6Asym; expected space-{MNI}"),
    ],
)
def test_refusals(
    words: list[str], code: int, message: str, fmriprep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {*Path().rglob("*")}
    assert main([str(fmriprep), *words]) == code
    assert message in capsys.readouterr().err
    assert code == 0 or {*Path().rglob("*")} == before


SUBJECT = f"sub-01/func/sub-01_task-rest_space-{MNI}_desc-brain_mask.nii.gz"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([f"study/derivatives/fmriprep/{SUBJECT}"], "among the files of a subject"),
        (["study/derivatives/fmriprep/sub-group/mask.nii.gz"], "among the files of a subject"),
        ([f"study/derivatives/linked/{SUBJECT}"], "among the files of a subject"),
        (["gm.nii.gz", "--grey-matter", "gm.nii.gz"], "is the file of --grey-matter"),
        (["gm.nii.gz", "--like", "./gm.nii.gz"], "is the file of --like"),
        ([".nii.gz"], "has no name"),
    ],
)
def test_an_input_is_not_replaced(
    words: list[str], message: str, fmriprep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nib.save(image(np.full(SHAPE, 0.3)), "gm.nii.gz")
    fmriprep.with_name("linked").symlink_to(fmriprep.name)
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert main([str(fmriprep), *words]) == 64
    assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("flag", ["--grey-matter", "--like"])
def test_files_of_another_space(flag: str, fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for space, is_other in ((MNI, False), ("MNI152NLin6Asym", True)):
        file = f"space-{space}_probseg.nii.gz"
        nib.save(image(np.full(SHAPE, 0.3)), file)
        assert main([str(fmriprep), f"space-{MNI}_mask.nii.gz", flag, file]) == 0
        assert (f"{flag} {file} is of MNI152NLin6Asym by its name" in capsys.readouterr().err) == is_other


def test_a_file_without_a_subject_is_no_mask_of_one(fmriprep: Path) -> None:
    (fmriprep / "sub-01/func/sub-_task-rest_desc-brain_mask.nii.gz").write_bytes(b"")
    assert main([str(fmriprep), "mask.nii.gz"]) == 0


def test_one_subject(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(fmriprep), "mask.nii.gz", "--participant-label", "1"]) == 0
    assert "Voxels inside the brain masks of one subject\n" in capsys.readouterr().out


def test_grey_matter_that_is_nowhere_known(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nib.save(image(np.full(SHAPE, np.nan)), "gm.nii.gz")
    assert main([str(fmriprep), "mask.nii.gz", "--grey-matter", "gm.nii.gz"]) == 65
    assert "No voxel of the brain masks has grey matter of at least 0.2" in capsys.readouterr().err


def test_image_and_sidecar_are_written_together(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mask.nii.gz").mkdir()
    assert main([str(fmriprep), "mask.nii.gz"]) == 73
    assert "a folder is in its place" in capsys.readouterr().err
    assert {path.name for path in Path().iterdir()} == {"study", "mask.nii.gz"}


def test_a_place_that_cannot_be_written(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("")
    assert main([str(fmriprep), "file/mask.nii.gz"]) == 73
    assert "cannot be created" in capsys.readouterr().err


def test_another_folder(fmriprep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "mask.nii.gz"]) == 66
    assert "Use study/derivatives/fmriprep" in capsys.readouterr().err


def test_help_needs_no_numerical_libraries() -> None:
    code = "import sys; from bids_ari.cli.mask import main; code = main(['--help']); "
    code += "assert not {'numpy', 'nibabel', 'pandas', 'nilearn'} & set(sys.modules); sys.exit(code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--grey-matter" in done.stdout
