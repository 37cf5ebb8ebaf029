"""A result as one file, and back.

The file is a NumPy archive without pickles: any program that reads ``.npz`` can read it. With x, y, z for the shape
of the grid, m for the number of voxels tested (those of the mask, in C order) and r for the number of regions, its
arrays are

============= ======= ============= ==================================================================================
array         dtype   shape         meaning
============= ======= ============= ==================================================================================
about         uint8   (bytes,)      everything that is no array: a JSON object as UTF-8 text, see below
mask          bool    (x, y, z)     the voxels tested
affine        float64 (4, 4)        from voxel indices to mm, RAS+
coverage      float64 (x, y, z)     fraction of subjects with data
z             float64 (m,)          z, with the one-sided tail probability of the statistic that was tested
dof           float64 (m,)          residual degrees of freedom; infinite for a z map
t             float64 (m,)          t statistic, where ``maps`` names it
f             float64 (m,)          F statistic, where ``maps`` names it; then there is no t
effect        float64 (m,)          effect in the units of the subjects' maps, where ``maps`` names it
variance      float64 (m,)          sampling variance of the effect, where ``maps`` names it
tau2          float64 (m,)          variance between subjects, where ``maps`` names it
category      int32   (m,)          from which TDN and TDP of any set of voxels follow, see `bids_ari.stats.bounds`
preorder      int32   (m,)          forest of all supra-threshold clusters, a cluster before its parts: voxel of a place
size          int32   (m,)          size of the cluster that the voxel at a place completes: the slice i : i + size[i]
tdn           int32   (m,)          true discovery number of that cluster
design        float64 (subjects, c) design matrix; c is 0 where no group model was fitted
weights       float64 (rows, c)     weights of the columns in each row of each test, one test after the other
correlation   float64 (subjects,)   correlation of a map with the mean of the others, where ``has_outlying``
residual      float64 (subjects,)   size of its residuals, where ``has_outlying``
influence     float64 (t, subjects) how much each of t tests rests on each subject, where ``has_outlying``
mean          float64 (subjects,)   mean of a map over the voxels tested, where ``has_outlying``
sd            float64 (subjects,)   its standard deviation over these, where ``has_outlying``
lacking       int32   (subjects,)   voxels of the reference without data of a subject, where ``has_quality``
lost          int32   (subjects,)   voxels not tested for want of a subject, where ``has_quality``
overlap       float64 (subjects,)   Dice coefficient of what a subject and most others cover, where ``has_quality``
thumbnails    int8    (subjects, h, w) slices of a map in steps, -128 for no data, where ``has_quality``
step          float64 (subjects,)   value of a step, where ``has_quality``
lambdas       float64 (draws,)      from which lambda on each draw makes an error, where ``calibration``
critical      float64 (K,)          critical vector of a learned template, where ``calibration``
region_size   int32   (r,)          tested voxels in each region of all sets, one set after the other
region_voxels int32   (sum,)        their positions 0 .. m - 1, region after region, ascending in each
============= ======= ============= ==================================================================================

``about`` holds ``format``; ``software``, which wrote the file; ``codes`` of sform and qform; ``maps``, which of t, f,
effect, variance and tau2 there are; ``test``, the name of the one that was made; ``formula`` and ``factors`` of the
design; ``columns``, the names of its columns; ``tests``, the name of each test and its number of rows if it is an F
test, else 0 for its one row; ``has_outlying``; ``has_quality``, and the number of voxels of the ``reference``; ``h``,
the Hommel value; ``regions``, the sets of them; ``atlas``, which set names clusters, from 0; ``crc32``, the checksum
of each other ``.npy`` file; ``method`` of the bound, ``calibration``, how draws were made, if they were; and fields
of `ContrastResult` as they are. Of paths it holds only the names.

What follows from these is left out and computed again, to the same bits. The parent of a place is the nearest place
before it whose slice holds it. The height of a place is the statistic of its voxel, turned by the alternative so that
large is extreme. A place as high as its parent is no supra-threshold cluster. The clusters of each threshold, and the
largest that reach each wanted TDP, are read off the forest.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args, overload

import numpy as np

from bids_ari._version import __version__
from bids_ari.analysis.result import ContrastResult, extremeness
from bids_ari.bids.dataset import StatMap
from bids_ari.bids.discover import ContrastSet, SubjectMap
from bids_ari.config.methods import METHODS
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.errors import DataError, InputNotFoundError, ReadError
from bids_ari.images.regions import Region, RegionSet
from bids_ari.images.space import Grid, VolumeSpace
from bids_ari.outputs import archive_parts as parts
from bids_ari.outputs.codec import ABOUT, CHECKSUMS, UNREADABLE, Array, FileReader, from_json, pack_file, require, short
from bids_ari.outputs.names import ARCHIVE_ENDING
from bids_ari.runtime.provenance import Made
from bids_ari.stats.bounds import Bound
from bids_ari.stats.distributions import Alternative, FloatArray
from bids_ari.stats.forest import ClusterForest, Ints
from bids_ari.stats.glm import GlmResult

FORMAT = 4
"""Counted up when a file no longer means what it did."""

MapName = Literal["t", "f", "effect", "variance", "tau2"]
MAP_NAMES: tuple[MapName, ...] = get_args(MapName)

DTYPES = {"mask": "|b1"}
DTYPES |= dict.fromkeys(("affine", "coverage", "z", "dof", *MAP_NAMES), "<f8")
DTYPES |= dict.fromkeys(("design", "weights", "correlation", "residual", "influence"), "<f8")
DTYPES |= dict.fromkeys(("mean", "sd", "overlap", "step", "lambdas", "critical"), "<f8") | {"thumbnails": "|i1"}
DTYPES |= dict.fromkeys(("lacking", "lost"), "<i4")
DTYPES |= dict.fromkeys(("category", "preorder", "size", "tdn", "region_size", "region_voxels"), "<i4")
"""The type of each array but the text, as ``.npy`` files write it."""

_CODES = range(6)  # of NIfTI's transforms


@dataclass(frozen=True, slots=True)
class _Region:
    """A region without its voxels."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class _RegionSet:
    """A set of regions without their voxels."""

    name: str
    title: str
    regions: tuple[_Region, ...]


@dataclass(frozen=True, slots=True)
class _About:
    """What the archive holds as text."""

    format: int
    software: str
    codes: tuple[int, int]
    maps: tuple[MapName, ...]
    test: str
    formula: str
    factors: Mapping[str, str]
    columns: tuple[str, ...]
    tests: tuple[tuple[str, int], ...]
    has_outlying: bool
    has_quality: bool
    reference: int
    method: str
    h: int | None
    calibration: parts.AboutCalibration | None
    regions: tuple[_RegionSet, ...]
    atlas: int | None
    contrast: ContrastSet
    options: Options
    alternative: Alternative
    n_constant: int
    folder: str
    notes: tuple[str, ...]
    hashes: Mapping[str, str]
    resampled: tuple[str, ...]
    made: Made


def pack(result: ContrastResult) -> bytes:
    """Write a result as a file, the same bytes for the same result.

    Parameters
    ----------
    result : ContrastResult
        What was found.

    Returns
    -------
    bytes
        An ``.npz``, as this module describes it.
    """
    arrays = {name: np.asarray(array, DTYPES[name]) for name, array in _arrays(result).items()}
    return pack_file(_about(result), arrays)


def unpack(content: bytes, name: str) -> ContrastResult:
    """Read a result from a file, which may be damaged or by somebody else.

    Parameters
    ----------
    content : bytes
        From `pack`.
    name : str
        What to call the file when it cannot be used.

    Returns
    -------
    ContrastResult
        The same result; paths are names.

    Raises
    ------
    DataError
        When it cannot be used.
    """
    try:
        return _result(FileReader(content, DTYPES))
    except UNREADABLE as error:
        what = str(error) or type(error).__name__
        raise DataError(f"{name} holds no result that can be used: {what}", hint="Run the analysis again") from error


def load_result(path: str | Path) -> ContrastResult:
    """Read a result that an earlier run wrote.

    Parameters
    ----------
    path : path
        A file ``..._forest.npz``.

    Returns
    -------
    ContrastResult
        As the run had it; paths of maps are names relative to their datasets.

    Raises
    ------
    InputNotFoundError, ReadError
        When there is no such file, or it cannot be read.
    DataError
        When it holds no result.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputNotFoundError(f"There is no file {path}", f"a file ...{ARCHIVE_ENDING} that a run wrote") from error
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror}") from error
    return unpack(content, str(path))


class SavedResults(Sequence[ContrastResult]):
    """Results on disk, each read when it is asked for, so that a run of many contrasts needs the memory of one."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = tuple(paths)

    @overload
    def __getitem__(self, index: int) -> ContrastResult: ...
    @overload
    def __getitem__(self, index: slice) -> "SavedResults": ...
    def __getitem__(self, index: int | slice) -> "ContrastResult | SavedResults":
        return load_result(self.paths[index]) if isinstance(index, int) else SavedResults(self.paths[index])

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        return f"SavedResults(n_results={len(self)})"


def _arrays(result: ContrastResult) -> dict[str, Array]:
    """Give the arrays."""
    glm, forest, design = result.glm, result.forest, result.design
    found = {name: getattr(result if name == "tau2" else glm, name) for name in MAP_NAMES}
    voxels = [region.points for regions in result.regions for region in regions.regions]
    return {
        "mask": result.space.inside,
        "affine": result.space.grid.affine,
        "coverage": result.coverage,
        "z": glm.z,
        "dof": glm.dof,
        **{name: values for name, values in found.items() if values is not None},
        "category": result.bound.category,
        "preorder": forest.preorder,
        "size": forest.size,
        "tdn": forest.tdn,
        "design": np.empty((len(result.contrast.members), 0)) if design is None else design.matrix,
        "weights": np.empty((0, 0)) if design is None else np.vstack(list(design.tests.values())),
        **parts.outlying_arrays(result.outlying),
        **parts.quality_arrays(result.quality),
        **parts.calibration_arrays(result.calibrated),
        "region_size": np.array([each.size for each in voxels], dtype=np.int32),
        "region_voxels": np.concatenate([np.empty(0, dtype=np.int32), *voxels]),
    }


def _about(result: ContrastResult) -> _About:
    """Give what is no array."""
    options, design = result.options, result.design
    if options.atlas is not None:  # a text, since it may be a name of TemplateFlow's
        options = replace(options, atlas=re.split(r"[/\\]", options.atlas)[-1])
    return _About(
        format=FORMAT,
        software=f"bids_ari {__version__}",
        codes=result.space.grid.codes,
        maps=tuple(name for name in MAP_NAMES if result.has(name)),
        test=result.test,
        formula="" if design is None else design.formula,
        factors={} if design is None else design.factors,
        columns=() if design is None else design.columns,
        tests=() if design is None else tuple((name, _rows_of_f(w)) for name, w in design.tests.items()),
        has_outlying=result.outlying is not None,
        has_quality=result.quality is not None,
        reference=0 if result.quality is None else result.quality.reference,
        method=result.method,
        h=result.bound.h,
        calibration=parts.about_calibration(result.calibrated),
        regions=tuple(
            _RegionSet(each.name, each.title, tuple(_Region(region.index, region.name) for region in each.regions))
            for each in result.regions
        ),
        atlas=next((place for place, regions in enumerate(result.regions) if regions is result.atlas), None),
        contrast=result.contrast,
        options=options,
        alternative=result.alternative,
        n_constant=result.n_constant,
        folder=result.folder,
        notes=result.notes,
        hashes=result.hashes,
        resampled=result.resampled,
        made=result.made,
    )


def _result(arrays: FileReader) -> ContrastResult:
    """Put a result together."""
    about = _read_about(arrays)
    mask = _read_mask(arrays, about)
    glm = _read_glm(arrays, about, mask.n_points)
    forest = _read_forest(arrays, extremeness(glm.z, about.alternative))
    category = arrays.read("category", mask.n_points)
    require(1 <= category.min() <= category.max() <= mask.n_points + 1, "a category lies outside 1..m + 1")
    require(about.method in METHODS, f"about.method is {short(about.method)}")
    there = {part for part, value in (("h", about.h), ("calibration", about.calibration)) if value is not None}
    require(there == set(METHODS[about.method].parts), f"the method {about.method} lacks its part")
    require(about.h is None or 0 <= about.h <= mask.n_points, f"h is {about.h} of {mask.n_points} voxels")
    coverage = arrays.read("coverage", *mask.inside.shape)
    require(0 <= coverage.min() <= coverage.max() <= 1, "the array coverage holds no fractions")
    regions = _read_regions(arrays, about, mask.n_points)
    require(about.atlas is None or 0 <= about.atlas < len(regions), f"there is no set of regions {about.atlas}")
    n = len(about.contrast.members)
    tau2 = arrays.read("tau2", mask.n_points) if "tau2" in about.maps else None
    require(tau2 is None or (np.isfinite(tau2).all() and tau2.min() >= 0), "the array tau2 holds no variances")
    return ContrastResult(
        contrast=about.contrast,
        options=about.options,
        alternative=about.alternative,
        design=_read_design(arrays, about),
        space=mask,
        coverage=coverage,
        n_constant=about.n_constant,
        glm=glm,
        bound=Bound(category, about.options.alpha, about.method, about.h),
        forest=forest,
        clusters={threshold: forest.at_threshold(threshold) for threshold in about.options.threshold},
        largest={gamma: forest.with_tdp(gamma) for gamma in about.options.tdp},
        regions=regions,
        atlas=None if about.atlas is None else regions[about.atlas],
        folder=about.folder,
        notes=about.notes,
        hashes=about.hashes,
        resampled=about.resampled,
        made=about.made,
        tau2=tau2,
        outlying=parts.read_outlying(arrays, n, [name for name, _ in about.tests]) if about.has_outlying else None,
        quality=parts.read_quality(arrays, n, about.reference) if about.has_quality else None,
        calibrated=parts.read_calibration(arrays, about.calibration, mask.n_points, about.options.alpha),
    )


def _read_about(arrays: FileReader) -> _About:
    """Read what is no array."""
    version = arrays.about.get("format")
    require(version == FORMAT, f"its format is {short(version)}; expected {FORMAT}")
    found = {key: value for key, value in arrays.about.items() if key != CHECKSUMS}
    about = from_json(_About, found, ABOUT)
    folders = about.folder.split("/")
    require(all(folders), f"its folder is {short(about.folder)}")
    words = [word for pair in about.contrast.entities for word in pair]
    for word in (
        *folders,
        *(name for name, _ in about.tests),
        about.test,
        *words,
        *(each.name for each in about.regions),
    ):
        require(word not in (".", "..") and not set("/\0") & set(word), f"{short(word)} can be no name of a file")
        require(word.isprintable(), f"{short(word)} cannot be printed")
    members = about.contrast.members
    require(all(m.maps and (m.minus is None or m.minus.maps) for m in members), "a member has no file")
    require(about.n_constant >= 0, f"n_constant is {about.n_constant}")
    return replace(about, contrast=_below_dataset(about.contrast))


def _below_dataset(contrast: ContrastSet) -> ContrastSet:
    """Let the path of each file be that below its dataset."""

    def placed(files: Sequence[StatMap]) -> tuple[StatMap, ...]:
        return tuple(replace(file, path=Path(file.name)) for file in files)

    def below(each: SubjectMap) -> SubjectMap:
        minus = None if each.minus is None else below(each.minus)
        return replace(each, maps=placed(each.maps), variances=placed(each.variances), minus=minus)

    return replace(contrast, members=tuple(map(below, contrast.members)))


def _read_mask(arrays: FileReader, about: _About) -> VolumeSpace:
    """Read where the voxels are."""
    inside, affine = arrays.read("mask", None, None, None), arrays.read("affine", 4, 4)
    require(inside.view(np.uint8).max(initial=0) == 1, "the array mask is no mask, or empty")
    with np.errstate(all="ignore"):
        volume = np.linalg.det(affine[:3, :3])
    good = np.isfinite(affine).all() and volume != 0 and np.isfinite(volume) and affine[3].tolist() == [0, 0, 0, 1]
    require(good, "the array affine is no transform")
    require(set(about.codes) <= set(_CODES), f"the codes of the transforms are {about.codes}")
    return VolumeSpace(Grid(inside.shape, affine, about.codes), inside)


def _read_glm(arrays: FileReader, about: _About, m: int) -> GlmResult:
    """Read the statistics."""
    maps = {name: arrays.read(name, m) for name in ("z", "dof", *about.maps) if name != "tau2"}
    for name, values in maps.items():
        require(not np.isnan(values).any(), f"the array {name} holds NaN")
    require(maps["dof"].min() > 0, "the degrees of freedom are not above 0")
    n_rows = dict(about.tests).get(about.test, 0)
    require((n_rows > 0) == ("f" in maps), f"the test {short(about.test)} has {n_rows} rows of an F test")
    require("f" not in maps or (maps["f"].min() >= 0 and "t" not in maps), "the array f holds no F statistics")
    return GlmResult(about.test, **maps, n_rows=n_rows)


def _read_forest(arrays: FileReader, statistic: FloatArray) -> ClusterForest:
    """Read the forest, and compute what follows from it."""
    m = statistic.size
    preorder, size, tdn = (arrays.read(name, m) for name in ("preorder", "size", "tdn"))
    require(np.array_equal(np.sort(preorder), np.arange(m)), "the array preorder does not hold each voxel once")
    parent = _parents(size)
    require((tdn >= 0).all() and (tdn <= size).all(), "a true discovery number lies outside 0..size")
    height = statistic[preorder]
    inner = parent >= 0
    below, valid = height[parent[inner]], np.ones(m, dtype=bool)
    require((below <= height[inner]).all(), "a cluster is lower than the one that holds it")
    valid[inner] = height[inner] != below
    return ClusterForest(preorder, size, tdn, parent, height, valid)


def _parents(size: Ints) -> Ints:
    """Give the parent of each place: the nearest place before it whose slice holds it; -1 for none.

    So many slices hold a place beside its own as began before it and have not ended: its depth, which rises by at
    most 1 from place to place. The nearest place before it that is less deep by 1 is its parent, provided that no
    slice ends later than that of its parent, which is refused.
    """
    m, places = size.size, np.arange(size.size)
    end = places + size
    require(size.min() > 0 and end.max() <= m, "a size is below 1, or leads past the end")
    depth = places - np.cumsum(np.bincount(end, minlength=m + 1))[:m]
    ordered = np.sort(depth * m + places)
    above = (depth - 1) * m
    parent = np.where(depth > 0, ordered[np.searchsorted(ordered, above + places) - 1] - above, -1)
    inner = depth > 0
    require((end[inner] <= end[parent[inner]]).all(), "clusters overlap that do not lie within one another")
    return parent.astype(np.int32)


def _read_regions(arrays: FileReader, about: _About, m: int) -> tuple[RegionSet, ...]:
    """Read the sets of regions."""
    sizes = arrays.read("region_size", sum(len(each.regions) for each in about.regions))
    require(0 <= sizes.min(initial=0) <= sizes.max(initial=0) <= m, "a region has less than 0 or more than m voxels")
    ends = np.cumsum(sizes, dtype=np.int64)
    voxels = arrays.read("region_voxels", int(sizes.sum(dtype=np.int64)))
    require(0 <= voxels.min(initial=0) <= voxels.max(initial=0) < m, "a region has a voxel outside 0..m - 1")
    parts = [voxels[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    require(all((np.diff(part) > 0).all() for part in parts), "the voxels of a region do not ascend")
    each_part = iter(parts)
    return tuple(
        RegionSet(each.name, each.title, tuple(Region(r.index, r.name, next(each_part)) for r in each.regions))
        for each in about.regions
    )


def _read_design(arrays: FileReader, about: _About) -> Design | None:
    """Read the design, if there is one."""
    require(all(rows >= 0 for _, rows in about.tests), "a test has less than 0 rows")
    ends = np.cumsum([max(rows, 1) for _, rows in about.tests]).tolist()
    matrix = arrays.read("design", len(about.contrast.members), len(about.columns))
    weights = arrays.read("weights", ends[-1] if ends else 0, len(about.columns))
    if not about.columns:
        return None
    require(np.isfinite(matrix).all() and np.isfinite(weights).all(), "the design is not finite")
    tests = {
        name: weights[end - rows : end] if rows else weights[end - 1]
        for (name, rows), end in zip(about.tests, ends, strict=True)
    }
    require(about.test in tests, f"the design has no test {short(about.test)}")
    require(len(tests) == len(about.tests), "two tests have the same name")
    return Design(about.contrast.subjects, matrix, about.columns, tests, about.formula, about.factors)


def _rows_of_f(weights: FloatArray) -> int:
    """Give the number of rows of an F test; 0 for a t test."""
    return len(weights) if weights.ndim == 2 else 0
