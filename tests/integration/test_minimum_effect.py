"""``--min-effect`` from the command line to the files, and where it is refused."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import brain, describe, write_map
from scipy import stats

from bids_ari import Options, load_result
from bids_ari.analysis.single import analyse_map
from bids_ari.cli.main import main
from bids_ari.cli.map import main as map_main
from bids_ari.errors import OtherModelError, UsageError
from bids_ari.outputs.models import check_model

STEM = "task-emo_space-MNI152NLin2009cAsym_contrast-faces_test-mean"
DELTA = 1.5
N = 12


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Effect and z maps of twelve subjects with an effect of 4 in 27 voxels, and a table of them."""
    rng, root = np.random.default_rng(8), tmp_path_factory.mktemp("minimum") / "data"
    describe(root)
    for i in range(N):
        write_map(root, f"{i:02d}", brain(rng, 4.0))
        write_map(root, f"{i:02d}", brain(rng, 4.0), stat="z")
    people = {"participant_id": [f"sub-{i:02d}" for i in range(N)], "group": ["a", "b", "c"] * 4}
    pd.DataFrame(people).to_csv(root / "participants.tsv", sep="\t", index=False)
    return root


@pytest.fixture(scope="module")
def out(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("minimum") / "out"
    words = ["--threshold", "3", "--tdp", "0.7", "--alternative", "greater", "two-sided", "--min-effect", str(DELTA)]
    assert main([str(data), str(out), "group", *words]) == 0
    return out


def values(out: Path, name: str) -> np.ndarray:
    return np.asarray(nib.load(out / "group" / f"{STEM}_{name}.nii.gz").dataobj)


def test_maps_and_bounds_are_those_of_the_minimum_effect(data: Path, out: Path) -> None:
    voxel = (4, 5, 6)
    maps = np.array([nib.load(path).dataobj[voxel] for path in sorted(data.rglob("*_stat-effect_statmap.nii.gz"))])
    expected = stats.ttest_1samp(maps.astype(float), DELTA, alternative="greater")
    assert values(out, "stat-effect_statmap")[voxel] == pytest.approx(maps.mean(), rel=1e-5)
    assert values(out, "stat-t_desc-greater_statmap")[voxel] == pytest.approx(expected.statistic, rel=1e-5)
    assert values(out, "stat-p_desc-greater_statmap")[voxel] == pytest.approx(expected.pvalue, rel=1e-5)
    assert values(out, "stat-z_desc-greater_statmap")[voxel] == pytest.approx(stats.norm.isf(expected.pvalue), rel=1e-5)
    assert not list((out / "group").glob("*_test-mean_stat-z_statmap.*"))  # which would be of one alternative


def test_both_alternatives_have_a_z_of_their_own(out: Path) -> None:
    greater, both = (values(out, f"stat-z_desc-{desc}_statmap") for desc in ("greater", "twoSided"))
    inside = ~np.isnan(greater)
    assert (greater[inside] < 0).mean() > 0.9
    assert np.abs(both[inside]).mean() < np.abs(greater[inside]).mean()


def test_sidecars_and_descriptions_state_the_minimum_effect(out: Path) -> None:
    for name in ("stat-z_desc-greater_statmap", "stat-t_desc-twoSided_statmap", "stat-tdp_desc-greater_statmap"):
        about = json.loads((out / "group" / f"{STEM}_{name}.json").read_text())
        assert about["MinimumEffect"] == DELTA
    sources = json.loads((out / "group" / f"{STEM}_stat-tdp_desc-greater_statmap.json").read_text())["Sources"]
    assert all((out / source.removeprefix("bids::")).exists() for source in sources)
    assert "Effects above 1.5" in (out / "descriptions.tsv").read_text()


def test_reports_state_the_minimum_effect(out: Path) -> None:
    report = (out / "group" / f"{STEM}_desc-greater_report.html").read_text()
    assert "Active means that the effect tested (mean) is above 1.5" in report
    assert "the minimum effect 1.5" in report
    assert "Hodges &amp; Lehmann, 1954" in report
    both = (out / "group" / f"{STEM}_desc-twoSided_report.html").read_text()
    assert "is above 1.5 or below -1.5" in both
    assert "compared with zero" not in both
    explorer = (out / "group" / f"{STEM}_desc-greater_explorer.html").read_text()
    assert '"meaning":"above 1.5"' in explorer


def test_archives_have_the_same_p(out: Path) -> None:
    result = load_result(out / "group" / f"{STEM}_desc-twoSided_forest.npz")
    effect, error = result.glm.effect, np.sqrt(result.glm.variance)
    expected = stats.t.sf((abs(effect) - DELTA) / error, N - 1) + stats.t.sf((abs(effect) + DELTA) / error, N - 1)
    np.testing.assert_allclose(result.p, expected, rtol=1e-9)
    assert result.bound.whole > 0
    assert (result.bound.category[result.p > 0.5] > 1).all()


def test_zero_gives_the_files_of_no_minimum_effect(data: Path, tmp_path: Path) -> None:
    for name, words in (("without", []), ("zero", ["--min-effect", "0"])):
        assert main([str(data), str(tmp_path / name), "group", "--threshold", "3", "--tdp", "0.7", *words]) == 0
    maps = sorted(path.name for path in (tmp_path / "without" / "group").glob("*.nii.gz"))
    assert maps == sorted(path.name for path in (tmp_path / "zero" / "group").glob("*.nii.gz"))
    for name in maps:
        assert (tmp_path / "without" / "group" / name).read_bytes() == (tmp_path / "zero" / "group" / name).read_bytes()


def test_another_minimum_effect_is_another_model(data: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(data), str(out), "group", "--min-effect", "2"]) == 64
    assert "minimum effect (1.5; now 2)" in capsys.readouterr().err


def test_results_of_versions_without_minimum_effects_had_none() -> None:
    facts = {"minimum effect": ["0.5", "0.5"]}
    with pytest.raises(OtherModelError, match=r"minimum effect \(0; now 0.5\)"):
        check_model(facts, [{"ModelFacts": {"formula": ["1", "1"]}}], Path("out"), "")


def test_it_is_not_free_to_choose_after_the_analysis(data: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(data), str(out), "group", "--reports-only", "--min-effect", "1"]) == 64
    assert "--min-effect is 1.0, but 1.5 in results" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("group --min-effect 1 --formula C(group)", "F tests have no effect in units: group"),
        ("group --min-effect 1 --stat z", "z maps of a group are analysed"),
        ("group --min-effect 1 --method permutation", "Permutations cannot be combined with --min-effect"),
        ("group --min-effect -1", "min-effect is"),
        ("group --min-effect inf", "min-effect is"),
        ("participant --min-effect 1", "--min-effect requires the group level"),
    ],
)
def test_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, message: str) -> None:
    assert main([str(data), str(tmp_path / "out"), *words.split()]) == 64
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.nii.gz"))


def test_maps_of_statistics_have_no_minimum_effect(data: Path, tmp_path: Path) -> None:
    path = next(data.rglob("*_stat-z_statmap.nii.gz"))
    assert map_main([str(path), str(tmp_path / "out"), "--min-effect", "1"]) == 64
    with pytest.raises(UsageError, match="without effects in units"):
        analyse_map(path, Options(min_effect=1.0))
