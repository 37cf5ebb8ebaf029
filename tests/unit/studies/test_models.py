"""Stats Models of studies that can be analysed."""

import json
from pathlib import Path

import pytest
from builders_openneuro import FLANKER

from bids_ari.studies.models import with_usable_model
from bids_ari.studies.study import Study


class TestUsableModels:
    def model(self, tmp_path: Path, text: str) -> Study:
        (tmp_path / "m_specs.json").write_text(text)
        return with_usable_model(Study("ds1/task-go", tmp_path, tmp_path / "m_specs.json"))

    def test_a_node_that_can_be_analysed(self, tmp_path: Path) -> None:
        study = self.model(tmp_path, json.dumps(FLANKER))
        assert (study.model, study.problem, study.note) == (tmp_path / "m_specs.json", "", "")

    @pytest.mark.parametrize("change", [{"VarianceComponents": [1]}, {"X": [{"a": 1}]}])
    def test_a_node_that_cannot_is_replaced_by_the_mean(self, tmp_path: Path, change: dict[str, object]) -> None:
        node = FLANKER["Nodes"][-1]
        nodes = [*FLANKER["Nodes"][:-1], node | {"Model": node["Model"] | change}]
        study = self.model(tmp_path, json.dumps(FLANKER | {"Nodes": nodes}))
        assert (study.model, study.problem) == (None, "")
        assert study.note.startswith("the mean over subjects is tested, not the model: ")

    def test_no_node_of_the_dataset(self, tmp_path: Path) -> None:
        study = self.model(tmp_path, json.dumps(FLANKER | {"Nodes": FLANKER["Nodes"][:-1]}))
        assert (study.model, study.problem) == (None, "")
        assert "mean" in study.note

    @pytest.mark.parametrize("text", ["{", "", "[1,", "[]", "null", pytest.param("[" * 10**5, id="nested")])
    def test_a_file_that_cannot_be_read_is_a_problem(self, tmp_path: Path, text: str) -> None:
        study = self.model(tmp_path, text)
        assert study.model is not None
        assert "m_specs.json" in study.problem

    def test_a_link_to_content_that_is_not_here(self, tmp_path: Path) -> None:
        (tmp_path / "m_specs.json").symlink_to("nowhere")
        study = with_usable_model(Study("ds1/task-go", tmp_path, tmp_path / "m_specs.json"))
        assert "datalad get" in study.problem
