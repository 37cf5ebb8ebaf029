"""Summary of a result for the index and the run log, and which results of a contrast belong together."""

import hashlib
import json
from typing import Any

import numpy as np

from bids_ari.analysis.result import ContrastResult
from bids_ari.config.methods import METHODS
from bids_ari.errors import counted
from bids_ari.outputs.names import explorer_name, report_name


def summary(result: ContrastResult) -> dict[str, Any]:
    """Return what the index shows of a result, as JSON.

    ``Model`` identifies the maps, points and group model: results of a contrast with different values of it are of
    different analyses.
    """
    return {
        "Contrast": result.contrast.name,
        "Test": result.test,
        "Alternative": result.alternative_label,
        "Method": result.method,
        "Alpha": result.options.alpha,
        "NumberOfSubjects": len(result.contrast.members),
        "NumberOfVoxels": result.space.n_points,
        "TrueDiscoveryNumber": result.bound.whole,
        "Clusters": {f"{threshold:g}": len(found) for threshold, found in result.clusters.items()},
        "LargestClusters": {f"{tdp:g}": len(found) for tdp, found in result.largest.items()},
        "Notes": list(result.notes),
        "Report": report_name(result),
        "Explorer": explorer_name(result),
        "Model": _fingerprint(result),
    }


def headline(result: ContrastResult) -> str:
    """Return a line for the log that summarises a result."""
    sizes = ", ".join(f"{len(found)} above z = {z:g}" for z, found in result.clusters.items())
    method = result.method if METHODS[result.method].label else ""
    test = ", ".join(filter(None, (result.test, result.alternative_label, method)))
    group = counted(len(result.contrast.members), "subject") if result.design is not None else "one map"
    return (
        f"{result.contrast.name} ({test}): {group}, at least {result.bound.whole} of {result.space.n_points} voxels "
        f"active; clusters: {sizes}"
    )


def differs_in_direction(result: ContrastResult, other: ContrastResult) -> bool:
    """Return whether two results are of the same test and method and differ only in the alternative."""
    return _same_test(result, other) and result.method == other.method and result.alternative != other.alternative


def differs_in_method(result: ContrastResult, other: ContrastResult) -> bool:
    """Return whether two results are of the same test and alternative and differ only in the method."""
    return _same_test(result, other) and result.method != other.method and result.alternative == other.alternative


def _same_test(result: ContrastResult, other: ContrastResult) -> bool:
    """Return whether two results are of one test of the same maps with the same options."""
    return (result.test, result.options) == (other.test, other.options) and _fingerprint(result) == _fingerprint(other)


def _fingerprint(result: ContrastResult) -> str:
    """Return a digest of what all results of a contrast share: subject maps, points tested and group model."""
    options, design, uris = result.options, result.design, [file.uri for file in result.contrast.files]
    settings = (options.smoothing, options.estimator, options.variance, options.target_grid, options.coverage)
    facts = [uris, [result.hashes.get(uri) for uri in uris], [str(each) for each in settings]]
    arrays: list[np.ndarray] = [result.coverage, result.space.arrays()["affine"]]
    if design is None:
        arrays.append(result.space.arrays()["mask"])
    else:
        facts.append([*design.columns, *design.tests])
        arrays += [design.matrix, *design.tests.values()]
    content = json.dumps(facts).encode() + b"".join(array.tobytes() for array in arrays)
    return hashlib.sha256(content).hexdigest()
