"""Writable folders for caches, where nearly nothing can be written."""

import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bids_ari.errors import OutputError
from bids_ari.runtime import caches as room
from bids_ari.runtime.caches import BROUGHT, TEMPLATES, VARIABLES, caches, compiled_folder

Forbid = Callable[[Path], None]


@pytest.fixture
def only_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forbid:
    """Let nothing be writable but one folder: no home, no system folder for temporary files."""

    def forbid(folder: Path) -> None:
        monkeypatch.setattr(room, "is_writable", lambda place: place.is_relative_to(folder))
        monkeypatch.setattr(room, "temporary_folder", lambda: None)

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


def test_a_cache_of_the_environment_that_cannot_be_written_is_moved(
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
def test_is_writable(tmp_path: Path, exists: bool, place: str, writable: bool) -> None:
    (tmp_path / "file").touch()
    assert room.is_writable(tmp_path / place) is writable
    assert (tmp_path / place).exists() is exists


def refuse(path: Path) -> bool:
    """Path.exists, of what lies in a folder that this user may not look into."""
    raise PermissionError(13, "Permission denied", str(path))


def unknown(number: int) -> pwd.struct_passwd:
    """pwd.getpwuid, on a machine that does not know this user."""
    raise KeyError(number)


class TestNoHome:
    """pybids looks into the home when it is imported, and fails where it must not."""

    @pytest.mark.parametrize("out", ["out", None], ids=["a run", "a look"])
    @pytest.mark.parametrize("home", [None, "relative"])
    def test_root_is_the_home_meanwhile(
        self, home: str | None, out: str | None, tmp_path: Path, only_writable: Forbid, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        only_writable(tmp_path / "out")
        monkeypatch.setattr(pwd, "getpwuid", unknown)
        if home is not None:
            monkeypatch.setenv("HOME", home)
        with caches(None, out and tmp_path / out):
            assert os.environ["HOME"] == "/"
        assert os.environ.get("HOME") == home

    def test_a_home_that_cannot_be_read_is_none(
        self, tmp_path: Path, only_writable: Forbid, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        only_writable(tmp_path / "out")
        monkeypatch.setenv("HOME", "/root")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "exists", refuse)
            assert not room.has_home()
        assert room.has_home()


def test_a_home_that_cannot_be_written_stays(
    tmp_path: Path, only_writable: Forbid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold settings that are only read."""
    only_writable(tmp_path / "out")
    monkeypatch.setenv("HOME", "/nowhere")
    with caches(None, tmp_path / "out"):
        assert os.environ["HOME"] == "/nowhere"


@pytest.mark.parametrize(("work", "n_messages"), [(None, 1), ("out/work", 0)])
def test_compiled_code_that_is_not_kept_is_logged(
    work: str | None, n_messages: int, tmp_path: Path, only_writable: Forbid, caplog: pytest.LogCaptureFixture
) -> None:
    only_writable(tmp_path / "out")
    with caplog.at_level("INFO"), caches(work and tmp_path / work, tmp_path / "out"):
        assert sum("Compiled code" in line for line in caplog.messages) == n_messages


@pytest.mark.parametrize("there", [True, False])
def test_joblib_does_not_warn_where_processes_cannot_share_semaphores(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOBLIB_MULTIPROCESSING", raising=False)
    monkeypatch.setattr(room, "has_semaphores", lambda: there)
    with caches(None, tmp_path / "out"):
        assert os.environ.get("JOBLIB_MULTIPROCESSING") == (None if there else "0")


def test_a_folder_that_this_user_may_not_look_into_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", refuse)
    assert not room.is_writable(Path("/root/.config"))


class TestTheFolderForTemporaryFiles:
    """Without another, Python takes the working folder, which is no place for such files."""

    @pytest.fixture(autouse=True)
    def unset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TMPDIR", raising=False)

    def test_the_working_folder_is_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
        assert room.temporary_folder() is None
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        assert room.temporary_folder() == tmp_path

    def test_the_folder_of_the_system_is_one_even_if_a_command_is_called_there(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir("/tmp")
        monkeypatch.setattr(tempfile, "gettempdir", lambda: "/tmp")
        assert room.temporary_folder() == Path("/tmp")

    def test_without_any_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> str:
            raise FileNotFoundError(2, "No usable temporary directory found")

        monkeypatch.setattr(tempfile, "gettempdir", fail)
        assert room.temporary_folder() is None

    def test_a_working_folder_that_is_gone_does_no_harm(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
        monkeypatch.setattr(tempfile, "gettempdir", lambda: "/tmp")
        assert room.temporary_folder() == Path("/tmp")


def test_old_folders_of_killed_runs_are_removed(tmp_path: Path, only_writable: Forbid) -> None:
    out = tmp_path / "out"
    only_writable(out)
    old, recent = (out / f".bids_ari-work-{name}" for name in ("old", "recent"))
    for folder in (old, recent):
        (folder / "numba").mkdir(parents=True)
    week = 7 * 24 * 3600
    os.utime(old, (time.time() - week - 60,) * 2)
    os.utime(recent, (time.time() - week + 60,) * 2)
    with caches(None, out):
        pass
    assert list(out.iterdir()) == [recent]


class TestBroughtCode:
    """Machine code that was compiled when an image was built."""

    @pytest.fixture
    def brought(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "image" / "compiled"
        (folder / "stats_1").mkdir(parents=True)
        (folder / "stats_1" / "loop.nbi").write_bytes(b"index")
        (folder / "stats_1" / "loop.1.nbc").write_bytes(b"code")
        monkeypatch.setenv(BROUGHT, str(folder))
        monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
        return folder

    def test_it_is_copied_to_a_folder_that_numba_can_write(self, tmp_path: Path, brought: Path) -> None:
        with caches(None, tmp_path / "out"):
            folder = Path(os.environ["NUMBA_CACHE_DIR"])
            found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
            assert found == {"stats_1/loop.nbi": b"index", "stats_1/loop.1.nbc": b"code"}
        assert not folder.exists()
        assert "NUMBA_CACHE_DIR" not in os.environ

    def test_it_is_copied_where_only_the_output_can_be_written(
        self, tmp_path: Path, only_writable: Forbid, brought: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        only_writable(tmp_path / "out")
        caplog.set_level("INFO")
        with caches(None, tmp_path / "out"):
            folder = Path(os.environ["NUMBA_CACHE_DIR"])
            assert folder.is_relative_to(tmp_path / "out")
            assert (folder / "stats_1" / "loop.nbi").read_bytes() == b"index"
        assert "compiles again" not in caplog.text

    def test_a_work_folder_keeps_it_also_for_a_second_run(self, tmp_path: Path, brought: Path) -> None:
        for _ in range(2):
            with caches(tmp_path / "work", None):
                pass
        assert [path.name for path in sorted((tmp_path / "work" / "numba" / "stats_1").iterdir())] == [
            "loop.1.nbc",
            "loop.nbi",
        ]

    def test_it_is_not_copied_to_a_folder_of_the_user(
        self, tmp_path: Path, brought: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "mine"))
        with caches(None, tmp_path / "out"):
            assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "mine")
        assert not (tmp_path / "mine").exists()

    def test_a_folder_that_is_not_there_is_no_code(self, tmp_path: Path, brought: Path, only_writable: Forbid) -> None:
        shutil.rmtree(brought)
        only_writable(tmp_path / "out")
        with caches(None, tmp_path / "out"):
            assert list(Path(os.environ["NUMBA_CACHE_DIR"]).iterdir()) == []


class TestTemplates:
    """A TemplateFlow home within an image."""

    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        (tmp_path / "templates" / "tpl-MNI").mkdir(parents=True)
        monkeypatch.setenv(TEMPLATES, str(tmp_path / "templates"))
        monkeypatch.delenv("TEMPLATEFLOW_HOME", raising=False)
        return tmp_path / "templates"

    def test_it_is_the_default(self, tmp_path: Path, folder: Path) -> None:
        with caches(None, tmp_path / "out"):
            assert os.environ["TEMPLATEFLOW_HOME"] == str(folder)
        assert "TEMPLATEFLOW_HOME" not in os.environ

    def test_the_variable_of_the_user_comes_first(
        self, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TEMPLATEFLOW_HOME", "/mine")
        with caches(None, tmp_path / "out"):
            assert os.environ["TEMPLATEFLOW_HOME"] == "/mine"

    def test_an_empty_one_is_none(self, tmp_path: Path, folder: Path) -> None:
        (folder / "tpl-MNI").rmdir()
        with caches(None, tmp_path / "out"):
            assert "TEMPLATEFLOW_HOME" not in os.environ


def test_compiled_code_is_where_numba_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only_writable: Forbid
) -> None:
    """The folder of the variable; else beside the source; else the cache of the user; else nowhere."""
    source, home = tmp_path / "package", tmp_path / "home"
    only_writable(tmp_path)
    assert compiled_folder(source) == source / "__pycache__"
    only_writable(home)
    monkeypatch.setenv("HOME", str(home))
    assert compiled_folder(source) == home / ".cache" / "bids_ari"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "other"))
    assert compiled_folder(source) == home / "other" / "bids_ari"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(home / "numba"))
    assert compiled_folder(source) == home / "numba"
    only_writable(tmp_path / "out")
    assert compiled_folder(source) is None
