"""Files with several maps: the one of a name is analysed as if it were alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from builders import describe, map_path
from builders_meshes import icosphere, saved_mesh
from builders_surfaces import data_array, gifti, write_cifti
from nibabel.cifti2.cifti2_axes import BrainModelAxis, ScalarAxis

import bids_ari as ari
from bids_ari.analysis.fingerprint import fingerprint
from bids_ari.cli.main import main
from bids_ari.errors import DataError

N_VERTICES = 42  # of each hemisphere
SUBJECTS = ("01", "02", "03", "04", "05")
SPACE = {"space": "fsaverage", "contrast": "faces"}

Maps = dict[str, npt.NDArray[np.float64]]
Write = Callable[[Path, str, Maps], object]


def cifti(root: Path, subject: str, maps: Maps) -> None:
    """Write the maps, (2, n_vertices), of both hemispheres to a file of grayordinates."""
    axes = [
        BrainModelAxis.from_surface(np.arange(N_VERTICES), N_VERTICES, f"Cortex{side}") for side in ("Left", "Right")
    ]
    path = map_path(root, subject, extension=".dscalar.nii", **SPACE)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_cifti(path, [values.ravel() for values in maps.values()], ScalarAxis([*maps]), axes[0] + axes[1])


def pair(root: Path, subject: str, maps: Maps) -> None:
    """Write the maps, (2, n_vertices), to a file of each hemisphere."""
    for i, side in enumerate("LR"):
        path = map_path(root, subject, hemi=side, extension=".func.gii", **SPACE)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(gifti(*(data_array(values[i], Name=name) for name, values in maps.items())))


def analyse(root: Path, **options: str) -> tuple[npt.NDArray[np.float64], str]:
    """Return the z map of the mean over subjects, and the fingerprint of its inputs."""
    meshes = tuple(f"{side}={root.parent / f'hemi-{side}.surf.gii'}" for side in "LR")
    (contrast,) = ari.discover(root)
    (result,) = ari.analyse(contrast, options=ari.Options(surface=meshes, **options))
    return result.glm.z, fingerprint(contrast, result.design, result.options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the mesh of each hemisphere."""
    for side, x in (("L", -60.0), ("R", 60.0)):
        saved_mesh(icosphere(1, centre=(x, 0, 0)), tmp_path / f"hemi-{side}.surf.gii")
    return tmp_path


@pytest.mark.parametrize("write", [cifti, pair])
def test_the_map_of_a_name(folder: Path, write: Write) -> None:
    rng = np.random.default_rng(1)
    several, alone = folder / "several", folder / "alone"
    for root in (several, alone):
        describe(root)
    for subject in SUBJECTS:
        maps = {name: rng.normal(size=(2, N_VERTICES)) for name in ("faces", "houses")}
        write(several, subject, maps)
        write(alone, subject, {"houses": maps["houses"]})
    with pytest.raises(DataError, match=r"faces.*houses"):
        analyse(several)
    houses, digest = analyse(several, map_name="houses")
    np.testing.assert_array_equal(houses, analyse(alone)[0])
    faces, other = analyse(several, map_name="faces")
    assert not np.allclose(houses, faces)
    assert digest != other


@pytest.mark.parametrize("level", ["group", "participant"])
def test_a_wrong_name_is_one_message(folder: Path, level: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the names of one file, and the number of others; at the participant level each map is a contrast."""
    describe(folder / "in")
    lines = ["participant_id\tcontrast\tz\tmap_name"]
    for subject in SUBJECTS:
        maps = {f"{subject}_{name}": np.ones((2, N_VERTICES)) for name in ("faces", "houses")}
        cifti(folder / "in", subject, maps)
        path = map_path(folder / "in", subject, extension=".dscalar.nii", **SPACE)
        lines.append(f"{subject}\tfaces\t{path}\t{subject}_face")
    (folder / "maps.tsv").write_text("\n".join(lines) + "\n")
    flags = ["--manifest", str(folder / "maps.tsv"), "--stat", "z"]
    words = [str(folder), str(folder / "out"), level, *flags, "--nprocs", "1"]
    assert main([*words, "--list"]) == 65
    shown = " ".join(capsys.readouterr().out.split())
    assert main(words) == 65
    for text in (shown, " ".join(capsys.readouterr().err.split())):
        assert (
            text.count("has no map named '01_face'; expected one of: '01_faces', '01_houses'. Did you mean '01_faces'?")
            == 1
        )
        assert text.count("no map named") == 1
    likewise = " Likewise 4 others, of sub-02-05" if level == "group" else "; likewise 4 other maps"
    assert likewise in shown
