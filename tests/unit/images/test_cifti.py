"""CIFTI files of one map: values, axes, several maps, and what is refused."""

import gzip
import hashlib
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from builders_surfaces import small_axis, with_xml, write_cifti, xml_of
from nibabel.cifti2.cifti2_axes import BrainModelAxis, LabelAxis, ParcelsAxis, ScalarAxis, SeriesAxis

from bids_ari.errors import DataError
from bids_ari.images.cifti import is_cifti, read_cifti

VALUES = np.arange(27) - 3.0
"""One value for each position of the small axis."""


class TestValues:
    @pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<i2", ">i4", "u1"])
    def test_they_do_not_depend_on_how_they_are_stored(self, tmp_path: Path, dtype: str) -> None:
        path = write_cifti(tmp_path / "z.dscalar.nii", np.abs(VALUES), dtype=dtype)
        read = read_cifti(path)
        np.testing.assert_array_equal(read.values, np.abs(VALUES))
        assert (read.values.dtype, read.step) == (np.float64, 1.0 if dtype[-2] in "iu" else 0.0)
        assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (read.map_names, read.map_name) == (("a",), "a")
        assert read.axis == small_axis()

    def test_big_endian(self, tmp_path: Path) -> None:
        """Header, extension and values."""
        path = write_cifti(tmp_path / "z.dscalar.nii", VALUES)
        content = path.read_bytes()
        header = nib.Nifti2Header(content[:540]).as_byteswapped(">")
        size = np.frombuffer(content[544:552], "<i4")
        values = np.frombuffer(content[-108:], "<f4").astype(">f4")
        path.write_bytes(
            bytes(header.binaryblock) + content[540:544] + size.astype(">i4").tobytes() + content[552:-108]
        )
        with path.open("ab") as file:
            file.write(values.tobytes())
        np.testing.assert_array_equal(read_cifti(path).values, VALUES)

    def test_scaled_integers(self, tmp_path: Path) -> None:
        path = write_cifti(tmp_path / "z.dscalar.nii", VALUES, dtype=np.int16)
        content = bytearray(path.read_bytes())
        header = nib.Nifti2Header(bytes(content[:540]))
        header["scl_slope"], header["scl_inter"] = -0.5, 2
        path.write_bytes(bytes(header.binaryblock) + content[540:])
        read = read_cifti(path)
        np.testing.assert_array_equal(read.values, 2 - 0.5 * VALUES)
        assert read.step == 0.5
        np.testing.assert_array_equal(read.values, nib.load(path).get_fdata()[0])

    def test_values_too_large_for_numbers_and_missing_ones(self, tmp_path: Path) -> None:
        values = np.where(VALUES > 0, np.nan, np.inf)
        np.testing.assert_array_equal(read_cifti(write_cifti(tmp_path / "z.dscalar.nii", values)).values, values)

    def test_a_compressed_file(self, tmp_path: Path) -> None:
        path = write_cifti(tmp_path / "z.dscalar.nii", VALUES)
        packed = tmp_path / "z.dscalar.nii.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        np.testing.assert_array_equal(read_cifti(packed).values, VALUES)

    def test_only_the_header(self, tmp_path: Path) -> None:
        path = write_cifti(tmp_path / "z.dscalar.nii", VALUES)
        read = read_cifti(path, check_only=True)
        assert (read.values.size, len(read.axis)) == (0, 27)
        path.write_bytes(path.read_bytes()[:-4])
        with pytest.raises(DataError, match="bytes for the 1 x 27 values"):
            read_cifti(path, check_only=True)


class TestPositions:
    def test_files_of_one_kind_share_their_axis(self, tmp_path: Path) -> None:
        paths = [write_cifti(tmp_path / f"{i}.dscalar.nii", VALUES * i) for i in range(3)]
        axes = {id(read_cifti(path).axis) for path in paths}
        assert len(axes) == 1
        with pytest.raises(ValueError, match="read-only"):
            read_cifti(paths[0]).axis.vertex[0] = 5

    @pytest.mark.parametrize(
        "change",
        [
            lambda axis: axis[:10],  # one hemisphere
            lambda axis: axis[19:],  # voxels alone
            lambda axis: axis[10:] + axis[:10],  # structures in another order
            lambda axis: axis[:19] + axis[[23, 20, 26]],  # some voxels, in another order
            lambda axis: axis[[5, 2, 9, 0]],
        ],
    )
    def test_any_structures_in_any_order(
        self, tmp_path: Path, change: Callable[[BrainModelAxis], BrainModelAxis]
    ) -> None:
        axis = change(small_axis())
        values = np.arange(len(axis), dtype=float)
        read = read_cifti(write_cifti(tmp_path / "z.dscalar.nii", values, ScalarAxis(["z"]), axis))
        np.testing.assert_array_equal(read.values, values)
        assert read.axis == axis

    def test_a_transposed_matrix(self, tmp_path: Path) -> None:
        path = write_cifti(tmp_path / "z.dscalar.nii", np.c_[VALUES, -VALUES], small_axis(), ScalarAxis(["a", "b"]))
        np.testing.assert_array_equal(read_cifti(path, map_name="b").values, -VALUES)
        assert len(read_cifti(path, map_name="a").axis) == 27

    @pytest.mark.parametrize(
        ("was", "now", "words"),
        [
            (b'IndexCount="10"', b'IndexCount="11"', "10 indices from 0, expected 11"),
            (b'IndexCount="10"', b'IndexCount="-1"', "damaged"),
            (b'IndexOffset="10"', b'IndexOffset="11"', "from 11"),
            (b'IndexOffset="10"', b'IndexOffset="-5"', "damaged"),
            (b'SurfaceNumberOfVertices="12"', b'SurfaceNumberOfVertices="11"', "outside of"),
            (b"<VertexIndices>2 3 ", b"<VertexIndices>3 3 ", "vertex more than once"),
            (b"<VertexIndices>2 3 ", b"<VertexIndices>-2 3 ", "damaged"),
            (b"<VertexIndices>2 3 ", b"<VertexIndices>x 3 ", "damaged"),
            (b"1 1 2", b"1 1 1", "voxel more than once"),
            (b'VolumeDimensions="4,4,4"', b'VolumeDimensions="4,4,2"', "outside of"),
            (b'MeterExponent="-3"', b'MeterExponent="0"', "expected mm"),
            (b"0000 2.0000000000 ", b"0000 0.0000000000 ", "not invertible"),
            (b" 1.0000000000<", b" nan<", "last row"),
            (b'"-3">2.', b'"-3">2000.', "sizes of 0.01 to 100 mm"),
            (b"CIFTI_STRUCTURE_CORTEX_RIGHT", b"CIFTI_STRUCTURE_CORTEX_WRONG", "damaged"),
            (b"CIFTI_STRUCTURE_CORTEX_RIGHT", b"CIFTI_STRUCTURE_THALAMUS_LEFT", "damaged"),
            (b"CIFTI_INDEX_TYPE_SCALARS", b"CIFTI_INDEX_TYPE_WONDERS", "axis of CIFTI_INDEX_TYPE_WONDERS"),
            (b'AppliesToMatrixDimension="1"', b'AppliesToMatrixDimension="0"', "damaged"),
            (b'Version="2.0"', b'Version="1.0"', "CIFTI-2"),
            (b"<Matrix>", b"<Nothing>", "damaged"),
            (b"<CIFTI", b"<!DOCTYPE a [<!ENTITY b 'c'>]><CIFTI", "not the XML of CIFTI"),
        ],
    )
    def test_axes_that_contradict_themselves(self, tmp_path: Path, was: bytes, now: bytes, words: str) -> None:
        path = write_cifti(tmp_path / "z.dscalar.nii", VALUES)
        replace_xml(path, was, now)
        with pytest.raises(DataError, match=words) as caught:
            read_cifti(path)
        assert "z.dscalar.nii" in caught.value.found


class TestSeveralMaps:
    def test_one_is_chosen_by_its_name(self, tmp_path: Path) -> None:
        path = write_cifti(tmp_path / "z.dscalar.nii", [VALUES, 2 * VALUES, 3 * VALUES])
        read = read_cifti(path, map_name="b")
        np.testing.assert_array_equal(read.values, 2 * VALUES)
        assert (read.map_name, read.map_names) == ("b", ("a", "b", "c"))
        with pytest.raises(DataError, match=r"3 maps: 'a', 'b', 'c'; expected one map.*--map-name"):
            read_cifti(path)
        with pytest.raises(DataError, match="no map named 'd'; expected one of: 'a', 'b', 'c'"):
            read_cifti(path, map_name="d")

    def test_two_of_a_name(self, tmp_path: Path) -> None:
        path = write_cifti(tmp_path / "z.dscalar.nii", [VALUES, VALUES], ScalarAxis(["a", "a"]), small_axis())
        with pytest.raises(DataError, match="2 maps named 'a'"):
            read_cifti(path, map_name="a")

    def test_a_series(self, tmp_path: Path) -> None:
        """Of one point it is a map."""
        path = write_cifti(tmp_path / "z.dtseries.nii", VALUES, SeriesAxis(0, 1, 1), small_axis())
        np.testing.assert_array_equal(read_cifti(path).values, VALUES)
        with pytest.raises(DataError, match="no map named 'a'; expected no --map-name"):
            read_cifti(path, map_name="a")
        path = write_cifti(tmp_path / "z.dtseries.nii", np.ones((90, 27)), SeriesAxis(0, 1, 90), small_axis())
        with pytest.raises(DataError, match=r"series of 90 points; expected one map of each subject.*first level"):
            read_cifti(path)


TABLE = {0: ("???", (1.0, 1.0, 1.0, 0.0)), 4: ("V1", (0.5, 0.25, 0.0, 1.0))}


class TestLabels:
    def test_labels(self, tmp_path: Path) -> None:
        values = np.where(VALUES > 3, 4, 0)
        path = write_cifti(tmp_path / "a.dlabel.nii", values, LabelAxis(["a"], TABLE), small_axis(), dtype="i4")
        read = read_cifti(path, content="labels")
        np.testing.assert_array_equal(read.values, values)
        assert {key: tuple(label) for key, label in read.labels.items()} == TABLE
        with pytest.raises(DataError, match="labels of parcels"):
            read_cifti(path)

    def test_a_map_in_place_of_labels(self, tmp_path: Path) -> None:
        path = write_cifti(tmp_path / "z.dscalar.nii", VALUES)
        with pytest.raises(DataError, match="contains a map"):
            read_cifti(path, content="labels")
        assert not read_cifti(path, content="any").labels


class TestRefused:
    def test_parcels(self, tmp_path: Path) -> None:
        parcels = ParcelsAxis.from_brain_models([("p", small_axis()[:3]), ("q", small_axis()[3:6])])
        path = write_cifti(tmp_path / "z.pscalar.nii", [[1, 2]], ScalarAxis(["a"]), parcels)
        with pytest.raises(DataError, match="values of parcels"):
            read_cifti(path)

    def test_connectivity(self, tmp_path: Path) -> None:
        path = write_cifti(tmp_path / "z.dconn.nii", np.ones((27, 27)), small_axis(), small_axis())
        with pytest.raises(DataError, match="connectivity"):
            read_cifti(path)

    def test_neither_axis_has_positions(self, tmp_path: Path) -> None:
        path = write_cifti(tmp_path / "z.dscalar.nii", [[1, 2]], ScalarAxis(["a"]), SeriesAxis(0, 1, 2))
        with pytest.raises(DataError, match="no axis of vertices and voxels"):
            read_cifti(path)

    def test_volumes(self, tmp_path: Path) -> None:
        for kind in (nib.Nifti1Image, nib.Nifti2Image):
            nib.save(kind(np.ones((3, 4, 5)), np.eye(4)), tmp_path / "z.dscalar.nii")
            with pytest.raises(DataError, match=r"NIfTI-1|dimensions"):
                read_cifti(tmp_path / "z.dscalar.nii")

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"datatype": 32}, "complex64; expected real numbers"),
            ({"datatype": 77}, "type 77"),
            ({"vox_offset": 0}, "vox_offset is 0"),
            ({"vox_offset": 2**40}, "vox_offset is"),
            ({"vox_offset": 600}, "no description of its positions"),
            ({"scl_slope": 1, "scl_inter": np.nan}, "scaled by 1, nan"),
            ({"dim": [6, 1, 1, 1, 1, 2, 27, 1]}, "2 x 27 values, its axes"),
            ({"dim": [6, 1, 1, 1, 1, 1, 2**62, 1]}, "its axes"),
            ({"dim": [7, 1, 1, 1, 1, 1, 27, 2]}, "three dimensions"),
            ({"dim": [6, 1, 1, 1, 2, 1, 27, 1]}, "dimensions in its header"),
            ({"dim": [6, 1, 1, 1, 1, 1, -27, 1]}, "dimensions in its header"),
            ({"dim": [99, 1, 1, 1, 1, 1, 27, 1]}, "dimensions in its header"),
            ({"magic": b"n+3"}, "magic number"),
        ],
    )
    def test_headers(self, tmp_path: Path, fields: dict[str, Any], words: str) -> None:
        path = write_cifti(tmp_path / "z.dscalar.nii", VALUES)
        content = path.read_bytes()
        header = nib.Nifti2Header(content[:540], check=False)
        for name, value in fields.items():
            header[name] = value
        path.write_bytes(bytes(header.binaryblock) + content[540:])
        with pytest.raises(DataError, match=words):
            read_cifti(path)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "empty"),
            (b"\x1c\x02\0\0", "begins with"),
            (b"../.git/annex/objects/x", "datalad get"),
            (b"<html>", "web page"),
            (gzip.compress(b"x", mtime=0), "compressed"),
        ],
    )
    def test_files(self, tmp_path: Path, content: bytes, words: str) -> None:
        (tmp_path / "z.dscalar.nii").write_bytes(content)
        with pytest.raises(DataError, match=words):
            read_cifti(tmp_path / "z.dscalar.nii")

    @pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
    def test_lengths(self, tmp_path: Path, extension: str) -> None:
        content = write_cifti(tmp_path / "z.dscalar.nii", VALUES).read_bytes()
        path = tmp_path / f"z.dscalar{extension}"
        pack = gzip.compress if extension.endswith("gz") else bytes
        path.write_bytes(pack(content[:-4]))
        with pytest.raises(DataError, match=r"of the .* bytes for the 1 x 27 values"):
            read_cifti(path)
        path.write_bytes(pack(content + bytes(100)))
        np.testing.assert_array_equal(read_cifti(path).values, VALUES)
        path.write_bytes(pack(content + bytes(2**21)))
        with pytest.raises(DataError, match="continues after"):
            read_cifti(path)

    @pytest.mark.parametrize(
        ("was", "now"),
        [
            (b'SurfaceNumberOfVertices="12"', b'SurfaceNumberOfVertices="900000000000"'),
            (b'VolumeDimensions="4,4,4"', b'VolumeDimensions="90000,90000,90000"'),
        ],
    )
    def test_more_positions_than_memory(self, tmp_path: Path, was: bytes, now: bytes) -> None:
        path = write_cifti(tmp_path / "z.dscalar.nii", VALUES)
        replace_xml(path, was, now)
        tracemalloc.start()
        with pytest.raises(DataError, match="of memory"):
            read_cifti(path, mem=2**30)
        assert tracemalloc.get_traced_memory()[1] < 10e6
        tracemalloc.stop()


def replace_xml(path: Path, was: bytes, now: bytes) -> None:
    """Replace a text of the XML of a file, once."""
    content = path.read_bytes()
    assert was in xml_of(content)
    path.write_bytes(with_xml(content, xml_of(content).replace(was, now, 1)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("z.dscalar.nii", True),
        ("z.PTSERIES.nii", True),
        ("z.dlabel.nii.gz", True),
        ("z.nii", False),
        ("z.data.nii.gz", False),
        ("z_dscalar.nii", False),
    ],
)
def test_names(name: str, expected: bool) -> None:
    assert is_cifti(Path(name)) == expected
