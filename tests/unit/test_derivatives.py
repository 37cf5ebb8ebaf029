"""Writing: each file whole or not at all, nothing of others touched, nothing stale left."""

import gzip
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import AFFINE, SHAPE, describe, image

from bids_ari.bids.derivatives import Derivatives
from bids_ari.errors import OutputError, UsageError


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def out(tmp_path: Path) -> Derivatives:
    """An output folder that exists and can be written."""
    (tmp_path / "out").mkdir()
    return Derivatives(tmp_path / "out", {})


class TestFolder:
    def test_a_new_folder_is_made_with_those_above_it(self, tmp_path: Path) -> None:
        with Derivatives(tmp_path / "a" / "b", {}) as out:
            out.text("group/x.txt", "x")
        assert files(tmp_path) == {"a/b/group/x.txt"}

    def test_a_new_folder_in_which_nothing_was_written_is_removed_with_those_above_it(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError), Derivatives(tmp_path / "a" / "b", {}):
            raise RuntimeError
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_was_there_stays(self, tmp_path: Path) -> None:
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

    def test_our_own_folder_is_written_again(self, out: Derivatives) -> None:
        with out:
            out.describe()
        with Derivatives(out.folder, {}) as again:
            again.describe()

    @pytest.mark.parametrize("place", ["file", "file/below", "dangling"])
    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path: Path, place: str) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "dangling").symlink_to(tmp_path / "gone")
        with pytest.raises(OutputError, match=place), Derivatives(tmp_path / place, {}):
            pytest.fail("nothing can be written")

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
    def test_the_same_image_is_the_same_bytes(self, out: Derivatives, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also at another time, which gzip would note."""
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

    def test_a_table_says_na_for_what_is_not_there(self, out: Derivatives) -> None:
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
    def test_a_file_in_place_of_a_folder_or_the_reverse_is_named(self, out: Derivatives, name: str) -> None:
        (out.folder / "group").mkdir() if name == "group" else (out.folder / "group").touch()
        with pytest.raises(OutputError, match=f"{name} cannot be written"):
            out.text(name, "x")
        assert files(out.folder) == (set() if name == "group" else {"group"})


class TestRecord:
    def test_a_rerun_removes_what_it_no_longer_writes(self, out: Derivatives) -> None:
        """But not what another result shares."""
        for name in ("a", "b", "c", "other", "shared"):
            out.text(f"group/{name}.txt", name)
        out.record("faces", ["group/a.txt", "group/b.txt", "group/shared.txt"], {"Test": "mean"})
        out.record("houses", ["group/other.txt", "group/shared.txt"], {})
        out.record("faces", ["group/b.txt", "group/c.txt"], {"Test": "mean"})
        assert files(out.folder) == {
            *("group/b.txt", "group/c.txt", "group/other.txt", "group/shared.txt"),
            *("logs/results/faces.json", "logs/results/houses.json"),
        }

    def test_a_stale_file_that_is_gone_already_is_no_trouble(self, out: Derivatives) -> None:
        out.record("faces", ["group/never.txt"], {})
        out.record("faces", [], {})
        assert out.records()[0]["Files"] == []

    def test_records_of_all_runs_are_read_by_name(self, out: Derivatives) -> None:
        out.record("b", ["y", "x", "x"], {"Test": "mean"})
        out.record("a", [], {})
        again = Derivatives(out.folder, {}).records()
        assert [record["Name"] for record in again] == ["a", "b"]
        assert again[1]["Files"] == ["x", "y"]
        assert again[1]["Results"] == [{"Test": "mean"}]


class TestDescription:
    def described(self, out: Derivatives) -> dict[str, Any]:
        out.describe()
        return dict(json.loads((out.folder / "dataset_description.json").read_text()))

    def test_links_to_the_sources_are_relative(self, tmp_path: Path) -> None:
        """They tell no user's folders, and both may be moved together."""
        sources = {"raw": tmp_path / "raw", "first": tmp_path / "raw" / "derivatives" / "first"}
        about = self.described(Derivatives(tmp_path / "raw" / "derivatives" / "ari", sources))
        assert about["DatasetLinks"] == {"raw": "../..", "first": "../first"}
        assert about["SourceDatasets"] == [{"URL": "../.."}, {"URL": "../first"}]
        assert str(tmp_path) not in json.dumps(about)

    def test_links_lead_to_the_source_from_a_linked_output_too(self, tmp_path: Path) -> None:
        (tmp_path / "deep" / "store").mkdir(parents=True)
        (tmp_path / "out").symlink_to(tmp_path / "deep" / "store")
        (tmp_path / "first").mkdir()
        about = self.described(Derivatives(tmp_path / "out", {"first": tmp_path / "first"}))
        assert (tmp_path / "out" / about["DatasetLinks"]["first"]).resolve() == tmp_path / "first"

    def test_it_says_who_made_it(self, out: Derivatives) -> None:
        about = self.described(out)
        assert about["DatasetType"] == "derivative"
        assert about["GeneratedBy"][0]["Name"] == "bids_ari"

    @pytest.mark.parametrize(
        ("licences", "said"),
        [(["CC0", "CC0"], "CC0"), (["CC0", "PDDL"], "unknown"), (["CC0", None], "unknown"), ([None], "unknown")],
    )
    def test_a_licence_is_passed_on_when_all_sources_have_it(
        self, tmp_path: Path, licences: list[str | None], said: str
    ) -> None:
        sources = {f"s{i}": tmp_path / f"s{i}" for i in range(len(licences))}
        for folder, licence in zip(sources.values(), licences, strict=True):
            describe(folder, **({"License": licence} if licence else {}))
        assert self.described(Derivatives(tmp_path / "out", sources))["License"] == said

    def test_labels_explained_by_earlier_runs_are_kept(self, out: Derivatives) -> None:
        out.explain("greater", "Effects above zero")
        out.describe()
        again = Derivatives(out.folder, {})
        again.explain("analysis", "The voxels that were tested")
        again.describe()
        assert (out.folder / "descriptions.tsv").read_text() == (
            "desc_id\tdescription\ndesc-analysis\tThe voxels that were tested\ndesc-greater\tEffects above zero\n"
        )

    @pytest.mark.parametrize("content", ["", "other\tcolumns\n1\t2\n", "a\tb\n1\t2\t3\n4\n"])
    def test_a_damaged_list_of_labels_is_made_anew(self, out: Derivatives, content: str) -> None:
        (out.folder / "descriptions.tsv").write_text(content)
        out.explain("greater", "x")
        out.describe()
        assert (out.folder / "descriptions.tsv").read_text() == "desc_id\tdescription\ndesc-greater\tx\n"

    def test_pybids_reads_the_dataset_with_the_configuration_that_lies_in_it(self, out: Derivatives) -> None:
        from bids import BIDSLayout

        out.image("group/task-a_contrast-b+c_test-mean_stat-z_statmap.nii.gz", image(np.zeros(SHAPE)))
        out.describe()
        layout = BIDSLayout(str(out.folder), validate=False, is_derivative=True, config=["bids", "derivatives"])
        (entities,) = [file.get_entities() for file in layout.get(suffix="statmap")]
        assert (entities["contrast"], entities["test"], entities["stat"]) == ("b+c", "mean", "z")


def test_an_image_is_compressed_without_a_name_or_a_time(out: Derivatives) -> None:
    """Bytes 4-7 of a gzip member are the time, bit 3 of byte 3 says that a name follows (RFC 1952)."""
    content = (out.folder / out.image("a.nii.gz", image(np.zeros(SHAPE)))).read_bytes()
    assert content[4:8] == b"\0\0\0\0"
    assert content[3] & 0b1000 == 0
    assert len(gzip.decompress(content)) == 352 + 4 * np.prod(SHAPE)
