"""F contrasts of the first level, as nilearn writes them, among others."""

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from builders import SHAPE, brain, touch_maps, write_group, write_map
from builders_hemispheres import touch_surfaces

from bids_ari.bids.discover import discover, subject_contrasts
from bids_ari.bids.f_contrasts import without_f
from bids_ari.bids.group_checks import check_group
from bids_ari.errors import DataError, NoMatchError

SUBJECTS = ("01", "02")


def write_f(root: Path, rng: np.random.Generator, n_rows: int = 2, **names: Any) -> None:
    """Write the maps of an F contrast of two subjects: of its effect, with a volume for each row, z and F."""
    for subject in SUBJECTS:
        write_map(root, subject, rng.normal(size=(*SHAPE, n_rows)), stat="effect", **names)
        for stat in ("z", "F"):
            write_map(root, subject, brain(rng), stat=stat, **names)


def names(found: Any) -> list[str | None]:
    return [contrast.entities.get("contrast") for contrast in found]


def test_their_effects_are_excluded_beside_other_contrasts(tmp_path: Path, rng: np.random.Generator) -> None:
    write_group(tmp_path, 2, rng)
    write_f(tmp_path, rng, contrast="anyFace")
    found = discover(tmp_path)
    assert names(found) == ["faces"]
    reasons = {entry.name.rpartition("stat-")[2]: entry.reason for entry in found.excluded}
    assert "several volumes" in reasons["effect_statmap.nii.gz"]


def test_the_error_says_so_where_there_is_no_other_contrast(tmp_path: Path, rng: np.random.Generator) -> None:
    write_f(tmp_path, rng)
    with pytest.raises(NoMatchError, match="2, the effect of an F contrast"):
        discover(tmp_path)


@pytest.mark.parametrize("more", [{}, {"extension": ".nii"}])
def test_the_effect_of_one_row_is_that_of_a_t_contrast(
    tmp_path: Path, rng: np.random.Generator, more: dict[str, str]
) -> None:
    write_f(tmp_path, rng, n_rows=1, **more)
    assert names(discover(tmp_path)) == ["faces"]


@pytest.mark.parametrize("in_one_array", [False, True])
@pytest.mark.parametrize("n_rows", [1, 2])
def test_effects_of_surfaces(tmp_path: Path, n_rows: int, in_one_array: bool) -> None:
    """nilearn writes one data array with a column for each row of the contrast, wb_command one data array for each."""
    rows = [np.ones((5, n_rows), np.float32)] if in_one_array else [np.ones(5, np.float32)] * n_rows
    for paths in touch_surfaces(tmp_path, *SUBJECTS).values():
        for path in paths:
            arrays = [nib.gifti.GiftiDataArray(row) for row in rows]
            nib.save(nib.GiftiImage(darrays=arrays), path)
    touch_surfaces(tmp_path, *SUBJECTS, stat="F")
    touch_surfaces(tmp_path, *SUBJECTS, contrast="other")
    assert names(discover(tmp_path)) == ["faces", "other"][n_rows - 1 :]


@pytest.mark.parametrize("n_rows", [1, 2])
def test_effects_of_grayordinates(tmp_path: Path, n_rows: int) -> None:
    space = {"space": "fsLR", "extension": ".dscalar.nii"}
    model = nib.cifti2.BrainModelAxis.from_surface(np.arange(5), 5, "CortexLeft")
    axes = nib.cifti2.ScalarAxis([f"row {i}" for i in range(n_rows)]), model
    for path in touch_maps(tmp_path, *SUBJECTS, **space):
        nib.save(nib.Cifti2Image(np.ones((n_rows, 5), np.float32), axes), path)
    touch_maps(tmp_path, *SUBJECTS, stat="F", **space)
    touch_maps(tmp_path, *SUBJECTS, contrast="other", **space)
    assert names(discover(tmp_path)) == ["faces", "other"][n_rows - 1 :]


@pytest.mark.parametrize("content", [b"", b"<?xml", b"no image"])
def test_a_damaged_surface_is_not_excluded(tmp_path: Path, content: bytes) -> None:
    for stat in ("effect", "F"):
        for paths in touch_surfaces(tmp_path, *SUBJECTS, stat=stat).values():
            for path in paths:
                path.write_bytes(content)
    assert len(discover(tmp_path)[0].members) == 2


def test_an_effect_that_cannot_be_read_is_not_excluded(tmp_path: Path) -> None:
    """A damaged file or a link without its content has to stop the analysis."""
    touch_maps(tmp_path, *SUBJECTS)
    touch_maps(tmp_path, *SUBJECTS, stat="F")
    assert len(discover(tmp_path)[0].members) == 2


@pytest.mark.parametrize(
    ("field", "value"), [("sizeof_hdr", 0), ("datatype", 9999), ("bitpix", 1), ("dim", -1), ("vox_offset", np.nan)]
)
def test_an_effect_with_a_damaged_header_is_not_excluded(
    tmp_path: Path, rng: np.random.Generator, field: str, value: float
) -> None:
    touch_maps(tmp_path, *SUBJECTS, stat="F")
    for subject in SUBJECTS:
        path = write_map(tmp_path, subject, brain(rng), stat="effect")
        content = bytearray(gzip.decompress(path.read_bytes()))
        header = nib.Nifti1Header(bytes(content[:348]))
        header[field] = value
        content[:348] = header.binaryblock
        path.write_bytes(gzip.compress(bytes(content)))
    assert len(discover(tmp_path)[0].members) == 2


class TestZ:
    @pytest.fixture
    def tree(self, tmp_path: Path) -> Path:
        for contrast, stats in (("faces", ("z", "F")), ("houses", ("z", "t"))):
            for stat in stats:
                touch_maps(tmp_path, *SUBJECTS, contrast=contrast, stat=stat)
        return tmp_path

    def test_they_are_marked_at_every_level(self, tree: Path) -> None:
        found = discover(tree, stat="z")
        assert [(contrast.entities.get("contrast"), contrast.of_f) for contrast in found] == [
            ("faces", True), ("houses", False)
        ]  # fmt: skip
        assert [contrast.of_f for contrast in subject_contrasts(found)] == [True, False, True, False]

    def test_the_effect_beside_tells_it_without_a_map_of_f(self, tmp_path: Path, rng: np.random.Generator) -> None:
        write_f(tmp_path, rng)
        for path in tmp_path.rglob("*stat-F*"):
            path.unlink()
        assert [contrast.of_f for contrast in discover(tmp_path, stat="z")] == [True]

    @pytest.mark.parametrize("where", ["beside the first", "beside another", "of the dataset"])
    @pytest.mark.parametrize("content", ['{"Statistic": "F"}', '{"DegreesOfFreedomOfRows": 2}'])
    def test_a_sidecar_tells_it(self, tmp_path: Path, where: str, content: str) -> None:
        paths = touch_maps(tmp_path, *SUBJECTS, contrast="faces", stat="z")
        touch_maps(tmp_path, *SUBJECTS, contrast="houses", stat="z")
        sidecars = [path.with_name(path.name.replace(".nii.gz", ".json")) for path in paths]
        shared = tmp_path / "contrast-faces_stat-z_statmap.json"
        dict(zip(("beside the first", "beside another", "of the dataset"), (*sidecars, shared), strict=True))[
            where
        ].write_text(content)
        assert [contrast.of_f for contrast in discover(tmp_path, stat="z")] == [True, False]

    def test_a_sidecar_that_cannot_be_read_does_not(self, tmp_path: Path) -> None:
        for path in touch_maps(tmp_path, *SUBJECTS, stat="z"):
            path.with_name(path.name.replace(".nii.gz", ".json")).write_text("{")
        assert [contrast.of_f for contrast in discover(tmp_path, stat="z")] == [False]

    def test_a_group_has_no_mean_of_them(self, tree: Path) -> None:
        found = discover(tree, stat="z")
        with pytest.raises(DataError, match="are of an F contrast"):
            check_group(found[0])
        check_group(found[1])

    def test_they_are_excluded_from_the_group_level_beside_others(self, tree: Path) -> None:
        found = without_f(discover(tree, stat="z"))
        assert names(found) == ["houses"]
        assert sum("test of any effect" in entry.reason for entry in found.excluded) == 2

    def test_alone_they_stay_to_be_refused(self, tree: Path) -> None:
        assert names(without_f(discover(tree, stat="z", contrast="faces"))) == ["faces"]
