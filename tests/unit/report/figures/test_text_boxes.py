"""No two texts of a picture overlap, and none is cut: of every kind of picture, also with inputs that leave no room."""

from collections.abc import Iterator

import numpy as np
import pytest
from builders_scenes import HEAD, check_texts, scene_of_head
from reported import analysed, analysed_surfaces, by_methods

from bids_ari.analysis.outliers import Criterion
from bids_ari.design.design import Design
from bids_ari.images.mosaic import Mosaic, Part
from bids_ari.images.quality import Quality
from bids_ari.report.figures import slices
from bids_ari.report.figures.canvas import drawn
from bids_ari.report.figures.design import draw_design
from bids_ari.report.figures.draw import drawings
from bids_ari.report.figures.glass_brain import draw_glass_brain
from bids_ari.report.figures.quality import sheets
from bids_ari.report.figures.subject_dots import draw_subjects

ENTITIES = "_".join(
    f"{key}-{i}ThisIsAVeryLongLabel" for i, key in enumerate(("task", "acq", "run", "space", "contrast"))
)
VIEWS = [("axial",), ("mosaic",), ("surface",), ("surface", "coronal"), ("z:-12,0,8", "x:4"), ("sagittal",)]


def results() -> Iterator[tuple[str, object]]:
    yield "greater", lambda: analysed(3.0)[0]
    yield "two-sided", lambda: analysed(3.0)[1]
    yield "nothing", lambda: analysed(0.0)[0]
    yield "permutation", lambda: by_methods()[1]
    yield "meshes", lambda: analysed_surfaces(cifti=False)
    yield "grayordinates", lambda: analysed_surfaces(cifti=True)


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in results()])
def test_all_pictures_of_a_result(make: object) -> None:
    for _, each in drawings(make()):  # type: ignore[operator]
        check_texts(each.draw())


@pytest.mark.parametrize("views", VIEWS, ids="+".join)
@pytest.mark.parametrize("scale", [1.2e-5, 1.0, 12345.6, 2.5e8])
def test_any_view_and_any_units(views: tuple[str, ...], scale: float) -> None:
    """Values from -3 to 3 times the scale, one in 5,000 far beyond."""
    scene = scene_of_head(views)
    values = scale * np.linspace(-3, 3, HEAD.n_points)
    values[:1] *= 1000
    check_texts(
        slices.draw_values(values, scene, "Effect, in the units of the input", "effect", z=values, outlined=values > 2)
    )
    check_texts(slices.draw_values(np.abs(values), scene, "F", "F", is_signed=False))


@pytest.mark.parametrize("views", VIEWS, ids="+".join)
@pytest.mark.parametrize("n", [1, 2, 8, 300])
def test_any_number_of_clusters(views: tuple[str, ...], n: int) -> None:
    scene = scene_of_head(views)
    check_texts(slices.draw_clusters(1 + np.arange(HEAD.n_points) * n // HEAD.n_points, scene, "Clusters"))
    check_texts(slices.draw_clusters(1 + np.arange(HEAD.n_points) % n, scene, "Clusters"))


@pytest.mark.parametrize("z", [0.0, 3.2, 8.0, 38.0, np.inf])
def test_any_z(z: float) -> None:
    scene, values = scene_of_head(("axial",)), np.where(np.arange(HEAD.n_points) % 2, z, -z)
    for alternative in ("greater", "less", "two-sided"):
        check_texts(slices.draw_z(values, alternative, scene))  # type: ignore[arg-type]
    for is_signed in (True, False):
        check_texts(draw_glass_brain(values, HEAD, "faces, mean, greater, 30 subjects", is_signed=is_signed))


@pytest.mark.parametrize(
    ("title", "subtitle"),
    [("Short", ""), ("TDP of parcels: " + ENTITIES, f"{ENTITIES}_desc-{ENTITIES[:60]}, mean, greater, 30 subjects")],
)
def test_titles_are_whole(title: str, subtitle: str) -> None:
    """Of the lines, only spaces at their ends are missing."""
    canvas = drawn((1152, 690), title, subtitle, lambda _: None)
    if title:
        check_texts(canvas)
    found = "".join(each.text for each in canvas.texts()).replace(" ", "")
    assert found == (title + subtitle).replace(" ", "")
    assert max(each.box.bottom for each in canvas.texts()) <= 64


@pytest.mark.parametrize("n", [3, 30, 100])
def test_any_number_of_subjects(n: int) -> None:
    """A third of them are marked: neighbours, with nearly the same value."""
    names = [f"sub-{i:03}Site{'Northern' * (i % 3)}" for i in range(n)]
    far = np.arange(n) < max(n // 3, 2)
    kinds = ("correlation", "mean", "standard deviation", "overlap", "residual", "influence")
    for scale in (1e-5, 1.0, -1e9):
        values = scale * np.where(far, 1 + 1e-3 * np.arange(n), 0.0)
        check_texts(
            draw_subjects([Criterion(kind, values, far, (-abs(scale), abs(scale))) for kind in kinds], names, ENTITIES)
        )
    thumbnails = np.full((n, 30, 40), 127, dtype=np.int8)
    quality = Quality(100, np.zeros(n, np.int32), np.zeros(n, np.int32), np.ones(n), thumbnails, np.full(n, 1.2e-5))
    parts = (Part(20, "P", "A"), Part(10, "L", "R"), Part(10, "L", "R"))
    for draw in sheets(
        quality, Mosaic(np.full((30, 40), -1, dtype=np.int32), parts, "slices", ""), names, far, ENTITIES
    ):
        check_texts(draw())


@pytest.mark.parametrize("n_subjects", [14, 30, 100])
@pytest.mark.parametrize("n_columns", [1, 2, 5, 12])
def test_any_design(n_subjects: int, n_columns: int) -> None:
    random = np.random.default_rng(1).normal(size=(n_subjects, n_columns - 1))
    columns = tuple(f"center({ENTITIES[5 * i :][:30]})" for i in range(n_columns))
    subjects = tuple(f"{i:03}SiteNorthern" for i in range(n_subjects))
    check_texts(draw_design(Design(subjects, np.column_stack([np.ones(n_subjects), random]), columns, {}), ENTITIES))
