"""Laws of discovery, over random studies of volumes, surfaces and grayordinates."""

from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_ari.bids.contrasts import Discovery
from bids_ari.bids.dataset import Dataset, unify_labels
from bids_ari.bids.discover import discover
from bids_ari.bids.hemispheres import hemisphere_of_name
from bids_ari.bids.names import entities_of_file
from bids_ari.bids.statmap import StatMap, map_extension
from bids_ari.bids.subject_map import Combine
from bids_ari.errors import DataError, DuplicateMapsError, NoMatchError

ROOT = Path("/data")
HEMISPHERES = ("_hemi-L", "_hemi-R", "_hemi-L", "_hemi-R", "_hemi-lh", "_hemi-right", "_hemi-both", "")
SURFACES = (".func.gii", ".gii", ".surf.gii")


@st.composite
def names(draw: st.DrawFn) -> str:
    """The name of a file of one of four subjects."""
    subject, run = draw(st.sampled_from("1234")), draw(st.sampled_from(["", "_run-1", "_run-2"]))
    kind = draw(st.sampled_from(["volume", *["surface"] * 4, "grayordinates"]))
    stat = draw(st.sampled_from(["effect"] * 3 + ["variance"]))
    contrast = draw(st.sampled_from("ab"))
    if kind == "surface":
        den = draw(st.sampled_from(["_den-10k", "_den-10k", "_den-41k"]))
        where = f"{draw(st.sampled_from(HEMISPHERES))}_space-fsaverage{den}"
        extension = draw(st.sampled_from(SURFACES))
    else:
        where = draw(st.sampled_from(["_space-x", "_space-y"]))
        extension = ".nii" if kind == "volume" else ".dscalar.nii"
    return f"sub-{subject}{run}{where}_contrast-{contrast}_stat-{stat}_statmap{extension}"


def dataset(found: set[str]) -> Dataset:
    files = []
    for name in sorted(found):
        entities, problem = entities_of_file("", name)
        files.append(StatMap(str(ROOT / name), name, "data", entities, map_extension(name) or "", problem))
    return Dataset(ROOT, {"data": ROOT}, tuple(unify_labels(files)))


def discovered(data: Dataset, combine: Combine | None, weights: bool) -> Discovery:
    """What is found; nothing where no map is, or where only extensions distinguish volumes and grayordinates."""
    try:
        return discover(data, combine=combine, weights=weights)
    except NoMatchError:
        assert not any(file.kind and file.stat == "effect" and file.kind != "GIFTI" for file in data.statmaps)
    except DataError:
        assert {".nii", ".dscalar.nii"} <= {file.extension for file in data.statmaps}
    return Discovery((), ())


studies = st.sets(names(), min_size=1, max_size=30).map(dataset)
combinations = st.sampled_from([None, "run"])


@given(studies, combinations, st.booleans())
def test_each_file_is_analysed_or_excluded_and_each_subject_once(
    data: Dataset, combine: Combine | None, weights: bool
) -> None:
    contrasts = discovered(data, combine, weights)
    used = {file.label for contrast in contrasts for file in contrast.files}
    excluded = {entry.name for entry in contrasts.all_excluded() if not entry.is_subject}
    assert not excluded & used
    assert not contrasts or used | excluded == {file.label for file in data.statmaps}
    for contrast in contrasts:
        subjects = Counter(entry.name for entry in contrast.excluded if entry.is_subject)
        assert set(subjects.values()) <= {1}
        assert not {f"sub-{subject}" for subject in contrast.subjects} & set(subjects)


@given(studies, combinations)
def test_maps_of_a_contrast_are_alike(data: Dataset, combine: Combine | None) -> None:
    contrasts = discovered(data, combine, weights=False)
    assert len({contrast.name for contrast in contrasts}) == len(contrasts)
    for contrast in contrasts:
        (layout,) = {each.layout for each in contrast.maps}
        assert (layout == ("GIFTI", "LR")) == all(each.pair for each in contrast.maps)
        assert (contrast.entities.get("hemi") is None) == (layout[1] in ("", "LR"))
        several = len(set(contrast.subjects)) < len(contrast.subjects)
        with pytest.raises(DuplicateMapsError) if several else nullcontext():
            contrast.check()


@given(studies, combinations)
def test_the_files_of_a_map_differ_in_their_hemisphere_only(data: Dataset, combine: Combine | None) -> None:
    pairs = [each for contrast in discovered(data, combine, weights=False) for each in contrast.maps if each.pair]
    for left, right in (each.files for each in pairs):
        assert left.entities == right.entities.without("hemi")
        assert (left.extension, left.dataset) == (right.extension, right.dataset)
        assert hemisphere_of_name(left.name) == "L"
        assert hemisphere_of_name(right.name) == "R"
