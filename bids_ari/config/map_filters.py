"""`MapFilters`: which maps of a dataset are analysed, and how those of a subject are combined or compared."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from bids_ari.config.table import changed, convert_options, documented, option
from bids_ari.config.values import as_pairs

MAPS = "which maps"
"""Title of the group on the help page."""

_labels = partial(option, (), metavar="LABEL", default_text="all", group=MAPS)


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class MapFilters:
    """Selection of the maps of a dataset."""

    participant_label: tuple[str, ...] = _labels("subjects to analyse")
    exclude: tuple[str, ...] = _labels("subjects to exclude", default_text="none")
    session_label: tuple[str, ...] = _labels("sessions to analyse")
    run_label: tuple[str, ...] = _labels("runs to analyse")
    task_id: tuple[str, ...] = _labels("tasks to analyse", short="-t")
    space: tuple[str, ...] = _labels("spaces to analyse")
    contrast: tuple[str, ...] = _labels("contrasts to analyse")
    stat: Literal["effect", "t", "z"] | None = option(
        None,
        "first-level statistic to analyse; t and z are for datasets without effect maps",
        choices=("effect", "t", "z"),
        default_text="effect for groups, z for participants",
    )
    combine: Literal["run", "session"] | None = option(
        None,
        "combine several maps of a subject by fixed effects, over its runs, or over its sessions and their runs",
        choices=("run", "session"),
        default_text="several maps of a subject are an error",
        group_only="Combined maps do not have a z of their own",
    )
    by: tuple[str, ...] = option(
        (),
        "one analysis for each label of these entities, such as session or run",
        metavar="ENTITY",
        default_text="maps of one contrast are one analysis",
        group_only="Each map of a participant is analysed on its own",
    )
    paired: str | None = option(
        None,
        "analyse the difference within each subject between the two values of an entity, such as contrast or session, "
        "or of a column of sessions.tsv: HIGH minus LOW, or the second value minus the first",
        metavar="COLUMN[=HIGH-LOW]",
        default_text="no differences",
        group_only="A difference of z maps is not a z map",
    )
    within: str | None = option(
        None,
        "ask whether the maps of each subject differ between several levels of an entity, such as session, run or "
        "contrast, or of a column of sessions.tsv: repeated measures, without an assumption of sphericity",
        metavar="COLUMN[=LEVEL,LEVEL,...]",
        default_text="no questions within subjects; of COLUMN alone, all levels",
        group_only="A single map has no levels to compare",
    )
    within_contrast: tuple[str, ...] = option(
        (),
        "contrasts of the levels of --within instead: one weight for each level, as in trend=-1,0,1; several rows, "
        "separated by semicolons, are tested together",
        metavar="NAME=WEIGHTS",
        default_text="any difference between the levels",
        convert=as_pairs,
        rule=lambda contrasts: all("=" in each for each in contrasts),
        expected="NAME=WEIGHT,WEIGHT,...",
        group_only="A single map has no levels to compare",
    )

    def __post_init__(self) -> None:
        convert_options(self)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `bids_ari.bids.discover.discover` that select these maps."""
        names = {"participant_label": "subjects", "session_label": "session", "run_label": "run", "task_id": "task"}
        chosen = {each.name: each.of(self) for each in changed(self)}
        return {names.get(name, name): value for name, value in chosen.items()}
