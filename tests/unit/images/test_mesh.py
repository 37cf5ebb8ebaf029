"""Geometry of meshes: by hand on an octahedron, in the limit on spheres, and as Connectome Workbench has it."""

import itertools
import math
import pickle
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders_meshes import icosphere, octahedron, plane

from bids_ari.images.mesh import Mesh, least_area
from bids_ari.images.mesh_files import read_mesh

SURFACES = Path(__file__).resolve().parents[3].parent / "shared" / "templateflow-surfaces"


class TestOctahedron:
    """Radius 10: sides of 10 sqrt(2), triangles of sqrt(3) / 4 * 200 mm2."""

    def test_edges_are_each_once(self) -> None:
        edges = octahedron().edges
        assert edges.dtype == np.int32
        opposite = {(0, 3), (1, 4), (2, 5)}
        assert [tuple(edge) for edge in edges] == sorted(set(itertools.combinations(range(6), 2)) - opposite)

    def test_areas(self) -> None:
        triangle = 3**0.5 / 4 * 200
        np.testing.assert_allclose(octahedron().triangle_areas, triangle)
        np.testing.assert_allclose(octahedron().vertex_areas, 4 * triangle / 3)

    def test_distances_are_along_edges(self) -> None:
        side = 10 * 2**0.5
        np.testing.assert_allclose(octahedron().distances(0), [0, side, side, 2 * side, side, side])
        np.testing.assert_allclose(octahedron().distances(0, limit=15), [0, side, side, np.inf, side, side])

    def test_normals_point_outwards_whatever_the_order_in_triangles(self) -> None:
        mesh = octahedron()
        for triangles in (mesh.triangles, mesh.triangles[:, ::-1]):
            np.testing.assert_allclose(Mesh(mesh.coordinates, triangles).normals, mesh.coordinates / 10, atol=1e-12)


class TestSphere:
    def test_its_area_is_4_pi_r2_in_the_limit(self) -> None:
        """The error of planar triangles is of the second order in their size: a quarter at half the size."""
        errors = [1 - icosphere(rounds).vertex_areas.sum() / (4 * math.pi * 50**2) for rounds in (2, 3, 4)]
        assert errors[2] < 0.004
        np.testing.assert_allclose(np.divide(errors[:2], errors[1:]), 4, rtol=0.05)

    def test_counts_follow_euler(self) -> None:
        mesh = icosphere(3)
        assert (mesh.n_vertices, len(mesh.edges), len(mesh.triangles)) == (642, 1920, 1280)

    def test_paths_along_edges_are_little_longer_than_great_circles(self) -> None:
        mesh = icosphere(4)
        found = mesh.distances(0)
        angles = np.arccos(np.clip(mesh.coordinates @ mesh.coordinates[0] / 50**2, -1, 1))
        away = angles > 0.2
        ratio = found[away] / (50 * angles[away])
        assert 0.99 < ratio.min() <= ratio.max() < 1.25

    def test_it_has_no_sulci(self) -> None:
        np.testing.assert_array_equal(icosphere(3).sulci, 0.5)


class TestSulci:
    def test_are_where_a_folded_surface_is_concave(self) -> None:
        sphere = icosphere(5)
        angle = np.arctan2(sphere.coordinates[:, 1], sphere.coordinates[:, 0])
        away = np.abs(sphere.coordinates[:, 2]) < 25
        wave = np.where(away, np.cos(8 * angle), 0.0)
        folded = Mesh(sphere.coordinates * (1 + 0.06 * wave)[:, None], sphere.triangles)
        assert np.all((folded.sulci >= 0) & (folded.sulci <= 1))
        inner = np.abs(sphere.coordinates[:, 2]) < 18
        assert folded.sulci[inner & (wave > 0.9)].mean() < 0.2
        assert folded.sulci[inner & (wave < -0.9)].mean() > 0.8


class TestHemisphere:
    @pytest.mark.parametrize(("x", "hemisphere"), [(-30.0, "L"), (30.0, "R"), (0.0, None)])
    def test_is_that_of_the_mean_x(self, x: float, hemisphere: str | None) -> None:
        assert icosphere(1, 30.0, (x, 0, 0)).hemisphere == hemisphere


class TestMesh:
    def test_what_is_computed_is_kept_and_cannot_be_changed(self) -> None:
        mesh = octahedron()
        assert mesh.edges is mesh.edges
        with pytest.raises(ValueError, match="read-only"):
            mesh.vertex_areas[0] = 1

    def test_it_is_pickled_without_what_was_computed(self) -> None:
        mesh = Mesh(octahedron().coordinates, octahedron().triangles, "lh.pial", "ab12")
        assert mesh.graph.nnz == 24
        copy = pickle.loads(pickle.dumps(mesh))
        assert (copy.name, copy.sha256, copy.computed) == ("lh.pial", "ab12", {})
        np.testing.assert_array_equal(copy.triangles, mesh.triangles)

    def test_vertices_without_triangles_have_no_area(self) -> None:
        flat = plane(5, 2.0)
        more = Mesh(np.vstack([flat.coordinates, [[50.0, 0, 0]]]), flat.triangles)
        assert (more.vertex_areas[-1], more.normals[-1].tolist()) == (0.0, [0.0, 0.0, 0.0])
        assert np.isinf(more.distances(0)[-1])


class TestLeastArea:
    def test_it_is_never_more_than_the_area_of_as_many_vertices(self, rng: np.random.Generator) -> None:
        """Of all subsets, each summed exactly."""
        for _ in range(20):
            areas = rng.lognormal(0, 3, size=9)
            for n in range(10):
                exact = [float(sum(map(Fraction, some))) for some in itertools.combinations(areas, n)]
                assert least_area(areas, n) == min(exact)

    def test_it_is_a_lower_bound_on_the_active_area(self, rng: np.random.Generator) -> None:
        """Of random sets of vertices, where at most as many are found as are active."""
        areas = icosphere(3).vertex_areas
        active = rng.random(areas.size) < 0.3
        for _ in range(500):
            some = rng.permutation(areas.size)[: rng.integers(1, areas.size)]
            found = int(rng.integers(0, np.count_nonzero(active[some]) + 1))
            assert least_area(areas[some], found) <= math.fsum(areas[some][active[some]])


@pytest.mark.skipif(not shutil.which("wb_command"), reason="no wb_command")
@pytest.mark.skipif(not SURFACES.is_dir(), reason=f"no meshes at {SURFACES}")
@pytest.mark.parametrize("name", ["tpl-fsaverage_hemi-L_den-10k_pial", "tpl-fsLR_den-32k_hemi-R_midthickness"])
def test_areas_are_those_of_workbench(tmp_path: Path, name: str) -> None:
    path = next(SURFACES.rglob(f"{name}.surf.gii"))
    subprocess.run(["wb_command", "-surface-vertex-areas", path, tmp_path / "a.shape.gii"], check=True)
    areas = nib.load(tmp_path / "a.shape.gii").darrays[0].data
    np.testing.assert_allclose(read_mesh(path).vertex_areas, areas, rtol=1e-4)  # float32
