"""Parts of a result from the arrays of its archive: statistics, forest, design and calibration."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bids_ari.analysis.calibrated import Calibrated
from bids_ari.config.families import FAMILIES
from bids_ari.design.design import Design
from bids_ari.outputs.archive_format import (
    STATISTICS,
    Text,
)
from bids_ari.outputs.archive_text import n_differences
from bids_ari.outputs.npz import Array, from_json, require
from bids_ari.stats.calibration import n_allowed_errors
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import ClusterForest, Ints
from bids_ari.stats.glm import GlmResult


def glm_of(text: Text, arrays: Mapping[str, Array]) -> GlmResult:
    """Build the statistics of the test."""
    own = dict(text.tests).get(text.test, 0 if text.columns else text.n_rows)
    n_rows = text.n_rows if n_differences(text) > 1 else own
    is_f = "f" in arrays
    require((n_rows > 0) == is_f and not (is_f and "t" in arrays), f"the test {text.test!r:.60} lacks F or has t")
    require(not (text.is_z_of_f and "t" in arrays), "a z of F has t")
    found: dict[str, Any] = {name: arrays[name] for name in STATISTICS if name in arrays}
    known = found.keys() >= {"effect", "variance"}
    require(known or not text.options.min_effect, "a test of a minimum effect lacks the effect or its variance")
    return GlmResult(text.test, n_rows=n_rows, is_z_of_f=text.is_z_of_f, min_effect=text.options.min_effect, **found)


def forest_of(arrays: Mapping[str, Array], statistic: FloatArray) -> ClusterForest:
    """Build the forest, with what follows from its arrays."""
    preorder, size, tdn = (arrays[name] for name in ("preorder", "size", "tdn"))
    m = statistic.size
    require(np.array_equal(np.sort(preorder), np.arange(m)), "the array preorder does not hold each point once")
    require((tdn <= size).all(), "a true discovery number is above the size of its cluster")
    parent = _parents(size)
    height, inner = statistic[preorder], parent >= 0
    below, valid = height[parent[inner]], np.ones(m, dtype=bool)
    require((below <= height[inner]).all(), "a cluster is lower than the one that contains it")
    valid[inner] = height[inner] != below
    return ClusterForest(preorder, size, tdn, parent, height, valid)


def _parents(size: Array) -> Ints:
    """Return the parent of each node: the nearest node before it whose slice contains it; -1 for none."""
    parent = np.full(size.size, -1, np.int32)
    open_nodes, ends = [-1], [size.size]
    for node, end in enumerate((np.arange(size.size) + size).tolist()):
        while ends[-1] <= node:
            open_nodes.pop()
            ends.pop()
        parent[node] = open_nodes[-1]
        require(end <= ends[-1], "the slice of a cluster leads past the end of the one that contains it")
        open_nodes.append(node)
        ends.append(end)
    return parent


def design_of(text: Text, arrays: Mapping[str, Array]) -> Design:
    """Build the design."""
    require("design" in arrays and "weights" in arrays, "there is no array design or weights")
    ends = np.cumsum([max(rows, 1) for _, rows in text.tests]).tolist()
    tests = {
        name: arrays["weights"][end - rows : end] if rows else arrays["weights"][end - 1]
        for (name, rows), end in zip(text.tests, ends, strict=True)
    }
    require(text.test in tests, f"the design has no test {text.test!r:.60}")
    fields = (text.contrast.subjects, arrays["design"], text.columns, tests, text.formula, text.factors)
    return Design(*fields, n_differences=n_differences(text))


def calibrated_of(calibration: dict[str, Any], arrays: Mapping[str, Array], alpha: float) -> Calibrated:
    """Build the calibration."""
    require("lambdas" in arrays and "critical" in arrays, "there is no array lambdas or critical")
    m, lambdas, critical = arrays["z"].size, arrays["lambdas"], arrays["critical"]
    saved = {"lambdas": lambdas, "learned": critical, "n_points": m, "alpha": alpha}
    n_errors = n_allowed_errors(alpha, lambdas.size)  # as a result of 0.1.0 used it
    calibrated = from_json(Calibrated, {"n_errors": n_errors, **calibration, **saved})
    require(0 <= calibrated.n_errors < lambdas.size, f"{calibrated.n_errors} permutations may have an error")
    require(calibrated.family in FAMILIES, f"the family is {calibrated.family!r:.60}; expected {', '.join(FAMILIES)}")
    family = FAMILIES[calibrated.family]
    is_possible = calibrated.lambda_ in lambdas or calibrated.n_together > 1
    require(lambdas.size > 0 and is_possible, f"no permutation has the lambda {calibrated.lambda_}")
    n_members = len(family.members) if len(family.members) > 1 else 0
    require(len(calibrated.member_lambdas) == n_members, f"the family {family.name} has more or fewer members")
    require(0 <= calibrated.delta < m, f"delta is {calibrated.delta} of {m} points")
    require(0 <= calibrated.n_excluded <= m and calibrated.n_steps > 0, "the steps of step-down are impossible")
    require((critical.size > 0) == family.is_learned, f"the family {family.name} has no vector")
    require(critical.size <= m and (np.diff(critical) >= 0).all(), "the critical vector decreases, or is too long")
    return calibrated
