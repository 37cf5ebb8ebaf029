"""A whole result as one ``.npz`` file, which the explorer, ``--reports-only`` and other programs read.

`archive_format` lists the arrays and the fields of the text ``about``, a JSON object. What follows from these is
computed again, to the same bits; ``docs/output.md`` describes how, and what versions of the file may differ in.
"""

import logging
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bids_ari._version import __version__
from bids_ari.analysis.calibrated import Calibrated
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.values import extremeness
from bids_ari.config.families import FAMILIES
from bids_ari.config.methods import METHODS
from bids_ari.design.design import Design
from bids_ari.errors import DataError, InputNotFoundError, ReadError
from bids_ari.images.quality import Quality
from bids_ari.images.region_names import names_of
from bids_ari.images.volume import VolumeSpace
from bids_ari.outputs.archive_familywise import familywise_arrays, familywise_of
from bids_ari.outputs.archive_format import (
    ARRAYS,
    OUTLYING,
    QUALITY,
    SHARED,
    STATISTICS,
    Text,
    axes_of,
    read_arrays,
    renamed,
    without_folders,
)
from bids_ari.outputs.archive_regions import with_names, with_points
from bids_ari.outputs.archive_space import frame_text, space_arrays, space_of
from bids_ari.outputs.names import ARCHIVE_ENDING
from bids_ari.outputs.npz import UNREADABLE, Array, NpzReader, from_json, pack_npz, require, to_json, unknown_fields
from bids_ari.stats.bounds import Bound
from bids_ari.stats.calibration import n_allowed_errors
from bids_ari.stats.diagnostics import SubjectDiagnostics
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import ClusterForest, Ints
from bids_ari.stats.glm import GlmResult

log = logging.getLogger(__name__)

FORMAT = 4
"""Version of the meaning of the file."""


def pack(result: ContrastResult) -> bytes:
    """Return the content of the file of a result, the same bytes for the same result."""
    arrays = {
        name: np.asarray(array, ARRAYS[name].dtype) for name, array in _arrays(result).items() if array is not None
    }
    return pack_npz(to_json(_text(result)), arrays)


def unpack(content: bytes, name: str) -> ContrastResult:
    """Read a result from the content of a file, which may be damaged or malicious: then raise DataError."""
    try:
        file = NpzReader(content)
        arrays = read_arrays(file)
        text = _read_text(file, arrays, name)
        return _result(text, arrays)
    except UNREADABLE as error:
        reason = str(error) or type(error).__name__
        raise DataError(f"{name} is not a usable result: {reason}", hint="Run the analysis again") from error


def load_result(path: str | Path) -> ContrastResult:
    """Read a result that an earlier run wrote.

    Parameters
    ----------
    path : path
        A file ``..._forest.npz``.

    Returns
    -------
    ContrastResult
        The result of that run; paths of maps are names relative to their datasets.

    Raises
    ------
    InputNotFoundError, ReadError
        If there is no such file, or it cannot be read.
    DataError
        If it does not hold a result.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputNotFoundError(f"There is no file {path}", f"a file ...{ARCHIVE_ENDING} that a run wrote") from error
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror}") from error
    return unpack(content, str(path))


class SavedResults(Sequence[ContrastResult]):
    """Results on disk, each read on access, so that a run of many contrasts needs the memory of one."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = tuple(paths)

    def __getitem__(self, index: Any) -> Any:
        return load_result(self.paths[index]) if isinstance(index, int) else SavedResults(self.paths[index])

    def __len__(self) -> int:
        return len(self.paths)


def _arrays(result: ContrastResult) -> dict[str, Array | None]:
    """Return the arrays of a result, None for those that it does not have."""
    glm, forest, design, calibrated = result.glm, result.forest, result.design, result.calibrated
    points = [region.points for regions in result.regions for region in regions.regions]
    outlying, quality = result.outlying, result.quality
    return {
        **space_arrays(result.space),
        "coverage": result.coverage,
        **{name: getattr(glm, name) for name in STATISTICS},
        "tau2": result.tau2,
        "category": result.bound.category,
        **{name: getattr(forest, name) for name in ("preorder", "size", "tdn")},
        "design": np.empty((len(result.contrast.members), 0)) if design is None else design.matrix,
        "weights": np.empty((0, 0)) if design is None else np.vstack(list(design.tests.values())),
        **{name: getattr(outlying, name) for name in OUTLYING if outlying},
        "influence": np.array(list(outlying.influence.values())) if outlying else None,
        **{name: getattr(quality, name) for name in QUALITY if quality},
        **familywise_arrays(result.familywise),
        "lambdas": calibrated.lambdas if calibrated else None,
        "critical": calibrated.learned if calibrated else None,
        "region_size": np.array([each.size for each in points], dtype=np.int32),
        "region_voxels": np.concatenate([np.empty(0, dtype=np.int32), *points]),
        "names": result.names.which if result.names else None,
    }


def _text(result: ContrastResult) -> Text:
    """Return what is not an array of a result."""
    options, design = result.options, result.design
    atlas, names = (each and re.split(r"[/\\]", each)[-1] for each in (options.atlas, options.region_names))
    options = replace(options, atlas=atlas, region_names=names)  # texts, since these may be names of TemplateFlow
    model: dict[str, Any] = {}
    if design:
        tests = tuple((name, len(rows) if rows.ndim == 2 else 0) for name, rows in design.tests.items())
        model = {"formula": design.formula, "factors": design.factors, "columns": design.columns, "tests": tests}
    return Text(
        format=FORMAT,
        software=f"bids_ari {__version__}",
        codes=result.space.grid.codes if isinstance(result.space, VolumeSpace) else (0, 0),
        frame=frame_text(result.space),
        test=result.test,
        method=result.method,
        options=options,
        h=result.bound.h,
        calibration=to_json(result.calibrated),
        n_rows=0 if design and design.n_differences == 1 else result.glm.n_rows,
        is_z_of_f=result.glm.is_z_of_f,
        reference=result.quality.reference if result.quality else 0,
        regions=result.regions,
        atlas=next((index for index, regions in enumerate(result.regions) if regions is result.atlas), None),
        names=result.names,
        **model,
        **{name: getattr(result, name) for name in SHARED} | {"contrast": without_folders(result.contrast)},
    )


def _read_text(file: NpzReader, arrays: Mapping[str, Array], name: str) -> Text:
    """Read what is not an array, and check that it fits the arrays and that names of files stay in the output."""
    version = file.text.get("format")
    require(version == FORMAT and version is not True, f"its format is {version!r:.60}; expected {FORMAT}")
    found = renamed(file.text)
    text = from_json(Text, with_points(with_names(found, arrays), arrays))
    if unknown := dict.fromkeys([*unknown_fields(found, to_json(text)), *(file.names - ARRAYS.keys())]):
        log.info("%s was written by %s; unknown fields are ignored: %s", name, text.software, ", ".join(unknown))
    folders, tests = text.folder.split("/"), [test for test, _ in text.tests]
    labels = [label for pair in text.contrast.entities for label in pair]
    labels += [each.name for each in text.regions]
    labels += [label for each in text.regions for pair in each.variant for label in pair]
    for label in (*folders, *tests, text.test, *labels):
        inside = label not in (".", "..") and label.isprintable() and "/" not in label
        require(inside, f"{label!r:.60} cannot be part of a file name")
    require(all(folders), f"its folder is {text.folder!r:.60}")
    members = text.contrast.members
    require(all(term.maps for member in members for term in member.terms), "a member has no file")
    require(math.isfinite(text.n_rows) and text.n_rows >= 0, f"n_rows is {text.n_rows}")
    require(text.n_constant >= 0, f"n_constant is {text.n_constant}")
    require(text.method in METHODS, f"the method is {text.method!r:.60}; expected {', '.join(METHODS)}")
    n_weights = sum(max(rows, 1) for _, rows in text.tests)
    require(all(rows >= 0 for _, rows in text.tests) and len({*tests}) == len(tests), "its tests are impossible")
    q = _n_differences(text)
    good = all(
        len(member.rows) in (0, q) and all(len(row) == len(member.terms) for row in member.rows) for member in members
    )
    require(good, "the weights of differences within subjects do not fit the maps")
    lengths = {"n": len(members), "c": len(text.columns), "t": len(tests), "w": n_weights, "q": q}
    for key, spec in ARRAYS.items():
        if key in arrays:
            axes = axes_of(spec, arrays)
            expected = tuple(lengths.get(axis, k) for axis, k in zip(axes, arrays[key].shape, strict=True))
            require(arrays[key].shape == expected, f"the array {key} is {arrays[key].shape}; expected {expected}")
    return text


def _n_differences(text: Text) -> int:
    """Return how many maps of each subject were tested together."""
    question = text.contrast.within
    if question is None:
        return 1
    fits = all(len(row) == len(question.levels) and any(row) for row in question.rows)
    require(fits and question.levels and question.rows, "the weights within subjects do not fit the levels")
    return question.n_rows if text.columns else 1


def _result(text: Text, arrays: Mapping[str, Array]) -> ContrastResult:
    """Build a result."""
    options, m, parts = text.options, arrays["z"].size, METHODS[text.method].parts
    forest = _forest(arrays, extremeness(arrays["z"], text.alternative))
    require(arrays["category"].max() <= m + 1, "the array category has values above m + 1")
    complete = ("calibration" in parts) == (text.calibration is not None) and ("h" in parts) == (text.h is not None)
    require(complete, f"the method {text.method} has more or less than {' and '.join(parts) or 'nothing'}")
    n_hypotheses = text.joint.n_hypotheses if text.joint else m
    require(text.h is None or 0 <= text.h <= n_hypotheses, f"h is {text.h} of {n_hypotheses} null hypotheses")
    if joint := text.joint:
        possible = 1 <= joint.n_together <= joint.n_results and m <= n_hypotheses and 0 < joint.alpha < 1
        require(possible, "the results whose bounds hold together are impossible")
    require(text.atlas is None or 0 <= text.atlas < len(text.regions), f"there is no set of regions {text.atlas}")
    influence = dict(zip([name for name, _ in text.tests], arrays.get("influence", ()), strict=False))
    outlying, quality = (
        {name: arrays[name] for name in names if arrays.keys() >= {*names}} for names in (OUTLYING, QUALITY)
    )
    lacking = quality["lacking"].max(initial=0) if quality else 0
    require(lacking <= text.reference, f"a subject lacks {lacking} of {text.reference} points of the reference")
    q = _n_differences(text)
    n_rows = text.n_rows if q > 1 else dict(text.tests).get(text.test, 0 if text.columns else text.n_rows)
    is_f = "f" in arrays
    require((n_rows > 0) == is_f and not (is_f and "t" in arrays), f"the test {text.test!r:.60} lacks F or has t")
    return ContrastResult(
        **{name: getattr(text, name) for name in SHARED},
        options=options,
        design=_design(text, arrays) if text.columns else None,
        space=space_of(arrays, text.frame, text.codes),
        coverage=arrays["coverage"],
        glm=_glm(text, arrays, n_rows),
        bound=Bound(arrays["category"], options.alpha, text.method, text.h),
        forest=forest,
        clusters={threshold: forest.at_threshold(threshold) for threshold in options.threshold},
        largest={tdp: forest.with_tdp(tdp) for tdp in options.tdp},
        regions=text.regions,
        atlas=(atlas := None if text.atlas is None else text.regions[text.atlas]),
        names=text.names if text.names or atlas is None else names_of(atlas, m, options.atlas),
        tau2=arrays.get("tau2"),
        outlying=SubjectDiagnostics(influence=influence, **outlying) if influence and outlying else None,
        quality=Quality(text.reference, **quality) if quality else None,
        calibrated=_calibrated(text.calibration, arrays, text.joint.alpha if text.joint else options.alpha)
        if text.calibration
        else None,
        familywise=familywise_of(arrays) if text.calibration else None,
    )


def _glm(text: Text, arrays: Mapping[str, Array], n_rows: float) -> GlmResult:
    """Build the statistics of the test."""
    require(not (text.is_z_of_f and "t" in arrays), "a z of F has t")
    found: dict[str, Any] = {name: arrays[name] for name in STATISTICS if name in arrays}
    known = found.keys() >= {"effect", "variance"}
    require(known or not text.options.min_effect, "a test of a minimum effect lacks the effect or its variance")
    return GlmResult(text.test, n_rows=n_rows, is_z_of_f=text.is_z_of_f, min_effect=text.options.min_effect, **found)


def _forest(arrays: Mapping[str, Array], statistic: FloatArray) -> ClusterForest:
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


def _design(text: Text, arrays: Mapping[str, Array]) -> Design:
    """Build the design."""
    require("design" in arrays and "weights" in arrays, "there is no array design or weights")
    ends = np.cumsum([max(rows, 1) for _, rows in text.tests]).tolist()
    tests = {
        name: arrays["weights"][end - rows : end] if rows else arrays["weights"][end - 1]
        for (name, rows), end in zip(text.tests, ends, strict=True)
    }
    require(text.test in tests, f"the design has no test {text.test!r:.60}")
    fields = (text.contrast.subjects, arrays["design"], text.columns, tests, text.formula, text.factors)
    return Design(*fields, n_differences=_n_differences(text))


def _calibrated(calibration: dict[str, Any], arrays: Mapping[str, Array], alpha: float) -> Calibrated:
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
