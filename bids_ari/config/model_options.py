"""`ModelOptions`: which maps are modelled, and how; the options before inference."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from bids_ari.config.choices import ESTIMATORS, VARIANCES
from bids_ari.config.slices import MOST_SLICES, are_slices, slices_meant
from bids_ari.config.table import SidecarEntry, option
from bids_ari.config.values import absolute_surface, as_pairs, fraction_meant
from bids_ari.design import Missing, Variance

DATA, MODEL = "data", "group model"
"""Titles of groups on the help page."""

TEMPLATE = Path("template")
"""As the mask or the target grid: TemplateFlow's brain mask of the space of the maps."""

FIRST = Path("first")
"""As the target grid: that of the first subject."""

_model_option = partial(option, group=MODEL, group_only="The map of a single subject has no group model")
probability_option = partial(
    option,
    None,
    above=0,
    at_most=1,
    kind=float,
    expected="a probability above 0, at most 1",
    meant=fraction_meant,
    metavar="P",
)


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How maps are modelled."""

    formula: str = _model_option(
        "1",
        'group model over the columns of participants.tsv, such as "1 + center(age) + C(group)"',
        default_text="1, the mean over subjects",
        expected='a formula, such as "1 + age"',
    )
    test: tuple[str, ...] = _model_option(
        (),
        "linear combinations of columns of the design matrix to test, such as patients=group[T.patient]; several "
        "expressions, separated by semicolons, are an F test",
        metavar="NAME=EXPRESSION",
        default_text="each column by a t test, each factor by an F test, and main effects beside interactions",
        convert=as_pairs,
        rule=lambda tests: all("=" in test for test in tests),
        expected="NAME=EXPRESSION",
    )
    model: Path | None = _model_option(
        None,
        "BIDS Stats Model, whose node of level Dataset defines the maps, the group model and the tests",
        kind=Path,
        metavar="JSON",
        sidecar=SidecarEntry("StatsModel", "model"),
    )
    node: str | None = _model_option(None, "name of the node, where the Stats Model has several of level Dataset")
    estimator: Literal["ols", "fixed", "mixed"] = _model_option(
        "ols", "estimator of the group model", choices=ESTIMATORS
    )
    variance: Variance = _model_option(
        "equal", "residual variance of groups", choices=VARIANCES, sidecar=SidecarEntry("Variance", "model")
    )
    missing: Missing = _model_option(
        "drop",
        "treatment of subjects without a value in the table of participants",
        choices={"drop": "exclude them", "error": "refuse the contrast"},
    )
    map_name: str | None = option(
        None,
        "analyse the map of this name in GIFTI, CIFTI and AFNI files with several maps",
        group=DATA,
        metavar="NAME",
        default_text="the only map of each file; several are an error",
        sidecar=SidecarEntry("MapName", "data"),
    )
    mask: Path | None = option(
        None,
        "test only voxels inside this image; template: the TemplateFlow brain mask of the space of the maps",
        group=DATA,
        kind=Path,
        words=("template",),
        default_text="all voxels with data",
        sidecar=SidecarEntry("Mask", "data"),
    )
    mask_threshold: float | None = probability_option(
        "test voxels where the mask is at least P, for a mask of probabilities",
        default_text="a mask of probabilities is an error",
        sidecar=SidecarEntry("MaskThreshold", "data"),
    )
    coverage: float = option(
        1.0,
        "fraction of subjects with data that a voxel needs in order to be tested",
        above=0,
        at_most=1,
        expected="a fraction above 0, at most 1",
        meant=fraction_meant,
        metavar="FRACTION",
        default_text="1, all subjects",
        group_only="A single subject either has data at a voxel or not",
        sidecar=SidecarEntry("Coverage", "model"),
    )
    target_grid: Path | None = option(
        None,
        "resample maps to the grid of this image; first: the grid of the first subject; template: the grid of the "
        "TemplateFlow brain mask",
        kind=Path,
        words=("first", "template"),
        default_text="no resampling; maps on different grids are an error",
        group_only="The map of a single subject keeps its grid",
        sidecar=SidecarEntry("TargetGrid", "model"),
    )
    surface: tuple[str, ...] = option(
        (),
        "mesh of maps on surfaces: L=FILE R=FILE, or a file with hemi-L in its name, which also stands for hemi-R",
        convert=as_pairs,
        rule=lambda surface: len(surface) <= 2,
        expected="one file, or L=FILE R=FILE",
        metavar="FILE",
        default_text="that of TemplateFlow for the space and the number of vertices, or of nilearn for fsaverage5",
        to_file=lambda surface: tuple(map(absolute_surface, surface)),
    )
    allow_native_space: bool = option(
        False,
        "analyse maps in the native space of each subject, or without a space in their names and on different grids: "
        "only where all of them are aligned",
        group_only="The map of a single subject is analysed in its own space",
    )
    allow_duplicates: bool = option(
        False,
        "analyse maps although the same image belongs to several subjects, or to one subject more than once",
        group_only="The map of a single subject is not compared with others",
    )
    smoothing: float | None = option(
        None,
        "full width at half maximum, in mm, of the Gaussian kernel that smooths each map; on surfaces, mm along the "
        "mesh",
        kind=float,
        at_least=0,
        at_most=200,  # wider than a head; time and memory grow with the width
        expected="a width in mm, 0 to 200",
        metavar="FWHM_MM",
        default_text="no smoothing",
        group_only="A smoothed z map is not a z map",
        sidecar=SidecarEntry("SmoothingFWHM", "model", ("SmoothingFWHMUnits", "mm"), none=0),
    )
    underlay: Path | None = option(
        None,
        "image to show under the statistics in reports, on any grid; template: the TemplateFlow template of the space "
        "of the maps; on surfaces, a map of sulcal depth, where a file with hemi-L in its name also stands for hemi-R; "
        "does not change results",
        is_free=True,
        kind=Path,
        words=("template",),
        default_text="the MNI152 template in spaces similar to it; of a template with cohorts, that of TemplateFlow if "
        "it is on this machine; otherwise the tested voxels",
    )
    slices: tuple[str, ...] = option(
        ("axial",),
        "what pictures of volumes show: slices through the peaks, one or more of axial, coronal and sagittal; mosaic: "
        "all three; slices at coordinates in mm, such as z:-12,0,8; surface: the cortex, onto which volumes in spaces "
        "similar to MNI152 are projected; does not change results",
        is_free=True,
        rule=are_slices,
        expected="axial, coronal, sagittal, mosaic, surface, or coordinates in mm such as z:-12,0,8, at most "
        f"{MOST_SLICES} in all",
        meant=slices_meant,
        metavar="VIEW",
    )
