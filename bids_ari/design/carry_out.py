"""Nodes of a BIDS Stats Model below the dataset level, carried out where a dataset has the maps of lower nodes only."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal

from bids_ari.bids.contrasts import ContrastSet, Discovery, by_name, with_shared
from bids_ari.bids.division import WITHIN, Division
from bids_ari.bids.entities import Entities, key_of, printable
from bids_ari.bids.exclusions import Excluded, Reason
from bids_ari.bids.subject_map import SubjectMap
from bids_ari.design.condition_contrasts import with_condition_contrasts
from bids_ari.design.lower_nodes import LowerNode, design_matrix, question_of, read_lower_node
from bids_ari.design.model_contrasts import ONES, Contrast
from bids_ari.design.model_graph import Node
from bids_ari.design.model_inputs import is_entity, label_in_files, label_of
from bids_ari.design.model_rows import (
    Row,
    contrasts_of,
    notes_of,
    order_of,
    sources_of,
    without_variances,
)
from bids_ari.design.node_sums import Group, combined, question_of_all
from bids_ari.errors import NoMatchError, listing
from bids_ari.stats.distributions import FloatArray

log = logging.getLogger(__name__)

COLLAPSED = (*WITHIN, "contrast")  # maps that differ in these are combined by a node unless it groups by them


@dataclass(slots=True)
class _Work:
    """The state of carrying out nodes: what is kept of variances, and what is excluded."""

    keep_variances: bool
    excluded: dict[str, list[Excluded]] = field(default_factory=lambda: defaultdict(list))  # by contrast


@dataclass(frozen=True, slots=True)
class CarryOut:
    """The lower nodes of a model that make the maps of a node of the dataset level, as a change of contrast sets.

    Attributes
    ----------
    nodes : sequence of Node
        The nodes that remain to be carried out, the first one first.
    first : Node, optional
        The node of images, where the maps are its own: its contrasts of conditions are computed if only the conditions
        have maps.
    contrasts : sequence of str
        The contrasts that pass the filter of the node of the dataset level; empty for all.
    keep_variances : bool
        Whether the group model needs variance maps.
    """

    nodes: Sequence[Node]
    first: Node | None = None
    contrasts: Sequence[str] = ()
    keep_variances: bool = False

    def __call__(self, discovery: Discovery, division: Division) -> Discovery:
        """Return the contrast sets after the nodes.

        Raises
        ------
        UsageError
            When a node cannot be carried out with these maps; names it and what its X has.
        NoMatchError
            When no node makes a contrast that the model filters, or any at all.
        """
        work = _Work(self.keep_variances)
        found = [
            Row(member.first.entities.without("stat", "node", "level"), member, frozenset([i]))
            for i, contrast in enumerate(discovery)
            for member in contrast.members
        ]
        rows = found if self.first is None else with_condition_contrasts(self.first, found)
        if self.keep_variances:  # several sums of maps cannot be weighted
            rows = [row for row in rows if not row.map.rows]
        for node in map(read_lower_node, self.nodes):
            rows = _apply(node, _passing(node, rows), work)
        if found and not rows and not work.excluded:
            raise NoMatchError(
                f"The nodes {printable(listing(node.name for node in self.nodes))} of the Stats Model make no map that "
                "can be analysed at the level of the dataset",
                "a t contrast" + ", or an F contrast with several rows of weights" * (not self.keep_variances),
                "Maps of F contrasts need a node of the dataset level of Type glm, without weights"
                * self.keep_variances,
            )
        filtered = self._filtered(rows)
        if not self.nodes and filtered == found:
            return discovery if self.keep_variances else _stripped(discovery)
        return _sets(filtered, discovery, division, work)

    def _filtered(self, rows: list[Row]) -> list[Row]:
        """Return the maps of the contrasts that pass the filter of the node of the dataset level."""
        if not self.contrasts:
            return rows
        existing = set(contrasts_of(rows))
        labels = [label_in_files(name, existing) for name in self.contrasts]
        if unknown := [name for name, label in zip(self.contrasts, labels, strict=True) if label not in existing]:
            raise NoMatchError(
                f"The model filters the contrasts {printable(listing(unknown))}, which no node makes",
                f"one of: {listing(sorted(existing), 20)}",
            )
        return [row for row in rows if row.labels.get("contrast") in labels]


def _passing(node: LowerNode, rows: Sequence[Row]) -> list[Row]:
    """Return the maps that pass the filter of the edge to a node."""
    passing = list(rows)
    for key, labels in node.filters.items():
        existing = {row.labels.get(key) or "" for row in rows}
        wanted = {label_in_files(label, existing) if key == "contrast" else str(label) for label in labels}
        plain = {label.lstrip("0") for label in wanted if label.isdecimal()} if key == "run" else set()
        passing = [
            row
            for row in passing
            if (label := row.labels.get(key)) is None or label in wanted or label.lstrip("0") in plain
        ]
    return passing


def _apply(node: LowerNode, rows: Sequence[Row], work: _Work) -> list[Row]:
    """Return the maps that a node makes of others, by subject."""
    if node.passes:
        return list(rows)
    groups: dict[Entities, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.labels.without(*(key for key in COLLAPSED if key not in node.group_by))].append(row)
    if _is_done(node, groups):
        note = f"The maps of the node {printable(node.name)} of the Stats Model are there and are used"
        return [row._replace(notes=(*row.notes, note)) for row in rows]
    columns = node.columns([row.labels for row in rows])
    sets: dict[Entities, list[Group]] = defaultdict(list)
    for key, group in groups.items():
        ordered = sorted(group, key=order_of)
        matrix = design_matrix(columns, [row.labels for row in ordered])
        sets[key.without("sub", *WITHIN)].append(Group(key, ordered, matrix))
    tests = node.tests([*columns])
    if work.keep_variances and (several := [str(contrast.name) for contrast, weights in tests if weights.ndim == 2]):
        tests = [(contrast, weights) for contrast, weights in tests if weights.ndim == 1]
        log.warning(
            "%s of the node %s is not analysed: questions within subjects with several rows of weights cannot be "
            "weighted by variance maps",
            printable(listing(several)),
            printable(node.name),
        )
    return [row for each in sets.values() for row in _outputs(node, each, tests, work)]


def _is_done(node: LowerNode, groups: Mapping[Entities, Sequence[Row]]) -> bool:
    """Return whether maps of contrasts that a node would make are there, under other names than those of its inputs.

    A contrast ``neg`` of the maps of ``faces`` is facesNeg.
    """
    named = [contrast for contrast in node.contrasts if contrast.conditions != (contrast.name,)]
    known = {label for group in groups.values() for label in contrasts_of(group)}
    names = {node.name_of(each, contrasts_of(group)) for group in groups.values() for each in named}
    endings = [label_of(f"x_{each.name}")[1:] for each in named if node.prefixes and each.name != ONES]
    are_outputs = bool(endings and known) and all(label.endswith(tuple(filter(None, endings))) for label in known)
    return are_outputs or not names.isdisjoint(known)


def _outputs(
    node: LowerNode, groups: Sequence[Group], tests: Iterable[tuple[Contrast, FloatArray]], work: _Work
) -> Iterator[Row]:
    """Yield the maps that a node makes of the maps of all subjects that belong to one analysis.

    Whether each map that a contrast takes has a variance map is a matter of this contrast only.
    """
    for contrast, weights in tests:
        taken = [group.taken(weights) for group in groups]
        several = [row for rows in taken if len(rows) > 1 for row in rows]
        by_precision = all(row.map.has_variances for row in several or chain(*taken))
        notes = (_note(node, several, by_precision),) if any(len(group.rows) > 1 for group in groups) else ()
        for group in groups:
            name = node.name_of(contrast, contrasts_of(group.rows))
            found = combined(node, group, weights, by_precision, work.keep_variances)
            if found is None:
                reason = Reason.NO_MAP_FOR_NODE.text(node=node.name, contrast=name)
                work.excluded[name].append(Excluded.of_subject(str(group.key.get("sub")), reason))
                continue
            own = (*notes_of(group.taken(weights)), *notes)
            question = question_of(contrast) or question_of_all(node, group.taken(weights))
            yield Row(group.labels(name), found, sources_of(group.rows), own, question)


def _note(node: LowerNode, rows: Sequence[Row], by_precision: bool) -> str:
    """Describe how a node combined the maps that a contrast takes."""
    begin = f"Maps of each subject were combined by the node {printable(node.name)} of the Stats Model: "
    if not node.is_meta:
        return begin + "type glm, least squares without weights"
    if by_precision:
        return begin + "type meta, weights by precision (variance maps)"
    lacking = [row for row in rows if not row.map.has_variances]
    if computed := sorted({f"contrast-{label}" for label in contrasts_of([row for row in lacking if row.map.others])}):
        return (
            begin
            + f"type meta, but without weights, as the variance of computed maps ({listing(computed)}) is not known"
        )
    names = sorted({printable(row.map.first.name) for row in lacking})
    return begin + f"type meta, but without weights, as not every map has a variance map ({listing(names)})"


def _stripped(discovery: Discovery) -> Discovery:
    """Return the contrast sets as they are, without the variance maps that would have been used."""
    sets = (replace(each, members=tuple(map(without_variances, each.members))) for each in discovery)
    return replace(discovery, contrasts=tuple(sets))


def _sets(rows: Sequence[Row], discovery: Discovery, division: Division, work: _Work) -> Discovery:
    """Make contrast sets of maps, with what is excluded from the sets that their files come from."""
    groups: dict[Entities, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.labels.without("sub", *WITHIN).with_(**division.labels(row.labels))].append(row)
    names = {key.get("contrast") for key in groups}
    of_all = [entry for name, entries in work.excluded.items() if name not in names for entry in entries]
    made = dict(_set(key, group, discovery, work, of_all) for key, group in groups.items())
    used = sources_of(rows)
    files = [
        entry for i, each in enumerate(discovery) if i not in used for entry in each.excluded if not entry.is_subject
    ]
    return Discovery(by_name(made), (*discovery.excluded, *_unused(discovery, made.values()), *files))


def _unused(discovery: Discovery, made: Iterable[ContrastSet]) -> Iterator[Excluded]:
    """Exclude the files that are in none of the sets that were made."""
    used = {file for contrast in made for file in contrast.files}
    for contrast in discovery:
        for file in contrast.files:
            if file not in used and file.stat != "variance":  # these are excluded in any case
                yield Excluded.of_file(file, Reason.NOT_PASSED_ON.text())


def _set(
    key: Entities, rows: Sequence[Row], discovery: Discovery, work: _Work, of_all: Sequence[Excluded]
) -> tuple[Entities, ContrastSet]:
    """Make one contrast set, with its key; `of_all` are subjects that lack a map of a contrast of any name."""
    members = [row.map if work.keep_variances else without_variances(row.map) for row in rows]
    members.sort(key=lambda each: (each.subject, each.first.label))
    parts = [discovery[i] for i in sorted(sources_of(rows))]
    known = {f"sub-{printable(member.subject)}" for member in members}
    lost = [*work.excluded.get(key.get("contrast") or "", []), *of_all]
    explained = known | {entry.name for entry in lost}
    excluded = [entry for entry in lost if entry.name not in known]
    excluded += [entry for part in parts for entry in part.excluded if entry.name not in explained]
    key = with_shared(key, [file for member in members for file in member.all_maps])
    notes = [note for part in parts for note in part.notes]
    question = rows[0].question
    if question is not None:
        notes.append(f"Question within subjects ({question.name}) of the Stats Model: {question.text}")
    return key, ContrastSet(
        key.written(),
        parts[0].stat,
        tuple(members),
        tuple(dict.fromkeys(excluded)),
        tuple(dict.fromkeys([*notes, *notes_of(rows)])),
        _combined_over(members),
        paired="" if question is None or not is_entity(question.column) else key_of(question.column),
        within=question,
    )


def _combined_over(members: Sequence[SubjectMap]) -> Literal["", "run", "session"]:
    """Return what the maps of subjects are combined over."""
    terms = [term for member in members for term in member.terms if len(term.maps) > 1]
    if any(len({file.entities.get("ses") for file in term.maps}) > 1 for term in terms):
        return "session"
    return "run" if terms else ""
