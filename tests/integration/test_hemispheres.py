"""Maps of both hemispheres and of grayordinates: their means, differences and combinations are those of the arrays."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from builders import describe, map_path
from builders_labels import save_gifti
from builders_meshes import icosphere, saved_mesh
from builders_surfaces import write_cifti
from nibabel.cifti2.cifti2_axes import BrainModelAxis, ScalarAxis

import bids_ari as ari
from bids_ari.analysis.fingerprint import fingerprint
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.discover import discover
from bids_ari.bids.manifest import open_manifest
from bids_ari.cli.main import main
from bids_ari.errors import DuplicateMapsError

N = 42  # vertices of a hemisphere
SUBJECTS = ("01", "02", "03", "04", "05")
SESSIONS = ("1", "2")
NAME = "task-emo_space-fsaverage_contrast-faces"

Array = npt.NDArray[np.float64]
Maps = dict[tuple[str, str, str], Array]  # the map of a subject, a session and a statistic: left, then right


def save(root: Path, values: Array, **names: Any) -> None:
    """Write a map, (2 * n_vertices,), to a file of each hemisphere."""
    for side, part in zip("LR", np.split(values, 2), strict=True):
        path = map_path(root, space="fsaverage", hemi=side, extension=".func.gii", **names)
        save_gifti(path, part.astype(np.float32))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Maps]:
    """Five subjects with two sessions, effects and variances; a mesh for each hemisphere is beside them."""
    root, rng = tmp_path_factory.mktemp("study") / "data", np.random.default_rng(1)
    describe(root)
    for side, x in (("L", -60.0), ("R", 60.0)):
        saved_mesh(icosphere(1, centre=(x, 0, 0)), root.parent / f"hemi-{side}.surf.gii")
    maps: Maps = {}
    for subject in SUBJECTS:
        for session in SESSIONS:
            for stat, values in (("effect", rng.normal(size=2 * N)), ("variance", rng.uniform(1, 9, size=2 * N))):
                maps[subject, session, stat] = values.astype(np.float32).astype(float)
                save(root, values, subject=subject, session=session, stat=stat)
    return root, maps


def surface(root: Path) -> tuple[str, ...]:
    return tuple(f"{side}={root.parent / f'hemi-{side}.surf.gii'}" for side in "LR")


def mean_of(root: Path, contrast: ContrastSet, **options: Any) -> Array:
    """The effect of the mean over subjects."""
    (result,) = ari.analyse(contrast, options=ari.Options(surface=surface(root), **options))
    assert result.glm.effect is not None
    return np.asarray(result.glm.effect)


def of_sessions(maps: Maps, how: Callable[[Array], Array], stat: str = "effect") -> Array:
    """The mean over subjects of what is made of the maps of both sessions, (2, 2 * n_vertices)."""
    each = [how(np.stack([maps[subject, session, stat] for session in SESSIONS])) for subject in SUBJECTS]
    return np.asarray(np.mean(each, axis=0))


def test_one_session(study: tuple[Path, Maps]) -> None:
    root, maps = study
    first, second = discover(root, by="session")
    assert (first.name, second.name) == (f"ses-1_{NAME}", f"ses-2_{NAME}")
    np.testing.assert_allclose(mean_of(root, second), of_sessions(maps, lambda both: both[1]), rtol=1e-5)


def test_one_hemisphere(study: tuple[Path, Maps]) -> None:
    root, maps = study
    for side, part in (("L", slice(N)), ("R", slice(N, 2 * N))):
        (contrast,) = discover(root, session="1", where={"hemi": side})
        expected = of_sessions(maps, lambda both: both[0])[part]
        np.testing.assert_allclose(mean_of(root, contrast), expected, rtol=1e-5)


def test_differences_of_sessions(study: tuple[Path, Maps]) -> None:
    root, maps = study
    (contrast,) = discover(root, paired="session=2-1")
    np.testing.assert_allclose(mean_of(root, contrast), of_sessions(maps, lambda both: both[1] - both[0]), rtol=1e-5)


def test_questions_within_subjects_are_about_both_hemispheres(study: tuple[Path, Maps]) -> None:
    """The estimates of the average of sessions, and of their difference, which are tested together."""
    root, maps = study
    rows = ["both=1/2,1/2;-1,1"]
    (contrast,) = discover(root, within="session=1,2", within_contrast=rows)
    contrast.check()
    (result,) = ari.analyse(contrast, options=ari.Options(surface=surface(root)))
    average = of_sessions(maps, lambda both: (both[0] + both[1]) / 2)
    expected = [average, of_sessions(maps, lambda both: both[1] - both[0])]
    assert result.glm.effects is not None
    np.testing.assert_allclose(result.glm.effects, expected, rtol=1e-4, atol=1e-6)


def test_sessions_are_combined_by_precision(study: tuple[Path, Maps]) -> None:
    root, maps = study
    (contrast,) = discover(root, combine="session")
    combined = []
    for subject in SUBJECTS:
        effects, variances = (np.stack([maps[subject, s, stat] for s in SESSIONS]) for stat in ("effect", "variance"))
        combined.append(np.average(effects, axis=0, weights=1 / variances))
    np.testing.assert_allclose(mean_of(root, contrast), np.mean(combined, axis=0), rtol=1e-5)


def test_subjects_are_weighted_by_precision(study: tuple[Path, Maps]) -> None:
    """The fixed-effects mean over subjects: sum(effect / variance) / sum(1 / variance)."""
    root, maps = study
    (contrast,) = discover(root, session="1", weights=True)
    effects, variances = (np.stack([maps[s, "1", stat] for s in SUBJECTS]) for stat in ("effect", "variance"))
    expected = np.average(effects, axis=0, weights=1 / variances)
    np.testing.assert_allclose(mean_of(root, contrast, estimator="fixed"), expected, rtol=1e-5)


def test_a_manifest_of_left_files(study: tuple[Path, Maps]) -> None:
    root, maps = study
    paths = [
        map_path(root, subject, session="2", space="fsaverage", hemi="L", extension=".func.gii") for subject in SUBJECTS
    ]
    rows = [f"{subject}\tfsaverage\t{path}" for subject, path in zip(SUBJECTS, paths, strict=True)]
    table = root.parent / "left.tsv"
    table.write_text("\n".join(["participant_id\tspace\teffect", *rows]) + "\n")
    (contrast,) = discover(open_manifest(table))
    np.testing.assert_allclose(mean_of(root, contrast), of_sessions(maps, lambda both: both[1]), rtol=1e-5)


def test_both_files_are_in_the_tables_and_in_the_fingerprint(study: tuple[Path, Maps], tmp_path: Path) -> None:
    root, maps = study
    data = describe(tmp_path / "data").parent
    for subject in SUBJECTS:
        save(data, maps[subject, "1", "effect"], subject=subject)
    words = [str(data), str(tmp_path / "out"), "group", "--surface", *surface(root), "--threshold", "3", "--tdp", "0.5"]
    assert main(words) == 0
    design = pd.read_csv(tmp_path / "out" / "group" / f"{NAME}_design.tsv", sep="\t")
    files = [map_path(data, "03", space="fsaverage", hemi=side, extension=".func.gii") for side in "LR"]
    assert design["source"][2].split(", ") == [f"bids:data:sub-03/func/{path.name}" for path in files]
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    assert design["source_sha256"][2].split(", ") == hashes

    (contrast,) = discover(data)
    options = ari.Options(surface=surface(root))
    (result,) = ari.analyse(contrast, options=options)
    before = fingerprint(contrast, result.design, options)
    save_gifti(files[1], np.arange(N, dtype=np.float32))
    assert fingerprint(contrast, result.design, options) != before


def test_a_copy_of_one_hemisphere_is_refused(study: tuple[Path, Maps], tmp_path: Path) -> None:
    root, maps = study
    describe(tmp_path)
    for subject in SUBJECTS:
        save(tmp_path, maps[subject, "1", "effect"], subject=subject)
    wrong = np.concatenate([maps["02", "1", "effect"][:N], maps["01", "1", "effect"][N:]])
    save(tmp_path, wrong, subject="02")
    (contrast,) = discover(tmp_path)
    with pytest.raises(DuplicateMapsError, match=r"sub-01 and sub-02 \(.*hemi-R.*hemi-R"):
        mean_of(root, contrast)


def test_maps_of_a_file_by_the_names_in_a_manifest(study: tuple[Path, Maps], tmp_path: Path) -> None:
    """As in files of the Human Connectome Project; the two maps of a difference may be in one file."""
    root, maps = study
    axes = [BrainModelAxis.from_surface(np.arange(N), N, f"Cortex{side}") for side in ("Left", "Right")]
    rows = ["participant_id\tsession\tspace\teffect\tmap_name"]
    for subject in SUBJECTS:
        names = [f"{subject}_tfMRI_{session}" for session in SESSIONS]
        values = [maps[subject, session, "effect"] for session in SESSIONS]
        write_cifti(tmp_path / f"{subject}.dscalar.nii", values, ScalarAxis(names), axes[0] + axes[1])
        rows += [f"{subject}\t{s}\tfsLR\t{subject}.dscalar.nii\t{n}" for s, n in zip(SESSIONS, names, strict=True)]
    table = tmp_path / "maps.tsv"
    table.write_text("\n".join(rows) + "\n")
    first, second = discover(open_manifest(table), by="session")
    np.testing.assert_allclose(mean_of(root, second), of_sessions(maps, lambda both: both[1]), rtol=1e-5)
    (difference,) = discover(open_manifest(table), paired="session=2-1")
    np.testing.assert_allclose(mean_of(root, difference), of_sessions(maps, lambda both: both[1] - both[0]), rtol=1e-5)
    assert first.files[0].uri == "bids:manifest:01.dscalar.nii#01_tfMRI_1"
