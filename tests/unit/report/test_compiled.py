"""Compiled templates are used again, only for the source that they were compiled from, and are never an error."""

from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from bids_ari.report.compiled import CompiledTemplates

NAME = "page.html"


def render(folder: Path, source: str) -> str:
    """Render a template as a new process would."""
    environment = Environment(loader=DictLoader({NAME: source}), bytecode_cache=CompiledTemplates(folder))
    return environment.get_template(NAME).render(n=3)


def test_code_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "new" / "folder"
    assert render(folder, "{{ n }} subjects") == "3 subjects"
    (file,) = folder.iterdir()
    monkeypatch.setattr(Environment, "compile", None)
    assert render(folder, "{{ n }} subjects") == "3 subjects"
    assert [*folder.iterdir()] == [file]


def test_another_source_is_compiled(tmp_path: Path) -> None:
    assert render(tmp_path, "{{ n }} subjects") == "3 subjects"
    assert render(tmp_path, "{{ n }} maps") == "3 maps"


@pytest.mark.parametrize("content", [b"", b"nothing", None])
def test_damaged_code_is_replaced(tmp_path: Path, content: bytes | None) -> None:
    assert render(tmp_path, "{{ n }} subjects") == "3 subjects"
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert render(tmp_path, "{{ n }} subjects") == "3 subjects"
    assert file.read_bytes() == whole


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert render(tmp_path / "file" / "folder", "{{ n }} subjects") == "3 subjects"
