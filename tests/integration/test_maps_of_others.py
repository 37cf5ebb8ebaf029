"""Maps that SPM, FSL, AFNI and others have written, through the command line and from Python."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from builders import SHAPE, brain, image, results_in, saved, write_map
from builders_headers import afni_image, image_with_intent, spm_image, write_afni
from scipy import stats

import bids_ari as ari
from bids_ari.analysis.single import analyse_map
from bids_ari.cli.main import main
from bids_ari.cli.map import main as map_main
from bids_ari.errors import DataError, UsageError

INSIDE = np.zeros(SHAPE, dtype=bool)
INSIDE[1:-1, 1:-1, 1:-1] = True
FAR = np.array([[1.0, 0, 0, 500], [0, 1, 0, 500], [0, 0, 1, 500], [0, 0, 0, 1]])
Capture = pytest.CaptureFixture[str]


def call(*words: object) -> int:
    return map_main([str(word) for word in (*words, "--threshold", 3, "--tdp", 0.5)])


def field(out: Path, key: str, name: str = "*stat-z_statmap.json") -> Any:
    (path,) = (out / "group").glob(name)
    return json.loads(path.read_text())[key]


def values(out: Path, name: str) -> np.ndarray:
    (path,) = (out / "group").glob(name)
    return np.asarray(nib.load(path).get_fdata()[INSIDE])


@pytest.fixture
def t(rng: np.random.Generator) -> np.ndarray:
    """Noise with signal, and a zero background, in the precision of the files."""
    return brain(rng, 5.0).astype(np.float32)


class TestHeaders:
    @pytest.mark.parametrize("program", ["SPM", "NIfTI", "AFNI"])
    def test_t_maps_have_the_p_values_of_their_degrees_of_freedom(
        self, tmp_path: Path, t: np.ndarray, program: str
    ) -> None:
        """p is P(T > t) with the 12 degrees of freedom of the header, with --dof or without."""
        made = {
            "SPM": spm_image(t, "SPM{T_[12.0]} - contrast 1: faces"),
            "NIfTI": image_with_intent(t, "t test", 12),
            "AFNI": afni_image(t, BRICK_STATAUX="0 3 1 12", BRICK_LABS="faces_Tstat"),
        }
        nib.save(made[program], tmp_path / "spmT_0001.nii")
        assert call(tmp_path / "spmT_0001.nii", tmp_path / "out") == 0
        expected = stats.t.sf(t[INSIDE].astype(float), 12)
        np.testing.assert_allclose(values(tmp_path / "out", "*stat-p_*.nii.gz"), expected, rtol=1e-5)
        assert field(tmp_path / "out", "DegreesOfFreedom") == 12
        assert field(tmp_path / "out", "InputStatistic") == "t"

    def test_an_f_map(self, tmp_path: Path, t: np.ndarray) -> None:
        """p is P(F > f) with 2 and 12 degrees of freedom, of any difference."""
        f = t**2
        nib.save(spm_image(f, "SPM{F_[2.0,12.0]} - contrast 2: any"), tmp_path / "spmF_0002.nii")
        assert call(tmp_path / "spmF_0002.nii", tmp_path / "out", "--alternative", "two-sided", "less") == 0
        expected = stats.f.sf(f[INSIDE].astype(float), 2, 12)
        np.testing.assert_allclose(values(tmp_path / "out", "*stat-p_desc-any_*.nii.gz"), expected, rtol=1e-5)
        assert not list((tmp_path / "out" / "group").glob("*less*"))
        assert field(tmp_path / "out", "DegreesOfFreedomOfRows") == 2
        (report,) = (tmp_path / "out" / "group").glob("*report.html")
        text = report.read_text()
        assert "An F map with 2 and 12 degrees of freedom" in text
        assert "above zero" not in text
        assert "the alternative less does not apply" in text
        (saved_result,) = (tmp_path / "out" / "group").glob("*forest.npz")
        again = ari.load_result(saved_result)
        assert (again.is_f_test, again.glm.n_rows, again.alternative_label) == (True, 2, "any")

    def test_the_z_of_an_f_map_has_no_direction(self, tmp_path: Path, t: np.ndarray) -> None:
        nib.save(image_with_intent(t, "z score"), tmp_path / "zfstat1.nii.gz")
        assert call(tmp_path / "zfstat1.nii.gz", tmp_path / "out", "--alternative", "less") == 0
        p = values(tmp_path / "out", "*stat-p_desc-any_*.nii.gz")
        np.testing.assert_allclose(p, stats.norm.sf(t[INSIDE].astype(float)), rtol=1e-5)
        (saved_result,) = (tmp_path / "out" / "group").glob("*forest.npz")
        assert ari.load_result(saved_result).is_f_test

    def test_the_z_map_beside_an_f_map(self, tmp_path: Path, t: np.ndarray) -> None:
        path = write_map(tmp_path, None, t, stat="z")
        assert not analyse_map(path)[0].is_f_test
        write_map(tmp_path, None, t**2, stat="F")
        (result,) = analyse_map(path, ari.Options(alternative=("less",)))
        assert result.is_f_test
        assert any("F_statmap.nii.gz is beside the z map" in note for note in result.notes)

    def test_a_map_in_the_format_of_afni(self, tmp_path: Path, t: np.ndarray) -> None:
        path = write_afni(tmp_path / "stats+tlrc", t, BRICK_STATAUX="0 3 1 12", BRICK_LABS="faces#0_Tstat")
        assert call(path, tmp_path / "out") == 0
        expected = stats.t.sf(t[INSIDE].astype(float), 12)
        (written,) = (tmp_path / "out" / "group").glob("contrast-stats_stat-p_*.nii.gz")
        found = nib.load(written)
        np.testing.assert_allclose(found.get_fdata()[INSIDE], expected, rtol=1e-5)
        np.testing.assert_allclose(found.affine, nib.load(path).affine, atol=1e-5)

    def test_dof_that_contradict_the_header(self, tmp_path: Path, t: np.ndarray, capsys: Capture) -> None:
        nib.save(spm_image(t, "SPM{T_[12.0]} - contrast 1: faces"), tmp_path / "a.nii")
        assert call(tmp_path / "a.nii", tmp_path / "out", "--dof", 24) == 64
        assert "--dof is 24, but a.nii has 12" in capsys.readouterr().err
        assert not (tmp_path / "out").exists() or not results_in(tmp_path / "out")
        with pytest.raises(UsageError, match="has 12"):
            analyse_map(tmp_path / "a.nii", dof=24)
        assert call(tmp_path / "a.nii", tmp_path / "out", "--dof", 12) == 0

    def test_the_file_dof_of_feat(self, tmp_path: Path, t: np.ndarray, capsys: Capture) -> None:
        path = saved(tmp_path / "tstat1.nii.gz", t)
        (tmp_path / "dof").write_text("12\n")
        assert call(path, tmp_path / "out") == 0
        expected = stats.t.sf(t[INSIDE].astype(float), 12)
        np.testing.assert_allclose(values(tmp_path / "out", "*stat-p_*.nii.gz"), expected, rtol=1e-5)
        assert call(path, tmp_path / "other", "--dof", 24) == 64
        assert "--dof is 24, but tstat1.nii.gz has 12 by the file dof beside it" in capsys.readouterr().err

    def test_a_map_of_dof_that_differ_needs_one_number(self, tmp_path: Path, t: np.ndarray, capsys: Capture) -> None:
        path = saved(tmp_path / "tstat1.nii.gz", t)
        saved(tmp_path / "tdof_t1.nii.gz", np.where(t > 0, 12, 11.5))
        assert call(path, tmp_path / "out") == 65
        assert "differ between voxels" in capsys.readouterr().err
        assert call(path, tmp_path / "out", "--dof", 12) == 0

    def test_t_maps_of_feat_in_a_manifest(self, tmp_path: Path, t: np.ndarray, capsys: Capture) -> None:
        """At the participant level; the column dof of the table must agree."""
        for subject in ("01", "02"):
            folder = tmp_path / f"sub-{subject}.feat" / "stats"
            folder.mkdir(parents=True)
            saved(folder / "tstat1.nii.gz", t)
        words = [
            str(tmp_path),
            str(tmp_path / "out"),
            "participant",
            "--manifest",
            str(tmp_path / "maps.tsv"),
            "--stat",
            "t",
        ]
        lines = [f"0{i}\tsub-0{i}.feat/stats/tstat1.nii.gz" for i in (1, 2)]
        (tmp_path / "maps.tsv").write_text("participant_id\tt\n" + "\n".join(lines) + "\n")
        assert main([*words, "--list"]) == 65
        assert "Add a column dof to the manifest" in " ".join(capsys.readouterr().out.split())
        for i in (1, 2):
            (tmp_path / f"sub-0{i}.feat" / "stats" / "dof").write_text(f"{11 + i}\n")
        assert main([*words, "--list"]) == 0
        assert main(words) == 0
        found = [
            json.loads(path.read_text())["DegreesOfFreedom"]
            for path in sorted((tmp_path / "out").glob("sub-*/*stat-t_*.json"))
        ]
        assert found == [12, 13]
        rows = (f"{line}\t20" for line in lines)
        (tmp_path / "maps.tsv").write_text("participant_id\tt\tdof\n" + "\n".join(rows) + "\n")
        assert main([*words, "--rerun"]) == 65
        assert "DegreesOfFreedom is 20, but tstat1.nii.gz has 12 by the file dof beside it" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("tstat1.nii.gz", "no degrees of freedom"),
            ("con_0001.nii", "effects"),
            ("cope1.nii.gz", "effects"),
            ("varcope1.nii.gz", "variances"),
            ("x_tfce_corrp_tstat1.nii.gz", "p-values"),
            ("contrast-a_stat-effect_statmap.nii.gz", "effects"),
        ],
    )
    def test_what_is_refused_by_its_name(
        self, tmp_path: Path, t: np.ndarray, name: str, words: str, capsys: Capture
    ) -> None:
        saved(tmp_path / name, t)
        assert call(tmp_path / name, tmp_path / "out") == 65
        assert words in capsys.readouterr().err
        with pytest.raises(DataError, match=words):
            ari.cluster_tdp(tmp_path / name)

    def test_what_the_header_says_is_wrong(self, tmp_path: Path, t: np.ndarray) -> None:
        """The way out for a z map whose header was copied from the t map."""
        nib.save(spm_image(t, "SPM{T_[12.0]} - contrast 1: faces"), tmp_path / "z.nii")
        assert call(tmp_path / "z.nii", tmp_path / "out") == 65
        assert call(tmp_path / "z.nii", tmp_path / "out", "--stat", "z") == 0
        expected = stats.norm.sf(t[INSIDE].astype(float))
        np.testing.assert_allclose(values(tmp_path / "out", "*stat-p_*.nii.gz"), expected, rtol=1e-5)
        (report,) = (tmp_path / "out" / "group").glob("*report.html")
        assert "Read as z statistics, as stated" in report.read_text()

    def test_own_maps_are_read_with_their_sidecars(self, tmp_path: Path, t: np.ndarray) -> None:
        nib.save(spm_image(t**2, "SPM{F_[2.0,12.0]} - contrast 2: any"), tmp_path / "spmF_0002.nii")
        assert call(tmp_path / "spmF_0002.nii", tmp_path / "out") == 0
        for stat, kind in (("F", "F"), ("z", "z")):
            (path,) = (tmp_path / "out" / "group").glob(f"*stat-{stat}_statmap.nii.gz")
            (result,) = analyse_map(path, ari.Options(threshold=3, tdp=()))
            assert (result.is_f_test, result.contrast.stat) == (True, kind)

    def test_degrees_of_freedom_that_differ_between_voxels(self, tmp_path: Path, t: np.ndarray) -> None:
        """The sidecar has the largest, with which p-values would be too small elsewhere."""
        path = saved(tmp_path / "contrast-a_stat-t_statmap.nii.gz", t)
        saved(tmp_path / "contrast-a_stat-dof_statmap.nii.gz", np.full(SHAPE, 12.0))
        (tmp_path / "contrast-a_stat-t_statmap.json").write_text('{"DegreesOfFreedom": 12}')
        with pytest.raises(DataError, match="differ between voxels"):
            analyse_map(path)


class TestThresholdedMaps:
    def test_are_refused_without_the_voxels_that_were_tested(
        self, tmp_path: Path, t: np.ndarray, capsys: Capture
    ) -> None:
        """Only voxels above the threshold would be tested: all of them would seem active."""
        for i, empty in enumerate((0, np.nan)):
            path = saved(tmp_path / f"map{i}.nii", np.where(np.abs(t) > 2.3, t, empty))
            assert call(path, tmp_path / "out") == 65
            error = capsys.readouterr().err
            assert "is thresholded: no value between 0 and |z| = 2.3" in error
            assert "--mask" in error
            with pytest.raises(DataError, match="thresholded"):
                ari.cluster_tdp(path)

    @pytest.mark.parametrize("empty", [0, np.nan])
    def test_with_a_mask_they_are_valid_with_less_power(self, tmp_path: Path, t: np.ndarray, empty: float) -> None:
        """The bound is that of the whole map, in which values below the threshold are 0."""
        mask = saved(tmp_path / "mask.nii", INSIDE)
        path = saved(tmp_path / "map.nii", np.where(np.abs(t) > 2.3, t, empty))
        (result,) = analyse_map(path, ari.Options(mask=mask, threshold=3, tdp=()))
        (expected,) = analyse_map(saved(tmp_path / "whole.nii", t), ari.Options(mask=mask, threshold=3, tdp=()))
        assert result.space.n_points == INSIDE.sum()
        assert 0 < result.bound.whole <= expected.bound.whole
        assert any("is thresholded" in note for note in result.notes)

    def test_maps_without_negative_values(self, tmp_path: Path, t: np.ndarray, capsys: Capture) -> None:
        """As |z| or F, or after thresholding at 0: half of the tests are lacking, and bounds would be too high."""
        mask = saved(tmp_path / "mask.nii", INSIDE)
        path = saved(tmp_path / "map.nii", np.where(t > 0, t, 0))
        for n, words in enumerate([(), ("--stat", "z"), ("--mask", mask)]):
            assert call(path, tmp_path / f"out{n}", *words) == 0
            assert "no value is negative" in capsys.readouterr().err
        assert field(tmp_path / "out2", "NumberOfVoxels") == INSIDE.sum()

    def test_values_that_were_rounded_to_integers(self, tmp_path: Path, t: np.ndarray, capsys: Capture) -> None:
        """Those below .5 became 0, and count as background where they touch it."""
        nib.save(image(np.rint(t), dtype=np.int16), tmp_path / "zmap.nii")
        assert call(tmp_path / "zmap.nii", tmp_path / "out") == 0
        assert "multiples of 1" in capsys.readouterr().err
        mask = saved(tmp_path / "mask.nii", INSIDE)
        assert call(tmp_path / "zmap.nii", tmp_path / "masked", "--mask", mask) == 0
        assert field(tmp_path / "masked", "NumberOfVoxels") == INSIDE.sum()

    def test_maps_with_few_values_have_a_note(self, tmp_path: Path, t: np.ndarray) -> None:
        """Of 1,320 voxels, 27 are 2 %."""
        few = np.full(SHAPE, np.nan)
        few[3:6, 4:7, 5:8] = t[:3, :3, :3] + np.arange(27).reshape(3, 3, 3) / 10 - 1.05
        (result,) = analyse_map(saved(tmp_path / "zmap.nii", few))
        assert any("27 voxels only, 2.0% of all" in note for note in result.notes)

    def test_the_name_of_a_thresholded_map_alone_is_noted(self, tmp_path: Path, t: np.ndarray) -> None:
        """Its values go down to 0."""
        path = saved(tmp_path / "thresh_zstat1.nii.gz", t)
        (result,) = analyse_map(path)
        (note,) = [note for note in result.notes if "may be thresholded" in note]
        assert "its name, thresh" in note

    def test_a_space_that_does_not_exist_is_noted(self, tmp_path: Path, t: np.ndarray) -> None:
        path = saved(tmp_path / "zstat1.nii.gz", t)
        (result,) = analyse_map(path, space="MNI152NLin6Asymm")
        (note,) = [note for note in result.notes if "TemplateFlow" in note]
        assert note.startswith("TemplateFlow has no space MNI152NLin6Asymm")
        assert note.endswith("Did you mean MNI152NLin6Asym?")
        for space in ("MNI152NLin6Asym", "MNIPediatricAsym+3", "T1w"):
            (result,) = analyse_map(path, space=space)
            assert not any("TemplateFlow" in note for note in result.notes)

    def test_the_map_after_a_program_that_thresholds(self, tmp_path: Path, t: np.ndarray, capsys: Capture) -> None:
        strong = np.where(t > 2.3, t, 0)
        cases = {
            "thresh_zstat1.nii.gz": image_with_intent(strong, "z score"),
            "a.nii": spm_image(strong, "SPM{Z}-filtered: u = 2.300, k = 10"),
            "b.nii": afni_image(strong, BRICK_STATSYM="Zscore()", HISTORY_NOTE="[x] 3dClusterize -inset z"),
        }
        for name, made in cases.items():
            nib.save(made, tmp_path / name)
            assert call(tmp_path / name, tmp_path / "out") == 65
            assert "is thresholded: " in capsys.readouterr().err


class TestParticipants:
    @pytest.mark.parametrize("beside", ["map", "sidecar"])
    def test_the_z_of_an_f_test_has_no_direction(self, tmp_path: Path, t: np.ndarray, beside: str) -> None:
        path = write_map(tmp_path / "in", "01", t, stat="z")
        if beside == "map":
            write_map(tmp_path / "in", "01", t**2, stat="F")
        else:
            path.with_name(path.name.replace(".nii.gz", ".json")).write_text('{"Statistic": "F"}')
        words = (tmp_path / "in", tmp_path / "out", "participant", "--alternative", "less", "--threshold", 3)
        assert main([str(word) for word in words]) == 0
        files = [path.name for path in (tmp_path / "out" / "sub-01").iterdir()]
        assert any("desc-any_" in name for name in files)
        assert not any("less" in name for name in files)
        (report,) = (tmp_path / "out" / "sub-01").glob("*report.html")
        assert "test of any effect" in report.read_text()

    def test_degrees_of_freedom_that_contradict_the_header(
        self, tmp_path: Path, t: np.ndarray, capsys: Capture
    ) -> None:
        path = write_map(tmp_path / "in", "01", t, stat="t")
        nib.save(spm_image(t, "SPM{T_[150.0]} - contrast 1: faces"), path)
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text('{"DegreesOfFreedom": 19}')
        assert main([str(tmp_path / "in"), str(tmp_path / "out"), "participant", "--stat", "t"]) == 65
        assert "DegreesOfFreedom is 19, but" in capsys.readouterr().err

    def test_alpha_is_divided_by_the_number_of_results(self, tmp_path: Path, t: np.ndarray) -> None:
        """An F test has one direction: 1 + 2 results of the two contrasts."""
        write_map(tmp_path / "in", "01", t, stat="z", contrast="any")
        write_map(tmp_path / "in", "01", t**2, stat="F", contrast="any")
        write_map(tmp_path / "in", "01", t, stat="z", contrast="faces")
        words = ("--alternative", "greater", "less", "--split-alpha", "--threshold", "3", "--tdp", "0.5")
        assert main([str(tmp_path / "in"), str(tmp_path / "out"), "participant", *words]) == 0
        found = [ari.load_result(path) for path in tmp_path.rglob("*forest.npz")]
        assert [result.options.n_results for result in found] == [3, 3, 3]

    def test_a_thresholded_map(self, tmp_path: Path, t: np.ndarray, capsys: Capture) -> None:
        write_map(tmp_path / "in", "01", np.where(np.abs(t) > 2.3, t, 0), stat="z")
        assert main([str(tmp_path / "in"), str(tmp_path / "out"), "participant"]) == 65
        assert "thresholded" in capsys.readouterr().err


class TestSpace:
    def test_a_map_of_spm_on_an_anatomical_image(self, tmp_path: Path, t: np.ndarray) -> None:
        nib.save(spm_image(t, "SPM{T_[12.0]} - contrast 1: faces"), tmp_path / "spmT_0001.nii")
        anatomy = saved(tmp_path / "anatomy.nii", np.where(INSIDE, 300, 0))
        words = ("--space", "MNI152NLin6Asym", "--underlay", anatomy)
        assert call(tmp_path / "spmT_0001.nii", tmp_path / "out", *words) == 0
        (report,) = (tmp_path / "out" / "group").glob("space-MNI152NLin6Asym_contrast-spmT0001_*report.html")
        assert "Underlay: anatomy.nii" in report.read_text()
        (explorer,) = (tmp_path / "out" / "group").glob("*explorer.html")
        assert "Underlay: anatomy.nii" in explorer.read_text()

    def test_an_underlay_elsewhere_is_refused_before_anything_is_written(
        self, tmp_path: Path, t: np.ndarray, capsys: Capture
    ) -> None:
        path = saved(tmp_path / "zstat1.nii", t)
        anatomy = saved(tmp_path / "anatomy.nii", np.where(INSIDE, 300, 0), FAR)
        assert call(path, tmp_path / "out", "--underlay", anatomy) == 65
        assert "underlay" in capsys.readouterr().err
        assert call(path, tmp_path / "out", "--underlay", tmp_path / "gone.nii") == 66
        assert not (tmp_path / "out").exists() or not results_in(tmp_path / "out")

    @pytest.mark.parametrize("space", ["", "a b", "../x"])
    def test_a_label_that_is_none(self, tmp_path: Path, space: str) -> None:
        assert call(saved(tmp_path / "zstat1.nii", np.ones(SHAPE)), tmp_path / "out", "--space", space) == 64

    def test_an_atlas_and_a_mask_by_name(self, tmp_path: Path, t: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
        """As TemplateFlow has them: files of the space that --space names."""
        atlas = saved(tmp_path / "tpl-MNI152NLin6Asym_res-02_atlas-Halves_dseg.nii.gz", 1 + (np.indices(SHAPE)[0] > 4))
        mask = saved(tmp_path / "tpl-MNI152NLin6Asym_res-02_desc-brain_mask.nii.gz", INSIDE)
        files = {"dseg": atlas, "mask": mask}

        def found(space: str, suffix: str = "", extension: str = "", **_: object) -> list[Path]:
            return [files[suffix]] if space == "MNI152NLin6Asym" and extension == ".nii.gz" else []

        api = SimpleNamespace(
            ls=found, get=lambda space, raise_empty=False, **query: found(space, **query), templates=list
        )
        monkeypatch.setitem(sys.modules, "templateflow", SimpleNamespace(api=api))
        monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "new"))
        path = tmp_path / "spmT_0001.nii"
        nib.save(spm_image(t, "SPM{T_[12.0]} - contrast 1: faces"), path)
        words = ("--mask", "template", "--atlas", "Halves")
        assert call(path, tmp_path / "out", *words) == 64
        assert call(path, tmp_path / "out", *words, "--space", "MNI152NLin6Asym") == 0
        (table,) = (tmp_path / "out" / "group").glob("*atlas-Halves_*desc-greater_tdp.tsv")
        assert len(table.read_text().splitlines()) == 1 + 2
