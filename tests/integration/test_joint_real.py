"""Joint bounds find more than a divided alpha on real maps: three contrasts of each subject, which are dependent.

By closed testing they hardly do where little is found: of ``words14`` at most one voxel, either way.
"""

import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import describe
from nilearn.image import smooth_img

import bids_ari as ari
from bids_ari.cli.main import main

CONTRASTS = {"raw": 0, "smooth": 5, "smoother": 8}
"""Width of the additional smoothing of each contrast, in mm."""
PERMUTATION = ("--method", "permutation", "--n-permutations", "300", "--random-seed", "1")


def three_contrasts(source: Path, root: Path) -> Path:
    """Write the maps of a dataset as they are, and smoothed by two widths."""
    describe(root)
    for path in sorted(source.glob("sub-*/func/*effect_statmap.nii.gz")):
        for name, width in CONTRASTS.items():
            image = nib.load(path)
            smooth = smooth_img(image, width) if width else image
            copy = root / path.relative_to(source).with_name(re.sub("contrast-[^_]+", f"contrast-{name}", path.name))
            copy.parent.mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(smooth.get_fdata().astype(np.float32), image.affine), copy)
    return root


@pytest.fixture(scope="module")
def emotion(wager: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return three_contrasts(wager, tmp_path_factory.mktemp("emotion") / "in")


def found(data: Path, out: Path, *words: str) -> dict[str | None, int]:
    """Run; return the lower bound of the number of active voxels of each contrast."""
    assert main([str(data), str(out), "group", "--threshold", "3", "--tdp", "0.7", *words]) == 0
    results = map(ari.load_result, out.rglob("*_forest.npz"))
    return {result.contrast.entities.get("contrast"): result.bound.whole for result in results}


@pytest.mark.parametrize("method", [PERMUTATION, ("--method", "simes")])
def test_each_contrast_has_more(emotion: Path, wager: Path, tmp_path: Path, method: tuple[str, ...]) -> None:
    mask = next(wager.glob("group/*mask.nii.gz"))
    joint = found(emotion, tmp_path / "joint", *method, "--joint", "--mask", str(mask))
    split = found(emotion, tmp_path / "split", *method, "--split-alpha", "--mask", str(mask))
    assert joint.keys() == split.keys() == CONTRASTS.keys()
    assert all(joint[contrast] > split[contrast] for contrast in CONTRASTS)


def test_a_weak_effect_is_found_rather_by_joint_permutations(words: Path, tmp_path: Path) -> None:
    data = three_contrasts(words, tmp_path / "in")
    joint, split = (found(data, tmp_path / way, *PERMUTATION, f"--{way}") for way in ("joint", "split-alpha"))
    assert sum(joint.values()) > sum(split.values())
