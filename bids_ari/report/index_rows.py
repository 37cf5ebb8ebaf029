"""The rows of the index, from the summaries of records, which may be of older versions or damaged."""

import math
import re
from collections.abc import Mapping
from typing import Any

from bids_ari.bids.entities import CONTRAST_KEYS
from bids_ari.errors import plural_of
from bids_ari.outputs.records import entry, leads_out
from bids_ari.report.figures.scales import tdp_colour
from bids_ari.report.formatting import percent, proportion
from bids_ari.report.labels import method_title
from bids_ari.report.thumbnails import thumbnail_of

Facts = Mapping[str, Any]
Link = tuple[str, str]
"""A text, and the file it leads to, relative to the output."""

MOST_TABLES = 8
"""Tables of a result that have a link: three thresholds, three target TDPs and two atlases."""

_ENTITIES = re.compile(r"[a-zA-Z0-9]+-[^_]+(_[a-zA-Z0-9]+-[^_]+)*")
_SIDE = re.compile(r"_hemi-([LR])(?=_)")
_MAP = re.compile(r"_stat-(effect|z|tdp)(?:_desc-([^_]+))?_statmap(\..+)")
_OF_ATLAS = ("atlas-", "seg-", "scale-")
_TABLE = re.compile(r"(?:_atlas-([^_]+))?((?:_(?:seg|scale)-[^_]+)*)_desc-([^_]+)_(clusters|tdp)\.tsv")
_FORMED = re.compile(r"(Z|Tdp)([0-9p]+)")


def index_row(summary: Facts, record: Facts) -> dict[str, Any]:
    """Return the cells of a result; those that an older or damaged record lacks are None or empty."""
    alpha, report = _number(summary, "Alpha"), _page(summary, "Report")
    contrast = entry(summary, "Contrast", str) or entry(record, "Contrast", str)
    label, about = _parts(contrast)
    return {
        "contrast": contrast,
        "label": label,
        "about": about,
        "report": report,
        "explorer": _page(summary, "Explorer"),
        "thumbnail": thumbnail_of(summary),
        "test": entry(summary, "Test", str),
        "alternative": entry(summary, "Alternative", str),
        "method": method_title(entry(summary, "Method", str)),
        "alpha": alpha,
        "confidence": None if alpha is None else percent(1 - alpha),
        "subjects": _subjects(summary, report),
        "units": plural_of(entry(summary, "Unit", str) or "voxel"),
        "clusters": _counts(summary, "Clusters"),
        "largest": _counts(summary, "LargestClusters"),
        "family": entry(entry(summary, "Joint", dict), "Family", str),
        "notes": [str(note) for note in entry(summary, "Notes", list)],
        "date": entry(record, "Time", str)[:10],
        **_bound(summary),
        **_links(record, report),
    }


def _page(summary: Facts, name: str) -> str:
    """Return the path of a page; empty if it leads out of the output."""
    page = entry(summary, name, str)
    return "" if leads_out(page) else page


def _parts(contrast: str) -> tuple[str, list[str]]:
    """Return the label of a contrast, and its other entities.

    >>> _parts("task-stroop_contrast-incongruent_desc-smooth")
    ('incongruent', ['task stroop', 'desc smooth'])
    >>> _parts("statmaps")
    ('statmaps', [])
    """
    pairs = [part.partition("-")[::2] for part in contrast.split("_")] if _ENTITIES.fullmatch(contrast) else []
    named = [key for key in CONTRAST_KEYS if key in dict(pairs)]
    if not named:
        return contrast, []
    return dict(pairs)[named[0]], [f"{key} {value}" for key, value in pairs if key != named[0]]


def _bound(summary: Facts) -> dict[str, Any]:
    """Return number of points and TDN of a result, its TDP, and the width and colour of the bar of that."""
    n_points, tdn = _number(summary, "NumberOfVoxels"), _number(summary, "TrueDiscoveryNumber")
    found: dict[str, Any] = {"n_points": n_points, "tdn": tdn, "tdp": "", "width": "", "colour": ""}
    if n_points and tdn is not None and 0 <= tdn <= n_points:
        found["tdp"] = proportion(round(tdn), round(n_points))
        if tdn:
            found |= {"width": f"{100 * tdn / n_points:.3g}%", "colour": tdp_colour(tdn / n_points)}
    return found


def _links(record: Facts, report: str) -> dict[str, Any]:
    """Return links to the maps of a result (effect, z, TDP and its sidecar), and to its tables of clusters and regions.

    Their names begin as that of its report. Tables without a link are counted.
    """
    stem, _, desc = report.rpartition("/")[2].removesuffix("_report.html").rpartition("_desc-")
    maps: dict[str, list[Link]] = {"effect": [], "z": [], "TDP": [], "sidecar": []}
    tables: list[Link] = []
    for file in sorted(each for each in entry(record, "Files", list) if isinstance(each, str)):
        name = file.rpartition("/")[2]
        kind = _kind(_SIDE.sub("", name), stem)
        if not kind.startswith(("_stat-", "_desc-", "_atlas-")):
            continue
        if (found := _MAP.fullmatch(kind)) and (found[1] != "tdp" or found[2] == desc):
            title = {"tdp": "TDP"}.get(found[1], found[1])
            if found[3] != ".json":
                maps[title].append((" ".join([title, *_SIDE.findall(name)]), file))
            elif title == "TDP":
                maps["sidecar"].append(("sidecar", file))
        elif (found := _TABLE.fullmatch(kind)) and (title := _table_title(found, desc)):
            tables.append((title, file))
    inside = [link for link in sorted(tables) if not leads_out(link[1])]
    return {
        "maps": [link for links in maps.values() for link in links if not leads_out(link[1])],
        "tables": inside[:MOST_TABLES],
        "n_more_tables": len(inside[MOST_TABLES:]),
    }


def _kind(name: str, stem: str) -> str:
    """Return what follows the stem in the name of a file, entities of an atlas first, wherever they are.

    >>> _kind("task-x_atlas-A_contrast-c_test-t_desc-d_tdp.tsv", "task-x_contrast-c_test-t")
    '_atlas-A_desc-d_tdp.tsv'
    """
    own, parts = stem.split("_"), name.split("_")
    moved = [part for part in parts if part.startswith(_OF_ATLAS) and part not in own]
    rest = "_".join(part for part in parts if part not in moved)
    return "".join(f"_{part}" for part in moved) + rest.removeprefix(stem)


def _table_title(found: re.Match[str], desc: str) -> str:
    """Return the title of a table; empty if it is not of the result with a ``desc``."""
    atlas, variant, own, kind = found.groups()
    if atlas and kind == "tdp" and own == desc:
        return f"regions, {atlas}{variant.replace('_', ' ')}"
    if not own.startswith(desc) or not (formed := _FORMED.fullmatch(own[len(desc) :])):
        return ""
    number = formed[2].replace("p", ".")
    return f"clusters, z {number}" if formed[1] == "Z" else f"largest clusters, TDP {number} %"


def _subjects(summary: Facts, report: str) -> str | None:
    """Return the number of subjects, or the source of a single map."""
    n_subjects, folder = _number(summary, "NumberOfSubjects"), report.partition("/")[0]
    if folder.startswith("sub-"):
        return folder
    if not summary.get("Test") and n_subjects == 1:
        return "single map"
    return None if n_subjects is None else f"{n_subjects:,.0f}"


def _number(facts: Facts, name: str) -> float | None:
    """Return a finite number, or None."""
    value = facts.get(name)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _counts(facts: Facts, name: str) -> dict[str, float]:
    """Return counts of clusters by threshold or target TDP."""
    noted: dict[str, Any] = entry(facts, name, dict)
    return {key: count for key in noted if (count := _number(noted, key)) is not None}
