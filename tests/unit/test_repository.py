"""What README and CONTRIBUTING ask people to run is what the project's own checks run."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from docpages import DOCS, ROOT, commands

from bids_ari import __version__

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = re.sub(r" \\\n +", " ", (ROOT / ".ci" / "packages").read_text())  # continued lines are one
RUN = (ROOT / ".ci" / "run").read_text()


def test_the_set_up_is_two_commands_that_the_own_check_runs() -> None:
    first, second = list(commands(ROOT / "CONTRIBUTING.md"))[:2]
    make, install = first.split(" && ")
    assert make in RUN.splitlines()
    assert f"-e {shlex.split(install)[-1]!r}" in RUN
    assert second == ".venv/bin/pytest tests/unit"


def test_checks_that_are_named_exist() -> None:
    """Programs of the environment are run by .ci/run, scripts are there."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for program in set(re.findall(r"\.venv/bin/([a-z-]+)", text)) - {"pip", "pre-commit", "python"}:
        assert f".venv/bin/{program}" in RUN, program
    for script in set(re.findall(r"\.ci/([a-z]+)", text)):
        assert (ROOT / ".ci" / script).is_file(), script
        assert script == "run" or f".ci/{script}" in RUN


def test_files_that_are_named_exist() -> None:
    named = set(
        re.findall(
            r"`((?:bids_ari|tests|docs|platforms|validation)/[\w/]+\.\w+)`", (ROOT / "CONTRIBUTING.md").read_text()
        )
    )
    named = {each for each in named if "name" not in each.lower()}  # a place for one
    assert len(named) > 5
    assert not [each for each in named if not (ROOT / each).exists()]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", DOCS / "laptop.md", DOCS / "start.md"], ids=lambda page: page.name
)
def test_packages_are_tried_as_documented(page: Path) -> None:
    """Each line for uvx, pipx and pip is run by .ci/packages, apart from the command at its end."""
    shown = [line for line in commands(page) if re.match(r"(uvx|pipx|pip|uv) ", line)]
    assert shown
    for line in (" ".join(each.split()) for each in shown):
        asked = re.escape(line.partition(" bids-ari-demo")[0]).replace(r"3\.12", r"3\.\d+")  # of any Python
        assert re.search(rf"{asked}\b", PACKAGES), line


def test_addresses_are_those_of_the_package() -> None:
    source = PROJECT["urls"]["Source"]
    assert f"address={source}\n" in PACKAGES
    assert all(address.startswith(source) for address in PROJECT["urls"].values())
    for page in (ROOT / "README.md", *DOCS.glob("*.md")):
        assert set(re.findall(r"git\+(\S+?)(?:[\s`]|$)", page.read_text())) <= {source}


def test_the_repository_has_no_images_and_results() -> None:
    """Inputs of tests are made by code; what scripts and commands write here is not part of the repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("not in a clone of the repository")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    ours = [Path(name) for name in listed.split("\0") if name]
    assert len(ours) > 500
    assert not [each for each in ours if {".nii", ".gii", ".npz"} & {*each.suffixes}]
    folders = {each.parts[0] for each in ours if len(each.parts) > 1}
    expected = {".ci", ".github", "benchmarks", "bids_ari", "docs", "platforms", "tests", "validation"}
    assert folders == expected


def test_hooks_use_programs_of_the_environment() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}
    assert all(hook["entry"].startswith(".venv/bin/") for hook in repository["hooks"])


@pytest.mark.parametrize("form", ["bug", "question"])
def test_forms_ask_for_the_list_and_the_log(form: str) -> None:
    asked = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{form}.yml").read_text())["body"]
    texts = {each["id"]: each["attributes"].get("description", "") for each in asked if "id" in each}
    assert "`--list`" in texts["list"]
    assert "`logs/<time>/log.txt`" in texts["log"]


def test_the_changelog_describes_this_version_and_the_next_one() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert __version__ in headings
