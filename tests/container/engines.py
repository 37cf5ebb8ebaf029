"""The image on this machine: built, run strictly by podman, and run from SIF files by Apptainer."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BASE = "docker.io/library/python:3.11-slim-bookworm"
IMAGE = "localhost/bids_ari:test"
UID = 12345
"""Of a user whom the image does not know."""

STRICT = (
    *("--rm", "--read-only", "--read-only-tmpfs=false", "--user", f"{UID}:{UID}", "--network", "none"),
    *("--cap-drop", "all", "--security-opt", "no-new-privileges"),
)
"""Nothing can be written but what is mounted to be, by an arbitrary user, without a network."""

_QUICK = ("--mksquashfs-args", "-comp zstd -Xcompression-level 1")
_LIMIT = 1200  # seconds for one command: a cold build takes 5 minutes on an idle machine with two cores

KERNELS = {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
"""The kernels that OpenBLAS is set to on this machine: the same inside as outside, for the same last bits."""


def run(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command; show its output when it fails."""
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=_LIMIT)
    assert not check or done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done


def tell(what: str) -> None:
    """Print a figure for the log."""
    sys.stdout.write(f"\n{what}\n")


def build(**arguments: str) -> str:
    """Build the image as a user would, and give its name."""
    started = time.monotonic()
    values = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    network = ("--network", "host", "--pull=never")  # names of hosts are known outside only
    run("podman", "build", "--quiet", *network, "--layers", "--format", "docker", *values, "--tag", IMAGE, REPOSITORY)
    tell(f"built in {time.monotonic() - started:.0f} s")
    return IMAGE


@dataclass(frozen=True)
class Mounts:
    """Folders that a container sees: of the first, what it may read; of the second, what it may write."""

    data: Path | None = None
    out: Path | None = None

    def words(self, flag: str) -> list[str]:
        """Return them as arguments of podman and Apptainer."""
        words = [] if self.data is None else [flag, f"{self.data}:/data:ro"]
        return words + ([] if self.out is None else [flag, f"{self.out}:/out:rw"])


def podman(
    mounts: Mounts, *words: str, entrypoint: str | None = None, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the image as strictly as podman can."""
    entry = [] if entrypoint is None else ["--entrypoint", entrypoint]
    values = [word for name, value in (KERNELS | environment).items() for word in ("--env", f"{name}={value}")]
    return run("podman", "run", *STRICT, *entry, *values, *mounts.words("--volume"), IMAGE, *words, check=check)


@dataclass(frozen=True)
class Cluster:
    """A login node on which there is a SIF file: `.ci/container` made the one, `pack` or `define` the other."""

    root: Path
    folder: Path

    @property
    def home(self) -> Path:
        """The home of the user."""
        return self.root / "home" / "jo"

    def pack(self) -> Path:
        """Make a SIF file of the image."""
        started = time.monotonic()
        archive, sif = self.folder / "image.tar", self.folder / "bids_ari.sif"
        run("podman", "save", "--quiet", "--format", "docker-archive", "--output", archive, IMAGE)
        made = ("build", "--force", *_QUICK, "/node/bids_ari.sif", "docker-archive:/node/image.tar")
        self._on_node(0, Mounts(), ("apptainer", "--quiet", *made))
        archive.unlink()
        tell(f"SIF of {sif.stat().st_size / 1e6:.0f} MB in {time.monotonic() - started:.0f} s")
        return sif

    def define(self) -> Path:
        """Make a SIF file by the definition file, without privileges, in a copy of the repository."""
        started = time.monotonic()
        sif = self.folder / "bids_ari.sif"
        here = self.folder / "repository"
        for name in ("bids_ari", "platforms"):
            shutil.copytree(REPOSITORY / name, here / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(REPOSITORY / name, here)
        run("podman", "save", "--quiet", "--format", "docker-archive", "--output", self.folder / "python.tar", BASE)
        run("chmod", "--recursive", "a+rX", self.folder)
        shutil.chown(self.folder, UID)
        base = ("--build-arg", "BOOTSTRAP=docker-archive", "--build-arg", "BASE=/node/python.tar")
        made = ("build", *_QUICK, *base, "/node/bids_ari.sif", "platforms/apptainer/bids_ari.def")
        self._on_node(UID, Mounts(), ("env", "--chdir=/node/repository", "apptainer", "--quiet", *made))
        tell(f"SIF of {sif.stat().st_size / 1e6:.0f} MB by the definition file in {time.monotonic() - started:.0f} s")
        return sif

    def apptainer(
        self,
        mounts: Mounts,
        *words: str,
        flags: Sequence[str],
        variables: Mapping[str, str] | None = None,
        program: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run the SIF file as the user, or another program in it."""
        inside = {f"APPTAINERENV_{name}": value for name, value in KERNELS.items()}
        host = ["env", *(f"{name}={value}" for name, value in (inside | dict(variables or {})).items())]
        network = ("--net", "--network", "none")
        seen = Mounts(mounts.data and Path("/node/data"), mounts.out and Path("/node/out"))
        how = (*network, *flags, *seen.words("--bind"), "/node/bids_ari.sif")
        made = ("run", *how) if program is None else ("exec", *how, program)
        return self._on_node(UID, mounts, (*host, "apptainer", "--quiet", *made, *words))

    def _on_node(self, uid: int, mounts: Mounts, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        binds = [(self.folder, "node"), (mounts.data, "node/data"), (mounts.out, "node/out")]
        bound = ",".join(f"{folder}:{place}" for folder, place in binds if folder is not None)
        return run(Path(__file__).with_name("login_node"), self.root, str(uid), bound, *words)


def prepared() -> Path | None:
    """Return the folder in which `.ci/container` prepared this machine, or None."""
    folder = os.environ.get("BIDS_ARI_CONTAINER_DIR")
    return Path(folder) if folder and os.environ.get("CONTAINERS_CONF") else None
