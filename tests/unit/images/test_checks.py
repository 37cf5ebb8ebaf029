"""Checks of headers: all problems with the files of a contrast in one error, before any voxel is read."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, image, saved, subject_map

from bids_ari.errors import (
    BidsAriError,
    DataError,
    GridMismatchError,
    InputNotFoundError,
    ReadError,
)
from bids_ari.images.checks import Headers, Problem, check_headers, one_error
from bids_ari.images.volume import Grid

GOOD = gzip.compress(image(np.ones(SHAPE)).to_bytes())
NAME = "sub-{}_statmap.nii.gz"

Spoil = Callable[[Path], object]


def not_there(path: Path) -> None:
    path.unlink()


def not_fetched(path: Path) -> None:
    path.unlink()
    path.symlink_to(".git/annex/objects/x")


def no_image(path: Path) -> None:
    path.write_bytes(gzip.compress(b"text" * 200))


def four_axes(path: Path) -> None:
    nib.save(image(np.ones((*SHAPE, 2))), path)


def complex_numbers(path: Path) -> None:
    nib.save(image(np.ones(SHAPE), dtype=np.complex64), path)


def no_voxel(path: Path) -> None:
    nib.save(image(np.ones((0, 11, 12))), path)


def other_grid(path: Path) -> None:
    nib.save(image(np.ones(SHAPE), np.diag([2.0, 2, 2, 1])), path)


def in_metres(path: Path) -> None:
    made = image(np.ones(SHAPE))
    made.header.set_xyzt_units("meter")
    nib.save(made, path)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def files_of(folder: Path, n: int, **spoiled: Spoil) -> list[tuple[str, Path]]:
    """One file for each of sub-01, sub-02, ...; some of them spoiled."""
    files = [(f"{i:02d}", folder / NAME.format(f"{i:02d}")) for i in range(1, n + 1)]
    for subject, path in files:
        path.write_bytes(GOOD)
        if f"s{subject}" in spoiled:
            spoiled[f"s{subject}"](path)
    return files


def check(files: list[tuple[str, Path]], **options: Any) -> Headers:
    """Check maps of one standard space."""
    return check_headers([subject_map(subject, path) for subject, path in files], **{"template": "MNI"} | options)


def error_of(files: list[tuple[str, Path]]) -> BidsAriError:
    with pytest.raises(BidsAriError) as caught:
        check(files)
    return caught.value


def test_sound_files_share_a_grid(tmp_path: Path) -> None:
    grid = check(files_of(tmp_path, 3)).frame
    assert grid.matches(Grid(SHAPE, AFFINE))
    assert grid.codes == (4, 0)


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (not_there, InputNotFoundError),
        (not_fetched, DataError),
        (no_image, DataError),
        (four_axes, DataError),
        (complex_numbers, DataError),
        (no_voxel, DataError),
        (other_grid, GridMismatchError),
        (in_metres, DataError),
        (a_folder, ReadError),
    ],
)
class TestOneKind:
    """A single kind of problem keeps the class of its error."""

    def test_of_one_file(self, tmp_path: Path, spoil: Spoil, kind: type[BidsAriError]) -> None:
        files = files_of(tmp_path, 4, s02=spoil)
        error = error_of(files)
        assert type(error) is kind
        assert (str(files[1][1]) if kind is not GridMismatchError else "sub-02 has a grid") in error.found
        assert "\n" not in str(error)

    def test_of_several_files(self, tmp_path: Path, spoil: Spoil, kind: type[BidsAriError]) -> None:
        files = files_of(tmp_path, 6, s02=spoil, s05=spoil)
        error = error_of(files)
        assert type(error) is kind
        if kind is GridMismatchError:
            assert error.found.startswith("sub-02, sub-05 have a grid of")
        else:
            first, *lines = str(error).split("\n- ")
            assert first.startswith("2 problems with the maps")
            assert first.endswith("--exclude 02 05:")
            (line,) = lines
            assert str(files[1][1]) in line
            assert line.endswith(". Likewise 1 other, of sub-05")


def test_different_problems_have_a_line_each(tmp_path: Path) -> None:
    files = files_of(
        tmp_path, 12, s01=not_there, s03=no_image, s04=four_axes, s06=a_folder, s08=other_grid, s10=in_metres
    )
    error = error_of(files)
    assert type(error) is DataError
    first, *lines = str(error).splitlines()
    assert first == "6 problems with the maps; fix them, or exclude subjects with --exclude 01 03 04 06 10 08:"
    words = ["There is no file", "is damaged", "has 4 dimensions", "it is a folder", "metres", "sub-08 has a grid of"]
    assert len(lines) == 6
    assert all(text in line and line.startswith("- ") for text, line in zip(words, lines, strict=True))
    assert "that of the 6 others" in lines[-1]  # 12, but for five without a grid in mm, and sub-08


def test_problems_of_one_cause_are_one_line(tmp_path: Path) -> None:
    bad: dict[str, Spoil] = {f"s{i:02d}": four_axes for i in range(1, 9)}
    files = files_of(tmp_path, 12, s09=no_image, **bad)
    first, axes, damage = str(error_of(files)).splitlines()
    assert first.startswith("9 problems with the maps")
    assert axes.startswith(f"- {files[0][1]} has 4 dimensions")
    assert axes.endswith(". Likewise 7 others, of sub-02-08")
    assert "sub-09_statmap.nii.gz is damaged" in damage


def test_a_name_with_the_label_of_each_subject_is_one_cause() -> None:
    """As the HCP names the maps in merged files; 2 is also the number of maps, which stays."""
    errors = [DataError(f"/in/{s}.nii has no map named '{s}_2BK'", f"one of: '{s}_0BK' or 2 others") for s in "1234"]
    problems = [Problem((s,), each, (Path(f"/in/{s}.nii"),)) for s, each in zip("1234", errors, strict=True)]
    _, line = str(one_error(problems[2:], list("1234"))).splitlines()
    assert line == f"- {errors[2]}. Likewise 1 other, of sub-4"
    assert "".join(line for line in str(one_error(problems, list("1234"))).splitlines()[1:]).count("no map") <= 2


def test_five_problems_of_a_kind_are_listed_and_the_others_counted() -> None:
    problems = [Problem((f"{i:02d}",), DataError(f"{i}.nii has {2**i} volumes", "one")) for i in range(1, 9)]
    lines = str(one_error([*problems, problems[-1]], [each.subjects[0] for each in problems])).splitlines()
    assert [("volumes" in line) for line in lines[1:]] == [True] * 5 + [False]
    assert lines[6] == "- and 4 more of this kind"


def test_no_exclusion_is_proposed_if_fewer_than_two_subjects_remain(tmp_path: Path) -> None:
    error = error_of(files_of(tmp_path, 3, s01=four_axes, s02=no_image))
    assert str(error).startswith("2 problems with the maps; fix them:\n- ")


def test_maps_of_a_first_level_of_feat_are_not_to_be_resampled(tmp_path: Path) -> None:
    """A table may name a standard space that they are not in; those of a mean over runs are in one."""
    for place, advice in (("s{}.feat/stats", "reg_standard/stats"), ("s{}.gfeat/cope1.feat/stats", "--target-grid")):
        files = []
        for i in (1, 2, 3):
            folder = tmp_path / place.format(i)
            folder.mkdir(parents=True)
            files.append((f"0{i}", folder / "cope1.nii.gz"))
            nib.save(image(np.ones(SHAPE), AFFINE + np.eye(4, 4, 3) * i), files[-1][1])
        assert advice in error_of(files).hint


def test_several_files_of_a_subject_are_one_subject(tmp_path: Path) -> None:
    files = [("01" if subject == "02" else subject, path) for subject, path in files_of(tmp_path, 5, s02=other_grid)]
    error = error_of(files)
    assert error.found.startswith("sub-01 has a grid of 2 x 2 x 2 mm")
    assert "that of the 3 others" in error.expected  # sub-03, 04, 05
    assert error.hint.endswith("--exclude 01")


def test_if_all_grids_differ_the_first_is_expected(tmp_path: Path) -> None:
    """Also with more grids than are compared with each other."""
    files = files_of(tmp_path, 40)
    for i, (_, path) in enumerate(files):
        affine = AFFINE.copy()
        affine[0, 3] += 5 * i
        nib.save(image(np.ones(SHAPE), affine), path)
    error = error_of(files)
    assert error.found.startswith("sub-02, sub-03, sub-04, sub-05, sub-06 and 34 more have other grids, such as")
    assert error.expected.startswith("that of sub-01: ")


def test_the_most_common_grid_is_found_behind_many_others(tmp_path: Path) -> None:
    files = files_of(tmp_path, 60)
    for i, (_, path) in enumerate(files[:29]):
        affine = AFFINE.copy()
        affine[0, 3] += 5 * (i + 1)
        nib.save(image(np.ones(SHAPE), affine), path)
    assert "that of the 31 others" in error_of(files).expected


def test_nothing_but_headers_is_read(tmp_path: Path) -> None:
    """A file of 400 MB, sparse, and one whose compressed values are cut off: the headers are sound."""
    header = image(np.ones(SHAPE)).header
    header.set_data_shape((500, 500, 400))
    header["vox_offset"] = 352
    long = tmp_path / "long.nii"
    long.write_bytes(header.binaryblock + bytes(4))
    os.truncate(long, 352 + 500 * 500 * 400 * 4)
    assert check([("01", long)], mem=2**33).frame.shape == (500, 500, 400)
    cut = tmp_path / "cut.nii.gz"
    nib.save(image(np.random.default_rng(0).normal(size=(60, 60, 60))), cut)
    cut.write_bytes(cut.read_bytes()[:-9])
    assert check([("01", cut)]).frame.shape == (60, 60, 60)


def test_maps_that_do_not_fit_into_memory_are_refused(tmp_path: Path) -> None:
    """10 x 11 x 12 voxels of 40 bytes are 52,800 bytes."""
    files = files_of(tmp_path, 2)
    check(files, mem=52_800)
    with pytest.raises(DataError, match="52 KB") as caught:
        check(files, mem=52_799)
    assert caught.value.found.startswith("2 problems with the maps")


def test_threads_change_nothing(tmp_path: Path) -> None:
    files = files_of(tmp_path, 9, s02=no_image, s03=other_grid, s07=not_there)
    alone = error_of(files)
    with pytest.raises(DataError) as caught:
        check(files, n_threads=4)
    assert str(caught.value) == str(alone)


def test_problems_of_two_classes_are_a_data_error() -> None:
    problems = [Problem(("01",), ReadError("a")), Problem(("02",), InputNotFoundError("b"))]
    assert type(one_error(problems, ["01", "02"])) is DataError
    assert type(one_error(problems[:1] * 2, ["01", "02"])) is ReadError
    assert one_error(problems[:1], ["01", "02"]) is problems[0].error


class TestTarget:
    COARSE = Grid((5, 6, 7), np.array([[-6.0, 0, 0, 14], [0, 6, 0, -15], [0, 0, 6, -18], [0, 0, 0, 1]]))

    def test_files_may_be_on_other_grids(self, tmp_path: Path) -> None:
        files = files_of(tmp_path, 4)
        nib.save(image(np.ones(self.COARSE.shape), self.COARSE.affine), files[2][1])
        headers = check(files, target=self.COARSE)
        assert headers.frame is self.COARSE
        assert headers.resampled == ("01", "02", "04")
        assert headers.n_values == 10 * 11 * 12
        first = check(files, target="first")
        assert first.frame.matches(Grid(SHAPE, AFFINE))
        assert first.resampled == ("03",)

    def test_the_target_may_be_the_largest(self, tmp_path: Path) -> None:
        fine = Grid((20, 22, 24), AFFINE @ np.diag([0.5, 0.5, 0.5, 1]))
        assert check(files_of(tmp_path, 2), target=fine).n_values == 20 * 22 * 24

    def test_without_a_target_resampling_is_proposed(self, tmp_path: Path) -> None:
        error = error_of(files_of(tmp_path, 4, s02=other_grid))
        assert (
            error.hint
            == "If all are in one standard space, resample with --target-grid, or exclude subjects with --exclude 02"
        )

    @pytest.mark.parametrize("target", [None, "first", COARSE], ids=["none", "first", "grid"])
    def test_maps_without_a_space_are_resampled_on_request_only(self, tmp_path: Path, target: Any) -> None:
        """They may be in the native space of each subject."""
        files = files_of(tmp_path, 4, s02=other_grid)
        with pytest.raises(GridMismatchError, match="sub-02 has a grid of") as caught:
            check(files, target=target, template=None)
        assert "--allow-native-space" in caught.value.hint
        assert "--target-grid" not in caught.value.hint
        if target is not None:
            assert "02" in check(files, target=target, template=None, allow_native_space=True).resampled

    def test_maps_without_a_space_on_one_grid_are_resampled(self, tmp_path: Path) -> None:
        files = files_of(tmp_path, 2)
        fine = Grid((20, 22, 24), AFFINE @ np.diag([0.5, 0.5, 0.5, 1]))
        assert check(files, target=fine, template=None).resampled == ("01", "02")

    def far(self, folder: Path, *shifts: float) -> list[tuple[str, Path]]:
        """Maps of 30 mm along x, moved by mm."""
        files = files_of(folder, len(shifts))
        for (_, path), shift in zip(files, shifts, strict=True):
            affine = AFFINE.copy()
            affine[0, 3] += shift
            nib.save(image(np.ones(SHAPE), affine), path)
        return files

    def test_files_far_from_the_target_are_named(self, tmp_path: Path) -> None:
        """Of 30 mm, 12 mm and 0 mm lie within; moved by 12 mm it is 18 mm, which is enough."""
        files = self.far(tmp_path, 0, 18, 12, -300, 0)
        with pytest.raises(GridMismatchError) as caught:
            check(files, target="first")
        assert caught.value.found.startswith("Less than half of the field of view of sub-02, sub-04 lies in that of")
        assert "from (33, -16, -20)" in caught.value.found  # 15 + 18
        assert "from (15, -16, -20)" in caught.value.expected
        assert caught.value.hint.endswith("--exclude 02 04")

    def test_half_is_enough(self, tmp_path: Path) -> None:
        assert check(self.far(tmp_path, 0, 15), target="first").resampled == ("02",)

    def test_a_damaged_first_file_is_reported(self, tmp_path: Path) -> None:
        files = files_of(tmp_path, 3, s01=not_there)
        with pytest.raises(InputNotFoundError, match="sub-01"):
            check(files, target="first")

    def test_all_files_may_be_damaged(self, tmp_path: Path) -> None:
        with pytest.raises(InputNotFoundError, match="2 problems"):
            check(files_of(tmp_path, 2, s01=not_there, s02=not_there), target="first")


class TestCommonGrid:
    def mismatch(self, folder: Path, *shifts: float) -> BidsAriError:
        """The error of maps moved along x by mm."""
        files = []
        for i, shift in enumerate(shifts):
            affine = AFFINE.copy()
            affine[0, 3] += shift
            files.append((str(i), saved(folder / f"{i}.nii.gz", np.ones(SHAPE), affine)))
        return error_of(files)

    def test_both_grids_are_described(self, tmp_path: Path) -> None:
        error = self.mismatch(tmp_path, 0, 0, 0, 9)
        assert error.found == "sub-3 has a grid of 3 x 3 x 3.5 mm (10, 11, 12) LAS from (24, -16, -20)"
        assert error.expected == "that of the 3 others: 3 x 3 x 3.5 mm (10, 11, 12) LAS from (15, -16, -20)"
        assert error.hint.endswith("--exclude 3")

    def test_the_first_may_be_the_odd_one(self, tmp_path: Path) -> None:
        assert self.mismatch(tmp_path, 9, 0, 0).found.startswith("sub-0 has")

    def test_of_two_halves_the_second_is_named(self, tmp_path: Path) -> None:
        error = self.mismatch(tmp_path, 0, 0, 9, 9)
        assert error.found.startswith("sub-2, sub-3 have a grid of")
        assert "the 2 others" in error.expected
        assert error.hint.endswith("--exclude 2 3")

    def test_several_other_grids(self, tmp_path: Path) -> None:
        error = self.mismatch(tmp_path, 0, 9, 18)
        assert error.found.startswith("sub-1, sub-2 have other grids, such as")
        assert error.expected.startswith("that of sub-0: ")

    def test_rounding_of_the_affine_is_tolerated(self, tmp_path: Path) -> None:
        affine = AFFINE.copy()
        affine[0, 3] += 1e-5
        files = [
            (str(i), saved(tmp_path / f"{i}.nii", np.ones(SHAPE), each)) for i, each in enumerate((AFFINE, affine))
        ]
        assert check(files).frame.matches(Grid(SHAPE, AFFINE))
