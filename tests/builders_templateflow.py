"""A folder that stands for TemplateFlow, without network and without an index."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def offline_client(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client of TemplateFlow return files of a folder; empty ones are listed, and cannot be fetched."""
    names = {"resolution": "res", "density": "den", "segmentation": "seg"}

    def ls(template: str, suffix: str, extension: str = "", **query: Any) -> list[Path]:
        paths = (path for path in folder.rglob(f"tpl-{template}_*") if f"_{suffix}{extension}" in path.name)
        words = {f"_{names.get(key, key)}-": label for key, label in query.items()}
        return [path for path in paths if all(has(path.name, *pair) for pair in words.items())]

    def has(name: str, key: str, label: Any) -> bool:
        found = name.partition(key)[2].partition("_")[0]
        return found.lstrip("0") == str(label) if label is not None else not found

    def get(template: str, raise_empty: bool, **query: Any) -> list[Path]:
        found = ls(template, **query)
        if any(path.stat().st_size == 0 for path in found):
            raise ConnectionError("no network")
        return found

    client = ModuleType("templateflow")
    client.api = ModuleType("api")  # type: ignore[attr-defined]
    client.api.ls, client.api.get, client.api.templates = ls, get, lambda: ["A", "B"]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "templateflow", client)
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(folder / "new"))  # a folder with templates is read without the client


def add(home: Path, *names: str, content: str = "here") -> None:
    """Write files of a content."""
    for name in names:
        (home / name).parent.mkdir(exist_ok=True, parents=True)
        (home / name).write_text(content)
