"""Contrast sets: valid names for any labels, members, excluded files."""

from dataclasses import replace
from pathlib import Path

import pytest
from builders import minus_map, touch_maps

from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.dataset import Dataset
from bids_ari.bids.discover import discover, subject_contrasts
from bids_ari.bids.entities import Entities
from bids_ari.bids.exclusions import Excluded
from bids_ari.bids.single_map import contrast_of_map
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import SubjectMap
from bids_ari.errors import DataError, DuplicateMapsError
from bids_ari.outputs.npz import NpzReader, from_json, pack_npz, to_json

HOSTILE = ["a b", "../x", "<script>", "é", "a\x1b[2J", "a'\"", "a\nb", "😀", "a" * 300, "\udcff"]


def dataset(*maps: dict[str, str]) -> Dataset:
    """A dataset of maps with any labels, also those that no file system accepts."""
    files = []
    for labels in maps:
        entities = Entities.of({"sub": "01", "stat": "effect", **labels})
        name = f"{entities}_statmap.nii"
        files.append(StatMap(f"/data/{name}", name, "data", entities, ".nii"))
    return Dataset(Path("/data"), {"data": Path("/data")}, tuple(files))


class TestWrittenNames:
    @pytest.mark.parametrize("label", HOSTILE, ids=ascii)
    @pytest.mark.parametrize("key", ["contrast", "task", "ses"])
    def test_names_hold_letters_digits_and_plus(self, key: str, label: str) -> None:
        (contrast,) = discover(dataset({"contrast": "c", key: label}))
        kept = "".join(c for c in label if c.isascii() and (c.isalnum() or c == "+")) or "x"
        assert contrast.entities.get(key) == kept
        assert [note for note in contrast.notes if note.startswith(f"{key} ") and note.endswith(f"as {kept}")] == (
            [f"{key} {label!r} is written as {kept}"] if kept != label else []
        )
        assert all(note.isprintable() for note in contrast.notes)

    def test_a_plain_label_makes_no_note(self) -> None:
        (contrast,) = discover(dataset({"contrast": "a+B1"}))
        assert (contrast.name, contrast.notes) == ("contrast-a+B1", ())

    def test_filters_compare_the_labels_of_the_files(self) -> None:
        both = dataset({"contrast": "a b"}, {"contrast": "c"})
        assert [contrast.name for contrast in discover(both, contrast="a b")] == ["contrast-ab"]

    @pytest.mark.parametrize(("one", "other"), [("a b", "ab"), ("a-b", "a.b"), ("Faces", "faces"), ("é", "ü")])
    def test_contrasts_that_files_cannot_tell_apart_are_refused_and_spare_the_others(
        self, one: str, other: str
    ) -> None:
        third, *clashing = sorted(
            discover(dataset({"contrast": one}, {"contrast": other}, {"contrast": "0"})), key=lambda c: bool(c.clash)
        )
        third.check()
        assert len(clashing) == 2
        for contrast in clashing:
            with pytest.raises(DataError) as caught:
                contrast.check()
            assert all(f"contrast-{label}" in caught.value.found for label in (one, other))
            assert caught.value.hint == "Rename one of them"

    def test_subjects_stay_apart_whose_labels_are_written_alike(self) -> None:
        (contrast,) = discover(dataset({"sub": "a.b", "contrast": "c"}, {"sub": "ab", "contrast": "c"}))
        contrast.check()
        assert contrast.subjects == ("a.b", "ab")
        assert contrast.notes == ("Labels of subjects that pybids does not read: 'a.b'",)

    def test_a_refusal_shows_no_control_character(self) -> None:
        one = {"sub": "0\x1b[1", "contrast": "c"}
        (contrast,) = discover(dataset({**one, "run": "\x07"}, {**one, "run": "\x08"}))
        with pytest.raises(DuplicateMapsError, match=r"sub-0\\x1b\[1") as caught:
            contrast.check()
        assert str(caught.value).isprintable()

    def test_names_of_excluded_files_are_escaped(self) -> None:
        found = discover(dataset({"contrast": "c"}, {"contrast": "c\x1b\udcff", "stat": "p"}))
        assert [entry.name for entry in found.all_excluded()] == [
            "data/sub-01_contrast-c\\x1b\\udcff_stat-p_statmap.nii"
        ]

    def test_a_map_outside_any_dataset_has_a_name_that_can_be_written(self) -> None:
        contrast = contrast_of_map(Path("sub-0 1_contrast-a..b_stat-z_statmap.nii.gz"), "z")
        assert contrast.name == "sub-01_contrast-ab"
        assert contrast.members[0].subject == "0 1"


class TestSubjectContrasts:
    def test_each_map_is_a_set_of_its_own(self, tmp_path: Path) -> None:
        for run in "12":
            touch_maps(tmp_path, "01", "02", run=run, task=None, space=None)
        apart = subject_contrasts(discover(tmp_path))
        assert [contrast.name for contrast in apart] == [
            f"sub-{subject}_run-{run}_contrast-faces" for subject in ("01", "02") for run in "12"
        ]
        assert [len(contrast.paths) for contrast in apart] == [1] * 4

    def test_each_has_the_excluded_files_of_its_subject(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        touch_maps(tmp_path, "02", stat="z")
        first, second = subject_contrasts(discover(tmp_path))
        assert first.excluded == ()
        assert ["sub-02" in entry.name for entry in second.excluded] == [True]

    def test_the_same_map_in_two_pipelines_is_refused(self, tmp_path: Path) -> None:
        for pipeline in ("fsl", "spm"):
            touch_maps(tmp_path / "derivatives" / pipeline, "01")
        (contrast,) = subject_contrasts(discover(tmp_path))
        with pytest.raises(DuplicateMapsError):
            contrast.check()

    @pytest.mark.parametrize("others", [["a.b", "ab"], ["A", "a"]])
    def test_subjects_whose_file_names_would_be_the_same_are_refused(self, others: list[str]) -> None:
        apart = subject_contrasts(discover(dataset(*({"sub": sub, "contrast": "c"} for sub in (*others, "02")))))
        assert sorted(bool(contrast.clash) for contrast in apart) == [False, True, True]
        assert all(str(contrast.entities.get("sub")).isalnum() for contrast in apart)


def test_excluded_entries_are_listed_once() -> None:
    """A file may have been a member of several contrasts."""
    maps = dataset(
        {"contrast": "c", "task": "a"}, {"contrast": "c", "task": "b"}, {"contrast": "c", "stat": "z"}, {"stat": "z"}
    )
    found = discover(maps)
    assert [len(contrast.excluded) for contrast in found] == [1, 1]
    assert found.all_excluded() == (*found.excluded, *found[0].excluded)


def member(subject: str, *names: str, variances: tuple[str, ...] = (), minus: SubjectMap | None = None) -> SubjectMap:
    entities = Entities.of({"sub": subject})
    files, others = (tuple(StatMap(n, n, "data", entities, ".nii") for n in own) for own in (names, variances))
    return minus_map(SubjectMap(subject, files, others), minus)


class TestDifferences:
    """A member may be one map minus another."""

    BOTH = member("01", "a", "b", variances=("va", "vb"), minus=member("01", "c", variances=("vc",)))

    def test_all_files_of_both_are_read(self) -> None:
        assert [file.name for file in self.BOTH.all_files] == ["a", "b", "va", "vb", "c", "vc"]
        assert [file.name for file in self.BOTH.all_maps] == ["a", "b", "c"]
        contrast = ContrastSet(Entities.of({"contrast": "c"}), "effect", (self.BOTH,))
        assert contrast.files == self.BOTH.all_files
        assert contrast.paths == (Path("a"), Path("b"), Path("c"))

    def test_the_uri_of_a_difference_names_both_maps(self) -> None:
        assert self.BOTH.uri == "bids:data:a, bids:data:b minus bids:data:c"
        assert tuple(file.uri for file in self.BOTH.all_maps) == ("bids:data:a", "bids:data:b", "bids:data:c")

    def test_a_weighted_sum(self) -> None:
        one = replace(
            member("01", "a"), weight=0.5, others=(replace(member("01", "b"), weight=0.5), self.BOTH.others[0])
        )
        assert one.uri == "0.5 x bids:data:a plus 0.5 x bids:data:b minus bids:data:c"
        assert (one.is_difference, one.is_weighted_sum, one.is_combined) == (False, True, False)
        assert (self.BOTH.is_difference, self.BOTH.is_weighted_sum, self.BOTH.is_combined) == (True, False, True)
        minus_a = replace(member("01", "a"), weight=-1.0)
        assert (minus_a.uri, minus_a.is_difference, minus_a.is_weighted_sum) == ("minus bids:data:a", False, True)

    @pytest.mark.parametrize(
        ("one", "has"),
        [
            (BOTH, True),
            (member("01", "a", variances=("va",)), True),
            (member("01", "a"), False),
            (member("01", "a", "b", variances=("va",)), False),
            (member("01", "a", variances=("va",), minus=member("01", "b")), False),
            (member("01", "a", minus=member("01", "b", variances=("vb",))), False),
        ],
    )
    def test_variances_are_those_of_each_map_of_both(self, one: SubjectMap, has: bool) -> None:
        assert one.has_variances == has

    def test_they_are_kept_in_the_file_of_a_result(self) -> None:
        contrast = ContrastSet(
            Entities.of({"contrast": "c"}), "effect", (self.BOTH, member("02", "x")), paired="ses", weighted=True
        )
        assert from_json(ContrastSet, NpzReader(pack_npz(to_json(contrast), {})).text) == contrast


def test_some_members_are_kept_with_the_reason_for_others() -> None:
    before, more = Excluded("sub-09", "before"), Excluded("sub-02", "no age")
    members = tuple(member(subject, f"{subject}.nii") for subject in ("01", "02", "03"))
    contrast = ContrastSet(Entities.of({"contrast": "c"}), "effect", members, (before,), ("note",), "run", paired="ses")
    kept = contrast.keep({"03", "01", "07"}, [more])
    assert kept == replace(contrast, members=(members[0], members[2]), excluded=(more, before))
    with pytest.raises(DataError) as caught:
        contrast.keep([], [Excluded(f"sub-0{i}", "no age") for i in range(1, 4)]).check()
    assert caught.value.found == "No subject is left in contrast-c: no age (3 subjects), before (1 subject)"


def test_every_file_of_every_member_has_a_path() -> None:
    one, other = (StatMap(name, name, "data", Entities.of({"sub": "01"}), ".nii") for name in ("a.nii", "b.nii"))
    contrast = ContrastSet(Entities.of({"contrast": "c"}), "effect", (SubjectMap("01", (one, other)),))
    assert contrast.paths == (Path("a.nii"), Path("b.nii"))
    assert tuple(file.uri for file in contrast.members[0].all_maps) == ("bids:data:a.nii", "bids:data:b.nii")
    assert contrast.excluded == () != (Excluded("a", "b"),)


def test_exclusions_of_contrasts_with_one_name_are_together() -> None:
    entries = [Excluded("sub-01", "a"), Excluded("sub-02", "b")]
    both = [ContrastSet(Entities.of({"contrast": "c"}), "effect", (), (entry,), clash="c, C") for entry in entries]
    found = Discovery(tuple(both), (Excluded("data/x", "c"),))
    assert found.excluded_by_contrast() == {"": found.excluded, "contrast-c": tuple(entries)}
