"""The maps that a BIDS Stats Model selects."""

from pathlib import Path
from typing import Any

import pytest
from builders import describe, touch_maps, write_group
from statsmodels_examples import MEAN, RUN, Json, document, written

from bids_ari.bids.contrasts import Discovery
from bids_ari.bids.dataset import open_dataset
from bids_ari.bids.discover import discover
from bids_ari.design.model_inputs import check_groups, select_maps
from bids_ari.design.stats_model import StatsModel, read_model
from bids_ari.errors import NoMatchError, UsageError


def read(folder: Path, *nodes: Json, **more: Any) -> StatsModel:
    return read_model(written(folder, document(*nodes, **more)))


def read_of_runs(folder: Path, passing: Json, **inputs: Any) -> StatsModel:
    """A model without a node of subjects."""
    edge = {"Source": "run", "Destination": "everybody", "Filter": passing}
    return read_model(written(folder, document(MEAN, Nodes=[RUN, MEAN], Edges=[edge], Input=inputs)))


class TestSelection:
    @pytest.fixture
    def root(self, tmp_path: Path, rng: Any) -> Path:
        root = tmp_path / "maps"
        describe(root)
        for name in ("facesGtShapes", "shapes"):
            write_group(root, 2, rng, contrast=name)
        return root

    @pytest.mark.parametrize("name", ["facesGtShapes", "faces_gt_shapes", "Faces > gt Shapes"])
    def test_contrast_in_the_filter(self, tmp_path: Path, root: Path, name: str) -> None:
        model = read_of_runs(tmp_path, {"contrast": [name]}, task="emo")
        where, notes, *_ = select_maps(model.inputs, open_dataset(root))
        assert (where, notes) == ({"task": ["emo"], "contrast": ["facesGtShapes"]}, ())
        assert [each.entities.get("contrast") for each in discover(root, where=where)] == ["facesGtShapes"]

    def test_entities_that_maps_do_not_name_are_noted(self, tmp_path: Path, root: Path) -> None:
        model = read(tmp_path, MEAN, Input={"task": "emo", "run": [1, 2], "suffix": "bold"})
        where, notes, *_ = select_maps(model.inputs, open_dataset(root))
        assert where == {"task": ["emo"]}
        assert notes[0].startswith("Input of the model selects run 1, 2, which no map names")

    def test_selectors_of_images_are_noted(self, tmp_path: Path, root: Path) -> None:
        selectors = {"task": "emo", "suffix": "bold", "description": ["preproc", "denoised"], "extension": ".nii.gz"}
        where, notes, *_ = select_maps(read(tmp_path, MEAN, Input=None, input=selectors).inputs, open_dataset(root))
        assert where == {"task": ["emo"]}
        (note,) = notes
        assert "suffix bold, description preproc, denoised, extension .nii.gz of first-level images" in note

    @pytest.mark.parametrize(
        "selectors", [{"Input": None}, {"Input": {"task": "emo", "subject": ["01"]}}, {"Input": {}}]
    )
    def test_without_such_selectors_there_is_no_note(self, tmp_path: Path, root: Path, selectors: Json) -> None:
        assert select_maps(read(tmp_path, MEAN, **selectors).inputs, open_dataset(root))[1] == ()

    def test_labels_of_input_without_a_map_are_noted(self, tmp_path: Path, root: Path) -> None:
        """Published models list every subject and run, also those that were excluded; subjects are listed elsewhere."""
        model = read(tmp_path, MEAN, Input={"subject": ["01", "02", "03"], "task": ["emo", "rest"], "space": ["X"]})
        with pytest.raises(NoMatchError, match="No statmap has space X"):
            discover(root, where=select_maps(model.inputs, open_dataset(root)).where)
        model = read(tmp_path, MEAN, Input={"Subject": ["01", "02", "03"], "Task": ["emo", "rest"]})
        where, notes, *_ = select_maps(model.inputs, open_dataset(root))
        assert where == {"sub": ["01", "02"], "task": ["emo"]}
        assert notes == ("Input of the model selects task rest, of which there is no map",)

    @pytest.mark.parametrize(
        ("made", "node", "remaining"),
        [("subject", "subject", []), ("run", "run", ["subject"]), (None, None, ["subject"]), ("x", None, ["subject"])],
    )
    def test_the_nearest_node_with_maps_is_used(
        self, tmp_path: Path, made: str | None, node: str | None, remaining: list[str]
    ) -> None:
        root = tmp_path / "maps"
        describe(root)
        touch_maps(root, "01", "02", contrast="faces", node=made, run="1")
        where, _, nodes, _ = select_maps(read(tmp_path, MEAN, Input={}).inputs, open_dataset(root))
        assert where == ({} if node is None else {"node": [node]})
        assert [each.name for each in nodes] == remaining

    def test_input_and_filter_contradict(self, tmp_path: Path, root: Path) -> None:
        model = read(tmp_path, MEAN, passing={"task": ["rest"]}, Input={"task": "emo"})
        with pytest.raises(UsageError, match="Input and the Filter of 'everybody' have no task in common"):
            select_maps(model.inputs, open_dataset(root))

    @staticmethod
    def check(model: StatsModel, contrasts: Discovery) -> None:
        check_groups(model.inputs, model.group_by, contrasts)

    def test_two_tasks_in_one_analysis(self, tmp_path: Path, root: Path, rng: Any) -> None:
        write_group(root, 2, rng, contrast="shapes", task="other")
        found = discover(root)
        with pytest.raises(UsageError, match="into one analysis; expected one contrast, task, acquisition"):
            self.check(read(tmp_path, MEAN), found)
        self.check(read(tmp_path, MEAN | {"GroupBy": ["contrast", "task"]}), found)
        self.check(read(tmp_path, MEAN), discover(root, task="emo"))

    def test_two_contrasts_in_one_analysis(self, tmp_path: Path, root: Path) -> None:
        """Several maps of a subject would count as independent."""
        model = read(tmp_path, MEAN | {"GroupBy": []})
        with pytest.raises(UsageError, match=r"puts .*contrast-facesGtShapes and .*contrast-shapes into one analysis"):
            self.check(model, discover(root))
        self.check(model, discover(root, contrast="shapes"))
