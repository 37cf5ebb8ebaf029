"""The words of the command line: every flag, with its help, as the commands share them."""

import argparse
from pathlib import Path

from bids_ari._version import __version__
from bids_ari.cli.runner import some_path
from bids_ari.config.methods import METHODS

EXIT_CODES = (
    "Exit codes: 0 done, 17 unknown analysis level, 18 the filters select nothing, 64 wrong use, 65 data do not fit "
    "(or some contrasts failed), 66 no input, 73 output cannot be written, 74 input cannot be read, 75 somebody else "
    "writes the same result, try again, 130 interrupted, 141 nobody reads on, 1 a bug."
)


def add_general(top: argparse.ArgumentParser) -> None:
    """Add the flags that every command has."""
    top.add_argument("--version", action="version", version=f"bids_ari {__version__}")
    flag(top, "-v", "--verbose", action="count", default=0, help="log more; -vv: the log of the libraries too")


def add_choice(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that choose maps."""
    for names, what in (
        (["--participant-label"], "take these subjects (all)"),
        (["--exclude"], "leave these subjects out (none)"),
        (["--session-label"], "take these sessions (all)"),
        (["--run-label"], "take these runs (all)"),
        (["-t", "--task-id"], "take these tasks (all)"),
        (["--space"], "take these spaces (all)"),
        (["--contrast"], "take these contrasts (all)"),
    ):
        flag(group, *names, nargs="+", default=[], metavar="LABEL", help=what)
    stat = (
        "first-level statistic to take (effect for a group, z for participants); t and z for datasets without effects"
    )
    flag(group, "--stat", choices=("effect", "t", "z"), help=stat)
    combine = "several maps of a subject become one by fixed effects: over its runs, or over its sessions too (refused)"
    flag(group, "--combine", choices=("run", "session"), help=combine)
    queries = 'JSON file: {"statmap": {entity: value}}; null: absent, "*": any, or a list of values'
    flag(group, "--bids-filter-file", type=some_path, metavar="JSON", help=queries)
    search = "search these derivative datasets (BIDS_DIR/derivatives/*)"
    flag(group, "-d", "--derivatives", nargs="+", type=some_path, default=[], metavar="PATH", help=search)
    table = "table of maps whose names are not BIDS: participant_id, effect (or t, z), variance, contrast, ..."
    flag(group, "--manifest", type=some_path, metavar="TSV", help=table)
    pair = (
        "take differences within subjects between the two values of an entity, such as contrast or session, or of a "
        "column of sessions.tsv: second minus first, or in the order named (single maps)"
    )
    flag(group, "--paired", metavar="COLUMN[=HIGH-LOW]", help=pair)
    index = "keep the index of the dataset in this folder: large datasets open faster the next time"
    flag(group, "--bids-database-dir", type=some_path, metavar="PATH", help=index)
    switch(group, "--list", "print what would be analysed, what is left out and why; write nothing")


def add_mask(group: "argparse._ArgumentGroup") -> None:
    """Add the flag that says which voxels to test."""
    mask = "test only voxels inside this image; template: TemplateFlow's brain mask (all voxels with data)"
    flag(group, "--mask", type=some_path, metavar="FILE|template", help=mask)


def add_group_data(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that say how the maps of subjects come together."""
    fraction = "fraction of subjects that must have data at a voxel (%(default)s: all)"
    flag(group, "--coverage", type=float, metavar="FRACTION", default=1.0, help=fraction)
    onto = (
        "resample maps to the grid of this image; first: that of the first subject; template: that of TemplateFlow's "
        "brain mask (maps on different grids are refused)"
    )
    flag(group, "--target-grid", type=some_path, metavar="FILE|first|template", help=onto)
    width = "smooth each map by a Gaussian of this full width at half maximum in mm (none)"
    flag(group, "--smoothing", type=float, metavar="FWHM_MM", help=width)


def add_model(group: "argparse._ArgumentGroup") -> None:
    """Add the flags of the group model."""
    model = 'group model over the columns of participants.tsv, such as "1 + center(age) + C(group)" (the mean: 1)'
    flag(group, "--formula", metavar="FORMULA", default="1", help=model)
    combinations = (
        "test this linear combination of columns, such as patients=group[T.patient]; several, separated by ;, are an "
        "F test (each column, and each factor by an F test)"
    )
    flag(group, "--test", nargs="+", metavar="NAME=EXPRESSION", default=[], help=combinations)
    table = "table of subjects: participant_id and a column for each variable (participants.tsv of the dataset)"
    flag(group, "--participants", type=some_path, metavar="TSV", help=table)
    lacking = "leave out subjects that lack a value of the table, or refuse the contrast (%(default)s)"
    flag(group, "--missing", choices=("drop", "error"), default="drop", help=lacking)
    standard = "BIDS Stats Model: its node of level Dataset tells maps, group model and tests"
    flag(group, "--model", type=some_path, metavar="JSON", help=standard)
    flag(group, "--node", metavar="NAME", help="take this node where a model has several of the level Dataset")
    weights = (
        "ols: ordinary least squares; fixed and mixed: weights by the variance maps of the first level, for inference "
        "about these subjects only, or with the variance between subjects (%(default)s)"
    )
    flag(group, "--estimator", choices=("ols", "fixed", "mixed"), default="ols", help=weights)
    spread = "unequal: groups have variances of their own (Welch's test) (%(default)s)"
    flag(group, "--variance", choices=("equal", "unequal"), default="equal", help=spread)


def add_inference(group: "argparse._ArgumentGroup", *, draws: bool) -> None:
    """Add the flags of bounds and of clusters; `draws` says whether there are subjects to permute."""
    direction = "direction of the test; each named is a result of its own (greater)"
    directions = ("greater", "less", "two-sided")
    flag(group, "--alternative", nargs="+", choices=directions, default=["greater"], help=direction)
    flag(group, "--alpha", type=float, default=0.05, help="error level of each result (%(default)s)")
    heights = "cluster-forming thresholds in z (3 4 5)"
    flag(group, "--threshold", nargs="+", type=float, metavar="Z", default=[3.0, 4.0, 5.0], help=heights)
    wanted = "find the largest clusters with at least this true discovery proportion (0.5 0.7 0.9)"
    flag(group, "--tdp", nargs="*", type=float, metavar="GAMMA", default=[0.5, 0.7, 0.9], help=wanted)
    touch = "voxels of a cluster share a face, also an edge, or also a corner (%(default)s)"
    flag(group, "--connectivity", type=int, choices=(6, 18, 26), default=18, help=touch)
    methods = [method for method in METHODS.values() if draws or not method.needs_group]
    choices = [method.name for method in methods]
    how = "methods of inference, one result each: " + "; ".join(f"{each.name}: {each.help}" for each in methods)
    flag(group, "--method", nargs="+", choices=choices, default=choices[:1], help=f"{how} (default: {choices[0]})")
    switch(group, "--join-signs", "with two-sided, let clusters hold voxels of both signs")


def add_draws(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that say how bounds are calibrated by draws."""
    number = "draws, sign flips or permutations, the data as observed among them (%(default)s)"
    flag(group, "--n-permutations", type=int, metavar="N", default=1000, help=number)
    vectors = "critical vectors to choose from (%(default)s)"
    flag(group, "--family", choices=("simes", "beta", "learned"), default="simes", help=vectors)
    shift = "of the family simes: give up sets of up to this many voxels, to find more in large ones (%(default)s)"
    flag(group, "--delta", type=int, metavar="VOXELS", default=0, help=shift)
    switch(group, "--step-down", "calibrate again without the voxels that are certainly active")
    exchange = (
        "whether draws change signs of subjects, their places, or both (permute where the model keeps the mean when "
        "the test is taken out of it, else flip)"
    )
    flag(group, "--shuffle", choices=("flip", "permute", "both"), help=exchange)
    column = "exchange subjects only within the same value of this column of participants.tsv, such as site (all)"
    flag(group, "--blocks", metavar="COLUMN", help=column)
    seed = "which draws are made (%(default)s)"
    flag(group, "--random-seed", type=int, metavar="SEED", default=0, help=seed)
    learned = "of the family learned: the template that --save-template kept of another dataset (learned here)"
    flag(group, "--template", type=some_path, metavar="FILE", help=learned)
    address = "read maps and make draws on the workers of this Dask cluster; they have to see BIDS_DIR, under the same "
    address += "path, and the folder of --work-dir (here)"
    flag(group, "--dask-scheduler", metavar="ADDRESS", help=address)
    switch(group, "--save-template", "of the family learned: keep the template among the results")


def add_split(group: "argparse._ArgumentGroup") -> None:
    """Add the flag that makes the bounds of all results hold together."""
    switch(group, "--split-alpha", "divide alpha over the results of this run, so that all their bounds hold together")


def add_regions(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that name regions."""
    atlas = (
        "bound every parcel of this atlas and name clusters by it: a file, or a name that TemplateFlow knows, such as "
        "Schaefer2018:200Parcels7Networks"
    )
    flag(group, "--atlas", metavar="FILE|NAME", help=atlas)
    table = "table of an atlas file, tab-separated, columns index and name (the .tsv beside the file)"
    flag(group, "--atlas-labels", type=some_path, metavar="TSV", help=table)
    masks = "bound these regions: masks on the grid of the maps"
    flag(group, "--roi", nargs="+", type=some_path, default=[], metavar="FILE", help=masks)


def add_running(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that say how a run goes."""
    file = "take flags from this TOML file, such as the settings.toml of an earlier run; the command line wins"
    flag(group, "--config-file", type=Path, metavar="TOML", help=file)
    add_machine(group)
    switch(group, "--stop-on-first-crash", "stop at the first contrast that fails, instead of sparing the others")
    switch(group, "--rerun", "analyse contrasts again whose inputs, options and results are unchanged")
    switch(group, "--reports-only", "make the reports in OUTPUT_DIR anew from the results there; read no maps")
    skipped = "accepted for compatibility: this program never validates its input dataset"
    switch(group, "--skip-bids-validation", skipped)


def add_machine(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that say what a run may use of the machine."""
    work = (
        "folder for caches, temporary files and finished draws, with which a killed run goes on (the system's, "
        "else inside the output folder)"
    )
    flag(group, "-w", "--work-dir", type=some_path, metavar="PATH", help=work)
    processors = "read this many maps at a time (all processors that this process may use)"
    flag(group, "--nprocs", type=int, metavar="N", help=processors)
    threads = "threads of the numerical libraries (theirs to choose)"
    flag(group, "--omp-nthreads", type=int, metavar="N", help=threads)
    memory = "keep values on disk beyond this much memory: MB, or a number with K, M, G or T (what is there)"
    flag(group, "--mem", metavar="SIZE", help=memory)


def flag(group: "argparse._ActionsContainer", *names: str, **about: object) -> None:
    """Add a flag in both spellings, ``--task-id`` and ``--task_id``."""
    spellings = dict.fromkeys(
        spelling for name in names for spelling in (name, f"--{name[2:].replace('-', '_')}" if name[1] == "-" else name)
    )
    group.add_argument(*spellings, **about)  # type: ignore[arg-type]


def switch(group: "argparse._ActionsContainer", name: str, meaning: str) -> None:
    """Add a flag without a value; ``--no-...`` takes back what a configuration file says."""
    dest = name[2:].replace("-", "_")
    flag(group, name, dest=dest, action="store_true", default=False, help=meaning)
    flag(group, f"--no-{name[2:]}", dest=dest, action="store_false", default=False, help=argparse.SUPPRESS)
