"""A guess whether a dataset has several contrasts."""

from pathlib import Path

import pytest
from builders import touch_maps

from bids_ari.bids.glance import has_several_contrasts


@pytest.mark.parametrize(("contrasts", "expected"), [(("faces",), False), (("faces", "houses"), True), ((), False)])
@pytest.mark.parametrize("place", [".", "derivatives/fitlins", "node-subject"])
def test_contrasts_of_a_subject(tmp_path: Path, contrasts: tuple[str, ...], expected: bool, place: str) -> None:
    (tmp_path / place / "sub-00" / "anat").mkdir(parents=True)
    for contrast in contrasts:
        touch_maps(tmp_path / place, "01", "02", contrast=contrast)
    assert has_several_contrasts([tmp_path]) is expected


def test_several_statistics_are_one_contrast(tmp_path: Path) -> None:
    for stat in ("effect", "variance", "t"):
        touch_maps(tmp_path, "01", stat=stat)
    assert not has_several_contrasts([tmp_path, tmp_path / "absent"])
