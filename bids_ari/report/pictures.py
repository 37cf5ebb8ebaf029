"""Which pictures a report has, and how they are named."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bids_ari import outputs
from bids_ari.report import figures
from bids_ari.report.design_picture import draw_design
from bids_ari.report.render import above, data_uri
from bids_ari.report.scene import Scene, make_scene
from bids_ari.report.words import title_of
from bids_ari.results import ContrastResult, gamma_label, threshold_label


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


def draw(result: ContrastResult) -> Iterator[tuple[str, Picture]]:
    """Draw the pictures of a result, none where there is nothing to see but in the first two.

    Yields what each shows and the picture: ``z``, ``tdp``, ``tdp above 3``, ..., ``largest 0.7``, ..., ``highest``,
    ``atlas``, and ``design``.
    """
    scene = make_scene(result.mask, result.contrast.entities.get("space"), _heights_to_see(result))
    png = figures.draw_z(result.glm.z, result.alternative, scene)
    name = _figure_name(result, "z", desc=result.desc)
    yield "z", Picture(name, "Axial slices of the z map, where p < .001 uncorrected.", scene.underlay, png)
    if result.design is not None and len(result.design.columns) > 1:
        alt = f"Design matrix: {len(result.design.subjects)} subjects by {len(result.design.columns)} columns."
        name = f"figures/{result.contrast.entities}_design.png"
        yield "design", Picture(name, alt, "", draw_design(result.design))
    yield from _draw_thresholds(result, scene)
    yield from _draw_largest(result, scene)
    if result.bound.whole:
        yield from _draw_highest(result, scene)
        yield from _draw_atlas(result, scene)


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
            name = _figure_name(result, "tdp", desc=result.desc + threshold_label(threshold))
            yield f"tdp above {threshold:g}", Picture(name, f"Axial slices: {title}.", scene.underlay, png)


def _draw_largest(result: ContrastResult, scene: Scene) -> Iterator[tuple[str, Picture]]:
    """Draw the largest clusters that reach each wanted TDP, by their numbers."""
    for gamma, clusters in result.largest.items():
        if clusters:
            title = f"Largest clusters with TDP at least {gamma:g}"
            png = figures.draw_clusters(result.labels(tdp=gamma), scene, title)
            name = _figure_name(result, "clusters", desc=result.desc + gamma_label(gamma))
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
    tdp = np.asarray(result.region_image(result.atlas).dataobj)[result.mask.inside]
    if tdp.any():
        title = f"TDP of parcels: {title_of(result.atlas, result)}"
        png = figures.draw_tdp(tdp, tdp > 0, scene, title)
        name = _figure_name(result, "tdp", desc=result.desc, atlas=result.atlas.name)
        yield "atlas", Picture(name, f"Axial slices: {title}.", scene.underlay, png)


def _heights_to_see(result: ContrastResult) -> np.ndarray:
    """Give the z in mm of the peaks of the largest clusters, or of the most extreme voxel if there is none."""
    clusters = next(iter(result.clusters.values()))
    peaks = [cluster.peak for cluster in clusters] or [int(result.extremeness.argmax())]
    return result.mask.grid.millimetres(result.mask.indices[peaks])[:, 2]


def _figure_name(result: ContrastResult, what: str, **labels: str) -> str:
    return f"figures/{outputs.stem(result, **labels)}_{what}.png"
