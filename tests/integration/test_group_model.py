"""Group models from the command line to the files: designs, tests, weights, pairs, grids, Stats Models."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from builders import AFFINE, SHAPE, brain, describe, without_times, write_map
from nilearn.glm.second_level import SecondLevelModel
from scipy import stats

from bids_ari.cli.main import main

N = 14
AGES = [31, 24, 45, 52, 38, 27, 61, 33, 29, 48, 55, 36, 41, 22]
GROUPS = ["patient" if i % 3 else "control" for i in range(N)]
SITES = ["a", "b", "c", "b", "a", "c", "a", "b", "c", "c", "a", "b", "a", "c"]
STEM = "task-emo_space-MNI152NLin2009cAsym_contrast-faces"
VOXEL = (5, 6, 7)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Effect and variance maps of 14 subjects, patients more active than controls, and a table of them."""
    rng, root = np.random.default_rng(31), tmp_path_factory.mktemp("model") / "in"
    describe(root)
    for i, subject in enumerate(subjects()):
        write_map(root, subject, brain(rng, 2.0 + 3.0 * (GROUPS[i] == "patient")))
        write_map(root, subject, rng.uniform(0.5, 1.5, SHAPE), stat="variance")
    write_people(root, {"age": AGES, "group": GROUPS, "site": SITES})
    return root


def subjects() -> list[str]:
    return [f"{i + 1:02d}" for i in range(N)]


def write_people(root: Path, columns: Mapping[str, Sequence[object]], name: str = "participants.tsv") -> Path:
    frame = pd.DataFrame({"participant_id": [f"sub-{subject}" for subject in subjects()], **columns})
    frame.to_csv(root / name, sep="\t", index=False, na_rep="n/a")
    return root / name


def run(data: Path, out: Path, *words: str) -> Path:
    assert main([str(data), str(out), "group", "--threshold", "3", "--tdp", "0.7", *words]) == 0
    return out / "group"


def values(folder: Path, name: str, stem: str = STEM) -> np.ndarray:
    return np.asarray(nib.load(folder / f"{stem}_{name}.nii.gz").dataobj)


def maps_at(data: Path, stat: str = "effect") -> np.ndarray:
    """The values of all subjects at one voxel."""
    paths = sorted(data.rglob(f"*_stat-{stat}_statmap.nii.gz"))
    return np.array([nib.load(path).dataobj[VOXEL] for path in paths], dtype=float)


def run_with_error(data: Path, out: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main([str(data), str(out), "group", *words])
    return code, capsys.readouterr().err


@pytest.fixture(scope="module")
def folder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("formula") / "out"
    return run(data, out, "--formula", "1 + center(age) + C(site)", "--alternative", "greater", "less")


@pytest.fixture(scope="module")
def model(data: Path) -> "sm.regression.linear_model.RegressionResults":
    """The same at one voxel: intercept, centred age, sites b and c against a."""
    ages = np.array(AGES, dtype=float)
    dummies = [[site == "b", site == "c"] for site in SITES]
    matrix = np.column_stack([np.ones(N), ages - ages.mean(), np.array(dummies, dtype=float)])
    return sm.OLS(maps_at(data), matrix).fit()


class TestFormula:
    def test_each_column_is_tested_and_each_factor(
        self, folder: Path, model: "sm.regression.linear_model.RegressionResults"
    ) -> None:
        """Maps are float32: about 6e-8 of the value."""
        for i, test in enumerate(["intercept", "age", "siteB", "siteC"]):
            assert values(folder, f"test-{test}_stat-t_statmap")[VOXEL] == pytest.approx(model.tvalues[i], rel=1e-6)
            assert values(folder, f"test-{test}_stat-effect_statmap")[VOXEL] == pytest.approx(model.params[i], rel=1e-6)
        f = model.f_test(np.eye(4)[2:])
        assert values(folder, "test-site_stat-F_statmap")[VOXEL] == pytest.approx(float(f.fvalue), rel=1e-6)
        assert values(folder, "test-site_stat-p_desc-any_statmap")[VOXEL] == pytest.approx(float(f.pvalue), rel=1e-5)

    def test_the_mean_is_that_over_subjects_in_any_model(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The reference group is site a; the mean of the model over subjects is that of the maps."""
        folder = run(data, tmp_path / "out", "--formula", "1 + age + site", "--test", "mean=mean", "first=intercept")
        effect = values(folder, "test-mean_stat-effect_statmap")[VOXEL]
        assert effect == pytest.approx(maps_at(data).mean(), rel=1e-6)
        assert values(folder, "test-first_stat-effect_statmap")[VOXEL] != pytest.approx(effect, rel=0.01)
        words = ("--formula", "1 + site", "--test", "mean=1")
        code, error = run_with_error(data, tmp_path / "other", capsys, *words)
        assert (code, "the effect at site a" in error, "mean=mean" in error) == (64, True, True)

    def test_an_f_test_has_no_direction(self, folder: Path) -> None:
        names = {path.name for path in folder.glob("*test-site_*")}
        assert not any("greater" in name or "less" in name for name in names)
        assert f"{STEM}_test-site_desc-any_report.html" in names
        assert f"{STEM}_test-site_stat-effect_statmap.nii.gz" not in names
        assert f"{STEM}_test-age_desc-less_report.html" in {path.name for path in folder.iterdir()}
        z = values(folder, "test-site_stat-z_statmap")[VOXEL]
        assert stats.norm.sf(z) == pytest.approx(values(folder, "test-site_stat-p_desc-any_statmap")[VOXEL], rel=1e-5)

    def test_sidecars_and_design_files(self, folder: Path) -> None:
        sidecar = json.loads((folder / f"{STEM}_test-site_stat-z_statmap.json").read_text())
        assert sidecar["Formula"] == "1 + center(age) + C(site)"
        assert sidecar["Statistic"] == "F"
        assert (sidecar["DegreesOfFreedomOfRows"], sidecar["DegreesOfFreedom"]) == (2, N - 4)
        assert sidecar["Weights"] == [{"C(site)[T.b]": 1.0}, {"C(site)[T.c]": 1.0}]
        design = json.loads((folder / f"{STEM}_design.json").read_text())
        assert "reference a" in design["Factors"]["site"]
        assert set(design["Tests"]) == {"intercept", "age", "siteB", "siteC", "site"}
        table = pd.read_csv(folder / f"{STEM}_design.tsv", sep="\t")
        assert table["center(age)"].sum() == pytest.approx(0, abs=1e-7)  # ten digits are written
        assert table["leverage"].sum() == pytest.approx(4, abs=1e-7)  # the number of columns
        assert {"map_correlation", "residual", "influence_site"} <= set(table)

    def test_the_report_shows_model_and_subjects(self, folder: Path) -> None:
        page = (folder / f"{STEM}_test-site_desc-any_report.html").read_text()
        for part in (
            "1 + center(age) + C(site)",
            "was compared with zero by an F test",
            "_design.png",
            "sub-07",
        ):
            assert part in page, part
        assert "2 and 10 degrees of freedom" in page
        assert "at least one of the linear combinations tested (site) differs from zero" in page

    def test_reports_only(self, folder: Path, data: Path) -> None:
        name = f"{STEM}_test-site_desc-any_report.html"
        before = (folder / name).read_bytes()
        assert main([str(data), str(folder.parent), "group", "--reports-only"]) == 0
        assert without_times((folder / name).read_bytes()) == without_times(before)

    def test_list_prints_columns_and_tests(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([str(data), str(tmp_path / "o"), "group", "--list", "--formula", "1 + center(age) + C(site)"]) == 0
        printed = " ".join(capsys.readouterr().out.split())
        assert "columns intercept, center(age), C(site)[T.b], C(site)[T.c]" in printed
        assert "tests intercept (t), age (t), siteB (t), siteC (t), site (F)" in printed
        assert not (tmp_path / "o").exists()


class TestTests:
    def test_named_combinations(self, data: Path, tmp_path: Path) -> None:
        folder = run(
            data, tmp_path / "out", "--formula", "0 + C(group)",
            "--test", "more=group[patient] - group[control]", "both=group[patient]; group[control]",
        )  # fmt: skip
        at, patient = maps_at(data), np.array([group == "patient" for group in GROUPS])
        expected = stats.ttest_ind(at[patient], at[~patient])
        assert values(folder, "test-more_stat-t_statmap")[VOXEL] == pytest.approx(expected.statistic, rel=1e-6)
        matrix = np.column_stack([patient, ~patient]).astype(float)
        f = sm.OLS(at, matrix).fit().f_test(np.eye(2))
        assert values(folder, "test-both_stat-F_statmap")[VOXEL] == pytest.approx(float(f.fvalue), rel=1e-6)
        assert not list(folder.glob("*test-groupPatient*"))

    def test_alpha_is_divided_over_tests_and_directions(self, data: Path, tmp_path: Path) -> None:
        """Two t tests in two directions and an F test: five results."""
        folder = run(
            data, tmp_path / "out", "--formula", "1 + age", "--split-alpha", "--alternative", "greater", "less",
            "--test", "young=1", "age=age", "any=1;age",
        )  # fmt: skip
        sidecar = json.loads((folder / f"{STEM}_test-any_stat-tdp_desc-any_statmap.json").read_text())
        assert (sidecar["Alpha"], sidecar["AlphaDividedBy"]) == (pytest.approx(0.01), 5)

    def test_another_model_replaces_former_results(self, data: Path, tmp_path: Path) -> None:
        run(data, tmp_path / "out", "--formula", "1 + age")
        folder = run(data, tmp_path / "out", "--rerun")
        assert {path.name.split("test-")[1].split("_")[0] for path in folder.glob("*test-*")} == {"mean"}

    @pytest.mark.parametrize(
        ("words", "code", "part"),
        [
            (["--formula", "1 + iq"], 65, "iq"),
            (["--formula", "1 + age +"], 64, "formula"),
            (["--formula", "1 + __import__('os').getcwd()"], 64, "__import__"),
            (["--test", "mean = nobody"], 64, "nobody"),
            (["--test", "no name"], 64, "NAME=EXPRESSION"),
            (["--formula", "1 + age", "--variance", "unequal"], 65, "age"),
            (["--estimator", "mixed", "--variance", "unequal"], 64, "mixed"),
            (["--estimator", "fixed", "--smoothing", "4"], 64, "Smoothing"),
            (["--model", "m.json", "--formula", "age"], 64, "Both formula and model"),
            (["--node", "n"], 64, "node requires a Stats Model"),
            (["--participants", "no.tsv", "--formula", "age"], 66, "no.tsv"),
            (["--participants", "no.tsv"], 66, "no.tsv"),
            (["--paired", ""], 64, "paired is"),
            (["--variance", "unequal"], 65, "the model has one group"),
        ],
    )
    def test_errors(
        self,
        words: list[str],
        code: int,
        part: str,
        data: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        found, message = run_with_error(data, tmp_path / "out", capsys, *words)
        assert (found, part in message) == (code, True), message
        assert not list(tmp_path.glob("out/group/*"))


class TestMissingAndUnfitData:
    def table(self, data: Path, tmp_path: Path, **columns: Sequence[object]) -> list[str]:
        return ["--participants", str(write_people(tmp_path, columns, "people.tsv"))]

    def test_subjects_without_a_value_are_excluded(self, data: Path, tmp_path: Path) -> None:
        ages = [None if i == 4 else age for i, age in enumerate(AGES)]
        folder = run(data, tmp_path / "out", "--formula", "1 + age", *self.table(data, tmp_path, age=ages))
        design = json.loads((folder / f"{STEM}_design.json").read_text())
        (entry,) = [entry for entry in design["LeftOut"] if entry["What"] == "sub-05"]
        assert "age" in entry["Reason"]
        assert "people.tsv" in entry["Reason"]
        assert len(pd.read_csv(folder / f"{STEM}_design.tsv", sep="\t")) == N - 1
        report = (folder / f"{STEM}_test-age_desc-greater_report.html").read_text()
        assert entry["Reason"] in report.replace("&#39;", "'").replace("&#34;", '"')

    def test_missing_error(self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = self.table(data, tmp_path, age=[None if i == 4 else age for i, age in enumerate(AGES)])
        code, message = run_with_error(
            data, tmp_path / "out", capsys, "--formula", "1 + age", "--missing", "error", *words
        )
        assert code == 65
        assert "sub-05" in message
        assert "age" in message

    @pytest.mark.parametrize(
        ("formula", "columns", "parts"),
        [
            ("1 + dose", {"dose": [2] * N}, ["Column dose", "is 2 for all 14 subjects"]),
            ("1 + age + months", {"age": AGES, "months": [12 * age for age in AGES]}, ["age", "months"]),
            ("1 + center(age)", {"age": [*AGES[:-1], "12y"]}, ["12y", "sub-14", "age"]),
            ("1 + C(who)", {"who": [f"p{i}" for i in range(N)]}, ["14 subjects", "14 columns"]),
        ],
    )
    def test_designs_that_cannot_be_fitted(
        self,
        formula: str,
        columns: dict[str, Sequence[object]],
        parts: list[str],
        data: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        words = self.table(data, tmp_path, **columns)
        code, message = run_with_error(data, tmp_path / "out", capsys, "--formula", formula, *words)
        assert code == 65
        assert [part for part in parts if part not in message] == [], message


def test_welch_is_scipy(data: Path, tmp_path: Path) -> None:
    folder = run(
        data, tmp_path / "out", "--formula", "0 + group", "--variance", "unequal", "--test", "more=patient - control"
    )
    at, patient = maps_at(data), np.array([group == "patient" for group in GROUPS])
    expected = stats.ttest_ind(at[patient], at[~patient], equal_var=False)
    assert values(folder, "test-more_stat-t_statmap")[VOXEL] == pytest.approx(expected.statistic, rel=1e-6)
    assert values(folder, "test-more_stat-dof_statmap")[VOXEL] == pytest.approx(expected.df, rel=1e-6)
    page = (folder / f"{STEM}_test-more_desc-greater_report.html").read_text()
    assert "Groups by group of 5, 9 subjects" in page
    assert "There were up to " in page
    assert "Welch" in page


def test_sign_flips_with_unequal_variances_find_what_is_there(data: Path, tmp_path: Path) -> None:
    """The difference of the groups, and familywise p, by flips; permutations of subjects are refused."""
    flips = ["--method", "permutation", "--n-permutations", "100", "--random-seed", "1"]
    words = ["--formula", "0 + group", "--variance", "unequal", "--test", "more=patient - control", *flips]
    folder = run(data, tmp_path / "out", *words)
    name = f"{STEM}_test-more_desc-greaterPermutation"
    sidecar = json.loads(next(folder.glob("*_test-more_*stat-tdp*.json")).read_text())
    assert (sidecar["Draws"], sidecar["Exactness"]) == ("sign flips", "approximate")
    page = (folder / f"{name}_report.html").read_text()
    assert "residuals from group means that satisfy the null hypothesis" in page
    assert "Sign flips with unequal variances are approximate" in page
    assert list(folder.glob("*test-more*stat-pFWE*"))


class TestWeights:
    def test_fixed_effects_by_hand(self, data: Path, tmp_path: Path) -> None:
        """Sum of e / v over sum of 1 / v, with variance 1 / (sum of 1 / v)."""
        folder = run(data, tmp_path / "out", "--estimator", "fixed")
        effect, precision = maps_at(data), 1 / maps_at(data, "variance")
        mean = (effect * precision).sum() / precision.sum()
        assert values(folder, "test-mean_stat-effect_statmap")[VOXEL] == pytest.approx(mean, rel=1e-6)
        z = mean * np.sqrt(precision.sum())
        assert values(folder, "test-mean_stat-z_statmap")[VOXEL] == pytest.approx(z, rel=1e-6)
        page = (folder / f"{STEM}_test-mean_desc-greater_report.html").read_text()
        assert "about these 14 subjects only" in page
        assert "compared with zero by a z test (one-sided, effect above zero)" in page
        assert not list(folder.glob("*stat-t_*"))  # with variances that are known, t is z

    def test_mixed_effects_are_those_of_pymare(self, data: Path, tmp_path: Path) -> None:
        pymare = pytest.importorskip("pymare")
        folder = run(data, tmp_path / "out", "--estimator", "mixed")
        effect, variance = maps_at(data)[:, None], maps_at(data, "variance")[:, None]
        model = pymare.estimators.DerSimonianLaird().fit_dataset(pymare.Dataset(effect, variance))
        assert values(folder, "stat-tau2_statmap")[VOXEL] == pytest.approx(
            float(np.ravel(model.params_["tau2"])[0]), rel=1e-6
        )
        fixed = float(np.ravel(model.params_["fe_params"])[0])
        assert values(folder, "test-mean_stat-effect_statmap")[VOXEL] == pytest.approx(fixed, rel=1e-6)
        sidecar = json.loads((folder / f"{STEM}_test-mean_stat-z_statmap.json").read_text())
        assert "Knapp-Hartung" in sidecar["Estimator"]
        members = pd.read_csv(folder / f"{STEM}_design.tsv", sep="\t")
        assert members["variance"].str.endswith("stat-variance_statmap.nii.gz").all()

    def test_maps_without_variances(
        self, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for subject in ("01", "02", "03"):
            write_map(tmp_path / "in", subject, brain(rng))
        code, message = run_with_error(tmp_path / "in", tmp_path / "out", capsys, "--estimator", "mixed")
        assert code == 65
        assert "variance" in message


def test_paired_differences_are_scipys_paired_test(tmp_path: Path, rng: np.random.Generator) -> None:
    maps = {}
    for i in range(8):
        for session, signal in (("pre", 1.0), ("post", 3.0)):
            maps[i, session] = brain(rng, signal)
            write_map(tmp_path / "in", f"{i:02d}", maps[i, session], session=session)
    folder = run(tmp_path / "in", tmp_path / "out", "--paired", "session=post-pre")
    at = {session: [np.float32(maps[i, session][VOXEL]) for i in range(8)] for session in ("pre", "post")}
    expected = stats.ttest_rel(np.array(at["post"], float), np.array(at["pre"], float))
    stem = "task-emo_space-MNI152NLin2009cAsym_contrast-facesSesPostMinusSesPre"
    assert values(folder, "test-mean_stat-t_statmap", stem)[VOXEL] == pytest.approx(expected.statistic, rel=1e-6)
    table = pd.read_csv(folder / f"{stem}_design.tsv", sep="\t")
    assert table["source"].str.contains("ses-post").all()
    assert table["minus"].str.contains("ses-pre").all()
    assert (table["minus_sha256"].str.len() == 64).all()
    assert "ses-post minus ses-pre" in (folder / f"{stem}_test-mean_desc-greater_report.html").read_text()


class TestGrids:
    def test_resampling_to_the_first_grid(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """After a shift by a whole voxel, resampling moves values without changing them."""
        moved = AFFINE.copy()
        moved[:3, 3] += AFFINE[:3, 2]
        maps = [brain(rng, 3.0) for _ in range(5)]
        for i, data in enumerate(maps):
            shifted = np.roll(data, -1, axis=2)  # the outermost layer holds zeros
            write_map(tmp_path / "in", f"{i}", shifted if i == 3 else data, affine=moved if i == 3 else AFFINE)
        folder = run(tmp_path / "in", tmp_path / "out", "--target-grid", "first")
        at = [float(np.float32(data[VOXEL])) for data in maps]
        expected = stats.ttest_1samp(at, 0).statistic
        assert values(folder, "test-mean_stat-t_statmap")[VOXEL] == pytest.approx(expected, rel=1e-5)
        assert "resampled" in (folder / f"{STEM}_test-mean_desc-greater_report.html").read_text()
        table = pd.read_csv(folder / f"{STEM}_design.tsv", sep="\t")
        assert dict(zip(table["participant_id"], table["resampled"], strict=True)) == {
            f"sub-{i}": "yes" if i == 3 else "no" for i in range(5)
        }

    def test_different_grids_are_an_error(
        self, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for i in range(3):
            write_map(tmp_path / "in", f"{i}", brain(rng), affine=AFFINE * [[1], [1], [1 + 0.1 * (i == 2)], [1]])
        code, message = run_with_error(tmp_path / "in", tmp_path / "out", capsys)
        assert code == 65
        assert "--target-grid" in message

    def test_voxels_with_missing_subjects(self, tmp_path: Path, rng: np.random.Generator) -> None:
        for i in range(10):
            data = brain(rng, 3.0)
            if i == 0:
                data[:, :, 7:] = np.nan
            write_map(tmp_path / "in", f"{i:02d}", data)
        folder = run(tmp_path / "in", tmp_path / "out", "--coverage", "0.9")
        dof = values(folder, "test-mean_stat-dof_statmap")
        assert (dof[5, 6, 6], dof[VOXEL]) == (9, 8)


class TestModels:
    def model(self, tmp_path: Path, **node: object) -> Path:
        nodes = [
            {"Level": "Run", "Name": "run", "GroupBy": ["run", "subject"], "Model": {"Type": "glm", "X": ["faces"]}},
            {"Level": "Dataset", "Name": "group", "GroupBy": ["contrast"], **node},
        ]
        edges = [{"Source": "run", "Destination": "group", "Filter": {"contrast": ["faces"]}}]
        content = {"Name": "m", "BIDSModelVersion": "1.0.0", "Nodes": nodes, "Edges": edges}
        (tmp_path / "model_smdl.json").write_text(json.dumps(content))
        return tmp_path / "model_smdl.json"

    def test_flags_and_model_give_identical_maps(self, data: Path, tmp_path: Path) -> None:
        """The same analysis specified in two ways: identical bytes."""
        scale = {"Name": "Scale", "Input": ["age"], "Demean": True, "Rescale": False, "Output": ["aged"]}
        factor = {"Name": "Factor", "Input": ["group"]}
        model = self.model(
            tmp_path,
            Transformations={"Transformer": "pybids-transforms-v1", "Instructions": [scale, factor]},
            Model={"Type": "glm", "X": [1, "aged", "group.patient"]},
            Contrasts=[
                {"Name": "aging", "ConditionList": ["aged"], "Weights": [1], "Test": "t"},
                {"Name": "both", "ConditionList": ["aged", "group.patient"], "Weights": [[1, 0], [0, 1]], "Test": "F"},
            ],
        )
        by_model = run(data, tmp_path / "model", "--model", str(model))
        by_flags = run(
            data, tmp_path / "flags", "--formula", "1 + center(age) + C(group)",
            "--test", "aging=age", "both=age; group[T.patient]",
        )  # fmt: skip
        names = sorted(path.name for path in by_flags.glob("*.nii.gz"))
        assert names == sorted(path.name for path in by_model.glob("*.nii.gz"))
        assert len(names) > 20
        for name in names:
            assert (by_flags / name).read_bytes() == (by_model / name).read_bytes(), name
        page = (by_model / f"{STEM}_test-both_desc-any_report.html").read_text()
        assert "model_smdl.json" in page

    def test_type_meta_is_fixed_effects(self, data: Path, tmp_path: Path) -> None:
        model = self.model(tmp_path, Model={"Type": "meta", "X": [1]}, DummyContrasts={"Test": "t"})
        by_model = run(data, tmp_path / "model", "--model", str(model))
        by_flags = run(data, tmp_path / "flags", "--estimator", "fixed")
        name = f"{STEM}_test-mean_stat-z_statmap.nii.gz"
        assert (by_flags / name).read_bytes() == (by_model / name).read_bytes()

    def test_unsupported_parts_are_errors(self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        model = self.model(tmp_path, Model={"X": [1], "VarianceComponents": [{"Name": "site"}]})
        code, message = run_with_error(data, tmp_path / "out", capsys, "--model", str(model))
        assert code == 64
        assert "VarianceComponents" in message


def test_f_maps_are_those_of_nilearn(data: Path, tmp_path: Path) -> None:
    """SecondLevelModel on the same maps and design; it keeps float32 maps, so some 1e-5 of the statistic."""
    folder = run(data, tmp_path / "out", "--formula", "1 + C(site)")
    paths = sorted(data.rglob("*_stat-effect_statmap.nii.gz"))
    dummies = np.array([[site == "b", site == "c"] for site in SITES], dtype=float)
    design = pd.DataFrame(np.column_stack([np.ones(N), dummies]), columns=["intercept", "b", "c"])
    mask = nib.load(folder / f"{STEM}_desc-analysis_mask.nii.gz")
    model = SecondLevelModel(mask_img=mask).fit([str(path) for path in paths], design_matrix=design)
    contrast = np.eye(3)[1:]
    for output, ours in (("stat", "F"), ("z_score", "z")):
        theirs = model.compute_contrast(contrast, second_level_stat_type="F", output_type=output).get_fdata()
        inside = mask.get_fdata() > 0
        np.testing.assert_allclose(
            values(folder, f"test-site_stat-{ours}_statmap")[inside], theirs[inside], rtol=1e-3, atol=1e-4
        )


def test_values_on_disk_give_identical_maps(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With little memory, values are stored on disk."""
    wide, narrow = run(data, tmp_path / "wide"), run(data, tmp_path / "narrow", "--mem", "0.5")
    assert capsys.readouterr().err.count("are stored on disk") == 1
    names = sorted(path.name for path in wide.glob("*.nii.gz"))
    assert names
    assert all((wide / name).read_bytes() == (narrow / name).read_bytes() for name in names)


def test_an_outlier_is_noted(tmp_path: Path, rng: np.random.Generator) -> None:
    common = rng.normal(size=SHAPE)
    for i in range(12):
        data = brain(rng, 2.0)
        data[data != 0] += (3 * common * (-1 if i == 6 else 1))[data != 0]
        write_map(tmp_path / "in", f"{i:02d}", data)
    folder = run(tmp_path / "in", tmp_path / "out")
    (note,) = [
        note for note in json.loads((folder / f"{STEM}_design.json").read_text())["Notes"] if "Possible outlier" in note
    ]
    assert "sub-06" in note


def test_constant_maps_and_too_large_values_are_noted(tmp_path: Path, rng: np.random.Generator) -> None:
    """Squares of 1e30 are infinite in float32, those of 1e200 in float64."""
    for i in range(8):
        data = brain(rng, 2.0)
        if i == 2:
            data[data != 0] = 3.7
        if i in (4, 5):
            data[4, 4, i] = 1e30 if i == 4 else 1e200
        write_map(tmp_path / "in", f"{i:02d}", data, dtype=np.float64)
    folder = run(tmp_path / "in", tmp_path / "out")
    notes = json.loads((folder / f"{STEM}_design.json").read_text())["Notes"]
    (outliers,) = [note for note in notes if "Possible outlier" in note]
    assert "sub-02 (correlation none" in outliers
    assert "constant" in outliers
    assert any("sub-02 (3.7)" in note and "constant" in note for note in notes)
    assert any("sub-04 (1), sub-05 (1)" in note and "values beyond" in note for note in notes)
