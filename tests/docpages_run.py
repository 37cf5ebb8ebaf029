"""Pages of the documentation that are followed: each command is run, and what it prints is compared.

Commands run in the order of the page, Python in between. A block of text after a command is what it prints to stdout;
``...`` stands for the rest of a line, or, alone, for any lines. The first block of JSON is saved as ``model.json``.
"""

import re
import shlex
import subprocess
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from docpages import Block, blocks, commands_of

from bids_ari.cli import demo, map, mask
from bids_ari.cli import main as cli

PROGRAMS: dict[str, Callable[[Sequence[str]], int]] = {
    "bids-ari": cli.main,
    "bids-ari-map": map.main,
    "bids-ari-mask": mask.main,
    "bids-ari-demo": demo.main,
}

PLACEHOLDERS = re.compile(r"\b(BIDS_DIR|OUTPUT_DIR|FMRIPREP_DIR|WORKING_DIR|MAP|MASK)\b")
"""Words that stand for files of the reader: commands with these are parsed only, by another test."""

NOT_RUN = {
    "docker": "containers are run by tests/container",
    "apptainer": "containers are run by tests/container",
}
"""Programs that are not run, with the reason."""

Others = Mapping[str, Callable[[str], object]]
"""What is done instead of the commands of other programs, by name: a function of the command."""


def follow(page: Path, capsys: pytest.CaptureFixture[str], others: Others | None = None) -> None:
    """Run what a page shows in the current folder, in order, and compare what is printed."""
    names: dict[str, object] = {}
    printed = ""
    for block in blocks(page, "bash", "python", "text", "json"):
        if block.language == "text":
            assert_printed(printed, block)
        elif block.language == "json":
            if not (model := Path("model.json")).exists():
                model.write_text(block.text)
        elif block.language == "python":
            with warnings.catch_warnings():  # nilearn warns of names that it changes, and of masks that are given
                warnings.simplefilter("ignore")
                exec(compile(block.text, page.name, "exec"), names)
            printed = capsys.readouterr().out
        else:
            printed = "".join(run(command, capsys, others or {}) for command in commands_of(block))


def run(command: str, capsys: pytest.CaptureFixture[str], others: Others) -> str:
    """Run a command that succeeds, and return what it prints to stdout."""
    program, *words = shlex.split(command)
    if program in others:
        others[program](command)
        return ""
    if PLACEHOLDERS.search(command) or program in NOT_RUN:
        return ""
    if program not in PROGRAMS:
        return in_shell(command)
    code = PROGRAMS[program](words)
    out, err = capsys.readouterr()
    assert code == 0, f"{command}\n{err}"
    return out


def in_shell(command: str, **environment: str) -> str:
    """Run a command that succeeds in a shell, and return what it prints to stdout."""
    words = ["bash", "-euo", "pipefail", "-c", command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment or None)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def assert_printed(printed: str, block: Block) -> None:
    """Compare what a command printed with what the page shows."""
    lines = [line.rstrip() for line in block.text.rstrip().splitlines()]
    pattern = "".join(
        "(.*\n)*?" if line == "..." else re.escape(line).replace(re.escape("..."), ".*") + "\n" for line in lines
    )
    found = "".join(f"{line.rstrip()}\n" for line in printed.rstrip().splitlines())
    assert re.fullmatch(pattern, found), f"{block.page}, {block.section}, printed:\n{found}"
