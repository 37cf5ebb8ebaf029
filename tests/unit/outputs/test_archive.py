"""Saved results: nothing is lost, other programs can read them, and versions may differ."""

import io
import logging
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders_archive import RESULTS, Arrays, changed, opened
from hostile.pages import undraw

from bids_ari._version import __version__
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.statmap import StatMap
from bids_ari.config.model_options import TEMPLATE
from bids_ari.images.volume import VolumeSpace
from bids_ari.outputs import archive, files, names
from bids_ari.outputs.archive_format import ARRAYS
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.report.figures.draw import draw
from bids_ari.report.page import report_page

FOLDER = "jane-doe"

DRAWN = ("greater", "learned", "gaps", "factor", "regions", "other z")
"""Results that have all kinds of pictures between them."""


@dataclass(frozen=True)
class Case:
    """A result, its file, and the result read from it."""

    result: ContrastResult
    content: bytes
    back: ContrastResult


def round_trip(result: ContrastResult) -> Case:
    content = archive.pack(result)
    return Case(result, content, archive.unpack(content, "x_forest.npz"))


@pytest.fixture(scope="module", params=RESULTS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return round_trip(RESULTS[request.param](tmp_path_factory.mktemp(FOLDER)))


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return round_trip(RESULTS["regions"](tmp_path_factory.mktemp(FOLDER)))


def differences(one: Any, other: Any, where: str = "result") -> Iterator[str]:
    """Return the differences between two values of any type; paths are compared by name."""
    if isinstance(one, Path):
        same = isinstance(other, Path) and one.name == other.name
    elif type(one) is not type(other):
        same = False
    elif isinstance(one, np.ndarray):
        same = one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    elif isinstance(one, StatMap):
        for name in one.__struct_fields__:
            mine, theirs = (Path(each.file) if name == "file" else getattr(each, name) for each in (one, other))
            yield from differences(mine, theirs, f"{where}.{name}")
        return
    elif is_dataclass(one):
        for field in filter(lambda field: field.compare, fields(one)):
            yield from differences(getattr(one, field.name), getattr(other, field.name), f"{where}.{field.name}")
        return
    elif isinstance(one, Mapping):
        yield from differences(tuple(one.items()), tuple(other.items()), where)
        return
    elif isinstance(one, tuple) and len(one) == len(other):
        for i, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from differences(mine, theirs, f"{where}[{i}]")
        return
    else:
        same = one == other
    if not same:
        yield f"{where}: {one!r:.80} is {other!r:.80}"


def as_saved(result: ContrastResult) -> ContrastResult:
    """Return what the file holds: not the folder of the atlas, nor the effects of subjects in regions, a table."""
    atlas = result.options.atlas
    return replace(result, options=replace(result.options, atlas=atlas and Path(atlas).name), region_effects=())


def test_every_field_is_read_back(case: Case) -> None:
    assert list(differences(as_saved(case.result), case.back)) == []


def test_the_same_result_has_the_same_bytes(case: Case) -> None:
    assert archive.pack(case.result) == case.content == archive.pack(case.back)


def test_neither_time_nor_order_in_memory_changes_the_bytes(regions: Case) -> None:
    with zipfile.ZipFile(io.BytesIO(regions.content)) as file:
        assert {info.date_time for info in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}  # the first that a zip can tell
    mask = VolumeSpace(regions.result.space.grid, np.asfortranarray(regions.result.space.inside))
    assert archive.pack(replace(regions.result, space=mask)) == regions.content


def test_the_report_is_the_same(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    undraw(monkeypatch)
    html, html_of_back = (report_page(result, dict(draw(result))) for result in (case.result, case.back))
    time = "<time.*?</time>"
    assert len(re.findall(time, html)) == 1
    assert re.sub(time, "", html) == re.sub(time, "", html_of_back)


@pytest.mark.parametrize("case", DRAWN, indirect=True)
def test_pictures_are_the_same(case: Case) -> None:
    assert list(differences(dict(draw(case.result)), dict(draw(case.back)))) == []


def test_every_file_is_the_same(case: Case, tmp_path: Path) -> None:
    written = {}
    for name, result in {"first": replace(case.result, region_effects=()), "back": case.back}.items():
        with Derivatives(tmp_path / name, {}) as out:
            written[name] = {each: (tmp_path / name / each).read_bytes() for each in files.write(result, out)}
    assert len(written["first"]) > 10
    assert written["first"] == written["back"]


def test_folders_of_the_user_are_not_saved(case: Case) -> None:
    assert FOLDER not in str(opened(case.content)[0])
    files = [file for member in case.back.contrast.members for file in (*member.maps, *member.variances)]
    assert [file.path for file in files] == [Path(file.name) for file in files]


def test_names_of_templateflow_are_kept(regions: Case) -> None:
    options = replace(
        regions.result.options, mask=TEMPLATE, atlas="Schaefer2018:200Parcels7Networks", atlas_labels=None
    )
    assert round_trip(replace(regions.result, options=options)).back.options.mask == TEMPLATE
    assert round_trip(replace(regions.result, options=options)).back.options.atlas == options.atlas


def test_the_atlas_is_one_of_the_sets_of_regions(regions: Case) -> None:
    assert regions.back.atlas is regions.back.regions[0]
    assert round_trip(replace(regions.result, atlas=None)).back.atlas is None
    last = round_trip(replace(regions.result, atlas=regions.result.regions[1])).back
    assert last.atlas is last.regions[1]


def test_the_arrays_are_those_of_the_table(case: Case) -> None:
    """Each array has the type of the table; an axis of one letter has one length throughout."""
    about, arrays = opened(case.content)
    assert arrays.keys() <= ARRAYS.keys()
    result = case.result
    absent = {name for name in ("t", "f", "effect", "variance", "effects") if getattr(result.glm, name) is None}
    absent |= {"tau2"} if result.tau2 is None else set()
    absent |= set() if result.outlying else {"correlation", "residual", "influence", "mean", "sd"}
    absent |= set() if result.quality else {"lacking", "lost", "overlap", "thumbnails", "step"}
    absent |= {"lambdas", "critical"} if about["calibration"] is None else set()
    absent |= set() if result.familywise else {"fwe_count", "smallest_p", "extent_thresholds", "largest_extents"}
    absent |= {"names"} if result.names is None else set()
    absent |= {"structure", "vertex", "voxel", "mesh_coordinates", "mesh_triangles"}  # of a volume
    assert ARRAYS.keys() - arrays.keys() == absent
    lengths = {"4": 4, "m": int(arrays["mask"].sum()), "n": len(result.contrast.members)}
    for name, array in arrays.items():
        axes = ARRAYS[name].axes.split()
        assert (array.dtype, array.ndim) == (np.dtype(ARRAYS[name].dtype), len(axes)), name
        assert [lengths.setdefault(axis, n) for axis, n in zip(axes, array.shape, strict=True)] == [*array.shape], name
    assert lengths["sum"] == arrays["region_size"].sum()


def test_the_text_names_version_and_format(regions: Case) -> None:
    about, _ = opened(regions.content)
    assert (about["format"], about["software"]) == (4, f"bids_ari {__version__}")
    assert about["options"]["roi"] == ["front.nii.gz", "top.nii.gz", "whole.nii.gz"]
    assert [each["name"] for each in about["regions"]] == ["halves", "rois"]


def test_clusters_follow_from_the_documented_arrays(regions: Case) -> None:
    """A cluster above a threshold: the slice of a node above it whose parent, if any, is not above it."""
    about, arrays = opened(regions.content)
    preorder, size, m = arrays["preorder"], arrays["size"], len(arrays["z"])
    found = set()
    for place in range(m):
        outer = [other for other in range(place) if other + size[other] > place]
        height, below = arrays["z"][preorder[place]], arrays["z"][preorder[outer[-1]]] if outer else -np.inf
        if height > 0.5 >= below:
            found.add((*sorted(preorder[place : place + size[place]]), arrays["tdn"][place]))
    assert about["alternative"] == "greater"
    assert found == {(*cluster.points, cluster.tdn) for cluster in regions.result.forest.at_threshold(0.5)}
    assert len(found) > 3


def test_every_field_of_a_result_is_in_the_text_or_made_of_arrays(regions: Case) -> None:
    """A new field of a result must be saved as well."""
    names = {field.name for field in fields(ContrastResult)}
    of_arrays = {"design", "space", "coverage", "glm", "bound", "forest", "clusters", "largest", "tau2", "outlying"}
    of_arrays |= {"quality", "calibrated", "familywise"}
    names -= {"template", "region_effects"}  # files of their own
    assert names - of_arrays == names & opened(regions.content)[0].keys()


OLD_OPTIONS = {"threshold": "thresholds", "tdp": "gammas", "alternative": "alternatives", "method": "methods"}
OLD_OPTIONS |= {"roi": "rois", "test": "tests", "model": "stats_model"}


KEYS_0_1_0 = {
    "about": "format software codes maps test formula factors columns tests has_outlying has_quality reference method "
    "h calibration regions atlas contrast options alternative n_constant folder notes hashes resampled made",
    "contrast": "entities stat members left_out notes combined clash weighted paired",
    "member": "subject files variances dof minus",
    "map": "path name root entities extension nested problem",
    "options": "formula tests stats_model node estimator variance missing target_grid mask coverage smoothing "
    "alternatives alpha thresholds gammas connectivity methods n_permutations family delta step_down shuffle blocks "
    "random_seed template save_template join_signs atlas atlas_labels rois n_results",
    "calibration": "family delta lambda_ n_left_out n_steps shuffle blocks exactness is_complete seed template",
    "made": "versions container command",
}
"""Fields of a file of version 0.1.0. A field renamed since then needs an entry of `RENAMED`."""


def remove_later_fields(kind: str, value: dict[str, Any]) -> None:
    """Remove the fields that version 0.1.0 did not have; it had all of the others."""
    known = {"crc32", *KEYS_0_1_0[kind].split()}
    for name in set(value) - known:
        del value[name]
    assert known - set(value) <= {"crc32"}


def as_in_0_1_0(about: dict[str, Any], arrays: Arrays) -> None:
    """Rename the fields of a text as in version 0.1.0, and add those that it had besides."""
    about["options"] = {OLD_OPTIONS.get(name, name): value for name, value in about["options"].items()}
    about["options"] = {name: about["options"][name] for name in KEYS_0_1_0["options"].split()}
    contrast = about["contrast"]
    del contrast["node"]
    contrast["left_out"] = [{"what": each["name"], "reason": each["reason"]} for each in contrast.pop("excluded")]
    for member in contrast["members"]:
        (low,) = member.pop("others") or [None]
        member["minus"] = low and {key: low[key] for key in ("subject", "maps", "variances", "dof")} | {"minus": None}
        for each in filter(None, (member, member["minus"])):
            each.pop("weight", None)
            for map_ in each["maps"] + each["variances"]:
                map_["root"] = map_.pop("dataset")
                map_ |= {"path": Path(map_["name"]).name, "nested": False}
            each["files"] = each.pop("maps")
    for regions in about["regions"]:
        for region in regions["regions"]:
            del region["points"]
    if about["calibration"]:
        for name in ("lambdas", "learned", "n_points", "alpha"):
            about["calibration"].pop(name)
        about["calibration"]["n_left_out"] = about["calibration"].pop("n_excluded")
        del about["calibration"]["n_errors"], about["calibration"]["tdn_range"]
    about["maps"] = [name for name in ("t", "f", "effect", "variance", "tau2") if name in arrays]
    about |= {"has_outlying": "correlation" in arrays, "has_quality": "step" in arrays, "software": "bids_ari 0.1.0"}
    remove_later_fields("about", about)
    for kind in ("contrast", "options", "made", *(["calibration"] if about["calibration"] else [])):
        remove_later_fields(kind, about[kind])
    for member in contrast["members"]:
        remove_later_fields("member", member)
        for map_ in member["files"]:
            remove_later_fields("map", map_)


def test_a_file_of_version_0_1_0_is_the_same_result(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    if case.result.calibrated and case.result.calibrated.member_lambdas:
        pytest.skip("0.1.0 calibrated one family")
    if case.result.contrast.within:
        pytest.skip("0.1.0 had no questions within subjects")
    caplog.set_level(logging.INFO, "bids_ari")
    back = archive.unpack(changed(case.content, as_in_0_1_0), "x_forest.npz")
    contrast = (
        case.back.contrast
    )  # 0.1.0 saved neither the subjects of excluded files nor the names of files of options
    excluded = tuple(replace(entry, subject="") for entry in contrast.excluded)
    expected = replace(case.back, contrast=replace(contrast, excluded=excluded), files={})
    expected = replace(expected, normalised=(), group_variances=None, normality=None)
    if expected.calibrated:
        expected = replace(expected, calibrated=replace(expected.calibrated, tdn_range=None))
    assert list(differences(expected, back)) == []
    assert caplog.messages == []


def test_unknown_fields_and_arrays_are_ignored_and_logged(regions: Case, caplog: pytest.LogCaptureFixture) -> None:
    """As a later version may write them."""

    def later(about: dict[str, Any], arrays: Arrays) -> None:
        about["weather"] = about["options"]["beta"] = about["contrast"]["members"][0]["mood"] = 1
        arrays["snr"] = np.zeros(3)

    caplog.set_level(logging.INFO, "bids_ari")
    back = archive.unpack(changed(regions.content, later), "x_forest.npz")
    assert list(differences(regions.back, back)) == []
    (message,) = caplog.messages
    assert "contrast.members.mood, options.beta, weather, snr" in message


def test_absent_fields_and_arrays_take_their_defaults(regions: Case) -> None:
    """As an earlier version may have lacked them."""

    def earlier(about: dict[str, Any], arrays: Arrays) -> None:
        for name in ("made", "notes", "resampled", "n_constant"):
            del about[name]
        del about["options"]["join_signs"]
        for name in ("overlap", "correlation"):
            del arrays[name]

    back = archive.unpack(changed(regions.content, earlier), "x_forest.npz")
    assert (back.notes, back.resampled, back.made.command) == ((), (), ())
    assert not back.options.join_signs
    assert back.quality is None
    assert back.outlying is None
    np.testing.assert_array_equal(back.glm.z, regions.result.glm.z)


def test_the_name_of_the_file() -> None:
    assert names.ARCHIVE_ENDING == "_forest.npz"
