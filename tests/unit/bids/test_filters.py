"""Filter files, and filters by any entity."""

import json
from pathlib import Path
from typing import Any

import pytest
from builders import touch_maps

from bids_ari.bids.discover import discover
from bids_ari.bids.filters import read_filter_file
from bids_ari.errors import InputNotFoundError, NoMatchError, ReadError, UsageError


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Acquisitions 1, 01, 02 and 10 and none of session pre; the same of no session; a resolution in one of them."""
    for session in ("pre", None):
        for acq in ("1", "01", "02", "10", None):
            touch_maps(tmp_path, "01", session=session, acq=acq, task=None, space=None)
    touch_maps(tmp_path, "01", res="2", task=None, space=None, extension=".nii")
    return tmp_path


def taken(root: Path, where: dict[str, Any], **filters: Any) -> list[str]:
    """The sessions, labels and resolutions of the maps that pass."""
    found = [
        member.first.entities for contrast in discover(root, where=where, **filters) for member in contrast.members
    ]
    return sorted("/".join(entities.get(key) or "-" for key in ("ses", "acq", "res")) for entities in found)


PRE = ["pre/-/-", "pre/01/-", "pre/02/-", "pre/1/-", "pre/10/-"]


class TestValues:
    @pytest.mark.parametrize("key", ["ses", "session"])
    def test_an_entity_may_be_given_by_key_or_name(self, large: Path, key: str) -> None:
        assert taken(large, {key: "pre"}) == PRE

    @pytest.mark.parametrize("label", ["pre", "ses-pre", ["pre"], ["pre", "pre"]])
    def test_a_label_comes_with_or_without_its_key_alone_or_in_a_list(self, large: Path, label: Any) -> None:
        assert taken(large, {"ses": label}) == PRE

    @pytest.mark.parametrize(
        ("value", "labels"),
        [
            ("1", ["1"]),
            ("01", ["01"]),
            (1, ["01", "1"]),  # as pybids takes runs
            (1.0, ["01", "1"]),
            (10, ["10"]),
            ([1, "02"], ["01", "02", "1"]),
            (None, ["-"]),
            ("*", ["01", "02", "1", "10"]),
            ([None, 2], ["-", "02"]),
            ([None, "*"], ["-", "01", "02", "1", "10"]),
        ],
        ids=str,
    )
    def test_texts_match_exactly_and_numbers_with_any_leading_zeros(
        self, large: Path, value: Any, labels: list[str]
    ) -> None:
        assert taken(large, {"acq": value, "ses": "pre"}) == [f"pre/{acq}/-" for acq in labels]

    def test_any_means_that_it_is_there_also_for_maps_of_a_node(self, tmp_path: Path) -> None:
        """A map without a label passes a filter by the only existing label, but not one for any label."""
        touch_maps(tmp_path, "01", node="subject", task=None)
        touch_maps(tmp_path, "02", task="emo", node="subject")
        assert len(discover(tmp_path, task="emo")) == 2
        assert [c.entities.get("task") for c in discover(tmp_path, where={"task": "*"})] == ["emo"]

    def test_all_conditions_must_be_met(self, large: Path) -> None:
        assert taken(large, {"ses": None, "res": "2"}) == ["-/-/2"]
        assert taken(large, {"acq": 1}, session="pre") == ["pre/01/-", "pre/1/-"]

    def test_the_reason_names_the_filter_file(self, large: Path) -> None:
        found = discover(large, where={"session": "pre"})
        assert {entry.reason for entry in found.all_excluded()} == {
            "excluded by the filter file or the Stats Model (ses)"
        }
        assert len(found.all_excluded()) == 6

    @pytest.mark.parametrize("value", [{}, {"a": 1}, [["1"]], [{}], True, [False], 1.5, [], "", float("inf")], ids=str)
    def test_other_values_are_refused(self, large: Path, value: Any) -> None:
        with pytest.raises(UsageError, match=r"acq .*expected a label, a whole number, null"):
            taken(large, {"acq": value})


class TestEntities:
    @pytest.mark.parametrize("name", ["Session", "sesion", "datatype", "", "a b"])
    def test_an_unknown_entity_is_refused(self, large: Path, name: str) -> None:
        with pytest.raises(UsageError, match=f"the entity '{name}', which neither BIDS nor a file here has"):
            taken(large, {name: "pre"})

    def test_an_entity_that_only_files_here_have_is_one(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", house="red")
        touch_maps(tmp_path, "02", house="blue")
        (contrast,) = discover(tmp_path, where={"house": "red"})
        assert contrast.subjects == ("01",)

    @pytest.mark.parametrize(
        ("where", "requested", "there"),
        [
            ({"session": "post"}, "ses post", "pre"),
            ({"acq": 3}, "acq 3", "01, 02, 1, 10"),
            ({"acq": ["2", 1]}, "acq 2", "01, 02, 1, 10"),
            ({"acq": 100}, "acq 100", "01, 02, 1, 10"),
            ({"desc": "smooth"}, "desc smooth", "nothing, no name holds desc-"),
            ({"desc": "*"}, "desc at all", "nothing, no name holds desc-"),
            ({"contrast": None}, None, None),
        ],
        ids=str,
    )
    def test_an_unknown_label_is_named_with_a_list_of_existing_ones(
        self, large: Path, where: dict[str, Any], requested: str | None, there: str | None
    ) -> None:
        with pytest.raises(NoMatchError) as caught:
            taken(large, where)
        if requested:
            assert (caught.value.found, caught.value.expected) == (f"No statmap has {requested}", f"one of: {there}")
        else:
            assert "has contrast none, stat effect" in caught.value.found

    def test_labels_that_exist_but_not_together_are_named(self, large: Path) -> None:
        with pytest.raises(NoMatchError, match=r"has res 2, ses any, acq 1, none, stat effect"):
            taken(large, {"res": "2", "ses": "*", "acq": [1, None]})

    def test_the_contrast_of_halfpipe_is_its_taskcontrast(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", contrast=None, taskcontrast="faces")
        assert len(discover(tmp_path, where={"contrast": "faces"})) == 1


class TestStatSuffixExtension:
    @pytest.mark.parametrize("value", ["effect", ["effect", "variance"], "*", "stat-effect"])
    def test_the_statistic_of_the_flag_may_be_selected(self, large: Path, value: Any) -> None:
        assert len(taken(large, {"stat": value, "suffix": "statmap"})) == 11

    @pytest.mark.parametrize(
        ("value", "hint"), [("z", "To analyse z maps, use --stat z"), (["t", "p"], ""), ("variance", ""), (None, "")]
    )
    def test_another_statistic_than_the_flag_has_is_refused(self, large: Path, value: Any, hint: str) -> None:
        with pytest.raises(UsageError, match="expected stat effect, the value of --stat") as caught:
            taken(large, {"stat": value})
        assert caught.value.hint == hint

    @pytest.mark.parametrize("value", ["bold", None, ["bold"]])
    def test_no_other_suffix_is_read(self, large: Path, value: Any) -> None:
        with pytest.raises(UsageError, match="expected suffix statmap"):
            taken(large, {"suffix": value})

    def test_an_extension_is_chosen(self, large: Path) -> None:
        assert taken(large, {"extension": ".nii"}) == ["-/-/2"]
        assert len(taken(large, {"extension": [".nii", ".nii.gz"]})) == 11
        assert len(taken(large, {"extension": "*"})) == 11

    @pytest.mark.parametrize("value", ["nii", ".mgz", None, [".nii", ".surf.gii"], 1])
    def test_no_other_extension_can_be_selected(self, large: Path, value: Any) -> None:
        with pytest.raises(UsageError, match=r"expected extension \.nii or \.nii\.gz or \.img or \.func\.gii or"):
            taken(large, {"extension": value})


class TestFile:
    def write(self, path: Path, content: Any) -> Path:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def test_queries_of_other_suffixes_are_ignored(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "f.json", {"bold": {"task": "x"}, "statmap": {"run": 1, "ses": None}, "t1w": 3})
        assert read_filter_file(path) == {"run": 1, "ses": None}

    def test_a_filter_file_selects_maps(self, large: Path, tmp_path: Path) -> None:
        path = self.write(tmp_path / "filter.json", '\ufeff{"statmap":\r\n{"acq": [1, null], "ses": "pre"}}')
        assert taken(large, dict(read_filter_file(str(path)))) == ["pre/-/-", "pre/01/-", "pre/1/-"]

    @pytest.mark.parametrize(
        ("content", "found"),
        [
            ('{"bold": {}, "T1w": {}}', "queries for bold, T1w"),
            ("{}", "queries for nothing"),
            ('{"statmap": []}', r"statmap is \[\]"),
            ('{"statmap": "x"}', "statmap is 'x'"),
            ('{"statmap": null}', "statmap is None"),
            ("[1]", "no JSON object"),
            ("{'a': 1}", "JSON"),
            ("", "JSON"),
            ('{"statmap": {"run": 1}, "statmap": {"run": 2}}', "statmap is given several"),
        ],
    )
    def test_a_file_without_a_query_for_statmaps_is_refused(self, tmp_path: Path, content: str, found: str) -> None:
        path = self.write(tmp_path / "filter.json", content)
        with pytest.raises(UsageError, match=found) as caught:
            read_filter_file(path)
        assert str(path) in caught.value.found

    def test_a_missing_or_unreadable_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputNotFoundError, match=r"no filter file .*gone\.json"):
            read_filter_file(tmp_path / "gone.json")
        with pytest.raises(ReadError, match=str(tmp_path)):
            read_filter_file(tmp_path)
