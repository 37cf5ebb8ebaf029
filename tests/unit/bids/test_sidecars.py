"""Sidecars and descriptions: JSON that may be malformed."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import describe, touch_maps
from builders_trees import refuse

from bids_ari.bids.dataset import open_dataset
from bids_ari.bids.entities import Entities
from bids_ari.bids.sidecars import Repeated, is_ours, read_json
from bids_ari.bids.statmap import StatMap
from bids_ari.errors import ReadError, SidecarError

WRONG: dict[str, bytes] = {
    "empty": b"",
    "cut": b'{"a": 1',
    "array": b"[]",
    "number": b"3",
    "null": b"null",
    "not UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "deep": b'{"a":' * 100_000,
    "deep arrays": b"[" * 100_000,
    "half a surrogate pair": rb'{"a": "\ud83d"}',
    "text behind": b"{} {}",
}
HARMLESS: dict[str, tuple[bytes, str]] = {
    "NaN": (b'{"a": 1, "b": {"c": [0, NaN]}}', "b.c[1] is nan"),
    "infinity": (b'{"a": 1, "b": [-Infinity]}', "b[0] is -inf"),
    "a number beyond all floats": (b'{"a": 1, "b": 1e400}', "b is inf"),
    "an integer beyond all floats": (b'{"a": 1, "b": 1' + b"0" * 400 + b"}", "b is inf"),
    "an integer of too many digits": (b'{"a": 1, "b": ' + b"7" * 10_000 + b"}", "b is inf"),
    "a key twice": (b'{"a": 1, "b": 2, "b": 3}', "the key 'b' occurs several times"),
    "a key twice, within": (b'{"a": 1, "b": [{"c": 2, "c": 3}]}', "the key 'c' occurs several times"),
}
"""Content of which other values can be used, and what the warning names."""

UNREADABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "is a folder"),
    "a link to nothing": (lambda path: path.symlink_to("gone"), "datalad get"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "symbolic links"),
    "a pipe": (os.mkfifo, "is not a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
    "17 MB": (lambda path: os.truncate(path, 17 * 2**20) if path.touch() is None else None, "17825792 bytes"),
}


class TestJson:
    @pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
    def test_content_that_is_not_an_object_is_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "x.json"
        path.write_bytes(content)
        with pytest.raises(ReadError, match=r"x\.json"):
            read_json(path)
        with pytest.raises(SidecarError, match=r"x\.json"):
            read_json(path, SidecarError)

    @pytest.mark.parametrize(("content", "fault"), HARMLESS.values(), ids=HARMLESS)
    def test_a_fault_in_one_value_is_a_warning_that_names_it(
        self,
        tmp_path: Path,
        content: bytes,
        fault: str,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "x.json").write_bytes(content)
        for path in (tmp_path / "x.json", tmp_path / "x.json", Path("x.json")):
            assert read_json(path)["a"] == 1
        (record,) = caplog.records  # once, however often it is read
        assert record.levelname == "WARNING"
        assert f"{tmp_path / 'x.json'}: {fault}" in record.getMessage()

    def test_a_key_that_is_there_twice_has_no_value_unless_both_are_equal(self, tmp_path: Path) -> None:
        (tmp_path / "x.json").write_text('{"a": 1, "a": 2, "b": "x", "b": "x"}')
        assert read_json(tmp_path / "x.json") == {"a": Repeated((1, 2)), "b": "x"}

    @pytest.mark.parametrize(("make", "message"), UNREADABLE.values(), ids=UNREADABLE)
    def test_unreadable_files_are_named_with_the_reason(self, tmp_path: Path, make: Any, message: str) -> None:
        make(tmp_path / "x.json")
        with pytest.raises(ReadError, match=rf"x\.json.*{message}"):
            read_json(tmp_path / "x.json", SidecarError)

    def test_a_file_that_may_not_be_read_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "x.json").write_text("{}")

        def deny(path: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", deny)
        with pytest.raises(ReadError, match=r"x\.json cannot be read: Permission denied"):
            read_json(tmp_path / "x.json")

    def test_where_there_is_none_there_is_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert read_json(tmp_path / "x.json") == {}
        assert read_json(tmp_path / "file" / "x.json") == {}

    def test_every_sidecar_read_can_be_written_again(self, tmp_path: Path) -> None:
        content = {"é": [1, -0.5, 1e308, 10**300, None, True, "\U0001f9e0", {"a": {}}]}
        for ascii_only in (True, False):
            (tmp_path / "x.json").write_text(json.dumps(content, ensure_ascii=ascii_only), encoding="utf-8")
            assert read_json(tmp_path / "x.json") == content

    @pytest.mark.parametrize(
        ("made_by", "ours"),
        [
            ([{"Name": "fMRIPrep"}, {"Name": "bids_ari", "Version": "1"}], True),
            ([{"Name": "FitLins"}], False),
            ([], False),
            ("bids_ari", False),
            ({"Name": "bids_ari"}, False),
            (["bids_ari", None, 3], False),
            (None, False),
        ],
    )
    def test_ours_is_what_we_made(self, tmp_path: Path, made_by: Any, ours: bool) -> None:
        describe(tmp_path, GeneratedBy=made_by)
        assert is_ours(tmp_path) is ours


class TestSidecar:
    @pytest.fixture
    def statmap(self, tmp_path: Path) -> StatMap:
        touch_maps(tmp_path / "top", "01", session="1")
        (statmap,) = open_dataset(tmp_path / "top").statmaps
        return statmap

    def test_the_more_specific_one_wins_from_the_top_down(self, tmp_path: Path, statmap: StatMap) -> None:
        """By BIDS: one nearer to the file before one farther away, more entities before fewer."""
        top, own = tmp_path / "top", statmap.path
        sidecars = {
            top / "statmap.json": "a",
            top / "stat-effect_statmap.json": "b",
            top / "task-emo_stat-effect_statmap.json": "c",
            top / "sub-01" / "stat-effect_statmap.json": "d",
            own.with_name(own.name.replace(".nii.gz", ".json")): "e",
        }
        (tmp_path / "statmap.json").write_text('{"above": 0}')
        keys = "abcde"
        for path, label in sidecars.items():
            path.write_text(json.dumps(dict.fromkeys(keys[: keys.find(label) + 1], label)))
        assert statmap.sidecar() == {"a": "e", "b": "e", "c": "e", "d": "e", "e": "e"}
        own.with_name(own.name.replace(".nii.gz", ".json")).write_text("{}")
        assert statmap.sidecar() == {"a": "d", "b": "d", "c": "d", "d": "d"}

    def test_those_of_other_maps_do_not_count(self, tmp_path: Path, statmap: StatMap) -> None:
        others = ["stat-z_statmap.json", "sub-02_statmap.json", "run-1_statmap.json", "mystatmap.json", "x_bold.json"]
        for name in others:
            (statmap.path.parent / name).write_text('{"a": 1}')
        assert statmap.sidecar() == {}

    def test_a_label_of_the_same_length_does_not_decide(self, statmap: StatMap) -> None:
        """More entities take precedence, however short their labels."""
        (statmap.path.parent / "space-MNI152NLin2009cAsym_statmap.json").write_text('{"a": 1}')
        (statmap.path.parent / "ses-1_task-emo_statmap.json").write_text('{"a": 2}')
        assert statmap.sidecar() == {"a": 2}

    @pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
    def test_wrong_content_is_an_error_of_the_data(self, statmap: StatMap, content: bytes) -> None:
        (statmap.path.parent / "statmap.json").write_bytes(content)
        with pytest.raises(SidecarError, match=r"func/statmap\.json"):
            statmap.sidecar()

    @pytest.mark.parametrize(("make", "message"), UNREADABLE.values(), ids=UNREADABLE)
    def test_an_unreadable_sidecar_is_an_error_of_reading(self, statmap: StatMap, make: Any, message: str) -> None:
        make(statmap.path.parent / "statmap.json")
        with pytest.raises(ReadError, match=rf"func/statmap\.json.*{message}"):
            statmap.sidecar()

    def test_a_folder_that_cannot_be_read_is_named(self, statmap: StatMap, monkeypatch: pytest.MonkeyPatch) -> None:
        refuse(monkeypatch, statmap.path.parents[3], errno.EACCES)
        with pytest.raises(ReadError, match="top cannot be read: Permission denied"):
            statmap.sidecar()

    def test_a_map_outside_any_dataset_has_those_beside_it(self, tmp_path: Path) -> None:
        (tmp_path / "statmap.json").write_text('{"a": 1}')
        (tmp_path / "inner").mkdir()
        lone = StatMap(str(tmp_path / "z.nii"), "z.nii", "map", Entities(()), ".nii")
        assert lone.sidecar() == {"a": 1}
        inner = StatMap(str(tmp_path / "inner" / "z.nii"), "z.nii", "map", Entities(()), ".nii")
        assert inner.sidecar() == {}
