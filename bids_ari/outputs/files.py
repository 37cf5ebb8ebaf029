"""Files of a result: the table of output maps, and how maps and tables are written."""

import io
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.tables import calibration_tables
from bids_ari.analysis.values import Field, MapValues
from bids_ari.bids.entities import Entities, printable
from bids_ari.images.regions import RegionSet
from bids_ari.outputs import archive
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.design_table import design_table
from bids_ari.outputs.names import (
    archive_name,
    contrast_stem,
    effects_stem,
    path_of,
    region_stem,
    stem,
    tdp_label,
    threshold_label,
)
from bids_ari.outputs.sidecars import COLUMNS, Sidecar, cluster_columns, columns, direction, naming, sidecar, worded


@dataclass(frozen=True, slots=True)
class OutputMap:
    """A map that is written of each result that has it.

    In texts, ``{unit}`` and ``{units}`` are the points, such as voxels; ``{desc}`` and ``{direction}`` are alternative
    and method, as a label and in words.
    """

    stat: str  # label of the entity stat; empty for none
    description: str  # for the sidecar
    source: Field | Callable[[ContrastResult], MapValues | None]  # argument of ContrastResult.values, or a function
    desc: str = ""  # label of the entity desc; empty for none
    meaning: str = "{direction}"  # of desc, for descriptions.tsv
    suffix: str = "statmap"
    per_test: bool = True  # whether it differs between tests
    inferred: bool = False  # whether it depends on the bound
    refers_to_minimum: bool = False  # whether a minimum effect changes it, differently for each alternative

    def values(self, result: ContrastResult) -> MapValues | None:
        """Return the values, or None if the result does not have the map."""
        if callable(self.source):
            return self.source(result)
        return result.values(self.source) if result.has(self.source) else None


_HIGHEST = "Highest true discovery proportion of the clusters that contain the {unit}, over the thresholds"
_HIGHEST_OF_ALL = "Highest true discovery proportion of all supra-threshold clusters that contain the {unit}"
_ADJUSTED = "p-value of each {unit}, adjusted for multiple testing by closed testing; 0 where it is below 1e-45"
_FAMILYWISE = "Familywise p-value of each {unit}: share of the draws whose smallest p is at most its own"
_EFFECTS = "Mean of the map of each subject over the tested {units} of each region with data, in the units of the maps"
_TESTED = "The {units} that were tested"

MAPS: list[OutputMap] = [
    OutputMap("effect", "Effect, in the units of the subject maps", "effect"),
    OutputMap("variance", "Sampling variance of the effect", "variance"),
    OutputMap("t", "t statistic", "t", refers_to_minimum=True),
    OutputMap("F", "F statistic", "f"),
    OutputMap("dof", "Residual degrees of freedom; they vary where subjects lack data", "dof"),
    OutputMap(
        *("z", "z statistic with the one-sided tail probability of the tested statistic", "z"), refers_to_minimum=True
    ),
    OutputMap("tau2", "Between-subject variance of the effect", "tau2", per_test=False),
    OutputMap("p", "p-value, uncorrected; 0 where it is below 1e-45", "p", "{desc}"),
    OutputMap("negLog10P", "-log10 of the uncorrected p-value, which does not underflow", "neg_log10_p", "{desc}"),
    OutputMap("tdp", _HIGHEST, "tdp", "{desc}", inferred=True),
    OutputMap("pHommel", _ADJUSTED, "adjusted_p", "{desc}", inferred=True),
    OutputMap("pFWE", _FAMILYWISE, "p_fwe", "{desc}", inferred=True),
    OutputMap(
        *("tdp", _HIGHEST_OF_ALL, "highest_tdp", "{desc}All", "{direction}; all supra-threshold clusters"),
        inferred=True,
    ),
    OutputMap(
        *("", _TESTED, lambda result: MapValues(np.ones(result.space.n_points, np.uint8))),
        *("analysis", _TESTED, "mask"),
        per_test=False,
    ),
]
"""The maps of a result apart from those of each threshold, target TDP and set of regions. One entry adds a map."""


def write(result: ContrastResult, out: Derivatives) -> list[str]:
    """Write the maps, tables and the archive of a result; return the paths of the files, relative to the output."""
    writer = _Writer(result, out)
    writer.maps()
    writer.differences()
    for tdp in result.largest:
        meaning = f"largest clusters with a TDP of at least {tdp:g}"
        writer.clusters(tdp_label(tdp), meaning, {"TargetTDP": tdp}, tdp=tdp)
    for threshold in result.clusters:
        meaning = f"clusters above z = {threshold:g}"
        writer.clusters(threshold_label(threshold), meaning, {"ClusterThreshold": threshold}, threshold=threshold)
    writer.regions()
    writer.effects()
    if result.design is not None:
        writer.save(result.contrast.entities, "design", *design_table(result, result.design))
    writer.calibration()
    writer.written.append(out.binary(archive_name(result), archive.pack(result)))
    return writer.written


@dataclass(slots=True)
class _Writer:
    """Writes the files of one result."""

    result: ContrastResult
    out: Derivatives
    written: list[str] = field(default_factory=list)

    def maps(self) -> None:
        """Write the images of `MAPS`."""
        result = self.result
        for each in MAPS:
            if (values := each.values(result)) is None:
                continue
            labels = {"stat": each.stat} if each.stat else {}
            extra = {}
            is_beyond = each.refers_to_minimum and result.options.min_effect
            if desc := "{desc}" if is_beyond else each.desc:
                labels["desc"] = desc.format(desc=result.desc)
                self._explain(labels["desc"], worded(result, each.meaning.replace("{direction}", direction(result))))
            if "{desc}" in desc:
                extra["Alternative"] = result.alternative_label
            if each.suffix == "mask":
                extra["Type"] = "ROI"  # of the kinds that BIDS has: not always the whole brain
            entities = (stem if each.per_test else contrast_stem)(result, **labels)
            text = each.description + ", of the distance from the minimum effect" * bool(is_beyond)
            about = sidecar(result, text, inferred=each.inferred, **extra)
            self.save(entities, each.suffix, values, about)

    def differences(self) -> None:
        """Write the effect of each difference of a question within subjects."""
        question, effects = self.result.contrast.within, self.result.glm.effects
        if question is None or effects is None:
            return
        for label, text, row, values in zip(
            question.labels, question.sums, question.weights_by_level(), effects, strict=True
        ):
            about = sidecar(self.result, f"Effect of {text}, in the units of the subject maps", WeightsOfLevels=row)
            self._explain(label, f"{text}, one of the {question.noun} within subjects that are tested together")
            with np.errstate(over="ignore"):  # too large numbers are infinite in the file
                content = MapValues(values.astype(np.float32), np.nan)
            self.save(stem(self.result, stat="effect", desc=label), "statmap", content, about)

    def clusters(self, label: str, meaning: str, extra: dict[str, Any], **criterion: float) -> None:
        """Write the TDP map, label image and tables of the clusters of one threshold or target TDP."""
        result, desc = self.result, self.result.desc + label
        self._explain(desc, f"{direction(result)}; {meaning}")
        entities, table = stem(result, desc=desc), result.table(**criterion)
        about = sidecar(result, "", inferred=True, **extra)
        content = f"True discovery proportion of the cluster that contains the {result.space.unit}; {meaning}"
        values = result.values("tdp", **criterion)
        self.save(entities.with_(stat="tdp"), "statmap", values, about | {"Description": content})
        labels = about | {"Description": f"Cluster labels as in the table of clusters; {meaning}"}
        self.save(entities, "dseg", result.values("clusters", **criterion), labels)
        names = pd.DataFrame({"index": table["label"], "name": [f"cluster {label}" for label in table["label"]]})
        self.save(entities, "dseg", names)
        about |= {"Description": f"Clusters and their peaks; {meaning}"} | naming(result)
        about |= cluster_columns(result, table.columns)
        self.save(entities, "clusters", table, about)

    def regions(self) -> None:
        """Write a table and a TDP map of each set of regions."""
        result = self.result
        for regions in result.regions:
            entities = region_stem(result, regions)
            roles = [role for role in result.files if role.startswith(("atlas", "region "))]
            extra = {
                "Atlas": regions.title,
                "AtlasEntities": atlas_entities(regions),
                "AtlasFiles": {role: printable(result.files[role]) for role in roles},
                "AtlasHashes": {role: result.hashes.get(role) for role in roles},
            }
            about = sidecar(result, "True discovery proportion of each region", inferred=True, **extra)
            table = result.region_table(regions)
            meanings = {name: COLUMNS["regions"][name] for name in table.columns}
            self.save(entities, "tdp", table, about | columns(result, meanings))
            about["Description"] = f"True discovery proportion of the region that contains the {result.space.unit}"
            self.save(
                entities.with_(stat="tdp"), "statmap", MapValues(result.region_tdp(regions).astype(np.float32)), about
            )

    def effects(self) -> None:
        """Write a table of the mean effect of each subject in each region, where the maps are at hand."""
        result = self.result
        for regions, effects in zip(result.regions, result.region_effects, strict=bool(result.region_effects)):
            about = sidecar(result, _EFFECTS, Atlas=regions.title, AtlasEntities=atlas_entities(regions))
            names = _column_names(regions, {"participant_id", *about})
            table = pd.DataFrame(effects, columns=names)
            table.insert(0, "participant_id", [f"sub-{subject}" for subject in result.contrast.subjects])
            texts = {"participant_id": "Subject"} | {
                name: f"Mean effect in region {region.index}, {region.name}: {region.points.size} {{units}} tested"
                for name, region in zip(names, regions.regions, strict=True)
            }
            self.save(effects_stem(result, regions), "effects", table, about | columns(result, texts))

    def calibration(self) -> None:
        """Write the critical vector, the lambda of each permutation and, if requested, the learned template."""
        result, entities = self.result, stem(self.result, desc=self.result.desc)
        for each in calibration_tables(result.calibrated, result.p, result.space.units) if result.calibrated else ():
            about = sidecar(result, each.meaning, inferred=True, **columns(result, each.columns))
            self.save(entities, each.suffix, each.rows, about)
        if result.template is not None:
            content = io.BytesIO()
            arrays: dict[str, Any] = result.template.arrays()
            np.savez_compressed(content, **arrays)
            self.written.append(self.out.binary(path_of(result, entities, "template", ".npz"), content.getvalue()))

    def _explain(self, desc: str, meaning: str) -> None:
        """Add a ``desc`` label, as it appears in file names, to ``descriptions.tsv``."""
        self.out.explain(str(contrast_stem(self.result, desc=desc).get("desc")), meaning)

    def save(
        self, entities: Entities, suffix: str, content: MapValues | pd.DataFrame, about: Sidecar | None = None
    ) -> None:
        """Write a map or a table, and its sidecar; the sidecar of a map of two files is of both."""
        if isinstance(content, pd.DataFrame):
            self.written.append(self.out.table(path_of(self.result, entities, suffix, ".tsv"), content))
        else:
            stat = entities.get("stat") or ""
            for file in self.result.space.files(*content, title=str(entities), stat=stat):
                name = path_of(self.result, entities.with_(**file.entities), suffix, file.extension)
                self.written.append(self.out.image(name, file.image))
        if about is not None:
            self.written.append(self.out.json(path_of(self.result, entities, suffix, ".json"), about))


def atlas_entities(regions: RegionSet) -> dict[str, str]:
    """Return the entities that identify the atlas of a set of regions, for sidecars."""
    return {"atlas": regions.name, **dict(regions.variant)}


def _column_names(regions: RegionSet, taken: Collection[str]) -> list[str]:
    """Return the name of each region as that of a column; with its number if the name is taken by another."""
    names = [" ".join(printable(region.name).split()) for region in regions.regions]
    counts = Counter(names)
    numbered = [f"{name} ({region.index})".strip() for name, region in zip(names, regions.regions, strict=True)]
    found = [
        other if counts[name] > 1 or name in taken or not name else name
        for name, other in zip(names, numbered, strict=True)
    ]
    return found if len({*found}) == len(found) else numbered  # a name may be that of another with its number
