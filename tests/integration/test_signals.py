"""State of the output after Ctrl-C, after a scheduler ends a job, after a terminal is lost."""

import gzip
import json
import logging
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM

import numpy as np
import pytest
from builders import describe, write_group
from builders_jobs import held, wait_for_owners
from builders_pauses import Job, Pause, pausing

from bids_ari.cli.main import main

WORDS = ("--threshold", "3", "--tdp", "0.7", "--nprocs", "1")
OTHERS = ("--threshold", "4", "--tdp", "0.5", "--nprocs", "1")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two contrasts of four subjects."""
    root, rng = tmp_path_factory.mktemp("signals") / "in", np.random.default_rng(11)
    describe(root)
    for contrast in ("faces", "houses"):
        write_group(root, 4, rng, contrast=contrast)
    return root


@pytest.fixture(scope="module")
def earlier(data: Path) -> Path:
    """The output of an undisturbed run of the first contrast only."""
    out = data.parent / "earlier"
    finish_a_run(data, out, *WORDS, "--contrast", "faces")
    return out


@pytest.fixture(scope="module")
def undisturbed(data: Path) -> Path:
    """The output of an undisturbed run of both contrasts, with other settings."""
    out = data.parent / "undisturbed"
    finish_a_run(data, out, *OTHERS)
    return out


@pytest.fixture
def out(earlier: Path) -> Path:
    """An output with an earlier result of the first contrast, as far from the dataset, to which it has a link."""
    out = Path(tempfile.mkdtemp(dir=earlier.parent))
    shutil.copytree(earlier, out, dirs_exist_ok=True)
    return out


def finish_a_run(data: Path, out: Path, *words: str) -> None:
    """An undisturbed run."""
    assert main([str(data), str(out), "group", *words]) == 0


@contextmanager
def job(data: Path, out: Path, *pauses: Pause, words: Sequence[str] = (), first: str = "") -> Iterator[Job]:
    """Have a run, which does not outlive the test."""
    with pausing([data, out, "group", *OTHERS, *words], out, *pauses, first=first) as started:
        yield started


def maps(out: Path, contrast: str = "") -> dict[str, bytes]:
    """All images of the results of a contrast, or of all."""
    found = {path.name: path.read_bytes() for path in out.rglob(f"*contrast-{contrast}*.nii.gz")}
    assert len(found) > 10
    return found


def hidden(out: Path) -> list[str]:
    """Files that only a run in progress has."""
    return [path.name for path in out.rglob(".*") if path.name != ".bidsignore"]


MOMENTS = {
    "discovery": ("bids_ari.analysis.inputs:discover", 1),
    "loading": ("bids_ari.images.maps:read_image", 3),
    "statistics": ("bids_ari.analysis.inference:grow_forest", 1),
    "writing": ("bids_ari.outputs.locks:Place.write", 9),
    "publishing": ("bids_ari.outputs.folder:Files.move", 9),
    "the second contrast": ("bids_ari.analysis.inference:grow_forest", 2),
    "the index": ("bids_ari.report.results:write_index", 1),
}


@pytest.mark.parametrize(
    ("moment", "number", "message"),
    [
        ("discovery", SIGINT, "run the same command again"),
        ("loading", SIGTERM, "no contrast was finished; the same command begins again"),
        ("writing", SIGHUP, "no contrast was finished"),
        ("the second contrast", SIGTERM, "1 of 2 contrasts are finished and kept; the same command goes on from there"),
    ],
)
def test_a_signal_ends_a_run_in_order(
    moment: str, number: signal.Signals, message: str, data: Path, earlier: Path, undisturbed: Path, out: Path
) -> None:
    """Finished results of this or an earlier run stay; of unfinished ones nothing is left."""
    with job(data, out, MOMENTS[moment]) as run:
        run.wait_for()
        run.send(number)
        code, (line,) = run.end()
    assert (code, line[:18]) == (130, "ERROR interrupted:")
    assert message in line
    assert hidden(out) == []
    done = undisturbed if moment == "the second contrast" else earlier
    assert maps(out) == maps(done, "faces")
    if moment != "discovery":
        assert json.loads(max(out.glob("logs/2*/summary.json")).read_text())["ExitCode"] == 130


def test_a_signal_while_files_get_their_names(data: Path, undisturbed: Path, out: Path) -> None:
    """It waits until all have theirs, which takes milliseconds; here longer."""
    with job(data, out, MOMENTS["publishing"]) as run:
        run.wait_for()
        run.send(SIGTERM)
        run.go_on()
        code, errors = run.end()
    assert (code, len(errors)) == (130, 1)
    assert errors[0].startswith("ERROR interrupted: ")
    assert maps(out)
    assert maps(out).items() <= maps(undisturbed).items()  # of the contrast that came first
    assert hidden(out) == []
    for image in out.rglob("*.nii.gz"):
        gzip.decompress(image.read_bytes())
    check_next_run(data, out, undisturbed)


def test_signals_while_it_cleans_up(data: Path, earlier: Path, out: Path) -> None:
    """As of `timeout`, which sends one to the process and one to its group."""
    patient = "from bids_ari.runtime import signals; signals.PATIENCE = 600.0"  # for a busy machine
    with job(data, out, MOMENTS["statistics"], MOMENTS["the index"], first=patient) as run:
        run.wait_for()
        run.send(SIGTERM)
        run.send(SIGTERM)
        run.wait_for(1)
        paused = run.marks[1].stat().st_mtime_ns
        run.send(SIGINT)
        run.go_on(1)
        code, errors = run.end()
        assert (code, len(errors)) == (130, 1)
        assert (out / "index.html").stat().st_mtime_ns > paused
    assert hidden(out) == []
    assert maps(out) == maps(earlier)


def test_a_signal_later_on_ends_what_does_not_end(data: Path, earlier: Path, undisturbed: Path, out: Path) -> None:
    """A file of a dead network drive cannot be read to its end. What is left then, the next run removes."""
    threads = ("--contrast", "faces", "--nprocs", "2")  # a single contrast is read by threads, which receive no signal
    with job(data, out, MOMENTS["loading"], words=threads) as run:
        run.wait_for()
        run.send(SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            run.process.wait(2.5)
        for _ in range(10):  # a busy machine may handle the first one late, so that the second comes too early
            run.send(SIGINT)
            with suppress(subprocess.TimeoutExpired):
                run.process.wait(2.5)
                break
        assert run.end() == (130, [])
    assert maps(out) == maps(earlier)
    check_next_run(data, out, undisturbed)


def test_after_a_kill_the_next_run_completes(data: Path, earlier: Path, undisturbed: Path, out: Path) -> None:
    with job(data, out, MOMENTS["writing"]) as run:
        run.wait_for()
        run.send(SIGKILL)
        assert run.end()[0] == -SIGKILL
    assert maps(out) == maps(earlier)
    check_next_run(data, out, undisturbed)


def check_next_run(data: Path, out: Path, undisturbed: Path) -> None:
    """See that the next run leaves what one into a new output leaves."""
    finish_a_run(data, out, *OTHERS)
    assert hidden(out) == []
    assert maps(out) == maps(undisturbed)


def wait_for_records(out: Path, n: int, running: Job) -> None:
    """Wait until a run has recorded some results."""
    while len(list((out / "logs" / "results").glob("*.json"))) < n:
        assert running.process.poll() is None
        time.sleep(0.02)


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight contrasts of four subjects, and beside them the output of an undisturbed run."""
    data, rng = tmp_path_factory.mktemp("eight") / "in", np.random.default_rng(12)
    describe(data)
    for contrast in "abcdefgh":
        write_group(data, 4, rng, contrast=contrast)
    finish_a_run(data, data.with_name("undisturbed"), *WORDS)
    return data


@pytest.mark.parametrize(("number", "code"), [(SIGKILL, -SIGKILL), (SIGTERM, 130)])
def test_a_run_of_worker_processes_goes_on_at_the_next_contrast(
    number: signal.Signals, code: int, eight: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Results that are complete are kept, with their files; the others are analysed."""
    out = Path(tempfile.mkdtemp(dir=eight.parent))
    with (
        held(out, "task-emo_space-MNI152NLin2009cAsym_contrast-h"),  # the last
        pausing([eight, out, "group", *WORDS[:-1], "2"], out) as run,
    ):
        wait_for_records(out, 1, run)
        run.send(number)
        assert run.end()[0] == code
    wait_for_owners(out)  # workers end soon after a process that was killed
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")}
    with caplog.at_level(logging.INFO, logger="bids_ari"):
        finish_a_run(eight, out, *WORDS)
    n_kept = caplog.text.count("unchanged since")
    assert 1 <= n_kept < 8
    assert caplog.text.count("voxels active") == 8 - n_kept
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")}
    assert len(before.items() & after.items()) >= n_kept * (len(after) // 8)
    assert maps(out) == maps(eight.with_name("undisturbed"))
    assert hidden(out) == []
