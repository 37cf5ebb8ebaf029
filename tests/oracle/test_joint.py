"""Results of real maps whose bounds hold together, against alpha divided by their number."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import describe

import bids_ari as ari
from bids_ari.cli.main import main


@pytest.mark.parametrize("method", ["simes", "permutation"])
def test_real_maps(shared: Path, tmp_path: Path, method: str) -> None:
    """Three contrasts of words14, made of its maps and noise: joint finds at least what divided alpha does."""
    rng = np.random.default_rng(6)
    root = tmp_path / "in"
    describe(root)
    for path in sorted((shared.parent / "data" / "words14").rglob("*_stat-effect_statmap.nii.gz")):
        found = nib.load(path)
        values = np.nan_to_num(found.get_fdata()[12:36, 18:42, 12:36])
        for i, contrast in enumerate("abc"):
            noisy = values + 0.2 * i * values.std() * rng.normal(size=values.shape)
            label = path.name.split("_")[0].removeprefix("sub-")
            name = f"sub-{label}_task-words_space-MNI152NLin6Asym_contrast-{contrast}_stat-effect_statmap.nii.gz"
            (root / f"sub-{label}").mkdir(exist_ok=True)
            nib.save(nib.Nifti1Image(noisy.astype(np.float32), found.affine), root / f"sub-{label}" / name)
    words = ("--method", method, "--smoothing", "8", "--alpha", "0.2", "--nprocs", "1", "--alternative", "two-sided")
    words += ("--n-permutations", "100", "--family", "learned") if method == "permutation" else ()
    found_by = {}
    for how in ("--joint", "--split-alpha"):
        out = tmp_path / how.strip("-")
        assert main([str(root), str(out), "group", "--threshold", "3", "--tdp", "0.7", *words, how]) == 0
        found_by[how] = sum(ari.load_result(path).bound.whole for path in out.rglob("*_forest.npz"))
    assert found_by["--joint"] >= found_by["--split-alpha"]
