"""Unusual values in the maps of a group."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, brain, minus_map, one_each, saved, subject_map
from builders_headers import spm_image

from bids_ari.errors import EmptyMaskError
from bids_ari.images.stack import Stack, load_stack
from bids_ari.images.unusual import ValueFacts, facts_of
from bids_ari.images.volume import Grid, VolumeSpace


class TestFacts:
    @pytest.mark.parametrize("threshold", [1.0, 1.64, 2.3, 3.1])
    @pytest.mark.parametrize("empty", [0.0, np.nan])
    def test_a_thresholded_map(self, rng: np.random.Generator, threshold: float, empty: float) -> None:
        z = rng.normal(scale=2, size=20_000)
        kept = np.where(np.abs(z) > threshold, z, empty)
        assert facts_of(kept).threshold == pytest.approx(threshold, rel=0.01)
        one_sided = np.where(z > threshold, z, empty)
        assert facts_of(one_sided).threshold == pytest.approx(threshold, rel=0.01)

    def test_maps_without_a_threshold(self, rng: np.random.Generator) -> None:
        """Noise; quantities above 0, as cerebral blood flow in ml/100 g/min; whole numbers; a constant; few values."""
        noise = rng.normal(size=20_000)
        for values in (noise, 50 + 8 * noise, np.ones(20_000), noise[:50] + 10 * np.sign(noise[:50])):
            assert facts_of(values).threshold == 0
        assert facts_of(np.rint(noise), step=1.0).threshold == 0

    def test_infinite_values(self, rng: np.random.Generator) -> None:
        values = rng.normal(size=1000)
        values[:3] = np.inf, -np.inf, np.nan
        assert facts_of(values) == ValueFacts(n_infinite=2)


GRID = Grid(SHAPE, AFFINE)


def stack(folder: Path, volumes: list[np.ndarray], **options: Any) -> Stack:
    paths = [saved(folder / f"{i}.nii.gz", volume) for i, volume in enumerate(volumes)]
    return load_stack(one_each(paths), **options)


@pytest.fixture
def volumes(rng: np.random.Generator) -> list[np.ndarray]:
    return [brain(rng) for _ in range(4)]


class TestNotes:
    def test_good_maps_have_none(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        assert stack(tmp_path, volumes).notes == ()

    def test_infinite_values_are_counted(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        volumes[1][5, 5, 5:8] = np.inf
        volumes[3][4, 4, 4] = -np.inf
        (note,) = stack(tmp_path, volumes).notes
        assert note == "4 infinite values in the maps count as missing: sub-01 (3), sub-03 (1)"

    @pytest.mark.parametrize("empty", [0.0, np.nan])
    def test_slices_without_data_are_counted(self, tmp_path: Path, volumes: list[np.ndarray], empty: float) -> None:
        """The axes of the files are sagittal, coronal and axial; the outermost slices of all are empty."""
        volumes[2][..., 1:4] = np.nan
        volumes[3][4], volumes[3][:, 9] = np.nan, empty
        (note,) = stack(tmp_path, volumes).notes
        assert note.startswith("2 subjects without any data in slices where the others have data")
        assert "sub-02 (3 axial slices), sub-03 (1 sagittal slice, 1 coronal slice)" in note

    def test_slices_that_nobody_has(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        for volume in volumes:
            volume[..., 5] = np.nan
        (note,) = stack(tmp_path, volumes).notes
        assert note.startswith("4 subjects without any data in slices")

    def test_small_slices_at_the_end_of_the_brain_may_be_empty(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        """The last slice has 10 voxels, the others 72 or more."""
        for volume in volumes:
            volume[..., 10] = np.where(np.arange(110).reshape(10, 11) % 11 == 5, volume[..., 9], 0)
        volumes[0][..., 10] = 0
        assert stack(tmp_path, volumes).notes == ()

    def test_thresholded_maps_are_named(self, tmp_path: Path, rng: np.random.Generator) -> None:
        volumes = [brain(rng) * 3 for _ in range(4)]
        kept = np.abs(volumes[2]) > 2.3
        volumes[2] = np.where(kept, volumes[2], 0)
        notes = stack(tmp_path, volumes).notes
        (note,) = [note for note in notes if "thresholded" in note]
        assert note.startswith("Maps of 1 subject look thresholded")
        assert "sub-02 (2.3" in note

    def test_constant_maps_are_named(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        volumes[1] = np.where(volumes[1] == 0, 0, 3.7)
        (note,) = stack(tmp_path, volumes).notes
        assert note.startswith("Maps of 1 subject are constant")
        assert "sub-01 (3.7)" in note

    def test_too_large_values_are_counted(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        volumes[1][5, 5, 5:7] = 1e30, -1e30
        (note,) = stack(tmp_path, volumes).notes
        assert "values beyond 1e+15" in note
        assert "sub-01 (2)" in note

    def test_runs_count_for_their_subject(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        volumes[0][5, 5, 5], volumes[1][5, 5, 6] = np.inf, np.inf
        paths = [saved(tmp_path / f"{i}.nii.gz", volume) for i, volume in enumerate(volumes)]
        notes = load_stack([subject_map("a", *paths[:2]), subject_map("b", *paths[2:])]).notes
        assert notes[0].endswith(": sub-a (2)")


class TestSparse:
    """Maps of 1,320 voxels, of which a threshold left 27 or so."""

    @pytest.fixture
    def strong(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Return noise with an effect of 4 in 27 voxels."""
        volumes = [brain(rng) for _ in range(8)]
        for volume in volumes:
            volume[3:6, 3:6, 3:6] += 4
        return volumes

    @pytest.mark.parametrize(("threshold", "empty"), [(2.3, 0), (3.1, np.nan)])
    def test_values_are_pooled(self, tmp_path: Path, strong: list[np.ndarray], threshold: float, empty: float) -> None:
        kept = [np.where(np.abs(volume) > threshold, volume, empty) for volume in strong]
        assert max(np.count_nonzero(np.nan_to_num(volume)) for volume in kept) < 100
        notes = " ".join(stack(tmp_path, kept, coverage=0.3).notes)
        assert "Maps of 8 subjects look thresholded" in notes
        assert f"sub-01 ({threshold:.1f}"[:-1] in notes

    def test_the_error_without_any_voxel_says_so(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """About 5 % of 720 voxels, at different places."""
        kept = [np.where(np.abs(volume) > 1.96, volume, 0) for volume in (brain(rng) for _ in range(6))]
        with pytest.raises(EmptyMaskError) as caught:
            stack(tmp_path, kept)
        assert "look thresholded" in caught.value.hint
        assert "Lower --coverage" not in caught.value.hint

    def test_few_voxels_with_data_of_the_mask(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """64 of 720 voxels are 9 %; their values show no threshold."""
        volumes = [np.full(SHAPE, np.nan) for _ in range(4)]
        for volume in volumes:
            volume[2:6, 2:6, 2:6] = rng.normal(size=(4, 4, 4))
        inside = np.zeros(SHAPE, dtype=bool)
        inside[1:-1, 1:-1, 1:-1] = True
        (note,) = stack(tmp_path, volumes, mask=VolumeSpace(GRID, inside)).notes
        assert note.startswith("Maps have data at 9% of the voxels of the mask on average")
        (note,) = stack(tmp_path, volumes).notes
        assert note.startswith("Maps have data at 64 voxels only, 4.8% of all")
        region = VolumeSpace(GRID, np.isfinite(volumes[0]))
        assert stack(tmp_path, volumes, mask=region).notes == ()

    def test_small_regions_of_quantities_above_0(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """As cerebral blood flow in ml/100 g/min."""
        volumes = [np.full(SHAPE, np.nan) for _ in range(8)]
        for volume in volumes:
            volume[2:6, 2:6, 2:6] = 50 + 8 * rng.normal(size=(4, 4, 4))
        region = VolumeSpace(GRID, np.isfinite(volumes[0]))
        assert stack(tmp_path, volumes, mask=region).notes == ()


class TestClaims:
    """As a manifest may have them: any name in the column of effects."""

    def paths(self, folder: Path, volumes: list[np.ndarray]) -> list[Path]:
        paths = [folder / name for name in ("con_0001.nii", "spmT_0001.nii", "b.nii", "thresh_zstat1.nii")]
        headers = ("Contrast 1: faces", "SPM{T_[19.0]} - contrast 1: faces", "FSL5.0", "")
        for path, volume, descrip in zip(paths, volumes, headers, strict=True):
            nib.save(spm_image(volume, descrip), path)
        return paths

    def test_other_statistics_are_named(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        members = one_each(self.paths(tmp_path, volumes))
        thresholded, t, z = load_stack(members, stat="effect").notes
        assert "sub-03 (its name, thresh)" in thresholded
        assert t.startswith("Maps of 1 subject were analysed as effects, but contain t statistics")
        assert 'sub-01 (its description "SPM{T_[19.0]}' in t
        assert "z statistics, in parentheses by what: sub-03" in z

    def test_the_statistic_that_is_analysed_is_not(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        members = one_each(self.paths(tmp_path, volumes)[1:3])
        assert load_stack(members, stat="t").notes == ()


def test_a_map_name_for_volumes(tmp_path: Path, volumes: list[np.ndarray]) -> None:
    assert stack(tmp_path, volumes, map_name="faces").notes == (
        "--map-name faces is not used: the maps are volumes, which have no names",
    )


def test_headers_without_a_place(tmp_path: Path, volumes: list[np.ndarray]) -> None:
    """As of programs that write an array with the size of its voxels only."""
    paths = [tmp_path / f"{i}.nii" for i in range(4)]
    for path, volume in zip(paths, volumes, strict=True):
        made = nib.Nifti1Image(volume, None)
        made.header.set_zooms((3, 3, 3))
        nib.save(made, path)
    (note,) = load_stack(one_each(paths)).notes
    assert "do not say where in space" in note


class TestContrasts:
    """SPM numbers the contrasts of each subject: the same number may be another contrast."""

    def note(self, folder: Path, volumes: list[np.ndarray], *names: str) -> tuple[str, ...]:
        paths = [folder / f"{i}.nii" for i in range(4)]
        for path, volume, name in zip(paths, volumes, names, strict=True):
            nib.save(spm_image(volume, name), path)
        return load_stack(one_each(paths), stat="effect").notes

    def test_another_name_in_the_header(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        names = [
            f"SPM contrast - 1: {name}" for name in ("left > right", "Left > right", "right > left", "left > right")
        ]
        (note,) = self.note(tmp_path, volumes, *names)
        assert note == (
            "Maps of 1 subject are of another contrast than 'left > right', by their headers or names, in parentheses "
            "which: sub-02 ('right > left'). Check that these are the right files"
        )

    def test_other_numbers_and_sessions_of_one_name(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        names = ("1: a", "2: a", "2: a - All Sessions", "1: a - Session 2")
        assert self.note(tmp_path, volumes, *(f"SPM contrast - {name}" for name in names)) == ()

    def test_names_with_the_label_of_each_subject(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        assert self.note(tmp_path, volumes, *(f"SPM contrast - 1: sub-{i} a" for i in range(4))) == ()

    def test_headers_of_other_programs(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        assert self.note(tmp_path, volumes, "SPM contrast - 1: a", "FSL5.0", "", "6.0.5:9e026117") == ()

    @pytest.mark.parametrize(
        ("names", "odd"),
        [
            (
                ["a.feat/stats/cope1", "b.gfeat/cope1.feat/stats/cope1", "c.feat/reg_standard/stats/cope1", "d/cope1"],
                "",
            ),
            (["a.gfeat/cope2.feat/stats/cope1", "b.gfeat/cope1.feat/stats/cope1", "c/cope2", "d/cope2"], "'cope1'"),
            (
                ["a.gfeat/cope2.feat/stats/cope3", "b.gfeat/cope2.feat/stats/cope1", "c/cope2", "d/cope2"],
                "'cope2/cope3'",
            ),
            (["a/varcope1", "b/cope1_warped", "c/x", "d/y"], ""),
        ],
    )
    def test_numbers_of_feat(self, tmp_path: Path, volumes: list[np.ndarray], names: list[str], odd: str) -> None:
        paths = [tmp_path / f"{name}.nii.gz" for name in names]
        for path, volume in zip(paths, volumes, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            saved(path, volume)
        notes = load_stack(one_each(paths)).notes
        assert [f"({odd})" in note for note in notes] == [True] * bool(odd)

    def test_differences_of_contrasts(self, tmp_path: Path, volumes: list[np.ndarray]) -> None:
        paths = [tmp_path / f"{i}.nii" for i in range(4)]
        for path, volume, name in zip(paths, volumes, "abba", strict=True):
            nib.save(spm_image(volume, f"SPM contrast - 1: {name}"), path)
        one, other, third, fourth = one_each(paths)
        members = [minus_map(one, other), minus_map(third, fourth)]
        assert load_stack(members, stat="effect").notes == ()


def test_the_axes_are_those_of_the_file() -> None:
    assert (SHAPE, np.sign(np.diag(AFFINE))[:3].tolist()) == ((10, 11, 12), [-1, 1, 1])
