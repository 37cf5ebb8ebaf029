"""The mesh, the mask, the atlas and the regions of maps on surfaces, from the command line to the tables."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders import describe, map_path
from builders_labels import save_gifti
from builders_meshes import icosphere, saved_mesh

from bids_ari.cli.main import main

N = 42  # vertices of a hemisphere
ACTIVE = np.arange(N) < 12
NAME = "task-emo_space-study_contrast-faces"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten subjects with an effect at the first 12 vertices of the right hemisphere, and all files that options name."""
    home = tmp_path_factory.mktemp("surfaces")
    data, rng = describe(home / "data").parent, np.random.default_rng(1)
    for side, x in (("L", -60.0), ("R", 60.0)):
        saved_mesh(icosphere(1, centre=(x, 0, 0)), home / f"study_hemi-{side}_pial.surf.gii")
        save_gifti(home / f"halves_hemi-{side}.label.gii", np.where(ACTIVE, 1, 2), {0: "???", 1: "low", 2: "high"})
        save_gifti(home / f"seed_hemi-{side}.func.gii", np.arange(N) < 6)
        save_gifti(home / f"tested_hemi-{side}.func.gii", np.arange(N) < 40)
        save_gifti(home / f"depth_hemi-{side}.shape.gii", np.linspace(-1, 1, N))
        for i in range(10):
            values = rng.standard_normal(N) + (8 * ACTIVE if side == "R" else 0)
            save_gifti(map_path(data, f"{i:02d}", space="study", hemi=side, extension=".func.gii"), values)
    assert main(command(home)) == 0
    return home


def command(home: Path, *more: str, atlas: str = "halves_hemi-L.label.gii") -> list[str]:
    flags = {"surface": "study_hemi-R_pial.surf.gii", "mask": "tested_hemi-L.func.gii", "roi": "seed_hemi-R.func.gii"}
    flags["underlay"] = "depth_hemi-L.shape.gii"
    words = [word for flag, name in {**flags, "atlas": atlas}.items() for word in (f"--{flag}", str(home / name))]
    return [str(home / "data"), str(home / "out"), "group", *words, "--threshold", "3", "--tdp", "0.9", *more]


def table(home: Path, atlas: str) -> pd.DataFrame:
    path = home / "out" / "group" / f"task-emo_space-study_atlas-{atlas}_contrast-faces_test-mean_desc-greater_tdp.tsv"
    return pd.read_csv(path, sep="\t").set_index("name")


def sidecar(home: Path, rest: str) -> dict[str, Any]:
    (path,) = (home / "out" / "group").glob(f"*{rest}.json")
    return dict(json.loads(path.read_text()))


def test_parcels_of_each_hemisphere(folder: Path) -> None:
    """Twelve vertices are active; the masks leave out the last two vertices of each hemisphere."""
    found = table(folder, "halves")
    assert found["size"].to_dict() == {"left low": 12, "left high": 28, "right low": 12, "right high": 28}
    assert found["tdn"].to_dict() == {"left low": 0, "left high": 0, "right low": 12, "right high": 0}
    assert table(folder, "rois")[["size", "tdn"]].loc["seed"].to_dict() == {"size": 12, "tdn": 6}


def test_files_are_named_with_their_hashes(folder: Path) -> None:
    about = sidecar(folder, "atlas-halves_contrast-faces_test-mean_desc-greater_tdp")
    for side, key in (("L", "SurfaceLeft"), ("R", "SurfaceRight")):
        path = folder / f"study_hemi-{side}_pial.surf.gii"
        assert (about[key], about[f"{key}Hash"]) == (path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    assert (about["Mask"], about["MaskRight"]) == ("tested_hemi-L.func.gii", "tested_hemi-R.func.gii")
    assert (about["Underlay"], about["UnderlayRight"]) == ("depth_hemi-L.shape.gii", "depth_hemi-R.shape.gii")
    assert about["AtlasFiles"]["atlas R"] == "halves_hemi-R.label.gii"
    assert about["AtlasFiles"]["region 1 R"] == "seed_hemi-R.func.gii"


def test_the_report_names_what_it_shows(folder: Path) -> None:
    report = folder / "out" / "group" / f"{NAME}_test-mean_desc-greater_report.html"
    meshes = "study_hemi-L_pial.surf.gii and study_hemi-R_pial.surf.gii"
    assert f"sulci of depth_hemi-L.shape.gii, darker than gyri, on {meshes}" in report.read_text(encoding="utf-8")


def test_another_mesh_is_another_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = [saved_mesh(icosphere(1, 40.0, (x, 0, 0)), folder / f"other{x}.surf.gii") for x in (-60, 60)]
    words = command(folder)
    at = words.index("--surface") + 1
    assert main([*words[:at], f"L={other[0]}", f"R={other[1]}", *words[at + 1 :]]) == 64
    assert "surface L (study_hemi-L_pial.surf.gii; now other-60.surf.gii)" in " ".join(capsys.readouterr().err.split())


def test_another_atlas_after_the_analysis(folder: Path) -> None:
    for side in "LR":
        save_gifti(folder / f"whole_hemi-{side}.label.gii", np.ones(N), {1: f"{side}_cortex"})
    assert main(command(folder, "--reports-only", atlas="whole_hemi-R.label.gii")) == 0
    assert table(folder, "whole")["size"].to_dict() == {"L_cortex": 40, "R_cortex": 40}
