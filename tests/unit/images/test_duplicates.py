"""Images that are the same in several files, by their values."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, brain, image, saved, subject_map

from bids_ari.errors import DuplicateMapsError
from bids_ari.images.duplicates import check_copies, digest_of, digests_of
from bids_ari.images.files import read_image
from bids_ari.images.maps import MapReader
from bids_ari.images.stack import load_stack

Write = Callable[[Path, np.ndarray], Path]


def in_float64(path: Path, data: np.ndarray) -> Path:
    nib.save(image(data, dtype=np.float64), path)
    return path


def with_nan_outside(path: Path, data: np.ndarray) -> Path:
    return saved(path, np.where(data == 0, np.nan, data))


def with_another_header(path: Path, data: np.ndarray) -> Path:
    made = nib.Nifti1Image(data.astype(np.float32), AFFINE)
    made.header["descrip"] = b"another program"
    nib.save(made, path)
    return path


COPIES: dict[str, tuple[str, Write]] = {
    "a copy": ("b.nii.gz", saved),
    "not compressed": ("b.nii", saved),
    "NaN outside the brain": ("b.nii.gz", with_nan_outside),
    "another header": ("b.nii", with_another_header),
    "float64": ("b.nii", in_float64),
    "NIfTI-2": ("b.nii", lambda path, data: (nib.save(nib.Nifti2Image(np.float32(data), AFFINE), path), path)[1]),
}


@pytest.mark.parametrize("kind", COPIES)
def test_the_same_image_under_two_subjects_is_refused(tmp_path: Path, rng: np.random.Generator, kind: str) -> None:
    name, write = COPIES[kind]
    first, second = brain(rng), brain(rng)
    members = [
        subject_map("01", saved(tmp_path / "a.nii.gz", first)),
        subject_map("02", saved(tmp_path / "other.nii.gz", second)),
        subject_map("03", write(tmp_path / name, first)),
    ]
    with pytest.raises(DuplicateMapsError) as caught:
        load_stack(members)
    assert f"sub-01 and sub-03 ({tmp_path.name}/a.nii.gz, {tmp_path.name}/{name})" in caught.value.found
    assert "sub-02" not in caught.value.found
    assert "--allow-duplicates" in caught.value.hint
    stack = load_stack(members, allow_duplicates=True)
    assert stack.effects[:, :].shape[0] == 3
    assert [note for note in stack.notes if "sub-01 and sub-03" in note]


def test_all_pairs_are_named_and_counted(tmp_path: Path, rng: np.random.Generator) -> None:
    images = [brain(rng) for _ in range(7)]
    members = [
        subject_map(f"{side}{i}", saved(tmp_path / f"{side}{i}.nii", data))
        for i, data in enumerate(images)
        for side in "ab"
    ]
    with pytest.raises(DuplicateMapsError, match=r"sub-a0 and sub-b0 .*sub-a4 and sub-b4 .* and 2 more") as caught:
        load_stack(members)
    assert "sub-a5" not in caught.value.found


class TestWithinASubject:
    @pytest.fixture
    def files(self, tmp_path: Path, rng: np.random.Generator) -> list[Path]:
        """Two images in four files: one and four are the same."""
        data = [brain(rng) for _ in range(3)]
        return [saved(tmp_path / f"{i}.nii.gz", each) for i, each in enumerate([*data, data[0]])]

    def test_two_runs(self, files: list[Path]) -> None:
        members = [subject_map("01", files[0], files[3]), subject_map("02", files[1], files[2])]
        with pytest.raises(DuplicateMapsError, match="used more than once: sub-01 "):
            load_stack(members)

    def test_the_two_maps_of_a_pair(self, files: list[Path]) -> None:
        members = [
            subject_map("01", files[0], minus=subject_map("01", files[3])),
            subject_map("02", files[1], minus=subject_map("02", files[2])),
        ]
        with pytest.raises(DuplicateMapsError, match="used more than once: sub-01 "):
            load_stack(members)

    def test_a_variance_map_that_is_the_effect_map(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """Also where the effect has negative values, which are no variances."""
        effects = [saved(tmp_path / f"e{i}.nii", brain(rng)) for i in range(2)]
        variances = [saved(tmp_path / f"v{i}.nii", brain(rng) ** 2) for i in range(2)]
        variances[1] = saved(tmp_path / "v1.nii.gz", nib.load(effects[1]).get_fdata())  # type: ignore[attr-defined]
        members = [
            subject_map(f"{i}", effect, variances=[variance])
            for i, (effect, variance) in enumerate(zip(effects, variances, strict=True))
        ]
        with pytest.raises(DuplicateMapsError, match="used more than once: sub-1 "):
            load_stack(members, variances=True)
        load_stack(members)  # ordinary least squares do not read the variances


class TestWhatIsNotTheSame:
    def test_images_that_differ_in_one_voxel(self, rng: np.random.Generator) -> None:
        one = brain(rng)
        other = one.copy()
        other[5, 5, 5] *= 1 + 1e-6  # more than the precision of float32
        assert digest_of(one) != digest_of(other)
        assert digest_of(one) == digest_of(one.copy()) != b""

    @pytest.mark.parametrize("values", [[0.0], [np.nan], [1.0], [0.0, 1.0], [np.nan, 2.0, 0.0], [np.inf, np.inf]])
    def test_constant_images_are_not_compared(self, values: list[float]) -> None:
        """Variance maps that are 1 everywhere say nothing about a copy."""
        volume = np.resize(values, SHAPE)
        assert digest_of(volume) == b""

    def test_the_order_of_values_in_memory_does_not_matter(self, rng: np.random.Generator) -> None:
        data = rng.normal(size=SHAPE)
        assert digest_of(np.asfortranarray(data)) == digest_of(np.ascontiguousarray(data))

    def test_maps_of_opposite_sign_are_different(self, rng: np.random.Generator) -> None:
        data = rng.normal(size=SHAPE)
        assert digest_of(data) != digest_of(-data)


class TestSimilarMaps:
    """A copy that was stored or processed differently is no error, but a note."""

    def notes(self, folder: Path, *volumes: np.ndarray) -> list[str]:
        members = [subject_map(f"{i}", saved(folder / f"{i}.nii.gz", each)) for i, each in enumerate(volumes)]
        return [note for note in load_stack(members).notes if "nearly copies" in note]

    def test_a_copy_in_fewer_bits_or_other_units(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """Steps of 1/50 of a standard deviation; another factor; the other sign."""
        first, second = brain(rng), brain(rng)
        (note,) = self.notes(tmp_path, first, second, np.round(first * 50) / 50, -3 * second)
        assert "sub-0 and sub-2 (r = 0.99" in note or "sub-0 and sub-2 (r = 1.0000)" in note
        assert "sub-1 and sub-3 (r = -1.0000)" in note
        assert "sub-0 and sub-1" not in note

    def test_maps_of_a_strong_effect_are_not_similar(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """An effect of 3 standard deviations in all subjects at half of the voxels: r = 2.25 / 3.25 = 0.69."""
        effect = np.where(np.arange(SHAPE[2]) % 2, 3.0, 0.0)
        assert self.notes(tmp_path, *(np.where(brain(rng) != 0, brain(rng) + effect, 0) for _ in range(3))) == []

    def test_copies_that_are_allowed_are_named_once(self, tmp_path: Path, rng: np.random.Generator) -> None:
        data = brain(rng)
        members = [subject_map(f"{i}", saved(tmp_path / f"{i}.nii", each)) for i, each in enumerate([data, data])]
        assert len(load_stack(members, allow_duplicates=True).notes) == 1


def surface(path: Path, values: np.ndarray) -> Path:
    side = "Left" if "hemi-L" in path.name else "Right"
    meta = nib.gifti.GiftiMetaData({"AnatomicalStructurePrimary": f"Cortex{side}"})
    data = nib.gifti.GiftiDataArray(values.astype(np.float32), "NIFTI_INTENT_NONE", meta=meta)
    nib.save(nib.GiftiImage(darrays=[data], meta=meta), path)
    return path


def test_two_maps_of_a_file_are_no_copies(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "several.dscalar.nii"
    model = nib.cifti2.BrainModelAxis.from_surface(np.arange(30), 30, "CortexLeft")
    axes = nib.cifti2.ScalarAxis(["a", "b"]), model
    nib.save(nib.Cifti2Image(rng.normal(size=(2, 30)).astype(np.float32), axes), path)
    one = subject_map("1", path)
    members = [replace(one, maps=(one.first.with_(extension=".dscalar.nii", map_name=name),)) for name in "ab"]
    maps = [member.first for member in members]
    digests = {k: v for each in maps for k, v in digests_of(each, read_image(path, map_name=each.map_name)).items()}
    assert len(digests) == 2
    assert check_copies(members, digests, allowed=False) == []
    reader = MapReader(read_image(path, map_name="a").frame, 2**30)
    effects = [reader.read(member).effect for member in members]
    assert not np.array_equal(*effects)
    assert np.array_equal(effects[1], read_image(path, map_name="b").values)


def test_each_hemisphere_is_compared(tmp_path: Path, rng: np.random.Generator) -> None:
    """The right hemisphere of one subject is that of another, whatever the left ones are."""
    values = {f"{subject}{side}": rng.normal(size=30) for subject in "123" for side in "LR"}
    values["3R"] = values["1R"]
    members, digests = [], {}
    for subject in "123":
        sides = [surface(tmp_path / f"sub-{subject}_hemi-{side}.gii", values[subject + side]) for side in "LR"]
        left, right = (subject_map(subject, path) for path in sides)
        file = left.first.with_(pair=right.first)
        members.append(replace(left, maps=(file,)))
        digests |= digests_of(file, read_image(sides))
    assert len(digests) == 6
    with pytest.raises(DuplicateMapsError) as caught:
        check_copies(members, digests, allowed=False)
    names = f"{tmp_path.name}/sub-1_hemi-R.gii, {tmp_path.name}/sub-3_hemi-R.gii"
    assert f"sub-1 and sub-3 ({names})" in caught.value.found
    assert "hemi-L" not in caught.value.found
