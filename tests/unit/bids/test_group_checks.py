"""Checks of groups: native spaces, F contrasts, and one file for several subjects."""

from pathlib import Path
from typing import Any

import pytest
from builders import touch_maps

from bids_ari.bids.discover import discover
from bids_ari.bids.group_checks import check_group, is_native
from bids_ari.bids.manifest import open_manifest
from bids_ari.errors import DataError, DuplicateMapsError


class TestNativeSpace:
    @pytest.mark.parametrize(
        "space",
        [
            *("T1w", "orig", "native", "func", "individual", "fsnative", "bold", "T2w", "ACPC", "anat", "boldref"),
            *("scanner", "T1wACPC", "subject", "sub01", "sub2", "02"),  # of one subject, by its label
        ],
    )
    def test_a_group_is_refused(self, tmp_path: Path, space: str) -> None:
        touch_maps(tmp_path, "01", "02", space=space)
        (contrast,) = discover(tmp_path)
        with pytest.raises(DataError, match=f"native space of each subject .space-{space}.") as caught:
            check_group(contrast)
        assert "--allow-native-space" in caught.value.hint
        assert "--target-grid" not in str(caught.value)
        (note,) = check_group(contrast, allow_native_space=True)
        assert f"space-{space}" in note

    @pytest.mark.parametrize(
        "space", ["MNI152NLin2009cAsym", "fsaverage", "fsLR", "Talairach", "study", "sub03", "MNI01", None]
    )
    def test_other_spaces_are_not_native(self, space: str | None) -> None:
        assert not is_native(space, ["01", "02"])


class TestOneFile:
    def manifest(self, folder: Path, *lines: str) -> Path:
        for name in ("a.nii", "b.nii"):
            (folder / name).touch()
        table = folder / "maps.tsv"
        table.write_text("\n".join(["participant_id\teffect", *lines]) + "\n")
        return table

    def test_a_file_that_is_listed_for_two_subjects_is_refused(self, tmp_path: Path) -> None:
        table = self.manifest(tmp_path, "01\ta.nii", "02\tb.nii", "03\t./a.nii")
        (contrast,) = discover(open_manifest(table))
        with pytest.raises(DuplicateMapsError) as caught:
            check_group(contrast)
        assert "sub-01 and sub-03 (manifest/a.nii)" in caught.value.found
        assert "sub-02" not in caught.value.found
        assert "--allow-duplicates" in caught.value.hint
        check_group(contrast, allow_duplicates=True)

    def test_a_link_to_the_file_of_another_subject_is_refused(self, tmp_path: Path) -> None:
        first, second = touch_maps(tmp_path, "01", "02")
        second.unlink()
        second.symlink_to(first)
        with pytest.raises(DuplicateMapsError, match="sub-01 and sub-02"):
            check_group(discover(tmp_path)[0])

    def test_a_variance_map_that_is_a_link_to_the_effect_is_refused(self, tmp_path: Path) -> None:
        effects = touch_maps(tmp_path, "01", "02")
        variances = touch_maps(tmp_path, "01", "02", stat="variance")
        variances[1].unlink()
        variances[1].symlink_to(effects[1].name)
        with pytest.raises(DuplicateMapsError, match="used more than once: sub-02 "):
            check_group(discover(tmp_path, weights=True)[0])

    def test_the_two_maps_of_a_pair_are_not_one_file(self, tmp_path: Path) -> None:
        for subject in ("01", "02"):
            first, second = (touch_maps(tmp_path, subject, session=session)[0] for session in ("1", "2"))
        second.unlink()
        second.symlink_to(first)
        with pytest.raises(DuplicateMapsError, match="used more than once: sub-02 "):
            check_group(discover(tmp_path, paired="session")[0])


class TestSessionsAndRuns:
    """One map of each subject, but not of the same session: chosen by nobody."""

    def notes(self, root: Path, **arguments: Any) -> tuple[str, ...]:
        (contrast,) = discover(root, **arguments)
        return check_group(contrast)

    def test_maps_of_several_sessions_are_noted(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", "03", session="pre")
        touch_maps(tmp_path, "04", session="post")
        touch_maps(tmp_path, "05", "06")
        assert self.notes(tmp_path) == (
            "Maps of different sessions are analysed together, one of each subject: no session (05, 06), "
            "ses-post (04), ses-pre (01-03)",
        )

    def test_maps_of_several_runs_are_noted(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", run="1")
        touch_maps(tmp_path, "03", run="2")
        (note,) = self.notes(tmp_path)
        assert "different runs" in note
        assert "run-1 (01, 02), run-2 (03)" in note

    def test_one_session_and_what_is_combined_are_not(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", "03", session="pre")
        assert self.notes(tmp_path) == ()
        touch_maps(tmp_path, "01", "02", session="post")
        assert self.notes(tmp_path, combine="session") == ()
