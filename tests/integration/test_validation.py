"""The simulations of ``validation/``, with few data sets of their first setting."""

import csv
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "validation"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.tsv"))

Rows = list[dict[str, Any]]


@pytest.fixture
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


def simulated(script: ModuleType) -> Rows:
    """Simulate two data sets of the first setting."""
    settings = script.settings() if hasattr(script, "settings") else getattr(script, "SETTINGS", None)
    settings = settings or script.QUESTIONS
    rows = getattr(script, "simulated", None) or script.rows
    return list(rows(next(iter(settings)), np.random.SeedSequence(1), 2, map))


@pytest.mark.usefixtures("_importable")
@pytest.mark.parametrize("name", SCRIPTS)
def test_rows_have_the_columns_of_the_table(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script is run in pieces of one data set; run again, it has the same result."""
    script = importlib.import_module(name)
    monkeypatch.setattr(script, "PIECE", 1, raising=False)
    with (FOLDER / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        written = csv.DictReader(file, delimiter="\t").fieldnames or ()
    made = simulated(script)
    assert all(tuple(row) == tuple(written) for row in made)
    assert simulated(script) == made


@pytest.mark.usefixtures("_importable")
def test_a_table_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = importlib.import_module("simulation")
    monkeypatch.setattr(sys, "argv", ["toy.py", "--repetitions", "3", "--processes", "1"])

    def rows(setting: str, seed: np.random.SeedSequence, repetitions: int, apply: object) -> Iterator[dict[str, Any]]:
        yield {"setting": setting, "mean": np.random.default_rng(seed).normal(size=repetitions).mean()}

    written = []
    for _ in range(2):
        simulation.run(str(tmp_path / "toy.py"), "A toy.", ["a", "b"], rows, 2000)
        written.append((tmp_path / "toy.tsv").read_bytes())
    assert written[0] == written[1]
    assert [line.split(b"\t")[0] for line in written[0].splitlines()] == [b"setting", b"a", b"b"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_readme_describes_a_script(name: str) -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"## {name}: " in text
    assert f"| [{name}](#{name}-" in text
    assert f"`{name}.tsv`" in text
