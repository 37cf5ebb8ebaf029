"""The pages that lead from first-level programs to a figure, and that on masks, are followed in an empty folder."""

import re
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
from docpages import DOCS
from docpages_run import follow

from bids_ari.cli.main import main
from bids_ari.cli.mask import main as make_mask


def maps_are_there(command: str) -> None:
    """Check that there are practice maps of FitLins 0.11, which tests/producers runs instead."""
    assert command.startswith("fitlins study fitlins dataset -m ")
    assert list(Path("fitlins").glob("node-runLevel/sub-*/*_stat-effect_statmap.nii.gz"))


@pytest.mark.usefixtures("white_pictures")
@pytest.mark.parametrize("name", ["from_fitlins.md", "from_halfpipe.md", "from_nilearn.md", "masks.md"])
def test_a_page_is_followed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "from_nilearn.md" and version("nilearn") < "0.13":
        pytest.skip("the page shows names of files of nilearn 0.13 and later")
    monkeypatch.chdir(tmp_path)
    follow(DOCS / name, capsys, {"fitlins": maps_are_there})
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
