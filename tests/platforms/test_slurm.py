"""The scripts for SLURM, with replacements for its commands and for the container."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import builders_white
import numpy as np
import pytest
from builders import describe, write_group
from builders_places import compiled_code
from docpages import DOCS, blocks

Submit = Callable[..., "subprocess.CompletedProcess[str]"]

SBATCH = f"""#!{sys.executable}
# Starts all tasks of the array at once, each from a copy of the script and with the variables that sbatch sets.
import os, re, shutil, subprocess, sys
words = sys.argv[1:]
script = next(i for i, word in enumerate(words) if not word.startswith("-"))
copy = os.path.join(os.environ["SPOOL"], "script")
shutil.copyfile(words[script], copy)
with open(os.environ["CALLS"] + ".sbatch", "a") as calls:
    calls.write(" ".join(words[:script]) + "\\n")
given = re.findall(r"^#SBATCH (--[\\w-]+)=?(.*)$", open(copy).read(), re.M)
given += [word.partition("=")[::2] for word in words[:script]]
options = {{"-".join(name.split("-")[2:]): value for name, value in given}}
if "mem" in options and "mem-per-cpu" in options:
    sys.exit("sbatch: fatal: --mem, --mem-per-cpu, and --mem-per-gpu are mutually exclusive.")
first, last = re.match(r"(\\d+)-?(\\d*)", options["array"]).groups()
variables = {{"SLURM_CPUS_PER_TASK": "cpus-per-task", "SLURM_MEM_PER_NODE": "mem", "SLURM_MEM_PER_CPU": "mem-per-cpu"}}
inside = dict(os.environ, SLURM_ARRAY_JOB_ID="7", SLURM_CPUS_ON_NODE="3")
inside |= {{name: re.sub("G$", "000", options[option]) for name, option in variables.items() if option in options}}
tasks = [
    subprocess.Popen(["bash", copy, *words[script + 1 :]], env=inside | {{"SLURM_ARRAY_TASK_ID": str(task)}})
    for task in range(int(first), int(last or first) + 1)
]
sys.exit(max(task.wait() for task in tasks))
"""

INSIDE = ("PYTHONPATH", "BIDS_ARI_COMPILED")
"""Variables that the image would set."""

APPTAINER = f"""#!{sys.executable}
# Runs without the container: removes its flags, and replaces paths inside it by those outside.
import os, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
words, outside = sys.argv[2:], {{}}
while words[0].startswith("-"):
    flag = words.pop(0)
    if flag in ("--bind", "-B"):
        place, inside, *_ = words.pop(0).split(":")
        outside[inside] = place
    elif flag == "--env":
        words.pop(0)
if os.environ.get("CODE"):
    sys.exit(int(os.environ["CODE"]))
program = [sys.executable, "-m", "bids_ari", *(outside.get(word, word) for word in words[1:])]
if not os.environ.get("ONLY_NOTED"):
    os.execve(sys.executable, program, {{name: os.environ[name] for name in ("PATH", *{INSIDE})}})
"""


SCONTROL = """#!/usr/bin/env bash
echo "$@" $(ls "$TMPDIR") >> "$CALLS.scontrol"
kill -KILL "$PPID" # as SLURM ends the script of a task at once that is to run again
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a task, with replacements for the commands."""
    for folder in ("bin", "scratch", "spool"):
        (tmp_path / folder).mkdir()
    for name, text in (("sbatch", SBATCH), ("apptainer", APPTAINER), ("scontrol", SCONTROL)):
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
    assert contrasts.read_text() == "faces\n"
    assert len(list(tmp_path.glob("out/group/*contrast-faces*_report.html"))) == 1


def test_the_way_by_hand_as_the_page_has_it(
    tmp_path: Path, environment: dict[str, str], rng: np.random.Generator
) -> None:
    """Its commands in their order, with other paths than /data, and its script."""
    study = tmp_path / "study"
    describe(study)
    for contrast in ("faces", "houses"):
        write_group(study, 4, rng, contrast=contrast)
    steps = [block.text for block in blocks(DOCS / "slurm.md", "bash") if block.section == "Without the scripts"]
    for name in ("study", "results"):
        steps = [step.replace(f"/data/{name}", str(tmp_path / name)) for step in steps]
    make_list, script, submit, _ = steps
    (tmp_path / "job.sbatch").write_text(script)
    for step, variables in ((make_list, {}), (submit, {"ONLY_NOTED": "yes"})):
        subprocess.run(["bash", "-ec", step], check=True, cwd=tmp_path, env=environment | variables)
    assert (tmp_path / "contrasts.txt").read_text() == "faces\nhouses\n"
    assert Path(f"{environment['CALLS']}.sbatch").read_text() == "--array=1-2%20\n"
    tasks = Path(environment["CALLS"]).read_text().splitlines()[1:]
    assert {task.partition("--contrast ")[2] for task in tasks} == {
        f"{label} --smoothing 8 --work-dir /work --nprocs 4 --mem 6000M" for label in ("faces", "houses")
    }
    assert list((tmp_path / "scratch").iterdir()) == []


def test_no_contrast_to_submit(platforms: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "study").mkdir()
    command = [platforms / "slurm" / "submit.sh", "image.sif", "study", "out"]
    noted = environment | {"ONLY_NOTED": "yes"}
    done = subprocess.run(command, check=False, cwd=tmp_path, env=noted, capture_output=True, text=True)
    assert (done.returncode, "No contrast can be submitted" in done.stderr) == (66, True)


def test_a_look_submits_nothing(
    platforms: Path, tmp_path: Path, environment: dict[str, str], rng: np.random.Generator
) -> None:
    describe(tmp_path / "study")
    write_group(tmp_path / "study", 4, rng)
    command = [platforms / "slurm" / "submit.sh", "image.sif", "study", "out", "--smoothing", "8", "--list"]
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, "1 contrast can be analysed" in done.stdout) == (0, True)
    assert not list(tmp_path.glob("contrasts.*"))


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
        ({"SLURM_CPUS_PER_TASK": "", "SLURM_CPUS_ON_NODE": "3"}, "--nprocs 3 --mem 1500M"),
        ({"SLURM_CPUS_PER_TASK": "", "SLURM_MEM_PER_NODE": "", "SLURM_MEM_PER_CPU": "4000"}, "--nprocs 1 --mem 3000M"),
    ],
    ids=["per node", "per processor", "no variable", "all memory of the node", "by --ntasks", "neither"],
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
    assert (done.returncode, "no contrast number 3" in done.stderr) == (64, True)


@pytest.mark.parametrize("script", ["submit.sh", "group.sbatch"])
def test_missing_arguments_are_named(platforms: Path, script: str) -> None:
    done = subprocess.run([platforms / "slurm" / script, "image.sif"], check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "IMAGE BIDS_DIR OUTPUT_DIR" in done.stderr


def test_a_list_made_by_hand_may_have_empty_lines_and_the_line_ends_of_windows(
    task: Submit, tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "contrasts.txt").write_bytes(b"# mine\r\nfaces\r\n\r\n  shapes>houses \r\nwords")
    for number, label in ((1, "faces"), (2, "shapes>houses"), (3, "words")):
        assert task(SLURM_ARRAY_TASK_ID=str(number)).returncode == 0
        assert Path(environment["CALLS"]).read_text().endswith(f" --contrast {label}\n")


def test_a_job_that_is_no_array_says_so(task: Submit) -> None:
    done = task(SLURM_ARRAY_TASK_ID="")
    assert done.returncode != 0
    assert "sbatch --array" in done.stderr


@pytest.mark.parametrize("variables", [{"TMPDIR": ""}, {"TMPDIR": "/folder/of/the/login/node"}], ids=["unset", "gone"])
def test_a_scratch_folder_that_is_not_on_the_node(
    task: Submit, environment: dict[str, str], variables: dict[str, str]
) -> None:
    assert task(**variables).returncode == 0
    assert "--bind /tmp/bids_ari." in Path(environment["CALLS"]).read_text()


def test_the_scratch_folder_of_the_job_comes_first(task: Submit, tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "of the job").mkdir()
    assert task(SLURM_TMPDIR=str(tmp_path / "of the job")).returncode == 0
    assert f"--bind {tmp_path / 'of the job'}/bids_ari." in Path(environment["CALLS"]).read_text()
    assert list((tmp_path / "of the job").iterdir()) == []


def test_templates_of_the_host_are_in_the_container(task: Submit, tmp_path: Path, environment: dict[str, str]) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    assert task(TEMPLATEFLOW_HOME=str(templates)).returncode == 0
    bound = f"--bind {templates}:{templates}:ro --env TEMPLATEFLOW_HOME={templates} image.sif"
    assert bound in Path(environment["CALLS"]).read_text()


@pytest.mark.parametrize(("code", "restarts", "requeued"), [("65", "0", False), ("75", "0", True), ("75", "3", False)])
def test_a_task_fails_with_the_code_of_its_analysis_and_is_tried_again_where_that_helps(
    task: Submit, environment: dict[str, str], code: str, restarts: str, requeued: bool
) -> None:
    """Nothing is left in the scratch folder before."""
    done = task(CODE=code, SLURM_RESTART_COUNT=restarts, SLURM_ARRAY_JOB_ID="7")
    assert done.returncode == (-signal.SIGKILL if requeued else int(code))
    noted = Path(f"{environment['CALLS']}.scontrol")
    assert (noted.read_text() if noted.exists() else "") == ("requeue 7_2\n" if requeued else "")


def test_a_task_that_is_stopped_ends_after_its_analysis(
    platforms: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """SLURM sends SIGTERM to all processes of a job, and kills them when the script has ended."""
    (tmp_path / "contrasts.txt").write_text("faces\n")
    (tmp_path / "study").mkdir()
    body = "trap 'sleep 0.5; touch ended; exit 130' TERM; touch begun; while :; do sleep 0.1; done"
    (tmp_path / "bin" / "apptainer").write_text(f"#!/usr/bin/env bash\n{body}\n")
    command = [platforms / "slurm" / "group.sbatch", "image.sif", "study", "out", "contrasts.txt"]
    variables = environment | {"SLURM_ARRAY_TASK_ID": "1"}
    with subprocess.Popen(command, cwd=tmp_path, env=variables, start_new_session=True) as task:
        while not (tmp_path / "begun").exists():
            assert task.poll() is None
            time.sleep(0.05)
        os.killpg(task.pid, signal.SIGTERM)
        assert task.wait(300) == 130
    assert (tmp_path / "ended").exists()
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("script", ["submit.sh", "group.sbatch"])
def test_singularity_is_used_where_there_is_no_apptainer(
    script: str, platforms: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Neither is an error that names the module to load."""
    (tmp_path / "study").mkdir()
    (tmp_path / "contrasts.txt").write_text("faces\n")
    command = [platforms / "slurm" / script, "image.sif", "study", "out", *["contrasts.txt"] * (script != "submit.sh")]
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "sed", "mkdir", "realpath", "mktemp", "rm", "dirname", "wc"):
        (tools / name).symlink_to(str(shutil.which(name)))
    few = environment | {"PATH": str(tools), "ONLY_NOTED": "yes", "SLURM_ARRAY_TASK_ID": "1"}
    done = subprocess.run(command, check=False, cwd=tmp_path, env=few, capture_output=True, text=True)
    assert (done.returncode, "load its module" in done.stderr) == (127, True)
    (tools / "singularity").symlink_to(tmp_path / "bin" / "apptainer")
    subprocess.run(command, check=False, cwd=tmp_path, env=few, capture_output=True, text=True)
    assert Path(environment["CALLS"]).read_text().startswith("run --containall")


@pytest.mark.parametrize(
    ("options", "variables", "passed"),
    [
        ((), {}, "--mem=8G --array=1-2"),
        (("--array=%20", "--mem-per-cpu=2G"), {}, "--mem-per-cpu=2G --array=1-2%20"),
        (("--mail-type=FAIL", "--requeue"), {"SBATCH_MEM_PER_NODE": "4G"}, "--mail-type=FAIL --requeue --array=1-2"),
    ],
    ids=["none", "at most 20, other memory", "mail, memory by a variable"],
)
def test_options_of_sbatch_come_first(
    options: tuple[str, ...],
    variables: dict[str, str],
    passed: str,
    platforms: Path,
    tmp_path: Path,
    environment: dict[str, str],
) -> None:
    """The labels of the contrasts are those that the container prints."""
    (tmp_path / "my study").mkdir()
    (tmp_path / "bin" / "apptainer").write_text('#!/bin/sh\necho "$@" >> "$CALLS"\nprintf "faces\\nhouses\\n"\n')
    command = [platforms / "slurm" / "submit.sh", *options, "image.sif", "my study", "my results"]
    done = subprocess.run(
        command, check=True, cwd=tmp_path, env=environment | variables, capture_output=True, text=True
    )
    assert Path(f"{environment['CALLS']}.sbatch").read_text() == f"{passed}\n"
    calls = Path(environment["CALLS"]).read_text().splitlines()
    assert f"--bind {tmp_path / 'my study'}:{tmp_path / 'my study'}:ro" in calls[0]
    assert calls[0].endswith("group --list-contrasts")
    assert {call.rpartition(" ")[2] for call in calls[1:]} == {"faces", "houses"}
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "named"), [(("-p", "long"), "--option=value"), (("image.sif", "study", "out", "--joint"), "use --alpha")]
)
def test_what_no_task_could_do_is_refused_at_once(
    words: tuple[str, ...], named: str, platforms: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "study").mkdir()
    command = [platforms / "slurm" / "submit.sh", *words]
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, named in done.stderr) == (64, True)
    assert not Path(environment["CALLS"]).exists()
