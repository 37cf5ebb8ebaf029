"""The methods text: what was done, and citations of what was used."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nibabel.cifti2.cifti2_axes import BrainModelAxis
from reported import analysed, by_methods, with_calibration, with_options

from bids_ari import __version__
from bids_ari.analysis.result import ContrastResult
from bids_ari.config.model_options import TEMPLATE
from bids_ari.design.design import Design
from bids_ari.images.grayordinates import frame_of
from bids_ari.images.regions import Region, RegionSet
from bids_ari.report import methods


@pytest.fixture
def results() -> tuple[ContrastResult, ...]:
    """Greater and two-sided, with signal."""
    return analysed(3.0)


@pytest.fixture
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


def paragraph(result: ContrastResult, method: str = "simes", **options: object) -> str:
    changed = replace(result, options=replace(result.options, **options))  # type: ignore[arg-type]
    changed = replace(changed, bound=replace(result.bound, method=method))
    return methods.describe_methods(changed).paragraph


def test_the_steps_are_described(result: ContrastResult) -> None:
    text = methods.describe_methods(result).paragraph
    for part in (
        "First-level effect maps of 8 subjects",
        f"bids_ari {__version__}",
        "No further smoothing",
        f"The {result.space.n_points} voxels at which all subjects had data were tested.",
        "one-sample t test (one-sided, effect above zero)",
        "7 degrees of freedom",
        "Rosenblatt et al., 2018",
        "Simes local tests (Simes, 1986)",
        "alpha = 0.05: with a confidence of 95 %",
        "positive regression dependence",
        "z > 2, z > 3 or z > 50 (connectivity 18: neighbours share a face or an edge)",
    ):
        assert part in text
    assert "@" not in text


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"smoothing": 6.5}, "smoothed with a Gaussian kernel of 6.5 mm full width at half maximum using nilearn"),
        ({"smoothing": 0.0}, "No further smoothing"),
        ({"mask": Path("/home/jane/gm.nii.gz")}, "voxels inside the mask gm.nii.gz at which"),
        (
            {"mask": Path("/home/jane/gm.nii.gz"), "mask_threshold": 0.25},
            "voxels inside the mask gm.nii.gz (probability of at least 0.25) at which",
        ),
        ({"coverage": 0.8}, "at least 80 % of the subjects had data"),
        ({"alpha": 0.1}, "alpha = 0.1: with a confidence of 90 %"),
        ({"method": "hommel"}, "Hommel local tests (Hommel, 1983)"),
        ({"method": "hommel"}, "valid under any dependence between voxels if the p-values of single voxels are valid"),
        ({}, "not proved for t statistics with a variance estimated at each voxel, nor for two-sided and F tests"),
        ({}, "p-values are valid if subjects are independent and their errors normal, with the same variance"),
        ({"connectivity": 6}, "connectivity 6: neighbours share a face)"),
        ({"threshold": (3.1,)}, "voxels with z > 3.1 (connectivity"),
    ],
)
def test_settings_show(options: dict[str, object], part: str, result: ContrastResult) -> None:
    assert part in paragraph(result, **options)
    assert "jane" not in paragraph(result, **options)


@pytest.mark.parametrize("is_cifti", [False, True])
def test_points_of_surfaces_are_vertices_or_grayordinates(result: ContrastResult, is_cifti: bool) -> None:
    cortex = BrainModelAxis.from_surface(np.arange(50), 50, "CIFTI_STRUCTURE_CORTEX_LEFT")
    thalamus = BrainModelAxis.from_mask(np.ones((4, 4, 4)), "CIFTI_STRUCTURE_THALAMUS_LEFT", np.eye(4))
    axis = cortex + thalamus if is_cifti else cortex
    space = frame_of(axis).space(np.ones(len(axis), dtype=bool))
    files = {"surface L": "lh.mid.surf.gii", "surface R": "rh.mid.surf.gii"}
    text = paragraph(replace(result, space=space, files=files), smoothing=6.5)
    assert "coordinates were those of lh.mid.surf.gii and rh.mid.surf.gii." in text
    assert "smoothed along the mesh of each hemisphere with a heat kernel (Chung et al., 2005) of 6.5 mm" in text
    assert ("within each volume structure with a Gaussian kernel" in text) == is_cifti
    if is_cifti:
        assert "(neighbouring vertices share an edge of the mesh, neighbouring voxels a face or an edge)" in text
        assert "p-values of single grayordinates" in text
    else:
        assert "vertices with z > 2, z > 3 or z > 50 (neighbours share an edge of the mesh)" in text
        assert "a variance estimated at each vertex" in text
        assert "voxel" not in text


def test_directions_show(results: tuple[ContrastResult, ...]) -> None:
    two_sided = results[1]
    assert "t test (two-sided)" in paragraph(two_sided)
    assert "|z| > 2" in paragraph(two_sided)
    assert "voxels of a cluster share their sign" in paragraph(two_sided)
    assert "may contain both signs" in paragraph(two_sided, join_signs=True)
    less = methods.describe_methods(replace(results[0], alternative="less")).paragraph
    assert "effect below zero" in less
    assert "z < -2" in less


def test_untested_voxels_show(result: ContrastResult) -> None:
    assert "(2 voxels without variation between subjects excluded)" in paragraph(replace(result, n_constant=2))


def test_a_larger_design(result: ContrastResult) -> None:
    matrix = np.column_stack([np.ones(8), np.arange(8.0)])
    tests = {"mean": np.array([1.0, 0.0])}
    design = Design(result.contrast.subjects, matrix, ("intercept", "age"), tests, "1 + age")
    sentence = methods.model_sentence(replace(result, design=design))
    assert "a linear model (1 + age) with the columns intercept, age was fitted by ordinary least squares" in sentence
    assert "the combination +1 intercept (mean)" in sentence


def test_degrees_of_freedom_that_differ(result: ContrastResult) -> None:
    dof = result.glm.dof.copy()
    dof[0] = 5.0
    text = methods.describe_methods(replace(result, glm=replace(result.glm, dof=dof))).paragraph
    assert "The test had up to 7 degrees of freedom; each t was" in text


def test_an_f_test(result: ContrastResult) -> None:
    rows = np.array([[1.0, 0.0], [0.0, -0.5]])
    matrix = np.column_stack([np.ones(8), np.arange(8.0)])
    design = Design(result.contrast.subjects, matrix, ("intercept", "age"), {"mean": rows}, "1 + age")
    glm = replace(result.glm, t=None, effect=None, variance=None, f=np.ones_like(result.glm.z), n_rows=2)
    text = methods.describe_methods(replace(result, design=design, glm=glm)).paragraph
    assert "mean (+1 intercept; -0.5 age) was compared with zero by an F test." in text
    assert "The test had 2 and 7 degrees of freedom; each F was" in text


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"variance": "unequal"}, "degrees of freedom after Welch and Satterthwaite (Welch, 1947)"),
        ({"estimator": "fixed"}, "the inference is about these subjects only"),
        (
            {"estimator": "mixed"},
            "the method of moments (DerSimonian & Laird, 1986), with the scale adjustment of Knapp",
        ),
    ],
)
def test_estimators(options: dict[str, object], part: str, result: ContrastResult) -> None:
    assert part in paragraph(result, **options)


def test_maps_of_other_software_have_no_model(result: ContrastResult) -> None:
    """Nothing was fitted, and a z map knows no degrees of freedom."""
    glm = replace(result.glm, dof=np.full_like(result.glm.z, np.inf))
    text = methods.describe_methods(replace(result, design=None, glm=glm)).paragraph
    assert text.startswith("A z map computed by other software (")
    assert "The statistics of the z map were used without a group model" in text
    assert "degrees of freedom" not in text
    assert "subjects" not in text
    assert "pybids" not in text


def test_a_t_map_has_degrees_of_freedom(result: ContrastResult) -> None:
    text = methods.describe_methods(replace(result, design=None)).paragraph
    assert "A t map with 7 degrees of freedom computed by other software (" in text
    assert "Each t was converted to the z" in text


def test_the_map_of_one_subject(result: ContrastResult) -> None:
    alone = replace(result.contrast, members=result.contrast.members[:1])
    changed = replace(result, design=None, folder="sub-01", contrast=alone)
    text = methods.describe_methods(changed).paragraph
    assert "The first-level t map with 7 degrees of freedom of one subject, sub-01 (" in text
    assert "as defined by pybids" in text
    assert "smooth" not in text


def test_target_tdp_and_adjusted_p(result: ContrastResult) -> None:
    text = methods.describe_methods(result).paragraph
    assert (
        "all largest supra-threshold clusters with a TDP of at least 0.5, 0.7 or 0.9, at any threshold, were found"
        in text
    )
    assert "(Chen et al., 2023)" in text
    assert "The p-values of single voxels were adjusted by the same closed testing (Hommel, 1988)." in text
    assert "Chen" not in methods.describe_methods(replace(result, largest={})).paragraph
    assert "Hommel, 1988" not in paragraph(result, method="hommel")


def test_an_atlas_of_templateflow_is_cited(result: ContrastResult) -> None:
    atlas = RegionSet("Schaefer2018", "Atlas Schaefer2018", (Region(1, "a", np.arange(3, dtype=np.int32)),))
    text = paragraph(replace(result, regions=(atlas,), atlas=atlas), atlas="Schaefer2018:200Parcels7Networks")
    assert "the 1 parcel of the atlas Schaefer2018:200Parcels7Networks (Schaefer et al., 2018)." in text
    assert "Ciric et al., 2022" in text


def test_other_regions_are_not_cited(result: ContrastResult) -> None:
    """A file has no reference and no folder."""
    atlas = RegionSet("own", "Atlas own", (Region(1, "a", np.arange(3, dtype=np.int32)),))
    rois = RegionSet("rois", "Regions of interest", atlas.regions * 2)
    text = paragraph(replace(result, regions=(atlas, rois), atlas=atlas), atlas="/home/jane/own.nii.gz")
    assert "the 1 parcel of the atlas own.nii.gz." in text
    assert "2 regions of interest" in text
    assert not re.search("jane|Schaefer|TemplateFlow", text)


def test_the_mask_of_templateflow_is_named(result: ContrastResult) -> None:
    text = paragraph(result, mask=TEMPLATE)
    assert "inside TemplateFlow's brain mask of MNI152NLin2009cAsym at which" in text
    assert "Ciric et al., 2022" in text


def test_references_are_those_cited(result: ContrastResult) -> None:
    found = methods.describe_methods(replace(result, options=replace(result.options, smoothing=8.0)))
    shorts = [reference.short for reference in found.references]
    assert len(set(shorts)) == len(shorts)
    assert all(short in found.paragraph for short in shorts)
    assert "Abraham et al., 2014" in shorts
    assert "Abraham et al., 2014" not in methods.describe_methods(result).paragraph  # nothing was smoothed
    assert len(re.findall(r"^@article\{\w+,$", found.bibtex, flags=re.M)) == len(shorts)
    assert found.bibtex.count("{") == found.bibtex.count("}")
    assert found.bibtex.count("  author = {") == len(shorts)
    assert "doi = {10.1016/j.neuroimage.2018.07.060}" in found.bibtex


def test_names_in_the_data_are_no_citations(result: ContrastResult) -> None:
    """A column and a contrast may have the name of a reference, or braces."""
    matrix = np.column_stack([np.ones(8), np.arange(8.0)])
    columns = ("(@scipy)", "[@hommel1983]")
    design = Design(result.contrast.subjects, matrix, columns, {"mean": np.array([1.0, 0.0])}, "1 + {x}")
    found = methods.describe_methods(replace(result, design=design))
    assert "(1 + {x}) with the columns (@scipy), [@hommel1983]" in found.paragraph
    assert "hommel1983" not in found.keys
    assert "with the columns (@scipy)" in methods.model_sentence(replace(result, design=design))


def test_the_maps_of_a_manifest_are_not_parsed(result: ContrastResult) -> None:
    members = tuple(
        replace(member, maps=tuple(file.with_(dataset="manifest") for file in member.maps))
        for member in result.contrast.members
    )
    found = methods.describe_methods(replace(result, contrast=replace(result.contrast, members=members)))
    assert "pybids" not in found.keys
    assert "listed in a table" in found.paragraph


@pytest.mark.parametrize(
    ("changes", "options", "parts", "cited"),
    [
        (
            {},
            {},
            (
                "calibrated (Blanchard et al., 2020) by all 256 different sign flips of the subjects, including",
                "(Hemerik & Goeman, 2018), at alpha = 0.05: with a confidence of 95 %",
                "the family with k lambda / m as the k-th critical p of m (Andreella et al., 2023)",
                "at most 12 of the permutations",
                "This is exact if errors are symmetric.",
                "whatever the dependence between voxels",
            ),
            {"blanchard2020", "hemerik2018", "andreella2023"},
        ),
        (
            {"is_complete": False, "seed": 3, "delta": 5},
            {},
            ("256 random sign flips of the subjects (seed 3), including", "(k - 5) lambda / (m - 5)"),
            {"blanchard2020", "hemerik2018", "andreella2023"},
        ),
        (
            {"family": "beta", "exactness": "approximate", "shuffle": "permute"},
            {},
            ("independent uniform p", "residuals (Freedman & Lane, 1983; Winkler et al., 2014), which is approximate"),
            {"blanchard2020", "hemerik2018", "freedman1983", "winkler2014"},
        ),
        (
            {"family": "beta", "exactness": "normal"},
            {},
            ("uncorrelated residuals (Theil, 1965; Winkler et al., 2020), which is exact for independent normal",),
            {"blanchard2020", "hemerik2018", "theil1965", "winkler2020"},
        ),
        (
            {"family": "beta", "exactness": "approximate", "shuffle": "flip"},
            {"variance": "unequal"},
            (
                "residuals from group means that satisfy the null hypothesis",
                "Welch's statistic was computed for each flip",
            ),
            {"blanchard2020", "hemerik2018", "winkler2014"},
        ),
        (
            {"family": "learned", "learned": np.arange(5) / 9, "template": "99 other permutations", "n_excluded": 8},
            {"step_down": True},
            (
                "a template, learned from 99 other permutations of the same data, as the k-th",
                "m (Blain et al., 2022)",
                "(8 in the end)",
            ),
            {"blanchard2020", "hemerik2018", "blain2022"},
        ),
        (
            {
                **{"family": "combined", "learned": np.arange(5) / 9, "template": "99 other permutations"},
                **{"member_lambdas": (0.04, 0.02)},
            },
            {},
            (
                "The k-th critical p of m was the larger of k lambda / m (Andreella et al., 2023), with lambda = "
                "0.04, and the lambda quantile of the k-th smallest p of a template, learned from 99 other "
                "permutations of the same data (Blain et al., 2022), with lambda = 0.02. These are one family",
                "for learned divided by 0.8",
                "at most 12 of the permutations had",
                "This is exact if errors are symmetric, given the template.",
            ),
            {"blanchard2020", "hemerik2018", "andreella2023", "blain2022"},
        ),
        (
            {"blocks": "site"},
            {},
            ("in whole blocks of the column site (Winkler et al., 2014)",),
            {"blanchard2020", "hemerik2018", "andreella2023", "winkler2014"},
        ),
        (
            {"blocks": "site", "shuffle": "permute"},
            {},
            ("permutations of the subjects within blocks of the column site",),
            {"blanchard2020", "hemerik2018", "andreella2023", "winkler2014"},
        ),
    ],
)
def test_permutations_are_described_and_no_more_is_cited(
    changes: dict[str, Any], options: dict[str, Any], parts: tuple[str, ...], cited: set[str]
) -> None:
    found = methods.describe_methods(with_options(with_calibration(by_methods()[1], **changes), **options))
    for part in parts:
        assert part in found.paragraph
    of_methods = {
        *("blanchard2020", "hemerik2018", "andreella2023", "blain2022", "freedman1983", "winkler2014"),
        *("theil1965", "winkler2020"),
        *("goeman2011", "simes1986", "hommel1983", "hommel1988", "meijer2019", "goeman2019"),
    }
    assert of_methods & set(found.keys) == cited
