"""Questions within subjects in saved results: kept, and refused where weights, levels and arrays do not agree."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from builders_archive import RESULTS, Arrays, changed, opened

from bids_ari.errors import DataError
from bids_ari.outputs import archive


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return archive.pack(RESULTS["within"](tmp_path_factory.mktemp("within")))


def test_the_question_is_kept(content: bytes) -> None:
    about, arrays = opened(content)
    result = archive.unpack(content, "x_forest.npz")
    assert result.contrast.within is not None
    assert result.contrast.within.levels == ("ses-a", "ses-b", "ses-c")
    assert result.contrast.members[0].rows == ((-1, 1, 0), (-1, 0, 1))
    assert result.design is not None
    assert result.design.n_differences == 2
    assert (result.glm.n_rows, result.dof, about["n_rows"]) == (2, 5, 2)
    assert arrays["effects"].shape == (2, result.space.n_points)
    np.testing.assert_array_equal(result.glm.effects, arrays["effects"])


def rows(about: dict[str, Any], value: object) -> None:
    about["contrast"]["within"]["rows"] = value


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda about, _: rows(about, [[1.0, -1.0], [0.0, 1.0]]), "do not fit the levels"),
        (lambda about, _: rows(about, [[0.0, 0.0, 0.0], [0.0, 1.0, -1.0]]), "do not fit the levels"),
        (lambda about, _: rows(about, []), "do not fit the levels"),
        (lambda about, _: about["contrast"]["within"].update(levels=[], rows=[[], []]), "do not fit the levels"),
        (lambda about, _: rows(about, [[1.0, -1.0, 0.0]]), "do not fit the maps"),
        (lambda about, _: about["contrast"]["members"][3]["rows"].pop(), "do not fit the maps"),
        (lambda about, _: about["contrast"]["members"][3]["rows"][0].pop(), "do not fit the maps"),
        (lambda _, arrays: arrays.update(effects=arrays["effects"][:1]), "the array effects is"),
        (lambda about, _: about.update(n_rows=0), "lacks F"),
    ],
    ids=["short", "zero", "none", "no levels", "one row", "row of a map", "weight of a map", "effects", "n_rows"],
)
def test_what_does_not_agree_is_refused(
    content: bytes, change: Callable[[dict[str, Any], Arrays], object], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        archive.unpack(changed(content, change), "x_forest.npz")
