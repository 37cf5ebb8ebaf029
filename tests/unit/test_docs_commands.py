"""Each command of the documentation is run by a test, or has a reason why not."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from docpages import DOCS, ROOT, commands

PAGES = sorted(
    {*DOCS.glob("*.md"), *ROOT.glob("*.md"), *(ROOT / "platforms").rglob("*.md"), *(ROOT / "validation").rglob("*.md")}
)

_FIRST_HOUR, _PROGRAMS = "tests/integration/test_docs_first_hour.py", "tests/integration/test_docs_programs.py"
FOLLOWED = {
    **dict.fromkeys(("from_nilearn.md", "from_fitlins.md", "from_halfpipe.md", "masks.md"), _FIRST_HOUR),
    **dict.fromkeys(("from_spm.md", "from_fsl.md", "from_afni.md", "from_hcp.md"), _PROGRAMS),
    "slurm.md": "tests/platforms/test_slurm.py",
    "output.md": "tests/integration/test_docs_output.py",
    "openneuro.md": "tests/integration/test_studies.py",
}
"""Pages whose commands a test runs in order, and that test."""

OURS = re.compile(r"bids-ari(-(map|mask|demo|studies|templates))?")
"""Our commands: on other pages they name files of the reader, and `test_docs.py` has the parser read them."""

ELSEWHERE = {
    **dict.fromkeys(("docker", "apptainer"), "tests/container build the image and run it, docker's commands by podman"),
    **dict.fromkeys(("for", "in_container()", "BIDS_ARI_SIF"), "tests/integration/test_docs_containers.py runs them"),
    **dict.fromkeys(("git", "uvx", "uv", "pipx", "pip", "python3"), ".ci/packages installs in these ways"),
    **dict.fromkeys((".venv/bin/pip", ".venv/bin/pytest"), ".ci/packages and .ci/run"),
    **dict.fromkeys(("bosh", "nipoppy"), ".ci/platforms, and tests/platforms where they are installed"),
    **dict.fromkeys(("gh", "cosign"), "no release exists; .ci/rehearse verifies by cosign and a key"),
    ".ci/rehearse": "by hand before a release, as it takes long",
    "datalad": "it takes datasets from a network, and records any command",
    "python": "scripts of this repository: tests/platforms, tests/integration/test_validation.py, test_published.py",
    **dict.fromkeys(("platforms/slurm/submit.sh", "platforms/openneuro/submit.sh"), "tests/platforms"),
    **dict.fromkeys(("mkdir", "export", "source"), "they prepare the command beside them"),
}
"""Other programs, and what runs them, or why nothing does."""


def programs(page: Path) -> Iterator[str]:
    """The programs of the commands on a page."""
    for command in commands(page):
        first = shlex.split(command)[0].partition("=")[0]
        yield first.removeprefix(".venv/bin/") if first.startswith(".venv/bin/bids-ari") else first


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in FOLLOWED], ids=lambda page: page.name)
def test_a_command_is_ours_or_has_a_reason(page: Path) -> None:
    assert [name for name in programs(page) if name not in ELSEWHERE and not OURS.fullmatch(name)] == []


@pytest.mark.parametrize("page", FOLLOWED)
def test_a_test_follows_the_page(page: str) -> None:
    assert page in (ROOT / FOLLOWED[page]).read_text()


def test_no_reason_is_left_over() -> None:
    named = {name for page in PAGES if page.name not in FOLLOWED for name in programs(page)}
    assert set(ELSEWHERE) - named == set()
