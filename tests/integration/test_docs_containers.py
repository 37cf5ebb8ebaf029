"""The lines of the pages on containers that make commands of other pages work, with a replacement for the program."""

import os
import subprocess
import tomllib
from pathlib import Path

import pytest
from docpages import DOCS, blocks

DOCKER = "run --rm -u {user} -e TEMPLATEFLOW_HOME -v {here}:{here} -w {here} --entrypoint {name} bids_ari"
APPTAINER = (
    "exec --containall --cleanenv --env=TEMPLATEFLOW_HOME={home} "
    "-B {here}:{here} --pwd {here} {here}/bids_ari.sif {name}"
)


@pytest.mark.parametrize(("page", "begins"), [("docker.md", DOCKER), ("apptainer.md", APPTAINER)])
def test_commands_of_other_pages_run_in_the_container(page: str, begins: str, tmp_path: Path) -> None:
    (lines,) = [each.text for each in blocks(DOCS / page, "bash") if "in_container" in each.text]
    program = tmp_path / page.removesuffix(".md")
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    here = tmp_path / "own data"
    here.mkdir()
    home = f"{here}/templates"
    words = ("--manifest", "own maps.tsv")
    for name in tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]["scripts"]:
        script = f"shopt -s expand_aliases\n{lines}\n{name} . results '{words[0]}' '{words[1]}'\n"
        path = f"{tmp_path}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=here,
            env={"PATH": path, "TEMPLATEFLOW_HOME": home},
            capture_output=True,
            text=True,
            check=True,
        )
        user = f"{os.getuid()}:{os.getgid()}"
        expected = [each.format(here=here, home=home, user=user, name=name) for each in begins.split()]
        assert done.stdout.splitlines() == [*expected, ".", "results", *words]
