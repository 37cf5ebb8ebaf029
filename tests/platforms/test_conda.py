"""The recipe for conda-forge says what pyproject.toml says."""

import hashlib
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from bids_ari import __version__


@pytest.fixture(scope="module")
def release(platforms: Path) -> dict[str, Any]:
    """The script that writes the recipe."""
    return runpy.run_path(str(platforms / "conda" / "release.py"))


@pytest.fixture(scope="module")
def recipe(platforms: Path) -> dict[str, Any]:
    """The recipe."""
    loaded: dict[str, Any] = yaml.safe_load((platforms / "conda" / "recipe.yaml").read_text())
    return loaded


def test_the_recipe_is_up_to_date(release: dict[str, Any], platforms: Path) -> None:
    text = (platforms / "conda" / "recipe.yaml").read_text()
    assert release["recipe"](text) == text, "run platforms/conda/release.py"


def test_names_and_versions_are_those_of_the_package(recipe: dict[str, Any], project: dict[str, Any]) -> None:
    """Names of conda-forge, some of which differ from those of PyPI, in the order of these."""
    of_conda = {"isal": "python-isal", "matplotlib": "matplotlib-base", "msgspec": "msgspec-python"}
    expected = {
        f"{of_conda.get(each.name, each.name)} {each.specifier}" for each in map(Requirement, project["dependencies"])
    }
    assert recipe["requirements"]["run"][0] == "python >=${{ python_min }}"
    assert set(recipe["requirements"]["run"][1:]) == expected
    assert recipe["context"] == {"version": __version__, "python_min": project["requires-python"].removeprefix(">=")}
    assert recipe["build"]["python"]["entry_points"] == [f"{key} = {path}" for key, path in project["scripts"].items()]
    assert recipe["about"]["license"] == project["license"]
    assert [recipe["about"]["license_file"]] == project["license-files"]


def test_a_release_has_the_checksum_of_its_sdist(release: dict[str, Any], platforms: Path, tmp_path: Path) -> None:
    sdist = tmp_path / "bids_ari.tar.gz"
    sdist.write_bytes(b"sdist")
    filled = yaml.safe_load(release["recipe"]((platforms / "conda" / "recipe.yaml").read_text(), sdist))
    assert filled["source"]["sha256"] == hashlib.sha256(b"sdist").hexdigest()
