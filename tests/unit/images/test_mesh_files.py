"""Files of meshes, and whatever may be given in place of one."""

import gzip
import hashlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders_meshes import icosphere, octahedron, saved_mesh

from bids_ari.errors import DataError, InputNotFoundError
from bids_ari.images.mesh import Mesh
from bids_ari.images.mesh_checks import checked_mesh
from bids_ari.images.mesh_files import read_mesh

LEFT = icosphere(2, 40.0, (-35.0, -10, 10))


class TestReading:
    def test_values_are_those_of_the_file(self, tmp_path: Path) -> None:
        path = saved_mesh(LEFT, tmp_path / "tpl-x_hemi-L_pial.surf.gii", "CortexLeft")
        mesh = read_mesh(path)
        np.testing.assert_allclose(mesh.coordinates, LEFT.coordinates, atol=1e-5)
        np.testing.assert_array_equal(mesh.triangles, LEFT.triangles)
        assert (mesh.coordinates.dtype, mesh.triangles.dtype) == (np.float64, np.int32)
        assert (mesh.name, mesh.sha256) == (str(path), hashlib.sha256(path.read_bytes()).hexdigest())

    def test_compressed_files_are_inflated(self, tmp_path: Path) -> None:
        plain = saved_mesh(LEFT, tmp_path / "lh.pial.surf.gii")
        path = tmp_path / "lh.pial.gii.gz"
        path.write_bytes(gzip.compress(plain.read_bytes()))
        np.testing.assert_array_equal(read_mesh(path).coordinates, read_mesh(plain).coordinates)

    @pytest.mark.parametrize(("encoding", "order"), [("ASCII", "C"), ("B64BIN", "C"), ("B64GZ", "C"), ("B64GZ", "F")])
    def test_values_do_not_depend_on_how_they_are_stored(self, tmp_path: Path, encoding: str, order: str) -> None:
        """As text, binary or compressed; of arrays by row or by column."""
        arrays = []
        for data, intent in ((LEFT.coordinates.astype("f4"), "POINTSET"), (LEFT.triangles, "TRIANGLE")):
            array = nib.gifti.GiftiDataArray(data, f"NIFTI_INTENT_{intent}", encoding=encoding, ordering=order)
            arrays.append(array)
        nib.save(nib.GiftiImage(darrays=arrays), tmp_path / "a.surf.gii")
        mesh = read_mesh(tmp_path / "a.surf.gii")
        np.testing.assert_allclose(mesh.coordinates, LEFT.coordinates, atol=1e-4)
        np.testing.assert_array_equal(mesh.triangles, LEFT.triangles)

    def test_the_transformation_to_talairach_is_not_applied(self, tmp_path: Path) -> None:
        """FreeSurfer stores it with the meshes of subjects, whose sizes are those of their own brain."""
        path = saved_mesh(LEFT, tmp_path / "a.surf.gii")
        image = nib.load(path)
        image.darrays[0].coordsys = nib.gifti.GiftiCoordSystem(0, 3, np.diag([1.2, 1.2, 1.2, 1.0]))
        nib.save(image, path)
        assert read_mesh(path).vertex_areas.sum() == pytest.approx(LEFT.vertex_areas.sum(), rel=1e-5)


class TestWrongFiles:
    def test_a_map_is_no_mesh(self, tmp_path: Path) -> None:
        values = nib.gifti.GiftiDataArray(np.zeros(162, "f4"), "NIFTI_INTENT_ZSCORE")
        nib.save(nib.GiftiImage(darrays=[values]), tmp_path / "a.func.gii")
        with pytest.raises(DataError, match=r"a\.func\.gii is not a mesh: it has NIFTI_INTENT_ZSCORE"):
            read_mesh(tmp_path / "a.func.gii")

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "is empty"),
            (b"<GIFTI", "is damaged or not a GIFTI file"),
            (b"\xff\xff\xfecreated by", "format of FreeSurfer.*mris_convert"),
            (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        ],
    )
    def test_content_is_named(self, tmp_path: Path, content: bytes, said: str) -> None:
        (tmp_path / "a.surf.gii").write_bytes(content)
        with pytest.raises(DataError, match=said):
            read_mesh(tmp_path / "a.surf.gii")

    def test_missing_files_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputNotFoundError, match=r"There is no file .*a\.surf\.gii"):
            read_mesh(tmp_path / "a.surf.gii")


class TestHemispheres:
    @pytest.mark.parametrize(
        ("name", "structure", "said"),
        [
            ("a_hemi-R_pial.surf.gii", "", "mesh of the right hemisphere, but its mean x is -35 mm"),
            ("a.surf.gii", "CortexRight", "mesh of the right hemisphere, but its mean x"),
            ("a_hemi-L_pial.surf.gii", "CortexRight", "is of the structure CortexRight by its metadata"),
        ],
    )
    def test_exchanged_hemispheres_are_found(self, tmp_path: Path, name: str, structure: str, said: str) -> None:
        with pytest.raises(DataError, match=said):
            read_mesh(saved_mesh(LEFT, tmp_path / name, structure))

    def test_what_is_asked_for_counts_more_than_the_name(self, tmp_path: Path) -> None:
        path = saved_mesh(LEFT, tmp_path / "a_hemi-R_pial.surf.gii")
        assert read_mesh(path, "L").hemisphere == "L"

    def test_a_sphere_about_the_midline_may_be_either(self, tmp_path: Path) -> None:
        path = saved_mesh(icosphere(1), tmp_path / "a_hemi-R_sphere.surf.gii", "CortexRight")
        assert read_mesh(path).hemisphere is None


class TestChecks:
    """Each with an octahedron that has one thing wrong."""

    @staticmethod
    def check(said: str, scale: float = 1.0, **changes: object) -> None:
        made = octahedron()
        parts = {"coordinates": made.coordinates * scale, "triangles": made.triangles, **changes}
        with pytest.raises(DataError, match=said):
            checked_mesh(parts["coordinates"], parts["triangles"], "lh.pial")  # type: ignore[arg-type]

    def test_of_coordinates(self) -> None:
        points = octahedron().coordinates
        self.check("lh.pial has an array of coordinates of 6 x 2 values", coordinates=points[:, :2])
        self.check(
            "not finite at 1 of its 6 vertices", coordinates=points * np.where(np.arange(6) == 2, np.nan, 1)[:, None]
        )
        self.check("the same coordinates at all vertices", coordinates=np.ones((6, 3)))
        self.check("triangles without area", coordinates=np.where(np.arange(6)[:, None] == 0, points, 0.0))

    @pytest.mark.parametrize(("scale", "unit"), [(1e-3, "metres"), (1e3, "micrometres")])
    def test_of_units(self, scale: float, unit: str) -> None:
        self.check(f"spans .* mm; expected 1 to 1000 mm.* in {unit}, convert", scale=scale)

    def test_of_triangles(self) -> None:
        corners = octahedron().triangles
        self.check("6 vertices, but triangle 1 has the vertex 6.*begin at 1", triangles=corners + 1)
        self.check("vertex -1", triangles=corners - 1)
        self.check("1 triangle with one vertex twice", triangles=np.vstack([corners, [[1, 2, 1]]]))
        self.check("an array of triangles of 8 x 4", triangles=np.hstack([corners, corners[:, :1]]))

    def test_of_triangles_of_another_mesh(self) -> None:
        with pytest.raises(DataError, match="triangles at 162 of its 642 vertices only"):
            checked_mesh(icosphere(3).coordinates, icosphere(2).triangles, "lh.pial")

    def test_a_right_mesh_is_returned(self) -> None:
        made = octahedron()
        mesh = checked_mesh(made.coordinates.tolist(), made.triangles.tolist(), "lh.pial", "ab12")
        assert isinstance(mesh, Mesh)
        assert (mesh.name, mesh.sha256, mesh.n_vertices) == ("lh.pial", "ab12", 6)
