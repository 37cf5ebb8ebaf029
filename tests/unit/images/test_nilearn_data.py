"""Files of nilearn's package are those that its functions return."""

from pathlib import Path

import numpy as np
from nilearn.datasets import fetch_surf_fsaverage, load_mni152_template

from bids_ari.images.nilearn_data import nilearn_files, nilearn_template


def test_template():
    expected = load_mni152_template(resolution=1)
    values, grid = nilearn_template()
    np.testing.assert_array_equal(values / np.float32(values.max()), expected.get_fdata(dtype=np.float32))
    np.testing.assert_array_equal(grid.affine, expected.affine)


def test_meshes():
    names = fetch_surf_fsaverage("fsaverage5")
    for kind in ("pial", "infl", "white"):
        assert nilearn_files(kind, ("L", "R")) == (Path(names[f"{kind}_left"]), Path(names[f"{kind}_right"]))
