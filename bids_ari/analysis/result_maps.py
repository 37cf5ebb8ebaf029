"""Maps and clusters of a result: as values of the points, as images, and as tables."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args, overload

import numpy as np
import numpy.typing as npt

from bids_ari.analysis.direction import with_directions
from bids_ari.analysis.familywise import with_familywise
from bids_ari.analysis.region_bounds import OfResult, RegionImage
from bids_ari.analysis.values import Field, MapValues, highest_of
from bids_ari.config.methods import METHODS
from bids_ari.errors import UsageError, listing
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import Cluster

if TYPE_CHECKING:
    import pandas as pd


class ResultMaps(OfResult):
    """Methods of a result about its maps and clusters."""

    def formed(self, threshold: float | None = None, tdp: float | None = None) -> Sequence[Cluster]:
        """Return the clusters above a threshold, or the largest with a target TDP; by default, of all thresholds."""
        result = self._result
        if threshold is not None:
            return result.clusters.get(threshold) or result.forest.at_threshold(threshold)
        if tdp is not None:
            return result.largest.get(tdp) or result.forest.with_tdp(tdp)
        return [cluster for clusters in result.clusters.values() for cluster in clusters]

    @overload
    def tdp(self, threshold: float | None = None, tdp: float | None = None) -> FloatArray: ...
    @overload
    def tdp(self, threshold: RegionImage) -> float: ...

    def tdp(self, threshold: float | RegionImage | None = None, tdp: float | None = None) -> FloatArray | float:
        """Return the TDP of a region; or of the cluster that contains each point, (n_points,), 0 outside all clusters.

        Parameters
        ----------
        threshold, tdp : float, optional
            Any threshold, or any target TDP; by default, the highest TDP over the thresholds of the options.
            Instead of a threshold, a region: the path of a mask, or an image of nibabel; see `points_in`.
        """
        result = self._result
        if threshold is not None and not isinstance(threshold, int | float | np.number):
            return float(result.bound.tdp(result.points_in(threshold)))
        clusters = ((cluster.points, cluster.tdp) for cluster in self.formed(threshold, tdp))
        return highest_of(clusters, result.space.n_points)

    def labels(self, threshold: float | None = None, tdp: float | None = None) -> npt.NDArray[np.int32]:
        """Return the label of the cluster that contains each point, (n_points,); 0 outside."""
        if threshold is None and tdp is None:
            threshold = self._result.options.threshold[0]
        values = np.zeros(self._result.space.n_points, dtype=np.int32)
        for cluster in self.formed(threshold, tdp):
            values[cluster.points] = cluster.label
        return values

    def has(self, field: Field) -> bool:
        """Return whether the result has a map; dof is a map only where it varies.

        Results of maps computed elsewhere lack some, and not every method adjusts p.
        """
        result = self._result
        if field == "dof":
            return bool((result.glm.dof != result.glm.dof[0]).any())
        if field in ("tau2", "p_fwe"):
            return getattr(result, field) is not None
        if field == "adjusted_p":
            return METHODS[result.method].adjusted_p is not None and result.joint is None
        return field not in ("effect", "variance", "t", "f") or getattr(result.glm, field) is not None

    def values(self, field: Field, threshold: float | None = None, tdp: float | None = None) -> MapValues:
        """Return one map as values of the points; parameters and errors are those of `image`."""
        if field == "tdp":
            return MapValues(self.tdp(threshold, tdp).astype(np.float32), 0)
        if field == "highest_tdp":
            return MapValues(self._result.forest.highest_tdp().astype(np.float32), 0)
        if field == "clusters":
            labels = self.labels(threshold, tdp)
            names = {label: f"cluster {label}" for label in range(1, int(labels.max(initial=0)) + 1)}
            return MapValues(labels.astype(np.min_scalar_type(int(labels.max(initial=0)))), 0, names)
        is_own = field in ("tau2", "p", "neg_log10_p", "adjusted_p", "p_fwe")
        values = getattr(self._result if is_own else self._result.glm, field, None)
        if values is None or field not in get_args(Field):
            there = [name for name in get_args(Field) if name == "dof" or self.has(name)]
            raise UsageError(f"This result has no map '{field}'", f"one of {listing(there, 20)}")
        with np.errstate(over="ignore"):  # too large numbers are infinite in the file
            return MapValues(values.astype(np.float32), np.nan)

    def image(self, field: Field, threshold: float | None = None, tdp: float | None = None) -> Any:
        """Return one map as an image: of NIfTI or CIFTI, or of nilearn for GIFTI files.

        Parameters
        ----------
        field : str
            'effect', 'variance', 't', 'f', 'z', 'dof', 'tau2', 'p', 'neg_log10_p', 'adjusted_p', 'p_fwe', 'tdp',
            'highest_tdp' or 'clusters'. Statistics are float32, in which a p below 1e-45 is 0 (not ``neg_log10_p``);
            NaN where no test was made, TDP and cluster labels 0. ``highest_tdp`` is the highest TDP of all
            supra-threshold clusters that contain a point, at any threshold.
        threshold, tdp : float, optional
            For ``tdp`` and ``clusters``: any threshold, or any target TDP. By default, TDP is the highest over the
            thresholds of the options, and clusters are those above the first.

        Raises
        ------
        UsageError
            When the result has no such map.
        """
        found = self.values(field, threshold, tdp)
        return self._result.space.image(found.values, found.fill)

    def table(self, threshold: float | None = None, tdp: float | None = None) -> "pd.DataFrame":
        """Return clusters as a table, one row each; see `bids_ari.analysis.tables.cluster_table`.

        Parameters
        ----------
        threshold, tdp : float, optional
            Any threshold, or any target TDP. By default, the clusters of all thresholds of the options, with a first
            column for the threshold.
        """
        import pandas as pd  # takes longer than the inference on one map

        from bids_ari.analysis.tables import cluster_table

        result = self._result
        if threshold is None and tdp is None:
            tables = {each: self.table(each) for each in result.clusters}
            return pd.concat(tables, names=["threshold"]).reset_index(level="threshold")
        if (threshold, tdp) not in self._tables:
            clusters, within = self.formed(threshold, tdp), result.contrast.within
            about = (result.space, result.glm, result.extremeness, self._is_peak, result.names)
            table = cluster_table(clusters, *about, within.labels if within else ())
            table = with_directions(table, result.directions, [cluster.points for cluster in clusters])
            self._tables[threshold, tdp] = with_familywise(table, result.familywise, clusters, threshold, result.space)
        return self._tables[threshold, tdp].copy()

    @cached_property
    def _tables(self) -> dict[tuple[float | None, float | None], "pd.DataFrame"]:
        """Tables that were computed, by threshold and target TDP."""
        return {}

    @cached_property
    def _is_peak(self) -> npt.NDArray[np.bool_]:
        """Whether each point is a local maximum, (n_points,)."""
        return self._result.space.local_maxima(self._result.extremeness)
