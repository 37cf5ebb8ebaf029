"""Mutated GIFTI and CIFTI files, by the hundred: each is read or refused, without a warning or much memory.

To see one again: ``mutate(BASES[name], np.random.default_rng(seed))`` with the name and the seed that a failure tells.
"""

import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import one_each
from builders_meshes import icosphere, saved_mesh
from builders_surfaces import data_array, gifti, with_xml, write_cifti, xml_of
from nibabel.cifti2.cifti2_axes import BrainModelAxis

from bids_ari.errors import BidsAriError, DataError
from bids_ari.images.cifti import read_cifti
from bids_ari.images.gifti import read_gifti
from bids_ari.images.stack import load_stack
from bids_ari.images.surface_regions import read_parcels

N = 150
"""Mutations of each file."""

MOST_MEMORY, MOST_TIME = 8e6, 1.0  # bytes and seconds for a file of a few kB

Rng = np.random.Generator

WORDS = (
    *(
        b"",
        b"0",
        b"-1",
        b"99999999999",
        b"1e9",
        b"nan",
        b"\0",
        b"\xff\xfe",
        b"<",
        b">",
        b"&",
        b"&amp;",
        b"&#0;",
        b"]]>",
    ),
    *(b'"', b"<!--", b"<![CDATA[", b"<Data>", b"</Data>", b"<DataArray>", b"</GIFTI>", b"<MatrixIndicesMap>"),
    *(b"NIFTI_TYPE_UINT8", b"ASCII", b"Base64Binary", b"CIFTI_INDEX_TYPE_LABELS", b"CIFTI_STRUCTURE_CORTEX_LEFT"),
    *(b"<Vertices>1 2</Vertices>", b"<VoxelIndicesIJK>", b"<MetaData/>", b"<LabelTable><Label Key='1'>a</Label>"),
)
"""Texts that have a meaning in these files, or should have none."""

VALUES = (
    *(b"", b"0", b"1", b"-1", b"2", b"3", b"4", b"10", b"27", b"40", b"2147483648", b"99999999999999999999", b"1.5"),
    *(b"nan", b"inf", b"1e300", b"a", b"1 1 1", b"4,4,4", b"\xc3\xa9", b"ASCII", b"Base64Binary", b"GZipBase64Binary"),
    *(b"ExternalFileBinary", b"LittleEndian", b"ColumnMajorOrder", b"NIFTI_INTENT_LABEL", b"NIFTI_INTENT_POINTSET"),
    *(b"NIFTI_TYPE_UINT8", b"NIFTI_TYPE_RGB24", b"CIFTI_INDEX_TYPE_LABELS", b"CIFTI_INDEX_TYPE_SERIES"),
    *(b"CIFTI_INDEX_TYPE_PARCELS", b"CIFTI_INDEX_TYPE_BRAIN_MODELS", b"CIFTI_MODEL_TYPE_VOXELS"),
    *(b"CIFTI_MODEL_TYPE_SURFACE", b"CIFTI_STRUCTURE_CORTEX_LEFT", b"CIFTI_STRUCTURE_BRAIN_STEM", b"CortexRight"),
)
"""Values of attributes, and numbers."""


def flip(content: bytearray, rng: Rng) -> None:
    """Single bits, anywhere."""
    for at in rng.integers(len(content), size=rng.integers(1, 3)):
        content[at] ^= 1 << rng.integers(8)


def cut(content: bytearray, rng: Rng) -> None:
    """The beginning alone."""
    del content[rng.integers(len(content)) :]


def delete(content: bytearray, rng: Rng) -> None:
    """A piece less, at most 200 bytes."""
    at = rng.integers(len(content))
    del content[at : at + rng.integers(1, 200)]


def repeat(content: bytearray, rng: Rng) -> None:
    """A piece twice, or elsewhere."""
    at, start = rng.integers(len(content), size=2)
    content[at:at] = content[start : start + rng.integers(1, 300)]


def word(content: bytearray, rng: Rng) -> None:
    """A word in place of another: of a number, an attribute or a name."""
    ends = [0, *(i for i, byte in enumerate(content) if byte in b'"<> '), len(content)]
    first = int(rng.integers(len(ends) - 1))
    content[ends[first] + 1 : ends[first + 1]] = WORDS[rng.integers(len(WORDS))]


def value(content: bytearray, rng: Rng) -> None:
    """A sound value in place of that of an attribute, or of a number: the XML stays well-formed."""
    places = [match.span() for match in re.finditer(rb'(?<==")[^"]*(?=")|(?<=[ >])[-.\w]+(?=[ <])', content)]
    if places:
        start, end = places[rng.integers(len(places))]
        content[start:end] = VALUES[rng.integers(len(VALUES))]


def noise(content: bytearray, rng: Rng) -> None:
    """Bytes of any kind."""
    at = rng.integers(len(content))
    content[at : at + 20] = rng.bytes(rng.integers(1, 40))


MUTATIONS: tuple[Callable[[bytearray, Rng], None], ...] = (flip, cut, delete, repeat, word, *[value] * 8, noise)


def mutate(content: bytes, rng: Rng) -> bytes:
    """Return a file after one to three mutations; of CIFTI, half of them are in the XML alone, in a sound file."""
    if content.startswith(b"\x1c\x02") and rng.random() < 0.5:
        return with_xml(content, _mutate(xml_of(content), rng))
    return _mutate(content, rng)


def _mutate(content: bytes, rng: Rng) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if len(changed) > 50:
            MUTATIONS[rng.integers(len(MUTATIONS))](changed, rng)
    return bytes(changed)


def _bases(folder: Path) -> dict[str, bytes]:
    """Sound files: GIFTI in each encoding, and CIFTI."""
    values = np.arange(40.0)
    texts = {
        "ascii": gifti(data_array(values, encoding="ASCII", Name="z"), AnatomicalStructurePrimary="CortexLeft"),
        "binary": gifti(data_array(values, dtype="i2", encoding="Base64Binary")),
        "compressed": gifti(data_array(values, order=">"), labels='<Label Key="1" Red="1">a</Label>'),
    }
    files = {f"hemi-L_{name}.func.gii": text.encode() for name, text in texts.items()}
    return files | {"z.dscalar.nii": write_cifti(folder / "z.dscalar.nii", np.arange(27)).read_bytes()}


NAMES = ("hemi-L_ascii.func.gii", "hemi-L_binary.func.gii", "hemi-L_compressed.func.gii", "z.dscalar.nii")


def is_read(path: Path) -> bool:
    """Read a file; return False if it is refused, by a message that names it."""
    read = read_gifti if path.suffix == ".gii" else read_cifti
    try:
        found = read(path, 2**30, content="any")
    except BidsAriError as error:
        if str(path) not in error.found:
            raise AssertionError(f"refused without its name: {error}") from error
        return False
    assert found.values.ndim == 1
    return True


@pytest.mark.parametrize("name", NAMES)
def test_a_mutated_file_is_read_or_refused(tmp_path: Path, name: str) -> None:
    base = _bases(tmp_path)[name]
    path = tmp_path / name
    path.write_bytes(base)
    assert is_read(path)
    n_read = 0
    tracemalloc.start()
    for seed in range(N):
        path.write_bytes(mutate(base, np.random.default_rng(seed)))
        tracemalloc.reset_peak()
        before, start = tracemalloc.get_traced_memory()[0], time.process_time()
        try:
            n_read += is_read(path)
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed} ended with {error!r}") from error
        peak = tracemalloc.get_traced_memory()[1] - before
        assert peak < MOST_MEMORY, f"{name}, seed {seed} took {peak} bytes"
        assert time.process_time() - start < MOST_TIME, f"{name}, seed {seed}"
    tracemalloc.stop()
    assert 0.02 < n_read / N < 0.8


@pytest.mark.parametrize("name", NAMES)
def test_no_beginning_of_a_file_is_read(tmp_path: Path, name: str) -> None:
    base = _bases(tmp_path)[name].rstrip(b"\n")
    for end in np.random.default_rng(1).integers(1, len(base), size=60):
        (tmp_path / name).write_bytes(base[:end])
        assert not is_read(tmp_path / name)


def test_a_mutated_annotation_is_read_or_refused(tmp_path: Path) -> None:
    """As an atlas of forty vertices."""
    path = tmp_path / "lh.aparc.annot"
    colours = np.array([[i, 10 * i, 5, 0, 0] for i in range(4)], dtype=np.int32)
    nib.freesurfer.io.write_annot(path, np.arange(40) % 4, colours, ["unknown", "a", "b", "c"], fill_ctab=True)
    base, axis = path.read_bytes(), BrainModelAxis.from_surface(np.arange(40), 40, "CortexLeft")
    assert len(read_parcels([path], axis).found) == 3
    n_read = 0
    for seed in range(2 * N):
        path.write_bytes(mutate(base, np.random.default_rng(seed)))
        try:
            read_parcels([path], axis)
            n_read += 1
        except BidsAriError as error:
            if str(path) not in error.found:
                raise AssertionError(f"refused without its name: {error}") from error
        except Exception as error:
            raise AssertionError(f"seed {seed} ended with {error!r}") from error
    assert 0.02 < n_read / (2 * N) < 0.8
    for content, message in ((b"", "is empty"), (b"\0" * 100, "damaged"), (base[:30], "damaged")):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_parcels([path], axis)


def test_a_mutated_file_among_others_is_a_subject_or_refused(tmp_path: Path) -> None:
    """Of those that can be read, also alone: axes that no other file has."""
    base, path = _bases(tmp_path)["z.dscalar.nii"], tmp_path / "z.dscalar.nii"
    others = [write_cifti(tmp_path / f"{i}.dscalar.nii", np.arange(27) * i + 1) for i in (2, 3)]
    for side, x in (("L", -60.0), ("R", 60.0)):
        saved_mesh(icosphere(0, centre=(x, 0, 0)), tmp_path / f"hemi-{side}.surf.gii")
    surface = tuple(f"{side}={tmp_path}/hemi-{side}.surf.gii" for side in "LR")
    n_taken = 0
    for seed in range(6700, 7400):
        path.write_bytes(mutate(base, np.random.default_rng(seed)))
        if not is_read(path):
            continue
        for members in ([path], [others[0], path, others[1]]):
            try:
                load_stack(one_each(members), coverage=0.01, allow_duplicates=True, surface=surface)
                n_taken += 1
            except BidsAriError:
                pass
            except Exception as error:
                raise AssertionError(f"seed {seed} ended with {error!r}") from error
    assert n_taken > 10
