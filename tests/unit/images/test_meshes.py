"""The mesh of each hemisphere: which file is used, and what is reported if there is none."""

from pathlib import Path

import pytest
from builders_labels import LEFT, RIGHT
from builders_meshes import icosphere, saved_mesh
from builders_templateflow import add

from bids_ari.errors import DataError, InputNotFoundError, UsageError
from bids_ari.images.meshes import find_meshes, notes_on_meshes, read_meshes, surface_files

N = 2562  # vertices of den-3k
BOTH = {LEFT: N, RIGHT: N}


@pytest.fixture(scope="module")
def hemispheres(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Meshes of both hemispheres of 2562 vertices, and a smaller one."""
    folder = tmp_path_factory.mktemp("meshes")
    for side, x in (("L", -60.0), ("R", 60.0)):
        saved_mesh(icosphere(4, centre=(x, 0, 0)), folder / f"a_hemi-{side}_pial.surf.gii")
    saved_mesh(icosphere(1, centre=(-60, 0, 0)), folder / "small_hemi-L_pial.surf.gii")
    saved_mesh(icosphere(4, centre=(60, 0, 0)), folder / "unnamed.surf.gii")
    saved_mesh(icosphere(4), folder / "middle.surf.gii")
    return folder


def names(found: dict[str, Path]) -> list[str]:
    return [path.name for path in found.values()]


def test_a_file_of_one_hemisphere_stands_for_both(hemispheres: Path) -> None:
    surface = [str(hemispheres / "a_hemi-R_pial.surf.gii")]
    found = find_meshes(BOTH, "A", surface)
    assert names(found.roles) == ["a_hemi-L_pial.surf.gii", "a_hemi-R_pial.surf.gii"]
    assert [*found.roles] == ["surface L", "surface R"]
    assert found.note == ""
    meshes = read_meshes(found, BOTH)
    assert [mesh.n_vertices for mesh in meshes.values()] == [N, N]
    assert meshes[LEFT].coordinates[:, 0].max() < 0 < meshes[RIGHT].coordinates[:, 0].min()
    assert names(find_meshes({RIGHT: N}, "A", surface).roles) == ["a_hemi-R_pial.surf.gii"]


def test_the_hemisphere_is_given_or_in_the_name_or_in_the_coordinates(hemispheres: Path) -> None:
    left, right = hemispheres / "a_hemi-L_pial.surf.gii", hemispheres / "unnamed.surf.gii"
    assert surface_files([f"L={left}", f"R={right}"]) == {"L": left, "R": right}
    assert surface_files([str(right), str(left)]) == {"L": left, "R": right}
    with pytest.raises(UsageError, match="neither by its name nor by its coordinates"):
        surface_files([str(hemispheres / "middle.surf.gii")])


def test_two_files_of_one_hemisphere_or_none_of_one(hemispheres: Path) -> None:
    left, small = (str(hemispheres / f"{name}_hemi-L_pial.surf.gii") for name in ("a", "small"))
    with pytest.raises(UsageError, match=r"two meshes of the left hemisphere: a_hemi-L.* and small_hemi-L"):
        find_meshes(BOTH, "A", [left, small])
    with pytest.raises(UsageError, match=r"no mesh of the right hemisphere: a_hemi-L.*; expected also R=FILE"):
        find_meshes(BOTH, "A", [f"L={left}"])


def test_another_number_of_vertices_or_the_other_hemisphere(hemispheres: Path) -> None:
    small = find_meshes({LEFT: N}, "A", [str(hemispheres / "small_hemi-L_pial.surf.gii")])
    with pytest.raises(DataError, match=r"small_hemi-L_pial.*has 42 vertices, the maps have 2562.*fsaverage, den-3k"):
        read_meshes(small, {LEFT: N})
    flipped = find_meshes({RIGHT: N}, "A", [f"R={hemispheres / 'a_hemi-L_pial.surf.gii'}"])
    with pytest.raises(DataError, match="right hemisphere, but its mean x is -60 mm"):
        read_meshes(flipped, {RIGHT: N})


def test_meshes_of_templateflow_by_space_and_density(home: Path) -> None:
    name = "tpl-A_hemi-{}_den-{}_{}.surf.gii"
    add(home, *(name.format(side, den, kind) for side in "LR" for den in ("3k", "10k") for kind in ("white", "pial")))
    assert names(find_meshes(BOTH, "A").roles) == [name.format(side, "3k", "pial") for side in "LR"]
    assert "tpl-A_hemi-L_den-3k_pial" in find_meshes(BOTH, "A").note
    add(home, name.format("L", "3k", "midthickness"), "tpl-A_hemi-R_den-3k_desc-x_midthickness.surf.gii")
    assert names(find_meshes(BOTH, "A").roles)[0] == name.format("L", "3k", "pial")  # there is no other midthickness
    add(home, name.format("R", "3k", "midthickness"))
    assert names(find_meshes(BOTH, "A:den-3k").roles) == [name.format(side, "3k", "midthickness") for side in "LR"]
    assert names(find_meshes({RIGHT: 10242}, "A:den-91k").roles) == [name.format("R", "10k", "pial")]


def test_meshes_that_cannot_be_fetched(home: Path) -> None:
    add(home, *(f"tpl-A_hemi-{side}_den-3k_pial.surf.gii" for side in "LR"), content="")
    with pytest.raises(InputNotFoundError, match=r"2562 vertices.*could not be fetched: ConnectionError") as caught:
        find_meshes(BOTH, "A")
    assert "--surface L=FILE R=FILE" in caught.value.hint


@pytest.mark.usefixtures("home")
def test_fsaverage5_comes_with_nilearn() -> None:
    """Its meshes have 10242 vertices each; FreeSurfer's are around the midline, apart by a few vertices."""
    counts = {LEFT: 10242, RIGHT: 10242}
    found = find_meshes(counts, "fsaverage5")
    assert names(found.roles) == ["pial_left.gii.gz", "pial_right.gii.gz"]
    assert "nilearn" in found.note
    assert read_meshes(found, counts)[RIGHT].hemisphere == "R"
    without_space = find_meshes(counts, None)
    assert without_space.roles == found.roles
    assert "names of the maps have no space" in without_space.note


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("counts", "space", "words"),
    [
        (BOTH, "A", "No mesh with 2562 vertices is known in the space A"),
        ({LEFT: 777}, None, "No mesh with 777 vertices is known for maps without"),
        ({LEFT: 32492, RIGHT: 32492}, "fsnative", "32492 vertices are those of fsLR, den-32k"),
        ({LEFT: 100, RIGHT: 101}, "fsLR", "No mesh with 100 and 101 vertices"),
    ],
)
def test_no_mesh_is_known(counts: dict[str, int], space: str | None, words: str) -> None:
    with pytest.raises(InputNotFoundError, match=words) as caught:
        find_meshes(counts, space)
    assert "--surface L=FILE R=FILE" in caught.value.hint


def test_another_structure_with_vertices() -> None:
    with pytest.raises(DataError, match="vertices of CIFTI_STRUCTURE_CEREBELLUM"):
        find_meshes({LEFT: N, "CIFTI_STRUCTURE_CEREBELLUM": N}, "A")


def test_a_sphere_has_a_note(hemispheres: Path) -> None:
    sphere = find_meshes({LEFT: N}, "A", [f"L={hemispheres / 'middle.surf.gii'}"])
    (note,) = notes_on_meshes(read_meshes(sphere, {LEFT: N}))
    assert "middle.surf.gii lies about the midline" in note
    pial = find_meshes({LEFT: N}, "A", [f"L={hemispheres / 'a_hemi-L_pial.surf.gii'}"])
    assert not [*notes_on_meshes(read_meshes(pial, {LEFT: N}))]
