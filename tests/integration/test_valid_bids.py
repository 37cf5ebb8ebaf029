"""Outputs are valid BIDS, by the BIDS validator and as read by pybids."""

from pathlib import Path

import numpy as np
import pytest
from builders import brain, describe, write_group, write_map
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
