"""Surfaces and grayordinates on the command line: which maps are found, before any value is read."""

import shutil
from pathlib import Path

import pytest

from bids_ari.cli.main import main

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _meshes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(SHARED / "templateflow-surfaces"))


def study(name: str) -> Path:
    """Return the folder of a study of thirty subjects."""
    folder = SHARED / "data" / name
    if not folder.is_dir():
        pytest.skip(f"no real maps at {folder}")
    return folder


def listed(capsys: Capture, root: Path, *words: str) -> tuple[int, str]:
    """List what would be analysed; return the exit code and the text."""
    code = main([str(root), str(root.parent / "nothing-is-written"), "group", "--list", *words])
    return code, capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("wager2008-fsLR", "task-emoreg_space-fsLR_contrast-reappNegVsLookNeg"),
        ("wager2008-fsaverage", "task-emoreg_space-fsaverage_den-10k_contrast-reappNegVsLookNeg"),
    ],
)
def test_a_real_study_is_one_contrast(name: str, title: str, capsys: Capture) -> None:
    meshes = (SHARED / "templateflow-surfaces").glob(f"tpl-{name.partition('-')[2]}/*_inflated.surf.gii")
    code, text = listed(
        capsys, study(name), "--surface", *map(str, sorted(meshes))
    )  # TemplateFlow keeps its first home
    assert code == 0
    assert text.splitlines()[0] == title
    assert "subjects  30: 01-30" in text
    assert "excluded" not in text
    assert text.endswith("1 contrast can be analysed\n")


def test_files_of_one_hemisphere(tmp_path: Path, capsys: Capture) -> None:
    """Subjects without the right one, with a label that is not known, with another label, and of another density."""
    real, root = study("wager2008-fsaverage"), tmp_path / "study"
    for subject in (f"{i:02d}" for i in range(1, 9)):
        folder = root / f"sub-{subject}" / "func"
        folder.mkdir(parents=True)
        for path in (real / f"sub-{subject}" / "func").glob("*.func.gii"):
            name = path.name
            if subject == "03" and "hemi-R" in name:
                continue
            name = name.replace("hemi-L", "hemi-both") if subject == "04" else name
            name = name.replace("hemi-L", "hemi-lh") if subject == "05" else name
            (folder / name.replace("den-10k", "den-41k" if subject == "06" else "den-10k")).symlink_to(path)
    code, text = listed(capsys, root)
    first, second, *_ = text.split("\n\n")
    assert code == 65  # of the contrast of one subject
    assert "subjects  5: 01, 02, 05, 07, 08" in first
    assert "without   03: no effect map of the right hemisphere" in first
    assert "without   04: no effect map of the left hemisphere" in first
    assert second.startswith("task-emoreg_space-fsaverage_den-41k")
    assert "1 file excluded (of 04): hemi-both in its name is neither hemi-L nor hemi-R" in text
    shutil.rmtree(root / "sub-06")
    assert listed(capsys, root)[0] == 0
