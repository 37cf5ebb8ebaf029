"""Datasets in AFNI's own format in a table: volumes by their labels, and what is analysed again."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders_headers import write_afni

from bids_ari.cli.main import main
from bids_ari.cli.map import main as map_main

SHAPE = (6, 7, 6)
LABELS = "left#0_Coef~left#0_Tstat"


@pytest.fixture
def study(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Buckets of five subjects in the folder where the command runs, with values everywhere, and a mask."""
    values = rng.normal(1, 1, (5, *SHAPE, 2)).astype(np.float32)
    monkeypatch.chdir(tmp_path)
    rows = ["participant_id\tcontrast\tspace\teffect\tmap_name"]
    for i, each in enumerate(values):
        head = write_afni(tmp_path / f"stats.sub-0{i}+tlrc", each, BRICK_LABS=LABELS, BRICK_STATAUX="1 3 1 95")
        rows.append(f"sub-0{i}\tleft\tMNI152NLin2009cAsym\t{head.name}\tleft#0_Coef")
    (tmp_path / "maps.tsv").write_text("\n".join(rows))
    inside = np.zeros(SHAPE)
    inside[1:-1, 1:-1, 1:-1] = 1
    write_afni(tmp_path / "mask+tlrc", inside)
    return values


def run() -> int:
    words = [".", "results", "group", "--manifest", "maps.tsv", "--mask", "mask+tlrc.HEAD", "--threshold", "3"]
    return main([*words, "--tdp", "0.7"])


def effect() -> np.ndarray:
    """Analyse the table, and return the effect of the group, without values outside the mask."""
    assert run() == 0
    (path,) = Path("results", "group").glob("*_stat-effect_statmap.nii.gz")
    return nib.load(path).get_fdata()


@pytest.mark.usefixtures("white_pictures")
def test_a_map_of_a_group_is_named_without_its_view(tmp_path: Path, rng: np.random.Generator) -> None:
    """The degrees of freedom are those of the volume that is named."""
    values = np.stack([rng.normal(0, 1, SHAPE), rng.normal(3, 2, SHAPE)], axis=-1)
    head = write_afni(tmp_path / "ttest+tlrc", values, BRICK_LABS="SetA_mean~SetA_Tstat", BRICK_STATAUX="1 3 1 19")
    out = tmp_path / "out"
    words = [str(head), str(out), "--threshold", "3", "--tdp", "0.7"]
    assert map_main([*words, "--map-name", "SetA_mean"]) == 65
    assert map_main([*words, "--map-name", "SetA_Tstat"]) == 0
    (sidecar,) = out.glob("group/contrast-ttest_*stat-t_statmap.json")
    assert json.loads(sidecar.read_text())["DegreesOfFreedom"] == 19


@pytest.mark.usefixtures("white_pictures")
def test_the_values_decide_whether_a_result_is_kept(study: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    """The mean of the volume that is named, inside the mask; then values change, but no header does.

    With another mask, results of another model are in the folder.
    """
    inside = (slice(1, -1),) * 3
    first = effect()
    np.testing.assert_allclose(first[inside], study[..., 0].mean(axis=0)[inside], rtol=1e-5)
    assert not np.nan_to_num(first[0]).any()

    (design,) = Path("results", "group").glob("*_design.tsv")
    sources = pd.read_csv(design, sep="\t")["source"]
    assert sources[0] == "bids:manifest:stats.sub-00+tlrc.HEAD#left%230_Coef"

    brik = Path("stats.sub-00+tlrc.BRIK")
    brik.write_bytes((study[0] + np.float32(5)).tobytes(order="F"))
    np.testing.assert_allclose(effect()[inside], first[inside] + 1, rtol=1e-5)

    smaller = np.zeros(SHAPE, np.float32)
    smaller[2:-1, 1:-1, 1:-1] = 1
    Path("mask+tlrc.BRIK").write_bytes(smaller.tobytes(order="F"))
    assert run() == 64
    assert "results of another model" in capsys.readouterr().err
