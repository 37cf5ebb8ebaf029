"""Sentences to copy: what they claim for each kind of test, space and method, and no more than the bound."""

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reported import analysed, analysed_surfaces, by_methods, one_map, region, with_atlas, with_options

from bids_ari.analysis.joint import Joint
from bids_ari.analysis.result import ContrastResult
from bids_ari.images.regions import RegionSet
from bids_ari.report.formatting import share
from bids_ari.report.sentences import Wording, sentences, sentences_name, sentences_text, whole_sentence, wording

WORDS = Wording("voxel", "mean above zero", "with 95 % simultaneous confidence")
TWO_SIDED = replace(WORDS, active="mean different from zero", signs=("above zero", "below zero"))


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


@pytest.fixture(scope="module")
def two_sided() -> ContrastResult:
    """Two-sided, with signal."""
    return analysed(3.0)[1]


def of(result: ContrastResult, name: str) -> list[str]:
    (found,) = [each for each in sentences(result) if each.id == name]
    return list(found.texts.values())


@given(whole=st.integers(1, 10**6), part=st.integers(0, 10**6))
def test_a_percentage_is_never_more_than_the_proportion(whole: int, part: int) -> None:
    """Also that of the smallest: less than .1 % is said where it is."""
    part = min(part, whole)
    shown = share(part, whole)
    if shown == "< 0.1 %":
        assert 0 < Fraction(part, whole) < Fraction(1, 1000)
    else:
        percentage = Fraction(shown.removesuffix(" %"))
        assert 0 <= 100 * Fraction(part, whole) - percentage < 1
        assert (percentage == 100) == (part == whole)


@pytest.mark.parametrize(
    ("size", "tdn", "claim"),
    [
        (580, 356, "at least 356 (61 %) are active"),
        (580, 1, "at least 1 (0.1 %) is active"),
        (2580, 1, "at least 1 (< 0.1 %) is active"),
        (12, 12, "all are active"),
        (1, 1, "the voxel is active"),
    ],
)
def test_a_claim(size: int, tdn: int, claim: str) -> None:
    expected = f"In S, {claim} (mean above zero), with 95 % simultaneous confidence."
    assert WORDS.sentence("In S", size, tdn) == expected


def test_nothing_claimed_is_no_claim_of_inactivity() -> None:
    """A TDN of 0 of two-sided tests may go with some of one sign."""
    text = WORDS.sentence("In S", 9, 0)
    assert "no active voxel can be claimed with 95 % simultaneous confidence" in text
    assert "does not show that none is active" in text
    assert TWO_SIDED.sentence("In S", 9, 0, (0, 0)) == text.replace("above", "different from")
    assert TWO_SIDED.sentence("In S", 9, 0, (2, 0)).endswith(
        " Separate bounds for each sign: at least 2 above zero, with 95 % simultaneous confidence."
    )


def test_signs_that_hold_with_the_tdn_and_others() -> None:
    """Bounds of closed testing for the signs hold together with each other, but not with the two-sided TDN."""
    apart = TWO_SIDED.sentence("In S", 9, 8, (5, 2))
    assert apart == (
        "In S, at least 8 (88 %) are active (mean different from zero), with 95 % simultaneous confidence. Separate "
        "bounds for each sign: at least 5 above zero and at least 2 below zero, with 95 % simultaneous confidence."
    )
    together = replace(TWO_SIDED, hold_together=True)
    assert together.sentence("In S", 9, 8, (5, 0)) == (
        "In S, at least 8 (88 %) are active (mean different from zero): at least 5 above zero, with 95 % simultaneous "
        "confidence."
    )
    assert together.sentence("In S", 9, 8, (0, 0)).count(":") == 0


def test_every_cluster_has_a_sentence(result: ContrastResult) -> None:
    for threshold, found in result.clusters.items():
        texts = of(result, f"Z{threshold:g}")
        assert len(texts) == len(found)
        for cluster, text, row in zip(found, texts, result.table(threshold).to_dict("records"), strict=True):
            noun = "voxel" if cluster.size == 1 else "voxels"
            where = ", ".join(str(round(row[f"peak_{axis}"])) for axis in "xyz")
            peak = f"peak z = {row['peak_stat']:.2f} at {where} mm"
            assert text.startswith(f"In a cluster of {cluster.size:,} {noun} (z > {threshold:g}; {peak})")
            claimed = re.search(r"at least ([\d,]+) \(", text)
            n = int(claimed[1].replace(",", "")) if claimed else cluster.size if "no active" not in text else 0
            assert n == cluster.tdn
            assert text.endswith(".")
    for tdp, found in result.largest.items():
        texts = of(result, f"Tdp{100 * tdp:.0f}")
        assert len(texts) == len(found)
        assert all(f"(one of the largest with TDP at least {tdp:g}; peak z" in text for text in texts)


def test_the_whole_mask(result: ContrastResult, two_sided: ContrastResult) -> None:
    n, tdn = result.space.n_points, result.bound.whole
    claim = f"at least {tdn} ({1000 * tdn // n / 10:g} %)"  # less than a tenth
    assert whole_sentence(result).startswith(f"In the whole mask ({n:,} voxels tested), {claim} are active (")
    assert "Separate bounds for each sign: at least" in whole_sentence(two_sided)
    simes, permuted = by_methods()
    assert not wording(simes).hold_together
    assert wording(permuted).hold_together


def test_a_single_voxel_is_in_the_singular(result: ContrastResult) -> None:
    one = np.zeros(result.space.frame.shape, dtype=bool)
    one[3, 3, 3] = True
    alone = replace(result, space=result.space.frame.space(one))
    assert whole_sentence(alone).startswith("In the whole mask (1 voxel tested), ")


def test_regions_are_named_with_their_set(result: ContrastResult) -> None:
    active = result.clusters[3][0].points[:4]
    shown = with_atlas(
        result, region(1, "quiet", int(result.glm.z.argmin())), region(2, "V1", *active), region(3, "cut off")
    )
    first, second, third = of(shown, "own")
    assert first.startswith(f"In V1 (own.nii.gz; 4 voxels tested), at least {result.bound.tdn(active)} (")
    assert second.startswith("In quiet (own.nii.gz; 1 voxel tested), no active voxel can be claimed")
    assert third == "No voxel of cut off (own.nii.gz) was tested."
    rois = replace(result, regions=(RegionSet("rois", "Regions of interest", (region(1, "li", *active),)),))
    assert of(rois, "rois")[0].startswith("In li (region of interest; 4 voxels tested), ")
    named = with_atlas(result, region(2, "V1", result.clusters[3][0].peak), atlas="Schaefer2018:200Parcels7Networks")
    assert of(named, "own")[0].startswith("In V1 (Schaefer2018, 200Parcels7Networks; 1 voxel tested)")
    assert " mm, in V1), " in of(named, "Z3")[0]


def test_regions_without_a_claim_share_a_sentence_in_a_report(result: ContrastResult) -> None:
    """The file has one for each; those that were not tested keep their own."""
    quiet = np.argsort(result.glm.z)[:5]
    parcels = [region(i, f"quiet {i}", int(point)) for i, point in enumerate(quiet, start=1)]
    shown = with_atlas(result, *parcels, region(6, "active", *result.clusters[3][0].points), region(7, "cut off"))
    *_, found = sentences(shown, 500)
    assert len(found.texts) == 3
    (text,) = (text for text in found.texts.values() if text.startswith("In each of 5 regions (own.nii.gz; "))
    assert "no active voxel can be claimed" in text
    assert text.endswith("none is active: quiet 1 (1), quiet 2 (1), quiet 3 (1), quiet 4 (1), quiet 5 (1).")
    assert "No voxel of cut off (own.nii.gz) was tested." in found.texts.values()
    assert len(of(shown, "own")) == 7


@pytest.mark.parametrize("cifti", [False, True])
def test_peaks_on_surfaces_have_hemisphere_and_vertex(cifti: bool) -> None:
    result = analysed_surfaces(cifti=cifti)
    row, text = result.table(2).iloc[0], of(result, "Z2")[0]
    side = {"CORTEX_LEFT": "left", "CORTEX_RIGHT": "right"}[row["peak_structure"]]
    assert f" mm, {side} cortex, vertex {int(row['peak_vertex'])})" in text
    assert f"{row['size']} {result.space.units} (z > 2" in text
    assert "voxel" not in whole_sentence(result)


def test_what_active_means(result: ContrastResult, two_sided: ContrastResult) -> None:
    assert wording(result).active == "mean above zero"
    assert wording(with_options(result, min_effect=0.5)).active == "mean above 0.5"
    assert wording(with_options(replace(result, alternative="less"), min_effect=0.5)).active == "mean below -0.5"
    assert wording(with_options(result, estimator="fixed")).active == "mean above zero, in these 8 subjects"
    assert wording(two_sided).active == "mean different from zero"
    f_test = replace(result, glm=replace(result.glm, is_z_of_f=True))
    assert f_test.is_f_test
    assert wording(f_test).active == "mean different from zero in any direction, F test"
    alone = replace(one_map(result), folder="sub-01", glm=replace(result.glm, test=""))
    assert wording(alone).active == "effect above zero, in sub-01"


def test_the_sign_may_not_be_covered() -> None:
    """Step-down that excluded points leaves no bounds of the signs."""
    _, permuted = by_methods()
    assert permuted.calibrated is not None
    excluding = replace(permuted, alternative="two-sided", calibrated=replace(permuted.calibrated, n_excluded=3))
    assert excluding.directions is None
    assert wording(excluding).active == "mean different from zero, sign not covered"
    assert wording(excluding).signs == ()


def test_confidence_over_several_results(result: ContrastResult) -> None:
    assert wording(result).confidence == "with 95 % simultaneous confidence"
    split = with_options(result, alpha=0.025, n_results=2)
    assert wording(split).confidence == "with 97.5 % simultaneous confidence (95 % over all 2 results of the run)"
    joint = replace(result, joint=Joint(n_results=4, n_together=4, n_hypotheses=99, alpha=0.05, family="f"))
    assert wording(joint).confidence == "with 95 % simultaneous confidence over all 4 results of the run"
    assert wording(with_options(result, alpha=0.1)).confidence == "with 90 % simultaneous confidence"


def test_the_text_file_has_all_sentences(result: ContrastResult) -> None:
    assert sentences_name(result).endswith("_desc-greater_sentences.txt")
    lines = sentences_text(result).splitlines()
    for each in sentences(result):
        assert each.title in lines
        assert set(each.texts.values()) <= set(lines)
        assert each.texts or lines[lines.index(each.title) + 2] == "none"
    infinite = result.glm.z.copy()
    infinite[result.clusters[3][0].peak] = np.inf
    assert "peak z = ∞" in sentences_text(replace(result, glm=replace(result.glm, z=infinite)))
