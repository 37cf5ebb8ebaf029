"""Questions within subjects from the command line to the files: repeated measures, time x group, permutation."""

import json
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import brain, describe, map_path, without_times, write_map
from scipy import stats
from statsmodels.multivariate.manova import MANOVA

from bids_ari.cli.main import main
from bids_ari.outputs.archive import load_result

N = 12
SESSIONS = ("1", "2", "3")
GROUPS = ["patient" if i % 3 else "control" for i in range(N)]
BEGIN = "task-emo_space-MNI152NLin2009cAsym_contrast-faces"
VOXEL = (4, 5, 6)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sessions of 12 subjects, whose effect grows in patients; a 13th subject lacks the second session."""
    rng, root = np.random.default_rng(47), tmp_path_factory.mktemp("within") / "in"
    describe(root)
    for i in range(N + 1):
        own = brain(rng)
        for j, session in enumerate(SESSIONS):
            growth = (1.0 + 2.0 * (i < N and GROUPS[i] == "patient")) * j
            if (i, session) != (N, "2"):
                write_map(root, f"{i + 1:02d}", own + brain(rng, growth), session=session)
    rows = [f"sub-{i + 1:02d}\t{group}" for i, group in enumerate([*GROUPS, "control"])]
    (root / "participants.tsv").write_text("\n".join(["participant_id\tgroup", *rows]) + "\n")
    return root


def run(data: Path, out: Path, *words: str) -> Path:
    assert main([str(data), str(out), "group", "--threshold", "3", "--tdp", "0.7", *words]) == 0
    return out / "group"


def values(folder: Path, name: str) -> np.ndarray:
    return np.asarray(nib.load(folder / f"{BEGIN}{name}.nii.gz").dataobj)


def sidecar(folder: Path, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / f"{BEGIN}{name}.json").read_text())
    return found


def at_voxel(data: Path, *sessions: str, n: int = N) -> np.ndarray:
    """The values of all subjects at one voxel, (n_subjects, n_sessions)."""
    paths = [[map_path(data, f"{i + 1:02d}", session=session) for session in sessions] for i in range(n)]
    return np.array([[nib.load(path).dataobj[VOXEL] for path in row] for row in paths], dtype=float)


@pytest.fixture(scope="module")
def folder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Any difference between sessions, beside groups."""
    words = ("--within", "session", "--formula", "1 + group", "--test", "mean=mean", "group=group")
    return run(data, tmp_path_factory.mktemp("omnibus") / "out", *words)


class TestRepeatedMeasures:
    def test_time_by_group_is_that_of_manova(self, folder: Path, data: Path) -> None:
        """Wilks' lambda of the group in the differences of later sessions from the first; maps are float32."""
        y = at_voxel(data, *SESSIONS)
        table = pd.DataFrame({"a": y[:, 1] - y[:, 0], "b": y[:, 2] - y[:, 0], "group": GROUPS})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = MANOVA.from_formula("a + b ~ group", table).mv_test().results["group"]["stat"]
        row = found.loc["Wilks' lambda"]
        name = "Ses1Vs2Vs3_test-group_stat-"
        assert values(folder, f"{name}F_statmap")[VOXEL] == pytest.approx(float(row["F Value"]), rel=1e-5)
        p = values(folder, f"{name}p_desc-any_statmap")[VOXEL]
        assert p == pytest.approx(float(row["Pr > F"]), rel=1e-4)
        about = sidecar(folder, f"{name}F_statmap")
        assert (about["DegreesOfFreedomOfRows"], about["DegreesOfFreedom"]) == (2, N - 2 - 1)
        assert about["MultivariateTest"] == "Hotelling's T2"
        z = values(folder, f"{name}z_statmap")[VOXEL]
        assert stats.norm.sf(z) == pytest.approx(p, rel=1e-4)

    def test_three_groups_are_those_of_manova(self, data: Path, tmp_path: Path) -> None:
        """Two rows in two differences: Wilks' lambda, with Rao's exact F; 2 * 2 and 2 * (9 - 1) degrees."""
        sites = ["abc"[i % 3] for i in range(N)]
        rows = [f"sub-{i + 1:02d}\t{site}" for i, site in enumerate(sites)]
        (tmp_path / "people.tsv").write_text("\n".join(["participant_id\tsite", *rows]) + "\n")
        words = ("--participants", str(tmp_path / "people.tsv"), "--formula", "1 + site", "--test", "site=site")
        folder = run(data, tmp_path / "out", "--within", "session", *words)
        y = at_voxel(data, *SESSIONS)
        table = pd.DataFrame({"a": y[:, 1] - y[:, 0], "b": y[:, 2] - y[:, 0], "site": sites})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            row = MANOVA.from_formula("a + b ~ site", table).mv_test().results["site"]["stat"].loc["Wilks' lambda"]
        name = "Ses1Vs2Vs3_test-site_stat-"
        assert values(folder, f"{name}F_statmap")[VOXEL] == pytest.approx(float(row["F Value"]), rel=1e-5)
        assert values(folder, f"{name}p_desc-any_statmap")[VOXEL] == pytest.approx(float(row["Pr > F"]), rel=1e-4)
        about = sidecar(folder, f"{name}F_statmap")
        assert (about["DegreesOfFreedomOfRows"], about["DegreesOfFreedom"]) == (4, 16)
        assert about["MultivariateTest"] == "Wilks' lambda"
        page = (folder / f"{BEGIN}Ses1Vs2Vs3_test-site_desc-any_report.html").read_text()
        assert "Wilks" in page
        assert not list(folder.glob("*test-site_stat-effect*"))  # no estimate of several rows

    def test_the_mean_is_that_of_hotelling(self, folder: Path, data: Path) -> None:
        """T2 of the mean over subjects in a model of groups: H and E as in the definition."""
        y = at_voxel(data, *SESSIONS)
        d = y[:, 1:] - y[:, :1]
        x = np.column_stack([np.ones(N), [group == "patient" for group in GROUPS]]).astype(float)
        b, inverse = np.linalg.lstsq(x, d, rcond=None)[0], np.linalg.inv(x.T @ x)
        c = x.mean(axis=0)
        e = (d - x @ b).T @ (d - x @ b)
        t2 = (N - 2) * (c @ b) @ np.linalg.solve(e, c @ b) / (c @ inverse @ c)
        f = (N - 2 - 1) / ((N - 2) * 2) * t2
        assert values(folder, "Ses1Vs2Vs3_test-mean_stat-F_statmap")[VOXEL] == pytest.approx(f, rel=1e-5)
        for i, pair in enumerate(("ses2MinusSes1", "ses3MinusSes1")):
            effect = values(folder, f"Ses1Vs2Vs3_test-mean_stat-effect_desc-{pair}_statmap")[VOXEL]
            assert effect == pytest.approx((c @ b)[i], rel=1e-5)

    def test_a_subject_without_a_session_is_excluded(self, folder: Path) -> None:
        about = sidecar(folder, "Ses1Vs2Vs3_design")
        assert {"What": "sub-13", "Reason": "no effect map of ses-2"} in about["LeftOut"]  # type: ignore[operator]
        assert about["WithinSubjects"]["Levels"] == ["ses-1", "ses-2", "ses-3"]  # type: ignore[index]
        assert {each["Statistic"] for each in about["Tests"].values()} == {"F"}  # type: ignore[attr-defined]
        table = pd.read_csv(folder / f"{BEGIN}Ses1Vs2Vs3_design.tsv", sep="\t")
        assert len(table) == N
        assert all(len(cell.split(", ")) == 3 for cell in table["source"])
        assert set(table["weights"]) == {"-1 -1, 1 0, 0 1"}
        assert "minus" not in table

    def test_report_explorer_and_index_name_the_question(self, folder: Path) -> None:
        page = (folder / f"{BEGIN}Ses1Vs2Vs3_test-group_desc-any_report.html").read_text()
        for part in ("Hotelling", "repeated measures", "ses-2 minus ses-1", "sphericity", "sub-07"):
            assert part in page, part
        assert (folder / f"{BEGIN}Ses1Vs2Vs3_test-group_desc-any_explorer.html").exists()
        (citation,) = folder.parent.rglob("CITATION.md")
        assert "Hotelling" in citation.read_text()

    def test_archive_and_reports_only(self, folder: Path, data: Path) -> None:
        stem = f"{BEGIN}Ses1Vs2Vs3_test-mean_desc-any"
        result = load_result(folder / f"{stem}_forest.npz")
        assert result.glm.effects is not None
        assert result.glm.effects.shape == (2, result.space.n_points)
        assert (result.glm.n_rows, result.dof) == (2, N - 3)
        before = (folder / f"{stem}_report.html").read_bytes()
        assert main([str(data), str(folder.parent), "group", "--reports-only"]) == 0
        assert without_times((folder / f"{stem}_report.html").read_bytes()) == without_times(before)

    def test_tables_of_clusters_have_the_effect_of_each_difference(self, folder: Path) -> None:
        """Which an F test does not tell: the largest cluster is where sessions 2 and 3 are higher."""
        name = f"{BEGIN}Ses1Vs2Vs3_test-mean_desc-anyZ3"
        first = pd.read_csv(folder / f"{name}_clusters.tsv", sep="\t").iloc[0]
        inside = np.asarray(nib.load(folder / f"{name}_dseg.nii.gz").dataobj) == 1
        for pair in ("ses2MinusSes1", "ses3MinusSes1"):
            effect = values(folder, f"Ses1Vs2Vs3_test-mean_stat-effect_desc-{pair}_statmap")
            assert first[f"mean_effect_{pair}"] == pytest.approx(effect[inside].mean(), rel=1e-5)
        assert first.mean_effect_ses3MinusSes1 > first.mean_effect_ses2MinusSes1 > 0
        about = json.loads((folder / f"{name}_clusters.json").read_text())
        assert "ses-3 minus ses-1" in about["mean_effect_ses3MinusSes1"]["Description"]

    def test_smoothing_is_that_of_the_differences(self, data: Path, tmp_path: Path) -> None:
        """A sum of smoothed maps is the smoothed sum, where all have data."""
        one = run(data, tmp_path / "one", "--within", "session", "--smoothing", "6")
        other = run(data, tmp_path / "two", "--paired", "session=2-1", "--exclude", "13", "--smoothing", "6")
        found = values(one, "Ses1Vs2Vs3_test-mean_stat-effect_desc-ses2MinusSes1_statmap")
        expected = values(other, "Ses2MinusSes1_test-mean_stat-effect_statmap")
        np.testing.assert_array_equal(found, expected)


class TestContrasts:
    def test_two_levels_are_those_of_paired_to_the_bit(self, data: Path, tmp_path: Path) -> None:
        one = run(data, tmp_path / "one", "--within", "session=1,3")
        other = run(data, tmp_path / "two", "--paired", "session=3-1")
        names = {path.name for path in one.glob("*.nii.gz")}
        assert names == {path.name for path in other.glob("*.nii.gz")}
        assert len(names) > 5
        for name in names:
            assert (one / name).read_bytes() == (other / name).read_bytes(), name

    def test_a_row_of_weights_is_a_t_test_with_direction(self, data: Path, tmp_path: Path) -> None:
        words = ("--within", "session", "--within-contrast", "trend=-1,0,1", "late=-1/2,-1/2,1")
        out = run(data, tmp_path / "out", *words, "--alternative", "greater", "less")
        paired = run(data, tmp_path / "two", "--paired", "session=3-1")
        name = "_test-mean_stat-t_statmap"
        np.testing.assert_array_equal(values(out, f"Trend{name}"), values(paired, f"Ses3MinusSes1{name}"))
        y = at_voxel(data, *SESSIONS)
        expected = stats.ttest_1samp(y[:, 2] - (y[:, 0] + y[:, 1]) / 2, 0).statistic
        assert values(out, f"Late{name}")[VOXEL] == pytest.approx(expected, rel=1e-5)
        assert (out / f"{BEGIN}Late_test-mean_desc-less_report.html").exists()
        about = sidecar(out, f"Late{name}")
        assert about["WithinSubjects"]["Weights"] == [{"ses-1": -0.5, "ses-2": -0.5, "ses-3": 1.0}]  # type: ignore[index]
        assert "MultivariateTest" not in about

    def test_alpha_is_divided_over_questions(self, data: Path, tmp_path: Path) -> None:
        """A joint test has one direction, and a difference two."""
        words = ("--within-contrast", "any=-1,1,0;-1,0,1", "trend=-1,0,1", "--alternative", "greater", "less")
        folder = run(data, tmp_path / "out", "--within", "session", *words, "--split-alpha")
        for name in ("Any_test-mean_stat-tdp_desc-any_statmap", "Trend_test-mean_stat-tdp_desc-less_statmap"):
            assert sidecar(folder, name)["AlphaDividedBy"] == 3

    def test_permutation_moves_all_maps_of_a_subject(self, data: Path, tmp_path: Path) -> None:
        words = ("--within", "session", "--method", "permutation", "--n-permutations", "50", "--random-seed", "1")
        folder = run(data, tmp_path / "out", *words)
        result = load_result(folder / f"{BEGIN}Ses1Vs2Vs3_test-mean_desc-anyPermutation_forest.npz")
        assert result.calibrated is not None
        assert (result.calibrated.shuffle, result.calibrated.n_permutations) == ("flip", 50)
        assert result.bound.whole > 0
        assert result.familywise is not None
        assert values(folder, "Ses1Vs2Vs3_test-mean_stat-pFWE_desc-anyPermutation_statmap")[VOXEL] >= np.float32(1 / 50)

    def test_approximate_tests_need_permutations(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Three rows in three differences have no exact p."""
        table = tmp_path / "people.tsv"
        rows = [f"sub-{i + 1:02d}\t{'abcd'[i % 4]}" for i in range(N)]
        table.write_text("\n".join(["participant_id\tsite", *rows]) + "\n")
        words = ["--participants", str(table), "--formula", "1 + site", "--test", "site=site", "--within", "session"]
        words += ["--within-contrast", "any=1,0,0;0,1,0;0,0,1", "--threshold", "3"]
        assert main([str(data), str(tmp_path / "out"), "group", *words]) == 65
        assert "no exact p" in capsys.readouterr().err
        defaults = [word for word in words if not word.startswith(("--test", "site="))]
        assert main([str(data), str(tmp_path / "defaults"), "group", *defaults]) == 0
        about = sidecar(tmp_path / "defaults" / "group", "Any_design")
        assert set(about["Tests"]) == {"intercept", "siteB", "siteC", "siteD"}  # type: ignore[call-overload]
        assert any("Not tested: site" in note for note in about["Notes"])  # type: ignore[attr-defined]
        permuted = ["--method", "permutation", "--n-permutations", "20", "--random-seed", "1"]
        assert main([str(data), str(tmp_path / "out"), "group", *words, *permuted]) == 0


class TestStatsModels:
    def test_rows_of_a_node_of_subjects_are_a_question(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Contrasts of sessions of a node of level Subject, and groups at the level of the dataset."""
        levels = [f"session.{session}" for session in SESSIONS]
        rows = {"Name": "time", "ConditionList": levels, "Weights": [[-1, 1, 0], [-1, 0, 1]], "Test": "F"}
        group = {"Name": "patients", "ConditionList": ["group.patient"], "Weights": [1], "Test": "t"}
        subject = {
            "Level": "Subject",
            "Name": "subject",
            "GroupBy": ["subject", "contrast"],
            "Model": {"X": levels, "Type": "glm"},
            "Contrasts": [rows],
        }
        dataset = {
            "Level": "Dataset",
            "Name": "dataset",
            "GroupBy": ["contrast"],
            "Transformations": {
                "Transformer": "pybids-transforms-v1",
                "Instructions": [{"Name": "Factor", "Input": ["group"]}],
            },
            "Model": {"X": [1, "group.patient"], "Type": "glm"},
            "Contrasts": [group],
        }
        run_node = {"Level": "Run", "Name": "run", "GroupBy": ["run", "subject"], "Model": {"X": ["faces"]}}
        model = {"Name": "m", "BIDSModelVersion": "1.0.0", "Nodes": [run_node, subject, dataset]}
        model |= {
            "Edges": [{"Source": "run", "Destination": "subject"}, {"Source": "subject", "Destination": "dataset"}]
        }
        (tmp_path / "model.json").write_text(json.dumps(model))
        one = run(data, tmp_path / "one", "--model", str(tmp_path / "model.json"))
        words = ("--within", "session", "--formula", "1 + group", "--test", "patients=group[T.patient]")
        two = run(data, tmp_path / "two", *words)
        name = "_test-patients_stat-F_statmap"
        np.testing.assert_array_equal(values(one, f"Time{name}"), values(two, f"Ses1Vs2Vs3{name}"))
        about = sidecar(one, f"Time{name}")
        assert about["WithinSubjects"]["Levels"] == levels  # type: ignore[index]
        again = [
            str(data),
            str(tmp_path / "no"),
            "group",
            "--model",
            str(tmp_path / "model.json"),
            "--within",
            "session",
        ]
        assert main(again) == 64
        assert "cannot be compared again" in capsys.readouterr().err


class TestMessages:
    def test_list_shows_levels_and_question(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([str(data), str(tmp_path / "out"), "group", "--within", "session", "--list"]) == 0
        text = " ".join(capsys.readouterr().out.split())
        for part in (
            "maps 36, 3 levels of session: ses-1, ses-2, ses-3",
            "ses-2 minus ses-1; ses-3 minus ses-1",
            "13: no effect map of ses-2",
        ):
            assert part in text, part

    @pytest.mark.parametrize(
        ("words", "code", "part"),
        [
            (["--within", "session=1,2,4"], 18, "session 4"),
            (["--within", "session", "--min-effect", "0.5"], 64, "--min-effect"),
            (["--within", "session", "--estimator", "mixed"], 64, "variance"),
            (["--within", "session", "--formula", "0 + group", "--variance", "unequal"], 64, "Unequal variances"),
            (
                ["--within", "session", "--exclude", *(f"{i:02d}" for i in range(3, 13))],
                65,
                "1 degree of freedom for 2 maps per subject",
            ),
        ],
    )
    def test_what_cannot_be_done(
        self,
        data: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        words: list[str],
        code: int,
        part: str,
    ) -> None:
        assert main([str(data), str(tmp_path / "out"), "group", *words]) == code
        assert part in capsys.readouterr().err

    def test_a_copied_map_is_found(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        rng = np.random.default_rng(3)
        describe(tmp_path / "in")
        for subject in ("01", "02", "03", "04", "05"):
            own = [brain(rng) for _ in SESSIONS]
            own[2] = own[0] if subject == "03" else own[2]
            for session, each in zip(SESSIONS, own, strict=True):
                write_map(tmp_path / "in", subject, each, session=session)
        assert main([str(tmp_path / "in"), str(tmp_path / "out"), "group", "--within", "session"]) == 65
        assert "sub-03" in capsys.readouterr().err
