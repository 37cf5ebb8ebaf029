"""The nodes of a BIDS Stats Model, and what the edge to one of them lets pass."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bids_ari.bids.entities import KEYS, ORDER, key_of, printable
from bids_ari.design.json_document import Item
from bids_ari.errors import listing

_OF_IMAGES = ("suffix", "datatype", "extension", "desc")
"""What says something only of the images that a first level read, not of the maps that it made."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of a model.

    Attributes
    ----------
    items : tuple of Item
        What stands in the file.
    names : tuple of str
        Their names.
    of_dataset : tuple of bool
        Which are of the dataset level.
    """

    items: tuple[Item, ...]
    names: tuple[str, ...]
    of_dataset: tuple[bool, ...]

    @classmethod
    def read(cls, items: Sequence[Item]) -> "Nodes":
        """Read names and levels, and nothing else: the nodes below the dataset are for other programs."""
        names: list[str] = []
        levels: list[str] = []
        for item in items:
            members = {key.lower(): member for key, member in item.members().items()}
            if "level" not in members:
                raise item.error('a Level, such as "Dataset"', found="has no Level")
            levels.append(members["level"].text().lower())
            names.append(members["name"].text() if "name" in members else levels[-1])
            if names[-1] in names[:-1]:
                raise item.error("a name of its own for each node", found=f"is called {names[-1]!r}, as another node")
        return cls(tuple(items), tuple(names), tuple(level == "dataset" for level in levels))

    def choose(self, name: str | None, document: Item) -> int:
        """Give the index of the node of the dataset level that is meant."""
        there = [named for named, fits in zip(self.names, self.of_dataset, strict=True) if fits]
        if not there:
            raise document.error('a node with "Level": "Dataset"', found="has no node of the dataset level")
        names = listing(map(printable, there))
        if name is None and len(there) > 1:
            found = f"has {len(there)} nodes of the dataset level: {names}"
            raise document.error("one of them", "Choose with --node NAME", found)
        if name is not None and name not in there:
            raise document.error(f"one of: {names}", found=f"has no node {name!r} of the dataset level")
        return self.names.index(there[0] if name is None else name)


@dataclass(frozen=True, slots=True)
class Passage:
    """What reaches a node.

    Attributes
    ----------
    filters : mapping of str to tuple
        By key of an entity: the labels of the maps.
    subjects : mapping of str to tuple of str
        By column of the table of subjects: the values of the subjects.
    """

    filters: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    subjects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def to_node(cls, nodes: Nodes, chosen: int, edges: Item | None) -> "Passage":
        """Read the edge to a node; without edges, each node leads to the next of the list."""
        listed = edges.items() if edges else []
        if not listed and chosen and nodes.of_dataset[chosen - 1]:
            found = f"follows {nodes.names[chosen - 1]!r}, which is of the dataset level too"
            raise nodes.items[chosen].error("Edges that say where its maps come from", found=found)
        leading = [edge for item in listed if (edge := _Edge.read(item, nodes)).destination == chosen]
        if not leading:
            return cls()
        if len(leading) > 1:
            raise leading[1].item.unsupported(f"{nodes.names[chosen]!r} takes the maps of one node, not of several")
        if nodes.of_dataset[leading[0].source]:
            raise leading[0].item.unsupported("It leads from one node of the dataset level to another")
        return cls._read(leading[0].rule)

    @classmethod
    def _read(cls, rule: Item | None) -> "Passage":
        """Part what is asked of maps from what is asked of subjects."""
        filters: dict[str, tuple[Any, ...]] = {}
        subjects: dict[str, tuple[str, ...]] = {}
        for name, item in (rule.members() if rule else {}).items():
            if is_entity(name):
                if key_of(name) in filters:
                    raise item.error(f"one filter of {key_of(name)}", found="says again what is asked of the maps")
                filters[key_of(name)] = _labels(item, key_of(name))
            else:
                subjects[name] = tuple(str(label) for label in _labels(item, name))
        return cls(filters, subjects)


@dataclass(frozen=True, slots=True)
class _Edge:
    item: Item
    source: int
    destination: int
    rule: Item | None

    @classmethod
    def read(cls, item: Item, nodes: Nodes) -> "_Edge":
        fields = item.fields(("Source", "Destination", "Filter"))
        ends = []
        for key in ("Source", "Destination"):
            if key not in fields:
                raise item.error("the names of two nodes", found=f"has no {key}")
            if fields[key].text() not in nodes.names:
                raise fields[key].error(f"the name of a node: {listing(map(printable, nodes.names))}")
            ends.append(nodes.names.index(fields[key].value))
        return cls(item, ends[0], ends[1], fields.get("Filter"))


def is_entity(name: str) -> bool:
    """Say whether a name is that of an entity, rather than that of a column."""
    return name in KEYS or name in ORDER


def read_inputs(item: Item | None) -> Mapping[str, tuple[Any, ...]]:
    """Read which images the first level took, by key of an entity."""
    inputs: dict[str, tuple[Any, ...]] = {}
    for name, values in (item.members() if item else {}).items():
        key = key_of(name)
        if not is_entity(name) and name not in _OF_IMAGES:
            raise values.error("entities, such as task, subject or session", found="is no entity")
        if key in inputs:
            raise values.error(f"one choice of {key}", found="says again what is chosen")
        inputs[key] = _labels(values, key)
    return {key: labels for key, labels in inputs.items() if key not in _OF_IMAGES}


def _labels(item: Item, key: str) -> tuple[Any, ...]:
    """Read a label or a list of them; whole numbers are labels too, and runs are numbers."""
    labels = [each.value for each in item.items(lone=True)]
    if not labels or not all(map(_is_label, labels)):
        raise item.error("a label, or a list of labels")
    return tuple(int(each) if key == "run" and re.fullmatch("[0-9]{1,9}", str(each)) else each for each in labels)


def _is_label(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value not in ("", "*")
