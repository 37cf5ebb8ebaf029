"""A whole run on groups that differ in what is easily taken for an effect: residual variance and field of view."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders import brain, describe, write_map

from bids_ari.cli.main import main

STEM = "task-emo_space-MNI152NLin2009cAsym_contrast-faces"
N_PATIENTS, N_CONTROLS = 8, 16
FIRST_MISSING = 8
"""First slice without data in patients; maps of controls have data up to slice 10."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both groups have an effect of 4; patients have twice the standard deviation, and no data in three slices."""
    rng, root = np.random.default_rng(3), tmp_path_factory.mktemp("groups")
    describe(root / "in")
    for i in range(N_PATIENTS + N_CONTROLS):
        data = brain(rng) * (2 if i < N_PATIENTS else 1)
        data[data != 0] += 4
        if i < N_PATIENTS:
            data[..., FIRST_MISSING:] = 0
        write_map(root / "in", f"{i:02d}", data)
    subjects = [f"sub-{i:02d}" for i in range(N_PATIENTS + N_CONTROLS)]
    groups = ["patient"] * N_PATIENTS + ["control"] * N_CONTROLS
    table = pd.DataFrame({"participant_id": subjects, "group": groups})
    table.to_csv(root / "in" / "participants.tsv", sep="\t", index=False)
    words = ["--formula", "group", "--test", "more=group[T.patient]", "--smoothing", "8", "--alternative", "two-sided"]
    assert main([str(root / "in"), str(root / "out"), "group", *words, "--threshold", "3", "--tdp", "0.7"]) == 0
    return root / "out"


def sidecar(out: Path, ending: str) -> dict[str, Any]:
    return dict(json.loads((out / "group" / f"{STEM}_{ending}.json").read_text()))


def test_the_end_of_a_field_of_view_is_no_difference_between_groups(out: Path) -> None:
    """Where missing voxels count as 0, smoothed maps of patients fall to half at the end, and TDN is 76."""
    found = sidecar(out, "test-more_desc-twoSidedZ3_clusters")
    assert found["TrueDiscoveryNumber"] == 0
    assert found["SmoothingFWHM"] == 8
    assert found["SmoothingOfMissingData"] == "normalised convolution"
    assert found["NumberOfSubjectsNormalised"] == N_PATIENTS


def test_the_table_of_the_design_names_subjects_with_missing_data(out: Path) -> None:
    table = pd.read_csv(out / "group" / f"{STEM}_design.tsv", sep="\t")
    assert table["normalised"].tolist() == ["yes"] * N_PATIENTS + ["no"] * N_CONTROLS


def test_residual_variances_are_in_sidecars_and_the_report(out: Path) -> None:
    """(4 / 8 + 1 / 16) by (7 * 4 + 15 * 1) / 22 * (1 / 8 + 1 / 16) is 1.53; residuals of few voxels are noisy."""
    design = sidecar(out, "design")
    variances = design["ResidualVariances"]
    assert variances["patient"] / variances["control"] == pytest.approx(4, abs=1.5)
    inflation = design["Tests"]["more"]["InflationByUnequalVariances"]
    assert inflation == pytest.approx(1.53, abs=0.2)
    assert sidecar(out, "test-more_stat-t_statmap")["InflationByUnequalVariances"] == inflation
    (note,) = (note for note in design["Notes"] if "Unequal variances" in note)
    assert f"the residual variance of patient (n = {N_PATIENTS})" in note
    report = (out / "group" / f"{STEM}_test-more_desc-twoSided_report.html").read_text()
    assert "patient (n = 8)" in report
    assert "by normalised convolution (Knutsson &amp; Westin, 1993)" in report
    (log,) = (out / "logs").glob("*/log.txt")
    assert "Unequal variances" in log.read_text()
