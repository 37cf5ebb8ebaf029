"""The file of references, and texts that cite them."""

import re

import pytest

from bids_ari.report.references import CitedText, read_references


def test_every_entry_is_read_whole() -> None:
    references = read_references()
    assert len(references) == 25
    for key, reference in references.items():
        assert re.fullmatch(r"10\.\d{4,}/\S+", reference.doi), key
        assert reference.year in reference.short
        assert f"({reference.year})." in reference.text
        assert ".." not in reference.text
        assert reference.bibtex.startswith(f"@article{{{key},")
        assert reference.bibtex.count("{") == reference.bibtex.count("}")


@pytest.mark.parametrize(
    ("key", "short"),
    [("welch1947", "Welch, 1947"), ("knapp2003", "Knapp & Hartung, 2003"), ("blain2022", "Blain et al., 2022")],
)
def test_one_two_or_more_authors(key: str, short: str) -> None:
    assert read_references()[key].short == short


def test_fields_of_an_entry() -> None:
    reference = read_references()["nilearn"]
    assert reference.author.startswith("Abraham, A. and Pedregosa, F.")
    assert reference.title == "Machine learning for neuroimaging with scikit-learn"
    assert (reference.journal, reference.volume, reference.pages) == ("Frontiers in Neuroinformatics", "8", "14")
    assert read_references()["chen2023"].pages == ""


def test_citations_are_resolved_before_values_are_filled_in() -> None:
    text = CitedText({"name": "[@scipy] {x}"})
    text.add("Simes [@simes1986; @hommel1988] of {name} (@welch1947).")
    found = text.finish()
    assert found.paragraph == "Simes (Simes, 1986; Hommel, 1988) of [@scipy] {x} (Welch, 1947)."
    assert found.keys == ("simes1986", "hommel1988", "welch1947")
    assert [reference.year for reference in found.references] == ["1986", "1988", "1947"]
    with pytest.raises(KeyError):
        text.add("[@nobody1900]")
