"""BIDS Stats Models: what the group level of a model file asks for, as plain values.

Read is the node whose level is the dataset, and the edge that leads to it. What the nodes below it ask for was done by
the program that made the maps. Nothing in the node is read past: what this package does not do is refused by name.
The former form, with ``Steps`` in place of ``Nodes``, is understood as well.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bids_ari.bids.entities import ORDER, key_of
from bids_ari.design.instructions import Instruction, read_instructions
from bids_ari.design.json_document import Item, read_document
from bids_ari.design.model_inputs import Nodes, Passage, read_inputs
from bids_ari.errors import InputNotFoundError, UsageError, counted, listing

INTERCEPT = 1
"""How the column of ones is called in a model."""

Term = str | int
"""A name of X: a column, a pattern such as ``group.*``, or `INTERCEPT`."""

_NODE_KEYS = ("Name", "Level", "GroupBy", "Transformations", "Model", "Contrasts", "DummyContrasts")

_HINTS = {
    "autocontrasts": "Write DummyContrasts",
    "formula": "Make columns by Transformations (Factor, Product), or leave the model and use --formula",
    "hrf": "There is no hemodynamic response at the level of the dataset",
    "options": "Use the flags of this program, such as --mask, or remove them",
    "software": "Options of other programs have no effect here; remove them",
    "variancecomponents": "Subjects vary in a model of type glm, and do not in one of type meta",
}
"""What to do about some things that are not honoured."""

_SPLIT_BY = frozenset(ORDER) - {"sub", "tpl", "ses", "run", "node", "level", "test", "stat", "desc"}
"""Entities by which maps are sorted into analyses."""

_NOT_SPLIT_BY = {
    "sub": "An analysis of the dataset holds all subjects",
    "ses": "Analyse one session after the other, with --session-label",
    "run": "Analyse one run after the other, with --run-label",
}
_BY_COLUMN = 'To analyse a part of the subjects, write "Filter": {{"{}": [...]}} in the edge to this node'

_WEIGHT = re.compile(r"\s*([+-]?\d{1,15}(?:\.\d{0,15})?)\s*(?:/\s*(\d{1,15}))?\s*", re.ASCII)
_WORD = re.compile("[a-zA-Z0-9+]+")
_PATTERN = re.compile(r"[*?\[\]]")


@dataclass(frozen=True, slots=True)
class Contrast:
    """A test that a model asks for.

    Attributes
    ----------
    name : str or int
        Its name; `INTERCEPT` where it is called after the column of ones.
    conditions : tuple of str or int
        Names of columns.
    weights : tuple of tuple of float
        Rows of weights of these columns; a t test has one.
    test : {'t', 'F'}
        Which test.
    place : str
        Where it stands in the file.
    """

    name: Term
    conditions: tuple[Term, ...]
    weights: tuple[tuple[float, ...], ...]
    test: Literal["t", "F"]
    place: str


@dataclass(frozen=True, slots=True)
class Dummies:
    """Tests of one column each: of all columns of X, or of some.

    Attributes
    ----------
    test : {'t', 'F'}
        Which test.
    conditions : tuple of str or int, or None
        The columns; None for all.
    place : str
        Where they stand in the file.
    """

    test: Literal["t", "F"]
    conditions: tuple[Term, ...] | None
    place: str


@dataclass(frozen=True, slots=True)
class StatsModel:
    """What the node of the dataset level asks for.

    Attributes
    ----------
    path : Path
        The file.
    node : str
        The name of the node.
    group_by : tuple of str
        Keys of the entities of which each combination is analysed by itself; contrast is among them.
    x : tuple of str or int
        The columns of the design matrix, in their order: `INTERCEPT`, names, and patterns such as ``group.*``.
    instructions : tuple of Instruction
        How columns of the table of subjects are transformed first.
    contrasts : tuple of Contrast
        The tests, by name.
    dummies : Dummies or None
        Tests of single columns.
    estimator : {'ols', 'fixed'}
        Whether subjects vary, as in a model of type glm, or the analysis is one of fixed effects (meta).
    inputs : mapping of str to tuple
        By key of an entity: which images the first level was to read.
    filters : mapping of str to tuple
        By key of an entity: which maps are analysed.
    subjects : mapping of str to tuple of str
        By column of the table of subjects: which subjects are analysed.
    """

    path: Path
    node: str
    group_by: tuple[str, ...]
    x: tuple[Term, ...]
    instructions: tuple[Instruction, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    dummies: Dummies | None = None
    estimator: Literal["ols", "fixed"] = "ols"
    inputs: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    filters: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    subjects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def check_conditions(self, columns: Sequence[Term]) -> None:
        """Refuse tests of columns that the design matrix lacks."""
        asked: list[tuple[str, Sequence[Term]]] = [(each.place, each.conditions) for each in self.contrasts]
        if self.dummies:
            asked.append((self.dummies.place, self.dummies.conditions or ()))
        for place, names in asked:
            if unknown := [name for name in names if name not in columns]:
                raise UsageError(
                    f"{self.path}: {place} names {listing(map(repr, unknown))}, which X does not hold",
                    f"one of {listing(map(repr, columns), 20)}",
                )


def read_model(path: str | Path, node: str | None = None) -> StatsModel:
    """Read the node of the dataset level of a model file.

    Parameters
    ----------
    path : path
        A BIDS Stats Model, JSON.
    node : str, optional
        The name of the node; needed where there are several of the dataset level.

    Raises
    ------
    InputNotFoundError, ReadError
        When there is no such file, or it cannot be read.
    UsageError
        When it is no model, or one that asks for what this package does not do; names the place in the file.
    """
    path = Path(path)
    if not (path.exists() or path.is_symlink()):
        raise InputNotFoundError(f"There is no model {path}", "a BIDS Stats Model, a JSON file")
    document = read_document(path)
    model = document.fields(("Name", "BIDSModelVersion", "Input", "Nodes", "Steps", "Edges"))
    version = model.get("BIDSModelVersion")
    if version and not re.fullmatch(r"[01](\..*)?", version.text()):
        raise version.error("1.0.0, the version that this program knows")
    if len({"Nodes", "Steps"} & set(model)) != 1:
        raise document.error("Nodes, a list", found="has Nodes and Steps" if "Nodes" in model else "has no Nodes")
    former = "Steps" in model
    nodes = Nodes.read(model["Steps" if former else "Nodes"].items())
    chosen = nodes.choose(node, document)
    passage = Passage.to_node(nodes, chosen, model.get("Edges"))
    return _read_node(nodes.items[chosen], nodes.names[chosen], passage, read_inputs(model.get("Input")), former)


def label_of(name: str) -> str:
    """Write a name as programs of this family write it in file names: letters, digits and +, in camel case.

    >>> label_of("faces_gt_shapes"), label_of("group.patient"), label_of("main effect F-test"), label_of("é")
    ('facesGtShapes', 'groupPatient', 'mainEffectFTest', '')
    """
    first, *others = _WORD.findall(name) or [""]
    return "".join([first, *(word[:1].upper() + word[1:] for word in others)])


def is_pattern(term: Term) -> bool:
    """Say whether a name of X may stand for several columns."""
    return isinstance(term, str) and bool(_PATTERN.search(term))


def _read_node(
    item: Item, name: str, passage: Passage, inputs: Mapping[str, tuple[Any, ...]], former: bool
) -> StatsModel:
    """Read the node that was chosen."""
    fields = item.fields(_NODE_KEYS, _HINTS)
    asked = fields["Model"].fields(("X", "Type"), _HINTS) if "Model" in fields else {}
    filters, dummies = dict(passage.filters), _read_dummies(fields.get("DummyContrasts"))
    if former and "X" not in asked:
        x: tuple[Term, ...] = (INTERCEPT,)
        filters |= {"contrast": dummies.conditions} if dummies and dummies.conditions else {}
        dummies = dummies and replace(dummies, conditions=None)
    else:
        x = _read_x(item, asked.get("X"))
    sole = filters["contrast"][0] if len(filters.get("contrast", ())) == 1 else None
    names = _meanings(x, sole)
    model = StatsModel(
        path=item.path,
        node=name,
        group_by=_read_group_by(item, fields.get("GroupBy"), former or sole is not None),
        x=tuple(names.get(term, term) for term in x),
        instructions=read_instructions(fields.get("Transformations")),
        contrasts=_read_contrasts(fields.get("Contrasts"), names),
        dummies=dummies and _meant(dummies, names),
        estimator="fixed" if "Type" in asked and asked["Type"].choice(("glm", "meta")) == "meta" else "ols",
        inputs=inputs,
        filters=filters,
        subjects=passage.subjects,
    )
    _check(item, model)
    return model


def _check(item: Item, model: StatsModel) -> None:
    """Refuse what can be seen to fail before any table is read."""
    if twice := [term for term, n in Counter(model.x).items() if n > 1]:
        what = ", ".join("the column of ones" if term == INTERCEPT else repr(term) for term in twice)
        raise item.error("each column once", found=f"has {what} more than once in Model.X")
    if not model.contrasts and model.dummies is None:
        raise item.error('Contrasts, or "DummyContrasts": {"Test": "t"}', found="asks for no test")
    if not any(map(is_pattern, model.x)):
        model.check_conditions(model.x)


def _read_x(node: Item, item: Item | None) -> tuple[Term, ...]:
    """Read the columns of the design matrix."""
    if item is None:
        raise node.error("the columns of the design matrix", found="has no Model.X")
    if not item.items():
        raise item.error("1, or names of columns")
    return tuple(map(_term, item.items()))


def _term(item: Item) -> Term:
    """Read a name of X; the number 1 is the column of ones."""
    if item.value == INTERCEPT and not isinstance(item.value, bool):
        return INTERCEPT
    if not isinstance(item.value, str) or not item.value:
        raise item.error("1, or the name of a column")
    return item.value


def _meanings(x: Sequence[Term], sole: object) -> Mapping[Term, Term]:
    """Say which names mean the column of ones: in a model of one contrast, the name of that contrast does."""
    if INTERCEPT in x:
        return {"intercept": INTERCEPT}
    return {sole: INTERCEPT} if isinstance(sole, str) and sole in x else {}


def _read_group_by(node: Item, item: Item | None, one_contrast: bool) -> tuple[str, ...]:
    """Read by what maps are sorted into analyses; each contrast must have its own."""
    group_by = []
    for each in item.items(lone=True) if item else []:
        key = key_of(each.text())
        if key not in _SPLIT_BY:
            raise UsageError(
                f"{each.path}: {each.place}: analyses by {each.value!r} are not supported",
                hint=_NOT_SPLIT_BY.get(key, _BY_COLUMN.format(each.value)),
            )
        group_by.append(key)
    if "contrast" not in group_by and not one_contrast:
        found = "does not group by contrast: the maps of a subject would count as if they were independent"
        raise (item or node).error('"GroupBy": ["contrast"]', "Or let one contrast pass, by a Filter", found)
    return tuple(dict.fromkeys((*group_by, "contrast")))


def _read_contrasts(item: Item | None, names: Mapping[Term, Term]) -> tuple[Contrast, ...]:
    """Read the tests that have names."""
    contrasts = [_read_contrast(each, names) for each in (item.items() if item else [])]
    for i, contrast in enumerate(contrasts):
        if contrast.name in [other.name for other in contrasts[:i]]:
            raise UsageError(
                f"{item.path if item else ''}: {contrast.place} is called {contrast.name!r}, as another contrast is",
                "a name of its own for each contrast",
            )
    return tuple(contrasts)


def _read_contrast(item: Item, names: Mapping[Term, Term]) -> Contrast:
    fields = _with_test(item, ("Name", "ConditionList", "Weights"))
    for key in ("Name", "ConditionList", "Weights", "Test"):
        if key not in fields:
            raise item.error("Name, ConditionList, Weights and Test", found=f"has no {key}")
    conditions = tuple(names.get(term, term) for term in map(_term, fields["ConditionList"].items()))
    if not conditions or len(set(conditions)) < len(conditions):
        raise fields["ConditionList"].error("names of columns, each once")
    test = _read_test(fields["Test"])
    weights = _read_weights(fields["Weights"], len(conditions), test)
    return Contrast(_term(fields["Name"]), conditions, weights, test, item.place)


def _read_dummies(item: Item | None) -> Dummies | None:
    """Read which columns are tested by themselves."""
    if item is None:
        return None
    fields = _with_test(item, ("Contrasts", "Conditions", "ConditionList"))
    listed = [fields[key] for key in ("Contrasts", "Conditions", "ConditionList") if key in fields]
    if "Test" not in fields or len(listed) > 1:
        raise item.error("Test, and at most one list of Contrasts")
    conditions = tuple(map(_term, listed[0].items())) if listed else None
    if conditions is not None and (not conditions or len(set(conditions)) < len(conditions)):
        raise listed[0].error("names of columns, each once")
    return Dummies(_read_test(fields["Test"]), conditions, item.place)


def _meant(dummies: Dummies, names: Mapping[Term, Term]) -> Dummies:
    """Put the column of ones for names that mean it."""
    if dummies.conditions is None:
        return dummies
    return replace(dummies, conditions=tuple(dict.fromkeys(names.get(each, each) for each in dummies.conditions)))


def _with_test(item: Item, keys: Sequence[str]) -> Mapping[str, Item]:
    """Read an object with a Test, which was called Type once."""
    fields = dict(item.fields((*keys, "Test", "Type")))
    if "Type" in fields:
        former = fields.pop("Type")
        if "Test" in fields:
            raise former.error("one of Test and Type", found="says again what Test says")
        fields["Test"] = former
    return fields


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
        raise item.error("rows that are not zero, and none that follows from the others")
    return weights


def _weight(item: Item) -> float:
    """Read a weight: a number, or a fraction such as "-1/3"."""
    if not isinstance(item.value, str):
        return item.number()
    found = _WEIGHT.fullmatch(item.value)
    if not found or (found[2] and not int(found[2])):
        raise item.error('a number, or a fraction such as "-1/3"')
    return float(Fraction(found[1]) / int(found[2] or 1))
