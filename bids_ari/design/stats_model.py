"""BIDS Stats Models: the nodes of the dataset level, their design matrices and their tests.

The nodes below them were computed by the program that made the maps, or are carried out by `carry_out`. An unsupported
part of a node of the dataset level is an error that names it. The former form of models, with ``Steps`` in place of
``Nodes``, is read as well. Specification: https://bids-standard.github.io/stats-models/
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from bids_ari.bids.entities import key_of, printable
from bids_ari.design.json_document import Item, read_document
from bids_ari.design.model_contrasts import ONES, Contrast, Term, read_contrasts, read_dummies, read_term
from bids_ari.design.model_graph import Graph, read_graph
from bids_ari.design.model_inputs import NodeInputs, is_entity, read_inputs
from bids_ari.design.transformations import Transformation, read_transformations
from bids_ari.design.variables import is_pattern
from bids_ari.errors import InputNotFoundError, UsageError, listing

_NODE_KEYS = ("Name", "Level", "GroupBy", "Transformations", "Model", "Contrasts", "DummyContrasts", "AutoContrasts")
_UNUSED = ("Options", "Software", "HRF")  # keys of Model that have no effect on a group model

_HINTS = {  # for unsupported keys
    "variancecomponents": "Type glm has one variance between subjects, type meta has none",
}

_NOT_GROUPING = {  # entities that GroupBy may not name
    "sub": "An analysis of the dataset level includes all subjects",
    **dict.fromkeys(("tpl", "node", "level", "test", "stat", "desc"), "It does not distinguish maps of one contrast"),
}


@dataclass(frozen=True, slots=True)
class StatsModel:
    """The node of the dataset level of a BIDS Stats Model."""

    path: Path
    inputs: NodeInputs
    group_by: tuple[str, ...]  # keys of entities: each combination of labels is one analysis
    group_columns: tuple[str, ...]  # columns of participants.tsv: each value is one analysis
    x: tuple[Term, ...]  # columns of the design matrix, or patterns
    transformations: tuple[Transformation, ...]
    contrasts: tuple[Contrast, ...]
    dummies: Contrast | None  # the form of tests of single columns: its conditions, or all columns of X without them
    estimator: Literal["ols", "fixed"]  # fixed for a model of type meta
    formula: str = ""  # in place of x, whose names it uses
    notes: tuple[str, ...] = ()  # on parts of the file that are not used

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
    """Read a node of the dataset level of a BIDS Stats Model.

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
        When it is no model, or the node is not supported; names the position in the file.
    """
    path = Path(path)
    if node is None:
        names = node_names(path)
        if len(names) > 1:
            found = f"{path} has {len(names)} nodes of the dataset level: {listing(map(printable, names))}"
            raise UsageError(found, "one of them", "Choose with --node NAME")
        node = names[0]
    return _read_node(path, node, *_version(path))


def node_names(path: str | Path) -> tuple[str, ...]:
    """Return the names of the nodes of the dataset level of a model."""
    return _read_graph(Path(path), *_version(Path(path)))[2].names


def _version(path: Path) -> tuple[int, ...]:
    """Return what changes when a file is written again."""
    if path.exists():
        status = path.stat()
        return status.st_ino, status.st_size, status.st_mtime_ns
    if path.is_symlink():  # broken: the reader of the file raises the error
        return ()
    raise InputNotFoundError(f"There is no model {path}", "a BIDS Stats Model, a JSON file")


@lru_cache(maxsize=1)
def _read_graph(path: Path, *_version: int) -> tuple[Item, Mapping[str, Item], Graph, tuple[str, ...]]:
    """Read a document, its fields and its graph, with notes; once, until the file changes."""
    document, notes = read_document(path)
    others: list[Item] = []
    fields = document.fields(("Name", "BIDSModelVersion", "Input", "Nodes", "Steps", "Edges"), others=others)
    version = fields.get("BIDSModelVersion")
    if version and not re.fullmatch(r"[01](\..*)?", version.text()):
        raise version.error("1.0.0, the supported version")
    if len({"Nodes", "Steps"} & set(fields)) != 1:
        raise document.error("Nodes, a list", found="has Nodes and Steps" if "Nodes" in fields else "has no Nodes")
    return document, fields, read_graph(document, fields), (*notes, *map(_unused, others))


@lru_cache(maxsize=16)
def _read_node(path: Path, name: str, *version: int) -> StatsModel:
    """Read a node of the dataset level once, not for each contrast, until the file changes.

    In the former form, a node without X is the mean, and its conditions are the contrasts of the level below. The
    column of ones may have the name ``intercept`` or, in a model of one contrast, the name of that contrast.
    """
    document, document_fields, graph, notes = _read_graph(path, *version)
    if name not in graph.names:
        listed = listing(map(printable, graph.names))
        raise document.error(f"one of: {listed}", found=f"has no node {name!r} of the dataset level")
    inputs = read_inputs(document_fields, graph.path_to(name))
    item, former = graph.nodes[name].item, "Steps" in document_fields
    fields = item.fields(_NODE_KEYS, _HINTS)
    model = fields["Model"].fields(("X", "Type", "Formula", *_UNUSED), _HINTS) if "Model" in fields else {}
    dummies = read_dummies(fields.get("DummyContrasts") or fields.get("AutoContrasts"))
    x = _read_x(model, item, is_former=former)
    if dummies and "X" not in model:
        if dummies.conditions:
            inputs = replace(inputs, filters={**inputs.filters, "contrast": dummies.conditions})
        dummies = replace(dummies, conditions=())
    names = _names_of_ones(x, inputs)
    if dummies:
        conditions = (names.get(each, each) for each in dummies.conditions)
        dummies = replace(dummies, conditions=tuple(dict.fromkeys(conditions)))
    contrasts = read_contrasts(fields.get("Contrasts"), names)
    group_by, group_columns = _read_group_by(fields.get("GroupBy"))
    is_meta = "Type" in model and model["Type"].choice(("glm", "meta")) == "meta"
    is_fixed = is_meta or "FEMA" in [test.test for test in (*contrasts, *filter(None, [dummies]))]
    made = StatsModel(
        path=path,
        inputs=inputs,
        group_by=("contrast",) if former and not group_by else group_by,
        group_columns=group_columns,
        x=tuple(names.get(term, term) for term in x),
        transformations=read_transformations(fields.get("Transformations")),
        contrasts=tuple(test for each in contrasts if (test := _performed(each))),
        dummies=dummies and _performed(dummies),
        estimator="fixed" if is_fixed else "ols",
        formula=model["Formula"].text().strip().removeprefix("~").strip() if "Formula" in model else "",
        notes=(*notes, *(_unused(model[key]) for key in _UNUSED if key in model)),
    )
    _check(made, item)
    return made


def _read_x(model: Mapping[str, Item], item: Item, *, is_former: bool) -> tuple[Term, ...]:
    """Read the columns of the design matrix; in the former form, a node without them is the mean."""
    if "X" in model:
        return tuple(map(read_term, model["X"].items(filled="1, or names of columns")))
    if not is_former:
        raise item.error("the columns of the design matrix", found="has no Model.X")
    return (ONES,)


def _check(model: StatsModel, item: Item) -> None:
    """Check that columns are unique, that there is a test, and that tests are of columns."""
    if repeated := [term for term, n in Counter(model.x).items() if n > 1]:
        listed = ", ".join("the column of ones" if term == ONES else repr(term) for term in repeated)
        raise item.error("each column once", found=f"has {listed} more than once in Model.X")
    if not model.contrasts and model.dummies is None:
        raise item.error('Contrasts, or "DummyContrasts": {"Test": "t"}', found="has no test")
    if model.formula and model.transformations:
        raise item.error("Formula or Transformations", found="has both Model.Formula and Transformations")
    if not model.formula and not any(isinstance(term, str) and is_pattern(term) for term in model.x):
        model.check_conditions(model.x)


def _names_of_ones(x: Sequence[Term], inputs: NodeInputs) -> dict[Term, Term]:
    """Return the other names of the column of ones."""
    passing = inputs.filters.get("contrast", ())
    only = passing[0] if len(passing) == 1 and passing[0] in x else None
    return {"intercept": ONES} if ONES in x else {only: ONES} if isinstance(only, str) else {}


def _performed(test: Contrast) -> Contrast | None:
    """Return a t or F test; None for a contrast without a test."""
    return None if test.test == "pass" else replace(test, test="t") if test.test == "FEMA" else test


def _unused(item: Item) -> str:
    """Return the note on a part of the file that has no effect."""
    return f"{item.place} of {item.path.name} is not used"


def _read_group_by(item: Item | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read GroupBy: the keys of entities, and the columns of participants.tsv."""
    keys: list[str] = []
    columns: list[str] = []
    for each in item.items(lone=True) if item else []:
        name = each.text()
        key = key_of(name.lower()) if is_entity(name) else name
        if key in _NOT_GROUPING:
            found = f"{each.path}: {each.place}: analyses by {each.value!r} are not supported"
            raise UsageError(found, hint=_NOT_GROUPING[key])
        (keys if is_entity(name) else columns).append(key)
    return tuple(dict.fromkeys(keys)), tuple(dict.fromkeys(columns))
