"""The documentation and the README say nothing that the commands do not know."""

import argparse
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, takewhile
from pathlib import Path

import pytest
from docpages import DOCS, ROOT, blocks, commands

from bids_ari.cli import demo, studies, templates
from bids_ari.cli import main as cli
from bids_ari.cli import map as mapcli
from bids_ari.cli import mask as maskcli
from bids_ari.design.formula import FUNCTIONS

PAGES = [
    *sorted(DOCS.glob("*.md")),
    *(ROOT / "README.md", ROOT / "platforms" / "openneuro" / "README.md"),
    *sorted(DOCS.glob("gallery/*.py")),
]

PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "bids-ari": cli.parser,
    "bids-ari-map": mapcli.parser,
    "bids-ari-mask": maskcli.parser,
    "bids-ari-studies": studies.parser,
    "bids-ari-templates": templates.parser,
    "bids-ari-demo": demo.parser,
}

PARSES: dict[str, Callable[[Sequence[str]], argparse.Namespace]] = {
    "bids-ari": cli.parse,
    "bids-ari-map": mapcli.parser().parse_args,
    "bids-ari-mask": maskcli.parser().parse_args,
    "bids-ari-demo": demo.parser().parse_args,
    "bids-ari-templates": templates.parser().parse_args,
    "bids-ari-studies": studies.parse,
}

OF_OTHERS = {
    *("--rm", "--entrypoint", "--read-only", "--network", "--cap-drop", "--build-arg"),  # docker
    *("--containall", "--cleanenv", "--env", "--net", "--pwd", "--fakeroot"),  # apptainer
    *("--certificate-identity", "--certificate-oidc-issuer", "--repo", "--format", "--repository"),  # cosign, gh, ...
    "--require-hashes",  # pip
    *("--url", "--call-fmt"),  # datalad
    *("--desc-label", "--estimator"),  # fitlins
    *(
        "--account",
        "--time",
        "--mem-per-cpu",
        "--array",
        "--mail-type",
        "--requeue",
        "--option",
        "--output",
        "--cpus-per-task",
    ),  # sbatch
    "--dist",  # pytest
    *("--from", "--spec"),  # uvx, pipx
    *("--wheel-dir", "--no-index", "--find-links"),  # pip
    *("--dest", "--only-binary", "--python-version", "--platform"),  # pip download
    "--to-scanner",  # mris_convert
    "--cifti-output",  # fmriprep
}
"""Flags of other programs that the pages name."""


def words_of(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The command of ours, and its words, that a command line runs: by itself, in a container, or under DataLad."""
    head = words[:2]
    if head in (["docker", "run"], ["apptainer", "run"]):
        image = next(i for i, word in enumerate(words) if word in ("bids_ari", "bids_ari.sif"))
        yield words[words.index("--entrypoint") + 1] if "--entrypoint" in words else "bids-ari", words[image + 1 :]
    elif head == ["datalad", "run"]:
        yield from words_of(shlex.split(words[-1]))
    elif head == ["datalad", "containers-run"]:
        yield "bids-ari", shlex.split(words[-1])
    elif head[0] == "uvx" or head == ["pipx", "run"]:  # flags and the package, then the command
        start = max(i for i, word in enumerate(words) if word in ("uvx", "run", "--from", "--spec")) + 1
        yield from words_of(words[start + (words[start - 1].startswith("--")) :])
    elif head[0] not in ("datalad", "docker", "pip", "uv", "pipx") and head[0].rpartition("/")[2] != "pip":
        for i, word in enumerate(words):
            if (program := word.rpartition("/")[2]) in PARSES:
                yield program, words[i + 1 :]


SHOWN = [
    pytest.param(program, words, id=f"{page.name}: {' '.join(words)}")
    for page in PAGES
    for command in commands(page)
    for is_and, part in groupby(shlex.split(re.sub(r"\$\{?SLURM\w+\}?", "8", command)), "&&".__eq__)
    if not is_and
    for program, words in words_of(list(takewhile(lambda word: word != ">", part)))
]


@pytest.mark.parametrize(("program", "words"), SHOWN)
def test_a_command_is_understood(program: str, words: list[str]) -> None:
    assert PARSES[program](words)


def test_commands_are_found_on_pages_and_in_containers() -> None:
    shown = {(str(each.id).partition(":")[0], each.values[0]) for each in SHOWN}
    assert {(page, "bids-ari") for page in ("README.md", "docker.md", "apptainer.md", "datalad.md", "slurm.md")} < shown
    assert {("apptainer.md", "bids-ari-map"), ("start.md", "bids-ari-demo")} < shown
    assert {("plot_2_covariate.py", "bids-ari"), ("plot_5_any_map.py", "bids-ari-map")} < shown


def test_the_page_of_flags_shows_each_group() -> None:
    """The flags in a group are taken from the parser when the page is built."""
    shown = set(re.findall(r"```\{flags\} (.*), (.*)\n```\n", (DOCS / "flags.md").read_text()))
    groups = {(name, str(group.title)) for name, make in PARSERS.items() for group in make()._action_groups}
    assert shown == groups


@pytest.mark.parametrize("page", ["figures.md", "sharing.md"])
def test_pages_that_go_on_from_nilearn_have_its_analysis(page: str) -> None:
    """The same mask and smoothing, as another model is refused where results are; no file that the reader lacks."""
    (analysis,) = (each for each in commands(DOCS / "from_nilearn.md") if "--smoothing" in each)
    own = [shlex.split(each) for each in commands(DOCS / page) if "bids-ari first-level" in each]
    assert own
    for words in own:
        first = ["bids-ari", "first-level", "results", "group", "--reports-only"]
        assert words[:5] == first or words[: len(shlex.split(analysis))] == shlex.split(analysis)
        assert {*words} & {"--figure-format", "--neurovault", "--table-format"}
        assert not {*words} & {"--atlas", "--roi", "--underlay"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_flags_that_are_named_exist(page: Path) -> None:
    known = {name for make in PARSERS.values() for name in make()._option_string_actions}
    quoted = "\n".join(block.text for block in blocks(page, "none"))  # a message may name a flag that is none
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z_-]*[a-z](?![\w-])", page.read_text())) - set(
        re.findall(r"--\S+", quoted)
    )
    assert not named - known - OF_OTHERS


def test_each_function_of_a_formula_is_explained() -> None:
    assert not [name for name in FUNCTIONS if f"`{name}(" not in (DOCS / "model.md").read_text()]


def test_the_test_command_of_the_readme_is_that_of_the_own_check() -> None:
    (command_line,) = (command for command in commands(ROOT / "README.md") if "pytest" in command)
    assert command_line.rpartition(" && ")[2] in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize("script", sorted(DOCS.glob("gallery/plot_*.py")), ids=lambda script: script.name)
def test_scripts_of_the_gallery_check_what_they_say(script: Path) -> None:
    """They run when the documentation is built: a text whose claim is false stops the build."""
    assert script.read_text().count("\nassert ") >= 3
    assert '"abort_on_example_error": True' in (DOCS / "gallery_build.py").read_text()
