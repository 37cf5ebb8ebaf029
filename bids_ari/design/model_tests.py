"""Tests of a node of the dataset level of a BIDS Stats Model: their weights of the columns of a design matrix."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bids_ari.design.formula import INTERCEPT
from bids_ari.design.model_contrasts import ONES, Contrast, Term
from bids_ari.design.model_inputs import label_of
from bids_ari.design.stats_model import StatsModel
from bids_ari.errors import UsageError
from bids_ari.stats.distributions import FloatArray

_LONGEST_LABEL = 60  # the maximal length of the name of a test, in characters: it is part of file names
_CODED = re.compile(r"\bC\(\s*(\w+)\s*(?:,[^\[\]]*)?\)")


def weights_of_tests(model: StatsModel, columns: Sequence[Term]) -> dict[str, FloatArray]:
    """Return the weights of each test, by its label in file names."""
    tests: dict[str, FloatArray] = {}
    taken: dict[str, Term] = {}
    for contrast in model.named_contrasts(columns):
        label = _label(model, contrast, columns)
        if (other := taken.setdefault(label.casefold(), contrast.name)) != contrast.name:
            raise UsageError(
                f"{model.path}: the contrasts {other!r} and {contrast.name!r} would both have the label {label}",
                "names that differ in letters or digits",
                "Rename one of them",
            )
        weights = np.zeros((len(contrast.weights), len(columns)))
        weights[:, [columns.index(condition) for condition in contrast.conditions]] = contrast.weights
        tests[label] = weights[0] if contrast.test == "t" else weights
    return tests


def _label(model: StatsModel, contrast: Contrast, columns: Sequence[Term]) -> str:
    """Return the label of a test: letters and digits."""
    if contrast.name == ONES:
        return "mean" if len(columns) == 1 else INTERCEPT
    label = label_of(str(contrast.name))
    if not label or len(label) > _LONGEST_LABEL:
        expected = f"letters or digits in its name, at most {_LONGEST_LABEL}"
        raise UsageError(f"{model.path}: the contrast {contrast.name!r} cannot be part of file names", expected)
    is_column = contrast.conditions == (contrast.name,)  # same label as for the same column of a formula
    return label[0].lower() + label[1:] if is_column else label


def with_columns_of_formula(model: StatsModel, columns: Sequence[str]) -> StatsModel:
    """Return a model whose tests name the columns of its formula as they are named here.

    Other programs write ``C(group)[T.b]`` for ``group[T.b]`` or ``group[b]``.
    """
    names: dict[Term, Term] = {_plain(column): column for column in columns}

    def renamed(test: Contrast) -> Contrast:
        known = (INTERCEPT if name == ONES else _plain(str(name)) for name in test.conditions)
        return replace(
            test, conditions=tuple(names.get(plain, name) for plain, name in zip(known, test.conditions, strict=True))
        )

    return replace(
        model, contrasts=tuple(map(renamed, model.contrasts)), dummies=model.dummies and renamed(model.dummies)
    )


def _plain(name: str) -> str:
    """Return the name of a column without the notation of its coding.

    >>> _plain("C(group, Treatment('a'))[T.b]:age"), _plain("Intercept")
    ('group[b]:age', 'intercept')
    """
    return "intercept" if name.lower() == INTERCEPT else _CODED.sub(r"\1", name).replace("[T.", "[").replace(" ", "")
