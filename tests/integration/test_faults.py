"""Faults: killed jobs, full disks, and many jobs that write into one output at once."""

import gzip
import json
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import describe, write_group
from builders_jobs import (
    JOBS,
    LIMIT,
    VOLUME,
    dead_pid,
    finish,
    job_of_the_program,
    job_on,
    job_refused,
    job_that_holds,
    job_that_stops,
    job_without_end,
    kill,
    running,
    start,
    write_index,
    write_result,
)

from bids_ari.cli.main import main
from bids_ari.errors import OutputError, TemporaryError
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.folder import Files
from bids_ari.outputs.locks import STAGING, Place
from bids_ari.runtime.owner import Owner

CONTRAST = "task-x_contrast-a"
RESULT = f"{CONTRAST}_test-mean_desc-greater"
RECORD = f"logs/results/{RESULT}.json"


def visible(root: Path) -> dict[str, bytes]:
    """Return each file of an output except those that wait, which no program reads as part of it."""
    paths = (path for path in sorted(root.rglob("*")) if path.is_file())
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    return {name: content for name, content in found.items() if not name.startswith(f"{STAGING}/")}


def check_whole(root: Path) -> None:
    """Check that each file is complete, and that each file of a result is in a record."""
    found = visible(root)
    for name, content in found.items():
        if name.endswith(".gz"):
            gzip.decompress(content)  # fails on what is cut short
            np.testing.assert_array_equal(nib.load(root / name).get_fdata(), VOLUME.get_fdata())
        elif name.endswith(".json"):
            json.loads(content)
        elif name.endswith("_clusters.tsv"):
            assert content.startswith(b"label\n")
            assert content.endswith(b"\n")
    notes = [json.loads(content) for name, content in found.items() if name.startswith("logs/results/")]
    assert {name for name in found if name.startswith("group/")} <= {name for note in notes for name in note["Files"]}
    for note in notes:
        if note["Complete"]:
            assert set(note["Files"]) <= set(found)


def run_once(root: Path, labels: list[str]) -> None:
    """Write a result without disturbance."""
    with Derivatives(root, {}) as out:
        with out.result(CONTRAST):
            write_result(out, CONTRAST, labels)
        write_index(out)


def without_time(found: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files without the time in the record."""
    record = json.loads(found[RECORD])
    return found | {RECORD: json.dumps(record | {"Time": ""}).encode()}


@pytest.fixture
def undisturbed(tmp_path: Path) -> dict[str, bytes]:
    """Files of a run in a new output."""
    run_once(tmp_path / "undisturbed", ["Z3", "Z4"])
    return without_time(visible(tmp_path / "undisturbed"))


class TestKilled:
    def test_at_random_moments(self, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
        """Fifteen times a job that only writes: no file is truncated, and the next run completes the output."""
        moments = random.Random(20261123)
        out = tmp_path / "out"
        for _ in range(15):
            begun = JOBS.Event()
            with running(job_without_end, out, begun) as job:
                assert begun.wait(LIMIT)
                time.sleep(moments.uniform(0, 0.06))
                kill(job)
            check_whole(out)
        run_once(out, ["Z3", "Z4"])
        assert without_time(visible(out)) == undisturbed
        assert not (out / STAGING).exists()

    def test_at_every_moment_of_publishing(
        self, tmp_path: Path, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A copy of the output after each step is what a job killed at that moment leaves."""
        out = tmp_path / "out"
        run_once(out, ["Z3", "Z5", "Tdp70"])
        earlier = visible(out)
        copies = list(self.copies_after_each_step(out, tmp_path / "copies", monkeypatch))
        # a probe; the lock; 7 files and 2 notes, written and renamed; 6 files of Z5 and Tdp70 and a failure removed
        assert len(copies) == 1 + 1 + 2 * (7 + 2) + 6 + 1
        states = [self.state(copy, earlier) for copy in copies]
        assert [state for n, state in enumerate(states) if n == 0 or state != states[n - 1]] == [
            "earlier",
            "interrupted",
            "complete",
        ]
        for copy in copies:
            check_whole(copy)
            run_once(copy, ["Z3", "Z4"])
            assert without_time(visible(copy)) == undisturbed
            assert not (copy / STAGING).exists()

    def copies_after_each_step(self, out: Path, copies: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """Run again, and copy the output after each step as if the owner of waiting files had ended."""
        gone, made = dead_pid(), []

        def copying(step: Callable[..., Any]) -> Callable[..., Any]:
            def act(*arguments: Any) -> Any:
                done = step(*arguments)
                copy = copies / f"{len(made):02d}"
                shutil.copytree(out, copy)
                for place in copy.glob(f"{STAGING}/*/*"):
                    place.rename(place.with_name(replace(Owner.this_process(), pid=gone, started="").token()))
                made.append(copy)
                return done

            return act

        with monkeypatch.context() as patched:
            for kind, name in ((Files, "move"), (Files, "remove"), (Place, "write"), (Place, "move_to")):
                patched.setattr(kind, name, copying(getattr(kind, name)))
            with Derivatives(out, {}) as again, again.result(CONTRAST):
                write_result(again, CONTRAST, ["Z3", "Z4"])
        yield from made

    def state(self, copy: Path, earlier: dict[str, bytes]) -> str:
        """Return what a reader finds: the earlier result, the complete new one, or an interrupted one."""
        if visible(copy) == earlier:
            return "earlier"
        with Derivatives(copy, {}) as out:
            (name,) = [note["Name"] for note in out.records() + out.interrupted()]
            assert name == RESULT
            return "complete" if out.records() else "interrupted"

    def test_an_interrupted_result_is_named(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        run_once(tmp_path, ["Z3"])
        note = json.loads((tmp_path / RECORD).read_text())
        (tmp_path / RECORD).write_text(json.dumps(note | {"Complete": False}))
        with Derivatives(tmp_path, {}) as out:
            assert out.records() == []
            assert [each["Contrast"] for each in out.interrupted()] == [CONTRAST]
        assert f"The files of {RESULT} are incomplete" in caplog.text

    def test_while_it_held_a_result(self, tmp_path: Path) -> None:
        """The next job gets the lock at once, and removes the files that waited."""
        held = JOBS.Event()
        with running(job_that_holds, tmp_path, CONTRAST, held, JOBS.Event()) as job:
            assert held.wait(LIMIT)
            kill(job)
            assert visible(tmp_path) == {}
            began = time.monotonic()
            run_once(tmp_path, ["Z3"])
            assert time.monotonic() - began < 60  # not after the two minutes of silence of an unknown owner
        assert not (tmp_path / STAGING).exists()


class TestTogether:
    def test_sixteen_jobs_on_sixteen_contrasts(self, tmp_path: Path) -> None:
        """Into a new output, each from a dataset of its own."""
        contrasts = [f"task-x_contrast-c{n:02d}" for n in range(16)]
        sources = [tmp_path / f"in{n:02d}" for n in range(16)]
        out = tmp_path / "deep" / "out"
        finish(*(start(job_on, contrast, out, source) for contrast, source in zip(contrasts, sources, strict=True)))
        check_whole(out)
        results = [f"{contrast}_test-mean_desc-greater" for contrast in contrasts]
        assert (out / "index.html").read_text().split() == results
        assert len(list(out.glob("group/*_dseg.nii.gz"))) == 32
        labels = [line.split("\t")[0] for line in (out / "descriptions.tsv").read_text().splitlines()[1:]]
        assert labels == sorted(["desc-analysis", "desc-greaterZ3", *(f"desc-greaterc{n:02d}" for n in range(16))])
        about = json.loads((out / "dataset_description.json").read_text())
        assert about["DatasetLinks"] == {source.name: f"../../{source.name}" for source in sources}
        assert sorted(path.name for path in out.iterdir()) == sorted(
            [
                *(".bidsignore", "README.md", "dataset_description.json", "descriptions.json", "descriptions.tsv"),
                *("group", "index.html", "layout_config.json", "logs"),
            ]
        )

    def test_two_on_the_same_result(self, tmp_path: Path) -> None:
        """The second gets an error that names the first, which continues undisturbed."""
        held, let_go = JOBS.Event(), JOBS.Event()
        with running(job_that_holds, tmp_path, CONTRAST, held, let_go) as job:
            assert held.wait(LIMIT)
            with Derivatives(tmp_path, {}) as out:
                with (
                    pytest.raises(TemporaryError, match=f"being written by process {job.pid} on"),
                    out.result(CONTRAST),
                ):
                    pytest.fail("another process writes it")
                with out.result("task-x_contrast-other"):
                    pass
            let_go.set()
            finish(job)
        assert set(visible(tmp_path)) == {"group/held.txt", f"logs/results/{CONTRAST}.json"}

    def test_eight_on_the_same_result(self, tmp_path: Path) -> None:
        """Each writes it or is refused."""
        n_refused = JOBS.Value("i", 0)
        jobs = [start(job_refused, tmp_path, n_refused) for _ in range(8)]
        finish(*jobs)
        assert n_refused.value < 8
        assert (tmp_path / "group" / "a.txt").read_text() in {str(job.pid) for job in jobs}
        assert set(visible(tmp_path)) == {"group/a.txt", "logs/results/a.json"}
        assert not (tmp_path / STAGING).exists()


class TestFull:
    FILL = """\
import sys
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.errors import OutputError
with Derivatives(sys.argv[1], {}) as out:
    try:
        with out.result("a"):
            out.text("group/x.txt", "new")
            out.binary("group/large.bin", bytes(4_000_000))
            out.record("a", [], {})
    except OutputError as error:
        sys.stderr.write(str(error))
        sys.exit(error.exit_code)
"""

    def check(self, out: Path, reason: str, **how: Any) -> None:
        """Check that a job that writes too much ends with 73 and leaves only the earlier result."""
        with Derivatives(out, {}) as first, first.result("a"):
            first.text("group/x.txt", "earlier")
            first.record("a", [], {})
        before = visible(out)
        done = subprocess.run(
            [sys.executable, "-c", self.FILL, str(out)], check=False, capture_output=True, text=True, **how
        )
        assert (done.returncode, done.stderr) == (73, f"{out}/group/large.bin cannot be written: {reason}")
        assert visible(out) == before
        assert not (out / STAGING).exists()

    def test_a_disk(self, tmp_path: Path) -> None:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", tmp_path], check=False)
        if mounted.returncode:
            pytest.skip("may not mount")
        try:
            self.check(tmp_path / "out", "No space left on device")
        finally:
            subprocess.run(["umount", tmp_path], check=True)

    def test_the_size_that_a_file_may_have(self, tmp_path: Path) -> None:
        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

        self.check(tmp_path / "out", "File too large", preexec_fn=limit)

    def test_a_disk_that_turns_read_only(self, tmp_path: Path) -> None:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=False)
        if mounted.returncode:
            pytest.skip("may not mount")
        try:
            run_once(tmp_path / "out", ["Z3"])
            before = visible(tmp_path / "out")
            with Derivatives(tmp_path / "out", {}) as out, out.result(CONTRAST):
                out.text("group/new.txt", "new")
                subprocess.run(["mount", "-o", "remount,ro", tmp_path], check=True)
                with pytest.raises(OutputError, match="Read-only file system") as caught:
                    write_result(out, CONTRAST, ["Z4"])
            assert caught.value.exit_code == 73
            assert visible(tmp_path / "out") == before
            with (
                pytest.raises(OutputError, match="out cannot be written: Read-only"),
                Derivatives(tmp_path / "out", {}),
            ):
                pytest.fail("nothing can be written")
        finally:
            with suppress(subprocess.CalledProcessError):
                subprocess.run(["umount", tmp_path], check=True)


class TestProgram:
    @pytest.fixture
    def words(self, tmp_path: Path, rng: np.random.Generator) -> list[str]:
        """Arguments for two contrasts."""
        for contrast in ("a", "b"):
            write_group(tmp_path / "in", 5, rng, contrast=contrast)
        return [str(tmp_path / "in"), str(tmp_path / "out"), "group", "--tdp", "0.7", "--threshold", "3"]

    def test_killed_while_it_writes(self, tmp_path: Path, words: list[str]) -> None:
        """The output of the last run does not depend on killed ones."""
        for written in ("", "20.part"):
            stopped = JOBS.Event()
            with running(job_that_stops, [*words, "4", "--contrast", "a"], "-a.lock", written, stopped) as job:
                assert stopped.wait(LIMIT)
                kill(job)
            for path in (tmp_path / "out").rglob("*.nii.gz"):
                assert np.isfinite(nib.load(path).get_fdata()).any()
        for out in ("undisturbed", "out"):
            assert main([words[0], str(tmp_path / out), *words[2:], "--contrast", "a"]) == 0
        undisturbed, found = (
            {name: content for name, content in visible(tmp_path / out).items() if not name.startswith("logs/")}
            for out in ("undisturbed", "out")
        )
        assert found.keys() == undisturbed.keys()
        timed = (".html", "ro-crate-metadata.json")
        assert not {name for name in found if found[name] != undisturbed[name] and not name.endswith(timed)}
        assert not (tmp_path / "out" / STAGING).exists()

    def test_a_killed_run_continues_at_the_next_contrast(
        self, tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The first of two contrasts is complete when the run is killed; the next run keeps it."""
        words = [*words, "--nprocs", "1"]
        stopped = JOBS.Event()
        with running(job_that_stops, words, "-b.lock", "", stopped) as job:
            assert stopped.wait(LIMIT)
            kill(job)
        first = {name: content for name, content in visible(tmp_path / "out").items() if "contrast-a" in name}
        assert main(words) == 0
        lines = [line for line in capsys.readouterr().err.splitlines() if "unchanged since" in line]
        assert len(lines) == 1
        assert "contrast-a: unchanged since" in lines[0]
        found = visible(tmp_path / "out")
        assert {name: found[name] for name in first} == first
        assert {name.replace("contrast-a", "contrast-b") for name in first} <= found.keys()

    def test_two_jobs_on_two_contrasts(self, tmp_path: Path, words: list[str]) -> None:
        finish(*(start(job_of_the_program, [*words, "--contrast", contrast]) for contrast in ("a", "b")))
        index = (tmp_path / "out" / "index.html").read_text()
        assert all(f"contrast-{contrast}_test-mean_desc-greater_report.html" in index for contrast in ("a", "b"))
        assert len(list((tmp_path / "out" / "logs").glob("*/summary.json"))) == 2

    def test_a_result_that_another_job_writes(
        self, tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Exit code 75, try again, before any work."""
        held, stem = JOBS.Event(), "task-emo_space-MNI152NLin2009cAsym_contrast-"
        with running(job_that_holds, tmp_path / "out", f"{stem}a", held, JOBS.Event()) as job:
            assert held.wait(LIMIT)
            assert main([*words, "--contrast", "a"]) == TemporaryError.exit_code
            assert f"{stem}a is being written by process {job.pid} on" in capsys.readouterr().err
            assert not list((tmp_path / "out").rglob("*.nii.gz"))

    @pytest.mark.parametrize(
        ("error", "code"), [(KeyboardInterrupt(), 130), (OutputError("No space left"), 73), (RuntimeError("bug"), 1)]
    )
    def test_an_error_while_a_result_is_written_leaves_the_earlier_one(
        self, tmp_path: Path, words: list[str], error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        words = [*words, "--contrast", "a"]
        assert main(words) == 0
        before = {name: content for name, content in visible(tmp_path / "out").items() if "contrast-a" in name}
        real = Derivatives.table

        def fail(out: Derivatives, name: str, frame: pd.DataFrame) -> str:
            if "clusters" in name:
                raise error
            return real(out, name, frame)

        monkeypatch.setattr(Derivatives, "table", fail)
        assert main([*words, "--rerun"]) == code
        after = {name: content for name, content in visible(tmp_path / "out").items() if "contrast-a" in name}
        assert after == before
        assert not (tmp_path / "out" / STAGING).exists()


def test_a_source_is_never_written(tmp_path: Path) -> None:
    """Also if the output is a folder of the source."""
    describe(tmp_path / "in", Authors=["A", "B"])
    before = visible(tmp_path / "in")
    with Derivatives(tmp_path / "in" / "derivatives" / "ari", {"in": tmp_path / "in"}) as out:
        with out.result(CONTRAST):
            write_result(out, CONTRAST, ["Z3"])
        write_index(out)
    assert {name: content for name, content in visible(tmp_path / "in").items() if "derivatives" not in name} == before
