"""Bounds of each sign of a two-sided run, from the command line to the files, also after ``--reports-only``."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import brain, describe, image, write_map

from bids_ari import load_result
from bids_ari.cli.main import main

STEM = "task-emo_space-MNI152NLin2009cAsym_contrast-faces_test-mean"
WORDS = ["group", "--alternative", "two-sided", "--method", "simes", "permutation", "--n-permutations", "100"]
FREE = ["--threshold", "3", "--tdp", "0.7"]
SIGNS = ["tdn_positive", "tdn_negative"]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of twelve subjects with a positive and a negative blob, with the halves of the volume as an atlas."""
    folder, rng = tmp_path_factory.mktemp("direction"), np.random.default_rng(7)
    describe(folder / "data")
    for i in range(12):
        data = brain(rng, signal=3)
        data[6:9, 4:7, 5:8] -= 4
        write_map(folder / "data", f"{i:02d}", data)
    halves = np.ones(data.shape)
    halves[6:] = 2
    image(halves, dtype=np.uint8).to_filename(folder / "halves.nii.gz")
    words = [*WORDS, *FREE, "--atlas", str(folder / "halves.nii.gz")]
    assert main([str(folder / "data"), str(folder / "out"), *words]) == 0
    return folder / "out"


@pytest.mark.parametrize("desc", ["twoSided", "twoSidedPermutation"])
def test_tables_sidecars_and_reports_agree(out: Path, desc: str) -> None:
    result = load_result(out / "group" / f"{STEM}_desc-{desc}_forest.npz")
    assert result.directions is not None
    whole = [bound.whole for bound in result.directions]
    assert min(whole) > 0
    for name in (f"{STEM}_desc-{desc}Z3_clusters", f"{STEM}_desc-{desc}Tdp70_clusters"):
        about = json.loads((out / "group" / f"{name}.json").read_text())
        assert [about["TrueDiscoveryNumberPositive"], about["TrueDiscoveryNumberNegative"]] == whole
        assert about["tdn_negative"]["Description"].endswith("voxels in the cluster with an effect below zero")
        table = pd.read_csv(out / "group" / f"{name}.tsv", sep="\t")
        assert (table[SIGNS].sum(axis=1) <= table["tdn"]).all()
        assert table[SIGNS].to_numpy().sum() > 0
    regions = pd.read_csv(
        out / "group" / f"{STEM.replace('_contrast', '_atlas-halves_contrast')}_desc-{desc}_tdp.tsv", sep="\t"
    )
    assert regions["tdn_positive"].sum() <= whole[0]
    assert regions["tdn_negative"].tolist()[1] > 0
    page = html.unescape((out / "group" / f"{STEM}_desc-{desc}_report.html").read_text())
    text = re.sub(r"\s+", " ", re.sub("<[^>]*>", "", page))
    how = ":" if "Permutation" in desc else "; by separate bounds,"  # do all three hold together at this confidence?
    assert f"truly active{how} at least {whole[0]} above zero, at least {whole[1]} below zero." in text
    assert "does not cover its sign" not in text


def test_reports_only_gives_the_same_bounds(out: Path) -> None:
    tables = {path: path.read_bytes() for path in (out / "group").glob("*_clusters.tsv")}
    regions = {path: path.read_bytes() for path in (out / "group").glob("*_tdp.tsv")}
    assert main([str(out.parent / "data"), str(out), "group", "--reports-only", *FREE]) == 0
    for path, content in (tables | regions).items():
        assert path.read_bytes() == content
    assert len(tables) == 4


def test_columns_state_the_minimum_effect(out: Path, tmp_path: Path) -> None:
    words = ["group", "--alternative", "two-sided", "--min-effect", "0.5", *FREE]
    assert main([str(out.parent / "data"), str(tmp_path), *words]) == 0
    about = json.loads((tmp_path / "group" / f"{STEM}_desc-twoSidedZ3_clusters.json").read_text())
    assert about["tdn_positive"]["Description"].endswith("an effect above 0.5")
    assert about["tdn_negative"]["Description"].endswith("an effect below -0.5")
    assert "above 0.5, at least" in (tmp_path / "group" / f"{STEM}_desc-twoSided_report.html").read_text()
