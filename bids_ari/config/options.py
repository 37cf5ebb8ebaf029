"""`Options`: how maps are modelled and tested, shared by the command line and notebooks."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from bids_ari.bids.entities import bare_label, safe_label
from bids_ari.config.choices import ALTERNATIVES, FIGURE_FORMATS, TABLE_FORMATS
from bids_ari.config.conflicts import conflicts
from bids_ari.config.families import FAMILIES
from bids_ari.config.methods import METHODS
from bids_ari.config.model_options import ModelOptions, probability_option
from bids_ari.config.table import SidecarEntry, convert_options, documented, option
from bids_ari.config.values import (
    HIGHEST_ALPHA,
    LOWEST_THRESHOLD,
    alpha_meant,
    are_thresholds,
    fraction_meant,
    have_distinct_labels,
    threshold_meant,
)
from bids_ari.errors import UsageError
from bids_ari.stats.choices import SCHEMES, Alternative, Scheme

INFERENCE, REGIONS, PERMUTATION, OUTPUT = "inference", "regions", "calibration by permutation", "results"
"""Titles of groups on the help page."""

SHOWN = ("slices", "figure_format", "table_format", "neurovault")
"""Options of pictures and copies alone, which name no file: no number of a result depends on them."""

_LONGEST_LABEL = 60  # in characters: it is part of file names

_permutation_option = partial(option, group=PERMUTATION, method="permutation")


@documented
@dataclass(frozen=True, slots=True)
class Options(ModelOptions):
    """How maps are modelled and tested."""

    alternative: tuple[Alternative, ...] = option(
        ("greater",), "direction of the tests; one result per value", group=INFERENCE, choices=ALTERNATIVES
    )
    min_effect: float = option(
        0.0,
        "smallest effect of interest, in units of the maps: test whether effects are beyond it, instead of not zero; "
        "to be chosen before looking at the data",
        at_least=0,
        below=float("inf"),
        expected="a finite number, 0 or more, in units of the maps",
        metavar="DELTA",
        group_only="A map of statistics has no effects in units: a minimum effect needs the effect maps of a group",
    )
    alpha: float = option(
        0.05,
        "error level of each result",
        above=0,
        at_most=HIGHEST_ALPHA,
        expected=f"a number between 0 and 1, at most {HIGHEST_ALPHA}, such as 0.05",
        meant=alpha_meant,
        sidecar=SidecarEntry("Alpha", "inference"),
    )
    joint: bool = option(
        False,
        "bounds of all results of this run hold together at level alpha, of all contrasts, tests, alternatives and "
        "methods: more powerful than --split-alpha",
    )
    method: tuple[str, ...] = option(
        ("simes",),
        "methods of inference, one result per value",
        choices=METHODS,
        choices_of_map=lambda: {name: method for name, method in METHODS.items() if not method.needs_group},
    )
    connectivity: int = option(
        18,
        "neighbours of a voxel: those that share a face (6), also an edge (18), or also a corner (26)",
        choices=(6, 18, 26),
        sidecar=SidecarEntry("Connectivity", "inference"),
    )
    join_signs: bool = option(
        False,
        "with --alternative two-sided, let clusters contain voxels of both signs",
        sidecar=SidecarEntry("JoinSigns", "inference"),
    )
    threshold: tuple[float, ...] = option(
        (3.0, 4.0, 5.0),
        "cluster-forming thresholds, in z",
        is_free=True,
        at_least=0,
        below=1e9,
        rule=are_thresholds,
        expected=f"z values, 0 or at least {LOWEST_THRESHOLD}, that differ in the first ten decimals",
        meant=threshold_meant,
        metavar="Z",
        sidecar=SidecarEntry("ClusterThresholds", "inference", ("ClusterThresholdUnits", "z")),
    )
    tdp: tuple[float, ...] = option(
        (0.5, 0.7, 0.9),
        "target TDP: find the largest clusters with at least this true discovery proportion; none without a value",
        is_free=True,
        may_be_empty=True,
        at_least=1e-6,
        at_most=1,
        rule=have_distinct_labels,
        expected="proportions above 0, at most 1, that differ in the first ten decimals",
        meant=fraction_meant,
        sidecar=SidecarEntry("TargetTDPs", "inference"),
    )
    n_permutations: int = _permutation_option(
        1000,
        "number of permutations or sign flips, including the identity",
        at_least=1,
        at_most=2**31 - 1,
        expected="a whole number, 1 to 2^31 - 1",
        metavar="N",
    )
    family: str = _permutation_option("combined", "family of critical vectors", choices=FAMILIES, default_0_1_0="simes")
    delta: int = _permutation_option(
        0,
        "with --family combined or simes: no bounds by simes for sets of up to this many voxels, for larger ones",
        at_least=0,
        metavar="N_VOXELS",
    )
    step_down: bool = _permutation_option(
        False,
        "calibrate again without individually significant voxels",
        sidecar=SidecarEntry("StepDown", "permutation"),
    )
    shuffle: Scheme | None = _permutation_option(
        None,
        "flip the signs of subjects, permute subjects, or both",
        choices=SCHEMES,
        default_text="permute where the model without the test still contains the mean; otherwise, and with --variance "
        "unequal, flip",
    )
    blocks: str | None = _permutation_option(
        None,
        "exchange subjects only within the same value of this column of participants.tsv, such as site; +COLUMN: "
        "exchange whole blocks, such as families; COLUMN/+COLUMN/+subject: nested blocks, the outermost first, those "
        "with + exchanged; COLUMN,COLUMN or a CSV file: blocks of signed integers, as for PALM",
        metavar="COLUMN",
        default_text="all subjects are exchangeable",
        to_file=lambda blocks: Path(blocks) if Path(blocks).is_file() else blocks,  # a path becomes absolute
    )
    random_seed: int = _permutation_option(
        0,
        "seed of the random number generator",
        at_least=0,
        at_most=2**64 - 1,
        expected="a whole number, 0 to 2^64 - 1",
        metavar="SEED",
    )
    template: Path | None = _permutation_option(
        None,
        "with --family combined or learned: template that --save-template wrote for another dataset",
        kind=Path,
        default_text="learned from additional permutations of these data",
    )
    save_template: bool = _permutation_option(
        False, "with --family combined or learned: write the template among the results"
    )
    atlas: str | None = option(
        None,
        "compute bounds for each parcel of this atlas and use it to name clusters: a file, or a name of TemplateFlow "
        "such as Schaefer2018:200Parcels7Networks, on surfaces Schaefer2018:seg-7n:scale-200; after NAME, the variant "
        "as :LABEL of desc or :KEY-LABEL",
        is_free=True,
        group=REGIONS,
        words=("NAME",),
        to_file=lambda atlas: Path(atlas) if Path(atlas).is_file() else atlas,  # a path becomes absolute
    )
    region_names: str | None = option(
        None,
        "atlas that only names the region of each cluster, without bounds for its parcels: a file, a name of "
        "TemplateFlow as of --atlas, or none for no names",
        is_free=True,
        words=("NAME",),
        to_file=lambda atlas: Path(atlas) if Path(atlas).is_file() else atlas,  # a path becomes absolute
        default_text="that of --atlas, else one on this machine for the space of the maps",
    )
    atlas_labels: Path | None = option(
        None,
        "table of an atlas file, tab-separated, with columns index and name",
        is_free=True,
        kind=Path,
        metavar="TSV",
        default_text="the .tsv file beside the atlas file",
    )
    roi: tuple[Path, ...] = option(
        (), "masks of regions to compute bounds for, on the grid of the maps", is_free=True, kind=Path
    )
    roi_threshold: float | None = probability_option(
        "regions contain the voxels where --roi is at least P, for masks of probabilities",
        is_free=True,
        default_text="masks of probabilities are an error",
    )
    label: str | None = option(
        None,
        "name of this analysis, in the names of its results as model-LABEL; results with different labels are kept "
        "side by side in OUTPUT_DIR",
        group=OUTPUT,
        convert=lambda label: bare_label(label, "model"),
        rule=lambda label: label == safe_label(label) and len(label) <= _LONGEST_LABEL,
        expected=f"letters and digits, at most {_LONGEST_LABEL}",
        metavar="LABEL",
        default_text="no label",
        sidecar=SidecarEntry("ModelLabel", "data"),
    )
    figure_format: tuple[str, ...] = option(
        (),
        "write all pictures also as figures for papers, at most 180 mm wide, to figures/; does not change results",
        is_free=True,
        choices=FIGURE_FORMATS,
        default_text="the pictures of reports only, PNG files",
    )
    table_format: tuple[str, ...] = option(
        (),
        "write the tables of each result also as one workbook, for Excel; does not change results",
        is_free=True,
        choices=TABLE_FORMATS,
        default_text="tables separated by tabs only",
    )
    neurovault: bool = option(
        False,
        "also write images and a table of their metadata for upload to NeuroVault, to neurovault/; does not change "
        "results",
        is_free=True,
    )
    n_results: int = 1
    """Number of results by which alpha was already divided, for their sidecars and reports."""
    undivided_alpha: float | None = None
    """alpha before it was divided by `n_results`; None where it was not."""

    def __post_init__(self) -> None:
        convert_options(self)
        for is_wrong, problem, hint in conflicts(self):
            if is_wrong:
                raise UsageError(problem, hint=hint)

    @property
    def exact_alpha(self) -> Fraction:
        """The error level as a fraction: a decimal, or a decimal divided by `n_results`."""
        if self.undivided_alpha is None:
            return Fraction(str(self.alpha))
        return Fraction(str(self.undivided_alpha)) / self.n_results

    def divided(self, n_results: int) -> "Options":
        """Return options whose alpha is divided by the number of results."""
        part = Fraction(str(self.alpha)) / n_results
        return replace(self, alpha=float(part), n_results=n_results, undivided_alpha=self.alpha)

    @property
    def is_permuted(self) -> bool:
        """Whether a method of inference needs the maps of all subjects."""
        return any(METHODS[name].needs_group for name in self.method)

    @property
    def is_weighted(self) -> bool:
        """Whether the group model is weighted by first-level variance maps, which are then read."""
        return self.estimator != "ols"

    @property
    def uses_table(self) -> bool:
        """Whether the group model uses the table of participants; the mean over subjects does not."""
        return self.formula != "1" or self.model is not None or self.blocks is not None
