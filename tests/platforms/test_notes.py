"""The notes of a release, by `.ci/notes` from CHANGELOG.md."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bids_ari import __version__

REPOSITORY = Path(__file__).resolve().parents[2]
NOTES = REPOSITORY / ".ci" / "notes"
CHANGELOG = """# Changes

## [Unreleased]

- not yet

## [1.10.0] - 2030-01-02

### Added

- more

## 1.1.0

- first

[1.10.0]: https://example.org
"""

pytestmark = pytest.mark.skipif(not NOTES.is_file(), reason="the scripts of a checkout are not here")


def notes(folder: Path, version: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([folder / ".ci" / "notes", version], capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".ci").mkdir()
    shutil.copy(NOTES, tmp_path / ".ci")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


@pytest.mark.parametrize(
    ("version", "words"), [("1.10.0", "### Added - more"), ("1.1.0", "- first"), ("Unreleased", "- not yet")]
)
def test_the_section_of_a_version(folder: Path, version: str, words: str) -> None:
    assert " ".join(notes(folder, version).stdout.split()) == words


@pytest.mark.parametrize("version", ["1.1", "1.1.1", "0"])
def test_a_version_that_is_not_described(folder: Path, version: str) -> None:
    done = notes(folder, version)
    assert done.returncode == 1
    assert f"does not describe version {version}" in done.stderr


def test_this_version_is_described() -> None:
    if not (REPOSITORY / "CHANGELOG.md").is_file():
        pytest.skip("there is no CHANGELOG.md")
    assert notes(REPOSITORY, __version__).returncode == 0
