"""``ro-crate-metadata.json``: the rules of RO-Crate 1.1 and Process Run Crate 0.5, after each of several runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from builders import describe, write_group
from docpages import DOCS, blocks

import bids_ari
from bids_ari.cli.main import main
from bids_ari.report.rebuild import rebuild_result

Entity = dict[str, Any]
Run = Callable[..., int]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "first level"
    describe(folder, License="CC0")
    rng = np.random.default_rng(2)
    for contrast in ("faces", "words"):
        write_group(folder, 8, rng, contrast=contrast)
    return folder


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Run:
    return lambda *words: main([str(data), str(tmp_path / "out"), "group", "--threshold", "3", "--tdp", "0.7", *words])


TERMS = {
    *("@id", "@type", "about", "actionStatus", "additionalType", "conformsTo", "containerImage", "creditText"),
    *("datePublished", "description", "encodingFormat", "endTime", "hasPart", "instrument", "license", "mentions"),
    *("name", "object", "result", "startTime", "url", "version"),
}
"""The terms of the context of RO-Crate 1.1 that are used, and the two that are added to it."""


def graph(out: Path) -> dict[str, Entity]:
    """The entities by their identifiers, which have to be unique."""
    found = json.loads((out / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    assert len({each["@id"] for each in found}) == len(found)
    return {each["@id"]: each for each in found}


def linked(entity: Entity, key: str) -> list[str]:
    """The identifiers that a property links to: a list, or one alone."""
    value = entity.get(key, [])
    return [each["@id"] for each in (value if isinstance(value, list) else [value])]


def actions(out: Path) -> list[Entity]:
    """The runs, in their order."""
    return sorted(
        (each for each in graph(out).values() if each["@type"] == "CreateAction"), key=lambda each: each["@id"]
    )


def written(action: Entity) -> set[str]:
    """The contrasts of the reports that a run wrote."""
    reports = [name for name in linked(action, "result") if name.endswith("_report.html")]
    return {name.partition("contrast-")[2].partition("_")[0] for name in reports}


def ends(out: Path) -> dict[str, str]:
    return {each["@id"]: each["endTime"] for each in actions(out)}


def check(out: Path) -> None:
    """Check what the two specifications require (MUST), with the numbers of their sections."""
    found = graph(out)
    # "RO-Crate JSON-LD": each key is a term of the context
    context, more = json.loads((out / "ro-crate-metadata.json").read_text())["@context"]
    assert context == "https://w3id.org/ro/crate/1.1/context"
    assert {key for each in found.values() for key in each} <= TERMS
    assert {"creditText", "ContainerImage", "containerImage"} == more.keys()
    descriptor, root = found["ro-crate-metadata.json"], found["./"]
    # RO-Crate 1.1, "RO-Crate Metadata File Descriptor"
    assert (descriptor["@type"], linked(descriptor, "about")) == ("CreativeWork", ["./"])
    assert linked(descriptor, "conformsTo") == ["https://w3id.org/ro/crate/1.1"]
    # "Direct properties of the Root Data Entity"
    assert root["@type"] == "Dataset"
    assert all(root[key] for key in ("name", "description", "datePublished", "license"))
    # "Data Entities": each file exists, and is a part of the crate
    files = {key for key, each in found.items() if each["@type"] == "File"}
    assert set(linked(root, "hasPart")) == files
    assert [name for name in files if not (out / unquote(name)).is_file()] == []
    # "Each entity SHOULD have a human-readable name"
    assert [key for key, each in found.items() if each["@type"] != "CreativeWork" and not each.get("name")] == []
    # "flattened": every identifier that is referred to is described
    for each in found.values():
        for key in ("about", "license", "hasPart", "mentions", "instrument", "object", "result", "containerImage"):
            assert [name for name in linked(each, key) if name not in found] == []
    # Process Run Crate 0.5, "Metadata File" and "Requirements"
    assert "https://w3id.org/ro/wfrun/process/0.5" in linked(root, "conformsTo")
    runs = actions(out)
    assert sorted(linked(root, "mentions")) == [each["@id"] for each in runs]
    for each in runs:
        (instrument,) = linked(each, "instrument")
        assert found[instrument]["@type"] == "SoftwareApplication"
        assert found[instrument]["version"] == bids_ari.__version__
        assert each["startTime"] <= each["endTime"]


def test_a_run_its_inputs_and_its_results(run: Run, tmp_path: Path) -> None:
    assert run("--contrast", "faces") == 0
    out = tmp_path / "out"
    check(out)
    (action,) = actions(out)
    (folder,) = (path.name for path in (out / "logs").glob("2*"))
    assert linked(action, "object") == ["#source-firstlevel", f"logs/{folder}/settings.toml"]
    names = {name.rpartition("faces_")[2] for name in linked(action, "result")}
    assert names == {
        "design.tsv",
        *(f"test-mean_desc-greater_{each}" for each in ("report.html", "explorer.html", "forest.npz")),
        *(f"test-mean_desc-greater{each}_clusters.tsv" for each in ("Z3", "Tdp70")),
        *(f"test-mean_stat-{each}_statmap.nii.gz" for each in ("effect", "t", "z", "tdp_desc-greaterAll")),
    }
    assert str(tmp_path) not in (out / "ro-crate-metadata.json").read_text()  # no folder of a user
    assert graph(out)["#license"]["name"] == "CC0"


def test_after_several_runs(run: Run, data: Path, tmp_path: Path) -> None:
    """A kept result stays that of its run; a replaced one is of the later; a new report is of both."""
    out = tmp_path / "out"
    assert run("--contrast", "faces") == 0
    assert run() == 0
    check(out)
    assert [written(each) for each in actions(out)] == [{"faces"}, {"words"}]
    assert run("--contrast", "faces", "--smoothing", "4", "--rerun") == 0
    check(out)
    assert [written(each) for each in actions(out)] == [{"words"}, {"faces"}]
    before = ends(out)
    assert len(before) == 2
    assert main([str(data), str(out), "group", "--reports-only"]) == 0
    check(out)
    assert [written(each) for each in actions(out)] == [{"words"}, {"faces"}, {"faces", "words"}]
    assert {key: end for key, end in ends(out).items() if key in before} == before  # though results were written again
    assert main([str(data), str(out), "group", "--reports-only", "--threshold", "2"]) == 0
    check(out)
    assert [written(each) for each in actions(out)] == [{"words"}, {"faces"}, {"faces", "words"}]


def test_reports_only_that_is_interrupted(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files that it has replaced by those of other thresholds are no parts any more."""
    out, names = tmp_path / "out", list[str]()
    assert run() == 0

    def once(record: dict[str, Any], *more: Any) -> None:
        names.append(record["Name"])
        if len(names) == 2:
            raise KeyboardInterrupt
        rebuild_result(record, *more)

    monkeypatch.setattr("bids_ari.workflow.rebuild_result", once)
    assert main([str(data), str(out), "group", "--reports-only", "--threshold", "2"]) == 130
    check(out)
    assert "Z2_clusters.tsv" in (out / "index.html").read_text(encoding="utf-8")
    assert "Z2" in (out / "descriptions.tsv").read_text(encoding="utf-8")


def test_without_the_log_of_a_run(run: Run, tmp_path: Path) -> None:
    """The results are still parts of the crate."""
    out = tmp_path / "out"
    assert run("--contrast", "faces") == 0
    for path in (out / "logs").glob("2*/*"):
        path.unlink()  # the folder stays: two runs of one second have different ones
    assert run("--contrast", "words") == 0
    check(out)
    assert [written(each) for each in actions(out)] == [{"words"}]
    assert {"faces", "words"} == {name.partition("contrast-")[2].partition("_")[0] for name in graph(out)} - {""}


def test_without_results_there_is_none(tmp_path: Path) -> None:
    describe(tmp_path / "data")
    write_group(tmp_path / "data", 1, np.random.default_rng(2))
    assert main([str(tmp_path / "data"), str(tmp_path / "out"), "group"]) != 0
    assert not (tmp_path / "out" / "ro-crate-metadata.json").exists()


def test_a_container_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPTAINER_CONTAINER", "/images/bids_ari 1.sif")
    monkeypatch.delenv("BIDS_ARI_IMAGE", raising=False)
    assert run("--contrast", "faces") == 0
    check(tmp_path / "out")
    (action,) = actions(tmp_path / "out")
    (image,) = linked(action, "containerImage")
    assert graph(tmp_path / "out")[image]["name"] == "bids_ari 1.sif"
    assert graph(tmp_path / "out")[image]["@type"] == "ContainerImage"


def test_rocrate_reads_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The library of that name, by the lines on the page."""
    pytest.importorskip("rocrate.rocrate", reason="no rocrate: pip install rocrate")
    assert run("--contrast", "faces") == 0
    (tmp_path / "out").rename(tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    (block,) = blocks(DOCS / "sharing.md", "python")
    exec(block.text, {})
    started, version, n_files = capsys.readouterr().out.split()
    assert started.startswith("20")
    assert (version, int(n_files)) == (bids_ari.__version__, 10)
