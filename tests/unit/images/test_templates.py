"""TemplateFlow by name: which file is used, and what is reported if there is none."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bids_ari.errors import InputNotFoundError, NoMatchError, UsageError
from bids_ari.images.space import Grid
from bids_ari.images.templates import template_atlas, template_mask

GRID = Grid((9, 9, 9), np.diag([2.2, 2, 2, 1]))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which a client of TemplateFlow without network returns files."""

    def ls(_: str, suffix: str, extension: str = "", **query: Any) -> list[Path]:
        words = [f"{key}-{value}" for key, value in query.items() if key in ("atlas", "desc")]
        words += [f"res-{query['resolution']}"] if "resolution" in query else []
        end = f"_{suffix}{extension}"
        names = sorted(path for path in tmp_path.iterdir() if end in path.name)
        return [path for path in names if all(word in path.name for word in words)]

    def get(space: str, raise_empty: bool, **query: Any) -> list[Path]:
        found = ls(space, **query)
        if any(path.stat().st_size == 0 for path in found):
            raise ConnectionError("no network")
        return found

    client = ModuleType("templateflow")
    client.api = ModuleType("api")  # type: ignore[attr-defined]
    client.api.ls, client.api.get, client.api.templates = ls, get, lambda: ["A", "B"]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "templateflow", client)
    return tmp_path


def add(home: Path, *names: str, content: str = "here") -> None:
    for name in names:
        (home / name).write_text(content)


MASK = "tpl-A_res-0{}_desc-brain_mask.nii.gz"


def test_the_resolution_is_the_nearest(home: Path) -> None:
    add(home, MASK.format(1), MASK.format(2), MASK.format(4))
    assert template_mask("A", GRID) == home / MASK.format(2)


def test_a_file_on_this_machine_is_preferred(home: Path) -> None:
    add(home, MASK.format(1))
    add(home, MASK.format(2), content="")  # listed, and not fetched yet
    assert template_mask("A", GRID) == home / MASK.format(1)


def test_a_file_that_cannot_be_fetched(home: Path) -> None:
    add(home, MASK.format(2), content="")
    with pytest.raises(InputNotFoundError, match="could not be fetched: ConnectionError"):
        template_mask("A", GRID)


def test_an_atlas_and_its_table(home: Path) -> None:
    name = "tpl-A_res-02_atlas-{}_desc-7_dseg"
    add(home, name.format("X") + ".nii.gz", name.format("X") + ".tsv", name.format("Y") + ".nii.gz")
    assert template_atlas("X:7", "A", GRID) == (home / f"{name.format('X')}.nii.gz", home / f"{name.format('X')}.tsv")
    assert template_atlas("Y", "A", GRID) == (home / f"{name.format('Y')}.nii.gz", None)
    with pytest.raises(NoMatchError, match="does not have the atlas X:8") as caught:
        template_atlas("X:8", "A", GRID)
    assert f"{name.format('Y')}.nii.gz" in caught.value.expected


def test_maps_without_a_space() -> None:
    for function in (lambda: template_mask(None, GRID), lambda: template_atlas("X", None, GRID)):
        with pytest.raises(UsageError, match="have no space"):
            function()
