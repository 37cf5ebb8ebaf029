"""Errors of other programs before closed testing: the voxels that are tested, and the tail of p."""

import nibabel as nib
import numpy as np
import pytest
from nilearn.glm import cluster_level_inference
from scipy import stats

from bids_ari.analysis.cluster_tdp import cluster_tdp
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.glm import fit_glm


@pytest.mark.filterwarnings("ignore")  # nilearn's, about the NaN
def test_nilearn_counts_nan_in_the_mask_as_tests() -> None:
    """A voxel without a value is not tested and must not reduce the bounds of the others."""
    rng = np.random.default_rng(5)
    z = rng.normal(size=(14, 14, 14))
    z[3:8, 3:8, 3:8] += 3.2
    z[9:] = np.nan
    image, mask = nib.Nifti1Image(z, np.eye(4)), nib.Nifti1Image(np.ones(z.shape, dtype=np.uint8), np.eye(4))
    tested = nib.Nifti1Image(np.isfinite(z).astype(np.uint8), np.eye(4))
    truth = cluster_level_inference(nib.Nifti1Image(np.nan_to_num(z), np.eye(4)), tested, threshold=[2.5]).get_fdata()
    ours = cluster_tdp(image, mask, threshold=2.5, connectivity=6).get_fdata()
    np.testing.assert_allclose(ours, truth, rtol=1e-6)  # float32
    assert cluster_level_inference(image, mask, threshold=[2.5]).get_fdata().max() < truth.max()


def test_the_normal_tail_of_a_t_value_has_too_many_errors() -> None:
    """No voxel is active: a bound above 0 is an error, allowed in 10 % of maps.

    10 subjects, 2,000 independent voxels, 300 maps. The share of errors has a standard deviation of
    sqrt(.1 * .9 / 300) = .017, so .152 lies three of them above .10. (Independent p make Simes exact.)
    """
    rng = np.random.default_rng(6)
    errors = {"t": 0, "normal": 0}
    for _ in range(300):
        (glm,) = fit_glm(rng.normal(size=(10, 2000)), np.ones((10, 1)), {"mean": np.ones(1)})
        assert glm.t is not None
        errors["t"] += hommel_bound(glm.p("greater"), alpha=0.1).whole > 0
        errors["normal"] += hommel_bound(stats.norm.sf(glm.t), alpha=0.1).whole > 0
    assert errors["t"] / 300 <= 0.152
    assert errors["normal"] / 300 > 0.4


def test_halving_a_two_sided_p_doubles_the_error() -> None:
    """Halving a two-sided p after seeing the sign doubles the error: a bound for both directions needs both tails."""
    rng = np.random.default_rng(7)
    t = rng.standard_t(15, size=(400, 500))
    signed = [hommel_bound(stats.t.sf(np.abs(row), 15), alpha=0.1).whole > 0 for row in t]
    ours = [hommel_bound(fit_p, alpha=0.1).whole > 0 for fit_p in 2 * stats.t.sf(np.abs(t), 15)]
    assert np.mean(signed) > 0.145  # three standard deviations, sqrt(.1 * .9 / 400) = .015, above .10
    assert np.mean(ours) <= 0.145


ALPHA = 1e-4
VOXELS = 400_000
"""No voxel is active, so 40 p-values at most 1e-4 are expected, with a standard deviation of sqrt(40) = 6.3."""


def test_welch_is_liberal_in_the_tail_of_small_unequal_groups() -> None:
    """5 subjects against 20 of equal variance: Welch has several times too many; least squares is exact."""
    values = np.random.default_rng(8).normal(size=(25, VOXELS))
    few = np.arange(25) < 5
    welch = stats.ttest_ind(values[few], values[~few], equal_var=False, alternative="greater")
    matrix = np.column_stack([few, ~few]).astype(float)
    (glm,) = fit_glm(values, matrix, {"difference": np.array([1.0, -1.0])})
    assert (welch.pvalue <= ALPHA).sum() > 3 * ALPHA * VOXELS
    assert abs((glm.p("greater") <= ALPHA).sum() - 40) < 3 * 6.3


def test_dersimonian_laird_with_a_normal_z_is_liberal_in_the_tail() -> None:
    """10 subjects that differ as much as their own maps are uncertain: z of the weighted mean ignores that both the
    weights and the spread are estimates. The t of the plain mean is exact where the subjects' precision is alike.
    """
    rng = np.random.default_rng(9)
    n = 10
    within = np.ones((n, 1))  # sampling variance of each subject's effect
    values = rng.normal(size=(n, VOXELS)) * np.sqrt(within + 1.0)  # and 1.0 between subjects
    weights = 1 / within
    mean = (weights * values).sum(axis=0) / weights.sum()
    q = (weights * (values - mean) ** 2).sum(axis=0)
    between = np.maximum(0.0, (q - (n - 1)) / (weights.sum() - (weights**2).sum() / weights.sum()))
    weights = 1 / (within + between)
    z = (weights * values).sum(axis=0) / np.sqrt(weights.sum(axis=0))
    (glm,) = fit_glm(values, np.ones((n, 1)), {"mean": np.ones(1)})
    assert (stats.norm.sf(z) <= ALPHA).sum() > 5 * ALPHA * VOXELS
    assert abs((glm.p("greater") <= ALPHA).sum() - 40) < 3 * 6.3
