"""Results: tables and images say the same, and what the definitions say."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from builders import AFFINE, SHAPE, brain, image, write_map
from scipy import ndimage

from bids_ari.analysis.analyse import analyse
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.single import analyse_map
from bids_ari.bids.discover import discover
from bids_ari.config.options import Options
from bids_ari.errors import UsageError
from bids_ari.stats.choices import Alternative

THRESHOLDS = (0.5, 2.0, 3.5)
STRUCTURES = {connectivity: ndimage.generate_binary_structure(3, k) for connectivity, k in ((6, 1), (18, 2), (26, 3))}

Results = Mapping[Alternative, ContrastResult]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight subjects with a positive blob and a negative one beside it; one voxel that is the same in all."""
    root = tmp_path_factory.mktemp("first-level")
    rng = np.random.default_rng(7)
    for i in range(8):
        data = brain(rng, signal=3)
        data[6:9, 4:7, 5:8] -= 3
        data[1, 1, 1] = 0.25
        write_map(root, f"{i:02d}", data)
    return root


@pytest.fixture(scope="module")
def results(dataset: Path) -> Results:
    options = Options(alternative=("greater", "less", "two-sided"), threshold=THRESHOLDS)
    return {result.alternative: result for result in analyse(discover(dataset)[0], options)}


@pytest.fixture(params=["greater", "less", "two-sided"])
def result(results: Results, request: pytest.FixtureRequest) -> ContrastResult:
    return results[request.param]


def z_map(result: ContrastResult) -> npt.NDArray[np.float64]:
    """z as the result holds it, with the image's float32 rounding undone; 0 where nothing was tested."""
    assert np.allclose(result.image("z").get_fdata()[result.space.inside], result.glm.z, rtol=1e-6)
    return result.space.unmask(result.glm.z)


def turned(z: npt.NDArray[np.float64], alternative: Alternative) -> npt.NDArray[np.float64]:
    return {"greater": z, "less": -z, "two-sided": np.abs(z)}[alternative]


def masks(result: ContrastResult, threshold: float) -> list[npt.NDArray[np.bool_]]:
    """The voxels of each cluster of a threshold, found with scipy on the z map; by sign unless joined."""
    z = z_map(result)
    signs = [turned(z, result.alternative)]
    if result.alternative == "two-sided" and not result.options.join_signs:
        signs = [z, -z]
    found = []
    for sign in signs:
        labels, n = ndimage.label(sign > threshold, STRUCTURES[result.options.connectivity])
        found += [labels == label for label in range(1, n + 1)]
    return found


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_clusters_are_the_components_of_the_z_map(result: ContrastResult, threshold: float) -> None:
    labels = result.image("clusters", threshold).get_fdata()
    ours = {tuple(np.flatnonzero(labels == label)) for label in range(1, int(labels.max()) + 1)}
    assert ours == {tuple(np.flatnonzero(mask)) for mask in masks(result, threshold)}


@pytest.mark.parametrize("connectivity", [6, 26])
def test_joined_signs_make_clusters_of_the_absolute_z(dataset: Path, connectivity: int) -> None:
    options = Options(alternative=("two-sided",), threshold=(1.0,), join_signs=True, connectivity=connectivity)
    (joined,) = analyse(discover(dataset)[0], options)
    sizes = sorted((int(mask.sum()) for mask in masks(joined, 1.0)), reverse=True)
    assert joined.table(1.0)["size"].tolist() == sizes
    largest = joined.labels(1.0) == 1
    assert (joined.glm.z[largest] > 1).any()
    assert (joined.glm.z[largest] < -1).any()


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_the_table_tells_of_the_clusters_in_the_image(result: ContrastResult, threshold: float) -> None:
    table = result.table(threshold)
    labels = np.asarray(result.image("clusters", threshold).dataobj)
    effect = result.image("effect").get_fdata()
    tdp = result.image("tdp", threshold).get_fdata()
    assert table["label"].tolist() == list(range(1, int(labels.max()) + 1))
    assert table["size"].is_monotonic_decreasing
    for row in table.itertuples():
        inside = labels == row.label
        positions = np.flatnonzero(inside[result.space.inside])
        assert row.size == inside.sum()
        assert row.volume_mm3 == pytest.approx(row.size * 31.5)  # 3 * 3 * 3.5 mm
        assert row.tdn == result.bound.tdn(positions)
        assert row.tdp == row.tdn / row.size
        assert row.mean_effect == pytest.approx(effect[inside].mean(), rel=1e-5)  # the image is float32
        assert np.allclose(tdp[inside], row.tdp, rtol=1e-6)  # so is this one
    assert (tdp[labels == 0] == 0).all()


def test_signal_is_found_where_it_is(results: Results) -> None:
    """The blob holds 27 voxels and its centre is at 15 - 3 * 4, -16 + 3 * 5, -20 + 3.5 * 6."""
    largest = results["greater"].table(2.0).iloc[0]
    assert largest["tdn"] > 10
    assert np.linalg.norm(largest[["peak_x", "peak_y", "peak_z"]].to_numpy(float) - [3, -1, 1]) < 6
    assert results["less"].table(2.0).iloc[0]["tdn"] > 10
    assert results["two-sided"].table(2.0)["tdn"].head(2).min() > 5


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_the_peak_is_the_most_extreme_voxel_with_its_own_sign(result: ContrastResult, threshold: float) -> None:
    z = z_map(result)
    labels = np.asarray(result.image("clusters", threshold).dataobj)
    for row in result.table(threshold).itertuples():
        inside = labels == row.label
        height = np.where(inside, turned(z, result.alternative), -np.inf)
        index = np.unravel_index(np.argmax(height), SHAPE)
        assert row.peak_stat == z[index]
        np.testing.assert_allclose([row.peak_x, row.peak_y, row.peak_z], (AFFINE @ [*index, 1])[:3])
        if result.alternative != "two-sided":
            assert (row.peak_stat > 0) == (result.alternative == "greater")


Index = tuple[int, int, int]


def peaks_by_hand(
    height: npt.NDArray[np.float64], inside: npt.NDArray[np.bool_]
) -> list[tuple[Index, npt.NDArray[np.float64]]]:
    """The most extreme voxel, then local maxima over 26 neighbours, each 8 mm or more from all before it."""
    maxima, highest = [], height[inside].max()
    for x, y, z in np.argwhere(inside):
        around = [(x + i, y + j, z + k) for i, j, k in product((-1, 0, 1), repeat=3)]
        if height[x, y, z] == highest or all(height[other] <= height[x, y, z] for other in around):
            maxima.append((int(x), int(y), int(z)))
    chosen: list[tuple[Index, npt.NDArray[np.float64]]] = []
    for index in sorted(maxima, key=lambda index: -height[index]):
        place = (AFFINE @ [*index, 1])[:3]
        if all(np.linalg.norm(place - other) >= 8 for _, other in chosen):
            chosen.append((index, place))
    return chosen[:4]


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Much noise and a threshold of zero: large clusters with many peaks."""
    root = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(5)
    for i in range(6):
        write_map(root, f"{i}", brain(rng, shape=(12, 14, 16)))
    options = Options(alternative=("greater", "less", "two-sided"), threshold=(0,), connectivity=26)
    return {result.alternative: result for result in analyse(discover(root)[0], options)}


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_subpeaks_are_local_maxima_far_from_stronger_ones(noise: Results, alternative: Alternative) -> None:
    """The outermost voxels of the volume are not tested, so each tested one has 26 neighbours."""
    result = noise[alternative]
    z = z_map(result)
    height = np.where(result.space.inside, turned(z, alternative), -np.inf)
    labels = np.asarray(result.image("clusters", 0).dataobj)
    most = 0
    for _, row in result.table(0).iterrows():
        listed = [
            tuple(row[f"{name}_{part}"] for part in ("stat", "x", "y", "z"))
            for name in ("peak", "subpeak1", "subpeak2", "subpeak3")
            if np.isfinite(row[f"{name}_stat"])
        ]
        by_hand = peaks_by_hand(height, labels == row["label"])
        np.testing.assert_allclose(listed, [(z[index], *place) for index, place in by_hand])
        most = max(most, len(listed))
    assert most == 4  # there were peaks to spare


def test_the_tdp_without_a_threshold_is_the_highest_over_all(result: ContrastResult) -> None:
    each = [result.image("tdp", threshold).get_fdata() for threshold in THRESHOLDS]
    highest = result.image("tdp").get_fdata()
    np.testing.assert_array_equal(highest, np.max(each, axis=0))
    assert result.alternative == "less" or highest.max() > 0


def test_neg_log10_p_does_not_underflow(tmp_path: Path) -> None:
    """p of z = 20 is 2.75e-89, below the smallest float32; of z = 40 it is 10^-349.437, below the smallest float64."""
    z = brain(np.random.default_rng(3))
    z[4, 5, 6], z[4, 5, 7] = 20, 40
    nib.save(image(z), tmp_path / "z.nii.gz")
    (result,) = analyse_map(tmp_path / "z.nii.gz")
    p, log_p = (result.image(field).get_fdata() for field in ("p", "neg_log10_p"))
    assert (p[4, 5, 6], p[4, 5, 7]) == (0, 0)
    np.testing.assert_allclose(log_p[4, 5, 6:8], [-np.log10(2.7536241186e-89), 349.43700645934], 1e-7)
    np.testing.assert_allclose(10 ** -log_p[1, 1, 1:5], p[1, 1, 1:5], rtol=1e-6)


def test_statistics_are_nan_where_nothing_was_tested_and_float32(result: ContrastResult) -> None:
    """Outside lie the background, and the voxel that is the same in all subjects."""
    for field in ("effect", "variance", "t", "z", "p", "neg_log10_p"):
        made = result.image(field)
        assert made.get_data_dtype() == np.float32
        np.testing.assert_array_equal(np.isfinite(made.get_fdata()), result.space.inside)
        np.testing.assert_array_equal(made.affine, AFFINE)
    assert result.space.n_points == 8 * 9 * 10 - 1
    assert not result.space.inside[1, 1, 1]
    assert result.n_constant == 1


def test_tdp_and_labels_are_zero_where_there_is_no_cluster(result: ContrastResult) -> None:
    tdp, labels = result.image("tdp", 2.0), result.image("clusters", 2.0)
    assert tdp.get_data_dtype() == np.float32
    assert labels.get_data_dtype() == np.uint8
    assert (tdp.get_fdata()[~result.space.inside] == 0).all()
    assert (labels.get_fdata()[~result.space.inside] == 0).all()


def test_labels_beyond_255_take_a_larger_type(tmp_path: Path, rng: np.random.Generator) -> None:
    for i in range(3):
        write_map(tmp_path, f"{i}", brain(rng, shape=(20, 20, 20)))
    (result,) = analyse(discover(tmp_path)[0], Options(threshold=(1.2,), connectivity=6))
    n_clusters = len(result.clusters[1.2])
    labels = result.image("clusters", 1.2)
    assert n_clusters > 255
    assert labels.get_data_dtype() == np.uint16
    assert labels.get_fdata().max() == n_clusters


def test_p_is_that_of_the_alternative(results: Results) -> None:
    greater, less, both = (results[name].image("p").get_fdata() for name in ("greater", "less", "two-sided"))
    inside = results["greater"].space.inside
    np.testing.assert_allclose(greater[inside] + less[inside], 1, rtol=1e-6)  # float32
    np.testing.assert_allclose(both[inside], 2 * np.minimum(greater, less)[inside], rtol=1e-6)


def test_effect_and_variance_are_the_mean_and_its_squared_standard_error(results: Results, dataset: Path) -> None:
    import nibabel as nib

    maps = np.array([nib.load(path).get_fdata() for path in sorted(dataset.rglob("*.nii.gz"))])
    result = results["greater"]
    inside = result.space.inside
    np.testing.assert_allclose(result.glm.effect, maps.mean(axis=0)[inside])
    np.testing.assert_allclose(result.glm.variance, maps.var(axis=0, ddof=1)[inside] / 8)
    assert result.dof == 7


class TestTable:
    def test_without_a_threshold_it_tells_of_all(self, result: ContrastResult) -> None:
        table = result.table()
        assert set(table["threshold"]) <= set(THRESHOLDS)
        for threshold in THRESHOLDS:
            part = table[table["threshold"] == threshold].drop(columns="threshold").reset_index(drop=True)
            assert part.equals(result.table(threshold))

    def test_columns_have_their_types_even_where_there_is_no_cluster(self, dataset: Path) -> None:
        (result,) = analyse(discover(dataset)[0], Options(threshold=(2.0, 30.0)))
        empty = result.table(30.0)
        assert len(empty) == 0
        assert len(result.table()) == len(result.table(2.0)) > 0
        for table in (empty, result.table(), result.table(2.0)):
            types = table.dtypes.to_dict()
            types.pop("threshold", None)
            assert {name for name, dtype in types.items() if dtype.kind == "i"} == {"label", "size", "tdn"}
            assert {dtype.kind for dtype in types.values()} == {"i", "f"}

    def test_where_there_is_no_cluster_the_maps_are_zero(self, dataset: Path) -> None:
        (result,) = analyse(discover(dataset)[0], Options(threshold=(30.0,)))
        for field in ("tdp", "clusters"):
            assert not result.image(field, 30.0).get_fdata().any()
            assert not result.image(field).get_fdata().any()

    def test_any_threshold_and_any_wanted_tdp_will_do(self, result: ContrastResult) -> None:
        sizes = [cluster.size for cluster in result.forest.at_threshold(2.5)]
        assert list(result.table(2.5)["size"]) == sizes
        assert list(result.table(tdp=0.33)["size"]) == [cluster.size for cluster in result.forest.with_tdp(0.33)]


@pytest.mark.parametrize(
    ("alternative", "method", "desc"),
    [
        ("greater", "simes", "greater"),
        ("less", "hommel", "lessHommel"),
        ("two-sided", "simes", "twoSided"),
        ("two-sided", "hommel", "twoSidedHommel"),
        ("greater", "permutation", "greaterPermutation"),
    ],
)
def test_direction_and_method_stand_in_file_names(
    results: Results, alternative: Alternative, method: str, desc: str
) -> None:
    result = results[alternative]
    assert replace(result, bound=replace(result.bound, method=method)).desc == desc


def test_a_result_speaks_for_itself(results: Results) -> None:
    text = repr(results["less"])
    assert "contrast-faces" in text
    assert "alternative='less'" in text
    assert "n_points=719" in text


@pytest.mark.parametrize("field", ["pHommel", "f", "glm"])
def test_an_unknown_or_absent_map_is_an_error_with_the_maps_that_there_are(results: Results, field: str) -> None:
    with pytest.raises(
        UsageError, match=rf"no map '{field}'.* effect, variance, t, z, dof, p, .*adjusted_p.* clusters"
    ):
        results["greater"].image(field)  # type: ignore[arg-type]
