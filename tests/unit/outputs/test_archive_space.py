"""The space of a saved result: that of arrays that contradict each other, or their text, is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders_labels import LEFT, RIGHT, THALAMUS, cortex, voxels
from builders_meshes import icosphere

from bids_ari.images.grayordinates import frame_of
from bids_ari.outputs.archive_space import FrameText, frame_text, space_arrays, space_of

Arrays = dict[str, Any]


@pytest.fixture
def saved() -> tuple[Arrays, FrameText]:
    """The arrays and the text of twelve vertices of each hemisphere and three voxels."""
    frame = frame_of(cortex(12) + voxels([(1, 1, 1), (1, 1, 2), (2, 1, 1)]))
    meshes = {name: icosphere(0, centre=(x, 0, 0)) for name, x in ((LEFT, -60), (RIGHT, 60))}
    space = frame.located(meshes).space(np.arange(27) != 5)
    text = frame_text(space)
    assert text is not None
    return space_arrays(space), text


def test_a_space_is_read_as_it_was(saved: tuple[Arrays, FrameText]) -> None:
    found = space_of(*saved, (0, 0))
    again = space_arrays(found)
    assert again.keys() == saved[0].keys()
    for name, array in saved[0].items():
        np.testing.assert_array_equal(again[name], array)
    assert frame_text(found) == saved[1]


def changed(name: str, at: Any, value: Any) -> Callable[[Arrays], Arrays]:
    """Return a function that changes a value of an array."""

    def change(arrays: Arrays) -> Arrays:
        array = arrays[name].copy()
        array[at] = value
        return arrays | {name: array}

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("structure", 0, 3), "a structure has no name"),
        (changed("structure", 0, 2), "has vertices and voxels"),
        (changed("vertex", 0, -1), "has vertices and voxels"),
        (changed("vertex", 0, 12), "is not on its mesh"),
        (changed("vertex", 0, 1), "is there twice"),
        (changed("vertex", -1, 1), "has vertices and voxels"),
        (changed("voxel", (-1, 0), 5), "a voxel is outside of its grid"),
        (changed("voxel", (-1, 0), -1), "a voxel is outside of its grid"),
        (changed("mesh_triangles", (0, 0), 12), "has a vertex that is not there"),
        (lambda arrays: arrays | {"mesh_coordinates": arrays["mesh_coordinates"][1:]}, "have other lengths"),
        (lambda arrays: arrays | {"mask": np.ones((3, 3, 3), dtype=bool)}, "a mask of three dimensions"),
        *(
            (lambda arrays, name=name: {key: each for key, each in arrays.items() if key != name}, "no array")
            for name in ("structure", "vertex", "voxel", "affine", "mesh_triangles")
        ),
    ],
)
def test_arrays_that_contradict_each_other(
    saved: tuple[Arrays, FrameText], change: Callable[[Arrays], Arrays], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        space_of(change(saved[0]), saved[1], (0, 0))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"structures": (LEFT, LEFT, THALAMUS)}, "two structures have one name"),
        ({"structures": (LEFT, RIGHT)}, "a structure has no name"),
        ({"structures": (LEFT, THALAMUS, RIGHT)}, "has vertices and voxels"),
        ({"meshes": ()}, "has vertices and voxels"),
        ({"is_cifti": False}, "GIFTI files have no voxels"),
        ({"volume_shape": None}, "voxels have no grid"),
        ({"volume_shape": (1, 5, 5)}, "a voxel is outside of its grid"),
    ],
)
def test_a_text_that_contradicts_the_arrays(
    saved: tuple[Arrays, FrameText], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        space_of(saved[0], replace(saved[1], **fields), (0, 0))
