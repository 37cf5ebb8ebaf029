"""What is asked of the data: `Options`, which a notebook and the command line share."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from bids_ari.bids.entities import decimal_label
from bids_ari.config.methods import METHODS, needs_group
from bids_ari.errors import UsageError
from bids_ari.images.space import CONNECTIVITIES
from bids_ari.stats.critical_vectors import FAMILIES, FamilyName
from bids_ari.stats.distributions import ALTERNATIVES, Alternative
from bids_ari.stats.resampling import SCHEMES, Scheme


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


def _words(given: Any) -> tuple[str, ...]:
    """Give words, each once, also where there is only one."""
    return (given,) if isinstance(given, str) else tuple(dict.fromkeys(given))


def _same(given: Any) -> Any:
    return given


def paths_of(given: Any) -> tuple[Path, ...]:
    """Give paths as a tuple of them, also where there is only one."""
    return tuple(map(Path, [given] if isinstance(given, str | Path) else given))


def _are_apart(values: Sequence[float]) -> bool:
    """Say whether numbers have labels of their own in file names."""
    return len({decimal_label(value) for value in values}) == len(values)


Estimator = Literal["ols", "fixed", "mixed"]
Variance = Literal["equal", "unequal"]
Missing = Literal["drop", "error"]

_FLAGS = {"n_results": ""}
"""Options that the command line calls otherwise, or does not know."""

_RULES: tuple[tuple[str, Callable[[Any], Any], Callable[[Any], bool], str], ...] = (
    ("formula", _text, bool, 'a formula, such as "1 + age"'),
    ("test", _tests, lambda xs: all("=" in x for x in xs), "NAME=EXPRESSION"),
    ("model", _path, lambda x: True, "the path of a BIDS Stats Model"),
    ("node", _same, lambda x: x is None or (isinstance(x, str) and x != ""), "the name of a node"),
    ("estimator", _same, lambda x: x in get_args(Estimator), ", ".join(get_args(Estimator))),
    ("variance", _same, lambda x: x in get_args(Variance), " or ".join(get_args(Variance))),
    ("missing", _same, lambda x: x in get_args(Missing), " or ".join(get_args(Missing))),
    ("target_grid", _path, lambda x: True, "the path of an image, first or template"),
    ("mask", _path, lambda x: True, "the path of an image"),
    ("coverage", float, lambda x: 0 < x <= 1, "a fraction above 0, at most 1"),
    ("smoothing", _width, lambda x: x is None or 0 <= x <= WIDEST, f"a width in mm, 0 to {WIDEST:g}"),
    ("alternative", _words, lambda xs: xs and set(xs) <= set(ALTERNATIVES), ", ".join(ALTERNATIVES)),
    ("alpha", float, lambda x: 0 < x < 1, "a number between 0 and 1, such as 0.05"),
    ("threshold", _heights, lambda xs: xs and all(0 <= x < 1e9 for x in xs) and _are_apart(xs), _HEIGHTS),
    ("tdp", _heights, lambda xs: all(1e-6 <= x <= 1 for x in xs) and _are_apart(xs), _PROPORTIONS),
    ("connectivity", operator.index, lambda x: x in CONNECTIVITIES, "6, 18 or 26"),
    ("method", _words, lambda xs: xs and set(xs) <= set(METHODS), "a registered method"),
    ("n_permutations", operator.index, lambda x: 1 <= x < 2**31, "a whole number above 0"),
    ("family", _same, lambda x: x in FAMILIES, ", ".join(FAMILIES)),
    ("delta", operator.index, lambda x: x >= 0, "a number of voxels, 0 or more"),
    ("shuffle", _same, lambda x: x is None or x in SCHEMES, ", ".join(SCHEMES)),
    ("blocks", _same, lambda x: x is None or (isinstance(x, str) and x != ""), "the name of a column"),
    ("random_seed", operator.index, lambda x: 0 <= x < 2**64, "a whole number, 0 to 2^64 - 1"),
    ("template", _path, lambda x: True, "the path of a template"),
    ("atlas", lambda x: None if x is None else str(x), lambda x: x != "", "a name or a file"),
    ("atlas_labels", _path, lambda x: True, "the path of a table"),
    ("roi", paths_of, lambda xs: True, "paths of images"),
)
"""Of each option: its one form, what must hold, and the rule in words."""


TEMPLATE = Path("template")
"""Given as the mask or the target grid, it stands for TemplateFlow's brain mask of the maps' space."""

FIRST = Path("first")
"""Given as the target grid, it stands for that of the first subject."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of the data.

    Attributes
    ----------
    formula : str
        The group model, in the words of `formulaic`, over the columns of the table of participants: ``1 + age``.
    test : tuple of str
        ``NAME=EXPRESSION`` each, a linear combination of columns of the design; several, separated by ``;``, are an F
        test. By default, see `bids_ari.design.design.make_design`.
    model : Path or None
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
    alternative : tuple of {'greater', 'less', 'two-sided'}
        Directions to test, each a result of its own.
    alpha : float
        Error level in (0, 1) of each result.
    threshold : tuple of float
        Cluster-forming thresholds, in z.
    tdp : tuple of float
        Wanted TDP, in (0, 1]: the largest clusters that reach each are found.
    connectivity : {6, 18, 26}
        Voxels of a cluster share a face, also an edge, or also a corner.
    method : tuple of str
        Methods of inference, by their names in `bids_ari.config.methods`: one result each.
    n_permutations : int
        Draws, sign flips or permutations, the data as observed among them.
    family : {'simes', 'beta', 'learned'}
        The critical vectors among which draws choose.
    delta : int
        Of the family ``simes``: the bound gives up sets of up to so many voxels, and finds more in large ones.
    step_down : bool
        Calibrate again without what is certainly active.
    shuffle : {'flip', 'permute', 'both'} or None
        Whether draws change signs of subjects, their places, or both; by default what fits the test.
    blocks : str or None
        The column of the table of participants whose values are exchangeability blocks.
    random_seed : int
        Which draws are made, in 0..2**64 - 1.
    template : Path or None
        Of the family ``learned``: the template of another dataset; by default one is learned from draws of its own.
    save_template : bool
        Keep the template among the results.
    join_signs : bool
        With ``two-sided``, let clusters hold voxels of both signs.
    n_results : int
        Over how many results alpha was divided already, for their sidecars and reports.
    atlas : str or None
        A file, or a name that TemplateFlow knows (``NAME:DESC``), whose parcels are bounded and name clusters.
    atlas_labels : Path or None
        The table of an atlas file: columns index and name.
    roi : tuple of Path
        Masks of regions to bound, on the grid of the maps.

    Raises
    ------
    UsageError
        When a value cannot be used.
    """

    formula: str = "1"
    test: tuple[str, ...] = ()
    model: Path | None = None
    node: str | None = None
    estimator: Estimator = "ols"
    variance: Variance = "equal"
    missing: Missing = "drop"
    target_grid: Path | None = None
    mask: Path | None = None
    coverage: float = 1.0
    smoothing: float | None = None
    alternative: tuple[Alternative, ...] = ("greater",)
    alpha: float = 0.05
    threshold: tuple[float, ...] = (3.0, 4.0, 5.0)
    tdp: tuple[float, ...] = (0.5, 0.7, 0.9)
    connectivity: int = 18
    method: tuple[str, ...] = ("simes",)
    n_permutations: int = 1000
    family: FamilyName = "simes"
    delta: int = 0
    step_down: bool = False
    shuffle: Scheme | None = None
    blocks: str | None = None
    random_seed: int = 0
    template: Path | None = None
    save_template: bool = False
    join_signs: bool = False
    atlas: str | None = None
    atlas_labels: Path | None = None
    roi: tuple[Path, ...] = ()
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
                expected = ", ".join(METHODS) if name == "method" else rule
                raise UsageError(f"{_flag(name)} is {given!r}", expected)
            object.__setattr__(self, name, value)
        if self.atlas_labels is not None and self.atlas is None:
            raise UsageError("atlas labels go with an atlas", "a file for --atlas")
        self._check_model()
        self._check_permutation()

    def _check_model(self) -> None:
        """Refuse what does not go together in a group model."""
        weighted = self.is_weighted
        for wrong, found, hint in (
            (self.model and self.formula != "1", "Both formula and model were given", "Take one of them"),
            (self.model and self.test, "Both test and model were given", "A model names its own tests"),
            (self.node and not self.model, "node goes with model", "Give a BIDS Stats Model with --model"),
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

    def _check_permutation(self) -> None:
        """Refuse what does not go together with draws, and what is said of draws where none are made."""
        plain = fields(Options)
        said = [each.name for each in plain if each.name in _OF_DRAWS and getattr(self, each.name) != each.default]
        learned = self.family == "learned"
        for wrong, found, hint in (
            (
                said and not self.is_permuted,
                f"{_flag(said[0]) if said else ''} goes with permutations",
                "Add --method permutation",
            ),
            (
                self.is_permuted and self.is_weighted,
                f"Permutations do not go with the estimator {self.estimator}",
                "Its weights would have to be estimated anew for each draw: take ols",
            ),
            (
                self.is_permuted and self.variance == "unequal",
                "Permutations do not go with unequal variances",
                "Groups whose variances differ cannot be exchanged: take --method simes, or equal variances",
            ),
            (self.delta and self.family != "simes", "delta goes with the family simes", "Leave it out"),
            (self.template and not learned, "template goes with the family learned", "Add --family learned"),
            (self.save_template and not learned, "save-template goes with the family learned", "Add --family learned"),
            (
                self.template and self.save_template,
                "Both template and save-template were given",
                "A template that is given is there already",
            ),
        ):
            if wrong:
                raise UsageError(found, hint=hint)

    @property
    def is_permuted(self) -> bool:
        """Return whether a method needs the maps of all subjects."""
        return needs_group(self.method)

    @property
    def asks_model(self) -> bool:
        """Say whether anything is asked of a group model beyond the mean over subjects."""
        plain = Options()
        names = ("formula", "test", "model", "node", "estimator", "variance", "missing", "target_grid")
        return any(getattr(self, name) != getattr(plain, name) for name in names)

    @property
    def is_weighted(self) -> bool:
        """Say whether the group model is weighted by first-level variances, which are read then."""
        return self.estimator != "ols"

    @property
    def asks_table(self) -> bool:
        """Say whether the group model looks at the table of subjects; the mean over subjects needs none."""
        return self.formula != "1" or self.model is not None or self.blocks is not None


_OF_DRAWS = (
    *("n_permutations", "family", "delta", "step_down", "shuffle", "blocks", "random_seed", "template"),
    "save_template",
)
"""Options that tell how draws are made."""


def _flag(name: str) -> str:
    """Give the flag of an option, as messages have it."""
    return _FLAGS.get(name, name).replace("_", "-")


OPTION_FLAGS = {each.name: flag for each in fields(Options) if (flag := _FLAGS.get(each.name, each.name))}
"""Each option, by the long flag that gives it, written with underscores."""
