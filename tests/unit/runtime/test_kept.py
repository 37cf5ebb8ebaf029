"""Files that are made once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bids_ari.runtime.kept import kept


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for compiled code that does not exist yet."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "compiled"))
    return tmp_path / "compiled"


@pytest.fixture
def make() -> Callable[[], bytes]:
    """Return a function whose result tells how often it was called."""
    calls: list[None] = []

    def count() -> bytes:
        calls.append(None)
        return f"call {len(calls)}".encode()

    return count


def keep(make: Callable[[], bytes], source: Path = Path(__file__)) -> bytes:
    return kept("thing", "numpy", source, make)


def test_a_file_is_made_once(folder: Path, make: Callable[[], bytes]) -> None:
    assert [keep(make), keep(make)] == [b"call 1", b"call 1"]
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"call 1", b"x" * 40])
def test_a_damaged_file_is_made_again(folder: Path, make: Callable[[], bytes], content: bytes) -> None:
    keep(make)
    (file,) = folder.iterdir()
    file.write_bytes(content)
    assert [keep(make), keep(make)] == [b"call 2", b"call 2"]


def test_what_cannot_be_kept_is_made_each_time(folder: Path, make: Callable[[], bytes]) -> None:
    folder.write_text("a file, not a folder")
    assert [keep(make), keep(make)] == [b"call 1", b"call 2"]


def test_changed_source_makes_it_again(folder: Path, make: Callable[[], bytes], tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text("one")
    assert [keep(make, source), keep(make, source)] == [b"call 1", b"call 1"]
    source.write_text("other")
    assert keep(make, source) == b"call 2"
