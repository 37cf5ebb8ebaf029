"""What NeuroVault's site does with an upload: which images it takes, and what it refuses of their metadata.

Written from what its source does at commit f1eb0aea (github.com/NeuroVault/NeuroVault); each function names the place.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nilearn.datasets import load_mni152_brain_mask
from nilearn.image import resample_to_img

REQUIRED = ("name", "target_template_image", "map_type", "analysis_level", "number_of_subjects", "modality")
REQUIRED = (*REQUIRED, "cognitive_paradigm_cogatlas")
"""Fields with ``blank=False`` among the fixed ones: statmaps/models.py, get_fixed_fields of the classes of images."""

OPTIONAL = ("description", "figure", "age", "sex", "ethnicity", "race", "handedness", "bis11_score", "bis_bas_score")
OPTIONAL = (*OPTIONAL, "spsrq_score", "BMI", "fat_percentage", "waist_hip_ratio", "hours_since_last_meal")
OPTIONAL = (*OPTIONAL, "days_since_menstruation", "mean_PDS_score", "tanner_stage", "contrast_definition")
OPTIONAL = (*OPTIONAL, "cognitive_paradigm_description_url")
"""The other fixed ones."""

CHOICES = {
    "map_type": (
        *("T map", "Z map", "F map", "Chi squared map", "P map (given null hypothesis)"),
        *('1-P map ("inverted" probability)', "multivariate-beta map", "univariate-beta map", "ROI/mask"),
        *("parcellation", "anatomical", "variance", "other"),
    ),
    "analysis_level": ("single-subject", "group", "meta-analysis", "other"),
    "modality": (
        *("fMRI-BOLD", "fMRI-CBF", "fMRI-CBV", "Diffusion MRI", "Structural MRI", "PET FDG", "PET [15O]-water"),
        *("PET other", "MEG", "EEG", "Other"),
    ),
    "target_template_image": (
        *("Human (Generic/Unknown MNI)", "Human (MNI152 NLin 2009c Asym)", "Mouse (Dorr 2008 space)"),
        "Rhesus - macacca mulatta (NMT)",
    ),
}
"""Words that the table of metadata takes: statmaps/models.py, MAP_TYPE_CHOICES, ANALYSIS_LEVEL_CHOICES, ..."""

LONGEST = {"name": 200, "figure": 200, "contrast_definition": 200, "Filename": 500}
"""``max_length`` of texts there."""

TASKS = ("None / Other", "action observation task")
"""Two of the tasks of the Cognitive Atlas."""


class Uploaded(NamedTuple):
    """An image as it is stored."""

    file: str
    image: nib.Nifti1Image


def grid_columns() -> list[str]:
    """The columns of the table, in order: image_metadata.py, get_data_headers and get_fixed_fields."""
    return ["Filename", *REQUIRED, *OPTIONAL]


def upload(folder: Path) -> list[Uploaded]:
    """The images of a folder, in the order in which they are stored and listed.

    utils.py, collect_nifti_files: sorted names, hidden ones left out; create_image_from_nifti: volumes only, and the
    name without its last extension gets ``.nii.gz``. An .xml would be read as an atlas, and FEAT folders otherwise.
    """
    files = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    assert not any(name.endswith(".xml") or (folder / name).is_dir() for name in files)
    found = []
    for name in files:
        if re.search(r"(\.nii|\.img|\.nii\.gz)$", name.lower()):
            image = nib.load(folder / name)
            assert isinstance(image, nib.Nifti1Image)
            assert image.ndim == 3
            found.append(Uploaded(name.rsplit(".", 1)[0] + ".nii.gz", image))
    return found


def pasted(rows: Iterable[Mapping[str, str]], images: Iterable[Uploaded]) -> list[dict[str, str]]:
    """The table of the site after all columns but the first were pasted: metadata-edit.js makes that one read-only."""
    return [{**row, "Filename": image.file} for row, image in zip(rows, images, strict=True)]


def problems(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """What the site refuses when the table is saved: image_metadata.py, save_metadata; full_clean of the model."""
    found = []
    for row in rows:
        found += [f"{key} is empty" for key in REQUIRED if not row[key].strip()]
        found += [f"{key} is {row[key]}" for key, values in CHOICES.items() if row[key] and row[key] not in values]
        found += [f"{key} is too long" for key, longest in LONGEST.items() if len(row[key]) > longest]
        task, number = row["cognitive_paradigm_cogatlas"], row["number_of_subjects"]
        found += [f"there is no task {task}"] if task and task not in TASKS else []
        found += [] if not number or number.isdigit() else ["the number of subjects is no whole number"]
    return found


def is_thresholded(image: nib.Nifti1Image) -> bool:
    """Whether more than 85 % of the voxels are zero or NaN: utils.py, is_thresholded."""
    data = np.asanyarray(image.dataobj)
    return float(np.mean((data == 0) | np.isnan(data))) > 0.85


def inferred_type(image: nib.Nifti1Image) -> str:
    """The type that a map of type "other" gets when it is saved: utils.py, infer_map_type."""
    data = np.asanyarray(image.dataobj)
    values, counts = np.unique(data[(data != 0) & ~np.isnan(data)], return_counts=True)
    if values.size == 1:
        return "ROI/mask"
    if values.size > 1200 or not np.array_equal(values, np.round(values)) or (counts == 1).any():
        return "other"
    return "parcellation"


def is_in_mni(image: nib.Nifti1Image) -> bool:
    """Whether it covers the brain in MNI space and little else: utils.py, not_in_mni (with the mask of nilearn)."""
    data = np.nan_to_num(np.asanyarray(image.dataobj))
    mask = resample_to_img(
        load_mni152_brain_mask(resolution=2), image, interpolation="nearest", force_resample=True, copy_header=True
    )
    brain, used = np.asarray(mask.dataobj) > 0, data != 0
    covered, outside = _share(used & brain, brain), _share(used & ~brain, used)
    if covered > 0.5:
        return not (covered < 0.9 and outside > 0.2)
    return covered > 0 and outside <= 0.5


def _share(part: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(part) / np.count_nonzero(whole))
