"""Files of TemplateFlow that an analysis in a space may use."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from bids_ari.bids.entities import labels_in_name
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import NoMatchError, UsageError, listing
from bids_ari.images.atlas_names import AtlasName, variant_of
from bids_ari.images.surface_templates import finer
from bids_ari.images.templateflow import (
    Labels,
    home,
    indexed_names,
    labels_of,
)

_BRAIN = ({"desc": "brain"}, {"label": "brain"})  # masks
_GREY = {"label": "GM"}  # for masks of grey matter
_MESHES = (("midthickness", "pial", "white"), ("inflated", "veryinflated"))  # the first of each is used
_CORTEX = ("nomedialwall", "cortex")
_PLACE = ("res", "den", "cohort")  # entities of a space


@dataclass(frozen=True, slots=True)
class Wanted:
    """A space and atlases whose files are wanted."""

    where: StandardSpace
    atlases: tuple[tuple[str, Labels], ...] = ()  # each with the entities of the variants that are wanted


def read_wanted(word: str) -> Wanted:
    """Read ``SPACE[:ATLAS[:VARIANT]]...``, as options name spaces and atlases: ``fsLR:den-32k``.

    A variant is what ``--atlas`` has behind the name, a label of ``desc-`` or ``KEY-LABEL``; by default, all.

    Raises
    ------
    UsageError
        When a part has no meaning.
    NoMatchError
        When TemplateFlow has no such template, atlas or variant; says what there is.
    """
    name, *parts = word.split(":")
    _check_parts(word, parts)
    place = [part for part in parts if part.partition("-")[0] in _PLACE and "-" in part]
    where = StandardSpace.parse(":".join([name, *place]))
    known = _known(where)
    _check_place(where, known)
    atlases: list[tuple[str, Labels]] = []
    for part in (each for each in parts if each not in place):
        key, dash, label = part.partition("-")
        if not dash and any(labels_of(path).get("atlas") == part for path in known):
            atlases.append((part, {}))
        elif atlases:
            atlases[-1][1].update({key: label} if dash else {"desc": part})
        elif dash:
            raise UsageError(f"{part} of {word} follows no atlas", "SPACE[:ATLAS[:VARIANT]]", "See --help")
        else:
            raise _no_atlas(part, where, known)
    for atlas, variant in atlases:
        if not _of_atlas(known, where, atlas, variant):
            raise _no_variant(atlas, variant, where, known)
    return Wanted(where, tuple(atlases))


def _check_parts(word: str, parts: Sequence[str]) -> None:
    """Raise UsageError for parts of a word that are empty, or of which the last would count."""
    keys = [part.partition("-")[0] for part in parts if "-" in part]
    twice = next((key for key in _PLACE if keys.count(key) > 1), None)
    if not word or "" in parts or twice:
        found = f"{word} has {f'{twice}- twice' if twice else 'an empty part'}"
        raise UsageError(found, "SPACE[:ATLAS[:VARIANT]]", "See --help")


def _check_place(where: StandardSpace, known: Sequence[Path]) -> None:
    """Raise NoMatchError for a resolution, density or cohort that no file of a template has."""
    for key, label in (("cohort", where.cohort), ("res", where.res), ("den", where.den.replace("91k", "32k"))):
        there = {labels_of(path)[key] for path in known if key in labels_of(path)}
        if label and label not in there:
            names = [f"{key}-{each}" for each in sorted(there, key=lambda text: (len(text), text))]
            expected = f"one of: {listing(names, 40)}" if names else f"{where.name} without {key}-"
            raise NoMatchError(f"TemplateFlow has no {key}-{label} of {where.name}", expected)


def needed_files(wanted: Wanted) -> list[Path]:
    """Return the files of TemplateFlow's folder on this machine that an analysis in a space may use, sorted.

    Of volumes these are brain masks, maps of grey matter and templates, of surfaces the meshes of statistics and
    pictures, sulcal depth and the cortex; and atlases with their tables.
    """
    where = wanted.where
    known = [path for path in _known(where) if _fits(path, where)]
    plain = [path for path in known if not {"atlas", "desc", "label", "space"} & labels_in_name(path.name).keys()]
    masks = [path for path in known if variant_of(path) in _BRAIN and "atlas" not in labels_of(path)]
    found = set(_ending(masks, "_mask.nii.gz"))
    found |= set(_ending(plain, "_T1w.nii.gz") or _ending(plain, "_T2w.nii.gz"))
    found |= {path for path in _ending(known, "_probseg.nii.gz") if variant_of(path) == _GREY}
    found |= set(_meshes(plain)) | set(_ending(plain, "_sulc.shape.gii"))
    found |= {path for path in _ending(known, "_dparc.label.gii") if labels_of(path).get("desc") in _CORTEX}
    for atlas, variant in wanted.atlases:
        found |= set(_of_atlas(_known(where), where, atlas, variant))
    return sorted(found)


def _known(where: StandardSpace) -> list[Path]:
    """Return all files of a template by TemplateFlow's index, as paths in the folder on this machine.

    Raises
    ------
    NoMatchError
        When there is no such template.
    """
    names = indexed_names()
    inside = f"tpl-{where.name}/"
    if found := [home() / name for name in names if name.startswith(inside) and "_" in name.rpartition("/")[2]]:
        return found
    templates = sorted({name.partition("/")[0].removeprefix("tpl-") for name in names if name.startswith("tpl-")})
    close = get_close_matches(where.name, templates, n=1)
    hint = f"Did you mean {close[0]}?" if close else "Names of spaces are those in the names of the maps"
    raise NoMatchError(f"TemplateFlow has no template {where.name}", f"one of: {listing(templates, 40)}", hint)


def _no_atlas(name: str, where: StandardSpace, known: Sequence[Path]) -> NoMatchError:
    """Return the error for an atlas or a variant that a template does not have."""
    found = {labels_of(path).get("atlas", "") for path in known} - {""}
    return NoMatchError(
        f"TemplateFlow has no atlas {name} in {where}",
        f"one of: {listing(sorted(found), 40)}" if found else "a space with atlases",
        "Variants follow the name of an atlas, as in --atlas",
    )


def _no_variant(atlas: str, variant: Labels, where: StandardSpace, known: Sequence[Path]) -> NoMatchError:
    """Return the error for a variant that an atlas does not have."""
    own = [variant_of(path) for path in known if labels_of(path).get("atlas") == atlas and "_dseg." in path.name]
    ordered = sorted({str(AtlasName.of(atlas, each)) for each in own}, key=lambda text: (len(text), text))
    asked = AtlasName.of(atlas, variant)
    return NoMatchError(f"TemplateFlow has no atlas {asked} in {where}", f"one of: {listing(ordered, 40)}")


def _fits(path: Path, where: StandardSpace, *, also: Labels | None = None) -> bool:
    """Return whether a file has no other resolution, density, cohort or variant than those that are wanted."""
    labels = labels_of(path)
    asked = {"res": where.res, "den": where.den.replace("91k", "32k"), "cohort": where.cohort} | (also or {})
    return all(labels.get(key, label) == label for key, label in asked.items() if label)


def _of_atlas(known: Sequence[Path], where: StandardSpace, atlas: str, variant: Labels) -> list[Path]:
    """Return the files of an atlas; of fsaverage also of a finer mesh, where there is none of the density."""
    own = [path for path in known if labels_of(path).get("atlas") == atlas and "_dseg." in path.name]
    for density in finer(where, where.den.replace("91k", "32k")):
        place = StandardSpace(where.name, where.cohort, where.res, density)
        fitting = [path for path in own if _fits(path, place, also=variant)]
        if any(path.name.endswith((".nii.gz", ".gii")) for path in fitting):
            return fitting
    return []


def _meshes(plain: Sequence[Path]) -> Iterator[Path]:
    """Yield the meshes that are used of each density: the first kind that there is, for each purpose."""
    for density in {labels_of(path).get("den") for path in plain}:
        own = [path for path in plain if labels_of(path).get("den") == density]
        for suffixes in _MESHES:
            yield from next(filter(None, (_ending(own, f"_{suffix}.surf.gii") for suffix in suffixes)), [])


def _ending(paths: Iterable[Path], end: str) -> list[Path]:
    """Return the files whose names have an end."""
    return [path for path in paths if path.name.endswith(end)]
