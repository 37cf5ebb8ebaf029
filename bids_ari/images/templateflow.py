"""Files of TemplateFlow: which a template has, by the folder on this machine and by the index, and one of them.

It is used only for names: without network and without a TemplateFlow home, local files work. The folder that it lists
may hold a part of TemplateFlow; the index of the whole is part of its Python package.
"""

import os
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from bids_ari.bids.entities import labels_in_name
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import BidsAriError, InputNotFoundError, NoMatchError, OutputError, UsageError, is_full, listing
from bids_ari.runtime.progress import step

OFFLINE = "Fill TEMPLATEFLOW_HOME by bids-ari-templates where there is a network, or use a local file"
"""Advice where a file of TemplateFlow is not on this machine."""

LOCAL = "Use a local file with --mask, --atlas, --region-names or --target-grid; for bids-ari-map, add --space LABEL"
"""Advice where the names of maps have no space, or no cohort."""

INDEX = Path("conf", "templateflow-skel.zip")
"""The names of all files, in TemplateFlow's package."""

_ENTITIES = {key: key for key in ("cohort", "atlas", "scale", "roi", "label", "desc", "space", "hemi")}
_ENTITIES |= {"res": "resolution", "den": "density", "seg": "segmentation"}
MOST_VARIANTS = 40
"""The most variants of an atlas, spaces or files that a message lists."""

Labels: TypeAlias = dict[str, str]


def listed_files(where: StandardSpace, what: str, **query: Any) -> list[Path]:
    """Return the files of a template that TemplateFlow lists, of the cohort of the maps; tables also of no cohort.

    Parameters
    ----------
    where : StandardSpace
        The template and the cohort.
    what : str
        The name of the file in messages.
    **query
        Entities of the files, as TemplateFlow's client names them; `suffix` and `extension`.

    Raises
    ------
    NoMatchError
        When TemplateFlow has no such file, or not of this cohort.
    UsageError
        When the template has several cohorts, and the maps have none.
    InputNotFoundError
        When TemplateFlow has no folder and cannot make one.
    """
    try:
        paths = sorted(_listed(where.name, **query))
        if not paths:
            raise _none_listed(where, what, query)
    except OSError as error:  # no home can be made
        raise _unusable(error) from error
    if chosen := of_cohort(where, paths):
        return chosen
    raise _wrong_cohort(where, what, {labels_of(path).get("cohort", "") for path in paths})


def files_of(where: StandardSpace, **query: Any) -> list[Path]:
    """Return the same as `listed_files`, but nothing where TemplateFlow has no such file."""
    try:
        return of_cohort(where, _listed(where.name, **query))
    except OSError as error:  # no home can be made
        raise _unusable(error) from error


def files_here(where: StandardSpace, **query: Any) -> list[Path]:
    """Return those of `files_of` that are on this machine, without the client of TemplateFlow."""
    return sorted(filter(is_here, of_cohort(where, _in_folder(where.name, **query))))


def _listed(template: str, **query: Any) -> list[Path]:
    """Return the files of a template in TemplateFlow's folder; its client, which takes long to import, if that is new.

    The client fills a new folder when it is imported; `templateflow update` does so later. Its own list has the same
    files, and takes seconds: it is used if the folder is not that of this process.
    """
    if not _templates(home()):
        api = client()
        if not _templates(home()):
            return [Path(path) for path in api.ls(template, **query)]
    return _in_folder(template, **query)


def _in_folder(template: str, suffix: str, extension: str = "", **query: Any) -> list[Path]:
    """Return the files of a template in TemplateFlow's folder, also those that are only listed there: empty ones."""
    end = re.compile(rf"_{suffix}{re.escape(extension)}$" if extension else rf"_{suffix}\.")
    names = {name: key for key, name in _ENTITIES.items()}
    wanted = {names.get(key, key): label for key, label in query.items()}
    return [
        path
        for path in (home() / f"tpl-{template}").rglob(f"tpl-{template}_*")
        if end.search(path.name) and wanted.items() <= labels_in_name(path.name).items()
    ]


def _templates(folder: Path | None = None) -> list[str]:
    """Return the templates in a folder, by default in that of the client."""
    if folder is None:
        return _templates(home()) or list(client().templates())
    return [path.name.removeprefix("tpl-") for path in folder.glob("tpl-*")] if folder.is_dir() else []


def of_cohort(where: StandardSpace, paths: Iterable[Path]) -> list[Path]:
    """Return the files of the cohort of the maps, of no cohort if these have none; tables also of no cohort."""
    cohorts = {".tsv": ("", where.cohort)}
    return [path for path in paths if labels_of(path).get("cohort", "") in cohorts.get(path.suffix, (where.cohort,))]


def _none_listed(where: StandardSpace, what: str, query: dict[str, Any]) -> NoMatchError:
    """Return the error for files that a template lacks: it names others, or, without any, templates that have them."""
    others = [path.name for path in _listed(where.name, suffix=query["suffix"])]
    if "atlas" not in query:
        return no_match(what, others or _templates())
    if atlases := {name for other in others if (name := labels_in_name(other).get("atlas"))}:
        return no_match(what, atlases)
    spaces = _templates()
    if where.name in spaces and (having := [name for name in spaces if _listed(name, **query)]):
        expected = f"maps in a space of this atlas: {listing(sorted(having), MOST_VARIANTS)}"
        return NoMatchError(f"TemplateFlow does not have {what}, and no other there", expected, "Use a local file")
    return no_match(what, spaces)


def _wrong_cohort(where: StandardSpace, what: str, cohorts: set[str]) -> UsageError | NoMatchError:
    """Return the error for maps without a cohort where the template has several, or of another cohort."""
    known = [f"{where.name}+{cohort}" for cohort in sorted(filter(None, cohorts), key=lambda text: (len(text), text))]
    if where.cohort:
        return no_match(what, known or [f"{where.name} without a cohort"])
    return UsageError(
        f"The names of the maps have no cohort of {where.name}",
        f"space-{known[0]} or space-{where.name}_cohort-{known[0].rpartition('+')[2]} in their names; TemplateFlow has "
        f"{listing(known, MOST_VARIANTS)}",
        LOCAL,
    )


def no_match(what: str, others: Iterable[str]) -> NoMatchError:
    """Return the error for a file that TemplateFlow does not have, but others."""
    names = sorted(others, key=lambda text: (len(text), text))
    expected = f"one of: {listing(names, MOST_VARIANTS)}"
    return NoMatchError(f"TemplateFlow does not have {what}", expected, "Use a local file")


def labels_of(path: Path) -> Labels:
    """Return the entities of a file; cohort and resolution without leading zeros."""
    labels = labels_in_name(path.name)
    return labels | {key: labels[key].lstrip("0") for key in ("cohort", "res") if key in labels}


def of_sides(paths: Sequence[Path], sides: Sequence[str]) -> tuple[Path, ...]:
    """Return the file of each hemisphere, in their order; nothing where one is missing."""
    by_side = {labels_in_name(path.name).get("hemi"): path for path in paths}
    return tuple(by_side[side] for side in sides) if by_side.keys() >= {*sides} else ()


def is_here(path: Path) -> bool:
    """Return whether a file is on this machine: TemplateFlow lists others as empty files."""
    return path.exists() and path.stat().st_size > 0


def fetched(path: Path, listed: Sequence[Path], where: StandardSpace) -> Path:
    """Return the path of a file of TemplateFlow after fetching it, not the others that were listed, if necessary."""
    if is_here(path):
        return path
    labels = labels_of(path)
    suffix, dot, extension = path.name.rpartition("_")[2].partition(".")
    keys = {key for other in listed for key in labels_in_name(other.name)} & _ENTITIES.keys()
    query: dict[str, Any] = {_ENTITIES[key]: labels.get(key) for key in keys}  # None: without it
    query |= {key: int(query[key]) for key in ("cohort", "resolution") if str(query.get(key)).isdigit()}
    try:
        with step(f"fetching {path.name} from TemplateFlow"):
            client().get(where.name, raise_empty=True, suffix=suffix, extension=dot + extension, **query)
    except Exception as error:  # requests' ConnectionError and many more
        if is_full(error):
            raise _unusable(error) from error
        found = f"{path.name} of TemplateFlow could not be fetched: {type(error).__name__}"
        raise InputNotFoundError(found, hint=OFFLINE) from error
    return path


def _unusable(error: OSError) -> BidsAriError:
    """Return the error for a folder of TemplateFlow that cannot be made, or has no space left."""
    if is_full(error):
        found = f"The folder of TemplateFlow {home()} cannot be written: {error.strerror}"
        return OutputError(found, hint="Free space, or use another folder")
    return InputNotFoundError(f"TemplateFlow cannot be used: {error}", hint=OFFLINE)


def home() -> Path:
    """Return TemplateFlow's folder on this machine, which may not exist; its client, when imported, makes it."""
    return Path(os.environ.get("TEMPLATEFLOW_HOME") or Path.home() / ".cache" / "templateflow")


@contextmanager
def home_at(folder: Path) -> Iterator[None]:
    """Let a folder be that of TemplateFlow during a block."""
    before = os.environ.get("TEMPLATEFLOW_HOME")
    os.environ["TEMPLATEFLOW_HOME"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("TEMPLATEFLOW_HOME")
        os.environ.update({} if before is None else {"TEMPLATEFLOW_HOME": before})


def client() -> Any:
    """Return the client of TemplateFlow."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # of creating a new home
            from templateflow import api
    except OSError as error:  # no home can be made
        raise _unusable(error) from error
    return api


def indexed_files(template: str, inside: str, end: str) -> list[Path]:
    """Return the files of a template, by the index in TemplateFlow's package, whose names contain and end with texts.

    The paths are relative to TemplateFlow's folder.
    """
    own = (name for name in indexed_names() if name.startswith(f"tpl-{template}/") and name.endswith(end))
    return [Path(name) for name in own if inside in name]


def indexed_names() -> tuple[str, ...]:
    """Return the names of all files of TemplateFlow, by the index in its package; none where that is not installed.

    The package is not imported, since that makes its folder.
    """
    try:
        spec = find_spec("templateflow")
    except (ImportError, ValueError):
        return ()
    return _names_in(Path(spec.origin).parent / INDEX) if spec and spec.origin else ()


@cache
def _names_in(index: Path) -> tuple[str, ...]:
    """Return the names in an index; none if it cannot be read."""
    try:
        with zipfile.ZipFile(index) as content:
            return tuple(content.namelist())
    except (OSError, zipfile.BadZipFile):
        return ()
