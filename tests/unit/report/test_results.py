"""All files of the results of a contrast, written in this thread and beside threads that draw."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from reported import analysed, by_methods

from bids_ari.analysis.result import ContrastResult
from bids_ari.errors import OutputError
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.report.results import write_results


def files_written(folder: Path, results: tuple[ContrastResult, ...], n_threads: int) -> dict[str, bytes]:
    """Return the files of results by name, without the times of writing."""
    with Derivatives(folder, {}) as out, out.result(results[0].contrast.name):
        write_results(results, out, n_threads=n_threads)
    return {
        path.relative_to(folder).as_posix(): re.sub(rb"<time.*?</time>|\"Time\": .*", b"", path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("results", [lambda: analysed(3.0), by_methods], ids=["directions", "methods"])
def test_files_are_the_same_with_threads(tmp_path: Path, results: Callable[[], tuple[ContrastResult, ...]]) -> None:
    """Another thread draws while this one writes maps and tables."""
    alone, together = (files_written(tmp_path / str(n), results(), n) for n in (1, 2))
    assert alone.keys() == together.keys()
    assert [name for name in alone if alone[name] != together[name]] == []
    assert len([name for name in alone if name.endswith(".png")]) > 20


def test_what_cannot_be_drawn_ends_it_with_nothing_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a thread is that of the caller."""

    def full(*_: object, **__: object) -> bytes:
        raise OutputError("no space")

    monkeypatch.setattr("bids_ari.report.figures.slices.draw_clusters", full)
    with pytest.raises(OutputError, match="no space"):
        files_written(tmp_path, analysed(3.0), 2)
    assert not list(tmp_path.rglob("*.png"))
    assert not list(tmp_path.rglob("*.html"))
