"""The definition file of Apptainer: it gives what the Dockerfile gives."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from container.conftest import node
from container.engines import UID, Cluster, Mounts, podman, run

pytestmark = pytest.mark.container

CONTAINED = ("--containall", "--cleanenv", "--no-home")
SUMS = "cd /opt/bids_ari && find . -type f ! -name '*.pyc' ! -path './compiled/*' -exec sha256sum {} +"
COMPILED = "cd /opt/bids_ari/compiled && find . -type f | sort"
"""Machine code is the same in what it does, but not to the byte."""


@pytest.fixture(scope="module")
def defined(machine: Path, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A SIF file by the definition file, as an unprivileged user. It needs the index of Python packages."""
    made = node(machine, tmp_path_factory.mktemp("defined"))
    made.define()
    return made


@pytest.fixture(scope="module")
def about(image: str) -> Mapping[str, object]:
    (found,) = json.loads(run("podman", "image", "inspect", image).stdout)
    config: Mapping[str, object] = found["Config"]
    return config


def shell(cluster: Cluster, script: str) -> str:
    return cluster.apptainer(Mounts(), "-c", script, flags=CONTAINED, program="sh").stdout


def test_the_same_files(defined: Cluster, image: str) -> None:
    sums = [
        dict(reversed(line.split("  ", 1)) for line in text.splitlines())
        for text in (shell(defined, SUMS), podman(Mounts(), "-c", SUMS, entrypoint="sh").stdout)
    ]
    assert len(sums[0]) > 5000
    assert {name for name in sums[0] | sums[1] if sums[0].get(name) != sums[1].get(name)} == set()
    compiled = shell(defined, COMPILED)
    assert compiled == podman(Mounts(), "-c", COMPILED, entrypoint="sh").stdout
    assert compiled.count(".nbc\n") > 10


def test_the_same_environment(defined: Cluster, about: Mapping[str, list[str]]) -> None:
    """But for the name of the image, which is that of the SIF file."""
    of_image = dict(line.split("=", 1) for line in about["Env"])
    inside = dict(line.split("=", 1) for line in shell(defined, "env").splitlines() if "=" in line)
    assert {name: inside.get(name) for name in of_image} == of_image | {"BIDS_ARI_IMAGE": ""}


def test_the_same_labels(defined: Cluster, about: Mapping[str, Mapping[str, str]]) -> None:
    found = json.loads(shell(defined, "cat /.singularity.d/labels.json"))
    expected = {name: text for name, text in about["Labels"].items() if name.startswith("org.opencontainers.")}
    assert {name: found.get(name) for name in expected} == expected


def test_the_same_results(defined: Cluster, image: str, out: Path) -> None:
    """To the bit, by loops that were compiled when it was built."""
    mine, other = out / "apptainer", out / "podman"
    done = defined.apptainer(
        Mounts(out=out),
        "/out/apptainer",
        flags=CONTAINED,
        program="bids-ari-demo",
        variables={"APPTAINERENV_NUMBA_DEBUG_CACHE": "1"},
    )
    output = done.stdout + done.stderr
    assert len(re.findall(r"\[cache\] data loaded from", output)) > 10
    assert re.findall(r"\[cache\] data saved to '(.*)'", output) == []
    podman(Mounts(out=out), "/out/podman", entrypoint="bids-ari-demo")
    names = {
        str(path.relative_to(mine)) for path in mine.glob("results/group/*") if path.suffix in (".gz", ".tsv", ".json")
    }
    assert len(names) > 20
    assert {name for name in names if (mine / name).read_bytes() != (other / name).read_bytes()} == set()
    description = json.loads((mine / "results" / "dataset_description.json").read_text())
    assert description["GeneratedBy"][0]["Container"] == {"Type": "apptainer", "Tag": "bids_ari.sif"}
    assert (mine / "results" / "index.html").stat().st_uid == UID
