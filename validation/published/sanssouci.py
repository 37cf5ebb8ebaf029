"""The vignette of the R package sanssouci on fMRI: left against right click, Welch's test, alpha .1, 48 regions."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pandas as pd
import rdata
from comparing import Row, compared, run

import bids_ari as ari

ALPHA = 0.1
SEEDS = range(20)

VOXELS = 48_900

REGIONS = {
    "all voxels": (VOXELS, 88, 321),
    "Precentral Gyrus": (6640, 79, 242),
    "Postcentral Gyrus": (5030, 69, 194),
    "Supramarginal Gyrus, anterior division": (2017, 0, 3),
}
"""Size, and true discoveries by Simes' inequality (ARI) and by calibrated critical values (Linear), of the regions of
the table; all others have none."""

MASK = "mask.nii.gz"

Regions = dict[str, npt.NDArray[np.bool_]]


def rows(folder: Path) -> Iterator[Row]:
    """Compare two analyses of ``ari.analyse`` with the tables of the vignette; the data are in `folder`."""
    maps = rdata.read_rda(folder / "fMRI_localizer.rda")["fMRI_localizer"]
    atlas = rdata.read_rda(folder / "brainAtlas.rda")["brainAtlas"]
    regions = {"all voxels": np.ones(VOXELS, dtype=bool)}
    regions |= dict(zip(atlas.coords["dim_0"].to_numpy(), atlas.to_numpy() > 0, strict=True))
    with TemporaryDirectory() as dataset:
        _save(maps.to_numpy(), maps.coords["dim_1"].to_numpy(), Path(dataset))
        yield from _by_simes(_analysed(dataset, variance="unequal"), regions)
        calibrated = {"method": "permutation", "family": "simes", "n_permutations": 200}
        yield from _by_permutation([_analysed(dataset, **calibrated, random_seed=seed) for seed in SEEDS], regions)


def _save(values: npt.NDArray[np.float64], clicks: npt.NDArray[np.str_], dataset: Path) -> None:
    """Write the maps as a BIDS dataset, and a mask; where the voxels are does not matter here."""
    name = "sub-{0}_contrast-click_stat-effect_statmap.nii.gz"
    subjects = [f"{number:02}" for number in range(1, len(clicks) + 1)]
    for subject, column in zip(subjects, values.T, strict=True):
        (dataset / f"sub-{subject}").mkdir()
        _image(column, border=1.0).to_filename(dataset / f"sub-{subject}" / name.format(subject))
    _image(np.ones(VOXELS), border=0.0).to_filename(dataset / MASK)
    table = pd.DataFrame({"participant_id": [f"sub-{subject}" for subject in subjects], "click": clicks})
    table.to_csv(dataset / "participants.tsv", sep="\t", index=False)


def _image(values: npt.NDArray[np.float64], border: float) -> nib.Nifti1Image:
    """Return a volume of the voxels with a border, as zeros at the edge of a volume would be taken for background."""
    return nib.Nifti1Image(np.pad(values.reshape(30, 163, 10), 1, constant_values=border), np.diag([3.0, 3, 3, 1]))


def _analysed(dataset: str, **options: Any) -> ari.ContrastResult:
    """Compare the groups."""
    path = Path(dataset)
    model = {"formula": "1 + C(click)", "test": "right=click[T.right]", "alternative": "two-sided", "alpha": ALPHA}
    (contrast,) = ari.discover(path)
    (result,) = ari.analyse(
        contrast, ari.Options(mask=path / MASK, **model, **options), None, path / "participants.tsv"
    )
    return result


def _by_simes(result: ari.ContrastResult, regions: Regions) -> Iterator[Row]:
    """Compare bounds without closed testing, which must be equal, and with it, which are as high or higher."""
    where = "Simes/ARI"
    for name, (size, tdn, _) in REGIONS.items():
        inside = regions[name]
        yield compared(where, f"{name}: voxels", size, int(inside.sum()))
        yield compared(where, f"{name}: TDN without closed testing", tdn, _single_step(result.p, inside))
        closed = result.bound.tdn(np.flatnonzero(inside))
        yield Row(where, f"{name}: TDN", f"at least {tdn}", f"{closed}", "yes" if closed >= tdn else "no")
    others = [_single_step(result.p, inside) for name, inside in regions.items() if name not in REGIONS]
    yield compared(where, f"largest TDN of the {len(others)} other regions", 0, max(others, default=0))


def _single_step(p: npt.NDArray[np.float64], inside: npt.NDArray[np.bool_]) -> int:
    """Return the bound of the vignette: of critical values alpha k / m, the best #{p <= alpha k / m} - k + 1."""
    k = np.arange(1, inside.sum() + 1)
    below = np.searchsorted(np.sort(p[inside]), ALPHA * k / len(p), side="right")
    return max(0, int((below - k + 1).max()))


def _by_permutation(results: list[ari.ContrastResult], regions: Regions) -> Iterator[Row]:
    """Compare with the range over seeds: the permutations of R are others."""
    for name, (_, _, tdn) in REGIONS.items():
        inside = np.flatnonzero(regions[name])
        found = [result.bound.tdn(inside) for result in results]
        low, high = min(found), max(found)
        agrees = "within the range" if low <= tdn <= high else "no"
        yield Row("Linear, B = 200", f"{name}: TDN", f"{tdn}", f"{np.median(found):g} ({low} to {high})", agrees)


if __name__ == "__main__":
    run(__file__, __doc__, rows)
