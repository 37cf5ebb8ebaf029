"""Files of exchangeability blocks, as PALM reads them."""

from pathlib import Path

import pytest

from bids_ari.bids.block_files import read_block_file
from bids_ari.errors import DataError, InputNotFoundError


def written(folder: Path, text: str) -> Path:
    path = folder / "EB.csv"
    path.write_text(text)
    return path


def test_integers_only(tmp_path: Path) -> None:
    file = read_block_file(written(tmp_path, "\ufeff-1,1\n\n-1, +2.0\n"))
    assert (file.rows, file.columns) == (((-1, 1), (-1, 2)), ("column 1", "column 2"))
    assert (file.labels, file.has_subjects) == ((), False)


def test_names_and_labels(tmp_path: Path) -> None:
    """Labels in the last column number the subjects; elsewhere they do not."""
    file = read_block_file(written(tmp_path, '"family",participant_id,type\n3,"sub-01",-1\n4,02,-1\n'))
    assert (file.rows, file.columns, file.labels) == (((3, -1), (4, -1)), ("family", "type"), ("01", "02"))
    assert not file.has_subjects
    assert read_block_file(written(tmp_path, "family,participant_id\n3,1\n4,2\n")).has_subjects


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "line 1 has a, b; expected integers, or names of columns with participant_id"),
        ("participant_id\nsub-01\n", "has no blocks"),
        ("a,participant_id\n", "has no blocks"),
        ("1,2\n1\n", "line 2 has 1 cell; expected 2"),
        ("1,2\n1,x\n", "line 2 has 'x' as a block; expected integers other than 0"),
        ("1,2\n1,0\n", "line 2 has '0' as a block"),
        ("1,2\n1,2.5\n", "line 2 has '2.5' as a block"),
        ("1,2\n1,\n", "line 2 has '' as a block"),
        ("a,participant_id\n1,sub-01\n2,01\n", "sub-01 more than once"),
    ],
)
def test_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_block_file(written(tmp_path, text))


def test_not_a_text(tmp_path: Path) -> None:
    path = tmp_path / "EB.csv"
    path.write_bytes(b"1,\xff\n")
    with pytest.raises(DataError, match="is not UTF-8"):
        read_block_file(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="There is no file of blocks"):
        read_block_file(tmp_path / "EB.csv")
