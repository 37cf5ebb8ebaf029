"""The comparisons with published numbers, of ``validation/published/``."""

import csv
import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import nibabel as nib
import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "validation" / "published"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.tsv"))


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def quantity(rows: list[Any], ending: str) -> str:
    (found,) = (row.found for row in rows if row.quantity.endswith(ending))
    return str(found)


@pytest.mark.parametrize("name", SCRIPTS)
def test_all_numbers_of_the_tables_agree(name: str) -> None:
    rows = rows_of(FOLDER / f"{name}.tsv")
    assert len(rows) > 10
    assert {row["agrees"] for row in rows} <= {"yes", "within the range"}
    assert all(row["expected"] == row["found"] for row in rows if row["agrees"] == "yes" and row["expected"].isdigit())


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_published_data_give_the_table(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "BIDS_ARI_PUBLISHED" not in os.environ:
        pytest.skip("the published data are not at hand: BIDS_ARI_PUBLISHED names no folder")
    folder = Path(os.environ["BIDS_ARI_PUBLISHED"]) / name
    monkeypatch.setattr(sys, "argv", [f"{name}.py", str(folder), "--output", str(tmp_path / "found.tsv")])
    script = importlib.import_module(name)
    script.run(f"{name}.py", script.__doc__, script.rows)
    assert (tmp_path / "found.tsv").read_bytes() == (FOLDER / f"{name}.tsv").read_bytes()


@pytest.fixture
def like_aribrain(tmp_path: Path) -> Path:
    """A z map of 12 x 12 x 12 voxels with a block of 27 active ones, its mask, and that block as the only cluster."""
    z, mask, clusters = (np.zeros((12, 12, 12), dtype=np.float32) for _ in range(3))
    mask[1:-1, 1:-1, 1:-1] = 1
    clusters[4:7, 4:7, 4:7] = 1
    z[mask > 0] = np.random.default_rng(0).uniform(-2, 2, size=1000)
    z[clusters > 0] = np.linspace(6, 7, 27)
    for name, values in {"zstat": z, "mask": mask, "cluster_th_3.2": clusters}.items():
        nib.Nifti1Image(values, np.eye(4)).to_filename(tmp_path / f"{name}.nii.gz")
    return tmp_path


def test_a_map_like_that_of_aribrain(like_aribrain: Path) -> None:
    """All 27 z of 6 and more have p below .05 / 1000, and the others are above .02: 27 are active, 973 are outside."""
    rows = list(importlib.import_module("aribrain").rows(like_aribrain))
    assert quantity(rows, "TDN of all voxels") == "27"
    assert quantity(rows, "an adjusted p below .05") == "27"
    assert (quantity(rows, "cl0: voxels"), quantity(rows, "cl0: TDN")) == ("973", "0")
    assert [row.found for row in rows if row.where == "ARI()" and row.quantity.startswith("cluster 1")] == ["27", "27"]
    assert not [row for row in rows if row.agrees == "yes" and row.expected != row.found]


class _Array:
    """What rdata returns for a matrix of R."""

    def __init__(self, values: np.ndarray[Any, Any], **names: list[str]) -> None:
        self._values, self.coords = values, {key: _Array(np.array(each)) for key, each in names.items()}

    def to_numpy(self) -> np.ndarray[Any, Any]:
        return self._values


@pytest.fixture
def like_sanssouci(monkeypatch: pytest.MonkeyPatch) -> None:
    """48,900 voxels of 15 and 15 maps, 300 of them active and in a region of 400; the other named regions are empty."""
    script_regions = ["Precentral Gyrus", "Postcentral Gyrus", "Supramarginal Gyrus, anterior division", "Other"]
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(48_900, 30))
    maps[:300, 15:] += 4
    atlas = np.zeros((4, 48_900))
    atlas[0, :400] = atlas[1, 1000:2000] = atlas[2, 2000:3000] = atlas[3, 3000:4000] = 1
    of_file = {
        "fMRI_localizer": _Array(maps, dim_1=["left"] * 15 + ["right"] * 15),
        "brainAtlas": _Array(atlas, dim_0=script_regions),
    }
    stand_in = ModuleType("rdata")
    stand_in.__dict__["read_rda"] = lambda path: {path.stem: of_file[path.stem]}
    monkeypatch.setitem(sys.modules, "rdata", stand_in)
    monkeypatch.delitem(sys.modules, "sanssouci", raising=False)


@pytest.mark.usefixtures("like_sanssouci")
def test_data_like_those_of_sanssouci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference of 4 standard deviations of 15 and 15 maps is a t of about 11: nearly all of the 300 are found."""
    script = importlib.import_module("sanssouci")
    monkeypatch.setattr(script, "SEEDS", range(2))
    rows = list(script.rows(tmp_path))
    simes = [row for row in rows if row.where == "Simes/ARI"]
    assert 290 <= int(quantity(simes, "all voxels: TDN")) <= 300
    assert quantity(simes, "Precentral Gyrus: voxels") == "400"
    assert quantity(simes, "Precentral Gyrus: TDN without closed testing") == quantity(simes, "Precentral Gyrus: TDN")
    calibrated = [row for row in rows if row.where.startswith("Linear")]
    assert 290 <= float(quantity(calibrated, "all voxels: TDN").partition(" ")[0]) <= 300
