"""Content of files, and what is said where it is not there.

Files of volumes have the same errors: see test_files.py.
"""

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from bids_ari.errors import DataError, InputNotFoundError, ReadError
from bids_ari.images.opening import read_content


class TestContent:
    def test_is_that_of_the_file_with_the_sum_of_its_bytes(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gii"
        path.write_bytes(b"<GIFTI/>")
        assert read_content(path, "a GIFTI file") == (b"<GIFTI/>", hashlib.sha256(b"<GIFTI/>").hexdigest())

    def test_is_inflated_where_it_is_compressed(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gii.gz"
        path.write_bytes(gzip.compress(b"<GIFTI/>" * 10**6))
        content, digest = read_content(path, "a GIFTI file")
        assert content == b"<GIFTI/>" * 10**6
        assert digest == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_larger_than_the_memory_is_refused_also_when_compressed(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gii.gz"
        path.write_bytes(gzip.compress(bytes(10**7)))
        with pytest.raises(DataError, match="does not fit into memory"):
            read_content(path, "a GIFTI file", mem=10**6)


class TestWrong:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "is empty; expected a GIFTI file"),
            (b"/annex/objects/MD5E-s1--0", "datalad get"),
            (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
            (b"<!DOCTYPE html><html>", "is a web page"),
            (gzip.compress(b"<GIFTI/>" * 100)[:-20], "is damaged or not a GIFTI file"),
        ],
    )
    def test_content_is_named(self, tmp_path: Path, content: bytes, said: str) -> None:
        path = tmp_path / "a.gii"
        path.write_bytes(content)
        with pytest.raises(DataError, match=said):
            read_content(path, "a GIFTI file")

    def test_places_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputNotFoundError, match="There is no file"):
            read_content(tmp_path / "a.gii", "a GIFTI file")
        with pytest.raises(ReadError, match="a folder"):
            read_content(tmp_path, "a GIFTI file")
        (tmp_path / "b.gii").symlink_to("../.git/annex/objects/xy")
        with pytest.raises(DataError, match="link to content that is not here"):
            read_content(tmp_path / "b.gii", "a GIFTI file")
        os.mkfifo(tmp_path / "c.gii")
        with pytest.raises(ReadError, match="a pipe"):
            read_content(tmp_path / "c.gii", "a GIFTI file")
