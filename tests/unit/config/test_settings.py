"""Settings: the output folder and the levels."""

from pathlib import Path

import pytest

from bids_ari.config.options import Options
from bids_ari.config.settings import MapFilters, Resources, Settings
from bids_ari.errors import UnknownLevelError, UsageError


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Write a raw dataset with a subject, and a link to it."""
    (tmp_path / "raw" / "sub-01" / "func").mkdir(parents=True)
    (tmp_path / "raw" / "derivatives").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "raw")
    return tmp_path / "raw"


@pytest.mark.parametrize("output", ["raw", "raw/", "raw/derivatives/..", "link", "./link/sub-01/.."])
def test_the_output_folder_must_not_be_the_input_folder(raw: Path, output: str) -> None:
    with pytest.raises(UsageError, match="is the input folder"):
        Settings(raw, raw.parent / output)


@pytest.mark.parametrize(
    "output",
    ["raw/sub-01", "raw/sub-01/ari", "raw/sub-01/func/x/y", "raw/sub-new/ari", "link/sub-01/ari", "raw/x/../sub-01/x"],
)
@pytest.mark.parametrize("source", ["raw", "link"])
def test_the_output_folder_must_not_lie_among_the_files_of_a_subject(raw: Path, source: str, output: str) -> None:
    with pytest.raises(UsageError, match="among the files of a subject") as caught:
        Settings(raw.parent / source, raw.parent / output)
    assert caught.value.hint.endswith("derivatives/bids_ari")


def test_a_link_named_as_a_subject_is_a_folder_of_a_subject(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (raw / "sub-02").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="among the files of a subject"):
        Settings(raw, raw / "sub-02" / "ari")


def test_a_link_into_the_folder_of_a_subject_is_resolved(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "link_to_subject").symlink_to(raw / "sub-01")
    with pytest.raises(UsageError, match="among the files of a subject"):
        Settings(raw, tmp_path / "link_to_subject" / "ari")


def test_the_rules_for_the_output_folder_hold_for_derivative_datasets(raw: Path) -> None:
    first_level = raw / "derivatives" / "first"
    with pytest.raises(UsageError, match="among the files of a subject"):
        Settings(raw, first_level / "sub-01" / "ari", derivatives=(first_level,))
    with pytest.raises(UsageError, match="is the input folder"):
        Settings(raw, first_level, derivatives=(first_level,))


@pytest.mark.parametrize("output", ["raw/derivatives/ari", "raw/derivatives", "raw/ari", "out", "rawer", "sub-01/ari"])
def test_other_output_folders_are_accepted(raw: Path, output: str) -> None:
    assert Settings(raw, raw.parent / output).output_dir == raw.parent / output


def test_only_the_path_from_the_dataset_to_the_output_folder_counts(tmp_path: Path) -> None:
    dataset = tmp_path / "sub-99" / "dataset"
    assert Settings(dataset, dataset / "derivatives" / "ari")


def test_paths_may_be_text() -> None:
    settings = Settings("in", "out", derivatives="in/derivatives/glm")  # type: ignore[arg-type]
    assert (settings.bids_dir, settings.output_dir) == (Path("in"), Path("out"))
    assert settings.derivatives == (Path("in/derivatives/glm"),)


@pytest.mark.parametrize(
    "options",
    [
        {"options": Options(smoothing=6)},
        {"options": Options(formula="1 + age")},
        {"options": Options(method="permutation")},
        {"participants": "participants.tsv"},
        {"filters": MapFilters(combine="run")},
        {"filters": MapFilters(stat="effect")},
    ],
    ids=str,
)
def test_options_of_groups_are_refused_at_the_participant_level(options: dict[str, object]) -> None:
    assert Settings("in", "out", "group", **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="requires the group level") as caught:
        Settings("in", "out", "participant", **options)  # type: ignore[arg-type]
    assert caught.value.hint


def test_the_statistic_depends_on_the_level() -> None:
    found = [Settings("in", "out", level).filters.stat for level in ("group", "dataset", "participant")]  # type: ignore[arg-type]
    assert found == ["effect", "effect", "z"]


def test_other_levels_are_refused() -> None:
    with pytest.raises(UnknownLevelError, match="expected participant or group"):
        Settings("in", "out", "run")  # type: ignore[arg-type]


def test_filters_are_arguments_of_discover() -> None:
    filters = MapFilters(participant_label=("01",), task_id=("stroop",), paired="session")
    assert filters.arguments() == {"subjects": ("01",), "task": ("stroop",), "paired": "session"}


def test_paths_are_absolute_for_workers_in_other_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options, resources = Options(mask="template", roi="r.nii"), Resources(dask_scheduler="tcp://host:8786")  # type: ignore[arg-type]
    settings = Settings("in", "out", options=options, resources=resources)  # type: ignore[arg-type]
    assert (settings.bids_dir, settings.output_dir) == (tmp_path / "in", tmp_path / "out")
    assert (settings.options.mask, settings.options.roi) == (Path("template"), (tmp_path / "r.nii",))
    assert options.roi == (Path("r.nii"),)
