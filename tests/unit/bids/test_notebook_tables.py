"""Contrasts as tables in notebooks: what is listed, what is only counted, and that all texts are escaped."""

import re
from pathlib import Path

from builders import subject_map

from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.entities import Entities
from bids_ari.bids.exclusions import Excluded
from bids_ari.bids.notebook_tables import contrast_html, discovery_html


def contrast(n_subjects: int, name: str = "faces", n_excluded: int = 0, *notes: str) -> ContrastSet:
    excluded = tuple(Excluded(f"sub-x{i}", "its map is <b>empty</b>") for i in range(n_excluded))
    members = tuple(subject_map(f"{i:02d}", Path("x.nii.gz")) for i in range(1, n_subjects + 1))
    return ContrastSet(Entities.of({"contrast": name}), "effect", members, excluded, notes)


def rows(html: str) -> list[list[str]]:
    """The texts of the cells of each row."""
    return [re.findall(r">([^<>]*)</t[hd]>", row) for row in re.findall(r"<tr>.*?</tr>", html)]


def test_subjects_exclusions_and_notes_of_a_contrast() -> None:
    html = contrast_html(contrast(2, "faces", 1, "run-1 was chosen", "some <i>text</i>"))
    assert "<strong>contrast-faces</strong>" in html
    assert rows(html) == [
        ["statistic", "effect"],
        ["subjects (2)", "01, 02"],
        ["excluded (1)", "sub-x0: its map is &lt;b&gt;empty&lt;/b&gt;"],
        ["notes (2)", "run-1 was chosen. some &lt;i&gt;text&lt;/i&gt;."],
    ]


def test_what_is_empty_has_no_row() -> None:
    assert [name for name, _ in rows(contrast_html(contrast(1)))] == ["statistic", "subjects (1)"]


def test_many_are_counted() -> None:
    """Thirty subjects and five exclusions are named."""
    found = dict(rows(contrast_html(contrast(33, "faces", 8))))
    assert found["subjects (33)"] == ", ".join(f"{i:02d}" for i in range(1, 31)) + " and 3 more"
    assert found["excluded (8)"].endswith("&lt;/b&gt; and 3 more")
    assert found["excluded (8)"].count("sub-x") == 5


def test_each_contrast_is_a_row() -> None:
    html = discovery_html(Discovery((contrast(3, "a"), contrast(12, "b", 2)), (Excluded("x.nii", "its stat is p"),)))
    assert "<strong>2 contrasts</strong>" in html
    assert rows(html) == [
        ["", "contrast", "statistic", "subjects", "excluded"],
        ["0", "contrast-a", "effect", "3", "0"],
        ["1", "contrast-b", "effect", "12", "2"],
    ]
    assert "<p>1 file of no contrast: discovery.excluded</p>" in html
    assert "not shown" not in html


def test_the_first_thirty_contrasts_are_shown() -> None:
    html = discovery_html(Discovery(tuple(contrast(1, f"c{i:02d}") for i in range(31)), ()))
    assert len(rows(html)) == 1 + 30
    assert "contrast-c29" in html
    assert "contrast-c30" not in html
    assert "<p>1 more are not shown</p>" in html


def test_none_at_all() -> None:
    html = discovery_html(Discovery((), ()))
    assert "0 contrasts" in html
    assert rows(html) == []
