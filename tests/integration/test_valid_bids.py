"""Outputs are valid BIDS, by the BIDS validator and as read by pybids."""

from pathlib import Path

import numpy as np
import pytest
from builders import brain, describe, map_path, write_group, write_map
from builders_labels import cortex, save_cifti, save_gifti, voxels
from builders_meshes import icosphere, saved_mesh
from builders_validator import issues

from bids_ari.cli.main import main


@pytest.fixture
def group(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Results of a group, for two alternatives, with all copies for others."""
    describe(tmp_path / "in")
    write_group(tmp_path / "in", 8, rng)
    words = [str(tmp_path / "in"), str(tmp_path / "out"), "group", "--alternative", "greater", "two-sided"]
    words += ["--neurovault", "--table-format", "xlsx"]
    assert main(words) == 0
    return tmp_path / "out"


def test_group_results_have_no_error(group: Path) -> None:
    found = issues(group)
    assert found["error"] == set()
    assert found["warning"] <= {"SUBJECT_FOLDERS", "TOO_FEW_AUTHORS"}  # the source dataset names no author


def test_subject_results_have_no_error(tmp_path: Path, rng: np.random.Generator) -> None:
    for subject in ("01", "02"):
        write_map(tmp_path / "in", subject, brain(rng), stat="z", session="a")
    assert main([str(tmp_path / "in"), str(tmp_path / "out"), "participant"]) == 0
    found = issues(tmp_path / "out")
    assert found["error"] == set()
    assert found["warning"] <= {"TOO_FEW_AUTHORS"}


@pytest.mark.parametrize("kind", ["GIFTI", "CIFTI"])
def test_results_on_surfaces_have_no_error(tmp_path: Path, rng: np.random.Generator, kind: str) -> None:
    """With an atlas and all copies; after a new report, too."""
    describe(tmp_path / "in", Authors=["A. Author"])
    for side, x in (("L", -60.0), ("R", 60.0)):
        saved_mesh(icosphere(1, centre=(x, 0, 0)), tmp_path / f"study_hemi-{side}_pial.surf.gii")
    axis, names = cortex(42) + voxels(np.indices((3, 3, 3)).reshape(3, -1).T), {0: "???", 1: "=1+1", 2: "Größe"}
    for i in range(8):
        path = map_path(tmp_path / "in", f"{i:02d}", space="study", extension=".dscalar.nii")
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "CIFTI":
            save_cifti(path, rng.normal(2, 1, len(axis)), axis)
        for side in "LR" * (kind == "GIFTI"):
            hemisphere = map_path(tmp_path / "in", f"{i:02d}", space="study", hemi=side, extension=".func.gii")
            save_gifti(hemisphere, rng.normal(2, 1, 42))
    if kind == "CIFTI":
        save_cifti(atlas := tmp_path / "halves.dlabel.nii", np.arange(len(axis)) % 2 + 1, axis, names)
    else:
        for side in "RL":
            save_gifti(atlas := tmp_path / f"halves_hemi-{side}.label.gii", np.arange(42) % 2 + 1, names)
    command = [str(tmp_path / "in"), str(tmp_path / "out"), "group"]
    words = ["--surface", str(tmp_path / "study_hemi-L_pial.surf.gii"), "--atlas", str(atlas)]
    words += ["--neurovault", "--table-format", "xlsx", "--figure-format", "svg", "--alternative", "two-sided", "less"]
    assert main([*command, *words]) == 0
    assert len([*(tmp_path / "out").rglob("*_effects.tsv")]) == 1
    assert len([*(tmp_path / "out").rglob("*_tables.xlsx")]) == 2
    for again in ([], ["--reports-only", "--threshold", "2"]):
        assert not again or main([*command, *again]) == 0
        found = issues(tmp_path / "out")
        assert found["error"] == set()
        assert found["warning"] <= {"SUBJECT_FOLDERS", "TOO_FEW_AUTHORS"}


@pytest.mark.filterwarnings("ignore")  # of pybids
def test_pybids_finds_every_map_by_entities_outside_the_schema(group: Path) -> None:
    from bids import BIDSLayout

    layout = BIDSLayout(str(group), validate=False, is_derivative=True)  # reads our layout_config.json
    maps = layout.get(extension=".nii.gz")
    assert len(maps) == len(list(group.rglob("*.nii.gz")))
    assert [
        Path(found.path).name for found in layout.get(contrast="faces", test="mean", stat="z", extension=".nii.gz")
    ] == ["task-emo_space-MNI152NLin2009cAsym_contrast-faces_test-mean_stat-z_statmap.nii.gz"]
    assert len(layout.get(stat="tdp", desc="twoSidedTdp70", extension=".nii.gz")) == 1
