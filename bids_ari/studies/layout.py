"""Folders of first-level outputs of many studies: which studies and tasks there are, and the Stats Model of each.

The layout is that of ``openneuro_glmfitlins``: FitLins writes the maps of a task to ``<study>/task-<label>/``, by the
model ``<study>-<label>_specs.json``.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bids_ari.errors import InputNotFoundError, NoMatchError, UsageError, listing, printable
from bids_ari.studies.models import find_models, with_model
from bids_ari.studies.study import Study

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.+_-]*")
_TASK = re.compile(r"task-[a-zA-Z0-9][a-zA-Z0-9.+_-]*")
_TOGETHER = re.compile(r"(?P<study>[a-zA-Z0-9][a-zA-Z0-9.+-]*)_(?P<task>task-[a-zA-Z0-9.+_-]+)")

_ABSENT = "a link to a folder that is not here. Fetch it: datalad get -n, or fix the link"


def find_studies(
    analyses: Path, models: Path | None = None, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> list[Study]:
    """Find the studies below a folder.

    Parameters
    ----------
    analyses : path
        The folder with a folder for each study, which has a folder ``task-<label>`` for each task. Folders
        ``<study>_task-<label>`` are studies as well. Hidden folders and files are ignored.
    models : path, optional
        The folder of the Stats Models, below which that of a task is ``<study>-<label>_specs.json`` or
        ``<study>-<label>_smdl.json``.
    include, exclude : sequence of str
        Names of studies, or of one of their tasks as ``<study>/task-<label>``; by default all are included.

    Returns
    -------
    list of Study
        By name; what cannot be analysed has a problem.

    Raises
    ------
    InputNotFoundError
        When a folder does not exist, or has no study.
    NoMatchError
        When a name to include or to exclude is not there.
    UsageError
        When the folder is not that of all studies.
    """
    _check_folders(analyses, models)
    found = list(_without_copies(_each_task(analyses)))
    if not found:
        raise InputNotFoundError(f"There is no study in {analyses}", "folders such as ds000102/task-flanker")
    chosen = _chosen(found, include, exclude)
    known = None if models is None else find_models(models)
    return chosen if known is None else [with_model(study, known) for study in chosen]


def _check_folders(analyses: Path, models: Path | None) -> None:
    """Raise an error if a folder is not there, or is that of one study or task."""
    for folder, what in ((analyses, "studies"), (models, "models")):
        if folder is not None and not folder.is_dir():
            raise InputNotFoundError(f"{folder} is not a folder", f"the folder of all {what}")
    for pattern, what, level in (("task-*", "study", 0), ("node-*", "task", 1)):
        if any(path.is_dir() for path in analyses.glob(pattern)):
            found = f"{analyses} has folders {pattern}: it is that of one {what}"
            hint = f"Pass {analyses.absolute().parents[level]}, and the {what} by --include"
            raise UsageError(found, "the folder of all studies", hint)


def _each_task(analyses: Path) -> Iterator[Study]:
    """Yield the tasks of all studies, and what is outside the layout with its problem, by name."""
    for folder in sorted(path for path in analyses.iterdir() if not path.name.startswith(".")):
        name = printable(folder.name)
        if folder.is_symlink() and not folder.exists():
            yield Study(name, folder, problem=_ABSENT)
        elif not folder.is_dir():
            continue
        elif together := _TOGETHER.fullmatch(folder.name):
            yield Study(f"{together['study']}/{together['task']}", folder)
        elif not _NAME.fullmatch(folder.name):
            yield Study(
                name, folder, problem="not the name of a study: it has other characters than letters, digits and .+_-"
            )
        else:
            yield from _tasks_of(folder)


def _tasks_of(folder: Path) -> Iterator[Study]:
    """Yield the tasks of a study."""
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        tasks = [path for path in inside if path.name.startswith("task-") and (path.is_dir() or path.is_symlink())]
    except OSError as error:
        yield Study(folder.name, folder, problem=_unreadable(error))
        return
    if not tasks:
        problem = f"has no folder task-LABEL; there is {listing(printable(path.name) for path in inside)}"
        if not inside:
            problem = f"an empty folder. If it is a subdataset: datalad get -n {folder}"
        yield Study(folder.name, folder, problem=problem)
    for path in tasks:
        yield Study(f"{folder.name}/{printable(path.name)}", path, problem=_problem_of(path))


def _problem_of(task: Path) -> str:
    """Return what prevents an analysis of the folder of a task; empty if nothing does."""
    if not _TASK.fullmatch(task.name):
        return "not the name of a task: task- and letters, digits and .+_-"
    try:
        if not task.exists():
            return _ABSENT
        is_empty = not any(task.iterdir())
    except OSError as error:
        return _unreadable(error)
    return f"an empty folder. If it is a subdataset: datalad get -n {task}" if is_empty else ""


def _unreadable(error: OSError) -> str:
    """Return the problem of a folder that cannot be read."""
    return f"{printable(str(error.filename))} cannot be read: {error.strerror}. Make it readable"


def _without_copies(studies: Iterable[Study]) -> Iterator[Study]:
    """Yield studies; the second of two with one name but for upper and lower case, or one folder, has a problem."""
    names: dict[str, Study] = {}
    folders: dict[Path, Study] = {}
    for study in sorted(studies, key=lambda each: each.name):
        same_name = names.setdefault(study.name.casefold(), study)
        same_folder = folders.setdefault(study.folder.resolve(), study)
        if study is not same_name:
            difference = "" if study.name == same_name.name else " but for upper and lower case"
            problem = (
                f"has the name of {same_name.folder.name} in {same_name.folder.parent.name}{difference}. Rename one"
            )
            yield replace(study, problem=study.problem or problem)
        elif study is not same_folder:
            yield replace(study, problem=study.problem or f"the same folder as {same_folder.name}. Exclude one of them")
        else:
            yield study


def _chosen(found: Sequence[Study], include: Sequence[str], exclude: Sequence[str]) -> list[Study]:
    """Return the studies that are included and not excluded, by name of the study or of the task."""
    for name in (*include, *exclude):
        if not any(_has_name(study, name) for study in found):
            raise NoMatchError(f"There is no study {printable(name)}", listing(study.name for study in found))
    chosen = [study for study in found if not include or any(_has_name(study, name) for name in include)]
    left = [study for study in chosen if not any(_has_name(study, name) for name in exclude)]
    if not left:
        raise NoMatchError("All studies are excluded", hint="Check --include and --exclude")
    return left


def _has_name(study: Study, name: str) -> bool:
    """Return whether a name is that of a study or a task: ``ds1``, ``ds1/task-x`` or ``ds1/x``."""
    head, _, task = name.strip("/").partition("/")
    return study.study == head and task.removeprefix("task-") in ("", study.task)
