"""The example of the R package ARIbrain: clusters above z = 3.2, and the largest clusters of a TDP."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel as nib
import numpy as np
from comparing import Row, compared, run

import bids_ari as ari
from bids_ari.cli.map import main as bids_ari_map
from bids_ari.stats.forest import Cluster

Sizes = tuple[tuple[int, int], ...]
"""Size and TDN of clusters, the largest first."""

VOXELS, WHOLE, ADJUSTED = 145_872, 10_857, 3_387
"""Voxels of the mask, true discoveries, and voxels with an adjusted p below .05."""

OUTSIDE = (133_273, 0)
"""Size and TDN of cl0, the voxels of the mask in no cluster."""

CLUSTERS = (
    *((6907, 5179), (4607, 3409), (385, 0), (249, 15), (168, 0), (108, 0), (32, 0), (30, 0), (28, 0)),
    *((23, 0), (18, 0), (13, 0), (11, 0), (9, 0), (7, 0), (2, 0), (1, 0), (1, 0)),
)
"""Size and TDN of cl18 to cl1, above z = 3.2."""

LARGEST = ((7398, 5179), (4870, 3409))
"""Size and TDN of the largest clusters with a TDP of .7."""

CHANGED = ((0.7000541 + 0.01, 7293), (0.710133 + 0.01, 7191))
"""TDP, and size of the first of these clusters, after asking twice for a TDP that is larger by .01."""


def rows(folder: Path) -> Iterator[Row]:
    """Compare a result of ``bids-ari-map`` with the tables of the vignette; the data are in `folder`."""
    with TemporaryDirectory() as out:
        mask = folder / "mask.nii.gz"
        bids_ari_map([str(folder / "zstat.nii.gz"), out, "--mask", str(mask), "--threshold", "3.2", "--quiet"])
        (path,) = Path(out).rglob("*_forest.npz")
        result = ari.load_result(path)
    yield from _of_all(result, _voxels_outside(folder))
    yield from _of_clusters("ARI()", CLUSTERS, _sizes(result.forest.at_threshold(3.2)))
    yield from _of_clusters("TDPQuery(), TDP 0.7", LARGEST, _sizes(result.forest.with_tdp(0.7)))
    for tdp, size in CHANGED:
        first = result.forest.with_tdp(tdp)[0]
        yield compared("TDPChange()", f"voxels of the first cluster, TDP {tdp:.7g}", size, first.size)


def _voxels_outside(folder: Path) -> nib.Nifti1Image:
    """Return an image of the voxels of the mask that are in no cluster of the example."""
    clusters, mask = (nib.load(folder / name) for name in ("cluster_th_3.2.nii.gz", "mask.nii.gz"))
    outside = (np.asanyarray(mask.dataobj) != 0) & (np.asanyarray(clusters.dataobj) == 0)
    return nib.Nifti1Image(outside.astype(np.uint8), mask.affine)


def _of_all(result: ari.ContrastResult, outside: nib.Nifti1Image) -> Iterator[Row]:
    """Compare numbers of all voxels, and of those outside the clusters."""
    yield compared("ARI()", "voxels", VOXELS, result.bound.n_points)
    yield compared("ARI()", "TDN of all voxels", WHOLE, result.bound.whole)
    below = int((result.adjusted_p < 0.05).sum())
    yield compared("ARI()", "voxels with an adjusted p below .05", ADJUSTED, below)
    points = result.points_in(outside)
    yield compared("ARI()", "cl0: voxels", OUTSIDE[0], int(points.sum()))
    yield compared("ARI()", "cl0: TDN", OUTSIDE[1], result.bound.tdn(points))


def _of_clusters(where: str, expected: Sizes, found: Sizes) -> Iterator[Row]:
    """Compare sizes and TDN of clusters, from the largest."""
    yield compared(where, "clusters", len(expected), len(found))
    for number, (published, own) in enumerate(zip(expected, found, strict=False), start=1):
        for name, a, b in zip(("voxels", "TDN"), published, own, strict=True):
            yield compared(where, f"cluster {number}: {name}", a, b)


def _sizes(clusters: Sequence[Cluster]) -> Sizes:
    return tuple((cluster.size, cluster.tdn) for cluster in clusters)


if __name__ == "__main__":
    run(__file__, __doc__, rows)
