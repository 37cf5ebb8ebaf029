"""Smoothing along meshes: the heat kernel by its definition, and as Connectome Workbench does it."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders_meshes import icosphere, plane, saved_mesh

from bids_ari.images.mesh import Mesh
from bids_ari.images.mesh_files import read_mesh
from bids_ari.images.mesh_smoothing import FWHM_OF_SD, smoother, voxel_smoother

SURFACES = Path(__file__).resolve().parents[3].parent / "shared" / "templateflow-surfaces"
HAS_WORKBENCH = bool(shutil.which("wb_command")) and SURFACES.is_dir()


def everywhere(mesh: Mesh) -> np.ndarray:
    return np.arange(mesh.n_vertices)


class TestPlane:
    """A lattice of 2 mm."""

    @pytest.mark.parametrize("fwhm", [4.0, 8.0, 12.0])
    def test_the_kernel_has_the_variance_of_its_gaussian(self, fwhm: float) -> None:
        """Of one value at the centre, along both axes; distances across triangles are up to 4 % too long."""
        mesh = plane(41, 2.0)
        centre = int(np.argmin(np.linalg.norm(mesh.coordinates, axis=1)))
        one = np.zeros(mesh.n_vertices)
        one[centre] = 1.0
        weights = smoother(mesh, everywhere(mesh), fwhm)(one)
        weights *= mesh.vertex_areas
        offset = (mesh.coordinates - mesh.coordinates[centre])[:, :2]
        variance = weights @ offset**2 / weights.sum()
        np.testing.assert_allclose(variance, (fwhm / FWHM_OF_SD) ** 2, rtol=0.06)
        assert weights.min() >= 0

    def test_narrow_kernels_change_nothing(self, rng: np.random.Generator) -> None:
        mesh = plane(9, 2.0)
        values = rng.normal(size=mesh.n_vertices)
        np.testing.assert_allclose(smoother(mesh, everywhere(mesh), 0.1)(values), values)


class TestSphere:
    """The eigenfunctions of heat on a sphere are the spherical harmonics: degree l decays by l (l + 1) t / r2."""

    @pytest.mark.parametrize("fwhm", [8.0, 16.0, 24.0])
    def test_harmonics_decay_as_they_do_by_heat(self, fwhm: float) -> None:
        mesh = icosphere(4, 40.0)
        x, y, z = (mesh.coordinates / 40).T
        time = (fwhm / FWHM_OF_SD) ** 2 / 2
        smooth = smoother(mesh, everywhere(mesh), fwhm)
        for degree, harmonic in ((1, z), (2, x * y), (3, x * y * z), (4, x * y * (x**2 - y**2))):
            smoothed = smooth(harmonic)
            assert np.corrcoef(smoothed, harmonic)[0, 1] > 0.999
            rate = -np.log(smoothed @ harmonic / (harmonic @ harmonic)) * 40**2 / time
            assert rate == pytest.approx(degree * (degree + 1), rel=0.08)

    def test_constants_and_integrals_are_kept(self, rng: np.random.Generator) -> None:
        mesh = icosphere(4)
        smooth = smoother(mesh, everywhere(mesh), 10.0)
        np.testing.assert_allclose(smooth(np.full(mesh.n_vertices, 3.0)), 3.0, rtol=1e-12)
        values = rng.normal(1, 1, size=mesh.n_vertices)
        assert mesh.vertex_areas @ smooth(values) == pytest.approx(mesh.vertex_areas @ values, rel=1e-6)

    def test_twice_is_as_once_wider(self, rng: np.random.Generator) -> None:
        """6 and 8 mm are 10 mm, as variances add."""
        mesh = icosphere(5, 60.0)
        values = rng.normal(size=mesh.n_vertices)
        six, eight, ten = (smoother(mesh, everywhere(mesh), fwhm) for fwhm in (6.0, 8.0, 10.0))
        assert np.corrcoef(eight(six(values)), ten(values))[0, 1] > 0.998

    def test_it_is_linear_and_counts_missing_values_as_0(self, rng: np.random.Generator) -> None:
        mesh = icosphere(3)
        a, b = rng.normal(size=(2, mesh.n_vertices))
        smooth = smoother(mesh, everywhere(mesh), 9.0)
        np.testing.assert_allclose(smooth(2 * a - b), 2 * smooth(a) - smooth(b), atol=1e-12)
        np.testing.assert_allclose(smooth(np.stack([a, b], 1)), np.stack([smooth(a), smooth(b)], 1), atol=1e-12)
        missing = rng.random(mesh.n_vertices) < 0.2
        holes = np.where(missing, np.where(b > 0, np.nan, np.inf), a)
        np.testing.assert_array_equal(smooth(holes), smooth(np.where(missing, 0, a)))


class TestPartsOfMeshes:
    def test_nothing_crosses_vertices_without_positions(self) -> None:
        """Two halves, between them a wall of three vertices."""
        mesh = plane(21, 2.0)
        x = mesh.coordinates[:, 0]
        vertices = np.flatnonzero(np.abs(x) > 3)
        smoothed = smoother(mesh, vertices, 10.0)(np.sign(x[vertices]))
        np.testing.assert_allclose(smoothed, np.sign(x[vertices]))

    def test_a_single_vertex_keeps_its_value(self) -> None:
        mesh = icosphere(2)
        assert smoother(mesh, np.array([5]), 10.0)(np.array([2.0])).tolist() == [2.0]

    def test_values_are_in_the_order_of_the_vertices(self, rng: np.random.Generator) -> None:
        mesh = icosphere(3)
        vertices = rng.permutation(mesh.n_vertices)[:400]
        values = rng.normal(size=400)
        order = np.argsort(vertices)
        expected = smoother(mesh, vertices[order], 8.0)(values[order])
        np.testing.assert_allclose(smoother(mesh, vertices, 8.0)(values)[order], expected, atol=1e-10)

    def test_vertices_without_area_are_smoothed_too(self) -> None:
        """A triangle without area, and a vertex without triangle."""
        flat = plane(7, 2.0)
        points = np.vstack([flat.coordinates, flat.coordinates[:1], [[40.0, 0, 0]]])
        mesh = Mesh(points, np.vstack([flat.triangles, [[0, 1, 49]]]).astype(np.int32))
        smoothed = smoother(mesh, everywhere(mesh), 6.0)(np.ones(51))
        np.testing.assert_allclose(smoothed, 1.0)

    def test_the_same_smoother_is_kept(self) -> None:
        mesh = icosphere(2)
        vertices = np.arange(100)
        assert smoother(mesh, vertices, 8.0) is smoother(mesh, vertices.copy(), 8.0)
        assert smoother(mesh, vertices, 8.0) is not smoother(mesh, vertices[:99], 8.0)

    def test_threads_share_one_smoother(self) -> None:
        mesh = icosphere(4)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: smoother(mesh, everywhere(mesh), 8.0), range(8)))
        assert len({id(each) for each in found}) == 1


class TestVoxels:
    """Voxels of 2 x 2 x 3 mm."""

    affine = np.diag([-2.0, 2.0, 3.0, 1.0])
    indices = np.stack(np.unravel_index(np.arange(31 * 31 * 21), (31, 31, 21)), axis=1) + 4

    def test_the_kernel_has_the_variance_of_its_gaussian(self) -> None:
        one = (self.indices == [19, 19, 14]).all(axis=1).astype(float)
        smooth = voxel_smoother(self.indices, self.affine, np.zeros(one.size), 8.0)
        weights = smooth(one)
        offset = (self.indices - [19, 19, 14]) * np.array([2.0, 2.0, 3.0])
        np.testing.assert_allclose(weights @ offset**2 / weights.sum(), (8 / FWHM_OF_SD) ** 2, rtol=0.01)

    def test_structures_do_not_mix(self, rng: np.random.Generator) -> None:
        """Whatever the order of voxels; a constant in each structure stays constant."""
        order = rng.permutation(len(self.indices))
        names = np.where(self.indices[:, 0] < 18, "THALAMUS_LEFT", "THALAMUS_RIGHT")[order]
        values = np.where(names == "THALAMUS_LEFT", 1.0, -1.0)
        smooth = voxel_smoother(self.indices[order], self.affine, names, 8.0)
        np.testing.assert_allclose(smooth(values), values)
        holes = np.where(rng.random(values.size) < 0.1, np.nan, values)
        np.testing.assert_array_equal(smooth(holes), smooth(np.nan_to_num(holes)))

    def test_no_voxels_are_no_error(self) -> None:
        nothing = np.empty((0, 3), dtype=int)
        assert voxel_smoother(nothing, self.affine, np.empty(0), 8.0)(np.empty(0)).size == 0


def _effective_width(mesh: Path, maps: Path) -> float:
    """Return the FWHM in mm that Connectome Workbench estimates from noise, over maps."""
    found = subprocess.run(["wb_command", "-metric-estimate-fwhm", mesh, maps], capture_output=True, text=True)
    return float(np.mean([float(line.split("FWHM:")[1].split()[0]) for line in found.stdout.splitlines()]))


def _saved_maps(values: np.ndarray, path: Path) -> Path:
    meta = nib.gifti.GiftiMetaData(AnatomicalStructurePrimary="CortexLeft")
    arrays = [nib.gifti.GiftiDataArray(one.astype(np.float32), "NIFTI_INTENT_NONE") for one in values.T]
    nib.save(nib.GiftiImage(darrays=arrays, meta=meta), path)
    return path


@pytest.mark.skipif(not HAS_WORKBENCH, reason="no wb_command, or no meshes in shared/templateflow-surfaces")
class TestWorkbench:
    @pytest.mark.parametrize(
        ("name", "fwhm"),
        [
            *(("tpl-fsaverage_hemi-L_den-10k_white", fwhm) for fwhm in (4, 6, 10)),
            ("tpl-fsLR_den-32k_hemi-L_midthickness", 6),
        ],
    )
    def test_noise_is_smoothed_as_by_workbench(
        self, tmp_path: Path, rng: np.random.Generator, name: str, fwhm: int
    ) -> None:
        path = next(SURFACES.rglob(f"{name}.surf.gii"))
        mesh = read_mesh(path)
        noise = rng.normal(size=(mesh.n_vertices, 3))
        maps = _saved_maps(noise, tmp_path / "noise.func.gii")
        theirs = tmp_path / "theirs.func.gii"
        subprocess.run(["wb_command", "-metric-smoothing", path, maps, str(fwhm), theirs, "-fwhm"], check=True)
        smoothed = smoother(mesh, everywhere(mesh), fwhm)(noise)
        expected = np.stack([array.data for array in nib.load(theirs).darrays], axis=1)
        assert np.corrcoef(smoothed.ravel(), expected.ravel())[0, 1] > 0.999
        ours = _saved_maps(smoothed, tmp_path / "ours.func.gii")
        assert _effective_width(path, ours) == pytest.approx(_effective_width(path, theirs), rel=0.02)

    @pytest.mark.parametrize("fwhm", [4, 6, 10])
    def test_grayordinates_are_smoothed_as_by_workbench(
        self, tmp_path: Path, rng: np.random.Generator, fwhm: int
    ) -> None:
        """Four fifths of a mesh of 4 mm, and two structures of voxels of 2 mm that touch."""
        mesh = icosphere(4, 40.0)
        left = saved_mesh(mesh, tmp_path / "left.surf.gii", "CortexLeft")
        vertices = np.flatnonzero(mesh.coordinates[:, 2] > -24)
        mask = np.zeros((20, 16, 12), dtype=bool)
        mask[2:18, 2:14, 2:10] = True
        affine = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
        halves = [mask & (np.arange(20) < 9)[:, None, None], mask & (np.arange(20) >= 9)[:, None, None]]
        names = ["CIFTI_STRUCTURE_THALAMUS_LEFT", "CIFTI_STRUCTURE_CAUDATE_LEFT"]
        cortex = nib.cifti2.BrainModelAxis.from_surface(vertices, mesh.n_vertices, "CIFTI_STRUCTURE_CORTEX_LEFT")
        thalamus, caudate = map(nib.cifti2.BrainModelAxis.from_mask, halves, names, [affine] * 2)
        axis = cortex + thalamus + caudate
        noise = rng.normal(size=len(axis))
        scalar = nib.cifti2.ScalarAxis(["noise"])
        nib.save(nib.Cifti2Image(noise[None].astype(np.float32), (scalar, axis)), tmp_path / "noise.dscalar.nii")
        command = ["wb_command", "-cifti-smoothing", tmp_path / "noise.dscalar.nii", str(fwhm), str(fwhm), "COLUMN"]
        command += [tmp_path / "theirs.dscalar.nii", "-fwhm", "-left-surface", left]
        subprocess.run(command, check=True)
        expected = nib.load(tmp_path / "theirs.dscalar.nii").get_fdata()[0]
        smooth = voxel_smoother(axis.voxel[vertices.size :], affine, axis.name[vertices.size :], fwhm)
        ours = np.concatenate([smoother(mesh, vertices, fwhm)(noise[: vertices.size]), smooth(noise[vertices.size :])])
        for part in (slice(vertices.size), slice(vertices.size, None)):
            assert np.corrcoef(ours[part], expected[part])[0, 1] > 0.998
            assert ours[part].std() == pytest.approx(expected[part].std(), rel=0.03)
