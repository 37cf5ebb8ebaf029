"""Arguments of the command line."""

from pathlib import Path

import pytest

from bids_ari.cli import main as cli
from bids_ari.cli import map as mapcli
from bids_ari.config.settings import Settings
from bids_ari.errors import InputNotFoundError, UnknownLevelError, UsageError

WHERE = ("in", "out", "group")


def settings(*words: str) -> Settings:
    """Return the settings of a command line."""
    return cli.read_settings(cli.parse([*WHERE, *words]))


@pytest.mark.parametrize("parser", [cli.parser(), mapcli.parser()], ids=["bids-ari", "bids-ari-map"])
def test_every_flag_has_both_spellings(parser: object) -> None:
    """``--task-id`` and ``--task_id``, as other BIDS Apps have one or the other."""
    spelt = {word for action in parser._actions for word in action.option_strings if word.startswith("--")}  # type: ignore[attr-defined]
    assert len(spelt) > 10
    assert {f"--{word[2:].replace('-', '_')}" for word in spelt} <= spelt


FLAGS_OF_THE_DESIGN = """
--participant-label --exclude --session-label -t --task-id --space --contrast --run-label --stat --bids-filter-file -d
--derivatives --bids-database-dir --list --combine --manifest --alternative --alpha --threshold --tdp --connectivity
--method --join-signs --split-alpha --smoothing --mask --coverage --atlas --atlas-labels --roi -w --work-dir --nprocs
--omp-nthreads --mem --config-file --reports-only --stop-on-first-crash --rerun --skip-bids-validation
--version -v --verbose --help -h
"""


def test_the_flags_are_those_of_the_design() -> None:
    there = {word for action in cli.parser()._actions for word in action.option_strings}
    assert set(FLAGS_OF_THE_DESIGN.split()) <= there


def test_no_abbreviations() -> None:
    with pytest.raises(UsageError, match="--thresh"):
        settings("--thresh", "3")


def test_flags_are_accepted_in_any_order() -> None:
    words = ["--alpha", "0.01", "in", "out", "--mask", "m.nii", "group", "--smoothing", "6"]
    read = cli.read_settings(cli.parse(words))
    assert (read.bids_dir, read.output_dir, read.level) == (Path("in"), Path("out"), "group")
    assert (read.options.alpha, read.options.mask, read.options.smoothing) == (0.01, Path("m.nii"), 6.0)


@pytest.mark.parametrize(("words", "named"), [((), "BIDS_DIR"), (("in",), "OUTPUT_DIR"), (("in", "out"), "level")])
def test_a_missing_positional_argument_is_named(words: tuple[str, ...], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        cli.parse(words)


def test_dataset_is_another_name_of_the_group_level() -> None:
    """BIDS Stats Models use it."""
    assert cli.read_settings(cli.parse(["in", "out", "dataset"])).level == "group"


def test_other_levels_are_unknown() -> None:
    with pytest.raises(UnknownLevelError):
        cli.read_settings(cli.parse(["in", "out", "run"]))


def test_labels_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "who.txt"
    file.write_bytes("\ufeff# the first wave\r\nsub-01\r\n\r\n  02  \r\n".encode())
    assert settings("--participant-label", str(file)).filters.participant_label == ("sub-01", "02")


def test_a_label_is_not_taken_for_a_file_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").write_text("houses")
    assert settings("--contrast", "faces").filters.contrast == ("faces",)


@pytest.mark.parametrize(
    ("content", "error", "named"),
    [
        (None, InputNotFoundError, "does not exist"),
        (b"", UsageError, "empty"),
        (b"# nobody\n", UsageError, "empty"),
        (b"\xff\xfe0\x001\x00", UsageError, "not a text file"),
    ],
)
def test_a_file_of_labels_that_cannot_be_read(
    tmp_path: Path, content: bytes | None, error: type[Exception], named: str
) -> None:
    file = tmp_path / "who.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(error, match=named):
        settings("--exclude", str(file))


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--nprocs", "0"], "nprocs is 0"),
        (["--omp-nthreads", "-1"], "omp-nthreads is -1"),
        (["--mem", "much"], "much"),
        (["--mem", "0"], "0"),
        (["--combine", "task"], "combine"),
        (["--mask", ""], "empty path"),
    ],
)
def test_a_value_that_is_not_accepted_is_named(words: list[str], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        settings(*words)


def test_memory_is_in_megabytes_or_has_a_unit() -> None:
    assert settings("--mem", "512").resources.mem == 512 * 2**20
    assert settings("--mem", "8G").resources.mem == 8 * 2**30


def test_maps_are_not_combined_at_the_participant_level() -> None:
    with pytest.raises(UsageError, match="--combine"):
        cli.read_settings(cli.parse(["in", "out", "participant", "--combine", "run"]))
