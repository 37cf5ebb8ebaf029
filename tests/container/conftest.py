"""The image, and what runs in it and outside it: all made once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import describe, write_group
from container.engines import UID, Cluster, Mounts, build, podman, prepared, run

from bids_ari.cli.main import main

WORDS = ("group", "--threshold", "3", "4", "--alternative", "two-sided", "--method", "hommel", "permutation")
WORDS += ("--family", "learned", "--n-permutations", "100", "--formula", "1 + center(age)", "--nprocs", "2")
WORDS += ("--region-names", "none")  # the image has an atlas, the machine may have another one
"""A run with more than one thing in it."""

WAGER = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "wager2008"


@pytest.fixture(scope="session")
def machine() -> Path:
    """Where `.ci/container` prepared this machine."""
    folder = prepared()
    if folder is None:
        pytest.skip(
            "this machine is not prepared for containers: .ci/container does that, as root, and runs these tests"
        )
    return folder


@pytest.fixture(scope="session")
def image(machine: Path) -> str:
    """The image of this checkout. It needs nothing that only a network has."""
    return build(IMAGE="bids_ari:test", TEMPLATES="MNI152NLin6Asym")


def node(machine: Path, folder: Path) -> Cluster:
    """Return a login node with a folder for a SIF file."""
    if not (machine / "login-node" / "usr" / "bin" / "apptainer").exists():
        pytest.skip("Debian's packages of Apptainer could not be had")
    folder.chmod(0o755)
    return Cluster(machine / "login-node", folder)


@pytest.fixture(scope="session")
def cluster(machine: Path, image: str, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A login node, and the SIF file of the image."""
    made = node(machine, tmp_path_factory.mktemp("node"))
    made.pack()
    return made


@pytest.fixture(scope="session")
def data() -> Iterator[Path]:
    """A small dataset: two contrasts, a covariate. The folder can be read by everybody."""
    folder = Path(run("mktemp", "--directory").stdout.strip())
    rng = np.random.default_rng(11)
    describe(folder)
    for contrast in ("faces", "places"):
        write_group(folder, 12, rng, contrast=contrast)
    rows = [f"sub-{i:02d}\t{20 + i * i % 7}" for i in range(1, 13)]
    (folder / "participants.tsv").write_text("\n".join(["participant_id\tage", *rows]) + "\n")
    run("chmod", "--recursive", "a+rX", folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def out() -> Iterator[Path]:
    """A folder that the user of the container may write, and read all the way down to."""
    folder = Path(run("mktemp", "--directory").stdout.strip())
    shutil.chown(folder, UID, UID)
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def outside(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run outside of any container."""
    folder = tmp_path_factory.mktemp("outside")
    assert main([str(data), str(folder), *WORDS]) == 0
    return folder


@pytest.fixture(scope="session")
def inside(image: str, data: Path) -> Iterator[Path]:
    """The run in the container, by podman."""
    folder = Path(run("mktemp", "--directory").stdout.strip())
    shutil.chown(folder, UID, UID)
    podman(Mounts(data, folder), "/data", "/out", *WORDS)
    yield folder
    shutil.rmtree(folder)
