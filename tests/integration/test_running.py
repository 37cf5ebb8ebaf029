"""How a run goes: looking before, settings from files, several maps of a subject, reports alone, logs for machines."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import AFFINE, brain, describe, image, touch_maps, without_times, write_group, write_map

import bids_ari as ari
from bids_ari import Options, Settings, load_result
from bids_ari.cli.main import main
from bids_ari.errors import InputNotFoundError

QUICK = ("--threshold", "3", "--tdp", "0.7")
Z = "task-emo_space-MNI152NLin2009cAsym_contrast-faces_test-mean_stat-z_statmap.nii.gz"


def everything(folder: Path) -> dict[str, bytes]:
    """All files of a folder by name, with their content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def log_folder(out: Path) -> Path:
    """The log folder of the last run."""
    return max(path for path in (out / "logs").iterdir() if (path / "log.txt").exists())


class TestLooking:
    """``--list``."""

    def test_it_says_what_would_be_analysed_and_why_the_rest_is_left_out(
        self, group_dir: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        touch_maps(group_dir, "01", stat="p")
        assert main([str(group_dir), str(group_dir.parent / "out"), "group", "--list"]) == 0
        output = capsys.readouterr().out
        assert "task-emo_space-MNI152NLin2009cAsym_contrast-faces" in output
        assert "8: 01-08" in output
        assert "its stat is p" in output

    def test_it_writes_nothing(self, group_dir: Path) -> None:
        before = everything(group_dir.parent)
        assert main([str(group_dir), str(group_dir.parent / "out"), "group", "--list"]) == 0
        assert everything(group_dir.parent) == before
        assert not (group_dir.parent / "out").exists()

    def test_labels_for_scripts_are_all_there_is_on_stdout(
        self, group_dir: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What cannot be analysed is explained on stderr."""
        touch_maps(group_dir, "01", contrast="alone")
        before = everything(group_dir.parent)
        assert main([str(group_dir), str(group_dir.parent / "out"), "group", "--list-contrasts"]) == 65
        captured = capsys.readouterr()
        assert captured.out == "faces\n"
        assert "1 contrast can be analysed, 1 cannot" in captured.err
        assert everything(group_dir.parent) == before

    def test_it_has_the_exit_code_of_a_run_that_finds_nothing(self, group_dir: Path) -> None:
        words = [str(group_dir), str(group_dir.parent / "out"), "group", "--list", "--contrast", "houses"]
        assert main(words) == 18


class TestCombining:
    """``--combine``."""

    def test_runs_by_their_precision(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """The map of a subject is sum(e / v) / sum(1 / v); the group effect is the mean over subjects."""
        root = tmp_path / "in"
        describe(root)
        expected = []
        for subject in ("01", "02", "03"):
            effects, precisions = [], []
            for run in ("1", "2"):
                effect, variance = brain(rng), np.where(brain(rng) == 0, 0, rng.uniform(0.5, 2, size=(10, 11, 12)))
                write_map(root, subject, effect, run=run, dtype=np.float64)
                write_map(root, subject, variance, run=run, stat="variance", dtype=np.float64)
                inside = variance > 0
                effects.append(effect)
                precisions.append(np.where(inside, 1 / np.where(inside, variance, 1), 0))
            weighted = sum(e * w for e, w in zip(effects, precisions, strict=True))
            expected.append(weighted[inside] / sum(precisions)[inside])
        out = tmp_path / "out"
        assert main([str(root), str(out), "group", "--combine", "run", *QUICK]) == 0
        effect = nib.load(out / "group" / Z.replace("stat-z", "stat-effect")).get_fdata()
        # float32 on disk: 24 bits, so 6e-8 of values near 1
        np.testing.assert_allclose(effect[inside], np.mean(expected, axis=0), atol=1e-6)
        sidecar = json.loads((out / "group" / Z.replace(".nii.gz", ".json")).read_text())
        assert (sidecar["CombinedOver"], sidecar["CombinedBy"]) == ("run", "precision-weighted mean")
        (design,) = (path.read_text() for path in (out / "group").glob("*_design.tsv"))
        assert design.count("run-2") == 6  # effect and variance of three subjects

    def test_without_it_the_error_names_it(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        root = tmp_path / "in"
        for run in ("1", "2"):
            touch_maps(root, "01", "02", run=run)
        assert main([str(root), str(tmp_path / "out"), "group"]) == 65
        assert "--combine run" in capsys.readouterr().err


class TestManifest:
    """``--manifest``."""

    def test_maps_of_spm(self, tmp_path: Path, rng: np.random.Generator) -> None:
        lines = ["participant_id\teffect\tcontrast"]
        for subject in ("01", "02", "03"):
            folder = tmp_path / "spm" / f"s{subject}"
            folder.mkdir(parents=True)
            nib.save(image(brain(rng, 4.0)), folder / "con_0001.nii")
            lines.append(f"sub-{subject}\ts{subject}/con_0001.nii\tfaces > houses")
        manifest = tmp_path / "spm" / "maps.tsv"
        manifest.write_text("\n".join(lines) + "\n")
        out = tmp_path / "out"
        assert main([str(tmp_path / "spm"), str(out), "group", "--manifest", str(manifest), *QUICK]) == 0
        assert (out / "group" / "contrast-faceshouses_test-mean_stat-z_statmap.nii.gz").exists()
        assert "bids:manifest:s02/con_0001.nii" in (out / "group" / "contrast-faceshouses_design.tsv").read_text()

    def test_pairs_of_files(self, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]) -> None:
        """As SPM 8 writes them; a result is kept only while the headers are unchanged, too."""
        lines = ["participant_id\teffect\tcontrast"]
        for subject in ("01", "02", "03"):
            nib.save(nib.Nifti1Pair(brain(rng, 4.0).astype(np.float32), AFFINE), tmp_path / f"con_{subject}.img")
            lines.append(f"sub-{subject}\tcon_{subject}.img\tfaces")
        (tmp_path / "maps.tsv").write_bytes("\r\n".join(lines).encode())  # as Excel on Windows ends lines
        words = [str(tmp_path), str(tmp_path / "out"), "group", "--manifest", str(tmp_path / "maps.tsv"), *QUICK]
        for kept in (False, True):
            assert main(words) == 0
            assert ("unchanged since" in capsys.readouterr().err) is kept
        for subject in ("01", "02", "03"):
            header = tmp_path / f"con_{subject}.hdr"
            content = bytearray(header.read_bytes())
            content[148:155] = b"moved 1"  # the description
            header.write_bytes(content)
        assert main(words) == 0
        assert "unchanged since" not in capsys.readouterr().err


class TestSettings:
    """``--config-file`` and what a run leaves."""

    def test_a_run_can_be_made_again_from_what_it_wrote(self, group_dir: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        words = [str(group_dir), str(out), "group", "--alternative", "less", "--exclude", "03", "--smoothing", "5"]
        assert main([*words, *QUICK]) == 0
        first = everything(out / "group")
        settings = log_folder(out) / "settings.toml"
        kept = tmp_path / "kept.toml"
        shutil.copy(settings, kept)
        shutil.rmtree(out)
        assert main(["--config-file", str(kept)]) == 0
        again = everything(out / "group")
        assert again.keys() == first.keys()
        reports = {name for name in first if name.endswith(".html")}  # they tell the time
        assert {name: again[name] for name in first if name not in reports} == {
            name: first[name] for name in first if name not in reports
        }

    def test_the_log_folder(self, group_dir: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        write_map(group_dir, "01", np.zeros((3, 3, 3)), contrast="houses")
        assert main([str(group_dir), str(out), "group", *QUICK]) == 65
        folder = log_folder(out)
        assert {path.name for path in folder.iterdir()} == {
            *("settings.toml", "provenance.json", "log.txt", "summary.json", "excluded.tsv"),
        }
        assert tomllib.loads((folder / "settings.toml").read_text())["threshold"] == [3.0]
        provenance = json.loads((folder / "provenance.json").read_text())
        assert {"bids_ari", "python", "numpy", "nibabel", "pybids"} <= provenance["Versions"].keys()
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["ExitCode"] == 65
        (result,), (failure,) = summary["Results"], summary["Failures"]
        assert (result["NumberOfSubjects"], result["Alternative"]) == (8, "greater")
        assert (out / result["Report"]).exists()
        assert 0 < result["Seconds"] <= summary["Seconds"]
        assert (failure["Error"], failure["ExitCode"]) == ("DesignError", 65)
        assert "houses" in failure["Contrast"]
        assert "houses" in (folder / "log.txt").read_text()

    def test_an_interrupted_run_says_so(self, group_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("bids_ari.workflow.analyse", interrupt)
        out = tmp_path / "out"
        assert main([str(group_dir), str(out), "group"]) == 130
        assert json.loads((log_folder(out) / "summary.json").read_text())["ExitCode"] == 130
        assert not list(out.glob("group/*"))
        assert not [path for path in out.iterdir() if path.name.startswith(".staging")]


class TestProcesses:
    """``--nprocs``."""

    def test_files_are_the_same(self, group_dir: Path, rng: np.random.Generator) -> None:
        """Contrasts in a process each, or one after the other; pages, archives and the crate name the run."""
        write_group(group_dir, 8, rng, contrast="houses")
        found = []
        for n in ("1", "2"):
            out = group_dir.parent / n
            words = [str(group_dir), str(out), "group", "--alternative", "greater", "less", *QUICK, "--nprocs", n]
            done = subprocess.run([sys.executable, "-m", "bids_ari", *words], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            lines = [
                line for line in done.stderr.splitlines() if "contrast-" in line and not re.search(r": [\d.]+ s$", line)
            ]
            files = {name: content for name, content in everything(out).items() if not name.startswith("logs")}
            kept = {
                name: content
                for name, content in files.items()
                if not name.endswith((".html", ".npz", "crate-metadata.json"))
            }
            found.append((lines, files.keys(), kept))
        assert found[0] == found[1]
        assert len([name for name in found[0][1] if name.endswith("_report.html")]) == 4


class TestFailures:
    """One bad contrast among others."""

    @pytest.fixture
    def mixed(self, group_dir: Path) -> Path:
        """A contrast that works, between two of one subject only."""
        write_map(group_dir, "01", np.zeros((3, 3, 3)), contrast="animals")
        write_map(group_dir, "01", np.zeros((3, 3, 3)), contrast="houses")
        return group_dir

    def test_it_spares_the_others(self, mixed: Path, tmp_path: Path) -> None:
        assert main([str(mixed), str(tmp_path / "out"), "group", *QUICK]) == 65
        index = (tmp_path / "out" / "index.html").read_text()
        assert all(name in index for name in ("contrast-animals", "contrast-houses", "contrast-faces"))
        assert (tmp_path / "out" / "group" / Z).exists()

    def test_the_first_stops_all_if_asked(self, mixed: Path, tmp_path: Path) -> None:
        """animals come before faces."""
        assert main([str(mixed), str(tmp_path / "out"), "group", "--stop-on-first-crash"]) == 65
        assert not (tmp_path / "out" / "group").exists()

    def test_a_failure_that_is_mended_leaves_the_index(
        self, mixed: Path, tmp_path: Path, rng: np.random.Generator
    ) -> None:
        assert main([str(mixed), str(tmp_path / "out"), "group", *QUICK]) == 65
        write_group(mixed, 3, rng, contrast="houses")
        write_group(mixed, 3, rng, contrast="animals")
        assert main([str(mixed), str(tmp_path / "out"), "group", *QUICK]) == 0
        assert "failed-title" not in (tmp_path / "out" / "index.html").read_text()


class TestSharedModel:
    """Results of one contrast in several directions share its group model."""

    def test_a_changed_model_takes_results_of_other_directions_with_it(
        self, group_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "out"
        words = [str(group_dir), str(out), "group", *QUICK]
        assert main([*words, "--alternative", "greater", "two-sided"]) == 0
        assert main([*words, "--smoothing", "6", "--rerun"]) == 0
        assert "desc-twoSided is removed" in capsys.readouterr().err
        assert not [name for name in everything(out) if "twoSided" in name]
        assert "two-sided" not in (out / "index.html").read_text()

    def test_the_same_model_spares_them(self, group_dir: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        words = [str(group_dir), str(out), "group", *QUICK]
        assert main([*words, "--alternative", "two-sided"]) == 0
        before = {name for name in everything(out) if "twoSided" in name}
        assert main([*words, "--alternative", "greater", "--threshold", "2"]) == 0
        assert {name for name in everything(out) if "twoSided" in name} == before


class TestReportsOnly:
    """``--reports-only``."""

    def test_reports_are_the_same_to_the_byte_but_for_the_time(self, group_dir: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        words = [str(group_dir), str(out), "group", *QUICK, "--alternative", "greater", "two-sided"]
        assert main(words) == 0
        first = everything(out)
        reports = [name for name in first if name.endswith((".html", ".png"))]
        for name in reports:
            (out / name).unlink()
        shutil.rmtree(group_dir)  # the maps are not needed any more
        assert main([*words, "--reports-only"]) == 0
        again = everything(out)
        for name in reports:
            assert without_times(again[name]) == without_times(first[name]), name
        untouched = {name for name in first if name.startswith("group/") and not name.endswith(".html")}
        assert {name: again[name] for name in untouched} == {name: first[name] for name in untouched}

    def test_an_explorer_shows_the_directions_that_were_asked_alike(self, group_dir: Path, tmp_path: Path) -> None:
        """Its own first. A direction that was tested again at another level is not comparable."""
        out = tmp_path / "out"
        words = [str(group_dir), str(out), "group", *QUICK]
        assert main([*words, "--alternative", "greater", "less"]) == 0
        assert directions(out, "greater") == ["greater", "less"]
        assert directions(out, "less") == ["less", "greater"]
        assert main([*words, "--alternative", "less", "--alpha", "0.01"]) == 0
        assert directions(out, "less") == ["less"]
        assert main([*words, "--reports-only"]) == 0
        assert directions(out, "greater") == ["greater"]
        assert directions(out, "less") == ["less"]

    def test_methods_are_compared_that_one_run_used(self, group_dir: Path, tmp_path: Path) -> None:
        """The same when regenerated; a method that was used alone later is of another run."""
        out = tmp_path / "out"
        words = [str(group_dir), str(out), "group", *QUICK, "--alternative", "greater", "less"]
        assert main([*words, "--method", "simes", "permutation", "--n-permutations", "64"]) == 0
        assert compared(out) == {"greater", "greaterPermutation", "less", "lessPermutation"}
        first = {name: without_times(content) for name, content in everything(out).items() if name.endswith(".html")}
        assert main([*words, "--reports-only"]) == 0
        again = everything(out)
        assert {name: without_times(again[name]) for name in first} == first
        assert directions(out, "lessPermutation") == ["less", "greater"]
        assert main([*words, "--method", "simes"]) == 0
        assert compared(out) == {"greaterPermutation", "lessPermutation"}
        assert main([*words, "--reports-only"]) == 0
        assert compared(out) == set()

    def test_without_results_there_is_nothing_to_do(self, group_dir: Path, tmp_path: Path) -> None:
        assert main([str(group_dir), str(tmp_path / "out"), "group", "--reports-only"]) == 66
        assert not (tmp_path / "out").exists()

    def test_a_damaged_result_is_named(
        self, group_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "out"
        words = [str(group_dir), str(out), "group", *QUICK]
        assert main(words) == 0
        (file,) = (out / "group").glob("*_forest.npz")
        file.write_bytes(file.read_bytes()[:1000])
        assert main([*words, "--reports-only"]) == 65
        assert file.name in capsys.readouterr().err


def compared(out: Path) -> set[str]:
    """The results whose reports compare methods."""
    pages = (path for path in (out / "group").glob("*_report.html") if '<section id="comparison"' in path.read_text())
    return {path.name.rpartition("desc-")[2].removesuffix("_report.html") for path in pages}


def directions(out: Path, desc: str) -> list[str]:
    """The directions that an explorer shows."""
    (path,) = (out / "group").glob(f"*desc-{desc}_explorer.html")
    facts = re.search('<script type="application/json" id="facts">([^<]*)</script>', path.read_text())
    assert facts is not None
    return [direction["name"] for direction in json.loads(facts[1])["directions"]]


class TestFromPython:
    """The return value of `run`, and the results read later."""

    def test_results_are_read_when_they_are_asked_for(self, group_dir: Path, tmp_path: Path) -> None:
        settings = Settings(group_dir, tmp_path / "out", options=Options(alternative=("greater", "less")))
        summary = ari.run(settings)
        assert [result.alternative for result in summary.results] == ["greater", "less"]
        (file,) = (tmp_path / "out" / "group").glob("*desc-less_forest.npz")
        again = load_result(file)
        np.testing.assert_array_equal(again.glm.z, summary.results[1].glm.z)
        pd.testing.assert_frame_equal(again.table(2.0), summary.results[-1].table(2.0))
        assert len(summary.results[:1]) == 1

    def test_a_result_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(InputNotFoundError, match="no file"):
            load_result(tmp_path / "x_forest.npz")
