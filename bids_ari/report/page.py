"""The report of one result: what is shown, in which order."""

import math
import platform
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from bids_ari import outputs
from bids_ari.bids.derivatives import Derivatives
from bids_ari.report import figures, methods
from bids_ari.report.render import above, data_uri, mask_name, percent, proportion, render
from bids_ari.results import ContrastResult, threshold_label
from bids_ari.stats.tails import Alternative

Facts = dict[str, Any]

FIRST_ROWS = 20
"""So many clusters of a threshold are shown at once; the others unfold."""

MOST_ROWS = 500
"""So many clusters of a threshold are shown at all; the others are in the table on disk."""

DIRECTIONS: Mapping[Alternative, str] = {
    "greater": "above zero",
    "less": "below zero",
    "two-sided": "different from zero, in either direction",
}
"""What it means to be active."""

_CONTRAST_KEYS = ("contrast", "taskcontrast")


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """A picture of a report, which is also a file.

    Attributes
    ----------
    name : str
        The file, relative to the root of the output.
    alt : str
        What is seen, for those who do not see it.
    underlay : str
        What lies under the statistics.
    png : bytes
        The picture.
    """

    name: str
    alt: str
    underlay: str
    png: bytes

    @property
    def uri(self) -> str:
        """The picture as part of a page."""
        return data_uri(self.png)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: ``assets/sections/<name>.html`` tells the facts.

    Attributes
    ----------
    name, title : str
        The template and anchor, and the heading.
    facts : callable
        What the template tells, from the result and its pictures by what they show.
    """

    name: str
    title: str
    facts: Callable[[ContrastResult, Mapping[str, Picture]], Facts]


def write(results: Sequence[ContrastResult], out: Derivatives) -> list[str]:
    """Write the report of each result of one contrast, and its pictures as files.

    Parameters
    ----------
    results : sequence of ContrastResult
        The results of one contrast.
    out : Derivatives
        Where to.

    Returns
    -------
    list of str
        The names of the files that were written.
    """
    written = []
    for result in results:
        pictures = dict(draw(result))
        written += [out.binary(picture.name, picture.png) for picture in pictures.values()]
        written.append(out.text(outputs.report_name(result), page(result, pictures)))
    return written


def page(result: ContrastResult, pictures: Mapping[str, Picture]) -> str:
    """Give the report of a result.

    Parameters
    ----------
    result : ContrastResult
        What was found.
    pictures : mapping of str to Picture
        From `draw`.

    Returns
    -------
    str
        An HTML page that needs no other file.
    """
    facts: Facts = {}
    for section in SECTIONS:
        facts |= section.facts(result, pictures)
    home = "../" * outputs.report_name(result).count("/") + "index.html"
    return render("report.html", sections=SECTIONS, home=home, **facts)


def draw(result: ContrastResult) -> Iterator[tuple[str, Picture]]:
    """Draw the pictures of a result: yield what each shows (``z``, ``tdp``, ``tdp above 3``, ...) and the picture."""
    scene = figures.make_scene(result.mask, result.contrast.entities.get("space"), _heights_to_see(result))
    png = figures.draw_z(result.glm.z, result.alternative, scene)
    seen, under = "Axial slices of the z map, where p < .001 uncorrected.", scene.underlay.words
    yield "z", Picture(_figure_name(result.desc, "z", result), seen, under, png)

    conditions = [above(threshold, result.alternative) for threshold in result.clusters]
    title = f"TDP of clusters with {', '.join(conditions)}" + ("" if len(conditions) == 1 else ": the highest")
    in_any = np.logical_or.reduce([result.labels(threshold) > 0 for threshold in result.clusters])
    png = figures.draw_tdp(result.tdp(), in_any, scene, title)
    yield "tdp", Picture(_figure_name(result.desc, "tdp", result), f"Axial slices: {title}.", under, png)
    if len(conditions) == 1:
        return
    for threshold, condition in zip(result.clusters, conditions, strict=True):
        title = f"TDP of clusters with {condition}"
        png = figures.draw_tdp(result.tdp(threshold), result.labels(threshold) > 0, scene, title)
        name = _figure_name(result.desc + threshold_label(threshold), "tdp", result)
        yield f"tdp above {threshold:g}", Picture(name, f"Axial slices: {title}.", under, png)


def _heights_to_see(result: ContrastResult) -> np.ndarray:
    """Give the z in mm of the peaks of the largest clusters, or of the most extreme voxel if there is none."""
    clusters = next(iter(result.clusters.values()))
    peaks = [cluster.peak for cluster in clusters] or [int(result.extremeness.argmax())]
    return result.mask.grid.millimetres(result.mask.indices[peaks])[:, 2]


def _figure_name(desc: str, what: str, result: ContrastResult) -> str:
    return f"figures/{outputs.stem(result, desc=desc)}_{what}.png"


def _headline(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell what was found, and what the reader should know."""
    entities = result.contrast.entities
    label = next(filter(None, map(entities.get, _CONTRAST_KEYS)), result.contrast.name)
    return {
        "label": label,
        "name": result.contrast.name,
        "about": [f"{key} {value}" for key, value in entities if key not in _CONTRAST_KEYS],
        "test": result.test,
        "alternative": result.alternative,
        "which": ", ".join(filter(None, (result.test, result.alternative))),
        "direction": DIRECTIONS[result.alternative],
        "confidence": percent(1 - result.options.alpha),
        "tdn": result.bound.whole,
        "n_voxels": result.mask.n_voxels,
        "whole_tdp": proportion(result.bound.whole, result.mask.n_voxels),
        "n_subjects": len(result.contrast.members),
        "found": [
            (above(threshold, result.alternative), len(clusters), sum(cluster.tdn > 0 for cluster in clusters))
            for threshold, clusters in result.clusters.items()
        ],
        "notes": result.notes,
    }


def _inputs(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell who was used, and what was left out and why."""
    left_out = defaultdict(list)
    for entry in result.left_out:
        left_out[entry.reason].append(entry.what)
    return {
        "stat": result.contrast.stat,
        "members": [(f"sub-{member.subject}", member.uri) for member in result.contrast.members],
        "left_out": sorted(left_out.items(), key=lambda item: (-len(item[1]), item[0])),
    }


def _design(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell the model."""
    return {
        "model": methods.model_sentence(result),
        "dof": f"{result.dof:g}" if math.isfinite(result.dof) else None,
        "smoothing": result.options.smoothing,
    }


def _mask(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell which voxels were tested."""
    options, grid = result.options, result.mask.grid
    return {
        "mask_name": mask_name(options),
        "coverage": percent(options.coverage),
        "covered_by_any": int((result.coverage > 0).sum()),
        "covered_by_all": int((result.coverage == 1).sum()),
        "n_constant": result.n_constant,
        "volume": result.mask.n_voxels * grid.voxel_volume / 1000,
        "voxel_size": " × ".join(f"{zoom:.3g}" for zoom in grid.zooms),
    }


def _maps(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Show the z map."""
    return {
        "z_picture": pictures["z"],
        "z_condition": above(round(figures.Z_UNCORRECTED, 2), result.alternative),
    }


def _clusters(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell the clusters of each threshold, one block each."""
    blocks = []
    for threshold, clusters in result.clusters.items():
        rows = _rows(result.table(threshold).head(MOST_ROWS))
        name = outputs.stem(result, desc=result.desc + threshold_label(threshold)).filename("clusters", ".tsv")
        folder = PurePosixPath(outputs.report_name(result)).parent
        blocks.append(
            {
                "id": threshold_label(threshold),
                "condition": above(threshold, result.alternative),
                "n_clusters": len(clusters),
                "parts": [part for part in (rows[:FIRST_ROWS], rows[FIRST_ROWS:]) if part],
                "n_active_below": sum(cluster.tdn > 0 for cluster in clusters[FIRST_ROWS:MOST_ROWS]),
                "n_more": len(clusters) - len(rows),
                "n_active_more": sum(cluster.tdn > 0 for cluster in clusters[MOST_ROWS:]),
                "table": f"{folder}/{name}",
            }
        )
    return {"blocks": blocks}


def _rows(table: pd.DataFrame) -> list[Facts]:
    """Write the rows of a table of clusters for people."""
    return [
        {
            "label": int(row["label"]),
            "size": int(row["size"]),
            "volume": row["volume_mm3"],
            "tdn": int(row["tdn"]),
            "tdp": proportion(int(row["tdn"]), int(row["size"])),
            "width": f"{100 * row['tdp']:.1f}%",
            "peaks": list(_peaks(row)),
        }
        for row in table.to_dict("records")
    ]


def _peaks(row: Mapping[Any, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield z, and x, y, z in mm, of the peak of a cluster and of its sub-peaks."""
    for name in (column.removesuffix("_stat") for column in row if column.endswith("_stat")):
        if pd.notna(row[f"{name}_stat"]):
            x, y, z = (f"{row[f'{name}_{axis}'] + 0.0:.0f}" for axis in "xyz")
            yield f"{row[f'{name}_stat']:.2f}", x, y, z


def _tdp(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Show the TDP."""
    return {"tdp_pictures": [picture for what, picture in pictures.items() if what.startswith("tdp")]}


def _methods(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Give the text for a paper."""
    return {"methods": methods.describe(result)}


def _provenance(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell with what, and when."""
    options = result.options
    return {
        "versions": {"python": platform.python_version()} | methods.versions(),
        "settings": {
            "alpha": f"{options.alpha:g}",
            "local test": options.method,
            "cluster-forming thresholds (z)": ", ".join(f"{threshold:g}" for threshold in options.thresholds),
            "connectivity": str(options.connectivity),
            "join signs": "yes" if options.join_signs else "no",
            "smoothing": f"{options.smoothing:g} mm" if options.smoothing else "none",
            "mask": mask_name(options) or "none given",
            "coverage": percent(options.coverage),
            "h (Hommel value)": f"{result.bound.h:,}",
        },
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


SECTIONS = (
    Section("headline", "Result", _headline),
    Section("inputs", "Inputs", _inputs),
    Section("design", "Design", _design),
    Section("mask", "Mask", _mask),
    Section("maps", "Statistical map", _maps),
    Section("clusters", "Clusters", _clusters),
    Section("tdp", "True discovery proportion", _tdp),
    Section("methods", "Methods", _methods),
    Section("provenance", "Provenance", _provenance),
)
"""The report, from top to bottom."""
