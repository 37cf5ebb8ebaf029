"""Locks: one process at a time, on any host; the lock of a dead one is taken over by exactly one other."""

import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest
from builders_jobs import dead_pid, finish, job_among_rivals, left_behind, start

from bids_ari.errors import OutputError, TemporaryError
from bids_ari.outputs import locks
from bids_ari.outputs.locks import STAGING, Place, is_locked, lock, own_place, retry
from bids_ari.runtime.owner import Owner


def age(place: Path, seconds: float) -> None:
    """Set the heartbeat of a place back."""
    then = time.time() - seconds
    os.utime(place, (then, then))


def here(**other: object) -> dict[str, object]:
    """Return the identity of this process with some other fields."""
    return asdict(Owner.this_process()) | other


class TestPlace:
    def test_it_is_removed(self, tmp_path: Path) -> None:
        def fail(place: Place) -> None:
            place.write(b"x")
            raise RuntimeError

        with pytest.raises(RuntimeError), own_place(tmp_path) as place:
            fail(place)
        assert list(tmp_path.iterdir()) == []

    def test_files_of_places_are_separate(self, tmp_path: Path) -> None:
        with own_place(tmp_path) as one, own_place(tmp_path) as other:
            parts = [place.write(content) for place in (one, other) for content in (b"1", b"2")]
            assert [part.read_bytes() for part in parts] == [b"1", b"2"] * 2
            assert {part.suffix for part in parts} == {".part"}  # not found by a search for images

    def test_a_root_that_cannot_be_written_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="file cannot be written"), own_place(tmp_path / "file"):
            pytest.fail("there is no place")

    def test_places_of_ended_processes_are_removed_and_others_stay(self, tmp_path: Path) -> None:
        dead = here(pid=dead_pid(), started="")
        left_behind(tmp_path, "a.lock", **dead)
        left_behind(tmp_path, "scratch", **dead)
        age(left_behind(tmp_path, "silent.lock"), 121)
        staying = [left_behind(tmp_path, "b.lock", **here()), left_behind(tmp_path, "d.lock")]
        age(staying[1], 60)
        (tmp_path / STAGING / "empty").mkdir()
        with own_place(tmp_path) as place:
            place.sweep()
            place.write(b"still mine")
        assert sorted((tmp_path / STAGING).glob("*/*")) == staying
        assert {path.name for path in (tmp_path / STAGING).iterdir()} == {"b.lock", "d.lock"}

    def test_a_place_without_an_owner_is_removed_by_its_age(self, tmp_path: Path) -> None:
        """As another version of this program may have made it."""
        for name, seconds in (("old", 121), ("new", 5)):
            place = tmp_path / STAGING / name / name
            place.mkdir(parents=True)
            age(place, seconds)
        with own_place(tmp_path) as mine:
            mine.sweep()
        assert {path.name for path in (tmp_path / STAGING).iterdir()} == {"new"}

    def test_the_clock_of_the_host_is_not_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It may be a day ahead of that of the host of the other process, and of the file system."""
        place = left_behind(tmp_path, "a.lock")
        ahead = time.time() + 86_400
        monkeypatch.setattr("time.time", lambda: ahead)
        with own_place(tmp_path) as mine:
            mine.sweep()
        assert place.is_dir()

    def test_other_files_are_ignored(self, tmp_path: Path) -> None:
        (tmp_path / STAGING).mkdir()
        (tmp_path / STAGING / "notes.txt").touch()
        with own_place(tmp_path) as mine:
            mine.sweep()
        assert [path.name for path in (tmp_path / STAGING).iterdir()] == ["notes.txt"]


class TestLock:
    def test_it_excludes_others_until_it_is_released(self, tmp_path: Path) -> None:
        with lock(tmp_path, "a.lock", "task-a") as mine:
            me = Owner.of(mine.folder)
            assert is_locked(tmp_path, "a.lock")
            with pytest.raises(TemporaryError) as caught, lock(tmp_path, "a.lock", "task-a"):
                pytest.fail("it is locked")
            with lock(tmp_path, "b.lock", "task-b"):
                pass
        assert str(caught.value) == f"task-a is being written by {me}. Try again when it is done"
        assert str(me).startswith(f"process {os.getpid()} on ")
        assert caught.value.exit_code == 75
        with lock(tmp_path, "a.lock", "task-a"):
            pass
        assert list(tmp_path.iterdir()) == []

    def test_it_waits_as_long_as_requested(self, tmp_path: Path) -> None:
        left_behind(tmp_path, "a.lock", **here())
        began = time.monotonic()
        with pytest.raises(TemporaryError), lock(tmp_path, "a.lock", "a", wait=0.3):
            pytest.fail("it is locked")
        assert 0.3 <= time.monotonic() - began < 60

    def test_it_is_acquired_once_the_other_releases_it(self, tmp_path: Path) -> None:
        left, entered = threading.Event(), threading.Event()

        def other() -> None:
            with lock(tmp_path, "a.lock", "a"):
                entered.set()
                time.sleep(0.2)
                left.set()

        thread = threading.Thread(target=other)
        thread.start()
        entered.wait()
        with lock(tmp_path, "a.lock", "a", wait=30):
            assert left.is_set()
        thread.join()

    def test_the_lock_of_an_ended_process_is_acquired_at_once_without_its_files(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        place = left_behind(tmp_path, "a.lock", **here(pid=dead_pid(), started="", host="node7"))
        assert not is_locked(tmp_path, "a.lock")
        caplog.set_level(logging.INFO)
        with lock(tmp_path, "a.lock", "a") as mine:
            assert not place.exists()
            assert list(mine.folder.iterdir()) == []
        assert "on node7" in caplog.text
        assert list(tmp_path.iterdir()) == []

    def test_the_lock_of_a_process_that_ended_while_releasing_is_acquired_at_once(self, tmp_path: Path) -> None:
        (tmp_path / STAGING / "a.lock").mkdir(parents=True)
        with lock(tmp_path, "a.lock", "a"):
            pass
        assert list(tmp_path.iterdir()) == []

    def test_it_is_acquired_where_folders_cannot_be_replaced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """POSIX allows replacing an empty folder; other systems do not."""
        real = Path.rename

        def rename(path: Path, target: Path) -> Path:
            if target.exists():
                raise FileExistsError(17, "File exists")
            return real(path, target)

        monkeypatch.setattr(Path, "rename", rename)
        (tmp_path / STAGING / "a.lock").mkdir(parents=True)
        with own_place(tmp_path) as mine:
            assert mine.move_to("a.lock")

    def test_the_lock_of_a_running_process_is_never_taken(self, tmp_path: Path) -> None:
        """A stopped process may continue, however old its heartbeat."""
        age(left_behind(tmp_path, "a.lock", **here()), 10_000)
        with pytest.raises(TemporaryError), lock(tmp_path, "a.lock", "a"):
            pytest.fail("it is locked")

    def test_the_lock_of_another_host_without_heartbeat_is_acquired(self, tmp_path: Path) -> None:
        age(left_behind(tmp_path, "a.lock"), 121)
        with lock(tmp_path, "a.lock", "a"):
            pass

    def test_a_process_of_another_host_with_a_new_heartbeat_is_alive(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Until then it is waited for, with one line in the log."""
        place, end = left_behind(tmp_path, "a.lock"), threading.Event()

        def beat() -> None:
            while not end.wait(0.2):
                os.utime(place)

        thread = threading.Thread(target=beat)
        thread.start()
        caplog.set_level(logging.INFO)
        owner = "process 123 on far since 2026-01-01 12:03 UTC"
        with pytest.raises(TemporaryError, match=owner), lock(tmp_path, "a.lock", "task-a"):
            pytest.fail("it is locked")
        end.set()
        thread.join()
        assert [record.getMessage() for record in caplog.records] == [
            "task-a: waiting for process 123 on far since 2026-01-01 12:03 UTC"
        ]

    def test_a_process_of_another_host_is_waited_for_until_it_releases(self, tmp_path: Path) -> None:
        place = left_behind(tmp_path, "a.lock")

        def leave() -> None:
            (place / "1.part").unlink()
            place.rmdir()

        threading.Timer(0.2, leave).start()
        with lock(tmp_path, "a.lock", "a"):
            assert not place.exists()

    def test_a_process_of_another_host_is_waited_for_until_it_counts_as_dead(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(locks, "STALE", 0.4)
        began = time.monotonic()
        left_behind(tmp_path, "a.lock")
        with lock(tmp_path, "a.lock", "a"):
            assert time.monotonic() - began >= 0.3

    def test_it_has_a_heartbeat(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(locks, "HEARTBEAT", 0.01)
        with lock(tmp_path, "a.lock", "a") as mine:
            age(mine.folder, 1000)
            end = time.monotonic() + 60
            while time.monotonic() < end and mine.folder.stat().st_mtime < time.time() - 500:
                time.sleep(0.01)
            assert mine.folder.stat().st_mtime > time.time() - 500

    def test_the_heartbeat_ends_with_it(self, tmp_path: Path) -> None:
        with lock(tmp_path, "a.lock", "a") as mine:
            (thread,) = [thread for thread in threading.enumerate() if mine.token in thread.name]
            assert thread.daemon
        thread.join(60)
        assert not thread.is_alive()

    def test_a_process_that_lost_its_lock_can_make_nothing_visible(self, tmp_path: Path) -> None:
        """And does not harm the lock of its successor."""
        with lock(tmp_path, "a.lock", "a") as mine:
            part = mine.write(b"x")
            with own_place(tmp_path) as other:
                other.take_away(mine.folder)
                other.move_to("a.lock")
                assert not mine.exists()
                for act in (lambda: part.replace(tmp_path / "x"), lambda: mine.write(b"y"), mine.beat):
                    with pytest.raises(FileNotFoundError):
                        act()
                mine.remove()
                assert other.exists()
        assert list(tmp_path.iterdir()) == []

    def test_a_waiting_process_makes_a_new_place_if_its_own_was_removed(self, tmp_path: Path) -> None:
        with own_place(tmp_path) as mine, own_place(tmp_path) as other:
            other.take_away(mine.folder)
            end = time.monotonic() + 60
            while not mine.move_to("a.lock") and time.monotonic() < end:
                pass
            assert mine.exists()

    def test_a_lost_reply_is_not_a_failure(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """NFS may rename and then report that the file does not exist."""
        real = Path.rename

        def rename(path: Path, target: Path) -> Path:
            real(path, target)
            raise FileNotFoundError(2, "No such file or directory")

        with own_place(tmp_path) as mine:
            monkeypatch.setattr(Path, "rename", rename)
            assert mine.move_to("a.lock")
            monkeypatch.undo()
        assert list(tmp_path.iterdir()) == []

    def test_an_abandoned_lock_is_taken_over_by_one(self, tmp_path: Path) -> None:
        """Also if both had found it abandoned, and the first has the lock already."""
        dead = left_behind(tmp_path, "a.lock", **here(pid=dead_pid(), started=""))
        with own_place(tmp_path) as one, own_place(tmp_path) as other:
            assert [place.is_alive(dead, {}) for place in (one, other)] == [False, False]
            one.take_away(dead)
            assert one.move_to("a.lock")
            other.take_away(dead)
            assert not other.move_to("a.lock")
            assert one.exists()
            assert other.exists()

    def test_a_disk_that_becomes_read_only_is_an_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(path: Path, target: Path) -> Path:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(Path, "rename", refuse)
        with pytest.raises(OutputError, match="Read-only file system"), lock(tmp_path, "a.lock", "a"):
            pytest.fail("there is no lock")

    def test_many_processes_take_turns_after_a_dead_owner(self, tmp_path: Path) -> None:
        """Ten processes, two turns each; a process that meets another inside fails."""
        left_behind(tmp_path, "contended.lock", **here(pid=dead_pid(), started=""))
        jobs = [start(job_among_rivals, tmp_path, 2, seed) for seed in range(10)]
        finish(*jobs)
        turns = (tmp_path / "turns").read_text().split()
        assert sorted(turns) == sorted([str(job.pid) for job in jobs] * 2)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["turns"]


class TestRetry:
    def test_it_tries_again_while_folders_come_and_go(self) -> None:
        outcomes: list[Exception | None] = [FileNotFoundError(), FileExistsError(), None]

        def act() -> str:
            if (outcome := outcomes.pop(0)) is not None:
                raise outcome
            return "done"

        assert retry(act) == "done"

    def test_it_gives_up(self) -> None:
        calls = []

        def act() -> None:
            calls.append(1)
            raise FileNotFoundError

        with pytest.raises(FileNotFoundError):
            retry(act, tries=5)
        assert len(calls) == 5

    def test_other_errors_are_raised_at_once(self) -> None:
        calls = []

        def act() -> None:
            calls.append(1)
            raise PermissionError

        with pytest.raises(PermissionError):
            retry(act)
        assert len(calls) == 1

    def test_places_are_made_while_the_folder_above_them_comes_and_goes(self, tmp_path: Path) -> None:
        end = threading.Event()

        def tidy() -> None:
            while not end.is_set():
                for folder in (tmp_path / "out" / STAGING, tmp_path / "out"):
                    with suppress(OSError):
                        folder.rmdir()

        thread = threading.Thread(target=tidy)
        thread.start()
        try:
            for _ in range(30):
                with own_place(tmp_path / "out") as place:
                    assert place.exists()
        finally:
            end.set()
            thread.join()
