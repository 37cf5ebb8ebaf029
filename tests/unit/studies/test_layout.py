"""Studies in folders as openneuro_glmfitlins has them, and what is not in that layout."""

import errno
import json
from pathlib import Path

import pytest
from builders_trees import refuse

from bids_ari.errors import InputNotFoundError, NoMatchError, ReadError, UsageError
from bids_ari.studies.layout import find_studies


@pytest.fixture
def analyses(tmp_path: Path) -> Path:
    """Two studies, one of them with two tasks."""
    folder = tmp_path / "analyses"
    for name in ("ds1/task-go", "ds1/task-go-mod2", "ds2/task-stop"):
        (folder / name / "node-subjectLevel").mkdir(parents=True)
    return folder


def specs(tmp_path: Path, *names: str, content: str = "{}") -> Path:
    for name in names:
        path = tmp_path / "specs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "specs"


def problems(analyses: Path) -> dict[str, str]:
    return {study.name: study.problem for study in find_studies(analyses) if study.problem}


def test_each_task_of_each_study(analyses: Path) -> None:
    found = find_studies(analyses)
    assert [each.name for each in found] == ["ds1/task-go", "ds1/task-go-mod2", "ds2/task-stop"]
    assert [(each.study, each.task) for each in found] == [("ds1", "go"), ("ds1", "go-mod2"), ("ds2", "stop")]
    assert found[2].folder == analyses / "ds2" / "task-stop"


def test_study_and_task_in_one_name(analyses: Path) -> None:
    (analyses / "ds3_task-go" / "node-runLevel").mkdir(parents=True)
    (analyses / "ds30" / "task-go" / "node-runLevel").mkdir(parents=True)
    assert [each.name for each in find_studies(analyses)][-2:] == ["ds3/task-go", "ds30/task-go"]  # by name


def test_hidden_folders_and_files_are_ignored(analyses: Path) -> None:
    (analyses / ".to_process").mkdir()
    (analyses / "README.md").touch()
    (analyses / "ds1" / "README.md").touch()
    assert len(find_studies(analyses)) == 3
    assert problems(analyses) == {}


@pytest.mark.parametrize("named", ["ds1/task-go", "ds1/go", "ds1/task-go/"])
def test_include_one_task(analyses: Path, named: str) -> None:
    assert [each.name for each in find_studies(analyses, include=[named, named])] == ["ds1/task-go"]


def test_include_and_exclude(analyses: Path) -> None:
    assert len(find_studies(analyses, include=["ds1"])) == 2
    assert [each.name for each in find_studies(analyses, exclude=["ds1"])] == ["ds2/task-stop"]
    with pytest.raises(NoMatchError, match="There is no study ds7; expected ds1/task-go, "):
        find_studies(analyses, include=["ds7"])
    with pytest.raises(NoMatchError, match="excluded"):
        find_studies(analyses, exclude=["ds1", "ds2"])


@pytest.mark.parametrize(("place", "what"), [("ds1", "one study"), ("ds1/task-go", "one task")])
def test_the_folder_of_one_study(analyses: Path, place: str, what: str) -> None:
    with pytest.raises(UsageError, match=f"it is that of {what}") as caught:
        find_studies(analyses / place)
    assert caught.value.hint.startswith(f"Pass {analyses},")


def test_no_folder_or_no_study(tmp_path: Path, analyses: Path) -> None:
    with pytest.raises(InputNotFoundError, match="folder of all studies"):
        find_studies(tmp_path / "none")
    with pytest.raises(InputNotFoundError, match="folder of all models"):
        find_studies(analyses, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputNotFoundError, match="There is no study"):
        find_studies(tmp_path / "empty")


def test_what_is_outside_the_layout_has_a_problem(analyses: Path) -> None:
    for name in ("two words", "ds4", "ds5/figures", "ds6/task-", "ds7/task-x"):
        (analyses / name).mkdir(parents=True)
    (analyses / "ds8").symlink_to(analyses / ".git" / "annex" / "ds8")
    (analyses / "ds2" / "task-linked").symlink_to("nowhere")
    found = problems(analyses)
    assert found.keys() == {"two words", "ds4", "ds5", "ds6/task-", "ds7/task-x", "ds8", "ds2/task-linked"}
    assert "characters" in found["two words"]
    assert "datalad get -n" in found["ds4"]
    assert "no folder task-LABEL; there is figures" in found["ds5"]
    assert "not the name of a task" in found["ds6/task-"]
    assert "an empty folder" in found["ds7/task-x"]
    assert "not here" in found["ds8"]
    assert "not here" in found["ds2/task-linked"]


def test_a_folder_that_cannot_be_read_does_not_stop_the_others(analyses: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, analyses / "ds1" / "task-go", errno.EACCES)
    refuse(monkeypatch, analyses / "ds2", errno.EACCES)
    found = problems(analyses)
    assert found.keys() == {"ds1/task-go", "ds2"}
    assert all("cannot be read: Permission denied" in problem for problem in found.values())


def test_models_behind_links(analyses: Path, tmp_path: Path) -> None:
    """Without its model, the mean over the subjects of a study would be tested."""
    specs(tmp_path, "ds1-go_specs.json").rename(tmp_path / "store")
    models = specs(tmp_path, "ds2-stop_specs.json")
    (models / "ds1").symlink_to(tmp_path / "store")
    (models / "back").symlink_to(models)
    found = {study.name: study.model for study in find_studies(analyses, models)}
    assert found["ds1/task-go"] == models / "ds1" / "ds1-go_specs.json"
    assert found["ds2/task-stop"] == models / "ds2-stop_specs.json"


def test_models_that_cannot_be_read(analyses: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = specs(tmp_path, "ds1/ds1-go_specs.json", "ds2/ds2-stop_specs.json")
    refuse(monkeypatch, models / "ds1", errno.EACCES)
    with pytest.raises(ReadError, match="ds1 cannot be read: Permission denied"):
        find_studies(analyses, models)


def test_duplicates(analyses: Path) -> None:
    """Two names that differ in upper and lower case have one folder of results on some systems."""
    (analyses / "DS1" / "task-go" / "node-runLevel").mkdir(parents=True)
    (analyses / "ds2_task-stop" / "node-runLevel").mkdir(parents=True)
    (analyses / "ds9").symlink_to("ds2")
    found = problems(analyses)
    assert found.keys() == {"ds1/task-go", "ds2/task-stop", "ds9/task-stop"}
    assert "but for upper and lower case" in found["ds1/task-go"]
    assert "Rename one" in found["ds2/task-stop"]
    assert "the same folder as ds2/task-stop" in found["ds9/task-stop"]


class TestModels:
    @pytest.mark.parametrize("name", ["ds2-stop_specs.json", "ds2/ds2-stop_specs.json", "deep/er/ds2-stop_smdl.json"])
    def test_its_file_is_found_by_its_name(self, analyses: Path, tmp_path: Path, name: str) -> None:
        folder = specs(tmp_path, name, "ds2/ds2-stop_contrasts.json", "ds2/.ipynb_checkpoints/ds2-stop_specs.json")
        (study,) = find_studies(analyses, folder, ["ds2"])
        assert study.model == folder / name

    def test_a_suffix_is_part_of_the_task(self, analyses: Path, tmp_path: Path) -> None:
        found = find_studies(analyses, specs(tmp_path, "ds1-go_specs.json", "ds1-go-mod2_specs.json"), ["ds1"])
        assert [each.model and each.model.name for each in found] == ["ds1-go_specs.json", "ds1-go-mod2_specs.json"]

    def test_two_versions_are_a_problem_unless_they_are_equal(self, analyses: Path, tmp_path: Path) -> None:
        folder = specs(tmp_path, "a/ds2-stop_specs.json", "b/ds2-stop_specs.json")
        (study,) = find_studies(analyses, folder, ["ds2"])
        assert (study.problem, study.model) == ("", folder / "a" / "ds2-stop_specs.json")
        specs(tmp_path, "b/ds2-stop_specs.json", content=json.dumps({"Name": "other"}))
        (study,) = find_studies(analyses, folder, ["ds2"])
        assert study.problem.startswith("2 different models: ")
        assert "Keep one" in study.problem

    def test_none_is_the_mean(self, analyses: Path, tmp_path: Path) -> None:
        (study,) = find_studies(analyses, specs(tmp_path, "ds2-Stop_specs.json"), ["ds2"])
        assert (study.model, study.problem) == (None, "")
        assert "no model ds2-stop_specs.json" in study.note
        assert "ds2-Stop_specs.json differs in upper and lower case" in study.note
        (study,) = find_studies(analyses, None, ["ds2"])
        assert (study.model, study.note) == (None, "")
