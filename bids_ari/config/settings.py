"""A run: `Settings`, which dataset and where to write; `MapFilters`, which maps; `Resources`, what a run may use."""

import os
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Literal

from bids_ari.bids.entities import bare_label, safe_label
from bids_ari.config.map_filters import MAPS
from bids_ari.config.map_filters import MapFilters as MapFilters
from bids_ari.config.model_options import DATA, MODEL
from bids_ari.config.options import INFERENCE, OUTPUT, PERMUTATION, REGIONS, Options
from bids_ari.config.table import Option, changed, convert_options, documented, option, part
from bids_ari.errors import UnknownLevelError, UsageError
from bids_ari.runtime import processors
from bids_ari.runtime.memory import parse_memory

POSITIONAL, RUNNING = "positional arguments", "running"

GROUPS = {
    POSITIONAL: None,
    MAPS: "instead of labels, a file with one label per line; its path contains a . or /",
    **dict.fromkeys((DATA, MODEL, INFERENCE, PERMUTATION, REGIONS, OUTPUT, RUNNING)),
}
"""Titles of the groups on the help page, in their order, and their descriptions."""


_positional = partial(option, group=POSITIONAL, kind=Path, is_positional=True)
_OUTPUT_DIR = "folder that all results are written to"


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Use of the computer. In Python, ``mem`` may also be a number of bytes."""

    nprocs: int | None = option(
        None,
        "number of processors: contrasts are analysed in parallel processes, which share N threads",
        group=RUNNING,
        kind=int,
        at_least=1,
        metavar="N",
        default_text="number of available processors",
    )
    omp_nthreads: int | None = option(
        None,
        "number of threads of the numerical libraries, in each process; takes effect on the command line only",
        kind=int,
        at_least=1,
        metavar="N",
        default_text="chosen by each library",
    )
    mem: int | None = option(
        None,
        "memory limit, in MB or with a unit, as in 800M, 8G or 1.5T; larger arrays are kept on disk",
        kind=int,
        convert=lambda amount: parse_memory(amount) if isinstance(amount, str) else amount,
        at_least=1,
        expected="an amount of memory in MB, or with a unit, as in 800M, 8G or 1.5T",
        metavar="SIZE_MB",
        default_text="all available memory",
        to_file=lambda n_bytes: str(n_bytes / 2**20),  # exact: a power of two
    )
    work_dir: Path | None = option(
        None,
        "folder for caches and temporary files",
        kind=Path,
        metavar="PATH",
        short="-w",
        default_text="the temporary folder of the system, otherwise one in OUTPUT_DIR",
    )
    dask_scheduler: str | None = option(
        None,
        "address of a Dask scheduler, whose workers analyse the contrasts; they need access to BIDS_DIR and OUTPUT_DIR "
        "under the same paths",
        metavar="ADDRESS",
        default_text="no cluster",
        on_map=False,
    )

    def __post_init__(self) -> None:
        convert_options(self)

    @property
    def n_jobs(self) -> int:
        """The value of `nprocs`, by default the number of processors that this process may use."""
        return processors.n_available() if self.nprocs is None else self.nprocs


@documented
@dataclass(frozen=True, slots=True)
class Settings:
    """A run: the dataset, the output folder, and all options.

    An unknown level raises `UnknownLevelError`, a subclass of UsageError. The output folder must neither be an input
    folder nor lie among the files of a subject.
    """

    bids_dir: Path = _positional(
        help="dataset with first-level maps, or raw dataset with such datasets in derivatives/; never written to"
    )
    output_dir: Path = _positional(help=_OUTPUT_DIR)
    level: Literal["participant", "group"] = _positional(
        "group",
        "analysis level: group, the subjects together (also called dataset), or participant, the z or t maps of each "
        "subject",
        kind=str,
        choices=("participant", "group"),
        convert=lambda level: "group" if level == "dataset" else level,  # as BIDS Stats Models call it
        expected="participant or group",
        error=UnknownLevelError,
    )
    derivatives: tuple[Path, ...] = option(
        (),
        "derivative datasets to search for maps",
        group=MAPS,
        kind=Path,
        metavar="PATH",
        short="-d",
        default_text="BIDS_DIR/derivatives/*",
    )
    filters: MapFilters = part(MapFilters)
    bids_filter_file: Path | None = option(
        None,
        'JSON file that selects maps by BIDS entities: {"statmap": {entity: value}}, where null means absent, "*" any '
        "value, and a list any of its values",
        kind=Path,
        metavar="JSON",
    )
    manifest: Path | None = option(
        None,
        "table of maps without BIDS names, with columns participant_id, effect (or t, z), variance, contrast, ...",
        kind=Path,
        metavar="TSV",
    )
    bids_database_dir: Path | None = option(
        None,
        "folder of pybids databases of the dataset, created if they do not exist",
        kind=Path,
        metavar="PATH",
        default_text="search the folders",
    )
    options: Options = part(Options)
    participants: Path | None = option(
        None,
        "table of subjects, with participant_id and one column per variable",
        group=MODEL,
        kind=Path,
        metavar="TSV",
        default_text="participants.tsv of the dataset",
        group_only="The map of a single subject has no group model",
    )
    split_alpha: bool = option(
        False,
        "divide alpha by the number of results of this run, so that all their bounds hold together",
        group=INFERENCE,
    )
    resources: Resources = part(Resources)
    stop_on_first_crash: bool = option(False, "stop at the first contrast that fails", group=RUNNING)
    rerun: bool = option(
        False,
        "analyse contrasts again whose inputs, options and version are unchanged, and replace results of another model "
        "with the same names",
    )

    def __post_init__(self) -> None:
        convert_options(self)
        stat = self.filters.stat or ("z" if self.level == "participant" else "effect")
        object.__setattr__(self, "filters", replace(self.filters, stat=stat))
        if self.resources.dask_scheduler is not None:  # workers may run in other folders
            convert_options(self, Option.absolute)
            object.__setattr__(self, "options", replace(self.options))
            convert_options(self.options, Option.absolute)
        if self.bids_database_dir is not None and self.bids_database_dir.is_file():
            raise UsageError(f"bids-database-dir {self.bids_database_dir} is a file", "a folder")
        if self.level == "participant":
            self._check_participant_level()
        if self.split_alpha and self.options.joint:
            raise UsageError(
                "Both split-alpha and joint are set", "one of them", "With --joint all bounds hold together at alpha"
            )
        for source in (self.bids_dir, *self.derivatives):
            _check_output(self.output_dir, source)

    def _check_participant_level(self) -> None:
        """Refuse options that need a group of subjects."""
        used = {each.flag: each.group_only for each in changed(self) if each.group_only and each.of(self)}
        if self.options.is_permuted:
            used["method permutation"] = "A single map has no subjects to permute"
        if self.filters.stat == "effect":
            used["stat effect"] = "An effect without its variance has no p: use z or t maps"
        for flag, reason in used.items():
            raise UsageError(f"--{flag} requires the group level", hint=reason)


@documented
@dataclass(frozen=True, slots=True)
class MapSettings:
    """The analysis of one statistical map that another program made."""

    map: Path = _positional(help="map of z, t or F statistics without a threshold; never written to")
    output_dir: Path = _positional(help=_OUTPUT_DIR)
    stat: Literal["z", "t", "F"] | None = option(
        None,
        "statistic of the map, whatever its header or its name states",
        group=DATA,
        choices=("z", "t", "F"),
        default_text="that of its header, name or sidecar; t with --dof, otherwise z",
    )
    dof: float | None = option(
        None,
        "number of degrees of freedom of a map of t statistics; must agree with its header",
        kind=float,
        above=0,
        below=float("inf"),
        expected="a finite number above 0",
        metavar="N",
        default_text="that of the header or the sidecar",
    )
    space: str | None = option(
        None,
        "space of the map, such as MNI152NLin6Asym, for masks, atlases and underlays by name",
        metavar="LABEL",
        default_text="the label space- of its name",
        convert=lambda label: bare_label(label, "space") if isinstance(label, str) else label,
        rule=lambda label: label == safe_label(label),
        expected="letters and digits, such as MNI152NLin6Asym",
    )
    options: Options = part(Options)
    resources: Resources = part(Resources)
    rerun: bool = option(False, "replace results of another map or mask with the same names", group=RUNNING)

    def __post_init__(self) -> None:
        convert_options(self)


@dataclass(frozen=True, slots=True)
class Modes:
    """Flags of ``bids-ari`` that are not settings of a run."""

    list: bool = option(
        False, "print what would be analysed and what is excluded, with the reasons; write nothing", group=MAPS
    )
    list_contrasts: bool = option(
        False,
        "print the labels of the contrasts that can be analysed, one per line, for scripts; if others cannot, what "
        "--list prints goes to standard error, with its exit code; write nothing",
        group=MAPS,
    )
    config_file: Path | None = option(
        None,
        "take flags from this TOML file, such as the settings.toml of an earlier run; flags of the command line take "
        "precedence",
        group=RUNNING,
        kind=Path,
        metavar="TOML",
    )
    reports_only: bool = option(
        False,
        "write the reports in OUTPUT_DIR again, from the results there; read no maps. Flags that may be chosen after "
        "looking at the data, such as --threshold, --tdp, --atlas and --roi, change the results",
    )
    skip_bids_validation: bool = option(False, "accepted for compatibility: the input dataset is never validated")


def _check_output(output_dir: Path, folder: Path) -> None:
    """Refuse an output folder that is an input folder, or lies among the files of a subject."""
    for output, source in product(_locations(output_dir), _locations(folder)):
        if output == source:
            raise UsageError(f"The output folder {output_dir} is the input folder", "another folder")
        inner = output.relative_to(source).parts if output.is_relative_to(source) else ()
        if any(name.startswith("sub-") for name in inner):
            raise UsageError(
                f"The output folder {output_dir} lies among the files of a subject",
                "a separate folder",
                f"For example {folder / 'derivatives' / 'bids_ari'}",
            )


def _locations(folder: Path) -> set[Path]:
    """Return the absolute path of a folder, as it is written and with its links resolved."""
    try:
        return {Path(os.path.normpath(folder.absolute())), folder.resolve()}
    except (OSError, RuntimeError) as error:  # a loop of links
        raise UsageError(f"The path {folder} cannot be resolved: {error}") from error
