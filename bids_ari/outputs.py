"""What is written of a result: one table from the fields of a result to files and their sidecars."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from bids_ari._version import __version__
from bids_ari.bids.derivatives import Derivatives
from bids_ari.bids.entities import Entities
from bids_ari.results import SUBPEAK_DISTANCE, SUBPEAKS, ContrastResult, threshold_label

Sidecar = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Map:
    """One image that is written of each result.

    Attributes
    ----------
    labels : dict
        The entities that name it, beyond those of the contrast; ``{desc}`` stands for the direction.
    suffix : str
        The BIDS suffix.
    image : callable
        The image, from the result.
    description : str
        What the image holds.
    per_test : bool
        Whether the entity ``test`` belongs in the name.
    """

    labels: dict[str, str]
    suffix: str
    image: Callable[[ContrastResult], nib.Nifti1Image]
    description: str
    per_test: bool = True


MAPS = (
    Map(
        {"stat": "effect"},
        "statmap",
        lambda r: r.image("effect"),
        "Effect, in the units of the subjects' maps",
    ),
    Map({"stat": "variance"}, "statmap", lambda r: r.image("variance"), "Sampling variance of the effect"),
    Map({"stat": "t"}, "statmap", lambda r: r.image("t"), "t statistic"),
    Map(
        {"stat": "z"},
        "statmap",
        lambda r: r.image("z"),
        "z statistic with the one-sided tail probability of t",
    ),
    Map({"stat": "p", "desc": "{desc}"}, "statmap", lambda r: r.image("p"), "p-value, not corrected"),
    Map(
        {"stat": "tdp", "desc": "{desc}"},
        "statmap",
        lambda r: r.image("tdp"),
        "Highest true discovery proportion over the thresholds of the clusters that hold a voxel",
    ),
    Map(
        {"desc": "analysis"},
        "mask",
        lambda r: r.mask.grid.image(r.mask.inside.astype(np.uint8)),
        "The voxels that were tested",
        per_test=False,
    ),
)
"""The images of a result that no threshold belongs to."""

CLUSTER_COLUMNS = {
    "label": ("", "Value of the cluster in the label image; 1 is the largest"),
    "size": ("", "Number of voxels"),
    "volume_mm3": ("mm3", "Volume"),
    "tdn": ("", "True discovery number: at least so many voxels of the cluster are truly active"),
    "tdp": ("", "True discovery proportion: tdn / size"),
    "mean_effect": ("", "Mean of the effect over the cluster, in the units of the subjects' maps"),
    "peak": ("", "the most extreme voxel"),
    **{
        f"subpeak{i}": ("", f"further local maximum {i}, at least {SUBPEAK_DISTANCE:g} mm from stronger ones")
        for i in range(1, SUBPEAKS + 1)
    },
}
"""Unit and meaning of each column of a table of clusters; a peak stands for its four columns."""


def stem(result: ContrastResult, **labels: str) -> Entities:
    """Give the entities that name a file of a result."""
    return _named(result, test=result.test, **labels)


def write(results: Sequence[ContrastResult], out: Derivatives) -> list[str]:
    """Write the maps and tables of the results of one contrast; give the names of the files."""
    written: list[str] = []
    for result in results:
        written += _write_maps(result, out)
        written += _write_clusters(result, out)
    return written + _write_design(results[0], out)


def summary(result: ContrastResult) -> Sidecar:
    """Give what the index shows of a result."""
    return {
        "Contrast": result.contrast.name,
        "Test": result.test,
        "Alternative": result.alternative,
        "Method": result.options.method,
        "Alpha": result.options.alpha,
        "NumberOfSubjects": len(result.contrast.members),
        "NumberOfVoxels": result.mask.n_voxels,
        "TrueDiscoveryNumber": result.bound.whole,
        "Clusters": {f"{threshold:g}": len(found) for threshold, found in result.clusters.items()},
        "Notes": list(result.notes),
        "Report": report_name(result),
    }


def report_name(result: ContrastResult) -> str:
    """Give the name of the report of a result."""
    return _in_group(stem(result, desc=result.desc), "report", ".html")


def _named(result: ContrastResult, **labels: str) -> Entities:
    """Name a file of a contrast; a ``desc`` comes after that of the subjects' maps, so that contrasts stay apart."""
    own = result.contrast.entities.get("desc")
    if own and (desc := labels.get("desc")):
        labels["desc"] = own + desc[0].upper() + desc[1:]
    return result.contrast.entities.with_(**labels)


def _write_maps(result: ContrastResult, out: Derivatives) -> Iterator[str]:
    """Write the images of `MAPS` and the TDP of each threshold."""
    for each in MAPS:
        labels = {key: label.format(desc=result.desc) for key, label in each.labels.items()}
        entities = stem(result, **labels) if each.per_test else _named(result, **labels)
        sidecar = _about(result, each.description, with_inference=labels.get("stat") == "tdp")
        if labels.get("stat") == "p":
            sidecar["Alternative"] = result.alternative
        yield from _write_image(out, entities, each.suffix, each.image(result), sidecar)
    _explain(result, out, result.desc, _direction(result))
    _explain(result, out, "analysis", "The voxels that were tested")


def _write_clusters(result: ContrastResult, out: Derivatives) -> Iterator[str]:
    """Write label image, label table, cluster table and TDP map of each threshold."""
    for threshold, clusters in result.clusters.items():
        desc = result.desc + threshold_label(threshold)
        _explain(result, out, desc, f"{_direction(result)}; clusters above z = {threshold:g}")
        named, table = stem(result, desc=desc), result.table(threshold)
        about = _about(result, "", with_inference=True) | {"ClusterThreshold": threshold}
        tdp = about | {"Description": "True discovery proportion of the cluster that holds each voxel"}
        labels = about | {"Description": "Clusters, labelled as in the table of clusters"}
        yield from _write_image(out, named.with_(stat="tdp"), "statmap", result.image("tdp", threshold), tdp)
        yield from _write_image(out, named, "dseg", result.image("clusters", threshold), labels)
        names = [f"cluster {cluster.label}" for cluster in clusters]
        yield out.table(
            _in_group(named, "dseg", ".tsv"),
            pd.DataFrame({"index": [c.label for c in clusters], "name": names}),
        )
        yield out.table(_in_group(named, "clusters", ".tsv"), table)
        columns = about | {"Description": "Clusters and their peaks"} | _columns(table)
        yield out.json(_in_group(named, "clusters", ".json"), columns)


def _explain(result: ContrastResult, out: Derivatives, desc: str, meaning: str) -> None:
    """Say what a ``desc`` label means, under the name that it has in files."""
    out.explain(str(_named(result, desc=desc).get("desc")), meaning)


def _write_image(
    out: Derivatives, entities: Entities, suffix: str, image: nib.Nifti1Image, sidecar: Sidecar
) -> Iterator[str]:
    yield out.image(_in_group(entities, suffix, ".nii.gz"), image)
    yield out.json(_in_group(entities, suffix, ".json"), sidecar)


def _write_design(result: ContrastResult, out: Derivatives) -> list[str]:
    """Write who stands in which row of the design, from which file, and who was left out."""
    design, contrast = result.design, result.contrast
    frame = pd.DataFrame(design.matrix, columns=list(design.columns))
    frame.insert(0, "source", [member.uri for member in contrast.members])
    frame.insert(0, "participant_id", [f"sub-{subject}" for subject in contrast.subjects])
    sidecar: Sidecar = {
        "Description": "Design matrix of the group model, fitted by ordinary least squares",
        "participant_id": {"Description": "Subject"},
        "source": {"Description": "The subject's map, as a BIDS URI"},
        **{column: {"Description": "Column of the design matrix"} for column in design.columns},
        "Tests": {name: dict(zip(design.columns, map(float, w), strict=True)) for name, w in design.tests.items()},
        "LeftOut": [{"What": entry.what, "Reason": entry.reason} for entry in contrast.left_out],
        "Notes": list(result.notes),
    }
    name = contrast.entities
    return [
        out.table(_in_group(name, "design", ".tsv"), frame),
        out.json(_in_group(name, "design", ".json"), sidecar),
    ]


def _about(result: ContrastResult, description: str, with_inference: bool) -> Sidecar:
    """Tell everything that is needed to make a file again."""
    options, group = result.options, "bids::group/"
    sources = [f"{group}{result.contrast.entities.filename('design', '.tsv')}"]
    about: Sidecar = {
        "Description": description,
        "Sources": sources,
        "Estimator": "ordinary least squares",
        "InputStatistic": result.contrast.stat,
        "NumberOfSubjects": len(result.contrast.members),
        "DegreesOfFreedom": result.dof,
        "NumberOfVoxels": result.mask.n_voxels,
        "NumberOfConstantVoxels": result.n_constant,
        "SmoothingFWHM": options.smoothing or 0,
        "SmoothingFWHMUnits": "mm",
        "Mask": options.mask.name if options.mask else None,
        "Coverage": options.coverage,
        "Test": result.test,
        "SoftwareVersion": f"bids_ari {__version__}",
    }
    if not with_inference:
        return about
    about["Sources"] = [f"{group}{stem(result, stat='z').filename('statmap', '.nii.gz')}"]
    return about | {
        "Alternative": result.alternative,
        "Alpha": options.alpha,
        "Method": options.method,
        "HommelValue": result.bound.h,
        "TrueDiscoveryNumber": result.bound.whole,
        "Connectivity": options.connectivity,
        "JoinSigns": options.join_signs,
        "ClusterThresholds": list(options.thresholds),
        "ClusterThresholdUnits": "z",
    }


def _columns(table: pd.DataFrame) -> Sidecar:
    """Describe the columns of a table of clusters."""
    described: Sidecar = {}
    for column in table.columns:
        name, _, part = column.rpartition("_")
        if name not in CLUSTER_COLUMNS:
            unit, meaning = CLUSTER_COLUMNS[column]
        else:
            where = CLUSTER_COLUMNS[name][1]
            unit, meaning = ("", f"z statistic of {where}") if part == "stat" else ("mm", f"{part} of {where}")
        described[column] = {"Description": meaning} | ({"Units": unit} if unit else {})
    return described


def _direction(result: ContrastResult) -> str:
    meaning = {
        "greater": "Effects above zero",
        "less": "Effects below zero",
        "two-sided": "Effects of either sign",
    }[result.alternative]
    return meaning + ("" if result.options.method == "simes" else ", Hommel local tests (any dependence)")


def _in_group(entities: Entities, suffix: str, extension: str) -> str:
    return f"group/{entities.filename(suffix, extension)}"
