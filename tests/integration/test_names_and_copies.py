"""Whole runs on maps with misleading names, copies of maps, F contrasts and native spaces."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, brain, describe, map_path, results_in, write_group, write_map

from bids_ari.cli.main import main

QUICK = ["--threshold", "2", "--tdp"]


def run(root: Path, *flags: str) -> tuple[int, dict[str, Any]]:
    """Run the group level; return its exit code and its summary."""
    out = root.parent / "out"
    code = main([str(root), str(out), "group", *QUICK, *flags])
    (summary,) = out.glob("logs/*/summary.json")
    return code, json.loads(summary.read_text())


def listed(root: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, str]:
    """Return the exit code and the text of ``--list``."""
    code = main([str(root), str(root.parent / "out"), "group", "--list", *flags])
    return code, " ".join(capsys.readouterr().out.split())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "first-level"
    describe(root)
    return root


def test_labels_with_underscores_join_no_other_contrast(
    data: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Six maps of faces; six of other subjects whose label begins with it."""
    write_group(data, 6, rng)
    for i in range(7, 13):
        write_map(data, f"{i:02d}", brain(rng), contrast="faces_vs_houses")
    code, text = listed(data, capsys)
    assert code == 0
    assert "contrast-faces_vs_houses: a label must not contain an underscore" in text
    code, summary = run(data)
    assert code == 0
    (result,) = summary["Results"]
    assert (result["Contrast"].rpartition("contrast-")[2], result["NumberOfSubjects"]) == ("faces", 6)
    (table,) = data.parent.glob("out/logs/*/excluded.tsv")
    assert table.read_text().count("contrast-faces_vs_houses: a label must not contain an underscore") == 6


def test_odd_letters_are_listed_under_a_label_that_selects_them(
    data: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    write_group(data, 3, rng, contrast="faces>scrambled")
    write_group(data, 3, rng, contrast="houses")
    code, text = listed(data, capsys)
    assert code == 0
    label = next(word for word in text.split() if "faces" in word).rpartition("contrast-")[2]
    for selected in (label, "faces>scrambled"):
        code, text = listed(data, capsys, "--contrast", selected)
        assert (code, "1 contrast can be analysed" in text) == (0, True)


class TestCopies:
    @pytest.fixture
    def copied(self, data: Path, rng: np.random.Generator) -> Path:
        """Five subjects; the map of the fifth is that of the first, not compressed and in float64."""
        write_group(data, 4, rng)
        values = nib.load(map_path(data, "01")).get_fdata()  # type: ignore[attr-defined]
        write_map(data, "05", values, dtype=np.float64, extension=".nii")
        return data

    def test_nothing_is_written(self, copied: Path) -> None:
        code, summary = run(copied)
        assert (code, summary["Results"]) == (65, [])
        assert results_in(copied.parent / "out") == set()

    def test_they_are_analysed_on_request_with_a_note(self, copied: Path) -> None:
        code, summary = run(copied, "--allow-duplicates")
        assert code == 0
        (result,) = summary["Results"]
        assert result["NumberOfSubjects"] == 5
        (report,) = copied.parent.glob("out/group/*_report.html")
        assert "sub-01 and sub-05" in report.read_text()

    def test_without_one_of_them_nothing_is_wrong(self, copied: Path) -> None:
        code, _ = run(copied, "--exclude", "05")
        assert code == 0


class TestNativeSpace:
    def test_a_group_is_refused_before_images_are_read(
        self, data: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_group(data, 3, rng, space="T1w")
        _, text = listed(data, capsys)
        assert "native space" in text
        assert run(data)[0] == 65

    def test_subjects_are_analysed_on_their_own(self, data: Path, rng: np.random.Generator) -> None:
        write_group(data, 2, rng, space="T1w", stat="z")
        assert main([str(data), str(data.parent / "out"), "participant", *QUICK]) == 0

    @pytest.mark.parametrize("space", ["T1w", None])
    def test_a_group_is_analysed_on_request(self, data: Path, rng: np.random.Generator, space: str | None) -> None:
        """Maps on two grids: only after resampling."""
        write_group(data, 3, rng, space=space)
        moved = AFFINE.copy()
        moved[0, 3] += 1.5
        write_map(data, "04", brain(rng), affine=moved, space=space)
        command = [str(data), str(data.parent / "out"), "group", *QUICK, "--target-grid", "first"]
        assert main(command) == 65
        assert main([*command, "--allow-native-space"]) == 0


def test_f_contrasts_are_excluded_and_others_analysed(data: Path, rng: np.random.Generator) -> None:
    """As nilearn writes them: an effect of two volumes, and maps of z and F, which are 3-D."""
    write_group(data, 3, rng)
    for subject in ("01", "02", "03"):
        write_map(data, subject, rng.normal(size=(*SHAPE, 2)), contrast="any")
        for stat in ("z", "F"):
            write_map(data, subject, brain(rng), contrast="any", stat=stat)
    code, summary = run(data)
    assert code == 0
    assert [each["Contrast"].rpartition("contrast-")[2] for each in summary["Results"]] == ["faces"]
    (table,) = data.parent.glob("out/logs/*/excluded.tsv")
    assert table.read_text().count("several volumes") == 3


def test_a_session_that_is_a_copy_of_another_is_a_warning(
    data: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the log and the index, for both sessions."""
    for subject in ("01", "02", "03", "04"):
        first = write_map(data, subject, brain(rng, 1.0), session="1")
        other = map_path(data, subject, session="2")
        other.parent.mkdir(parents=True)
        other.write_bytes(first.read_bytes())
    code, summary = run(data, "--by", "session")
    assert (code, len(summary["Results"])) == (0, 2)
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("WARNING")]
    assert sum("Copies of the maps of ses-" in line and "sub-01-04" in line for line in warnings) == 2
    assert (data.parent / "out" / "index.html").read_text(encoding="utf-8").count("Copies of the maps of") == 2
