"""Models of results: the maps, the group model and the points of an analysis, as opposed to what may be joined to it.

Results of a contrast by other methods, in other directions or above other thresholds are of the same model, and share
its maps. Results of another model would have the same file names, and replace them: they need a label of their own. The
content of the files read is not part of a model: changed data are analysed again under the same names.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bids_ari.analysis.option_files import hash_files, option_files
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.entities import printable
from bids_ari.config.options import Options
from bids_ari.config.table import sidecar_entries
from bids_ari.design.design import Design
from bids_ari.errors import OtherModelError, counted, listing

Facts = dict[str, list[str]]
"""A model: what defines it, each as a text to show and one to compare."""

_OF_FILES = {"Mask": "mask", "TargetGrid": "target grid"}  # entries of sidecars, and the names of their hashes
_WITHOUT = {"minimum effect": ["0", "0"]}  # facts of results of versions that did not record them
_NOT_COMPARED = ("StatsModel", "ModelLabel")  # the file of a model may move; its columns and tests are compared


def model_facts(contrast: ContrastSet, design: Design | None, options: Options, folder: Path) -> Facts:
    """Return what defines the model of a contrast as it is analysed, for results in a folder.

    Datasets count by their place relative to the folder, so that both can be moved together.
    """
    place = folder.resolve()
    roots = {_root(file.path, file.name) for file in contrast.files}
    facts: Facts = {
        "subjects": _fact(counted(len(contrast.members), "subject"), contrast.subjects),
        "dataset": _fact("", sorted(Path(os.path.relpath(root, place)).as_posix() for root in roots)),
        "maps": _fact("", sorted(file.uri for file in contrast.files)),
        "combination": _fact(contrast.combined or "none"),
        "difference within subjects": _difference(contrast),
    }
    named = option_files(options, contrast)
    hashes = hash_files({name: named[name] for name in _OF_FILES.values() if name in named})
    for key, value in (sidecar_entries(options, "data") | sidecar_entries(options, "model")).items():
        if key not in _NOT_COMPARED:
            facts[key] = _fact(value or "none", [hashes.get(_OF_FILES.get(key, ""), str(value))])
    if "mask R" in named:
        facts["mask of the right hemisphere"] = _fact(
            named["mask R"].name, hash_files({"mask R": named["mask R"]}).values()
        )
    facts |= {role: _surface_fact(named[role], options) for role in ("surface L", "surface R") if role in named}
    if design is not None:
        facts |= {"statistic": _fact(contrast.stat), "estimator": _fact(options.estimator)}
        facts |= {"minimum effect": _fact(f"{options.min_effect:.12g}")}
        facts |= _design_facts(design, options)
    return facts


def _difference(contrast: ContrastSet) -> list[str]:
    """Return the differences within subjects: the column, and the levels with the weights of a question."""
    if (question := contrast.within) is None:
        return _fact(contrast.paired or "none")
    return _fact(question.text, [contrast.paired, question.name, *question.levels, str(question.rows)])


def _surface_fact(path: Path, options: Options) -> list[str]:
    """Return the mesh of a hemisphere; those that were not chosen are the same, wherever they are from."""
    if not options.surface:
        return _fact("that of the space")
    return _fact(path.name, hash_files({"surface": path}).values())


def check_model(facts: Facts, earlier: Iterable[Mapping[str, Any]], folder: Path, label: str) -> None:
    """Raise an OtherModelError if earlier records of a contrast are of another model; `label` is of the new one."""
    for record in earlier:
        if differences := _differences(record.get("ModelFacts"), facts):
            raise OtherModelError(
                f"There are results of another model with the same names in {folder}: {differences}",
                "the same model, or a label for this one",
                f"Use {'another --label' if label else '--label'} NAME to keep both, --rerun to replace the earlier "
                "results, or another output folder",
            )


def _fact(shown: object, compared: Iterable[str] | None = None) -> list[str]:
    """Return a text to show and one to compare, a digest unless both are the same."""
    if compared is None:
        return [printable(str(shown)), str(shown)]
    return [printable(str(shown)), hashlib.sha256("\0".join(compared).encode(errors="surrogateescape")).hexdigest()]


def _design_facts(design: Design, options: Options) -> Facts:
    """Return what defines a group model; the weights of the tests of a formula follow from its columns."""
    names = listing(design.tests)
    if options.model is None:
        return {"formula": _fact(design.formula), "tests": _fact(names, options.test or ["default"])}
    weights = [f"{name}: {each.tolist()}" for name, each in design.tests.items()]
    return {"columns": _fact(listing(design.columns), design.columns), "tests": _fact(names, weights)}


def _root(path: Path, name: str) -> Path:
    """Return the folder of the dataset that has a file under a relative name."""
    return Path(str(path).removesuffix(name)).resolve()


def _differences(earlier: object, facts: Facts) -> str:
    """Return how a model differs from an earlier one; empty for no difference, or an earlier one that is not known."""
    if not isinstance(earlier, dict):
        return ""
    found = []
    for name, (shown, compared) in facts.items():
        match earlier.get(name, _WITHOUT.get(name)):
            case [str() as other, str() as content] if content != compared:
                found.append(f"{name} ({other}; now {shown})" if other != shown else f"other {name}")
    return listing(found, 10)
