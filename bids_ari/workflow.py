"""The story, top to bottom: find the contrasts, analyse each, write what was found."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from bids_ari import outputs, report
from bids_ari.bids.dataset import open_dataset
from bids_ari.bids.derivatives import Derivatives
from bids_ari.bids.discover import ContrastSet, Discovery, discover
from bids_ari.design import one_sample_design
from bids_ari.errors import DataError, EmptyMaskError, InputNotFoundError, listing
from bids_ari.images import (
    Mask,
    group_mask,
    load_mask,
    load_stack,
    load_volume,
    looks_unmasked,
    missing,
)
from bids_ari.results import ContrastResult, Failure, RunSummary, extremeness
from bids_ari.settings import Options, Settings
from bids_ari.stats import kernels
from bids_ari.stats.bounds import Bound
from bids_ari.stats.forest import ClusterForest, GridAdjacency, grow_forest
from bids_ari.stats.glm import fit_glm
from bids_ari.stats.hommel import LocalTest, hommel_bound
from bids_ari.stats.tails import Alternative, FloatArray, p_from_z

log = logging.getLogger(__name__)


def run(settings: Settings) -> RunSummary:
    """Test every contrast found in a dataset and write what was found.

    Parameters
    ----------
    settings : Settings
        Where and what.

    Returns
    -------
    RunSummary
        The results, and the contrasts whose data do not fit, which spare the others.

    Raises
    ------
    BidsAriError
        When nothing can be analysed, or the output cannot be written.
    """
    mask = settings.options.mask
    if mask is not None and not mask.exists():
        raise InputNotFoundError(f"There is no mask {mask}", "an image file")
    dataset = open_dataset(settings.dataset_dir, settings.derivatives, leave_out=[settings.output_dir])
    contrasts = discover(dataset, **settings.filters)
    _say_what_was_found(contrasts)
    results: list[ContrastResult] = []
    failures: list[Failure] = []
    with Derivatives(settings.output_dir, dataset.roots) as out:
        for contrast in contrasts:
            try:
                found = analyse(contrast, settings.options)
            except DataError as error:  # one bad contrast spares the rest
                log.error("%s: %s", contrast.name, error)
                failures.append(Failure(contrast, error))
                continue
            written = outputs.write(found, out) + report.write(found, out)
            out.record(contrast.name, written, [outputs.summary(result) for result in found])
            results.extend(found)
        if results:
            report.write_index(out, failures)
            out.describe()
    return RunSummary(tuple(results), tuple(failures))


def analyse(contrast: ContrastSet, options: Options | None = None) -> tuple[ContrastResult, ...]:
    """Go from one set of subject maps to true discovery proportions.

    Parameters
    ----------
    contrast : ContrastSet
        The maps, from `discover`.
    options : Options, optional
        What is asked.

    Returns
    -------
    tuple of ContrastResult
        One per test and alternative.

    Raises
    ------
    DataError
        When the maps do not fit: several of one subject, fewer than two, different grids, damaged files, or no
        voxel left to test.
    """
    options = options or Options()
    contrast.check()
    design = one_sample_design(contrast.subjects)
    stack = load_stack(contrast.paths, contrast.subjects)
    given = load_mask(options.mask, stack.grid) if options.mask else None
    mask = group_mask(stack, given, options.coverage)  # from the unsmoothed maps
    effects = stack.within(mask, options.smoothing)
    notes = contrast.notes + tuple(_notes(mask, options))
    results = []
    for glm in fit_glm(effects, design.matrix, design.tests):
        tested = np.isfinite(glm.t)
        n_constant = int((~tested).sum())
        if n_constant:
            notes += (f"{n_constant} voxels do not vary between subjects and were not tested",)
        if not tested.any():
            raise EmptyMaskError(
                f"None of the {mask.n_voxels} voxels of {contrast.name} varies between subjects",
                hint="Check that these are maps of different subjects",
            )
        tested_mask, tested_glm = mask.keep(tested), glm.at(tested)
        adjacency = tested_mask.adjacency(options.connectivity)
        for alternative in options.alternatives:
            bound, forest = infer(tested_glm.z, tested_glm.p(alternative), adjacency, alternative, options)
            clusters = {threshold: forest.at_threshold(threshold) for threshold in options.thresholds}
            results.append(
                ContrastResult(
                    contrast=contrast,
                    options=options,
                    alternative=alternative,
                    design=design,
                    mask=tested_mask,
                    coverage=stack.coverage,
                    n_constant=n_constant,
                    glm=tested_glm,
                    bound=bound,
                    forest=forest,
                    clusters=clusters,
                    notes=notes,
                )
            )
    for note in notes:
        log.warning("%s: %s", contrast.name, note)
    for result in results:
        log.info("%s", headline(result))
    return tuple(results)


def infer(
    z: FloatArray, p: FloatArray, adjacency: GridAdjacency, alternative: Alternative, options: Options
) -> tuple[Bound, ClusterForest]:
    """Go from one z and one p per voxel, each (n_voxels,), to the bound and the forest of all clusters."""
    bound = hommel_bound(p, options.alpha, options.method)
    if alternative == "two-sided" and not options.join_signs:
        adjacency = adjacency.split(z < 0)
    return bound, grow_forest(extremeness(z, alternative), adjacency, bound)


def cluster_tdp(
    z: str | Path | nib.Nifti1Image,
    mask: str | Path | nib.Nifti1Image | None = None,
    *,
    threshold: float | Sequence[float] = 3.0,
    alpha: float = 0.05,
    alternative: Alternative = "greater",
    connectivity: int = 18,
    method: LocalTest = "simes",
) -> nib.Nifti1Image:
    """Give the proportion of truly active voxels, at least, in each cluster of any z map.

    Parameters
    ----------
    z : path or image
        z statistics, (x, y, z).
    mask : path or image, optional
        The voxels that were tested; without it those where `z` is finite and not the zero background.
    threshold : float or sequence of float
        Cluster-forming threshold in z. Of several, each voxel gets the highest TDP.
    alpha : float
        Error level in (0, 1): with probability at least 1 - `alpha` all proportions hold at once.
    alternative : {'greater', 'less', 'two-sided'}
        The direction of the test.
    connectivity : {6, 18, 26}
        Voxels of a cluster share a face, also an edge, or also a corner.
    method : {'simes', 'hommel'}
        The local test of closed testing.

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
    Rosenblatt et al. (2018), NeuroImage 181:786.

    Examples
    --------
    >>> import nibabel as nib, numpy as np
    >>> data = np.random.default_rng(0).normal(size=(8, 8, 8))
    >>> data[2:5, 2:5, 2:5] += 8
    >>> tdp = cluster_tdp(nib.Nifti1Image(data, np.eye(4)), threshold=3)
    >>> round(float(tdp.get_fdata()[3, 3, 3]), 2)
    1.0
    """
    thresholds = tuple(threshold) if isinstance(threshold, Sequence) else (threshold,)
    options = Options(
        thresholds=thresholds,
        alpha=alpha,
        alternatives=(alternative,),
        connectivity=connectivity,
        method=method,
    )
    volume, grid = load_volume(z)
    tested = Mask(grid, ~missing(volume)) if mask is None else load_mask(mask, grid)
    tested = tested.keep(np.isfinite(volume[tested.inside]))
    if tested.n_voxels == 0:
        raise EmptyMaskError("The z map has no value" + (" inside the mask" if mask is not None else ""))
    values = volume[tested.inside]
    p = p_from_z(values, alternative)
    _, forest = infer(values, p, tested.adjacency(connectivity), alternative, options)
    tdp = np.zeros(tested.n_voxels, dtype=np.float32)
    for cluster in (cluster for each in options.thresholds for cluster in forest.at_threshold(each)):
        tdp[cluster.voxels] = np.maximum(tdp[cluster.voxels], np.float32(cluster.tdp))
    return grid.image(tested.volume(tdp))


def headline(result: ContrastResult) -> str:
    """Say in one line what was found."""
    sizes = ", ".join(f"{len(found)} above z = {z:g}" for z, found in result.clusters.items())
    return (
        f"{result.contrast.name} ({result.test}, {result.alternative}): {len(result.contrast.members)} subjects, "
        f"at least {result.bound.whole} of {result.mask.n_voxels} voxels active; clusters: {sizes}"
    )


def _notes(mask: Mask, options: Options) -> Iterator[str]:
    """Say what the reader of a result should know about how it came about."""
    if options.mask is None and looks_unmasked(mask):
        fills = mask.n_voxels / mask.inside.size
        yield (
            f"The tested voxels fill {fills:.0%} of the volume: the maps are probably not brain-masked, and testing "
            "voxels outside the brain weakens every bound. Give a brain mask with --mask"
        )
    if set(options.alternatives) >= {"greater", "less"}:
        yield (
            "greater and less were tested separately: each holds at level alpha, both together at twice that. "
            "To cover both directions at level alpha, test two-sided"
        )


def _say_what_was_found(contrasts: Discovery) -> None:
    """Log what will be analysed and how much is left out."""
    log.info("%d contrasts: %s", len(contrasts), listing(contrast.name for contrast in contrasts))
    left_out = [*contrasts.left_out, *(entry for contrast in contrasts for entry in contrast.left_out)]
    for reason, n in Counter(entry.reason for entry in left_out).most_common():
        log.info("left out: %d, %s", n, reason)
    if kernels.uncached:
        log.info("compiled code cannot be kept on this machine (no cache folder): each run compiles anew")
