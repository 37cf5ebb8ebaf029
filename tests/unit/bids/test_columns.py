"""Cells of tables: numbers, missing values and levels."""

import pytest

from bids_ari.bids.columns import is_like_number, is_missing, number, shortest


@pytest.mark.parametrize(("cell", "value"), [("0", 0.0), ("-1.5", -1.5), (".5", 0.5), ("+2.", 2.0), ("1E-2", 0.01)])
def test_numbers(cell: str, value: float) -> None:
    assert number(cell) == value


@pytest.mark.parametrize("cell", ["12y", "1,5", "1_0", "inf", "-Infinity", "1e999", "0x1", "٣", "", "1 2", "89+"])
def test_no_numbers(cell: str) -> None:
    assert number(cell) is None


@pytest.mark.parametrize("cell", ["", "n/a", "N/A", "NA", "na", "NaN", "nan", ".", "#N/A", "None", "NULL", "<NA>"])
def test_missing_values(cell: str) -> None:
    assert is_missing(cell)


@pytest.mark.parametrize("cell", ["0", "-", "none", "no", "Nan Hua", "...", "#VALUE!", "n.a"])
def test_values(cell: str) -> None:
    assert not is_missing(cell)


@pytest.mark.parametrize("cell", ["24,5", "24.5y", "18-38", "<5", "> 90", "\u22123", "(3)", "3T", "1e999", "٣"])
def test_text_that_begins_like_a_number(cell: str) -> None:
    assert is_like_number(cell)


@pytest.mark.parametrize("cell", ["a1", "site-3", "", "-", "#VALUE!", "x"])
def test_text_that_does_not(cell: str) -> None:
    assert not is_like_number(cell)


def test_equal_numbers_are_one_value() -> None:
    assert shortest(["01", "1.0", "1", "a", "A"]) == {1.0: "1", "a": "a", "A": "A"}
