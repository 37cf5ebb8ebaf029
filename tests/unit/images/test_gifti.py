"""GIFTI files of one map: values, hemisphere, what they say about themselves, and what is refused."""

import base64
import gzip
import hashlib
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from builders_surfaces import data_array, gifti, write_gifti

from bids_ari.errors import BidsAriError, DataError
from bids_ari.images.gifti import LEFT, RIGHT, read_gifti
from bids_ari.images.headers import Intent

VALUES = np.array([0.0, 1, -2, 3, 250])


class TestValues:
    @pytest.mark.parametrize("encoding", ["ASCII", "Base64Binary", "GZipBase64Binary"])
    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i2"])
    def test_they_do_not_depend_on_how_they_are_stored(
        self, tmp_path: Path, encoding: str, order: str, dtype: str
    ) -> None:
        path = write_gifti(tmp_path, data_array(VALUES, encoding=encoding, order=order, dtype=dtype))
        read = read_gifti(path)
        np.testing.assert_array_equal(read.values, VALUES)
        np.testing.assert_array_equal(read.values, nib.load(path).agg_data())
        assert read.values.dtype == np.float64
        assert (read.n_vertices, read.step) == (5, 1.0 if dtype.startswith("i") else 0.0)
        assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_missing_values_are_kept(self, tmp_path: Path) -> None:
        values = [np.nan, 1.0, np.inf]
        for encoding in ("ASCII", "GZipBase64Binary"):
            read = read_gifti(write_gifti(tmp_path, data_array(values, encoding=encoding)))
            np.testing.assert_array_equal(read.values, values)

    def test_text_is_of_the_type_of_the_values(self, tmp_path: Path) -> None:
        path = write_gifti(tmp_path, data_array([0.1, 2.0], dtype="f4", encoding="ASCII"))
        np.testing.assert_array_equal(read_gifti(path).values, [np.float32(0.1), 2.0])
        np.testing.assert_array_equal(read_gifti(path).values, nib.load(path).agg_data())

    @pytest.mark.parametrize("shape", [(5, 1), (1, 5), (5, 1, 1)])
    def test_axes_of_length_1_count_for_nothing(self, tmp_path: Path, shape: tuple[int, ...]) -> None:
        read = read_gifti(write_gifti(tmp_path, data_array(VALUES.reshape(shape))))
        np.testing.assert_array_equal(read.values, VALUES)

    def test_text_in_lines(self, tmp_path: Path) -> None:
        array = data_array(VALUES, encoding="Base64Binary")
        before, _, text = array.partition("<Data>")
        lines = "\n\t".join(text[i : i + 7] for i in range(0, len(text) - len("</Data></DataArray>"), 7))
        path = write_gifti(tmp_path, f"{before}<Data>\n{lines}\n</Data></DataArray>")
        np.testing.assert_array_equal(read_gifti(path).values, VALUES)

    def test_words_of_old_versions_of_nibabel(self, tmp_path: Path) -> None:
        array = data_array(VALUES, order=">").replace("GZipBase64Binary", "GIFTI_ENCODING_B64GZ")
        path = write_gifti(tmp_path, array.replace("BigEndian", "GIFTI_ENDIAN_BIG"))
        np.testing.assert_array_equal(read_gifti(path).values, VALUES)

    def test_a_compressed_file(self, tmp_path: Path) -> None:
        path = tmp_path / "lh.z.gii.gz"
        path.write_bytes(gzip.compress(gifti(data_array(VALUES)).encode()))
        np.testing.assert_array_equal(read_gifti(path).values, VALUES)

    def test_only_the_header(self, tmp_path: Path) -> None:
        read = read_gifti(write_gifti(tmp_path, data_array(VALUES)), check_only=True)
        assert (read.values.size, read.n_vertices, read.structure) == (0, 5, LEFT)

    def test_what_nilearn_writes(self, tmp_path: Path) -> None:
        surface = pytest.importorskip("nilearn.surface")
        mesh = surface.InMemoryMesh(np.eye(5, 3), np.array([[0, 1, 2]]))
        image = surface.SurfaceImage({"left": mesh, "right": mesh}, {"left": VALUES, "right": -VALUES})
        image.data.to_filename(tmp_path / "z.gii")
        read = read_gifti(tmp_path / "z_hemi-R.gii")
        np.testing.assert_array_equal(read.values, -VALUES)
        assert read.structure == RIGHT


class TestHemisphere:
    @pytest.mark.parametrize(
        ("name", "stated", "structure"),
        [
            ("z.func.gii", "CortexLeft", LEFT),
            ("z.func.gii", "CORTEX_RIGHT", RIGHT),
            ("sub-01_hemi-R_z.func.gii", "CortexRight", RIGHT),
            ("sub-01_hemi-R_z.func.gii", None, RIGHT),
            ("lh.z.gii", "Unknown", LEFT),
            ("100307.R.z.32k_fs_LR.func.gii", "", RIGHT),
        ],
    )
    def test_it_is_that_of_the_metadata_else_of_the_name(
        self, tmp_path: Path, name: str, stated: str | None, structure: str
    ) -> None:
        facts = {} if stated is None else {"AnatomicalStructurePrimary": stated}
        assert read_gifti(write_gifti(tmp_path, data_array(VALUES), name=name, **facts)).structure == structure

    def test_metadata_of_the_data_array(self, tmp_path: Path) -> None:
        array = data_array(VALUES, AnatomicalStructurePrimary="CortexRight")
        assert read_gifti(write_gifti(tmp_path, array, name="z.gii")).structure == RIGHT

    @pytest.mark.parametrize(
        ("name", "stated", "words"),
        [
            ("hemi-R_z.func.gii", "CortexLeft", "flipped hemisphere"),
            ("z.func.gii", "", "hemi-L or hemi-R in its name"),
            ("z.func.gii", "Cerebellum", "structure Cerebellum"),
            ("hemi-L_z.func.gii", "CortexRightAndLeft", "structure CortexRightAndLeft"),
        ],
    )
    def test_a_wrong_or_unknown_hemisphere(self, tmp_path: Path, name: str, stated: str, words: str) -> None:
        path = write_gifti(tmp_path, data_array(VALUES), name=name, AnatomicalStructurePrimary=stated)
        with pytest.raises(DataError, match=words):
            read_gifti(path)


class TestWhatItSays:
    def test_intent_and_name(self, tmp_path: Path) -> None:
        array = data_array(VALUES, intent="NIFTI_INTENT_TTEST", Name="faces", intent_p1="28")
        read = read_gifti(write_gifti(tmp_path, array))
        assert (read.intent, read.map_name) == (Intent(3, (28.0, 0.0, 0.0)), "faces")

    def test_an_intent_that_does_not_exist(self, tmp_path: Path) -> None:
        array = data_array(VALUES, intent="NIFTI_INTENT_WONDER", intent_p1="many")
        assert read_gifti(write_gifti(tmp_path, array)).intent == Intent()

    def test_labels(self, tmp_path: Path) -> None:
        labels = '<Label Key="0" Alpha="0">???</Label><Label Index="3" Red="0.5">V1 &amp; V2</Label>'
        array = data_array([0, 3, 3], dtype="i4", intent="NIFTI_INTENT_LABEL")
        path = write_gifti(tmp_path, array, labels=labels)
        read = read_gifti(path, content="labels")
        assert {key: label.name for key, label in read.labels.items()} == {0: "???", 3: "V1 & V2"}
        assert read.labels[3].rgba == (0.5, 1, 1, 1)
        np.testing.assert_array_equal(read_gifti(path, content="any").values, [0, 3, 3])
        with pytest.raises(DataError, match="labels of parcels"):
            read_gifti(path)

    def test_integers_with_a_table_may_be_labels(self, tmp_path: Path) -> None:
        """Some programs write no intent."""
        path = write_gifti(tmp_path, data_array([0, 3], dtype="i4"), labels='<Label Key="3">V1</Label>')
        assert read_gifti(path, content="labels").labels[3].name == "V1"
        assert not read_gifti(path).labels

    def test_a_map_in_place_of_labels(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="contains a map"):
            read_gifti(write_gifti(tmp_path, data_array(VALUES)), content="labels")


class TestSeveralMaps:
    def test_one_is_chosen_by_its_name(self, tmp_path: Path) -> None:
        path = write_gifti(tmp_path, data_array(VALUES, Name="faces"), data_array(2 * VALUES, Name="houses"))
        np.testing.assert_array_equal(read_gifti(path, map_name="houses").values, 2 * VALUES)
        with pytest.raises(DataError, match=r"2 data arrays: faces, houses; expected one map.*--map-name"):
            read_gifti(path)
        with pytest.raises(DataError, match="no map named 'trees'; expected one of: 'faces', 'houses'"):
            read_gifti(path, map_name="trees")

    def test_two_of_a_name(self, tmp_path: Path) -> None:
        path = write_gifti(tmp_path, data_array(VALUES, Name="a"), data_array(VALUES, Name="a"))
        with pytest.raises(DataError, match="2 maps named 'a'"):
            read_gifti(path, map_name="a")

    def test_a_time_series(self, tmp_path: Path) -> None:
        arrays = [data_array(VALUES, intent="NIFTI_INTENT_TIME_SERIES")] * 30
        with pytest.raises(DataError, match="30 data arrays without different names, as a time series"):
            read_gifti(write_gifti(tmp_path, *arrays))
        with pytest.raises(DataError, match="5 x 30 values; expected one value per vertex"):
            read_gifti(write_gifti(tmp_path, data_array(np.ones((5, 30)))))


class TestRefused:
    @pytest.mark.parametrize(
        ("arrays", "words"),
        [
            ((), "no data array"),
            ((data_array([], dtype="f4"),), "without values"),
            (
                (
                    data_array(np.ones((4, 3)), intent="NIFTI_INTENT_POINTSET"),
                    data_array(np.ones((2, 3)), dtype="i4", intent="NIFTI_INTENT_TRIANGLE"),
                ),
                "is a mesh: it has coordinates and triangles.*--surface",
            ),
            ((data_array([1, 5], dtype="i4", intent="NIFTI_INTENT_NODE_INDEX"), data_array([1, 2])), "some vertices"),
            ((data_array(VALUES).replace("GZipBase64Binary", "ExternalFileBinary"),), "another file.*Convert it"),
            ((data_array(VALUES).replace("GZipBase64Binary", "Base85"),), "encoding is 'Base85'"),
            ((data_array(VALUES).replace("GZipBase64Binary", "ASCII"),), "damaged"),
            ((data_array(VALUES).replace("FLOAT32", "COMPLEX64"),), "type 'NIFTI_TYPE_COMPLEX64'"),
            ((data_array(VALUES).replace("LittleEndian", "Middle"),), "byte order"),
            ((data_array(VALUES).replace('Dim0="5"', 'Dim0="-5"'),), "Dim0 is '-5'"),
            ((data_array(VALUES).replace('Dim0="5"', ""),), "Dim0 is ''"),
            ((data_array(VALUES).replace('Dim0="5"', 'Dim0="4"'),), "more than 16 bytes"),
            ((data_array(VALUES).replace('Dim0="5"', 'Dim0="6"'),), "20 of the 24 bytes"),
            ((data_array(VALUES, encoding="ASCII").replace("250", "x"),), "could not convert"),
            ((data_array(VALUES, encoding="ASCII").replace("250", "1 2"),), "could not convert|its 5 values"),
            ((data_array(VALUES, encoding="ASCII").replace("250.0", ""),), "4 of its 5 values"),
            ((data_array(VALUES).replace("<Data>", "<Data>!"),), "damaged"),
            ((data_array(VALUES).replace("</Data>", "</Data><Data>AAAA</Data>"),), "values twice"),
            (("<DataArray>" * 30,), "damaged"),
            (("<Deep>" * 30,), "nested too deeply"),
        ],
    )
    def test_data_arrays(self, tmp_path: Path, arrays: tuple[str, ...], words: str) -> None:
        with pytest.raises(DataError, match=words) as caught:
            read_gifti(write_gifti(tmp_path, *arrays))
        assert "statmap.func.gii" in caught.value.found

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "empty"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
            (b"/annex/objects/MD5E-s1--1.func.gii", "datalad get"),
            (b"<!DOCTYPE html><html></html>", "web page"),
            (b"<svg/>", "type 'svg'"),
            (b"hello", "damaged or not a GIFTI file"),
            (gifti(data_array(VALUES)).encode()[:-20], "damaged"),
            (gifti(data_array(VALUES)).encode() + b"<more/>", "damaged"),
            (gzip.compress(b"x", mtime=0), r"compressed.*\.gz"),
            (gifti(data_array(VALUES)).encode().replace(b"UTF-8", b"klingon"), "damaged"),
        ],
    )
    def test_files(self, tmp_path: Path, content: bytes, words: str) -> None:
        path = tmp_path / "lh.z.func.gii"
        path.write_bytes(content)
        with pytest.raises(DataError, match=words):
            read_gifti(path)

    def test_a_file_that_is_not_compressed(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"not compressed.*\.gz"):
            read_gifti(write_gifti(tmp_path, data_array(VALUES), name="lh.z.gii.gz"))


class TestBombs:
    """Nothing is decoded beyond the size that a file describes, and that must fit into memory."""

    def refused(self, path: Path, words: str, **options: Any) -> None:
        tracemalloc.start()
        try:
            with pytest.raises(BidsAriError, match=words):
                read_gifti(path, **options)
            assert tracemalloc.get_traced_memory()[1] < 30e6
        finally:
            tracemalloc.stop()

    def test_more_vertices_than_memory(self, tmp_path: Path) -> None:
        array = data_array(VALUES).replace('Dim0="5"', 'Dim0="2000000000"')
        self.refused(write_gifti(tmp_path, array), "2000000000 vertices, which take 75 GB", mem=2**30)

    def test_values_that_inflate(self, tmp_path: Path) -> None:
        bomb = base64.b64encode(zlib.compress(bytes(60_000_000), 9)).decode()
        array = data_array(VALUES)
        before = array.partition("<Data>")[0]
        self.refused(write_gifti(tmp_path, f"{before}<Data>{bomb}</Data></DataArray>"), "more than 20 bytes")

    def test_a_file_that_inflates(self, tmp_path: Path) -> None:
        path = tmp_path / "lh.z.gii.gz"
        path.write_bytes(gzip.compress(bytes(40_000_000), 1))
        self.refused(path, "more than", mem=2**20)

    @pytest.mark.parametrize(
        "declared",
        [
            "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "lol"}">' for i in range(12)),
            '<!ENTITY e11 SYSTEM "file:///etc/passwd">',
        ],
    )
    def test_entities(self, tmp_path: Path, declared: str) -> None:
        array = data_array(VALUES, Name="]]>&e11;<![CDATA[")
        self.refused(write_gifti(tmp_path, array, declared=f" [{declared}]"), "declarations")

    def test_values_without_any_end(self, tmp_path: Path) -> None:
        array = data_array(VALUES, encoding="ASCII").replace("250", "1 " * 1_000_000)
        self.refused(write_gifti(tmp_path, array), "damaged")
