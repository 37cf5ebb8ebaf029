"""What is asked: `Options` of the data, `Settings` of a run."""

import operator
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from bids_ari.bids.entities import decimal_label
from bids_ari.errors import UnknownLevelError, UsageError
from bids_ari.grids import CONNECTIVITIES
from bids_ari.stats.hommel import LOCAL_TESTS, LocalTest
from bids_ari.stats.tails import ALTERNATIVES, Alternative


def _width(given: Any) -> float | None:
    return None if given is None else float(given)


WIDEST = 200.0
"""No smoothing, in mm, is wider: it would be wider than a head, and takes time and memory with its width."""

_HEIGHTS = "z values, 0 or more, that differ in the first ten decimals"
_PROPORTIONS = "proportions above 0, at most 1, that differ in the first ten decimals"


def _heights(given: Any) -> tuple[float, ...]:
    several = isinstance(given, Iterable) and not isinstance(given, str) and getattr(given, "ndim", 1) > 0
    return tuple(sorted({float(each) + 0.0 for each in (given if several else [given])}))  # + 0.0: no -0.0


def _directions(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(dict.fromkeys(given))


def _paths(given: Any) -> tuple[Path, ...]:
    return tuple(map(Path, [given] if isinstance(given, str | Path) else given))


def _are_apart(values: Sequence[float]) -> bool:
    """Say whether numbers have labels of their own in file names."""
    return len({decimal_label(value) for value in values}) == len(values)


_FLAGS = {"thresholds": "threshold", "gammas": "tdp", "alternatives": "alternative", "rois": "roi"}
"""Options that the command line calls otherwise."""

_RULES: tuple[tuple[str, Callable[[Any], Any], Callable[[Any], bool], str], ...] = (
    ("mask", lambda x: None if x is None else Path(x), lambda x: True, "the path of an image"),
    ("coverage", float, lambda x: 0 < x <= 1, "a fraction above 0, at most 1"),
    ("smoothing", _width, lambda x: x is None or 0 <= x <= WIDEST, f"a width in mm, 0 to {WIDEST:g}"),
    ("alternatives", _directions, lambda xs: xs and set(xs) <= set(ALTERNATIVES), ", ".join(ALTERNATIVES)),
    ("alpha", float, lambda x: 0 < x < 1, "a number between 0 and 1, such as 0.05"),
    ("thresholds", _heights, lambda xs: xs and all(0 <= x < 1e9 for x in xs) and _are_apart(xs), _HEIGHTS),
    ("gammas", _heights, lambda xs: all(1e-6 <= x <= 1 for x in xs) and _are_apart(xs), _PROPORTIONS),
    ("connectivity", operator.index, lambda x: x in CONNECTIVITIES, "6, 18 or 26"),
    ("method", lambda x: x, lambda x: x in LOCAL_TESTS, " or ".join(LOCAL_TESTS)),
    ("atlas", lambda x: None if x is None else str(x), lambda x: x != "", "a name or a file"),
    ("atlas_labels", lambda x: None if x is None else Path(x), lambda x: True, "the path of a table"),
    ("rois", _paths, lambda xs: True, "paths of images"),
)
"""Of each option: its one form, what must hold, and the rule in words."""


TEMPLATE = Path("template")
"""Given as the mask, it stands for TemplateFlow's brain mask of the maps' space."""

LEVELS = ("participant", "group")

_SAME_LEVEL = {"dataset": "group"}
"""Other names of a level: BIDS Stats Models call it so."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of the data.

    Attributes
    ----------
    mask : Path or None
        Test only voxels inside this image; ``template`` stands for TemplateFlow's brain mask of the maps' space.
    coverage : float
        Fraction of subjects, in (0, 1], that must have data at a voxel for it to be tested.
    smoothing : float or None
        Full width at half maximum, in mm, of the Gaussian that smooths each map.
    alternatives : tuple of {'greater', 'less', 'two-sided'}
        Directions to test, each a result of its own.
    alpha : float
        Error level in (0, 1) of each result.
    thresholds : tuple of float
        Cluster-forming thresholds, in z.
    gammas : tuple of float
        Wanted TDP, in (0, 1]: the largest clusters that reach each are found.
    connectivity : {6, 18, 26}
        Voxels of a cluster share a face, also an edge, or also a corner.
    method : {'simes', 'hommel'}
        The local test of closed testing.
    join_signs : bool
        With ``two-sided``, let clusters hold voxels of both signs.
    n_results : int
        Over how many results alpha was divided already, for their sidecars and reports.
    atlas : str or None
        A file, or a name that TemplateFlow knows (``NAME:DESC``), whose parcels are bounded and name clusters.
    atlas_labels : Path or None
        The table of an atlas file: columns index and name.
    rois : tuple of Path
        Masks of regions to bound, on the grid of the maps.

    Raises
    ------
    UsageError
        When a value cannot be used.
    """

    mask: Path | None = None
    coverage: float = 1.0
    smoothing: float | None = None
    alternatives: tuple[Alternative, ...] = ("greater",)
    alpha: float = 0.05
    thresholds: tuple[float, ...] = (3.0, 4.0, 5.0)
    gammas: tuple[float, ...] = (0.5, 0.7, 0.9)
    connectivity: int = 18
    method: LocalTest = "simes"
    join_signs: bool = False
    atlas: str | None = None
    atlas_labels: Path | None = None
    rois: tuple[Path, ...] = ()
    n_results: int = 1

    def __post_init__(self) -> None:
        for name, normalise, fits, rule in _RULES:
            given = getattr(self, name)
            try:
                value = normalise(given)
                good = fits(value)
            except (TypeError, ValueError):
                good = False
            if not good:
                raise UsageError(f"{_FLAGS.get(name, name)} is {given!r}", rule)
            object.__setattr__(self, name, value)
        if self.atlas_labels is not None and self.atlas is None:
            raise UsageError("atlas labels go with an atlas", "a file for --atlas")


@dataclass(frozen=True, slots=True)
class Resources:
    """What a run may use of the machine.

    Attributes
    ----------
    work_dir : Path or None
        Folder for caches and temporary files; the system's by default.
    n_procs : int or None
        How many maps are read at a time; all processors that this process may use by default.
    n_threads : int or None
        Threads of the numerical libraries; theirs to choose by default. Takes effect on the command line only, before
        they are loaded.
    memory : int or None
        Bytes; what needs more is refused. What the machine has free by default.

    Raises
    ------
    UsageError
        When a value cannot be used.
    """

    work_dir: Path | None = None
    n_procs: int | None = None
    n_threads: int | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        for name, flag in (("n_procs", "nprocs"), ("n_threads", "omp-nthreads"), ("memory", "mem")):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise UsageError(f"{flag} is {value!r}", "a whole number above 0")
        if self.work_dir is not None:
            object.__setattr__(self, "work_dir", Path(self.work_dir))

    @property
    def n_jobs(self) -> int:
        """How many maps are read at a time."""
        if self.n_procs is not None:
            return self.n_procs
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Settings:
    """A run: which dataset, where to, and what to do.

    Attributes
    ----------
    dataset_dir, output_dir : Path
        Where the maps are and where the results go.
    derivatives : tuple of Path
        Derivative datasets to search instead of ``dataset_dir/derivatives/*``.
    filters : mapping
        Arguments of `discover` that choose maps.
    options : Options
        What is asked of the data.
    level : {'group', 'participant'}
        Analyse the subjects together, or each subject's own maps; ``dataset`` is another name of ``group``.
    split_alpha : bool
        Divide alpha over the results of the run, so that all their bounds hold together.
    filter_file : Path or None
        JSON that chooses maps by entities, as `bids_ari.bids.filters` reads it.
    manifest : Path or None
        Table of the maps, instead of the names in `dataset_dir`.
    database_dir : Path or None
        Where the index of the dataset is kept from run to run.
    resources : Resources
        What the run may use.
    stop_on_first_crash : bool
        Stop at the first contrast that fails.

    Raises
    ------
    UnknownLevelError
        When there is no such level.
    UsageError
        When an option has no meaning at the level, or the output would lie on the input, or among a subject's files.
    """

    dataset_dir: Path
    output_dir: Path
    derivatives: tuple[Path, ...] = ()
    filters: Mapping[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    level: str = "group"
    split_alpha: bool = False
    filter_file: Path | None = None
    manifest: Path | None = None
    database_dir: Path | None = None
    resources: Resources = field(default_factory=Resources)
    stop_on_first_crash: bool = False

    def __post_init__(self) -> None:
        for name in ("dataset_dir", "output_dir", "filter_file", "manifest", "database_dir"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, Path(value))
        object.__setattr__(self, "derivatives", _paths(self.derivatives))
        object.__setattr__(self, "level", _SAME_LEVEL.get(self.level, self.level))
        if self.database_dir is not None and self.database_dir.exists() and not self.database_dir.is_dir():
            raise UsageError(
                f"bids-database-dir {self.database_dir} is no folder", "a folder, which is made if need be"
            )
        if self.level not in LEVELS:
            raise UnknownLevelError(f"The analysis level {self.level!r} is unknown", " or ".join(LEVELS))
        if self.level == "participant":
            object.__setattr__(self, "filters", {"stat": "z", **self.filters})
            for found, hint in (
                (self.filters.get("combine") and "--combine", "Maps that are combined have no z of their own"),
                (self.options.smoothing and "Smoothing", "A z map that is smoothed is no z map any more"),
                (self.options.coverage != 1 and "Coverage", "One subject covers a voxel or does not"),
                (self.filters["stat"] == "effect" and "--stat effect", "Take z or t maps: an effect alone has no p"),
            ):
                if found:
                    raise UsageError(f"{found} goes with the group level", hint=hint)
        for folder in (self.dataset_dir, *self.derivatives):
            for output, source in product(_places(self.output_dir), _places(folder)):
                if output == source:
                    raise UsageError(f"The output folder {self.output_dir} is the input", "another folder")
                inner = output.relative_to(source).parts if output.is_relative_to(source) else ()
                if any(part.startswith("sub-") for part in inner):
                    raise UsageError(
                        f"The output folder {self.output_dir} lies among a subject's files",
                        "a folder of its own",
                        f"For example {folder / 'derivatives' / 'bids_ari'}",
                    )


def _places(folder: str | Path) -> set[Path]:
    """Give the absolute path of a folder, as it is written and with its links followed."""
    try:
        return {Path(os.path.normpath(Path(folder).absolute())), Path(folder).resolve()}
    except (OSError, RuntimeError) as error:  # a loop of links
        raise UsageError(f"{folder} leads nowhere: {error}") from error
