"""The maps and subjects that reach a node of a BIDS Stats Model, by its nodes, edges, filters and Input."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.dataset import Dataset
from bids_ari.bids.entities import KEYS, ORDER, key_of, printable
from bids_ari.design.json_document import Item
from bids_ari.errors import UsageError, listing

Labels = Mapping[str, tuple[Any, ...]]  # by key of an entity, such as {"task": ("stroop",)}

_IMAGE_KEYS = ("suffix", "datatype", "extension", "desc")  # of first-level images, not of the maps made from them
# entities that distinguish images of one session and run; maps made from one image differ in other entities
_SOURCE_ENTITIES = ("task", "acq", "ce", "trc", "rec", "dir", "echo", "part", "chunk")
_WORD = re.compile("[a-zA-Z0-9+]+")


@dataclass(frozen=True, slots=True)
class NodeInputs:
    """The maps and subjects that a node of the dataset level takes."""

    path: Path
    node: str
    labels: Labels  # of Input, where they may select maps
    image_labels: Labels  # of Input, for images of the first level, by the names in the file, such as suffix
    filters: Labels  # of the filter of the edge to the node
    subjects: Mapping[str, tuple[str, ...]]  # values in this filter, by column of participants.tsv


def read_inputs(document: Item, fields: Mapping[str, Item], name: str | None) -> tuple[Item, NodeInputs]:
    """Read a node of the dataset level, and which maps and subjects it takes; of other nodes only names and levels.

    `fields` are those of the document; `name` is required where several nodes are of the dataset level.
    """
    nodes = (fields["Nodes"] if "Nodes" in fields else fields["Steps"]).items()
    levels = _read_levels(nodes)
    names = list(levels)
    chosen = _choose(document, [each for each in names if levels[each] == "dataset"], name)
    index = names.index(chosen)
    edges = fields["Edges"].items() if "Edges" in fields else []
    if not edges and index and levels[names[index - 1]] == "dataset":
        found = f"follows {names[index - 1]!r}, which is also of the dataset level"
        raise nodes[index].error("Edges from the nodes that its maps come from", found=found)
    filters, subjects = _read_filter(_edge_filter(edges, levels, chosen))
    labels, image_labels = _read_input(fields.get("Input"))
    return nodes[index], NodeInputs(document.path, chosen, labels, image_labels, filters, subjects)


def select_maps(inputs: NodeInputs, dataset: Dataset) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Select the maps of a dataset that a node of a model takes.

    Names of contrasts match the labels that programs write for them: ``faces_gt_shapes`` is ``facesGtShapes``.
    Labels of Input select maps only where maps name the entity.

    Returns
    -------
    mapping
        The argument `where` of `discover`.
    tuple of str
        Notes for the report.

    Raises
    ------
    UsageError
        When Input and the filter contradict each other.
    """
    where = {key: list(labels) for key, labels in inputs.labels.items() if dataset.labels(key)}
    notes = [
        f"Input of the model selects {key} {printable(listing(labels))}, which no map names; assumed to hold for all "
        "maps"
        for key, labels in inputs.labels.items()
        if key not in where
    ]
    for key, labels in inputs.filters.items():
        existing = dataset.labels(key)
        requested = [_label_in_files(label, existing) if key == "contrast" else label for label in labels]
        where[key] = [label for label in requested if label in where.get(key, requested)]
        if not where[key]:
            raise UsageError(f"{inputs.path}: Input and the Filter of {inputs.node!r} have no {key} in common")
    if inputs.image_labels:
        selectors = printable(listing(f"{name} {listing(labels)}" for name, labels in inputs.image_labels.items()))
        notes.append(f"Input of the model selects {selectors} of first-level images; not used to select maps")
    return where, tuple(notes)


def check_groups(inputs: NodeInputs, group_by: Collection[str], contrasts: Sequence[ContrastSet]) -> None:
    """Check that no maps which the model analyses together are in different contrast sets.

    Raises
    ------
    UsageError
        When maps differ in an entity of the source images, such as the task, that is not in GroupBy.
    """
    present = {key for contrast in contrasts for key, _ in contrast.entities}
    separating = set(group_by) | (present - set(_SOURCE_ENTITIES))
    for one, other in combinations(contrasts, 2):
        if all(one.entities.get(key) == other.entities.get(key) for key in separating):
            raise UsageError(
                f"{inputs.path}: GroupBy of {inputs.node!r} puts {one.name} and {other.name} into one analysis",
                "one task, acquisition, ... in each analysis",
                "Add it to GroupBy, or choose with --task-id or another filter",
            )


def label_of(name: str) -> str:
    """Return the label of a name in file names: letters, digits and +, in camel case.

    >>> label_of("faces_gt_shapes"), label_of("group.patient"), label_of("main effect F-test"), label_of("é")
    ('facesGtShapes', 'groupPatient', 'mainEffectFTest', '')
    """
    first, *others = _WORD.findall(name) or [""]
    return "".join([first, *(word[:1].upper() + word[1:] for word in others)])


def _read_levels(nodes: Sequence[Item]) -> Mapping[str, str]:
    """Read the level of each node, by its name."""
    levels: dict[str, str] = {}
    for node in nodes:
        members = {key.lower(): member for key, member in node.members().items()}
        if "level" not in members:
            raise node.error('a Level, such as "Dataset"', found="has no Level")
        level = members["level"].text().lower()
        name = members["name"].text() if "name" in members else level
        if name in levels:
            raise node.error("a unique name for each node", found=f"has the same name as another node, {name!r}")
        levels[name] = level
    return levels


def _choose(document: Item, names: Sequence[str], name: str | None) -> str:
    """Choose one of the nodes of the dataset level."""
    if not names:
        raise document.error('a node with "Level": "Dataset"', found="has no node of the dataset level")
    listed = listing(map(printable, names))
    if name is None and len(names) > 1:
        found = f"has {len(names)} nodes of the dataset level: {listed}"
        raise document.error("one of them", "Choose with --node NAME", found)
    if name is not None and name not in names:
        raise document.error(f"one of: {listed}", found=f"has no node {name!r} of the dataset level")
    return names[0] if name is None else name


def _edge_filter(edges: Sequence[Item], levels: Mapping[str, str], node: str) -> Item | None:
    """Return the filter of the edge to a node."""
    leading: list[tuple[Item, Mapping[str, Item]]] = []
    for edge in edges:
        fields = edge.fields(("Source", "Destination", "Filter"))
        for key in ("Source", "Destination"):
            if key not in fields:
                raise edge.error("the names of two nodes", found=f"has no {key}")
            if fields[key].text() not in levels:
                raise fields[key].error(f"the name of a node: {listing(map(printable, levels))}")
        if fields["Destination"].value == node:
            leading.append((edge, fields))
    if len(leading) > 1:
        raise leading[1][0].unsupported(f"{node!r} must take the maps of one node, not of several")
    for edge, fields in leading:
        if levels[fields["Source"].value] == "dataset":
            raise edge.unsupported("It leads from one node of the dataset level to another")
        return fields.get("Filter")
    return None


def _read_filter(rule: Item | None) -> tuple[Labels, Mapping[str, tuple[str, ...]]]:
    """Separate the labels of maps from the values of subjects in the filter of an edge."""
    filters: dict[str, tuple[Any, ...]] = {}
    subjects: dict[str, tuple[str, ...]] = {}
    for name, item in (rule.members() if rule else {}).items():
        key = key_of(name)
        if not _is_entity(name):
            subjects[name] = tuple(map(str, _labels(item, name)))
        elif key in filters:
            raise item.error(f"one filter of {key}", found=f"is a second filter of {key}")
        else:
            filters[key] = _labels(item, key)
    return filters, subjects


def _read_input(item: Item | None) -> tuple[Labels, Labels]:
    """Read Input: the labels that may select maps, and those that select first-level images only."""
    inputs: dict[str, tuple[Any, ...]] = {}
    images: dict[str, tuple[Any, ...]] = {}
    for name, values in (item.members() if item else {}).items():
        key = key_of(name)
        if not _is_entity(name) and name not in _IMAGE_KEYS:
            raise values.error("entities, such as task, subject or session", found="is not an entity")
        if key in inputs or key in map(key_of, images):
            raise values.error(f"one selection of {key}", found=f"is a second selection of {key}")
        if key in _IMAGE_KEYS:
            images[name] = _labels(values, key)
        else:
            inputs[key] = _labels(values, key)
    return inputs, images


def _is_entity(name: str) -> bool:
    return name in KEYS or name in ORDER


def _labels(item: Item, key: str) -> tuple[Any, ...]:
    """Read a label or a list of labels: strings or integers; runs become integers."""
    labels = [each.value for each in item.items(lone=True, filled="a label, or a list of labels")]
    if not all(isinstance(each, str | int) and not isinstance(each, bool) and each not in ("", "*") for each in labels):
        raise item.error("a label, or a list of labels")
    return tuple(int(each) if key == "run" and re.fullmatch("[0-9]{1,9}", str(each)) else each for each in labels)


def _label_in_files(name: Any, existing: Collection[str]) -> str:
    """Return the label that a contrast of this name has in file names."""
    as_is, camel = str(name), label_of(str(name))
    bare = {label: "".join(filter(str.isalnum, label)).lower() for label in (as_is, *existing)}
    alike = [label for label in existing if bare[label] == bare[as_is]]
    candidates = (as_is, camel, *(alike if len(alike) == 1 else ()))
    return next((label for label in candidates if label in existing), camel or as_is)
