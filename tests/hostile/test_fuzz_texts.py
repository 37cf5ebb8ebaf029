"""Mutated texts: each is used or refused, without a warning, and none reaches a page as HTML.

To see one again: call the target with the seed that the failure names, ``np.random.default_rng(seed)``.
"""

import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import product
from operator import getitem
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import pytest
import tomli_w
from builders import SHAPE, brain, image, results_in, write_group, write_map
from builders_archive import changed
from hostile.mutations import VALUES, Rng, mutate_json, mutate_text
from hostile.pages import Page, pages_in, undraw

import bids_ari as ari
from bids_ari.analysis.single import analyse_subject
from bids_ari.bids.dataset import open_dataset
from bids_ari.bids.discover import subject_contrasts
from bids_ari.cli.main import main
from bids_ari.errors import BidsAriError
from bids_ari.images.regions import load_atlas
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.description import dataset_description
from bids_ari.report.index import write_index

DOCUMENTED = {0, 17, 18, 64, 65, 66, 73, 74}
"""Exit codes that a malformed text can cause."""

PER_BLOCK = 50
SAMPLE = 20
"""Mutations of each text in ordinary runs of the tests; the marker `fuzz` is for all."""

VICTIM = "victim.html"
"""A file beside the output, which must stay as it is."""


class Target(NamedTuple):
    """A kind of text: the function that uses a mutated one in a new folder and returns whether it was accepted."""

    name: str
    n_blocks: int
    use: Callable[[Path, Rng], bool]


def mutated(sound: Any, rng: Rng) -> bytes:
    """JSON with other values or, in a third of cases, other bytes."""
    if rng.random() < 1 / 3:
        return mutate_text(json.dumps(sound).encode(), rng)
    return json.dumps(mutate_json(sound, rng)).encode()


def listed(folder: Path, *words: object) -> bool:
    """List the maps; return whether that succeeds."""
    code = main([str(folder / "in"), str(folder / "out"), "group", *map(str, words), "--list"])
    assert code in DOCUMENTED, f"exit code {code}"
    assert not (folder / "out").exists()
    return code == 0


SIDECAR = {"DegreesOfFreedom": 20, "Sources": ["a", {"b": [None, 1.5]}], "Text": "é"}


def sidecar(folder: Path, rng: Rng) -> bool:
    """A sidecar of a t map at the participant level; where it is accepted, each voxel has a z."""
    (folder / "subject/sub-01/func/sub-01_contrast-faces_stat-t_statmap.json").write_bytes(mutated(SIDECAR, rng))
    (contrast,) = subject_contrasts(ari.discover(folder / "subject", stat="t"))
    (result,) = analyse_subject(contrast, ari.Options(threshold=(2,), tdp=()))
    assert not np.isnan(result.glm.z).any()
    return True


DESCRIPTION = {
    "Name": "n",
    "BIDSVersion": "1.8.0",
    "DatasetType": "derivative",
    "License": "CC0",
    "Authors": ["A", "B"],
    "GeneratedBy": [{"Name": "fitlins", "Version": "1"}],
    "DatasetLinks": {"raw": "../raw"},
}


def description(folder: Path, rng: Rng) -> bool:
    """The description of the input; it is copied as valid JSON."""
    (folder / "in/dataset_description.json").write_bytes(mutated(DESCRIPTION, rng))
    written = dataset_description(folder / "out", open_dataset(folder / "in").roots)
    json.dumps(written, allow_nan=False).encode()
    assert isinstance(written["License"], str)
    assert all(isinstance(author, str) for author in written.get("Authors", []))
    return True


def own_description(folder: Path, rng: Rng) -> bool:
    """The description of an earlier output: it is used again, or refused as that of another dataset."""
    out = folder / "earlier"
    out.mkdir(exist_ok=True)
    earlier = DESCRIPTION | {"GeneratedBy": [{"Name": "bids_ari"}]}
    (out / "dataset_description.json").write_bytes(mutated(earlier, rng))
    with Derivatives(out, {"in": folder / "in"}) as derivatives:
        derivatives.describe()
    assert json.loads((out / "dataset_description.json").read_text())["GeneratedBy"][0]["Name"] == "bids_ari"
    return True


MANIFEST = "participant_id\teffect\tt\tdof\ttask\trun\tcontrast\n" + "".join(
    f"sub-{i}\tsub-0{i}/func/sub-0{i}_contrast-faces_stat-effect_statmap.nii.gz\tn/a\t12.5\trest\t1\tgo\n"
    for i in (1, 2, 3)
)


def manifest(folder: Path, rng: Rng) -> bool:
    (folder / "in/maps.tsv").write_bytes(mutate_text(MANIFEST.encode(), rng))
    return listed(folder, "--manifest", folder / "in/maps.tsv")


FILTER = {
    "statmap": {"subject": ["01", 2, "*"], "session": None, "contrast": ["faces", "*"], "task": [None]},
    "bold": {},
}


def filter_file(folder: Path, rng: Rng) -> bool:
    (folder / "filter.json").write_bytes(mutated(FILTER, rng))
    return listed(folder, "--bids-filter-file", folder / "filter.json")


CONFIG = {
    "alpha": 0.05,
    "threshold": [3, 4.5],
    "tdp": [0.7],
    "participant-label": ["01", "02"],
    "smoothing": 4,
    "mask": "half.nii.gz",
    "mem": "2G",
    "split-alpha": True,
}


def config(folder: Path, rng: Rng) -> bool:
    """A file of flags; the positional arguments are fixed, so that nothing else is written."""
    if rng.random() < 0.5:
        content = mutate_text(tomli_w.dumps(CONFIG).encode(), rng)
    else:
        changes = _for_toml(mutate_json(CONFIG, rng))
        content = tomli_w.dumps(changes if isinstance(changes, dict) else {"alpha": changes or ""}).encode()
    (folder / "run.toml").write_bytes(content)
    return listed(folder, "--config-file", folder / "run.toml")


def _for_toml(value: Any) -> Any:
    """Drop values that TOML cannot hold: none, and halves of surrogate pairs."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_for_toml(key): _for_toml(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_for_toml(each) for each in value if each is not None]
    return value


ATLAS = "index\tname\tcolour\n1\tleft\tred\n2\t\tblue\n3.0\tfar away\tn/a\n"


def atlas(folder: Path, rng: Rng) -> bool:
    """A table of an atlas; where it is accepted, each parcel has a number and a name."""
    (folder / "halves.tsv").write_bytes(mutate_text(ATLAS.encode(), rng))
    grid = Grid(SHAPE, image(np.ones(SHAPE)).affine)
    space = VolumeSpace(grid, np.ones(SHAPE, dtype=bool))
    regions = load_atlas(str(folder / "halves.nii.gz"), folder / "halves.tsv", None, space)
    assert all(region.name and 0 < region.index < 2**31 for region in regions.regions)
    assert sum(region.points.size for region in regions.regions) == np.prod(SHAPE)
    return True


def copied(folder: Path) -> Path:
    """A copy of an output."""
    out = folder / "copy"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(folder / "done", out, copy_function=os.link)
    return out


def reports(folder: Path, out: Path) -> bool:
    """Rebuild the reports; pages must be valid, and nothing else may change."""
    code = main([str(folder / "in"), str(out), "group", "--reports-only"])
    assert code in DOCUMENTED, f"exit code {code}"
    pages_in(out)
    assert (folder / VICTIM).read_text() == "untouched"
    return code == 0


def note_of(out: Path, kind: str) -> Path:
    """The only record of a kind."""
    (path,) = (out / "logs" / kind).glob("*.json")
    return path


def mutate_note(path: Path, rng: Rng) -> None:
    rewrite(path, mutated(json.loads(path.read_text()), rng))


def rewrite(path: Path, content: bytes) -> None:
    """Replace a file; hard links to it stay as they are."""
    path.unlink()
    path.write_bytes(content)


def record(folder: Path, rng: Rng) -> bool:
    """The record of a result, before its report is rebuilt."""
    out = copied(folder)
    mutate_note(note_of(out, "results"), rng)
    return reports(folder, out)


def record_before_a_rerun(folder: Path, rng: Rng) -> bool:
    """The records of a result and of a failure, before the result is computed again."""
    out = copied(folder)
    mutate_note(note_of(out, "results"), rng)
    mutate_note(note_of(out, "failures"), rng)
    contrast = "task-emo_contrast-faces"
    with Derivatives(out, {"in": folder / "in"}) as derivatives:
        with derivatives.result(contrast):
            name = derivatives.text("group/new.tsv", "a\n1\n")
            derivatives.record(f"{contrast}_test-mean_desc-greater", [name], {"Contrast": contrast, "Alpha": 0.05})
        with derivatives.shared():
            write_index(derivatives)
            derivatives.describe()
    pages_in(out)
    json.loads((out / "dataset_description.json").read_text())
    assert len({line.count("\t") for line in (out / "descriptions.tsv").read_text().splitlines()}) == 1
    assert "group/new.tsv" in results_in(out)
    assert (folder / VICTIM).read_text() == "untouched"
    return True


def archive(folder: Path, rng: Rng) -> bool:
    """The saved result, before its report is rebuilt from it."""
    out = copied(folder)
    (path,) = out.rglob("*_forest.npz")
    content = path.read_bytes()
    if rng.random() < 1 / 3:
        rewrite(path, mutate_text(content, rng))
        return reports(folder, out)

    def change(about: dict[str, Any], _: Any) -> None:
        other = mutate_json(dict(about), rng)
        about.clear()
        about.update(other if isinstance(other, dict) else {"other": other})

    rewrite(path, changed(content, change))
    return reports(folder, out)


TARGETS = (
    Target("sidecar", 5, sidecar),
    Target("description", 4, description),
    Target("own description", 3, own_description),
    Target("manifest", 7, manifest),
    Target("filter file", 7, filter_file),
    Target("config", 7, config),
    Target("atlas", 7, atlas),
    Target("record", 1, record),
    Target("record before a rerun", 2, record_before_a_rerun),
    Target("archive", 2, archive),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A group, a participant, an atlas, and an output of a result and a failure."""
    folder, rng = tmp_path_factory.mktemp("texts"), np.random.default_rng(3)
    write_group(folder / "in", 3, rng, task=None, space=None)
    write_map(folder / "subject", "01", brain(rng, 3.0), task=None, space=None, stat="t")
    halves = np.ones(SHAPE)
    halves[SHAPE[0] // 2 :] = 2
    nib.save(image(halves), folder / "halves.nii.gz")
    nib.save(image(halves == 2, dtype=np.uint8), folder / "half.nii.gz")
    write_group(folder / "two", 4, rng, space=None)
    write_map(folder / "two", "01", brain(rng), space=None, contrast="alone")
    words = ["--threshold", "2", "--tdp", "0.5", "--roi", str(folder / "half.nii.gz")]
    with pytest.MonkeyPatch.context() as patch:
        undraw(patch)
        assert main([str(folder / "two"), str(folder / "done"), "group", *words]) == 65
    (folder / VICTIM).write_text("untouched")
    return folder


@pytest.fixture(autouse=True)
def quietly(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    undraw(monkeypatch)
    monkeypatch.chdir(folder)
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


SAMPLES = [pytest.param(target, range(SAMPLE), id=target.name) for target in TARGETS]
BLOCKS = [
    pytest.param(target, range(start, start + PER_BLOCK), id=f"{target.name} {start}", marks=pytest.mark.fuzz)
    for target in TARGETS
    for start in range(0, target.n_blocks * PER_BLOCK, PER_BLOCK)
]


@pytest.mark.parametrize(("target", "seeds"), [*SAMPLES, *BLOCKS])
def test_a_mutated_text_is_used_or_refused(target: Target, seeds: range, folder: Path) -> None:
    for seed in seeds:
        try:
            target.use(folder, np.random.default_rng(seed))
        except BidsAriError:
            pass
        except Exception as error:
            raise AssertionError(f"{target.name}, seed {seed}: {error!r}") from error


@pytest.mark.parametrize("target", [pytest.param(target, id=target.name) for target in TARGETS])
def test_unmutated_texts_are_used(target: Target, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else all could be refused for a reason other than the mutation."""
    monkeypatch.setattr(sys.modules[__name__], "mutate_text", lambda content, _: content)
    monkeypatch.setattr(sys.modules[__name__], "mutate_json", lambda value, _: value)
    assert target.use(folder, np.random.default_rng(0))


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.fuzz), 11])
def test_any_note_is_text_in_the_index(folder: Path, step: int) -> None:
    """Each entry of a record, of its summary and of a failure, replaced by each value, or by HTML and some others."""
    out = copied(folder)
    record, failure = (json.loads(note_of(out, kind).read_text()) for kind in ("results", "failures"))
    (summary,) = record["Results"]
    places = [(note, key) for note in (record, summary, failure) for key in note]
    with Derivatives(out, {}) as derivatives:
        for i, ((note, key), value) in enumerate(product(places, VALUES)):
            if i % step and not (isinstance(value, str) and "<" in value):
                continue
            sound, note[key] = note[key], value
            rewrite(note_of(out, "results"), json.dumps(record).encode())
            rewrite(note_of(out, "failures"), json.dumps(failure).encode())
            note[key] = sound
            try:
                write_index(derivatives)
                Page(out / "index.html", out)
            except Exception as error:
                raise AssertionError(f"{key} is {value!r}") from error


TEXTS = [pytest.param(value, id=ascii(value)[:20]) for value in VALUES if isinstance(value, str)]


@pytest.mark.parametrize("value", TEXTS)
def test_no_archive_names_a_file_elsewhere(value: str, folder: Path) -> None:
    """Each text that becomes part of a file name, replaced by a value."""
    out = copied(folder)
    (path,) = out.rglob("*_forest.npz")
    sound = path.read_bytes()
    for place in (("folder",), ("test",), ("regions", 0, "name"), ("contrast", "entities", "pairs", 0, 1)):

        def change(about: dict[str, Any], _: Any, place: tuple[Any, ...] = place) -> None:
            *above, last = place
            reduce(getitem, above, about)[last] = value

        rewrite(path, changed(sound, change))
        try:
            reports(folder, out)
        except Exception as error:
            raise AssertionError(f"{place} is {value!r}") from error


SHOWN: tuple[tuple[str | int, ...], ...] = (
    ("contrast", "members", 0, "subject"),
    ("contrast", "members", 1, "maps", 0, "name"),
    ("contrast", "members", 2, "maps", 0, "dataset"),
    ("contrast", "paired"),
    ("regions", 0, "title"),
    ("regions", 0, "regions", 0, "name"),
    ("notes",),
    ("made", "versions", "numpy"),
    ("made", "container", "Type"),
)
"""Texts of a saved result that its report shows."""


@pytest.mark.parametrize("html", [value for value in VALUES if isinstance(value, str) and "<" in value])
def test_texts_of_an_archive_are_text_in_its_report(html: str, folder: Path) -> None:
    """All that are shown are HTML at once, each with its number: mutations change one or two of all texts."""
    out = copied(folder)
    (path,) = out.rglob("*_forest.npz")

    def change(about: dict[str, Any], _: Any) -> None:
        for number, (*above, last) in enumerate(SHOWN):
            value = f"{number} {html}"
            reduce(getitem, above, about)[last] = [value] if last == "notes" else value

    rewrite(path, changed(path.read_bytes(), change))
    assert reports(folder, out)
    shown = "".join(page.text for page in pages_in(out))
    assert [place for number, place in enumerate(SHOWN) if f"{number} {html}" not in shown] == []


def test_enough_texts() -> None:
    assert sum(target.n_blocks for target in TARGETS) * PER_BLOCK > 1000
