"""Draws on the workers of a real Dask cluster: processes of this machine that hear its scheduler by loopback."""

import importlib
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import dask
import numpy as np
import pytest
from builders import describe, write_group
from builders_draws import calls, die, die_once, fail_at, lambdas, large, squares
from builders_jobs import dead_pid
from distributed import LocalCluster

from bids_ari.cli.main import main
from bids_ari.errors import TemporaryError, UsageError
from bids_ari.images import kept
from bids_ari.runtime import cluster
from bids_ari.runtime.engines import open_engine
from bids_ari.runtime.owner import Owner

pytestmark = [
    # Of Dask itself, where a process, its loop or a connection ends before its last words are heard:
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning:distributed.*"),
]


@contextmanager
def workers(n_workers: int = 2) -> Iterator[LocalCluster]:
    """Worker processes, replaced when they die; a batch over which one died is not tried a third time."""
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


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with workers() as running:
        yield running.scheduler_address


def test_a_worker_that_dies_changes_no_bit(address: str, tmp_path: Path) -> None:
    work, batches = lambdas()
    with open_engine(1, address, tmp_path) as engine:
        found = list(engine.map(partial(die_once, work, tmp_path, 128), batches))
    assert (tmp_path / "died").read_text().isdecimal()
    np.testing.assert_array_equal(found, list(map(work, batches)))


def test_an_exception_is_what_was_raised_and_the_engine_goes_on(address: str, tmp_path: Path) -> None:
    with open_engine(1, address, tmp_path) as engine:
        with pytest.raises(ZeroDivisionError):
            list(engine.map(partial(fail_at, 3), range(200)))
        assert list(engine.map(partial(fail_at, -1), range(200))) == list(range(200))


def test_a_batch_that_kills_every_worker(address: str, tmp_path: Path) -> None:
    with (
        open_engine(1, address, tmp_path) as engine,
        pytest.raises(TemporaryError, match="died again and again over the same batch"),
    ):
        list(engine.map(die, [0]))


def test_ctrl_c_cancels_what_has_not_begun(address: str, tmp_path: Path) -> None:
    """Sixty calls of .2 s would keep two workers for 6 s; some are under way, or known to a worker already."""

    def interrupt(result: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_engine(1, address, tmp_path) as engine:
        interrupt(next(engine.map(partial(squares, str(tmp_path), seconds=0.2), range(60))))
    time.sleep(1.0)
    n_called = len(calls(tmp_path))
    time.sleep(1.0)
    assert len(calls(tmp_path)) == n_called < 20


def test_what_a_killed_run_left_is_removed(address: str, tmp_path: Path) -> None:
    """Not so what one has left that may still run, elsewhere."""
    dead, far = (
        replace(Owner.this_process(), pid=dead_pid(), started=""),
        replace(Owner.this_process(), namespace="beef"),
    )
    for owner in (dead, far):
        (tmp_path / "shared" / owner.token()).mkdir(parents=True)
    with open_engine(1, address, tmp_path):
        assert len(list((tmp_path / "shared").iterdir())) == 2
    (left,) = (tmp_path / "shared").iterdir()
    assert "beef" in left.name


def test_nothing_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_TIMEOUT", 2.0)
    before = time.monotonic()
    with (
        pytest.raises(TemporaryError, match=r"tcp://127\.0\.0\.1:9 does not answer"),
        open_engine(1, "tcp://127.0.0.1:9", tmp_path),
    ):
        pass
    assert time.monotonic() - before < 15
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("nonsense", ["nonsense://here:1", "tcp://127.0.0.1:none"])
def test_what_is_no_address(nonsense: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="an address such as tcp://"), open_engine(1, nonsense, tmp_path):
        pass


def test_workers_of_other_versions_are_refused(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "numeric_versions", lambda: {"bids_ari": "0.0.1", "numpy": np.__version__})
    with (
        pytest.raises(UsageError, match=r"there is bids_ari .* instead of 0\.0\.1"),
        open_engine(1, address, tmp_path),
    ):
        pass


def test_workers_without_the_package_are_refused(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function of a module that is only here stands for those of the package."""
    (tmp_path / "module_only_here.py").write_text("def unfit(folder, versions): return ''\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(cluster, "unfit", importlib.import_module("module_only_here").unfit)
    with (
        pytest.raises(UsageError, match=r"cannot run this version of bids_ari: .*module_only_here"),
        open_engine(1, address, tmp_path),
    ):
        pass


def test_a_scheduler_without_workers_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with workers(0) as running, open_engine(1, running.scheduler_address, tmp_path) as engine:
        assert "has no workers yet" in caplog.text
        running.scale(1)
        assert list(engine.map(partial(fail_at, -1), range(3))) == [0, 1, 2]


def test_a_process_says_nothing_and_leaves_nothing(address: str, tmp_path: Path) -> None:
    """No thread but its own is left, nor a word on its streams."""
    code = f"""
import threading
from functools import partial
from pathlib import Path
from bids_ari.runtime.engines import open_engine
from builders import describe, write_group
from builders_draws import slow
if True:
    with open_engine(1, {address!r}, Path({str(tmp_path)!r})) as engine:
        print(sum(engine.map(partial(slow, 0.001), range(100))), end=" ")
    print([thread.name for thread in threading.enumerate()])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}, timeout=60
    )
    assert (done.stdout, done.stderr) == ("4950 ['MainThread']\n", "")


def test_the_command_has_maps_read_there(
    address: str, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folders are named from one where no worker is."""
    monkeypatch.chdir(tmp_path)
    describe(tmp_path / "in")
    write_group(tmp_path / "in", 8, rng)
    words = ["group", "--method", "permutation", "--n-permutations", "100", "--threshold", "3", "--tdp", "0.7"]
    words += ["--smoothing", "6", "--target-grid", "first"]
    assert main(["in", "here", *words]) == 0
    with monkeypatch.context() as patched:
        patched.setattr(kept, "run_parallel", None)  # nothing is read here
        assert main(["in", "there", *words, "--dask-scheduler", address, "--work-dir", "work"]) == 0
    for kind in ("*_draws.tsv", "*.nii.gz", "*.png"):
        one, other = (
            {path.name: path.read_bytes() for path in (tmp_path / out).rglob(kind)} for out in ("here", "there")
        )
        assert one == other != {}


def test_all_that_is_wrong_with_maps_is_said_in_one_error(
    address: str, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    describe(tmp_path / "in")
    maps = write_group(tmp_path / "in", 6, rng)
    for path in maps[1:3]:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
    words = ["group", "--method", "permutation", "--dask-scheduler", address, "--work-dir", str(tmp_path / "work")]
    assert main([str(tmp_path / "in"), str(tmp_path / "out"), *words]) != 0
    said = capsys.readouterr().err
    assert "2 problems with the maps" in said
    assert "--exclude 02 03" in said


def test_a_dataset_that_workers_do_not_see(address: str, tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError) as caught,
        open_engine(1, address, tmp_path, tmp_path / "no.nii.gz"),
    ):
        pass
    assert "put the dataset on a disk that all workers see" in str(caught.value)


def test_large_results_go_by_files(address: str, tmp_path: Path) -> None:
    """Of a million numbers each; nothing of them is left."""
    with open_engine(1, address, tmp_path) as engine:
        for item, found in enumerate(engine.map(large, range(4))):
            np.testing.assert_array_equal(found, np.full(2**20, item))
        assert engine.folder is not None
        assert list(engine.folder.iterdir()) == []


def test_no_scheduler_is_an_error_to_try_again(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_TIMEOUT", 2.0)
    describe(tmp_path / "in")
    write_group(tmp_path / "in", 4, rng)
    words = [
        str(tmp_path / "in"),
        str(tmp_path / "out"),
        "group",
        "--method",
        "permutation",
        "--work-dir",
        str(tmp_path),
    ]
    assert main([*words, "--dask-scheduler", "tcp://127.0.0.1:9"]) == 75
    assert "tcp://127.0.0.1:9" in capsys.readouterr().err
