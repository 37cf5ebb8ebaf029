"""From statistics of one map to its bound, its forest and its clusters, in each direction."""

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np

from bids_ari.analysis.methods import GroupData, infer_bound
from bids_ari.analysis.result import ContrastResult, extremeness, highest_of
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.errors import UsageError
from bids_ari.images.atlas import load_atlas
from bids_ari.images.quality import Quality
from bids_ari.images.regions import RegionSet, load_rois
from bids_ari.images.space import VolumeSpace
from bids_ari.images.stack import load_map
from bids_ari.stats import forest_kernels as kernels
from bids_ari.stats.bounds import Bound
from bids_ari.stats.diagnostics import SubjectDiagnostics
from bids_ari.stats.distributions import Alternative, FloatArray
from bids_ari.stats.forest import Adjacency, ClusterForest, grow_forest
from bids_ari.stats.glm import GlmResult

log = logging.getLogger(__name__)


def grow(
    glm: GlmResult, bound: Bound, neighbours: Adjacency, alternative: Alternative, options: Options
) -> ClusterForest:
    """Grow the forest of all clusters."""
    say_what_is_compiled()
    if alternative == "two-sided" and not options.join_signs:
        neighbours = neighbours.split(glm.z < 0)
    return grow_forest(extremeness(glm.z, alternative), neighbours, bound)


@cache
def say_what_is_compiled() -> None:
    """Log, once, when compiled code cannot be kept."""
    if kernels.uncached:
        log.info("compiled code cannot be kept on this machine (no cache folder): each process compiles anew")


def conclude(
    glm: GlmResult,
    mask: VolumeSpace,
    contrast: ContrastSet,
    options: Options,
    *,
    coverage: FloatArray,
    design: Design | None = None,
    n_constant: int = 0,
    folder: str = "group",
    notes: tuple[str, ...] = (),
    hashes: Mapping[str, str] | None = None,
    resampled: tuple[str, ...] = (),
    tau2: FloatArray | None = None,
    outlying: SubjectDiagnostics | None = None,
    quality: Quality | None = None,
    group: GroupData | None = None,
) -> tuple[ContrastResult, ...]:
    """Bound one test in each direction, by each method asked for; the arguments are fields of the results.

    An F test has one direction: a large statistic.

    Raises
    ------
    DataError
        When the atlas or a region does not fit the maps.
    """
    atlas, regions = _regions(mask, contrast, options)
    neighbours = mask.adjacency(options.connectivity)
    results = []
    alternatives: tuple[Alternative, ...] = options.alternative if glm.f is None else ("greater",)
    for alternative, method in product(alternatives, options.method):
        found = infer_bound(method, glm, alternative, options, group)
        forest = grow(glm, found.bound, neighbours, alternative, options)
        results.append(
            ContrastResult(
                contrast=contrast,
                options=options,
                alternative=alternative,
                design=design,
                space=mask,
                coverage=coverage,
                n_constant=n_constant,
                glm=glm,
                bound=found.bound,
                forest=forest,
                clusters={threshold: forest.at_threshold(threshold) for threshold in options.threshold},
                largest={gamma: forest.with_tdp(gamma) for gamma in options.tdp},
                regions=regions,
                atlas=atlas,
                folder=folder,
                notes=(*notes, *_joint_error(alternative, alternatives), *found.notes),
                hashes=hashes or {},
                resampled=resampled,
                tau2=tau2,
                outlying=outlying,
                quality=quality,
                calibrated=found.calibrated,
                template=found.template,
            )
        )
    return tuple(results)


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
) -> nib.Nifti1Image:
    """Give the proportion of truly active voxels, at least, in each cluster of any z map.

    Parameters
    ----------
    z : path or image
        z statistics, (x, y, z).
    mask : path or image, optional
        The voxels that were tested, NaN among them left out; without it those where `z` is not NaN and not the zero
        background.
    threshold : float or sequence of float, optional
        Cluster-forming threshold in z, 3 without `tdp`. Of several, each voxel gets the highest TDP.
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

    Returns
    -------
    image
        TDP in [0, 1] as float32 on the grid of `z`; 0 outside all clusters.

    Raises
    ------
    UsageError
        When an argument cannot be used.
    DataError
        When an image cannot be used: another grid, damaged, not 3-D, nothing to test.

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
    stack = load_map(z, mask)
    tested = stack.space
    (values,) = stack.effects[:, :]
    glm = GlmResult.of_z(values)
    bound = infer_bound(method, glm, alternative, options).bound
    forest = grow(glm, bound, tested.adjacency(connectivity), alternative, options)
    if tdp is not None:
        clusters = forest.with_tdp(tdp)
    else:
        clusters = tuple(cluster for each in options.threshold for cluster in forest.at_threshold(each))
    proportion = highest_of(((cluster.points, cluster.tdp) for cluster in clusters), tested.n_points)
    return tested.image(proportion.astype(np.float32))


def _joint_error(alternative: Alternative, alternatives: Sequence[Alternative]) -> tuple[str, ...]:
    """Say what testing both directions by themselves costs."""
    if alternative == "two-sided" or not {"greater", "less"} <= set(alternatives):
        return ()
    return (
        "greater and less were tested separately: each holds at level alpha, both together at twice that. To cover "
        "both directions at level alpha, test two-sided",
    )


def _regions(
    mask: VolumeSpace, contrast: ContrastSet, options: Options
) -> tuple[RegionSet | None, tuple[RegionSet, ...]]:
    """Give the parcels of the atlas asked for, and all sets of regions asked for."""
    parcels = None
    if options.atlas is not None:
        parcels = load_atlas(options.atlas, options.atlas_labels, contrast.entities.get("space"), mask)
    sets = [parcels] if parcels is not None else []
    if options.roi:
        sets.append(load_rois(options.roi, mask))
    return parcels, tuple(sets)
