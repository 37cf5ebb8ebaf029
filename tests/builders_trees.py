"""Trees of empty files, and walks over them."""

import os
from pathlib import Path
from typing import Any

import pytest

from bids_ari.bids.listings import Listings
from bids_ari.bids.tree import Folder, Walk

MAP = "sub-01_contrast-a_stat-effect_statmap.nii.gz"


def place(*paths: Path) -> None:
    """Make empty files and the folders that they lie in."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def walked(top: Path, database_dir: Path | None = None) -> list[Folder]:
    """What a walk comes to, in order of names."""
    listings = Listings(top, database_dir)
    folders = sorted(Walk([top]).folders(top, listings))
    listings.save()
    return folders


def maps(folders: list[Folder]) -> list[str]:
    """The maps in folders, by their paths below the top."""
    return [f"{folder.name}/{name}".lstrip("/") for folder in folders for name in folder.listing.maps]


def refuse(monkeypatch: pytest.MonkeyPatch, folder: Path, number: int) -> None:
    """Let a look into one folder end with an error of the system: a test that runs as root may read everything."""
    look = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path) == folder:
            raise OSError(number, os.strerror(number), str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
