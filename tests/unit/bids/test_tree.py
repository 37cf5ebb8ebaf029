"""Searches of folder trees: each folder is visited once, also through links."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from builders import describe
from builders_trees import MAP, maps, place, refuse, walked

from bids_ari.bids.tree import UNSEARCHED, Folder, Walk, read_folder, short_name


class TestReadFolder:
    def test_entries_are_sorted_by_kind_and_name(self, tmp_path: Path) -> None:
        files = ["b_statmap.nii.gz", "a_statmap.nii", "statmap.nii", "a_statmap", "a_statmap.func.gii"]
        others = ["b_statmap.json", "statmap.json", "a_mystatmap.nii", "a_bold.nii.gz", "._a_statmap.nii", "README"]
        place(*(tmp_path / name for name in files + others))
        for name in ("sub-02", "sub-01", "statmap", "x.statmap", ".git", "code", "c_statmap.nii.gz", "d_statmap.json"):
            (tmp_path / name).mkdir()
        for name in ("to-a-folder", "e_statmap.nii", ".hidden", "logs", "f.json", "g_bold.nii.gz"):
            (tmp_path / name).symlink_to("sub-01")
        assert read_folder(tmp_path) == Folder(
            maps={
                "a_statmap": "",
                "a_statmap.func.gii": "",
                "a_statmap.nii": "",
                "b_statmap.nii.gz": "",
                "c_statmap.nii.gz": "a folder, not a file",
                "e_statmap.nii": "",
                "statmap.nii": "",
            },
            folders=["d_statmap.json", "statmap", "sub-01", "sub-02", "x.statmap"],
            links=["to-a-folder"],
            is_dataset=False,
        )

    @pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("gone")])
    def test_any_entry_named_like_a_description_makes_a_dataset(self, tmp_path: Path, make: Any) -> None:
        make(tmp_path / "dataset_description.json")
        assert read_folder(tmp_path).is_dataset


def test_short_names_are_unique(tmp_path: Path) -> None:
    assert short_name(tmp_path / "first level", ["a"]) == "firstlevel"
    assert short_name(tmp_path / "a", ["a", "a-2"]) == "a-3"
    assert short_name(tmp_path / "é", []) == "input"


class TestWalk:
    @pytest.mark.parametrize("name", [*UNSEARCHED, ".git", ".datalad", ".heudiconv"])
    def test_some_folders_are_not_searched_nor_are_links_of_their_name(self, tmp_path: Path, name: str) -> None:
        place(tmp_path / name / MAP, tmp_path / "sub-01" / name / MAP, tmp_path / "sub-02" / MAP)
        (tmp_path / "sub-02" / name).symlink_to(tmp_path / "sub-01")
        assert maps(walked(tmp_path)) == [f"sub-02/{MAP}"]

    def test_the_top_comes_first_and_may_have_any_name(self, tmp_path: Path) -> None:
        place(tmp_path / "derivatives" / "sub-01" / MAP)
        folders = list(Walk([tmp_path / "derivatives"]).folders(tmp_path / "derivatives"))
        assert [folder.name for folder in folders] == ["", "sub-01"]

    @pytest.mark.parametrize("target", [".", "..", "../..", "../../..", "/", "../sub-01/func"])
    def test_cycles_of_links_are_not_followed(self, tmp_path: Path, target: str) -> None:
        """Neither within the tree, nor through the folders above it, from which the tree could be reached again."""
        top = tmp_path / "top"
        place(top / "sub-01" / "func" / MAP, tmp_path / "beside" / MAP)
        (top / "sub-01" / "cycle").symlink_to(target)
        walk = Walk([top])
        assert maps(walk.folders(top)) == [f"sub-01/func/{MAP}"]
        assert walk.cycles == [top / "sub-01" / "cycle"]
        assert walk.dangling == []

    def test_a_folder_is_found_under_its_own_name_rather_than_that_of_a_link(self, tmp_path: Path) -> None:
        place(tmp_path / "z" / MAP)
        (tmp_path / "a").symlink_to("z")
        assert maps(walked(tmp_path)) == [f"z/{MAP}"]

    def test_of_two_links_to_one_folder_the_first_is_followed(self, tmp_path: Path) -> None:
        place(tmp_path / "store" / "x" / MAP)
        top = tmp_path / "top"
        top.mkdir()
        for name in ("sub-02", "sub-01", "sub-03"):
            (top / name).symlink_to("../store")
        walk = Walk([top])
        assert maps(walk.folders(top)) == [f"sub-01/x/{MAP}"]
        assert walk.cycles == [top / "sub-02", top / "sub-03"]

    def test_folders_behind_a_link_are_found_once(self, tmp_path: Path) -> None:
        """x is reached by a link of its own first; from y, which it lies in, it is not found again."""
        place(tmp_path / "store" / "x" / MAP, tmp_path / "store" / "y" / MAP)
        top = tmp_path / "top"
        top.mkdir()
        (top / "a").symlink_to("../store/x")
        (top / "b").symlink_to("../store")
        (tmp_path / "store" / "back").symlink_to("../top")
        walk = Walk([top])
        assert maps(walk.folders(top)) == [f"a/{MAP}", f"b/y/{MAP}"]
        assert walk.cycles == [top / "b" / "x", top / "b" / "back"]

    def test_links_without_a_target_are_noted_and_links_to_files_are_not(self, tmp_path: Path) -> None:
        place(tmp_path / "README", tmp_path / "sub-01" / MAP)
        (tmp_path / "file").symlink_to("README")
        (tmp_path / "gone").symlink_to("nowhere/at/all")
        (tmp_path / "itself").symlink_to("itself")
        (tmp_path / "beyond").symlink_to("README/x")
        walk = Walk([tmp_path])
        assert maps(walk.folders(tmp_path)) == [f"sub-01/{MAP}"]
        assert [path.name for path in walk.dangling] == ["beyond", "gone", "itself"]

    def test_a_tree_within_a_tree_is_searched_as_its_own(self, tmp_path: Path) -> None:
        place(tmp_path / "sub-01" / MAP, tmp_path / "inner" / "sub-02" / MAP)
        tops = [tmp_path, tmp_path / "inner"]
        walk = Walk(tops)
        assert [maps(walk.folders(top)) for top in tops] == [[f"sub-01/{MAP}"], [f"sub-02/{MAP}"]]
        assert walk.cycles == []

    def test_excluded_folders_are_not_reached_by_links_either(self, tmp_path: Path) -> None:
        place(tmp_path / "top" / "out" / MAP, tmp_path / "top" / "sub-01" / MAP)
        (tmp_path / "top" / "latest").symlink_to("out")
        (tmp_path / "elsewhere").symlink_to("top/out")
        walk = Walk([tmp_path / "top"], [tmp_path / "elsewhere", tmp_path / "absent"])
        assert maps(walk.folders(tmp_path / "top")) == [f"sub-01/{MAP}"]

    def test_a_file_system_with_one_inode_number_for_all_loses_no_subject(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place(*(tmp_path / f"sub-{i}" / "func" / MAP for i in range(5)))
        real = Path.stat

        def alike(path: Path, **options: Any) -> Any:
            status = real(path, **options)
            return status if path == tmp_path else SimpleNamespace(st_dev=1, st_ino=2**40, st_mode=status.st_mode)

        monkeypatch.setattr(Path, "stat", alike)
        assert len(maps(walked(tmp_path))) == 5

    def test_datasets_within_the_tree_are_listed_from_the_outermost_on(self, tmp_path: Path) -> None:
        place(tmp_path / "sub-01" / MAP, tmp_path / "a" / "b" / "c" / MAP, tmp_path / "a" / "d" / MAP)
        for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b"):
            describe(folder)
        found = {folder.name: folder.datasets for folder in walked(tmp_path)}
        assert found == {
            "": (),
            "sub-01": (),
            "a": ("a",),
            "a/b": ("a", "a/b"),
            "a/b/c": ("a", "a/b"),
            "a/d": ("a",),
        }

    def test_datasets_may_be_excluded_with_everything_in_them(self, tmp_path: Path) -> None:
        for name in ("ours", "theirs"):
            place(tmp_path / name / "sub-01" / MAP)
            describe(tmp_path / name)
        describe(tmp_path)
        checked: list[Path] = []

        def is_excluded(folder: Path) -> bool:
            checked.append(folder)
            return folder.name == "ours"

        walk = Walk([tmp_path], is_excluded=is_excluded)
        assert maps(walk.folders(tmp_path)) == [f"theirs/sub-01/{MAP}"]
        assert checked == [tmp_path / "ours", tmp_path / "theirs"]

    def test_a_folder_that_cannot_be_read_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        place(tmp_path / "sub-01" / MAP, tmp_path / "sub-02" / MAP)
        refuse(monkeypatch, tmp_path / "sub-01", errno.EACCES)
        with pytest.raises(PermissionError) as caught:
            walked(tmp_path)
        assert caught.value.filename == str(tmp_path / "sub-01")

    def test_a_folder_that_vanishes_meanwhile_is_skipped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        place(tmp_path / "sub-01" / MAP, tmp_path / "temporary" / MAP)
        refuse(monkeypatch, tmp_path / "temporary", errno.ENOENT)
        walk = Walk([tmp_path])
        assert maps(walk.folders(tmp_path)) == [f"sub-01/{MAP}"]
        assert walk.dangling == []

    def test_trees_may_be_deeper_than_functions_may_call_each_other(self, tmp_path: Path) -> None:
        depth = 1100
        here = os.open(tmp_path, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir("d", dir_fd=here)
            inner = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
        os.close(here)
        try:
            assert len(walked(tmp_path)) == depth + 1
        finally:  # shutil.rmtree would fail here
            for n in range(depth, 0, -1):
                tmp_path.joinpath(*"d" * n).rmdir()
