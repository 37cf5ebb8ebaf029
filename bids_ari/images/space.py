"""Frames and spaces: where an image has values, and which of these points are tested.

A *frame* is all positions at which an image has values: the voxels of a grid, or the vertices of meshes and voxels of a
CIFTI file. A *space* is the points of a frame that are tested; all other rooms address points by their number
0..n_points-1, and do not depend on the kind of point.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from bids_ari.images.computed import Computed
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import Adjacency

BoolArray = npt.NDArray[np.bool_]
Points = npt.NDArray[np.integer[Any]]
Profile = tuple[npt.NDArray[np.intp], ...]

CONNECTIVITIES = {6: 1, 18: 2, 26: 3}
"""Neighbours share a face (6), also an edge (18), or also a corner (26): the number of axes along which they differ."""


class File(NamedTuple):
    """An image as it is written: further entities of its name, its extension, and the image of nibabel."""

    entities: dict[str, str]
    extension: str
    image: Any


class Frame(ABC):
    """All positions at which an image has values."""

    unit: ClassVar[str]  # the name of a position, such as voxel
    units: ClassVar[str]  # its plural
    kind: ClassVar[str]  # what differs where two frames do not match, for messages: grid, or vertices
    parts: ClassVar[str]  # what the profile counts, for messages: slices, or structures
    has_background: ClassVar[bool]  # whether most positions of an unmasked image are outside the brain
    shape: Any  # of the values of an image, a tuple of int

    @abstractmethod
    def matches(self, other: "Frame") -> bool:
        """Return whether two frames have the same positions."""

    def difference(self, other: "Frame") -> str:
        """Return how the positions differ from those of another frame, where its text does not say so; or nothing."""
        return ""

    @abstractmethod
    def missing(self, values: FloatArray, step: float = 0.0) -> BoolArray:
        """Return where a map that is not smoothed has no data; scaled integers are `step` apart."""

    def hollow(self, values: FloatArray, step: float = 0.0) -> BoolArray:
        """Return the positions that are certainly without data in a single map, for `walled`."""
        return np.zeros(self.shape, dtype=bool)

    def walled(self, wall: BoolArray) -> "Frame":
        """Return the frame with the positions without data in most maps, where that says what is missing in others."""
        return self

    @abstractmethod
    def smooth(self, values: FloatArray, fwhm: float) -> FloatArray:
        """Smooth values by a Gaussian of `fwhm` mm; values that are not finite count as 0."""

    @abstractmethod
    def profile(self, present: BoolArray) -> "Profile":
        """Return the number of positions with data in each part of the frame, such as each slice along each axis."""

    @abstractmethod
    def lacking(self, profile: "Profile", others: "Profile") -> str:
        """Return which parts have no data where those of others do, in words; empty if there are none."""

    @property
    @abstractmethod
    def fingerprint(self) -> bytes:
        """Bytes that are the same for the same frame; frames that match may differ in them, by rounding."""

    @abstractmethod
    def space(self, inside: BoolArray) -> "Space":
        """Return the space of the positions that are true in an array of the frame."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Space(Computed, ABC):
    """A set of points: their coordinates and sizes, which of them are neighbours, and images of their values.

    A point is addressed by its number 0..n_points-1, and values are arrays (n_points,). An *array* of the frame also
    has the positions that are not tested.
    """

    frame: Any
    inside: BoolArray  # an array of the frame, not writeable
    computed: dict[Hashable, Any] = field(default_factory=dict, init=False, compare=False)  # what was computed, by name

    def __post_init__(self) -> None:
        inside = self.inside.view()
        inside.flags.writeable = False
        object.__setattr__(self, "inside", inside)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_points} {self.units} of {self.frame})"

    @property
    def unit(self) -> str:
        """The name of a point, such as voxel."""
        return str(self.frame.unit)

    @property
    def units(self) -> str:
        """The name of several points."""
        return str(self.frame.units)

    @property
    def n_points(self) -> int:
        """Number of points."""
        return int(np.count_nonzero(self.inside))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an array of the frame."""
        return self.inside.shape

    @property
    def fraction(self) -> float:
        """Part of all positions of the frame that are points."""
        return self.n_points / self.inside.size

    def select(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the values at the points, (n_points,), of an array of the frame."""
        return array[self.inside]

    def unmask(self, values: npt.ArrayLike, fill: float = 0) -> npt.NDArray[Any]:
        """Return values, (n_points,), as an array of the frame, with `fill` elsewhere."""
        values = np.asarray(values)
        array = np.full(self.inside.shape, fill, dtype=values.dtype)
        array[self.inside] = values
        return array

    def keep(self, points: BoolArray) -> Self:
        """Return the space of the points for which a boolean, (n_points,), is true."""
        return type(self)(self.frame, self.unmask(points).astype(bool))

    @property
    @abstractmethod
    def resolution(self) -> str:
        """Size of a point, as text."""

    @abstractmethod
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that define the space, by name, for saved files and checksums."""

    @abstractmethod
    def coordinates(self, points: Points | None = None) -> FloatArray:
        """Return the coordinates in mm, (n, 3), of some points; of all by default."""

    @abstractmethod
    def sizes(self, points: Points | None = None) -> dict[str, float]:
        """Return the size of a set of points, of all by default, by the column of tables: volume_mm3 or area_mm2."""

    @abstractmethod
    def active_sizes(self, points: Points, tdn: int) -> dict[str, float]:
        """Return the least size of any `tdn` of some points, where points differ in size, by the column of tables."""

    @abstractmethod
    def places(self, points: Points) -> Mapping[str, npt.NDArray[Any]]:
        """Return what names the place of some points besides their coordinates, by the column of tables."""

    @abstractmethod
    def distances(self, point: int, points: Points, limit: float) -> FloatArray:
        """Return the distance in mm of one point to others, (n,); infinite beyond a limit."""

    @abstractmethod
    def adjacency(self, connectivity: int) -> Adjacency:
        """Return which points are neighbours."""

    def neighbourhood(self, connectivity: int) -> int | str:
        """Return what makes points neighbours, for reports: the connectivity, where it has a meaning."""
        return connectivity

    @abstractmethod
    def local_maxima(self, values: FloatArray) -> BoolArray:
        """Return which points have a value at least as large as all their neighbours, (n_points,)."""

    @abstractmethod
    def image(self, values: npt.ArrayLike, fill: float = 0) -> Any:
        """Return values, (n_points,), as an image, with `fill` elsewhere."""

    @abstractmethod
    def endings(self, *, labels: bool = False) -> tuple[tuple[dict[str, str], str], ...]:
        """Return further entities and the extension of the name of each file of a map, or of labels."""

    @abstractmethod
    def files(
        self,
        values: npt.ArrayLike,
        fill: float = 0,
        names: Mapping[int, str] | None = None,
        title: str = "",
        stat: str = "",
    ) -> Iterator[File]:
        """Yield values, (n_points,), as the images that are written, with `fill` elsewhere.

        With `names`, values are labels. The `title` is the name of the map in files that have one, and `stat` the label
        of its statistic, such as z.
        """
