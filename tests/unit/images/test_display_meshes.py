"""Inflated meshes and sulcal depth to show maps with."""

from pathlib import Path

import numpy as np
import pytest
from builders_labels import LEFT, RIGHT, save_gifti
from builders_meshes import icosphere, saved_mesh
from builders_templateflow import add
from nilearn.datasets import fetch_surf_fsaverage

from bids_ari.images.display_meshes import display_meshes
from bids_ari.images.mesh_files import read_mesh

N = 2562


def test_meshes_and_depth_of_templateflow(home: Path) -> None:
    for side in "LR":
        saved_mesh(icosphere(4), home / f"tpl-A_hemi-{side}_den-3k_inflated.surf.gii")
    counts = {LEFT: N, RIGHT: N}
    found = display_meshes(counts, "A")
    assert found is not None
    assert [*found.inflated] == [LEFT, RIGHT]
    assert not found.sulci
    depth = np.linspace(-5, 5, N)
    for side in "LR":
        save_gifti(home / f"tpl-A_hemi-{side}_den-3k_sulc.shape.gii", depth)
    found = display_meshes(counts, "A")
    assert found is not None
    assert found.sulci[RIGHT].min() == 0
    assert found.sulci[RIGHT].max() == 1
    assert (np.diff(found.sulci[RIGHT]) >= 0).all()


def test_nothing_is_fetched_or_guessed(home: Path) -> None:
    add(home, *(f"tpl-A_hemi-{side}_den-3k_inflated.surf.gii" for side in "LR"), content="")
    assert display_meshes({LEFT: N, RIGHT: N}, "A") is None
    assert display_meshes({LEFT: N}, None) is None
    assert display_meshes({LEFT: 12}, "A") is None


@pytest.mark.usefixtures("home")
def test_fsaverage5_of_nilearn() -> None:
    """Its sulcal depth is that of the folds of its white surface, by mean curvature."""
    found = display_meshes({RIGHT: 10242}, "fsaverage")
    assert found is not None
    assert found.inflated[RIGHT].n_vertices == 10242
    folds = read_mesh(Path(fetch_surf_fsaverage("fsaverage5")["white_right"])).sulci
    assert np.corrcoef(found.sulci[RIGHT], folds)[0, 1] > 0.5
