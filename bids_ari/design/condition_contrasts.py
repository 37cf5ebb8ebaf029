"""Contrasts of conditions, computed where only the conditions have maps, with the weights of a Stats Model."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

from bids_ari.bids.entities import Entities, printable
from bids_ari.bids.questions import Question, Rows
from bids_ari.bids.subject_map import weighted_sum, weighted_sums
from bids_ari.design.json_document import Item
from bids_ari.design.lower_nodes import question_of
from bids_ari.design.model_contrasts import Contrast, Term, read_contrasts, read_dummies
from bids_ari.design.model_graph import Node
from bids_ari.design.model_inputs import label_in_files, label_of
from bids_ari.design.model_rows import Row, contrasts_of, sources_of
from bids_ari.errors import UsageError, listing


def with_condition_contrasts(node: Node, rows: Sequence[Row]) -> list[Row]:
    """Add the contrasts of the node that analyses images whose conditions have maps, but which have none themselves.

    Their variance is not known, as it depends on the covariance of the conditions. Maps of conditions that the node
    does not pass on are left out then.
    """
    existing = set(contrasts_of(rows))
    contrasts, passed = _read(node)
    wanted: dict[str, _Wanted] = {}
    for contrast in contrasts:
        labels = [_label(name, contrasts, existing) for name in contrast.conditions]
        if label_in_files(contrast.name, existing) not in existing and existing.issuperset(labels):
            wanted[label_of(str(contrast.name))] = _Wanted(labels, contrast.weights, question_of(contrast))
    made = [
        row._replace(notes=(*row.notes, _note(node, label, each.labels)))
        for label, each in wanted.items()
        for row in _computed(label, each, rows)
    ]
    used = {label for each in wanted.values() for label in each.labels}
    dropped = used.difference(_label(name, contrasts, existing) for name in passed)
    return [row for row in rows if row.labels.get("contrast") not in dropped] + made


class _Wanted(NamedTuple):
    """A contrast of conditions: the labels of their maps, and its rows of weights."""

    labels: list[str]
    weights: Rows
    question: Question | None  # of several rows


def _note(node: Node, label: str, weights: Collection[str]) -> str:
    """Describe how a contrast was computed."""
    return (
        f"contrast-{label} is computed from maps of {listing(sorted(weights))}, with the weights of the node "
        f"{printable(node.name)} of the Stats Model"
    )


def _read(node: Node) -> tuple[tuple[Contrast, ...], list[Term]]:
    """Read the contrasts of a node, and the names of all that it passes on; none if it is unusual.

    Of F tests, those with several rows of weights are questions within subjects; the others are left out.
    """
    ignored: list[Item] = []
    try:
        fields = node.item.fields(("Contrasts", "DummyContrasts"), others=ignored)
        contrasts = read_contrasts(fields.get("Contrasts"), {}, ignored)
        dummies = read_dummies(fields.get("DummyContrasts"))
    except UsageError:
        return (), []
    names = [contrast.name for contrast in contrasts]
    if dummies is not None:
        names += dummies.conditions or [name for contrast in contrasts for name in contrast.conditions]
    return tuple(each for each in contrasts if each.test != "F" or len(each.weights) > 1), names


def _label(name: Term, contrasts: Sequence[Contrast], existing: Collection[str]) -> str:
    """Return the label of the maps of a condition, such as ``trial_type.faces``: trialTypeFaces, or faces.

    The short form must not be that of a contrast of other conditions.
    """
    label = label_in_files(name, existing)
    if label in existing or not isinstance(name, str) or "." not in name:
        return label
    short = name.partition(".")[2]
    others = [each for each in contrasts if label_of(str(each.name)) == label_of(short)]
    return label if any(each.conditions != (name,) for each in others) else label_in_files(short, existing)


def _computed(label: str, wanted: _Wanted, rows: Sequence[Row]) -> list[Row]:
    """Compute a contrast of each subject, session and run with maps of all its conditions."""
    groups: dict[Entities, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        groups[row.labels.without("contrast")][row.labels.get("contrast") or ""] = row
    made = []
    for key, found in groups.items():
        if found.keys() >= {*wanted.labels}:
            used = [found[each] for each in wanted.labels]
            maps = [replace(row.map, variances=()) for row in used]
            if wanted.question is None:
                each = weighted_sum(list(zip(wanted.weights[0], maps, strict=True)))
            else:
                each = weighted_sums(wanted.weights, maps)
            made.append(Row(key.with_(contrast=label), each, sources_of(used), question=wanted.question))
    return made
