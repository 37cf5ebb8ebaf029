"""Inference: from the statistics of one test to its bound, its forest and its clusters."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product

from bids_ari.analysis.familywise import extent_of
from bids_ari.analysis.joint import Joint
from bids_ari.analysis.methods import GroupData, Inferred
from bids_ari.analysis.region_effects import effects_in
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.values import extremeness
from bids_ari.config.model_options import TEMPLATE
from bids_ari.config.options import Options
from bids_ari.config.slices import cuts
from bids_ari.errors import counted
from bids_ari.images.anatomy import check_cuts, check_shown, find_underlay
from bids_ari.images.masks import note_unmasked
from bids_ari.images.region_names import RegionNames, load_names
from bids_ari.images.regions import RegionSet, load_atlas, load_rois
from bids_ari.images.space import Space
from bids_ari.images.stack import Stack
from bids_ari.images.statistic import Statistic
from bids_ari.images.templates import SpaceName
from bids_ari.runtime.progress import step
from bids_ari.stats import forest_kernels as kernels
from bids_ari.stats.bounds import Bound
from bids_ari.stats.choices import Alternative
from bids_ari.stats.forest import Adjacency, ClusterForest, grow_forest
from bids_ari.stats.glm import GlmResult

log = logging.getLogger(__name__)


def grow(
    glm: GlmResult, bound: Bound, neighbours: Adjacency, alternative: Alternative, options: Options
) -> ClusterForest:
    """Compute the forest of all supra-threshold clusters; two-sided clusters have one sign unless signs are joined."""
    log_compilation()
    if alternative == "two-sided" and not options.join_signs:
        neighbours = neighbours.split(glm.z < 0)
    return grow_forest(extremeness(glm.z, alternative), neighbours, bound)


@cache
def log_compilation() -> None:
    """Log once that compiled code cannot be kept."""
    if kernels.uncached:
        log.info("compiled code cannot be kept on this machine (no cache folder): each process compiles again")


@dataclass(frozen=True, slots=True, eq=False)
class DirectedTest:
    """One test in one direction, whose bound is to be computed by one method."""

    make: Callable[..., ContrastResult]  # makes a result of the fields that depend on the test
    glm: GlmResult
    space: Space
    neighbours: Adjacency
    alternative: Alternative
    method: str
    options: Options
    regions: tuple[RegionSet, ...]
    atlas: RegionSet | None
    names: RegionNames | None
    notes: tuple[str, ...]

    def conclude(self, found: Inferred, joint: Joint | None = None) -> ContrastResult:
        """Return the result, from its bound."""
        options, bound = self.options, found.bound
        if joint is not None:  # all bounds together have the level of the run
            bound = replace(bound, alpha=options.alpha)
        with step("growing the cluster forest"):
            forest = grow(self.glm, bound, self.neighbours, self.alternative, options)
        return self.make(
            glm=self.glm,
            space=self.space,
            alternative=self.alternative,
            bound=bound,
            forest=forest,
            clusters={threshold: forest.at_threshold(threshold) for threshold in options.threshold},
            largest={tdp: forest.with_tdp(tdp) for tdp in options.tdp},
            regions=self.regions,
            atlas=self.atlas,
            names=self.names,
            notes=(*self.notes, *found.notes),
            calibrated=found.calibrated,
            template=found.template,
            familywise=found.familywise,
            joint=joint,
        )


Tests = Iterator[tuple[DirectedTest, GroupData | None]]
"""Tests, each with the data of the group for methods that need them."""


def directed_tests(
    make: Callable[..., ContrastResult],
    glm: GlmResult,
    space: Space,
    options: Options,
    notes: Sequence[str] = (),
    group: GroupData | None = None,
    template: SpaceName = None,
) -> Tests:
    """Yield one test for each alternative and method.

    `make` makes a result of the fields that depend on the test. An F test has one alternative: a large statistic.
    `template` is the space of the maps, for an atlas of TemplateFlow.
    """
    with step("reading atlas, regions and underlay"):
        atlas = None
        if options.atlas is not None:
            atlas = load_atlas(options.atlas, options.atlas_labels, template, space)
        regions = () if atlas is None else (atlas,)
        if options.roi:
            regions = (*regions, load_rois(options.roi, space, options.roi_threshold))
        names = load_names(options.region_names, atlas, options.atlas, template, space)
        if (underlay := find_underlay(options.underlay, template, space.frame)) is not None:
            check_shown(underlay, space)  # raises before anything is computed or written
    check_cuts(cuts(options.slices), space)
    neighbours = space.adjacency(options.connectivity)
    if group is not None:
        make = partial(make, region_effects=tuple(effects_in(group, each) for each in regions if len(group.maps) == 1))
        group = replace(group, extent=extent_of(space, neighbours, join_signs=options.join_signs))
    alternatives: tuple[Alternative, ...] = options.alternative if not glm.is_f_test else ("greater",)
    for alternative, method in product(alternatives, options.method):
        tested = glm.beyond(options.min_effect, alternative)
        about = (*notes, *_notes(alternative, alternatives, options, glm))
        parts = (make, tested, space, neighbours, alternative, method, options, regions, atlas, names, about)
        yield DirectedTest(*parts), group


def statistics_of(stack: Stack) -> tuple[GlmResult, Statistic]:
    """Return the statistics of a single map, and what they are."""
    (values,) = stack.effects[:, :]
    found = stack.statistic or Statistic()
    if found.kind == "t":
        return GlmResult.of_t(values, found.dof), found
    if found.kind == "F":
        return GlmResult.of_f(values, found.n_rows, found.dof), found
    return GlmResult.of_z(values, of_f=found.is_z_of_f), found


def _notes(
    alternative: Alternative, alternatives: Sequence[Alternative], options: Options, glm: GlmResult
) -> Iterator[str]:
    """Yield notes on the alternatives: both one-sided ones at level alpha, or none because of an F test."""
    if glm.is_f_test and "less" in options.alternative:
        yield "An F test has no direction: the alternative less does not apply, any difference is tested"
    is_apart = options.n_results == 1 and not options.joint
    if alternative != "two-sided" and {"greater", "less"} <= set(alternatives) and is_apart:
        yield (
            f"greater and less were tested separately, each at level {options.alpha:g}: both hold together at level "
            f"{2 * options.alpha:g}. To hold together at level alpha, add --joint or --split-alpha, or test two-sided, "
            "which bounds the numbers of positive and of negative effects, too"
        )


def notes_on_points(stack: Stack, n_constant: int, options: Options) -> Iterator[str]:
    """Yield notes on which points are tested, and at which level."""
    if n_constant:
        text = counted(n_constant, stack.space.unit)
        yield f"{text} not tested: the values do not vary, or too few subjects have data"
    if options.n_results > 1:
        yield (
            f"alpha was divided over the {options.n_results} results of this run, {options.alpha:g} each: at level "
            f"{options.alpha * options.n_results:g}, all bounds of all of them hold together"
        )
    if options.mask != TEMPLATE and (note := note_unmasked(stack.space, stack.mask_fraction)):
        yield note
