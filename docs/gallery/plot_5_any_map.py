"""
Any z map
=========

A map that another program made is enough: no dataset, no maps of subjects. This page
takes a map that comes with nilearn: left against right button press, from `NeuroVault
<https://neurovault.org/images/10426/>`__.
"""

# %%
# One line
# --------
#
# ``cluster_tdp`` returns the TDP of each cluster as an image. Tested are the voxels
# with a value.

# sphinx_gallery_thumbnail_number = 3

from nilearn import datasets, plotting

import bids_ari as ari

motor = datasets.load_sample_motor_activation_image()
tdp = ari.cluster_tdp(motor, threshold=4)
plotting.plot_stat_map(tdp, display_mode="z", cut_coords=5, vmax=1, cmap="inferno")

# %%
# A target TDP instead of a threshold: the largest clusters of which at least 90 % are
# active.

largest = ari.cluster_tdp(motor, tdp=0.9)
values = largest.get_fdata()
assert values[values > 0].min() > 0.9 - 1e-6
plotting.plot_stat_map(largest, display_mode="z", cut_coords=5, vmax=1, cmap="inferno")

# %%
# With tables and pages
# ---------------------
#
# The command writes all that a group analysis writes, but for what needs the maps of
# subjects:
#
# .. code-block:: bash
#
#     bids-ari-map zmap.nii.gz results --space MNI152NLin2009aSym
#
# In Python, a command is a function that takes its words:

import shutil
from pathlib import Path

from bids_ari.cli.map import main as bids_ari_map

shutil.copy(motor, "zmap.nii.gz")
words = ["zmap.nii.gz", "results", "--space", "MNI152NLin2009aSym", "--quiet"]
assert bids_ari_map(words) == 0

# %%
# Its results can be loaded, now or in a year:

(saved,) = Path("results").rglob("*_forest.npz")
result = ari.load_result(saved)
result

# %%
result.plot("highest")

# %%
# A region, after looking
# -----------------------
#
# The map shows activity in the left cerebellum, which controls the left hand: each half
# of the cerebellum belongs to its own side of the body. Is it an accident to choose
# this region *because* the map shows it? It does not matter: the bounds hold for all
# regions at once, whatever the reason for which one was chosen. A sphere of 10 mm
# around the highest peak there:

import nibabel as nib
import numpy as np
from nilearn.image import coord_transform, load_img

image = load_img("zmap.nii.gz")
z = image.get_fdata()
places = np.stack(coord_transform(*np.indices(z.shape), image.affine), axis=-1)
cerebellum = (places[..., 0] < 0) & (places[..., 1] < -40) & (places[..., 2] < -10)
peak = places[np.unravel_index(np.where(cerebellum, z, -np.inf).argmax(), z.shape)]
sphere = np.linalg.norm(places - peak, axis=-1) <= 10
region = nib.Nifti1Image(sphere.astype("uint8"), image.affine)

points = result.points_in(region)
print(f"Peak at {peak.round().astype(int)} mm: TDP {result.tdp(region):.2f}")
print(f"At least {result.bound.tdn(points)} of {points.sum()} voxels are active.")
assert 0.5 < result.tdp(region) <= 1

# %%
# In larger spheres, bounds are higher numbers and lower proportions:

bounds = []
for radius in (5, 10, 15, 20):
    inside = np.linalg.norm(places - peak, axis=-1) <= radius
    points = result.points_in(nib.Nifti1Image(inside.astype("uint8"), image.affine))
    bounds.append((result.bound.tdn(points), result.bound.tdp(points)))
    print(f"{radius:2} mm: {bounds[-1][0]:4} of {points.sum():4}")
numbers, proportions = zip(*bounds, strict=True)
assert list(numbers) == sorted(numbers)
assert list(proportions) == sorted(proportions, reverse=True)

# %%
# Report and explorer
# -------------------

result.report("report.html")

# %%
# In the explorer, *Add sphere* draws such regions around the crosshair.

result.explore()

# %%
# A map must not be thresholded: the voxels that are not active are part of the
# evidence. :doc:`/maps` says how t and F maps, masks and other spaces are given.
