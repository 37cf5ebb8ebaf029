"""The version and the citation are the same in all files that contain them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bids_ari import __version__
from bids_ari.report.references import read_references

ROOT = Path(__file__).parents[2]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
ZENODO = json.loads((ROOT / ".zenodo.json").read_text())
KNOWN = {each.doi: each for each in read_references().values()}


def test_one_version(platforms: Path) -> None:
    descriptor = json.loads((platforms / "boutiques" / "bids_ari.json").read_text())
    pipeline = json.loads((platforms / "nipoppy" / "bids_ari" / "config.json").read_text())
    image = descriptor["container-image"]["image"].partition(":")[2]
    versions = [CITATION["version"], ZENODO["version"], descriptor["tool-version"], image, pipeline["VERSION"]]
    assert versions == [__version__] * 5


def test_one_citation(project: dict[str, Any]) -> None:
    for key in ("keywords", "authors", "license"):
        assert project[key] == CITATION[key]
    assert project["urls"]["Source"] == CITATION["repository-code"]
    for key in ("title", "license", "keywords"):
        assert ZENODO[key] == CITATION[key]
    assert ZENODO["description"] == f"<p>{CITATION['abstract']}</p>"
    assert ZENODO["creators"] == CITATION["authors"] == [{"name": "The bids_ari developers"}]
    assert [each["identifier"] for each in ZENODO["related_identifiers"]] == [
        each["doi"] for each in CITATION["references"]
    ]


@pytest.mark.parametrize("cited", CITATION["references"], ids=lambda cited: cited["doi"])
def test_references_are_those_of_the_reports(cited: dict[str, Any]) -> None:
    known = KNOWN[cited["doi"]]
    authors = " and ".join(f"{each['family-names']}, {each['given-names']}" for each in cited["authors"])
    pages = "--".join(str(cited[end]) for end in ("start", "end") if end in cited)
    assert (authors, cited["title"], cited["journal"]) == (known.author, known.title, known.journal)
    assert (str(cited["year"]), str(cited["volume"]), pages) == (known.year, known.volume, known.pages)


def test_the_bundle_of_nipoppy_is_consistent(platforms: Path) -> None:
    """Each step refers to files of the bundle and to inputs of the descriptor."""
    bundle = platforms / "nipoppy" / "bids_ari"
    config = json.loads((bundle / "config.json").read_text())
    inputs = {each["id"] for each in json.loads((bundle / "descriptor.json").read_text())["inputs"]}
    named = {"config.json"}
    for step in config["STEPS"]:
        files = {
            key: name.replace("[[STEP_NAME]]", step["NAME"]) for key, name in step.items() if key.endswith("_FILE")
        }
        named |= set(files.values())
        invocation = (bundle / files["INVOCATION_FILE"]).read_text()
        assert json.loads(invocation).keys() <= inputs
        assert json.loads(invocation)["level"] == step["ANALYSIS_LEVEL"]
        variables = {each for each in re.findall(r"\[\[(.+?)\]\]", invocation) if not each.startswith("NIPOPPY_")}
        assert variables == set(config["VARIABLES"])
    assert named == {path.name for path in bundle.iterdir()}
