"""Whatever is written: no error of the BIDS validator, URIs that lead to files, and the metadata that BIDS requires."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bids import BIDSLayout
from bidsschematools.schema import load_schema
from builders import SHAPE, brain, describe, image, map_path, write_group, write_map
from builders_labels import cortex, save_cifti, save_gifti, voxels
from builders_meshes import icosphere, saved_mesh
from builders_validator import issues

from bids_ari.bids.entities import labels_in_name
from bids_ari.bids.space_metadata import STANDARD
from bids_ari.cli.main import main
from bids_ari.cli.map import main as map_main

N = 42
"""Vertices of each hemisphere."""
KINDS = ("volumes", "gifti", "cifti", "subjects", "map", "paired")
BETWEEN = re.compile(", | minus | plus |; ")
"""What separates the files of a map that was computed from several."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with maps of each kind, an atlas and a region, and the output of each kind in a folder of its name."""
    home, rng = tmp_path_factory.mktemp("uris"), np.random.default_rng(8)
    data = describe(home / "deri vatives", DatasetDOI="doi:10.0.2.3/x", Authors=["A", "B"]).parent
    lobes = np.zeros(SHAPE)
    lobes[2:5], lobes[5:8] = 1, 2
    for name in ("atlas-X_seg-7n_scale-2_dseg", "lobe"):
        image(lobes if "atlas" in name else lobes == 1, dtype=np.uint8).to_filename(home / f"{name}.nii.gz")
    write_group(data, 8, rng, res="2")
    write_group(data, 8, rng, task="other", contrast="pre")
    write_group(data, 8, rng, task="other", contrast="post")
    write_map(data, "01", brain(rng), stat="z", space="T1w", session="a")
    mesh = cortex(N) + voxels([[i, j, 1] for i in range(3) for j in range(3)])
    for side, x in (("L", -60.0), ("R", 60.0)):
        saved_mesh(icosphere(1, centre=(x, 0, 0)), home / f"study_hemi-{side}_midthickness.surf.gii")
        name = f"atlas-Y_desc-two_hemi-{side}_dseg.label.gii"
        save_gifti(home / name, np.where(np.arange(N) < 20, 1, 2), {1: "low", 2: "high"})
    for subject in (f"{i:02d}" for i in range(1, 9)):
        values = rng.normal(size=len(mesh)) + 4 * (np.arange(len(mesh)) < 12)
        for i, side in enumerate("LR"):
            path = map_path(data, subject, space="study", den="tiny", hemi=side, extension=".func.gii")
            save_gifti(path, values[i * N : (i + 1) * N])
        save_cifti(map_path(data, subject, space="fsLR", den="tiny", extension=".dscalar.nii"), values, mesh)
    about = {"SpatialReference": "bids::mesh.gii", "Density": {"tiny": "few"}}
    (data / "task-emo_space-study_den-tiny_statmap.json").write_text(json.dumps(about))
    saved_mesh(icosphere(1), data / "mesh.gii")

    def run(out: str, *words: str, level: str = "group") -> None:
        command = [str(data), str(home / out), level, *words, "--threshold", "2.5", "--tdp", "0.7"]
        assert main([word.replace("HOME", str(home)) for word in command]) == 0

    permuted = ("--method", "simes", "permutation", "--n-permutations", "60", "--joint", "--save-template")
    regions = ("--atlas", "HOME/atlas-X_seg-7n_scale-2_dseg.nii.gz", "--roi", "HOME/lobe.nii.gz")
    volumes = ("--space", "MNI152NLin2009cAsym", "-t", "emo")
    run("volumes", *volumes, *permuted, *regions, "--family", "learned", "--min-effect", "0", "--neurovault")
    surface = ("--surface", "HOME/study_hemi-L_midthickness.surf.gii")
    run("gifti", "--space", "study", *surface, "--atlas", "HOME/atlas-Y_desc-two_hemi-L_dseg.label.gii")
    run("cifti", "--space", "fsLR", *surface, "--alternative", "two-sided")
    run("subjects", "--space", "T1w", level="participant")
    run("paired", "-t", "other", "--paired", "contrast=post-pre")
    (z,) = (home / "volumes" / "group").glob("*faces_test-mean_stat-z_statmap.nii.gz")
    assert (
        map_main(
            [str(z), str(home / "map"), "--threshold", "3", *(each.replace("HOME", str(home)) for each in regions)]
        )
        == 0
    )
    return home


def sidecars(out: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The sidecars of results, with their content."""
    for path in sorted(out.rglob("*_*.json")):
        if path.parent.name in ("group", "ses-a"):
            yield path, json.loads(path.read_text())


def uris(value: object) -> Iterator[str]:
    """All BIDS URIs in a value, also in keys, which may list several."""
    if isinstance(value, dict | list):
        for part in (*value, *(value.values() if isinstance(value, dict) else ())):
            yield from uris(part)
    elif isinstance(value, str) and value.startswith("bids:"):
        yield from BETWEEN.split(value)


def target(uri: str, out: Path) -> Path:
    """The file of a BIDS URI in a dataset."""
    _, name, path = uri.partition("#")[0].split(":", 2)
    links = json.loads((out / "dataset_description.json").read_text())["DatasetLinks"]
    return out / (links[name] if name else "") / path


@pytest.mark.parametrize("kind", KINDS)
def test_the_validator_finds_no_error(kind: str, home: Path) -> None:
    found = issues(home / kind)
    assert found["error"] == set()
    assert found["warning"] <= {"SUBJECT_FOLDERS"}


@pytest.mark.parametrize("kind", KINDS)
def test_each_uri_leads_to_a_file(kind: str, home: Path) -> None:
    for path, about in sidecars(home / kind):
        assert about["Sources"], path.name
        found = list(uris(about))
        assert found, path.name
        assert [uri for uri in found if not target(uri, home / kind).is_file()] == []
    for table in (home / kind).rglob("*_design.tsv"):
        found = [uri for text in pd.read_csv(table, sep="\t").astype(str).to_numpy().ravel() for uri in uris(text)]
        assert len(found) == 8 * {"gifti": 2, "paired": 2}.get(kind, 1)
        assert [uri for uri in found if not target(uri, home / kind).is_file()] == []


@pytest.mark.parametrize("kind", KINDS)
def test_sidecars_have_what_bids_requires(kind: str, home: Path) -> None:
    """Its fields of derivatives: ``res``, ``den`` and spaces without a definition need an interpretation."""
    n = 0
    for path, about in sidecars(home / kind):
        labels = labels_in_name(path.name)
        assert about["Description"]
        assert ("res" in labels) == ("Resolution" in about)
        assert ("den" in labels) == ("Density" in about)
        assert labels.get("space") in STANDARD or about["SpatialReference"]
        assert path.name.endswith("_mask.json") == ("Type" in about)
        n += 1
    assert n > 5


def test_what_the_sidecars_of_the_maps_say_is_kept(home: Path) -> None:
    """References within their dataset have its name; of each label, the own description."""
    _, about = next(sidecars(home / "gifti"))
    assert (about["Density"], about["SpatialReference"]) == ("few", "bids:derivatives:mesh.gii")
    _, about = next(sidecars(home / "cifti"))
    assert about["Density"] == (
        "42 vertices of CIFTI_STRUCTURE_CORTEX_LEFT, 42 vertices of CIFTI_STRUCTURE_CORTEX_RIGHT, 9 voxels"
    )
    _, about = next(sidecars(home / "volumes"))
    assert about["Resolution"].endswith(" mm")


def test_the_spaces_are_those_of_bids() -> None:
    assert [*STANDARD] == [load_schema().objects.enums[name].value for name in STANDARD]
    assert {*STANDARD} == {*load_schema().objects.enums["_StandardTemplateCoordSys"].enum}


def test_parcels_have_the_entities_of_the_atlas(home: Path) -> None:
    """In their names, where ``desc`` is the alternative, and in sidecars."""
    for kind, entities in (
        ("volumes", {"atlas": "X", "seg": "7n", "scale": "2"}),
        ("map", {"atlas": "X", "seg": "7n", "scale": "2"}),
        ("gifti", {"atlas": "Y", "desc": "two"}),
    ):
        found = [(path, about) for path, about in sidecars(home / kind) if "_atlas-rois" not in path.name]
        parcels = [(labels_in_name(path.name), about) for path, about in found if "_atlas-" in path.name]
        assert parcels
        for labels, about in parcels:
            assert about["AtlasEntities"] == entities
            assert labels["seg"] == entities.get("seg", "two")
            assert labels.get("scale") == entities.get("scale")


@pytest.mark.filterwarnings("ignore")  # of pybids
def test_pybids_finds_parcels_by_the_entities_of_the_atlas(home: Path) -> None:
    layout = BIDSLayout(str(home / "volumes"), validate=False, is_derivative=True)  # reads our layout_config.json
    found = layout.get(atlas="X", segmentation="7n", scale="2", suffix="tdp", extension=".tsv")
    assert {file.entities["desc"] for file in found} == {"greater", "greaterPermutation"}


def test_sources_have_their_doi(home: Path) -> None:
    about = json.loads((home / "volumes" / "dataset_description.json").read_text())
    assert about["SourceDatasets"] == [{"URL": "../deri vatives", "DOI": "doi:10.0.2.3/x"}]
    assert about["BIDSVersion"].startswith("1.11.")
