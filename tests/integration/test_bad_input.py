"""Bad input ends with the documented exit code, one clear message, and no half-written file."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import results_in

from bids_ari.cli.main import main
from bids_ari.cli.map import main as map_main

SHAPE = (9, 10, 8)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
NAME = "sub-{}_task-x_space-MNI_contrast-{}_stat-effect_statmap.nii.gz"

Spoil = Callable[[Path], object]


def write(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data.astype(np.float32), affine), path)


def maps(rng: np.random.Generator) -> np.ndarray:
    data = np.zeros(SHAPE)
    data[2:-2, 2:-2, 2:-2] = rng.normal(1, 1, size=(5, 6, 4))
    return data


@pytest.fixture
def tree(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Four subjects, one contrast."""
    root = tmp_path / "first"
    for subject in ("01", "02", "03", "04"):
        write(root / f"sub-{subject}" / "func" / NAME.format(subject, "c"), maps(rng))
    return root


def third(tree: Path) -> Path:
    return tree / "sub-03" / "func" / NAME.format("03", "c")


def other_grid(tree: Path) -> None:
    write(third(tree), np.ones(SHAPE), np.diag([2.0, 2, 2, 1]))


def other_shape(tree: Path) -> None:
    write(third(tree), np.ones((8, 8, 8)))


def truncated(tree: Path) -> None:
    third(tree).write_bytes(third(tree).read_bytes()[:-200])


def no_gzip(tree: Path) -> None:
    third(tree).write_text("not an image")


def four_dimensions(tree: Path) -> None:
    write(third(tree), np.ones((*SHAPE, 3)))


def all_nan(tree: Path) -> None:
    write(third(tree), np.full(SHAPE, np.nan))


def all_zero(tree: Path) -> None:
    write(third(tree), np.zeros(SHAPE))


def dangling(tree: Path) -> None:
    third(tree).unlink()
    third(tree).symlink_to(tree / ".git" / "annex" / "objects" / "gone")


def header_only(tree: Path) -> None:
    third(tree).write_bytes(gzip.compress(gzip.decompress(third(tree).read_bytes())[:352]))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (other_grid, "sub-03 has a grid of 2 x 2 x 2 mm"),
        (other_shape, "sub-03 has a grid of 3 x 3 x 3 mm (8, 8, 8)"),
        (truncated, "sub-03_task-x_space-MNI_contrast-c_stat-effect_statmap.nii.gz is damaged"),
        (no_gzip, "is damaged or not a NIfTI image"),
        (header_only, "is damaged or not a NIfTI image"),
        (four_dimensions, "has 4 dimensions (9, 10, 8, 3)"),
        (all_nan, "sub-03 has no data"),
        (all_zero, "sub-03 has no data"),
        (dangling, "datalad get"),
    ],
)
def test_a_bad_map_is_named(
    spoil: Spoil, message: str, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(tree)
    assert main([str(tree), str(tmp_path / "out"), "group"]) == 65
    assert message in capsys.readouterr().err
    assert not results_in(tmp_path / "out")


def test_one_bad_contrast_spares_the_others(tree: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    for subject in ("01", "02"):
        write(tree / f"sub-{subject}" / "func" / NAME.format(subject, "good"), maps(rng))
    truncated(tree)
    out = tmp_path / "out"
    assert main([str(tree), str(out), "group"]) == 65
    assert (out / "group" / "task-x_space-MNI_contrast-good_test-mean_stat-z_statmap.nii.gz").is_file()
    assert not list(out.rglob("*contrast-c_*"))
    assert "is damaged" in (out / "index.html").read_text()


def test_masks(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mask on another grid, an empty one, one away from the data, one that is not there."""
    out = tmp_path / "out"
    corner = np.zeros(SHAPE)
    corner[0, 0, 0] = 1
    for data, affine, code, message in (
        (np.ones((5, 5, 5)), AFFINE, 65, "is on another grid"),
        (np.ones(SHAPE), np.diag([3.0, 3, 3.5, 1]), 65, "is on another grid"),
        (np.zeros(SHAPE), AFFINE, 65, "is empty"),
        (corner, AFFINE, 65, "No map has data inside the mask of 1 voxel"),
    ):
        write(tmp_path / "mask.nii.gz", data, affine)
        assert main([str(tree), str(out), "group", "--mask", str(tmp_path / "mask.nii.gz")]) == code
        assert message in capsys.readouterr().err
        assert not results_in(out)
    assert main([str(tree), str(out), "group", "--mask", str(tmp_path / "none.nii.gz")]) == 66
    assert "There is no mask" in capsys.readouterr().err
    (tmp_path / "mask+tlrc.HEAD").touch()
    assert main([str(tree), str(out), "group", "--mask", str(tmp_path / "mask+tlrc")]) == 66
    assert "Name mask+tlrc.HEAD" in capsys.readouterr().err


def test_a_mask_of_another_space_by_its_name(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its grid fits: --list has the note of the run."""
    mask = tmp_path / "space-MNI152NLin6Asym_mask.nii.gz"
    write(mask, np.ones(SHAPE))
    assert main([str(tree), str(tmp_path / "out"), "group", "--mask", str(mask), "--list"]) == 0
    assert "is of MNI152NLin6Asym by its name, the maps are in MNI: check it" in " ".join(
        capsys.readouterr().out.split()
    )


def test_a_mask_on_another_grid_is_said_once(
    tree: Path, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a problem of each contrast; the record of each has the whole message."""
    for subject in ("01", "02"):
        write(tree / f"sub-{subject}" / "func" / NAME.format(subject, "d"), maps(rng))
    write(tmp_path / "mask.nii.gz", np.ones((5, 5, 5)))
    words = [str(tree), str(tmp_path / "out"), "group", "--mask", str(tmp_path / "mask.nii.gz"), "--nprocs", "1"]
    for more in (["--list"], []):
        assert main([*words, *more]) == 65
        shown = capsys.readouterr()
        text = shown.out + shown.err
        assert text.count("another grid") == 1
        assert "the same as of task-x_space-MNI_contrast-c" in text
    (summary,) = (tmp_path / "out").glob("logs/2*/summary.json")
    assert ["another grid" in each["Message"] for each in json.loads(summary.read_text())["Failures"]] == [True, True]


def test_labels_that_may_be_one_subject_and_parts_of_a_study_are_warnings(
    tree: Path, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unlike notes on choices, they are on probable mistakes."""
    for subject in ("1", "5"):
        name = NAME.format(subject, "c").replace("_space", "_acq-b_space")
        write(tree / f"sub-{subject}" / "func" / name, maps(rng))
    assert main([str(tree), str(tmp_path / "out"), "group", "--nprocs", "1"]) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("WARNING")]
    assert len([line for line in warnings if "sub-01 and sub-1 count as different" in line]) == 1
    assert len([line for line in warnings if "which differ in acq" in line]) == 2


def test_one_subject_is_no_group(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(tree), str(tmp_path / "out"), "group", "--participant-label", "02"]
    assert main(words) == 65
    assert "at least 2" in capsys.readouterr().err
    assert not results_in(tmp_path / "out")


def test_duplicates_name_the_ways_out(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], rng: np.random.Generator
) -> None:
    for subject in ("01", "02", "03", "04"):
        for run in ("1", "2"):
            name = f"sub-{subject}_task-y_run-{run}_contrast-d_stat-effect_statmap.nii.gz"
            write(tree / f"sub-{subject}" / "func" / name, maps(rng))
    out = tmp_path / "out"
    assert main([str(tree), str(out), "group", "--task_id", "y"]) == 65
    assert "--run-label 1" in capsys.readouterr().err
    assert main([str(tree), str(out), "group", "--task-id", "task-y", "--run-label", "1"]) == 0
    assert (out / "group" / "task-y_run-1_contrast-d_design.tsv").is_file()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["galaxy"], 17, "group"),
        (["group", "--alpha", "2"], 64, "between 0 and 1"),
        (["group", "--alpha", "x"], 64, "invalid float"),
        (["group", "--smoothing", "-1"], 64, "a width in mm"),
        (["group", "--smoothing", "nan"], 64, "a width in mm"),
        (["group", "--coverage", "0"], 64, "a fraction"),
        (["group", "--threshold", "inf"], 64, "z values"),
        (["group", "--nonsense"], 64, "--nonsense"),
        (["group", "--smooth", "8"], 64, "--smooth"),  # no abbreviations
        (["group", "--contrast", "nope"], 18, "one of: c"),
        (["group", "--participant-label", "99"], 18, "01, 02, 03, 04"),
        (["group", "--stat", "z"], 18, "effect"),
        ([], 64, "level is missing"),
    ],
)
def test_wrong_words(
    words: list[str], code: int, message: str, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tree), str(tmp_path / "out"), *words]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_place_among_a_subjects_files_is_refused_to_all_commands(tree: Path, tmp_path: Path) -> None:
    """Also in another dataset than the input: its subject would vanish from later runs."""
    (tree / "dataset_description.json").write_text('{"Name": "first", "BIDSVersion": "1.8.0"}')
    assert map_main([str(third(tree)), str(tree / "sub-01"), "--stat", "z"]) == 64
    other = tmp_path / "other"
    write(other / "sub-01" / NAME.format("01", "c"), np.ones(SHAPE))
    write(other / "sub-02" / NAME.format("02", "c"), np.ones(SHAPE))
    assert main([str(other), str(tree / "sub-02" / "deep"), "group"]) == 64
    assert sorted(path.name for path in tree.rglob("*") if path.is_dir()) == ["func"] * 4 + [
        f"sub-0{i}" for i in (1, 2, 3, 4)
    ]


def test_maps_in_a_dataset_of_its_own_are_told(tree: Path, tmp_path: Path) -> None:
    (tree / "sub-04" / "dataset_description.json").write_text('{"Name": "nested", "BIDSVersion": "1.8.0"}')
    assert main([str(tree), str(tmp_path / "out"), "group"]) == 0
    (table,) = (path.read_text() for path in (tmp_path / "out" / "logs").glob("2*/excluded.tsv"))
    assert "sub-04" in table
    assert "in another dataset within this one" in table


def test_a_bad_atlas_for_one_space_spares_the_other(
    tree: Path, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two spaces, the atlas is in one: that one is analysed, and the run ends with 65."""
    for subject in ("01", "02", "03"):
        name = NAME.format(subject, "c").replace("space-MNI", "space-Other")
        write(tree / f"sub-{subject}" / "func" / name, maps(rng))
    write(tmp_path / "space-MNI_atlas-one_dseg.nii.gz", np.ones(SHAPE))
    words = ["--atlas", str(tmp_path / "space-MNI_atlas-one_dseg.nii.gz")]
    assert main([str(tree), str(tmp_path / "out"), "group", *words]) == 65
    assert "is in MNI; expected the space of the maps, Other" in capsys.readouterr().err
    assert len(list((tmp_path / "out").rglob("*atlas-one_*desc-greater_tdp.tsv"))) == 1
    assert (tmp_path / "out" / "dataset_description.json").is_file()


@pytest.mark.parametrize("words", [["", "out", "group"], ["in", "", "group"], ["in", "out", "group", "--mask", ""]])
def test_an_empty_path_is_no_path(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """As of a variable that is not set: it would stand for the folder that one is in."""
    assert main(words) == 64
    assert "an empty path" in capsys.readouterr().err


def test_a_loop_of_links(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert main([str(tree), str(tmp_path / "a"), "group"]) in (64, 73)
    assert main([str(tmp_path / "a"), str(tmp_path / "out"), "group"]) in (64, 66)


def test_no_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for folder, message in (("nowhere", "no folder"), ("empty", "no statmap")):
        assert main([str(tmp_path / folder), str(tmp_path / "out"), "group"]) == 66
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_outputs_that_are_refused(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The input itself, a place among a subject's files, another dataset: 64; a file in the way: 73."""
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "dataset_description.json").write_text(json.dumps({"Name": "precious"}))
    for out, code in (
        (tree, 64),
        (tree / "derivatives" / "..", 64),
        (tree / "sub-01" / "ari", 64),
        (tmp_path / "other", 64),
        (tmp_path / "file" / "out", 73),
        (tmp_path / "file", 73),
    ):
        assert main([str(tree), str(out), "group"]) == code
    assert "precious" in (tmp_path / "other" / "dataset_description.json").read_text()
    assert main([str(tree), str(tree / "derivatives" / "ari"), "group"]) == 0


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc, where not even root may make a folder")
def test_a_place_where_nothing_can_be_written(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tree), "/proc/self/results", "group"]) == 73
    assert "cannot be written" in capsys.readouterr().err


def test_constant_voxels_are_counted_not_tested(tree: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    """Two voxels hold the same value in every subject; the box has 5 x 6 x 4 = 120 voxels."""
    for subject in ("01", "02", "03", "04"):
        data = maps(rng)
        data[3, 3, 3] = data[3, 3, 4] = 7.25
        write(tree / f"sub-{subject}" / "func" / NAME.format(subject, "c"), data)
    out = tmp_path / "out"
    assert main([str(tree), str(out), "group"]) == 0
    sidecar = json.loads(next((out / "group").glob("*stat-z_statmap.json")).read_text())
    assert (sidecar["NumberOfVoxels"], sidecar["NumberOfConstantVoxels"]) == (118, 2)
    z = nib.load(next((out / "group").glob("*stat-z_statmap.nii.gz"))).get_fdata()
    assert np.isnan(z[3, 3, 3])
    assert np.isfinite(z).sum() == 118
    assert "2 voxels not tested: the values do not vary" in next((out / "group").glob("*report.html")).read_text()


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "OUTPUT_DIR" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("bids_ari ")
