"""The arrays in an explorer page, as text.

An array becomes the text of a script element: its bytes are shuffled (all first bytes, then all second ones, ...),
compressed with gzip and written in base64; with `delta`, first differences are taken before, which wrap around. With m
points tested, in the order of the space, and n the places that are kept of the forest of a direction, a page has

============ ====== ======= ==========================================================================================
name         values type    meaning
============ ====== ======= ==========================================================================================
mask         bits   uint8   the points tested, of all voxels of the grid in C order, eight a byte, highest bit first
underlay     cells  uint8   the underlay, 0 for nothing: differences along two axes, see `underlay`
z            n      int16   z in hundredths, in the order of the places of the first direction, see `z_steps`
z-elsewhere  m - n  int16   z of the other points, in order, in steps given by the facts of the page
glass        bytes  uint8   the outlines of a glass brain, JSON, see `glass`
atlas        m      uint16  parcel of each point, from 1; 0 for none
rois         bits   uint8   the points in each region that is none of the atlas, eight a byte, each from a byte on
preorder-d   n      uint32  direction d: point at each place of the forest
size-d       n      int32   size of the cluster that is completed there, delta
tdn-d        n      int32   its TDN; 0 where the place is as high as its parent, so that it is no cluster, delta
rank-d       leaves uint32  of each place of size 1, the number of larger heights of such places
category-d   m      uint16  category of each point, 0 where it never counts; uint32 where the largest does not fit
positive-d   m      uint16  the same in the bound on positive effects, and negative-d, of two-sided tests
fwe-d        m      uint16  permutations whose smallest p is at most that of the point; uint32 where they do not fit
============ ====== ======= ==========================================================================================
"""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_ari.stats.bounds import Bound
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import ClusterForest, Ints

Places = npt.NDArray[np.intp]

Z_STEP = 0.01
"""Resolution of z."""

Z_INFINITE = 32767
"""The step of an infinite z; finite z beyond 327.66 have that value."""

COMPLETE = 450_000
"""Up to so many points, counted once for each direction, a page has every cluster with a TDP above 0."""

MOST_PLACES = 900_000
"""Beyond that, a page has clusters from the smallest TDP at which all directions have at most so many places."""

_FLOOR_STEP = 0.05


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Blob:
    """An array as text."""

    name: str  # in the page
    type: str  # of numpy
    delta: bool  # whether first differences are stored
    text: str

    @classmethod
    def of(cls, name: str, array: npt.NDArray[np.integer], *, delta: bool = False) -> "Blob":
        """Encode an array of whole numbers."""
        array = np.ascontiguousarray(array).reshape(-1)
        stored = np.diff(array, prepend=array.dtype.type(0)) if delta else array
        parts = stored.astype(stored.dtype.newbyteorder("<")).view(np.uint8).reshape(-1, array.itemsize).T
        return cls(name, str(array.dtype), delta, base64.b64encode(compressed(parts.tobytes())).decode())


def compressed(content: bytes, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    """Return bytes in gzip, without a name and time."""
    packer = zlib.compressobj(6, wbits=31, strategy=strategy)
    return packer.compress(content) + packer.flush()


def least_tdp(forests: Sequence[ClusterForest]) -> float:
    """Return the smallest TDP of the clusters in a page: 0 for all above 0, more for large maps."""
    if sum(forest.n_points for forest in forests) <= COMPLETE:
        return 0.0
    highest = [forest.highest_tdp() for forest in forests]
    steps = (round(_FLOOR_STEP * i, 2) for i in range(1, round(1 / _FLOOR_STEP)))
    return next((tdp for tdp in steps if sum(np.count_nonzero(each >= tdp) for each in highest) <= MOST_PLACES), 1.0)


def kept_places(forest: ClusterForest, least: float) -> Places:
    """Return the places inside clusters with at least a TDP, and above 0."""
    highest = forest.highest_tdp()[forest.preorder]
    return np.flatnonzero((highest >= least) & (highest > 0))


def forest_blobs(forest: ClusterForest, kept: Places, suffix: str) -> list[Blob]:
    """Encode the kept places of a forest."""
    size = forest.size[kept]
    return [
        Blob.of(f"preorder{suffix}", forest.preorder[kept].astype(np.uint32)),
        Blob.of(f"size{suffix}", size, delta=True),
        Blob.of(f"tdn{suffix}", np.where(forest.valid, forest.tdn, 0)[kept].astype(np.int32), delta=True),
        Blob.of(f"rank{suffix}", dense_ranks(forest.height[kept][size == 1])),
    ]


def dense_ranks(heights: FloatArray) -> npt.NDArray[np.uint32]:
    """Return the number of different larger heights for each.

    >>> dense_ranks(np.array([3.0, 5.0, 3.0, 4.0]))
    array([2, 0, 2, 1], dtype=uint32)
    """
    return np.unique(-heights, return_inverse=True)[1].reshape(-1).astype(np.uint32)


def region_bits(regions: Sequence[Ints], n_points: int) -> npt.NDArray[np.uint8]:
    """Return which points are in each region, (n_regions, n_bytes), highest bit first.

    >>> region_bits([np.array([0, 9])], 10)
    array([[128,  64]], dtype=uint8)
    """
    inside = np.zeros((len(regions), n_points), dtype=bool)
    for row, points in zip(inside, regions, strict=True):
        row[points] = True
    return np.packbits(inside, axis=1)


def counting_categories(bound: Bound) -> npt.NDArray[np.integer]:
    """Return the category of each point, 0 where it never counts in any set, (n_points,).

    With N(u) points of category at most u, let u be the smallest at which 1 - u + N(u) is largest, the TDN of all. From
    there to any larger category, u grows at least as much as N does, and so in every set: those points add nothing.
    """
    m = bound.n_points
    counts = np.bincount(np.minimum(bound.category, m + 1), minlength=m + 2)[1 : m + 1]
    gains: Ints = (np.cumsum(counts) - np.arange(m)).astype(np.int32)
    last = int(gains.argmax()) + 1 if gains.max() > 0 else 0
    dtype = np.uint16 if last <= np.iinfo(np.uint16).max else np.uint32
    counting: npt.NDArray[np.integer] = np.where(bound.category <= last, bound.category, 0).astype(dtype)
    return counting


def z_steps(z: FloatArray, step: float = Z_STEP) -> npt.NDArray[np.int16]:
    """Return z in steps; infinite and too large values have steps of their own.

    >>> z_steps(np.array([1.234, -np.inf, 400.0]))
    array([   123, -32767,  32766], dtype=int16)
    """
    largest = Z_INFINITE - 1
    finite = np.clip(np.rint(np.where(np.isfinite(z), z, 0.0) / step), -largest, largest)
    return np.where(np.isinf(z), np.sign(z) * Z_INFINITE, finite).astype(np.int16)


def z_blobs(z: FloatArray, first: Ints, step_elsewhere: float) -> list[Blob]:
    """Encode z at the points of the places of the first direction, then z of the other points in coarser steps."""
    elsewhere = np.ones(z.size, dtype=bool)
    elsewhere[first] = False
    return [
        Blob.of("z", z_steps(z[first]), delta=True),
        Blob.of("z-elsewhere", z_steps(z[elsewhere], step_elsewhere), delta=True),
    ]
