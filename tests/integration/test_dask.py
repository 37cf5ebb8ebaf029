"""Contrasts on the workers of a real Dask cluster: processes of this machine, connected by loopback."""

import importlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import builders_white
import dask
import numpy as np
import pytest
from builders import describe, without_times, write_group
from builders_calls import die, die_once, fail_at, log_and_return, n_in_the_end, squares
from builders_jobs import held, wait_for_owners
from distributed import LocalCluster

from bids_ari.cli.main import main
from bids_ari.errors import TemporaryError, UsageError
from bids_ari.runtime import cluster
from bids_ari.runtime.cluster import open_cluster

pytestmark = [
    # Of Dask itself, where a process, its loop or a connection ends early:
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning:distributed.*"),
]

LAST = "task-emo_space-MNI152NLin2009cAsym_contrast-tools"
WORDS = ("--threshold", "3", "--tdp", "0.7")


@pytest.fixture(scope="module", autouse=True)
def _white_elsewhere(_white: None) -> Iterator[None]:
    """Have white pictures in workers, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([builders_white.PATH, *sys.path]))
        yield


@contextmanager
def workers(n_workers: int = 2) -> Iterator[LocalCluster]:
    """Worker processes, replaced when they die; a call that killed two of them is not made a third time."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(
            n_workers=n_workers,
            processes=True,
            threads_per_worker=1,
            dashboard_address=":0",
            host="127.0.0.1",
            silence_logs=logging.CRITICAL + 1,
        ) as running,
    ):
        yield running


@contextmanager
def dask_processes(file: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A scheduler, whose address is in a file, and a worker, in processes of their own: either can be killed."""
    common = ("--scheduler-file", str(file), "--no-dashboard")
    commands = (
        ("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"),
        ("distributed.cli.dask_worker", "--nworkers", "1", "--nthreads", "1", "--death-timeout", "60"),
    )
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = [subprocess.Popen([sys.executable, "-m", *words, *common], **quiet) for words in commands]
    try:
        while not file.exists() or not file.read_text():
            time.sleep(0.02)
        yield json.loads(file.read_text())["address"], running[0]
    finally:
        for process in running[::-1]:
            process.terminate()
            process.wait()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with workers() as running:
        yield running.scheduler_address


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three contrasts of six subjects."""
    root, rng = tmp_path_factory.mktemp("dask") / "in", np.random.default_rng(5)
    describe(root)
    for contrast in ("faces", "houses", "tools"):
        write_group(root, 6, rng, contrast=contrast)
    return root


@pytest.fixture(scope="module")
def here(data: Path) -> Path:
    """The output of a run without a cluster; those compared with it are beside it, for they name the dataset."""
    out = data.parent / "here"
    assert main([str(data), str(out), "group", *WORDS]) == 0
    return out


def files_of(out: Path) -> dict[str, bytes]:
    """Return all files of an output, pictures included, but logs and the crate of runs; no time of writing."""
    return {
        path.relative_to(out).as_posix(): without_times(path.read_bytes())
        if path.suffix == ".html"
        else path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and not path.is_relative_to(out / "logs") and not path.name.startswith("ro-crate")
    }


def same_files(one: Path, other: Path) -> None:
    """Check that two outputs have the same files, the same to the byte."""
    expected, found = files_of(one), files_of(other)
    assert expected.keys() == found.keys() != set()
    assert [name for name in expected if expected[name] != found[name]] == []


def wait_for_a_record(out: Path) -> None:
    """Wait until a run has finished a result."""
    end = time.monotonic() + 300
    while not any((out / "logs" / "results").glob("*.json")):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_results_and_log_lines_come_in_order(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="bids_ari"), open_cluster(address, []) as pool:
        assert list(pool.map(log_and_return, range(6))) == list(range(6))
    assert [record.getMessage() for record in caplog.records] == [f"item {item}" for item in range(6)]


def test_a_worker_that_dies_is_replaced(address: str, tmp_path: Path) -> None:
    with open_cluster(address, []) as pool:
        assert list(pool.map(partial(die_once, tmp_path, 2), range(8))) == list(range(8))
    assert (tmp_path / "died").exists()


def test_an_exception_is_raised_and_the_cluster_goes_on(address: str) -> None:
    with open_cluster(address, []) as pool:
        with pytest.raises(ZeroDivisionError):
            list(pool.map(partial(fail_at, 3), range(20)))
        assert list(pool.map(partial(fail_at, -1), range(20))) == list(range(20))


def test_a_call_that_kills_every_worker(address: str) -> None:
    with open_cluster(address, []) as pool, pytest.raises(TemporaryError, match="died several times"):
        list(pool.map(partial(die, 0), [0]))


def test_ctrl_c_cancels_calls_that_have_not_begun(address: str, tmp_path: Path) -> None:
    """Sixty calls of .2 s would keep two workers for 6 s."""

    def interrupt(result: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_cluster(address, []) as pool:
        interrupt(next(pool.map(partial(squares, tmp_path, 0.2), range(60))))
    assert n_in_the_end(tmp_path) < 20


@pytest.mark.parametrize("nonsense", ["nonsense://here:1", "tcp://127.0.0.1:none"])
def test_invalid_addresses(nonsense: str) -> None:
    with pytest.raises(UsageError, match="an address such as tcp://"), open_cluster(nonsense, []):
        pass


def test_workers_with_other_versions_are_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "numeric_versions", lambda: {"bids_ari": "0.0.1", "numpy": np.__version__})
    with pytest.raises(UsageError, match=r"it has bids_ari .* instead of 0\.0\.1"), open_cluster(address, []):
        pass


def test_workers_without_the_package_are_refused(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function of a module that exists only here represents those of the package."""
    (tmp_path / "module_only_here.py").write_text("def worker_problem(versions, paths): return ''\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(cluster, "worker_problem", importlib.import_module("module_only_here").worker_problem)
    with (
        pytest.raises(UsageError, match=r"cannot run this version of bids_ari: .*module_only_here"),
        open_cluster(address, []),
    ):
        pass


def test_workers_that_do_not_see_a_folder_are_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught, open_cluster(address, [tmp_path / "none"]):
        pass
    assert "under the same path" in str(caught.value)


def test_a_scheduler_without_workers_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with workers(0) as running, open_cluster(running.scheduler_address, []) as pool:
        assert "has no workers yet" in caplog.text
        running.scale(1)
        assert list(pool.map(partial(fail_at, -1), range(3))) == [0, 1, 2]


def test_a_process_leaves_no_thread_and_writes_nothing(address: str) -> None:
    code = f"""
import threading
from functools import partial
from bids_ari.runtime.cluster import open_cluster
from builders_calls import fail_at
if True:
    with open_cluster({address!r}, []) as pool:
        print(sum(pool.map(partial(fail_at, -1), range(100))), end=" ")
    print([thread.name for thread in threading.enumerate()])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
        timeout=300,
    )
    assert (done.stdout, done.stderr) == ("4950 ['MainThread']\n", "")


def test_the_command_writes_the_same_files(
    address: str, data: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths are relative to a folder that is not that of the workers."""
    monkeypatch.chdir(data.parent)
    monkeypatch.setattr("bids_ari.workflow.analyse", None)  # nothing is analysed in this process
    out = data.parent / "cluster"
    words = ["group", *WORDS, "--dask-scheduler", address]
    assert main(["in", str(out), *words]) == 0
    same_files(here, out)


def test_a_worker_that_is_killed_midway_changes_no_file(data: Path, here: Path) -> None:
    """The only worker is killed after the first of three contrasts, before the last, and replaced."""
    out = data.parent / "killed"
    with workers(1) as running:

        def kill() -> None:
            with held(out, LAST):
                wait_for_a_record(out)
                time.sleep(0.05)  # into the second contrast
                os.kill(running.workers[0].pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        assert main([str(data), str(out), "group", *WORDS, "--dask-scheduler", running.scheduler_address]) == 0
        killer.join()
    same_files(here, out)


def test_problems_with_maps_are_one_error_of_the_contrast(
    address: str, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    describe(tmp_path / "in")
    maps = write_group(tmp_path / "in", 6, rng)
    for path in maps[1:3]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert main([str(tmp_path / "in"), str(tmp_path / "out"), "group", "--dask-scheduler", address]) == 65
    shown = capsys.readouterr().err
    assert "2 problems with the maps" in shown
    assert "--exclude 02 03" in shown


def test_a_scheduler_that_goes_away_and_a_run_that_goes_on(
    data: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 75; the same command keeps the finished contrasts."""
    out = data.parent / "gone"
    with dask_processes(data.parent / "scheduler.json") as (address, scheduler):

        def kill() -> None:
            with held(out, LAST):
                wait_for_a_record(out)
                scheduler.kill()
                scheduler.wait()

        killer = threading.Thread(target=kill)
        killer.start()
        assert main([str(data), str(out), "group", *WORDS, "--dask-scheduler", address]) == 75
        killer.join()
    assert "is gone" in capsys.readouterr().err
    wait_for_owners(out)  # the worker
    assert main([str(data), str(out), "group", *WORDS]) == 0
    assert "unchanged since" in capsys.readouterr().err
    same_files(here, out)


def test_no_scheduler_is_exit_code_75(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = time.monotonic()
    words = [str(data), str(tmp_path / "out"), "group", "--dask-scheduler", "tcp://127.0.0.1:9"]
    assert main(words) == 75
    assert "tcp://127.0.0.1:9 does not answer" in capsys.readouterr().err
    assert time.monotonic() - before < 60
