"""``bids-ari-studies``: whole studies with the layout and names of FitLins, from models as they are published."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import builders_white
import nibabel as nib
import numpy as np
import pytest
from builders import SHAPE, describe, write_group
from builders_jobs import held
from builders_openneuro import (
    FLANKER,
    contrasts_of,
    key_of,
    sessions_of,
    write_model,
    write_outputs,
)
from builders_places import compiled_code
from docpages import DOCS
from docpages_run import PROGRAMS, follow

from bids_ari.cli.main import main
from bids_ari.cli.studies import main as studies
from bids_ari.studies.rows import COLUMNS

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "openneuro-models"
PUBLISHED = sorted(FOLDER.glob("*.json"))
PRESENT = pytest.mark.skipif(not PUBLISHED, reason=f"no published models at {FOLDER}")

FAST = ["--threshold", "3", "--tdp", "0.7"]

Json = dict[str, Any]
Table = list[dict[str, str]]

pytestmark = pytest.mark.usefixtures("white_pictures")


class Here:
    """A runner in this process, since it takes two seconds to start one; one at a time, as they share stderr."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def run(self, words: Sequence[str], log_file: Path, /) -> int:
        with self.lock, log_file.open("w") as file, contextlib.redirect_stderr(file):
            return main([*words, "--nprocs", "1"])

    def stop(self) -> None: ...


def run(*words: object) -> int:
    return studies([*map(str, words)], Here())


def table_of(out: Path) -> Table:
    with (out / "studies.tsv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def read(path: Path) -> Json:
    return dict(json.loads(path.read_text(encoding="utf-8-sig")))


def expected_results(model: Json) -> Counter[tuple[str, str]]:
    """The session and contrast of each result: of each contrast of the first node, in each session that divides."""
    return Counter((session or "n/a", contrast) for session in sessions_of(model) for contrast in contrasts_of(model))


def found_results(rows: Table) -> Counter[tuple[str, str]]:
    parts = [dict(part.split("-", 1) for part in row["contrast"].split("_")) for row in rows]
    return Counter((each.get("ses", "n/a"), each["contrast"]) for each in parts)


@pytest.fixture(scope="module")
def analyses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four studies: by session with its model, without a model, with an unfetched map, and without maps."""
    rng, folder = np.random.default_rng(3), tmp_path_factory.mktemp("studies")
    write_model(folder / "specs", FLANKER)
    write_outputs(folder / "in" / "ds900001" / "task-flanker", FLANKER, rng, n_subjects=4)
    plain = folder / "in" / "ds900002" / "task-rest"
    describe(plain)
    write_group(plain, 5, rng, node="subjectLevel", contrast="go", task=None, space=None)
    lacking = folder / "in" / "ds900003" / "task-emo"
    describe(lacking)
    for contrast in ("faces", "shapes"):
        paths = write_group(lacking, 4, rng, node="subjectLevel", contrast=contrast, task=None, space=None)
    paths[2].unlink()
    paths[2].symlink_to(".git/annex/objects/key")
    describe(folder / "in" / "ds900004" / "task-none")
    (folder / "in" / "ds900005").mkdir()
    return folder / "in"


@pytest.fixture(scope="module")
def done(analyses: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output over all of them."""
    out = tmp_path_factory.mktemp("out") / "results"
    assert run(analyses, out, "--models", analyses.parent / "specs", "--", *FAST) == 65
    return out


def of_study(rows: Table, study: str) -> Table:
    return [row for row in rows if row["study"] == study]


class TestSummary:
    def test_each_result_has_a_line(self, done: Path) -> None:
        rows = table_of(done)
        by_session = of_study(rows, "ds900001")
        assert found_results(by_session) == expected_results(FLANKER)
        assert {row["model"] for row in by_session} == {"ds900001-flanker_specs.json"}
        assert {(row["task"], row["subjects"], row["excluded"], row["exit_code"]) for row in by_session} == {
            ("flanker", "4", "0", "0")
        }
        (plain,) = of_study(rows, "ds900002")
        assert plain["note"].startswith("no model ds900002-rest_specs.json")
        assert (plain["model"], plain["contrast"], plain["subjects"], plain["test"]) == (
            "n/a",
            "contrast-go",
            "5",
            "mean",
        )

    def test_its_numbers_are_those_of_the_files(self, done: Path) -> None:
        """TDN and points are in sidecars, clusters in the table of clusters, points in the mask."""
        (row,) = of_study(table_of(done), "ds900002")
        group = done / "ds900002" / "task-rest" / "group"
        mask = nib.load(next(group.glob("*_mask.nii.gz"))).get_fdata()
        assert row["points"] == str(np.count_nonzero(mask)) == str(np.prod([n - 2 for n in SHAPE]))
        sidecar = read(next(group.glob("*_stat-tdp_desc-greaterAll_statmap.json")))
        assert int(row["tdn"]) == sidecar["TrueDiscoveryNumber"] > 0
        assert float(row["tdp"]) == pytest.approx(int(row["tdn"]) / int(row["points"]))
        with next(group.glob("*_desc-greaterTdp70_clusters.tsv")).open() as file:
            sizes = [int(line["size"]) for line in csv.DictReader(file, delimiter="\t")]
        assert (int(row["clusters"]), int(row["largest_cluster"])) == (len(sizes), max(sizes))

    def test_failures_have_a_line_with_the_reason(self, done: Path) -> None:
        rows = table_of(done)
        faces, shapes = of_study(rows, "ds900003")
        assert (faces["contrast"], faces["reason"], faces["exit_code"]) == ("contrast-faces", "n/a", "65")
        assert (shapes["contrast"], shapes["report"]) == ("contrast-shapes", "n/a")
        assert "datalad get" in shapes["reason"]
        ((none,), (empty,)) = (of_study(rows, name) for name in ("ds900004", "ds900005"))
        assert (none["exit_code"], empty["exit_code"]) == ("66", "65")
        assert "There is no statmap" in none["reason"]
        assert "an empty folder" in empty["reason"]
        assert len(rows) == 4 + 1 + 2 + 1 + 1

    def test_its_sidecar_describes_each_column(self, done: Path) -> None:
        described = read(done / "studies.json")
        assert list(described) == list(table_of(done)[0]) == list(COLUMNS)
        assert all(each["Description"] for each in described.values())

    def test_the_page_links_to_files_and_names_no_folder(self, done: Path) -> None:
        page = (done / "index.html").read_text()
        links = [row["report"] for row in table_of(done) if row["report"] != "n/a"]
        assert len(links) == 6
        assert all((done / link).is_file() and f'href="{link}"' in page for link in links)
        assert all(name in page for name in ("ds900003/task-emo: contrast-shapes", "ds900004/task-none", "ds900005"))
        assert str(done.parent) not in page
        assert '"http' not in page.replace("http-equiv=", "")

    def test_each_study_has_its_own_dataset_and_log(self, done: Path) -> None:
        assert (done / "ds900001" / "task-flanker" / "dataset_description.json").is_file()
        assert "ERROR" in (done / "logs" / "ds900004_task-none.log").read_text()
        assert read(done / "logs" / "ds900001_task-flanker.json")["Command"][0] == "bids-ari"


def stamps(out: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(out.glob("*/*/group/*"))}


class TestSecondRun:
    def test_results_are_kept_and_lines_of_other_studies_stay(self, analyses: Path, done: Path) -> None:
        before, rows = stamps(done), table_of(done)
        assert run(analyses, done, "--models", analyses.parent / "specs", "--include", "ds900001", "--", *FAST) == 0
        assert stamps(done) == before
        assert table_of(done) == rows

    def test_only_the_summary(self, done: Path, analyses: Path) -> None:
        rows = table_of(done)
        for name in ("studies.tsv", "studies.json", "index.html"):
            (done / name).unlink()
        assert run(analyses, done, "--summary-only") == 65
        assert table_of(done) == rows


class TestList:
    def test_it_names_each_study_with_what_would_be_analysed(
        self, analyses: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(analyses, tmp_path / "out", "--models", analyses.parent / "specs", "--list") == 65
        lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
        assert [line[:2] for line in lines] == [
            ["ds900001/task-flanker", "ds900001-flanker_specs.json"],
            ["ds900002/task-rest", "the mean over subjects"],
            ["ds900003/task-emo", "the mean over subjects"],
            ["ds900004/task-none", "the mean over subjects"],
            ["ds900005", ""],
        ]
        assert lines[0][2] == "4 contrasts can be analysed"
        assert lines[1][2].startswith("1 contrast can be analysed; no model ")
        assert lines[2][2].startswith("1 contrast can be analysed, 1 cannot: ")
        assert not (tmp_path / "out").exists()


class TestWrongWords:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--", "--model", "m.json"], "--model is not for each study; expected --models"),
            (["--", "--list"], "--list is not for each study"),
            (["--", "--list-contrasts"], "--list-contrasts is not for each study"),
            (["--", "--alpha", "2"], "alpha"),
            (["--", "--smoothig", "8"], "After the two dashes: unrecognized arguments: --smoothig"),
            (["--", "more"], "After the two dashes"),
            (["--jobs", "0"], "at least 1"),
        ],
    )
    def test_they_are_named_before_anything_is_run(
        self, analyses: Path, tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(analyses, tmp_path / "out", *words) == 64
        assert message in capsys.readouterr().err
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("inside", ["", "results", "ds900001/results"])
    def test_an_output_among_the_studies(self, analyses: Path, inside: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(analyses, analyses / inside) == 64
        assert "the folder of the studies; expected a separate folder" in capsys.readouterr().err


def test_no_summary_of_nothing(analyses: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(analyses, tmp_path / "out", "--summary-only") == 66
    assert "has no results of many studies" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


NOT_RUN = ("platforms/openneuro/submit.sh", "datalad")
"""Programs on the page that are not run: tests/platforms/test_openneuro.py has the first, the other needs a network."""


def test_the_page_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With practice data, of which one contrast cannot be analysed; the loop makes a mask of each task."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    for name in ("bids_ari_studies", "bids_ari_mask"):
        program = tmp_path / "bin" / name.replace("_", "-")
        code = f"import sys; from bids_ari.cli.entry import {name} as command; sys.exit(command())"
        program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{code}' \"$@\"\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", builders_white.PATH)
    codes = []

    def noted(command: Callable[..., int]) -> Callable[[Sequence[str]], int]:
        def run_noted(words: Sequence[str]) -> int:
            codes.append(command(*words))
            return 0

        return run_noted

    monkeypatch.setitem(PROGRAMS, "bids-ari-studies", noted(run))
    monkeypatch.setitem(PROGRAMS, "bids-ari", noted(lambda *words: main(words)))
    follow(DOCS / "openneuro.md", capsys, {program: lambda _: None for program in NOT_RUN})
    assert codes == [65, 65, 65, 0, 65, 65]  # --list, of one task, all, --include, --summary-only, with masks
    masked = [row for row in table_of(tmp_path / "results-masked") if row["reason"] == "n/a"]
    masks = sorted((tmp_path / "masks").glob("ds*_task-*_space-MNI152NLin2009cAsym_mask.nii.gz"))
    sizes = {path.name.partition("_space")[0]: str(np.count_nonzero(nib.load(path).dataobj)) for path in masks}
    assert len(masked) == 4
    assert {f"{row['study']}_task-{row['task']}": row["points"] for row in masked} == sizes


def test_an_interrupted_command_keeps_results_and_writes_the_summary(
    analyses: Path, done: Path, tmp_path: Path
) -> None:
    """SIGTERM, as a scheduler sends it, to the command alone: it ends the process of the study that runs."""
    out = tmp_path / "out"
    first = min((done / "ds900001" / "task-flanker" / "logs" / "results").glob("*.json")).name.partition("_test-")[0]
    code = "import sys; from bids_ari.cli.entry import bids_ari_studies; sys.exit(bids_ari_studies())"
    words = [sys.executable, "-c", code, analyses, out, "--models", analyses.parent / "specs"]
    words += ["--include", "ds900002", "ds900001", "--", "--method", "permutation"]
    variables = {"PATH": "/usr/bin:/bin", "PYTHONPATH": builders_white.PATH, **compiled_code(tmp_path / "code")}
    with (
        held(out / "ds900001" / "task-flanker", first),  # so that it has not ended before the signal
        subprocess.Popen([*map(str, words)], stderr=subprocess.PIPE, text=True, env=variables) as process,
    ):
        while not (out / "logs" / "ds900001_task-flanker.log").exists():
            time.sleep(0.02)
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "0 of 2 tasks are finished, and all results are kept" in error
    assert read(out / "logs" / "ds900001_task-flanker.json")["ExitCode"] == 130, (
        error + (out / "logs" / "ds900001_task-flanker.log").read_text()
    )
    assert {row["exit_code"] for row in of_study(table_of(out), "ds900001")} == {"130"}
    assert not (out / "logs" / "ds900002_task-rest.json").exists()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of FitLins for all published models."""
    rng, folder = np.random.default_rng(8), tmp_path_factory.mktemp("published")
    for path in PUBLISHED:
        study, task = key_of(path)
        write_outputs(folder / study / f"task-{task}", read(path), rng)
    return folder


@PRESENT
def test_all_published_models_can_be_carried_out(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(published, published.parent / "none", "--models", FOLDER, "--list") == 0
    listed = {line.split("\t")[0]: line.split("\t")[1:] for line in capsys.readouterr().out.splitlines()}
    expected = {}
    for path in PUBLISHED:
        study, task = key_of(path)
        n = expected_results(read(path)).total()
        expected[f"{study}/task-{task}"] = [path.name, f"{n} contrast{'s' * (n > 1)} can be analysed"]
    assert listed == expected
    assert len(listed) == 48


def check_published(published: Path, out: Path, paths: Sequence[Path]) -> None:
    """Analyse the studies of some models, and compare the results with what the models say."""
    names = ["{}/{}".format(*key_of(path)) for path in paths]
    assert run(published, out, "--models", FOLDER, "--include", *names, "--", *FAST) == 0
    rows = table_of(out)
    for path in paths:
        own = [row for row in rows if (row["study"], row["task"]) == key_of(path)]
        assert found_results(own) == expected_results(read(path)), path.name
        assert {(row["model"], row["exit_code"], row["reason"]) for row in own} == {(path.name, "0", "n/a")}
        assert {(row["test"], row["subjects"]) for row in own} == {("mean", "3")}
        assert {row["excluded"] for row in own} == {str(len(read(path)["Input"]["subject"]) - 3)}
        assert all((out / row["report"]).is_file() for row in own)


@PRESENT
def test_one_published_model_of_each_kind(published: Path, tmp_path: Path) -> None:
    """With a node of subjects and without, by session and not, with another name of the last node: the smallest."""
    kinds: dict[tuple[str, ...], Path] = {}
    for path in sorted(PUBLISHED, key=lambda path: expected_results(read(path)).total()):
        model = read(path)
        kinds.setdefault((*(node["Name"] for node in model["Nodes"]), str(sessions_of(model) == [None])), path)
    assert len(kinds) == 5
    check_published(published, tmp_path / "out", list(kinds.values()))


@PRESENT
@pytest.mark.fuzz
def test_all_published_models(published: Path, tmp_path: Path) -> None:
    check_published(published, tmp_path / "out", PUBLISHED)
