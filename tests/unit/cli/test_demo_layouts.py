"""Practice data in the layouts of programs: files, a second time, other folders."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from bids_ari.cli.demo import LAYOUTS, main
from bids_ari.cli.demo_data import claim
from bids_ari.cli.demo_halfpipe import write_halfpipe
from bids_ari.cli.demo_study import CUT, N_SCANS, SUBJECTS, write_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The practice study."""
    folder = tmp_path_factory.mktemp("practice") / "study"
    write_study(folder)
    return folder


def test_each_subject_of_the_study_has_what_fmriprep_writes(study: Path) -> None:
    stem = "func/sub-{0}_task-buttons"
    for subject in SUBJECTS:
        assert (study / f"sub-{subject}" / f"{stem.format(subject)}_events.tsv").is_file()
        top = study / "derivatives" / "fmriprep" / f"sub-{subject}"
        bold, mask = (
            nib.load(top / f"{stem.format(subject)}_space-MNI152NLin2009cAsym_desc-{end}.nii.gz")
            for end in ("preproc_bold", "brain_mask")
        )
        assert bold.shape == (*mask.shape, N_SCANS)
        confounds = pd.read_csv(top / f"{stem.format(subject)}_desc-confounds_timeseries.tsv", sep="\t")
        assert {"trans_x", "rot_z", "csf", "white_matter", "cosine00"} <= {*confounds}
        tissue = nib.load(top / "anat" / f"sub-{subject}_space-MNI152NLin2009cAsym_label-GM_probseg.nii.gz")
        assert tissue.shape == mask.shape
        assert 0 <= tissue.get_fdata().min() < 0.01 < 0.9 < tissue.get_fdata().max() <= 1


def test_one_field_of_view_is_smaller(study: Path) -> None:
    sizes = {
        path.parts[-3]: np.count_nonzero(nib.load(path).dataobj) for path in study.rglob("*desc-brain_mask.nii.gz")
    }
    assert len(sizes) == len(SUBJECTS)
    assert sizes.pop(f"sub-{CUT}") < 0.97 * min(sizes.values())
    assert len({*sizes.values()}) == 1


def test_the_study_is_the_same_bytes_each_time(study: Path, tmp_path: Path) -> None:
    for _ in range(2):
        write_study(tmp_path / "study")
    for path in study.rglob("*.*"):
        assert (tmp_path / "study" / path.relative_to(study)).read_bytes() == path.read_bytes()


def test_maps_of_halfpipe_have_its_folders_and_names(tmp_path: Path) -> None:
    write_halfpipe(tmp_path / "work")
    folder = tmp_path / "work" / "derivatives" / "halfpipe" / "sub-01" / "func" / "task-buttons"
    stem = "sub-01_task-buttons_feature-motor_taskcontrast-leftVsRight"
    ends = {"mask.nii.gz", "stat-effect_statmap.json"}
    ends |= {f"stat-{stat}_statmap.nii.gz" for stat in ("effect", "variance", "z", "dof")}
    assert {f"{stem}_{end}" for end in ends} == {path.name for path in folder.glob("*feature-motor_*")}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_with_other_files_is_refused(layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("# Mine\n")
    assert main([str(tmp_path), "--layout", layout]) == 64
    assert "holds other files" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_a_file_in_the_place_of_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file" / "out"), "--layout", "halfpipe"]) == 73
    assert "cannot be created" in capsys.readouterr().err


def test_a_claim_is_a_readme(tmp_path: Path) -> None:
    claim(tmp_path, "Practice", " For trials.")
    assert (tmp_path / "README.md").read_text() == "# Practice\n\nSimulated by bids-ari-demo. For trials.\n"
