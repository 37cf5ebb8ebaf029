"""TemplateFlow: brain masks, atlases and templates by name.

It is used only for names: without network and without a TemplateFlow home, local files work. The folder that it lists
may hold a part of TemplateFlow; the index of the whole is part of its Python package.
"""

import json
import os
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from bids_ari.bids.entities import Entities, labels_in_name
from bids_ari.bids.group_checks import is_native
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import InputNotFoundError, NoMatchError, UsageError, listing
from bids_ari.images.space import Grid

TEMPLATE = "template"  # as a mask or a target grid: TemplateFlow's brain mask of the space of the maps

SpaceName: TypeAlias = StandardSpace | str | None
"""The space of the maps: also as a text, see `StandardSpace.parse`; None where their names have no space."""

_OFFLINE = "Fill TEMPLATEFLOW_HOME on a machine with network access, or use a local file"
_LOCAL = "Use a local file with --mask, --atlas or --target-grid; for bids-ari-map, add --space LABEL"
_ENTITIES = {key: key for key in ("cohort", "atlas", "scale", "roi", "label", "desc", "space", "hemi")}
_ENTITIES |= {"res": "resolution", "den": "density", "seg": "segmentation"}
_PLACE = ("tpl", "cohort", "res", "atlas")  # entities that do not distinguish the variants of an atlas
_INDEX = Path("conf", "templateflow-skel.zip")  # in TemplateFlow's package: the names of all files
_MOST_VARIANTS = 40  # in a message

Labels: TypeAlias = dict[str, str]


def template_mask(space: SpaceName, grid: Grid) -> Path:
    """Return the path of TemplateFlow's brain mask of a space, in the resolution of the maps, or nearest to a grid."""
    where = standard(space)
    found = _listed(where, f"a brain mask of {where}", suffix="mask", extension=".nii.gz")
    for wanted in ({"desc": "brain"}, {"label": "brain"}):
        if paths := [path for path in found if _variant(path) == wanted and "atlas" not in labels_in_name(path.name)]:
            return _fetched(_nearest(paths, where, grid), found, where)
    raise _no_match(f"a brain mask of {where}", {path.name for path in found})


def template_image(space: SpaceName, grid: Grid, *, fetch: bool = True) -> Path | None:
    """Return the path of TemplateFlow's T1-weighted, else T2-weighted template of a space.

    None where it has no such template, or, unless `fetch`, none on this machine.
    """
    where = standard(space)
    for suffix in ("T1w", "T2w"):
        try:
            found = _listed(where, f"a template of {where}", suffix=suffix, extension=".nii.gz")
        except NoMatchError:
            continue
        paths = [path for path in found if not _variant(path) and (fetch or _is_here(path))]
        if paths:
            path = _nearest(paths, where, grid)
            return _fetched(path, found, where) if fetch else path
    return None


def template_atlas(atlas: str, space: SpaceName, grid: Grid) -> tuple[Path, Path | None]:
    """Return the paths of TemplateFlow's atlas and its table, if it has one.

    Parameters
    ----------
    atlas : str
        Its name, with what distinguishes its variants: ``NAME``, ``NAME:DESC`` or ``NAME:KEY-LABEL``, such as
        ``Schaefer2018:200Parcels7Networks`` and ``Buckner2011:seg-7n``.
    space : StandardSpace, str or None
        The space of the maps.
    grid : Grid
        Of several resolutions, that of the maps is used, else the one nearest to this grid.

    Raises
    ------
    UsageError
        When several variants have this name, or the maps have no space.
    NoMatchError, InputNotFoundError
        When TemplateFlow does not have it, or it cannot be fetched.
    """
    where, what = standard(space), f"the atlas {atlas}"
    name, *parts = atlas.split(":")
    wanted = labels_in_name("_".join([*(part if "-" in part else f"desc-{part}" for part in parts), ""]))
    query = {"atlas": name, "suffix": "dseg"}
    found = _listed(where, f"{what} in {where}", **query, extension=".nii.gz")
    known = [*found, *_of_cohort(where, _index(where.name, f"_atlas-{name}_", "_dseg.nii.gz"))]
    if (variant := _chosen_variant(name, wanted, map(_variant, known))) is None:
        raise _no_match(f"{what} in {where}", {_spelled(name, _variant(path)) for path in known})
    if not (paths := [path for path in found if _variant(path) == variant]):
        raise InputNotFoundError(
            f"TemplateFlow's folder on this machine does not list {what} in {where}", hint=_OFFLINE
        )
    path = _fetched(_nearest(paths, where, grid), found, where)
    try:
        tables = _listed(where, f"the table of {atlas}", **query, extension=".tsv")
    except (NoMatchError, UsageError):
        return path, None
    fitting = [table for table in tables if _labels(table).items() <= _labels(path).items()]
    return path, _fetched(max(fitting, key=lambda table: len(_labels(table))), tables, where) if fitting else None


def standard(space: SpaceName) -> StandardSpace:
    """Return the space of the maps; raise UsageError if their names have none."""
    if space is None:
        raise UsageError("The names of the maps have no space", "space- in their names", _LOCAL)
    return StandardSpace.parse(space) if isinstance(space, str) else space


def note_on_space(space: SpaceName) -> str | None:
    """Return a note if a space is neither native nor one of TemplateFlow, by its index or the folder on this machine.

    TemplateFlow is not imported, since that makes its folder; None where it is not installed.
    """
    name = standard(space).name
    home = Path(os.environ.get("TEMPLATEFLOW_HOME") or Path.home() / ".cache" / "templateflow")
    try:
        spec = find_spec("templateflow")
    except (ImportError, ValueError):
        return None
    index = Path(spec.origin).parent / _INDEX if spec and spec.origin else None
    names = {path.partition("/")[0].removeprefix("tpl-") for path in (_all_names(index) if index else ())}
    if not names or name in names or is_native(name) or (home / f"tpl-{name}").is_dir():
        return None
    meant = get_close_matches(name, sorted(names), n=1)
    return f"TemplateFlow has no space {name}: check --space" + (f". Did you mean {meant[0]}?" if meant else "")


def _listed(where: StandardSpace, what: str, **query: Any) -> list[Path]:
    """Return the files of a template that TemplateFlow lists, of the cohort of the maps; tables also of no cohort."""
    api = _client()
    try:
        paths = sorted(Path(path) for path in api.ls(where.name, **query))
        if not paths:
            others = [Path(path).name for path in api.ls(where.name, suffix=query["suffix"])]
            atlases = {name for other in others if (name := labels_in_name(other).get("atlas"))}
            raise _no_match(what, (atlases if "atlas" in query else others) or api.templates())
    except OSError as error:  # no home can be made
        raise InputNotFoundError(f"TemplateFlow cannot be used: {error}", hint=_OFFLINE) from error
    shared = [""] if query["extension"] == ".tsv" else []
    if chosen := _of_cohort(where, paths, *shared):
        return chosen
    raise _wrong_cohort(where, what, {_labels(path).get("cohort", "") for path in paths})


def _of_cohort(where: StandardSpace, paths: Iterable[Path], *more: str) -> list[Path]:
    """Return the files of the cohort of the maps, of no cohort if these have none, or of `more` cohorts."""
    return [path for path in paths if _labels(path).get("cohort", "") in (where.cohort, *more)]


def _wrong_cohort(where: StandardSpace, what: str, cohorts: set[str]) -> UsageError | NoMatchError:
    """Return the error for maps without a cohort where the template has several, or of another cohort."""
    known = [f"{where.name}+{cohort}" for cohort in sorted(filter(None, cohorts), key=lambda text: (len(text), text))]
    if where.cohort:
        return _no_match(what, known or [f"{where.name} without a cohort"])
    return UsageError(
        f"The names of the maps have no cohort of {where.name}",
        f"space-{known[0]} or space-{where.name}_cohort-{known[0].rpartition('+')[2]} in their names; TemplateFlow has "
        f"{listing(known, _MOST_VARIANTS)}",
        _LOCAL,
    )


def _no_match(what: str, others: Iterable[str]) -> NoMatchError:
    """Return the error for a file that TemplateFlow does not have, but others."""
    names = sorted(others, key=lambda text: (len(text), text))
    expected = f"one of: {listing(names, _MOST_VARIANTS)}"
    return NoMatchError(f"TemplateFlow does not have {what}", expected, "Use a local file")


def _chosen_variant(name: str, wanted: Labels, variants: Iterable[Labels]) -> Labels | None:
    """Return the variant of an atlas with these entities alone, else the only one that has them; None for no such.

    >>> _chosen_variant("HOCPA", {}, [{"desc": "th0"}]), _chosen_variant("v3", {}, [{}, {"desc": "cerebrum"}])
    ({'desc': 'th0'}, {})
    """
    unique = {str(Entities.of(each)): each for each in variants}
    fitting = {text: each for text, each in sorted(unique.items()) if wanted.items() <= each.items()}
    if wanted in fitting.values() or len(fitting) < 2:
        return wanted if wanted in fitting.values() else next(iter(fitting.values()), None)
    spelled = sorted((_spelled(name, each) for each in fitting.values()), key=lambda text: (len(text), text))
    asked = _spelled(name, wanted)
    raise UsageError(
        f"TemplateFlow has {len(spelled)} atlases {asked}", f"one of: {listing(spelled, _MOST_VARIANTS)}", "Name one"
    )


def _spelled(name: str, variant: Labels) -> str:
    """Return a variant of an atlas as the option takes it."""
    ordered = Entities.of(variant)
    return ":".join([name, *(label if key == "desc" else f"{key}-{label}" for key, label in ordered)])


def _variant(path: Path) -> Labels:
    """Return the entities of a file apart from its template, cohort, resolution and atlas."""
    return {key: label for key, label in labels_in_name(path.name).items() if key not in _PLACE}


def _labels(path: Path) -> Labels:
    """Return the entities of a file; cohort and resolution without leading zeros."""
    labels = labels_in_name(path.name)
    return labels | {key: labels[key].lstrip("0") for key in ("cohort", "res") if key in labels}


def _nearest(paths: Sequence[Path], where: StandardSpace, grid: Grid) -> Path:
    """Return the file in the resolution of the maps; else one on this machine if possible, nearest to a grid."""
    if same := [path for path in paths if where.res and _labels(path).get("res") == where.res]:
        return min(same)
    target = max(grid.zooms)
    return min(paths, key=lambda path: (not _is_here(path), abs(_voxel_size(path) - target), path.name))


def _voxel_size(path: Path) -> float:
    """Return the largest voxel size of a file in mm, as its template describes it; else the index of its resolution."""
    res = _labels(path).get("res", "")
    folder = next((parent for parent in path.parents if parent.name.startswith("tpl-")), path.parent)
    sizes = {index.lstrip("0"): size for index, size in _resolutions(folder / "template_description.json").items()}
    return sizes.get(res, float(res) if res.isdigit() else 0.0)


@cache
def _resolutions(path: Path) -> dict[str, float]:
    """Read the largest voxel size of each resolution of a template; nothing where its description has none."""
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        return {index: float(max(each["zooms"])) for index, each in described["res"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _is_here(path: Path) -> bool:
    """Return whether a file is on this machine: TemplateFlow lists others as empty files."""
    return path.exists() and path.stat().st_size > 0


def _fetched(path: Path, listed: Sequence[Path], where: StandardSpace) -> Path:
    """Return the path of a file of TemplateFlow after fetching it, not the others that were listed, if necessary."""
    if _is_here(path):
        return path
    labels = _labels(path)
    suffix, dot, extension = path.name.rpartition("_")[2].partition(".")
    keys = {key for other in listed for key in labels_in_name(other.name)} & _ENTITIES.keys()
    query: dict[str, Any] = {_ENTITIES[key]: labels.get(key) for key in keys}  # None: without it
    query |= {key: int(query[key]) for key in ("cohort", "resolution") if str(query.get(key)).isdigit()}
    try:
        _client().get(where.name, raise_empty=True, suffix=suffix, extension=dot + extension, **query)
    except Exception as error:  # requests' ConnectionError and many more: the network, the disk
        found = f"{path.name} of TemplateFlow could not be fetched: {type(error).__name__}"
        raise InputNotFoundError(found, hint=_OFFLINE) from error
    return path


def _client() -> Any:
    """Return the client of TemplateFlow."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # of creating a new home
            from templateflow import api
    except OSError as error:  # no home can be made
        raise InputNotFoundError(f"TemplateFlow cannot be used: {error}", hint=_OFFLINE) from error
    return api


def _index(template: str, inside: str, end: str) -> list[Path]:
    """Return the files of a template, by the index in TemplateFlow's package, whose names contain and end with texts.

    None where the package has no index.
    """
    try:
        import templateflow

        names = _all_names(Path(str(templateflow.__file__)).parent / _INDEX)
    except (ImportError, AttributeError):
        return []
    own = (name for name in names if name.startswith(f"tpl-{template}/") and name.endswith(end))
    return [Path(name) for name in own if inside in name]


@cache
def _all_names(index: Path) -> tuple[str, ...]:
    """Return the names in an index; none if it cannot be read."""
    try:
        with zipfile.ZipFile(index) as content:
            return tuple(content.namelist())
    except (OSError, zipfile.BadZipFile):
        return ()
