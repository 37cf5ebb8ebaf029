"""Outputs in which names have ``atlas-`` behind ``test-``, as 0.1.0 wrote them: read, written again, and replaced."""

import json
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import SHAPE, describe, image, write_group

from bids_ari import load_result
from bids_ari.cli.main import main

FLAGS = ("--threshold", "3", "--tdp", "0.7")


def earlier(name: str) -> str:
    """The name of a file in 0.1.0."""
    return re.sub(r"_(atlas-[a-zA-Z]+)(_.*_test-mean)", r"\2_\1", name)


def with_earlier_names(out: Path) -> None:
    """Give the files of an output, and its records of them, the names of 0.1.0."""
    for path in (out / "logs" / "results").glob("*.json"):
        record = json.loads(path.read_text())
        for name in record["Files"]:
            (out / name).rename(out / earlier(name))
        path.write_text(json.dumps(record | {"Files": [earlier(name) for name in record["Files"]]}))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A group, an atlas, and an output with parcels and regions."""
    folder = tmp_path_factory.mktemp("earlier")
    describe(folder / "data")
    write_group(folder / "data", 8, np.random.default_rng(5))
    lobes = np.zeros(SHAPE)
    lobes[2:5], lobes[5:8] = 1, 2
    for name, values in (("lobes", lobes), ("left", lobes == 1)):
        image(values, dtype=np.uint8).to_filename(folder / f"{name}.nii.gz")
    words = ["--atlas", str(folder / "lobes.nii.gz"), "--roi", str(folder / "left.nii.gz")]
    assert main([str(folder / "data"), str(folder / "out"), "group", *FLAGS, *words]) == 0
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with names of 0.1.0 in ``out``, and those of now in ``new``."""
    shutil.copytree(whole, tmp_path / "all")
    shutil.copytree(whole / "out", tmp_path / "all" / "new")
    monkeypatch.chdir(tmp_path / "all")
    with_earlier_names(tmp_path / "all" / "out")
    assert list((tmp_path / "all" / "out" / "group").glob("*_test-mean_atlas-lobes_desc-greater_tdp.tsv"))
    return tmp_path / "all"


def tables(out: Path) -> set[str]:
    """The files of results but for logs."""
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file() and "logs" not in path.parts}


def links(page: Path) -> list[Path]:
    """The tables that a page has links to."""
    return [page.parent / found for found in re.findall(r'href="([^"]*\.tsv)"', page.read_text())]


def test_reports_are_written_again_with_links_that_lead_to_files(folder: Path) -> None:
    assert main(["data", "out", "group", "--reports-only"]) == 0
    assert tables(folder / "out") == tables(folder / "new")
    pages = [folder / "out" / "index.html", *(folder / "out").glob("group/*_report.html")]
    for page in pages:
        assert [path.name for path in links(page) if "_atlas-lobes_contrast-" in path.name]
        assert all(path.is_file() for path in links(page))
    for name in ("lobes", "rois"):
        (old,), (new,) = ((folder / out / "group").glob(f"*atlas-{name}_*tdp.tsv") for out in ("out", "new"))
        assert old.read_bytes() == new.read_bytes()


def test_other_thresholds_replace_the_files(folder: Path) -> None:
    assert main(["data", "out", "group", "--reports-only", "--threshold", "2.5"]) == 0
    assert not [name for name in tables(folder / "out") if "test-mean_atlas" in name]
    assert [name for name in tables(folder / "out") if "atlas-lobes_contrast" in name]


def test_files_about_all_results_are_those_of_this_version(folder: Path) -> None:
    """Else the validator of BIDS refuses files that 0.1.0 did not write, and labels have no description."""
    (folder / "out" / ".bidsignore").write_text("group\nlogs\n*.html\n")
    assert main(["data", "out", "group", "--reports-only", "--threshold", "2.5", "--neurovault"]) == 0
    ignored = (folder / "out" / ".bidsignore").read_text().splitlines()
    assert {"ro-crate-metadata.json", "neurovault"} <= {*ignored}
    described = (folder / "out" / "descriptions.tsv").read_text()
    assert "desc-greaterZ2p5\t" in described
    assert "desc-greaterZ3\t" not in described
    links = [json.loads((folder / each / "dataset_description.json").read_text()) for each in ("out", "new")]
    assert links[0]["DatasetLinks"] == links[1]["DatasetLinks"] != {}


def test_the_index_of_another_run_has_links_to_them(folder: Path) -> None:
    """Another alternative is added to the same output, which leaves the files of the first as they are."""
    assert main(["data", "out", "group", *FLAGS, "--alternative", "less"]) == 0
    found = links(folder / "out" / "index.html")
    assert [path for path in found if path.name.endswith("_test-mean_atlas-lobes_desc-greater_tdp.tsv")]
    assert all(path.is_file() for path in found)


def test_the_next_run_replaces_them(folder: Path, whole: Path) -> None:
    """Although nothing that the result depends on has changed."""
    words = ["--atlas", str(whole / "lobes.nii.gz"), "--roi", str(whole / "left.nii.gz")]
    assert main(["data", "out", "group", *FLAGS, *words]) == 0
    assert tables(folder / "out") == tables(folder / "new")


def test_results_are_loaded_and_label_images_are_an_atlas(folder: Path) -> None:
    (path,) = (folder / "out" / "group").glob("*_forest.npz")
    assert [regions.name for regions in load_result(path).regions] == ["lobes", "rois"]
    (labels,) = (folder / "out" / "group").glob("*_desc-greaterZ3_dseg.nii.gz")
    assert main(["data", "by-clusters", "group", *FLAGS, "--atlas", str(labels)]) == 0
    n_clusters = int(np.max(np.asarray(nib.load(labels).dataobj)))
    (table,) = (folder / "by-clusters" / "group").glob("*_atlas-*_desc-greater_tdp.tsv")
    assert len(table.read_text().splitlines()) == 1 + n_clusters
