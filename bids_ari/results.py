"""Results: everything that is known about one test, in one direction, of one contrast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import ndimage

from bids_ari.bids.discover import ContrastSet, LeftOut
from bids_ari.bids.entities import decimal_label
from bids_ari.design import Design
from bids_ari.errors import BidsAriError
from bids_ari.images import Mask
from bids_ari.settings import Options
from bids_ari.stats.bounds import Bound
from bids_ari.stats.forest import Cluster, ClusterForest
from bids_ari.stats.glm import GlmResult
from bids_ari.stats.tails import Alternative, FloatArray

Field = Literal["effect", "variance", "t", "z", "p", "tdp", "clusters"]

SUBPEAKS = 3
"""At most so many further peaks are told of each cluster."""

SUBPEAK_DISTANCE = 8.0
"""Peaks of one cluster are at least this far apart, in mm."""

_IN_NAMES = {"greater": "greater", "less": "less", "two-sided": "twoSided"}
_LOCAL_TEST_IN_NAMES = {"simes": "", "hommel": "Hommel"}


@dataclass(frozen=True, slots=True, repr=False)
class ContrastResult:
    """One test of one contrast in one direction.

    Attributes
    ----------
    contrast : ContrastSet
        The maps that were used, and what was left out.
    options : Options
        What was asked.
    alternative : {'greater', 'less', 'two-sided'}
        The direction.
    design : Design
        The design that was fitted.
    mask : Mask
        The voxels tested, m.
    coverage : array (x, y, z)
        Fraction of subjects with data at each voxel.
    n_constant : int
        Voxels of the mask that were not tested because their values do not vary.
    glm : GlmResult
        Effect, variance, t and z of each tested voxel.
    bound : Bound
        TDN and TDP of any set of voxels.
    forest : ClusterForest
        All supra-threshold clusters.
    clusters : mapping of float to tuple of Cluster
        The clusters above each threshold asked for.
    notes : tuple of str
        What the reader should know: choices made, warnings.
    """

    contrast: ContrastSet
    options: Options
    alternative: Alternative
    design: Design
    mask: Mask
    coverage: FloatArray
    n_constant: int
    glm: GlmResult
    bound: Bound
    forest: ClusterForest
    clusters: Mapping[float, tuple[Cluster, ...]]
    notes: tuple[str, ...] = ()

    @property
    def test(self) -> str:
        """The name of the test."""
        return self.glm.test

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Files and subjects that take no part, with reasons."""
        return self.contrast.left_out

    @property
    def desc(self) -> str:
        """Direction and method, as they stand in file names: ``greater``, ``twoSidedHommel``, ..."""
        return _IN_NAMES[self.alternative] + _LOCAL_TEST_IN_NAMES[self.options.method]

    @property
    def dof(self) -> float:
        """Residual degrees of freedom where every subject has data."""
        return float(self.glm.dof.max())

    @property
    def extremeness(self) -> FloatArray:
        """z turned so that large is extreme in the direction of the test, (n_voxels,)."""
        return extremeness(self.glm.z, self.alternative)

    def tdp(self, threshold: float | None = None) -> FloatArray:
        """Give the TDP of the cluster that holds each voxel, (n_voxels,); 0 outside all clusters.

        Parameters
        ----------
        threshold : float, optional
            One of the thresholds asked for; without it the highest TDP over all of them.
        """
        values = np.zeros(self.mask.n_voxels)
        for cluster in self._clusters(threshold):
            values[cluster.voxels] = np.maximum(values[cluster.voxels], cluster.tdp)
        return values

    def labels(self, threshold: float) -> np.ndarray:
        """Give the label of the cluster that holds each voxel, (n_voxels,) int32; 0 outside."""
        values = np.zeros(self.mask.n_voxels, dtype=np.int32)
        for cluster in self.clusters[threshold]:
            values[cluster.voxels] = cluster.label
        return values

    def image(self, field: Field, threshold: float | None = None) -> nib.Nifti1Image:
        """Give one map as an image.

        Parameters
        ----------
        field : {'effect', 'variance', 't', 'z', 'p', 'tdp', 'clusters'}
            Statistics are NaN where no test was made, TDP and cluster labels 0.
        threshold : float, optional
            For ``tdp`` (the highest over thresholds without it) and ``clusters``.
        """
        if field == "tdp":
            return self._image(self.tdp(threshold).astype(np.float32), 0)
        if field == "clusters":
            labels = self.labels(self.options.thresholds[0] if threshold is None else threshold)
            return self._image(labels.astype(np.min_scalar_type(int(labels.max(initial=0)))), 0)
        values = self.glm.p(self.alternative) if field == "p" else getattr(self.glm, field)
        return self._image(values.astype(np.float32), np.nan)

    def table(self, threshold: float | None = None) -> pd.DataFrame:
        """Give the clusters as a table, one row each; of all thresholds without a threshold.

        Columns: label, size (voxels), volume_mm3, tdn, tdp, mean_effect, the statistic z and the coordinates in
        mm of the peak (peak_stat, peak_x, peak_y, peak_z) and of up to three further peaks (subpeak1_stat, ...)
        that are local maxima at least 8 mm from any stronger one.
        """
        if threshold is not None:
            return cluster_table(self, self.clusters[threshold])
        tables = {each: cluster_table(self, clusters) for each, clusters in self.clusters.items()}
        return pd.concat(tables, names=["threshold"]).reset_index(level="threshold")

    def _clusters(self, threshold: float | None) -> Sequence[Cluster]:
        if threshold is not None:
            return self.clusters[threshold]
        return [cluster for clusters in self.clusters.values() for cluster in clusters]

    def _image(self, values: np.ndarray, fill: float) -> nib.Nifti1Image:
        return self.mask.grid.image(self.mask.volume(values, fill))

    def __repr__(self) -> str:
        return (
            f"ContrastResult({self.contrast.name!r}, test={self.test!r}, alternative={self.alternative!r}, "
            f"n_voxels={self.mask.n_voxels}, tdn={self.bound.whole})"
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """A contrast that could not be analysed, and why."""

    contrast: ContrastSet
    error: BidsAriError


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run came to: the results, and the contrasts that failed."""

    results: tuple[ContrastResult, ...]
    failures: tuple[Failure, ...]


def extremeness(z: FloatArray, alternative: Alternative) -> FloatArray:
    """Turn z so that large is extreme in the direction of a test."""
    return {"greater": z, "less": -z, "two-sided": np.abs(z)}[alternative]


def threshold_label(threshold: float) -> str:
    """Write a threshold as it stands in file names: ``Z3p1``."""
    return f"Z{decimal_label(threshold)}"


def cluster_table(result: ContrastResult, clusters: Sequence[Cluster]) -> pd.DataFrame:
    """Describe clusters of a result, one row each."""
    peaks = _local_maxima(result)
    indices = result.mask.indices
    rows = []
    for cluster in clusters:
        row: dict[str, float | int] = {
            "label": cluster.label,
            "size": cluster.size,
            "volume_mm3": cluster.size * result.mask.grid.voxel_volume,
            "tdn": cluster.tdn,
            "tdp": cluster.tdp,
            "mean_effect": float(result.glm.effect[cluster.voxels].mean()),
        }
        chosen = _spread_peaks(result, cluster, peaks, indices)
        for name, position in zip(_PEAK_NAMES, chosen, strict=False):
            x, y, z = result.mask.grid.millimetres(indices[position][None])[0]
            row |= {
                f"{name}_stat": float(result.glm.z[position]),
                f"{name}_x": x,
                f"{name}_y": y,
                f"{name}_z": z,
            }
        rows.append(row)
    columns = [f"{name}_{part}" for name in _PEAK_NAMES for part in ("stat", "x", "y", "z")]
    fixed = ["label", "size", "volume_mm3", "tdn", "tdp", "mean_effect"]
    whole = ("label", "size", "tdn")
    types = {column: int if column in whole else float for column in fixed + columns}
    return pd.DataFrame(rows, columns=list(types)).astype(types)


_PEAK_NAMES = ("peak", *(f"subpeak{i + 1}" for i in range(SUBPEAKS)))


def _local_maxima(result: ContrastResult) -> np.ndarray:
    """Say which voxels are as extreme as all 26 neighbours, (n_voxels,) bool."""
    height = result.extremeness
    volume = result.mask.volume(height, -np.inf)
    highest = ndimage.maximum_filter(volume, size=3, mode="constant", cval=-np.inf)
    return np.asarray(height >= highest[result.mask.inside])


def _spread_peaks(result: ContrastResult, cluster: Cluster, maxima: np.ndarray, indices: np.ndarray) -> list[int]:
    """Choose the peak of a cluster and up to three local maxima, each far enough from those before it."""
    candidates = cluster.voxels[maxima[cluster.voxels]]
    candidates = candidates[np.argsort(-result.extremeness[candidates], kind="stable")]
    chosen = [cluster.peak]
    places = result.mask.grid.millimetres(indices[[cluster.peak]])
    for candidate in candidates:
        here = result.mask.grid.millimetres(indices[[candidate]])
        if np.linalg.norm(places - here, axis=1).min() >= SUBPEAK_DISTANCE:
            chosen.append(int(candidate))
            places = np.vstack([places, here])
            if len(chosen) > SUBPEAKS:
                break
    return chosen
