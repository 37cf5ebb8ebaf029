"""bids-ari-demo: the dataset, the analysis, and the summary."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import nilearn.datasets
import numpy as np
import pandas as pd
import pytest
from requests.exceptions import ConnectionError as NoNetwork
from scipy import ndimage

from bids_ari.cli import demo
from bids_ari.cli.demo import main
from bids_ari.demo.dataset import N_SUBJECTS
from bids_ari.demo.localizer import LOCALIZER, write_localizer
from bids_ari.demo.volumes import ABOVE, BELOW, SIMULATED, write_simulated

STEM = "task-localizer_space-MNI152NLin2009aSym_contrast-leftVsRightButtonPress"
ALL = f"group/{STEM}_test-mean_desc-greater"


pytestmark = pytest.mark.pictures


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Run the demo once: its folder, its exit code and its stdout."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        written: list[str] = []
        patch.setattr(demo.sys.stdout, "write", written.append)
        patch.setattr("socket.socket.connect", _no_network)
        code = main([str(folder)])
    return SimpleNamespace(folder=folder, data=folder / "dataset", code=code, stdout="".join(written))


def test_demo_succeeds(ran: SimpleNamespace) -> None:
    assert ran.code == 0
    assert (ran.folder / "results" / "index.html").is_file()
    assert (ran.folder / "results" / f"{ALL}_report.html").is_file()


def test_files_of_the_dataset(ran: SimpleNamespace) -> None:
    space = "space-MNI152NLin2009aSym_desc"
    about = {"README.md", ".bidsignore", "dataset_description.json", "participants.tsv", "participants.json"}
    truth = {f"{space}-brain_mask.{end}" for end in ("nii.gz", "json")}
    truth |= {f"{space}-truth_dseg.{end}" for end in ("nii.gz", "json", "tsv")}
    subjects = [f"sub-{i:02d}" for i in range(1, N_SUBJECTS + 1)]
    maps = {f"{sub}/{sub}_{STEM}_stat-effect_statmap.{end}" for sub in subjects for end in ("nii.gz", "json")}
    assert set(_contents(ran.data)) == about | truth | maps
    assert list(pd.read_csv(ran.data / "participants.tsv", sep="\t")["participant_id"]) == subjects


def test_dataset_is_a_derivative_of_another_tool(ran: SimpleNamespace) -> None:
    about = json.loads((ran.data / "dataset_description.json").read_text())
    assert about["DatasetType"] == "derivative"
    assert [tool["Name"] for tool in about["GeneratedBy"]] == ["bids_ari demo"]


def test_maps_are_on_one_grid_of_4_mm_in_mni_space(ran: SimpleNamespace) -> None:
    for path in ran.data.rglob("*.nii.gz"):
        image = nib.load(path)
        np.testing.assert_allclose(image.header.get_zooms(), 4)
        assert int(image.header["sform_code"]) == 4, "MNI"
        assert image.get_data_dtype() == (np.float32 if "statmap" in path.name else np.uint8)


def test_maps_hold_data_exactly_within_the_mask(ran: SimpleNamespace) -> None:
    inside = _image(ran.data / SIMULATED.path("mask", ".nii.gz", desc="brain")) > 0
    for path in ran.data.glob("sub-*/*.nii.gz"):
        np.testing.assert_array_equal(_image(path) != 0, inside)


def test_truth_is_the_sign_of_the_motor_map_beyond_the_level(ran: SimpleNamespace) -> None:
    truth = _image(ran.data / SIMULATED.path("dseg", ".nii.gz", desc="truth"))
    affine = nib.load(ran.data / SIMULATED.path("dseg", ".nii.gz", desc="truth")).affine
    motor = nib.load(nilearn.datasets.load_sample_motor_activation_image())
    places = nib.affines.apply_affine(np.linalg.inv(motor.affine) @ affine, np.argwhere(truth >= 0)).T
    z = ndimage.map_coordinates(motor.get_fdata(), places, order=1).reshape(truth.shape)
    assert z[truth == ABOVE].min() > 2 - 1e-6
    assert z[truth == BELOW].max() < -2 + 1e-6
    inside = _image(ran.data / SIMULATED.path("mask", ".nii.gz", desc="brain")) > 0
    assert np.abs(z[inside & (truth == 0)]).max() < 2 + 1e-6


def test_mean_of_the_maps_differs_from_zero_only_where_the_truth_does(ran: SimpleNamespace) -> None:
    truth = _image(ran.data / SIMULATED.path("dseg", ".nii.gz", desc="truth"))
    inside = _image(ran.data / SIMULATED.path("mask", ".nii.gz", desc="brain")) > 0
    mean = np.mean([_image(path) for path in ran.data.glob("sub-*/*.nii.gz")], axis=0)
    # NOISE_SD * sqrt(1 + WHITE^2) / sqrt(16 subjects) = .42 at a voxel, so some .01 over 19,000 correlated voxels
    assert abs(mean[inside & (truth == 0)].mean()) < 0.05
    assert mean[truth == ABOVE].mean() > 0.4
    assert mean[truth == BELOW].mean() < -0.4


def test_no_bound_exceeds_the_truth(ran: SimpleNamespace) -> None:
    """With probability 1 - alpha all bounds hold at once: for this seed they do, of the mask and of each cluster."""
    active = _image(ran.data / SIMULATED.path("dseg", ".nii.gz", desc="truth")) == ABOVE
    whole = json.loads(
        (ran.folder / "results" / "logs" / "results" / f"{STEM}_test-mean_desc-greater.json").read_text()
    )["Results"][0]
    assert 0 < whole["TrueDiscoveryNumber"] <= active.sum()
    for z in (3, 4, 5):
        labels = _image(ran.folder / "results" / f"{ALL}Z{z}_dseg.nii.gz")
        table = pd.read_csv(ran.folder / "results" / f"{ALL}Z{z}_clusters.tsv", sep="\t")
        assert len(table) >= 2
        for cluster in table.itertuples():
            assert cluster.tdn <= active[labels == cluster.label].sum(), f"cluster {cluster.label} above z = {z}"


def test_largest_cluster_is_the_right_motor_cortex(ran: SimpleNamespace) -> None:
    """The largest cluster is the right motor cortex, and its TDP grows with the threshold without being 1 at once."""
    tables = [pd.read_csv(ran.folder / "results" / f"{ALL}Z{z}_clusters.tsv", sep="\t") for z in (3, 4, 5)]
    low, middle, high = (float(table["tdp"][0]) for table in tables)
    assert 0.3 < low < middle < 1
    assert high > 0.95
    x, y, z = tables[0].loc[0, ["peak_x", "peak_y", "peak_z"]]
    assert (20 < x < 50, -40 < y < 0, 45 < z < 75) == (True, True, True)
    assert (tables[0]["tdp"] == 0).any(), "some clusters are noise"


def test_stdout_has_the_paths_and_the_comparison_with_the_truth(ran: SimpleNamespace) -> None:
    results, truth = ran.folder / "results", ran.data / SIMULATED.path("dseg", ".nii.gz", desc="truth")
    whole = json.loads((results / "logs" / "results" / f"{STEM}_test-mean_desc-greater.json").read_text())["Results"][0]
    active = int((_image(truth) == ABOVE).sum())
    assert ran.stdout.splitlines() == [
        f"Dataset:  {ran.data}",
        f"Results:  {results / 'index.html'}",
        f"Report:   {results / ALL}_report.html",
        f"Explorer: {results / ALL}_explorer.html",
        f"With 95% confidence, at least {whole['TrueDiscoveryNumber']} of the {whole['NumberOfVoxels']} voxels "
        f"tested are active; in truth {active} are.",
    ]


def test_dataset_is_the_same_bytes_each_time_and_may_be_written_again(ran: SimpleNamespace, tmp_path: Path) -> None:
    for _ in range(2):
        write_simulated(tmp_path / "dataset")
        assert _contents(tmp_path / "dataset") == _contents(ran.data)


@pytest.mark.parametrize("localizer", [[], ["--localizer"]])
def test_folder_with_other_files_is_refused(
    localizer: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "thesis.txt").write_text("mine")
    assert main([str(tmp_path), *localizer]) == 64
    assert f"{tmp_path / 'dataset'} holds other files" in capsys.readouterr().err
    assert _contents(tmp_path) == {"dataset/thesis.txt": b"mine"}


def test_datasets_of_both_kinds_do_not_mix(ran: SimpleNamespace) -> None:
    before = _contents(ran.folder)
    assert main([str(ran.folder), "--localizer"]) == 64
    assert _contents(ran.folder) == before


def test_output_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file")]) == 73


def test_localizer_without_network_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch(*_: object, **__: object) -> None:
        raise NoNetwork("HTTPSConnectionPool(host='osf.io', port=443): Max retries exceeded")

    monkeypatch.setattr(nilearn.datasets, "fetch_localizer_contrasts", fetch)
    monkeypatch.setattr(nilearn.datasets, "get_data_dirs", lambda: ["/home/ada/nilearn_data"])
    assert main([str(tmp_path / "out"), "--localizer"]) == 66
    out, err = capsys.readouterr()
    assert out == ""
    (message,) = (line for line in err.splitlines() if line.startswith("ERROR"))
    for part in (
        "could not be downloaded",
        "https://osf.io",
        "/home/ada/nilearn_data",
        "ConnectionError",
        "without --localizer",
    ):
        assert part in message
    assert not (tmp_path / "out").exists()


def test_localizer_maps_are_arranged_as_bids_and_analysed(
    ran: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched = []
    for subject, path in enumerate(sorted(ran.data.glob("sub-*/*.nii.gz")), start=1):
        path_there = tmp_path / "nilearn_data" / f"S{subject:02d}" / "cmaps_LeftVsRight.nii.gz"
        path_there.parent.mkdir(parents=True)
        path_there.write_bytes(path.read_bytes())
        fetched.append(str(path_there))

    def fetch(contrasts: list[str], n_subjects: int, **_: object) -> dict[str, list[str]]:
        assert (contrasts, n_subjects) == (["left vs right button press"], 16)
        return {"cmaps": fetched}

    monkeypatch.setattr(nilearn.datasets, "fetch_localizer_contrasts", fetch)
    data = tmp_path / "out" / "dataset"
    write_localizer(data)
    assert main([str(tmp_path / "out"), "--localizer"]) == 0, "written over its own"
    for path in fetched:
        subject = Path(path).parent.name
        assert (data / LOCALIZER.statmap(subject, ".nii.gz")).read_bytes() == Path(path).read_bytes()
    assert len(list(data.glob("sub-*"))) == 16
    out = capsys.readouterr().out
    assert "voxels tested are active" in out
    assert "in truth" not in out, "real data have no known truth"


def test_localizer_maps_that_are_not_images_are_a_data_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "S01").mkdir()
    (tmp_path / "S01" / "cmaps.nii.gz").write_bytes(gzip.compress(b"<html>Please log in</html>"))
    answer = {"cmaps": [str(tmp_path / "S01" / "cmaps.nii.gz")]}
    monkeypatch.setattr(nilearn.datasets, "fetch_localizer_contrasts", lambda *_, **__: answer)
    assert main([str(tmp_path / "out"), "--localizer"]) == 65


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_and_version_need_no_numerical_libraries(word: str) -> None:
    code = f"import sys; from bids_ari.cli.demo import main; code = main([{word!r}]); "
    code += "assert not {'numpy', 'nibabel', 'pandas', 'nilearn'} & set(sys.modules); sys.exit(code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "bids" in done.stdout


def test_a_missing_argument_is_64(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 64
    assert "See bids-ari-demo --help" in capsys.readouterr().err


def _no_network(*_: object) -> None:
    raise AssertionError("the demo needs no network")


def _image(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def _contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file below a folder, by its relative path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
