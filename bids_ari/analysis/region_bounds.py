"""Bounds of a result for regions: the parcels of an atlas, masks, and any image of a region."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import nibabel as nib
import numpy as np
import numpy.typing as npt

from bids_ari.analysis.direction import with_directions
from bids_ari.analysis.values import highest_of
from bids_ari.images.masks import load_mask
from bids_ari.images.regions import RegionSet
from bids_ari.images.space import Space
from bids_ari.stats.distributions import FloatArray

if TYPE_CHECKING:
    import pandas as pd

    from bids_ari.analysis.result import ContrastResult

RegionImage: TypeAlias = str | Path | nib.Nifti1Image | Space
"""A region: its file or image, or points."""


class OfResult:
    """A part of the methods of a result."""

    @property
    def _result(self) -> "ContrastResult":
        """This result, with its type."""
        result: Any = self
        return result  # type: ignore[no-any-return]


class RegionBounds(OfResult):
    """Methods of a result about regions."""

    def points_in(self, region: RegionImage) -> npt.NDArray[np.bool_]:
        """Return which of the tested points are in a region, (n_points,), as for ``result.bound.tdn``.

        Parameters
        ----------
        region : path, image of nibabel, or Space
            Values of 0 outside and 1 inside, on the grid of the maps.

        Raises
        ------
        GridMismatchError
            When it is on another grid.
        DataError
            When it has other values, or is empty.
        """
        space = self._result.space
        if isinstance(region, str):
            region = Path(region)
        return np.asarray(space.select(load_mask(region, space.frame, kind="region").inside), dtype=bool)

    def region_tdp(self, regions: RegionSet) -> FloatArray:
        """Return the TDP of the region that contains each point, (n_points,), the highest where regions overlap."""
        tdp = ((region.points, self._result.bound.tdp(region.points)) for region in regions.regions)
        return highest_of(tdp, self._result.space.n_points)

    def region_table(self, regions: RegionSet) -> "pd.DataFrame":
        """Return the TDN and TDP of each region as a table; see `bids_ari.analysis.tables.region_table`."""
        from bids_ari.analysis.tables import region_table

        result = self._result
        table = region_table(regions, result.bound, result.space, result.glm.z)
        return with_directions(table, result.directions, [region.points for region in regions.regions])
