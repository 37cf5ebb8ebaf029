"""Maps that a node of a BIDS Stats Model makes of those of a subject: weighted sums, fixed-effects combinations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bids_ari.bids.division import WITHIN
from bids_ari.bids.entities import Entities
from bids_ari.bids.questions import Question
from bids_ari.bids.subject_map import SubjectMap, weighted_sum, weighted_sums
from bids_ari.design.lower_nodes import LowerNode, map_weights
from bids_ari.design.model_rows import Row, as_one, is_single
from bids_ari.errors import UsageError
from bids_ari.stats.distributions import FloatArray


@dataclass(frozen=True, slots=True)
class Group:
    """Maps of a subject that a node combines."""

    key: Entities
    rows: Sequence[Row]
    matrix: FloatArray  # rows x columns of X

    def taken(self, weights: FloatArray) -> list[Row]:
        """Return the maps in the columns of X that have a weight."""
        columns = np.flatnonzero(np.atleast_2d(weights).any(axis=0))
        return [row for row, values in zip(self.rows, self.matrix, strict=True) if values[columns].any()]

    def labels(self, contrast: str) -> Entities:
        """Return the entities of a map that is made of these."""
        shared = {
            entity: label
            for entity, label in self.rows[0].labels
            if entity not in WITHIN and all(row.labels.get(entity) == label for row in self.rows)
        }
        return Entities.of({**shared, **dict(self.key), "contrast": contrast})


def question_of_all(node: LowerNode, rows: Sequence[Row]) -> Question | None:
    """Return the question within subjects of maps with several rows, which a node combines; it must be the same."""
    questions = {row.question for row in rows}
    if len(questions) > 1:
        raise UsageError(
            f"{node.item.path}: the node {node.name!r} combines maps of contrasts with several rows of weights with "
            "others",
            "each contrast of a lower node by itself",
            'Add "contrast" to GroupBy',
        )
    return questions.pop() if questions else None


def combined(
    node: LowerNode, group: Group, weights: FloatArray, by_precision: bool, keep_variances: bool
) -> SubjectMap | None:
    """Return the map of a contrast of a node; None where the maps of this subject do not suffice."""
    if node.is_meta and by_precision:
        return _by_precision(node, group, weights)
    if weights.ndim == 2:
        return _in_rows(node, group, weights)
    question_of_all(node, group.taken(weights))
    maps, of_maps = [row.map for row in group.rows], map_weights(group.matrix, weights)
    if of_maps is None:
        return None
    used = [(weight, each) for weight, each in zip(of_maps.tolist(), maps, strict=True) if weight]
    is_mean = len({weight for weight, _ in used}) == 1 and np.isclose(sum(weight for weight, _ in used), 1)
    if is_mean and not keep_variances and all(is_single(each) for _, each in used):
        return as_one([replace(each, variances=()) for _, each in used])
    return weighted_sum(used)


def _in_rows(node: LowerNode, group: Group, weights: FloatArray) -> SubjectMap | None:
    """Return several weighted sums of maps, one for each row of weights; None where one cannot be estimated."""
    _check_single_rows(node, group)
    of_maps = [map_weights(group.matrix, row) for row in weights]
    found = [row for row in of_maps if row is not None]
    if len(found) < len(of_maps):
        return None
    used = np.any(found, axis=0)
    maps = [row.map for row, is_used in zip(group.rows, used, strict=True) if is_used]
    return weighted_sums([row[used].tolist() for row in found], maps)


def _check_single_rows(node: LowerNode, group: Group) -> None:
    """Raise a UsageError if a map of a group has several rows itself."""
    if any(row.map.rows for row in group.rows):
        raise UsageError(
            f"{node.item.path}: the node {node.name!r} makes contrasts with several rows of weights of maps that have "
            "several rows already",
            "one node with such contrasts",
        )


def _by_precision(node: LowerNode, group: Group, weights: FloatArray) -> SubjectMap | None:
    """Return a weighted sum of columns of maps, each combined by the precision of its maps."""
    maps, matrix = [row.map for row in group.rows], group.matrix
    columns = np.flatnonzero(np.atleast_2d(weights).any(axis=0))
    is_indicator = np.isin(matrix, (0, 1)).all() and (matrix[:, columns].sum(axis=1) <= 1).all()
    taken = [row.map for row in group.taken(weights)]
    if not is_indicator or any(each.others or each.weight != 1 for each in taken):
        raise UsageError(
            f"{node.item.path}: the node {node.name!r} of type meta is not supported for these maps",
            "each map in one column of X, and no sums of maps before this node",
            f"Use the maps of {node.name!r}, made by the program that analysed images",
        )
    inside = [[each for each, one in zip(maps, matrix[:, i], strict=True) if one] for i in columns]
    if not all(inside):
        return None
    each_column = list(map(as_one, inside))
    if weights.ndim == 2:
        return weighted_sums(weights[:, columns].tolist(), each_column)
    return weighted_sum(list(zip(weights[columns].tolist(), each_column, strict=True)))
