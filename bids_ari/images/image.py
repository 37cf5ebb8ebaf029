"""An image in memory: its values, its header and the hashes of its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bids_ari.images.headers import Header
from bids_ari.images.space import Frame
from bids_ari.images.volume import Grid
from bids_ari.stats.distributions import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """An image in memory."""

    stored: FloatArray  # an array of the frame, scaled, float64, or float32 where the file has that and is not scaled
    header: Header
    hashes: Mapping[Path, str] = field(default_factory=dict)  # SHA-256 of each file
    afni: Mapping[str, str] = field(default_factory=dict)  # attributes that AFNI stores in the file, by name

    @property
    def values(self) -> FloatArray:
        """The values as float64; of a NIfTI volume in the order of the file: the first axis is contiguous."""
        with np.errstate(all="ignore"):  # damaged values that are not numbers are missing
            return self.stored.astype(np.float64, copy=False)

    @property
    def frame(self) -> Frame:
        """Where the values are."""
        return self.header.frame

    @property
    def grid(self) -> Grid:
        """Shape and affine of a volume; raise a DataError if it is none."""
        return self.header.grid
