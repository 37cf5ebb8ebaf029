"""Atlas parcels, regions of interest, and the names that an atlas gives to clusters."""

import json
import os
import subprocess
import sys
from pathlib import Path

import builders_white
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import AFFINE, SHAPE, image, results_in, write_group
from nilearn.image import resample_to_img

from bids_ari.cli.main import main
from bids_ari.stats.closed_testing import hommel_bound

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def run(folder: Path, *words: object) -> Path:
    """Run the command line on the tree in `folder`; give the one result's folder."""
    out = folder.parent / "out"
    assert main([str(word) for word in (folder, out, "group", *words)]) == 0
    return out / "group"


@pytest.fixture
def tree(tmp_path: Path, rng: np.random.Generator) -> Path:
    write_group(tmp_path / "in", 8, rng)
    return tmp_path / "in"


def halves(tmp_path: Path, affine: np.ndarray = AFFINE, shape: tuple[int, ...] = SHAPE, name: str = "halves") -> Path:
    """An atlas of two halves along x, and a third parcel in the table only."""
    numbers = np.ones(shape, dtype=np.int16)
    numbers[shape[0] // 2 :] = 2
    nib.save(nib.Nifti1Image(numbers, affine), tmp_path / f"{name}.nii.gz")
    (tmp_path / f"{name}.tsv").write_text("index\tname\n1\tback & front\n2\t<right>\n7\tnowhere\n")
    return tmp_path / f"{name}.nii.gz"


def test_every_parcel_is_bounded_zeros_included(tree: Path, tmp_path: Path) -> None:
    group = run(tree, "--atlas", halves(tmp_path), "--threshold", 2)
    table = pd.read_csv(next(group.glob("*atlas-halves_*desc-greater_tdp.tsv")), sep="\t")
    assert list(table["name"]) == ["back & front", "<right>", "nowhere"]
    assert list(table["index"]) == [1, 2, 7]
    assert list(table.loc[2, ["size", "tdn", "tdp"]]) == [0, 0, 0]

    inside = nib.load(next(group.glob("*analysis_mask.nii.gz"))).get_fdata() > 0
    p = nib.load(next(group.glob("*stat-p_desc-greater_statmap.nii.gz"))).get_fdata()[inside]
    half = np.where(np.argwhere(inside)[:, 0] >= SHAPE[0] // 2, 2, 1)
    bound = hommel_bound(p, 0.05)  # of p in float32: no category of these data lies that close to a border
    for row in table.itertuples():
        assert (row.size, row.tdn) == ((half == row.index).sum(), bound.tdn(half == row.index))
    image_of_tdp = nib.load(next(group.glob("*atlas-halves_*stat-tdp_desc-greater_statmap.nii.gz"))).get_fdata()
    np.testing.assert_allclose(image_of_tdp[inside], table["tdp"].to_numpy()[half - 1], rtol=1e-6)  # float32 on disk


def test_clusters_are_named_by_the_atlas(tree: Path, tmp_path: Path) -> None:
    group = run(tree, "--atlas", halves(tmp_path), "--threshold", 2)
    table = pd.read_csv(next(group.glob("*greaterZ2_clusters.tsv")), sep="\t")
    labels = nib.load(next(group.glob("*greaterZ2_dseg.nii.gz"))).get_fdata()
    for row in table.itertuples():
        right = np.argwhere(labels == row.label)[:, 0] >= SHAPE[0] // 2
        first = row.regions.split("; ")[0]
        assert first == (
            f"{right.mean():.0%} <right>" if right.mean() > 0.5 else f"{1 - right.mean():.0%} back & front"
        )
        index = np.linalg.inv(AFFINE) @ [row.peak_x, row.peak_y, row.peak_z, 1]
        assert row.peak_region == ("<right>" if round(index[0]) >= SHAPE[0] // 2 else "back & front")
    columns = json.loads(next(group.glob("*greaterZ2_clusters.json")).read_text())
    assert set(table.columns) <= set(columns)


def test_an_atlas_on_a_finer_grid_is_read_at_the_nearest_voxel(tree: Path, tmp_path: Path) -> None:
    """Voxels of half the size, and the same corner: the border between the halves stays where it is."""
    fine = AFFINE @ np.diag([0.5, 0.5, 0.5, 1.0])
    fine[:3, 3] += (fine[:3, :3] - AFFINE[:3, :3]).sum(axis=1) / 2  # corners, not centres, coincide
    coarse = run(tree, "--atlas", halves(tmp_path))
    same = pd.read_csv(next(coarse.glob("*atlas-halves_*desc-greater_tdp.tsv")), sep="\t")
    shape = tuple(2 * n for n in SHAPE)
    even = SHAPE[0] // 2 * 2
    path = halves(tmp_path, fine, shape, "fine")
    numbers = np.ones(shape, dtype=np.int16)
    numbers[even:] = 2
    nib.save(nib.Nifti1Image(numbers, fine), path)
    finer = run(tree, "--atlas", path)
    other = pd.read_csv(next(finer.glob("*atlas-fine_*desc-greater_tdp.tsv")), sep="\t")
    pd.testing.assert_frame_equal(same, other)


def test_regions_of_interest(tree: Path, tmp_path: Path) -> None:
    """One covers everything, one a corner outside the brain."""
    everything, corner = np.ones(SHAPE), np.zeros(SHAPE)
    corner[0, 0, 0] = 1
    nib.save(image(everything), tmp_path / "all.nii.gz")
    nib.save(image(corner), tmp_path / "corner.nii.gz")
    group = run(tree, "--roi", tmp_path / "all.nii.gz", tmp_path / "corner.nii.gz")
    table = pd.read_csv(next(group.glob("*atlas-rois_*desc-greater_tdp.tsv")), sep="\t")
    about = json.loads(next(group.glob("*atlas-rois_*desc-greater_tdp.json")).read_text())
    assert list(table["name"]) == ["all", "corner"]
    assert list(table["tdn"]) == [about["TrueDiscoveryNumber"], 0]
    assert table.loc[0, "tdn"] > 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--roi", "none.nii.gz"], 66, "There is no region"),
        (["--roi", "other.nii.gz"], 65, "The region"),
        (["--roi", "same.nii.gz", "deeper/same.nii.gz"], 64, "the same name"),
        (["--atlas", "none.nii.gz"], 66, "There is no atlas none.nii.gz"),
        (["--atlas", "space-MNI305_atlas-x_dseg.nii.gz"], 65, "is in MNI305"),
        (["--atlas", "fractions.nii.gz"], 65, "not integers"),
        (["--atlas", "same.nii.gz", "--atlas-labels", "none.tsv"], 66, "There is no table"),
        (["--atlas", "same.nii.gz", "--atlas-labels", "odd.tsv"], 65, "columns index and name"),
        (["--atlas", "same.nii.gz", "--atlas-labels", "empty.tsv"], 65, "cannot be read as a table"),
        (["--atlas", "same.nii.gz", "--atlas-labels", "latin.tsv"], 65, "in UTF-8"),
        (["--atlas", "same.nii.gz", "--atlas-labels", "twice.tsv"], 65, "lists a number twice"),
        (["--atlas-labels", "odd.tsv"], 64, "requires an atlas"),
        (["--atlas", "NoSuchAtlas", "--atlas-labels", "odd.tsv"], 64, "needs an atlas file"),
    ],
)
def test_regions_that_do_not_fit(
    words: list[str],
    code: int,
    message: str,
    tree: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "deeper").mkdir()
    for name in ("same.nii.gz", "deeper/same.nii.gz", "space-MNI305_atlas-x_dseg.nii.gz"):
        nib.save(image(np.ones(SHAPE)), tmp_path / name)
    nib.save(image(np.ones((3, 3, 3))), tmp_path / "other.nii.gz")
    nib.save(image(np.full(SHAPE, 0.5)), tmp_path / "fractions.nii.gz")
    (tmp_path / "odd.tsv").write_text("a\tb\n1\t2\n")
    (tmp_path / "empty.tsv").write_text("")
    (tmp_path / "latin.tsv").write_bytes("index\tname\n1\tArriè\n".encode("latin-1"))
    (tmp_path / "twice.tsv").write_text("index\tname\n1\ta\n1\tb\n")
    monkeypatch.chdir(tmp_path)
    assert main([str(tree), "out", "group", *words]) == code
    assert message in capsys.readouterr().err
    assert not results_in(tmp_path / "out")


@pytest.fixture(scope="session")
def templateflow() -> Path:
    """A part of TemplateFlow."""
    home = SHARED / "templateflow"
    if not home.is_dir():
        pytest.skip(f"no part of TemplateFlow at {home}")
    return home


@pytest.fixture(scope="module")
def of_templates(wager: Path, templateflow: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of real maps with a mask and an atlas of TemplateFlow.

    They come from a process of its own: TemplateFlow reads its home when it is imported.
    """
    out = tmp_path_factory.mktemp("templates") / "out"
    flags = ("--smoothing", 8, "--mask", "template", "--atlas", "Schaefer2018:200Parcels7Networks")
    command = [sys.executable, "-m", "bids_ari", *map(str, (wager, out, "group", *flags))]
    environment = {**os.environ, "TEMPLATEFLOW_HOME": str(templateflow), "PYTHONPATH": builders_white.PATH}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    return out / "group"


def test_an_atlas_of_templateflow(of_templates: Path, templateflow: Path) -> None:
    """Names follow from its table."""
    table = pd.read_csv(next(of_templates.glob("*atlas-Schaefer2018_*desc-greater_tdp.tsv")), sep="\t")
    (labels,) = templateflow.rglob("*200Parcels7Networks_dseg.tsv")
    assert list(table["name"]) == list(pd.read_csv(labels, sep="\t")["name"])
    assert (table["size"] > 0).all()
    assert table["tdp"].between(0, 1).all()
    assert (table["tdp"] == 0).any()
    assert (table["tdp"] > 0).any()


def test_the_mask_of_templateflow(of_templates: Path, templateflow: Path, wager: Path) -> None:
    """Of 2 mm, for maps of 3 mm: the nearest voxel counts, as nilearn finds it; and every subject has data."""
    tested = nib.load(next(of_templates.glob("*analysis_mask.nii.gz")))
    (template,) = templateflow.rglob("tpl-MNI152NLin6Asym_res-02_desc-brain_mask.nii.gz")
    nearest = resample_to_img(template, tested, interpolation="nearest", force_resample=True, copy_header=True)
    maps = np.stack([nib.load(path).get_fdata() for path in sorted(wager.glob("sub-*/func/*.nii.gz"))])
    inside = (nearest.get_fdata() > 0) & np.isfinite(maps).all(axis=0)
    np.testing.assert_array_equal(tested.get_fdata() > 0, inside)


def test_a_peak_outside_all_parcels(tree: Path, tmp_path: Path) -> None:
    """The only parcel is a corner of the volume, away from all clusters."""
    numbers = np.zeros(SHAPE)
    numbers[0, 0, 0] = 1
    nib.save(image(numbers), tmp_path / "corner.nii.gz")
    group = run(tree, "--atlas", tmp_path / "corner.nii.gz", "--threshold", 2)
    table = pd.read_csv(next(group.glob("*greaterZ2_clusters.tsv")), sep="\t")
    assert table["peak_region"].isna().all()
    assert set(table["regions"]) == {"100% in no region"}
    assert "Peak in no region. Voxels: 100 % in no region." in next(group.glob("*greater_report.html")).read_text()
