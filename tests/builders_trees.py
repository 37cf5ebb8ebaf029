"""Trees of empty files, and walks over them."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bids_ari.bids.tree import Folder, Walk

MAP = "sub-01_contrast-a_stat-effect_statmap.nii.gz"


def place(*paths: Path) -> None:
    """Make empty files and the folders that hold them."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def walked(top: Path, *tops: Path) -> list[Folder]:
    """The folders of a walk, in order of names."""
    return sorted(Walk([top, *tops]).folders(top), key=lambda folder: folder.name)


def maps(folders: Iterable[Folder]) -> list[str]:
    """The maps in folders, by their paths below the top."""
    return [f"{folder.name}/{name}".lstrip("/") for folder in folders for name in folder.maps]


def refuse(monkeypatch: pytest.MonkeyPatch, folder: Path, number: int) -> None:
    """Let a look into one folder end with an error of the system: a test that runs as root may read everything."""
    look = {name: getattr(os, name) for name in ("scandir", "listdir")}

    def refusing(name: str) -> Any:
        def function(path: Any) -> Any:
            if Path(path) == folder:
                raise OSError(number, os.strerror(number), str(path))
            return look[name](path)

        return function

    for name in look:
        monkeypatch.setattr(os, name, refusing(name))
