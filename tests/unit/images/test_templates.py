"""TemplateFlow by name: which file is used, and what is reported if there is none."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders_templateflow import add

from bids_ari.errors import InputNotFoundError, NoMatchError, UsageError
from bids_ari.images.templates import template_atlas, template_image, template_mask
from bids_ari.images.volume import Grid

GRID = Grid((9, 9, 9), np.diag([2.2, 2, 2, 1]))


MASK = "tpl-A_res-0{}_desc-brain_mask.nii.gz"
COHORT = "tpl-A/cohort-{0}/tpl-A_cohort-{0}_res-{1}_desc-brain_mask.nii.gz"


def test_the_resolution_is_the_nearest(home: Path) -> None:
    add(home, MASK.format(1), MASK.format(2), MASK.format(4))
    assert template_mask("A", GRID) == home / MASK.format(2)


def test_resolutions_are_those_that_the_template_describes(home: Path) -> None:
    """Of MNI152NLin6Asym, 3 means 0.5 mm, and 6 means 1.6 mm."""
    add(home, *(f"tpl-A/{MASK.format(i)}" for i in (1, 3, 6)))
    sizes = ", ".join(f'"{i:02d}": {{"zooms": [1, {size}, 1]}}' for i, size in ((1, 1), (3, 0.5), (6, 1.6)))
    add(home, "tpl-A/template_description.json", content=f'{{"res": {{{sizes}}}}}')
    assert template_mask("A", GRID).name == MASK.format(6)


def test_the_resolution_in_the_names_of_maps_is_used_also_if_it_must_be_fetched(home: Path) -> None:
    add(home, MASK.format(1))
    assert template_mask("A:res-2", GRID) == home / MASK.format(1)
    add(home, MASK.format(2), content="")
    with pytest.raises(InputNotFoundError, match="A_res-02_desc-brain_mask"):
        template_mask("A:res-2", GRID)


def test_a_file_on_this_machine_is_preferred(home: Path) -> None:
    add(home, MASK.format(1))
    add(home, MASK.format(2), content="")  # listed, and not fetched yet
    assert template_mask("A", GRID) == home / MASK.format(1)


def test_a_file_that_cannot_be_fetched(home: Path) -> None:
    add(home, MASK.format(2), content="")
    with pytest.raises(InputNotFoundError, match="could not be fetched: ConnectionError"):
        template_mask("A", GRID)


@pytest.mark.parametrize("space", ["A+3", "A:cohort-3"])
def test_the_cohort_is_that_of_the_maps(home: Path, space: str) -> None:
    add(home, *(COHORT.format(cohort, res) for cohort in (1, 3, 13) for res in (1, 2)))
    assert template_mask(space, GRID).name == "tpl-A_cohort-3_res-2_desc-brain_mask.nii.gz"
    with pytest.raises(NoMatchError, match=r"brain mask of A, cohort 2; expected one of: A\+1, A\+3, A\+13"):
        template_mask("A+2", GRID)


def test_maps_without_a_cohort_of_a_template_with_cohorts(home: Path) -> None:
    add(home, *(COHORT.format(cohort, 1) for cohort in (1, 3)))
    with pytest.raises(UsageError, match=r"no cohort of A; expected space-A\+1 or space-A_cohort-1"):
        template_mask("A", GRID)


def test_a_cohort_of_a_template_without_any(home: Path) -> None:
    add(home, MASK.format(1))
    with pytest.raises(NoMatchError, match="one of: A without a cohort"):
        template_mask("A+2", GRID)


def test_the_mask_is_that_of_the_whole_brain(home: Path) -> None:
    """UNCInfant names it by a label; others have masks of hemispheres, heads, and of atlases beside."""
    add(home, "tpl-A_hemi-L_desc-brain_mask.nii.gz", "tpl-A_desc-head_mask.nii.gz", "tpl-B_label-brain_mask.nii.gz")
    with pytest.raises(NoMatchError, match="one of: tpl-A_desc-head_mask"):
        template_mask("A", GRID)
    assert template_mask("B", GRID).name == "tpl-B_label-brain_mask.nii.gz"


def test_the_template_itself(home: Path) -> None:
    add(home, "tpl-A/cohort-1/tpl-A_cohort-1_res-2_T1w.nii.gz", "tpl-A/cohort-2/tpl-A_cohort-2_desc-brain_T1w.nii.gz")
    add(home, "tpl-A/cohort-3/tpl-A_cohort-3_T2w.nii.gz", content="")
    found = template_image("A+1", GRID)
    assert found is not None
    assert found.name == "tpl-A_cohort-1_res-2_T1w.nii.gz"
    assert template_image("A+2", GRID) is None
    assert template_image("A+3", GRID, fetch=False) is None


NAME = "tpl-A_res-02_atlas-{}_dseg"


def test_an_atlas_and_its_table(home: Path) -> None:
    add(home, NAME.format("X_desc-7") + ".nii.gz", NAME.format("X_desc-7") + ".tsv", NAME.format("Y") + ".nii.gz")
    name = home / NAME.format("X_desc-7")
    assert template_atlas("X:7", "A", GRID) == (name.with_suffix(".nii.gz"), name.with_suffix(".tsv"))
    assert template_atlas("Y", "A", GRID) == (home / f"{NAME.format('Y')}.nii.gz", None)
    with pytest.raises(NoMatchError, match="does not have the atlas X:8") as caught:
        template_atlas("X:8", "A", GRID)
    assert caught.value.expected == "one of: X:7"
    with pytest.raises(NoMatchError, match="one of: X, Y"):
        template_atlas("Z", "A", GRID)


def test_a_space_without_atlases(home: Path) -> None:
    """The message names the spaces that have this one; without any, all spaces."""
    add(home, "tpl-A/tpl-A_res-1_desc-brain_mask.nii.gz", "tpl-B/tpl-B_res-1_atlas-X_desc-7_dseg.nii.gz")
    with pytest.raises(NoMatchError, match="does not have the atlas X:7 in A, and no other there") as caught:
        template_atlas("X:7", "A", GRID)
    assert caught.value.expected == "maps in a space of this atlas: B"
    with pytest.raises(NoMatchError, match="does not have the atlas Y in A") as caught:
        template_atlas("Y", "A", GRID)


def test_a_name_of_one_variant_is_enough(home: Path) -> None:
    add(home, NAME.format("X_desc-7") + ".nii.gz", "tpl-A_res-01_atlas-X_desc-7_dseg.nii.gz")
    assert template_atlas("X", "A", GRID)[0].name == NAME.format("X_desc-7") + ".nii.gz"


def test_a_name_of_several_variants_is_refused_with_their_names(home: Path) -> None:
    """Also where only one of them is on this machine."""
    add(home, NAME.format("X_desc-100") + ".nii.gz")
    add(home, NAME.format("X_desc-20") + ".nii.gz", NAME.format("X_seg-7n_scale-1") + ".nii.gz", content="")
    with pytest.raises(UsageError, match="TemplateFlow has 3 atlases X") as caught:
        template_atlas("X", "A", GRID)
    assert caught.value.expected == "one of: X:20, X:100, X:seg-7n:scale-1"
    assert template_atlas("X:100", "A", GRID)[0].name == NAME.format("X_desc-100") + ".nii.gz"


def test_variants_that_differ_in_other_entities(home: Path) -> None:
    """SUIT has Buckner2011 of 7 and 17 networks, and a map of confidence beside each; NMT31Sym has levels and all."""
    names = ["B_seg-7n", "B_seg-17n", "B_seg-7n_stat-confidence", "C", "C_desc-level1"]
    add(home, *(f"tpl-A_atlas-{name}_dseg.nii.gz" for name in names))
    assert template_atlas("B:seg-7n", "A", GRID)[0].name == "tpl-A_atlas-B_seg-7n_dseg.nii.gz"
    assert template_atlas("C", "A", GRID)[0].name == "tpl-A_atlas-C_dseg.nii.gz"
    assert template_atlas("C:level1", "A", GRID)[0].name == "tpl-A_atlas-C_desc-level1_dseg.nii.gz"
    with pytest.raises(UsageError, match="one of: B:seg-7n, B:seg-17n, B:seg-7n:stat-confidence"):
        template_atlas("B", "A", GRID)


def test_the_table_of_all_variants_or_all_cohorts(home: Path) -> None:
    """HOCPA has one table for all thresholds, dhcpVol one for all cohorts; the most specific table counts."""
    add(home, "tpl-A_res-01_atlas-H_desc-th25_dseg.nii.gz", "tpl-A_atlas-H_dseg.tsv", "tpl-A_atlas-H_desc-th0_dseg.tsv")
    assert template_atlas("H:th25", "A", GRID)[1] == home / "tpl-A_atlas-H_dseg.tsv"
    add(home, "tpl-A_atlas-H_desc-th25_dseg.tsv")
    assert template_atlas("H:th25", "A", GRID)[1] == home / "tpl-A_atlas-H_desc-th25_dseg.tsv"
    add(home, "tpl-B_cohort-2_atlas-S_dseg.nii.gz", "tpl-B_atlas-S_dseg.tsv")
    assert template_atlas("S", "B+2", GRID)[1] == home / "tpl-B_atlas-S_dseg.tsv"


@pytest.mark.parametrize("function", [template_mask, template_image, lambda *where: template_atlas("X", *where)])
def test_maps_without_a_space(function: Callable[[None, Grid], object]) -> None:
    with pytest.raises(UsageError, match="have no space"):
        function(None, GRID)
