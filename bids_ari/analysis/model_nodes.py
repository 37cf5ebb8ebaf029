"""The contrasts that the nodes of a BIDS Stats Model analyse: of all its nodes of the dataset level, or of one."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bids_ari.analysis.group_model import with_estimator
from bids_ari.bids.contrasts import ContrastSet, Discovery, by_name
from bids_ari.bids.dataset import Dataset
from bids_ari.bids.division import WITHIN
from bids_ari.bids.entities import Entities, key_of, printable
from bids_ari.bids.exclusions import Excluded, Reason
from bids_ari.config.options import Options
from bids_ari.design.carry_out import CarryOut
from bids_ari.design.model_inputs import check_groups, label_of, lacking_labels, select_maps
from bids_ari.design.stats_model import StatsModel, node_names, read_model
from bids_ari.errors import DataError, NoMatchError, UsageError, listing

log = logging.getLogger(__name__)

Search = Callable[..., Discovery]
"""The function `discover`, with the filters of the command line, but without those of the model."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a node of the dataset level analyses."""

    model: StatsModel
    discovery: Discovery


def find_node_inputs(
    dataset: Dataset, options: Options, search: Search, by: Sequence[str], is_combined: bool
) -> tuple[tuple[Inputs, ...], tuple[str, ...]]:
    """Find the maps of each node of the dataset level, or of the one in the options.

    Parameters
    ----------
    dataset : Dataset
        The dataset.
    options : Options
        The options, with a model.
    search : callable
        See `Search`.
    by : sequence of str
        Entities by which analyses are divided, besides those of GroupBy.
    is_combined : bool
        Whether the search combines the maps of each subject; lower nodes are not carried out then.

    Returns
    -------
    tuple of Inputs
        Of each node that can be analysed.
    tuple of str
        Notes on the nodes that cannot.

    Raises
    ------
    BidsAriError
        When none can be analysed: the error of the first.
    """
    if options.model is None:
        raise UsageError("There is no model", "a BIDS Stats Model")
    names = [options.node] if options.node else node_names(options.model)
    found: list[Inputs] = []
    problems: dict[str, UsageError | DataError | NoMatchError] = {}
    for name in names:
        try:
            model = read_model(options.model, name)
            found.append(Inputs(model, _of_node(dataset, model, replace(options, node=name), search, by, is_combined)))
        except (UsageError, DataError, NoMatchError) as error:
            problems[name] = error
    if not found:
        raise next(iter(problems.values()))
    notes = (
        f"The node {printable(name)} of the Stats Model is not analysed: {each}" for name, each in problems.items()
    )
    return tuple(found), tuple(notes)


def joined(inputs: Sequence[Inputs], notes: Sequence[str], is_one: bool) -> Discovery:
    """Join the contrasts of several nodes, whose names then have the node; of the only node of a model, they have not.

    Raises
    ------
    UsageError
        When the names of two nodes are the same in file names.
    """
    labels = {each.model.inputs.node: label_of(each.model.inputs.node) for each in inputs}
    if len(set(map(str.casefold, labels.values()))) < len(labels):
        found = f"File names cannot distinguish the nodes {printable(listing(labels))}"
        raise UsageError(found, "names that differ in letters", "Rename one of them")
    for note in notes:
        log.warning("%s", note)
    sets: dict[Entities, ContrastSet] = {}
    for each in inputs:
        name = each.model.inputs.node
        for contrast in each.discovery:
            key = contrast.entities if is_one else contrast.entities.with_(node=labels[name] or "x")
            all_notes = tuple(dict.fromkeys((*contrast.notes, *each.model.notes, *notes)))
            sets[key] = replace(contrast, entities=key, notes=all_notes, node="" if is_one else name)
    used = {file for contrast in sets.values() for file in contrast.files}
    names = {file.label for file in used}
    excluded = dict.fromkeys(entry for each in inputs for entry in each.discovery.excluded if entry.name not in names)
    return Discovery(by_name(sets), tuple(excluded))


def _of_node(
    dataset: Dataset, model: StatsModel, options: Options, search: Search, by: Sequence[str], is_combined: bool
) -> Discovery:
    """Find the maps of one node, made by the nodes below it or to be made here."""
    where, notes, nodes, first = select_maps(model.inputs, dataset)
    dividing = [key for key in model.group_by if key in WITHIN]
    absent = [key for key in dividing if not dataset.labels(key)]
    if absent:
        notes += (f"GroupBy of the model names {listing(absent)}, which no map names",)
    weights = with_estimator(options).is_weighted
    carry_out = None
    if (nodes or first) and not is_combined:
        carry_out = CarryOut(nodes, first, tuple(map(str, model.inputs.filters.get("contrast", ()))), weights)
    keys = tuple(dict.fromkeys((*by, *(key for key in dividing if key not in absent))))
    discovery = search(model_where=where, by=keys, lower=carry_out, weights=weights)
    check_groups(model.inputs, (*model.group_by, *map(key_of, by)), discovery)
    lacking = list(map(str, lacking_labels(model.inputs.labels.get("sub", ()), dataset.labels("sub"))))
    contrasts = tuple(_with_lacking(replace(each, notes=(*each.notes, *notes)), lacking) for each in discovery)
    return replace(discovery, contrasts=contrasts)


def _with_lacking(contrast: ContrastSet, subjects: Sequence[str]) -> ContrastSet:
    """Add subjects without any map, which Input of a model names, as excluded."""
    reason = Reason.NOT_THERE.text()
    absent = [Excluded.of_subject(subject, reason) for subject in subjects]
    return replace(contrast, excluded=(*absent, *contrast.excluded))
