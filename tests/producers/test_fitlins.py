"""FitLins 0.11 itself: its group z is ours, from its subject-level maps and from its run-level maps.

.ci/producers installs it in an environment of its own.
"""

import os
import shutil
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders_studies import SPACE, brain, write_model, write_study
from docpages import DOCS
from docpages_run import follow, in_shell

from bids_ari.cli.main import main

FITLINS = os.environ.get("BIDS_ARI_FITLINS", "")

pytestmark = pytest.mark.skipif(not FITLINS, reason="no FitLins here: .ci/producers installs it and runs these tests")


def run_fitlins(root: Path) -> None:
    """Run FitLins on the study and the model of a folder; its output is ``fitlins`` there."""
    words = [root / "raw", root / "fitlins", "dataset", "-m", root / "model.json", "-d", root / "fmriprep"]
    words += ["--space", SPACE, "--desc-label", "preproc", "-w", root / "work", "--n-cpus", "1"]
    done = subprocess.run(
        [FITLINS, *map(str, words), "--estimator", "nilearn"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.fixture(scope="module", params=[(), ("pre", "post")], ids=["runs", "sessions"])
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that FitLins has analysed: of runs, or of sessions that are analysed one by one."""
    root = tmp_path_factory.mktemp("study")
    write_study(root, request.param)
    write_model(root / "model.json", ("session",) if request.param else (), subject_type="glm")
    run_fitlins(root)
    return root


def maps(folder: Path, pattern: str) -> dict[str, list[np.ndarray]]:
    """Return the values of maps in the brain, by their session, empty for none."""
    found: dict[str, list[np.ndarray]] = {}
    for path in folder.rglob(pattern):
        session = next((part for part in path.name.split("_") if part.startswith("ses-")), "")
        found.setdefault(session, []).append(nib.load(path).get_fdata()[brain() > 0])
    return found


def assert_same_z(study: Path, out: Path) -> None:
    """Compare with the z of FitLins, which are computed by another algorithm; ours are saved in single precision.

    FitLins 0.11 sets a small effect of a subject to 0 now and then, here at one voxel, which is not compared.
    """
    effects = maps(study / "fitlins" / "node-subjectLevel", "*contrast-aVsB_stat-effect_statmap.nii.gz")
    expected = maps(study / "fitlins" / "node-groupLevel", "*contrast-aVsB_stat-z_statmap.nii.gz")
    found = maps(out / "group", "*contrast-aVsB*test-mean_stat-z_statmap.nii.gz")
    assert found.keys() == expected.keys() == effects.keys() != set()
    for session, (z,) in expected.items():
        whole = np.all(effects[session], axis=0)
        assert np.count_nonzero(~whole) <= 1
        np.testing.assert_allclose(found[session][0][whole], z[whole], rtol=0, atol=1e-5, err_msg=session)


def test_its_subject_level_maps(study: Path, tmp_path: Path) -> None:
    by = ["--by", "session"] if next((study / "raw" / "sub-01").iterdir()).name.startswith("ses-") else []
    assert main([str(study / "fitlins"), str(tmp_path / "out"), "group", *by]) == 0
    assert_same_z(study, tmp_path / "out")


def test_its_subject_level_maps_with_its_model(study: Path, tmp_path: Path) -> None:
    model = ["--model", str(study / "model.json")]
    assert main([str(study / "fitlins"), str(tmp_path / "out"), "group", *model]) == 0
    assert_same_z(study, tmp_path / "out")


def test_its_run_level_maps_with_its_model(study: Path, tmp_path: Path) -> None:
    """The node of subjects is carried out here."""
    shutil.copytree(study / "fitlins", tmp_path / "lower", ignore=shutil.ignore_patterns("node-[sg]*"))
    words = [str(tmp_path / "lower"), str(tmp_path / "out"), "group", "--model", str(study / "model.json")]
    assert main(words) == 0
    assert_same_z(study, tmp_path / "out")


def test_the_page_of_the_documentation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands of the page, FitLins among them, in an empty folder: it finds what the page says."""
    monkeypatch.chdir(tmp_path)
    path = os.pathsep.join((str(Path(FITLINS).parent), os.environ["PATH"]))
    follow(
        DOCS / "from_fitlins.md", capsys, {"fitlins": lambda command: in_shell(command, **os.environ | {"PATH": path})}
    )
