"""``--reports-only`` with what may be chosen after looking at the data, and with what may not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders import describe, image, write_group

from bids_ari import load_result
from bids_ari.cli.main import main

Run = Callable[..., int]

FREE = ["--threshold", "2.5", "3.5", "--tdp", "0.6", "--atlas", "lobes.nii.gz", "--roi", "left.nii.gz", "all.nii.gz"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A group, an atlas and masks, and the output ``out`` of a run in two directions."""
    folder = tmp_path_factory.mktemp("free")
    describe(folder / "data")
    write_group(folder / "data", 8, np.random.default_rng(5))
    lobes = np.zeros((10, 11, 12))
    lobes[2:5], lobes[5:8] = 1, 2
    for name, values in (("lobes", lobes), ("left", lobes == 1), ("all", lobes > 0)):
        image(values, dtype=np.uint8).to_filename(folder / f"{name}.nii.gz")
    words = [str(folder / "data"), str(folder / "out"), "group", "--alternative", "greater", "less"]
    assert main([*words, "--threshold", "3", "--tdp", "0.7"]) == 0
    return folder


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(folder)
    return lambda out, *words: main(["data", out, "group", *words])


def written(out: Path, *endings: str) -> dict[str, bytes]:
    """The files of all results by name, with their content; but for effects of subjects, which need the maps."""
    paths = [path for path in (out / "group").iterdir() if not path.stem.endswith("_effects")]
    return {path.name: path.read_bytes() for path in paths if path.name.endswith(endings)}


def test_free_choices_give_the_files_of_a_new_analysis(run: Run, folder: Path) -> None:
    """To the byte, without the maps; those of the earlier choices are gone."""
    assert run("new", "--alternative", "greater", "less", *FREE) == 0
    (folder / "data").rename(folder / "away")
    (folder / "data").mkdir()
    assert run("out", "--reports-only", *FREE) == 0
    (folder / "data").rmdir()
    (folder / "away").rename(folder / "data")
    expected = written(folder / "new", ".tsv", ".nii.gz")
    assert written(folder / "out", ".tsv", ".nii.gz") == expected
    assert written(folder / "out", "").keys() == written(folder / "new", "").keys()
    pictures = {path.name for path in (folder / "new" / "figures").iterdir()}
    assert {path.name for path in (folder / "out" / "figures").iterdir()} == pictures
    for path in (folder / "out" / "group").glob("*_forest.npz"):
        result = load_result(path)
        assert (result.options.threshold, result.options.tdp) == ((2.5, 3.5), (0.6,))
        assert [regions.name for regions in result.regions] == ["lobes", "rois"]
        assert any("after the analysis" in note for note in result.notes)
        assert {"atlas", "region 1", "region 2"} <= result.hashes.keys()


def test_the_next_analysis_does_not_take_them_for_its_own(run: Run, folder: Path) -> None:
    words = ["--alternative", "greater", "less", "--threshold", "3", "--tdp", "0.7"]
    assert run("again", *words) == 0
    first = written(folder / "again", "")
    assert run("again", "--reports-only", "--threshold", "2") == 0
    assert run("again", *words) == 0
    assert written(folder / "again", "").keys() == first.keys()
    assert written(folder / "again", ".tsv", ".nii.gz") == {
        name: content for name, content in first.items() if name.endswith((".tsv", ".nii.gz"))
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--alpha 0.01", "--alpha is 0.01, but 0.05 in results"),
        ("--alternative less", "--alternative is less, but greater less in results"),
        ("--method hommel", "--method is hommel, but simes in results"),
        ("--formula age", "--formula is age, but 1 in results"),
        ("--mask all.nii.gz", "--mask is all.nii.gz, but None in results"),
        ("--smoothing 4", "--smoothing is 4.0, but None in results"),
        ("--exclude 01", "--exclude cannot be used with --reports-only"),
        ("--contrast faces", "--contrast cannot be used with --reports-only"),
        ("--split-alpha", "--split-alpha cannot be used with --reports-only"),
        ("--threshold .001", "Did you mean 3.09"),
        ("--atlas-labels lobes.tsv", "atlas-labels requires an atlas"),
    ],
)
def test_what_is_not_free_is_refused_before_anything_is_written(
    run: Run, folder: Path, words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*") if path.is_file()}
    assert run("out", "--reports-only", *words.split()) == 64
    assert message in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*") if path.is_file()} == before


def test_slices_change_pictures_and_pages_only(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And there are none outside of the maps."""
    results = written(folder / "out", ".tsv", ".nii.gz", ".json", ".npz")
    assert run("out", "--reports-only", "--slices", "sagittal", "z:8") == 0
    assert written(folder / "out", ".tsv", ".nii.gz", ".json", ".npz") == results
    (report, *_) = written(folder / "out", "greater_report.html").values()
    assert b"Sagittal and axial slices" in report
    capsys.readouterr()
    assert run("out", "--reports-only", "--slices", "z:900") == 65
    assert "z = 900 mm" in capsys.readouterr().err


def test_an_error_of_several_results_is_printed_once(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Regions on another grid, for two directions, whose reports are left as they are."""
    image(np.ones((9, 11, 12)), dtype=np.uint8).to_filename(folder / "other.nii.gz")
    before = written(folder / "out", "")
    assert run("out", "--reports-only", "--roi", "other.nii.gz") == 65
    found = " ".join(capsys.readouterr().err.split())
    assert found.count("other.nii.gz") == 1
    assert "2 reports could not be written again" in found
    assert written(folder / "out", "") == before


@pytest.mark.parametrize(("words", "code"), [("--atlas none.nii.gz", 66), ("--roi none.nii.gz", 66)])
def test_a_region_that_is_not_there_leaves_the_results(run: Run, folder: Path, words: str, code: int) -> None:
    before = written(folder / "out", ".tsv", ".nii.gz", ".npz")
    assert run("out", "--reports-only", *words.split()) == code
    assert written(folder / "out", ".tsv", ".nii.gz", ".npz") == before


def test_figures_for_papers_are_written_when_asked_for(run: Run, folder: Path) -> None:
    """One for each picture and format; without the flag they are written again, in the same formats."""
    figures, plain = folder / "out" / "figures", folder / "out" / "group"
    before = {path.name: path.read_bytes() for path in plain.iterdir()}
    assert run("out", "--reports-only", "--figure-format", "svg", "pdf") == 0
    pictures = {path.stem for path in figures.glob("*.png")}
    assert pictures
    assert {path.stem for path in figures.glob("*.svg")} == {path.stem for path in figures.glob("*.pdf")} == pictures
    assert {path.name: path.read_bytes() for path in plain.iterdir() if path.suffix != ".html"} == {
        name: content for name, content in before.items() if not name.endswith(".html")
    }
    assert run("out", "--reports-only", "--threshold", "2") == 0
    pictures = {path.stem for path in figures.glob("*.png")}
    assert {path.stem for path in figures.glob("*.svg")} == {path.stem for path in figures.glob("*.pdf")} == pictures
    assert run("out", "--reports-only", "--figure-format", "png") == 0
    large = {path.name: path.read_bytes() for path in figures.iterdir()}
    assert {Path(name).suffix for name in large} == {".png"}
    assert run("out", "--reports-only") == 0
    assert {path.name: path.read_bytes() for path in figures.iterdir()} == large


def test_unknown_formats_of_figures_are_refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("out", "--reports-only", "--figure-format", "tiff") == 64
    message = capsys.readouterr().err
    assert all(word in message for word in ("figure-format", "tiff", "png", "pdf", "svg"))
