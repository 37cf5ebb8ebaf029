"""Lock files of the image: versions that fit pyproject.toml, pinned by hash, without addresses."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[2]
LOCKS = {name: (REPOSITORY / "platforms" / "container" / f"{name}.txt") for name in ("build", "requirements")}


def pins(name: str) -> list[tuple[Requirement, int]]:
    """Return each requirement of a lock file, and how many hashes it has."""
    text = LOCKS[name].read_text().replace("\\\n", " ")
    rows = [row for row in text.splitlines() if row and not row.startswith("#")]
    return [(Requirement(row.split(" --hash")[0].strip()), row.count("--hash=sha256:")) for row in rows]


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_is_one_version_with_hashes(name: str) -> None:
    for requirement, n_hashes in pins(name):
        assert re.fullmatch(r"==[\w.+!]+", str(requirement.specifier)), requirement
        assert n_hashes > 0, requirement


@pytest.mark.parametrize("name", LOCKS)
def test_no_address_is_named(name: str) -> None:
    assert not re.search(r"://|index|find-links", LOCKS[name].read_text())


def test_all_that_is_needed_is_pinned_to_a_version_that_fits() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    needed = project["dependencies"] + project["optional-dependencies"]["cluster"]
    needed += project["optional-dependencies"]["atlas"]
    pinned: dict[str, list[Requirement]] = {}
    for requirement, _ in pins("requirements"):
        pinned.setdefault(re.sub(r"[-_.]+", "-", requirement.name).lower(), []).append(requirement)
    for each in map(Requirement, needed):
        versions = pinned[re.sub(r"[-_.]+", "-", each.name).lower()]
        assert all(each.specifier.contains(str(pin.specifier).removeprefix("==")) for pin in versions), each
