"""Agreement with other programs, and their known errors, with numbers that can be checked by hand."""

from collections.abc import Callable

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from builders_stats import adjacency, h_by_definition
from nilearn.glm import cluster_level_inference
from oracle_case import OracleCase
from scipy import stats

from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.distributions import p_from_z
from bids_ari.stats.forest import ClusterForest, grow_forest

Floats = npt.NDArray[np.float64]


def nilearn_tdp(z: Floats, thresholds: float | list[float]) -> Floats:
    """Return the TDP of the cluster of each voxel by nilearn; the mask is the whole volume, alpha .05."""
    affine = np.eye(4)
    mask = nib.Nifti1Image(np.ones(z.shape, dtype=np.uint8), affine)
    return cluster_level_inference(nib.Nifti1Image(z, affine), mask, thresholds, alpha=0.05).get_fdata()


def forest_of(z: Floats) -> ClusterForest:
    """Return the forest at connectivity 6, as in nilearn; the mask is the whole volume, alpha .05."""
    bound = hommel_bound(p_from_z(z.ravel(), "greater"), alpha=0.05)
    return grow_forest(z.ravel(), adjacency(np.ones(z.shape, dtype=bool), 6), bound)


def tdp_of(z: Floats, threshold: float) -> Floats:
    """Return the TDP of the cluster of each voxel, 0 outside of clusters."""
    tdp = np.zeros(z.size)
    for cluster in forest_of(z).at_threshold(threshold):
        tdp[cluster.points] = cluster.tdp
    return tdp.reshape(z.shape)


@pytest.mark.parametrize("threshold", [1.5, 2.5, 3.1])
def test_nilearn_agrees_in_ordinary_maps(threshold: float) -> None:
    z = np.random.default_rng(2018).normal(size=(12, 12, 12))
    z[3:8, 3:8, 3:8] += 3
    expected = nilearn_tdp(z, threshold)
    assert ((expected > 0) & (expected < 1)).any()
    np.testing.assert_allclose(tdp_of(z, threshold), expected, rtol=1e-6)  # nilearn may compute in float32


def test_nilearn_has_two_discoveries_in_one_voxel() -> None:
    """No floor at category 1: z = 45 has p = 0 in float64, category 0, so 1 - 0 + 1 = 2 discoveries."""
    z = np.zeros((6, 6, 6))
    z[2, 3, 4] = 45
    assert nilearn_tdp(z, 3.1).max() == 2.0
    assert tdp_of(z, 3.1)[2, 3, 4] == 1.0
    assert tdp_of(z, 3.1).sum() == 1.0


def test_nilearn_has_28_discoveries_in_27_voxels() -> None:
    """All p below alpha: h = 0, all categories 0, so 1 - 0 + 27 = 28 discoveries, 28 / 27 = 1.037."""
    z = np.full((3, 3, 3), 6.0)
    np.testing.assert_allclose(nilearn_tdp(z, 3.1), 28 / 27, rtol=1e-6)  # nilearn may compute in float32
    np.testing.assert_array_equal(tdp_of(z, 3.1), 1.0)


@pytest.mark.filterwarnings("ignore:invalid value encountered in multiply:RuntimeWarning")  # inf * 0
@pytest.mark.filterwarnings("ignore:Non-finite values detected:UserWarning")
def test_nilearn_loses_infinite_voxels() -> None:
    z = np.zeros((6, 6, 6))
    z[2, 3, 4] = np.inf
    assert nilearn_tdp(z, 3.1)[2, 3, 4] == 0.0
    assert tdp_of(z, 3.1)[2, 3, 4] == 1.0


def test_nilearn_overwrites_the_highest_tdp() -> None:
    """With several thresholds each voxel should have the highest TDP; nilearn has that of the last one.

    Of m = 1000, three voxels in a row have p = 9e-5, 9.5e-5, 9e-5, all others .5. The 999 largest p are rejected
    by their second, 999 * 9.5e-5 = .0949 <= 2 * .05; the 998 largest are not, 998 * 9.5e-5 = .0948 > .05. So
    h = 998, and the three have category 2, since .05 < 998 * p <= 2 * .05. Together they have TDN = 1 - 2 + 3 = 2.
    A higher threshold leaves the middle one out; alone, each of the others has TDN = 0.
    """
    p = np.full((10, 10, 10), 0.5)
    p[4, 4, 3:6] = (9e-5, 9.5e-5, 9e-5)
    z = stats.norm.isf(p)
    together, apart = 3.0902, 3.74  # z of the middle voxel is 3.733, of the others 3.746
    assert z[4, 4, 4] < apart < z[4, 4, 3]
    np.testing.assert_allclose(nilearn_tdp(z, [together, apart])[4, 4, 3:6], [0, 2 / 3, 0], rtol=1e-6)
    np.testing.assert_array_equal(forest_of(z).highest_tdp().reshape(z.shape)[4, 4, 3:6], [2 / 3] * 3)


@pytest.mark.parametrize("alpha", [1e-7, 1e-12, 1e-17, 1e-100, 1e-290])
def test_categories_beyond_the_integers(alpha: float) -> None:
    """R hommel crashes where h * p / alpha > 2^31; from alpha = 1e-17 on, the ratio exceeds 2^63 as well.

    Of m = 2000 p, ten are 0, five are alpha / 1000, the others .5. The 1991 largest hold a zero: rejected. The
    1987 largest hold two of the five: rejected, 1.987 <= 2. The 1986 largest hold one: not rejected, 1.986 > 1.
    So h = 1986. The five have category 2, since 1 < 1.986 <= 2, and TDN = 1 - 2 + 5 = 4; all voxels together
    have TDN = 1 - 2 + 15 = 14 = m - h.
    """
    p = np.full(2000, 0.5)
    zero, small = slice(100, 110), slice(300, 305)
    p[zero] = 0
    p[small] = alpha / 1000
    assert 1986 * 0.5 / alpha > 2**31
    bound = hommel_bound(p, alpha)
    assert bound.h == 1986
    assert bound.category.min() == 1
    assert bound.category.max() <= 2001
    voxels = np.arange(2000)
    assert bound.tdn(voxels[zero]) == 10
    assert bound.tdn(voxels[small]) == 4
    assert bound.tdn(np.flatnonzero(p == 0.5)) == 0
    assert bound.whole == 14


@pytest.mark.parametrize(
    ("name", "gamma", "size_found", "size_maximal"),
    [("ramp", 0.5, 4976, 6222), ("ramp", 0.9, 2764, 3456), ("salt_pepper", 0.7, 1037, 1136)],
)
def test_aribrain_misses_the_largest_clusters(
    name: str, gamma: float, size_found: int, size_maximal: int, read_case: Callable[[str], OracleCase]
) -> None:
    """ARIbrain 0.9 passes unsorted p to the concentration step: the TDP of large clusters is too low.

    The sizes are those of its largest cluster at connectivity 18, as it is and with its p sorted beforehand.
    """
    case = read_case(name)
    bound = hommel_bound(case.p, alpha=0.05)
    queries_of = {(q["conn"], q["variant"]): q["queries"] for q in case.facts["adaptive"]}
    (found,) = (query for query in queries_of[18, "aribrain09"] if query["gamma"] == gamma)
    labels = case.arrays[f"adaptive_aribrain09_c18_a0.05_g{gamma}"]
    largest = np.flatnonzero(labels == 1)
    assert largest.size == found["sizes"][0] == size_found
    assert bound.tdp(largest) > found["tdp_reported"][0] + 0.01  # far beyond rounding

    cluster, *_ = grow_forest(case.statistic, adjacency(case.inside, 18), bound).with_tdp(gamma)
    assert cluster.size == size_maximal
    assert cluster.tdp >= gamma
    assert set(largest) < set(cluster.points)


def sanssouci_h(p: Floats, alpha: float) -> int:
    """Return the h of sanssouci: the integer part of the least (m - k + 1) * alpha / (alpha - p_(k)), k < m.

    p_(k) rejects the i largest p when i * p_(k) <= (k - m + i) * alpha, that is from i = (m - k) * alpha /
    (alpha - p_(k)) on: they count one voxel too many.
    """
    m, ordered = p.size, np.sort(p).tolist()
    limits = [(m - k + 1) * alpha / (alpha - ordered[k - 1]) for k in range(1, m) if ordered[k - 1] < alpha]
    return min(m, int(min(limits, default=m)))


def test_sanssouci_is_off_by_one() -> None:
    """Its h is never too small (the bounds stay valid), and too large in more than half of the cases."""
    rng = np.random.default_rng(271)
    too_large = 0
    for _ in range(300):
        m = int(rng.integers(5, 60))
        p = rng.uniform(size=m) ** rng.integers(1, 8)  # from all null to mostly active
        h = h_by_definition(p, 0.05, float)
        assert hommel_bound(p, alpha=0.05).h == h
        assert sanssouci_h(p, 0.05) >= h
        too_large += sanssouci_h(p, 0.05) > h
    assert too_large > 150
