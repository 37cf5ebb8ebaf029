"""The scripts for SLURM, with replacements for its commands and for the container."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import builders_white
import numpy as np
import pytest
from builders import describe, write_group
from builders_places import compiled_code

Submit = Callable[..., "subprocess.CompletedProcess[str]"]

SBATCH = """#!/usr/bin/env bash
# Starts all tasks of the array at once, from a copy of the script, as on the node of a cluster.
last=${1#--array=1-}
cp "$2" "$SPOOL/script"
shift 2
for ((task = 1; task <= last; task++)); do
    SLURM_ARRAY_TASK_ID=$task bash "$SPOOL/script" "$@" &
done
for job in $(jobs -p); do wait "$job" || exit; done
"""

INSIDE = ("PYTHONPATH", "BIDS_ARI_COMPILED")
"""Variables that the image would set."""

APPTAINER = f"""#!{sys.executable}
# Runs without the container: removes its flags, and replaces paths inside it by those outside.
import os, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
words, outside = sys.argv[2:], {{}}
while words[0].startswith("--"):
    if words.pop(0) == "--bind":
        place, inside, *_ = words.pop(0).split(":")
        outside[inside] = place
program = [sys.executable, "-m", "bids_ari", *(outside.get(word, word) for word in words[1:])]
if not os.environ.get("ONLY_NOTED"):
    os.execve(sys.executable, program, {{name: os.environ[name] for name in ("PATH", *{INSIDE})}})
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a task, with replacements for the commands."""
    for folder in ("bin", "scratch", "spool"):
        (tmp_path / folder).mkdir()
    for name, text in (("sbatch", SBATCH), ("apptainer", APPTAINER)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "image.sif").touch()
    return {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "SPOOL": str(tmp_path / "spool"),
        "CALLS": str(tmp_path / "calls"),
        "PYTHONPATH": builders_white.PATH,
        **compiled_code(tmp_path / "code"),
        "TMPDIR": str(tmp_path / "scratch"),
        "SLURM_CPUS_PER_TASK": "2",
        "SLURM_MEM_PER_NODE": "2000",
    }


@pytest.fixture
def task(platforms: Path, tmp_path: Path, environment: dict[str, str]) -> Submit:
    """Return a function that runs one task of an array and only records the command of its container."""
    (tmp_path / "contrasts.txt").write_text("faces\nhouses\n")
    (tmp_path / "study").mkdir()

    def run(*flags: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        command = [platforms / "slurm" / "group.sbatch", "image.sif", "study", "out", "contrasts.txt", *flags]
        environment.update({"ONLY_NOTED": "yes", "SLURM_ARRAY_TASK_ID": "2"} | variables)
        nonempty = {name: value for name, value in environment.items() if value}
        return subprocess.run(command, check=False, cwd=tmp_path, env=nonempty, capture_output=True, text=True)

    return run


def test_a_task_for_each_contrast(
    platforms: Path, tmp_path: Path, environment: dict[str, str], rng: np.random.Generator
) -> None:
    """Also with labels that results do not have: one is written otherwise, one cannot be used."""
    study, out = tmp_path / "study", tmp_path / "study" / "derivatives" / "bids_ari"
    describe(study)
    labels = ("faces>houses", "houses", "houses_left")
    maps = [path for contrast in labels for path in write_group(study, 4, rng, contrast=contrast)]
    before = [path.stat().st_mtime_ns for path in maps]

    command = [platforms / "slurm" / "submit.sh", "image.sif", "study", out.relative_to(tmp_path), "--alpha", "0.1"]
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    (contrasts,) = tmp_path.glob("contrasts.*")
    assert contrasts.read_text() == "faceshouses\nhouses\n"
    name = "task-emo_space-MNI152NLin2009cAsym_contrast-{}_test-mean_desc-greater_report.html"
    reports = {f"group/{name.format(contrast)}" for contrast in ("faceshouses", "houses")}
    assert {str(path.relative_to(out)) for path in out.rglob("*_report.html")} == reports
    (index,) = tmp_path.rglob("index.html")
    assert all(report in index.read_text() for report in reports)

    calls = Path(environment["CALLS"]).read_text().splitlines()
    assert len(calls) == 3
    assert all(call.startswith(f"run --containall --cleanenv --bind {study}:{study}:ro ") for call in calls)
    assert [path.stat().st_mtime_ns for path in maps] == before
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_contrast_with_a_problem_does_not_stop_the_others(
    platforms: Path, tmp_path: Path, environment: dict[str, str], rng: np.random.Generator
) -> None:
    study, command = tmp_path / "study", [platforms / "slurm" / "submit.sh", "image.sif", "study", "out"]
    describe(study)
    write_group(study, 2, rng, contrast="houses", space="T1w")
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, "native space" in done.stderr, list(tmp_path.glob("contrasts.*"))) == (65, True, [])

    write_group(study, 3, rng, contrast="faces")
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "native space" in done.stderr
    (contrasts,) = tmp_path.glob("contrasts.*")
    assert contrasts.read_text() == "faces\nhouses\n"
    assert len(list(tmp_path.glob("out/group/*contrast-faces*_report.html"))) == 1


def test_no_contrast_to_submit(platforms: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "study").mkdir()
    command = [platforms / "slurm" / "submit.sh", "image.sif", "study", "out"]
    noted = environment | {"ONLY_NOTED": "yes"}
    done = subprocess.run(command, check=False, cwd=tmp_path, env=noted, capture_output=True, text=True)
    assert (done.returncode, "No map has a contrast" in done.stderr) == (66, True)


def test_a_task_analyses_its_own_contrast(task: Submit, environment: dict[str, str]) -> None:
    """Also where the flags select several, of which one task each is submitted."""
    assert task("--contrast", "faces", "houses").returncode == 0
    assert Path(environment["CALLS"]).read_text().endswith(" --contrast faces houses --contrast houses\n")


@pytest.mark.parametrize(
    ("variables", "flags"),
    [
        ({}, "--nprocs 2 --mem 1500M"),
        ({"SLURM_MEM_PER_NODE": "", "SLURM_MEM_PER_CPU": "4000"}, "--nprocs 2 --mem 6000M"),
        ({"SLURM_MEM_PER_NODE": ""}, "--nprocs 2 --contrast"),
        ({"SLURM_MEM_PER_NODE": "0"}, "--nprocs 2 --contrast"),
    ],
    ids=["per node", "per processor", "no variable", "all memory of the node"],
)
def test_a_task_uses_the_resources_of_the_job(
    task: Submit, environment: dict[str, str], variables: dict[str, str], flags: str
) -> None:
    assert task(**variables).returncode == 0
    assert flags in Path(environment["CALLS"]).read_text()


@pytest.mark.parametrize("flag", ["--split-alpha", "--joint"])
def test_flags_about_all_results_of_a_run_are_refused(task: Submit, flag: str) -> None:
    done = task(flag)
    assert (done.returncode, "use --alpha" in done.stderr) == (64, True)


def test_a_task_number_beyond_the_list(task: Submit) -> None:
    done = task(SLURM_ARRAY_TASK_ID="3")
    assert (done.returncode, "no contrast on line 3" in done.stderr) == (64, True)


@pytest.mark.parametrize("script", ["submit.sh", "group.sbatch"])
def test_missing_arguments_are_named(platforms: Path, script: str) -> None:
    done = subprocess.run([platforms / "slurm" / script, "image.sif"], check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "IMAGE BIDS_DIR OUTPUT_DIR" in done.stderr
