"""Familywise p-values of points and of extents against nilearn, to the last count, by its own permutations."""

from typing import Literal

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.second_level import non_parametric_inference
from scipy import ndimage, stats

from bids_ari.images.volume import Grid
from bids_ari.stats.choices import Scheme
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.familywise import Extent, familywise_errors
from bids_ari.stats.forest import grow_forest
from bids_ari.stats.glm import fit_glm
from bids_ari.stats.null_model import fit_null_model
from bids_ari.stats.resampling import Exchangeability, Permutations, Resampling

N, N_PERM, SEED, Z = 12, 300, 5, 1.7
SHAPE = (12, 11, 10)


def permutations_of_nilearn(shuffle: Scheme) -> Permutations:
    """The permutations that nilearn makes in one job, after the identity: each changes the one before."""
    rng = np.random.RandomState(np.random.RandomState(SEED).randint(1, np.iinfo(np.int32).max - 1))
    order, sign = [np.arange(N)], [np.ones(N)]
    for _ in range(N_PERM):
        if shuffle == "flip":
            sign.append(sign[-1] * (rng.randint(2, size=(N, 1))[:, 0] * 2 - 1))
            order.append(order[-1])
        else:
            order.append(order[-1][rng.permutation(N)])
            sign.append(sign[-1])
    return Permutations(np.array(order), np.array(sign))


@pytest.fixture(scope="module")
def volumes() -> FloatArray:
    rng = np.random.default_rng(12)
    values = np.stack([ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.2) for _ in range(N)])
    values /= values.std()
    values[:, 3:6, 3:6, 3:6] += 1.2
    values[: N // 2, 7:10, 7:9, 5:8] += 1.5
    return values


@pytest.mark.filterwarnings("ignore")  # nilearn's
@pytest.mark.parametrize(
    ("shuffle", "alternative"), [("flip", "greater"), ("flip", "two-sided"), ("permute", "two-sided")]
)
def test_nilearn_has_the_same_counts(
    volumes: FloatArray, shuffle: Literal["flip", "permute"], alternative: Literal["greater", "two-sided"]
) -> None:
    """nilearn counts the identity for points, and not for extents, of which it also clips p at 1 / n_perm."""
    two_sided = alternative == "two-sided"
    group = np.repeat([1.0, 0.0], N // 2)
    design = pd.DataFrame({"mean": np.ones(N)} if shuffle == "flip" else {"group": group, "mean": np.ones(N)})
    name = design.columns[0]
    inside = np.ones(SHAPE, dtype=bool)
    inside[:, :2] = False
    found = non_parametric_inference(
        [nib.Nifti1Image(values, np.eye(4)) for values in volumes],
        design_matrix=design[[name]],  # nilearn adds the mean; given one, it flips signs instead of permuting
        second_level_contrast=name,
        mask=nib.Nifti1Image(inside.astype(np.uint8), np.eye(4)),
        n_perm=N_PERM,
        two_sided_test=two_sided,
        random_state=SEED,
        threshold=stats.norm.sf(Z) * (2 if two_sided else 1),
    )
    their = {key: image.get_fdata()[inside] for key, image in found.items()}

    matrix, weights = design.to_numpy(), np.eye(design.shape[1])[0]
    effects = volumes[:, inside]
    exchangeability = Exchangeability.of(N, shuffle)
    model = fit_null_model(effects, matrix, weights, alternative, exchangeability)
    permutations = permutations_of_nilearn(shuffle)
    resampling = Resampling(N_PERM + 1, 0, exchangeability, complete=permutations)
    (glm,) = fit_glm(effects, matrix, {"x": weights})
    space = Grid(SHAPE, np.eye(4)).space(inside)
    neighbours = space.adjacency(6)
    errors = familywise_errors(
        model, resampling, glm.z, (Z,), Extent(neighbours, np.ones(space.n_points, dtype=np.int64))
    )
    np.testing.assert_allclose(glm.t, their["t"], rtol=1e-6)
    counts = 10 ** -their["logp_max_t"] * (N_PERM + 1)
    np.testing.assert_allclose(errors.counts, counts, rtol=1e-9)
    assert np.unique(errors.counts).size > 1

    height = np.abs(glm.z) if two_sided else glm.z
    split = neighbours.split(glm.z < 0) if two_sided else neighbours
    clusters = grow_forest(height, split, hommel_bound(glm.p(alternative))).at_threshold(Z)
    p = errors.p_of_extents([cluster.size for cluster in clusters], Z)
    assert len(clusters) > 5
    for cluster, own in zip(clusters, p, strict=True):
        np.testing.assert_array_equal(their["size"][cluster.points], cluster.size)
        count = own * (N_PERM + 1) - 1  # without the identity
        expected = np.clip(count / N_PERM, 1 / N_PERM, 1 - 1 / N_PERM)
        np.testing.assert_allclose(10 ** -their["logp_max_size"][cluster.points], expected, rtol=1e-9)
