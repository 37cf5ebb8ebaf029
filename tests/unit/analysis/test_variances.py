"""Unequal variances in every group design: which tests are warned about, by which ratio, and the way out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders import Floats, brain, describe, write_map

import bids_ari as ari
from bids_ari.analysis.result import ContrastResult

SIZES = (6, 18)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 patients with twice the standard deviation of 18 controls, equal means, and covariates; in three sites."""
    return write_study(tmp_path_factory.mktemp("study"), SIZES, 2.0)


def write_study(folder: Path, sizes: tuple[int, int], sd: float) -> Path:
    rng = np.random.default_rng(11)
    describe(folder)
    rows = []
    for i in range(sum(sizes)):
        subject, is_patient = f"{i:02d}", i < sizes[0]
        write_map(folder, subject, brain(rng) * (sd if is_patient else 1.0))
        write_map(folder, subject, positive(rng), stat="variance")
        group = "patient" if is_patient else "control"
        row = {"group": group, "patient": int(is_patient), "age": 20 + i * 7 % 11, "site": "ab"[i % 2]}
        row["part"] = group if is_patient else group + "12"[i % 2]
        rows.append({"participant_id": f"sub-{subject}", **row})
    pd.DataFrame(rows).to_csv(folder / "participants.tsv", sep="\t", index=False)
    return folder


def positive(rng: np.random.Generator) -> Floats:
    """First-level variances that are small, and equal in both groups."""
    volume = brain(rng)
    return np.where(volume == 0, 0, 0.01)


def analysed(folder: Path, formula: str, **options: Any) -> list[ContrastResult]:
    contrasts = ari.discover(folder, weights=options.get("estimator", "ols") != "ols")
    chosen = ari.Options(formula=formula, threshold=(3,), tdp=(), **options)
    return list(ari.analyse(contrasts[0], chosen, participants=folder / "participants.tsv"))


def warnings(result: ContrastResult) -> list[str]:
    return [note for note in result.notes if note.startswith("Unequal variances")]


FLIPS = "Use --variance unequal with --method permutation, which is by sign flips then"


@pytest.mark.parametrize(
    ("formula", "test", "way_out"),
    [
        ("group", "groupPatient", FLIPS),
        ("0 + group", "groupPatient", FLIPS),
        ("patient", "patient", "Use --variance unequal"),
        ("group * site", "groupPatientXSiteB", "Use --variance unequal"),
        ("group + age", "groupPatient", "Compare groups of equal size"),
        ("part", "part", f"{FLIPS}, and test differences of two groups with --test; by closed testing"),
    ],
)
def test_groups_in_every_formula(study: Path, formula: str, test: str, way_out: str) -> None:
    """Variances 4 and 1 of 6 and 18 subjects: their ratio and the inflation are near the true ones."""
    (result,) = (each for each in analysed(study, formula) if each.test == test)
    (note,) = warnings(result)
    assert way_out in note
    assert result.group_variances is not None
    assert result.group_variances.ratio == pytest.approx(4, abs=1.2)
    assert result.group_variances.tests[test].ratio > 1.5
    assert "patient" in note


def test_the_numbers_are_those_of_the_formula(study: Path) -> None:
    """Variance (4 / 6 + 1 / 18) by (5 * 4 + 17 * 1) / 22 * (1 / 6 + 1 / 18): 1.93, less since residuals are noisy."""
    result = analysed(study, "group")[1]
    (note,) = warnings(result)
    variances = result.group_variances
    assert variances is not None
    assert variances.tests["groupPatient"].ratio == pytest.approx(1.93, abs=0.12)
    assert f"of patient (n = 6) is {variances.ratio:.2g} times that of control (n = 18)" in note
    assert variances.groups == ("patient", "control")
    assert variances.sizes == SIZES


def test_the_mean_of_the_group_of_smaller_variance_is_conservative(study: Path) -> None:
    """The intercept is the mean of controls, its variance 1 / 18, in the model (5 * 4 + 17 * 1) / 22 / 18: 0.59."""
    result = analysed(study, "group")[0]
    assert result.group_variances is not None
    assert result.group_variances.tests[result.test].ratio == pytest.approx(0.59, abs=0.1)
    assert warnings(result) == []


def test_permutations_are_exact_for_equal_variances_only(study: Path) -> None:
    results = analysed(study, "group", method=("simes", "permutation"), n_permutations=20)
    (note,) = warnings(results[2])
    assert "exact only if subjects are exchangeable, which includes equal variances" in note
    assert "Use --variance unequal with --method permutation, which is by sign flips then" in note


def test_mixed_effects_have_one_variance_between_subjects(study: Path) -> None:
    (note,) = warnings(analysed(study, "group", estimator="mixed")[1])
    assert "Use --estimator ols --variance unequal" in note


@pytest.mark.parametrize("options", [{"variance": "unequal"}, {"estimator": "fixed"}])
def test_models_without_a_common_variance_are_not_warned_about(study: Path, options: dict[str, str]) -> None:
    for result in analysed(study, "0 + group", test=("more=patient - control",), **options):
        assert warnings(result) == []
        assert result.group_variances is not None
        assert result.group_variances.tests == {}


def test_a_stats_model(study: Path, tmp_path: Path) -> None:
    node = {"Level": "Dataset", "Name": "all", "GroupBy": ["contrast"]}
    model = {"X": [1, "group.patient"], "Type": "glm"}
    node |= {"Transformations": {"Transformer": "pybids-transforms-v1", "Instructions": [factor()]}, "Model": model}
    node["DummyContrasts"] = {"Test": "t"}
    path = tmp_path / "model_smdl.json"
    path.write_text(json.dumps({"Name": "m", "BIDSModelVersion": "1.0.0", "Nodes": [node]}))
    (result,) = (each for each in analysed(study, "1", model=path) if "atient" in each.test)
    (note,) = warnings(result)
    assert "of patient (n = 6) is" in note


def factor() -> dict[str, object]:
    return {"Name": "Factor", "Input": ["group"]}


@pytest.mark.parametrize(("sizes", "sd"), [((6, 18), 1.0), ((12, 12), 2.0), ((18, 6), 2.0)])
def test_equal_variances_equal_sizes_and_the_conservative_direction(
    tmp_path: Path, sizes: tuple[int, int], sd: float
) -> None:
    """Where the larger group has the larger variance, the test has less power, but its error is below alpha."""
    result = analysed(write_study(tmp_path / "in", sizes, sd), "group")[1]
    assert warnings(result) == []
    assert result.group_variances is not None
    assert (result.group_variances.tests[result.test].ratio < 0.8) == (sizes[0] > sizes[1])


def test_one_group_has_no_groups(study: Path) -> None:
    """All subjects have the same weight: whatever their variances, no test is inflated."""
    (result,) = analysed(study, "1")
    assert result.group_variances is not None
    assert (result.group_variances.groups, result.group_variances.ratio) == ((), None)
    assert result.group_variances.tests["mean"].ratio == pytest.approx(1)
    assert warnings(result) == []
