"""The pictures of a result: which there are, their files and their alternative texts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from bids_ari.analysis.outliers import criteria, outliers
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.spaces import StandardSpace
from bids_ari.config.slices import SURFACE, requests
from bids_ari.images.mosaic import mosaic_of
from bids_ari.images.space import Points
from bids_ari.images.volume import volume_of
from bids_ari.outputs.names import region_stem, stem, tdp_label, threshold_label
from bids_ari.report.figures import slices
from bids_ari.report.figures.calibration import draw_calibration
from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.design import draw_design
from bids_ari.report.figures.glass_brain import draw_glass_brain
from bids_ari.report.figures.quality import sheets
from bids_ari.report.figures.scene import Scene
from bids_ari.report.figures.scenes import scene_of, surface_of
from bids_ari.report.figures.subject_dots import draw_subjects
from bids_ari.report.formatting import beyond
from bids_ari.report.labels import region_set_title, result_label
from bids_ari.report.render import data_uri
from bids_ari.stats.distributions import FloatArray

LEAST_HIGHEST = 0.1
"""TDP from which points are coloured by the highest TDP of all clusters: in most maps, few points have none at all."""


class Drawing(NamedTuple):
    """A picture that is drawn when asked for."""

    name: str  # path of its file, relative to the output, without an ending
    alt: str
    note: str  # what a reader must know: left and right, and the underlay; empty for other pictures than of brains
    draw: Callable[[], Canvas]


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """A picture of a report, which is also a file."""

    name: str  # path of the file, relative to the output
    alt: str
    note: str  # as of `Drawing`
    png: bytes

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return data_uri(self.png)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, from the PNG header."""
        return int.from_bytes(self.png[16:20]), int.from_bytes(self.png[20:24])


Drawings = Iterator[tuple[str, Drawing]]


def draw(result: ContrastResult) -> Iterator[tuple[str, Picture]]:
    """Draw the pictures of a result for its report; yield what each shows, and the picture."""
    for shown, each in drawings(result):
        yield shown, Picture(f"{each.name}.png", each.alt, each.note, each.draw().png())


def drawings(result: ContrastResult, per_unit: float = 1.0) -> Drawings:
    """Yield what each picture of a result shows, and the picture, of which images have some pixels for each unit.

    They are ``glass``, ``z``, ``faded``, ``effect everywhere``, ..., ``design``, ``quality``, ``sheet 1``, ...,
    ``calibration``, ``tdp``, ``tdp above 3``, ..., ``surface``, ``largest 0.7``, ..., ``highest`` and ``atlas``;
    those without content are missing, except for maps and ``tdp``.
    """
    label, underlay = StandardSpace.of(result.contrast.entities), result.options.underlay
    shown = requests(result.options.slices)
    scene = scene_of(result.space, label, _peaks(result), subtitle(result), underlay, shown, per_unit)
    yield from _draw_maps(result, scene)
    if result.design is not None and len(result.design.columns) > 1:
        alt = f"Design matrix: {len(result.design.subjects)} subjects by {len(result.design.columns)} columns."
        name = f"figures/{result.contrast.entities}_design"
        yield "design", Drawing(name, alt, "", partial(draw_design, result.design, result.contrast.name))
    yield from _draw_quality(result)
    if result.calibrated is not None:
        canvas = partial(draw_calibration, result.calibrated, result.p, subtitle(result))
        alt = "Curves: observed and critical p by rank, and lambda of the permutations in ascending order."
        yield "calibration", Drawing(_file(result, "calibration"), alt, "", canvas)
    yield from _draw_thresholds(result, scene)
    if SURFACE not in result.options.slices:
        yield from _draw_surface(result, scene)
    yield from _draw_largest(result, scene)
    if result.bound.whole:
        yield from _draw_highest(result, scene)
        yield from _draw_atlas(result, scene)


def subtitle(result: ContrastResult) -> str:
    """Return the result that a picture belongs to: contrast, test, alternative, method and number of subjects."""
    subjects = f"{len(result.contrast.members)} subjects" if result.design is not None else ""
    return ", ".join(filter(None, (result.contrast.name, result_label(result), subjects)))


def _draw_maps(result: ContrastResult, scene: Scene) -> Drawings:
    """Draw z where p < .001 uncorrected, the first map with an opacity by |z|, and each map with full opacity."""
    z, shown = result.glm.z, "the z map, where p < .001 uncorrected"
    if scene.is_on_template:
        canvas = partial(
            draw_glass_brain,
            z,
            volume_of(result.space),
            scene.subtitle,
            is_signed=not result.is_f_test,
            per_unit=scene.per_unit,
        )
        yield "glass", Drawing(_file(result, "glass"), f"Glass brain from four sides: {shown}.", scene.note, canvas)
    canvas = partial(slices.draw_z, z, result.alternative, scene)
    yield "z", Drawing(_file(result, "z"), f"{scene.kind} of {shown}.", scene.note, canvas)
    (first, values), *_ = _maps(result).items()
    canvas = partial(
        slices.draw_values,
        values,
        scene,
        f"{_TITLES[first]}, opacity by |z|",
        first,
        is_signed=first != "F",
        z=np.maximum(z, 0) if result.is_f_test else z,
        outlined=slices.is_uncorrected(z, result.alternative),
    )
    alt = f"{scene.kind} of the unthresholded {first} map with opacity by |z|."
    yield "faded", Drawing(_file(result, "faded"), alt, scene.note, canvas)
    for name, values in _maps(result).items():
        title = f"{_TITLES[name]}, unthresholded"
        canvas = partial(slices.draw_values, values, scene, title, name, is_signed=name != "F")
        alt = f"{scene.kind} of the unthresholded {name} map."
        yield f"{name} everywhere", Drawing(_file(result, name, "All"), alt, scene.note, canvas)
    for label, text, values in differences(result):
        title = f"Effect of {text}, in the units of the input, unthresholded"
        canvas = partial(slices.draw_values, values, scene, title, "effect", is_signed=True)
        alt = f"{scene.kind} of the unthresholded effect of {text}."
        name = _file(result, "effect", f"All{label[0].upper()}{label[1:]}")
        yield f"difference {label}", Drawing(name, alt, scene.note, canvas)


def differences(result: ContrastResult) -> list[tuple[str, str, FloatArray]]:
    """Return label, description and effect (n_points,) of each difference of a question within subjects."""
    question, effects = result.contrast.within, result.glm.effects
    if question is None or effects is None:
        return []
    return list(zip(question.labels, question.sums, effects, strict=True))


_TITLES = {
    "effect": "Effect, in the units of the input",
    "F": "F statistic",
    "t": "t statistic",
    "z": "z statistic",
}


def _maps(result: ContrastResult) -> dict[str, FloatArray]:
    """Return the maps of a result, (n_points,), the most informative first."""
    glm = result.glm
    maps = {"effect": glm.effect, "F": glm.f, "t": glm.t, "z": glm.z}
    return {name: values for name, values in maps.items() if values is not None}


def _draw_quality(result: ContrastResult) -> Drawings:
    """Draw numbers and a small picture of the map of each subject."""
    quality, outlying = result.quality, result.outlying
    if quality is None or outlying is None:
        return
    names = [f"sub-{subject}" for subject in result.contrast.subjects]
    found = criteria(quality, outlying, result.test)
    canvas = partial(draw_subjects, found, names, subtitle(result))
    alt = "A row of dots for each subject: " + ", ".join(each.name for each in found) + " of its map."
    yield "quality", Drawing(_file(result, "quality"), alt, "", canvas)
    flagged = np.asarray(outliers(found).any(axis=1))
    mosaic = mosaic_of(result.space, StandardSpace.of(result.contrast.entities))
    note = f"Each map as read, before any smoothing: {mosaic.kind}. {mosaic.sides}"
    for i, sheet in enumerate(sheets(quality, mosaic, names, flagged, subtitle(result)), start=1):
        alt = f"The map of each subject, sheet {i}: {mosaic.kind}."
        yield f"sheet {i}", Drawing(_file(result, f"subjects{i}"), alt, note, sheet)


def _draw_thresholds(result: ContrastResult, scene: Scene) -> Drawings:
    """Draw the highest TDP over the thresholds, and the TDP at each threshold with clusters if there are several."""
    conditions = {threshold: beyond(threshold, result.alternative) for threshold in result.clusters}
    title = f"{'TDP' if len(conditions) == 1 else 'Highest TDP'} of clusters with {', '.join(conditions.values())}"
    in_any = np.logical_or.reduce([result.labels(threshold) > 0 for threshold in conditions])
    canvas = partial(slices.draw_tdp, result.tdp(), in_any, scene, title)
    yield "tdp", _brain(_file(result, "tdp"), title, scene, canvas)
    for threshold, condition in conditions.items():
        if len(conditions) > 1 and result.clusters[threshold]:
            title = f"TDP of clusters with {condition}"
            canvas = partial(slices.draw_tdp, result.tdp(threshold), result.labels(threshold) > 0, scene, title)
            name = _file(result, "tdp", threshold_label(threshold))
            yield f"tdp above {threshold:g}", _brain(name, title, scene, canvas)


def _draw_surface(result: ContrastResult, scene: Scene) -> Drawings:
    """Draw the highest TDP over the thresholds on the cortex, if voxels can be projected and any TDP is above 0."""
    tdp = result.tdp()
    label = StandardSpace.of(result.contrast.entities)
    surface = surface_of(result.space, label, scene.subtitle, scene.per_unit) if tdp.any() else None
    if surface is not None:
        title = "Highest TDP of clusters, on the cortex"
        canvas = partial(slices.draw_tdp, tdp, tdp > 0, surface, title)
        yield "surface", _brain(_file(result, "tdp", "Surface"), title, surface, canvas)


def _draw_largest(result: ContrastResult, scene: Scene) -> Drawings:
    """Draw the largest clusters at each target TDP with their labels."""
    for tdp, clusters in result.largest.items():
        if clusters:
            title = f"Largest clusters with TDP at least {tdp:g}"
            canvas = partial(slices.draw_clusters, result.labels(tdp=tdp), scene, title)
            yield f"largest {tdp:g}", _brain(_file(result, "clusters", tdp_label(tdp)), title, scene, canvas)


def _draw_highest(result: ContrastResult, scene: Scene) -> Drawings:
    """Draw the highest TDP of all supra-threshold clusters that contain a point."""
    highest = result.forest.highest_tdp()
    title = f"Highest TDP of all supra-threshold clusters that contain a {result.space.unit}"
    canvas = partial(slices.draw_tdp, highest, highest > 0, scene, title, least=LEAST_HIGHEST)
    yield "highest", _brain(_file(result, "tdp", "All"), title, scene, canvas)


def _draw_atlas(result: ContrastResult, scene: Scene) -> Drawings:
    """Draw the TDP of the parcels of the atlas."""
    if result.atlas is None:
        return
    tdp = result.region_tdp(result.atlas)
    if tdp.any():
        title = f"TDP of parcels: {region_set_title(result.atlas, result)}"
        canvas = partial(slices.draw_tdp, tdp, tdp > 0, scene, title)
        yield "atlas", _brain(f"figures/{region_stem(result, result.atlas)}_tdp", title, scene, canvas)


def _peaks(result: ContrastResult) -> Points:
    """Return what slices should show, the most important first: peaks of clusters, and then their strongest points.

    Those of clusters with TDP 0 come after all others.
    """
    clusters = next(iter(result.clusters.values()))
    found: list[Points] = []
    for are_active in (True, False):
        part = sorted((each for each in clusters if bool(each.tdn) == are_active), key=lambda cluster: -cluster.tdn)
        if part:
            points = np.concatenate([cluster.points for cluster in part])
            found += [
                np.array([cluster.peak for cluster in part]),
                points[np.argsort(-result.extremeness[points], kind="stable")],
            ]
    return np.concatenate(found) if found else np.array([int(result.extremeness.argmax())])


def _brain(name: str, title: str, scene: Scene, canvas: Callable[[], Canvas]) -> Drawing:
    return Drawing(name, f"{scene.kind}: {title}.", scene.note, canvas)


def _file(result: ContrastResult, suffix: str, formed: str = "") -> str:
    return f"figures/{stem(result, desc=result.desc + formed)}_{suffix}"
