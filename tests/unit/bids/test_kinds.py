"""Kinds of files of maps."""

import pytest

from bids_ari.bids.kinds import CONTENTS, KINDS, extension_of, kind_of


@pytest.mark.parametrize("extension", [*KINDS, *CONTENTS])
@pytest.mark.parametrize("stem", ["sub-01_statmap", "lh.con_0001", "S1.tfMRI_WM"])
def test_known_extensions_are_found_behind_any_dots(stem: str, extension: str) -> None:
    assert extension_of(stem + extension) == extension


def test_no_extension_is_a_map_and_something_else() -> None:
    assert not set(KINDS) & set(CONTENTS)
    assert {kind_of(extension) for extension in CONTENTS} == {None}


@pytest.mark.parametrize(("name", "extension"), [("a.b.mgz", ".mgz"), ("a", ""), ("a.", ".")])
def test_other_extensions_follow_the_last_dot(name: str, extension: str) -> None:
    assert extension_of(name) == extension
