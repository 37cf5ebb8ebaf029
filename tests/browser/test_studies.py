"""The page over many studies in a real browser: filtered, sorted, on narrow screens, by everybody."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.browsing import WIDTHS, Visits, overflowing, violations

from bids_ari.studies.summary import write_summary

if TYPE_CHECKING:
    from playwright.sync_api import Page

TASKS = {"ds000102/task-flanker": 40, "ds000114/task-fingerfootlips": 7, "ds000114/task-linebisection": 0}
"""TDN of the results of each task."""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of three tasks with two contrasts each, and two failures."""
    out = tmp_path_factory.mktemp("studies")
    (out / "logs").mkdir()
    for name in (*TASKS, "ds000120", "a study with a very long name that no folder of OpenNeuro has, and no task"):
        study, _, task = name.partition("/task-")
        record = {"Study": study, "Task": task, "Name": name, "Model": None, "Note": "no model: the mean is tested"}
        record |= {"ExitCode": 0 if task else 65, "Seconds": 90.0, "Command": ["bids-ari"] * bool(task)}
        record |= {"Finished": "2026-01-02T03:04:05+00:00", "Message": "" if task else "an empty folder"}
        (out / "logs" / f"{name.replace('/', '_')}.json").write_text(json.dumps(record))
    for name, tdn in TASKS.items():
        results = []
        for contrast in ("a", "b"):
            report = out / name / "group" / f"{contrast}_report.html"
            report.parent.mkdir(parents=True, exist_ok=True)
            report.touch()
            result = {
                "Contrast": f"ses-test_contrast-{contrast}",
                "Test": "mean",
                "Alternative": "greater",
                "Alpha": 0.05,
            }
            result |= {"Method": "simes", "NumberOfSubjects": 20 + tdn, "NumberOfSubjectsExcluded": 2}
            result |= {"NumberOfVoxels": 1000, "TrueDiscoveryNumber": tdn, "LargestClusters": {"0.7": 1}}
            results.append(result | {"LargestClusterSizes": {"0.7": tdn}, "Report": f"group/{report.name}"})
        (out / name / "logs" / "2026").mkdir(parents=True)
        (out / name / "logs" / "2026" / "summary.json").write_text(json.dumps({"Results": results, "ExitCode": 0}))
    write_summary(out)
    return out / "index.html"


def shown(page: "Page") -> list[str]:
    """The studies and contrasts of the rows that are shown, from top to bottom."""
    script = """(rows) => rows.filter((row) => !row.hidden).map((row) =>
      ['.study', '.task', '.label'].map((name) => row.querySelector(name).textContent).join(' '))"""
    rows: list[str] = page.locator("#results tbody tr").evaluate_all(script)
    return rows


def test_a_study_or_a_task_is_chosen(page_file: Path, visits: Visits) -> None:
    page = visits.open(page_file)
    assert len(shown(page)) == 6
    page.get_by_role("button", name="ds000114").click()
    assert len(shown(page)) == 4
    page.get_by_role("button", name="linebisection").click()
    assert shown(page) == ["ds000114 linebisection a", "ds000114 linebisection b"]
    page.get_by_role("button", name="TDN above 0").click()
    assert shown(page) == []


@pytest.mark.parametrize("column", ["subjects", "tdn", "tdp", "size"])
def test_it_is_sorted_by_numbers_over_studies(page_file: Path, visits: Visits, column: str) -> None:
    page = visits.open(page_file)
    page.locator(f"th[data-sort={column}]").get_by_role("button").click()
    assert [row.split()[1] for row in shown(page)][::2] == ["flanker", "fingerfootlips", "linebisection"]


def test_links_lead_to_reports_and_to_the_index_of_a_study(page_file: Path, visits: Visits) -> None:
    page = visits.open(page_file)
    links = page.locator("main a").evaluate_all("(all) => all.map((link) => link.getAttribute('href'))")
    assert {link for link in links if "group" in link} == {
        f"{name}/group/{c}_report.html" for name in TASKS for c in "ab"
    }
    assert {link for link in links if link.endswith("index.html")} == {f"{name}/index.html" for name in TASKS}


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_everybody_can_use_it(page_file: Path, visits: Visits, width: int) -> None:
    page = visits.open(page_file, width=width)
    assert overflowing(page) == []
    assert violations(page) == []


def test_it_is_complete_without_scripts(page_file: Path, visits: Visits) -> None:
    page = visits.open(page_file, scripts=False)
    assert page.locator("#results tbody tr").count() == 6
    assert page.get_by_text("2 analyses failed").is_visible()
