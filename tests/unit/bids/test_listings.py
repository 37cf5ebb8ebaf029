"""What a folder holds, and what is remembered of it: never more than what is there now."""

import errno
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from builders import describe
from builders_trees import MAP, maps, place, refuse, walked

from bids_ari.bids import listings
from bids_ari.bids.listings import Listing, Listings, read_listing
from bids_ari.bids.tree import Walk


class TestListing:
    def test_what_a_folder_holds_is_sorted_by_what_it_is_for(self, tmp_path: Path) -> None:
        files = ["b_statmap.nii.gz", "a_statmap.nii", "statmap.nii", "a_statmap", "a_statmap.func.gii"]
        others = ["b_statmap.json", "statmap.json", "a_mystatmap.nii", "a_bold.nii.gz", "._a_statmap.nii", "README"]
        place(*(tmp_path / name for name in files + others))
        folders = ["sub-02", "sub-01", "statmap", "x.statmap", ".git", "code", "c_statmap.nii.gz", "d_statmap.json"]
        for name in folders:
            (tmp_path / name).mkdir()
        for name in ("to-a-folder", "e_statmap.nii", ".hidden", "logs", "f.json", "g_bold.nii.gz"):
            (tmp_path / name).symlink_to("sub-01")
        assert read_listing(tmp_path) == Listing(
            maps=(
                "a_statmap",
                "a_statmap.func.gii",
                "a_statmap.nii",
                "b_statmap.nii.gz",
                "e_statmap.nii",
                "statmap.nii",
            ),
            impostors=("c_statmap.nii.gz",),
            folders=("d_statmap.json", "statmap", "sub-01", "sub-02", "x.statmap"),
            links=("to-a-folder",),
            described=False,
        )

    @pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("gone")])
    def test_whatever_is_named_like_a_description_makes_a_dataset(self, tmp_path: Path, make: Any) -> None:
        make(tmp_path / "dataset_description.json")
        assert read_listing(tmp_path).described


@pytest.fixture
def remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A tree that is remembered, and a count of the folders that are read; folders settle in 40 ms.

    The clock of the file system ticks at least every 10 ms on Linux, so that is as strict as what users get.
    """
    monkeypatch.setattr(listings, "_SETTLING", 40 * 10**6)
    top, database_dir = tmp_path / "top", tmp_path / "database"
    place(*(top / f"sub-0{i}" / "func" / MAP for i in (1, 2)), tmp_path / "store" / "v1" / MAP)
    (tmp_path / "store" / "v2").mkdir()
    (tmp_path / "store" / "current").symlink_to("v1")
    (top / "sub-03").symlink_to("../store/current")
    (top / "sub-04").symlink_to("../store/later")
    describe(top / "nested")
    place(top / "nested" / "sub-09" / MAP)
    read: list[Path] = []
    monkeypatch.setattr(listings, "read_listing", lambda folder: read.append(folder) or read_listing(folder))
    time.sleep(0.06)
    walked(top, database_dir)
    read.clear()
    return SimpleNamespace(top=top, database_dir=database_dir, read=read, store=tmp_path / "store")


def add_with_old_times(top: Path) -> None:
    """As rsync and tar do: what they add keeps the times of where it came from, folders too."""
    folder = top / "sub-01" / "func"
    before = folder.stat()
    place(folder / "x_statmap.nii.gz")
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap_by_renaming(top: Path) -> None:
    """Another folder under the same name: no entry of the folder has changed since it was made."""
    (top / "sub-01" / "func").rename(top / "sub-01" / "was")
    (top / "sub-02" / "func").rename(top / "sub-01" / "func")
    (top / "sub-01" / "func" / MAP).rename(top / "sub-01" / "func" / MAP.replace("sub-01", "sub-02"))


def replace_by_folder(top: Path) -> None:
    (top / "sub-01" / "func" / MAP).unlink()
    (top / "sub-01" / "func" / MAP).mkdir()


def relink(link: Path, target: str) -> None:
    link.unlink()
    link.symlink_to(target)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file is added": lambda top: place(top / "sub-01" / "func" / "x_statmap.nii.gz"),
    "a file is added and the times set back": add_with_old_times,
    "a file is removed": lambda top: (top / "sub-01" / "func" / MAP).unlink(),
    "a file is renamed": lambda top: (top / "sub-01" / "func" / MAP).rename(top / "sub-01" / "func" / "x_statmap.nii"),
    "a file moves": lambda top: (top / "sub-01" / "func" / MAP).rename(top / "sub-02" / "func" / "x_statmap.nii"),
    "a file becomes a folder": replace_by_folder,
    "a subject is added": lambda top: place(top / "sub-05" / "func" / MAP),
    "a subject is removed": lambda top: shutil.rmtree(top / "sub-01"),
    "a subject is renamed": lambda top: (top / "sub-01").rename(top / "sub-11"),
    "a session is added": lambda top: place(top / "sub-01" / "ses-2" / "func" / MAP),
    "one folder takes the place of another": swap_by_renaming,
    "a link leads elsewhere": lambda top: relink(top / "sub-03", "../store/v2"),
    "a link to a link leads elsewhere": lambda top: relink(top.parent / "store" / "current", "v2"),
    "a link leads to a file": lambda top: relink(top / "sub-03", f"../store/v1/{MAP}"),
    "a link leads to nothing": lambda top: shutil.rmtree(top.parent / "store" / "v1"),
    "a link to nothing leads somewhere": lambda top: place(top.parent / "store" / "later" / MAP),
    "a linked folder changes": lambda top: place(top.parent / "store" / "v1" / "x_statmap.nii"),
    "a folder becomes a dataset": lambda top: describe(top / "sub-01"),
    "a dataset becomes a folder": lambda top: (top / "nested" / "dataset_description.json").unlink(),
}


class TestRemembered:
    def test_what_has_not_changed_is_not_read_again(self, remembered: SimpleNamespace) -> None:
        anew = walked(remembered.top)
        assert len(remembered.read) == len(anew) == 8
        remembered.read.clear()
        assert walked(remembered.top, remembered.database_dir) == anew
        assert remembered.read == []

    @pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
    def test_a_change_is_seen_at_once(self, remembered: SimpleNamespace, change: Callable[[Path], object]) -> None:
        before = walked(remembered.top, remembered.database_dir)
        change(remembered.top)
        again = walked(remembered.top, remembered.database_dir)
        n_read = len(remembered.read)
        assert again == walked(remembered.top) != before
        assert n_read < len(again)  # what has not changed is still remembered

    def test_what_a_description_says_is_asked_each_time(self, remembered: SimpleNamespace) -> None:
        for answer in (False, True, False):
            walk = Walk([remembered.top], is_left_out=lambda _, answer=answer: answer)
            folders = walk.folders(remembered.top, Listings(remembered.top, remembered.database_dir))
            assert any(folder.name == "nested" for folder in folders) is not answer
        assert remembered.read == []

    def test_a_folder_that_may_not_be_read_any_more_is_named(
        self, remembered: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = remembered.top / "sub-01" / "func"
        folder.chmod(0)
        refuse(monkeypatch, folder, errno.EACCES)
        with pytest.raises(PermissionError):
            walked(remembered.top, remembered.database_dir)

    def test_any_sequence_of_changes_is_seen(self, remembered: SimpleNamespace, rng: np.random.Generator) -> None:
        """In one tick of the clock or over many: remembered and read anew are the same at each step."""
        names = [remembered.top / f"sub-0{i}" / part for i in range(1, 7) for part in ("", "func", "ses-1")]
        for _ in range(150):
            folder = names[rng.integers(len(names))]
            kind = rng.integers(6)
            if kind < 2:
                with suppress(FileExistsError):  # a link that leads to nothing is in the way
                    place(folder / f"{rng.integers(3)}_statmap.nii")
            elif kind == 2:
                for path in list(folder.glob("*statmap.nii"))[:1]:
                    path.unlink()
            elif kind == 3 and folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder)
            elif kind == 4 and folder.parent.is_dir() and not os.path.lexists(folder):
                folder.symlink_to(remembered.store / f"v{rng.integers(1, 4)}")
            elif kind == 5 and folder.is_symlink():
                folder.unlink()
            if rng.random() < 0.1:
                time.sleep(0.05)
            assert walked(remembered.top, remembered.database_dir) == walked(remembered.top)
        time.sleep(0.05)
        n_folders = len(walked(remembered.top, remembered.database_dir))
        remembered.read.clear()
        walked(remembered.top, remembered.database_dir)
        assert remembered.read == []
        assert n_folders > 8

    def test_changes_within_one_tick_of_a_slow_clock_are_seen(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """FAT counts in steps of 2 s; then nothing shows the second change but that the first is so young."""
        real = Path.stat
        tick = 2 * 10**9

        def coarse(path: Path, **options: Any) -> Any:
            status = real(path, **options)
            times = {name: getattr(status, name) // tick * tick for name in ("st_mtime_ns", "st_ctime_ns")}
            return SimpleNamespace(st_dev=status.st_dev, st_ino=status.st_ino, st_mode=status.st_mode, **times)

        monkeypatch.setattr(Path, "stat", coarse)
        for i in range(3):
            place(tmp_path / "top" / f"{i}_statmap.nii")
            assert len(maps(walked(tmp_path / "top", tmp_path / "database"))) == i + 1

    def test_a_folder_from_the_future_is_read_anew(self, remembered: SimpleNamespace) -> None:
        future = time.time() + 3600
        for folder in (remembered.top / "sub-01", remembered.top / "sub-02"):
            os.utime(folder, (future, future))
        time.sleep(0.06)
        for _ in range(2):
            remembered.read.clear()
            walked(remembered.top, remembered.database_dir)
            assert sorted(remembered.read) == [remembered.top / "sub-01", remembered.top / "sub-02"]

    def test_where_folders_bear_no_stamps_nothing_is_remembered(
        self, remembered: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = remembered.top.stat().st_dev
        mounts = "22 27 0:21 / /proc rw - proc proc rw\n30 27 {}:{} / /data rw - fuse.rclone study rw\n"
        text = mounts.format(os.major(here), os.minor(here))
        monkeypatch.setattr(Path, "read_text", lambda path, **_: text if path.name == "mountinfo" else None)
        shutil.rmtree(remembered.database_dir)
        for _ in range(2):
            remembered.read.clear()
            assert len(walked(remembered.top, remembered.database_dir)) == len(remembered.read)


class TestDatabase:
    def test_trees_do_not_mix_and_a_link_to_one_is_the_same(self, remembered: SimpleNamespace, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("top")
        (tmp_path / "second").mkdir()
        assert len(walked(tmp_path / "link", remembered.database_dir)) == 8
        assert remembered.read == []
        assert len(walked(tmp_path / "second", remembered.database_dir)) == 1

    def test_another_version_does_not_read_it(
        self, remembered: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listings, "__version__", "0.0.0")
        walked(remembered.top, remembered.database_dir)
        assert len(remembered.read) == 8

    def test_it_is_written_only_where_something_is_new(
        self, remembered: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[Path] = []
        monkeypatch.setattr(listings, "_write", lambda file, _: written.append(file))
        walked(remembered.top, remembered.database_dir)
        assert written == []
        (remembered.top / "sub-05").mkdir()
        time.sleep(0.06)
        walked(remembered.top, remembered.database_dir)
        assert len(written) == 1

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda content: b"",
            lambda content: content[: len(content) // 2],
            lambda content: content.replace(b"statmap.nii", b"statmbp.nii", 1),
            lambda content: content[::-1],
            lambda content: b"[]",
            lambda content: b"\xff\n{}",
        ],
        ids=["empty", "cut", "one letter", "reversed", "other JSON", "no text"],
    )
    def test_a_damaged_file_is_told_of_once_and_made_anew(
        self, remembered: SimpleNamespace, spoil: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
    ) -> None:
        (file,) = remembered.database_dir.iterdir()
        whole = file.read_bytes()
        file.write_bytes(spoil(whole))
        anew = walked(remembered.top)
        for _ in range(2):
            assert walked(remembered.top, remembered.database_dir) == anew
            assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert f"{file} is damaged" in caplog.text
        assert file.read_bytes() == whole

    def test_a_file_in_place_of_the_folder_is_told_of_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(listings, "_SETTLING", -(10**10))  # there is something to remember
        place(tmp_path / "top" / MAP, tmp_path / "database")
        assert maps(walked(tmp_path / "top", tmp_path / "database")) == [MAP]
        (record,) = caplog.records
        assert record.levelname == "WARNING"
        assert record.getMessage() == f"What is remembered in {tmp_path / 'database'} cannot be read: Not a directory"

    @pytest.mark.parametrize("method", ["write_bytes", "replace", "mkdir"])
    def test_where_it_cannot_be_written_what_is_there_stays(
        self,
        remembered: SimpleNamespace,
        method: str,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        (file,) = remembered.database_dir.iterdir()
        whole = file.read_bytes()
        place(remembered.top / "sub-01" / "x_statmap.nii")
        time.sleep(0.06)

        def fail(path: Path, *_: object, **__: object) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(Path, method, fail)
        assert "sub-01/x_statmap.nii" in maps(walked(remembered.top, remembered.database_dir))
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert caplog.messages[0].endswith("Read-only file system")
        assert list(remembered.database_dir.iterdir()) == [file]
        assert file.read_bytes() == whole

    def test_many_jobs_at_once_leave_it_whole(
        self, remembered: SimpleNamespace, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Each finds another subject, so that each has something to write."""

        def job(number: int) -> None:
            place(remembered.top / f"sub-1{number}" / MAP)
            time.sleep(0.05)
            for _ in range(5):
                assert f"sub-1{number}/{MAP}" in maps(walked(remembered.top, remembered.database_dir))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(job, range(8)))
        assert caplog.records == []
        assert len(list(remembered.database_dir.iterdir())) == 1
        assert walked(remembered.top, remembered.database_dir) == walked(remembered.top)
