"""Familywise errors in saved results: kept to the bit, absent of earlier versions, refused where impossible."""

from collections.abc import Callable

import numpy as np
import pytest
from builders_archive import RESULTS, Arrays, changed, opened

from bids_ari.errors import DataError
from bids_ari.outputs import archive
from bids_ari.outputs.archive_familywise import familywise_of

NAMES = ("fwe_count", "smallest_p", "extent_thresholds", "largest_extents")


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of 64 sign flips, or all that there are."""
    return archive.pack(RESULTS["learned"](tmp_path_factory.mktemp("familywise")))


def test_the_arrays_are_those_of_the_permutations(content: bytes) -> None:
    result, arrays = archive.unpack(content, "x_forest.npz"), opened(content)[1]
    assert result.familywise is not None
    assert result.calibrated is not None
    assert arrays["smallest_p"].shape == arrays["lambdas"].shape == (result.calibrated.n_permutations,)
    assert arrays["largest_extents"].shape == (result.calibrated.n_permutations, len(result.options.threshold))
    np.testing.assert_array_equal(result.familywise.counts, arrays["fwe_count"])
    assert result.familywise.thresholds == result.options.threshold


def test_a_file_without_them_is_a_result_without_them(content: bytes) -> None:
    """As an earlier version wrote it."""

    def earlier(_: object, arrays: Arrays) -> None:
        for name in NAMES:
            del arrays[name]

    result = archive.unpack(changed(content, earlier), "x_forest.npz")
    assert result.familywise is None
    assert "p_fwe_peak" not in result.table()
    assert not result.has("p_fwe")
    assert familywise_of({}) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda arrays: arrays.pop("smallest_p"), "there is no array smallest_p"),
        (lambda arrays: arrays.update(fwe_count=arrays["fwe_count"] + 1), "above the number of permutations"),
        (lambda arrays: arrays.update(fwe_count=arrays["fwe_count"] * 0), "fwe_count has values outside"),
        (lambda arrays: arrays.update(extent_thresholds=arrays["extent_thresholds"] * 0), "holds a threshold twice"),
        (lambda arrays: arrays.update(largest_extents=arrays["largest_extents"][:, :1]), "largest_extents"),
    ],
    ids=["missing", "many", "none", "twice", "short"],
)
def test_impossible_arrays_are_refused(content: bytes, change: Callable[[Arrays], object], words: str) -> None:
    damaged = changed(content, lambda _, arrays: change(arrays))
    with pytest.raises(DataError, match=words):
        archive.unpack(damaged, "x_forest.npz")
