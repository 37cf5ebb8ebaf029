"""Format of a saved result: its arrays, what their values may be, and earlier names of its fields.

Letters in `ARRAYS` are lengths: x, y, z of the grid, or v vertices and voxels, m points tested, n subjects, c columns
of the design, t tests, w rows of the weights of all tests, q differences within subjects, r regions. A new array is one
entry.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from bids_ari.analysis.joint import Joint
from bids_ari.analysis.variances import GroupVariances
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import SubjectMap
from bids_ari.config.options import Options
from bids_ari.images.region_names import RegionNames
from bids_ari.images.regions import RegionSet
from bids_ari.outputs.archive_space import FrameText
from bids_ari.outputs.npz import Array, NpzReader, require
from bids_ari.runtime.provenance import Made
from bids_ari.stats.choices import Alternative
from bids_ari.stats.normality import Normality

_MAX = float(np.finfo(np.float64).max)
_TINY = float(np.finfo(np.float64).tiny)


class Spec(NamedTuple):
    """Type, axes, meaning and possible values of an array; ``nan`` allows undefined values."""

    dtype: str
    axes: str
    meaning: str
    low: float = -np.inf
    high: float = np.inf
    nan: bool = False


FRAME = "x y z"
"""Axes of an array of a volume; that of a result with structures has the axis v."""

ARRAYS = {
    "mask": Spec("|b1", FRAME, "the points tested"),
    "affine": Spec("<f8", "4 4", "from voxel indices to mm, RAS+", -_MAX, _MAX),
    "coverage": Spec("<f8", FRAME, "fraction of subjects with data", 0, 1),
    "structure": Spec("<i2", "v", "number of the structure of a vertex or voxel; absent of a volume", 0),
    "vertex": Spec("<i4", "v", "its vertex on the mesh; -1 of a voxel", -1),
    "voxel": Spec("<i4", "v 3", "its indices in the grid; -1 of a vertex", -1),
    "mesh_coordinates": Spec("<f8", "vertices 3", "coordinates of the vertices of all meshes in mm", -_MAX, _MAX),
    "mesh_triangles": Spec("<i4", "triangles 3", "vertices of the triangles, numbered in each mesh", 0),
    "z": Spec("<f8", "m", "z with the one-sided tail probability of the tested statistic"),
    "dof": Spec("<f8", "m", "residual degrees of freedom; infinite for a z map", _TINY),
    "t": Spec("<f8", "m", "t statistic; absent for an F test"),
    "f": Spec("<f8", "m", "F statistic; absent for a t test", 0),
    "effect": Spec("<f8", "m", "effect in the units of the subject maps"),
    "variance": Spec("<f8", "m", "sampling variance of the effect"),
    "effects": Spec("<f8", "q m", "effect of each of q differences within subjects that are tested together"),
    "tau2": Spec("<f8", "m", "between-subject variance", 0, _MAX),
    "category": Spec("<i4", "m", "category, from which the TDN of any set follows", 1),
    "preorder": Spec("<i4", "m", "forest of clusters, each before its parts: point of node i"),
    "size": Spec("<i4", "m", "size of the cluster of node i, the nodes i : i + size", 1),
    "tdn": Spec("<i4", "m", "true discovery number of that cluster", 0),
    "design": Spec("<f8", "n c", "design matrix; c is 0 without a group model", -_MAX, _MAX),
    "weights": Spec("<f8", "w c", "weights of the columns in the rows of all tests", -_MAX, _MAX),
    "correlation": Spec("<f8", "n", "correlation of a map with the mean of the others", -1, 1, nan=True),
    "residual": Spec("<f8", "n", "root mean square of its studentised residuals", 0, nan=True),
    "influence": Spec("<f8", "t n", "change of a test without the subject, in standard errors", 0),
    "mean": Spec("<f8", "n", "mean of a map over the points tested", -_MAX, _MAX, nan=True),
    "sd": Spec("<f8", "n", "standard deviation of a map over these", 0, _MAX, nan=True),
    "lacking": Spec("<i4", "n", "voxels of the reference where a subject lacks data", 0),
    "lost": Spec("<i4", "n", "voxels not tested because only this subject lacks data", 0),
    "overlap": Spec("<f8", "n", "Dice coefficient with what most others cover", 0, 1),
    "thumbnails": Spec("|i1", "n height width", "slices of a map in steps, -128 for no data"),
    "step": Spec("<f8", "n", "value of a step", 0, _MAX),
    "lambdas": Spec("<f8", "permutations", "smallest lambda at which each permutation makes an error", 0),
    "critical": Spec("<f8", "K", "critical vector of a learned template; else empty", 0, 1),
    "fwe_count": Spec("<i4", "m", "number of permutations whose smallest p is at most that of the point", 1),
    "smallest_p": Spec("<f8", "permutations", "smallest p of each permutation", 0, 1),
    "extent_thresholds": Spec("<f8", "e", "thresholds in z of these extents", 0, _MAX),
    "largest_extents": Spec(
        "<f8", "permutations e", "extent of its largest cluster above each; mm2 of vertices", 0, _MAX
    ),
    "region_size": Spec("<i4", "r", "number of tested points in each region of all sets", 0),
    "region_voxels": Spec("<i4", "sum", "their positions, 0 to m - 1, ascending in each region", 0),
    "names": Spec("<i4", "m", "position of the region that names the point in the list of names; -1 for none", -1),
}
"""The arrays, by name."""

REQUIRED = ("mask", "coverage", "z", "dof", "category", "preorder", "size", "tdn")
STATISTICS = ("z", "dof", "t", "f", "effect", "variance", "effects")
OUTLYING = ("correlation", "residual", "mean", "sd")
QUALITY = ("lacking", "lost", "overlap", "thumbnails", "step")

RENAMED: Mapping[str, Mapping[str, str | None]] = {
    "": {"maps": None, "has_outlying": None, "has_quality": None},
    "options": {
        **{"thresholds": "threshold", "gammas": "tdp", "alternatives": "alternative", "methods": "method"},
        **{"rois": "roi", "tests": "test", "stats_model": "model"},
    },
    "contrast": {"left_out": "excluded"},
    "calibration": {"n_left_out": "n_excluded"},
    "excluded": {"what": "name"},
    "members": {"files": "maps"},
    "others": {"files": "maps", "minus": None},
    "maps": {"root": "dataset", "nested": None},
    "variances": {"root": "dataset", "nested": None},
}
"""Names of fields in 0.1.0 and the present ones, if any, by the field that holds the object or a list of objects."""

SHARED = (
    *("alternative", "contrast", "n_constant", "folder", "notes", "hashes", "files", "resampled", "normalised"),
    *("group_variances", "normality", "joint", "made", "spatial"),
)


@dataclass(frozen=True, slots=True)
class Text:
    """What an archive holds as text: `SHARED` and ``options`` are fields of `ContrastResult`."""

    format: int
    software: str
    codes: tuple[int, int]  # of sform and qform of a volume
    test: str
    method: str
    alternative: Alternative
    contrast: ContrastSet
    options: Options
    h: int | None = None
    frame: FrameText | None = None  # of vertices and voxels; None of a volume
    calibration: dict[str, Any] | None = None  # the fields of Calibrated that are not arrays
    formula: str = ""
    factors: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    tests: tuple[tuple[str, int], ...] = ()  # names, and numbers of rows of F tests, else 0
    n_rows: int | float = 0  # numerator degrees of freedom of F without a design, or of several maps per subject
    is_z_of_f: bool = False  # whether z was computed from an F statistic that is not known
    reference: int = 0  # of Quality
    regions: tuple[RegionSet, ...] = ()  # their points are arrays
    atlas: int | None = None  # index of the set that holds the parcels of the atlas
    names: RegionNames | None = None  # its array is apart
    n_constant: int = 0
    folder: str = "group"
    notes: tuple[str, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)  # names by role, such as mask
    spatial: Mapping[str, Any] = field(default_factory=dict)
    resampled: tuple[str, ...] = ()
    normalised: tuple[str, ...] = ()
    group_variances: GroupVariances | None = None
    normality: Normality | None = None
    joint: Joint | None = None
    made: Made = field(default_factory=lambda: Made({}, {}, ()))


def axes_of(spec: Spec, names: Container[str]) -> list[str]:
    """Return the axes of an array in a file with arrays of some names."""
    return ["v"] if spec.axes == FRAME and "structure" in names else spec.axes.split()


def read_arrays(file: NpzReader) -> dict[str, Array]:
    """Read all arrays, and check that their lengths agree and their values are possible."""
    lengths, arrays = {"4": 4, "3": 3}, {}
    for name, spec in ARRAYS.items():
        if name not in file.names and name not in REQUIRED:
            continue
        axes = axes_of(spec, file.names)
        array = file.read(name, spec.dtype, [lengths.get(axis) for axis in axes])
        lengths |= zip(axes, array.shape, strict=True)
        if name == "mask":
            require(array.view(np.uint8).max(initial=0) == 1, "the array mask is not boolean, or empty")
            lengths["m"] = int(np.count_nonzero(array))
        else:
            good = (array >= spec.low) & (array <= spec.high) | (spec.nan and np.isnan(array))
            require(good.all(), f"the array {name} has values outside {spec.low:.3g} to {spec.high:.3g}")
        if name == "region_size":
            require(array.max(initial=0) <= lengths["m"], "a region has more than m points")
            lengths["sum"] = int(array.sum(dtype=np.int64))
        arrays[name] = array
    return arrays


def renamed(value: Any, parent: str = "") -> Any:
    """Return the text with the present names of fields, without retired ones; the path of each map is its name.

    >>> renamed({"options": {"gammas": [0.7]}, "has_quality": True})
    {'options': {'tdp': [0.7]}}
    """
    if isinstance(value, list):
        return [renamed(each, parent) for each in value]
    if not isinstance(value, dict):
        return value
    value = _with_terms(value) if parent == "members" else value
    names = RENAMED.get(parent, {})
    pairs = ((names.get(key, key), each) for key, each in value.items())
    value = {new: renamed(each, new) for new, each in pairs if new is not None}
    return value | {"path": value["name"]} if parent in ("maps", "variances") and "name" in value else value


def _with_terms(member: dict[str, Any]) -> dict[str, Any]:
    """Return a member with the map that is subtracted, which it had in 0.1.0, as a term of a weighted sum."""
    if "minus" not in member:
        return member
    low = member["minus"]
    others = [] if low is None else [low | {"weight": -1.0} if isinstance(low, dict) else low]
    return {key: each for key, each in member.items() if key != "minus"} | {"others": others}


def without_folders(contrast: ContrastSet) -> ContrastSet:
    """Return a contrast of which each path is the name of the file: folders of a computer are not saved."""
    return replace(contrast, members=tuple(map(_without_folders, contrast.members)))


def _without_folders(member: SubjectMap) -> SubjectMap:
    """Return the maps of a subject, with names as paths."""
    maps, variances = (tuple(map(_by_name, files)) for files in (member.maps, member.variances))
    return replace(member, maps=maps, variances=variances, others=tuple(map(_without_folders, member.others)))


def _by_name(file: StatMap) -> StatMap:
    """Return a file with its name as its path."""
    return file.with_(file=file.path.name, pair=None if file.pair is None else _by_name(file.pair))
