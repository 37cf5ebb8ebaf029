"""The public names of the package."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, brain, image
from nilearn.glm import cluster_level_inference
from scipy import ndimage, stats

import bids_ari
from bids_ari.errors import BidsAriError, DataError, EmptyMaskError, GridMismatchError, UsageError


class TestNames:
    def test_all_names_can_be_used_and_are_where_they_are_said_to_be(self) -> None:
        assert set(bids_ari.__all__) == {*bids_ari._HOMES, "__version__"}
        for name in bids_ari._HOMES:
            assert getattr(bids_ari, name).__module__ == bids_ari._HOMES[name]
        assert bids_ari.__all__ == sorted(bids_ari.__all__)
        assert dir(bids_ari) == sorted(bids_ari.__all__)

    def test_type_checkers_see_the_same_names_at_the_same_places(self) -> None:
        source = Path(str(bids_ari.__file__)).read_text()
        (block,) = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
        seen = {alias.name: str(node.module) for node in block.body for alias in node.names}  # type: ignore[attr-defined]
        assert seen == bids_ari._HOMES

    def test_a_star_import_brings_all(self) -> None:
        names: dict[str, Any] = {}
        exec("from bids_ari import *", names)
        assert set(bids_ari.__all__) <= set(names)

    def test_a_name_that_does_not_exist_is_an_attribute_error(self) -> None:
        with pytest.raises(AttributeError, match="nothing"):
            bids_ari.nothing  # noqa: B018

    def test_importing_the_package_loads_nothing_heavy(self) -> None:
        heavy = {"numpy", "nibabel", "scipy", "pandas", "bids", "nilearn", "matplotlib", "numba", "templateflow"}
        code = "import sys, bids_ari; bids_ari.__version__; print(*{name.split('.')[0] for name in sys.modules})"
        root = Path(str(bids_ari.__file__)).parents[1]
        run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
        loaded = set(run.stdout.split())
        assert "bids_ari" in loaded
        assert not loaded & heavy


@pytest.fixture
def z_map(rng: np.random.Generator) -> nib.Nifti1Image:
    """Signal in a blob, noise around it, zero background; no z that is exactly a threshold."""
    smooth = ndimage.gaussian_filter(brain(rng, signal=3), 0.7)
    inside = brain(rng) != 0
    return image(np.where(inside, 2 * smooth, 0), dtype=np.float64)


class TestClusterTdp:
    @pytest.mark.parametrize("threshold", [1.5, 3.1, [1.0, 2.0]])
    @pytest.mark.parametrize("alpha", [0.05, 0.2])
    def test_it_is_that_of_nilearn_at_connectivity_6(
        self, z_map: nib.Nifti1Image, threshold: Any, alpha: float
    ) -> None:
        """nilearn joins faces, tests all voxels that are not 0, and takes the highest of several thresholds."""
        theirs = cluster_level_inference(z_map, threshold=threshold, alpha=alpha).get_fdata()
        ours = bids_ari.cluster_tdp(z_map, threshold=threshold, alpha=alpha, connectivity=6)
        assert theirs.max() > 0.2
        np.testing.assert_allclose(ours.get_fdata(), theirs, rtol=1e-6)  # ours is float32

    def test_of_several_thresholds_each_voxel_gets_the_highest(self) -> None:
        """Above 1: five voxels, of which the three at z = 6 are discoveries, 3 / 5. Above 2: those three, 3 / 3, and
        apart from them one voxel at z = 2.5 that is no discovery by itself (p = .006, 25 - 3 others).
        """
        z = np.full((25, 1, 1), 0.1)
        z[:5, 0, 0] = 6, 6, 6, 1.5, 2.5
        tdp = bids_ari.cluster_tdp(image(z, dtype=np.float64), threshold=(2.0, 1.0)).get_fdata().ravel()
        np.testing.assert_allclose(tdp, [1, 1, 1, 0.6, 0.6, *[0] * 20], rtol=1e-6)  # float32

    def test_within_a_mask_it_is_that_of_nilearn_too(self, z_map: nib.Nifti1Image) -> None:
        inside = np.zeros(SHAPE)
        inside[2:9, 2:9, 2:9] = 1
        mask = image(inside, dtype=np.uint8)
        theirs = cluster_level_inference(z_map, mask_img=mask, threshold=2.5).get_fdata()
        ours = bids_ari.cluster_tdp(z_map, mask, threshold=2.5, connectivity=6).get_fdata()
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        assert not ours[inside == 0].any()

    def test_files_are_as_good_as_images(self, z_map: nib.Nifti1Image, tmp_path: Path) -> None:
        mask = image(z_map.get_fdata() > -1)
        nib.save(z_map, tmp_path / "z.nii.gz")
        nib.save(mask, tmp_path / "mask.nii")
        from_files = bids_ari.cluster_tdp(str(tmp_path / "z.nii.gz"), tmp_path / "mask.nii", threshold=2.5)
        from_images = bids_ari.cluster_tdp(z_map, mask, threshold=2.5)
        np.testing.assert_array_equal(from_files.get_fdata(), from_images.get_fdata())
        np.testing.assert_array_equal(from_files.affine, AFFINE)
        assert from_files.get_data_dtype() == np.float32

    def test_a_cluster_of_everything_holds_m_minus_h_discoveries(self, rng: np.random.Generator) -> None:
        """All z are above 0: one cluster of the m = 125 voxels."""
        z = np.abs(rng.normal(2, 1, size=(5, 5, 5)))
        h = bids_ari.hommel_bound(stats.norm.sf(z.ravel())).h
        tdp = bids_ari.cluster_tdp(image(z, dtype=np.float64), threshold=0).get_fdata()
        assert 0 < h < 125
        np.testing.assert_allclose(tdp, (125 - h) / 125, rtol=1e-6)  # float32

    def test_the_other_direction_is_that_of_the_turned_map(self, z_map: nib.Nifti1Image) -> None:
        turned = image(-z_map.get_fdata(), dtype=np.float64)
        less = bids_ari.cluster_tdp(turned, alternative="less").get_fdata()
        np.testing.assert_array_equal(less, bids_ari.cluster_tdp(z_map).get_fdata())
        assert not bids_ari.cluster_tdp(turned).get_fdata().any()

    def test_two_sided_finds_both_signs_and_never_more_than_one_sided(self, z_map: nib.Nifti1Image) -> None:
        data = z_map.get_fdata().copy()
        data[1:3] *= -1
        both = bids_ari.cluster_tdp(image(data, dtype=np.float64), alternative="two-sided").get_fdata()
        one = bids_ari.cluster_tdp(image(data, dtype=np.float64)).get_fdata()
        assert (both[data > 3] <= one[data > 3]).all()
        assert both.max() > 0

    def test_hommel_local_tests_never_find_more(self, z_map: nib.Nifti1Image) -> None:
        simes = bids_ari.cluster_tdp(z_map).get_fdata()
        hommel = bids_ari.cluster_tdp(z_map, method="hommel").get_fdata()
        assert (hommel <= simes).all()
        assert 0 < hommel.sum() < simes.sum()

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            ({"threshold": -1}, "threshold"),
            ({"threshold": []}, "threshold"),
            ({"threshold": "high"}, "threshold"),
            ({"alpha": 0}, "alpha"),
            ({"alpha": "x"}, "alpha"),
            ({"alternative": "up"}, "alternative"),
            ({"connectivity": 8}, "connectivity"),
            ({"method": "fisher"}, "method"),
        ],
        ids=str,
    )
    def test_an_argument_that_cannot_be_used_is_named(
        self, z_map: nib.Nifti1Image, arguments: dict[str, Any], named: str
    ) -> None:
        with pytest.raises(UsageError, match=f"^{named}") as caught:
            bids_ari.cluster_tdp(z_map, **arguments)
        assert isinstance(caught.value, ValueError)

    @pytest.mark.parametrize(
        ("z", "mask", "error"),
        [
            (np.zeros(SHAPE), None, EmptyMaskError),
            (np.full(SHAPE, np.nan), None, EmptyMaskError),
            (np.full(SHAPE, np.nan), np.ones(SHAPE), EmptyMaskError),
            (np.ones(SHAPE), np.zeros(SHAPE), EmptyMaskError),
            (np.ones(SHAPE), np.ones((3, 3, 3)), GridMismatchError),
            (np.ones((*SHAPE, 2)), None, DataError),
        ],
        ids=["zero", "nan", "nan in the mask", "empty mask", "other grid", "4-D"],
    )
    def test_an_image_that_cannot_be_used_is_refused(
        self, z: np.ndarray, mask: np.ndarray | None, error: type[BidsAriError]
    ) -> None:
        with pytest.raises(error):
            bids_ari.cluster_tdp(image(z), None if mask is None else image(mask))

    def test_an_infinite_z_is_the_surest_discovery(self, z_map: nib.Nifti1Image) -> None:
        """Its p is 0: a cluster of its own above any other z, of one voxel, has TDP 1."""
        data = z_map.get_fdata().copy()
        data[5, 5, 5] = np.inf
        everything = image(np.ones(SHAPE))
        for mask in (everything, None):
            tdp = bids_ari.cluster_tdp(image(data, dtype=np.float64), mask, threshold=1e6).get_fdata()
            assert tdp[5, 5, 5] == tdp.sum() == 1

    def test_a_wanted_tdp_forms_the_largest_clusters(self, z_map: nib.Nifti1Image) -> None:
        """Each cluster reaches it, and none of a single threshold that reaches it is larger."""
        formed = bids_ari.cluster_tdp(z_map, tdp=0.6).get_fdata()
        assert formed.max() > 0
        assert (formed[formed > 0] >= np.float32(0.6)).all()
        for threshold in np.linspace(1, 6, 26):
            single = bids_ari.cluster_tdp(z_map, threshold=threshold).get_fdata()
            assert (formed[single >= 0.6] > 0).all()

    def test_a_threshold_and_a_wanted_tdp_exclude_each_other(self, z_map: nib.Nifti1Image) -> None:
        with pytest.raises(bids_ari.BidsAriError, match="one of them"):
            bids_ari.cluster_tdp(z_map, threshold=3, tdp=0.5)


def test_discover_and_analyse_make_a_result_in_two_lines(group_dir: Path) -> None:
    contrasts = bids_ari.discover(group_dir, task="emo")
    (result,) = bids_ari.analyse(contrasts[0], bids_ari.Options(alpha=0.1, connectivity=6))
    assert isinstance(result, bids_ari.ContrastResult)
    assert isinstance(result.forest, bids_ari.ClusterForest)
    assert result.forest.with_tdp(0.7)
    assert result.image("z").shape == SHAPE
