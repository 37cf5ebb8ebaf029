"""The page of all results."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from reported import analysed, by_methods
from webpages import without_own_script

from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.run_summary import Failure
from bids_ari.bids.entities import Entities
from bids_ari.errors import DataError
from bids_ari.outputs import names
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.outcome import summary
from bids_ari.report.index import failure_note, write_index
from bids_ari.report.results import summary_for_index


@pytest.fixture
def results() -> tuple[ContrastResult, ...]:
    """Greater and two-sided, with signal."""
    return analysed(3.0)


@pytest.fixture
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Derivatives]:
    """An output folder."""
    with Derivatives(tmp_path / "out", {}) as made:
        yield made


def record(out: Derivatives, *results: ContrastResult) -> None:
    for result in results:
        out.record(names.record_name(result), [], summary(result))


def index(out: Derivatives, *failures: Failure) -> str:
    for failure in failures:
        out.record_failure(failure.contrast.name, failure_note(failure, out))
    write_index(out)
    return (out.folder / "index.html").read_text()


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", "", html.split("</style>")[1].split("<script>")[0]))


def cells(html: str, label: str) -> list[str]:
    """The texts of a column."""
    found = re.findall(rf'<td[^>]* data-label="{label}">(.*?)</td>', html, re.DOTALL)
    return [" ".join(re.sub("<[^>]*>", "", each).split()) for each in found]


def test_each_result_has_a_line(out: Derivatives, results: tuple[ContrastResult, ...]) -> None:
    record(out, *(replace(result, notes=("Mind the gap",)) for result in results))
    html = index(out)
    for i, result in enumerate(results):
        clusters = ", ".join(f"{len(found)} at z {z:g}" for z, found in result.clusters.items())
        assert f'href="{names.report_name(result)}"' in html
        assert f'href="{names.explorer_name(result)}"' in html
        assert cells(html, "Test")[i] == f"{result.test}, {result.alternative}"
        assert cells(html, "Subjects")[i] == "8"
        assert cells(html, "Tested")[i] == f"{result.space.n_points:,}"
        assert cells(html, "TDN")[i] == f"{result.bound.whole:,}"
        assert cells(html, "Clusters")[i] == clusters
    assert words(html).count("1 note Mind the gap") == 2
    assert "2 results, 2 with TDN above 0" in words(html)
    assert "95 % confidence each" in words(html)


def test_confidence_is_a_column_where_it_differs(out: Derivatives, results: tuple[ContrastResult, ...]) -> None:
    for alpha, result in zip((0.05, 0.1), results, strict=True):
        record(out, replace(result, options=replace(result.options, alpha=alpha)))
    assert cells(index(out), "Confidence") == ["95 %", "90 %"]


def test_largest_clusters_are_counted(out: Derivatives, result: ContrastResult) -> None:
    """Those at .7; without that target, those at another one."""
    record(out, result)
    assert cells(index(out), "TDP ≥ 0.7") == [str(len(result.largest[0.7]))]
    record(out, replace(result, largest={0.25: result.largest[0.5]}))
    assert cells(index(out), "TDP ≥ 0.25") == [str(len(result.largest[0.5]))]
    record(out, replace(result, largest={}))
    assert "TDP ≥" not in words(index(out))


def test_single_maps_are_marked(out: Derivatives, result: ContrastResult) -> None:
    alone = replace(result.contrast, members=result.contrast.members[:1])
    subject = replace(result, design=None, folder="sub-01", contrast=alone)
    elsewhere = replace(result, design=None, contrast=replace(alone, entities=Entities.of({"contrast": "other"})))
    elsewhere = replace(elsewhere, glm=replace(result.glm, test=""))
    record(out, subject)
    record(out, elsewhere)
    assert cells(index(out), "Subjects") == ["single map", "sub-01"]


def test_pictures_share_their_outlines(out: Derivatives, results: tuple[ContrastResult, ...]) -> None:
    """A result in MNI space has a glass brain; a record of an earlier version has no picture."""
    for result in results:
        out.record(names.record_name(result), [], summary_for_index(result))
    html = index(out)
    assert html.count('<span class="thumbnail glass"><img src="data:image/png;base64,') == 2
    assert html.count(".glass::after { background-image: url(") == 1
    assert "in a glass brain, from the left and from above" in words(html)
    record(out, *results)
    html = index(out)
    assert "<img" not in html
    assert "background-image: url(" not in html
    assert "Pictures:" not in words(html)


def test_the_index_of_500_results_is_below_3_mb(
    out: Derivatives, result: ContrastResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of 60 characters, a note, many files, and clusters in pictures of 1.2 kB."""
    stem = "group/task-emotionregulation_space-MNI152NLin2009cAsym_contrast-c_test-mean"
    kinds = ["stat-z_statmap", "stat-effect_statmap", "stat-tdp_desc-greater_statmap", "stat-t_statmap"]
    kinds += [f"desc-greaterZ{z}_clusters" for z in (2, 3, 4)] + [f"desc-greaterTdp{tdp}_clusters" for tdp in (5, 7, 9)]
    files = [f"{stem}_{kind}.{extension}" for kind in kinds for extension in ("nii.gz", "json", "tsv")]
    one = summary_for_index(result) | {"Contrast": "c", "Notes": ["Two hundred letters. " * 10] * 4}
    one |= {"Report": f"{stem}_desc-greater_report.html", "Explorer": f"{stem}_desc-greater_explorer.html"}
    one["Thumbnail"] = {"Kind": "cortex", "Clusters": "A" * 1600, "Ground": "A" * 8000}
    monkeypatch.setattr(out, "records", lambda: 500 * [{"Results": [one], "Files": files, "Time": "2026-01-01T00"}])
    html = index(out)
    assert html.count('<tr>\n<th scope="row"') == 500
    assert html.count("_statmap.nii.gz") == 1500
    assert len(html.encode()) < 3_000_000


def test_strings_of_datasets_are_isolated(out: Derivatives, result: ContrastResult) -> None:
    """A name that is read from right to left does not reorder what is beside it."""
    name = "\u05e4\u05e0\u05d9\u05dd"
    record(out, replace(result, contrast=replace(result.contrast, entities=Entities.of({"contrast": name}))))
    html = index(out)
    assert f"<bdi>{name}</bdi>" in html
    assert f'aria-label="\u2068{name}\u2069, mean' in html


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {"Results": None},
        {"Results": "x"},
        {"Results": [None, 3, {}]},
        {"Results": [{"Alpha": "x", "Clusters": [1], "LargestClusters": {"0.7": None}, "Notes": "x", "Report": 3}]},
        {"Contrast": ["x"], "Time": 5, "Results": [{"NumberOfVoxels": None, "TrueDiscoveryNumber": float("nan")}]},
    ],
)
def test_a_damaged_record_spares_the_others(
    damaged: dict[str, object], out: Derivatives, result: ContrastResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No joint error level is shown, which could be too low."""
    record(out, result)
    there = out.records()
    monkeypatch.setattr(out, "records", lambda: [damaged, *there])
    html = index(out)
    assert names.report_name(result) in html
    summaries = damaged.get("Results")
    has_line = isinstance(summaries, list)
    assert ("at most" in words(html)) is False
    assert (">–<" in html) is has_line


def test_records_of_older_versions_lack_some_counts(out: Derivatives, result: ContrastResult) -> None:
    older = {key: value for key, value in summary(result).items() if key != "LargestClusters"}
    out.record("older", [], older)
    assert "TDP ≥" not in words(index(out))
    record(out, result)
    assert cells(index(out), "TDP ≥ 0.7") == ["–", str(len(result.largest[0.7]))]


def test_bounds_hold_per_result(out: Derivatives, results: tuple[ContrastResult, ...]) -> None:
    """Two results at alpha .05 each: jointly no more than .10 is known."""
    record(out, *results)
    text = words(index(out))
    assert "Bounds hold for each result separately" in text
    assert "not jointly over contrasts, tests and alternatives" in text
    assert "at most 10 %" in text


def test_joint_sums_of_zero_are_counted(out: Derivatives, result: ContrastResult) -> None:
    nothing = {"TrueDiscoveryNumber": 0, "Joint": {"Family": "f", "NumberOfResults": 2}}
    for name in "ab":
        out.record(name, [], {**summary(result), "Contrast": name, **nothing})
    assert (
        "added up over contrasts. In 1 sum over contrasts, of one region, test and alternative each, TDN is 0"
        in words(index(out))
    )


def test_results_of_earlier_runs_stay(out: Derivatives, result: ContrastResult) -> None:
    other = replace(result, contrast=replace(result.contrast, entities=Entities.of({"contrast": "places"})))
    record(out, other)
    record(out, result)
    html = index(out)
    assert names.report_name(other) in html
    assert names.report_name(result) in html


def test_failures_are_listed_without_folders(out: Derivatives, result: ContrastResult) -> None:
    record(out, result)
    where = result.contrast.paths[0]
    error = DataError(
        f"{where} is damaged, see /home/jane/notes.txt", "a map", f"Look into {out.folder.resolve()}/logs"
    )
    text = words(index(out, Failure(result.contrast, error)))
    assert "1 contrast failed" in text
    assert f"first-level/{result.contrast.members[0].first.name} is damaged, see notes.txt" in text
    assert "of an earlier run" in text
    assert "jane" not in text
    assert str(out.folder) not in text
    new = replace(result.contrast, entities=Entities.of({"contrast": "new"}))
    text = words(index(out, Failure(new, error)))
    assert "2 contrasts failed" in text  # that of the run before is still on disk
    assert text.count("of an earlier run") == 1


def test_contrasts_that_fail_alike_share_a_message(out: Derivatives, result: ContrastResult) -> None:
    record(out, result)
    names = ("a", "b", "c")
    others = [replace(result.contrast, entities=Entities.of({"contrast": name})) for name in names]
    failures = [Failure(each, DataError("The mask is empty")) for each in (result.contrast, *others)]
    text = words(index(out, *failures))
    assert "4 contrasts failed" in text
    assert text.count("The mask is empty") == 1
    assert all(f"contrast-{name} " in text for name in names)
    assert f"Results listed below, of {result.contrast.name}, are of an earlier run." in text


def test_nothing_but_failures(out: Derivatives, result: ContrastResult) -> None:
    text = words(index(out, Failure(result.contrast, DataError("Too few subjects"))))
    assert "There are no results" in text
    assert "Too few subjects" in text


def test_hostile_records_stay_text(out: Derivatives, result: ContrastResult) -> None:
    altered = summary(result) | {
        "Contrast": "<script>alert(1)</script>",
        "Report": 'javascript:alert(1)//"><script>',
        "Notes": ["<img src=x onerror=alert(1)>"],
    }
    out.record("hostile", [], altered)
    html = index(out)
    assert "<script" not in without_own_script(html)
    assert "<img" not in html
    assert 'href="javascript%3Aalert%281%29//%22%3E%3Cscript%3E"' in html
    assert "default-src 'none'" in html


def test_a_link_survives_signs_that_mean_something_in_urls(out: Derivatives, result: ContrastResult) -> None:
    odd = replace(result, contrast=replace(result.contrast, entities=Entities.of({"contrast": "a#b?c%d"})))
    record(out, odd)
    assert 'href="group/contrast-a%23b%3Fc%25d_test-mean_desc-greater_report.html"' in index(out)


def test_an_interrupted_result_is_listed(
    out: Derivatives, result: ContrastResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = {"Name": "contrast-x_test-mean_desc-greater", "Contrast": "contrast-x", "Complete": False, "Files": []}
    monkeypatch.setattr(out, "interrupted", lambda: [note])
    text = words(index(out))
    assert "contrast-x A run was interrupted" in text
    assert "Run it again" in text


def test_methods_have_a_column_if_one_is_not_the_default(tmp_path: Path) -> None:
    simes, permuted = by_methods()
    for results, expected in (((simes,), False), ((simes, permuted), True)):
        with Derivatives(tmp_path / str(len(results)), {}) as out:
            record(out, *results)
            text = words(index(out))
        assert ("Method" in text) is expected
        assert ("calibrated by permutation" in text) is expected
        assert ("tests, alternatives and methods" in text) is expected
