"""The pages that lead from SPM, FSL, AFNI and the HCP pipelines to a figure are followed in an empty folder."""

import subprocess
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from docpages import DOCS, blocks
from docpages_run import follow
from nibabel.cifti2.cifti2 import Cifti2Header, Cifti2Image
from nibabel.cifti2.cifti2_axes import BrainModelAxis, SeriesAxis
from nilearn.glm.first_level import compute_regressor


@pytest.mark.usefixtures("white_pictures")
@pytest.mark.parametrize("name", ["from_spm.md", "from_fsl.md", "from_afni.md", "from_hcp.md"])
def test_a_page_is_followed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    follow(DOCS / name, capsys)


@pytest.mark.filterwarnings("ignore::UserWarning:nilearn", "ignore::RuntimeWarning:nilearn")
def test_the_recipe_for_time_series_of_grayordinates(tmp_path: Path) -> None:
    """The signal of vertex 0 rises by 2 % of its mean with events of the left hand, that of vertex 1 with the right."""
    (recipe,) = blocks(DOCS / "from_hcp.md", "python")
    names: dict[str, Any] = {}
    exec(recipe.text, names)
    n_scans, t_r = 80, 2.0
    times = (np.arange(n_scans) + 0.5) * t_r
    onsets = {"left": np.arange(10.0, 150, 40), "right": np.arange(30.0, 150, 40)}
    rows = [f"{onset}\t8\t{hand}\n" for hand in onsets for onset in onsets[hand]]
    (tmp_path / "events.tsv").write_text("onset\tduration\ttrial_type\n" + "".join(rows))
    values = np.full((n_scans, 4), 500.0) + np.random.default_rng(1).normal(0, 0.5, (n_scans, 4))
    for i, hand in enumerate(("left", "right")):
        condition = (onsets[hand], np.full(len(onsets[hand]), 8.0), np.ones(len(onsets[hand])))
        values[:, i] *= 1 + 0.02 * compute_regressor(condition, "glover", times)[0][:, 0]
    positions = BrainModelAxis.from_surface(np.arange(4), 4, "CortexLeft")
    header = Cifti2Header.from_axes((SeriesAxis(0, t_r, n_scans), positions))
    Cifti2Image(values.astype(np.float32), header).to_filename(tmp_path / "bold.dtseries.nii")
    path = tmp_path / "effect.dscalar.nii"
    names["effect_of_run"](tmp_path / "bold.dtseries.nii", tmp_path / "events.tsv", None, "left - right", t_r, path)
    written = nib.load(path)
    assert written.header.get_axis(1) == positions
    np.testing.assert_allclose(written.get_fdata()[0], [2, -2, 0, 0], atol=0.1)  # noise of 0.1 % in 80 scans


def test_the_tables_of_hcp_name_subjects_also_of_a_full_path(tmp_path: Path) -> None:
    tables = [each.text for each in blocks(DOCS / "from_hcp.md", "bash") if "printf" in each.text]
    assert len(tables) == 2
    for subject in ("100101", "100102"):
        level2 = (
            tmp_path / "own data" / subject / "MNINonLinear/Results/tfMRI_MOTOR/tfMRI_MOTOR_hp200_s2_level2_MSMAll.feat"
        )
        level2.mkdir(parents=True)
        (level2 / f"{subject}_tfMRI_MOTOR_level2_hp200_s2_MSMAll.dscalar.nii").touch()
    for block, name in zip(tables, ("maps.tsv", "zmaps.tsv"), strict=True):
        loop = block.partition("\nbids-ari ")[0].replace(" hcp/", f' "{tmp_path}/own data"/')
        subprocess.run(["bash", "-euc", loop], cwd=tmp_path, check=True)
        lines = (tmp_path / name).read_text().splitlines()[1:]
        assert [line.partition("\t")[0] for line in lines] == ["100101", "100102"]
