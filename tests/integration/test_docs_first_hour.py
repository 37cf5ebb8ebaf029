"""The pages that lead from maps to a figure are followed in an empty folder: each command, and what it prints.

Commands run in the order of the page, Python in between. A block of text after a command is what it prints to stdout;
a line ``...`` in it stands for any lines.
"""

import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from docpages import DOCS, Block, blocks, commands_of

from bids_ari.cli import demo, map, mask
from bids_ari.cli import main as cli

PAGES = ["masks.md"]

PROGRAMS: dict[str, Callable[[Sequence[str]], int]] = {
    "bids-ari": cli.main,
    "bids-ari-map": map.main,
    "bids-ari-mask": mask.main,
    "bids-ari-demo": demo.main,
}

PLACEHOLDERS = re.compile(r"\b(BIDS_DIR|OUTPUT_DIR|FMRIPREP_DIR|WORKING_DIR|MAP|MASK)\b")
"""Words that stand for files of the reader: commands with these are parsed only."""

NOT_RUN = {
    "docker": "containers are run by tests/container",
    "apptainer": "containers are run by tests/container",
}
"""Programs of others that are not run here, with the reason."""


@pytest.mark.filterwarnings("ignore::UserWarning:nilearn", "ignore::RuntimeWarning:nilearn")
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_followed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    follow(DOCS / name, capsys)


def follow(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run what a page shows, in order, and compare what is printed."""
    names: dict[str, object] = {}
    printed = ""
    for block in blocks(page, "bash", "python", "text"):
        if block.language == "text":
            assert_printed(printed, block)
        elif block.language == "python":
            exec(compile(block.text, page.name, "exec"), names)
            printed = capsys.readouterr().out
        else:
            printed = "".join(run(command, capsys) for command in commands_of(block))


def run(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that succeeds, and return what it prints to stdout."""
    program, *words = shlex.split(command)
    if PLACEHOLDERS.search(command) or program in NOT_RUN:
        return ""
    if program not in PROGRAMS:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout
    code = PROGRAMS[program](words)
    out, err = capsys.readouterr()
    assert code == 0, f"{command}\n{err}"
    return out


def assert_printed(printed: str, block: Block) -> None:
    """Compare what a command printed with what the page shows."""
    parts = [re.escape(part) for part in re.split(r"^\.\.\.\n?", block.text.rstrip() + "\n", flags=re.MULTILINE)]
    lines = "".join(f"{line.rstrip()}\n" for line in printed.rstrip().splitlines())
    assert re.fullmatch("(.*\n)*?".join(parts), lines), f"{block.page}, {block.section}:\n{lines}"
