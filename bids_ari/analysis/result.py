"""Results: everything that is known about one test, in one direction, of one contrast."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bids_ari.analysis.calibrated import Calibrated
from bids_ari.analysis.joint import Joint
from bids_ari.analysis.region_bounds import RegionBounds
from bids_ari.analysis.result_maps import ResultMaps
from bids_ari.analysis.template import Template
from bids_ari.analysis.values import extremeness
from bids_ari.analysis.variances import GroupVariances
from bids_ari.analysis.views import Views
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.exclusions import Excluded
from bids_ari.config.methods import METHODS
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.images.quality import Quality
from bids_ari.images.region_names import RegionNames
from bids_ari.images.regions import RegionSet
from bids_ari.images.space import Space
from bids_ari.runtime.provenance import Made, made
from bids_ari.stats.bounds import Bound
from bids_ari.stats.choices import Alternative
from bids_ari.stats.diagnostics import SubjectDiagnostics
from bids_ari.stats.direction import Directions
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.familywise import FamilywiseErrors
from bids_ari.stats.forest import Cluster, ClusterForest
from bids_ari.stats.glm import GlmResult
from bids_ari.stats.normality import Normality

if TYPE_CHECKING:
    pass

_IN_NAMES = {"greater": "greater", "less": "less", "two-sided": "twoSided"}


@dataclass(frozen=True, eq=False, repr=False)
class ContrastResult(Views, ResultMaps, RegionBounds):
    """One test of one contrast in one direction.

    Attributes
    ----------
    contrast : ContrastSet
        The maps, and what was excluded.
    options : Options
        The options of the analysis.
    alternative : {'greater', 'less', 'two-sided'}
        The direction; ``greater`` for an F test, whose statistic is large for any difference.
    design : Design or None
        The design that was fitted; none for the map of a single subject or one computed elsewhere.
    space : Space
        The points tested, m.
    coverage : array of the frame of the space
        Fraction of subjects with data at each position.
    n_constant : int
        Voxels of the mask that were not tested because their values do not vary.
    glm : GlmResult
        Statistics of each tested voxel.
    bound : Bound
        TDN and TDP of any set of voxels.
    forest : ClusterForest
        All supra-threshold clusters.
    clusters, largest : mapping of float to tuple of Cluster
        The clusters above each threshold of the options, and the largest with each target TDP.
    regions : tuple of RegionSet
        Parcels of the atlas, and the user's own masks.
    atlas, names : RegionSet or None, RegionNames or None
        The one of `regions` that holds the parcels of the atlas; the region of each point, for the names of clusters.
    folder : str
        Where its files go, below the root of the output.
    notes : tuple of str
        What the reader should know: choices made, warnings.
    hashes : mapping of str to str
        The SHA-256 of each map that was read, by its BIDS URI, and of each file in `files`, by its role.
    files : mapping of str to str
        The names of the files that options refer to, by role (``mask``, ``atlas``, ``names``), also of TemplateFlow.
    spatial : mapping of str to Any
        What the sidecars of the subject maps say about their space; see `bids_ari.bids.space_metadata`.
    tau2 : array (n_points,) or None
        The variance between subjects, where first-level variances were given and it was estimated.
    resampled, normalised : tuple of str
        The subjects whose maps were on another grid, or smoothed by normalised convolution for lack of data.
    group_variances : GroupVariances or None
        The residual variances of groups, and the inflation of each test that assumes that they are equal.
    normality : Normality or None
        Skewness and kurtosis of residuals, for ordinary least squares with enough subjects.
    outlying : SubjectDiagnostics or None
        Correlation of each subject's map with the others, and influence on each test, by ordinary least squares.
    quality : Quality or None
        Coverage of each subject, and thumbnails of the maps.
    calibrated, familywise : Calibrated or None, FamilywiseErrors or None
        The calibration by permutation, for methods that have one, and the familywise errors by the same permutations.
    template : Template or None
        The template that was learned, where it is to be kept.
    region_effects : tuple of array (n_subjects, n_regions)
        The mean effect of each subject in each region, for each of `regions`; empty where the maps are not at hand.
    joint : Joint or None
        The results whose bounds hold together with those of this one.
    made : Made
        Provenance: versions, container, command.
    """

    contrast: ContrastSet
    options: Options
    alternative: Alternative
    design: Design | None
    space: Space
    coverage: FloatArray
    n_constant: int
    glm: GlmResult
    bound: Bound
    forest: ClusterForest
    clusters: Mapping[float, tuple[Cluster, ...]]
    largest: Mapping[float, tuple[Cluster, ...]]
    regions: tuple[RegionSet, ...] = ()
    atlas: RegionSet | None = None
    names: RegionNames | None = None
    folder: str = "group"
    notes: tuple[str, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    spatial: Mapping[str, Any] = field(default_factory=dict)
    resampled: tuple[str, ...] = ()
    normalised: tuple[str, ...] = ()
    group_variances: GroupVariances | None = None
    normality: Normality | None = None
    tau2: FloatArray | None = None
    outlying: SubjectDiagnostics | None = None
    quality: Quality | None = None
    calibrated: Calibrated | None = None
    familywise: FamilywiseErrors | None = None
    template: Template | None = None
    region_effects: tuple[FloatArray, ...] = ()
    joint: Joint | None = None
    made: Made = field(default_factory=made)

    @property
    def test(self) -> str:
        """The name of the test."""
        return self.glm.test

    @property
    def excluded(self) -> tuple[Excluded, ...]:
        """Files and subjects that are not analysed, with reasons."""
        return self.contrast.excluded

    @property
    def desc(self) -> str:
        """Alternative and method, as in names of files: ``greater``, ``twoSidedHommel``, ..."""
        return ("any" if self.is_f_test else _IN_NAMES[self.alternative]) + METHODS[self.method].label

    @property
    def method(self) -> str:
        """The name of the method of inference."""
        return self.bound.method

    @property
    def is_f_test(self) -> bool:
        """Return whether several linear combinations were tested at once, so that the test has no direction."""
        return self.glm.is_f_test

    @property
    def alternative_label(self) -> str:
        """The alternative as reported: that of the test, or ``any`` for an F test."""
        return "any" if self.is_f_test else self.alternative

    @cached_property
    def directions(self) -> Directions | None:
        """Bounds on the numbers of positive and of negative effects in any set, valid together.

        For two-sided tests, as ``directions.positive.tdn(points)``; with a minimum effect, of those above it and of
        those below its negative. None for others, and with a step-down that excluded points.
        """
        if (compute := METHODS[self.method].directions) is None or self.alternative != "two-sided":
            return None
        found: Directions | None = compute(self.glm, self.p, self.bound, self.calibrated, self.joint)
        return found

    @cached_property
    def p(self) -> FloatArray:
        """p-value of each point for the alternative, (n_points,), not adjusted."""
        return self.glm.p(self.alternative)

    @cached_property
    def neg_log10_p(self) -> FloatArray:
        """-log10 of `p`, (n_points,); finite where p is too small for a floating-point number."""
        return self.glm.neg_log10_p(self.alternative)

    @cached_property
    def adjusted_p(self) -> FloatArray | None:
        """p-value of each point, adjusted for all others, (n_points,); None where there are none, as of `joint`."""
        adjust = METHODS[self.method].adjusted_p if self.joint is None else None
        return None if adjust is None else adjust(self.p)

    @property
    def p_fwe(self) -> FloatArray | None:
        """Familywise p-value of each point by permutation, (n_points,); None where the method has none."""
        return None if self.familywise is None else self.familywise.p

    @property
    def dof(self) -> float:
        """Residual degrees of freedom, the largest of all points; infinite for a z map."""
        return float(self.glm.dof.max())

    @property
    def extremeness(self) -> FloatArray:
        """z, its negative or its absolute value, so that large values are extreme, (n_points,)."""
        return extremeness(self.glm.z, self.alternative)

    def __repr__(self) -> str:
        return (
            f"ContrastResult({self.contrast.name!r}, test={self.test!r}, alternative={self.alternative_label!r}, "
            f"n_points={self.space.n_points}, tdn={self.bound.whole})"
        )
