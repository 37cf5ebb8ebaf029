"""Standard spaces: the template, cohort and resolution in names."""

import pytest

from bids_ari.bids.entities import Entities
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import DataError

PEDIATRIC = StandardSpace("MNIPediatricAsym", "3")


@pytest.mark.parametrize(
    "labels",
    [
        {"space": "MNIPediatricAsym+3"},
        {"space": "MNIPediatricAsym", "cohort": "3"},
        {"space": "MNIPediatricAsym", "cohort": "03"},
    ],
)
def test_the_spellings_of_a_cohort_in_outputs_of_fmriprep(labels: dict[str, str]) -> None:
    assert StandardSpace.of(Entities.of(labels)) == PEDIATRIC


@pytest.mark.parametrize("text", ["MNIPediatricAsym+3", "MNIPediatricAsym:cohort-3"])
def test_the_spellings_of_a_cohort_in_options(text: str) -> None:
    assert StandardSpace.parse(text) == PEDIATRIC
    assert str(StandardSpace.parse(text)) == "MNIPediatricAsym, cohort 3"


def test_a_resolution_is_that_of_templateflow() -> None:
    found = StandardSpace.of(Entities.of({"space": "MNI152NLin6Asym", "res": "02"}))
    assert found == StandardSpace("MNI152NLin6Asym", "", "2") == StandardSpace.parse("MNI152NLin6Asym:res-2")
    assert str(found) == "MNI152NLin6Asym"


@pytest.mark.parametrize("cohort", ["2", "02"])
def test_two_cohorts_in_a_name_are_refused(cohort: str) -> None:
    labels = {"task": "emo", "space": "MNIPediatricAsym+3", "cohort": cohort}
    with pytest.raises(DataError, match=r"MNIPediatricAsym\+3.*has two cohorts of MNIPediatricAsym: 3 and 2"):
        StandardSpace.of(Entities.of(labels))
    with pytest.raises(DataError, match="two cohorts"):
        StandardSpace.in_name(f"sub-01_space-MNIPediatricAsym+3_cohort-{cohort}_mask.nii.gz")
    assert StandardSpace.of(Entities.of(labels | {"cohort": "03"})) == PEDIATRIC


def test_names_without_a_space() -> None:
    assert StandardSpace.of(Entities.of({"task": "rest"})) is None
    assert StandardSpace.in_name("atlas-x_dseg.nii.gz") is None


def test_spaces_differ_by_what_both_have() -> None:
    """A name without a cohort may be of any."""
    assert PEDIATRIC.differs_from(StandardSpace("MNIPediatricAsym", "1"))
    assert PEDIATRIC.differs_from(StandardSpace("MNIInfant", "3"))
    assert not PEDIATRIC.differs_from(StandardSpace("MNIPediatricAsym"))
    assert not PEDIATRIC.differs_from(StandardSpace("MNIPediatricAsym", "3", "2"))


@pytest.mark.parametrize("labels", [{"space": "fsaverage", "den": "10k"}, {"space": "fsaverage5"}])
def test_the_density_of_a_mesh_is_that_of_templateflow(labels: dict[str, str]) -> None:
    """FreeSurfer's subject fsaverage5 is the density 10k of TemplateFlow's template fsaverage."""
    found = StandardSpace.of(Entities.of(labels))
    assert found is not None
    assert found == StandardSpace("fsaverage", den="10k") == StandardSpace.parse("fsaverage:den-10k")
    assert str(found) == "fsaverage"
    assert not found.differs_from(StandardSpace("fsaverage"))
