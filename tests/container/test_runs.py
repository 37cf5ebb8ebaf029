"""The image at work, where nothing can be written but the output: under podman, under Apptainer, and as outside."""

import json
import re
import shutil
from pathlib import Path

import pytest
from container.comparing import compare
from container.conftest import WAGER, WORDS
from container.engines import UID, Cluster, Mounts, podman, tell

pytestmark = pytest.mark.container

UNNAMED = ("--region-names", "none")
CONTAINED = ("--containall", "--cleanenv", "--no-home")


def test_the_demo(image: str, out: Path) -> None:
    output = podman(Mounts(out=out), "/out/demo", entrypoint="bids-ari-demo").stdout
    assert "at least 473 of the 21981 voxels tested are active" in output
    assert (out / "demo" / "results" / "index.html").stat().st_uid == UID
    (table,) = (out / "demo" / "results" / "group").glob("*greaterZ3_clusters.tsv")
    first = dict(zip(*(line.split("\t") for line in table.read_text().splitlines()[:2]), strict=True))
    assert first["peak_region"] == "rh_precentral", "the atlas of the image"  # of the motor cortex: left hand


def test_a_mask_of_the_practice_study(image: str, out: Path) -> None:
    podman(Mounts(out=out), "/out/study", "--layout", "fmriprep", entrypoint="bids-ari-demo")
    words = ("/out/study/derivatives/fmriprep", "/out/mask.nii.gz", "--grey-matter", "subjects")
    output = podman(Mounts(out=out), *words, entrypoint="bids-ari-mask").stdout
    assert "Voxels inside the brain masks of all 8 subjects, in grey matter" in output
    assert (out / "mask.nii.gz").stat().st_uid == UID


def test_many_studies(image: str, data: Path, out: Path) -> None:
    """Each is analysed by a process of its own in the container."""
    shutil.copytree(data, out / "analyses" / "ds1" / "task-emo")
    words = ("/out/analyses", "/out/results", "--", "--contrast", "faces", *UNNAMED)
    podman(Mounts(out=out), *words, entrypoint="bids-ari-studies")
    (_, row) = (out / "results" / "studies.tsv").read_text().splitlines()
    assert row.startswith("ds1\temo\t")
    assert (out / "results" / row.rpartition("\t")[2]).stat().st_uid == UID


def test_it_finds_what_is_found_outside(inside: Path, outside: Path) -> None:
    compare(inside, outside, "podman")
    description = json.loads((inside / "dataset_description.json").read_text())
    assert description["GeneratedBy"][0]["Container"] == {"Type": "podman", "Tag": "bids_ari:test"}


def test_nothing_else_is_left(inside: Path) -> None:
    assert not [path.name for path in inside.iterdir() if path.name.startswith(".") and path.name != ".bidsignore"]


def test_machine_code_comes_with_the_image(image: str, data: Path, out: Path) -> None:
    """Every loop is loaded and none compiled, as code for any processor: another model would load the same."""
    output = podman(Mounts(data, out), "/data", "/out", *WORDS, "--contrast", "faces", NUMBA_DEBUG_CACHE="1")
    loaded = set(re.findall(r"\[cache\] data loaded from '.*?kernels\.(\w+)-", output.stdout + output.stderr))
    saved = re.findall(r"\[cache\] data saved to '(.*)'", output.stdout + output.stderr)
    assert saved == []
    kernels = {"ascending_order", "grid_parents", "subtree_discoveries", "largest_with_tdp", "flipped_correlations"}
    assert kernels <= loaded
    script = (
        "import pickle, pathlib; from numba.core.registry import cpu_target; "
        "print(cpu_target.target_context.codegen().magic_tuple()[1:])"
    )
    assert podman(Mounts(), "-I", "-c", script, entrypoint="python3").stdout.strip() == "('generic', '')"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("/data", "/out", "group", "--task-id", "none"), 18),
        (("/data", "/out", "nowhere"), 17),
        (("/nothing", "/out", "group"), 66),
        (("/data", "/data/out", "group"), 73),
    ],
    ids=str,
)
def test_exit_codes_mean_the_same(image: str, data: Path, out: Path, words: tuple[str, ...], code: int) -> None:
    done = podman(Mounts(data, out), *words, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_real_maps(image: str, out: Path, tmp_path: Path) -> None:
    """Thirty subjects: the bound of the whole mask is that outside."""
    if not WAGER.is_dir():
        pytest.skip(f"no maps at {WAGER}")
    from bids_ari.cli.main import main

    (mask,) = (path.relative_to(WAGER) for path in WAGER.glob("group/*mask.nii*"))
    done = podman(Mounts(WAGER, out), "/data", "/out", "group", "--mask", f"/data/{mask}", *UNNAMED)
    tell(done.stderr.strip().splitlines()[-1])
    assert main([str(WAGER), str(tmp_path / "out"), "group", "--mask", str(WAGER / mask), *UNNAMED]) == 0
    compare(out, tmp_path / "out", "podman, wager2008")


class TestApptainer:
    """The same image as a SIF file."""

    def test_contained(self, cluster: Cluster, data: Path, out: Path, inside: Path) -> None:
        cluster.apptainer(Mounts(data, out), "/data", "/out", *WORDS, flags=CONTAINED)
        compare(out, inside, "Apptainer against podman")
        description = json.loads((out / "dataset_description.json").read_text())
        assert description["GeneratedBy"][0]["Container"]["Type"] == "apptainer"

    def test_a_host_that_gets_in_the_way(self, cluster: Cluster, data: Path, out: Path, inside: Path) -> None:
        """Its home is mounted, with packages that would fail when imported; PYTHONPATH names another."""
        local = cluster.home / ".local" / "lib" / "python3.11" / "site-packages"
        try:
            for folder in (local, cluster.home / "path"):
                folder.mkdir(parents=True)
                for package in ("numpy", "nibabel", "argparse", "bids_ari", "sitecustomize"):
                    (folder / f"{package}.py").write_text(f"raise SystemExit('{package} of the host')\n")
            variables = {"PYTHONPATH": "/home/jo/path", "TEMPLATEFLOW_HOME": "/home/jo/none", "MPLBACKEND": "TkAgg"}
            cluster.apptainer(Mounts(data, out), "/data", "/out", *WORDS, flags=(), variables=variables)
        finally:
            for name in (".local", "path"):
                shutil.rmtree(cluster.home / name, ignore_errors=True)
        compare(out, inside, "Apptainer with a hostile host, against podman")

    def test_the_demo(self, cluster: Cluster, out: Path) -> None:
        output = cluster.apptainer(Mounts(out=out), "/out/demo", flags=CONTAINED, program="bids-ari-demo").stdout
        assert "at least 473 of the 21981 voxels tested are active" in output
