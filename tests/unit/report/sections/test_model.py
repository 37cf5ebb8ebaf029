"""Section "Calibration", and what other pages show of a calibration by permutation."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reported import (
    HOSTILE,
    by_methods,
    drawn_calibrated,
    section,
    section_text,
    text_of,
    with_calibration,
    with_options,
)
from webpages import without_own_script

from bids_ari.analysis.result import ContrastResult
from bids_ari.outputs import files as outputs
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.report.explorer.page import explorer_page
from bids_ari.report.page import report_page
from bids_ari.report.sections import ReportData
from bids_ari.report.sections.settings import provenance
from bids_ari.stats.normality import Normality

LEARNED = {"family": "learned", "learned": np.arange(5) / 9, "template": "99 other permutations"}


TOGETHER = LEARNED | {"family": "combined", "member_lambdas": (0.04, 0.02)}


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    """Calibrated by permutation."""
    return by_methods()[1]


def test_the_numbers_of_a_calibration(result: ContrastResult) -> None:
    """Of 256 permutations .05 are 12.8: twelve may have an error, and 12 / 256 = .04688."""
    made = result.calibrated
    assert made is not None
    text = section_text(result, "calibration", drawn_calibrated())
    for part in (
        "Permutations all 256 different sign flips of the subjects, including the observed data ",
        "12 of the 256 permutations, alpha times",
        "0.05 requested, 0.04688 used: 12 of 256 permutations",
        "that allows discoveries 0.00391, with",
        "t k = k lambda / m ",
        f"Lambda {made.lambda_:.4g}; that of the observed data is {made.lambdas[0]:.4g}, smaller than in any other",
        "Exchangeability blocks none",
        "Error control exact if errors are symmetric ",
        "symmetric",
    ):
        assert part in text
    assert "random seed" not in text
    assert "Other seeds" not in text


def test_the_headline_has_the_range_of_other_seeds(result: ContrastResult) -> None:
    assert "With other random permutations" not in section_text(result, "headline", drawn_calibrated())
    drawn = with_calibration(result, tdn_range=(1900, 2100))
    assert "With other random permutations, 1,900 to 2,100 truly active voxels" in section_text(
        drawn, "headline", drawn_calibrated()
    )


def test_the_normality_of_errors(result: ContrastResult) -> None:
    """A pair is the median and the 95th percentile."""
    found = Normality(512, (0.8, 5.0), (0.01, 1.5), (-0.4, 1.2), (0.0, 0.9), 0.1, 0.3)
    text = section_text(replace(result, normality=found), "design", drawn_calibrated())
    assert "median excess kurtosis of 0.80 (95th percentile 5.00)" in text
    assert "medians above 0.10, or beyond ±0.30, are more than chance" in text
    assert "Normality of errors" not in section_text(replace(result, normality=None), "design", drawn_calibrated())


@pytest.mark.parametrize(
    ("changes", "options", "part"),
    [
        ({"is_complete": False, "seed": 7}, {}, "256 random sign flips of the subjects"),
        ({"is_complete": False, "seed": 7}, {}, "random seed 7"),
        ({"delta": 9}, {}, "= (k - 9) lambda / (m - 9), for k above 9"),
        ({"delta": 9}, {}, "sets of up to 9 voxels have TDN 0"),
        ({"family": "beta"}, {}, "= the lambda quantile of the k-th smallest of m independent uniform p"),
        (LEARNED, {}, "learned from 99 other permutations of"),
        (
            {"family": "learned", "learned": np.arange(1000) / 1e6, "template": "x_template.npz"},
            {"family": "learned", "template": "x_template.npz"},
            "k up to 1000 Template learned from the file x_template.npz",
        ),
        (
            {"shuffle": "permute"},
            {},
            "exchangeable under the null hypothesis, which includes equal variances of groups",
        ),
        ({"shuffle": "permute"}, {}, "Error control exact if subjects are exchangeable (equal variances) "),
        ({"shuffle": "both", "blocks": "site"}, {}, "subjects of the same block are exchangeable, which includes"),
        ({"tdn_range": (1900, 2100)}, {}, "TDN of the whole mask expected between 1,900 and 2,100"),
        ({"blocks": "site"}, {}, "values of site: all subjects of a block change their sign together"),
        ({"exactness": "approximate", "shuffle": "permute"}, {}, "residuals (Freedman and Lane)"),
        ({"exactness": "approximate"}, {}, "residuals (Theil). The calibration is therefore approximate"),
        ({"exactness": "normal"}, {}, "(Theil). If errors are independent, normal and of equal variance"),
        ({"exactness": "normal"}, {}, "Error control exact for independent normal errors of equal variance"),
        ({"n_excluded": 40, "n_steps": 3}, {"step_down": True}, "40 individually significant voxels excluded"),
        ({"n_excluded": 40, "n_steps": 3}, {"step_down": True}, "without the voxels excluded by step-down"),
        ({}, {"step_down": True}, "no voxel was individually significant"),
    ],
)
def test_settings_show(changes: dict[str, Any], options: dict[str, Any], part: str, result: ContrastResult) -> None:
    changed = with_options(with_calibration(result, **changes), **options)
    assert part in section_text(changed, "calibration", drawn_calibrated())


def test_members_of_a_family_are_both_shown(result: ContrastResult) -> None:
    text = section_text(with_calibration(result, delta=3, **TOGETHER), "calibration", drawn_calibrated())
    for part in (
        "The family is made of several: for each lambda, t k is the larger of theirs",
        "Family combined: t k is the larger of (k - 3) lambda / (m - 3), for k above 3 (simes) and the lambda quantile",
        "of a template (learned)",
        "learned from 99 other permutations of the same data",
        "Lambda of simes 0.04 ",
        "Lambda of learned 0.02 ",
        "simes: The first 3 critical p are 0",
        "learned: Lambda is the error level of each rank",
        "with active voxels this is not proved, and the error was simulated",
    ):
        assert part in text
    settings = provenance(ReportData(with_calibration(result, **TOGETHER), drawn_calibrated()))["settings"]
    assert (settings["family"], settings["lambda of learned"]) == ("combined, delta 0", "0.02")


def test_permutations_as_extreme_as_the_data_are_counted(result: ContrastResult) -> None:
    changed = with_calibration(result, lambdas=np.array([0.5, 0.5, 0.3, 0.9]), lambda_=0.3)
    text = section_text(changed, "calibration", drawn_calibrated())
    assert "that of the observed data is 0.5, as small or smaller in 2 other permutations" in text
    assert "that allows discoveries 0.25, with" in text


def test_tables_are_linked(result: ContrastResult, tmp_path: Path) -> None:
    """By names that the files beside the report have."""
    links = re.findall(r'<a href="([^"]+\.tsv)"', section(report_page(result, drawn_calibrated()), "calibration"))
    with Derivatives(tmp_path, {}) as out:
        outputs.write(result, out)
    assert len(links) == 2
    assert [link for link in links if not (tmp_path / "group" / link).is_file()] == []
    alone = section(report_page(result, drawn_calibrated(), is_alone=True), "calibration")
    assert "href" not in alone
    assert [link for link in links if link not in text_of(alone)] == []


def test_provenance_has_the_settings_of_permutations(result: ContrastResult) -> None:
    settings = provenance(ReportData(result, drawn_calibrated()))["settings"]
    assert settings["method"] == "calibrated by permutation"
    assert settings["permutations requested"] == "1,000"
    assert settings["permutations used"] == "all 256 different sign flips"
    assert (settings["family"], settings["step-down"]) == ("simes, delta 0", "no")
    learned = provenance(ReportData(with_calibration(result, **LEARNED), drawn_calibrated()))["settings"]
    assert learned["template"] == "99 other permutations of the same data"


def test_the_explorer_names_the_permutations(result: ContrastResult) -> None:
    assert "calibrated by all 256 different sign flips" in explorer_page([result], None)
    assert '<span class="direction">(mean, greater, permutation)' in explorer_page([result], None)
    simes = explorer_page([by_methods()[0]], None).split("<body")[1].split("</main>")[0]
    assert "calibrated" not in text_of(simes)


def test_hostile_names_of_blocks_and_templates_stay_text(result: ContrastResult) -> None:
    changed = with_calibration(result, **LEARNED | {"blocks": HOSTILE, "template": HOSTILE})
    spoilt = with_options(changed, family="learned", template="x.npz")
    html = without_own_script(report_page(spoilt, drawn_calibrated()))
    assert "<script" not in html
    assert "<img src=x" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 6  # calibration, methods, provenance: two each
