"""The nodes of a BIDS Stats Model and the edges between them: which nodes make the maps that a node takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bids_ari.bids.entities import printable
from bids_ari.design.json_document import Item
from bids_ari.errors import listing

DATASET = "dataset"  # the level of the nodes that analyse subjects together


@dataclass(frozen=True, slots=True)
class Node:
    """A node, with the filter of the edge that leads to it from the node before."""

    name: str
    level: str  # in lower case
    item: Item
    rule: Item | None = None  # the filter


@dataclass(frozen=True, slots=True)
class Graph:
    """The nodes of a model, by name, and its edges."""

    nodes: Mapping[str, Node]
    edges: Sequence[Mapping[str, Item]]  # each with Source, Destination and perhaps Filter
    places: Sequence[Item]  # of the edges

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the nodes of the dataset level."""
        return tuple(name for name, node in self.nodes.items() if node.level == DATASET)

    def path_to(self, name: str) -> tuple[Node, ...]:
        """Return a node of the dataset level and those that make its maps, the nearest first.

        Without an edge to a node, its maps come from the node before it in the file, but not from one of the dataset
        level.

        Raises
        ------
        UsageError
            When it takes the maps of several nodes, or of one of the dataset level.
        """
        path: list[Node] = []
        while name and name not in [node.name for node in path]:
            node, source = self.nodes[name], self._before(name)
            leading = [i for i, edge in enumerate(self.edges) if edge["Destination"].value == name]
            if len(leading) > 1:
                raise self.places[leading[1]].unsupported(f"{name!r} must take the maps of one node, not of several")
            if leading:
                edge = self.edges[leading[0]]
                source = edge["Source"].value
                if self.nodes[source].level == DATASET:
                    raise self.places[leading[0]].unsupported("It leads from a node of the dataset level to another")
                node = Node(node.name, node.level, node.item, edge.get("Filter"))
            path.append(node)
            name = source
        return tuple(path)

    def _before(self, name: str) -> str:
        """Return the name of the node before one in the file that is not of the dataset level; empty for none."""
        if self.edges and self.nodes[name].level != DATASET:
            return ""  # a node of a lower level to which no edge leads is the first one
        names = list(self.nodes)
        return next((each for each in names[: names.index(name)][::-1] if self.nodes[each].level != DATASET), "")


def read_graph(document: Item, fields: Mapping[str, Item]) -> Graph:
    """Read the names and levels of all nodes, and the edges; `fields` are those of the document."""
    nodes: dict[str, Node] = {}
    for item in (fields["Nodes"] if "Nodes" in fields else fields["Steps"]).items():
        members = {key.lower(): member for key, member in item.members().items()}
        if "level" not in members:
            raise item.error('a Level, such as "Dataset"', found="has no Level")
        level = members["level"].text().lower()
        name = members["name"].text() if "name" in members else level
        if name in nodes:
            raise item.error("a unique name for each node", found=f"has the same name as another node, {name!r}")
        nodes[name] = Node(name, level, item)
    places = fields["Edges"].items() if "Edges" in fields else []
    graph = Graph(nodes, [_read_edge(edge, list(nodes)) for edge in places], places)
    if not graph.names:
        raise document.error('a node with "Level": "Dataset"', found="has no node of the dataset level")
    return graph


def _read_edge(edge: Item, names: Sequence[str]) -> Mapping[str, Item]:
    """Read an edge, and check that its ends are nodes."""
    fields = edge.fields(("Source", "Destination", "Filter"))
    for key in ("Source", "Destination"):
        if key not in fields:
            raise edge.error("the names of two nodes", found=f"has no {key}")
        if fields[key].text() not in names:
            raise fields[key].error(f"the name of a node: {listing(map(printable, names))}")
    return fields
