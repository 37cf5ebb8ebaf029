"""What is asked: `Options` of the data, `Settings` of a run."""

import operator
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args

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


def _path(given: Any) -> Path | None:
    return None if given is None else Path(given)


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError
    return given.strip()


def _tests(given: Any) -> tuple[str, ...]:
    """Give tests as ``NAME=EXPRESSION``, also where a mapping names them."""
    if isinstance(given, Mapping):
        given = [f"{name}={expression}" for name, expression in given.items()]
    return tuple(map(_text, [given] if isinstance(given, str) else given))


def _directions(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(dict.fromkeys(given))


def _paths(given: Any) -> tuple[Path, ...]:
    return tuple(map(Path, [given] if isinstance(given, str | Path) else given))


def _are_apart(values: Sequence[float]) -> bool:
    """Say whether numbers have labels of their own in file names."""
    return len({decimal_label(value) for value in values}) == len(values)


Estimator = Literal["ols", "fixed", "mixed"]
Variance = Literal["equal", "unequal"]
Missing = Literal["drop", "error"]

_FLAGS = {"thresholds": "threshold", "gammas": "tdp", "alternatives": "alternative", "rois": "roi"}
_FLAGS |= {"tests": "test", "stats_model": "model", "n_results": ""}
"""Options that the command line calls otherwise, or does not know."""

_RULES: tuple[tuple[str, Callable[[Any], Any], Callable[[Any], bool], str], ...] = (
    ("formula", _text, bool, 'a formula, such as "1 + age"'),
    ("tests", _tests, lambda xs: all("=" in x for x in xs), "NAME=EXPRESSION"),
    ("stats_model", _path, lambda x: True, "the path of a BIDS Stats Model"),
    ("node", lambda x: x, lambda x: x is None or (isinstance(x, str) and x != ""), "the name of a node"),
    ("estimator", lambda x: x, lambda x: x in get_args(Estimator), ", ".join(get_args(Estimator))),
    ("variance", lambda x: x, lambda x: x in get_args(Variance), " or ".join(get_args(Variance))),
    ("missing", lambda x: x, lambda x: x in get_args(Missing), " or ".join(get_args(Missing))),
    ("target_grid", _path, lambda x: True, "the path of an image, first or template"),
    ("mask", _path, lambda x: True, "the path of an image"),
    ("coverage", float, lambda x: 0 < x <= 1, "a fraction above 0, at most 1"),
    ("smoothing", _width, lambda x: x is None or 0 <= x <= WIDEST, f"a width in mm, 0 to {WIDEST:g}"),
    ("alternatives", _directions, lambda xs: xs and set(xs) <= set(ALTERNATIVES), ", ".join(ALTERNATIVES)),
    ("alpha", float, lambda x: 0 < x < 1, "a number between 0 and 1, such as 0.05"),
    ("thresholds", _heights, lambda xs: xs and all(0 <= x < 1e9 for x in xs) and _are_apart(xs), _HEIGHTS),
    ("gammas", _heights, lambda xs: all(1e-6 <= x <= 1 for x in xs) and _are_apart(xs), _PROPORTIONS),
    ("connectivity", operator.index, lambda x: x in CONNECTIVITIES, "6, 18 or 26"),
    ("method", lambda x: x, lambda x: x in LOCAL_TESTS, " or ".join(LOCAL_TESTS)),
    ("atlas", lambda x: None if x is None else str(x), lambda x: x != "", "a name or a file"),
    ("atlas_labels", _path, lambda x: True, "the path of a table"),
    ("rois", _paths, lambda xs: True, "paths of images"),
)
"""Of each option: its one form, what must hold, and the rule in words."""


TEMPLATE = Path("template")
"""Given as the mask or the target grid, it stands for TemplateFlow's brain mask of the maps' space."""

FIRST = Path("first")
"""Given as the target grid, it stands for that of the first subject."""

LEVELS = ("participant", "group")

_SAME_LEVEL = {"dataset": "group"}
"""Other names of a level: BIDS Stats Models call it so."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of the data.

    Attributes
    ----------
    formula : str
        The group model, in the words of `formulaic`, over the columns of the table of participants: ``1 + age``.
    tests : tuple of str
        ``NAME=EXPRESSION`` each, a linear combination of columns of the design; several, separated by ``;``, are an F
        test. By default, see `bids_ari.design.make_design`.
    stats_model : Path or None
        A BIDS Stats Model, whose node of the dataset tells the group model instead.
    node : str or None
        Which of several such nodes.
    estimator : {'ols', 'fixed', 'mixed'}
        Ordinary least squares, or weights by the first-level variance: of these subjects only, or random effects.
    variance : {'equal', 'unequal'}
        Whether groups share their variance; with ``unequal``, Welch's test.
    missing : {'drop', 'error'}
        Leave subjects out that lack a value in the table, or refuse the contrast.
    target_grid : Path or None
        Resample maps to the grid of this image; ``first`` and ``template`` stand for that of the first subject and
        of TemplateFlow's brain mask.
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

    formula: str = "1"
    tests: tuple[str, ...] = ()
    stats_model: Path | None = None
    node: str | None = None
    estimator: Estimator = "ols"
    variance: Variance = "equal"
    missing: Missing = "drop"
    target_grid: Path | None = None
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
        self._check_model()

    def _check_model(self) -> None:
        """Refuse what does not go together in a group model."""
        weighted = self.estimator != "ols"
        for wrong, found, hint in (
            (self.stats_model and self.formula != "1", "Both formula and model were given", "Take one of them"),
            (self.stats_model and self.tests, "Both test and model were given", "A model names its own tests"),
            (self.node and not self.stats_model, "node goes with model", "Give a BIDS Stats Model with --model"),
            (
                weighted and self.variance == "unequal",
                f"Unequal variances do not go with the estimator {self.estimator}",
                "Its weights come from the first level; mixed estimates what differs between subjects besides",
            ),
            (
                weighted and self.smoothing,
                f"Smoothing does not go with the estimator {self.estimator}",
                "A variance is not smoothed as an effect is: smooth the data before the first level",
            ),
        ):
            if wrong:
                raise UsageError(found, hint=hint)

    @property
    def asks_model(self) -> bool:
        """Say whether anything is asked of a group model beyond the mean over subjects."""
        plain = Options()
        names = ("formula", "tests", "stats_model", "node", "estimator", "variance", "missing", "target_grid")
        return any(getattr(self, name) != getattr(plain, name) for name in names)

    @property
    def asks_table(self) -> bool:
        """Say whether the group model looks at the table of subjects; the mean over subjects needs none."""
        return self.formula != "1" or self.stats_model is not None


OPTION_FLAGS = {each.name: flag for each in fields(Options) if (flag := _FLAGS.get(each.name, each.name))}
"""Each option, by the long flag that gives it, written with underscores."""

FILTER_FLAGS = {"subjects": "participant_label", "exclude": "exclude", "session": "session_label", "run": "run_label"}
FILTER_FLAGS |= {"task": "task_id", "space": "space", "contrast": "contrast"}
"""Filters of `discover` that take labels, by such a flag."""


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
    participants : Path or None
        Table of the subjects, instead of the ``participants.tsv`` of the dataset.
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
    participants: Path | None = None
    database_dir: Path | None = None
    resources: Resources = field(default_factory=Resources)
    stop_on_first_crash: bool = False

    def __post_init__(self) -> None:
        for name in ("dataset_dir", "output_dir", "filter_file", "manifest", "participants", "database_dir"):
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
                (self.filters.get("paired") and "--paired", "A difference of z maps is no z map"),
                (self.participants and "--participants", "One subject's map takes no group model"),
                (self.options.asks_model and "A group model", "One subject's map takes none"),
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
