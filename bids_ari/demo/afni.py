"""Practice data of AFNI: the simulated maps of the demo in the folders of afni_proc.py, and a group analysis.

The format is that of AFNI's own files: a text, ``.HEAD``, with attributes, and the values, ``.BRIK``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_ari.demo.dataset import practice_folder
from bids_ari.demo.volumes import NOISE_SD, RESPONSE_SD, SEED, WHITE, subject_maps, true_effect
from bids_ari.images.volume import Grid
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.stats.distributions import FloatArray

SUBJECTS = tuple(f"{i:02d}" for i in range(1, 11))
VOXEL, STRENGTH = 6, 2.0
"""Voxel size in mm, and the effect relative to that of the demo, so that fewer subjects and voxels show it."""
DOF = 140
"""Residual degrees of freedom of the runs of a subject."""

OUTSIDE_SD = 0.2
"""Standard deviation of effects outside the brain, where afni_proc.py fits the model as well."""

_T, _F = 3, 4  # codes of AFNI, as those of NIfTI
_SHORT, _FLOAT = 1, 3  # types of values
_LARGEST = 32767
_AXES = ((0, 1), (3, 2), (4, 5))
"""Codes of axes towards left, behind and above, and of those the other way."""


@dataclass(frozen=True, slots=True)
class Brick:
    """A volume of a dataset, with its label, and what its statistic is."""

    label: str
    values: npt.NDArray[Any]
    code: int = 0
    parameters: tuple[int, ...] = ()


def write(folder: Path) -> None:
    """Write ``sub-*.results`` with the statistics of each subject, and ``group``, the same bytes each time."""
    out = practice_folder(folder, "Practice data in AFNI's names")
    mask, effect = true_effect(VOXEL)
    rng = np.random.default_rng(SEED)
    responses = rng.normal(1, RESPONSE_SD, len(SUBJECTS))
    differences = list(subject_maps(mask, STRENGTH * effect, responses, rng))
    sums = list(subject_maps(mask, STRENGTH * np.abs(effect), responses, rng))
    for subject, difference, both in zip(SUBJECTS, differences, sums, strict=True):
        effects: dict[str, FloatArray] = {"left": (both + difference) / 2, "right": (both - difference) / 2}
        for name, values in effects.items():
            effects[name] = np.where(mask.inside, values, rng.normal(0, OUTSIDE_SD, values.shape))
        effects["left-right_GLT"] = effects["left"] - effects["right"]
        name = f"sub-{subject}.results/stats.sub-{subject}+tlrc"
        write_dataset(out, name, mask.grid, _bricks(effects), is_short=True)
    mean, spread = np.mean(differences, axis=0), np.std(differences, axis=0, ddof=1)
    n = len(differences)
    t = np.divide(mean * np.sqrt(n), spread, out=np.zeros_like(mean), where=mask.inside)
    group = [Brick("SetA_mean", mean), Brick("SetA_Tstat", t, _T, (n - 1,))]
    write_dataset(out, "group/ttest+tlrc", mask.grid, group)
    write_dataset(out, "group/mask_group+tlrc", mask.grid, [Brick("#0", mask.inside)], is_short=True)


def _bricks(effects: Mapping[str, FloatArray]) -> Sequence[Brick]:
    """Return the volumes of a bucket of 3dDeconvolve with -fout and -tout: of each effect, in percent, its t and F."""
    sd = NOISE_SD * np.sqrt(1 + WHITE**2)
    spread = {name: sd if name.endswith("_GLT") else sd / np.sqrt(2) for name in effects}
    both = (effects["left"] ** 2 + effects["right"] ** 2) / sd**2
    found = [Brick("Full_Fstat", both, _F, (2, DOF))]
    for name, values in effects.items():
        t = values / spread[name]
        found += [Brick(f"{name}#0_Coef", values), Brick(f"{name}#0_Tstat", t, _T, (DOF,))]
        found.append(Brick(f"{name}_Fstat", t**2, _F, (1, DOF)))
    return found


def write_dataset(out: Derivatives, name: str, grid: Grid, bricks: Sequence[Brick], *, is_short: bool = False) -> None:
    """Write a dataset in standard space: values in single precision, or as whole numbers with a factor each."""
    largest = [float(np.abs(brick.values).max()) for brick in bricks]
    factors = [most / _LARGEST if is_short and most > 1 else 0.0 for most in largest]
    stored = [
        np.rint(brick.values / (factor or 1)).astype("<i2") if is_short else brick.values.astype("<f4")
        for brick, factor in zip(bricks, factors, strict=True)
    ]
    out.binary(f"{name}.BRIK", b"".join(values.tobytes(order="F") for values in stored))
    attributes = _attributes(grid, bricks, _SHORT if is_short else _FLOAT, factors)
    out.text(f"{name}.HEAD", "\n".join(_attribute(key, value) for key, value in attributes.items()))


def _attributes(grid: Grid, bricks: Sequence[Brick], kind: int, factors: Sequence[float]) -> dict[str, Any]:
    """Return the attributes of a dataset; coordinates are positive towards left, behind and above."""
    place = np.diag([-1.0, -1.0, 1.0]) @ grid.affine[:3]
    orientation = [codes[int(step < 0)] for codes, step in zip(_AXES, np.diag(place), strict=True)]
    statistics = [
        [i, brick.code, len(brick.parameters), *brick.parameters] for i, brick in enumerate(bricks) if brick.code
    ]
    return {
        "DATASET_RANK": [3, len(bricks), 0, 0, 0, 0, 0, 0],
        "DATASET_DIMENSIONS": [*grid.shape, 0, 0],
        "TYPESTRING": "3DIM_HEAD_FUNC",
        "SCENE_DATA": [2, 11, 1, -999, -999, -999, -999, -999],
        "ORIENT_SPECIFIC": orientation,
        "ORIGIN": [float(value) for value in place[:, 3]],
        "DELTA": [float(value) for value in np.diag(place)],
        "IJK_TO_DICOM_REAL": [float(value) for value in place.ravel()],
        "TEMPLATE_SPACE": "MNI",
        "BYTEORDER_STRING": "LSB_FIRST",
        "BRICK_TYPES": [kind] * len(bricks),
        "BRICK_FLOAT_FACS": [float(factor) for factor in factors],
        "BRICK_LABS": "~".join(brick.label for brick in bricks),
        **({"BRICK_STATAUX": [float(number) for each in statistics for number in each]} if statistics else {}),
        "HISTORY_NOTE": "simulated by bids-ari-demo",
    }


def _attribute(name: str, value: str | Sequence[float]) -> str:
    """Return the text of an attribute: a text, or numbers, five a line."""
    if isinstance(value, str):
        return f"\ntype = string-attribute\nname = {name}\ncount = {len(value) + 1}\n'{value}~\n"
    kind = "integer" if all(isinstance(number, int) for number in value) else "float"
    numbers = [f"{number:.9g}" for number in value]
    lines = "".join(f" {' '.join(numbers[i : i + 5])}\n" for i in range(0, len(numbers), 5))
    return f"\ntype = {kind}-attribute\nname = {name}\ncount = {len(numbers)}\n{lines}"
