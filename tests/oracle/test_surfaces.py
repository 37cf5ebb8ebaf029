"""Surfaces and grayordinates: the numbers of clusters by other programs, on real maps of 30 subjects.

Components by scipy, of which the sizes are those of Connectome Workbench 1.5.0; one h of closed testing
over all points. Where Workbench is installed, clusters are compared point by point.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse, stats

import bids_ari as ari
from bids_ari.analysis.familywise import extent_of
from bids_ari.analysis.result import ContrastResult
from bids_ari.config.options import Options
from bids_ari.images.gifti import STRUCTURES
from bids_ari.stats.distributions import FloatArray, z_from_t
from bids_ari.stats.familywise import familywise_errors
from bids_ari.stats.null_model import fit_null_model
from bids_ari.stats.resampling import Exchangeability, make_resampling

THRESHOLDS = (3.0, 4.0, 5.0)


@pytest.fixture(scope="module")
def expected(shared: Path) -> dict[str, Any]:
    return dict(json.loads((shared / "surfaces.json").read_text()))


@pytest.fixture(scope="module")
def analysed(shared: Path) -> Callable[[str, int], ContrastResult]:
    """Analyse a dataset with a connectivity, with the meshes of a partial home of TemplateFlow."""

    @cache
    def analyse(name: str, connectivity: int) -> ContrastResult:
        (contrast,) = ari.discover(shared.parent / "data" / name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TEMPLATEFLOW_HOME", str(shared.parent / "templateflow-surfaces"))
            surface = tuple(str(mesh_of(name, side, shared)) for side in "LR")
            options = Options(threshold=THRESHOLDS, connectivity=connectivity, surface=surface)
            (result,) = ari.analyse(contrast, options)
        return result

    return analyse


def mesh_of(name: str, side: str, shared: Path) -> Path:
    suffix = {"wager2008-fsLR": "midthickness", "wager2008-fsaverage": "pial"}[name]
    return next((shared.parent / "templateflow-surfaces").glob(f"*/*hemi-{side}*_{suffix}.surf.gii"))


@pytest.mark.parametrize(
    ("name", "key", "connectivity"),
    [
        *(("wager2008-fsLR", f"fsLR_91k connectivity {n}, structures joined", n) for n in (6, 18, 26)),
        ("wager2008-fsaverage", "fsaverage_10k, both hemispheres", 18),
    ],
)
def test_clusters_are_those_of_other_programs(
    analysed: Callable[[str, int], ContrastResult],
    expected: dict[str, Any],
    name: str,
    key: str,
    connectivity: int,
) -> None:
    result, known = analysed(name, connectivity), expected[key]
    assert (len(result.contrast.members), result.space.n_points) == (known["n"], known["m"])
    assert result.bound.whole == known["tdn_whole"]
    assert float(result.glm.z.max()) == pytest.approx(known["z_max"], rel=1e-6)  # the others summed float32
    for threshold in THRESHOLDS:
        clusters = [
            (cluster.size, cluster.tdn, row["peak_structure"], round(row["peak_stat"], 5))
            for cluster, (_, row) in zip(result.clusters[threshold], result.table(threshold).iterrows(), strict=True)
        ]
        others = known["clusters"][f"{threshold:g}"]
        assert sorted(clusters) == sorted(
            (each["size"], each["tdn"], each["structure"], each["peak_z"]) for each in others
        )


def test_one_bound_is_below_the_sum_of_those_of_each_structure(
    analysed: Callable[[str, int], ContrastResult], expected: dict[str, Any]
) -> None:
    """Structures alone, each at full alpha, claim 3,754 active points; together there are at least 2,951."""
    result = analysed("wager2008-fsLR", 18)
    alone = expected["fsLR_91k connectivity 18, structures joined"]["per_hemisphere_alone"]
    assert result.bound.whole < sum(alone.values())
    structures = result.space.places(np.arange(result.space.n_points))["structure"]
    of_right = np.flatnonzero(structures == "CORTEX_RIGHT").astype(np.int32)
    assert result.bound.tdn(of_right) <= alone["CORTEX_RIGHT"]


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., nib.Cifti2Image | nib.GiftiImage]:
    """Run a command of Workbench, in which OUT is its output; return this image."""
    if shutil.which("wb_command") is None:
        pytest.skip("Connectome Workbench is not installed")
    folder = tmp_path_factory.mktemp("workbench")

    def run(*arguments: object, image: Any = None, out: str) -> Any:
        if image is not None:
            nib.save(image, folder / f"in{out}")
        paths = {"IN": folder / f"in{out}", "OUT": folder / f"out{out}"}
        command = ["wb_command", *(str(paths.get(str(each), each)) for each in arguments)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        return nib.load(paths["OUT"])

    return run


def sets_of(labels: npt.NDArray[np.floating[Any]]) -> set[frozenset[int]]:
    """Return the positions of each label but 0."""
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels[labels > 0])}


def clusters_of(result: ContrastResult, threshold: float) -> set[frozenset[int]]:
    """Return the clusters as positions in the file."""
    at = np.flatnonzero(result.space.inside)
    return {frozenset(at[cluster.points].tolist()) for cluster in result.formed(threshold)}


@pytest.fixture
def found_in_grayordinates(
    analysed: Callable[[str, int], ContrastResult], workbench: Callable[..., Any], shared: Path
) -> Callable[..., set[frozenset[int]]]:
    """Find clusters in grayordinates by Workbench, whose minimum area and volume are 0: no cluster is left out."""
    result = analysed("wager2008-fsLR", 6)
    z = result.space.image(result.glm.z)
    left, right = (mesh_of("wager2008-fsLR", side, shared) for side in "LR")

    def find(threshold: float, *options: str) -> set[frozenset[int]]:
        limits = (threshold, 0, threshold, 0, "COLUMN")
        meshes = ("-left-surface", left, "-right-surface", right)
        command = ("-cifti-find-clusters", "IN", *limits, "OUT", *meshes, *options)
        return sets_of(workbench(*command, image=z, out=".dscalar.nii").get_fdata()[0])

    return find


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_clusters_of_grayordinates_are_those_of_workbench(
    analysed: Callable[[str, int], ContrastResult],
    found_in_grayordinates: Callable[..., set[frozenset[int]]],
    threshold: float,
) -> None:
    """In Workbench voxels touch by their faces, across borders of structures only with -merged-volume."""
    clusters = clusters_of(analysed("wager2008-fsLR", 6), threshold)
    assert clusters == found_in_grayordinates(threshold, "-merged-volume")


def test_workbench_cuts_clusters_at_borders_of_structures(
    analysed: Callable[[str, int], ContrastResult], found_in_grayordinates: Callable[..., set[frozenset[int]]]
) -> None:
    """Without -merged-volume clusters in one structure are the same, and others are cut; at z > 2 there are some."""
    result = analysed("wager2008-fsLR", 6)
    names, clusters = result.space.frame.axis.name, clusters_of(result, 2.0)
    apart = found_in_grayordinates(2.0)
    crossing = {cluster for cluster in clusters if len({names[point] for point in cluster}) > 1}
    assert crossing
    assert clusters - crossing == {part for part in apart if part in clusters}
    assert frozenset.union(*crossing) == frozenset.union(*(apart - clusters))
    assert all(len({names[point] for point in part}) == 1 for part in apart)


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("side", ["L", "R"])
def test_clusters_of_a_hemisphere_are_those_of_workbench(
    analysed: Callable[[str, int], ContrastResult],
    workbench: Callable[..., Any],
    shared: Path,
    side: str,
    threshold: float,
) -> None:
    result = analysed("wager2008-fsaverage", 18)
    z = next(file.image for file in result.space.files(result.glm.z) if file.entities["hemi"] == side)
    mesh = mesh_of("wager2008-fsaverage", side, shared)
    found = workbench("-metric-find-clusters", mesh, "IN", threshold, 0, "OUT", image=z, out=".func.gii")
    (where,) = (where for name, where in result.space.frame.structures.items() if name == STRUCTURES[side])
    own = {cluster for cluster in clusters_of(result, threshold) if cluster <= set(where.tolist())}
    assert own == {frozenset(where[list(each)].tolist()) for each in sets_of(found.darrays[0].data)}


def test_largest_areas_of_sign_flips_are_those_of_workbench(
    analysed: Callable[[str, int], ContrastResult], workbench: Callable[..., Any], shared: Path
) -> None:
    """Noise of eight subjects on both hemispheres: clusters of either sign, and areas of vertices, by Workbench."""
    space, rng = analysed("wager2008-fsaverage", 18).space, np.random.default_rng(8)
    neighbours = space.adjacency(18)
    near = sparse.csr_matrix(
        (np.ones(neighbours.neighbours.size), neighbours.neighbours, neighbours.starts), shape=(space.n_points,) * 2
    )
    effects = rng.normal(size=(8, space.n_points))
    for _ in range(4):
        effects = effects + effects @ near
    exchangeability = Exchangeability.of(8, "flip")
    model = fit_null_model(effects, np.ones((8, 1)), np.ones(1), "two-sided", exchangeability)
    resampling = make_resampling(model.subspaces, exchangeability, 64, seed=2)

    def z_of(sign: FloatArray) -> FloatArray:
        t = stats.ttest_1samp(effects * sign[:, None], 0).statistic
        return z_from_t(t, 7.0)

    errors = familywise_errors(model, resampling, z_of(np.ones(8)), (2.5,), extent_of(space, neighbours))
    areas = {
        side: workbench("-surface-vertex-areas", mesh_of("wager2008-fsaverage", side, shared), "OUT", out=".func.gii")
        for side in "LR"
    }
    for draw in (0, 1, 5):
        z, largest = z_of(resampling.batch(0).sign[draw]), 0.0
        for signed in (z, -z):
            for file in space.files(signed):
                side = file.entities["hemi"]
                mesh = mesh_of("wager2008-fsaverage", side, shared)
                limits = (2.5, 0)
                found = workbench(
                    "-metric-find-clusters", mesh, "IN", *limits, "OUT", image=file.image, out=".func.gii"
                )
                labels = found.darrays[0].data.astype(int)
                sizes = np.bincount(labels, areas[side].darrays[0].data)[1:]
                largest = max(largest, sizes.max(initial=0))
        assert largest > 0
        assert errors.extents[draw, 0] == pytest.approx(largest, rel=1e-5)  # Workbench has float32
