"""The text ``about`` in the archive of a result: everything that is not an array."""

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bids_ari._version import __version__
from bids_ari.analysis.result import ContrastResult
from bids_ari.config.methods import METHODS
from bids_ari.images.volume import VolumeSpace
from bids_ari.outputs.archive_format import (
    ARRAYS,
    SHARED,
    Text,
    axes_of,
    renamed,
    without_folders,
)
from bids_ari.outputs.archive_regions import with_names, with_points
from bids_ari.outputs.archive_space import frame_text
from bids_ari.outputs.npz import Array, NpzReader, from_json, require, to_json, unknown_fields

log = logging.getLogger(__name__)

FORMAT = 4
"""Version of the meaning of the file."""


def text_of(result: ContrastResult) -> Text:
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


def read_text(file: NpzReader, arrays: Mapping[str, Array], name: str) -> Text:
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
    q = n_differences(text)
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


def n_differences(text: Text) -> int:
    """Return how many maps of each subject were tested together."""
    question = text.contrast.within
    if question is None:
        return 1
    fits = all(len(row) == len(question.levels) and any(row) for row in question.rows)
    require(fits and question.levels and question.rows, "the weights within subjects do not fit the levels")
    return question.n_rows if text.columns else 1
