"""Group models of maps on surfaces and in grayordinates: the statistics are those of volumes with the same numbers."""

import json
from collections.abc import Callable, Mapping
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from builders import describe, map_path, write_map
from builders_labels import LEFT, RIGHT, THALAMUS, save_cifti, save_gifti
from builders_meshes import icosphere, saved_mesh
from nibabel.cifti2.cifti2_axes import BrainModelAxis
from scipy import stats

import bids_ari as ari
from bids_ari.analysis.result import ContrastResult
from bids_ari.cli.main import main
from bids_ari.cli.map import main as map_main

N, N_VOXELS = 42, 27
"""Vertices of each hemisphere, and voxels of a structure."""
N_POINTS = 2 * N + N_VOXELS
WALL = (30, 31, 70, N_POINTS - 1)
"""Points without data in any map; one in a hundred others has none, either."""
SUBJECTS = tuple(f"{i:02d}" for i in range(1, 9))
GRID = (12, 12, 12)
KINDS = ("cortex", "gray", "flat")
"""Spaces in names: GIFTI files of both hemispheres, CIFTI files, and volumes of voxels that are no neighbours."""
MODEL = {
    "Name": "sessions",
    "BIDSModelVersion": "1.0.0",
    "Input": {"task": ["emo"], "session": ["post"], "subject": list(SUBJECTS)},
    "Nodes": [
        {"Level": "Run", "Name": "runs", "GroupBy": ["run", "subject", "session"], "Model": {"X": ["faces"]}},
        {
            "Level": "Subject",
            "Name": "sessions",
            "GroupBy": ["subject", "contrast", "session"],
            "Model": {"X": [1], "Type": "glm"},
            "DummyContrasts": {"Test": "t"},
        },
        {
            "Level": "Dataset",
            "Name": "group",
            "GroupBy": ["contrast", "session"],
            "Transformations": {
                "Transformer": "pybids-transforms-v1",
                "Instructions": [{"Name": "Factor", "Input": ["group"]}],
            },
            "Model": {"X": [1, "age", "group.control"], "Type": "glm"},
            "DummyContrasts": {"Contrasts": ["age"], "Test": "t"},
        },
    ],
}

Values = npt.NDArray[np.float32]
Analyses = Callable[..., Mapping[str, tuple[ContrastResult, ...]]]


def axis() -> BrainModelAxis:
    """Both hemispheres, and a block of voxels."""
    inside = np.ones((3, 3, 3), dtype=bool)
    parts = [BrainModelAxis.from_surface(np.arange(N), N, name) for name in (LEFT, RIGHT)]
    return reduce(add, [*parts, BrainModelAxis.from_mask(inside, THALAMUS, np.diag([2.0, 2, 2, 1]))])


def apart(values: npt.ArrayLike) -> Values:
    """A volume of these values, in C order, in which no two of them touch, and 0 elsewhere."""
    cells = np.zeros(125, dtype=np.float32)
    cells[:N_POINTS] = values
    volume = np.zeros(GRID, dtype=np.float32)
    volume[1:10:2, 1:10:2, 1:10:2] = cells.reshape(5, 5, 5)
    return volume


def write(root: Path, subject: str, values: Values, **names: Any) -> None:
    """Write the same values as a map of each kind."""
    for side, own in (("L", values[:N]), ("R", values[N : 2 * N])):
        save_gifti(map_path(root, subject, space="cortex", hemi=side, extension=".func.gii", **names), own)
    path = map_path(root, subject, space="gray", extension=".dscalar.nii", **names)
    save_cifti(path, values, axis())
    write_map(root, subject, apart(values), space="flat", **names)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight subjects, two sessions of two runs, with effects in the left hemisphere that depend on age and session."""
    home, rng, holes = tmp_path_factory.mktemp("models"), np.random.default_rng(16), np.random.default_rng(17)
    root = describe(home / "data").parent
    age = rng.normal(40, 10, len(SUBJECTS)).round(1)
    group = ["patient", "control"] * 4
    table = {"participant_id": [f"sub-{subject}" for subject in SUBJECTS], "age": age, "group": group}
    pd.DataFrame(table).to_csv(root / "participants.tsv", sep="\t", index=False)
    active, wall = np.arange(N_POINTS) < 20, np.isin(np.arange(N_POINTS), WALL)
    for subject, years in zip(SUBJECTS, age, strict=True):
        own = rng.normal(size=N_POINTS) + active * (6 + (years - 40) / 5)
        for session in ("pre", "post"):
            for run in "12":
                values = (own + rng.normal(size=N_POINTS) + 2 * active * (session == "post")).astype(np.float32)
                values[wall | (holes.random(N_POINTS) < 0.01)] = np.nan
                write(root, subject, values, session=session, run=run)
                variances = rng.uniform(0.5, 2, N_POINTS).astype(np.float32)
                write(root, subject, variances, session=session, run=run, stat="variance")
    for side, x in (("L", -60.0), ("R", 60.0)):
        saved_mesh(icosphere(1, centre=(x, 0, 0)), home / f"study_hemi-{side}_midthickness.surf.gii")
    (home / "model.json").write_text(json.dumps(MODEL))
    return home


@pytest.fixture
def analyses(home: Path) -> Analyses:
    """Analyse the maps of each kind; return the results of all contrasts by kind."""

    def analyse(find: dict[str, Any], **options: Any) -> Mapping[str, tuple[ContrastResult, ...]]:
        found = {}
        for kind in KINDS:
            contrasts = ari.discover(home / "data", space=kind, **find)
            surface = () if kind == "flat" else (str(home / "study_hemi-L_midthickness.surf.gii"),)
            chosen = ari.Options(threshold=(2.5,), tdp=(0.7,), surface=surface, **options)
            table = home / "data" / "participants.tsv"
            found[kind] = tuple(result for each in contrasts for result in ari.analyse(each, chosen, None, table))
        return found

    return analyse


RUNS = {"combine": "run", "session": "post"}
PERMUTED = {"method": ("simes", "permutation"), "n_permutations": 60, "random_seed": 1}
GROUPS = {"formula": "center(age) * group", "coverage": 0.8, "alternative": ("two-sided",)}
WELCH = {"formula": "0 + group", "variance": "unequal", "test": ("d=group[patient] - group[control]",)}
WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the mean over sessions": ({"combine": "session"}, {}),
    "a difference within subjects": ({"combine": "run", "paired": "session=post-pre"}, {}),
    "repeated measures": (
        {"combine": "run", "within": "session=pre,post", "within_contrast": ["any=1,0;0,1"]},
        {"formula": "1 + group"},
    ),
    "one analysis for each session": ({"combine": "run", "by": "session"}, {}),
    "covariates and their interaction": (RUNS, GROUPS),
    "F test": (RUNS, {"formula": "age + group", "test": ("any=age; group[T.patient]",)}),
    "unequal variances": (RUNS, WELCH),
    "mixed effects": ({**RUNS, "weights": True}, {"estimator": "mixed"}),
    "permutation": (RUNS, PERMUTED),
    "permutation of groups": (RUNS, GROUPS | PERMUTED | {"coverage": 1.0}),
}


@pytest.mark.parametrize("way", WAYS)
def test_statistics_are_those_of_volumes(analyses: Analyses, way: str) -> None:
    """In grayordinates to the bit, and the bounds, too: only neighbours differ.

    Of fewer points, the last ones are rounded differently in products of matrices.
    """
    find, options = WAYS[way]
    found = analyses(find, **options)
    assert found["flat"]
    for cortex, gray, flat in zip(*found.values(), strict=True):
        assert cortex.desc == gray.desc == flat.desc
        assert cortex.contrast.entities.get("ses") == gray.contrast.entities.get("ses")
        assert flat.space.n_points == gray.space.n_points <= N_POINTS - len(WALL)
        assert cortex.space.n_points == np.count_nonzero(gray.space.frame.is_vertex[gray.space.inside])
        for name in ("t", "z", "f"):
            expected = getattr(flat.glm, name)
            if expected is None:
                assert getattr(gray.glm, name) is None
                continue
            np.testing.assert_array_equal(getattr(gray.glm, name), expected)
            np.testing.assert_allclose(getattr(cortex.glm, name), expected[: cortex.space.n_points], rtol=1e-13)
        np.testing.assert_array_equal(gray.bound.category, flat.bound.category)
        assert flat.forest.size.max() == 1


def test_messages_name_the_points(home: Path) -> None:
    """Vertices of surfaces, grayordinates of CIFTI files."""
    find, options = RUNS, GROUPS | PERMUTED
    for kind, named in (("cortex", "of 81 vertices .* at all vertices"), ("gray", "at all grayordinates")):
        (contrast,) = ari.discover(home / "data", space=kind, **find)
        surface = (str(home / "study_hemi-L_midthickness.surf.gii"),)
        with pytest.raises(ari.BidsAriError, match=named):
            ari.analyse(contrast, ari.Options(surface=surface, **options), None, home / "data" / "participants.tsv")


STEM = "ses-post_task-emo_space-{}_contrast-faces"
FREE = ("--threshold", "2", "--tdp", "0.5")


def command(home: Path, out: str, kind: str, *words: str) -> list[str]:
    surface = [] if kind == "flat" else ["--surface", str(home / "study_hemi-L_midthickness.surf.gii")]
    return [str(home / "data"), str(home / out), "group", "--space", kind, *surface, *words]


def analysed(home: Path, out: str, *words: str) -> Path:
    """Analyse the effect of age after the session, by a Stats Model: a result of each kind."""
    for kind in KINDS:
        assert main(command(home, out, kind, "--model", str(home / "model.json"), *words)) == 0
    return home / out


@pytest.fixture(scope="module")
def out(home: Path) -> Path:
    """Results whose reports are of other thresholds than those of the analysis."""
    folder = analysed(home, "out", "--threshold", "3")
    assert main([str(home / "data"), str(folder), "group", "--reports-only", *FREE]) == 0
    return folder


def values(folder: Path, stem: str, end: str) -> dict[str, Values]:
    """The values in the files of each kind, at the points."""
    sides = [folder / f"{stem.format('cortex')}_{end}".replace("_space", f"_hemi-{side}_space") for side in "LR"]
    gray, flat = (folder / f"{stem.format(kind)}_{end}" for kind in ("gray", "flat"))
    return {
        "cortex": np.concatenate([nib.load(f"{side}.func.gii").darrays[0].data for side in sides]),
        "gray": nib.load(f"{gray}.dscalar.nii").get_fdata(dtype=np.float32)[0],
        "flat": nib.load(f"{flat}.nii.gz").get_fdata(dtype=np.float32)[apart(np.ones(N_POINTS)) > 0],
    }


def test_a_stats_model(out: Path) -> None:
    for stat in ("t", "z", "effect", "variance"):
        found = values(out / "group", STEM, f"test-age_stat-{stat}_statmap")
        np.testing.assert_array_equal(found["gray"], found["flat"])
        np.testing.assert_allclose(found["cortex"], found["flat"][: 2 * N], rtol=1e-6)  # float32
        assert np.isfinite(found["flat"]).sum() > 80


def test_reports_of_other_thresholds_are_those_of_a_new_analysis(home: Path, out: Path) -> None:
    """To the byte, but for pages, which have the time, and sidecars, which have the command."""
    new, same = (
        {path.name: path.read_bytes() for path in sorted((folder / "group").iterdir())}
        for folder in (analysed(home, "again", *FREE), out)
    )
    assert new.keys() == same.keys()
    compared = {name for name in new if not name.endswith((".html", ".npz", ".json"))}
    assert {name for name in compared if new[name] != same[name]} == set()
    assert any(name.endswith("Z2_dseg.dlabel.nii") for name in compared)


@pytest.mark.parametrize("kind", ["cortex", "gray"])
def test_a_group_map_alone_has_the_same_clusters(home: Path, out: Path, kind: str) -> None:
    """The z of the group as a map of another program."""
    side, extension = {"cortex": ("_hemi-L", ".func.gii"), "gray": ("", ".dscalar.nii")}[kind]
    name = STEM.format(kind).replace("_space", f"{side}_space") + f"_test-age_stat-z_statmap{extension}"
    mesh = ["--surface", str(home / "study_hemi-L_midthickness.surf.gii")]
    assert map_main([str(out / "group" / name), str(home / f"map{kind}"), *mesh, *FREE]) == 0
    for end in ("desc-greaterZ2_clusters.tsv", "desc-greaterTdp50_clusters.tsv"):
        (own,) = (home / f"map{kind}").rglob(f"*{end}")
        (group,) = (out / "group").glob(f"*space-{kind}_*{end}")
        one, other = (pd.read_csv(path, sep="\t") for path in (own, group))
        assert not other.empty
        shared = [column for column in one if column in other]
        assert {"size", "tdn", "peak_structure", "peak_vertex", "area_mm2"} <= set(shared)
        pd.testing.assert_frame_equal(one[shared], other[shared], rtol=1e-5)


def test_participants(home: Path) -> None:
    """Each subject's own z, as one map of both hemispheres, as in grayordinates and volumes."""
    rng = np.random.default_rng(3)
    z = (rng.normal(size=N_POINTS) + 5 * (np.arange(N_POINTS) < 20)).astype(np.float32)
    write(home / "single", "01", z, stat="z")
    describe(home / "single")
    for kind in KINDS:
        words = command(home, f"own{kind}", kind, "--threshold", "3")
        words[0], words[2] = str(home / "single"), "participant"
        assert main(words) == 0
    found = {}
    for kind, n in zip(KINDS, (2 * N, N_POINTS, N_POINTS), strict=True):
        (path,) = (home / f"own{kind}" / "sub-01").rglob("*_forest.npz")
        found[kind] = ari.load_result(path)
        np.testing.assert_array_equal(found[kind].glm.z, z[:n])
        expected = ari.hommel_bound(stats.norm.sf(z[:n].astype(float)), 0.05)
        np.testing.assert_array_equal(found[kind].bound.category, expected.category)
    assert found["cortex"].forest.size.max() > 1
