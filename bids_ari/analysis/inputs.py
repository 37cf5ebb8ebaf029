"""The inputs of a run: its contrasts, its table of subjects, the files named in its options, and its error level."""

import logging
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

from bids_ari.analysis.group_model import plan
from bids_ari.analysis.listed import with_listed
from bids_ari.analysis.model_nodes import find_node_inputs, joined
from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.dataset import Dataset, open_dataset
from bids_ari.bids.discover import discover, subject_contrasts
from bids_ari.bids.division import divide_subjects, dividing_entities
from bids_ari.bids.entities import ORDER, key_of, printable
from bids_ari.bids.f_contrasts import has_several_volumes, says_f, without_f
from bids_ari.bids.filters import read_filter_file
from bids_ari.bids.hemispheres import labelled_file
from bids_ari.bids.manifest import open_manifest
from bids_ari.bids.participants import Participants, find_participants, read_participants
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import SubjectMap
from bids_ari.config.model_options import FIRST, TEMPLATE
from bids_ari.config.options import Options
from bids_ari.config.settings import Settings
from bids_ari.design.blocks import block_file
from bids_ari.design.model_inputs import NodeInputs
from bids_ari.design.subjects import no_table
from bids_ari.errors import (
    BidsAriError,
    DataError,
    InputNotFoundError,
    NoMatchError,
    ReadError,
    SidecarError,
    TemporaryError,
    UsageError,
    listing,
)
from bids_ari.images.feat import dof_of_feat
from bids_ari.images.opening import hint_of_header
from bids_ari.images.stack import Stack

log = logging.getLogger(__name__)

CONTRAST_ERRORS = (DataError, InputNotFoundError, ReadError, UsageError, TemporaryError)
"""Errors of one contrast, after which the others are analysed; if the output cannot be written, none can be."""


def check_contrast(contrast: object) -> None:
    """Raise a UsageError with what to pass, for a dataset, a map or several contrasts instead of a contrast."""
    if isinstance(contrast, ContrastSet):
        return
    hint = "contrasts = bids_ari.discover(FOLDER); bids_ari.analyse(contrasts[0])"
    if isinstance(contrast, str | Path) and Path(contrast).is_file():
        hint = "bids_ari.cluster_tdp(FILE, threshold=3) is for a single map; of maps of subjects, pass the folder to "
        hint += "bids_ari.discover, and one of the contrasts found"
    elif isinstance(contrast, Sequence) and not isinstance(contrast, str):
        hint = "bids_ari.analyse(contrasts[0]), or a loop over contrasts"
    raise UsageError(f"contrast is {shorten(contrast)}", "a contrast found by bids_ari.discover", hint)


def find_contrasts(settings: Settings, *, make_database: bool = True) -> tuple[Dataset, Discovery]:
    """Open the dataset or the manifest, and group its maps into contrasts; make a named pybids database if requested.

    Raises
    ------
    BidsAriError
        When there is no dataset or no contrast, or a file with filters or a model cannot be used.
    """
    filters = None if settings.bids_filter_file is None else read_filter_file(settings.bids_filter_file)
    if settings.manifest is None:
        dataset = open_dataset(
            settings.bids_dir,
            settings.derivatives,
            [settings.output_dir],
            database_dir=settings.bids_database_dir,
            make_database=make_database,
        )
    else:
        dataset = open_manifest(settings.manifest)
    entities, columns = _divisions(dataset, settings)
    search = partial(_search, dataset, settings, filters or {})
    if settings.options.model is None:
        discovery = search(by=entities, weights=settings.options.is_weighted)
        discovery = _with_listed(discovery, dataset, settings, filters or {})
        return dataset, _by_columns(discovery, columns, dataset, settings)
    found, notes = find_node_inputs(dataset, settings.options, search, entities, settings.filters.combine is not None)
    divided = []
    for each in found:
        names = tuple(dict.fromkeys((*columns, *each.model.group_columns)))
        listed = _with_listed(each.discovery, dataset, settings, filters or {}, each.model.inputs)
        divided.append(replace(each, discovery=_by_columns(listed, names, dataset, settings)))
    return dataset, joined(divided, notes, is_one=len(found) + len(notes) == 1)


def _search(
    dataset: Dataset,
    settings: Settings,
    filters: Mapping[str, Any],
    model_where: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Discovery:
    """Discover contrasts by the filters of the settings, of a filter file and of a node of a model."""
    where = {key: value for key, value in (model_where or {}).items() if key != "node" or key not in filters}
    if both := [key for key in where if key in filters]:
        raise UsageError(
            f"Both {settings.bids_filter_file} and {settings.options.model} select maps by {both[0]}", "one of them"
        )
    own = settings.filters.arguments() | arguments
    found = discover(dataset, **own, where={**where, **filters} or None, tables=_folders(dataset, settings))
    return found if settings.level == "participant" else without_f(found)


def _with_listed(
    discovery: Discovery,
    dataset: Dataset,
    settings: Settings,
    filters: Mapping[str, Any],
    inputs: NodeInputs | None = None,
) -> Discovery:
    """Add the subjects that only the table of subjects lists, if it can be read: the group model may not need it."""
    chosen = settings.filters
    where = (*filters, *["sub"] * bool(chosen.participant_label))
    try:
        table = _read_table(dataset, settings)
    except BidsAriError as error:
        log.debug("%s", error)
        return discovery
    if table is None:
        return discovery
    return with_listed(discovery, dataset, table, exclude=chosen.exclude, where=where, inputs=inputs)


def _divisions(dataset: Dataset, settings: Settings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Separate the entities by which analyses are divided from columns of the table of subjects."""
    by = settings.filters.by
    others = [name for name in by if key_of(name) not in ORDER and not dataset.labels(key_of(name))]
    table = _read_table(dataset, settings) if others else None
    columns = () if table is None else table.columns
    if unknown := [name for name in others if name not in columns]:
        raise NoMatchError(
            f"No map has the entity {printable(unknown[0])!r}, and no table of subjects a column of that name",
            f"one of: {listing([*dividing_entities(dataset), *columns], 20)}",
        )
    return tuple(name for name in by if name not in others), tuple(others)


def _by_columns(discovery: Discovery, columns: Sequence[str], dataset: Dataset, settings: Settings) -> Discovery:
    """Divide contrasts by the values of subjects in columns of the table of subjects."""
    if not columns:
        return discovery
    table = _read_table(dataset, settings)
    if table is None:
        raise no_table(f"for column {listing(columns)}")
    return divide_subjects(discovery, columns, table)


def contrasts_at_level(discovery: Discovery, settings: Settings) -> Sequence[ContrastSet]:
    """Return what is analysed at the level of a run: groups of subjects, or the maps of single subjects."""
    contrasts = subject_contrasts(discovery) if settings.level == "participant" else tuple(discovery)
    return tuple(contrast.labelled(settings.options.label) for contrast in contrasts)


def participants_of(dataset: Dataset, settings: Settings) -> Participants | None:
    """Read the table of subjects if the group model needs it."""
    if settings.level == "participant" or not settings.options.uses_table:
        return None
    return _read_table(dataset, settings)


def _read_table(dataset: Dataset, settings: Settings) -> Participants | None:
    """Read the table of subjects, if there is one."""
    folders = _folders(dataset, settings)
    path = settings.participants or find_participants(folders)
    return None if path is None else replace(read_participants(path), folders=(path.parent, *folders))


def check_files(options: Options, participants: Path | None = None) -> None:
    """Check that the files named in the options exist.

    Raises
    ------
    InputNotFoundError, DataError, ReadError
        When a file does not exist, is a link to content that is not here, or cannot be read.
    """
    named = {"mask": options.mask, "table of the atlas": options.atlas_labels, "target grid": options.target_grid}
    named |= {"table of participants": participants, "template": options.template, "underlay": options.underlay}
    named |= {"file of blocks": block_file(options.blocks or "")}
    several = [("region", path) for path in options.roi]
    several += [("mesh", labelled_file(text)[1]) for text in options.surface]
    for what, path in [*named.items(), *several]:
        if path is None or path in (FIRST, TEMPLATE):
            continue
        try:
            is_file = stat.S_ISREG(path.stat().st_mode)
        except FileNotFoundError as error:
            if path.is_symlink():
                hint = f"Fetch it: datalad get {path}, or fix the link"
                raise DataError(f"The {what} {path} is a link to content that is not here", hint=hint) from error
            raise InputNotFoundError(f"There is no {what} {path}", hint=hint_of_header(path)) from error
        except OSError as error:
            raise ReadError(f"The {what} {path} cannot be read: {error.strerror}") from error
        if not is_file:
            raise ReadError(f"The {what} {path} cannot be read: it is not a file")


def dof_of(member: SubjectMap) -> float:
    """Return the degrees of freedom of a t map, from the manifest, its sidecar or a file of FEAT beside it."""
    dof = member.dof if member.dof is not None else _dof_in_sidecars(member.first)
    if dof is None and (of_feat := dof_of_feat(member.first.path)):
        dof = of_feat.dof
    if not isinstance(dof, int | float) or isinstance(dof, bool) or not 0 < dof < float("inf"):
        raise SidecarError(
            f"The sidecar of {printable(member.first.name)} says DegreesOfFreedom {shorten(dof)}"
            if dof is not None
            else f"No sidecar of {printable(member.first.name)} says DegreesOfFreedom",
            "a number above 0, without which a t map has no p",
            _where_to_add_dof(member.first),
        )
    return float(dof)


def _where_to_add_dof(file: StatMap) -> str:
    if file.in_table:
        return "Add a column dof to the manifest, or take z maps"
    return "Add it" + (", or take z maps with --stat z" if file.beside("z") else "")


def _dof_in_sidecars(file: StatMap) -> Any:
    """Return the degrees of freedom in the sidecar of a map; those of two hemispheres must agree."""
    found = [value for each in file.files if (value := each.sidecar().get("DegreesOfFreedom")) is not None]
    if any(value != found[0] for value in found[1:]):  # of a single file, also NaN
        raise SidecarError(
            f"The sidecars of {listing(printable(each.name) for each in file.files)} say DegreesOfFreedom "
            f"{' and '.join(map(shorten, found))}",
            "the same number for both hemispheres",
        )
    return found[0] if found else None


def check_same_dof(member: SubjectMap) -> None:
    """Raise a DataError if there is a map of degrees of freedom, which differ between points, beside a t or F map."""
    if varying := next(filter(None, (each.beside("dof") for each in member.first.files)), None):
        units = "voxels" if member.first.kind == "NIfTI" else "vertices"
        raise DataError(
            f"Degrees of freedom of {printable(member.first.name)} differ between {units}: {printable(varying.name)}",
            f"the same degrees of freedom at all {units}",
            "Use the z map of the same contrast",
        )


def metadata_of(member: SubjectMap, *, is_needed: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the metadata of the first map, and a note where a sidecar that is not needed cannot be used."""
    try:
        return member.first.sidecar(), ()
    except (SidecarError, ReadError) as error:
        if is_needed:
            raise
        return {}, (f"{error}. Nothing in it is used",)


def f_test_of(contrast: ContrastSet) -> str:
    """Return why the map of a subject is the z of an F test; empty if it is not."""
    file = contrast.members[0].first
    if contrast.stat != "z":
        return ""
    if beside := file.beside("F"):
        return f"{printable(beside.name)} is beside the z map"
    if (effect := file.beside("effect")) and has_several_volumes(effect):
        return f"{printable(effect.name)} beside the z map has several volumes"
    if says_f(sidecar := metadata_of(contrast.members[0], is_needed=False)[0]):
        key = "Statistic is F" if sidecar.get("Statistic") == "F" else "DegreesOfFreedomOfRows is"
        return f"{key} in the sidecar of the z map"
    return "other subjects have F maps of this contrast" if contrast.of_f else ""


def split_alpha(settings: Settings, contrasts: Sequence[ContrastSet], participants: Participants | None) -> Settings:
    """Divide alpha by the number of results of a run if that was requested, so that all bounds hold together."""
    options = settings.options
    if not settings.split_alpha:
        return settings
    if settings.level == "group":
        n_results = sum(_n_results(contrast, options, participants) for contrast in contrasts)
    else:
        directions = [1 if f_test_of(contrast) else len(options.alternative) for contrast in contrasts]
        n_results = sum(directions) * len(options.method)
    if n_results <= 1:
        return settings
    divided = options.divided(n_results)
    log.info("alpha %g is divided over %d results: %g each", options.alpha, n_results, divided.alpha)
    return replace(settings, options=divided)


def _n_results(contrast: ContrastSet, options: Options, participants: Participants | None) -> int:
    """Return how many results a contrast will have; 0 if its group model cannot be fitted."""
    try:
        _, design = plan(contrast, options, participants)
    except CONTRAST_ERRORS:
        return 0
    directions = [1 if design.statistic(test) == "F" else len(options.alternative) for test in design.tests]
    return sum(directions) * len(options.method)


def _folders(dataset: Dataset, settings: Settings) -> tuple[Path, ...]:
    """Return the folders where tables of subjects and of their sessions may be."""
    named = () if settings.participants is None else (settings.participants.parent,)
    return tuple(dict.fromkeys((settings.bids_dir, *named, *dataset.roots.values())))


def hashes_of(contrast: ContrastSet, stack: Stack) -> dict[str, str]:
    """Return the SHA-256 of each file that was read, by its BIDS URI."""
    return {file.uri: stack.hashes[file.path] for file in contrast.files if file.path in stack.hashes}
