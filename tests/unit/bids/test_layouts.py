"""Files from pybids: the same contrasts as from a search of the folders."""

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bids import BIDSLayout, BIDSLayoutIndexer
from builders import describe, map_path, touch_maps
from builders_trees import place

from bids_ari.bids.contrasts import Discovery
from bids_ari.bids.dataset import Dataset, open_dataset
from bids_ari.bids.discover import discover
from bids_ari.bids.exclusions import Excluded, Reason
from bids_ari.bids.layouts import DATABASE, LAYOUT_CONFIG
from bids_ari.errors import InputNotFoundError, UsageError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:bids", "ignore::DeprecationWarning")


def layout_of(root: Path, **options: Any) -> BIDSLayout:
    """A layout as users of derivatives make it."""
    config = ["bids", "derivatives", str(LAYOUT_CONFIG)]
    indexer = BIDSLayoutIndexer(validate=False, index_metadata=False)
    return BIDSLayout(root, validate=False, is_derivative=True, config=config, indexer=indexer, **options)


def databases(folder: Path) -> list[str]:
    """The databases in a folder, and nothing else that was left there."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def fitlins(root: Path) -> None:
    for run in "12":
        touch_maps(root, "01", "02", run=run, node="runLevel")
    touch_maps(root, "01", "02", "03", node="subjectLevel", task=None, space=None)
    touch_maps(root, "01", "02", "03", node="subjectLevel", task=None, space=None, stat="variance")
    touch_maps(root, None, node="datasetLevel", task=None, space=None)
    describe(root, PipelineDescription={"Name": "FitLins"})


def raw_with_derivatives(root: Path) -> None:
    describe(root, DatasetType="raw")
    place(root / "sub-01" / "func" / "sub-01_task-emo_bold.nii.gz")
    touch_maps(root / "derivatives" / "a", "01", "02")
    touch_maps(root / "derivatives" / "b", "03", contrast="houses")
    touch_maps(root / "derivatives" / "ours", "01", "02")
    describe(root / "derivatives" / "b", GeneratedBy=[{"Name": "b"}])
    describe(root / "derivatives" / "ours", GeneratedBy=[{"Name": "bids_ari"}])


def with_links(root: Path) -> None:
    store = root.parent / "store"
    touch_maps(store, "01", "02")
    touch_maps(root, "03")
    for subject in ("01", "02"):
        (root / f"sub-{subject}").symlink_to(store / f"sub-{subject}")
    (root / "sub-03" / "all").symlink_to("..")
    (root / "again").symlink_to("sub-03")
    (root / "above").symlink_to(root.parent)
    path = map_path(root, "04")
    path.parent.mkdir(parents=True)
    path.symlink_to("../.git/annex/objects/not/here")


def with_unsearched_folders(root: Path) -> None:
    touch_maps(root, "01", "02")
    for name in ("sourcedata", "sub-01/logs", ".git", "derivatives/x", "rawdata", "models"):
        touch_maps(root / name, "09")
    touch_maps(root / "modelsOfMine", "03")
    touch_maps(root / "nested", "04")
    for folder in (root, root / "nested"):
        describe(folder)


def with_odd_names(root: Path) -> None:
    touch_maps(root, "a.b", "c d", "e(1)", contrast="a_b")
    touch_maps(root, "01", "02", contrast=None, taskcontrast="faces", feature="x")
    place(root / "sub-01_contrast-a_stat-effect_statmap.func.gii")


def with_a_configuration(root: Path) -> None:
    """bids_ari writes one itself; pybids fails where two configurations define one entity."""
    touch_maps(root, "01", "02")
    entities = [{"name": "contrast", "pattern": "contrast-([a-z]+)"}]
    (root / "layout_config.json").write_text(json.dumps({"name": "own", "entities": entities}))


STUDIES = [fitlins, raw_with_derivatives, with_links, with_unsearched_folders, with_odd_names, with_a_configuration]


@pytest.fixture(params=STUDIES, ids=[study.__name__ for study in STUDIES])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root = tmp_path / "task-LEAK" / "study"
    root.mkdir(parents=True)
    request.param(root)
    return root


class TestDatabases:
    def test_the_contrasts_are_those_of_a_search(self, study: Path, tmp_path: Path) -> None:
        found = open_dataset(study)
        made = open_dataset(study, database_dir=tmp_path / "db" / "new")
        opened = open_dataset(study, database_dir=tmp_path / "db" / "new")
        assert made == opened == replace(found, excluded=made.excluded)  # links that pybids does not follow
        assert tuple(discover(opened)) == tuple(discover(found))
        assert {Path(name).name for name in databases(tmp_path / "db")} == {DATABASE}

    def test_files_are_those_at_the_time_of_indexing(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        touch_maps(tmp_path / "study", "01", "02", "03")
        open_dataset(tmp_path / "study", database_dir=tmp_path / "db")
        assert "may take minutes" in caplog.text
        caplog.clear()
        touch_maps(tmp_path / "study", "04")
        shutil.rmtree(tmp_path / "study" / "sub-02")
        found = discover(open_dataset(tmp_path / "study", database_dir=tmp_path / "db"))
        assert found[0].subjects == ("01", "03")
        assert str(tmp_path / "db") in caplog.text
        assert found.excluded == (Excluded(str(map_path(Path("study"), "02")), Reason.GONE.text()),)

    def test_a_database_of_pybids_with_derivatives_is_opened(self, tmp_path: Path) -> None:
        raw, database_dir = tmp_path / "raw", tmp_path / "db"
        raw_with_derivatives(raw)
        describe(raw / "derivatives" / "a", GeneratedBy=[{"Name": "a"}])
        indexer = BIDSLayoutIndexer(validate=False, index_metadata=False)
        BIDSLayout(raw, validate=False, derivatives=True, database_path=database_dir, indexer=indexer)
        touch_maps(raw / "derivatives" / "a", "09")
        (faces, _houses) = discover(open_dataset(raw, database_dir=database_dir))
        assert faces.subjects == ("01", "02")

    def test_derivatives_that_a_database_of_a_raw_dataset_lacks_are_added(self, tmp_path: Path) -> None:
        """As fMRIPrep leaves it."""
        raw, database_dir = tmp_path / "raw", tmp_path / "db"
        raw_with_derivatives(raw)
        BIDSLayout(raw, validate=False, database_path=database_dir)
        assert open_dataset(raw, database_dir=database_dir) == open_dataset(raw)
        assert databases(database_dir) == sorted(
            [DATABASE, *(f"{each}/{DATABASE}" for each in ("a", "b", "derivatives"))]
        )
        shutil.rmtree(database_dir / "a")
        derivatives = [raw / "derivatives" / "a"]
        assert open_dataset(raw, derivatives, database_dir=database_dir) == open_dataset(raw, derivatives)
        assert (database_dir / "a" / DATABASE).is_file()

    def test_none_is_made_where_nothing_may_be_written(self, tmp_path: Path) -> None:
        touch_maps(tmp_path / "study", "01", "02")
        dataset = open_dataset(tmp_path / "study", database_dir=tmp_path / "db", make_database=False)
        assert len(dataset.statmaps) == 2
        assert not (tmp_path / "db").exists()

    def test_a_database_of_another_dataset_is_refused(self, tmp_path: Path) -> None:
        for name in ("one", "other"):
            touch_maps(tmp_path / name, "01", "02")
        open_dataset(tmp_path / "one", database_dir=tmp_path / "db")
        with pytest.raises(UsageError, match=r"is of .*one"):
            open_dataset(tmp_path / "other", database_dir=tmp_path / "db")

    @pytest.mark.parametrize("content", [b"", b"not SQLite", None], ids=["empty", "text", "moved"])
    def test_a_database_that_cannot_be_used_is_reported_and_left_alone(
        self, tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        touch_maps(tmp_path / "study", "01", "02")
        open_dataset(tmp_path / "study", database_dir=tmp_path / "db")
        database = tmp_path / "db" / DATABASE
        if content is None:
            (tmp_path / "study").rename(tmp_path / "moved")
        else:
            (tmp_path / "study").rename(tmp_path / "moved")
            database.write_bytes(content)
        before = database.read_bytes()
        assert len(open_dataset(tmp_path / "moved", database_dir=tmp_path / "db").statmaps) == 2
        assert [each.levelname for each in caplog.records if each.levelno > logging.INFO] == ["WARNING"]
        assert "cannot be used" in caplog.text
        assert database.read_bytes() == before

    @pytest.mark.parametrize("about", [b"[1]", b'{"DatasetType": "derivative", "GeneratedBy": 3}'])
    def test_where_pybids_fails_the_folders_are_searched(
        self, tmp_path: Path, about: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        touch_maps(tmp_path / "study", "01", "02")
        (tmp_path / "study" / "dataset_description.json").write_bytes(about)
        assert len(open_dataset(tmp_path / "study", database_dir=tmp_path / "db").statmaps) == 2
        assert "pybids cannot index" in caplog.text
        assert databases(tmp_path / "db") == []

    def test_a_file_in_place_of_the_folder_is_reported(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        touch_maps(tmp_path / "study", "01", "02")
        place(tmp_path / "db")
        assert len(open_dataset(tmp_path / "study", database_dir=tmp_path / "db").statmaps) == 2
        assert [each.levelname for each in caplog.records if each.levelno > logging.INFO] == ["WARNING"]

    def test_an_index_without_statmaps_is_as_empty_as_a_folder(self, tmp_path: Path) -> None:
        place(tmp_path / "study" / "README")
        with pytest.raises(InputNotFoundError):
            open_dataset(tmp_path / "study", database_dir=tmp_path / "db")


class TestLayout:
    @pytest.mark.parametrize("make", [fitlins, with_odd_names])
    def test_discover_takes_a_layout(self, make: Callable[[Path], None], tmp_path: Path) -> None:
        root = tmp_path / "task-LEAK" / "study"
        make(root)
        assert as_pairs(discover(layout_of(root))) == as_pairs(discover(root))

    def test_its_derivatives_are_used(self, tmp_path: Path) -> None:
        raw_with_derivatives(tmp_path)
        describe(tmp_path / "derivatives" / "a", GeneratedBy=[{"Name": "a"}])
        layout = BIDSLayout(tmp_path, validate=False, derivatives=True)
        assert as_pairs(discover(layout)) == as_pairs(discover(tmp_path))
        assert open_dataset(layout).roots == open_dataset(tmp_path).roots

    def test_its_files_are_used(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        layout = layout_of(tmp_path)
        touch_maps(tmp_path, "03")
        (contrast,) = discover(layout)
        assert contrast.subjects == ("01", "02")

    def test_a_raw_dataset_alone_has_none(self, tmp_path: Path) -> None:
        raw_with_derivatives(tmp_path)
        with pytest.raises(InputNotFoundError, match="no statmap"):
            discover(BIDSLayout(tmp_path, validate=False))
        assert isinstance(open_dataset(tmp_path), Dataset)


def as_pairs(discovery: Discovery) -> list[tuple[str, list[Path]]]:
    """The names and the files of contrasts."""
    return [(contrast.name, [file.path for file in contrast.files]) for contrast in discovery]
