"""The commands where nearly nothing is allowed: read-only machines, users without a home or a name, no network.

Each runs in a process of its own. Its results are those of an ordinary run, to the byte. Pictures are drawn in one.
"""

import errno
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any, Final

import numpy as np
import pytest
from builders import brain, describe, map_path, touch_maps, write_group, write_map
from builders_places import STRANGER, Cage, call, command, compiled_code, open_folder, surroundings

from bids_ari.cli import main
from bids_ari.cli import map as single

SHARED = Path(__file__).resolve().parents[2].parent / "shared"

QUICK = ("--threshold", "3", "--tdp", "0.7")
TIMED = (".html", "ro-crate-metadata.json")
KEPT = "Compiled code cannot be kept"
COMMANDS = {
    "group": ("bids-ari", "{}", "{out}", "group", *QUICK),
    "drawn": ("bids-ari", "{}", "{out}", "group", *QUICK),
    "participant": ("bids-ari", "{}", "{out}", "participant", *QUICK),
    "map": ("bids-ari-map", str(map_path(Path("{}"), "01", stat="z")), "{out}", *QUICK),
}
DRAWN = {"PYTHONPATH": None}
"""The environment of a run whose pictures are drawn."""


def words(kind: str, data: Path, out: Path, *more: object) -> list[str]:
    """The words of a command after its name."""
    return [word.replace("{}", str(data)).replace("{out}", str(out)) for word in (*COMMANDS[kind][1:], *map(str, more))]


def results(out: Path) -> dict[str, bytes | None]:
    """All that is in an output but the logs of runs; of pages and records, which tell the time, only the names."""
    found = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if not path.is_dir()}
    return {
        name: None if name.startswith("logs/results/") or name.endswith(TIMED) else path.read_bytes()
        for name, path in found.items()
        if not re.match(r"logs/\d", name)
    }


def run(words: list[str], **streams: Any) -> subprocess.CompletedProcess[str]:
    """Run a command with streams of its own."""
    return subprocess.run(
        words, env=surroundings(), encoding="utf-8", timeout=120, **({"stdout": PIPE, "stderr": PIPE} | streams)
    )


def shell(redirection: str) -> list[str]:
    """Return the prefix of a command that redirects its streams."""
    return ["sh", "-c", f'exec "$@" {redirection}', "sh"]


def check_private(out: Path, expected: Path) -> None:
    """Check that results are those expected, and that only the user of the command may read them."""
    assert results(out) == results(expected)
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*.*") if path.is_file()} == {0o600}
    if os.geteuid() == 0:
        assert {path.stat().st_uid for path in out.rglob("*")} == {STRANGER}


@contextmanager
def unread() -> Iterator[int]:
    """The end of a pipe whose other end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


def fill(disk: Path, free: int) -> None:
    """Fill a disk but for some bytes."""
    room = os.statvfs(disk)
    with (disk / "filler").open("wb") as file, suppress(OSError):
        file.truncate(0)
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - free)


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the output of a command that is not our log: warnings of libraries, tracebacks."""
    return [line for line in done.stderr.splitlines() if not re.match(r"(INFO|WARNING|ERROR) ", line)]


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A read-only dataset: six subjects, two of them with a z map."""
    with open_folder() as folder:
        root, rng = folder / "in", np.random.default_rng(7)
        describe(root)
        write_group(root, 6, rng)
        for subject in ("01", "02"):
            write_map(root, subject, brain(rng, 4.0), stat="z")
        for path in (root, *root.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield root


class Ordinary(dict[str, Path]):
    """The output of each command in an ordinary place, made on first use from within the dataset, by the same words."""

    def __init__(self, data: Path, folders: ExitStack) -> None:
        super().__init__()
        self.data, self.folders = data, folders

    def __missing__(self, kind: str) -> Path:
        # as far from the dataset as the others, which link it by a relative path
        out = self[kind] = self.folders.enter_context(open_folder()) / "out"
        if kind in (
            "group",
            "drawn",
        ):  # sums over subjects may differ in the last bit from those of a process with more libraries
            environment = DRAWN if kind == "drawn" else {}
            assert call(words(kind, Path(), out), cwd=self.data, **environment).returncode == 0
        else:
            with chdir(self.data):
                assert (single if kind == "map" else main).main(words(kind, Path(), out)) == 0
        return out


@pytest.fixture(scope="module")
def expected(data: Path) -> Iterator[dict[str, Path]]:
    with ExitStack() as folders:
        yield Ordinary(data, folders)


@pytest.fixture(scope="module")
def compiled() -> Iterator[dict[str, str]]:
    """The environment that names compiled code, as an image has it."""
    with open_folder() as folder:
        yield compiled_code(folder / "code")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may write, and around it one that only the owner may."""
    with open_folder() as folder:
        (folder / "out").mkdir()
        (folder / "out").chmod(0o777)
        yield folder / "out"


@pytest.fixture
def cage(place: Path) -> Cage:
    """Nothing can be written but one folder."""
    cage = Cage((place,))
    probe = (
        "import os, pathlib, bids_ari\n"
        "places = ('/tmp', '/var/tmp', '/dev/shm', '.', '/', pathlib.Path(bids_ari.__file__).parent)\n"
        "print([str(place) for place in places if os.access(place, os.W_OK)])\n"
    )
    done = subprocess.run(
        [*cage.words(), *command([])[:1], "-c", probe], env=surroundings(), capture_output=True, text=True, cwd="/"
    )
    if done.returncode or done.stdout.strip() != "[]":
        pytest.skip(f"this machine makes no cage: {done.stderr or done.stdout}")
    return cage


class TestNothingWritableButTheOutput:
    """Not the system's folders for temporary files either; no network; a user whom the machine does not know."""

    def test_the_results_are_those_of_an_ordinary_run(
        self, data: Path, expected: dict[str, Path], place: Path, cage: Cage
    ) -> None:
        """Pictures included. The home is not there, and all is compiled again."""
        # from within the dataset, which cannot be written
        done = call(words("group", Path(), place), cage=cage, cwd=data, umask=0o077, HOME="/no/such/home", **DRAWN)
        assert (done.returncode, complaints(done)) == (0, []), done.stderr
        assert done.stderr.count(KEPT) == 1
        check_private(place, expected["drawn"])

    @pytest.mark.parametrize(
        ("kind", "home"), [("participant", None), ("map", "{closed}")], ids=["no home", "a home of another user"]
    )
    def test_the_results_of_other_commands(
        self,
        kind: str,
        home: str | None,
        data: Path,
        expected: dict[str, Path],
        place: Path,
        cage: Cage,
        compiled: dict[str, str],
    ) -> None:
        closed = place.parent / "closed"
        closed.mkdir(mode=0o700)
        home = home and home.format(closed=closed)
        run = words(kind, Path(), place)
        done = call(run, program=COMMANDS[kind][0], cage=cage, cwd=data, umask=0o077, HOME=home, **compiled)
        assert (done.returncode, complaints(done)) == (0, []), done.stderr
        assert KEPT not in done.stderr
        check_private(place, expected[kind])

    def test_a_look(self, data: Path, place: Path, cage: Cage) -> None:
        """The output is not even made."""
        list_ = words("group", data, place / "new", "--list")
        done = call(list_, cage=cage, HOME=None)
        assert (done.returncode, done.stderr) == (0, "")
        assert "6: 01-06" in done.stdout
        assert list(place.iterdir()) == []

    def test_reports_are_regenerated(
        self, data: Path, expected: dict[str, Path], place: Path, cage: Cage, compiled: dict[str, str]
    ) -> None:
        shutil.copytree(expected["group"], place, dirs_exist_ok=True)
        for path in (place, *place.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
        for path in place.rglob("*report.html"):
            path.unlink()
        done = call(words("group", data, place, "--reports-only"), cage=cage, HOME=None, **compiled)
        assert (done.returncode, complaints(done)) == (0, [])
        assert results(place) == results(expected["group"])

    def test_templates_of_the_network_are_not_available(self, data: Path, place: Path, cage: Cage) -> None:
        done = call(words("group", data, place, "--mask", "template"), cage=cage, HOME=None)
        assert done.returncode == 66
        assert "TEMPLATEFLOW_HOME" in done.stderr
        assert "Traceback" not in done.stderr
        assert not [path for path in place.iterdir() if path.name.startswith(".") and path.name != ".bidsignore"]

    def test_templates_come_from_a_home_that_cannot_be_written(
        self, place: Path, cage: Cage, compiled: dict[str, str]
    ) -> None:
        home = SHARED / "templateflow"
        if not home.is_dir():
            pytest.skip(f"no templates at {home}")
        data = place.parent / "in"
        describe(data)
        write_group(data, 6, np.random.default_rng(7), space="MNI152NLin6Asym")
        flags = ("--mask", "template", "--atlas", "Schaefer2018:200Parcels7Networks")
        homes = {"HOME": None, "TEMPLATEFLOW_HOME": str(home)}
        done = call(words("group", data, place, *flags), cage=cage, **homes, **compiled)
        assert (done.returncode, complaints(done)) == (0, [])
        assert len(list(place.rglob("*atlas-Schaefer2018*_tdp.tsv"))) == 1


class TestFolders:
    def test_a_working_folder_that_is_gone(self, data: Path, expected: dict[str, Path], place: Path) -> None:
        """Nor is the folder for temporary files there that is named."""
        gone = place.parent / "gone"
        gone.mkdir()
        away = ["sh", "-c", 'cd "$1"; rmdir "$1"; export TMPDIR="$1"; shift; exec "$@"', "away", str(gone)]
        # numba imports coverage where that is installed, as beside these tests; it fails without a working folder
        alone = command(words("group", data, place), first="sys.modules['coverage'] = None")
        done = run([*away, *alone])
        assert (done.returncode, complaints(done)) == (0, [])
        assert not gone.exists()
        assert results(place) == results(expected["group"])


class TestText:
    """Names that the surroundings cannot write."""

    ASCII: Final = {"LANG": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    NARROW: Final = {**ASCII, "LC_ALL": "C"}  # names of files, too, are ASCII: Python has others as single bytes

    @pytest.fixture
    def foreign(self, tmp_path: Path) -> Path:
        """A dataset with a left-out map whose name goes beyond ASCII."""
        root = tmp_path / "in"
        describe(root)
        write_group(root, 4, np.random.default_rng(7))
        touch_maps(root, "01", stat="z", acq="über")
        return root

    @pytest.mark.parametrize("environment", [ASCII, NARROW], ids=["ascii", "narrow"])
    def test_a_look(self, foreign: Path, environment: dict[str, str]) -> None:
        done = call(words("group", foreign, foreign / "out", "--list", "-v"), **environment)
        assert done.returncode == 0
        assert "4: 01-04" in done.stdout
        assert "acq-\\" in done.stdout  # then the number of the letter

    def test_a_run(self, foreign: Path) -> None:
        out = foreign.parent / "größe"
        done = call(words("group", foreign, out), **self.NARROW)
        assert (done.returncode, complaints(done)) == (0, [])
        assert "gr\\" in done.stderr
        (settings,) = out.glob("logs/*/settings.toml")
        assert f'output-dir = "{out}"' in settings.read_text("utf-8")


class TestStreams:
    """Nobody listens."""

    def test_a_run_with_closed_streams(self, data: Path, expected: dict[str, Path], place: Path) -> None:
        """Or a result would be written to the file that a library takes for stderr."""
        done = run([*shell("<&- >&- 2>&-"), *command(words("group", data, place))])
        assert done.returncode == 0
        assert results(place) == results(expected["group"])

    def test_a_look_at_nothing(self, data: Path, place: Path) -> None:
        done = run([*shell(">&-"), *command(words("group", data, place, "--list"))])
        assert (done.returncode, done.stderr) == (0, "")

    def test_a_log_that_nobody_reads_on(self, data: Path, expected: dict[str, Path], place: Path) -> None:
        """The log is also in the output: the run goes on."""
        with unread() as pipe:
            done = subprocess.run(command(words("group", data, place)), env=surroundings(), stderr=pipe, timeout=120)
        assert done.returncode == 0
        assert results(place) == results(expected["group"])

    @pytest.mark.parametrize("flag", ["--list", "--help", "--version"])
    def test_requested_text_is_not_read(self, flag: str, data: Path, place: Path) -> None:
        """As `bids-ari --list | head -1`: other tools die of SIGPIPE then, which a shell tells as 128 + 13."""
        with unread() as pipe:
            done = run(command(words("group", data, place, flag)), stdout=pipe)
        assert (done.returncode, done.stderr) == (141, "")

    def test_requested_text_cannot_be_written(self) -> None:
        with Path("/dev/full").open("w") as full:
            done = run(command(["--help"]), stdout=full)
        assert (done.returncode, done.stderr) == (73, f"ERROR stdout: {os.strerror(errno.ENOSPC)}\n")

    def test_an_error_is_told_by_its_code_even_if_nobody_hears_it(self, place: Path) -> None:
        done = run([*shell("2>&-"), *command([place / "none", place, "group"])])
        assert done.returncode == 66


class TestFullDisk:
    """A disk of its own for the output, with an earlier result and little room for another."""

    @pytest.fixture
    def disk(self, place: Path) -> Iterator[Path]:
        if os.geteuid() != 0:
            pytest.skip("only root can mount a disk")
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=777", "none", str(place)], text=True)
        if made.returncode:
            pytest.skip("no disk can be mounted")
        yield place
        subprocess.run(["umount", str(place)], check=True)

    @pytest.mark.parametrize("room", [0, 300], ids=lambda room: f"{room} kB free")
    def test_an_earlier_result_stays(
        self, room: int, data: Path, expected: dict[str, Path], disk: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copytree(expected["group"], disk, dirs_exist_ok=True)
        capsys.readouterr()
        before = results(disk)
        fill(disk, room * 1024)
        assert main.main([*words("group", data, disk), "--threshold", "4"]) == 73
        (disk / "filler").unlink()
        shown = capsys.readouterr().err.splitlines()
        assert all(re.match("(INFO|ERROR) ", line) for line in shown)
        assert shown[-1].startswith("ERROR ")
        assert str(disk) in shown[-1]
        assert os.strerror(errno.ENOSPC) in shown[-1]
        after = results(disk)
        assert {name: after[name] for name in before} == before
        assert after.keys() == before.keys()

    def test_nothing_else_can_be_written(self, data: Path, disk: Path, cage: Cage) -> None:
        """Then caches, too, are in the way of the disk."""
        fill(disk, 0)
        done = call(words("group", data, disk), cage=cage, HOME=None)
        assert done.returncode == 73
        assert os.strerror(errno.ENOSPC) in done.stderr
        assert "Traceback" not in done.stderr
        assert [path.name for path in disk.iterdir()] == ["filler"]
