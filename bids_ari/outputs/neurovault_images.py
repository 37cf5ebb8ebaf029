"""Images of a result for NeuroVault: which ones, their names, and their metadata."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bids_ari._version import __version__
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.values import MapValues
from bids_ari.bids.entities import CONTRAST_KEYS, Entities, contrast_label
from bids_ari.errors import counted
from bids_ari.images.volume import VolumeSpace
from bids_ari.outputs.description import ACKNOWLEDGEMENT
from bids_ari.outputs.files import MAPS
from bids_ari.outputs.names import region_stem, stem
from bids_ari.outputs.sidecars import ESTIMATORS, direction, worded

MAP_TYPES = {"effect": "univariate-beta map", "variance": "variance", "t": "T map", "F": "F map", "z": "Z map"}
"""NeuroVault's type of each map that is not thresholded, by the label of ``stat-``."""

TDP_TYPE = "other"
"""NeuroVault's type of other maps."""

GENERIC_MNI = "Human (Generic/Unknown MNI)"
TEMPLATES = {
    "MNI152NLin2009cAsym": "Human (MNI152 NLin 2009c Asym)",
    "NMT31Sym": "Rhesus - macacca mulatta (NMT)",
}
"""NeuroVault's name of a template, by the label of ``space-``; others in MNI space are `GENERIC_MNI`."""

_MNI = re.compile("(MNI(?!Infant|Pediatric)|ICBM152|IXI549Space)", re.IGNORECASE)
_LONGEST_NAME = 200  # characters
_WITHOUT_NAME = ("space", "res", "den", "cohort", "sub", *CONTRAST_KEYS)  # not repeated in a name


class Image(NamedTuple):
    """One image of the folder."""

    entities: Entities
    map_type: str
    title: str
    description: str
    values: MapValues


def unfit(result: ContrastResult) -> str:
    """Return why NeuroVault does not take the maps of a result; empty if it does."""
    if not isinstance(result.space, VolumeSpace):
        return f"which takes folders of volumes, and these are {result.space.units}"
    space = result.contrast.entities.get("space")
    if space is not None and not _template(result):
        return f"which takes volumes in MNI space, and these are in the space {space}"
    return ""


def _template(result: ContrastResult) -> str:
    """Return NeuroVault's name of the template of the maps; empty if it has none, or it is not known."""
    space = result.contrast.entities.get("space") or ""
    return TEMPLATES.get(space) or (GENERIC_MNI if _MNI.match(space) else "")


def images_of(result: ContrastResult) -> Iterator[Image]:
    """Yield the images of a result: statistics that are not thresholded, and TDP maps that are not empty."""
    for each in MAPS:
        if each.stat not in MAP_TYPES or (values := each.values(result)) is None:
            continue
        is_beyond = each.refers_to_minimum and result.options.min_effect
        entities = stem(result, stat=each.stat, **({"desc": result.desc} if is_beyond else {}))
        text = each.description + ", of the distance from the minimum effect" * bool(is_beyond)
        yield Image(entities, MAP_TYPES[each.stat], each.stat, _of_statistic(result, text, each.stat), values)
    yield from _differences(result)
    for entities, title, text, values in _tdp_maps(result):
        if values.values.any():
            yield Image(entities, TDP_TYPE, title, _of_tdp(result, text), values)


def _differences(result: ContrastResult) -> Iterator[Image]:
    """Yield the effect of each difference of a question within subjects."""
    question, effects = result.contrast.within, result.glm.effects
    if question is None or effects is None:
        return
    for label, text, values in zip(question.labels, question.sums, effects, strict=True):
        about = _of_statistic(result, f"Effect of {text}, in the units of the subject maps", "effect")
        with np.errstate(over="ignore"):  # too large numbers are infinite in the file
            content = MapValues(values.astype(np.float32), np.nan)
        yield Image(stem(result, stat="effect", desc=label), MAP_TYPES["effect"], f"effect of {text}", about, content)


def _tdp_maps(result: ContrastResult) -> Iterator[tuple[Entities, str, str, MapValues]]:
    """Yield entities, title, description and values of the TDP maps that do not depend on chosen thresholds."""
    which = direction(result)
    yield (
        stem(result, stat="tdp", desc=f"{result.desc}All"),
        f"TDP, {which[0].lower()}{which[1:]}",
        "the supra-threshold cluster that contains the voxel and has the highest such bound",
        result.values("highest_tdp"),
    )
    for regions in result.regions:
        yield (
            region_stem(result, regions).with_(stat="tdp"),
            f"TDP of regions, {regions.title}, {which[0].lower()}{which[1:]}",
            f"the region that contains the voxel ({regions.title})",
            MapValues(result.region_tdp(regions).astype(np.float32)),
        )


def file_name(entities: Entities) -> str:
    """Return the name of an image, which is not one of BIDS: readers of the output find each map once."""
    return str(entities).replace("-", "_") + ".nii.gz"


def row_of(result: ContrastResult, image: Image) -> dict[str, str]:
    """Return the metadata of an image by column, without empty ones."""
    which = f": {image.title}"[:_LONGEST_NAME]  # of a long name, the title of the result is cut
    found = {
        "Filename": file_name(image.entities),
        "name": _title(result)[: _LONGEST_NAME - len(which)] + which,
        "target_template_image": _template(result),
        "map_type": image.map_type,
        **_level(result),
        "modality": "fMRI-BOLD",
        "description": image.description,
    }
    return {key: value for key, value in found.items() if value}


def _level(result: ContrastResult) -> dict[str, str]:
    """Return analysis level and number of subjects; nothing for a map of another program, where they are unknown."""
    if result.design is not None:
        return {"analysis_level": "group", "number_of_subjects": str(len(result.contrast.members))}
    if result.folder.startswith("sub-"):
        return {"analysis_level": "single-subject", "number_of_subjects": "1"}
    return {}


def _title(result: ContrastResult) -> str:
    """Return contrast, subject, other entities and test: ``faces (task emotion, test mean)``."""
    entities = result.contrast.entities
    label = contrast_label(entities) or result.contrast.name
    subject = entities.get("sub")
    parts = [f"sub-{subject}"] if subject else []
    parts += [f"{key} {value}" for key, value in entities if key not in _WITHOUT_NAME and value != label]
    parts += [f"test {result.test}"] if result.test else []
    return f"{label} ({', '.join(parts)})" if parts else label


def _of_statistic(result: ContrastResult, text: str, stat: str) -> str:
    """Return the description of a map that is not thresholded."""
    parts = [f"{worded(result, text)}, not thresholded", *_about(result)]
    if stat in ("t", "F") and np.isfinite(result.dof):
        rows = f"{result.glm.n_rows:g} and " if result.is_f_test else ""
        parts.append(f"Degrees of freedom: {rows}{result.dof:g}" + ", fewer where data are missing" * result.has("dof"))
    return ". ".join((*parts, f"Made by bids_ari {__version__}."))


def _of_tdp(result: ContrastResult, text: str) -> str:
    """Return the description of a TDP map."""
    confidence = f"{100 * (1 - result.options.alpha):.6g} %"
    first = (
        f"True discovery proportion (TDP): with {confidence} confidence, at least this proportion of the voxels is "
        f"active in {text}. These bounds hold together for all clusters and regions"
    )
    named = f"{direction(result)}; All-Resolutions Inference, method {result.method}"
    return ". ".join((first, *_about(result), named, f"Made by bids_ari {__version__}", f"{ACKNOWLEDGEMENT}."))


def _about(result: ContrastResult) -> list[str]:
    """Return sentences on the contrast, the model and the subjects, without full stops."""
    parts = [f"Contrast {_title(result)}"]
    if result.design is not None:
        formula = f", formula {result.design.formula}" if result.design.formula else ""
        parts.append(
            f"Group model: {ESTIMATORS[result.options.estimator]}{formula}, "
            f"{counted(len(result.contrast.members), 'subject')}"
        )
    return parts


def collection_of(result: ContrastResult) -> dict[str, str]:
    """Return answers to NeuroVault's questions about a collection, as far as they follow from the result."""
    options, space = result.options, result.contrast.entities.get("space")
    found = {
        "Target template image": space or "",
        "Resampled voxel size": result.space.resolution,
        "Coordinate space": "MNI"
        if _template(result) and space not in TEMPLATES.keys() - {"MNI152NLin2009cAsym"}
        else "",
    }
    if result.design is not None:
        is_fixed = options.estimator == "fixed"
        found |= {
            "Smoothing FWHM": f"{options.smoothing:g} mm, in addition to earlier smoothing"
            if options.smoothing
            else "",
            "Group model type": "general linear model",
            "Group estimation type": ESTIMATORS[options.estimator],
            "Group inference type": "fixed effects" if is_fixed else "random/mixed effects",
            "Group modeling software": f"bids_ari {__version__}",
            "Repeated measures": "yes" if result.contrast.within or result.contrast.paired else "no",
        }
    return {key: value for key, value in found.items() if value}
