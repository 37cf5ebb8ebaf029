"""Tiny derivative datasets of first-level maps: named, placed and filled as first-level programs do."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from bids_ari.bids.dataset import StatMap
from bids_ari.bids.entities import Entities
from bids_ari.bids.subject_map import SubjectMap

Floats = npt.NDArray[np.float64]

SHAPE = (10, 11, 12)
BLOB = (slice(3, 6), slice(4, 7), slice(5, 8))
"""Where the subjects of a group have signal: 27 voxels."""

AFFINE = np.array([[-3.0, 0, 0, 15], [0, 3, 0, -16], [0, 0, 3.5, -20], [0, 0, 0, 1]])
"""First axis from right to left, as many scanners write; voxels of 3 x 3 x 3.5 mm = 31.5 mm3."""


def brain(rng: np.random.Generator, signal: float = 0.0, shape: tuple[int, int, int] = SHAPE) -> Floats:
    """A map of unit noise, with signal in the blob and exact zero in the outermost layer of voxels."""
    data = rng.normal(size=shape)
    data[BLOB] += signal
    inner = np.zeros(shape, dtype=bool)
    inner[1:-1, 1:-1, 1:-1] = True
    return np.where(inner, data, 0.0)


def image(data: npt.ArrayLike, affine: Floats = AFFINE, dtype: npt.DTypeLike = np.float32) -> nib.Nifti1Image:
    """An image whose sform says MNI (code 4)."""
    made = nib.Nifti1Image(np.asarray(data, dtype=dtype), affine)
    made.set_sform(affine, code=4)
    return made


def map_path(
    root: Path,
    subject: str | None,
    *,
    contrast: str | None = "faces",
    stat: str | None = "effect",
    task: str | None = "emo",
    space: str | None = "MNI152NLin2009cAsym",
    session: str | None = None,
    run: str | None = None,
    node: str | None = None,
    extension: str = ".nii.gz",
    folder: str = "func",
    **more: str,
) -> Path:
    """Where a statmap lies: below its subject, or as FitLins has it where there is a node. None: not in the name.

    `more` entities stand before the contrast.
    """
    named = {"sub": subject, "ses": session, "task": task, "run": run, "space": space, **more}
    named |= {"contrast": contrast, "stat": stat}
    name = "_".join(f"{key}-{label}" for key, label in named.items() if label is not None)
    above = [f"node-{node}" if node else "", f"sub-{subject}" if subject else "", f"ses-{session}" if session else ""]
    return root.joinpath(*above, "" if node else folder, f"{name}_statmap{extension}")


def write_map(
    root: Path,
    subject: str | None,
    data: npt.ArrayLike,
    *,
    affine: Floats = AFFINE,
    dtype: npt.DTypeLike = np.float32,
    **names: Any,
) -> Path:
    """Write the map of one subject; `names` are those of `map_path`."""
    path = map_path(root, subject, **names)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image(data, affine, dtype), path)
    return path


def write_group(
    root: Path, n_subjects: int, rng: np.random.Generator, *, signal: float = 3.0, **names: Any
) -> list[Path]:
    """Write one map for each of sub-01, sub-02, ...; `names` are those of `map_path`."""
    labels = [f"{i:02d}" for i in range(1, n_subjects + 1)]
    return [write_map(root, label, brain(rng, signal), **names) for label in labels]


def saved(path: Path, data: npt.ArrayLike, affine: Floats = AFFINE) -> Path:
    """Save an array as an image; return its path."""
    nib.save(image(data, affine), path)
    return path


def subject_map(
    subject: str, *paths: Path, variances: Sequence[Path] = (), minus: SubjectMap | None = None
) -> SubjectMap:
    """The map of a subject in some files, whatever their names."""
    files, weights = (
        tuple(StatMap(str(path), path.name, path.parent.name, Entities.of({}), path.suffix) for path in each)
        for each in (paths, variances)
    )
    return minus_map(SubjectMap(subject, files, weights), minus)


def minus_map(one: SubjectMap, other: SubjectMap | None) -> SubjectMap:
    """The difference of two maps of a subject; the first one where there is no other."""
    return one if other is None else replace(one, others=(replace(other, weight=-1.0),))


def one_each(paths: Sequence[Path]) -> list[SubjectMap]:
    """One map for each of sub-00, sub-01, ..."""
    return [subject_map(f"{i:02d}", path) for i, path in enumerate(paths)]


def touch_maps(root: Path, *subjects: str | None, **names: Any) -> list[Path]:
    """Make empty files where the maps of some subjects would be: enough for all that looks only at names."""
    paths = [map_path(root, subject, **names) for subject in subjects]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


def describe(root: Path, **fields: Any) -> Path:
    """Write the dataset_description.json of a derivative dataset."""
    root.mkdir(parents=True, exist_ok=True)
    path = root / "dataset_description.json"
    about = {"Name": "first level", "BIDSVersion": "1.8.0", "DatasetType": "derivative", **fields}
    path.write_text(json.dumps(about))
    return path


def results_in(out: Path) -> set[str]:
    """The names of all files in an output folder but logs and what describes the dataset as a whole.

    A run that fails leaves its log, for machines, and an index that tells of the failure; anything else that it
    leaves, hidden files too, is half-written.
    """
    whole = {"dataset_description.json", "README.md", ".bidsignore", "layout_config.json", "index.html"}
    whole |= {"descriptions.tsv", "descriptions.json", "ro-crate-metadata.json"}
    files = (path.relative_to(out) for path in out.rglob("*") if path.is_file())
    return {str(path) for path in files if path.parts[0] != "logs" and str(path) not in whole}


def without_times(page: bytes) -> bytes:
    """Return a page without the time at which it was written; an index without the dates of results."""
    return re.sub(rb"<time .*?</time>|(?<=data-label=\"Date\">)[^<]*", b"", page)
