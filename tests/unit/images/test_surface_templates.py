"""Atlases and masks of surfaces in TemplateFlow: which files are used, and what is reported if there are none."""

from pathlib import Path

import pytest
from builders_templateflow import add

from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import InputNotFoundError, NoMatchError, UsageError
from bids_ari.images.surface_templates import template_cortex, template_surface_atlas

A = StandardSpace("A")
NAME = "tpl-A_hemi-{}_den-{}_atlas-{}_dseg.label.gii"


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


def test_an_atlas_of_the_density_and_hemispheres_of_the_maps(home: Path) -> None:
    add(home, *(NAME.format(side, den, "X_seg-aparc") for side in "LR" for den in ("10k", "41k")))
    files, table = template_surface_atlas("X", A, "10k", ["L", "R"])
    assert names(files) == [NAME.format(side, "10k", "X_seg-aparc") for side in "LR"]
    assert table is None
    add(home, "tpl-A_atlas-X_dseg.tsv", "tpl-A_atlas-X_seg-aparc_dseg.tsv", "tpl-A_atlas-X_seg-other_dseg.tsv")
    files, table = template_surface_atlas("X", A, "41k", ["R"])
    assert names(files) == [NAME.format("R", "41k", "X_seg-aparc")]
    assert table == home / "tpl-A_atlas-X_seg-aparc_dseg.tsv"
    with pytest.raises(NoMatchError, match=r"atlas X in A, den-3k; expected one of: X in A, den-10k, X in A, den-41k"):
        template_surface_atlas("X", A, "3k", ["L", "R"])


def test_variants_of_an_atlas(home: Path) -> None:
    """Schaefer2018 has networks and numbers of parcels; each variant has a file of each hemisphere."""
    add(home, *(NAME.format(side, "10k", f"S_seg-7n_scale-{n}") for side in "LR" for n in (100, 200)))
    files, _ = template_surface_atlas("S:seg-7n:scale-200", A, "10k", ["L", "R"])
    assert names(files) == [NAME.format(side, "10k", "S_seg-7n_scale-200") for side in "LR"]
    assert template_surface_atlas("S:scale-200", A, "10k", ["L", "R"])[0] == files
    with pytest.raises(UsageError, match="2 atlases S; expected one of: S:seg-7n:scale-100, S:seg-7n:scale-200"):
        template_surface_atlas("S", A, "10k", ["L", "R"])
    with pytest.raises(NoMatchError, match="S:seg-17n in A"):
        template_surface_atlas("S:seg-17n", A, "10k", ["L", "R"])


def test_a_hemisphere_that_is_not_listed_or_cannot_be_fetched(home: Path) -> None:
    add(home, NAME.format("L", "10k", "X"))
    with pytest.raises(InputNotFoundError, match="does not list the atlas X in A"):
        template_surface_atlas("X", A, "10k", ["L", "R"])
    add(home, NAME.format("R", "10k", "X"), content="")
    with pytest.raises(InputNotFoundError, match="could not be fetched: ConnectionError"):
        template_surface_atlas("X", A, "10k", ["L", "R"])


def test_the_cortex_without_the_medial_wall(home: Path) -> None:
    add(home, *(f"tpl-A_hemi-{side}_den-32k_desc-{d}_dparc.label.gii" for side in "LR" for d in ("nomedialwall", "x")))
    found = template_cortex(A, "32k", ["L", "R"])
    assert names(found) == [f"tpl-A_hemi-{side}_den-32k_desc-nomedialwall_dparc.label.gii" for side in "LR"]
    with pytest.raises(NoMatchError, match="mask of the cortex in A, den-10k") as caught:
        template_cortex(A, "10k", ["L", "R"])
    assert "0 or NaN in all subjects are not tested" in caught.value.hint


def test_atlases_of_a_finer_fsaverage(home: Path) -> None:
    """Schaefer2018 is there for 164k only; of other templates, finer meshes have other vertices."""
    name = "tpl-{}_hemi-L_den-{}_atlas-X_dseg.label.gii"
    add(home, name.format("fsaverage", "164k"), name.format("A", "164k"))
    files, _ = template_surface_atlas("X", StandardSpace("fsaverage"), "10k", ["L"])
    assert names(files) == [name.format("fsaverage", "164k")]
    add(home, name.format("fsaverage", "41k"))
    files, _ = template_surface_atlas("X", StandardSpace("fsaverage"), "10k", ["L"])
    assert names(files) == [name.format("fsaverage", "41k")]
    with pytest.raises(NoMatchError, match="den-10k; expected one of: X in A, den-164k"):
        template_surface_atlas("X", A, "10k", ["L"])
