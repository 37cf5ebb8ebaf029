"""Writing an output: files are complete or absent, other files untouched, outdated files removed."""

import copy
import errno
import gzip
import multiprocessing
import os
import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import AFFINE, SHAPE, describe, image
from builders_jobs import dead_pid, left_behind

from bids_ari.errors import DataError, OutputError, TemporaryError, UsageError
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.locks import own_place
from bids_ari.runtime.owner import Owner


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def out(tmp_path: Path) -> Derivatives:
    """An output folder that exists and can be written."""
    (tmp_path / "out").mkdir()
    return Derivatives(tmp_path / "out", {})


class TestFolder:
    def test_a_new_folder_is_made_with_its_parents(self, tmp_path: Path) -> None:
        with Derivatives(tmp_path / "a" / "b", {}) as out:
            out.text("group/x.txt", "x")
        assert files(tmp_path) == {"a/b/group/x.txt"}

    def test_a_new_empty_folder_is_removed_with_its_parents(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError), Derivatives(tmp_path / "a" / "b", {}):
            raise RuntimeError
        assert list(tmp_path.iterdir()) == []

    def test_an_existing_folder_stays(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        with Derivatives(tmp_path / "a", {}):
            pass
        with Derivatives(tmp_path / "a" / "b", {}):
            pass
        assert [path.name for path in tmp_path.iterdir()] == ["a"]
        assert list((tmp_path / "a").iterdir()) == []

    def test_the_probe_leaves_nothing(self, out: Derivatives) -> None:
        with out:
            assert list(out.folder.iterdir()) == []

    @pytest.mark.parametrize("about", [{}, {"GeneratedBy": [{"Name": "fmriprep"}]}, {"GeneratedBy": []}])
    def test_the_folder_of_another_dataset_is_refused_and_not_touched(
        self, tmp_path: Path, about: dict[str, Any]
    ) -> None:
        description = describe(tmp_path / "out", **about).read_text()
        with pytest.raises(UsageError, match="holds another dataset"), Derivatives(tmp_path / "out", {}):
            pytest.fail("nothing may be written")
        assert files(tmp_path) == {"out/dataset_description.json"}
        assert (tmp_path / "out" / "dataset_description.json").read_text() == description

    def test_an_output_is_written_again(self, out: Derivatives) -> None:
        with out:
            out.describe()
        with Derivatives(out.folder, {}) as again:
            again.describe()

    @pytest.mark.parametrize("content", ["", "{", "[]", "\xff", None])
    def test_a_folder_that_may_hold_another_dataset_is_refused(self, tmp_path: Path, content: str | None) -> None:
        """Its description is damaged, or a broken link, as of git-annex."""
        (tmp_path / "out").mkdir()
        path = tmp_path / "out" / "dataset_description.json"
        if content is None:
            path.symlink_to(tmp_path / ".git" / "annex" / "gone")
        else:
            path.write_text(content, encoding="latin-1")
        with pytest.raises(UsageError, match="may hold another dataset") as caught, Derivatives(path.parent, {}):
            pytest.fail("nothing may be written")
        assert str(path) in str(caught.value)
        assert [each.name for each in path.parent.iterdir()] == ["dataset_description.json"]

    @pytest.mark.parametrize(
        ("place", "why"),
        [
            ("file", "file is a file"),
            ("file/below", "file is a file"),
            ("dangling", "dangling is a broken link"),
            ("dangling/below", "dangling is a broken link"),
            ("loop", "loop is a broken link"),
            ("n" * 300, "File name too long"),
        ],
    )
    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path: Path, place: str, why: str) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "dangling").symlink_to(tmp_path / "gone")
        (tmp_path / "loop").symlink_to(tmp_path / "pool")
        (tmp_path / "pool").symlink_to(tmp_path / "loop")
        with pytest.raises(OutputError, match=f"{place} cannot be .*{why}"), Derivatives(tmp_path / place, {}):
            pytest.fail("nothing can be written")
        assert len(list(tmp_path.iterdir())) == 4

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_of_another_user_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir(mode=0o500)
        for place in ("out", "out/below"):
            with pytest.raises(OutputError, match=f"{place} cannot be written: Permission"):  # noqa: SIM117
                with Derivatives(tmp_path / place, {}):
                    pytest.fail("nothing can be written")

    def test_unfinished_files_of_killed_runs_are_removed(self, out: Derivatives) -> None:
        left_behind(out.folder, "a.lock", **asdict(Owner.this_process()) | {"pid": dead_pid(), "started": ""})
        with out:
            assert list(out.folder.iterdir()) == []

    def test_a_folder_that_cannot_be_written_is_named_before_any_work(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(Path, "write_bytes", refuse)
        with pytest.raises(OutputError, match="a/b cannot be written: Read-only"), Derivatives(tmp_path / "a/b", {}):
            pytest.fail("nothing can be written")
        assert list(tmp_path.iterdir()) == []


class TestWriting:
    def test_equal_images_have_equal_bytes(self, out: Derivatives, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also at another time, which gzip may store."""
        made = image(np.arange(np.prod(SHAPE)).reshape(SHAPE))
        first = (out.folder / out.image("a.nii.gz", made)).read_bytes()
        monkeypatch.setattr("time.time", lambda: 4e9)
        assert (out.folder / out.image("b.nii.gz", made)).read_bytes() == first

    def test_an_image_is_read_back(self, out: Derivatives) -> None:
        data = np.linspace(-1, 1, 1320, dtype=np.float32).reshape(SHAPE)
        back = nib.load(out.folder / out.image("group/a.nii.gz", image(data)))
        np.testing.assert_array_equal(back.get_fdata(), data)
        np.testing.assert_array_equal(back.affine, AFFINE)
        assert back.get_data_dtype() == np.float32

    def test_missing_values_in_tables_are_na(self, out: Derivatives) -> None:
        frame = pd.DataFrame({"a": [1, 2], "b": [0.1, np.nan], "c": ["x", None]})
        assert (out.folder / out.table("t.tsv", frame)).read_bytes() == b"a\tb\tc\n1\t0.1\tx\n2\tn/a\tn/a\n"

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_json_holds_no_nan(self, out: Derivatives, value: float) -> None:
        with pytest.raises(ValueError, match="JSON"):
            out.json("a.json", {"x": value})
        assert files(out.folder) == set()

    def test_text_is_utf_8(self, out: Derivatives) -> None:
        assert (out.folder / out.text("a.txt", "α ≤ β")).read_text(encoding="utf-8") == "α ≤ β"

    @pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError(28, "No space left on device")])
    def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
        self, out: Derivatives, monkeypatch: pytest.MonkeyPatch, error: BaseException
    ) -> None:
        out.text("group/a.txt", "old")
        write = Path.write_bytes

        def half(path: Path, content: bytes) -> None:
            write(path, content[: len(content) // 2])
            raise error

        monkeypatch.setattr(Path, "write_bytes", half)
        with pytest.raises((KeyboardInterrupt, MemoryError, OutputError)) as caught:
            out.text("group/a.txt", "new and longer")
        assert caught.type is (OutputError if isinstance(error, OSError) else error)
        assert files(out.folder) == {"group/a.txt"}
        assert (out.folder / "group/a.txt").read_text() == "old"

    @pytest.mark.parametrize("name", ["group", "group/x", "group/x/y"])
    def test_a_file_in_place_of_a_folder_or_the_reverse_is_an_error(self, out: Derivatives, name: str) -> None:
        (out.folder / "group").mkdir() if name == "group" else (out.folder / "group").touch()
        with pytest.raises(OutputError, match=f"{name} cannot be written"):
            out.text(name, "x")
        assert files(out.folder) == (set() if name == "group" else {"group"})


class TestNames:
    @pytest.mark.parametrize("name", ["/etc/x", "../x", "group/../../x", "group/..", "", ".", "a\0b"])
    @pytest.mark.parametrize("is_open", [True, False])
    def test_names_outside_the_output_are_refused(self, out: Derivatives, name: str, is_open: bool) -> None:
        with out.result("c") if is_open else nullcontext(), pytest.raises(ValueError, match="names no file"):
            out.text(name, "x")
        assert files(out.folder.parent) == set()

    @pytest.mark.parametrize("is_open", [True, False])
    def test_a_name_that_is_too_long_is_an_error_before_anything_is_written(
        self, out: Derivatives, is_open: bool
    ) -> None:
        """255 bytes are possible, 256 are not; an umlaut has two."""
        with out.result("c") if is_open else nullcontext():
            with pytest.raises(DataError, match=r"has 256 bytes; expected at most 255\. Shorten the labels") as caught:
                out.text("group/" + "ü" * 126 + ".tsv", "x")
            out.text("group/" + "ü" * 125 + "a.tsv", "x")
            assert caught.value.exit_code == 65
        assert len(files(out.folder)) == (0 if is_open else 1)

    @pytest.mark.parametrize("is_open", [True, False])
    def test_a_path_that_is_too_long_is_an_error(self, out: Derivatives, is_open: bool) -> None:
        """The limit of Linux is 4096 bytes."""
        with out.result("c") if is_open else nullcontext(), pytest.raises(DataError, match=r"The path .* bytes"):
            out.text("/".join(["d" * 200] * 30), "x")

    def test_a_contrast_with_such_a_name_can_be_locked_and_recorded(self, out: Derivatives) -> None:
        for contrast in ("c" * 300, "../c", "a/b", ".c"):
            with out.result(contrast):
                pass
            out.record_failure(contrast, {})
        assert [note["Contrast"] for note in out.failures()] == ["../c", ".c", "a/b", "c" * 300]
        assert len(list((out.folder / "logs" / "failures").iterdir())) == 4

    @pytest.mark.parametrize("is_open", [True, False])
    def test_a_link_is_replaced_and_not_followed(self, out: Derivatives, tmp_path: Path, is_open: bool) -> None:
        (tmp_path / "precious.txt").write_text("precious")
        (out.folder / "x.txt").symlink_to(tmp_path / "precious.txt")
        with out.result("c") if is_open else nullcontext():
            out.text("x.txt", "new")
            if is_open:
                out.record("c", [], {})
        assert (out.folder / "x.txt").read_text() == "new"
        assert not (out.folder / "x.txt").is_symlink()
        assert (tmp_path / "precious.txt").read_text() == "precious"

    def test_a_folder_may_be_a_link_to_another_file_system(
        self, out: Derivatives, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "store").mkdir()
        (out.folder / "group").symlink_to(tmp_path / "store")
        real = Path.replace

        def replace(path: Path, target: Path) -> Path:
            if path.parent != target.parent:
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            return real(path, target)

        monkeypatch.setattr(Path, "replace", replace)
        out.text("group/x.txt", "x")
        assert (tmp_path / "store" / "x.txt").read_text() == "x"
        assert files(tmp_path / "store") == {"x.txt"}


def publish(out: Derivatives, contrast: str, result: str, names: list[str], **summary: object) -> None:
    """Write and record a result of some texts."""
    with out.result(contrast):
        for name in names:
            out.text(f"group/{name}", f"{name} of {result}")
        out.record(result, [], {"Contrast": contrast, **summary})


def text_of(out: Derivatives, name: str) -> str:
    return (out.folder / name).read_text()


class TestResult:
    def test_its_files_are_hidden_until_it_is_recorded(self, out: Derivatives) -> None:
        with out.result("a"):
            assert out.text("group/x.txt", "x") == "group/x.txt"
            assert not (out.folder / "group").exists()
            out.record("a", ["group/x.txt"], {"Contrast": "a"})
            assert text_of(out, "group/x.txt") == "x"
        assert files(out.folder) == {"group/x.txt", "logs/results/a.json"}
        assert not (out.folder / ".staging").exists()

    def test_hidden_files_have_no_extension_of_the_dataset(self, out: Derivatives) -> None:
        with out.result("a"):
            out.image("group/x.nii.gz", image(np.zeros(SHAPE)))
            assert list(out.folder.rglob("*.nii.gz")) == []
            assert all(name.startswith(".staging/") for name in files(out.folder))

    @pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, DataError("x")])
    def test_a_result_that_is_not_recorded_leaves_the_earlier_one_unchanged(
        self, out: Derivatives, error: type[BaseException] | BaseException
    ) -> None:
        publish(out, "a", "a_desc-x", ["x.txt", "y.txt"])
        before = {name: text_of(out, name) for name in files(out.folder)}

        def fail() -> None:
            out.text("group/x.txt", "new")
            out.explain("new", "never seen")
            raise error

        with pytest.raises((KeyboardInterrupt, RuntimeError, DataError)), out.result("a"):
            fail()
        assert {name: text_of(out, name) for name in files(out.folder)} == before
        out.describe()
        assert "never seen" not in text_of(out, "descriptions.tsv")

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
    def test_a_result_that_cannot_be_written_leaves_the_earlier_one_unchanged(
        self, out: Derivatives, code: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also if only the record does not fit on the disk."""
        publish(out, "a", "a_desc-x", ["x.txt"])
        before = {name: text_of(out, name) for name in files(out.folder)}
        write = Path.write_bytes
        for n_allowed in (0, 1, 2):  # the file, a note that it begins, the record
            left = [n_allowed]

            def limited(path: Path, content: bytes, left: list[int] = left) -> int:
                left[0] -= 1
                if left[0] < 0:
                    write(path, content[:3])
                    raise OSError(code, os.strerror(code))
                return write(path, content)

            monkeypatch.setattr(Path, "write_bytes", limited)
            with pytest.raises(OutputError, match=os.strerror(code)) as caught:
                publish(out, "a", "a_desc-x", ["x.txt"], Test="mean")
            monkeypatch.undo()
            assert caught.value.exit_code == 73
            assert {name: text_of(out, name) for name in files(out.folder)} == before

    @pytest.mark.parametrize("name", ["group/x", "group"])
    def test_an_occupied_name_is_an_error_before_other_files_are_visible(self, out: Derivatives, name: str) -> None:
        (out.folder / "group" / "x").mkdir(parents=True)
        with out.result("a"):
            out.text("other.txt", "x")
            with pytest.raises(OutputError, match=f"{name} cannot be written: a folder is in its place"):
                out.text(name, "x")
        assert files(out.folder) == set()

    def test_the_process_that_writes_the_result_is_named(self, out: Derivatives) -> None:
        with out.result("a"):
            with pytest.raises(TemporaryError, match=f"^a is being written by process {os.getpid()} on"):  # noqa: SIM117
                with Derivatives(out.folder, {}) as other, other.result("a"):
                    pytest.fail("it is open")
            with Derivatives(out.folder, {}) as other, other.result("b"):
                other.record("b", [], {})
            out.record("a", [], {})
        assert files(out.folder) == {"logs/results/a.json", "logs/results/b.json"}

    @pytest.mark.parametrize("when", ["before it writes", "before it records"])
    def test_a_lost_lock_makes_nothing_visible(self, out: Derivatives, when: str) -> None:

        def work() -> None:
            if when == "before it records":
                out.text("group/x.txt", "x")
            with own_place(out.folder) as other:
                (mine,) = (out.folder / ".staging" / "a.lock").iterdir()
                other.take_away(mine)
            if when == "before it writes":
                out.text("group/x.txt", "x")
            out.record("a", [], {})

        with pytest.raises(TemporaryError, match="a was taken over by another process") as caught, out.result("a"):
            work()
        assert caught.value.exit_code == 75
        assert files(out.folder) == set()

    def test_files_about_all_results_are_visible_at_once(self, out: Derivatives) -> None:
        with out.result("a"):
            out.text("group/x.txt", "x")
            with out.shared():
                out.text("index.html", "x")
                assert text_of(out, "index.html") == "x"
            out.text("group/y.txt", "y")
            out.record("a", [], {})
        assert files(out.folder) == {"index.html", "group/x.txt", "group/y.txt", "logs/results/a.json"}

    def test_files_about_all_results_are_written_by_one_process_at_a_time(self, out: Derivatives) -> None:
        with out.shared(), pytest.raises(TemporaryError), out.shared(wait=0.1):
            pytest.fail("others write")

    def test_files_about_all_results_are_of_the_same_results(self, out: Derivatives) -> None:
        """Also when another job publishes one meanwhile, which then updates these files after this process."""
        publish(out, "a", "a", ["a.txt"])
        other = Derivatives(out.folder, {})
        with out.shared():
            before = out.records()
            publish(other, "b", "b", ["b.txt"])
            assert out.records() == before
        assert [note["Name"] for note in out.records()] == ["a", "b"]

    def test_a_file_behind_a_folder_that_another_job_removed_is_published(self, out: Derivatives) -> None:
        """A job that writes nothing removes the empty folders that it made."""
        with Derivatives(out.folder / "new", {}) as mine:
            (mine.folder / "group").mkdir()
            with mine.result("a"):
                mine.text("group/x.txt", "x")
                (mine.folder / "group").rmdir()
                mine.record("a", [], {})
        assert files(out.folder / "new") == {"group/x.txt", "logs/results/a.json"}

    def test_a_folder_that_is_removed_at_the_last_moment_is_made_again(
        self, out: Derivatives, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, moments = Path.replace, iter(["too early"])

        def replace(path: Path, target: Path) -> Path:
            if next(moments, None):
                target.parent.rmdir()
            return real(path, target)

        monkeypatch.setattr(Path, "replace", replace)
        out.text("group/x.txt", "x")
        assert text_of(out, "group/x.txt") == "x"

    def test_a_folder_that_another_process_makes_at_the_same_moment_is_not_ours(
        self, out: Derivatives, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So that it stays, and the folder of this run gets another name."""
        real = Path.mkdir

        def mkdir(path: Path, *arguments: Any, **more: Any) -> None:
            if re.fullmatch(r"\d{8}T\d{6}Z", path.name):
                os.mkdir(path)  # noqa: PTH102, by the other
            real(path, *arguments, **more)

        monkeypatch.setattr(Path, "mkdir", mkdir)
        with out:
            assert out.run_folder().endswith("Z-2")
        (run,) = (out.folder / "logs").iterdir()
        assert re.fullmatch(r"\d{8}T\d{6}Z", run.name)

    def test_results_of_a_contrast_are_recorded_one_after_the_other(self, out: Derivatives) -> None:
        with out.result("a"):
            for desc in ("greater", "less"):
                out.text(f"group/a_desc-{desc}_mask.txt", desc)
                out.text("group/a_desc-both_mask.txt", desc)
                out.explain(desc, desc)
                out.record(f"a_desc-{desc}", [], {})
        assert {record["Name"]: (record["Files"], record["Descriptions"]) for record in out.records()} == {
            f"a_desc-{desc}": (
                ["group/a_desc-both_mask.txt", f"group/a_desc-{desc}_mask.txt"],
                {f"desc-{desc}": desc},
            )
            for desc in ("greater", "less")
        }
        assert text_of(out, "group/a_desc-both_mask.txt") == "less"

    def test_folders_of_other_processes_are_not_removed(self, out: Derivatives) -> None:
        with Derivatives(out.folder / "new", {}) as mine:
            (mine.folder / "logs").mkdir()
            mine.run_folder()
        assert [path.name for path in (out.folder / "new").iterdir()] == ["logs"]


class TestWorkers:
    """Several processes write one output: each gets a copy, without what is open in the other."""

    def test_a_copy_writes_a_result_while_another_is_open(self, out: Derivatives) -> None:
        with out.result("a"):
            worker = pickle.loads(pickle.dumps(out))
            publish(worker, "b", "b_desc-x", ["y.txt"])
            out.text("group/x.txt", "x")
            out.record("a_desc-x", [], {})
        assert (worker.folder, worker.sources) == (out.folder, out.sources)
        assert [note["Name"] for note in out.records()] == ["a_desc-x", "b_desc-x"]

    def test_processes_write_contrasts_and_the_parent_describes_them(self, out: Derivatives) -> None:
        jobs = [(copy.copy(out), name, f"{name}_desc-x", [f"{name}.txt"]) for name in "abc"]
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            for job in [pool.submit(publish, *each) for each in jobs]:
                job.result(timeout=300)
        assert {f"group/{name}.txt" for name in "abc"} <= files(out.folder)
        assert [note["Contrast"] for note in out.records()] == ["a", "b", "c"]


class TestReusable:
    def make(self, out: Derivatives, *results: str, fingerprint: str = "f") -> None:
        with out.result("a"):
            for result in results:
                out.text(f"group/{result}.txt", result)
                out.record(result, [], {"Contrast": "a"}, fingerprint=fingerprint, results=["a_1", "a_2"])

    def test_all_results_with_the_fingerprint_are_returned(self, out: Derivatives) -> None:
        self.make(out, "a_1", "a_2")
        assert [note["Name"] for note in out.reusable("a")["f"]] == ["a_1", "a_2"]
        assert out.reusable("a").keys() == {"f"}
        assert out.reusable("b") == {}

    def test_a_contrast_of_which_a_result_is_missing_is_analysed_again(self, out: Derivatives) -> None:
        self.make(out, "a_1")
        assert out.reusable("a") == {}

    def test_a_contrast_of_which_a_file_is_missing_is_analysed_again(self, out: Derivatives) -> None:
        self.make(out, "a_1", "a_2")
        (out.folder / "group" / "a_2.txt").unlink()
        assert out.reusable("a") == {}

    def test_results_without_a_fingerprint_are_not_reused(self, out: Derivatives) -> None:
        """As those of version 0.1.0."""
        publish(out, "a", "a_1", ["x.txt"])
        assert out.reusable("a") == {}


class TestRunFolder:
    def test_each_run_has_its_own_folder(self, out: Derivatives) -> None:
        """Also if they begin in the same second."""
        runs = [Derivatives(out.folder, {}) for _ in range(3)]
        names = [run.run_folder() for run in runs]
        assert len(set(names)) == 3
        assert all(re.fullmatch(r"logs/\d{8}T\d{6}Z(-\d+)?", name) for name in names)
        assert [run.run_folder() for run in runs] == names
        assert all((out.folder / name).is_dir() for name in names)

    def test_folders_of_the_same_second_are_numbered(self, out: Derivatives, monkeypatch: pytest.MonkeyPatch) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> "Clock":
                return cls(2026, 11, 23, 18, 1, 2, tzinfo=tz)

        monkeypatch.setattr("bids_ari.outputs.derivatives.datetime", Clock)
        names = [Derivatives(out.folder, {}).run_folder() for _ in range(3)]
        assert names == ["logs/20261123T180102Z", "logs/20261123T180102Z-2", "logs/20261123T180102Z-3"]

    def test_it_is_made_on_the_first_call_and_removed_if_empty(self, out: Derivatives) -> None:
        with out:
            assert list(out.folder.iterdir()) == []
            out.run_folder()
        assert list(out.folder.iterdir()) == []

    def test_a_folder_that_cannot_be_made_is_an_error(self, out: Derivatives) -> None:
        (out.folder / "logs").touch()
        with pytest.raises(OutputError, match="logs"):
            out.run_folder()


def test_an_image_is_compressed_without_a_name_or_a_time(out: Derivatives) -> None:
    """Bytes 4-7 of a gzip member are the time, bit 3 of byte 3 is set if a name follows (RFC 1952)."""
    content = (out.folder / out.image("a.nii.gz", image(np.zeros(SHAPE)))).read_bytes()
    assert content[4:8] == b"\0\0\0\0"
    assert content[3] & 0b1000 == 0
    assert len(gzip.decompress(content)) == 352 + 4 * np.prod(SHAPE)
