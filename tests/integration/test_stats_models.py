"""BIDS Stats Models as they are published: read, and analysed on datasets as FitLins writes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import SHAPE, brain, describe, touch_maps, write_map
from nilearn.glm.second_level import SecondLevelModel

from bids_ari.analysis.inputs import find_contrasts
from bids_ari.bids.contrasts import Discovery
from bids_ari.cli.main import main
from bids_ari.config.options import Options
from bids_ari.config.settings import Settings
from bids_ari.design.model_inputs import label_of
from bids_ari.design.stats_model import node_names, read_model

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "openneuro-models"
PUBLISHED = sorted(FOLDER.glob("*.json"))

Json = dict[str, Any]


def found(root: Path, model: Path, **options: Any) -> Discovery:
    return find_contrasts(Settings(root, root.parent / "out", options=Options(model=model, **options)))[1]


def contrasts_of(model: Json) -> list[str]:
    return [label_of(each["Name"]) for each in model["Nodes"][0]["Contrasts"]]


@pytest.mark.skipif(not PUBLISHED, reason=f"no published models at {FOLDER}")
def test_there_are_published_models() -> None:
    assert len(PUBLISHED) == 48


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
class TestPublishedModels:
    """Each has nodes Run, perhaps Subject, and Dataset; X of the last is 1; the contrasts are of the first."""

    def test_it_is_read(self, path: Path) -> None:
        (name,) = node_names(path)
        model = read_model(path, name)
        groups = json.loads(path.read_text(encoding="utf-8-sig"))["Nodes"][-1]["GroupBy"]
        assert model.group_by == tuple({"session": "ses"}.get(key, key) for key in groups)
        assert (model.x, model.contrasts, model.estimator, model.notes) == ((1,), (), "ols", ())

    @pytest.mark.parametrize("level", ["run", "last"])
    def test_its_analyses_are_those_of_contrasts_and_sessions(self, path: Path, level: str, tmp_path: Path) -> None:
        """On maps of runs and on maps of subjects, one analysis for each contrast, and for each session if grouped."""
        model = json.loads(path.read_text(encoding="utf-8-sig"))
        sessions = model["Input"].get("session") or [None]
        node = model["Nodes"][0 if level == "run" else -2]
        subjects = tuple(model["Input"]["subject"][:3])
        several = "run" in node["GroupBy"] and len(model["Nodes"]) == 3
        runs = list(map(str, model["Input"].get("run", [1, 2])[:2])) if several else [None]
        places = [(session, run) for session in sessions for run in runs]
        for session, run in places:
            for contrast in contrasts_of(model):
                names: Json = {"session": session, "run": run, "contrast": contrast, "task": None, "space": None}
                touch_maps(tmp_path / "in", *subjects, node=label_of(node["Name"]), **names)
        analyses = {(each.entities.get("ses"), each.entities.get("contrast")) for each in found(tmp_path / "in", path)}
        assert analyses == {(session, contrast) for session in sessions for contrast in contrasts_of(model)}
        for contrast in found(tmp_path / "in", path):
            contrast.check()
            assert contrast.subjects == subjects
            assert all(len(member.all_maps) == len(runs) for member in contrast.members)


MEAN: Json = {"Model": {"X": [1], "Type": "glm"}, "DummyContrasts": {"Test": "t"}}
BY_SESSION: Json = {
    "Name": "sessions",
    "BIDSModelVersion": "1.0.0",
    "Input": {"task": ["motor"], "session": ["pre", "post"], "subject": [f"{i:02d}" for i in range(1, 10)]},
    "Nodes": [
        {"Level": "Run", "Name": "run_level", "GroupBy": ["run", "subject", "session"], "Model": {"X": ["a"]}},
        {"Level": "Subject", "Name": "subject_level", "GroupBy": ["subject", "contrast", "session"], **MEAN},
        {"Level": "Dataset", "Name": "group_level", "GroupBy": ["contrast", "session"], **MEAN},
    ],
}


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight subjects, two sessions of two runs, maps of runs only, as FitLins writes them."""
    rng, root = np.random.default_rng(5), tmp_path_factory.mktemp("sessions") / "in"
    describe(root)
    for i in range(1, 9):
        for session in ("pre", "post"):
            for run in "12":
                names: Json = {"session": session, "run": run, "contrast": "aVsB", "task": None, "space": None}
                write_map(root, f"{i:02d}", brain(rng, 2 + (session == "post")), node="runLevel", **names)
                variance = rng.uniform(0.5, 2, SHAPE)
                write_map(root, f"{i:02d}", variance, node="runLevel", stat="variance", **names)
    return root


def run(data: Path, out: Path, *words: str) -> Path:
    assert main([str(data), str(out), "group", "--threshold", "3", "--tdp", "0.7", *words]) == 0
    return out / "group"


def saved_model(folder: Path, change: Callable[[Json], object] = lambda model: None) -> Path:
    model = json.loads(json.dumps(BY_SESSION))
    change(model)
    path = folder / "model_smdl.json"
    path.write_text(json.dumps(model))
    return path


def images(folder: Path, pattern: str = "*.nii.gz") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob(pattern))}


@pytest.fixture(scope="module")
def by_session(sessions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("by")
    return run(sessions, folder / "out", "--by", "session", "--combine", "run")


class TestBySession:
    def test_each_session_is_the_result_of_its_own_run(self, sessions: Path, by_session: Path, tmp_path: Path) -> None:
        for session in ("pre", "post"):
            own = run(sessions, tmp_path / session, "--session-label", session, "--combine", "run")
            files = images(own)
            assert files == images(by_session, f"ses-{session}_*.nii.gz")
            assert len(files) > 5

    def test_reports_name_the_session(self, by_session: Path) -> None:
        for session in ("pre", "post"):
            (report,) = by_session.glob(f"ses-{session}_contrast-aVsB_test-mean_desc-greater_report.html")
            assert f"ses-{session}" in report.read_text()

    def test_a_model_is_carried_out_on_maps_of_runs(self, sessions: Path, by_session: Path, tmp_path: Path) -> None:
        """Type meta: runs are combined by precision, as --combine run does."""
        meta = saved_model(tmp_path, lambda model: model["Nodes"][1]["Model"].update(Type="meta"))
        assert images(run(sessions, tmp_path / "out", "--model", str(meta))) == images(by_session)

    def test_type_glm_is_the_plain_mean_of_runs(self, sessions: Path, tmp_path: Path) -> None:
        """The mean over subjects of the mean of two runs, at one voxel."""
        folder = run(sessions, tmp_path / "out", "--model", str(saved_model(tmp_path)))
        for session in ("pre", "post"):
            paths = sorted(sessions.rglob(f"*ses-{session}*_stat-effect_*.nii.gz"))
            values = [np.asarray(nib.load(path).dataobj)[4, 5, 6] for path in paths]
            mean = nib.load(folder / f"ses-{session}_contrast-aVsB_test-mean_stat-effect_statmap.nii.gz")
            assert np.asarray(mean.dataobj)[4, 5, 6] == pytest.approx(np.mean(values), rel=1e-6)

    def test_its_z_is_that_of_the_nodes_in_nilearn(self, sessions: Path, tmp_path: Path) -> None:
        """As FitLins fits them: SecondLevelModel for each subject, then for the dataset; it keeps float32 maps."""
        folder = run(sessions, tmp_path / "out", "--model", str(saved_model(tmp_path)))
        ours = nib.load(folder / "ses-pre_contrast-aVsB_test-mean_stat-z_statmap.nii.gz")
        tested = np.isfinite(ours.get_fdata()) & (ours.get_fdata() != 0)
        mask = nib.Nifti1Image(tested.astype(np.uint8), ours.affine)

        def fitted(images: list[Any], output: str) -> Any:
            model = SecondLevelModel(mask_img=mask).fit(
                images, design_matrix=pd.DataFrame({"intercept": [1] * len(images)})
            )
            return model.compute_contrast("intercept", output_type=output)

        means = []
        for i in range(1, 9):
            runs = sorted(sessions.rglob(f"sub-{i:02d}_ses-pre_*_stat-effect_*.nii.gz"))
            means.append(fitted([str(path) for path in runs], "effect_size"))
        theirs = fitted(means, "z_score").get_fdata()
        assert tested.sum() > 500
        np.testing.assert_allclose(ours.get_fdata()[tested], theirs[tested], rtol=1e-4, atol=1e-5)

    def test_a_subject_of_input_without_maps_is_excluded(self, sessions: Path, tmp_path: Path) -> None:
        contrasts = found(sessions, saved_model(tmp_path))
        assert len(contrasts) == 2
        for contrast in contrasts:
            (entry,) = [entry for entry in contrast.excluded if entry.is_subject]
            assert (entry.name, entry.reason) == ("sub-09", "no map; Input of the Stats Model names it")

    def test_a_contrast_of_sessions(self, sessions: Path, tmp_path: Path) -> None:
        """The node of subjects subtracts sessions: the difference of two sessions, each the mean of its runs."""

        def differ(model: Json) -> None:
            model["Nodes"][1] |= {
                "GroupBy": ["subject", "contrast"],
                "Model": {"X": ["session.pre", "session.post"], "Type": "glm"},
                "Contrasts": [
                    {
                        "Name": "change",
                        "ConditionList": ["session.post", "session.pre"],
                        "Weights": [1, -1],
                        "Test": "t",
                    }
                ],
            }
            del model["Nodes"][1]["DummyContrasts"]
            model["Nodes"][2]["GroupBy"] = ["contrast"]

        folder = run(sessions, tmp_path / "out", "--model", str(saved_model(tmp_path, differ)))
        means = [
            np.mean(
                [
                    np.asarray(nib.load(path).dataobj)[4, 5, 6]
                    for path in sorted(sessions.rglob(f"*ses-{session}*_stat-effect_*.nii.gz"))
                ]
            )
            for session in ("post", "pre")
        ]
        found = nib.load(folder / "contrast-aVsBChange_test-mean_stat-effect_statmap.nii.gz")
        assert np.asarray(found.dataobj)[4, 5, 6] == pytest.approx(means[0] - means[1], rel=1e-5)
        table = (folder / "contrast-aVsBChange_design.tsv").read_text().splitlines()
        assert "0.5, 0.5, -0.5, -0.5" in table[1] or "-0.5, -0.5, 0.5, 0.5" in table[1]

    def test_several_nodes_are_all_analysed(self, sessions: Path, tmp_path: Path) -> None:
        """Their names distinguish the results; a node that cannot be analysed is noted."""

        def add(model: Json) -> None:
            pooled = {"Level": "Dataset", "Name": "fixed-effects", "GroupBy": ["contrast", "session"]}
            pooled |= {"Model": {"X": [1], "Type": "meta"}, "DummyContrasts": {"Test": "t"}}
            model["Nodes"] += [pooled, pooled | {"Name": "odd", "Model": {"X": [1], "VarianceComponents": [1]}}]

        contrasts = found(sessions, saved_model(tmp_path, add))
        assert [(each.name, each.node, each.weighted) for each in contrasts] == [
            ("ses-post_node-fixedEffects_contrast-aVsB", "fixed-effects", True),
            ("ses-post_node-groupLevel_contrast-aVsB", "group_level", False),
            ("ses-pre_node-fixedEffects_contrast-aVsB", "fixed-effects", True),
            ("ses-pre_node-groupLevel_contrast-aVsB", "group_level", False),
        ]
        assert any(note.startswith("The node odd of the Stats Model is not analysed: ") for note in contrasts[0].notes)
        assert [each.name for each in found(sessions, tmp_path / "model_smdl.json", node="group_level")] == [
            "ses-post_contrast-aVsB",
            "ses-pre_contrast-aVsB",
        ]
