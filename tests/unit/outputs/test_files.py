"""Files of a result: names, sidecars, and agreement of images and tables with the result."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from builders import brain, describe, image, write_group, write_map

from bids_ari import cluster_tdp
from bids_ari.analysis.analyse import analyse
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.values import MapValues
from bids_ari.bids.dataset import open_dataset
from bids_ari.bids.discover import discover
from bids_ari.config.options import Options
from bids_ari.outputs import files
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.files import OutputMap
from bids_ari.outputs.outcome import summary

STEM = "group/task-emo_space-MNI152NLin2009cAsym_contrast-faces"
THRESHOLDS = (2.0, 3.1, 30.0)
LABELS = ("Z2", "Z3p1", "Z30")
FORMED = ("Z2", "Z3p1", "Z30", "Tdp50", "Tdp70", "Tdp90")


@dataclass(frozen=True)
class Written:
    """An output folder, the input, the results, and the names that `write` returned."""

    folder: Path
    source: Path
    results: tuple[ContrastResult, ...]
    names: tuple[str, ...]

    def json(self, name: str) -> dict[str, Any]:
        return dict(json.loads((self.folder / name).read_text()))

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / name, sep="\t", na_values=["n/a"], keep_default_na=False)

    def matching(self, ending: str) -> list[str]:
        found = [name for name in self.names if name.endswith(ending)]
        assert found
        return found


def write(root: Path, out: Path, options: Options) -> Iterator[Written]:
    """Analyse and write each contrast of a dataset."""
    dataset = open_dataset(root)
    with Derivatives(out, dataset.roots) as derivatives:
        for contrast in discover(dataset):
            results = analyse(contrast, options)
            yield Written(
                out,
                root,
                results,
                tuple(dict.fromkeys(name for result in results for name in files.write(result, derivatives))),
            )
        derivatives.describe()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Two alternatives, three thresholds of which the last has no cluster, a mask, an excluded subject and files."""
    folder = tmp_path_factory.mktemp("outputs")
    rng = np.random.default_rng(11)
    describe(folder / "in")
    write_group(folder / "in", 8, rng)
    write_map(folder / "in", "09", brain(rng), stat="z")
    inside = np.zeros(brain(rng).shape)
    inside[2:9, 2:9, 2:11] = 1
    nib.save(image(inside), folder / "mask.nii.gz")
    options = Options(
        mask=folder / "mask.nii.gz", alternative=("greater", "two-sided"), threshold=THRESHOLDS, smoothing=4.0
    )
    (one,) = write(folder / "in", folder / "in" / "derivatives" / "ari", options)
    return one


def test_names_of_files(written: Written) -> None:
    maps = [f"{STEM}_test-mean_stat-{stat}_statmap" for stat in ("effect", "variance", "t", "z")]
    for desc in ("greater", "twoSided"):
        maps += [f"{STEM}_test-mean_stat-{stat}_desc-{desc}_statmap" for stat in ("p", "negLog10P", "pHommel")]
        maps += [f"{STEM}_test-mean_stat-tdp_desc-{desc}_statmap"]
        maps += [f"{STEM}_test-mean_stat-tdp_desc-{desc}All_statmap"]
        for z in FORMED:
            maps += [f"{STEM}_test-mean_stat-tdp_desc-{desc}{z}_statmap", f"{STEM}_test-mean_desc-{desc}{z}_dseg"]
    maps += [f"{STEM}_desc-analysis_mask"]
    tables = [f"{STEM}_design"]
    for desc in ("greater", "twoSided"):
        tables += [f"{STEM}_test-mean_desc-{desc}{z}_clusters" for z in FORMED]
    expected = {name + extension for name in maps for extension in (".nii.gz", ".json")}
    expected |= {name + extension for name in tables for extension in (".tsv", ".json")}
    expected |= {f"{name}.tsv" for name in maps if name.endswith("dseg")}
    expected |= {f"{STEM}_test-mean_desc-{desc}_forest.npz" for desc in ("greater", "twoSided")}
    assert set(written.names) == expected


def test_returned_names_are_those_on_disk(written: Written) -> None:
    there = {path.relative_to(written.folder).as_posix() for path in (written.folder / "group").iterdir()}
    assert there == set(written.names)


def test_each_image_has_a_description_of_its_own(written: Written) -> None:
    descriptions = [
        written.json(name.replace(".nii.gz", ".json"))["Description"] for name in written.matching(".nii.gz")
    ]
    assert all(descriptions)
    # 4 statistics, p, -log10 p, adjusted p, 2 highest TDP, mask; TDP and clusters of 3 thresholds and 3 target TDP
    assert len(set(descriptions)) == 4 + 2 + 1 + 2 + 1 + 2 * (3 + 3)


def test_json_holds_no_nan(written: Written) -> None:
    def refuse(constant: str) -> NoReturn:
        pytest.fail(constant)

    for name in written.matching(".json"):
        json.loads((written.folder / name).read_text(), parse_constant=refuse)


def test_sources_exist(written: Written) -> None:
    for name in written.matching(".json"):
        for source in written.json(name).get("Sources", []):
            if name.endswith("_design.json"):
                assert (written.source / source.removeprefix("bids:in:")).is_file()
            else:
                assert source.startswith("bids::")
                assert source.removeprefix("bids::") in written.names, name


def test_sidecars_have_the_settings_of_the_inference(written: Written) -> None:
    about = written.json(f"{STEM}_test-mean_desc-twoSidedZ3p1_dseg.json")
    result = written.results[1]
    expected = {
        "Alternative": "two-sided",
        "Alpha": 0.05,
        "Method": "simes",
        "HommelValue": result.bound.h,
        "Connectivity": 18,
        "JoinSigns": False,
        "ClusterThreshold": 3.1,
        "DegreesOfFreedom": 7,
        "NumberOfSubjects": 8,
        "NumberOfVoxels": 7 * 7 * 9,  # the box of the mask
        "SmoothingFWHM": 4,
        "Mask": "mask.nii.gz",
        "Coverage": 1,
        "InputStatistic": "effect",
        "Test": "mean",
    }
    assert {key: about.get(key) for key in expected} == expected


@pytest.mark.parametrize(("desc", "alternative"), [("greater", "greater"), ("twoSided", "two-sided")])
def test_the_sidecar_of_p_has_the_alternative(written: Written, desc: str, alternative: str) -> None:
    assert written.json(f"{STEM}_test-mean_stat-p_desc-{desc}_statmap.json")["Alternative"] == alternative
    assert "Alternative" not in written.json(f"{STEM}_test-mean_stat-t_statmap.json")


def test_no_folder_of_the_user_is_written(written: Written) -> None:
    for path in written.folder.rglob("*"):
        if path.suffix in {".json", ".tsv", ".md"}:
            assert str(written.source.parent) not in path.read_text(), path


def test_each_column_of_a_table_of_clusters_is_described(written: Written) -> None:
    for name in written.matching("clusters.tsv"):
        described = written.json(name.replace(".tsv", ".json"))
        columns = written.table(name).columns
        assert all(described[column]["Description"] for column in columns)
        in_mm = {column for column in columns if described[column].get("Units") == "mm"}
        assert in_mm == {column for column in columns if column.endswith(("_x", "_y", "_z"))}
        assert described["volume_mm3"]["Units"] == "mm3"


def test_labels_in_tables_are_values_in_images(written: Written) -> None:
    for name in written.matching("dseg.nii.gz"):
        values = np.unique(nib.load(written.folder / name).get_fdata()).tolist()
        names = written.table(name.replace(".nii.gz", ".tsv"))
        clusters = written.table(name.replace("dseg.nii.gz", "clusters.tsv"))
        assert names["index"].tolist() == clusters["label"].tolist() == values[1:]
        assert names["name"].tolist() == [f"cluster {label:g}" for label in values[1:]]


def test_tables_are_those_of_the_result(written: Written) -> None:
    for result in written.results:
        for threshold, label in zip(THRESHOLDS, LABELS, strict=True):
            table = written.table(f"{STEM}_test-mean_desc-{result.desc}{label}_clusters.tsv")
            pd.testing.assert_frame_equal(table, result.table(threshold), check_dtype=False, rtol=1e-9)  # 10 digits


def test_images_are_those_of_the_result(written: Written) -> None:
    for result in written.results:
        for stat in ("effect", "variance", "t", "z", f"p_desc-{result.desc}", f"tdp_desc-{result.desc}"):
            back = nib.load(written.folder / f"{STEM}_test-mean_stat-{stat}_statmap.nii.gz")
            expected = result.image(stat.partition("_")[0])  # type: ignore[arg-type]
            np.testing.assert_array_equal(back.get_fdata(), expected.get_fdata())
            assert int(back.header["sform_code"]) == 4  # as in the input
        for threshold, label in zip(THRESHOLDS, LABELS, strict=True):
            name = f"{STEM}_test-mean_{{}}desc-{result.desc}{label}"
            tdp = nib.load(written.folder / f"{name.format('stat-tdp_')}_statmap.nii.gz")
            np.testing.assert_array_equal(tdp.get_fdata(), result.image("tdp", threshold).get_fdata())
            labels = nib.load(written.folder / f"{name.format('')}_dseg.nii.gz")
            np.testing.assert_array_equal(labels.get_fdata(), result.image("clusters", threshold).get_fdata())
        mask = nib.load(written.folder / f"{STEM}_desc-analysis_mask.nii.gz")
        np.testing.assert_array_equal(np.asarray(mask.dataobj), result.space.inside)
        assert mask.get_data_dtype() == np.uint8


@pytest.mark.parametrize("desc", ["greater", "twoSided"])
def test_the_tdp_can_be_computed_from_the_files(written: Written, desc: str) -> None:
    about = written.json(f"{STEM}_test-mean_stat-tdp_desc-{desc}_statmap.json")
    again = cluster_tdp(
        written.folder / about["Sources"][0].removeprefix("bids::"),
        written.folder / f"{STEM}_desc-analysis_mask.nii.gz",
        threshold=about["ClusterThresholds"],
        alpha=about["Alpha"],
        alternative=about["Alternative"],
        connectivity=about["Connectivity"],
        method=about["Method"],
    )
    first = nib.load(written.folder / f"{STEM}_test-mean_stat-tdp_desc-{desc}_statmap.nii.gz")
    assert first.get_fdata().max() > 0
    np.testing.assert_array_equal(again.get_fdata(), first.get_fdata())


def test_the_design_names_each_subject_with_its_file(written: Written) -> None:
    design = written.table(f"{STEM}_design.tsv")
    assert design["participant_id"].tolist() == [f"sub-{i:02d}" for i in range(1, 9)]
    assert design["intercept"].tolist() == [1] * 8
    links = written.json("dataset_description.json")["DatasetLinks"]
    for _, row in design.iterrows():
        _, name, path = row["source"].split(":")
        file = written.folder / links[name] / path
        assert file.name.startswith(row["participant_id"])
        assert hashlib.sha256(file.read_bytes()).hexdigest() == row["source_sha256"]


def test_sidecars_name_the_mask_and_its_content(written: Written) -> None:
    about = written.json(f"{STEM}_test-mean_stat-z_statmap.json")
    assert about["Mask"] == "mask.nii.gz"
    assert about["MaskHash"] == hashlib.sha256((written.source.parent / "mask.nii.gz").read_bytes()).hexdigest()


def test_the_design_lists_excluded_subjects_with_reasons(written: Written) -> None:
    excluded = written.json(f"{STEM}_design.json")["LeftOut"]
    assert {"What": "sub-09", "Reason": "no effect map of this contrast"} in excluded
    assert any(entry["What"].endswith("stat-z_statmap.nii.gz") for entry in excluded)
    (test,) = written.json(f"{STEM}_design.json")["Tests"].items()
    assert (test[0], test[1]["Statistic"], test[1]["Weights"]) == ("mean", "t", [{"intercept": 1.0}])


def test_each_desc_label_in_a_name_is_described(written: Written) -> None:
    explained = written.table("descriptions.tsv").set_index("desc_id")["description"]
    used = {part for name in written.names for part in name.split("_") if part.startswith("desc-")}
    assert set(explained.index) == used
    assert explained["desc-twoSidedZ3p1"] == "Effects that are not zero; clusters above z = 3.1"


def test_the_summary_counts_what_the_tables_hold(written: Written) -> None:
    for result in written.results:
        found = json.loads(json.dumps(summary(result)))
        assert found["Clusters"] == {f"{threshold:g}": len(result.table(threshold)) for threshold in THRESHOLDS}
        assert found["TrueDiscoveryNumber"] == result.bound.whole > 0
        assert found["Report"] == f"{STEM}_test-mean_desc-{result.desc}_report.html"


def test_contrasts_that_differ_only_in_desc_do_not_overwrite_each_other(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    for desc in ("smooth", "rough"):
        write_group(tmp_path / "in", 3, rng, desc=desc)
    one, other = write(tmp_path / "in", tmp_path / "out", Options(threshold=(2,)))
    assert not set(one.names) & set(other.names)
    assert f"{STEM}_test-mean_desc-roughGreaterZ2_dseg.nii.gz" in one.names
    explained = pd.read_csv(tmp_path / "out" / "descriptions.tsv", sep="\t")["desc_id"].tolist()
    assert {"desc-roughGreaterZ2", "desc-smoothGreaterZ2", "desc-smoothAnalysis"} <= set(explained)


def test_options_given_as_numpy_scalars_can_be_written(tmp_path: Path, rng: np.random.Generator) -> None:
    write_group(tmp_path / "in", 3, rng)
    options = Options(
        alpha=np.float32(0.5), threshold=np.array([2], dtype=np.int64), connectivity=np.int64(6), smoothing=np.int64(4)
    )
    (one,) = write(tmp_path / "in", tmp_path / "out", options)
    assert one.json(f"{STEM}_test-mean_desc-greaterZ2_dseg.json")["Connectivity"] == 6


def test_one_entry_of_the_table_adds_a_map(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its image, sidecar, record, meaning of the label and line in the documentation."""
    toy = OutputMap("se", "Standard error", lambda r: MapValues(np.sqrt(r.glm.variance)), "toy", "A toy")
    monkeypatch.setattr(files, "MAPS", [*files.MAPS, toy])
    write_group(tmp_path / "in", 3, rng)
    (one,) = write(tmp_path / "in", tmp_path / "out", Options(threshold=(2,)))
    name = f"{STEM}_test-mean_stat-se_desc-toy_statmap"
    assert {f"{name}.nii.gz", f"{name}.json"} <= set(one.names)
    assert one.json(f"{name}.json")["Description"] == "Standard error"
    variance = nib.load(tmp_path / "out" / f"{STEM}_test-mean_stat-variance_statmap.nii.gz").get_fdata()
    values = nib.load(tmp_path / "out" / f"{name}.nii.gz").get_fdata()
    np.testing.assert_allclose(values[variance > 0], np.sqrt(variance[variance > 0]), rtol=1e-6)
    assert "desc-toy\tA toy" in (tmp_path / "out" / "descriptions.tsv").read_text()
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "docs")
    from made_from_code import map_lines

    assert "| `stat-se_desc-toy_statmap` | Standard error |" in map_lines()
