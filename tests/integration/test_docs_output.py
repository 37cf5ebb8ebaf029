"""The trees that the documentation shows are what the commands above them write."""

import re
import shlex
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import BLOB, SHAPE, brain, describe, image, map_path, write_group, write_map
from docpages import DOCS, Block, blocks, files_of_tree

from bids_ari.cli.main import main

PAGE = DOCS / "output.md"
MAPS = re.compile("task-emo_space-MNI152NLin2009cAsym_(atlas-[a-z]+)?_?contrast-(faces|broken|wordsSes1Vs2Vs3)")


@pytest.fixture
def here(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the commands name: nine subjects of three sites, one of whom lacks data in places."""
    root = tmp_path / "first-level"
    describe(root)
    write_group(root, 9, rng)
    write_group(root, 9, rng, stat="z", signal=6)
    lacking = np.array(nib.load(map_path(root, "09")).get_fdata())
    lacking[1:3] = np.nan
    write_map(root, "09", lacking)
    rows = [f"sub-{i:02d}\t{'abc'[i % 3]}" for i in range(1, 10)]
    (root / "participants.tsv").write_text("\n".join(["participant_id\tsite", *rows, ""]))
    for i in range(1, 10):
        write_map(root, f"{i:02d}", np.ones(SHAPE), stat="variance")
        for session in "123":
            write_map(root, f"{i:02d}", brain(rng, 3.0 * (session == "3")), contrast="words", session=session)
    write_map(root, "01", brain(rng), contrast="broken")
    parcels = np.zeros(SHAPE)
    parcels[BLOB] = 1
    for name in ("atlas", "motor"):
        nib.save(image(parcels, dtype=np.uint8), tmp_path / f"{name}.nii.gz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


SHOWN = [block for block in blocks(PAGE, "text") if block.text.startswith("results/\n")]
COMMANDS = {block.section: block.text for block in blocks(PAGE, "bash")}


@pytest.mark.parametrize("tree", SHOWN, ids=lambda tree: tree.section)
def test_a_tree_is_what_its_command_writes(tree: Block, here: Path) -> None:
    """Every file of each folder that a tree shows files of; where it shows the top, every file at all."""
    (command,) = COMMANDS[tree.section].replace("\\\n", " ").splitlines()
    program, *words = shlex.split(command)
    assert program == "bids-ari"
    assert main(words) == (65 if "broken" in words else 0)
    shown = files_of_tree(tree.text)
    folders = {str(Path(name).parent) for name in shown}
    written = {_general(path.relative_to(here / "results")) for path in here.rglob("results/**/*") if path.is_file()}
    assert shown == {name for name in written if "." in folders or str(Path(name).parent) in folders}


def test_one_tree_shows_every_file() -> None:
    assert [block.section for block in SHOWN if "index.html" in files_of_tree(block.text)] == ["A group"]


def test_pybids_reads_the_output_as_shown(here: Path) -> None:
    assert main(shlex.split(COMMANDS["A group"])[1:]) == 0
    (block,) = blocks(PAGE, "python")
    *before, last = block.text.strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(before), names)
    (file,) = eval(last, names)
    assert file.path.endswith("test-mean_stat-z_statmap.nii.gz")


def _general(path: Path) -> str:
    """A path as the page writes it."""
    return re.sub(r"\b20\d{6}T\d{6}Z(-\d+)?", "<time>", MAPS.sub(_maps, str(path)))


def _maps(found: re.Match[str]) -> str:
    return f"<maps+{found[1]}>" if found[1] else "<maps>"
