"""For any input: the documented exit code, one clear message, and no partial output.

Where all goes well, nothing that comes from a dataset is taken for HTML, for a path or for a command of a terminal.
"""

import json
import signal
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import map_path, results_in
from hostile.broken_images import HOSTILE_IMAGES, HostileImage, values, write_good
from hostile.hostile_datasets import HOSTILE_DATASETS
from hostile.hostile_names import NAMES, PLACES
from hostile.making import HostileDataset, Make, Words, group, run_on
from hostile.pages import Structure, check_log, check_output, pages_in, undraw

from bids_ari.cli import main as cli
from bids_ari.cli import map as mapcli

COMMANDS = {"bids-ari": cli.main, "bids-ari-map": mapcli.main}
SECONDS = 180

Run = Callable[..., tuple[int, str]]


class Stuck(BaseException):
    """A command did not end in time."""


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise Stuck

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands run in a folder of their own, and leave nothing there."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield
    assert not list(folder.iterdir())


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    undraw(monkeypatch)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command; return its exit code and its stderr."""

    def run(words: Words, command: str = "bids-ari") -> tuple[int, str]:
        capfd.readouterr()
        code = COMMANDS[command](words)
        return code, capfd.readouterr().err

    return run


def state(folder: Path) -> dict[Path, tuple[int, ...]]:
    """Names, sizes and times of everything below a folder except the output."""
    out = folder / "out"
    stats = {path: path.lstat() for path in folder.rglob("*") if path != out and out not in path.parents}
    return {path: (stat.st_mode, stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


def check_nothing_left(out: Path, before: set[str]) -> None:
    """Check that the former files of an output are there, without results or hidden files beside them."""
    if out.is_dir():
        assert results_in(out) == before
        assert not [path for path in out.rglob(".*") if path.name != ".bidsignore"]


def structures(out: Path) -> list[Structure]:
    """The elements of all pages of an output."""
    return sorted(page.structure for page in pages_in(out))


@pytest.fixture(scope="module")
def known_twins() -> dict[Make, list[Structure]]:
    """The elements of the pages of harmless counterparts, each analysed once."""
    return {}


def by_name(cases: Iterable[HostileDataset]) -> list[object]:
    """Cases as parameters."""
    return [pytest.param(case, id=case.name) for case in cases]


def test_names_are_unique() -> None:
    assert len({case.name for case in HOSTILE_DATASETS}) == len(HOSTILE_DATASETS) > 200


@pytest.mark.parametrize("case", by_name(HOSTILE_DATASETS))
def test_a_dataset_is_analysed_or_refused(
    case: HostileDataset,
    tmp_path: Path,
    run: Run,
    known_twins: dict[Make, list[Structure]],
    request: pytest.FixtureRequest,
) -> None:
    if not case.drawn:
        request.getfixturevalue("undrawn")
    folder = tmp_path / "case"
    folder.mkdir()
    words = case.make(folder)
    out = Path(words[1])
    before, there = state(folder), results_in(out) if out.is_dir() else set()
    code, err = run(words, case.command)
    assert code == case.expected_exit, err
    assert state(folder) == before
    check_log(err, *case.says)
    assert any(line.startswith("ERROR ") for line in err.split("\n")) == bool(code)
    if code:
        check_nothing_left(out, there)
    else:
        check_output(out, *case.shows)
    if case.twin:
        if case.twin not in known_twins:
            (tmp_path / "twin").mkdir()
            assert run(case.twin(tmp_path / "twin"))[0] == 0
            known_twins[case.twin] = structures(tmp_path / "twin" / "out")
        assert structures(out) == known_twins[case.twin]


@pytest.mark.parametrize("case", by_name(NAMES))
def test_labels_are_listed_as_text(case: HostileDataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*case.make(tmp_path), "--list"]) == 0
    listed, err = capfd.readouterr()
    assert not err
    assert all(line.isprintable() and len(line) <= 100 for line in listed.split("\n"))
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("case", by_name(NAMES[::4]))
def test_labels_come_back_from_disk_as_text(case: HostileDataset, tmp_path: Path, run: Run) -> None:
    words = case.make(tmp_path)
    assert run(words)[0] == 0
    before = structures(tmp_path / "out")
    assert run([*words, "--reports-only"])[0] == 0
    check_output(tmp_path / "out", *case.shows)
    assert structures(tmp_path / "out") == before


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("case", by_name(case for case in PLACES if not case.expected_exit))
def test_a_second_run_takes_the_output_for_its_own(case: HostileDataset, tmp_path: Path, run: Run) -> None:
    words = case.make(tmp_path)
    assert run(words, case.command)[0] == 0
    before = results_in(Path(words[1]))
    assert run(words, case.command)[0] == 0
    assert results_in(Path(words[1])) == before
    check_output(Path(words[1]), *case.shows)


@pytest.mark.usefixtures("undrawn")
def test_a_folder_in_place_of_the_index_loses_no_result(tmp_path: Path, run: Run) -> None:
    words = group(tmp_path)
    (tmp_path / "out" / "index.html").mkdir(parents=True)
    code, err = run(words)
    assert code == 73
    check_log(err, "index.html cannot be written: a folder is in its place. Remove that folder")
    (record,) = (tmp_path / "out" / "logs" / "results").glob("*.json")
    noted = json.loads(record.read_text())
    assert noted["Complete"]
    assert set(noted["Files"]) == results_in(tmp_path / "out")


def three(folder: Path, case: HostileImage, extension: str) -> Path:
    """The maps of three subjects, of which the second is the case."""
    paths = [map_path(folder / "in", f"0{i}", space=None, extension=extension) for i in (1, 2, 3)]
    for i, path in enumerate(paths):
        path.parent.mkdir(parents=True)
        (case.make if i == 1 else partial(write_good, seed=i + 1))(path)
    return paths[1]


def one_of(case: HostileImage, i: int) -> object:
    """Each case under one name; other names are tested where images are read."""
    return pytest.param(case, case.extensions[i % len(case.extensions)], id=case.name)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("case", "extension"), list(map(one_of, HOSTILE_IMAGES, count())))
def test_an_image_of_a_group(case: HostileImage, extension: str, tmp_path: Path, run: Run) -> None:
    path = three(tmp_path, case, extension)
    before = state(tmp_path)
    code, err = run(run_on(tmp_path))
    assert state(tmp_path) == before
    if case.name in ("absent", "a folder"):  # no file: the search finds two subjects
        assert code == 0
    elif case.error is None:
        assert code == 0, err
        (effect,) = (tmp_path / "out" / "group").glob("*stat-effect_statmap.nii.gz")
        inner = (slice(1, -1),) * 3
        mean = (values(1) + values(0) + values(3))[inner] / 3
        np.testing.assert_allclose(nib.load(effect).get_fdata()[inner], mean, rtol=1e-6)  # float32 on disk
    else:
        assert code == case.expected_exit, err
        check_log(err, str(path), case.says)
        check_nothing_left(tmp_path / "out", set())


LINKS = ("a link to content that was not fetched", "a link to nothing")
OF_THE_SYSTEM = (*LINKS, "a folder", "a link to itself", "a pipe", "an endless device")
REFUSED = [case for case in HOSTILE_IMAGES if case.error and case.when != "group"]
OF_A_FLAG = [case for i, case in enumerate(REFUSED) if case.name in OF_THE_SYSTEM or i % 5 == 0]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("flag", ["--mask", "--atlas", "--roi"])
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in OF_A_FLAG])
def test_an_image_of_a_flag(case: HostileImage, flag: str, tmp_path: Path, run: Run) -> None:
    path = tmp_path / f"image{case.extensions[-1]}"
    words = group(tmp_path, flag, path)
    case.make(path)
    before = state(tmp_path)
    code, err = run(words)
    assert state(tmp_path) == before
    assert code == case.expected_exit, err
    check_log(err, str(path))
    check_nothing_left(tmp_path / "out", set())
