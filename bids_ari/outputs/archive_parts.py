"""Parts of an archive: how subjects differ, and how draws were calibrated; see `bids_ari.outputs.archive`."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from bids_ari.analysis.calibrated import Calibrated, Exactness
from bids_ari.images.quality import Quality
from bids_ari.outputs.codec import Array, FileReader, require
from bids_ari.stats.critical_vectors import FamilyName
from bids_ari.stats.diagnostics import SubjectDiagnostics
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.resampling import Scheme


@dataclass(frozen=True, slots=True)
class AboutCalibration:
    """How draws were made, without their lambdas."""

    family: FamilyName
    delta: int
    lambda_: float
    n_left_out: int
    n_steps: int
    shuffle: Scheme
    blocks: str
    exactness: Exactness
    is_complete: bool
    seed: int
    template: str


def outlying_arrays(outlying: SubjectDiagnostics | None) -> dict[str, Array]:
    """Give the arrays that tell how subjects differ."""
    if outlying is None:
        return {}
    influence = np.array(list(outlying.influence.values()))
    told = {name: getattr(outlying, name) for name in ("correlation", "residual", "mean", "sd")}
    return {**told, "influence": influence}


def read_outlying(arrays: FileReader, n: int, tests: Sequence[str]) -> SubjectDiagnostics:
    """Read how n subjects differ."""
    correlation, residual, mean, sd = (arrays.read(name, n) for name in ("correlation", "residual", "mean", "sd"))
    influence = arrays.read("influence", len(tests), n)
    require(not (np.abs(correlation) > 1).any(), "the array correlation holds no correlations")
    require(not (residual < 0).any() and (influence >= 0).all(), "the size of residual or influence is below 0")
    require(not np.isinf(mean).any() and not (np.isinf(sd) | (sd < 0)).any(), "mean or sd of a map cannot be")
    return SubjectDiagnostics(correlation, residual, dict(zip(tests, influence, strict=True)), mean, sd)


def quality_arrays(quality: Quality | None) -> dict[str, Array]:
    """Give the arrays that tell how the maps of subjects look."""
    if quality is None:
        return {}
    return {name: getattr(quality, name) for name in ("lacking", "lost", "overlap", "thumbnails", "step")}


def read_quality(arrays: FileReader, n: int, reference: int) -> Quality:
    """Read how the maps of n subjects look."""
    lacking, lost, overlap, step = (arrays.read(name, n) for name in ("lacking", "lost", "overlap", "step"))
    thumbnails = arrays.read("thumbnails", n, None, None)
    require(min(lacking.min(), lost.min()) >= 0 and lacking.max() <= reference, "a number of voxels cannot be")
    require(((overlap >= 0) & (overlap <= 1)).all(), "the array overlap holds no fractions")
    require(np.isfinite(step).all() and step.min() >= 0, "the array step holds no sizes")
    return Quality(reference, lacking, lost, overlap, thumbnails, step)


def calibration_arrays(calibrated: Calibrated | None) -> dict[str, Array]:
    """Give the arrays of a calibration."""
    return {} if calibrated is None else {"lambdas": calibrated.lambdas, "critical": calibrated.learned}


def about_calibration(calibrated: Calibrated | None) -> AboutCalibration | None:
    """Give of a calibration what is no array."""
    if calibrated is None:
        return None
    return AboutCalibration(**{each.name: getattr(calibrated, each.name) for each in fields(AboutCalibration)})


def read_calibration(arrays: FileReader, about: AboutCalibration | None, m: int, alpha: float) -> Calibrated | None:
    """Read a calibration of m voxels, if there is one."""
    if about is None:
        return None
    lambdas, critical = arrays.read("lambdas", None), arrays.read("critical", None)
    require(lambdas.size > 0 and _are_levels(lambdas), "the array lambdas holds no values of lambda")
    require(about.lambda_ in lambdas, f"lambda is {about.lambda_}, which no draw has")
    require(0 <= about.delta < m, f"delta is {about.delta} of {m} voxels")
    require(0 <= about.n_left_out <= m and about.n_steps > 0, "the steps of step-down cannot be")
    require((critical.size > 0) == (about.family == "learned"), f"the family {about.family} lacks its vector")
    require(
        critical.size <= m and _are_levels(critical) and critical.max(initial=0) <= 1, "the critical vector is none"
    )
    require((np.diff(critical) >= 0).all(), "the critical vector falls")
    return Calibrated(
        **{each.name: getattr(about, each.name) for each in fields(AboutCalibration)},
        lambdas=lambdas,
        n_points=m,
        alpha=alpha,
        learned=critical,
    )


def _are_levels(values: FloatArray) -> bool:
    """Say whether values are 0 or more, infinity among them; no NaN."""
    return not bool((np.isnan(values) | (values < 0)).any())
