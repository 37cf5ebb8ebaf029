"""The definition file of Apptainer says what the Dockerfile says: variables, labels, steps and base image."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "Dockerfile").is_file():
    pytest.skip("the Dockerfile of a checkout is not here", allow_module_level=True)
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
DEFINITION = (ROOT / "platforms" / "apptainer" / "bids_ari.def").read_text()


def section(name: str) -> str:
    """Return the last section of a name: that of the last stage."""
    return re.findall(rf"^%{name}\n((?:    .*\n)+)", DEFINITION, re.MULTILINE)[-1]


def last(instruction: str) -> str:
    """Return the words of the last instruction of a name: that of the last stage."""
    return re.findall(rf"^{instruction} (.*)$", DOCKERFILE, re.MULTILINE)[-1]


def test_the_same_variables() -> None:
    expected = dict(re.findall(r"(\w+)=(\S+)", last("ENV")))
    found = dict(re.findall(r"export (\w+)=(.*)", section("environment")))
    assert expected.pop("BIDS_ARI_IMAGE") == "${IMAGE}"
    assert found.pop("BIDS_ARI_IMAGE") == "{{ IMAGE }}"
    assert found == expected
    assert len(found) > 5


def test_the_same_labels() -> None:
    expected = dict(re.findall(r'([\w.]+)="(.*?)"', last("LABEL")))
    assert dict(re.findall(r"^ +(\S+) (.*)$", section("labels"), re.MULTILINE)) == expected
    assert len(expected) > 3


def test_the_same_steps_and_files() -> None:
    steps = re.findall(r"install (\w+)", DOCKERFILE)
    assert re.findall(r"for step in (.*?);", DEFINITION)[0].split() == steps[:-1]
    assert f"install {steps[-1]} {{{{ TEMPLATES }}}}" in DEFINITION
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()
    }
    assert {line.split()[0] for line in re.findall(r"%files\n((?: .*\n)+)", DEFINITION)[0].splitlines()} == copied


def test_the_same_base_image() -> None:
    (base,) = re.findall(r"^ARG BASE=docker.io/library/(.*)$", DOCKERFILE, re.MULTILINE)
    assert re.findall(r"^ +BOOTSTRAP=(.*)\n +BASE=(.*)$", DEFINITION, re.MULTILINE) == [("docker", base)] * 2
