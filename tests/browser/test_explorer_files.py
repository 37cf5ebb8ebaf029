"""Regions in the explorer from files: the same points and bounds as by --roi, and the same files are refused."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import pytest
from browser.brains import GRIDS, SHAPE, affine_of
from browser.browsing import Visits, settle, violations
from browser.cortices import LEFT, RIGHT, of_grayordinates, of_surfaces
from browser.test_explorer_regions import assert_is, blob, plain, region, write_mask
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiLabel, GiftiLabelTable, GiftiMetaData

from bids_ari.errors import DataError
from bids_ari.images.regions import load_rois

if TYPE_CHECKING:
    from playwright.sync_api import Page


def load(page: "Page", *paths: Path) -> None:
    """Choose files; wait for a region or a message that was not there."""
    before = page.locator("#parcels tbody:first-of-type tr").count()
    page.locator("#region-file").set_input_files([str(path) for path in paths])
    page.wait_for_selector(f"#file-message:not([hidden]), #parcels tbody:first-of-type tr:nth-child({before + 1})")
    settle(page)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_mask_from_a_file_is_the_region_of_roi(visits: Visits, grid: str, tmp_path: Path) -> None:
    """NIfTI-1 and NIfTI-2, of several types, in either byte order, scaled, compressed or not, NaN outside."""
    explorer, inside = plain(grid), blob()
    page, affine = visits.explorer(explorer.path), affine_of(grid)
    files = {
        "bytes.nii.gz": inside,
        "five.nii": (5 * inside).astype(np.int16),
        "real.nii.gz": inside.astype(np.float32),
    }
    files |= {"double.nii": np.where(inside, 1.0, np.nan), "four dims.nii.gz": inside[..., None]}
    paths = [write_mask(tmp_path / name, values, grid) for name, values in files.items()]
    second = nib.Nifti2Image(inside.astype(np.int32), affine)
    paths.append(tmp_path / "second.nii.gz")
    nib.save(second, paths[-1])
    swapped = nib.Nifti1Image(inside.astype(">i2"), affine, nib.Nifti1Header(endianness=">"))
    paths.append(tmp_path / "swapped.nii")
    nib.save(swapped, paths[-1])
    scaled = nib.Nifti1Image(inside.astype(np.float64), affine)
    scaled.set_data_dtype(np.int16)
    paths.append(tmp_path / "scaled.nii.gz")
    nib.save(scaled, paths[-1])
    for path in paths:
        load(page, path)
        assert page.locator("#file-message").is_hidden(), page.locator("#file-message").inner_text()
        (expected,) = load_rois([path], explorer.result.space).regions
        assert_is(page, explorer.result, expected.points, expected.name)
        page.locator("#remove-region").click()
        settle(page)
        assert region(page) is None


def test_an_image_of_several_regions_lists_each(visits: Visits, tmp_path: Path) -> None:
    explorer = plain("RAS")
    page = visits.explorer(explorer.path)
    values = blob().astype(np.int16) * 3
    values[2:6, :8, :5] = 12
    load(page, write_mask(tmp_path / "two.nii.gz", values, "RAS"))
    assert page.locator("#parcels tbody:first-of-type button").all_inner_texts() == ["two 3", "two 12"]
    page.locator("#parcels button").get_by_text("two 12", exact=True).click()
    inside = explorer.result.space.select(values == 12)
    assert_is(page, explorer.result, np.flatnonzero(inside), "two 12")
    assert violations(page) == []


WRONG = {
    "another grid": (
        "is on another grid: 3 x 3 x 3 mm (20, 24, 17)",
        "expected the grid of the maps: 3 x 3 x 3 mm (20, 24, 18)",
    ),
    "moved": ("is on another grid", "expected the grid of the maps"),
    "empty": ("is empty", "expected at least one"),
    "probabilities": ("these are probabilities", "expected 0 outside and 1 inside"),
    "negative": ("contains values from -1 to 1", "expected 0 outside and 1 inside"),
    "two volumes": ("has 4 dimensions", "expected one volume"),
    "text": ("is no NIfTI image", "expected a file .nii.gz or .nii"),
    "cut": ("is damaged", "Copy it again"),
    "of surfaces": ("is on surfaces, the maps are volumes", "expected an image of volumes"),
}


def write_wrong(kind: str, path: Path) -> Path:
    """Write a file that is no region of the maps."""
    inside = blob()
    if kind == "another grid":
        return write_mask(path, inside[..., 1:], "RAS")
    if kind == "moved":
        affine = affine_of("RAS")
        affine[0, 3] += 0.04
        nib.save(nib.Nifti1Image(inside, affine), path)
    elif kind == "text":
        path.write_bytes(b"region\n" * 200)
    elif kind == "cut":
        whole = write_mask(path, np.random.default_rng(1).integers(0, 2, SHAPE, dtype=np.uint8), "RAS").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "of surfaces":
        path = path.with_name("lh.region.label.gii")
        path.write_text("<GIFTI/>")
    else:
        values = {"empty": 0 * inside, "probabilities": inside * 0.3, "negative": inside - 1.0 + (inside > 0)}
        values["two volumes"] = np.stack([inside, inside], axis=-1)
        write_mask(path, values[kind], "RAS")
    return path


@pytest.mark.parametrize("kind", WRONG)
def test_a_file_that_does_not_fit_is_refused_as_by_python(visits: Visits, kind: str, tmp_path: Path) -> None:
    explorer = plain("RAS")
    page, path = visits.explorer(explorer.path), write_wrong(kind, tmp_path / f"the {kind}.nii.gz")
    load(page, path)
    message = page.locator("#file-message").inner_text()
    for words in (path.name, *WRONG[kind]):
        assert words in message
    assert region(page) is None
    with pytest.raises(DataError):
        load_rois([path], explorer.result.space)
    load(page, write_mask(tmp_path / "right.nii.gz", blob(), "RAS"))
    assert page.locator("#file-message").is_hidden()


def write_gifti(path: Path, values: Any, structure: str, encoding: str, names: dict[int, str] | None = None) -> Path:
    array = GiftiDataArray(
        values,
        intent="NIFTI_INTENT_LABEL" if names else "NIFTI_INTENT_NONE",
        datatype="NIFTI_TYPE_INT32" if names else "NIFTI_TYPE_FLOAT32",
        encoding=encoding,
    )
    table = GiftiLabelTable()
    for key, name in (names or {}).items():
        label = GiftiLabel(key, 1, 0, 0, 1)
        label.label = name
        table.labels.append(label)
    meta = GiftiMetaData({"AnatomicalStructurePrimary": structure}) if structure else None
    nib.save(GiftiImage(darrays=[array], labeltable=table, meta=meta), path)
    return path


@pytest.mark.parametrize("encoding", ["ASCII", "B64BIN", "B64GZ"])
def test_files_of_surfaces_are_regions(visits: Visits, encoding: str, tmp_path: Path) -> None:
    """One hemisphere, both hemispheres of a name as one region, and labels with names."""
    explorer = of_surfaces()
    page, result = visits.explorer(explorer.path), explorer.result
    frame = result.space.frame
    near = {name: frame.coordinates[where][:, 1] > 20 for name, where in frame.structures.items()}
    left, right = (near[name].astype(np.float32) for name in (LEFT, RIGHT))
    one = write_gifti(tmp_path / "lh.front.shape.gii", left, "", encoding)
    load(page, one)
    (expected,) = load_rois([one], result.space).regions
    assert_is(page, result, expected.points, "front")
    assert expected.points.size > 100
    pair = [
        write_gifti(tmp_path / "a_hemi-L_mask.func.gii", left, "CortexLeft", encoding),
        write_gifti(tmp_path / "a_hemi-R_mask.func.gii", right, "CortexRight", encoding),
    ]
    load(page, *pair)
    (expected,) = load_rois([pair[0]], result.space).regions
    assert_is(page, result, expected.points, "a_mask")
    names = {0: "???", 4: "front <b>", 9: "behind"}
    labels = np.where(near[RIGHT], 4, 9).astype(np.int32)
    load(page, write_gifti(tmp_path / "x.R.label.gii", labels, "CortexRight", encoding, names))
    texts = page.locator("#parcels tbody:first-of-type button").all_inner_texts()
    assert texts == ["front", "a_mask", "front <b>", "behind"]
    position = np.flatnonzero(result.space.inside)
    inside = np.isin(position, np.flatnonzero(np.asarray(frame.axis.name) == RIGHT)[near[RIGHT]])
    assert_is(page, result, np.flatnonzero(inside), "front <b>")
    load(page, write_gifti(tmp_path / "lh.short.shape.gii", left[:-1], "", encoding))
    message = page.locator("#file-message").inner_text()
    assert "lh.short.shape.gii has 10241 vertices, the maps have 10242 in the left hemisphere" in message


def test_a_cifti_file_is_a_region_of_vertices_and_voxels(visits: Visits, tmp_path: Path) -> None:
    explorer = of_grayordinates()
    page, result = visits.explorer(explorer.path), explorer.result
    axis = result.space.frame.axis
    values = np.zeros(len(axis), dtype=np.float32)
    values[100:300] = values[700:820] = 1
    path = tmp_path / "mixed.dscalar.nii"
    scalars = nib.cifti2.ScalarAxis(["region"])
    nib.save(nib.Cifti2Image(values[None], (scalars, axis)), path)
    load(page, path)
    assert page.locator("#file-message").is_hidden(), page.locator("#file-message").inner_text()
    (expected,) = load_rois([path], result.space).regions
    assert_is(page, result, expected.points, "mixed")
    page.evaluate("explorer.goTo(900)")
    page.locator("#add-sphere").click()
    near = np.arange(result.space.n_points)
    near = near[result.space.distances(900, near, 8 + 1e-9) <= 8]
    assert_is(page, result, near, "Drawn region")
    load(page, write_mask(tmp_path / "volume.nii.gz", blob(), "RAS"))
    assert "is a volume, the maps are on surfaces" in page.locator("#file-message").inner_text()


def downloads(page: "Page", folder: Path, n: int = 1) -> list[Path]:
    """Save the region chosen; return the files."""
    offered: list[Any] = []
    page.on("download", lambda download: offered.append(download))
    page.locator("#save-region").click()
    while len(offered) < n:
        page.wait_for_timeout(50)
    paths = []
    for download in offered:
        paths.append(folder / download.suggested_filename)
        download.save_as(paths[-1])
    return paths


def test_a_saved_region_is_one_of_roi(visits: Visits, tmp_path: Path) -> None:
    """Of a volume, of both hemispheres, and of a CIFTI file: the points that Python reads are those of the page."""
    volume, surfaces, grayordinates = plain("oblique"), of_surfaces(), of_grayordinates()
    places = ((volume, (900,), 1), (surfaces, (60, 11000), 2), (grayordinates, (60, 900), 1))
    for explorer, points, n in places:
        page, space = visits.explorer(explorer.path), explorer.result.space
        for point in points:
            page.evaluate("(point) => explorer.goTo(point)", point)
            page.locator("#add-sphere").click()
        settle(page)
        paths = downloads(page, tmp_path, n)
        (found,) = load_rois(sorted(paths)[:1], space).regions
        assert found.name.startswith("Drawn-region")
        assert_is(page, explorer.result, found.points, "Drawn region")
        assert found.points.size > 10
        load(page, *paths)
        assert region(page)["points"] == found.points.tolist()
