"""Description of an output: links, licence, authors and labels, as far as the sources have them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders import SHAPE, describe, image

from bids_ari.outputs.derivatives import Derivatives


@pytest.fixture
def out(tmp_path: Path) -> Derivatives:
    """An output folder that exists and can be written."""
    (tmp_path / "out").mkdir()
    return Derivatives(tmp_path / "out", {})


class TestDescription:
    def described(self, out: Derivatives) -> dict[str, Any]:
        out.describe()
        return dict(json.loads((out.folder / "dataset_description.json").read_text()))

    def test_links_to_the_sources_are_relative(self, tmp_path: Path) -> None:
        """They contain no folder of a user, and both datasets may be moved together."""
        sources = {"raw": tmp_path / "raw", "first": tmp_path / "raw" / "derivatives" / "first"}
        about = self.described(Derivatives(tmp_path / "raw" / "derivatives" / "ari", sources))
        assert about["DatasetLinks"] == {"raw": "../..", "first": "../first"}
        assert about["SourceDatasets"] == [{"URL": "../.."}, {"URL": "../first"}]
        assert str(tmp_path) not in json.dumps(about)

    def test_links_lead_to_the_source_from_a_linked_output_too(self, tmp_path: Path) -> None:
        (tmp_path / "deep" / "store").mkdir(parents=True)
        (tmp_path / "out").symlink_to(tmp_path / "deep" / "store")
        (tmp_path / "first").mkdir()
        about = self.described(Derivatives(tmp_path / "out", {"first": tmp_path / "first"}))
        assert (tmp_path / "out" / about["DatasetLinks"]["first"]).resolve() == tmp_path / "first"

    def test_it_names_the_software(self, out: Derivatives) -> None:
        about = self.described(out)
        assert about["DatasetType"] == "derivative"
        assert about["GeneratedBy"][0]["Name"] == "bids_ari"

    @pytest.mark.parametrize(
        ("licences", "expected"),
        [(["CC0", "CC0"], "CC0"), (["CC0", "PDDL"], "unknown"), (["CC0", None], "unknown"), ([None], "unknown")],
    )
    def test_a_licence_that_all_sources_share_is_kept(
        self, tmp_path: Path, licences: list[str | None], expected: str
    ) -> None:
        sources = {f"s{i}": tmp_path / f"s{i}" for i in range(len(licences))}
        for folder, licence in zip(sources.values(), licences, strict=True):
            describe(folder, **({"License": licence} if licence else {}))
        assert self.described(Derivatives(tmp_path / "out", sources))["License"] == expected

    @pytest.mark.parametrize("licence", [3, ["CC0", 4], {"a": 1}, "", " ", True])
    def test_a_licence_is_a_text(self, tmp_path: Path, licence: object) -> None:
        describe(tmp_path / "in", License=licence)
        found = self.described(Derivatives(tmp_path / "out", {"in": tmp_path / "in"}))["License"]
        assert found == ("CC0" if isinstance(licence, list) else "unknown")

    @pytest.mark.parametrize(
        ("authors", "kept"),
        [
            (["A  B\n", "C"], ["A B", "C"]),
            ([], []),
            (None, []),
            (3, []),
            ("A B", ["A B"]),
            ([1, None, ["A"], {"name": "B"}, "", " ", "C"], ["C"]),
        ],
    )
    def test_authors_are_those_of_the_sources(self, tmp_path: Path, authors: object, kept: list[str]) -> None:
        """If they are fewer than the two that the validator requires, the others name the software or nobody."""
        describe(tmp_path / "in", Authors=authors)
        authors = self.described(Derivatives(tmp_path / "out", {"in": tmp_path / "in"}))["Authors"]
        assert authors[: len(kept)] == kept
        rest = [] if len(kept) > 1 else ["the program that made"] if kept else ["does not name them", "the program"]
        assert len(authors) == len(kept) + len(rest)
        assert all(words in text for words, text in zip(rest, authors[len(kept) :], strict=True))

    def test_sources_of_other_runs_are_used(self, tmp_path: Path) -> None:
        """Also if a run has no source, such as one with --reports-only."""
        for name, author, licence in (("a", "A", "CC0"), ("b", "B", "PDDL")):
            describe(tmp_path / name, Authors=[author], License=licence)
            about = self.described(Derivatives(tmp_path / "out", {name: tmp_path / name}))
        assert self.described(Derivatives(tmp_path / "out", {})) == about
        assert about["Authors"] == ["A", "B"]
        assert about["License"] == "unknown"

    def test_each_author_is_named_once(self, tmp_path: Path) -> None:
        describe(tmp_path / "a", Authors=["A", "B"])
        describe(tmp_path / "b", Authors=["B", "C"])
        sources = {name: tmp_path / name for name in "ab"}
        assert self.described(Derivatives(tmp_path / "out", sources))["Authors"] == ["A", "B", "C"]

    def test_derivatives_without_authors_have_those_of_the_enclosing_dataset(self, tmp_path: Path) -> None:
        describe(tmp_path / "raw", Authors=["A", "B"])
        describe(tmp_path / "raw" / "other" / "x", Name="no derivative of raw")
        first, other = tmp_path / "raw" / "derivatives" / "lab" / "fitlins", tmp_path / "raw" / "other" / "x"
        describe(first)
        assert self.described(Derivatives(tmp_path / "out1", {"in": first}))["Authors"] == ["A", "B"]
        assert not {"A", "B"} & set(self.described(Derivatives(tmp_path / "out2", {"in": other}))["Authors"])
        describe(first, Authors=["C", "D"])
        assert self.described(Derivatives(tmp_path / "out3", {"in": first}))["Authors"] == ["C", "D"]

    @pytest.mark.parametrize("content", ["{", "[]", "", None])
    def test_a_source_with_a_damaged_or_missing_description_is_skipped(
        self, tmp_path: Path, content: str | None
    ) -> None:
        (tmp_path / "in").mkdir()
        if content is not None:
            (tmp_path / "in" / "dataset_description.json").write_text(content)
        about = self.described(Derivatives(tmp_path / "out", {"in": tmp_path / "in"}))
        assert about["License"] == "unknown"
        assert "does not name them" in about["Authors"][0]

    def test_the_container_is_described(self, out: Derivatives, monkeypatch: pytest.MonkeyPatch) -> None:
        box = {"Type": "docker", "Tag": "bids_ari:1.0"}
        monkeypatch.setattr("bids_ari.runtime.provenance.container", lambda: box)
        assert self.described(out)["GeneratedBy"][0]["Container"] == box
        monkeypatch.setattr("bids_ari.runtime.provenance.container", lambda: None)
        assert "Container" not in self.described(out)["GeneratedBy"][0]

    def test_links_of_other_runs_are_kept(self, tmp_path: Path) -> None:
        for name in ("one", "other"):
            about = self.described(Derivatives(tmp_path / "out", {name: tmp_path / name}))
        assert about["DatasetLinks"] == {"one": "../one", "other": "../other"}
        assert about["SourceDatasets"] == [{"URL": "../one"}, {"URL": "../other"}]

    def test_a_name_with_a_new_target_is_logged_and_the_earlier_link_kept(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """However often two runs alternate, the links do not grow in number, and each run has its name."""
        links: list[dict[str, str]] = []
        for place in ("a", "b", "a", "b", "a"):
            about = self.described(Derivatives(tmp_path / "out", {"first": tmp_path / place / "first"}))
            links.append(about["DatasetLinks"])
        assert links[1] == {"first": "../b/first", "first-2": "../a/first"}
        assert [each["first"] for each in links] == [f"../{place}/first" for place in "ababa"]
        assert all(set(each.values()) == {"../a/first", "../b/first"} for each in links[1:])
        assert len(links[4]) <= 3
        assert len(about["SourceDatasets"]) == 2
        assert "bids:first: is now ../b/first" in caplog.text

    @pytest.mark.parametrize("links", [3, ["x"], {"first": 3}, {"first": {"a": 1}}])
    def test_invalid_links_are_dropped(self, tmp_path: Path, links: object) -> None:
        describe(tmp_path / "out", DatasetLinks=links)
        about = self.described(Derivatives(tmp_path / "out", {"in": tmp_path / "in"}))
        assert about["DatasetLinks"] == {"in": "../in"}

    def explained(self, out: Derivatives, result: str, *labels: str) -> None:
        with out.result("c"):
            for label in labels:
                out.text(f"group/c_desc-{label}_mask.json", "x")
                out.explain(label, f"meaning of {label}")
            out.record(result, [], {})

    def labels(self, out: Derivatives) -> dict[str, str]:
        out.describe()
        frame = pd.read_csv(out.folder / "descriptions.tsv", sep="\t")
        return dict(zip(frame["desc_id"], frame["description"], strict=True))

    def test_labels_are_described_as_long_as_files_have_them(self, out: Derivatives) -> None:
        """Also those of other runs, and of files that an interrupted run may have left."""
        self.explained(out, "c_desc-greater", "greaterZ3", "greaterZ4", "analysis")
        self.explained(Derivatives(out.folder, {}), "c_desc-less", "lessZ3", "analysis")
        assert set(self.labels(out)) == {"desc-greaterZ3", "desc-greaterZ4", "desc-lessZ3", "desc-analysis"}
        self.explained(Derivatives(out.folder, {}), "c_desc-greater", "greaterZ3", "analysis")
        assert self.labels(out) == {
            label: f"meaning of {label.removeprefix('desc-')}"
            for label in ("desc-greaterZ3", "desc-lessZ3", "desc-analysis")
        }

    def test_labels_of_kept_files_stay_described(self, out: Derivatives) -> None:
        """As with --reports-only."""
        self.explained(out, "c_desc-greater", "greaterZ3", "analysis")
        kept = out.records()[0]["Files"]
        with out.result("c"):
            out.record("c_desc-greater", kept, {})
        assert set(self.labels(out)) == {"desc-greaterZ3", "desc-analysis"}

    def test_labels_of_no_recorded_result_are_described_in_this_run_only(self, out: Derivatives) -> None:
        out.explain("greater", "x")
        assert self.labels(out) == {"desc-greater": "x"}
        assert self.labels(Derivatives(out.folder, {})) == {}

    @pytest.mark.parametrize("meanings", [3, ["x"], {"desc-x": 3}])
    def test_invalid_meanings_are_dropped(self, out: Derivatives, meanings: object) -> None:
        out.json("logs/results/a.json", {"Name": "a", "Files": ["group/a_desc-x_mask.json"], "Descriptions": meanings})
        assert self.labels(out) == {}

    def test_pybids_reads_the_dataset_with_its_configuration(self, out: Derivatives) -> None:
        from bids import BIDSLayout

        out.image("group/task-a_contrast-b+c_test-mean_stat-z_statmap.nii.gz", image(np.zeros(SHAPE)))
        out.describe()
        layout = BIDSLayout(str(out.folder), validate=False, is_derivative=True, config=["bids", "derivatives"])
        (entities,) = [file.get_entities() for file in layout.get(suffix="statmap")]
        assert (entities["contrast"], entities["test"], entities["stat"]) == ("b+c", "mean", "z")
