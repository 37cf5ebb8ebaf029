"""bids-ari-demo --surface: the demo on the meshes of fsaverage5."""

from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

import bids_ari as ari
from bids_ari.cli import demo
from bids_ari.demo.dataset import N_SUBJECTS
from bids_ari.demo.volumes import ABOVE

STEM = "task-localizer_space-fsaverage5_contrast-leftVsRightButtonPress"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Run the demo once, without network and without a home of TemplateFlow."""
    folder = tmp_path_factory.mktemp("surface") / "out"
    with pytest.MonkeyPatch.context() as patch:
        written: list[str] = []
        patch.setattr(demo.sys.stdout, "write", written.append)
        patch.setenv("TEMPLATEFLOW_HOME", str(folder.parent / "home"))
        code = demo.main([str(folder), "--surface"])
    (archive,) = (folder / "results" / "group").glob("*_forest.npz")
    return SimpleNamespace(folder=folder, code=code, stdout="".join(written), result=ari.load_result(archive))


def truth_of(folder: Path) -> np.ndarray:
    files = [folder / f"dataset/hemi-{side}_space-fsaverage5_desc-truth_dseg.label.gii" for side in "LR"]
    return np.concatenate([nib.load(path).darrays[0].data for path in files])


def test_it_writes_maps_of_both_hemispheres(ran: SimpleNamespace) -> None:
    assert ran.code == 0
    assert len([*(ran.folder / "dataset").glob("sub-*/*.func.gii")]) == 2 * N_SUBJECTS
    assert (ran.result.space.unit, len(ran.result.coverage)) == ("vertex", 20_484)
    assert (ran.folder / "results" / "index.html").is_file()


def test_no_bound_exceeds_the_truth(ran: SimpleNamespace) -> None:
    result, truth = ran.result, truth_of(ran.folder)
    active = result.space.select(truth == ABOVE)
    assert 0 < result.bound.whole <= active.sum()
    for clusters in (*result.clusters.values(), *result.largest.values()):
        for cluster in clusters:
            assert cluster.tdn <= active[cluster.points].sum()


def test_the_truth_is_said(ran: SimpleNamespace) -> None:
    n_active = int((ran.result.space.select(truth_of(ran.folder)) == ABOVE).sum())
    assert f"at least {ran.result.bound.whole} of the {ran.result.space.n_points} vertices tested" in ran.stdout
    assert f"in truth {n_active} are" in ran.stdout


def test_bounds_of_a_file_use_the_space_of_its_name(ran: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    (path,) = (ran.folder / "results" / "group").glob("*_hemi-L_*_stat-z_statmap.func.gii")
    tdp = ari.cluster_tdp(path, threshold=3)
    assert tdp.data.parts.keys() == {"left", "right"}
    assert "have no space" not in caplog.text


def test_its_images_open_in_nilearn(ran: SimpleNamespace) -> None:
    """The image of a result has the meshes, and the values of the files."""
    z = ran.result.image("z")
    for side, name in (("left", "L"), ("right", "R")):
        (path,) = (ran.folder / "results" / "group").glob(f"*_hemi-{name}_*_stat-z_statmap.func.gii")
        np.testing.assert_array_equal(z.data.parts[side], nib.load(path).darrays[0].data)
        assert z.mesh.parts[side].coordinates.shape == (10_242, 3)
    tdp = ari.cluster_tdp(z, threshold=3)
    for side in ("left", "right"):
        np.testing.assert_array_equal(tdp.data.parts[side] > 0, ran.result.image("tdp", 3.0).data.parts[side] > 0)
