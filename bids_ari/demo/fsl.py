"""Practice data of FSL: the simulated maps of the demo in the folders of FEAT, of runs, subjects and the group."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from bids_ari.demo.dataset import practice_folder
from bids_ari.demo.volumes import NOISE_SD, RESPONSE_SD, SEED, WHITE, subject_maps, true_effect
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.outputs.derivatives import Derivatives

SUBJECTS = tuple(f"{i:02d}" for i in range(1, 11))
CONTRASTS = ("left>right", "right>left")
RUNS = (1, 2)
VOXEL, STRENGTH = 6, 2.0
"""Voxel size in mm, and the effect relative to that of the demo, so that fewer subjects and voxels show it."""
THRESHOLD = 2.3

_ESTIMATE, _Z = 1001, 5  # NIfTI intents
_DESIGN = "".join(f"/ContrastName{i}\t{name}\n" for i, name in enumerate(CONTRASTS, 1)) + (
    "/NumWaves\t2\n/NumContrasts\t2\n/PPheights\t1 1\n/RequiredEffect\t1 1\n\n/Matrix\n1 -1\n-1 1\n"
)


def write(folder: Path) -> None:
    """Write two runs of each subject, their fixed effects and a group analysis, the same bytes each time."""
    out = practice_folder(folder, "Practice data in FEAT's names")
    mask, effect = true_effect(VOXEL)
    rng = np.random.default_rng(SEED)
    responses = rng.normal(1, RESPONSE_SD, len(SUBJECTS))
    simulated = [list(subject_maps(mask, STRENGTH * effect, responses, rng)) for _ in RUNS]
    means = []
    variance = NOISE_SD**2 * (1 + WHITE**2) * mask.inside
    for i, subject in enumerate(SUBJECTS):
        for run, volumes in zip(RUNS, simulated, strict=True):
            _write_run(out, f"level1/sub-{subject}_run-{run}.feat", mask, volumes[i], variance, shift=i)
        mean = np.mean([volumes[i] for volumes in simulated], axis=0)
        for number, sign in enumerate((1, -1), 1):
            place = f"level2/sub-{subject}.gfeat/cope{number}.feat"
            maps = {"cope1": sign * mean, "varcope1": variance / len(RUNS), "tdof_t1": 110 * mask.inside}
            _write(out, place, mask, maps)
        means.append(mean)
    z = _z_of_group(np.array(means), mask)
    group = "group/left_right.gfeat/cope1.feat"
    _write(out, group, mask, {"zstat1": z})
    out.image(f"{group}/thresh_zstat1.nii.gz", _image(mask.grid, np.where(z > THRESHOLD, z, 0), _Z))


def _write_run(
    out: Derivatives,
    place: str,
    mask: VolumeSpace,
    values: npt.NDArray[Any],
    variance: npt.NDArray[Any],
    *,
    shift: int,
) -> None:
    """Write the first level of a run: its maps in the space of its images, and those that FEAT resampled."""
    affine = mask.grid.affine.copy()
    affine[:3, 3] += shift  # where the head lay in the scanner
    native = VolumeSpace(Grid(mask.grid.shape, affine, codes=(1, 1)), mask.inside)
    for folder, where in ((place, native), (f"{place}/reg_standard", mask)):
        for number, sign in enumerate((1, -1), 1):
            _write(out, folder, where, {f"cope{number}": sign * values, f"varcope{number}": variance})
    out.text(f"{place}/design.con", _DESIGN)


def _write(out: Derivatives, place: str, mask: VolumeSpace, maps: dict[str, npt.NDArray[Any]]) -> None:
    """Write maps below ``stats``, 0 outside the mask, and the mask."""
    for name, values in maps.items():
        out.image(f"{place}/stats/{name}.nii.gz", _image(mask.grid, values, _Z if "zstat" in name else _ESTIMATE))
    out.image(f"{place}/mask.nii.gz", _image(mask.grid, mask.inside, 0))


def _z_of_group(means: npt.NDArray[Any], mask: VolumeSpace) -> npt.NDArray[Any]:
    """Return the z of the mean over subjects, by ordinary least squares."""
    n = len(means)
    spread = means.std(axis=0, ddof=1) / np.sqrt(n)
    t = np.divide(means.mean(axis=0), spread, out=np.zeros(means.shape[1:]), where=mask.inside)
    return np.where(mask.inside, stats.norm.isf(stats.t.sf(t, n - 1)), 0)


def _image(grid: Grid, values: npt.NDArray[Any], intent: int) -> Any:
    """Return an image as FSL writes it: single precision, with an intent and the version as its description."""
    image = grid.image(np.asarray(values, np.float32))
    image.header["descrip"] = "6.0.7"
    image.header["intent_code"] = intent
    return image
