"""The datasets of the demo with their group analyses."""

from pathlib import Path
from typing import Literal, NamedTuple

from bids_ari.analysis.result import ContrastResult
from bids_ari.config.options import Options
from bids_ari.config.settings import Settings
from bids_ari.demo import localizer, surfaces, volumes
from bids_ari.runtime.progress import step
from bids_ari.workflow import run

FWHM = 8.0
"""Smoothing in mm, as in nilearn's tutorial on true positives in clusters."""


class Demo(NamedTuple):
    """A dataset and its results."""

    dataset: Path
    results: Path
    result: ContrastResult
    n_active: int | None  # in truth, where it is known


def analyse(folder: Path, kind: Literal["volumes", "surfaces", "localizer"]) -> Demo:
    """Write a dataset to ``dataset`` in a folder, and its analysis to ``results``.

    Raises
    ------
    BidsAriError
        When the dataset cannot be written or downloaded, or the analysis fails.
    """
    dataset, results = folder / "dataset", folder / "results"
    mask: Path | None = None
    with step("downloading maps" if kind == "localizer" else "simulating subjects"):
        if kind == "localizer":
            localizer.write_localizer(dataset)
        elif kind == "surfaces":
            surfaces.write_surfaces(dataset)
        else:
            volumes.write_simulated(dataset)
            mask = dataset / volumes.SIMULATED.path("mask", ".nii.gz", desc="brain")
    summary = run(Settings(dataset, results, options=Options(mask=mask, smoothing=FWHM)))
    for failure in summary.failures:
        raise failure.error
    result = summary.results[0]
    count = {"surfaces": surfaces.n_active, "volumes": volumes.n_active}.get(kind)
    return Demo(dataset, results, result, count(dataset, result.space) if count else None)
