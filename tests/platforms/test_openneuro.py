"""The scripts that analyse many studies on SLURM, with replacements for its commands and for the container."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import builders_white
import numpy as np
import pytest
from builders import describe, write_group
from builders_places import compiled_code
from platforms.test_slurm import SBATCH

Run = Callable[..., "subprocess.CompletedProcess[str]"]

APPTAINER = f"""#!{sys.executable}
# Runs without the container: removes its flags, and replaces paths inside it by those outside.
import os, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
words, outside = sys.argv[2:], {{}}
while words[0].startswith("--"):
    flag = words.pop(0)
    if flag == "--env":
        words.pop(0)
    elif flag == "--bind":
        place, inside, *_ = words.pop(0).split(":")
        outside[inside] = place
image, program, *words = (outside.get(word, word) for word in words)
code = "import sys; from bids_ari.cli.entry import bids_ari_studies; sys.exit(bids_ari_studies())"
if not os.environ.get("ONLY_NOTED"):
    os.execv(sys.executable, [sys.executable, "-c", code, *words])
"""


@pytest.fixture
def run(platforms: Path, tmp_path: Path, rng: np.random.Generator) -> Run:
    """Return a function that runs one of the scripts in a folder with two studies, one of them without maps."""
    for folder in ("bin", "scratch", "spool", "specs", "in/ds2/task-none"):
        (tmp_path / folder).mkdir(parents=True)
    for name, text in (("sbatch", SBATCH), ("apptainer", APPTAINER)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "image.sif").touch()
    describe(tmp_path / "in" / "ds1" / "task-emo")
    write_group(tmp_path / "in" / "ds1" / "task-emo", 4, rng, node="subjectLevel")
    describe(tmp_path / "in" / "ds2" / "task-none")
    environment = {
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "SPOOL": str(tmp_path / "spool"),
        "CALLS": str(tmp_path / "calls"),
        "PYTHONPATH": builders_white.PATH,
        **compiled_code(tmp_path / "code"),
        "TMPDIR": str(tmp_path / "scratch"),
    }

    def start(script: str, *words: str, before: str = "", **variables: str) -> "subprocess.CompletedProcess[str]":
        command = [platforms / "openneuro" / script, *before.split(), "image.sif", "in", *words]
        return subprocess.run(
            command, check=False, cwd=tmp_path, env=environment | variables, capture_output=True, text=True
        )

    return start


def test_a_task_for_each_study(run: Run, tmp_path: Path) -> None:
    """All tasks update one summary; one that fails does not harm it."""
    before = "--account=lab --requeue --array=%20"
    done = run("submit.sh", "out", "--models", "specs", "--", "--threshold", "3", "--tdp", "0.7", before=before)
    assert done.stdout.startswith("ds1/task-emo\tthe mean over subjects\t1 contrast can be analysed"), done.stderr
    (listed,) = tmp_path.glob("studies.*")
    assert listed.read_text() == "ds1/task-emo\nds2/task-none\n"
    rows = [line.split("\t") for line in (tmp_path / "out" / "studies.tsv").read_text().splitlines()]
    assert [(row[0], row[1], row[-3]) for row in rows[1:]] == [("ds1", "emo", "0"), ("ds2", "none", "66")]
    assert (tmp_path / "out" / rows[1][-1]).is_file()

    assert (tmp_path / "calls.sbatch").read_text() == "--account=lab --requeue --mem=8G --array=1-2%20\n"
    _, *calls = (tmp_path / "calls").read_text().splitlines()
    binds = f"--bind {tmp_path / 'in'}:{tmp_path / 'in'}:ro --bind {tmp_path / 'out'}:{tmp_path / 'out'}"
    specs = f"{tmp_path / 'specs'}"
    assert len(calls) == 2
    for call in calls:
        assert call.startswith(f"exec --containall --cleanenv {binds} --bind {specs}:{specs}:ro --bind ")
        assert call.endswith(" -- --work-dir /work --nprocs 4 --mem 6000M --threshold 3 --tdp 0.7")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_studies_can_be_chosen(run: Run, tmp_path: Path) -> None:
    done = run("submit.sh", "out", "--include", "ds7", "ds1")
    assert (done.returncode, "There is no study ds7" in done.stderr) == (18, True)
    assert not list(tmp_path.glob("studies.*"))


def test_a_look_submits_nothing(run: Run, tmp_path: Path) -> None:
    done = run("submit.sh", "out", "--include", "ds1", "--list")
    assert (done.returncode, done.stdout.startswith("ds1/task-emo\t")) == (0, True)
    assert not list(tmp_path.glob("studies.*"))


def test_a_task_number_beyond_the_list(run: Run, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("ds1\n")
    done = run("studies.sbatch", "out", "list", SLURM_ARRAY_TASK_ID="2", ONLY_NOTED="1")
    assert (done.returncode, "no study on line 2" in done.stderr) == (64, True)
    assert run("studies.sbatch", "out", "list", SLURM_ARRAY_TASK_ID="1", ONLY_NOTED="1").returncode == 0


def test_templates_are_mounted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("ds1\n")
    variables = {"TEMPLATEFLOW_HOME": "scratch", "SLURM_ARRAY_TASK_ID": "1", "ONLY_NOTED": "1"}
    assert run("studies.sbatch", "out", "list", **variables).returncode == 0
    place = tmp_path / "scratch"
    assert f" --bind {place}:{place}:ro --env TEMPLATEFLOW_HOME={place} " in (tmp_path / "calls").read_text()


def test_options_that_choose_studies_are_not_for_a_task(run: Run, tmp_path: Path) -> None:
    done = run("studies.sbatch", "out", "list", "--include", "ds1", SLURM_ARRAY_TASK_ID="1")
    assert (done.returncode, "--include: expected --models" in done.stderr) == (64, True)


@pytest.mark.parametrize("script", ["submit.sh", "studies.sbatch"])
def test_missing_arguments_are_named(run: Run, script: str) -> None:
    done = run(script)
    assert done.returncode != 0
    assert "IMAGE ANALYSES OUTPUT" in done.stderr
