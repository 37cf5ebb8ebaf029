"""Inference: from the statistics of one test to its bound, its forest and its clusters."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from bids_ari.analysis.familywise import extent_of
from bids_ari.analysis.joint import Joint
from bids_ari.analysis.methods import GroupData, Inferred, infer_bound
from bids_ari.analysis.region_effects import effects_in
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.values import extremeness, highest_of
from bids_ari.bids.single_map import contrast_of_map
from bids_ari.bids.spaces import StandardSpace
from bids_ari.config.options import Options
from bids_ari.config.slices import cuts
from bids_ari.errors import UsageError
from bids_ari.images.anatomy import check_cuts, check_shown, find_underlay
from bids_ari.images.region_names import RegionNames, load_names
from bids_ari.images.regions import RegionSet, load_atlas, load_rois
from bids_ari.images.single import load_map
from bids_ari.images.space import Space
from bids_ari.images.stack import Stack
from bids_ari.images.statistic import Given, Kind, Statistic
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


def cluster_tdp(
    z: str | Path | nib.Nifti1Image,
    mask: str | Path | nib.Nifti1Image | None = None,
    *,
    threshold: float | Sequence[float] | None = None,
    tdp: float | None = None,
    alpha: float = 0.05,
    alternative: Alternative = "greater",
    connectivity: int = 18,
    method: str = "simes",
    stat: Kind | None = None,
    dof: float | None = None,
    mask_threshold: float | None = None,
    surface: Sequence[str] = (),
    map_name: str | None = None,
) -> Any:
    """Compute a lower bound on the proportion of truly active points in each cluster of any z, t or F map.

    Points are voxels, vertices of surfaces, or both.

    Parameters
    ----------
    z : path or image
        z statistics, or others that its header, its name or `stat` and `dof` state; not thresholded. A file or image of
        nibabel of NIfTI or CIFTI; a GIFTI file, which also stands for that of the other hemisphere beside it; or a
        ``nilearn.surface.SurfaceImage``.
    mask : path or image, optional
        The points that were tested, except NaN; by default, those where `z` is not NaN and not the zero background. Its
        values are 0 and 1, or one other whole number, up to rounding.
    threshold : float or sequence of float, optional
        Cluster-forming threshold in z, 3 without `tdp`. Of several, each point gets the highest TDP.
    tdp : float, optional
        Instead of a threshold: form the largest clusters whose TDP is at least this, in (0, 1].
    alpha : float
        Error level in (0, 1): with probability at least 1 - `alpha` all proportions hold at once.
    alternative : {'greater', 'less', 'two-sided'}
        The direction of the test.
    connectivity : {6, 18, 26}
        Voxels of a cluster share a face, also an edge, or also a corner.
    method : str
        A method that needs no maps of subjects, such as ``simes`` or ``hommel``.
    stat : {'z', 't', 'F'}, optional
        The statistic, whatever the header or the name states.
    dof : float, optional
        Degrees of freedom of t statistics.
    mask_threshold : float, optional
        The least value inside, of a mask of probabilities, which is refused otherwise.
    surface : sequence of str, optional
        Files of the meshes, as for the option ``--surface``; by default, those of the image, else those of TemplateFlow
        or nilearn with as many vertices.
    map_name : str, optional
        The name of the map in a GIFTI or CIFTI file with several.

    Returns
    -------
    image
        TDP in [0, 1] as float32, an image of the same type as `z`; 0 outside all clusters. Of GIFTI files, a
        ``nilearn.surface.SurfaceImage``.

    Raises
    ------
    UsageError
        When an argument cannot be used.
    DataError
        When an image cannot be used: another grid or mesh, damaged, not one map, thresholded, no statistic,
        nothing to test, or not a mask.

    References
    ----------
    Rosenblatt et al. (2018), NeuroImage 181:786. Chen, Goeman, Krebs, Meijer & Weeda (2023), for `tdp`.

    Examples
    --------
    >>> import nibabel as nib, numpy as np
    >>> data = np.random.default_rng(0).normal(size=(8, 8, 8))
    >>> data[2:5, 2:5, 2:5] += 8
    >>> tdp = cluster_tdp(nib.Nifti1Image(data, np.eye(4)), threshold=3)
    >>> round(float(tdp.get_fdata()[3, 3, 3]), 2)
    1.0
    >>> tdp = cluster_tdp(nib.Nifti1Image(data, np.eye(4)), tdp=0.9)
    >>> int((tdp.get_fdata() > 0).sum())
    30
    """
    if threshold is not None and tdp is not None:
        raise UsageError("Both threshold and tdp were given", "one of them")
    options = Options(
        threshold=3.0 if threshold is None else threshold,  # type: ignore[arg-type]
        tdp=() if tdp is None else (tdp,),
        alpha=alpha,
        alternative=(alternative,),
        connectivity=connectivity,
        method=(method,),
    )
    stack = load_map(
        z,
        mask,
        mask_threshold=mask_threshold,
        template=_space_of(z),
        surface=surface,
        map_name=map_name,
        given=Given(stat, dof),
    )
    for note in stack.notes:
        log.log(logging.INFO if stack.statistic and note in stack.statistic.notes else logging.WARNING, "%s", note)
    tested, (glm, _) = stack.space, statistics_of(stack)
    if glm.is_f_test and alternative == "less":
        raise UsageError("alternative is less, but the map is of an F test, which has no direction", "greater")
    alternative = "greater" if glm.is_f_test else alternative
    bound = infer_bound(method, glm, alternative, options).bound
    forest = grow(glm, bound, tested.adjacency(connectivity), alternative, options)
    if tdp is not None:
        clusters = forest.with_tdp(tdp)
    else:
        clusters = tuple(cluster for each in options.threshold for cluster in forest.at_threshold(each))
    proportion = highest_of(((cluster.points, cluster.tdp) for cluster in clusters), tested.n_points)
    return tested.image(proportion.astype(np.float32))


def _space_of(image: Any) -> SpaceName:
    """Return the standard space that the name of a file states; None for others, and for images in memory."""
    if not isinstance(image, str | Path):
        return None
    return StandardSpace.of(contrast_of_map(Path(image), "z").entities)


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
