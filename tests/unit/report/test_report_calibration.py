"""What pages tell of bounds calibrated by draws, and of several methods side by side."""

import io
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from reported import analysed, by_methods
from webpages import without_own_script

from bids_ari.analysis.calibrated import Calibrated
from bids_ari.analysis.result import ContrastResult
from bids_ari.outputs import files, names
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.summary import summary
from bids_ari.report import methods, page, write_index
from bids_ari.report.explorer import explorer_page
from bids_ari.report.figures.calibration import draw_calibration
from bids_ari.report.figures.draw import Picture, draw
from bids_ari.report.sections.comparison import comparison_block

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def simes() -> ContrastResult:
    """By closed testing."""
    return by_methods()[0]


@pytest.fixture
def result() -> ContrastResult:
    """The same, calibrated by draws."""
    return by_methods()[1]


@pytest.fixture(scope="module")
def pictures() -> Mapping[str, Picture]:
    """The pictures of the calibrated result."""
    return dict(draw(by_methods()[1]))


def told(result: ContrastResult, **changes: Any) -> ContrastResult:
    """The result, its calibration changed."""
    assert result.calibrated is not None
    return replace(result, calibrated=replace(result.calibrated, **changes))


def asked(result: ContrastResult, **options: Any) -> ContrastResult:
    return replace(result, options=replace(result.options, **options))


def words(html: str) -> str:
    text = re.sub("<[^>]*>", "", html.split("</style>")[1].replace("</dt><dd>", ": "))
    return re.sub(r"\s+", " ", text)


def section(result: ContrastResult, pictures: Mapping[str, Picture], name: str, *others: ContrastResult) -> str:
    html = page.page(result, pictures, others)
    return html.split(f'<section id="{name}"')[1].split("</main>")[0].split('<section id="')[0]


def calibration(result: ContrastResult, pictures: Mapping[str, Picture]) -> str:
    return words("</style>" + section(result, pictures, "calibration").partition(">")[2])


def test_only_draws_have_a_calibration(
    simes: ContrastResult, result: ContrastResult, pictures: Mapping[str, Picture]
) -> None:
    """It stands after the maps that went in and before the clusters."""
    names = re.findall('<section id="(\\w+)"', page.page(result, pictures))
    assert names[names.index("calibration") - 1 : names.index("calibration") + 2] == [
        "quality",
        "calibration",
        "clusters",
    ]
    plain = page.page(simes, pictures)
    assert "calibration" not in plain
    assert "draws" not in words(plain)


def test_the_calibration_is_told(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    """Of 256 draws .05 are 12.8: twelve may make an error, and 12 / 256 = .04688."""
    text, made = calibration(result, pictures), result.calibrated
    assert made is not None
    for part in (
        "in error in no more than 12 of the 256 draws",
        "Draws: all 256 different sign flips of the subjects, the data as observed among them Exch",
        "Exchangeability blocks: none given",
        "Family: simes: tk = k lambda / m",
        f"Lambda: {made.lambda_:.4g}; that of the data as observed is {made.lambdas[0]:.4g}, smaller than in any other",
        "Alpha: 0.05 asked for, 0.04688 used: 12 of 256 draws",
        "Smallest alpha that finds anything: 0.00391,",
        "Step-down: not asked for",
        "stands for lambda = alpha = 0.05",
        "jointly as likely with either sign",
        "the calibration is exact",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("changes", "options", "part"),
    [
        ({"is_complete": False, "seed": 7}, {}, "256 random sign flips of the subjects, the data as observed among "),
        ({"is_complete": False, "seed": 7}, {}, "among them; random seed 7"),
        ({"delta": 9}, {}, "tk = (k - 9) lambda / (m - 9), for k above 9"),
        ({"delta": 9}, {}, "Nothing can be said of sets of up to 9 voxels"),
        ({"family": "beta"}, {}, "beta: tk = lambda quantile of the k-th smallest of m independent uniform p"),
        (
            {"family": "learned", "learned": np.arange(5) / 9, "template": "99 other draws"},
            {},
            "from 99 other draws of",
        ),
        (
            {"family": "learned", "learned": np.arange(1000) / 1e6, "template": "x_template.npz"},
            {"family": "learned", "template": "x_template.npz"},
            "of a template, k up to 1000 Template: learned from the file x_template.npz",
        ),
        ({"shuffle": "permute"}, {}, "Permutations assume that subjects could change places"),
        ({"shuffle": "both", "blocks": "site"}, {}, "Permutations with sign flips assume that subjects of the same bl"),
        ({"blocks": "site"}, {}, "blocks: the values of site: all subjects of a block change their sign together"),
        (
            {"exactness": "approximate", "shuffle": "permute"},
            {},
            "act on what is left (Freedman and Lane). So the calibration is approximate",
        ),
        ({"exactness": "approximate"}, {}, "act on uncorrelated residuals (Theil). So the calibration is approximate"),
        ({"exactness": "normal"}, {}, "(Theil). If errors are independent, normal and of equal variance"),
        ({"exactness": "normal"}, {}, "Level: exact for normal errors"),
        ({"n_left_out": 40, "n_steps": 3}, {"step_down": True}, "40 voxels, certainly active, left out of the draws"),
        ({"n_left_out": 40, "n_steps": 3}, {"step_down": True}, "is in error, without the voxels that step-down left"),
        ({}, {"step_down": True}, "no voxel was certainly active by itself"),
    ],
)
def test_what_was_done_shows(
    changes: dict[str, Any],
    options: dict[str, Any],
    part: str,
    result: ContrastResult,
    pictures: Mapping[str, Picture],
) -> None:
    assert part in calibration(asked(told(result, **changes), **options), pictures)


def test_draws_as_extreme_as_the_data_are_counted(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    lambdas = np.array([0.5, 0.5, 0.3, 0.9])
    text = calibration(told(result, lambdas=lambdas, lambda_=0.3), pictures)
    assert "observed is 0.5, as small or smaller in 2 other draws" in text
    assert "Smallest alpha that finds anything: 0.25," in text


def test_tables_are_linked(result: ContrastResult, pictures: Mapping[str, Picture], tmp_path: Path) -> None:
    """By names that the files beside the report have."""
    links = re.findall(r'<a href="([^"]+\.tsv)"', page.page(result, pictures))
    with Derivatives(tmp_path, {}) as out:
        files.write(result, out)
    assert len(links) == 2
    assert [link for link in links if not (tmp_path / "group" / link).is_file()] == []


def test_voxels_that_are_significant_by_themselves(
    simes: ContrastResult, result: ContrastResult, pictures: Mapping[str, Picture]
) -> None:
    """Below the first critical p; adjusted p are of closed testing."""
    n, first = int((result.bound.category == 1).sum()), result.calibrated
    assert n > 1
    assert first is not None
    text = words(page.page(result, pictures))
    assert (
        f"{n} voxels are significant by themselves: p is below the first critical p, {first.critical[0]:.3g}." in text
    )
    assert "pHommel" not in text
    assert "closed testing" not in text
    nothing = replace(result, bound=replace(result.bound, category=np.full(720, 721, dtype=np.int32)))
    assert "No voxel is significant by itself: no p is below" in words(page.page(nothing, pictures))
    assert "stat-pHommel" in words(page.page(simes, pictures))


def test_other_sections_know_the_method(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    text = words(page.page(result, pictures))
    assert "faces mean, greater, permutation" in text
    assert "The bounds were calibrated by all 256 different sign flips of the subjects." in text
    assert "subjects and method, and of the draws their number, seed, kind and family" in text
    assert "method: calibrated by permutation" in text
    for part in ("draws asked for: 1,000", "draws made: all 256", "step-down: no", "family: simes, delta 0"):
        assert part in text
    assert "template: 99 other draws of the same data" in words(
        page.page(told(result, family="learned", learned=np.arange(5) / 9, template="99 other draws"), pictures)
    )


def test_the_explorer_knows_the_method(simes: ContrastResult, result: ContrastResult) -> None:
    assert "calibrated by all 256 different sign flips" in explorer_page([result], None)
    assert '<span class="direction">(mean, greater, permutation)' in explorer_page([result], None)
    assert "calibrated" not in explorer_page([simes], None).split("<body")[1].split("</main>")[0]


def test_hostile_names_of_blocks_and_templates_stay_text(
    result: ContrastResult, pictures: Mapping[str, Picture]
) -> None:
    spoilt = asked(
        told(result, blocks=HOSTILE, family="learned", learned=np.arange(5) / 9, template=HOSTILE),
        family="learned",
        template="x.npz",
    )
    html = without_own_script(page.page(spoilt, pictures))
    assert "<script" not in html
    assert "<img src=x" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 6  # calibration, methods, provenance: two each


def pixels(made: Calibrated, p: np.ndarray) -> np.ndarray:
    png = draw_calibration(made, p, "about")
    return matplotlib.image.imread(io.BytesIO(png), format="png")[..., :3]


@pytest.mark.usefixtures("rendered")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"family": "beta"},
        {"delta": 700},
        {"family": "learned", "learned": np.array([0.01])},
        {"lambdas": np.array([0.0, 0.2, 1.0]), "lambda_": 0.0},
        {"lambdas": np.array([np.inf, 0.2, np.inf]), "lambda_": np.inf},
        {"lambdas": np.full(3, np.inf), "lambda_": np.inf},
        {"lambdas": np.array([1.0]), "lambda_": 1.0},
    ],
)
@pytest.mark.parametrize("zero", [False, True])
def test_a_calibration_is_drawn(changes: dict[str, Any], zero: bool, result: ContrastResult) -> None:
    """Whatever lambdas there are, and also where p is 0; the same bytes again."""
    made = told(result, **changes).calibrated
    assert made is not None
    p = result.glm.p("greater") * (not zero)
    shown = pixels(made, p)
    assert shown.shape == (590, 1152, 3)
    assert (shown == pixels(made, p)).all()


def test_the_picture_is_a_file(result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
    assert pictures["calibration"].name.startswith("figures/")
    assert pictures["calibration"].name.endswith("_test-mean_desc-greaterPermutation_calibration.png")
    assert "calibration" not in dict(draw(analysed(3.0)[0]))


def test_methods_are_compared_where_there_are_several(
    simes: ContrastResult, result: ContrastResult, pictures: Mapping[str, Picture]
) -> None:
    for one, other in ((simes, result), (result, simes)):
        html = section(one, pictures, "comparison", other)
        assert f'href="{Path(names.report_name(other)).name}"' in html
        text = words("</style>" + html)
        assert "by 2 methods" in text
        assert text.index("closed testing, Simes") < text.index("calibrated by permutation")
        assert "The better one may only be reported if alpha was divided between the methods" in text
        assert "but for those of other methods" in words(page.page(one, pictures, [other]))
    assert 'id="comparison"' not in page.page(result, pictures)
    assert "but for those of other methods" not in words(page.page(result, pictures))


def test_bounds_of_the_same_sets_stand_side_by_side(simes: ContrastResult, result: ContrastResult) -> None:
    """Of the whole mask and of each cluster of which any method claims something; the others are counted."""
    block = comparison_block(result, [simes])
    assert block == comparison_block(simes, [result]) | {"columns": block["columns"]}
    (whole,) = block["blocks"][0]["rows"]
    assert [tdn for tdn, _, _ in whole["cells"]] == [simes.bound.whole, result.bound.whole]
    for threshold, shown in zip((2.0, 3.0), block["blocks"][1:], strict=True):
        clusters = {str(each.label): each for each in simes.clusters[threshold]}
        assert len(shown["rows"]) + shown["n_more"] == len(clusters)
        assert shown["n_active_more"] == 0
        for row in shown["rows"]:
            voxels = clusters[row["label"]].points
            tdns = [simes.bound.tdn(voxels), result.bound.tdn(voxels)]
            assert [(tdn, most) for tdn, _, most in row["cells"]] == [
                (tdn, tdns[0] != tdns[1] and tdn == max(tdns)) for tdn in tdns
            ]


def test_a_divided_alpha_lets_the_better_be_reported(
    simes: ContrastResult, result: ContrastResult, pictures: Mapping[str, Picture]
) -> None:
    split = {"alpha": 0.025, "n_results": 2}
    html = section(asked(result, **split), pictures, "comparison", asked(simes, **split))
    text = words("</style>" + html)
    assert "alpha was divided over the 2 results of the run, 0.025 each" in text
    assert "hold together with 95 % confidence, and of each set the better one may be reported" in text
    assert "--split-alpha" not in text


def test_the_index_has_a_column_of_methods(simes: ContrastResult, result: ContrastResult, tmp_path: Path) -> None:
    """Only where there is another than the usual one."""
    for results, expected in (((simes,), False), ((simes, result), True)):
        with Derivatives(tmp_path / str(len(results)), {}) as out:
            for each in results:
                out.record(names.record_name(each), [], summary(each))
            write_index(out)
            text = words((out.folder / "index.html").read_text())
        assert ("Method" in text) is expected
        assert ("calibrated by permutation" in text) is expected
        assert ("tests, directions and methods" in text) is expected


@pytest.mark.parametrize(
    ("changes", "options", "parts", "cited"),
    [
        (
            {},
            {},
            (
                "calibrated (Blanchard et al., 2020) by all 256 different sign flips of the subjects, the data as ",
                "(Hemerik & Goeman, 2018), at alpha = 0.05: with a confidence of 95 %",
                "the family with k lambda / m as the k-th critical p of m (Andreella et al., 2023)",
                "for at most 12 of the draws",
                "whatever the dependence between voxels",
            ),
            {"blanchard2020", "hemerik2018", "andreella2023"},
        ),
        (
            {"is_complete": False, "seed": 3, "delta": 5},
            {},
            ("256 random sign flips of the subjects (seed 3), the data", "(k - 5) lambda / (m - 5)"),
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
            ("uncorrelated residuals (Theil, 1965; Winkler et al., 2020), which is exact for normal errors",),
            {"blanchard2020", "hemerik2018", "theil1965", "winkler2020"},
        ),
        (
            {"family": "learned", "learned": np.arange(5) / 9, "template": "99 other draws", "n_left_out": 8},
            {"step_down": True},
            ("a template, learned from 99 other draws of the same data (Blain et al., 2022)", "(8 in the end)"),
            {"blanchard2020", "hemerik2018", "blain2022"},
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
def test_the_methods_tell_what_was_done_and_cite_no_more(
    changes: dict[str, Any], options: dict[str, Any], parts: tuple[str, ...], cited: set[str], result: ContrastResult
) -> None:
    found = methods.describe(asked(told(result, **changes), **options))
    for part in parts:
        assert part in found.paragraph
    of_draws = {
        *("blanchard2020", "hemerik2018", "andreella2023", "blain2022", "freedman1983", "winkler2014"),
        *("theil1965", "winkler2020"),
        *("goeman2011", "simes1986", "hommel1983", "hommel1988", "meijer2019", "goeman2019"),
    }
    assert of_draws & set(found.keys) == cited
