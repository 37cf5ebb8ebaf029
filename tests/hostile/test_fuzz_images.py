"""Mutated images, by the hundred: each is read or refused, without a warning, and without taking memory for it.

To see one again: ``mutate(np.random.default_rng(seed))`` with the seed that the failure names.
"""

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from builders import subject_map

from bids_ari.errors import BidsAriError
from bids_ari.images.stack import load_stack

N_BLOCKS, PER_BLOCK = 16, 100
IN_SAMPLE = 2
"""Blocks in ordinary runs of the tests; the marker `fuzz` is for the others."""

SHAPE = (5, 6, 7)
AFFINE = np.diag([2.0, 2, 2, 1])
VALUES = np.random.default_rng(1).integers(1, 100, SHAPE).astype(float)

Rng = np.random.Generator
Bytes = bytearray

INTEGERS = (0, 1, -1, 2, 3, 4, 7, 8, 127, 128, 255, 256, 348, 540, 1024, 32767, -32768, 2**31 - 1, 2**63 - 1, -(2**63))
FLOATS = (0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-45, 1e38, -1e38, 352.0, 352.5, 544.0, 1e-3, 1e5, 1e300)


def _base(kind: type[Any], dtype: Any, order: str, *, by_sform: bool, scaled: bool) -> bytes:
    """A sound image of VALUES."""
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.dtype(dtype).newbyteorder(order))
    made = kind(VALUES.astype(dtype), AFFINE, header)
    made.set_sform(AFFINE if by_sform else None, code=4 if by_sform else 0)
    made.set_qform(AFFINE, code=1)
    content = made.to_bytes()
    fields = kind.header_class(content[: header.sizeof_hdr], endianness=order)
    fields["scl_slope"], fields["scl_inter"] = (0.5, -3) if scaled else (1, 0)
    return bytes(fields.binaryblock) + bytes(content[header.sizeof_hdr :])


BASES = (
    (nib.Nifti1Header, _base(nib.Nifti1Image, np.float32, "<", by_sform=True, scaled=False)),
    (nib.Nifti1Header, _base(nib.Nifti1Image, np.int16, ">", by_sform=False, scaled=True)),
    (nib.Nifti2Header, _base(nib.Nifti2Image, np.float64, "<", by_sform=False, scaled=False)),
    (nib.Nifti2Header, _base(nib.Nifti2Image, np.uint8, ">", by_sform=True, scaled=True)),
)


def some_bytes(content: Bytes, kind: type[Any], rng: Rng) -> None:
    """Other bytes in the header."""
    for at in rng.integers(kind.sizeof_hdr, size=rng.integers(1, 6)):
        content[at] = rng.integers(256)


def some_fields(content: Bytes, kind: type[Any], rng: Rng) -> None:
    """Values in fields that are the ends of something."""
    fields = kind(bytes(content[: kind.sizeof_hdr]), check=False)
    for _ in range(rng.integers(1, 4)):
        name = str(rng.choice(fields.keys()))
        place = fields.structarr[name]
        if place.dtype.kind not in "iuf":
            continue
        given = rng.choice(FLOATS) if place.dtype.kind == "f" else int(rng.choice(np.array(INTEGERS, dtype=object)))
        with np.errstate(all="ignore"):
            value = np.array(given).astype(place.dtype)
        if place.shape:
            place[rng.integers(place.size)] = value
        else:
            fields[name] = value
    content[: kind.sizeof_hdr] = fields.binaryblock


def cut(content: Bytes, kind: type[Any], rng: Rng) -> None:
    """The beginning alone; also within the header."""
    del content[rng.integers(len(content) if rng.random() < 0.5 else kind.sizeof_hdr + 5) :]


def splice(content: Bytes, kind: type[Any], rng: Rng) -> None:
    """A piece of another image, or of another place, in place of one here."""
    _, other = BASES[rng.integers(len(BASES))]
    length, start, at = rng.integers(1, 200), rng.integers(len(other)), rng.integers(len(content))
    content[at : at + rng.integers(200)] = other[start : start + length]


def longer(content: Bytes, kind: type[Any], rng: Rng) -> None:
    """More of it, at the end or within."""
    at = rng.integers(len(content)) if rng.random() < 0.5 else len(content)
    content[at:at] = rng.bytes(rng.integers(1, 3000))


def flip(content: Bytes, kind: type[Any], rng: Rng) -> None:
    """Single bits, anywhere."""
    for at in rng.integers(len(content), size=rng.integers(1, 4)):
        content[at] ^= 1 << rng.integers(8)


MUTATIONS: tuple[Callable[[Bytes, type[Any], Rng], None], ...] = (
    some_bytes,
    some_fields,
    some_fields,
    some_fields,
    cut,
    splice,
    longer,
    flip,
)
"""Mutations of an image."""

TO_COMPRESSED = (cut, splice, longer, flip)
"""Mutations of a compressed file."""


def mutate(rng: Rng) -> tuple[str, bytes, float | None]:
    """Return an extension, the content of a file, and the sum of its values if a checksum promises these."""
    which = int(rng.integers(len(BASES)))
    kind, sound = BASES[which]
    content = bytearray(sound)
    if rng.random() < 0.3:
        packed = bytearray(gzip.compress(sound, mtime=0))
        TO_COMPRESSED[rng.integers(len(TO_COMPRESSED))](packed, kind, rng)
        total = VALUES.sum() if which in (0, 2) else (0.5 * VALUES - 3).sum()
        return ".nii.gz", bytes(packed), float(total)
    for _ in range(rng.integers(1, 3)):
        if len(content) >= kind.sizeof_hdr:
            MUTATIONS[rng.integers(len(MUTATIONS))](content, kind, rng)
    if rng.random() < 0.5:
        return ".nii.gz", gzip.compress(bytes(content), 1, mtime=0), None
    return ".nii", bytes(content), None


def outcome(path: Path, others: list[Path], total: float | None, seed: int) -> bool:
    """Read a file as one of three; say whether it was taken. What is refused is named."""
    try:
        stack = load_stack(
            [subject_map("01", others[0]), subject_map("02", path), subject_map("03", others[1])],
            coverage=0.01,
            allow_duplicates=True,
        )
        row = stack.effects[:, :][1]
    except BidsAriError as error:
        if str(path) not in error.found and "sub-02" not in error.found:
            raise AssertionError(f"seed {seed} is refused without its name: {error}") from error
        return False
    assert not np.isinf(row).any(), f"seed {seed}"
    if total is not None:
        assert row.sum() == total, f"seed {seed}: the checksum is right, the values are not"
    return True


SAMPLES = range(IN_SAMPLE)
OTHERS = [pytest.param(block, marks=pytest.mark.fuzz) for block in range(IN_SAMPLE, N_BLOCKS)]


def write_others(folder: Path) -> list[Path]:
    """Write the images of the two other subjects."""
    others = [folder / "1.nii", folder / "3.nii"]
    for path in others:
        path.write_bytes(BASES[0][1])
    return others


def check_unmutated(folder: Path, others: list[Path]) -> None:
    """Read unmutated images."""
    for i, (_, content) in enumerate(BASES):
        (folder / "2.nii").write_bytes(content)
        total = VALUES.sum() if i in (0, 2) else (0.5 * VALUES - 3).sum()
        assert outcome(folder / "2.nii", others, float(total), seed=-1)


@pytest.mark.parametrize("block", [*SAMPLES, *OTHERS])
def test_a_mutated_image_is_read_or_refused(tmp_path: Path, block: int) -> None:
    others = write_others(tmp_path)
    check_unmutated(tmp_path, others)  # which loads compiled code of 15 MB
    taken = 0
    tracemalloc.start()
    for seed in range(block * PER_BLOCK, (block + 1) * PER_BLOCK):
        extension, content, total = mutate(np.random.default_rng(seed))
        path = tmp_path / f"2{extension}"
        path.write_bytes(content)
        try:
            taken += outcome(path, others, total, seed)
        except Exception as error:
            raise AssertionError(f"seed {seed} ended with {error!r}") from error
        _, peak = tracemalloc.get_traced_memory()
        assert peak < 16e6, f"seed {seed} took {peak} bytes"
    tracemalloc.stop()
    assert 0.1 < taken / PER_BLOCK < 0.7


def test_unmutated_images_are_read(tmp_path: Path) -> None:
    """Else all could be refused for another reason than its mutation."""
    check_unmutated(tmp_path, write_others(tmp_path))
