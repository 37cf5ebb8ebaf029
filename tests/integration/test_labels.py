"""Several models in one output: with labels side by side, without labels refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders import describe, image, write_group, write_map

import bids_ari as ari
from bids_ari import load_result
from bids_ari.cli import map as single
from bids_ari.cli.main import main

NAME = "task-emo_space-MNI152NLin2009cAsym{}_contrast-faces_test-{}_desc-greater"
QUICK = ("--threshold", "3", "--tdp", "0.7")

OTHERS = [
    ("--exclude 03", "subjects (6 subjects; now 5 subjects)"),
    ("--formula center(age)", "formula (1; now center(age))"),
    ("--test m=1", "tests (mean; now m)"),
    ("--smoothing 6", "SmoothingFWHM (none; now 6.0)"),
    ("--coverage 0.5", "Coverage (1.0; now 0.5)"),
    ("--mask mask.nii.gz", "Mask (none; now mask.nii.gz)"),
]
"""Flags of other models, and how the message describes the difference."""

Run = Callable[..., int]


@pytest.fixture
def data(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "data"
    describe(folder)
    write_group(folder, 6, rng)
    rows = [f"sub-{i:02d}\t{age}" for i, age in enumerate((21, 30, 24, 35, 28, 27), 1)]
    (folder / "participants.tsv").write_text("\n".join(["participant_id\tage", *rows, ""]))
    return folder


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Run:
    return lambda *words: main([str(data), str(tmp_path / "out"), "group", *QUICK, *words])


def results(out: Path) -> set[str]:
    """The names of all results in an output."""
    return {path.stem for path in (out / "logs" / "results").glob("*.json")}


class TestLabels:
    def test_models_with_different_labels_are_side_by_side(self, run: Run, data: Path, tmp_path: Path) -> None:
        """In names, records, the index, and for --reports-only; each is what it would be alone."""
        out = tmp_path / "out"
        assert run() == 0
        alone = {path.name: path.read_bytes() for path in (out / "group").glob("*.nii.gz")}
        assert run("--label", "noThird", "--exclude", "03") == 0
        assert run("--label", "age", "--formula", "center(age)", "--test", "age=center(age)") == 0
        expected = {NAME.format("", "mean"), NAME.format("_model-noThird", "mean"), NAME.format("_model-age", "age")}
        assert results(out) == expected
        assert {path.name: path.read_bytes() for path in (out / "group").glob("*.nii.gz")}.items() >= alone.items()
        assert all(f"{name}_report.html" in (out / "index.html").read_text() for name in expected)
        for report in (out / "group").glob("*_report.html"):
            report.unlink()
        assert main([str(data), str(out), "group", "--reports-only"]) == 0
        assert {path.name.removesuffix("_report.html") for path in (out / "group").glob("*_report.html")} == expected
        assert results(out) == expected
        about = json.loads(
            (
                out
                / "group"
                / f"{NAME.format('_model-age', 'age')}_tdp.json".replace("_desc-greater_tdp", "_stat-z_statmap")
            ).read_text()
        )
        assert about["ModelLabel"] == "age"

    def test_reports_of_one_label_are_written_again(
        self, run: Run, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Reports and free choices of this model only; the settings of other models do not matter."""
        out = tmp_path / "out"
        age = ("--label", "age", "--formula", "center(age)")
        assert run() == run(*age, "--test", "age=center(age)") == 0
        reports = sorted((out / "group").glob("*_report.html"))
        other, own = sorted(reports, key=lambda path: "_model-age_" in path.name)
        before = {path.name: path.read_bytes() for path in (out / "group").glob(f"{NAME.format('', 'mean')}*")}
        own.unlink()
        again = [str(data), str(out), "group", "--reports-only"]
        assert main([*again, *age, "--threshold", "2"]) == 0
        assert own.exists()
        assert before[other.name] == other.read_bytes()
        assert {name: (out / "group" / name).read_bytes() for name in before} == before
        archives = {"_model-age_" in path.name: load_result(path) for path in (out / "group").glob("*_forest.npz")}
        assert {key: each.options.threshold for key, each in archives.items()} == {False: (3.0,), True: (2.0,)}
        assert all(path.name in (out / "index.html").read_text() for path in reports)
        assert main([*again, "--label", "nope"]) == 18
        assert "has the label nope; expected one of: age" in capsys.readouterr().err

    def test_they_are_equal_to_those_without_a_label(self, run: Run, tmp_path: Path) -> None:
        assert run() == 0
        assert run("--label", "model-again") == 0
        maps = {path.name: path.read_bytes() for path in (tmp_path / "out" / "group").glob("*.nii.gz")}
        plain = {name: content for name, content in maps.items() if "model-" not in name}
        assert {name.replace("_model-again", ""): maps[name] for name in maps.keys() - plain.keys()} == plain

    @pytest.mark.parametrize("label", ["a_b", "a b", "../x", "é", "", "x" * 61])
    def test_a_label_that_names_no_file_is_refused(self, run: Run, label: str) -> None:
        assert run("--label", label) == 64

    def test_the_label_follows_the_model_of_the_maps(self, data: Path, rng: np.random.Generator) -> None:
        for subject in ("01", "02", "03"):
            write_map(data, subject, rng.normal(size=(4, 4, 4)), contrast="x", desc="a")
        (contrast,) = ari.discover(data, contrast="x")
        of_maps = contrast.labelled("big")
        assert of_maps.entities.get("model") == "big"
        assert of_maps.labelled("big") is of_maps
        with_model = type(contrast)(contrast.entities.with_(model="first"), contrast.stat, contrast.members)
        assert with_model.labelled("big").labelled("big").entities.get("model") == "firstBig"
        assert with_model.labelled(None) is with_model

    def test_in_python(self, data: Path) -> None:
        (result,) = ari.analyse(ari.discover(data)[0], ari.Options(label="mine"))
        assert result.contrast.entities.get("model") == "mine"


class TestOtherModels:
    def test_another_model_is_refused_and_nothing_is_changed(
        self, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        image(np.pad(np.ones((6, 7, 8)), 2), dtype=np.uint8).to_filename("mask.nii.gz")
        assert run() == 0
        before = {path: path.read_bytes() for path in (tmp_path / "out" / "group").iterdir()}
        for words, difference in OTHERS:
            assert run(*words.split()) == 64
            message = capsys.readouterr().err
            assert "results of another model" in message
            assert difference in message
            assert "--label NAME" in message
        assert {path: path.read_bytes() for path in (tmp_path / "out" / "group").iterdir()} == before
        assert results(tmp_path / "out") == {NAME.format("", "mean")}
        assert not (tmp_path / "out" / "logs" / "failures").exists()

    def test_a_rerun_replaces_it(self, run: Run, tmp_path: Path) -> None:
        assert run("--test", "m=1") == 0
        assert run("--rerun") == 0
        assert results(tmp_path / "out") == {NAME.format("", "mean")}
        assert run("--test", "m=1") == 64

    def test_another_mask_of_the_same_name_is_refused(self, run: Run, tmp_path: Path) -> None:
        for folder, width in (("a", 2), ("b", 3)):
            (tmp_path / folder).mkdir()
            inside = np.zeros((10, 11, 12))
            inside[width:-width, width:-width, width:-width] = 1
            image(inside, dtype=np.uint8).to_filename(tmp_path / folder / "mask.nii.gz")
        assert run("--mask", str(tmp_path / "a" / "mask.nii.gz")) == 0
        assert run("--mask", str(tmp_path / "b" / "mask.nii.gz")) == 64

    def test_another_model_with_the_same_label_is_refused(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("--label", "x") == 0
        assert run("--label", "x", "--exclude", "03") == 64
        assert "another --label NAME" in capsys.readouterr().err

    @pytest.mark.parametrize("words", [[], ["--rerun"]])
    def test_changed_data_are_analysed_again_under_the_same_names(
        self, run: Run, data: Path, tmp_path: Path, words: list[str], rng: np.random.Generator
    ) -> None:
        """Maps and values of covariates; results of other directions that were made from the old data go."""
        out, formula = tmp_path / "out", ["--formula", "center(age)"]
        assert run(*formula, "--alternative", "greater", "less") == 0
        first = {path.name: path.read_bytes() for path in (out / "group").glob("*stat-z_statmap.nii.gz")}
        write_map(data, "04", rng.normal(size=(10, 11, 12)))
        table = data / "participants.tsv"
        table.write_text(table.read_text().replace("35", "53"))
        assert run(*formula, *words) == 0
        again = {path.name: path.read_bytes() for path in (out / "group").glob("*stat-z_statmap.nii.gz")}
        assert again.keys() == first.keys()
        assert all(again[name] != first[name] for name in first)
        assert not [name for name in results(out) if name.endswith("less")]

    def test_methods_directions_and_thresholds_join(self, run: Run, tmp_path: Path) -> None:
        assert run() == 0
        assert run("--alternative", "less") == 0
        assert run("--method", "hommel") == 0
        assert run("--threshold", "2") == 0
        assert {name.rpartition("-")[2] for name in results(tmp_path / "out")} == {"greater", "less", "greaterHommel"}

    def test_the_same_names_of_another_dataset_are_refused(
        self, run: Run, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = tmp_path / "elsewhere" / "data"
        describe(other)
        write_group(other, 6, rng)
        assert run() == 0
        assert main([str(other), str(tmp_path / "out"), "group", *QUICK]) == 64
        assert "other dataset" in capsys.readouterr().err

    def test_single_maps(self, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]) -> None:
        """Programs give maps of different analyses the same name."""
        paths = [tmp_path / folder / "zstat1.nii.gz" for folder in ("faces", "houses")]
        for path in paths:
            path.parent.mkdir()
            image(rng.normal(size=(10, 11, 12))).to_filename(path)
        words = [str(tmp_path / "out"), *QUICK]
        assert single.main([str(paths[0]), *words]) == 0
        assert single.main([str(paths[0]), *words]) == 0
        assert single.main([str(paths[1]), *words]) == 64
        assert "other dataset" in capsys.readouterr().err
        assert single.main([str(paths[1]), *words, "--label", "houses"]) == 0
        assert len(results(tmp_path / "out")) == 2
        assert single.main([str(paths[1]), *words, "--rerun"]) == 0
        assert len(results(tmp_path / "out")) == 2
