"""Runs whose bounds all hold together, from the command line to the files."""

import json
import logging
import re
import shutil
from fractions import Fraction
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import SHAPE, describe, image, without_times, write_group, write_map

import bids_ari as ari
from bids_ari.cli.main import main
from bids_ari.cli.map import main as map_main

STEM = "task-emo_space-MNI152NLin2009cAsym_contrast-"
SHORT = ("--threshold", "3", "--tdp", "0.7")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three contrasts of ten subjects with signal in a blob of decreasing height; the last lacks two subjects."""
    root, rng = tmp_path_factory.mktemp("joint") / "in", np.random.default_rng(11)
    describe(root)
    for contrast, signal, n in (("a", 3.0, 10), ("b", 2.0, 10), ("c", 0.0, 8)):
        write_group(root, n, rng, signal=signal, contrast=contrast)
    region = np.zeros(SHAPE)
    region[3:8, 3:8, 3:8] = 1
    nib.save(image(region), root.parent / "blob.nii.gz")
    return root


def run(data: Path, out: Path, *words: str, code: int = 0) -> Path:
    assert main([str(data), str(out), "group", *SHORT, *words]) == code
    return out


@pytest.fixture(scope="module")
def joint(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both directions by closed testing, with a region."""
    words = ("--joint", "--alternative", "greater", "less", "--nprocs", "1", "--roi", str(data.parent / "blob.nii.gz"))
    return run(data, tmp_path_factory.mktemp("run") / "out", *words)


def results(out: Path) -> dict[str, ari.ContrastResult]:
    found = map(ari.load_result, sorted(out.rglob("*_forest.npz")))
    return {f"{result.contrast.entities.get('contrast')} {result.desc}": result for result in found}


def content(out: Path) -> dict[str, bytes]:
    """All files but logs and the index, which refers to them; of pages, without the time."""
    found = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return {
        name: without_times(path.read_bytes())
        for name, path in found.items()
        if not name.startswith(("logs/", "index"))
    }


def test_all_results_are_one_family(joint: Path) -> None:
    """h is that of the p of all results together, and the bounds follow from it."""
    found = results(joint)
    assert len(found) == 6
    p = np.concatenate([result.p for result in found.values()])
    h = ari.hommel_bound(p).h
    assert h is not None
    for result in found.values():
        assert result.joint is not None
        assert (result.bound.h, result.joint.n_results, result.joint.n_hypotheses) == (h, 6, p.size)
        for u in (1, 2, 5):  # the category is the smallest u with h p <= u alpha
            np.testing.assert_array_equal(result.bound.category <= u, h * result.p <= u * 0.05)
        assert result.adjusted_p is None
    assert len({result.joint.family for result in found.values() if result.joint}) == 1
    assert found["a greater"].bound.whole > 10


def test_reports_sidecars_and_index(joint: Path) -> None:
    page = (joint / "group" / f"{STEM}a_test-mean_desc-greater_report.html").read_text()
    text = " ".join(re.sub("<[^>]+>", "", page).split())
    assert "The bounds of all 6 results of this run hold together with 95 % confidence" in text
    assert "for all 6 results of the run" in text  # in the methods text
    sidecar = json.loads((joint / "group" / f"{STEM}a_test-mean_stat-tdp_desc-greater_statmap.json").read_text())
    assert sidecar["Joint"]["NumberOfResults"] == 6
    assert not list(joint.rglob("*pHommel*"))
    found = [results(joint)[f"{contrast} greater"] for contrast in "abc"]
    tdn = sum(result.bound.tdn(result.regions[0].regions[0].points) for result in found)
    assert tdn > 0
    index = " ".join(re.sub("<[^>]+>", " ", (joint / "index.html").read_text()).split())
    assert f"blob rois mean, greater 3 2 {3 * 125:,} {tdn}" in index
    assert "all voxels tested mean, greater 3 " in index


def test_one_or_two_processes(joint: Path, data: Path, tmp_path: Path) -> None:
    words = ("--joint", "--alternative", "greater", "less", "--nprocs", "2", "--roi", str(data.parent / "blob.nii.gz"))
    out = run(data, tmp_path / "out", *words)
    one, two = results(joint), results(out)
    for name, result in one.items():
        np.testing.assert_array_equal(result.bound.category, two[name].bound.category)
        assert result.joint == two[name].joint
    pictures = [{path.name: path.read_bytes() for path in each.rglob("*.png")} for each in (joint, out)]
    assert pictures[0] == pictures[1] != {}


def test_kept_if_all_are_unchanged(data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    copy = shutil.copytree(data, tmp_path / "in")
    out = run(copy, tmp_path / "out", "--joint")
    before = content(out)
    caplog.set_level(logging.INFO)
    run(copy, out, "--joint")
    assert sum("unchanged since" in record.message for record in caplog.records) == 3
    assert content(out) == before
    write_map(copy, "01", np.random.default_rng(1).normal(size=SHAPE) + 3, contrast="a")
    caplog.clear()
    run(copy, out, "--joint")
    assert not any("unchanged since" in record.message for record in caplog.records)
    families = {result.joint.family for result in results(out).values() if result.joint}
    assert len(families) == 1
    caplog.clear()
    run(copy, out)  # apart, the results are others
    assert not any("unchanged since" in record.message for record in caplog.records)
    assert all(result.joint is None for result in results(out).values())


def test_a_contrast_that_fails_is_no_part_of_the_family(data: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(data, tmp_path / "in")
    next(copy.rglob("sub-01*contrast-c*.nii.gz")).write_bytes(b"damaged")
    out = run(copy, tmp_path / "out", "--joint", code=65)
    assert {name: result.joint and result.joint.n_results for name, result in results(out).items()} == {
        "a greater": 2,
        "b greater": 2,
    }
    assert not list(tmp_path.rglob(".joint-*"))


def test_methods_share_alpha(data: Path, tmp_path: Path) -> None:
    out = run(data, tmp_path / "out", "--joint", "--method", "simes", "hommel")
    found = results(out)["a greaterHommel"]
    assert found.joint is not None
    assert (found.joint.n_results, found.joint.n_together, found.joint.alpha) == (6, 3, 0.025)
    assert found.bound.alpha == found.options.alpha == 0.05
    text = " ".join(
        re.sub("<[^>]+>", "", (out / "group" / f"{STEM}a_test-mean_desc-greater_report.html").read_text()).split()
    )
    assert "0.025 for the 3 results calibrated together" in text


def test_new_regions_keep_the_calibration(joint: Path, data: Path, tmp_path: Path) -> None:
    out = shutil.copytree(joint, tmp_path / "out")
    before = results(out)
    whole = tmp_path / "half.nii.gz"
    nib.save(image(np.indices(SHAPE)[0] < SHAPE[0] // 2), whole)
    assert main([str(data), str(out), "group", "--reports-only", "--roi", str(whole), "--threshold", "2.5"]) == 0
    after = results(out)
    for name, result in before.items():
        assert after[name].joint == result.joint
        np.testing.assert_array_equal(after[name].bound.category, result.bound.category)
    index = (out / "index.html").read_text()
    assert ">half " in index
    assert ">blob " not in index


def test_alternatives_of_one_map(joint: Path, tmp_path: Path) -> None:
    z = joint / "group" / f"{STEM}a_test-mean_stat-z_statmap.nii.gz"
    assert map_main([str(z), str(tmp_path / "out"), "--joint", "--alternative", "greater", "less", *SHORT]) == 0
    found = results(tmp_path / "out")
    p = np.concatenate([result.p for result in found.values()])
    assert {result.bound.h for result in found.values()} == {ari.hommel_bound(p).h}


def test_refused_combinations(data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(data, tmp_path / "out", "--joint", "--split-alpha", code=64)
    assert "split-alpha and joint" in caplog.text
    run(data, tmp_path / "out", "--joint", "--method", "permutation", "--step-down", code=64)
    assert "joint and step-down" in caplog.text
    assert not (tmp_path / "out").exists()


PERMUTED = ("--method", "permutation", "--n-permutations", "200", "--random-seed", "2", "--nprocs", "1")


@pytest.fixture(scope="module")
def permuted(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both directions by permutation, of one family."""
    words = ("--joint", *PERMUTED, "--alternative", "greater", "less")
    return run(data, tmp_path_factory.mktemp("permuted") / "out", *words)


def test_permutations_serve_all_results(permuted: Path) -> None:
    """The lambda of all results is the 11th smallest of the smallest over results; 10 of 200 may be in error."""
    found = results(permuted)
    calibrations = [result.calibrated for result in found.values() if result.calibrated]
    assert len(calibrations) == len(found) == 6
    smallest = np.min([each.lambdas for each in calibrations], axis=0)
    assert {each.lambda_ for each in calibrations} == {np.sort(smallest)[10]}
    assert {(each.n_errors, each.n_together) for each in calibrations} == {(10, 6)}
    # greater and less are two tails of the same flips, also of the contrast that lacks two subjects
    assert found["a greaterPermutation"].bound.whole > 5
    page = permuted / "group" / f"{STEM}c_test-mean_desc-lessPermutation_report.html"
    text = " ".join(re.sub("<[^>]+>", "", page.read_text()).split())
    assert "counted over the 6 results calibrated together" in text
    assert "All 6 results were calibrated together" in text


def test_more_is_found_by_permutation_than_with_divided_alpha(permuted: Path, data: Path, tmp_path: Path) -> None:
    words = (*PERMUTED, "--alternative", "greater", "less", "--split-alpha")
    divided = results(run(data, tmp_path / "out", *words))
    found = [sum(result.bound.whole for result in each.values()) for each in (results(permuted), divided)]
    assert found[0] > found[1]


def test_kinds_of_permutations_share_alpha(data: Path, tmp_path: Path) -> None:
    """Subjects are permuted together in tests of the same subjects and design: two contrasts, and the third."""
    copy = shutil.copytree(data, tmp_path / "in")
    rows = [f"sub-{i:02d}\t{20 + i * i % 7}\t{i * i % 11}" for i in range(1, 11)]
    (copy / "participants.tsv").write_text("\n".join(["participant_id\tage\tscore", *rows]) + "\n")
    out = run(copy, tmp_path / "out", "--joint", *PERMUTED, "--formula", "1 + age + score", "--family", "simes")
    kinds = {}
    for result in map(ari.load_result, sorted(out.rglob("*_forest.npz"))):
        assert result.joint is not None
        assert result.calibrated is not None
        assert result.calibrated.alpha == result.joint.alpha
        key = f"{result.contrast.entities.get('contrast')} {result.test}"
        kinds[key] = (result.joint.n_results, result.joint.n_together, result.joint.alpha)
    assert {kinds[key] for key in ("a age", "a score", "b age", "b score")} == {(9, 4, float(Fraction("0.05") * 4 / 9))}
    assert {kinds[key] for key in ("c age", "c score")} == {(9, 2, float(Fraction("0.05") * 2 / 9))}
