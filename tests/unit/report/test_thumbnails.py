"""Pictures of results in records."""

import base64
from typing import Any

import pytest
from reported import analysed

from bids_ari.report.thumbnails import NAME, Thumbnail, meanings_of, style_of, thumbnail_note, thumbnail_of


def test_a_picture_comes_back_from_a_record() -> None:
    note = thumbnail_note(analysed(3.0)[0])
    found = thumbnail_of(note)
    assert found is not None
    assert base64.b64decode(found.uri.partition(",")[2]).startswith(b"\x89PNG")
    assert style_of([found, found]).count("url(data:image/png;base64,") == 1
    (text,) = meanings_of([found, found])
    assert text.startswith("in a glass brain")


def test_pictures_of_the_same_points_share_the_ground() -> None:
    one, two = (Thumbnail("cortex", png, ground) for png, ground in (("AAAA", "CCCC"), ("BBBB", "CCCC")))
    other = Thumbnail("cortex", "AAAA", "DDDD")
    assert one.layer == two.layer != other.layer
    assert style_of([one, two, other]).count("url(") == 2


@pytest.mark.parametrize(
    "noted",
    [
        None,
        "x",
        {},
        {"Kind": "glass"},
        {"Kind": "hologram", "Clusters": "A" * 100},
        {"Kind": ["glass"], "Clusters": "A" * 100},
        {"Kind": "glass", "Clusters": 3},
        {"Kind": "glass", "Clusters": 'A" onload="alert(1)' + "A" * 100},
        {"Kind": "glass", "Clusters": "A" * 100_000},
        {"Kind": "cortex", "Clusters": "A" * 100, "Ground": "x); }"},
    ],
)
def test_a_damaged_picture_is_not_shown(noted: Any) -> None:
    assert thumbnail_of({NAME: noted}) is None
