"""The main job on real maps, through the command line, against nilearn and SciPy run live."""

from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from nilearn.glm import cluster_level_inference
from nilearn.glm.second_level import SecondLevelModel
from scipy import stats

from bids_ari.cli.main import main

STEM = "task-emoreg_space-MNI152NLin6Asym_contrast-reappNegVsLookNeg"
THRESHOLDS = (3, 4, 5)

pytestmark = pytest.mark.filterwarnings("ignore")  # of nilearn, which is the other program here


@pytest.fixture(scope="module")
def results(wager: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the tutorial's settings on real maps."""
    out = tmp_path_factory.mktemp("wager") / "out"
    mask = wager / "group" / "space-MNI152NLin6Asym_desc-brain_mask.nii.gz"
    words = ["--mask", mask, "--smoothing", 8, "--connectivity", 6, "--threshold", *THRESHOLDS, "--alpha", 0.05]
    assert main([str(word) for word in (wager, out, "group", *words)]) == 0
    return out


@pytest.fixture(scope="module")
def nilearn_z(wager: Path, results: Path) -> nib.Nifti1Image:
    """nilearn's group z map within the voxels that we tested."""
    maps = [str(path) for path in sorted(wager.glob("sub-*/func/*.nii.gz"))]
    mask = nib.load(results / "group" / f"{STEM}_desc-analysis_mask.nii.gz")
    model = SecondLevelModel(smoothing_fwhm=8.0, mask_img=mask)
    model.fit(maps, design_matrix=pd.DataFrame({"intercept": np.ones(len(maps))}))
    return model.compute_contrast("intercept", output_type="z_score")


def values(results: Path, name: str) -> npt.NDArray[np.float64]:
    return np.asarray(nib.load(results / "group" / f"{STEM}_{name}.nii.gz").get_fdata())


def tested(results: Path) -> npt.NDArray[np.bool_]:
    return values(results, "desc-analysis_mask") > 0


def test_voxels_are_tested_where_every_subject_has_a_value(results: Path, wager: Path) -> None:
    """31,081 mask voxels less the two that are NaN in sub-20."""
    (mask,) = wager.glob("group/*mask.nii.gz")
    (path,) = wager.glob("sub-20/func/*.nii.gz")
    inside = nib.load(mask).get_fdata() > 0
    assert tested(results).sum() == 31_079
    assert inside.sum() == 31_081
    np.testing.assert_array_equal(tested(results), inside & np.isfinite(nib.load(path).get_fdata()))


def test_z_equals_nilearn(results: Path, nilearn_z: nib.Nifti1Image) -> None:
    """1e-4: nilearn smooths in float32."""
    inside = tested(results)
    z = values(results, "test-mean_stat-z_statmap")
    np.testing.assert_allclose(z[inside], nilearn_z.get_fdata()[inside], rtol=0, atol=1e-4)
    assert np.isnan(z[~inside]).all()


def test_tdp_equals_nilearn_at_each_threshold_and_their_maximum_over_all(
    results: Path, nilearn_z: nib.Nifti1Image
) -> None:
    """nilearn's list of thresholds lets a higher one overwrite with a lower TDP: it gets one at a time."""
    mask = nib.load(results / "group" / f"{STEM}_desc-analysis_mask.nii.gz")
    highest = np.zeros(mask.shape)
    for threshold in THRESHOLDS:
        peer = cluster_level_inference(nilearn_z, mask_img=mask, threshold=[threshold], alpha=0.05).get_fdata()
        ours = values(results, f"test-mean_stat-tdp_desc-greaterZ{threshold}_statmap")
        np.testing.assert_allclose(ours, peer, rtol=0, atol=1e-6)  # float32 on disk
        assert ours.max() > 0
        highest = np.maximum(highest, peer)
    ours = values(results, "test-mean_stat-tdp_desc-greater_statmap")
    np.testing.assert_allclose(ours, highest, rtol=0, atol=1e-6)


def test_tables_agree_with_images(results: Path) -> None:
    """The label in the table is the value in the image, and size, TDN, TDP and peak follow from the images."""
    z = values(results, "test-mean_stat-z_statmap")
    for threshold in THRESHOLDS:
        name = f"test-mean_desc-greaterZ{threshold}"
        labels = values(results, f"{name}_dseg").astype(int)
        tdp = values(results, f"test-mean_stat-tdp_desc-greaterZ{threshold}_statmap")
        table = pd.read_csv(results / "group" / f"{STEM}_{name}_clusters.tsv", sep="\t")
        np.testing.assert_array_equal(np.bincount(labels.ravel())[1:], table["size"])
        assert (np.diff(table["size"]) <= 0).all()
        np.testing.assert_array_equal(labels > 0, np.nan_to_num(z) > threshold)
        for row in table.itertuples():
            inside = labels == row.label
            assert row.tdn / row.size == pytest.approx(tdp[inside][0], abs=1e-6)
            assert row.peak_stat == pytest.approx(z[inside].max(), rel=1e-6)  # float32 in the image
            indices = np.linalg.inv(nib.load(results / "group" / f"{STEM}_{name}_dseg.nii.gz").affine) @ [
                row.peak_x, row.peak_y, row.peak_z, 1,
            ]  # fmt: skip
            assert z[tuple(np.rint(indices[:3]).astype(int))] == pytest.approx(row.peak_stat, rel=1e-6)


def test_t_equals_scipy_without_smoothing(wager: Path, tmp_path: Path) -> None:
    """1e-10 relative, from the API, whose t is float64."""
    import bids_ari as ari

    (contrast,) = ari.discover(wager)
    (mask,) = wager.glob("group/*mask.nii.gz")
    (result,) = ari.analyse(contrast, options=ari.Options(mask=mask))
    maps = np.stack([nib.load(path).get_fdata()[result.space.inside] for path in contrast.paths])
    truth = stats.ttest_1samp(maps, 0)
    np.testing.assert_allclose(result.glm.t, truth.statistic, rtol=1e-10)
    np.testing.assert_allclose(result.glm.p("two-sided"), truth.pvalue, rtol=1e-9)  # p magnifies errors of t
    np.testing.assert_allclose(result.glm.z, stats.norm.isf(stats.t.sf(truth.statistic, 29)), rtol=1e-9)


def test_a_weak_effect_with_a_background_that_differs_per_subject(words: Path, tmp_path: Path) -> None:
    """Two-sided ARI finds about one voxel (known of these data); coverage 1 tests what all subjects cover."""
    assert main([str(word) for word in (words, tmp_path / "out", "group", "--alternative", "two-sided")]) == 0
    (name,) = (tmp_path / "out" / "group").glob("*desc-analysis_mask.nii.gz")
    maps = np.stack([nib.load(path).get_fdata() for path in sorted(words.glob("sub-*/func/*.nii.gz"))])
    np.testing.assert_array_equal(nib.load(name).get_fdata() > 0, np.isfinite(maps).all(axis=0))


def test_a_second_run_replaces_its_own_files_and_says_so(
    group_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No file of thresholds that are no longer requested is left, and the rest is the same to the byte."""
    out = tmp_path / "out"
    first = [str(group_dir), str(out), "group", "--threshold", "3", "4"]
    assert main(first) == 0
    before = {path.name: path.read_bytes() for path in out.rglob("group/*.nii.gz")}
    capsys.readouterr()
    assert main([*first[:-1]]) == 0
    assert "replaces" in capsys.readouterr().err
    assert main([*first[:-1], "--alternative", "two-sided"]) == 0  # another result of the same contrast
    assert list(out.rglob("*greaterZ3_dseg.nii.gz"))
    after = {path.name: path.read_bytes() for path in out.rglob("group/*.nii.gz")}
    after = {name: content for name, content in after.items() if "twoSided" not in name}
    assert {name for name in before if name not in after} == {name for name in before if "greaterZ4" in name} != set()
    assert not [path for path in out.rglob("*") if "greaterZ4" in path.name or ".tmp" in path.name]
    assert all(before[name] == content for name, content in after.items() if "Z3" in name or "stat-z" in name)
