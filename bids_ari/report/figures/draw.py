"""The pictures of a result: which there are, their files and their alternative texts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bids_ari.analysis.result import ContrastResult
from bids_ari.outputs.names import stem, tdp_label, threshold_label
from bids_ari.report.figures import slices
from bids_ari.report.figures.calibration import draw_calibration
from bids_ari.report.figures.design import draw_design
from bids_ari.report.figures.glass_brain import draw_glass_brain
from bids_ari.report.figures.quality import draw_panels, draw_sheets, outliers, panels
from bids_ari.report.figures.scene import Scene, make_scene
from bids_ari.report.formatting import beyond
from bids_ari.report.labels import region_set_title, result_label
from bids_ari.report.render import data_uri
from bids_ari.stats.distributions import FloatArray


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """A picture of a report, which is also a file.

    Attributes
    ----------
    name : str
        Path of the file, relative to the output.
    alt : str
        Alternative text.
    underlay : str
        Description of the underlay; empty without one.
    png : bytes
        The file.
    """

    name: str
    alt: str
    underlay: str
    png: bytes

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return data_uri(self.png)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, from the PNG header."""
        return int.from_bytes(self.png[16:20]), int.from_bytes(self.png[20:24])


def draw(result: ContrastResult) -> Iterator[tuple[str, Picture]]:
    """Draw the pictures of a result.

    Yields
    ------
    tuple of str and Picture
        What a picture shows: ``glass``, ``z``, ``faded``, ``effect everywhere``, ..., ``design``, ``quality``,
        ``sheet 1``, ..., ``calibration``, ``tdp``, ``tdp above 3``, ..., ``largest 0.7``, ..., ``highest`` and
        ``atlas``; those without content are missing, except for maps and ``tdp``.
    """
    scene = make_scene(result.space, result.contrast.entities.get("space"), _peak_heights(result), subtitle(result))
    yield from _draw_maps(result, scene)
    yield from _draw_unthresholded(result, scene)
    if result.design is not None and len(result.design.columns) > 1:
        alt = f"Design matrix: {len(result.design.subjects)} subjects by {len(result.design.columns)} columns."
        name = f"figures/{result.contrast.entities}_design.png"
        yield "design", Picture(name, alt, "", draw_design(result.design, result.contrast.name))
    yield from _draw_quality(result)
    if result.calibrated is not None:
        png = draw_calibration(result.calibrated, result.p, subtitle(result))
        alt = "Curves: observed and critical p by rank, and lambda of the permutations in ascending order."
        yield "calibration", Picture(_file(result, "calibration", desc=result.desc), alt, "", png)
    yield from _draw_thresholds(result, scene)
    yield from _draw_largest(result, scene)
    if result.bound.whole:
        yield from _draw_highest(result, scene)
        yield from _draw_atlas(result, scene)


def subtitle(result: ContrastResult) -> str:
    """Return the result that a picture belongs to: contrast, test, alternative, method and number of subjects."""
    subjects = f"{len(result.contrast.members)} subjects" if result.design is not None else ""
    return ", ".join(filter(None, (result.contrast.name, result_label(result), subjects)))


def _draw_quality(result: ContrastResult) -> Iterator[tuple[str, Picture]]:
    """Draw numbers and slices of the map of each subject."""
    quality, outlying = result.quality, result.outlying
    if quality is None or outlying is None:
        return
    names = [f"sub-{subject}" for subject in result.contrast.subjects]
    png = draw_panels(panels(outlying, quality), names, subtitle(result))
    alt = "Dots: correlation with the others, mean, standard deviation and overlap of the map of each subject."
    yield "quality", Picture(_file(result, "quality", desc=result.desc), alt, "", png)
    flagged = np.asarray(outliers(quality, outlying, result.test).any(axis=1))
    for i, png in enumerate(draw_sheets(quality, result.space.grid, names, flagged, subtitle(result)), start=1):
        name = _file(result, f"subjects{i}", desc=result.desc)
        yield f"sheet {i}", Picture(name, f"Three slices of the map of each subject, sheet {i}.", "", png)


def _draw_maps(result: ContrastResult, scene: Scene) -> Iterator[tuple[str, Picture]]:
    """Draw z where p < .001 uncorrected, as a glass brain and in slices."""
    z, what = result.glm.z, "the z map, where p < .001 uncorrected"
    if scene.is_on_template:
        png = draw_glass_brain(z, result.space, scene.subtitle, is_signed=not result.is_f_test)
        name = _file(result, "glass", desc=result.desc)
        yield "glass", Picture(name, f"Glass brain from four sides: {what}.", scene.underlay, png)
    png = slices.draw_z(z, result.alternative, scene)
    yield "z", Picture(_file(result, "z", desc=result.desc), f"Axial slices of {what}.", scene.underlay, png)


def _draw_unthresholded(result: ContrastResult, scene: Scene) -> Iterator[tuple[str, Picture]]:
    """Draw the first map with an opacity by |z|, and then each map with full opacity."""
    z, (first, *_) = result.glm.z, _maps(result)
    png = slices.draw_values(
        first.values,
        scene,
        f"{first.title}, opacity by |z|",
        first.name,
        is_signed=first.name != "F",
        z=np.maximum(z, 0) if result.is_f_test else z,
        outlined=slices.is_uncorrected(z, result.alternative),
    )
    alt = f"Axial slices of the unthresholded {first.name} map with opacity by |z|."
    yield "faded", Picture(_file(result, "faded", desc=result.desc), alt, scene.underlay, png)
    for name, title, values in _maps(result):
        png = slices.draw_values(values, scene, f"{title}, unthresholded", name, is_signed=name != "F")
        file, alt = _file(result, name, desc=f"{result.desc}All"), f"Axial slices of the unthresholded {name} map."
        yield f"{name} everywhere", Picture(file, alt, scene.underlay, png)


class _Map(NamedTuple):
    """A statistical map: label of its colour bar, title, and values (n_points,)."""

    name: str
    title: str
    values: FloatArray


def _maps(result: ContrastResult) -> list[_Map]:
    """Return the maps of a result, the most informative first."""
    glm = result.glm
    maps = (
        ("effect", "Effect, in the units of the input", glm.effect),
        ("F", "F statistic", glm.f),
        ("t", "t statistic", glm.t),
        ("z", "z statistic", glm.z),
    )
    return [_Map(name, title, values) for name, title, values in maps if values is not None]


def _draw_thresholds(result: ContrastResult, scene: Scene) -> Iterator[tuple[str, Picture]]:
    """Draw the highest TDP over the thresholds, and the TDP at each threshold with clusters if there are several."""
    conditions = {threshold: beyond(threshold, result.alternative) for threshold in result.clusters}
    title = f"{'TDP' if len(conditions) == 1 else 'Highest TDP'} of clusters with {', '.join(conditions.values())}"
    in_any = np.logical_or.reduce([result.labels(threshold) > 0 for threshold in conditions])
    png = slices.draw_tdp(result.tdp(), in_any, scene, title)
    name = _file(result, "tdp", desc=result.desc)
    yield "tdp", Picture(name, f"Axial slices: {title}.", scene.underlay, png)
    for threshold, condition in conditions.items():
        if len(conditions) > 1 and result.clusters[threshold]:
            title = f"TDP of clusters with {condition}"
            png = slices.draw_tdp(result.tdp(threshold), result.labels(threshold) > 0, scene, title)
            name = _file(result, "tdp", desc=result.desc + threshold_label(threshold))
            yield f"tdp above {threshold:g}", Picture(name, f"Axial slices: {title}.", scene.underlay, png)


def _draw_largest(result: ContrastResult, scene: Scene) -> Iterator[tuple[str, Picture]]:
    """Draw the largest clusters at each target TDP with their labels."""
    for tdp, clusters in result.largest.items():
        if clusters:
            title = f"Largest clusters with TDP at least {tdp:g}"
            png = slices.draw_clusters(result.labels(tdp=tdp), scene, title)
            name = _file(result, "clusters", desc=result.desc + tdp_label(tdp))
            yield f"largest {tdp:g}", Picture(name, f"Axial slices: {title}.", scene.underlay, png)


def _draw_highest(result: ContrastResult, scene: Scene) -> Iterator[tuple[str, Picture]]:
    """Draw the highest TDP of all supra-threshold clusters that contain a point."""
    highest, unit = result.forest.highest_tdp(), result.space.unit
    title = f"Highest TDP of all supra-threshold clusters that contain a {unit}"
    png = slices.draw_tdp(highest, highest > 0, scene, title)
    name = _file(result, "tdp", desc=f"{result.desc}All")
    yield "highest", Picture(name, f"Axial slices: {title}.", scene.underlay, png)


def _draw_atlas(result: ContrastResult, scene: Scene) -> Iterator[tuple[str, Picture]]:
    """Draw the TDP of the parcels of the atlas."""
    if result.atlas is None:
        return
    tdp = result.space.select(np.asarray(result.region_image(result.atlas).dataobj))
    if tdp.any():
        title = f"TDP of parcels: {region_set_title(result.atlas, result)}"
        png = slices.draw_tdp(tdp, tdp > 0, scene, title)
        name = _file(result, "tdp", desc=result.desc, atlas=result.atlas.name)
        yield "atlas", Picture(name, f"Axial slices: {title}.", scene.underlay, png)


def _peak_heights(result: ContrastResult) -> FloatArray:
    """Return z in mm of the peaks of clusters, largest first; of the most extreme point if there are no clusters."""
    clusters = next(iter(result.clusters.values()))
    peaks = [cluster.peak for cluster in clusters] or [int(result.extremeness.argmax())]
    return result.space.coordinates(np.asarray(peaks))[:, 2]


def _file(result: ContrastResult, suffix: str, **labels: str) -> str:
    return f"figures/{stem(result, **labels)}_{suffix}.png"
