"""BIDS Stats Models: the node of the dataset level, its design matrix and its tests.

Only the node of the dataset level and the edge to it are read; the nodes below it were computed by the program that
made the maps. An unsupported part of that node is an error that names it. The former form of models, with
``Steps`` in place of ``Nodes``, is read as well. Specification: https://bids-standard.github.io/stats-models/
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from bids_ari.bids.entities import ORDER, key_of
from bids_ari.design.json_document import Item, read_document
from bids_ari.design.model_inputs import NodeInputs, read_inputs
from bids_ari.design.transformations import Transformation, read_transformations
from bids_ari.design.variables import is_pattern
from bids_ari.errors import InputNotFoundError, UsageError, counted, listing

ONES = 1  # the column of ones in X
Term = str | int  # an entry of X: a column, a pattern such as group.*, or ONES

_NODE_KEYS = ("Name", "Level", "GroupBy", "Transformations", "Model", "Contrasts", "DummyContrasts")

_HINTS = {  # for unsupported keys
    "autocontrasts": "Use DummyContrasts",
    "formula": "Make columns by Transformations (Factor, Product), or use --formula instead of --model",
    "hrf": "There is no hemodynamic response at the dataset level",
    "options": "Use the flags of bids-ari, such as --mask, or remove them",
    "software": "Options of other programs have no effect here; remove them",
    "variancecomponents": "Type glm has one variance between subjects, type meta has none",
}

# entities that GroupBy may name, and hints for others
_GROUPING = frozenset(ORDER) - {"sub", "tpl", "ses", "run", "node", "level", "test", "stat", "desc"}
_NOT_GROUPING = {
    "sub": "An analysis of the dataset level includes all subjects",
    "ses": "Analyse one session at a time, with --session-label",
    "run": "Analyse one run at a time, with --run-label",
}
_BY_COLUMN = 'To analyse some of the subjects, write "Filter": {{"{}": [...]}} in the edge to this node'
_WEIGHT = re.compile(r"\s*([+-]?\d{1,15}(?:\.\d{0,15})?)\s*(?:/\s*(\d{1,15}))?\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Contrast:
    """A test of a model: rows of weights of some columns, one row for a t test."""

    name: Term  # ONES where it is named after the column of ones
    conditions: tuple[Term, ...]  # the columns
    weights: tuple[tuple[float, ...], ...]
    test: Literal["t", "F"]
    place: str  # position in the file


@dataclass(frozen=True, slots=True)
class StatsModel:
    """The node of the dataset level of a BIDS Stats Model."""

    path: Path
    inputs: NodeInputs
    group_by: tuple[str, ...]  # keys of entities, always with contrast: each combination of labels is one analysis
    x: tuple[Term, ...]  # columns of the design matrix, or patterns
    transformations: tuple[Transformation, ...]
    contrasts: tuple[Contrast, ...]
    dummies: Contrast | None  # the form of tests of single columns: its conditions, or all columns of X without them
    estimator: Literal["ols", "fixed"]  # fixed for a model of type meta

    def named_contrasts(self, columns: Sequence[Term]) -> tuple[Contrast, ...]:
        """Return all tests: those of single columns, unless a contrast has that name, then the contrasts."""
        if self.dummies is None:
            return self.contrasts
        taken = [contrast.name for contrast in self.contrasts]
        names = [name for name in self.dummies.conditions or columns if name not in taken]
        return (*(replace(self.dummies, name=name, conditions=(name,)) for name in names), *self.contrasts)

    def check_conditions(self, columns: Sequence[Term]) -> None:
        """Check that all columns in tests are columns of the design matrix."""
        for test in (*self.contrasts, *filter(None, [self.dummies])):
            if unknown := [name for name in test.conditions if name not in columns]:
                found = f"{self.path}: {test.place} names {listing(map(repr, unknown))}, which is not in X"
                raise UsageError(found, f"one of {listing(map(repr, columns), 20)}")


def read_model(path: str | Path, node: str | None = None) -> StatsModel:
    """Read the node of the dataset level of a BIDS Stats Model.

    Parameters
    ----------
    path : path
        The model, a JSON file.
    node : str, optional
        The name of the node; required where several are of the dataset level.

    Raises
    ------
    InputNotFoundError, ReadError
        When there is no such file, or it cannot be read.
    UsageError
        When it is no model, or not supported; names the position in the file.
    """
    path = Path(path)
    if path.exists():
        status = path.stat()
        return _read_version(path, node, status.st_ino, status.st_size, status.st_mtime_ns)
    if path.is_symlink():  # broken: the reader of the file raises the error
        return _read_version(path, node)
    raise InputNotFoundError(f"There is no model {path}", "a BIDS Stats Model, a JSON file")


@lru_cache(maxsize=1)
def _read_version(path: Path, node: str | None, *_version: int) -> StatsModel:
    """Read a model once, not for each contrast, until the file changes."""
    document = read_document(path)
    fields = document.fields(("Name", "BIDSModelVersion", "Input", "Nodes", "Steps", "Edges"))
    version = fields.get("BIDSModelVersion")
    if version and not re.fullmatch(r"[01](\..*)?", version.text()):
        raise version.error("1.0.0, the supported version")
    if len({"Nodes", "Steps"} & set(fields)) != 1:
        raise document.error("Nodes, a list", found="has Nodes and Steps" if "Nodes" in fields else "has no Nodes")
    model = _read_node(*read_inputs(document, fields, node), former="Steps" in fields)
    if not any(isinstance(term, str) and is_pattern(term) for term in model.x):
        model.check_conditions(model.x)
    return model


def _read_node(item: Item, inputs: NodeInputs, former: bool) -> StatsModel:
    """Read the node of the dataset level.

    In the former form, a node without X is the mean, and its conditions are the contrasts of the level below. The
    column of ones may have the name ``intercept`` or, in a model of one contrast, the name of that contrast.
    """
    fields = item.fields(_NODE_KEYS, _HINTS)
    model = fields["Model"].fields(("X", "Type"), _HINTS) if "Model" in fields else {}
    dummies = _read_dummies(fields.get("DummyContrasts"))
    x: tuple[Term, ...] = (ONES,)
    if "X" in model:
        x = tuple(map(_term, model["X"].items(filled="1, or names of columns")))
    elif not former:
        raise item.error("the columns of the design matrix", found="has no Model.X")
    elif dummies:
        if dummies.conditions:
            inputs = replace(inputs, filters={**inputs.filters, "contrast": dummies.conditions})
        dummies = replace(dummies, conditions=())
    passing = inputs.filters.get("contrast", ())
    only = passing[0] if len(passing) == 1 and passing[0] in x else None
    names: dict[Term, Term] = {"intercept": ONES} if ONES in x else {only: ONES} if isinstance(only, str) else {}
    if dummies:
        conditions = (names.get(each, each) for each in dummies.conditions)
        dummies = replace(dummies, conditions=tuple(dict.fromkeys(conditions)))
    made = StatsModel(
        path=item.path,
        inputs=inputs,
        group_by=_read_group_by(item, fields.get("GroupBy"), former or len(passing) == 1),
        x=tuple(names.get(term, term) for term in x),
        transformations=read_transformations(fields.get("Transformations")),
        contrasts=_read_contrasts(fields.get("Contrasts"), names),
        dummies=dummies,
        estimator="fixed" if "Type" in model and model["Type"].choice(("glm", "meta")) == "meta" else "ols",
    )
    if repeated := [term for term, n in Counter(made.x).items() if n > 1]:
        listed = ", ".join("the column of ones" if term == ONES else repr(term) for term in repeated)
        raise item.error("each column once", found=f"has {listed} more than once in Model.X")
    if not made.contrasts and made.dummies is None:
        raise item.error('Contrasts, or "DummyContrasts": {"Test": "t"}', found="has no test")
    return made


def _term(item: Item) -> Term:
    """Read an entry of X; the number 1 is the column of ones."""
    if item.value == ONES and not isinstance(item.value, bool):
        return ONES
    if not isinstance(item.value, str) or not item.value:
        raise item.error("1, or the name of a column")
    return item.value


def _read_group_by(node: Item, item: Item | None, one_contrast: bool) -> tuple[str, ...]:
    """Read GroupBy; each contrast must be an analysis of its own."""
    group_by = []
    for each in item.items(lone=True) if item else []:
        key = key_of(each.text())
        if key not in _GROUPING:
            found = f"{each.path}: {each.place}: analyses by {each.value!r} are not supported"
            raise UsageError(found, hint=_NOT_GROUPING.get(key, _BY_COLUMN.format(each.value)))
        group_by.append(key)
    if "contrast" not in group_by and not one_contrast:
        found = "does not group by contrast: several maps of a subject would count as independent"
        raise (item or node).error('"GroupBy": ["contrast"]', "Or select one contrast by a Filter", found)
    return tuple(dict.fromkeys((*group_by, "contrast")))


def _read_contrasts(item: Item | None, names: Mapping[Term, Term]) -> tuple[Contrast, ...]:
    """Read the named tests."""
    contrasts: dict[Term, Contrast] = {}
    for each in item.items() if item else []:
        keys = ("Name", "ConditionList", "Weights", "Test")
        fields = each.fields(keys, needed="Name, ConditionList, Weights and Test", type="Test")
        conditions, test = _read_conditions(fields["ConditionList"], names), _read_test(fields["Test"])
        weights = _read_weights(fields["Weights"], len(conditions), test)
        name = _term(fields["Name"])
        if name in contrasts:
            raise each.error("a unique name for each contrast", found=f"is a second contrast named {name!r}")
        contrasts[name] = Contrast(name, conditions, weights, test, each.place)
    return tuple(contrasts.values())


def _read_dummies(item: Item | None) -> Contrast | None:
    """Read the tests of single columns."""
    if item is None:
        return None
    fields = item.fields(("Contrasts", "Conditions", "ConditionList", "Test"), type="Test")
    listed = [each for key, each in fields.items() if key != "Test"]
    if "Test" not in fields or len(listed) > 1:
        raise item.error("Test, and at most one list of Contrasts")
    conditions = _read_conditions(listed[0], {}) if listed else ()
    return Contrast("", conditions, ((1.0,),), _read_test(fields["Test"]), item.place)


def _read_conditions(item: Item, names: Mapping[Term, Term]) -> tuple[Term, ...]:
    conditions = tuple(names.get(term, term) for term in map(_term, item.items()))
    if not conditions or len(set(conditions)) < len(conditions):
        raise item.error("names of columns, each once")
    return conditions


def _read_test(item: Item) -> Literal["t", "F"]:
    hint = 'For fixed effects, write "Type": "meta" in Model' if str(item.value).upper() == "FEMA" else ""
    return "t" if item.choice(("t", "F"), hint) == "t" else "F"


def _read_weights(item: Item, n: int, test: Literal["t", "F"]) -> tuple[tuple[float, ...], ...]:
    """Read rows of weights: one for a t test, one or more for an F test."""
    listed = item.items()
    nested = bool(listed) and all(isinstance(each.value, list) for each in listed)
    if nested and test == "t":
        raise item.error("one weight for each name in ConditionList, as a t test has one row")
    rows = listed if nested else [item]
    weights = tuple(tuple(map(_weight, row.items())) for row in rows)
    for row, numbers in zip(rows, weights, strict=True):
        if len(numbers) != n:
            raise row.error(f"{n}, one for each name in ConditionList", found=f"has {counted(len(numbers), 'weight')}")
    if np.linalg.matrix_rank(np.array(weights)) < len(weights):
        raise item.error("linearly independent rows that are not zero")
    return weights


def _weight(item: Item) -> float:
    """Read a weight: a number, or a fraction such as "-1/3"."""
    if not isinstance(item.value, str):
        return item.number()
    found = _WEIGHT.fullmatch(item.value)
    if not found or (found[2] and not int(found[2])):
        raise item.error('a number, or a fraction such as "-1/3"')
    return float(Fraction(found[1]) / int(found[2] or 1))
