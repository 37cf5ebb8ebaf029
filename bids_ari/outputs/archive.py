"""A whole result as one ``.npz`` file, which the explorer, ``--reports-only`` and other programs read.

`archive_format` lists the arrays and the fields of the text ``about``, a JSON object. What follows from these is
computed again, to the same bits; ``docs/output.md`` describes how, and what versions of the file may differ in.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.values import extremeness
from bids_ari.config.methods import METHODS
from bids_ari.errors import DataError, InputNotFoundError, ReadError
from bids_ari.images.quality import Quality
from bids_ari.images.region_names import names_of
from bids_ari.outputs.archive_familywise import familywise_arrays, familywise_of
from bids_ari.outputs.archive_format import (
    ARRAYS,
    OUTLYING,
    QUALITY,
    SHARED,
    STATISTICS,
    Text,
    read_arrays,
)
from bids_ari.outputs.archive_parts import calibrated_of, design_of, forest_of, glm_of
from bids_ari.outputs.archive_space import space_arrays, space_of
from bids_ari.outputs.archive_text import read_text, text_of
from bids_ari.outputs.names import ARCHIVE_ENDING
from bids_ari.outputs.npz import UNREADABLE, Array, NpzReader, pack_npz, require, to_json
from bids_ari.stats.bounds import Bound
from bids_ari.stats.diagnostics import SubjectDiagnostics

log = logging.getLogger(__name__)


def pack(result: ContrastResult) -> bytes:
    """Return the content of the file of a result, the same bytes for the same result."""
    arrays = {
        name: np.asarray(array, ARRAYS[name].dtype) for name, array in _arrays(result).items() if array is not None
    }
    return pack_npz(to_json(text_of(result)), arrays)


def unpack(content: bytes, name: str) -> ContrastResult:
    """Read a result from the content of a file, which may be damaged or malicious: then raise DataError."""
    try:
        file = NpzReader(content)
        arrays = read_arrays(file)
        text = read_text(file, arrays, name)
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


def _result(text: Text, arrays: Mapping[str, Array]) -> ContrastResult:
    """Build a result."""
    _check(text, arrays)
    options, m = text.options, arrays["z"].size
    forest = forest_of(arrays, extremeness(arrays["z"], text.alternative))
    influence = dict(zip([name for name, _ in text.tests], arrays.get("influence", ()), strict=False))
    outlying, quality = (
        {name: arrays[name] for name in names if arrays.keys() >= {*names}} for names in (OUTLYING, QUALITY)
    )
    return ContrastResult(
        **{name: getattr(text, name) for name in SHARED},
        options=options,
        design=design_of(text, arrays) if text.columns else None,
        space=space_of(arrays, text.frame, text.codes),
        coverage=arrays["coverage"],
        glm=glm_of(text, arrays),
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
        calibrated=calibrated_of(text.calibration, arrays, text.joint.alpha if text.joint else options.alpha)
        if text.calibration
        else None,
        familywise=familywise_of(arrays) if text.calibration else None,
    )


def _check(text: Text, arrays: Mapping[str, Array]) -> None:
    """Check that text and arrays are those of one result, beyond their shapes."""
    m, parts = arrays["z"].size, METHODS[text.method].parts
    require(arrays["category"].max() <= m + 1, "the array category has values above m + 1")
    complete = ("calibration" in parts) == (text.calibration is not None) and ("h" in parts) == (text.h is not None)
    require(complete, f"the method {text.method} has more or less than {' and '.join(parts) or 'nothing'}")
    n_hypotheses = text.joint.n_hypotheses if text.joint else m
    require(text.h is None or 0 <= text.h <= n_hypotheses, f"h is {text.h} of {n_hypotheses} null hypotheses")
    if joint := text.joint:
        possible = 1 <= joint.n_together <= joint.n_results and m <= n_hypotheses and 0 < joint.alpha < 1
        require(possible, "the results whose bounds hold together are impossible")
    require(text.atlas is None or 0 <= text.atlas < len(text.regions), f"there is no set of regions {text.atlas}")
    lacking = arrays["lacking"].max(initial=0) if arrays.keys() >= {*QUALITY} else 0
    require(lacking <= text.reference, f"a subject lacks {lacking} of {text.reference} points of the reference")
