"""Names of the files of a result, and the ``desc`` labels in them."""

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.entities import Entities, decimal_label
from bids_ari.images.atlas_names import entities_in_names
from bids_ari.images.regions import RegionSet

ARCHIVE = ("forest", ".npz")
"""Suffix and extension of the file that holds a whole result."""

ARCHIVE_ENDING = "_" + "".join(ARCHIVE)
"""Last part of the name of that file."""


def threshold_label(threshold: float) -> str:
    """Return the label of a cluster-forming threshold, such as Z3p1."""
    return f"Z{decimal_label(threshold)}"


def tdp_label(tdp: float) -> str:
    """Return the label of a target TDP, in percent, such as Tdp70."""
    return f"Tdp{decimal_label(100 * tdp)}"


def stem(result: ContrastResult, **labels: str) -> Entities:
    """Return the entities in the name of a file of a result: those of the contrast, the test, and further labels."""
    return contrast_stem(result, **({"test": result.test} if result.test else {}), **labels)


def region_stem(result: ContrastResult, regions: RegionSet) -> Entities:
    """Return the entities in the name of a file about a set of regions."""
    return stem(result, desc=result.desc, **entities_in_names(regions.name, regions.variant))


def effects_stem(result: ContrastResult, regions: RegionSet) -> Entities:
    """Return the entities in the name of the table of effects of subjects in a set of regions."""
    return stem(result, **entities_in_names(regions.name, regions.variant))


def statistic_stem(result: ContrastResult, **labels: str) -> Entities:
    """Return the entities of a map of t or z; with a minimum effect each alternative and method has its own."""
    return stem(result, **({"desc": result.desc} if result.options.min_effect else {}), **labels)


def contrast_stem(result: ContrastResult, **labels: str) -> Entities:
    """Return the entities in the name of a file that all tests of a contrast share.

    A ``desc`` is appended to that of the subject maps, so that contrasts that differ only in it have different names.
    """
    desc, own = labels.get("desc"), result.contrast.entities.get("desc")
    if own and desc:
        labels["desc"] = own + desc[0].upper() + desc[1:]
    return result.contrast.entities.with_(**labels)


def path_of(result: ContrastResult, entities: Entities, suffix: str, extension: str) -> str:
    """Return the path of a file of a result, relative to the output."""
    return f"{result.folder}/{entities.filename(suffix, extension)}"


def record_name(result: ContrastResult) -> str:
    """Return the name of a result, unique in an output: that of its record."""
    return str(stem(result, desc=result.desc))


def report_name(result: ContrastResult) -> str:
    """Return the path of the report of a result, relative to the output."""
    return path_of(result, stem(result, desc=result.desc), "report", ".html")


def explorer_name(result: ContrastResult) -> str:
    """Return the path of the explorer of a result, relative to the output."""
    return path_of(result, stem(result, desc=result.desc), "explorer", ".html")


def archive_name(result: ContrastResult) -> str:
    """Return the path of the file that holds a whole result, relative to the output."""
    return path_of(result, stem(result, desc=result.desc), *ARCHIVE)
