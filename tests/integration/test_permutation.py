"""Bounds calibrated by draws, from the command line to the files."""

import html
import json
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import describe, without_times, write_group
from scipy import stats

import bids_ari as ari
from bids_ari.cli.main import main

STEM = "group/task-emo_space-MNI152NLin2009cAsym_contrast-faces_test-mean_desc-greaterPermutation"
SIMES = STEM.removesuffix("Permutation")
FAMILYWISE = ("mask", "fwe_count", "smallest_p", "largest_extents")
DRAWN = ("--method", "permutation", "--n-permutations", "200", "--random-seed", "3", "--threshold", "3", "--tdp", "0.7")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve subjects with signal in a blob, at two sites."""
    root, rng = tmp_path_factory.mktemp("permutation") / "in", np.random.default_rng(41)
    describe(root)
    write_group(root, 12, rng, signal=1.5)
    rows = [f"sub-{i:02d}\t{'ab'[i % 2]}\t{20 + i}" for i in range(1, 13)]
    (root / "participants.tsv").write_text("\n".join(["participant_id\tsite\tage", *rows]) + "\n")
    return root


def run(data: Path, out: Path, *words: str) -> Path:
    assert main([str(data), str(out), "group", *words]) == 0
    return out


@pytest.fixture(scope="module")
def both(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Closed testing and draws, of one test."""
    return run(data, tmp_path_factory.mktemp("both") / "out", *DRAWN, "--method", "simes", "permutation")


def content(out: Path) -> dict[str, bytes]:
    """All files but logs and the crate, which lists runs; of pages, without the time."""
    found = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return {
        name: without_times(path.read_bytes())
        for name, path in found.items()
        if not name.startswith(("logs/", "ro-crate"))
    }


def test_each_method_has_files_of_its_own(both: Path) -> None:
    names = {path.relative_to(both).as_posix() for path in both.rglob("*")}
    for end in ("report.html", "forest.npz", "critical.tsv", "critical.json", "draws.tsv", "draws.json"):
        assert f"{STEM}_{end}" in names
    assert f"{SIMES}_report.html" in names
    assert f"{SIMES}_draws.tsv" not in names
    adjusted = [name for name in names if "stat-pHommel" in name and name.endswith(".nii.gz")]
    assert len(adjusted) == 1  # of closed testing only
    assert "Permutation" not in adjusted[0]


@pytest.fixture(scope="module")
def simes(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Critical vectors of one family."""
    return run(data, tmp_path_factory.mktemp("simes") / "out", *DRAWN, "--family", "simes")


def test_the_tables_tell_what_was_chosen(simes: Path, both: Path) -> None:
    """lambda is the (floor(.05 * 200) + 1)-th smallest of 200, and t_k = k lambda / m."""
    sidecar = json.loads((simes / f"{STEM}_draws.json").read_text())
    lambdas = pd.read_csv(simes / f"{STEM}_draws.tsv", sep="\t")["lambda"].to_numpy()
    assert lambdas.size == sidecar["NumberOfDraws"] == 200
    assert np.sort(lambdas)[10] == pytest.approx(sidecar["Lambda"], rel=1e-9)  # tables have ten digits
    assert (sidecar["Draws"], sidecar["RandomSeed"], sidecar["Family"]) == ("sign flips", 3, "simes")
    critical = pd.read_csv(simes / f"{STEM}_critical.tsv", sep="\t")
    m = sidecar["NumberOfVoxels"]
    np.testing.assert_allclose(critical["critical_p"], critical["rank"] * sidecar["Lambda"] / m, rtol=1e-9)
    z = nib.load(both / f"{SIMES.replace('_desc-greater', '_stat-z')}_statmap.nii.gz").get_fdata()
    observed = np.sort(stats.norm.sf(z[np.isfinite(z)]))
    np.testing.assert_allclose(critical["observed_p"], observed[critical["rank"] - 1], rtol=1e-3)  # z is float32


def test_the_default_is_the_largest_of_two_vectors(both: Path) -> None:
    """Each by its own lambda; ten of 200 draws may have a smaller lambda of the family that they make."""
    sidecar = json.loads((both / f"{STEM}_draws.json").read_text())
    draws = pd.read_csv(both / f"{STEM}_draws.tsv", sep="\t")
    critical = pd.read_csv(both / f"{STEM}_critical.tsv", sep="\t")
    lambdas = sidecar["LambdaOfMembers"]
    assert (sidecar["Family"], sidecar["Delta"], list(lambdas)) == ("combined", 0, ["simes", "learned"])
    assert (sidecar["Template"], list(draws.columns)) == ("200 other permutations", ["draw", "lambda"])
    assert np.sort(draws["lambda"])[10] == pytest.approx(sidecar["Lambda"], rel=1e-9)
    assert (draws["lambda"] <= 1).all()
    lines = critical["rank"] * lambdas["simes"] / sidecar["NumberOfVoxels"]
    assert (critical["critical_p"] >= lines * (1 - 1e-9)).all()
    assert (critical["critical_p"] > lines * (1 + 1e-6)).any()


def test_the_bound_is_that_of_the_critical_vector(both: Path) -> None:
    result = ari.load_result(both / f"{STEM}_forest.npz")
    calibrated, m = result.calibrated, result.space.n_points
    assert calibrated is not None
    p, critical = result.glm.p("greater"), calibrated.critical
    for cluster in (*result.clusters[3], *result.largest[0.7], *result.forest.at_threshold(1)):
        inside = np.sort(p[cluster.points])
        expected = max(1 - k + int((inside < critical[k - 1]).sum()) for k in range(1, inside.size + 1))
        assert cluster.tdn == max(0, expected)
    assert 0 < result.bound.whole < m


def test_familywise_p_are_shares_of_the_draws(both: Path) -> None:
    """The map, the tables and their sidecars are those of the arrays of the draws."""
    with np.load(both / f"{STEM}_forest.npz") as file:
        inside, counts, smallest, largest = (file[name] for name in FAMILYWISE)
    assert counts.min() >= 1  # the data as observed are a draw
    values = nib.load(both / f"{STEM.replace('_desc', '_stat-pFWE_desc')}_statmap.nii.gz").get_fdata()
    np.testing.assert_allclose(values[inside], counts / 200, rtol=1e-6)
    assert smallest.shape == (200,)
    above, target = (pd.read_csv(both / f"{STEM}{label}_clusters.tsv", sep="\t") for label in ("Z3", "Tdp70"))
    z = nib.load(both / f"{SIMES.replace('_desc-greater', '_stat-z')}_statmap.nii.gz").get_fdata()
    for _, row in pd.concat([above, target]).iterrows():
        (peak,) = values[np.isclose(z, row["peak_stat"], rtol=1e-6)]  # z is float32
        assert row["p_fwe_peak"] == pytest.approx(peak, rel=1e-6)
    assert largest.shape == (200, 1)
    assert largest[0] == above["size"].max()
    expected = [(largest >= size).mean() for size in above["size"]]
    np.testing.assert_allclose(above["p_fwe_extent"], expected, rtol=1e-9)
    assert "p_fwe_extent" not in target
    sidecar = json.loads((both / f"{STEM}Z3_clusters.json").read_text())
    assert sidecar["NumberOfDraws"] == 200
    assert "in voxels" in sidecar["p_fwe_extent"]["Description"]
    assert "p_fwe_peak" not in pd.read_csv(both / f"{SIMES}Z3_clusters.tsv", sep="\t")
    assert not list(both.glob("group/*stat-pFWE_desc-greater_*"))


def test_the_report_explains_familywise_p(both: Path) -> None:
    report, other = ((both / f"{stem}_report.html").read_text() for stem in (STEM, SIMES))
    legend = re.search('<p id="familywise">(.*?)</p>', report, re.DOTALL)
    assert legend is not None
    assert "200 permutations" in legend[1]
    assert "at least as large, in voxels" in legend[1]
    assert "p<sub>FWE</sub> extent" in report
    assert "Hayasaka" in report
    assert "FWE" not in other


def test_extents_are_not_known_above_thresholds_of_later(both: Path, tmp_path: Path) -> None:
    copy = tmp_path / "out"
    shutil.copytree(both, copy)
    assert main(["unused", str(copy), "group", "--reports-only", "--threshold", "3", "3.5"]) == 0
    known, unknown = (pd.read_csv(copy / f"{STEM}{label}_clusters.tsv", sep="\t") for label in ("Z3", "Z3p5"))
    before = pd.read_csv(both / f"{STEM}Z3_clusters.tsv", sep="\t")
    pd.testing.assert_frame_equal(known, before)
    assert "p_fwe_peak" in unknown
    assert "p_fwe_extent" not in unknown
    note = "No familywise p of extents at z > 3.5"
    assert note in html.unescape((copy / f"{STEM}_report.html").read_text())
    assert [note in " ".join(ari.load_result(copy / f"{stem}_forest.npz").notes) for stem in (STEM, SIMES)] == [
        True,
        False,
    ]


def test_reports_are_regenerated_from_saved_results(both: Path, tmp_path: Path) -> None:
    copy = tmp_path / "out"
    shutil.copytree(both, copy)
    assert main(["unused", str(copy), "group", "--reports-only"]) == 0
    assert content(copy) == content(both)


def test_alpha_is_split_over_methods_too(data: Path, tmp_path: Path) -> None:
    out = run(data, tmp_path / "out", *DRAWN, "--method", "simes", "permutation", "--split-alpha")
    for stem in (STEM, SIMES):
        assert json.loads((out / f"{stem}Z3_clusters.json").read_text())["Alpha"] == 0.025


def test_a_third_of_alpha_is_one_of_sixty_sign_flips(data: Path, tmp_path: Path) -> None:
    """.05 / 3 of 60 is one, though the float is less; all three results hold together at alpha, not at twice that."""
    words = (*DRAWN, "--n-permutations", "60", "--alternative", "greater", "less", "two-sided", "--split-alpha")
    out = run(data, tmp_path / "out", *words)
    results = [ari.load_result(path) for path in sorted((out / "group").glob("*_forest.npz"))]
    assert [result.calibrated.n_errors for result in results if result.calibrated] == [1, 1, 1]
    assert [result.bound.whole > 0 for result in results] == [True, False, True]  # greater, less, two-sided
    notes = " ".join(note for result in results for note in result.notes)
    assert "at level 0.05, all bounds of all of them hold together" in notes
    assert "nothing can be found" not in notes
    assert "separately" not in notes


def test_blocks_come_from_the_table(data: Path, tmp_path: Path) -> None:
    out = run(data, tmp_path / "out", *DRAWN, "--formula", "1 + center(age)", "--test", "mean=1", "--blocks", "site")
    sidecar = json.loads((out / f"{STEM}_draws.json").read_text())
    assert (sidecar["ExchangeabilityBlocks"], sidecar["NumberOfDraws"]) == (
        "site",
        4,
    )  # two blocks, each flipped as a whole


@pytest.mark.parametrize("family", ["learned", "combined"])
def test_a_template_serves_another_dataset(
    family: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learned = (*DRAWN, "--family", family)
    out = run(data, tmp_path / "first", *learned, "--save-template")
    template = out / f"{STEM}_template.npz"
    again = run(data, tmp_path / "second", *learned, "--template", str(template))
    first, second = (json.loads((each / f"{STEM}_draws.json").read_text()) for each in (out, again))
    assert first["Lambda"] == second["Lambda"]
    assert (first["Template"], second["Template"]) == ("200 other permutations", template.name)
    assert main([str(data), str(tmp_path / "third"), "group", *learned, "--template", str(tmp_path / "no.npz")]) == 66
    assert "There is no template" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--method", "permutation", "--estimator", "mixed"), 64, "cannot be combined with --estimator mixed"),
        (("--step-down",), 64, "step-down requires --method permutation"),
        (("--method", "permutation", "--blocks", "family"), 65, "has no column family"),
        (("--method", "permutation", "--delta", "100000"), 65, "delta is 100000"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, message: str
) -> None:
    assert main([str(data), str(tmp_path / "out"), "group", *words]) == code
    assert message in capsys.readouterr().err


def test_one_map_cannot_be_permuted(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(data), str(tmp_path / "out"), "participant", "--method", "permutation"]) == 64
    assert "requires the group level" in capsys.readouterr().err
