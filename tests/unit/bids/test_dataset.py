"""Opening a dataset: which folders are searched, and the entities of each map."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from bids.layout import parse_file_entities
from builders import describe, map_path, touch_maps
from builders_trees import refuse
from hypothesis import given
from hypothesis import strategies as st

from bids_ari.bids.dataset import Dataset, open_dataset
from bids_ari.bids.discover import discover
from bids_ari.bids.entities import key_of
from bids_ari.bids.exclusions import Excluded, Reason
from bids_ari.bids.names import known_entities, labels_of_folder
from bids_ari.errors import InputNotFoundError, ReadError

BROKEN = [b"{broken", b"", b"[1]", b"\xff\xfe", b'{"a": NaN}']

NO_ENTITIES = ("suffix", "extension", "datatype", "fmap", "scans")
KEYS = ("sub", "ses", "task", "run", "atlas", "res", "hemi", "mt", "from", "node", "contrast", "taskcontrast", "x")
ANY_NAME = st.text(alphabet="subesacqrundmoftklitp-_+.0aA", max_size=12)
FOLDER = st.builds("{}-{}".format, st.sampled_from(KEYS), st.text(alphabet="aonLR09+-_.é", max_size=5))


def names(dataset: Dataset) -> list[str]:
    return [statmap.name for statmap in dataset.statmaps]


def subjects(dataset: Dataset, problem: str = "") -> list[str | None]:
    return [statmap.entities.get("sub") for statmap in dataset.statmaps if statmap.problem == problem]


def refusal(path: Path, *arguments: Any) -> InputNotFoundError:
    with pytest.raises(InputNotFoundError) as caught:
        open_dataset(path, *arguments)
    assert type(caught.value) is InputNotFoundError  # exit code 66
    return caught.value


class TestDescription:
    @pytest.mark.parametrize("about", BROKEN)
    def test_a_broken_one_is_reported_once_and_not_needed(
        self, tmp_path: Path, about: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whether it is raw or a derivative is unknown then: it is searched, and so are its derivatives."""
        touch_maps(tmp_path, "01")
        touch_maps(tmp_path / "derivatives" / "glm", "02")
        (tmp_path / "dataset_description.json").write_bytes(about)
        assert subjects(open_dataset(tmp_path)) == ["01", "02"]
        (record,) = caplog.records
        assert record.levelname == "WARNING"
        assert str(tmp_path / "dataset_description.json") in record.getMessage()

    @pytest.mark.parametrize(
        ("make", "message"), [(Path.mkdir, "is a folder"), (lambda path: path.symlink_to("gone"), "datalad get")]
    )
    def test_one_that_is_not_a_file_is_reported(
        self, tmp_path: Path, make: Any, message: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        touch_maps(tmp_path, "01")
        make(tmp_path / "dataset_description.json")
        assert subjects(open_dataset(tmp_path)) == ["01"]
        assert message in caplog.text

    def test_a_broken_one_beside_does_not_hide_its_dataset(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        touch_maps(tmp_path / "derivatives" / "glm", "01")
        (tmp_path / "derivatives" / "glm" / "dataset_description.json").write_text("{")
        assert subjects(open_dataset(tmp_path)) == ["01"]
        assert len(caplog.records) == 1

    def test_a_byte_order_mark_and_line_ends_of_windows_are_fine(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        touch_maps(tmp_path, "01")
        touch_maps(tmp_path / "derivatives" / "glm", "02")
        about = b'\xef\xbb\xbf{\r\n"DatasetType": "derivative"\r\n}\r\n'
        (tmp_path / "dataset_description.json").write_bytes(about)
        assert subjects(open_dataset(tmp_path)) == ["01"]
        assert caplog.records == []

    def test_that_of_old_fitlins_has_no_type(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", node="runLevel")
        about = {"Name": "FitLins", "BIDSVersion": "1.1.0", "PipelineDescription": {"Name": "FitLins"}}
        (tmp_path / "dataset_description.json").write_text(json.dumps(about))
        assert subjects(open_dataset(tmp_path)) == ["01"]


class TestWhere:
    def test_a_folder_of_derivative_datasets_is_searched_as_its_datasets(self, tmp_path: Path) -> None:
        """derivatives/lab holds no maps of its own and is no dataset."""
        root = tmp_path / "derivatives" / "lab" / "first" / "glm"
        describe(root)
        touch_maps(root, "01", node="subjectLevel")
        describe(root / "inner")
        touch_maps(root / "inner", "02")
        (within, statmap) = open_dataset(tmp_path).statmaps
        assert statmap.name == str(map_path(Path(), "01", node="subjectLevel"))
        assert statmap.path == map_path(root, "01", node="subjectLevel")
        assert (statmap.dataset, statmap.problem, statmap.entities.get("node")) == ("glm", "", "subjectLevel")
        assert within.name == f"inner/{map_path(Path(), '02')}"
        assert within.problem == Reason.NESTED.value
        assert open_dataset(tmp_path).roots == {"glm": root}

    def test_the_folder_of_all_derivatives_may_be_named(self, tmp_path: Path) -> None:
        for name in ("b", "a"):
            describe(tmp_path / name)
            touch_maps(tmp_path / name, "01")
        dataset = open_dataset(tmp_path)
        assert dataset.roots == {"a": tmp_path / "a", "b": tmp_path / "b"}
        assert subjects(dataset) == ["01", "01"]

    def test_in_a_folder_with_maps_of_its_own_another_dataset_stays_nested(self, tmp_path: Path) -> None:
        root = tmp_path / "derivatives" / "lab"
        touch_maps(root, "01")
        describe(root / "glm")
        touch_maps(root / "glm", "02")
        dataset = open_dataset(tmp_path)
        assert (subjects(dataset), subjects(dataset, Reason.NESTED.value)) == (["01"], ["02"])
        assert dataset.roots == {"lab": root}

    def test_our_results_within_a_dataset_are_not_searched(self, tmp_path: Path) -> None:
        describe(tmp_path)
        touch_maps(tmp_path, "01")
        for name, tool in (("ours", "bids_ari"), ("theirs", "other")):
            describe(tmp_path / name, GeneratedBy=[{"Name": tool}])
            touch_maps(tmp_path / name, "02")
        assert names(open_dataset(tmp_path)) == [str(map_path(Path(), "01")), f"theirs/{map_path(Path(), '02')}"]

    def test_folders_of_derivatives_that_hold_other_things_are_no_datasets(self, tmp_path: Path) -> None:
        touch_maps(tmp_path / "derivatives" / "glm", "01")
        for name in (".git", "logs", "sourcedata"):
            touch_maps(tmp_path / "derivatives" / name, "02")
        assert subjects(open_dataset(tmp_path)) == ["01"]

    def test_maps_in_derivatives_itself_and_a_dataset_beside_them_are_both_found(self, tmp_path: Path) -> None:
        touch_maps(tmp_path / "derivatives", "01", "02")
        touch_maps(tmp_path / "derivatives" / "glm", "03")
        dataset = open_dataset(tmp_path)
        assert [(s.dataset, s.entities.get("sub")) for s in dataset.statmaps] == [
            ("derivatives", "01"),
            ("derivatives", "02"),
            ("glm", "03"),
        ]

    def test_a_named_dataset_within_a_named_one_is_found_once(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", node="a")
        touch_maps(tmp_path, "01", node="b")
        dataset = open_dataset(tmp_path, [tmp_path, tmp_path / "node-b"])
        assert [(statmap.dataset, statmap.entities.get("node")) for statmap in dataset.statmaps] == [
            (tmp_path.name.replace("_", ""), "a"),
            ("node-b", None),
        ]

    def test_cycles_of_links_and_links_without_a_target_are_reported(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01")
        (tmp_path / "sub-01" / "all").symlink_to("..")
        (tmp_path / "sub-02").symlink_to("/not/mounted")
        dataset = open_dataset(tmp_path)
        assert subjects(dataset) == ["01"]
        assert dataset.excluded == (
            Excluded(f"{tmp_path.name}/sub-01/all", Reason.CYCLE.text()),
            Excluded(f"{tmp_path.name}/sub-02", Reason.DANGLING.text()),
        )
        assert [entry.subject for entry in dataset.excluded] == ["01", "02"]
        assert discover(dataset).excluded == dataset.excluded

    def test_a_linked_subject_and_links_to_content_that_is_not_here_are_found(self, tmp_path: Path) -> None:
        (path,) = touch_maps(tmp_path / "store", "01")
        path.unlink()
        path.symlink_to("../.git/annex/objects/MD5E-s1--0/x")
        (tmp_path / "top").mkdir()
        (tmp_path / "top" / "sub-01").symlink_to("../store/sub-01")
        touch_maps(tmp_path / "top", "02")
        dataset = open_dataset(tmp_path / "top")
        assert [statmap.path for statmap in dataset.statmaps] == [map_path(tmp_path / "top", s) for s in ("01", "02")]
        assert {statmap.problem for statmap in dataset.statmaps} == {""}

    def test_a_folder_that_cannot_be_read_is_named_with_the_reason(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        touch_maps(tmp_path, "01", "02")
        refuse(monkeypatch, tmp_path / "sub-01", errno.EACCES)
        with pytest.raises(ReadError) as caught:
            open_dataset(tmp_path)
        assert caught.value.found == f"{tmp_path / 'sub-01'} cannot be read: Permission denied"

    def test_each_folder_is_looked_into_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The time must grow with the number of folders only: there may be thousands of subjects."""
        touch_maps(tmp_path, *(f"{i:02d}" for i in range(20)))
        looks, scan = [], os.scandir
        monkeypatch.setattr(os, "scandir", lambda path: looks.append(path) or scan(path))
        assert len(open_dataset(tmp_path).statmaps) == 20
        assert len(looks) == len(set(looks)) == 1 + 2 * 20


class TestNothing:
    def test_no_such_folder(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("gone")
        for path in (tmp_path / "nowhere", tmp_path / "link"):
            assert refusal(path).found == f"There is no folder {path}"

    def test_a_file_in_place_of_a_folder(self, tmp_path: Path) -> None:
        (path,) = touch_maps(tmp_path, "01")
        assert refusal(path).found == f"{path} is a file"
        assert refusal(path / "x").found == f"There is no folder {path / 'x'}"
        assert refusal(tmp_path, [path]).found == f"{path} is a file"

    def test_an_empty_dataset(self, tmp_path: Path) -> None:
        error = refusal(tmp_path)
        assert error.found == f"There is no statmap in {tmp_path} (searched: {tmp_path})"
        assert "derivative dataset that holds them" in error.hint

    @pytest.mark.parametrize("about", [{"Name": "fMRIPrep - fMRI workflow"}, {"GeneratedBy": [{"Name": "fMRIPrep"}]}])
    def test_outputs_of_fmriprep(self, about: dict[str, object], tmp_path: Path) -> None:
        """Preprocessed images are the first thing that somebody tries, as a dataset or in a study."""
        describe(tmp_path / "derivatives" / "prep", **about)
        for path in (tmp_path, tmp_path / "derivatives" / "prep"):
            assert "fit models of subjects to them first" in refusal(path).hint

    @pytest.mark.parametrize(
        ("kind", "maps"),
        [
            ("derivative", "sourcedata/glm"),
            ("derivative", "rawdata"),
            ("derivative", "code/results/v2"),
            ("derivative", "derivatives/lab/glm"),
            ("raw", "derivatives/glm/sourcedata"),
        ],
    )
    def test_maps_in_folders_that_are_not_searched_are_pointed_to(self, tmp_path: Path, kind: str, maps: str) -> None:
        describe(tmp_path, DatasetType=kind)
        touch_maps(tmp_path / maps, "01", "02")
        where = tmp_path / maps
        assert refusal(tmp_path).hint == f"There are some in {where}; to analyse those, use --derivatives {where}"
        assert subjects(open_dataset(tmp_path, [where])) == ["01", "02"]

    def test_maps_of_the_dataset_are_pointed_to_where_derivatives_have_none(self, tmp_path: Path) -> None:
        touch_maps(tmp_path / "raw" / "derivatives" / "glm", "01")
        (tmp_path / "empty").mkdir()
        error = refusal(tmp_path / "raw", [tmp_path / "empty"])
        assert error.hint.endswith(f"use --derivatives {tmp_path}/raw/derivatives/glm")

    def test_maps_in_a_dataset_of_its_own_are_pointed_to(self, tmp_path: Path) -> None:
        describe(tmp_path)
        describe(tmp_path / "glm")
        touch_maps(tmp_path / "glm", "01")
        assert refusal(tmp_path).hint.endswith(f"use --derivatives {tmp_path}/glm")
        (tmp_path / "glm").rename(tmp_path / "glm's")
        describe(tmp_path / "a lab")
        (tmp_path / "glm's").rename(tmp_path / "a lab" / "glm's")
        assert refusal(tmp_path).hint.endswith(f"""use --derivatives '{tmp_path}/a lab/glm'"'"'s'""")

    def test_the_dataset_that_holds_them_is_pointed_to(self, tmp_path: Path) -> None:
        describe(tmp_path)
        describe(tmp_path / "sourcedata" / "old")
        describe(tmp_path / "sourcedata" / "old" / "glm")
        touch_maps(tmp_path / "sourcedata" / "old" / "glm", "01", node="a")
        touch_maps(tmp_path / "sourcedata" / "new", "01", node="a")
        hint = refusal(tmp_path).hint
        assert f"{tmp_path}/sourcedata/new, {tmp_path}/sourcedata/old/glm" in hint

    def test_our_own_results_are_not_pointed_to(self, tmp_path: Path) -> None:
        root = tmp_path / "derivatives" / "ari"
        describe(root, GeneratedBy=[{"Name": "bids_ari"}])
        touch_maps(root, "01")
        assert "There are some" not in refusal(tmp_path).hint
        assert "nothing but results of bids_ari" in refusal(root).found

    def test_unreadable_folders_elsewhere_do_not_matter(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        describe(tmp_path)
        (tmp_path / "sourcedata").mkdir()
        touch_maps(tmp_path / "code", "01")
        refuse(monkeypatch, tmp_path / "sourcedata", errno.EACCES)
        assert refusal(tmp_path).hint.endswith(f"{tmp_path}/code")


class TestStatmaps:
    def test_a_folder_that_is_named_like_a_map_is_refused(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01")
        path = map_path(tmp_path, "02")
        touch_maps(path, "03")
        found = {statmap.path: (statmap.problem, statmap.extension) for statmap in open_dataset(tmp_path).statmaps}
        assert found == {map_path(tmp_path, "01"): ("", ".nii.gz"), path: ("a folder, not a file", ".nii.gz")}

    @pytest.mark.parametrize("where", ["file", "folder", "dataset"])
    def test_a_name_that_is_not_utf8_is_refused_and_can_be_written(self, tmp_path: Path, where: str) -> None:
        broken = os.fsdecode(b"\xff")
        subject = broken if where == "file" else "01"
        root = tmp_path / "derivatives" / (broken if where == "dataset" else "glm")
        path = root / (broken if where == "folder" else "sub-01") / map_path(Path(), subject).name
        try:
            path.parent.mkdir(parents=True)
        except OSError:
            pytest.skip("this file system takes no such names")
        path.touch()
        touch_maps(tmp_path, "02")
        fine, refused = sorted(open_dataset(tmp_path).statmaps, key=lambda statmap: statmap.problem)
        assert fine.problem == ""
        assert refused.problem == "its name is not UTF-8"
        assert refused.path == path
        text = f"{refused.name} {refused.dataset} {refused.entities}"
        assert text.isprintable()
        assert (r"\udcff" in text) == (where != "dataset")

    def test_entities_of_the_file_override_those_of_its_folders(self, tmp_path: Path) -> None:
        path = tmp_path / "node-runLevel" / "sub-01" / "ses-1" / "sub-02_run-01_contrast-a_stat-z_statmap.nii.gz"
        path.parent.mkdir(parents=True)
        path.touch()
        (statmap,) = open_dataset(tmp_path).statmaps
        assert str(statmap.entities) == "sub-02_ses-1_run-01_node-runLevel_contrast-a_stat-z"
        assert statmap.problem == "its name has sub-02, its folder sub-01"

    @given(st.lists(st.one_of(FOLDER, ANY_NAME), min_size=1, max_size=4).map("/".join))
    def test_entities_of_folders_are_those_of_pybids(self, path: str) -> None:
        """Also where two patterns match; labels that hold other characters than pybids reads are longer."""
        parsed = parse_file_entities(f"/{path}/", entities=known_entities())
        expected = {key_of(name): str(label) for name, label in parsed.items() if name not in NO_ENTITIES}
        labels = labels_of_folder(path).labels
        assert labels.keys() == expected.keys()
        for key, label in labels.items():
            assert label.startswith(expected[key])
            assert f"{key}-{label}" in path

    def test_each_entity_is_looked_for_under_its_key(self) -> None:
        """The key is the text of the pattern before the label."""
        for entity in known_entities():
            if entity.name not in NO_ENTITIES:
                assert f"{key_of(entity.name)}-(" in entity.pattern
