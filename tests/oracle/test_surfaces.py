"""Surfaces and grayordinates: the numbers of clusters by other programs, on real maps of 30 subjects.

Components by scipy, of which the sizes are those of Connectome Workbench 1.5.0; one h of closed testing
over all points.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bids_ari as ari
from bids_ari.analysis.result import ContrastResult
from bids_ari.config.options import Options

THRESHOLDS = (3.0, 4.0, 5.0)


@pytest.fixture(scope="module")
def expected(shared: Path) -> dict[str, Any]:
    return dict(json.loads((shared / "surfaces.json").read_text()))


@pytest.fixture(scope="module")
def analysed(shared: Path) -> Callable[[str, int], ContrastResult]:
    """Analyse a dataset with a connectivity, with the meshes of a partial home of TemplateFlow."""
    meshes = shared.parent / "templateflow-surfaces"

    def analyse(name: str, connectivity: int) -> ContrastResult:
        (contrast,) = ari.discover(shared.parent / "data" / name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TEMPLATEFLOW_HOME", str(meshes))
            surface = [next(meshes.glob(f"*/*hemi-{side}*{mesh_of(name)}.surf.gii")) for side in "LR"]
            options = Options(threshold=THRESHOLDS, connectivity=connectivity, surface=tuple(map(str, surface)))
            (result,) = ari.analyse(contrast, options)
        return result

    return analyse


def mesh_of(name: str) -> str:
    return {"wager2008-fsLR": "_midthickness", "wager2008-fsaverage": "_pial"}[name]


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
