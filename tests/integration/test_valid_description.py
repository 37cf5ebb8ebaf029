"""Descriptions of outputs are valid BIDS for any description of the sources, by the BIDS validator.

The validator asks for two authors (its rule is ``length(json.Authors) > 1``). We name those whom the sources name, and
say of the rest what is known.
"""

from pathlib import Path
from typing import Any

import pytest
from builders import describe
from builders_jobs import VOLUME, left_behind, write_index, write_result
from builders_validator import issues

from bids_ari.outputs.derivatives import Derivatives

PEOPLE = ["Ada Lovelace", "Ronald Fisher"]


def written(tmp_path: Path, **about: Any) -> Path:
    """Write an output whose source has a description."""
    describe(tmp_path / "in", **about)
    with Derivatives(tmp_path / "out", {"in": tmp_path / "in"}) as out:
        with out.result("task-x_contrast-a"):
            write_result(out, "task-x_contrast-a", ["Z3"])
        out.record_failure("task-x_contrast-b", {"Message": "damaged"})
        out.text(f"{out.run_folder()}/log.txt", "log")
        write_index(out)
    return tmp_path / "out"


def test_with_two_authors_only_subject_folders_are_missing(tmp_path: Path) -> None:
    assert issues(written(tmp_path, Authors=PEOPLE)) == {"error": set(), "warning": {"SUBJECT_FOLDERS"}}


def test_in_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bids_ari.runtime.provenance.container", lambda: {"Type": "apptainer", "Tag": "unknown"})
    assert issues(written(tmp_path, Authors=PEOPLE)) == {"error": set(), "warning": {"SUBJECT_FOLDERS"}}


@pytest.mark.parametrize(
    "about",
    [
        {},
        {"Authors": PEOPLE[:1]},
        {"Authors": [], "License": ""},
        {"Authors": "Ada Lovelace", "License": ["CC0", 3]},
        {"Authors": [1, None, ["x"], {"a": "b"}, ""], "License": {"a": 1}, "GeneratedBy": 3, "DatasetLinks": "x"},
    ],
)
def test_with_fewer_authors(tmp_path: Path, about: dict[str, Any]) -> None:
    assert issues(written(tmp_path, **about)) == {"error": set(), "warning": {"SUBJECT_FOLDERS"}}


@pytest.mark.parametrize("n_subjects", [1, 10])
def test_with_subjects_nothing_is_missing(tmp_path: Path, n_subjects: int) -> None:
    describe(tmp_path / "in", Authors=PEOPLE)
    with Derivatives(tmp_path / "out", {"in": tmp_path / "in"}) as out:
        for stem in (f"sub-{n:02d}_task-x_contrast-a" for n in range(1, n_subjects + 1)):
            with out.result(stem):
                out.image(f"{stem.partition('_')[0]}/{stem}_stat-z_statmap.nii.gz", VOLUME)
                out.record(f"{stem}_desc-greater", [], {})
        write_index(out)
    assert issues(tmp_path / "out") == {"error": set(), "warning": set()}


def test_files_of_a_killed_job_are_not_part_of_the_dataset(tmp_path: Path) -> None:
    left_behind(written(tmp_path, Authors=PEOPLE), "task-x_contrast-c.lock")
    assert issues(tmp_path / "out") == {"error": set(), "warning": {"SUBJECT_FOLDERS"}}
