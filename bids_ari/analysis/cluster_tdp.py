"""The TDP of clusters of one map, as a function from image to image."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from bids_ari.analysis.inference import grow, statistics_of
from bids_ari.analysis.methods import infer_bound
from bids_ari.analysis.values import highest_of
from bids_ari.bids.single_map import contrast_of_map
from bids_ari.bids.spaces import StandardSpace
from bids_ari.config.options import Options
from bids_ari.errors import UsageError
from bids_ari.images.single import load_map
from bids_ari.images.statistic import Given, Kind
from bids_ari.images.templates import SpaceName
from bids_ari.stats.choices import Alternative

log = logging.getLogger(__name__)


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
