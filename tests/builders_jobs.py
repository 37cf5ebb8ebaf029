"""Jobs in processes of their own, and the files that a killed one leaves."""

import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from builders_white import have_white_pictures

from bids_ari.errors import TemporaryError
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.locks import STAGING, Place, lock
from bids_ari.runtime.owner import Owner

LIMIT = 300
"""Seconds after which what should happen at once fails its test: many, for the machine may be busy."""

JOBS = multiprocessing.get_context("forkserver")
JOBS.set_forkserver_preload(["pytest", "bids_ari.workflow"])  # or each job would load them again

VOLUME = nib.Nifti1Image(np.random.default_rng(1).normal(size=(8, 8, 8)).astype(np.float32), np.eye(4))


def start(work: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Start a job."""
    job = JOBS.Process(target=work, args=arguments)
    job.start()
    return job


def finish(*jobs: BaseProcess) -> None:
    """Wait until jobs are done, and check their exit codes."""
    for job in jobs:
        job.join(LIMIT)
    assert [job.exitcode for job in jobs] == [0] * len(jobs)


@contextmanager
def running(work: Callable[..., None], *arguments: Any) -> Iterator[BaseProcess]:
    """Run a job during a block; kill it at the end."""
    job = start(work, *arguments)
    try:
        yield job
    finally:
        job.kill()
        job.join()


def kill(job: BaseProcess) -> None:
    """Kill a job as a scheduler does, with SIGKILL."""
    assert job.pid is not None
    os.kill(job.pid, signal.SIGKILL)
    job.join()


def dead_pid() -> int:
    """Return the ID of a process that has ended."""
    pid = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(pid, 0)
    return pid


def left_behind(root: Path, slot: str, **owner: Any) -> Path:
    """Make a place in an output, as of a process of another machine unless `owner` has other fields."""
    # since 2026-01-01 12:03:20 UTC
    far = {"pid": 123, "started": "", "namespace": "beef", "since": 1767269000, "host": "far"}
    place = root / STAGING / slot / Owner(**far | owner).token()
    place.mkdir(parents=True)
    (place / "1.part").touch()
    return place


@contextmanager
def held(root: Path, contrast: str) -> Iterator[None]:
    """Have runs wait before a contrast during a block, since another machine seems to write it."""
    place = left_behind(root, f"{contrast}.lock")
    later = time.time() + LIMIT
    os.utime(place, (later, later))
    try:
        yield
    finally:
        shutil.rmtree(place)


def wait_for_owners(root: Path) -> None:
    """Wait until all processes of this machine that write an output have ended."""
    end = time.monotonic() + LIMIT
    while any(owner.is_running() for owner in map(Owner.of, (root / STAGING).glob("*/*")) if owner is not None):
        assert time.monotonic() < end
        time.sleep(0.01)


def write_result(out: Derivatives, contrast: str, labels: list[str], result: str = "greater") -> None:
    """Write a map, its sidecar and a table for each label, and a map that the results of the contrast share."""
    names = [out.image(f"group/{contrast}_desc-analysis_mask.nii.gz", VOLUME)]
    out.explain("analysis", "The voxels that were tested")
    for label in labels:
        stem = f"group/{contrast}_test-mean_desc-{result}{label}"
        names += [out.image(f"{stem}_dseg.nii.gz", VOLUME), out.json(f"{stem}_dseg.json", {"Label": label})]
        names += [out.text(f"{stem}_clusters.tsv", f"label\n{label}\n")]
        out.explain(f"{result}{label}", f"meaning of {label}")
    out.record(f"{contrast}_test-mean_desc-{result}", names, {"Contrast": contrast})


def write_index(out: Derivatives) -> None:
    """Write the files about all results, with a list in place of the index page."""
    with out.shared():
        out.text("index.html", "".join(f"{note['Name']}\n" for note in out.records()))
        out.describe()


def job_on(contrast: str, root: Path, source: Path) -> None:
    """Write one contrast, then the files about all results."""
    with Derivatives(root, {source.name: source}) as out:
        with out.result(contrast):
            write_result(out, contrast, ["Z3", contrast.rpartition("-")[2]])
        write_index(out)


def job_without_end(root: Path, begun: Event) -> None:
    """Write one result again and again, each time with other files, until killed."""
    for n in range(1_000_000):
        with Derivatives(root, {}) as out:
            with out.result("task-x_contrast-a"):
                write_result(out, "task-x_contrast-a", [f"Z{n % 5}", f"Tdp{n % 3}"])
            write_index(out)
        begun.set()


def job_that_holds(root: Path, contrast: str, held: Event, let_go: Event) -> None:
    """Keep a result open, with a file that waits, until an event; then record it."""
    with Derivatives(root, {}) as out, out.result(contrast):
        out.text("group/held.txt", "held")
        held.set()
        let_go.wait(LIMIT)
        out.record(contrast, [], {})


def job_of_the_program(words: list[str]) -> None:
    """Run the whole program, with white pictures."""
    from bids_ari.cli.main import main

    have_white_pictures()
    sys.exit(main(words))


def job_that_stops(words: list[str], lock_end: str, part: str, stopped: Event) -> None:
    """Run the whole program until it has a lock, by the end of its name, and a file there; then wait to be killed."""

    def stopping(step: Callable[..., Any]) -> Callable[..., Any]:
        def act(place: Place, *arguments: Any) -> Any:
            done = step(place, *arguments)
            if place.folder.parent.name.endswith(lock_end) and (place.folder / part).exists():
                stopped.set()
                time.sleep(LIMIT)
            return done

        return act

    for name in ("move_to", "write"):
        setattr(Place, name, stopping(getattr(Place, name)))
    job_of_the_program(words)


def job_among_rivals(root: Path, n_turns: int, seed: int) -> None:
    """Acquire a lock several times; no other process may be inside at the same time."""
    random.seed(seed)  # or all jobs would wait equally long
    for _ in range(n_turns):
        with lock(root, "contended.lock", "contended", wait=LIMIT):
            os.close(os.open(root / "inside", os.O_CREAT | os.O_EXCL))
            with (root / "turns").open("a") as turns:
                turns.write(f"{os.getpid()}\n")
            (root / "inside").unlink()


def job_refused(root: Path, n_refused: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
    """Write a result, or count an error if it is open already."""
    try:
        with Derivatives(root, {}) as out, out.result("a"):
            out.record("a", [out.text("group/a.txt", str(os.getpid()))], {})
    except TemporaryError:
        with n_refused.get_lock():
            n_refused.value += 1
