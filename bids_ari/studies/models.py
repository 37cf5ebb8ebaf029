"""The Stats Model of each study: which file it is, and whether it can be analysed."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bids_ari.bids.tree import files_below
from bids_ari.design.stats_model import node_names, read_model
from bids_ari.errors import BidsAriError, ReadError, UsageError, listing, printable
from bids_ari.studies.study import Study

_MODEL = re.compile(r"(?P<key>.+)_(?:specs|smdl)\.json")


def find_models(models: Path) -> Mapping[str, list[Path]]:
    """Return the files of models below a folder, by study and task as in their names.

    Raises
    ------
    ReadError
        When a folder cannot be read: which models it has is not known.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    try:
        for path in files_below(models):
            if name := _MODEL.fullmatch(path.name):
                found[name["key"]].append(path)
    except OSError as error:
        where = f"{printable(str(error.filename or models))} cannot be read: {error.strerror}"
        raise ReadError(where, hint=f"Make it readable, or move it out of {models}") from error
    return found


def with_model(study: Study, known: Mapping[str, list[Path]]) -> Study:
    """Return a study with its model, or with a note that there is none."""
    key = f"{study.study}-{study.task}"
    if study.problem:
        return study
    files = known.get(key, [])
    if len({_content(path) for path in files}) > 1:
        problem = f"{len(files)} different models: {listing(files)}. Keep one of them in --models"
        return replace(study, problem=problem)
    if files:
        return replace(study, model=files[0])
    alike = [path.name for name, paths in known.items() if name.casefold() == key.casefold() for path in paths]
    other = f"; {listing(alike)} differs in upper and lower case" if alike else ""
    return replace(study, note=f"no model {key}_specs.json in --models{other}: the mean over subjects is tested")


def with_usable_model(study: Study) -> Study:
    """Return a study whose model has a node that can be analysed; else without it, with the reason in a note.

    A model that cannot be read is a problem of the study.
    """
    if study.model is None or study.problem:
        return study
    try:
        names = node_names(study.model)
    except UsageError as error:
        return _without_model(study, error)
    except BidsAriError as error:
        return replace(study, problem=str(error))
    reasons = []
    for name in names:
        try:
            read_model(study.model, name)
        except BidsAriError as error:
            reasons.append(error)
        else:
            return study
    return _without_model(study, reasons[0])


def _without_model(study: Study, error: BidsAriError) -> Study:
    """Return a study without its model, which a note says; a file that is no JSON object is a problem."""
    assert study.model is not None
    try:
        is_object = isinstance(json.loads(study.model.read_text(encoding="utf-8-sig")), dict)
    except (OSError, ValueError, RecursionError):
        is_object = False
    if not is_object:
        return replace(study, problem=str(error))
    return replace(study, model=None, note=f"the mean over subjects is tested, not the model: {error}")


def _content(path: Path) -> bytes | str:
    """Return the content of a file; its path if it cannot be read, which is an error when the model is read."""
    try:
        return path.read_bytes()
    except OSError:
        return str(path)
