"""Threads and worker processes."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from builders_calls import callers, die, die_once, fail_at, log_and_return, n_in_the_end, squares

from bids_ari.errors import Interrupted, TemporaryError
from bids_ari.runtime import executors as compute
from bids_ari.runtime.executors import (
    MOST_ATTEMPTS,
    WorkerPool,
    begun,
    in_order,
    map_contrasts,
    open_pool,
    run_parallel,
)
from bids_ari.runtime.owner import process_state
from bids_ari.runtime.processors import divide
from bids_ari.runtime.signals import interruptible


class TestRunParallel:
    @pytest.mark.parametrize("n_jobs", [-1, 0, 1, 2, 5, 100])
    def test_results_come_in_order(self, n_jobs: int) -> None:
        def slow(i: int) -> int:
            time.sleep(0.002 * (i % 3))  # the later ones are often done first
            return i * i

        assert list(run_parallel(slow, range(25), n_jobs)) == [i * i for i in range(25)]

    def test_nothing_gives_nothing(self) -> None:
        assert list(run_parallel(str, [], 3)) == []

    def test_calls_overlap(self) -> None:
        """Each call waits until three are under way: with fewer threads none would come back."""
        meet = threading.Barrier(3, timeout=60)
        assert list(run_parallel(lambda _: meet.wait() >= 0, range(6), 3)) == [True] * 6

    def test_no_more_calls_overlap_than_asked(self) -> None:
        """The first three wait for each other."""
        lock, now, most, meet = threading.Lock(), 0, 0, threading.Barrier(3, timeout=60)

        def count(i: int) -> None:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            if i < 3:
                meet.wait()
            time.sleep(0.002)
            with lock:
                now -= 1

        list(run_parallel(count, range(30), 3))
        assert most == 3

    def test_few_items_are_taken_ahead(self) -> None:
        taken: list[int] = []

        def items() -> Iterator[int]:
            for i in range(1000):
                taken.append(i)
                yield i

        results = run_parallel(str, items(), 2)
        next(results)
        assert len(taken) <= 5

    @pytest.mark.parametrize("n_jobs", [1, 3])
    @pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt])
    def test_an_exception_ends_it(self, n_jobs: int, kind: type[BaseException]) -> None:
        called: list[int] = []

        def fail(i: int) -> int:
            called.append(i)
            if i == 4:
                raise kind
            return i

        results: list[int] = []
        with pytest.raises(kind):
            results.extend(run_parallel(fail, range(1000), n_jobs))
        assert results == [0, 1, 2, 3]
        assert len(called) < 20

    def test_waiting_tasks_are_cancelled(self) -> None:
        """The first of four fails; its thread may take the third before that is known, and the fourth waits."""
        called, is_known = list[int](), threading.Event()

        def fail(i: int) -> None:
            called.append(i)
            if i == 0:
                raise ZeroDivisionError
            is_known.wait(60)

        with ThreadPoolExecutor(2) as pool:
            with pytest.raises(ZeroDivisionError):
                list(in_order(lambda i: pool.submit(fail, i), range(4), 4))
            is_known.set()
        assert {0, 1} <= set(called)
        assert 3 not in called

    def test_ctrl_c_in_the_caller_ends_it(self) -> None:
        called: list[int] = []

        def work(i: int) -> int:
            called.append(i)
            return i

        def consume() -> None:
            for result in run_parallel(work, range(1000), 2):
                if result == 3:
                    raise KeyboardInterrupt

        before = threading.active_count()
        with pytest.raises(KeyboardInterrupt):
            consume()
        assert threading.active_count() == before
        assert len(called) < 20

    def test_a_real_ctrl_c_interrupts_while_threads_work(self) -> None:
        """500 calls of 0.1 s in two threads would take 25 s."""
        code = (
            "import time; from bids_ari.runtime.executors import run_parallel\n"
            "print('ready', flush=True)\n"
            "list(run_parallel(lambda _: time.sleep(0.1), range(500), 2))"
        )
        root = Path(compute.__file__).parents[1]
        running = subprocess.Popen(
            [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with running:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            time.sleep(0.3)
            running.send_signal(signal.SIGINT)
            _, errors = running.communicate(timeout=60)
        assert "KeyboardInterrupt" in errors
        assert running.returncode == -signal.SIGINT


class TestBegun:
    @pytest.mark.parametrize("n_threads", [1, 2])
    def test_the_result_is_that_of_the_call(self, n_threads: int) -> None:
        with begun(lambda: 9, n_threads) as result:
            assert result() == 9

    def test_the_call_is_made_beside_the_block(self) -> None:
        called = threading.Event()
        with begun(called.set, 2):
            assert called.wait(60)

    def test_one_thread_makes_it_when_the_result_is_taken(self) -> None:
        called: list[int] = []
        with begun(lambda: called.append(1), 1) as result:
            assert called == []
            result()
        assert called == [1]

    @pytest.mark.parametrize("n_threads", [1, 2])
    def test_its_exception_is_raised_in_the_block(self, n_threads: int) -> None:
        with pytest.raises(ZeroDivisionError), begun(lambda: 1 // 0, n_threads) as result:
            result()


class TestProcesses:
    def test_results_and_log_lines_come_in_order(self, caplog: pytest.LogCaptureFixture) -> None:
        """The first items take longest, so that later ones are done before them."""
        with caplog.at_level(logging.INFO, logger="bids_ari"), open_pool(2) as pool:
            assert list(pool.map(log_and_return, range(6))) == list(range(6))
        assert [record.getMessage() for record in caplog.records] == [f"item {item}" for item in range(6)]

    def test_one_process_is_this_one(self) -> None:
        with open_pool(1) as pool:
            assert list(pool.map(lambda item: os.getpid(), [0])) == [os.getpid()]

    def test_a_worker_that_is_killed_is_replaced(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        with open_pool(2) as pool:
            assert list(pool.map(partial(die_once, tmp_path, 2), range(8))) == list(range(8))
        assert "ended unexpectedly" in caplog.text

    def test_an_item_that_kills_every_worker_spares_the_others(self) -> None:
        with open_pool(2) as pool:
            first, second, third = pool.map(partial(die, 1), range(3))
        assert (first, third) == (0, 2)
        assert isinstance(second, TemporaryError)
        assert f"{MOST_ATTEMPTS} times" in str(second)

    def test_an_exception_ends_it(self) -> None:
        results = []
        with pytest.raises(ZeroDivisionError) as caught, open_pool(2) as pool:
            results.extend(pool.map(partial(fail_at, 3), range(200)))
        assert results == [] or results == [0, 1, 2]
        assert "fail_at" in "".join(caught.value.__notes__)  # where it happened

    def test_ctrl_c_in_the_caller_ends_the_workers(self, tmp_path: Path) -> None:
        def interrupt(result: object) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), open_pool(2) as pool:
            interrupt(next(pool.map(partial(squares, tmp_path, 1.0), range(60))))
        assert len(callers(tmp_path)) < 8  # those that are submitted in advance

    def test_workers_end_with_a_parent_that_is_killed(self, tmp_path: Path) -> None:
        code = (
            "from functools import partial; from bids_ari.runtime.executors import open_pool\n"
            "from builders_calls import squares\n"  # the main module has no guard against being imported by workers
            f"with open_pool(2) as pool: list(pool.map(partial(squares, {str(tmp_path)!r}, 0.3), range(100)))"
        )
        environment = {"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"]}
        running = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)
        with running:
            while len(callers(tmp_path)) < 2:
                time.sleep(0.05)
                assert running.poll() is None
            running.kill()
        assert n_in_the_end(tmp_path) < 100
        end = time.monotonic() + 60
        while any(process_state(pid)[0] not in ("", "X", "Z") for pid in callers(tmp_path)):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_what_workers_start_with_is_not_searched_for_garbage() -> None:
    code = (
        "import bids_ari.preloaded, gc, sys; print('PIL' in sys.modules, gc.isenabled(), gc.get_freeze_count() > 1e5)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "True True True\n"


class TestDivide:
    GB = 2**30

    @pytest.mark.parametrize(
        ("n_processors", "n_items", "expected"),
        [(8, 1, (1, 8)), (8, 3, (3, 2)), (8, 100, (8, 1)), (1, 100, (1, 1)), (2, 0, (1, 2))],
    )
    def test_processors(self, n_processors: int, n_items: int, expected: tuple[int, int]) -> None:
        assert divide(n_processors, 100 * self.GB, n_items)[:2] == expected

    def test_memory(self) -> None:
        """Each process has a gigabyte or more."""
        assert divide(8, 8 * self.GB, 4) == (4, 2, 2 * self.GB)
        assert divide(8, 3 * self.GB, 8) == (3, 2, self.GB)
        assert divide(8, self.GB // 2, 8) == (1, 8, self.GB // 2)
        assert divide(8, None, 1) == (1, 8, None)


class Silent(Executor):
    """An executor whose results never come, as of a scheduler that is lost while it sends them."""

    def submit(self, fn: object, /, *args: object, **kwargs: object) -> "Future[Any]":
        return Future()


def test_a_result_that_never_comes_is_not_awaited_for_ever() -> None:
    def check() -> None:
        raise ConnectionError("the scheduler is lost")

    with pytest.raises(ConnectionError, match="lost"):
        next(WorkerPool(Silent, 1, 1, check).map(abs, [-1]))


class Signalling(Executor):
    """An executor that sends a signal, which does not wake the main thread, before its result comes."""

    def __init__(self) -> None:
        self.future: Future[Any] = Future()
        self.result = threading.Timer(60.0, self.future.set_exception, (ValueError("the signal was not handled"),))

    def submit(self, fn: object, /, *args: object, **kwargs: object) -> "Future[Any]":
        threading.Timer(0.5, signal.raise_signal, (signal.SIGTERM,)).start()
        self.result.start()
        return self.future


def test_a_signal_that_does_not_wake_the_main_thread_interrupts_it() -> None:
    executor = Signalling()
    with interruptible(), pytest.raises(KeyboardInterrupt):
        next(WorkerPool(lambda: executor, 1, 1).map(abs, [-1]))
    executor.result.cancel()
    executor.result.join()


class TestContrasts:
    @pytest.mark.parametrize("n_processes", [1, 2])
    def test_results_come_in_order(self, n_processes: int) -> None:
        with open_pool(n_processes) as pool:
            assert list(map_contrasts(pool, abs, [-1, 2, -3], "contrasts")) == [1, 2, 3]

    def test_an_interruption_says_how_many_are_done(self) -> None:
        def work(item: int) -> int:
            if item == 2:
                raise KeyboardInterrupt
            return item

        with open_pool(1) as pool, pytest.raises(Interrupted) as caught:
            list(map_contrasts(pool, work, range(5), "contrasts"))
        assert caught.value.args == (2,)
