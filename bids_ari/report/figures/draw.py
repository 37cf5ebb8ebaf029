"""Which pictures a report has, and how they are named."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bids_ari.analysis.result import ContrastResult
from bids_ari.outputs import names
from bids_ari.report.figures import slices as figures
from bids_ari.report.figures.calibration import draw_calibration
from bids_ari.report.figures.design import draw_design
from bids_ari.report.figures.glass_brain import draw_glass
from bids_ari.report.figures.quality import draw_panels, draw_sheets, panels
from bids_ari.report.figures.scene import Scene, make_scene
from bids_ari.report.labels import title_of, which
from bids_ari.report.render import above, data_uri
from bids_ari.report.sections.quality import standing_out
from bids_ari.stats.distributions import FloatArray


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

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as the head of the PNG tells."""
        return int.from_bytes(self.png[16:20]), int.from_bytes(self.png[20:24])


def draw(result: ContrastResult) -> Iterator[tuple[str, Picture]]:
    """Draw the pictures of a result, none where there is nothing to see but in those of its maps and in ``tdp``.

    Yields what each shows and the picture: ``glass``, ``z``, ``faded``, ``effect everywhere``, ...,
    ``design``, ``tdp``, ``tdp above 3``, ..., ``largest 0.7``, ..., ``highest``, and ``atlas``;
    where the maps of subjects are known, ``quality``, ``sheet 1``, ...; where draws were made, ``calibration``.
    """
    scene = make_scene(result.space, result.contrast.entities.get("space"), _heights_to_see(result), about(result))
    yield from _draw_maps(result, scene)
    yield from _draw_everywhere(result, scene)
    if result.design is not None and len(result.design.columns) > 1:
        alt = f"Design matrix: {len(result.design.subjects)} subjects by {len(result.design.columns)} columns."
        name = f"figures/{result.contrast.entities}_design.png"
        yield "design", Picture(name, alt, "", draw_design(result.design, result.contrast.name))
    yield from _draw_quality(result)
    if result.calibrated is not None:
        png = draw_calibration(result.calibrated, result.glm.p(result.alternative), about(result))
        alt = "Curves: observed and critical p by rank, and lambda of the draws in order."
        yield "calibration", Picture(_figure_name(result, "calibration", desc=result.desc), alt, "", png)
    yield from _draw_thresholds(result, scene)
    yield from _draw_largest(result, scene)
    if result.bound.whole:
        yield from _draw_highest(result, scene)
        yield from _draw_atlas(result, scene)


def _draw_quality(result: ContrastResult) -> Iterator[tuple[str, Picture]]:
    """Draw the numbers and the slices of the maps of subjects."""
    quality, outlying = result.quality, result.outlying
    if quality is None or outlying is None:
        return
    names = [f"sub-{subject}" for subject in result.contrast.subjects]
    png = draw_panels(panels(outlying, quality), names, about(result))
    alt = "Dots: correlation with the others, mean, standard deviation and overlap of the map of each subject."
    yield "quality", Picture(_figure_name(result, "quality", desc=result.desc), alt, "", png)
    flagged = np.asarray(standing_out(quality, outlying, result.test).any(axis=1))
    for i, png in enumerate(draw_sheets(quality, result.space.grid, names, flagged, about(result)), start=1):
        name = _figure_name(result, f"subjects{i}", desc=result.desc)
        yield f"sheet {i}", Picture(name, f"Three slices of the map of each subject, sheet {i}.", "", png)


def about(result: ContrastResult) -> str:
    """Say of which result a picture is: contrast, test, direction, method, and how many subjects."""
    subjects = f"{len(result.contrast.members)} subjects" if result.design is not None else ""
    return ", ".join(filter(None, (result.contrast.name, which(result), subjects)))


def _draw_maps(result: ContrastResult, scene: Scene) -> Iterator[tuple[str, Picture]]:
    """Draw z where p < .001 uncorrected: through the brain, and in slices."""
    z, what = result.glm.z, "the z map, where p < .001 uncorrected"
    if scene.is_on_template:
        png = draw_glass(z, result.space, scene.about, is_signed=not result.is_f_test)
        name = _figure_name(result, "glass", desc=result.desc)
        yield "glass", Picture(name, f"Glass brain from four sides: {what}.", scene.underlay, png)
    png = figures.draw_z(z, result.alternative, scene)
    yield "z", Picture(_figure_name(result, "z", desc=result.desc), f"Axial slices of {what}.", scene.underlay, png)


def _draw_everywhere(result: ContrastResult, scene: Scene) -> Iterator[tuple[str, Picture]]:
    """Draw maps without a threshold: the first of them, fainter where z is nearer to 0, and then each as it is."""
    z, (first, *_) = result.glm.z, _maps(result)
    png = figures.draw_values(
        first.values,
        scene,
        f"{first.title}, fainter where z is nearer to 0",
        first.what,
        is_signed=first.what != "F",
        z=np.maximum(z, 0) if result.is_f_test else z,
        outlined=figures.is_uncorrected(z, result.alternative),
    )
    alt = f"Axial slices of the {first.what} map, without a threshold: the fainter, the nearer z is to 0."
    yield "faded", Picture(_figure_name(result, "faded", desc=result.desc), alt, scene.underlay, png)
    for what, title, values in _maps(result):
        png = figures.draw_values(values, scene, f"{title}, everywhere", what, is_signed=what != "F")
        name = _figure_name(result, what, desc=f"{result.desc}All")
        yield f"{what} everywhere", Picture(name, f"Axial slices of the {what} map everywhere.", scene.underlay, png)


class _Map(NamedTuple):
    """A map that there is: what stands above its colour bar, its title, and a value for each voxel tested."""

    what: str
    title: str
    values: FloatArray


def _maps(result: ContrastResult) -> list[_Map]:
    """Give the maps that there are, what says most first."""
    glm = result.glm
    known = (
        ("effect", "Effect, in the units of the input", glm.effect),
        ("F", "F statistic", glm.f),
        ("t", "t statistic", glm.t),
        ("z", "z statistic", glm.z),
    )
    return [_Map(what, title, values) for what, title, values in known if values is not None]


def _draw_thresholds(result: ContrastResult, scene: Scene) -> Iterator[tuple[str, Picture]]:
    """Draw the highest TDP over the thresholds, and that of each threshold with clusters where there are several."""
    conditions = {threshold: above(threshold, result.alternative) for threshold in result.clusters}
    title = f"TDP of clusters with {', '.join(conditions.values())}" + ("" if len(conditions) == 1 else ": the highest")
    in_any = np.logical_or.reduce([result.labels(threshold) > 0 for threshold in conditions])
    png = figures.draw_tdp(result.tdp(), in_any, scene, title)
    name = _figure_name(result, "tdp", desc=result.desc)
    yield "tdp", Picture(name, f"Axial slices: {title}.", scene.underlay, png)
    for threshold, condition in conditions.items():
        if len(conditions) > 1 and result.clusters[threshold]:
            title = f"TDP of clusters with {condition}"
            png = figures.draw_tdp(result.tdp(threshold), result.labels(threshold) > 0, scene, title)
            name = _figure_name(result, "tdp", desc=result.desc + names.threshold_label(threshold))
            yield f"tdp above {threshold:g}", Picture(name, f"Axial slices: {title}.", scene.underlay, png)


def _draw_largest(result: ContrastResult, scene: Scene) -> Iterator[tuple[str, Picture]]:
    """Draw the largest clusters that reach each wanted TDP, by their numbers."""
    for gamma, clusters in result.largest.items():
        if clusters:
            title = f"Largest clusters with TDP at least {gamma:g}"
            png = figures.draw_clusters(result.labels(tdp=gamma), scene, title)
            name = _figure_name(result, "clusters", desc=result.desc + names.tdp_label(gamma))
            yield f"largest {gamma:g}", Picture(name, f"Axial slices: {title}.", scene.underlay, png)


def _draw_highest(result: ContrastResult, scene: Scene) -> Iterator[tuple[str, Picture]]:
    """Draw the highest TDP of all supra-threshold clusters that hold a voxel."""
    highest, title = result.forest.highest_tdp(), "Highest TDP of all supra-threshold clusters that hold a voxel"
    png = figures.draw_tdp(highest, highest > 0, scene, title)
    name = _figure_name(result, "tdp", desc=f"{result.desc}All")
    yield "highest", Picture(name, f"Axial slices: {title}.", scene.underlay, png)


def _draw_atlas(result: ContrastResult, scene: Scene) -> Iterator[tuple[str, Picture]]:
    """Draw the TDP of the parcels of the atlas."""
    if result.atlas is None:
        return
    tdp = result.space.select(np.asarray(result.region_image(result.atlas).dataobj))
    if tdp.any():
        title = f"TDP of parcels: {title_of(result.atlas, result)}"
        png = figures.draw_tdp(tdp, tdp > 0, scene, title)
        name = _figure_name(result, "tdp", desc=result.desc, atlas=result.atlas.name)
        yield "atlas", Picture(name, f"Axial slices: {title}.", scene.underlay, png)


def _heights_to_see(result: ContrastResult) -> np.ndarray:
    """Give the z in mm of the peaks of the largest clusters, or of the most extreme voxel if there is none."""
    clusters = next(iter(result.clusters.values()))
    peaks = [cluster.peak for cluster in clusters] or [int(result.extremeness.argmax())]
    return result.space.coordinates(np.asarray(peaks))[:, 2]


def _figure_name(result: ContrastResult, what: str, **labels: str) -> str:
    return f"figures/{names.stem(result, **labels)}_{what}.png"
