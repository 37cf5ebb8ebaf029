"""One subject's own maps, maps made elsewhere, and alpha divided over results."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import SHAPE, brain, image, results_in, write_group, write_map
from scipy import stats

from bids_ari.analysis.single import analyse_subject
from bids_ari.bids.discover import discover, subject_contrasts
from bids_ari.cli.main import main
from bids_ari.cli.map import main as map_main
from bids_ari.errors import UsageError
from bids_ari.stats.closed_testing import hommel_bound

pytestmark = pytest.mark.pictures  # of results without subjects


def call(*words: object) -> int:
    return main([str(word) for word in words])


def call_map(*words: object) -> int:
    return map_main([str(word) for word in words])


@pytest.fixture
def z(rng: np.random.Generator) -> np.ndarray:
    """Noise with a block of signal, and a zero background."""
    data = np.where(brain(rng) != 0, rng.normal(size=SHAPE), 0.0)
    data[4:7, 4:7, 4:7] += 5
    return data


class TestParticipant:
    def test_each_map_is_a_result_in_the_folder_of_its_subject(self, tmp_path: Path, z: np.ndarray) -> None:
        for subject, session in (("01", "a"), ("01", "b"), ("02", None)):
            write_map(tmp_path / "in", subject, z, stat="z", session=session)
        assert call(tmp_path / "in", tmp_path / "out", "participant", "--threshold", 3) == 0
        found = sorted(
            path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.rglob("out/**/*pHommel*.nii.gz")
        )
        common = "task-emo_{}space-MNI152NLin2009cAsym_contrast-faces_stat-pHommel_desc-greater_statmap.nii.gz"
        assert found == [
            "sub-01/ses-a/sub-01_ses-a_" + common.format(""),
            "sub-01/ses-b/sub-01_ses-b_" + common.format(""),
            "sub-02/sub-02_" + common.format(""),
        ]
        assert not list(tmp_path.rglob("out/**/*design*"))
        report = next((tmp_path / "out" / "sub-02").glob("*report.html")).read_text()
        assert "noise model of the first level" in report

    def test_tdp_are_those_of_the_subjects_z(self, tmp_path: Path, z: np.ndarray) -> None:
        """Tested are the voxels that are finite and not zero."""
        z[5, 5, 5], z[4, 4, 4] = 0.0, np.nan
        write_map(tmp_path / "in", "01", z, stat="z")
        assert call(tmp_path / "in", tmp_path / "out", "participant", "--threshold", 3) == 0
        folder = tmp_path / "out" / "sub-01"
        inside = nib.load(next(folder.glob("*analysis_mask.nii.gz"))).get_fdata() > 0
        np.testing.assert_array_equal(inside, np.isfinite(z) & (z != 0))
        bound = hommel_bound(stats.norm.sf(z.astype(np.float32).astype(float)[inside]), 0.05)
        about = json.loads(next(folder.glob("*greaterZ3_clusters.json")).read_text())
        assert (about["HommelValue"], about["TrueDiscoveryNumber"]) == (bound.h, bound.whole)
        assert about["DegreesOfFreedom"] is None

    def test_t_maps_need_their_degrees_of_freedom(
        self, tmp_path: Path, z: np.ndarray, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """They stand in a sidecar: of the map itself, or of all maps of a folder above."""
        path = write_map(tmp_path / "in", "01", z, stat="t")
        words = (tmp_path / "in", tmp_path / "out", "participant")
        assert call(*words) == 18
        assert "--stat t" in capsys.readouterr().err
        assert call(*words, "--stat", "t") == 65
        message = capsys.readouterr().err
        assert "DegreesOfFreedom" in message
        assert "--stat z" not in message  # there is no z map
        other = write_map(tmp_path / "in", "01", z, stat="z")
        assert call(*words, "--stat", "t") == 65
        assert "take z maps with --stat z" in " ".join(capsys.readouterr().err.split())
        other.unlink()
        assert not results_in(tmp_path / "out")
        (tmp_path / "in" / "task-emo_stat-t_statmap.json").write_text('{"DegreesOfFreedom": 150}')
        (tmp_path / "in" / "task-other_statmap.json").write_text('{"DegreesOfFreedom": 3}')
        assert call(*words, "--stat", "t") == 0
        (p,) = (tmp_path / "out" / "sub-01").glob("*stat-p_*.nii.gz")
        inside = z != 0
        t = nib.load(path).get_fdata()[inside]
        np.testing.assert_allclose(nib.load(p).get_fdata()[inside], stats.t.sf(t, 150), rtol=1e-6)  # float32 on disk
        sidecar = Path(str(path).replace(".nii.gz", ".json"))
        sidecar.write_text('{"DegreesOfFreedom": 20}')  # nearest to the map: it wins
        assert call(*words, "--stat", "t") == 0
        np.testing.assert_allclose(nib.load(p).get_fdata()[inside], stats.t.sf(t, 20), rtol=1e-6)

    def test_options_of_other_levels_are_refused(self, tmp_path: Path, z: np.ndarray) -> None:
        """An effect alone has no p: taken for z it would claim anything."""
        write_map(tmp_path / "in", "01", z, stat="effect")
        for words in (("--smoothing", 6), ("--coverage", 0.5), ("--stat", "effect")):
            assert call(tmp_path / "in", tmp_path / "out", "participant", *words) == 64
        (contrast,) = subject_contrasts(discover(tmp_path / "in"))
        with pytest.raises(UsageError, match="an effect alone has no p"):
            analyse_subject(contrast)

    def test_a_dataset_of_effects_is_not_offered_them(
        self, tmp_path: Path, z: np.ndarray, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_map(tmp_path / "in", "01", z, stat="effect")
        assert call(tmp_path / "in", tmp_path / "out", "participant") == 18
        assert "at the group level" in capsys.readouterr().err

    def test_files_left_out_are_told_of_their_subject(self, tmp_path: Path, z: np.ndarray) -> None:
        for subject in ("01", "02"):
            write_map(tmp_path / "in", subject, z, stat="z")
            write_map(tmp_path / "in", subject, z, stat="variance")
        first, second = subject_contrasts(discover(tmp_path / "in", stat="z"))
        assert ["sub-01" in entry.name for entry in first.excluded] == [True]
        assert ["sub-02" in entry.name for entry in second.excluded] == [True]


class TestMap:
    def test_a_z_map_of_any_name(self, tmp_path: Path, z: np.ndarray) -> None:
        nib.save(image(z), tmp_path / "zstat1.nii.gz")
        assert call_map(tmp_path / "zstat1.nii.gz", tmp_path / "out", "--threshold", 3, "--tdp", 0.8) == 0
        table = pd.read_csv(tmp_path / "out" / "group" / "contrast-zstat1_desc-greaterTdp80_clusters.tsv", sep="\t")
        assert (table["tdp"] >= 0.8).all()
        assert "mean_effect" not in table
        assert (tmp_path / "out" / "index.html").is_file()
        about = json.loads((tmp_path / "out" / "group" / "contrast-zstat1_stat-z_statmap.json").read_text())
        assert about["Sources"] == ["bids:map:zstat1.nii.gz"]

    def test_a_t_map(self, tmp_path: Path, z: np.ndarray) -> None:
        """The group t of the main job gives the group results of the main job."""
        nib.save(image(z), tmp_path / "spmT_0001.nii")
        assert call_map(tmp_path / "spmT_0001.nii", tmp_path / "out", "--dof", 15) == 0
        (path,) = (tmp_path / "out" / "group").glob("contrast-spmT0001_stat-z_statmap.nii.gz")
        inside = z != 0
        t = z.astype(np.float32).astype(float)[inside]
        expected = stats.norm.isf(stats.t.sf(t, 15))
        np.testing.assert_allclose(nib.load(path).get_fdata()[inside], expected, rtol=1e-5, atol=1e-6)  # float32

    def test_the_group_map_of_the_main_job_gives_its_clusters_again(
        self, tmp_path: Path, rng: np.random.Generator
    ) -> None:
        """z in float32: no cluster changes."""
        write_group(tmp_path / "in", 8, rng)
        assert call(tmp_path / "in", tmp_path / "first", "group") == 0
        (mapped,) = (tmp_path / "first" / "group").glob("*stat-z_statmap.nii.gz")
        (mask,) = (tmp_path / "first" / "group").glob("*analysis_mask.nii.gz")
        assert call_map(mapped, tmp_path / "again", "--mask", mask) == 0
        for name in ("greaterZ3_dseg", "greaterTdp50_dseg", "greaterTdp90_dseg"):
            (one,) = (tmp_path / "first" / "group").glob(f"*{name}.nii.gz")
            (other,) = (tmp_path / "again" / "group").glob(f"*{name}.nii.gz")
            np.testing.assert_array_equal(nib.load(one).get_fdata(), nib.load(other).get_fdata())

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (["none.nii.gz"], 66, "no file"),
            (["z.nii.gz", "--dof", "-3"], 64, "dof is -3"),
            (["z.nii.gz", "--smoothing", "6"], 64, "--smoothing"),
            (["z.nii.gz", "--tdp", "1.5"], 64, "proportions"),
            (["empty.nii.gz"], 65, "no value"),
            (["z.nii.gz", "--mask", "none.nii.gz"], 66, "no mask"),
        ],
    )
    def test_wrong_words(
        self,
        words: list[str],
        code: int,
        message: str,
        tmp_path: Path,
        z: np.ndarray,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        nib.save(image(z), "z.nii.gz")
        nib.save(image(np.full(SHAPE, np.nan)), "empty.nii.gz")
        assert call_map(words[0], "out", *words[1:]) == code
        assert message in capsys.readouterr().err
        assert not Path("out").exists()


def test_alpha_is_divided_over_the_results_of_a_run(tmp_path: Path, rng: np.random.Generator) -> None:
    """Two contrasts in two directions: .05 / 4 each."""
    write_group(tmp_path / "in", 8, rng)
    for subject in ("01", "02", "03"):
        write_map(tmp_path / "in", subject, brain(rng), contrast="houses")
    words = ("--alternative", "greater", "two-sided", "--split-alpha")
    assert call(tmp_path / "in", tmp_path / "out", "group", *words) == 0
    alphas = [json.loads(path.read_text())["Alpha"] for path in tmp_path.rglob("*Z3_clusters.json")]
    assert alphas == [0.0125] * 4
    divided = [json.loads(path.read_text())["AlphaDividedBy"] for path in tmp_path.rglob("*Z3_clusters.json")]
    assert divided == [4] * 4
    assert "for each result" in (tmp_path / "out" / "index.html").read_text()
