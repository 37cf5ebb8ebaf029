"""The pages that lead from first-level programs to a figure, and that on masks, are followed in an empty folder."""

from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from docpages import DOCS
from following import follow


def write_as_fitlins(command: str) -> None:
    """Write maps named as by FitLins 0.11, which tests/producers runs instead: of subjects, and of the group."""
    assert command.startswith("fitlins study fitlins dataset -m ")
    rng = np.random.default_rng(1)
    for path in sorted(Path("study", "derivatives", "fmriprep").rglob("*desc-brain_mask.nii.gz")):
        mask = nib.load(path)
        inside = np.asarray(mask.dataobj) > 0
        place, contrast = "task-buttons_space-MNI152NLin2009cAsym", "contrast-leftMinusRight"
        stats = {**dict.fromkeys(("logLikelihood", "rSquare"), place)}
        stats |= dict.fromkeys(("effect", "variance", "t", "z", "p"), f"{place}_{contrast}")
        for stat, names in stats.items():
            values = rng.normal(0, 1, inside.shape)
            values[:12] += 2
            values[~inside] = 0
            subject = path.parts[-3]
            save(values, mask.affine, f"fitlins/node-runLevel/{subject}/{subject}_{names}_stat-{stat}_statmap.nii.gz")
            if subject == "sub-01" and contrast in names:
                save(values, mask.affine, f"fitlins/node-groupLevel/{contrast}_stat-{stat}_statmap.nii.gz")


def save(values: np.ndarray, affine: np.ndarray, name: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values.astype(np.float32), affine), name)


@pytest.mark.parametrize("name", ["from_fitlins.md", "from_halfpipe.md", "from_nilearn.md", "masks.md"])
def test_a_page_is_followed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "from_nilearn.md" and version("nilearn") < "0.13":
        pytest.skip("the page shows names of files of nilearn 0.13 and later")
    monkeypatch.chdir(tmp_path)
    follow(DOCS / name, capsys, {"fitlins": write_as_fitlins})
