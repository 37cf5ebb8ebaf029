"""Nodes of a BIDS Stats Model below the dataset level: how they combine the maps of each subject."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from bids_ari.bids.entities import Entities, key_of
from bids_ari.bids.labels import same_label
from bids_ari.bids.questions import Question
from bids_ari.design.json_document import Item
from bids_ari.design.model_contrasts import ONES, Contrast, Term, read_contrasts, read_dummies, read_term
from bids_ari.design.model_graph import Node
from bids_ari.design.model_inputs import Labels, is_entity, label_in_files, label_of, read_filter
from bids_ari.design.variables import is_pattern
from bids_ari.errors import UsageError, listing
from bids_ari.stats.distributions import FloatArray

_KEYS = ("Name", "Level", "GroupBy", "Transformations", "Model", "Contrasts", "DummyContrasts", "AutoContrasts")
_DEFAULT_GROUPS = {"session": ("sub", "ses", "contrast")}  # in former models, by level
_NO_WEIGHT = 1e-12  # weights below it are rounding errors


@dataclass(frozen=True, slots=True)
class LowerNode:
    """A node whose inputs are the maps of one subject."""

    name: str
    item: Item
    group_by: tuple[str, ...]  # keys of entities: each combination of labels is a model of its own
    x: tuple[Term, ...]
    contrasts: tuple[Contrast, ...]
    dummies: Contrast | None
    is_meta: bool  # fixed effects: maps of one column are weighted by their precision
    filters: Labels  # of the edge to the node
    passes: bool  # without a model: its maps are its inputs
    prefixes: bool = True  # names of contrasts follow those of their maps: not in former models

    def name_of(self, contrast: Contrast, incoming: Sequence[str]) -> str:
        """Return the label of a contrast in file names, as FitLins has it, given the contrasts of its maps.

        A contrast ``neg`` of the maps of ``faces`` is ``facesNeg``; that of the column of ones is ``faces``.
        """
        known, name = sorted(set(incoming)), contrast.name
        if name in (ONES, "intercept"):
            return known[0] if len(known) == 1 else "intercept"
        if contrast.conditions == (name,) and (label := label_in_files(name, known)) in known:
            return label
        return label_of(f"{known[0]}_{name}" if len(known) == 1 and self.prefixes else str(name))

    def columns(self, every: Sequence[Entities]) -> Mapping[Term, Mapping[str, str]]:
        """Return the columns of the design matrix, given the maps of all subjects: what the maps of each have.

        Columns are 1, or indicators: of the maps of a contrast (``faces``), of those with a label of an entity
        (``session.pre``), or of both (``faces.pre``, as the former transformation split makes them).
        """
        names: list[Term] = []
        for term in self.x:
            names += self._match(term, every) if isinstance(term, str) and is_pattern(term) else [term]
        return {name: self._labels_of(name, every) for name in names}

    def tests(self, columns: Sequence[Term]) -> list[tuple[Contrast, FloatArray]]:
        """Return the contrasts that are passed on, each with its weights of the columns, (n_columns,).

        Those of F tests with several rows, (n_rows, n_columns), are questions within subjects. Those with one are not
        passed on: their maps are those of a t test.
        """
        named = {contrast.name: contrast for contrast in self.contrasts}
        if self.dummies is not None:
            for name in self.dummies.conditions or columns:
                named.setdefault(name, Contrast(name, (name,), ((1.0,),), self.dummies.test, self.dummies.place))
        found = []
        for contrast in named.values():
            if unknown := [name for name in contrast.conditions if name not in columns]:
                problem = f"{self.item.path}: {contrast.place} names {listing(map(repr, unknown))}, which is not in X"
                raise UsageError(problem, f"one of {listing(map(repr, columns), 20)}")
            weights = np.zeros((len(contrast.weights), len(columns)))
            weights[:, [columns.index(name) for name in contrast.conditions]] = contrast.weights
            if contrast.test != "F":
                found.append((contrast, weights[0]))
            elif len(weights) > 1:
                found.append((contrast, weights))
        return found

    def _match(self, pattern: str, every: Sequence[Entities]) -> list[Term]:
        """Return the columns that a pattern, such as ``session.*``, matches."""
        stem = pattern.partition(".")[0]
        labels = {label for each in every if (label := each.get(key_of(stem.lower())))}
        names = [f"{stem}.{label}" for label in sorted(labels)] + sorted({each.get("contrast") or "" for each in every})
        if not (found := [name for name in names if fnmatchcase(name, pattern)]):
            raise self._unknown(pattern)
        return [*found]

    def _labels_of(self, name: Term, every: Sequence[Entities]) -> Mapping[str, str]:
        """Return the labels of the maps of a column; none for the column of ones."""
        if not isinstance(name, str) or name == "intercept":
            return {}
        for labels in _readings(name, every):
            if any(_has(each, labels) for each in every):
                return labels
        raise self._unknown(name)

    def _unknown(self, name: str) -> UsageError:
        return UsageError(
            f"{self.item.path}: X of {self.name!r} names {name!r}, which no map of a lower node has",
            "1, names of contrasts, or labels of entities, such as session.pre",
            f"Run the node {self.name!r} with the program that made the maps, and use its maps",
        )


def read_lower_node(node: Node) -> LowerNode:
    """Read a node below the dataset level; keys that do not affect how it combines maps are ignored.

    Raises
    ------
    UsageError
        When its maps cannot be computed from those of the node before; names the position in the file.
    """
    ignored: list[Item] = []
    fields = node.item.fields(_KEYS, others=ignored)
    model = fields["Model"].fields(("X", "Type", "Formula"), others=ignored) if "Model" in fields else {}
    if "Formula" in model:
        raise model["Formula"].unsupported(f"Use the maps of {node.name!r}, made by the program that analysed images")
    _check_transformations(fields.get("Transformations"))
    contrasts = read_contrasts(fields.get("Contrasts"), {}, ignored)
    dummies = read_dummies(fields.get("DummyContrasts") or fields.get("AutoContrasts"))
    x = tuple(map(read_term, model["X"].items(filled="1, or names of columns"))) if "X" in model else (ONES,)
    filters, subjects = read_filter(node.rule)
    if subjects:
        raise node.rule.unsupported("Select subjects in the edge to the node of the dataset level")  # type: ignore[union-attr]
    if "X" not in model and dummies and dummies.conditions:  # a former model
        filters = {**filters, "contrast": dummies.conditions}
        dummies = Contrast("", (), ((1.0,),), dummies.test, dummies.place)
    tests = [test.test for test in (*contrasts, *([dummies] if dummies else []))]
    return LowerNode(
        node.name,
        node.item,
        _read_group_by(node, fields.get("GroupBy")),
        x,
        contrasts,
        dummies,
        "FEMA" in tests or ("Type" in model and model["Type"].choice(("glm", "meta")) == "meta"),
        filters,
        passes=not tests and "Model" not in fields,
        prefixes="GroupBy" in fields,
    )


def question_of(contrast: Contrast) -> Question | None:
    """Return the question within subjects of a contrast with several rows of weights, of labels of one entity.

    >>> question_of(Contrast("any", ("session.a", "session.b"), ((1, 0), (0, 1)), "F", "")).column
    'session'
    """
    if len(contrast.weights) == 1:
        return None
    names = tuple(map(str, contrast.conditions))
    stems = {name.partition(".")[0] for name in names if "." in name}
    is_entity_of_all = len(stems) == 1 and all("." in name for name in names) and is_entity(min(stems))
    column = stems.pop() if is_entity_of_all else "condition"
    return Question(label_of(str(contrast.name)), column, names, contrast.weights)


def design_matrix(columns: Mapping[Term, Mapping[str, str]], rows: Sequence[Entities]) -> FloatArray:
    """Return the design matrix of the maps of a subject: 1 where a map has the labels of a column."""
    return np.array([[float(_has(row, labels)) for labels in columns.values()] for row in rows])


def map_weights(matrix: FloatArray, weights: FloatArray) -> FloatArray | None:
    """Return the weight of each map in a contrast of the least-squares estimates; None if it cannot be estimated.

    Parameters
    ----------
    matrix : array (n_maps, n_columns)
        The design matrix.
    weights : array (n_columns,)
        The contrast.

    Returns
    -------
    array (n_maps,) or None
        c (X'X)^+ X'.
    """
    products = matrix.T @ matrix
    diagonal = np.diag(products)
    if (products == np.diag(diagonal)).all():  # without rounding errors
        found = matrix @ np.divide(weights, diagonal, out=np.zeros_like(weights), where=diagonal > 0)
    else:
        found = weights @ np.linalg.pinv(matrix)
        found = np.where(np.abs(found) < _NO_WEIGHT, 0.0, found)
    return found if np.allclose(found @ matrix, weights, atol=1e-9) else None


def _read_group_by(node: Node, item: Item | None) -> tuple[str, ...]:
    """Read GroupBy; a node below the dataset level must not combine the maps of several subjects."""
    if item is None:
        return _DEFAULT_GROUPS.get(node.level, ("sub", "contrast"))
    names = [each.text() for each in item.items(lone=True)]
    keys = tuple(key_of(name.lower()) for name in names if is_entity(name))
    if "sub" not in keys:
        raise item.error('"subject" among others', found="does not group by subject")
    return keys


def _check_transformations(item: Item | None) -> None:
    """Refuse transformations other than those that make indicators of entities, which are read from their names."""
    if item is None:
        return
    listed = item if isinstance(item.value, list) else item.members().get("Instructions")
    for each in listed.items() if listed else []:
        members = {key.lower(): member for key, member in each.members().items()}
        name = members["name"].text() if "name" in members else ""
        if name.lower() not in ("factor", "split"):
            raise each.unsupported(
                "Columns of the nodes below the dataset level may be 1, contrasts, or labels of entities; other models "
                "need the maps of this node"
            )


def _readings(name: str, every: Sequence[Entities]) -> list[Mapping[str, str]]:
    """Return what the name of an indicator may mean: labels of entities that its maps have."""
    contrasts = {each.get("contrast") or "" for each in every}
    readings: list[Mapping[str, str]] = [{"contrast": label_in_files(name, contrasts)}]
    for i in [i for i, sign in enumerate(name) if sign == "."]:
        stem, label = name[:i], name[i + 1 :]
        if is_entity(stem):
            readings.append({key_of(stem.lower()): label})
        found = label_in_files(stem, contrasts)
        readings += [{"contrast": found, key: label} for key in ("ses", "run") if found in contrasts]
    return readings


def _has(entities: Entities, labels: Mapping[str, str]) -> bool:
    """Return whether a map has some labels; whole numbers may have leading zeros."""
    return all((own := entities.get(key)) is not None and same_label(own, label) for key, label in labels.items())
