"""The pages that lead from first-level programs to a figure, and that on masks, are followed in an empty folder."""

import re
from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from docpages import DOCS
from docpages_run import follow

from bids_ari.cli.main import main
from bids_ari.cli.mask import main as make_mask


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
    if name == "from_nilearn.md":
        check_bounds_of_grey_matter()


def check_bounds_of_grey_matter() -> None:
    """Compare the bounds of grey matter, as a mask and as a region, with those that the page on masks names."""
    words = ["study/derivatives/fmriprep", "grey.nii.gz", "--grey-matter", "subjects", "--grey-matter-threshold", "0.5"]
    assert make_mask(words) == 0
    analysis = ["first-level", "grey", "group", "--smoothing", "8"]
    assert main([*analysis, "--mask", "grey.nii.gz"]) == 0
    (sentences,) = Path("grey", "group").glob("*_sentences.txt")
    n_tested, alone = re.search(r"\(([\d,]+) voxels tested\), at least ([\d,]+) ", sentences.read_text()).groups()
    words = ["--atlas", "grey.nii.gz", "--mask", "masks/space-MNI152NLin2009cAsym_desc-group_mask.nii.gz"]
    assert main(["first-level", "whole", *analysis[2:], *words]) == 0
    (table,) = Path("whole", "group").glob("*atlas-grey*_tdp.tsv")
    (region,) = pd.read_csv(table, sep="\t").itertuples()
    text = " ".join((DOCS / "masks.md").read_text().split())
    assert f"at least {alone} of the {n_tested} voxels of grey matter" in text
    assert f"at least {region.tdn} by an analysis of the whole brain" in text
