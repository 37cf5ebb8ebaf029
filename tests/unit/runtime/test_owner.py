"""Owners of folders: identity of a process and whether it still runs."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from builders_jobs import dead_pid

from bids_ari.runtime import owner
from bids_ari.runtime.owner import Owner

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")


def test_this_process_is_running() -> None:
    assert Owner.this_process().is_running() is True


def test_an_ended_process_is_not_running() -> None:
    assert replace(Owner.this_process(), pid=dead_pid(), started="").is_running() is False


@linux
def test_a_zombie_is_not_running() -> None:
    pid = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    try:
        assert replace(Owner.this_process(), pid=pid, started="").is_running() is False
    finally:
        os.waitpid(pid, 0)


@linux
def test_a_reused_process_id_is_not_the_same_process() -> None:
    assert replace(Owner.this_process(), started="12").is_running() is False


def test_a_process_of_another_user_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, sign: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    assert Owner.this_process().is_running() is True


def test_a_process_that_the_system_hides_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    me = Owner.this_process()
    monkeypatch.setattr(owner, "process_state", lambda pid: ("", ""))
    assert me.is_running() is True


@pytest.mark.parametrize("namespace", ["another boot", ""])
def test_processes_of_another_boot_or_container_are_unknown(namespace: str) -> None:
    """Whatever the host is called, and though that number is free here."""
    assert replace(Owner.this_process(), namespace=namespace, pid=dead_pid()).is_running() is None


def test_processes_of_an_unknown_boot_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    me = Owner.this_process()
    monkeypatch.setattr(owner, "process_namespace", lambda: "")
    assert replace(me, namespace="").is_running() is None


def test_the_host_name_is_not_used() -> None:
    assert replace(Owner.this_process(), host="other", pid=dead_pid(), started="").is_running() is False


def test_without_proc_host_name_and_process_id_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr(owner, "process_state", lambda pid: ("", ""))
    assert Owner.this_process().is_running() is True
    assert replace(Owner.this_process(), pid=dead_pid()).is_running() is False
    assert replace(Owner.this_process(), namespace="host other").is_running() is None


@linux
def test_namespaces_have_different_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    first = owner.process_namespace()
    real = Path.readlink
    moved = Path("pid:[1]")
    monkeypatch.setattr(Path, "readlink", lambda path: moved if path.name == "pid" else real(path))
    second = owner.process_namespace()
    assert first
    assert second
    assert first != second


@linux
def test_a_proc_of_another_namespace_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 999_999)
    assert owner.process_namespace() == ""


@pytest.mark.parametrize("name", ["", "old", "0_1_ab_2_cd_host", "-1_1_ab_2_cd_host", "x_1_ab_2_cd_host", "1_2_3"])
def test_other_names_have_no_owner(name: str) -> None:
    """A process number of 0 or below would mean a group of processes."""
    assert Owner.of(Path(name)) is None


@pytest.mark.parametrize("host", ["node7", "a_b/c d", "x" * 300, ""])
def test_owners_are_read_back_from_tokens(tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    me = Owner.this_process()
    token = me.token()
    (tmp_path / token).mkdir()
    assert Owner.of(tmp_path / token) == me
    assert Owner.of(tmp_path / replace(me, namespace="", started="").token()) == replace(me, namespace="", started="")


def test_the_text_names_process_host_and_time() -> None:
    """1767269000 s after 1970 are 20454 days, the first of 2026, and 43400 s: 12 h 3 min 20 s."""
    text = "process 123 on far since 2026-01-01 12:03 UTC"
    assert str(Owner(123, "", "", 20454 * 86400 + 43400, "far")) == text


def test_tokens_are_unique() -> None:
    me = Owner.this_process()
    assert len({me.token() for _ in range(100)}) == 100
