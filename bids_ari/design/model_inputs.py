"""The maps and subjects that reach a node of a BIDS Stats Model, by its nodes, edges, filters and Input."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.dataset import Dataset
from bids_ari.bids.entities import KEYS, ORDER, key_of, printable
from bids_ari.bids.labels import same_label
from bids_ari.design.json_document import Item
from bids_ari.design.model_graph import Node
from bids_ari.errors import UsageError, listing

Labels = Mapping[str, tuple[Any, ...]]  # by key of an entity, such as {"task": ("stroop",)}

_IMAGE_KEYS = ("suffix", "datatype", "extension", "desc")  # of first-level images, not of the maps made from them
# entities that distinguish contrasts, or images of one session and run; maps made from one image differ in others
SOURCE_ENTITIES = ("contrast", "task", "acq", "ce", "trc", "rec", "dir", "echo", "part", "chunk")
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
    lower: tuple[Node, ...] = ()  # the nodes that make the maps, the nearest first


class Selection(NamedTuple):
    """The maps of a dataset that a node takes."""

    where: Mapping[str, Any]  # the argument of `discover`
    notes: tuple[str, ...]  # for the report
    nodes: tuple[Node, ...]  # the lower nodes that remain to be carried out, the first one first
    first: Node | None = None  # the node of images, where the maps may be its own


def read_inputs(fields: Mapping[str, Item], path: Sequence[Node]) -> NodeInputs:
    """Read which maps and subjects a node takes, given the fields of the document and the path to it in the graph."""
    node, *lower = path
    filters, subjects = read_filter(node.rule)
    labels, image_labels = _read_input(fields.get("Input"))
    return NodeInputs(node.item.path, node.name, labels, image_labels, filters, subjects, tuple(lower))


def select_maps(inputs: NodeInputs, dataset: Dataset) -> Selection:
    """Select the maps of a dataset that a node of a model takes.

    Names of contrasts and nodes match the labels that programs write for them: ``faces_gt_shapes`` is
    ``facesGtShapes``. Labels of Input select maps only where maps name the entity and have the label. The maps are
    those of the nearest node below that has some; the nodes between remain to be carried out.

    Raises
    ------
    UsageError
        When Input and the filter contradict each other.
    """
    where, notes = _select_by_input(inputs, dataset)
    nodes, first = _place_in_path(inputs.lower, dataset, where)
    for key, labels in inputs.filters.items():
        existing = dataset.labels(key)
        requested = [label_in_files(label, existing) if key == "contrast" else label for label in labels]
        if key == "contrast" and (nodes or (first and not existing.issuperset(requested))):
            continue  # the nodes make these contrasts, which are filtered then
        where[key] = [label for label in requested if label in where.get(key, requested)]
        if not where[key]:
            raise UsageError(f"{inputs.path}: Input and the Filter of {inputs.node!r} have no {key} in common")
    return Selection(where, tuple(notes), nodes, first)


def _select_by_input(inputs: NodeInputs, dataset: Dataset) -> tuple[dict[str, Any], list[str]]:
    """Return the labels of Input that maps have, by entity, and notes on the others."""
    where: dict[str, Any] = {}
    notes: list[str] = []
    for key, labels in inputs.labels.items():
        if not (existing := dataset.labels(key)):
            selected = f"{key} {printable(listing(labels))}"
            notes.append(f"Input of the model selects {selected}, which no map names; assumed to hold for all maps")
            continue
        lacking = lacking_labels(labels, existing)
        where[key] = [label for label in labels if label not in lacking] or list(labels)
        if len(lacking) not in (0, len(labels)) and key != "sub":  # subjects are listed as excluded
            selected = f"{key} {printable(listing(lacking))}"
            notes.append(f"Input of the model selects {selected}, of which there is no map")
    if inputs.image_labels:
        selectors = printable(listing(f"{name} {listing(labels)}" for name, labels in inputs.image_labels.items()))
        notes.append(f"Input of the model selects {selectors} of first-level images; not used to select maps")
    return where, notes


def _place_in_path(
    path: Sequence[Node], dataset: Dataset, where: dict[str, Any]
) -> tuple[tuple[Node, ...], Node | None]:
    """Select the maps of the nearest node that has some; return the nodes that remain, the first one first.

    Where no map names a node of the model, these are all nodes but the first, which analyses images. The first node is
    returned, too, if the maps may be its own.
    """
    existing = dataset.labels("node")
    for i, node in enumerate(path):
        if (label := label_in_files(node.name, existing)) in existing:
            where["node"] = [label]
            return tuple(path[:i][::-1]), node if i == len(path) - 1 else None
    return tuple(path[:-1][::-1]), path[-1] if path else None


def lacking_labels(labels: Sequence[Any], existing: Collection[str]) -> list[Any]:
    """Return the labels that no map has; those of numbers may have other leading zeros in file names."""
    return [label for label in labels if not any(same_label(str(label), each) for each in existing)]


def check_groups(inputs: NodeInputs, group_by: Collection[str], contrasts: Sequence[ContrastSet]) -> None:
    """Check that no maps which the model analyses together are in different contrast sets.

    Raises
    ------
    UsageError
        When maps differ in an entity of the source images, such as the task, that is not in GroupBy.
    """
    present = {key for contrast in contrasts for key, _ in contrast.entities}
    separating = set(group_by) | (present - set(SOURCE_ENTITIES)) | {"ses", "run"}
    for one, other in combinations(contrasts, 2):
        if all(one.entities.get(key) == other.entities.get(key) for key in separating):
            raise UsageError(
                f"{inputs.path}: GroupBy of {inputs.node!r} puts {one.name} and {other.name} into one analysis",
                "one contrast, task, acquisition, ... in each analysis",
                "Add it to GroupBy, or choose with --contrast, --task-id or another filter",
            )


def label_of(name: str) -> str:
    """Return the label of a name in file names: letters, digits and +, in camel case.

    >>> label_of("faces_gt_shapes"), label_of("group.patient"), label_of("main effect F-test"), label_of("é")
    ('facesGtShapes', 'groupPatient', 'mainEffectFTest', '')
    """
    first, *others = _WORD.findall(name) or [""]
    return "".join([first, *(word[:1].upper() + word[1:] for word in others)])


def read_filter(rule: Item | None) -> tuple[Labels, Mapping[str, tuple[str, ...]]]:
    """Separate the labels of maps from the values of subjects in the filter of an edge."""
    filters: dict[str, tuple[Any, ...]] = {}
    subjects: dict[str, tuple[str, ...]] = {}
    for name, item in (rule.members() if rule else {}).items():
        key = _key(name)
        if not is_entity(name):
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
        key = _key(name)
        if not is_entity(name) and key not in _IMAGE_KEYS:
            raise values.error("entities, such as task, subject or session", found="is not an entity")
        if key in inputs or key in map(key_of, images):
            raise values.error(f"one selection of {key}", found=f"is a second selection of {key}")
        if key in _IMAGE_KEYS:
            images[name] = _labels(values, key)
        else:
            inputs[key] = _labels(values, key)
    return inputs, images


def is_entity(name: str) -> bool:
    """Return whether a name in a model is that of an entity, such as session; others are columns of tables."""
    return name.lower() in KEYS or name.lower() in ORDER


def _key(name: str) -> str:
    return key_of(name.lower()) if is_entity(name) or name.lower() in _IMAGE_KEYS else name


def _labels(item: Item, key: str) -> tuple[Any, ...]:
    """Read a label or a list of labels: strings or integers; runs become integers."""
    labels = [each.value for each in item.items(lone=True, filled="a label, or a list of labels")]
    if not all(isinstance(each, str | int) and not isinstance(each, bool) and each not in ("", "*") for each in labels):
        raise item.error("a label, or a list of labels")
    return tuple(int(each) if key == "run" and re.fullmatch("[0-9]{1,9}", str(each)) else each for each in labels)


def label_in_files(name: Any, existing: Collection[str]) -> str:
    """Return the label that a contrast or a node of this name has in file names."""
    as_is, camel = str(name), label_of(str(name))
    bare = {label: "".join(filter(str.isalnum, label)).lower() for label in (as_is, *existing)}
    alike = [label for label in existing if bare[label] == bare[as_is]]
    candidates = (as_is, camel, *(alike if len(alike) == 1 else ()))
    return next((label for label in candidates if label in existing), camel or as_is)
