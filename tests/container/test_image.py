"""The image: small, without tools, quick, and complete."""

import json
import re
import time

import pytest
from container.engines import IMAGE, Mounts, podman, run, tell

pytestmark = pytest.mark.container


@pytest.fixture(scope="module")
def about(image: str) -> dict[str, object]:
    (found,) = json.loads(run("podman", "image", "inspect", image).stdout)
    return found


def test_it_is_under_900_mb(about: dict[str, int]) -> None:
    tell(f"image of {about['Size'] / 1e6:.0f} MB")
    assert about["Size"] < 900e6


def test_where_the_bytes_are(image: str) -> None:
    """For the log only: what would be worth trimming."""
    script = "du -xsm /usr /opt/bids_ari/lib/python*/site-packages/* 2>/dev/null | sort -rn | head -8"
    tell(podman(Mounts(), "-c", script, entrypoint="sh").stdout)


def test_it_says_what_it_is(about: dict[str, dict[str, object]]) -> None:
    config = about["Config"]
    assert config["Entrypoint"] == ["bids-ari"]
    assert config["User"] not in ("", "0", "root")
    labels = {f"org.opencontainers.image.{key}" for key in ("title", "description", "licenses", "source")}
    assert labels <= set(config["Labels"])  # type: ignore[arg-type]


def test_no_tools_are_left(image: str) -> None:
    for tool in ("gcc", "cc", "g++", "make", "/opt/bids_ari/bin/pip"):
        assert podman(Mounts(), "-c", f"command -v {tool}", entrypoint="sh", check=False).returncode != 0, tool
    script = "import importlib.util as u; print([n for n in ('pip', 'setuptools', 'hatchling') if u.find_spec(n)])"
    assert podman(Mounts(), "-I", "-c", script, entrypoint="python3").stdout.strip() == "[]"


def test_the_version_is_told_within_a_second(image: str) -> None:
    started = time.monotonic()
    version = podman(Mounts(), "--version").stdout
    whole = time.monotonic() - started
    assert re.fullmatch(r"bids_ari \S+\n", version)
    timed = podman(Mounts(), "-c", "time -p bids-ari --version", entrypoint="bash").stderr
    seconds = dict(re.findall(r"(real|user|sys) ([\d.]+)", timed))
    tell(f"--version: {seconds['real']} s inside, {whole:.1f} s with the start of the container")
    assert float(seconds["user"]) + float(seconds["sys"]) < 1


def test_templates_that_cannot_be_fetched_are_no_reason_to_fail(image: str) -> None:
    """Where this was built with a network they are there; else the folder is without content."""
    found = podman(Mounts(), "-c", "find /opt/templates -name '*mask.nii.gz' -size +0", entrypoint="sh").stdout
    tell(f"templates in the image: {len(found.split())}")
    assert image == IMAGE
