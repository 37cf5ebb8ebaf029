"""Owners of folders: whether a process that is told by a name still runs."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from builders_jobs import dead_pid

from bids_ari.runtime import owner
from bids_ari.runtime.owner import Owner

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")


def test_this_process_runs() -> None:
    assert Owner.me().runs() is True


def test_one_that_has_ended_does_not() -> None:
    assert replace(Owner.me(), pid=dead_pid(), started="").runs() is False


@linux
def test_one_that_has_ended_does_not_though_nobody_has_asked_for_its_exit_status() -> None:
    pid = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    try:
        assert replace(Owner.me(), pid=pid, started="").runs() is False
    finally:
        os.waitpid(pid, 0)


@linux
def test_a_number_that_another_process_has_now_is_not_its_own() -> None:
    assert replace(Owner.me(), started="12").runs() is False


def test_a_process_of_another_user_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, sign: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    assert Owner.me().runs() is True


def test_a_process_that_the_system_does_not_show_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    me = Owner.me()
    monkeypatch.setattr(owner, "_process", lambda pid: ("", ""))
    assert me.runs() is True


@pytest.mark.parametrize("world", ["another boot", ""])
def test_of_another_boot_or_container_nothing_is_known(world: str) -> None:
    """Whatever the host is called, and though that number is free here."""
    assert replace(Owner.me(), world=world, pid=dead_pid()).runs() is None


def test_of_an_unknown_boot_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    me = Owner.me()
    monkeypatch.setattr(owner, "_world", lambda: "")
    assert replace(me, world="").runs() is None


def test_the_host_name_plays_no_part() -> None:
    assert replace(Owner.me(), host="other", pid=dead_pid(), started="").runs() is False


def test_without_proc_host_name_and_number_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr(owner, "_process", lambda pid: ("", ""))
    assert Owner.me().runs() is True
    assert replace(Owner.me(), pid=dead_pid()).runs() is False
    assert replace(Owner.me(), world="host other").runs() is None


@linux
def test_two_boots_and_two_name_spaces_are_worlds_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    first = owner._world()
    real = Path.readlink
    moved = Path("pid:[1]")
    monkeypatch.setattr(Path, "readlink", lambda path: moved if path.name == "pid" else real(path))
    second = owner._world()
    assert first
    assert second
    assert first != second


@linux
def test_a_proc_of_another_name_space_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 999_999)
    assert owner._world() == ""


@pytest.mark.parametrize("name", ["", "old", "0_1_ab_2_cd_host", "-1_1_ab_2_cd_host", "x_1_ab_2_cd_host", "1_2_3"])
def test_a_name_that_cannot_be_understood_tells_of_nobody(name: str) -> None:
    """A process number of 0 or below would mean a group of processes."""
    assert Owner.of(Path(name)) is None


@pytest.mark.parametrize("host", ["node7", "a_b/c d", "x" * 300, ""])
def test_it_is_read_back(tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    me = Owner.me()
    token = me.token()
    (tmp_path / token).mkdir()
    assert Owner.of(tmp_path / token) == me
    assert Owner.of(tmp_path / replace(me, world="", started="").token()) == replace(me, world="", started="")


def test_it_is_told_in_words() -> None:
    """1767269000 s after 1970 are 20454 days, the first of 2026, and 43400 s: 12 h 3 min 20 s."""
    said = "process 123 on far since 2026-01-01 12:03 UTC"
    assert str(Owner(123, "", "", 20454 * 86400 + 43400, "far")) == said


def test_a_token_is_used_once() -> None:
    me = Owner.me()
    assert len({me.token() for _ in range(100)}) == 100
