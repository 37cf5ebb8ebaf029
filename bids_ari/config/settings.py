"""A run: `Settings`, which dataset and where to, and `Resources`, what may be used of the machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from bids_ari.config.options import Options, paths_of
from bids_ari.errors import UnknownLevelError, UsageError

LEVELS = ("participant", "group")

_SAME_LEVEL = {"dataset": "group"}
"""Other names of a level: BIDS Stats Models call it so."""


FILTER_FLAGS = {"subjects": "participant_label", "exclude": "exclude", "session": "session_label", "run": "run_label"}
FILTER_FLAGS |= {"task": "task_id", "space": "space", "contrast": "contrast"}
"""Filters of `discover` that take labels, by such a flag."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a run may use of the machine.

    Attributes
    ----------
    work_dir : Path or None
        Folder for caches and temporary files; the system's by default.
    nprocs : int or None
        How many maps are read at a time; all processors that this process may use by default.
    omp_nthreads : int or None
        Threads of the numerical libraries; theirs to choose by default. Takes effect on the command line only, before
        they are loaded.
    mem : int or None
        Bytes; what needs more is refused. What the machine has free by default.
    dask_scheduler : str or None
        The address of a Dask scheduler, whose workers read the maps and make the draws; they have to see these maps,
        under the same path, and `work_dir`.

    Raises
    ------
    UsageError
        When a value cannot be used.
    """

    work_dir: Path | None = None
    nprocs: int | None = None
    omp_nthreads: int | None = None
    mem: int | None = None
    dask_scheduler: str | None = None

    def __post_init__(self) -> None:
        for name, flag in (("nprocs", "nprocs"), ("omp_nthreads", "omp-nthreads"), ("mem", "mem")):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise UsageError(f"{flag} is {value!r}", "a whole number above 0")
        if self.work_dir is not None:
            object.__setattr__(self, "work_dir", Path(self.work_dir))
        if self.dask_scheduler is not None and self.work_dir is None:
            raise UsageError(
                "dask-scheduler goes with work-dir",
                "a folder that all workers see: they read the data from there, and finished batches are kept there",
            )

    @property
    def n_jobs(self) -> int:
        """How many maps are read at a time."""
        if self.nprocs is not None:
            return self.nprocs
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Settings:
    """A run: which dataset, where to, and what to do.

    Attributes
    ----------
    bids_dir, output_dir : Path
        Where the maps are and where the results go.
    derivatives : tuple of Path
        Derivative datasets to search instead of ``bids_dir/derivatives/*``.
    filters : mapping
        Arguments of `discover` that choose maps.
    options : Options
        What is asked of the data.
    level : {'group', 'participant'}
        Analyse the subjects together, or each subject's own maps; ``dataset`` is another name of ``group``.
    split_alpha : bool
        Divide alpha over the results of the run, so that all their bounds hold together.
    bids_filter_file : Path or None
        JSON that chooses maps by entities, as `bids_ari.bids.filters` reads it.
    manifest : Path or None
        Table of the maps, instead of the names in `bids_dir`.
    participants : Path or None
        Table of the subjects, instead of the ``participants.tsv`` of the dataset.
    bids_database_dir : Path or None
        Where the index of the dataset is kept from run to run.
    resources : Resources
        What the run may use.
    stop_on_first_crash : bool
        Stop at the first contrast that fails.
    rerun : bool
        Analyse contrasts again whose results are up to date.

    Raises
    ------
    UnknownLevelError
        When there is no such level.
    UsageError
        When an option has no meaning at the level, or the output would lie on the input, or among a subject's files.
    """

    bids_dir: Path
    output_dir: Path
    derivatives: tuple[Path, ...] = ()
    filters: Mapping[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    level: str = "group"
    split_alpha: bool = False
    bids_filter_file: Path | None = None
    manifest: Path | None = None
    participants: Path | None = None
    bids_database_dir: Path | None = None
    resources: Resources = field(default_factory=Resources)
    stop_on_first_crash: bool = False
    rerun: bool = False

    def __post_init__(self) -> None:
        for name in ("bids_dir", "output_dir", "bids_filter_file", "manifest", "participants", "bids_database_dir"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, Path(value))
        object.__setattr__(self, "derivatives", paths_of(self.derivatives))
        if self.resources.dask_scheduler is not None:  # workers are in other folders
            object.__setattr__(self, "bids_dir", self.bids_dir.absolute())
            object.__setattr__(self, "derivatives", tuple(path.absolute() for path in self.derivatives))
        object.__setattr__(self, "level", _SAME_LEVEL.get(self.level, self.level))
        if (
            self.bids_database_dir is not None
            and self.bids_database_dir.exists()
            and not self.bids_database_dir.is_dir()
        ):
            raise UsageError(
                f"bids-database-dir {self.bids_database_dir} is no folder", "a folder, which is made if need be"
            )
        if self.level not in LEVELS:
            raise UnknownLevelError(f"The analysis level {self.level!r} is unknown", " or ".join(LEVELS))
        if self.resources.dask_scheduler is not None and not self.options.is_permuted:
            raise UsageError("dask-scheduler goes with permutations", hint="Add --method permutation")
        if self.level == "participant":
            object.__setattr__(self, "filters", {"stat": "z", **self.filters})
            for found, hint in (
                (self.filters.get("combine") and "--combine", "Maps that are combined have no z of their own"),
                (self.filters.get("paired") and "--paired", "A difference of z maps is no z map"),
                (self.participants and "--participants", "One subject's map takes no group model"),
                (self.options.asks_model and "A group model", "One subject's map takes none"),
                (self.options.is_permuted and "--method permutation", "One map has no subjects to exchange"),
                (self.options.smoothing and "Smoothing", "A z map that is smoothed is no z map any more"),
                (self.options.coverage != 1 and "Coverage", "One subject covers a voxel or does not"),
                (self.filters["stat"] == "effect" and "--stat effect", "Take z or t maps: an effect alone has no p"),
            ):
                if found:
                    raise UsageError(f"{found} goes with the group level", hint=hint)
        for folder in (self.bids_dir, *self.derivatives):
            for output, source in product(_places(self.output_dir), _places(folder)):
                if output == source:
                    raise UsageError(f"The output folder {self.output_dir} is the input", "another folder")
                inner = output.relative_to(source).parts if output.is_relative_to(source) else ()
                if any(part.startswith("sub-") for part in inner):
                    raise UsageError(
                        f"The output folder {self.output_dir} lies among a subject's files",
                        "a folder of its own",
                        f"For example {folder / 'derivatives' / 'bids_ari'}",
                    )


def _places(folder: str | Path) -> set[Path]:
    """Give the absolute path of a folder, as it is written and with its links followed."""
    try:
        return {Path(os.path.normpath(Path(folder).absolute())), Path(folder).resolve()}
    except (OSError, RuntimeError) as error:  # a loop of links
        raise UsageError(f"{folder} leads nowhere: {error}") from error
