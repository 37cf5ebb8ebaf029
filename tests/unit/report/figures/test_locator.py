"""Where the lines of locators lie, and what they show, computed from the box of the voxels by hand."""

import numpy as np
import pytest

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.figures.locator import HEIGHT, WIDTH, locators_of
from bids_ari.report.figures.slice_cells import Plane, Row
from bids_ari.report.figures.underlay import Template

MARGIN = 4
AXIAL = Plane("axial", 2, 0, 1, "LR")
CORONAL = Plane("coronal", 1, 0, 2, "LR")
SAGITTAL = Plane("sagittal", 0, 1, 2, "PA")
GRID = Grid((10, 10, 10), np.diag([2.0, 2, 2, 1]))  # centres of voxels from 0 to 18 mm


def all_voxels() -> VolumeSpace:
    return VolumeSpace(GRID, np.ones(GRID.shape, dtype=bool))


def test_a_line_lies_at_the_place_of_its_slice() -> None:
    """A cube of 18 mm is as high as fits: 76 units; so 9 mm are in the middle, 0 and 18 mm at the margins."""
    (found,) = locators_of([Row(AXIAL, (0.0, 9.0, 18.0))], all_voxels(), None, 1.0)
    assert found.grey.shape == (HEIGHT, HEIGHT)
    assert found.rows == pytest.approx((HEIGHT - MARGIN, HEIGHT / 2, MARGIN))
    assert found.columns == ()


def test_coronal_slices_are_vertical_lines_beside_axial_ones() -> None:
    rows = [Row(AXIAL, (18.0,)), Row(CORONAL, (0.0, 4.5)), Row(CORONAL, (18.0,))]
    (found,) = locators_of(rows, all_voxels(), None, 1.0)
    assert found.rows == pytest.approx((MARGIN,))
    assert found.columns == pytest.approx((MARGIN, MARGIN + 76 / 4, MARGIN + 76))


def test_sagittal_slices_have_a_locator_of_their_own() -> None:
    axial, sagittal = Row(AXIAL, (9.0,)), Row(SAGITTAL, (0.0, 9.0))
    (alone,) = locators_of([sagittal], all_voxels(), None, 1.0)
    assert (alone.columns, alone.rows) == (pytest.approx((MARGIN, HEIGHT / 2)), ())
    both = locators_of([sagittal, axial], all_voxels(), None, 1.0)
    assert [(len(each.columns), len(each.rows)) for each in both] == [(0, 1), (2, 0)]
    assert locators_of([], all_voxels(), None, 1.0) == ()


def test_slices_outside_of_the_brain_have_no_line() -> None:
    (found,) = locators_of([Row(AXIAL, (-0.5, 9.0, 18.5))], all_voxels(), None, 1.0)
    assert len(found.rows) == 1


def test_a_wide_brain_is_as_wide_as_fits() -> None:
    """36 mm along y and 18 along z: 84 and 42 units."""
    grid = Grid((10, 19, 10), GRID.affine)
    (found,) = locators_of([Row(AXIAL, (9.0,))], VolumeSpace(grid, np.ones(grid.shape, dtype=bool)), None, 2.0)
    assert found.grey.shape == (2 * (42 + 2 * MARGIN), 2 * WIDTH)  # two pixels of a unit
    assert found.rows == pytest.approx((MARGIN + 21,))  # in units


def test_voxels_are_grey_with_y_to_the_right_and_z_up() -> None:
    """None at the top right of a sagittal view, and none of the left half of a coronal one at the top."""
    inside = np.ones(GRID.shape, dtype=bool)
    inside[:, 5:, 5:] = False
    (sagittal,) = locators_of([Row(AXIAL, (9.0,))], VolumeSpace(GRID, inside), None, 1.0)
    low, high = 20, 64
    assert [sagittal.grey[row, column] == 255 for row in (low, high) for column in (low, high)] == [
        *(False, True),
        *(False, False),
    ]
    inside = np.ones(GRID.shape, dtype=bool)
    inside[:5, :, 5:] = False
    (coronal,) = locators_of([Row(SAGITTAL, (9.0,))], VolumeSpace(GRID, inside), None, 1.0)
    assert [coronal.grey[row, column] == 255 for row in (low, high) for column in (low, high)] == [
        *(True, False),
        *(False, False),
    ]


def test_a_template_is_shown_instead_of_voxels() -> None:
    """Its box has the lines; it is paler where it is brighter."""
    values = np.zeros((20, 20, 20), dtype=np.uint8)
    values[5:15, 5:10, 5:15], values[5:15, 10:15, 5:15] = 100, 255
    grid = Grid(values.shape, np.diag([2.0, 2, 2, 1]))
    template = Template(values, grid, np.array([[10.0, 10, 10], [28, 28, 28]]))
    (found,) = locators_of([Row(AXIAL, (19.0,))], all_voxels(), template, 1.0)
    assert found.rows == pytest.approx((HEIGHT / 2,))
    dark, bright = (int(found.grey[HEIGHT // 2, column]) for column in (20, 64))
    assert dark < bright
    assert dark == pytest.approx(255 * (0.6 + 0.4 * 100 / 255), abs=4)  # greys are 8 apart
    assert bright == 255
