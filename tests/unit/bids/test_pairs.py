"""Pairs of hemispheres: the files of both are one map, wherever maps are chosen, combined and listed."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from builders import describe, map_path, touch_maps
from builders_hemispheres import touch_surfaces

from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.dataset import open_dataset
from bids_ari.bids.discover import discover, subject_contrasts
from bids_ari.bids.f_contrasts import without_f
from bids_ari.bids.group_checks import check_group
from bids_ari.bids.layouts import open_layouts
from bids_ari.bids.manifest import open_manifest
from bids_ari.bids.single_map import contrast_of_map
from bids_ari.errors import DataError, DuplicateMapsError, NoMatchError, UsageError

NAME = "task-emo_space-fsaverage_den-10k_contrast-faces"
OF_LEFT = "task-emo_hemi-L_space-fsaverage_den-10k_contrast-faces"
OF_RIGHT = "task-emo_hemi-R_space-fsaverage_den-10k_contrast-faces"


def names(contrasts: Discovery) -> list[str]:
    return [contrast.name for contrast in contrasts]


def sides(contrast: ContrastSet) -> dict[str, str]:
    """The hemispheres of the maps of each subject, of each map in turn."""
    found: dict[str, str] = {}
    for member in contrast.members:
        files = [[file.path.name.partition("hemi-")[2][:1] for file in each.files] for each in member.all_maps]
        found[member.subject] = " ".join(filter(None, (found.get(member.subject), *map("".join, files))))
    return found


def excluded(discovery: Discovery) -> Counter[str]:
    """The number of entries of each reason."""
    return Counter(entry.reason for entry in discovery.all_excluded())


class TestPairs:
    @pytest.mark.parametrize("extension", [".func.gii", ".shape.gii", ".gii"])
    def test_both_hemispheres_are_one_map(self, tmp_path: Path, extension: str) -> None:
        paths = touch_surfaces(tmp_path, "02", "01", extension=extension)
        (contrast,) = discover(tmp_path)
        contrast.check()
        assert (contrast.name, contrast.subjects) == (NAME, ("01", "02"))
        assert [file.path for file in contrast.files] == [paths[side][i] for i in (1, 0) for side in "LR"]
        assert contrast.paths == tuple(file.path for file in contrast.files)
        assert contrast.excluded == contrast.notes == ()

    def test_each_file_has_its_name_and_the_map_has_the_entities_of_both(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01")
        (member,) = discover(tmp_path)[0].members
        assert member.first.pair is not None
        assert member.first.files == (member.first, member.first.pair)
        assert (member.first.entities.get("hemi"), member.first.pair.entities.get("hemi")) == (None, "R")
        left, right = (f"bids:{member.first.dataset}:sub-01/func/{file.path.name}" for file in member.first.files)
        assert member.uri == f"{left}, {right}"

    @pytest.mark.parametrize("labels", ["l r", "lh rh", "LH RH", "left right", "L rh"])
    def test_other_labels_of_hemispheres(self, tmp_path: Path, labels: str) -> None:
        for label in labels.split():
            touch_maps(tmp_path, "01", "02", hemi=label, space="fsaverage", den="10k", extension=".func.gii")
        (contrast,) = discover(tmp_path)
        assert contrast.name == NAME
        assert [len(each.first.files) for each in contrast.members] == [2, 2]

    def test_labels_that_are_not_known_are_shown(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", "02")
        touch_maps(tmp_path, "03", hemi="both", space="fsaverage", den="10k", extension=".func.gii")
        touch_maps(tmp_path, "04", space="fsaverage", den="10k", extension=".func.gii")
        assert excluded(discover(tmp_path)) == {
            "hemi-both in its name is neither hemi-L nor hemi-R": 1,
            "no hemi in its name": 1,
        }

    def test_names_of_nilearn(self, tmp_path: Path) -> None:
        """These have the number of vertices as density, and no space."""
        touch_surfaces(tmp_path, "01", "02", space=None, den="10242", extension=".gii")
        assert names(discover(tmp_path)) == ["task-emo_den-10242_contrast-faces"]

    def test_names_of_images_that_nilearn_saves(self, tmp_path: Path) -> None:
        """``PolyData.to_filename`` adds the hemisphere at the end of names without one."""
        plain = {"space": "fsaverage5", "extension": ".gii"}
        for stat in ("effect", "variance"):
            for path in touch_maps(tmp_path, "01", "02", stat=stat, **plain):
                for side in "LR":
                    path.with_stem(f"{path.stem}_hemi-{side}").touch()
                path.unlink()
        (contrast,) = discover(tmp_path, weights=True)
        contrast.check()
        assert contrast.name == "task-emo_space-fsaverage5_contrast-faces"
        assert [len(each.first.files) for each in contrast.members] == [2, 2]
        assert all(member.has_variances for member in contrast.members)
        left, right = contrast.paths[:2]
        assert (left.stem[-15:], right.stem[-15:]) == ("_statmap_hemi-L", "_statmap_hemi-R")
        left.with_name("sub-01_stat-effect_statmap.json").write_text('{"A": 1}')
        assert contrast.members[0].first.sidecar() == {"A": 1}
        assert contrast_of_map(right, "effect").name == f"sub-01_{contrast.name}"

    @pytest.mark.parametrize(
        "name",
        [
            "sub-{}/ses-01/sub-{}_ses-01_task-fLoc_hemi-{}_space-fsaverage_contrast-faces_stat-effect_statmap.func.gii",
            "sub-{}/sub-{}_task-fLoc_space-fsaverage_den-10k_hemi-{}_contrast-faces_stat-effect_desc-smoothed_statmap.func.gii",
            "sub-{}/sub-{}_hemi-{}_den-10242_contrast-aMinusB_stat-effect_statmap.gii",
            "node-subjectLevel/sub-{}/sub-{}_hemi-{}_contrast-aVsB_stat-effect_statmap.shape.gii",
        ],
    )
    def test_names_in_use(self, tmp_path: Path, name: str) -> None:
        for subject in ("01", "02"):
            for side in "LR":
                path = tmp_path / name.format(subject, subject, side)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        (contrast,) = discover(tmp_path)
        contrast.check()
        assert [len(file.files) for file in contrast.maps] == [2, 2]
        assert contrast.excluded == ()

    def test_hemispheres_in_folders_of_their_own(self, tmp_path: Path) -> None:
        for side in "LR":
            touch_surfaces(tmp_path, "01", "02", hemi=side, folder=f"surf{side}")
        (contrast,) = discover(tmp_path)
        assert sides(contrast) == {"01": "LR", "02": "LR"}

    @pytest.mark.parametrize("differs", [{"den": "41k"}, {"space": "fsaverage6"}, {"acq": "x"}, {"desc": "smooth"}])
    def test_files_that_differ_otherwise_are_never_a_pair(self, tmp_path: Path, differs: dict[str, str]) -> None:
        touch_surfaces(tmp_path, "01", "02", hemi="L")
        touch_surfaces(tmp_path, "01", "02", hemi="R", **differs)
        contrasts = discover(tmp_path)
        assert sorted(side for contrast in contrasts for side in sides(contrast).values()) == ["L", "L", "R", "R"]

    def test_two_densities_are_two_contrasts(self, tmp_path: Path) -> None:
        for den in ("10k", "41k"):
            touch_surfaces(tmp_path, "01", "02", den=den)
        assert names(discover(tmp_path)) == [NAME, NAME.replace("10k", "41k")]

    def test_two_maps_of_both_hemispheres_are_too_many(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", "02")
        touch_surfaces(tmp_path, "01", folder="again")
        (contrast,) = discover(tmp_path)
        assert sides(contrast) == {"01": "LR LR", "02": "LR"}
        with pytest.raises(DuplicateMapsError, match="sub-01 has more than one map"):
            contrast.check()

    def test_maps_with_two_extensions_are_too_many(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", "02")
        touch_surfaces(tmp_path, "01", extension=".gii")
        (contrast,) = discover(tmp_path)
        with pytest.raises(DuplicateMapsError) as caught:
            contrast.check()
        assert '"extension": ".func.gii"' in caught.value.hint
        (chosen,) = discover(tmp_path, where={"extension": ".func.gii"})
        chosen.check()


class TestOneHemisphere:
    def test_a_subject_without_the_right_hemisphere_is_excluded(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", "02", "03")
        touch_surfaces(tmp_path, "04", "05", hemi="L")
        touch_surfaces(tmp_path, "06", hemi="R")
        (contrast,) = discover(tmp_path)
        contrast.check()
        assert (contrast.name, contrast.subjects) == (NAME, ("01", "02", "03"))
        subjects = {entry.subject: entry.reason for entry in contrast.excluded if entry.is_subject}
        assert subjects == {
            "04": "no effect map of the right hemisphere",
            "05": "no effect map of the right hemisphere",
            "06": "no effect map of the left hemisphere",
        }
        files = Counter(entry.reason for entry in contrast.excluded if not entry.is_subject)
        assert files == {
            "its subject has no effect map of the right hemisphere": 2,
            "its subject has no effect map of the left hemisphere": 1,
        }

    @pytest.mark.parametrize("side", ["L", "R"])
    def test_a_single_hemisphere_is_analysed(self, tmp_path: Path, side: str) -> None:
        touch_surfaces(tmp_path, "01", "02", hemi=side)
        (contrast,) = discover(tmp_path)
        contrast.check()
        assert contrast.name == NAME.replace("_space", f"_hemi-{side}_space")
        assert (sides(contrast), contrast.excluded) == ({"01": side, "02": side}, ())

    def test_few_subjects_with_both_do_not_exclude_the_others(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", "02", "03", hemi="L")
        touch_surfaces(tmp_path, "03", hemi="R")
        left, right = discover(tmp_path)
        assert (left.name, sides(left)) == (OF_LEFT, {"01": "L", "02": "L", "03": "L"})
        assert (right.name, sides(right)) == (OF_RIGHT, {"03": "R"})
        assert "1 of 3 subjects have maps of both" in left.notes[0]
        assert left.notes == right.notes
        assert {entry.subject: entry.reason for entry in right.excluded} == dict.fromkeys(
            ("01", "02"), "no effect map of this contrast"
        )

    def test_half_of_the_subjects_is_enough(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", "02", hemi="L")
        touch_surfaces(tmp_path, "02", hemi="R")
        assert names(discover(tmp_path)) == [NAME]

    def test_a_run_without_one_hemisphere_is_excluded_and_its_subject_is_not(self, tmp_path: Path) -> None:
        for run in ("1", "2"):
            touch_surfaces(tmp_path, "01", "02", run=run)
        touch_surfaces(tmp_path, "03", run="1")
        touch_surfaces(tmp_path, "03", run="2", hemi="R")
        (contrast,) = discover(tmp_path, combine="run")
        assert sides(contrast) == {"01": "LR LR", "02": "LR LR", "03": "LR"}
        (entry,) = contrast.excluded
        assert (entry.subject, entry.reason) == ("03", "no effect map of the left hemisphere")
        assert "run-2_space-fsaverage_hemi-R" in entry.name

    def test_hemispheres_of_different_runs_are_no_pair(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", "02", run="1")
        touch_surfaces(tmp_path, "03", run="1", hemi="L")
        touch_surfaces(tmp_path, "03", run="2", hemi="R")
        (contrast,) = discover(tmp_path)
        assert contrast.subjects == ("01", "02")
        assert sum(entry.is_subject for entry in contrast.excluded) == 1

    def test_a_subject_that_lacks_a_hemisphere_lacks_the_whole_of_other_contrasts(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", "02")
        touch_surfaces(tmp_path, "03", hemi="L")
        touch_surfaces(tmp_path, "01", "02", contrast="houses")
        faces, houses = discover(tmp_path)
        assert [entry.reason for entry in faces.excluded if entry.is_subject] == [
            "no effect map of the right hemisphere"
        ]
        assert [(entry.subject, entry.reason) for entry in houses.excluded] == [
            ("03", "no effect map of this contrast")
        ]


class TestFilters:
    @pytest.mark.parametrize("label", ["L", "hemi-L", "lh"])
    def test_one_hemisphere_is_selected(self, tmp_path: Path, label: str) -> None:
        touch_surfaces(tmp_path, "01", "02")
        discovery = discover(tmp_path, where={"hemi": label})
        (contrast,) = discovery
        contrast.check()
        assert (contrast.name, sides(contrast)) == (OF_LEFT, {"01": "L", "02": "L"})
        assert excluded(discovery) == {"excluded by the filter file or the Stats Model (hemi)": 2}

    def test_both_are_selected_by_name(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", "02")
        assert names(discover(tmp_path, where={"hemisphere": ["L", "R"]})) == [NAME]

    def test_density_and_extension(self, tmp_path: Path) -> None:
        for den in ("10k", "41k"):
            touch_surfaces(tmp_path, "01", "02", den=den)
        touch_maps(tmp_path, "01", "02", space="fsLR", extension=".dscalar.nii")
        assert names(discover(tmp_path, where={"density": "41k"})) == [NAME.replace("10k", "41k")]
        assert names(discover(tmp_path, where={"extension": ".dscalar.nii"})) == ["task-emo_space-fsLR_contrast-faces"]
        assert names(discover(tmp_path, space="fsLR")) == ["task-emo_space-fsLR_contrast-faces"]

    def test_spaces_as_in_options_of_fmriprep(self, tmp_path: Path) -> None:
        for den in ("10k", "41k"):
            touch_surfaces(tmp_path, "01", "02", den=den)
        touch_maps(tmp_path, "01", "02")
        assert names(discover(tmp_path, space="fsaverage:den-10k")) == [NAME]
        several = discover(tmp_path, space=["fsaverage:den-10k", "MNI152NLin2009cAsym"])
        assert names(several) == ["task-emo_space-MNI152NLin2009cAsym_contrast-faces", NAME]
        with pytest.raises(NoMatchError, match="No statmap has den 164k; expected one of: 10k, 41k"):
            discover(tmp_path, space="fsaverage:den-164k")

    def test_a_hemisphere_that_no_map_has(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", hemi="L")
        with pytest.raises(NoMatchError, match="No statmap has hemi R"):
            discover(tmp_path, where={"hemi": "R"})

    def test_the_labels_in_the_dataset_are_listed(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", stat="t")
        with pytest.raises(NoMatchError, match="hemi L, R; space fsaverage; den 10k"):
            discover(tmp_path)

    def test_hemispheres_do_not_divide(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", "02")
        with pytest.raises(UsageError, match="Both hemispheres are one analysis"):
            discover(tmp_path, by="hemi")


class TestKinds:
    @pytest.mark.parametrize("extension", [".dscalar.nii", ".dtseries.nii"])
    def test_grayordinates_have_one_file(self, tmp_path: Path, extension: str) -> None:
        paths = touch_maps(tmp_path, "01", "02", space="fsLR", den="91k", extension=extension)
        (contrast,) = discover(tmp_path)
        contrast.check()
        assert (contrast.name, list(contrast.paths)) == ("task-emo_space-fsLR_den-91k_contrast-faces", paths)

    def test_volumes_and_surfaces_are_two_contrasts_by_their_space(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02")
        touch_surfaces(tmp_path, "01", "02")
        assert names(discover(tmp_path)) == ["task-emo_space-MNI152NLin2009cAsym_contrast-faces", NAME]

    @pytest.mark.parametrize("space", [None, "fsLR"])
    def test_one_name_for_several_kinds_is_refused(self, tmp_path: Path, space: str | None) -> None:
        touch_surfaces(tmp_path, "01", "02", space=space, den="91k")
        touch_maps(tmp_path, "01", "02", "03", space=space, den="91k", extension=".dscalar.nii")
        with pytest.raises(DataError) as caught:
            discover(tmp_path)
        text = str(caught.value)
        assert "3 files .dscalar.nii" in text
        assert "4 files .func.gii" in text
        assert '"extension": ".' in text
        for extension, n in ((".dscalar.nii", 3), (".func.gii", 2)):
            (contrast,) = discover(tmp_path, where={"extension": extension})
            assert len(contrast.members) == n

    def test_maps_of_runs_compete_with_those_of_subjects_of_their_kind_only(self, tmp_path: Path) -> None:
        plain: dict[str, Any] = {"task": None, "contrast": "a"}
        touch_maps(tmp_path, "01", "02", node="subjectLevel", space=None, **plain)
        for run in ("1", "2"):
            touch_surfaces(tmp_path, "01", "02", node="runLevel", run=run, **plain)
        volumes, surfaces = discover(tmp_path, combine="run")
        assert (len(volumes.members), sides(surfaces)) == (2, {"01": "LR LR", "02": "LR LR"})

    def test_differences_of_two_kinds_are_refused(self, tmp_path: Path) -> None:
        touch_maps(tmp_path, "01", "02", contrast="a", space="x", extension=".dscalar.nii")
        touch_maps(tmp_path, "01", "02", contrast="b", space="x")
        (contrast,) = discover(tmp_path, paired="contrast=a-b")
        with pytest.raises(DataError, match="different kinds"):
            contrast.check()


class TestVariances:
    def test_both_hemispheres_have_a_variance_map(self, tmp_path: Path) -> None:
        for stat in ("effect", "variance"):
            touch_surfaces(tmp_path, "01", "02", stat=stat)
        (contrast,) = discover(tmp_path, weights=True)
        assert (len(contrast.members), len(contrast.files), contrast.excluded) == (2, 8, ())
        variance = contrast.members[0].variances[0]
        assert [file.entities.get("hemi") for file in variance.files] == [None, "R"]
        assert {file.stat for file in variance.files} == {"variance"}

    def test_a_variance_map_of_one_hemisphere_is_none(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", "02", "03")
        touch_surfaces(tmp_path, "01", "02", stat="variance")
        touch_surfaces(tmp_path, "03", stat="variance", hemi="R")
        (contrast,) = discover(tmp_path, weights=True)
        assert contrast.subjects == ("01", "02")
        assert [entry.reason for entry in contrast.excluded if entry.is_subject] == [
            "no variance map of both hemispheres, which --estimator needs"
        ]

    def test_runs_are_combined_by_precision(self, tmp_path: Path) -> None:
        for stat in ("effect", "variance"):
            for run in ("1", "2"):
                touch_surfaces(tmp_path, "01", "02", stat=stat, run=run)
        (contrast,) = discover(tmp_path, combine="run")
        (first, _) = contrast.members
        assert (len(first.maps), len(first.variances), len(first.all_files)) == (2, 2, 8)
        assert contrast.excluded == ()


class TestLevels:
    def test_differences_within_subjects(self, tmp_path: Path) -> None:
        for session in ("1", "2"):
            touch_surfaces(tmp_path, "01", "02", session=session)
        touch_surfaces(tmp_path, "03", session="1")
        (contrast,) = discover(tmp_path, paired="session")
        contrast.check()
        assert contrast.name == "task-emo_space-fsaverage_den-10k_contrast-facesSes2MinusSes1"
        assert sides(contrast) == {"01": "LR LR", "02": "LR LR"}
        assert sum(not entry.is_subject for entry in contrast.excluded) == 2  # both files of sub-03

    def test_hemispheres_are_not_compared(self, tmp_path: Path) -> None:
        """The vertices of one are not the places of the other."""
        touch_surfaces(tmp_path, "01", "02")
        with pytest.raises(UsageError, match="The two hemispheres of a subject are one map"):
            discover(tmp_path, paired="hemi=L-R")

    def test_sessions_are_divided(self, tmp_path: Path) -> None:
        for session in ("1", "2"):
            touch_surfaces(tmp_path, "01", "02", session=session)
        touch_surfaces(tmp_path, "03", session="2", hemi="L")
        first, second = discover(tmp_path, by="session")
        assert (first.name, second.name) == ("ses-1_" + NAME, "ses-2_" + NAME)
        assert [entry.reason for entry in second.excluded if entry.is_subject] == [
            "no effect map of the right hemisphere"
        ]

    def test_single_subjects(self, tmp_path: Path) -> None:
        touch_surfaces(tmp_path, "01", "02", stat="z")
        singles = subject_contrasts(discover(tmp_path, stat="z"))
        assert [each.name for each in singles] == [f"sub-{subject}_{NAME}" for subject in ("01", "02")]
        assert [len(each.files) for each in singles] == [2, 2]

    def test_f_contrasts_are_left_out_with_both_files(self, tmp_path: Path) -> None:
        for stat in ("z", "F"):
            touch_surfaces(tmp_path, "01", contrast="any", stat=stat)
        touch_surfaces(tmp_path, "01", stat="z")
        found = without_f(discover(tmp_path, stat="z"))
        assert names(found) == [NAME]
        assert sum("F contrast" in entry.reason for entry in found.excluded) == 2


class TestSidecars:
    def test_values_for_one_or_both_hemispheres(self, tmp_path: Path) -> None:
        paths = touch_surfaces(tmp_path, "01", stat="t")
        left, right = (paths[side][0] for side in "LR")
        left.with_suffix("").with_suffix(".json").write_text('{"DegreesOfFreedom": 20, "Side": "left"}')
        right.with_suffix("").with_suffix(".json").write_text('{"Side": "right", "Only": 1}')
        left.with_name("sub-01_stat-t_statmap.json").write_text('{"Model": "m"}')
        (member,) = discover(tmp_path, stat="t")[0].members
        assert member.first.sidecar() == {"DegreesOfFreedom": 20, "Side": "left", "Only": 1, "Model": "m"}


class TestDatabases:
    def test_the_contrasts_are_those_of_a_search(self, tmp_path: Path) -> None:
        root = tmp_path / "in"
        describe(root)
        touch_surfaces(root, "01", "02")
        touch_maps(root, "01", "02", space="fsLR", extension=".dscalar.nii")
        open_layouts(tmp_path / "db", root, [root], make=True)
        found = discover(open_dataset(root, database_dir=tmp_path / "db", make_database=False))
        assert names(found) == ["task-emo_space-fsLR_contrast-faces", NAME]
        assert found == discover(root)


class TestManifests:
    """The pairs of tables of maps."""

    def write(self, root: Path, *rows: str, columns: str = "participant_id\teffect") -> Path:
        path = root / "maps.tsv"
        path.write_text("\n".join([columns, *rows]) + "\n")
        return path

    def touch(self, root: Path, *names: str) -> None:
        for name in names:
            (root / name).touch()

    def test_a_line_names_the_left_file_and_the_other_is_found(self, tmp_path: Path) -> None:
        self.touch(tmp_path, *(f"{side}h.s{i}.gii" for side in "lr" for i in (1, 2)))
        path = self.write(tmp_path, "01\tlh.s1.gii", "02\trh.s2.gii")
        (contrast,) = discover(open_manifest(path))
        contrast.check()
        assert (contrast.name, contrast.subjects) == ("contrast-map", ("01", "02"))
        assert [file.name for file in contrast.files] == ["lh.s1.gii", "rh.s1.gii", "lh.s2.gii", "rh.s2.gii"]

    def test_both_lines_of_a_subject_are_one_map(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "lh.s1.gii", "rh.s1.gii", "s2a.gii", "s2b.gii")
        rows = ("01\tL\tlh.s1.gii", "01\tR\trh.s1.gii", "02\themi-L\ts2a.gii", "02\trh\ts2b.gii")
        (contrast,) = discover(open_manifest(self.write(tmp_path, *rows, columns="participant_id\themi\teffect")))
        contrast.check()
        assert [file.name for file in contrast.files] == ["lh.s1.gii", "rh.s1.gii", "s2a.gii", "s2b.gii"]

    def test_lines_without_a_column_of_hemispheres(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "lh.s1.gii", "rh.s1.gii")
        (contrast,) = discover(open_manifest(self.write(tmp_path, "01\trh.s1.gii", "01\tlh.s1.gii")))
        contrast.check()
        assert [file.name for file in contrast.files] == ["lh.s1.gii", "rh.s1.gii"]

    def test_a_hemisphere_that_the_table_names_is_analysed_on_its_own(self, tmp_path: Path) -> None:
        self.touch(tmp_path, *(f"{side}h.s{i}.gii" for side in "lr" for i in (1, 2)))
        path = self.write(tmp_path, "01\tL\tlh.s1.gii", "02\tL\tlh.s2.gii", columns="participant_id\themi\teffect")
        (contrast,) = discover(open_manifest(path))
        assert (contrast.name, [file.name for file in contrast.files]) == (
            "hemi-L_contrast-map",
            ["lh.s1.gii", "lh.s2.gii"],
        )

    def test_variances_are_found_too(self, tmp_path: Path) -> None:
        self.touch(tmp_path, *(f"{side}h.{what}.gii" for side in "lr" for what in ("cope", "var")))
        path = self.write(tmp_path, "01\tlh.cope.gii\tlh.var.gii", columns="participant_id\teffect\tvariance")
        (contrast,) = discover(open_manifest(path), weights=True)
        (member,) = contrast.members
        assert [file.name for each in member.variances for file in each.files] == ["lh.var.gii", "rh.var.gii"]

    def test_degrees_of_freedom_of_both_are_the_same(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "lh.t.gii", "rh.t.gii")
        columns = "participant_id\tt\tdof"
        path = self.write(tmp_path, "01\tlh.t.gii\t20", "01\trh.t.gii\t20", columns=columns)
        assert discover(open_manifest(path), stat="t")[0].members[0].dof == 20
        path = self.write(tmp_path, "01\tlh.t.gii\t20", "01\trh.t.gii\t21", columns=columns)
        with pytest.raises(DataError, match=r"have 20\.0 and 21\.0 degrees of freedom"):
            discover(open_manifest(path), stat="t")

    def test_a_file_without_a_hemisphere(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "01\tcon.gii")
        with pytest.raises(DataError, match=r"line 2 has con\.gii, a surface without its hemisphere"):
            open_manifest(path)

    def test_a_hemisphere_that_is_none(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "01\tboth\tcon.gii", columns="participant_id\themi\teffect")
        with pytest.raises(DataError, match=r"line 2 has hemi 'both'; expected L or R"):
            open_manifest(path)

    def test_a_missing_file_is_named_with_its_line(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "lh.s1.gii", "rh.s1.gii")
        path = self.write(tmp_path, "01\tlh.s1.gii", "02\tlh.s2.gii", "02\trh.s2.gii")
        with pytest.raises(DataError, match=r"2 files in .* not found: line 3: .*lh\.s2\.gii, line 4: .*rh\.s2\.gii"):
            discover(open_manifest(path))

    def test_grayordinates(self, tmp_path: Path) -> None:
        self.touch(tmp_path, "s1.tfMRI_WM.dscalar.nii", "s2.tfMRI_WM.dscalar.nii")
        path = self.write(tmp_path, "01\ts1.tfMRI_WM.dscalar.nii", "02\ts2.tfMRI_WM.dscalar.nii")
        (contrast,) = discover(open_manifest(path))
        assert {file.kind for file in contrast.files} == {"CIFTI"}

    def test_maps_in_files_with_several(self, tmp_path: Path) -> None:
        """As in files of the Human Connectome Project, where names begin with the subject."""
        self.touch(tmp_path, "s1.dscalar.nii", "s2.dscalar.nii")
        rows = [f"{i}\t{c}\ts{i}.dscalar.nii\t{i}_WM {c}" for i in (1, 2) for c in ("faces", "places")]
        path = self.write(tmp_path, *rows, columns="participant_id\tcontrast\teffect\tmap_name")
        faces, places = discover(open_manifest(path))
        assert [file.map_name for file in faces.files] == ["1_WM faces", "2_WM faces"]
        assert [file.uri for file in places.files] == [
            f"bids:manifest:s{i}.dscalar.nii#{i}_WM%20places" for i in (1, 2)
        ]
        (difference,) = discover(open_manifest(path), paired="contrast=faces-places")
        check_group(difference)

    def test_volumes_have_no_names(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "01\tcon.nii\tx", columns="participant_id\teffect\tmap_name")
        with pytest.raises(DataError, match=r"line 2 has a map_name for con\.nii, a volume"):
            open_manifest(path)


class TestSingleMaps:
    """The map of bids-ari-map."""

    def test_names_of_bids(self, tmp_path: Path) -> None:
        paths = touch_surfaces(tmp_path, "01", stat="z")
        for side in "LR":
            contrast = contrast_of_map(paths[side][0], "z")
            assert contrast.name == f"sub-01_{NAME}"
            assert list(contrast.paths) == [paths["L"][0], paths["R"][0]]

    def test_one_hemisphere_alone(self, tmp_path: Path) -> None:
        (path,) = touch_surfaces(tmp_path, "01", stat="z", hemi="R")["R"]
        contrast = contrast_of_map(path, "z")
        assert (contrast.name, contrast.paths) == (f"sub-01_{OF_RIGHT}", (path,))

    @pytest.mark.parametrize(
        ("left", "right", "name"),
        [
            ("lh.zstat1.func.gii", "rh.zstat1.func.gii", "contrast-zstat1"),
            ("S1.L.faces.32k_fs_LR.shape.gii", "S1.R.faces.32k_fs_LR.shape.gii", "contrast-S1faces32kfsLR"),
        ],
    )
    def test_other_names(self, tmp_path: Path, left: str, right: str, name: str) -> None:
        paths = tmp_path / left, tmp_path / right
        for path in paths:
            path.touch()
        contrast = contrast_of_map(paths[1], "z", "fsaverage")
        assert contrast.name == f"space-fsaverage_{name}"
        assert contrast.paths == paths
        assert contrast_of_map(paths[0], "z", "fsaverage:den-10k").name == f"space-fsaverage_den-10k_{name}"

    @pytest.mark.parametrize("name", ["lh.zstat1.func.gii", "zstat1_hemi-left.gii", "S1.L.gii"])
    def test_one_hemisphere_with_another_name(self, tmp_path: Path, name: str) -> None:
        contrast = contrast_of_map(tmp_path / name, "z")
        assert contrast.name == f"hemi-L_contrast-{'S1' if 'S1' in name else 'zstat1'}"

    def test_the_hemisphere_is_not_known(self, tmp_path: Path) -> None:
        assert contrast_of_map(tmp_path / "zstat1.gii", "z").name == "contrast-zstat1"

    def test_grayordinates(self, tmp_path: Path) -> None:
        contrast = contrast_of_map(tmp_path / "tfMRI.z.dscalar.nii", "z")
        assert (contrast.name, contrast.files[0].kind) == ("contrast-tfMRIz", "CIFTI")


def test_the_map_of_the_left_hemisphere_stands_for_both_beside_it(tmp_path: Path) -> None:
    for stat in ("z", "effect"):
        touch_surfaces(tmp_path, "01", stat=stat)
    (member,) = discover(tmp_path, stat="z")[0].members
    beside = map_path(tmp_path, "01", space="fsaverage", hemi="L", den="10k", extension=".func.gii")
    assert member.first.beside("effect") == beside
