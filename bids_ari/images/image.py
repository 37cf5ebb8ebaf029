"""An image in memory: its values, its header and the hashes of its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bids_ari.images.headers import Header
from bids_ari.images.space import Frame
from bids_ari.images.volume import Grid
from bids_ari.stats.distributions import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """An image in memory."""

    values: FloatArray  # an array of the frame, scaled; of a NIfTI volume in its order: the first axis is contiguous
    header: Header
    hashes: Mapping[Path, str] = field(default_factory=dict)  # SHA-256 of each file
    afni: Mapping[str, str] = field(default_factory=dict)  # attributes that AFNI stores in the file, by name

    @property
    def frame(self) -> Frame:
        """Where the values are."""
        return self.header.frame

    @property
    def grid(self) -> Grid:
        """Shape and affine of a volume; raise a DataError if it is none."""
        return self.header.grid
