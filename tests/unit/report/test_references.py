"""The file of references, and texts that cite them."""

import re

import pytest

from bids_ari.report.references import Citations, MethodsText, read_references


def test_every_entry_is_read_whole() -> None:
    references = read_references()
    assert len(references) == 50
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


def test_citations_are_resolved_and_kept_in_order() -> None:
    cite = Citations()
    assert cite("Simes [@simes1986; @hommel1988].") == "Simes (Simes, 1986; Hommel, 1988)."
    assert cite("(@welch1947) and (@simes1986)") == "(Welch, 1947) and (Simes, 1986)"
    text = MethodsText("", tuple(cite.keys))
    assert text.keys == ("simes1986", "hommel1988", "welch1947")
    assert [reference.year for reference in text.references] == ["1986", "1988", "1947"]
    with pytest.raises(KeyError):
        cite("[@nobody1900]")
