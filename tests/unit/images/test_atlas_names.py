"""Names of atlases: how options have them, and what names of outputs keep of them."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, image
from builders_labels import cortex, save_gifti
from builders_templateflow import add

from bids_ari.errors import NoMatchError, UsageError
from bids_ari.images.atlas_names import AtlasName, entities_in_names, variant_of
from bids_ari.images.grayordinates import frame_of
from bids_ari.images.regions import load_atlas
from bids_ari.images.volume import Grid

SURFACE = frame_of(cortex(2562)).space(np.ones(5124, dtype=bool))
VOLUME = Grid(SHAPE, AFFINE).space(np.ones(SHAPE, dtype=bool))


@pytest.mark.parametrize(
    "text",
    [
        "Schaefer2018:seg-7n:scale-100",
        "Schaefer2018:scale-100:seg-7n",
        "Schaefer2018:seg-7n_scale-100",
        "Schaefer2018_seg-7n_scale-100",
        "atlas-Schaefer2018_seg-7n_scale-100",
    ],
)
def test_one_variant_may_be_spelled_in_several_ways(text: str) -> None:
    found = AtlasName.parse(text)
    assert (found.name, dict(found.variant)) == ("Schaefer2018", {"seg": "7n", "scale": "100"})
    assert str(found) == "Schaefer2018:seg-7n:scale-100"


def test_a_label_alone_is_that_of_desc() -> None:
    assert AtlasName.parse("X:th25") == AtlasName.parse("X:desc-th25") == AtlasName("X", (("desc", "th25"),))
    assert AtlasName.parse("my_atlas") == AtlasName("my_atlas")  # no entity


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X:", "a part ''"),
        ("X:seg-", "a part 'seg-'"),
        ("X:a b", "a part 'a b'"),
        ("X:res-02", "the entity res, which follows from the maps.*Remove res-02"),
        ("X_hemi-L", "the entity hemi"),
        ("X:seg-7n:seg-17n", "an entity twice"),
        ("X:100Parcels7Networks:200Parcels7Networks", "an entity twice"),
        ("seg-7n_scale-100", "begins with seg-7n, which is no name"),
    ],
)
def test_other_parts_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        AtlasName.parse(text)


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("tpl-fsaverage_hemi-L_den-164k_atlas-S_seg-7n_scale-100_dseg.label.gii", {"seg": "7n", "scale": "100"}),
        ("tpl-M_cohort-1_res-02_atlas-S_desc-th0_dseg.nii.gz", {"desc": "th0"}),
        ("tpl-M_hemi-L_atlas-S_dseg.nii.gz", {"hemi": "L"}),  # a volume of half a brain, not half of a pair
    ],
)
def test_entities_that_distinguish_variants(name: str, variant: dict[str, str]) -> None:
    assert variant_of(Path(name)) == variant


def test_names_of_outputs_distinguish_all_variants() -> None:
    variants = [
        {"seg": "7n"},
        {"seg": "17n"},
        {"seg": "7n", "scale": "100"},
        {"desc": "th0"},
        {"seg": "7n", "desc": "c"},
    ]
    found = [entities_in_names("A", AtlasName.of("A", each).variant) for each in (*variants, {})]
    assert found[3:] == [{"atlas": "A", "seg": "th0"}, {"atlas": "A", "seg": "7nC"}, {"atlas": "A"}]
    assert len({str(each) for each in found}) == len(found)


@pytest.fixture
def fsaverage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TemplateFlow's folder with two numbers of parcels and of networks of one atlas on fsaverage."""
    for side in "LR":
        for variant in ("seg-7n_scale-100", "seg-7n_scale-200", "seg-17n_scale-100"):
            name = f"tpl-fsaverage_hemi-{side}_den-3k_atlas-Schaefer2018_{variant}_dseg.label.gii"
            path = tmp_path / "tpl-fsaverage" / name
            path.parent.mkdir(exist_ok=True)
            save_gifti(path, np.ones(2562), {0: "???", 1: variant})
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("text", ["Schaefer2018:scale-200", "Schaefer2018:seg-7n_scale-200"])
def test_an_atlas_on_fsaverage(text: str, fsaverage: Path) -> None:
    found = load_atlas(text, None, "fsaverage", SURFACE)
    assert (found.name, found.variant) == ("Schaefer2018", (("seg", "7n"), ("scale", "200")))
    assert [region.name for region in found.regions] == ["left seg-7n_scale-200", "right seg-7n_scale-200"]


@pytest.mark.parametrize("text", ["Schaefer2018", "Schaefer2018:seg-7n", "Schaefer2018:scale-100"])
def test_a_name_of_several_variants_is_refused_with_their_names(text: str, fsaverage: Path) -> None:
    with pytest.raises(UsageError, match=f"atlases {text}; expected one of: Schaefer2018:seg-"):
        load_atlas(text, None, "fsaverage", SURFACE)


def test_a_variant_of_volumes_is_not_one_of_surfaces(fsaverage: Path) -> None:
    with pytest.raises(NoMatchError, match="one of: Schaefer2018:seg-7n:scale-100, ") as caught:
        load_atlas("Schaefer2018:100Parcels7Networks", None, "fsaverage", SURFACE)
    assert "Schaefer2018:100Parcels7Networks in fsaverage" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("space-M_atlas-X_seg-7n_scale-100_res-2_dseg.nii.gz", (("seg", "7n"), ("scale", "100"))),
        ("tpl-M_res-02_atlas-X_desc-7N_dseg.nii.gz", (("desc", "7N"),)),
        ("X.nii.gz", ()),
        ("space-M_seg-7n_desc-b_X.nii.gz", ()),  # of an image that is no atlas by its name
    ],
)
def test_a_file_gives_its_entities(name: str, variant: tuple[tuple[str, str], ...], tmp_path: Path) -> None:
    nib.save(image(np.ones(SHAPE)), tmp_path / name)
    assert load_atlas(str(tmp_path / name), None, "M", VOLUME).variant == variant


def test_the_table_of_a_file_may_have_fewer_entities(tmp_path: Path) -> None:
    """As tables are shared by resolutions in BIDS; of several, the one with most of the entities."""
    path = tmp_path / "tpl-M_atlas-X_seg-7n_res-02_dseg.nii.gz"
    nib.save(image(np.ones(SHAPE)), path)
    add(tmp_path, "atlas-X_dseg.tsv", "atlas-X_seg-17n_dseg.tsv", "atlas-Y_dseg.tsv", content="index\tname\n1\ta\n")
    assert load_atlas(str(path), None, "M", VOLUME).regions[0].name == "a"
    add(tmp_path, "tpl-M_atlas-X_seg-7n_dseg.tsv", content="index\tname\n1\tb\n")
    assert load_atlas(str(path), None, "M", VOLUME).regions[0].name == "b"


@pytest.mark.parametrize("table", ["index\tlabel\n1\ta\n", "index\tlabel\tname\n1\tb\ta\n", "label\tname\n1\ta\n"])
def test_columns_of_tables_of_others(table: str, tmp_path: Path) -> None:
    """XCP-D's tables have the names in ``label``."""
    nib.save(image(np.ones(SHAPE)), tmp_path / "atlas-X_space-M_res-02_dseg.nii.gz")
    add(tmp_path, "atlas-X_dseg.tsv", content=table)
    found = load_atlas(str(tmp_path / "atlas-X_space-M_res-02_dseg.nii.gz"), None, "M", VOLUME)
    assert [region.name for region in found.regions] == ["a"]
