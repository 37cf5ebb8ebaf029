"""Writable folders for caches, where nearly nothing can be written."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bids_ari import caches as room
from bids_ari.caches import VARIABLES, caches
from bids_ari.errors import OutputError

Forbid = Callable[[Path], None]


@pytest.fixture
def only_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forbid:
    """Let nothing be writable but one folder: no home, no system folder for temporary files."""

    def forbid(folder: Path) -> None:
        monkeypatch.setattr(room, "is_writable", lambda place: place.is_relative_to(folder))
        monkeypatch.setattr(room, "_temporary", lambda: None)

    for name in (*VARIABLES, "TMPDIR", "HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return forbid


def test_nothing_changes_where_all_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, str(tmp_path / name))
    before = dict(os.environ)
    with caches(None, tmp_path / "out"):
        assert dict(os.environ) == before
    assert not (tmp_path / "out").exists()


def test_the_output_serves_where_nothing_else_can_be_written(tmp_path: Path, only_writable: Forbid) -> None:
    out = tmp_path / "results"
    only_writable(out)
    with caches(None, out):
        inside = [Path(os.environ[name]) for name in (*VARIABLES, "TMPDIR")]
        assert all(folder.is_dir() and folder.is_relative_to(out) for folder in inside)
        assert Path(tempfile.mkdtemp()).is_relative_to(out)
    assert not out.exists()
    assert not any(name in os.environ for name in (*VARIABLES, "TMPDIR"))


def test_an_output_in_which_something_was_written_stays(tmp_path: Path, only_writable: Forbid) -> None:
    out = tmp_path / "results"
    only_writable(out)
    with caches(None, out):
        (out / "index.html").touch()
    assert [path.name for path in out.iterdir()] == ["index.html"]


def test_a_work_folder_takes_all_and_is_kept(tmp_path: Path) -> None:
    work = tmp_path / "new" / "work"
    with caches(work, tmp_path / "out"):
        assert {Path(os.environ[name]).parent for name in VARIABLES} == {work}
        assert os.environ["TMPDIR"] == str(work)
    assert work.is_dir()


def test_a_work_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="work folder"), caches(tmp_path / "file" / "work", None):
        pass


def test_a_cache_that_the_environment_names_but_nobody_can_write_is_moved(
    tmp_path: Path, only_writable: Forbid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image of a read-only container names folders in /tmp."""
    only_writable(tmp_path / "out")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/nowhere/numba")
    with caches(None, tmp_path / "out"):
        assert Path(os.environ["NUMBA_CACHE_DIR"]).is_relative_to(tmp_path / "out")
    assert os.environ["NUMBA_CACHE_DIR"] == "/nowhere/numba"


@pytest.mark.parametrize(
    ("exists", "place", "writable"), [(True, "", True), (False, "a/b", True), (True, "file", False)]
)
def test_what_can_be_written(tmp_path: Path, exists: bool, place: str, writable: bool) -> None:
    (tmp_path / "file").touch()
    assert room.is_writable(tmp_path / place) is writable
    assert (tmp_path / place).exists() is exists
