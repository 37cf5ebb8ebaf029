"""A later run with other pictures or copies alone keeps the results, and writes the pages again."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import SHAPE, describe, saved, write_group

from bids_ari.cli.main import main

Run = Callable[..., int]

SHOWN = ("--slices", "coronal", "--figure-format", "svg", "--table-format", "xlsx", "--neurovault")
BASE = ("--threshold", "2.5", "--tdp", "0.7", "--alternative", "greater", "less")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "first"
    describe(folder)
    write_group(folder, 8, np.random.default_rng(2), contrast="faces")
    return folder


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Run:
    return lambda *words, out="out": main([str(data), str(tmp_path / out), "group", *BASE, *words])


def results(out: Path) -> Iterator[Path]:
    """The maps, tables, sidecars and archives of results."""
    return (path for path in (out / "group").rglob("*") if not path.name.endswith((".html", "_sentences.txt", ".xlsx")))


def state(out: Path) -> dict[Path, tuple[int, bytes]]:
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in results(out)}


def without_times(path: Path) -> bytes:
    return re.sub(rb"\d{4}-\d\d-\d\d[T ][\d:]{8}|\d{8}T\d{6}Z(-\d+)?", b"TIME", path.read_bytes())


def log_of(out: Path) -> str:
    return max((out / "logs").glob("2*/log.txt")).read_text(encoding="utf-8")


def test_pages_are_written_again_and_results_stay(run: Run, data: Path, tmp_path: Path) -> None:
    """All pages and copies are those of a run with these options from the beginning; nothing else is written."""
    out, new = tmp_path / "out", tmp_path / "new"
    underlay = saved(tmp_path / "brain.nii.gz", np.arange(np.prod(SHAPE)).reshape(SHAPE) + 1.0)
    mask = saved(tmp_path / "mask.nii.gz", np.indices(SHAPE)[0] > 4)
    files = ("--underlay", str(underlay), "--roi", str(mask))
    assert run(*files) == 0
    before = state(out)
    assert run(*files, *SHOWN) == 0
    assert "unchanged since" in log_of(out)
    assert "written again for --slices, --figure-format, --table-format, --neurovault" in log_of(out)
    assert state(out) == before
    assert run(*files, *SHOWN, out="new") == 0
    names, others = ({path.relative_to(each).as_posix() for path in each.rglob("*")} for each in (out, new))
    assert {name for name in names ^ others if not name.startswith("logs/2")} == set()
    names = {name for name in names if not name.startswith("logs") and (out / name).is_file()}
    names -= {"ro-crate-metadata.json"}  # of two runs
    differing = {name for name in names if without_times(out / name) != without_times(new / name)}
    assert [name for name in differing if not name.endswith("_forest.npz")] == []  # with the options of the analysis


def test_copies_stay_when_a_run_does_not_ask_for_them(run: Run, tmp_path: Path) -> None:
    """They are of the same results, and have other slices, too, also after another look."""
    out = tmp_path / "out"
    assert run("--figure-format", "svg", "--neurovault", "--slices", "coronal") == 0
    figures = {*out.rglob("figures/*.svg")}
    assert figures
    assert run() == 0
    assert "written again for --slices" in log_of(out)
    assert (out / "neurovault" / "images_metadata.csv").is_file()
    assert {*out.rglob("figures/*.svg")} == figures
    assert run() == 0
    assert "written again" not in log_of(out)
    for again in ((), ("--threshold", "3")):
        assert run("--reports-only", *again) == 0
        assert all("Axial slices" in path.read_text() for path in (out / "group").glob("*_report.html"))
    assert run("--reports-only", "--slices", "sagittal") == 0
    assert run("--reports-only") == 0
    assert all("Sagittal slices" in path.read_text() for path in (out / "group").glob("*_report.html"))


@pytest.mark.parametrize("is_given", [False, True])
def test_the_underlay_of_a_later_report_is_replaced(run: Run, tmp_path: Path, is_given: bool) -> None:
    """Pages are again those of the analysis, on an underlay or on none: archives have no underlay."""

    def pages() -> dict[Path, bytes]:
        return {path: without_times(path) for path in (out / "group").glob("*.html")}

    out, rng = tmp_path / "out", np.random.default_rng(4)
    (tmp_path / "other").mkdir()
    one, other = (saved(each / "brain.nii.gz", rng.uniform(1, 9, SHAPE)) for each in (tmp_path, tmp_path / "other"))
    underlay = ("--underlay", str(one)) if is_given else ()
    assert run(*underlay) == 0
    before = pages()
    assert run("--reports-only", "--underlay", str(other)) == 0
    assert pages() != before
    assert run(*underlay) == 0
    assert "unchanged since" in log_of(out)
    assert "written again for --underlay" in log_of(out)
    assert pages() == before
    assert run(*underlay) == 0
    assert "written again" not in log_of(out)


def test_options_that_were_edited_are_not_used(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run() == 0
    for path in (out / "logs" / "results").glob("*.json"):
        path.write_text(path.read_text(encoding="utf-8").replace('"axial"', '"nowhere"'), encoding="utf-8")
    assert run("--reports-only") == 0
    assert run() == 0
    assert "written again" not in log_of(out)


def test_results_of_other_options_or_data_are_analysed(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run() == 0
    assert run(*SHOWN, "--alpha", "0.1") == 0
    assert "unchanged" not in log_of(out)
    path = next((out / "group").glob("*_clusters.json"))
    assert json.loads(path.read_text(encoding="utf-8"))["Alpha"] == 0.1


def test_a_damaged_archive_is_analysed_again(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run() == 0
    for archive in (out / "group").glob("*_forest.npz"):
        archive.write_bytes(b"no archive")
    assert run(*SHOWN) == 0
    assert "unchanged" not in log_of(out)
    assert all(path.read_bytes() != b"no archive" for path in (out / "group").glob("*_forest.npz"))


@pytest.mark.parametrize("more", [("--joint",), ("--method", "permutation", "--n-permutations", "20")])
def test_joint_and_permutation_results(run: Run, tmp_path: Path, more: tuple[str, ...]) -> None:
    out = tmp_path / "out"
    assert run(*more) == 0
    before = state(out)
    assert run(*more, "--table-format", "xlsx") == 0
    assert "written again for --table-format" in log_of(out)
    assert len([*out.rglob("*_tables.xlsx")]) == 2
    assert state(out) == before
