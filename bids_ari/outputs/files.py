"""What is written of a result: one table from the fields of a result to files and their sidecars."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from bids_ari._version import __version__
from bids_ari.analysis.calibrated import FLIPS
from bids_ari.analysis.result import ContrastResult, Field, gamma_label, threshold_label
from bids_ari.analysis.tables import SUBPEAK_DISTANCE, SUBPEAKS, calibration_tables
from bids_ari.bids.entities import Entities, printable
from bids_ari.config.options import Method
from bids_ari.outputs import archive
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.stats.diagnostics import design_diagnostics
from bids_ari.stats.distributions import FloatArray

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
        The image, from the result; None where the result does not have it.
    description : str
        What the image holds.
    per_test : bool
        Whether the entity ``test`` belongs in the name.
    inferred : bool
        Whether it rests on the bounds, whose settings its sidecar then tells.
    """

    labels: dict[str, str]
    suffix: str
    image: Callable[[ContrastResult], nib.Nifti1Image | None]
    description: str
    per_test: bool = True
    inferred: bool = False


def _field(name: Field) -> Callable[[ContrastResult], nib.Nifti1Image | None]:
    """Take a field of a result that not every result has."""
    return lambda result: result.image(name) if result.has(name) else None


MAPS = (
    Map({"stat": "effect"}, "statmap", _field("effect"), "Effect, in the units of the subjects' maps"),
    Map({"stat": "variance"}, "statmap", _field("variance"), "Sampling variance of the effect"),
    Map({"stat": "t"}, "statmap", _field("t"), "t statistic"),
    Map({"stat": "F"}, "statmap", _field("f"), "F statistic"),
    Map({"stat": "dof"}, "statmap", _field("dof"), "Residual degrees of freedom: subjects lack data in places"),
    Map(
        {"stat": "z"},
        "statmap",
        lambda r: r.image("z"),
        "z statistic with the one-sided tail probability of the statistic that was tested",
    ),
    Map({"stat": "tau2"}, "statmap", _field("tau2"), "Variance of the effect between subjects", per_test=False),
    Map({"stat": "p", "desc": "{desc}"}, "statmap", lambda r: r.image("p"), "p-value, not corrected"),
    Map(
        {"stat": "tdp", "desc": "{desc}"},
        "statmap",
        lambda r: r.image("tdp"),
        "Highest true discovery proportion over the thresholds of the clusters that hold a voxel",
        inferred=True,
    ),
    Map(
        {"stat": "pHommel", "desc": "{desc}"},
        "statmap",
        _field("adjusted_p"),
        "p-value of each voxel, adjusted for all others by closed testing",
        inferred=True,
    ),
    Map(
        {"stat": "tdp", "desc": "{desc}All"},
        "statmap",
        lambda r: r.image("highest_tdp"),
        "Highest true discovery proportion of all supra-threshold clusters that hold a voxel, at any threshold",
        inferred=True,
    ),
    Map(
        {"desc": "analysis"},
        "mask",
        lambda r: r.space.image(np.ones(r.space.n_points, np.uint8)),
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
    "peak_region": ("", "Region of the atlas that holds the peak"),
    "regions": ("", "Regions of the atlas with most voxels of the cluster, and their share of it"),
    "peak": ("", "the most extreme voxel"),
    **{
        f"subpeak{i}": ("", f"further local maximum {i}, at least {SUBPEAK_DISTANCE:g} mm from stronger ones")
        for i in range(1, SUBPEAKS + 1)
    },
}
"""Unit and meaning of each column of a table of clusters; a peak stands for its four columns."""

REGION_COLUMNS = {
    "index": "Number of the region in the atlas, or place among the masks given",
    "name": "Name of the region",
    "size": "Number of tested voxels in the region",
    "volume_mm3": "Their volume in mm3",
    "tdn": "True discovery number: at least so many of them are truly active",
    "tdp": "True discovery proportion: tdn / size; 0 where no voxel of the region was tested",
    "max_z": "Largest z",
    "min_z": "Smallest z",
}
"""Meaning of each column of a table of regions."""


ESTIMATORS = {
    "ols": "ordinary least squares",
    "fixed": "fixed effects: weighted by the inverse of first-level variances, taken as known",
    "mixed": "mixed effects: DerSimonian-Laird variance between subjects, Knapp-Hartung scale",
}
"""What the names of estimators stand for."""

_MEMBER_COLUMNS = {
    "participant_id": "Subject",
    "source": "The subject's map, or the maps that were combined, as BIDS URIs",
    "source_sha256": "SHA-256 of each of these files",
    "variance": "The variance map of each, by which they were weighted, as BIDS URIs",
    "variance_sha256": "SHA-256 of each of these files",
    "minus": "The map, or the maps, that were taken away from it, as BIDS URIs",
    "minus_sha256": "SHA-256 of each of these files",
    "minus_variance": "The variance map of each of these, as BIDS URIs",
    "minus_variance_sha256": "SHA-256 of each of these files",
    "resampled": "Whether the map was on another grid, and resampled",
}
"""Meaning of the columns that tell whose map stands in which row of the design."""


def stem(result: ContrastResult, **labels: str) -> Entities:
    """Give the entities that name a file of a result."""
    return _named(result, **({"test": result.test} if result.test else {}), **labels)


def write(result: ContrastResult, out: Derivatives) -> list[str]:
    """Write the maps and tables of a result; give the names of the files."""
    writers = (_write_maps, _write_clusters, _write_regions, _write_design, _write_calibration, _write_archive)
    return [name for each in writers for name in each(result, out)]


def record_name(result: ContrastResult) -> str:
    """Give the name under which it is noted what was written of a result."""
    return str(stem(result, desc=result.desc))


def summary(result: ContrastResult) -> Sidecar:
    """Give what the index shows of a result."""
    return {
        "Contrast": result.contrast.name,
        "Test": result.test,
        "Alternative": result.asked,
        "Method": result.method,
        "Alpha": result.options.alpha,
        "NumberOfSubjects": len(result.contrast.members),
        "NumberOfVoxels": result.space.n_points,
        "TrueDiscoveryNumber": result.bound.whole,
        "Clusters": {f"{threshold:g}": len(found) for threshold, found in result.clusters.items()},
        "LargestClusters": {f"{gamma:g}": len(found) for gamma, found in result.largest.items()},
        "Notes": list(result.notes),
        "Report": report_name(result),
        "Explorer": explorer_name(result),
        "Model": _fingerprint(result),
    }


def belongs_with(result: ContrastResult, other: ContrastResult) -> bool:
    """Say whether two results are of one test, asked alike, by one method, and differ in direction alone."""
    return _same_test(result, other) and result.method == other.method and result.alternative != other.alternative


def compares_with(result: ContrastResult, other: ContrastResult) -> bool:
    """Say whether two results are of one test, asked alike, in one direction, and differ in method alone."""
    return _same_test(result, other) and result.method != other.method and result.alternative == other.alternative


def _same_test(result: ContrastResult, other: ContrastResult) -> bool:
    """Say whether two results are of one test of the same maps, asked alike."""
    mine, its = ((each.test, each.options, _fingerprint(each)) for each in (result, other))
    return mine == its


def _fingerprint(result: ContrastResult) -> str:
    """Tell apart what all results of a contrast share: whose maps, which voxels, and the group model."""
    options, design, uris = result.options, result.design, [file.uri for file in result.contrast.files]
    asked = (options.smoothing, options.estimator, options.variance, options.target_grid, options.coverage)
    told = [uris, [result.hashes.get(uri) for uri in uris], [str(each) for each in asked]]
    arrays: list[np.ndarray] = [result.coverage, result.space.grid.affine]
    if design is None:
        arrays.append(result.space.inside)
    else:
        told.append([*design.columns, *design.tests])
        arrays += [design.matrix, *design.tests.values()]
    content = json.dumps(told).encode() + b"".join(array.tobytes() for array in arrays)
    return hashlib.sha256(content).hexdigest()


def report_name(result: ContrastResult) -> str:
    """Give the name of the report of a result."""
    return _path(result, stem(result, desc=result.desc), "report", ".html")


def explorer_name(result: ContrastResult) -> str:
    """Give the name of the explorer of a result."""
    return _path(result, stem(result, desc=result.desc), "explorer", ".html")


def archive_name(result: ContrastResult) -> str:
    """Give the name of the file that holds everything of a result."""
    return _path(result, stem(result, desc=result.desc), *archive.NAME)


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
        sidecar = _about(result, each.description, with_inference=each.inferred)
        if labels.get("stat") == "p":
            sidecar["Alternative"] = result.asked
        if (image := each.image(result)) is not None:
            yield from _write_image(result, out, entities, each.suffix, image, sidecar)
    _explain(result, out, result.desc, _direction(result))
    _explain(result, out, f"{result.desc}All", f"{_direction(result)}; all supra-threshold clusters")
    _explain(result, out, "analysis", "The voxels that were tested")


def _write_clusters(result: ContrastResult, out: Derivatives) -> Iterator[str]:
    """Write label image, label table, cluster table and TDP map of each threshold and of each wanted TDP."""
    for gamma in result.largest:
        meaning = f"largest clusters with a TDP of at least {gamma:g}"
        yield from _write_formed(result, out, gamma_label(gamma), meaning, {"WantedTDP": gamma}, tdp=gamma)
    for threshold in result.clusters:
        meaning = f"clusters above z = {threshold:g}"
        extra = {"ClusterThreshold": threshold}
        yield from _write_formed(result, out, threshold_label(threshold), meaning, extra, threshold=threshold)


def _write_formed(
    result: ContrastResult, out: Derivatives, label: str, meaning: str, extra: Sidecar, **formed: float
) -> Iterator[str]:
    """Write the clusters that were formed in one way."""
    desc = result.desc + label
    _explain(result, out, desc, f"{_direction(result)}; {meaning}")
    named, table = stem(result, desc=desc), result.table(**formed)
    about = _about(result, "", with_inference=True) | extra
    tdp = about | {"Description": f"True discovery proportion of the cluster that holds each voxel; {meaning}"}
    yield from _write_image(result, out, named.with_(stat="tdp"), "statmap", result.image("tdp", **formed), tdp)
    labels = about | {"Description": f"Labels as in the table of clusters; {meaning}"}
    yield from _write_image(result, out, named, "dseg", result.image("clusters", **formed), labels)
    names = pd.DataFrame({"index": table["label"], "name": [f"cluster {label}" for label in table["label"]]})
    yield out.table(_path(result, named, "dseg", ".tsv"), names)
    yield out.table(_path(result, named, "clusters", ".tsv"), table)
    columns = about | {"Description": f"Clusters and their peaks; {meaning}"} | _columns(table)
    yield out.json(_path(result, named, "clusters", ".json"), columns)


def _write_regions(result: ContrastResult, out: Derivatives) -> Iterator[str]:
    """Write a table and a map of the TDP of each set of regions."""
    for regions in result.regions:
        named = stem(result, desc=result.desc, atlas=regions.name)
        about = _about(result, "", with_inference=True) | {
            "Atlas": regions.title,
            "AtlasHashes": _region_hashes(result),
        }
        yield out.table(_path(result, named, "tdp", ".tsv"), result.region_table(regions))
        columns = {column: {"Description": meaning} for column, meaning in REGION_COLUMNS.items()}
        yield out.json(
            _path(result, named, "tdp", ".json"),
            about | {"Description": "True discovery proportion of each region"} | columns,
        )
        tdp = about | {"Description": "True discovery proportion of the region that holds each voxel"}
        yield from _write_image(result, out, named.with_(stat="tdp"), "statmap", result.region_image(regions), tdp)


def _explain(result: ContrastResult, out: Derivatives, desc: str, meaning: str) -> None:
    """Say what a ``desc`` label means, under the name that it has in files."""
    out.explain(str(_named(result, desc=desc).get("desc")), meaning)


def _write_image(
    result: ContrastResult, out: Derivatives, entities: Entities, suffix: str, image: nib.Nifti1Image, sidecar: Sidecar
) -> Iterator[str]:
    yield out.image(_path(result, entities, suffix, ".nii.gz"), image)
    yield out.json(_path(result, entities, suffix, ".json"), sidecar)


def _write_design(result: ContrastResult, out: Derivatives) -> Iterator[str]:
    """Write who stands in which row of the design, from which file, how unlike the others, and who was left out."""
    design, contrast = result.design, result.contrast
    if design is None:
        return
    members, quality = _members(result), _quality(result)
    matrix = pd.DataFrame(design.matrix, columns=list(design.columns))
    look = design_diagnostics(design.matrix)
    sidecar: Sidecar = {
        "Description": "Design matrix of the group model",
        "Formula": design.formula or None,
        "Factors": dict(design.factors),
        **{column: {"Description": _MEMBER_COLUMNS[column]} for column in members.columns},
        **{
            column: {"Description": "Column of the design matrix", "VarianceInflation": _number(vif)}
            for column, vif in zip(design.columns, look.vif, strict=True)
        },
        **{column: {"Description": meaning} for column, (_, meaning) in quality.items()},
        "ConditionNumber": look.condition,
        "Correlations": [[_number(each) for each in row] for row in look.correlations],
        "Tests": {
            name: {"Statistic": design.statistic(name), "Weights": _rows(weights, design.columns)}
            for name, weights in design.tests.items()
        },
        "LeftOut": [{"What": entry.name, "Reason": entry.reason} for entry in contrast.excluded],
        "Notes": list(result.notes),
    }
    told = pd.DataFrame({column: values for column, (values, _) in quality.items()})
    yield out.table(_path(result, contrast.entities, "design", ".tsv"), pd.concat([members, matrix, told], axis=1))
    yield out.json(_path(result, contrast.entities, "design", ".json"), sidecar)


def _rows(weights: FloatArray, columns: Sequence[str]) -> list[dict[str, float]]:
    """Give the weight of each column that counts, one row after the other."""
    return [
        {column: float(weight) for column, weight in zip(columns, row, strict=True) if weight}
        for row in np.atleast_2d(weights)
    ]


def _number(value: float) -> float | None:
    """Give a number as JSON has it: none where it is not defined."""
    return float(value) if np.isfinite(value) else None


def _quality(result: ContrastResult) -> dict[str, tuple[FloatArray, str]]:
    """Give a column for each way in which a subject may be unlike the others, and its meaning."""
    design, outlying = result.design, result.outlying
    if design is None or outlying is None:
        return {}
    columns = {
        "leverage": (design_diagnostics(design.matrix).leverage, "Leverage: how far the design alone makes it count"),
        "map_correlation": (outlying.correlation, "Correlation of the map with the mean of the others"),
        "residual": (outlying.residual, "Root mean square over voxels of the studentised residual; 1 is expected"),
    }
    for test, influence in outlying.influence.items():
        meaning = f"By how many standard errors the test {test} moves without the subject, root mean square over voxels"
        columns[f"influence_{test}"] = (influence, meaning)
    return columns


def _write_calibration(result: ContrastResult, out: Derivatives) -> Iterator[str]:
    """Write the critical vector, from which lambda on each draw makes an error, and a template to keep."""
    calibrated, named = result.calibrated, stem(result, desc=result.desc)
    if calibrated is None:
        return
    about = _about(result, "", with_inference=True)
    for suffix, table, meaning, columns in calibration_tables(calibrated, result.glm.p(result.alternative)):
        yield out.table(_path(result, named, suffix, ".tsv"), table)
        described = {column: {"Description": each} for column, each in columns.items()}
        yield out.json(_path(result, named, suffix, ".json"), about | {"Description": meaning} | described)
    if result.template is not None:
        content = io.BytesIO()
        np.savez_compressed(content, curves=result.template)
        yield out.binary(_path(result, named, "template", ".npz"), content.getvalue())


def _about_calibration(result: ContrastResult) -> Sidecar:
    """Tell how draws were made, and what they chose."""
    told = result.calibrated
    if told is None:
        return {}
    return {
        "Draws": FLIPS[told.shuffle],
        "NumberOfDraws": told.n_draws,
        "DrawsAreComplete": told.is_complete,
        "Exactness": told.exactness,
        "RandomSeed": told.seed,
        "ExchangeabilityBlocks": told.blocks or None,
        "Family": told.family,
        "Delta": told.delta if told.family == "simes" else None,
        "Template": printable(told.template) or None,
        "Lambda": told.lambda_,
        "StepDown": result.options.step_down,
        "NumberOfVoxelsLeftOut": told.n_left_out,
    }


def _write_archive(result: ContrastResult, out: Derivatives) -> Iterator[str]:
    """Write everything that is known of the result as one file, which the explorer and ``--reports-only`` read."""
    yield out.binary(archive_name(result), archive.pack(result))


def _region_hashes(result: ContrastResult) -> dict[str, str]:
    """Give the SHA-256 of the files that regions were read from."""
    return {word: digest for word, digest in result.hashes.items() if word.startswith(("atlas", "region "))}


def _combined_by(result: ContrastResult) -> str | None:
    """Say how several maps of a subject became one."""
    combined = [member for member in result.contrast.members if len(member.all_maps) > 1 + (member.minus is not None)]
    if not combined:
        return None
    return "precision-weighted mean" if any(member.variances for member in combined) else "mean"


def _members(result: ContrastResult) -> pd.DataFrame:
    """Tell whose map stands in which row of the design, from which files."""
    members = result.contrast.members
    kinds = {"source": [member.maps for member in members], "variance": [member.variances for member in members]}
    taken = [member.minus for member in members]
    kinds["minus"] = [() if minus is None else minus.maps for minus in taken]
    kinds["minus_variance"] = [() if minus is None else minus.variances for minus in taken]
    columns = {"participant_id": [f"sub-{member.subject}" for member in members]}
    for kind, rows in kinds.items():
        if any(rows):
            columns[kind] = [", ".join(file.uri for file in row) for row in rows]
            columns[f"{kind}_sha256"] = [", ".join(result.hashes.get(file.uri, "n/a") for file in row) for row in rows]
    if result.resampled:
        columns["resampled"] = ["yes" if member.subject in result.resampled else "no" for member in members]
    return pd.DataFrame(columns)


def _about(result: ContrastResult, description: str, with_inference: bool) -> Sidecar:
    """Tell everything that is needed to make a file again."""
    options, contrast = result.options, result.contrast
    about: Sidecar = {
        "Description": description,
        "InputStatistic": contrast.stat,
        "DegreesOfFreedom": result.dof if np.isfinite(result.dof) else None,
        "NumberOfVoxels": result.space.n_points,
        "Mask": printable(options.mask.name) if options.mask else None,
        "MaskHash": result.hashes.get("mask"),
        "SoftwareVersion": f"bids_ari {__version__}",
    }
    if result.design is not None:
        about |= _about_model(result)
    else:
        about["Sources"] = [file.uri for file in contrast.files]
        about["SourceHashes"] = {file.uri: result.hashes.get(file.uri) for file in contrast.files}
    return about | (_about_inference(result) if with_inference else {})


def _about_model(result: ContrastResult) -> Sidecar:
    """Tell how the maps of subjects came together."""
    options, contrast = result.options, result.contrast
    return {
        "Sources": [f"bids::{_path(result, contrast.entities, 'design', '.tsv')}"],
        "Estimator": ESTIMATORS[options.estimator],
        "Variance": options.variance,
        "Formula": None if result.design is None else result.design.formula or None,
        "StatsModel": printable(options.model.name) if options.model else None,
        "Test": result.test,
        "Statistic": "F" if result.is_f_test else "t" if result.has("t") else "z",
        "Weights": _rows(result.design.tests[result.test], result.design.columns) if result.design else None,
        "DegreesOfFreedomOfRows": result.glm.n_rows or None,
        "NumberOfSubjects": len(contrast.members),
        "CombinedOver": contrast.combined or None,
        "CombinedBy": _combined_by(result),
        "DifferenceWithin": contrast.paired or None,
        "NumberOfConstantVoxels": result.n_constant,
        "SmoothingFWHM": options.smoothing or 0,
        "SmoothingFWHMUnits": "mm",
        "Coverage": options.coverage,
        "TargetGrid": printable(options.target_grid.name) if options.target_grid else None,
    }


def _about_inference(result: ContrastResult) -> Sidecar:
    """Tell how bounds and clusters came about."""
    options = result.options
    return {
        "Sources": [f"bids::{_path(result, stem(result, stat='z'), 'statmap', '.nii.gz')}"],
        "Alternative": result.asked,
        "Alpha": options.alpha,
        "AlphaDividedBy": options.n_results,
        "Method": result.method,
        **({} if result.bound.h is None else {"HommelValue": result.bound.h}),
        **_about_calibration(result),
        "TrueDiscoveryNumber": result.bound.whole,
        "Connectivity": options.connectivity,
        "JoinSigns": options.join_signs,
        "ClusterThresholds": list(options.threshold),
        "ClusterThresholdUnits": "z",
        "WantedTDPs": list(options.tdp),
    }


def _columns(table: pd.DataFrame) -> Sidecar:
    """Describe the columns of a table of clusters."""
    described: Sidecar = {}
    for column in table.columns:
        name, _, part = column.rpartition("_")
        if column in CLUSTER_COLUMNS:
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
        "any": "Any difference (F test)",
    }[result.asked]
    return meaning + _IN_WORDS[result.method]


_IN_WORDS: dict[Method, str] = {
    "simes": "",
    "hommel": ", Hommel local tests (any dependence)",
    "permutation": ", bounds calibrated by draws",
}


def _path(result: ContrastResult, entities: Entities, suffix: str, extension: str) -> str:
    return f"{result.folder}/{entities.filename(suffix, extension)}"
