"""Copies of the maps of a subject in two contrasts."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from builders import brain, map_path, touch_maps, write_map
from builders_hemispheres import touch_surfaces

from bids_ari.bids.discover import discover


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three subjects with two sessions."""
    rng = np.random.default_rng(1)
    for subject in ("01", "02", "03"):
        for session in ("1", "2"):
            write_map(tmp_path, subject, brain(rng), session=session)
    return tmp_path


def copied(root: Path, *subjects: str) -> list[Path]:
    """Copy the maps of the first session of subjects to the second; return these."""
    pairs = [[map_path(root, subject, session=session) for session in ("1", "2")] for subject in subjects]
    return [Path(shutil.copy(one, other)) for one, other in pairs]


def notes(root: Path) -> list[str]:
    return [note for each in discover(root, by="session") for note in each.notes]


def test_other_maps_are_no_copies(root: Path) -> None:
    assert notes(root) == []


def test_a_session_that_is_a_copy_of_another_is_noted_in_both(root: Path) -> None:
    copied(root, "01", "02", "03")
    first, second = discover(root, by="session")
    assert first.notes == (f"Copies of the maps of {second.name}: sub-01-03. Check the files",)
    assert second.notes == (f"Copies of the maps of {first.name}: sub-01-03. Check the files",)


def test_one_subject_and_links(root: Path) -> None:
    (path,) = copied(root, "02")
    path.unlink()
    path.symlink_to(map_path(root, "02", session="1"))
    assert [note.rpartition("sub-")[2] for note in notes(root)] == ["02. Check the files"] * 2


def test_files_of_the_same_size_with_other_content(root: Path) -> None:
    """Also where they differ in the last byte only."""
    (path,) = copied(root, "01")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert notes(root) == []


def test_files_without_content_or_that_are_not_there(root: Path) -> None:
    for session in ("1", "2"):
        touch_maps(root, "04", session=session)
        path = map_path(root, "05", session=session)
        path.parent.mkdir(parents=True)
        path.symlink_to(root / "gone.nii.gz")
    assert notes(root) == []


def test_the_right_hemisphere_counts(tmp_path: Path) -> None:
    for session in ("1", "2"):
        for side, paths in touch_surfaces(tmp_path, "01", "02", session=session).items():
            for path in paths:
                same = side == "R" and path.name.startswith("sub-02")
                path.write_text("x" if same else path.name)
    assert [note.rpartition("sub-")[2] for note in notes(tmp_path)] == ["02. Check the files"] * 2
