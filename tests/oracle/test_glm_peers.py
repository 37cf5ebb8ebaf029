"""The group model and its diagnostics against statsmodels and nilearn, on common designs."""

from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import statsmodels.api as sm
from nilearn.glm.second_level import SecondLevelModel
from scipy import stats
from statsmodels.stats.outliers_influence import variance_inflation_factor

from bids_ari.stats.diagnostics import design_diagnostics, subject_diagnostics
from bids_ari.stats.glm import fit_glm

Floats = npt.NDArray[np.float64]

COLUMNS = ("intercept", "patient", "age", "site_b", "site_c")
TESTS = {
    "patient": np.array([0.0, 1, 0, 0, 0]),
    "at 50": np.array([1.0, 0.5, 50, 0, 0]),
    "site": np.eye(5)[3:],
    "everything": np.eye(5),
}


@pytest.fixture
def matrix(rng: np.random.Generator) -> Floats:
    """24 subjects: a group, age in years, three sites."""
    sites = np.eye(3)[rng.permutation(24) % 3][:, 1:]
    return np.column_stack([np.ones(24), np.repeat([0.0, 1], [15, 9]), rng.uniform(20, 80, size=24), sites])


@pytest.fixture
def effects(matrix: Floats, rng: np.random.Generator) -> Floats:
    """(24, 60)"""
    return np.asarray(matrix @ (rng.normal(size=(5, 60)) * [[5], [1], [0.02], [0.5], [0]]) + rng.normal(size=(24, 60)))


def test_t_and_f_of_statsmodels(matrix: Floats, effects: Floats) -> None:
    for found in fit_glm(effects, matrix, TESTS):
        for point in range(60):
            fitted = sm.OLS(effects[:, point], matrix).fit()
            if found.f is None:
                expected = fitted.t_test(TESTS[found.test])
                assert found.t is not None
                assert found.t[point] == pytest.approx(expected.tvalue.item(), rel=1e-8, abs=1e-10)
                assert found.p("two-sided")[point] == pytest.approx(expected.pvalue.item(), rel=1e-7)
            else:
                expected = fitted.f_test(TESTS[found.test])
                assert found.f[point] == pytest.approx(expected.fvalue, rel=1e-8)
                assert found.p("greater")[point] == pytest.approx(float(expected.pvalue), rel=1e-7)
                assert (found.n_rows, found.dof[point]) == (expected.df_num, expected.df_denom)


@pytest.mark.parametrize("kind", ["t", "F"])
def test_maps_of_nilearn(matrix: Floats, effects: Floats, kind: str) -> None:
    """Statistic and z of SecondLevelModel, which keeps maps in float32."""
    images = [nib.Nifti1Image(row.reshape(3, 4, 5).astype(np.float32), np.eye(4)) for row in effects]
    mask = nib.Nifti1Image(np.ones((3, 4, 5), dtype=np.uint8), np.eye(4))
    model = SecondLevelModel(mask_img=mask).fit(images, design_matrix=pd.DataFrame(matrix, columns=list(COLUMNS)))
    weights = TESTS["patient" if kind == "t" else "site"]
    stat, z = (
        model.compute_contrast(weights, second_level_stat_type=kind, output_type=output).get_fdata().ravel()
        for output in ("stat", "z_score")
    )
    (found,) = fit_glm(effects.astype(np.float32).astype(np.float64), matrix, {"test": weights})
    np.testing.assert_allclose(found.t if kind == "t" else found.f, stat, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.z, z, rtol=1e-4, atol=1e-5)


def test_intercept_of_a_published_group(shared: Path) -> None:
    """30 subjects with a centred covariate: the published t map, where all subjects have data."""
    data = shared.parent / "data"
    if not (data / "wager2008-reference").is_dir():
        pytest.skip(f"no group of subjects at {data}")
    table = pd.read_csv(data / "wager2008" / "participants.tsv", sep="\t")
    paths = [next((data / "wager2008" / name).rglob("*stat-effect_statmap.nii.gz")) for name in table.participant_id]
    maps = np.stack([nib.load(path).get_fdata().ravel() for path in paths])
    published = nib.load(data / "wager2008-reference" / "ols_tmap_0001.nii.gz").get_fdata().ravel()
    there = (np.isfinite(maps) & (maps != 0)).all(axis=0) & np.isfinite(published) & (published != 0)
    assert there.sum() > 30_000
    success = table.reappraisal_success.to_numpy()
    matrix = np.column_stack([np.ones(30), success - success.mean()])
    (found,) = fit_glm(maps[:, there], matrix, {"mean": np.array([1.0, 0])})
    np.testing.assert_allclose(found.t, published[there], rtol=0, atol=1e-5)  # float32


def test_influence_of_statsmodels(matrix: Floats, effects: Floats) -> None:
    """Cook's distance of all coefficients; dfbetas of one, which use the variance s_(i) of the others instead of s."""
    tests = {name: weights for name, weights in TESTS.items() if name in ("patient", "everything")}
    found = subject_diagnostics(effects, matrix, tests)
    cooks, dfbetas, residuals = [], [], []
    for point in range(60):
        peer = sm.OLS(effects[:, point], matrix).fit().get_influence()
        cooks.append(peer.cooks_distance[0])
        s = np.sqrt(peer.results.mse_resid)
        dfbetas.append(peer.dfbetas[:, 1] * np.sqrt(peer.sigma2_not_obsi) / s)
        residuals.append(peer.resid_studentized_internal)
        np.testing.assert_allclose(design_diagnostics(matrix).leverage, peer.hat_matrix_diag, rtol=1e-8)
    np.testing.assert_allclose(found.influence["everything"] ** 2, np.mean(cooks, axis=0), rtol=1e-7)
    np.testing.assert_allclose(found.influence["patient"] ** 2, np.mean(np.square(dfbetas), axis=0), rtol=1e-7)
    np.testing.assert_allclose(found.residual**2, np.mean(np.square(residuals), axis=0), rtol=1e-8)


def test_vif_of_statsmodels(matrix: Floats) -> None:
    """With an intercept, with group means (the sum of two columns is constant), and without a constant."""
    means = np.column_stack([1 - matrix[:, 1], matrix[:, 1:3]])
    for design, checked in ((matrix, range(1, 5)), (means, range(3)), (matrix[:, 1:3], range(2))):
        found = design_diagnostics(design).vif
        for column in checked:
            peer = variance_inflation_factor(design, column, standardize=False)
            assert found[column] == pytest.approx(peer, rel=1e-9)


def test_z_is_finite_where_p_underflows(matrix: Floats, rng: np.random.Generator) -> None:
    """192 subjects and increasing differences between sites: p underflows, z remains ordered."""
    many = np.tile(matrix, (8, 1))
    clear = np.outer(many[:, 3], 10.0 ** np.arange(5)) + rng.normal(size=(192, 1))
    (found,) = fit_glm(clear, many, {"site": TESTS["site"]})
    assert found.f is not None
    p = stats.f.sf(found.f, 2, 187)
    assert (p > 0).tolist() == [True, True, True, False, False]
    np.testing.assert_allclose(found.z[:3], stats.norm.isf(p[:3]), rtol=1e-9)
    assert np.isfinite(found.z).all()
    assert (np.diff(found.z) > 0).all()
