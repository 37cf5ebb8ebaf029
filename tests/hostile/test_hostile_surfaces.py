"""Studies of surfaces and grayordinates that cannot be analysed as they are: one message each, and its exit code."""

import gzip
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import describe, image, map_path
from builders_labels import cortex, save_cifti, save_gifti, voxels
from builders_meshes import icosphere, saved_mesh
from builders_surfaces import write_cifti
from nibabel.cifti2.cifti2_axes import BrainModelAxis, ScalarAxis

from bids_ari.cli.main import main
from bids_ari.cli.map import main as map_main

N = 42  # vertices of a hemisphere
SUBJECTS = ("01", "02", "03", "04")
DATA = Path("data")
MESHES = "--surface m_hemi-L_pial.surf.gii"
THALAMUS = [(1, 1, 1), (1, 1, 2), (2, 1, 1)]

Spoil = Callable[[], object]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in a folder with the meshes of both hemispheres."""
    monkeypatch.chdir(tmp_path)
    describe(DATA)
    for side, x in (("L", -60.0), ("R", 60.0)):
        saved_mesh(icosphere(1, centre=(x, 0, 0)), Path(f"m_hemi-{side}_pial.surf.gii"))


def noise(subject: str, n: int = N) -> np.ndarray:
    """The values of a subject."""
    return np.random.default_rng(int(subject)).normal(size=n)


def gifti_path(subject: str, side: str, **names: str) -> Path:
    return map_path(DATA, subject, hemi=side, space="fsaverage", **{"extension": ".func.gii", **names})


def cifti_path(subject: str, extension: str = ".dscalar.nii") -> Path:
    path = map_path(DATA, subject, space="fsLR", extension=extension)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def gifti(subjects: Sequence[str] = SUBJECTS, **names: str) -> None:
    """Write maps of both hemispheres, each of other values."""
    for subject in subjects:
        for i, side in enumerate("LR"):
            save_gifti(gifti_path(subject, side, **names), noise(subject, 2 * N)[i * N : (i + 1) * N])


def axis(left: Sequence[int] | None = None, size: float = 2.0, first: str = "left") -> BrainModelAxis:
    """Return the axis of both hemispheres and three voxels."""
    both = cortex(N, left=left)
    return (both if first == "left" else both[np.r_[N : 2 * N, 0:N]]) + voxels(THALAMUS, size)


def cifti(third: BrainModelAxis | None = None) -> None:
    """Write maps of grayordinates, that of the third subject on another axis."""
    for subject in SUBJECTS:
        own = third if subject == "03" and third is not None else axis()
        save_cifti(cifti_path(subject), noise(subject, own.size), own)


def listed(capsys: pytest.CaptureFixture[str], words: str) -> tuple[int, str]:
    """List what would be analysed; return the exit code, and the text on one line."""
    code = main(["data", "out", "group", "--list", *words.split()])
    found = capsys.readouterr()
    assert not Path("out").exists()
    return code, re.sub(r"\s+", " ", found.out + found.err)


@pytest.mark.parametrize(
    ("third", "difference"),
    [
        (axis(left=range(N - 3)), "39 instead of 42 vertices of the left cortex"),
        (axis(first="right"), "(another order)"),
        (axis(size=3.0), "voxels on another grid"),
        (cortex(N), "without left thalamus"),
        (axis() + voxels([(3, 3, 3)], name="CIFTI_STRUCTURE_BRAIN_STEM"), "also with brain stem"),
        (cortex(N) + voxels([(1, 1, 1), (1, 1, 2), (2, 2, 2)]), "other voxels of the left thalamus"),
    ],
)
def test_grayordinates_that_differ(capsys: pytest.CaptureFixture[str], third: BrainModelAxis, difference: str) -> None:
    cifti(third)
    code, text = listed(capsys, MESHES)
    assert code == 65
    assert "problem sub-03 has a set of grayordinates" in text
    assert difference in text
    assert "--exclude 03" in text


def fewer_vertices() -> None:
    gifti()
    save_gifti(gifti_path("03", "R"), noise("03", 12))


def wrong_side() -> None:
    """Write a table whose column hemi says the opposite of the names."""
    gifti()
    rows = [f"{each}\t{'RL'['LR'.index(side)]}\t{gifti_path(each, side)}" for each in SUBJECTS for side in "LR"]
    Path("maps.tsv").write_text("\n".join(["participant_id\themi\teffect", *rows]) + "\n")


def several_of_a_name() -> None:
    for subject in SUBJECTS:
        maps = [noise(subject, axis().size), noise(f"9{subject}", axis().size)]
        write_cifti(cifti_path(subject), maps, ScalarAxis(["faces", "faces"]), axis())


def of_labels() -> None:
    for subject in SUBJECTS:
        save_cifti(cifti_path(subject, ".dlabel.nii"), np.arange(axis().size) % 3, axis(), {1: "a", 2: "b"})


def half_the_variances() -> None:
    gifti()
    gifti(stat="variance")
    gifti_path("03", "R", stat="variance").unlink()


def probabilities() -> None:
    gifti()
    for side in "LR":
        save_gifti(Path(f"p_hemi-{side}.func.gii"), np.linspace(0, 1, N))


def without_hemispheres() -> None:
    for subject in SUBJECTS:
        save_gifti(map_path(DATA, subject, space="fsaverage", extension=".func.gii"), noise(subject))


def compressed(*sides: str, keep: bool = False) -> Spoil:
    """Return a function that compresses files of the third subject."""

    def spoil() -> None:
        gifti()
        for side in sides:
            path = gifti_path("03", side)
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            if not keep:
                path.unlink()

    return spoil


def with_a_volume() -> None:
    gifti()
    nib.save(image(np.ones((4, 5, 6))), "a.nii.gz")


@pytest.mark.parametrize(
    ("spoil", "words", "expected", "message"),
    [
        (
            fewer_vertices,
            MESHES,
            65,
            "sub-03 has a mesh of 42 vertices of the left cortex and 12 vertices of the right",
        ),
        (wrong_side, f"{MESHES} --manifest maps.tsv", 65, "line 2 has hemi 'R', but sub-01"),
        (several_of_a_name, f"{MESHES} --map-name faces", 65, "has 2 maps named 'faces'; expected maps of different"),
        (of_labels, MESHES, 18, "Unusable files: 4, a .dlabel.nii file: labels, not a map"),
        (compressed("L"), MESHES, 0, "subjects 4: 01-04"),
        (compressed("L", "R"), MESHES, 0, "subjects 4: 01-04"),
        (compressed("L", keep=True), MESHES, 65, "sub-03 has more than one map"),
        (without_hemispheres, MESHES, 18, "Unusable files: 4, no hemi in its name"),
        (probabilities, f"{MESHES} --mask p_hemi-L.func.gii", 65, "to include vertices with a probability"),
        (half_the_variances, f"{MESHES} --estimator mixed", 0, "without 03: no variance map of both hemispheres"),
        (with_a_volume, f"{MESHES} --target-grid a.nii.gz", 64, "--target-grid resamples volumes only"),
        (with_a_volume, f"{MESHES} --target-grid template", 64, "--target-grid resamples volumes only"),
        (with_a_volume, f"{MESHES} --atlas none/atlas", 66, "There is no atlas none/atlas"),
        (with_a_volume, f"{MESHES} --atlas none.label.gii", 66, "There is no atlas none.label.gii"),
        (with_a_volume, f"{MESHES} --atlas none.nii.gz", 66, "There is no atlas none.nii.gz"),
        (with_a_volume, f"{MESHES} --atlas a.nii.gz", 65, "The atlas a.nii.gz is a volume"),
    ],
)
def test_one_message(capsys: pytest.CaptureFixture[str], spoil: Spoil, words: str, expected: int, message: str) -> None:
    spoil()
    code, text = listed(capsys, words)
    assert message in text
    assert code == expected


@pytest.mark.parametrize(
    ("left", "right", "expected", "message"),
    [
        ("NIFTI_INTENT_ZSCORE", "NIFTI_INTENT_TTEST", 65, "z statistics by its NIfTI intent code 5, but t statistics"),
        ("NIFTI_INTENT_SHAPE", "NIFTI_INTENT_PVAL", 65, "p-values: its NIfTI intent code 22 in the file of the right"),
    ],
)
def test_intents_of_both_hemispheres_count(
    capsys: pytest.CaptureFixture[str], left: str, right: str, expected: int, message: str
) -> None:
    for side, intent in (("L", left), ("R", right)):
        path = save_gifti(Path(f"m_hemi-{side}.func.gii"), noise("01"))
        made = nib.load(path)
        made.darrays[0].intent = nib.nifti1.intent_codes.code[intent]
        nib.save(made, path)
    assert map_main(["m_hemi-L.func.gii", "out", *MESHES.split()]) == expected
    assert message in capsys.readouterr().err


def of_t(dof: dict[str, object]) -> None:
    """Write t maps of a subject, and the sidecar of each hemisphere with its degrees of freedom."""
    gifti(["01"], stat="t")
    for side, value in dof.items():
        gifti_path("01", side, stat="t", extension=".json").write_text(json.dumps({"DegreesOfFreedom": value}))


@pytest.mark.parametrize(
    ("dof", "expected", "message"),
    [
        ({"L": 20, "R": 20}, 0, ""),
        ({"R": 20}, 0, ""),
        ({"L": 20, "R": 30}, 65, "say DegreesOfFreedom 20 and 30; expected the same number for both hemispheres"),
        ({}, 65, "says DegreesOfFreedom"),
    ],
)
def test_degrees_of_freedom_of_both_hemispheres(
    capsys: pytest.CaptureFixture[str], dof: dict[str, object], expected: int, message: str
) -> None:
    of_t(dof)
    assert main(["data", "out", "participant", "--stat", "t", "--list", *MESHES.split()]) == expected
    found = capsys.readouterr()
    assert message in re.sub(r"\s+", " ", found.out + found.err)


@pytest.mark.parametrize("name", ["a.dscalar.nii", "a_hemi-L.func.gii"])
def test_masks_have_no_map_name(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """The message about a mask with two maps does not name an option that does not choose one of them."""
    gifti()
    path = Path(name)
    if path.suffix == ".nii":
        write_cifti(path, np.ones((2, cortex(N).size)), ScalarAxis(["a", "b"]), cortex(N))
    else:
        arrays = [nib.gifti.GiftiDataArray(np.ones(N, dtype=np.float32)) for _ in "ab"]
        nib.save(nib.GiftiImage(darrays=arrays), path)
    code, text = listed(capsys, f"{MESHES} --mask {name}")
    assert code == 65
    assert f"{name} has 2 " in text
    assert "expected one map. Extract" in text
    assert "--map-name" not in text
