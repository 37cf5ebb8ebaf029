"""
nilearn's tutorial, and bids_ari beside it
==========================================

nilearn has a tutorial on true positives in clusters: 16 subjects press a button with
the left or the right hand, and clusters of the group map get a lower bound on their
proportion of active voxels. This page makes the same analysis, step by step, by nilearn
and by bids_ari. Both give the same z map and the same bounds. Then it shows what
bids_ari adds: the clusters with a *target* proportion, all thresholds at once, and an
explorer.
"""

# %%
# Data
# ----
#
# The tutorial downloads its maps. Here they are simulated, so that the truth is known:
# 16 subjects, whose effect is derived from a motor map that comes with nilearn.

# sphinx_gallery_thumbnail_number = 6

from pathlib import Path

from bids_ari.demo.volumes import write_simulated

dataset = Path("demo/dataset")
write_simulated(dataset)
(mask,) = dataset.glob("*_mask.nii.gz")

# %%
# The command ``bids-ari-demo`` writes the same dataset and analyses it. With a network,
# it also takes the maps of the tutorial:
#
# .. code-block:: bash
#
#     bids-ari-demo demo
#     bids-ari-demo localizer --localizer

# %%
# Group model
# -----------
#
# **nilearn**: a design matrix with a constant, smoothing by 8 mm, and a t test against
# 0 as a z map.

import numpy as np
import pandas as pd
from nilearn.glm.second_level import SecondLevelModel

maps = sorted(dataset.glob("sub-*/*_statmap.nii.gz"))
design = pd.DataFrame({"intercept": np.ones(len(maps))})
model = SecondLevelModel(mask_img=mask, smoothing_fwhm=8).fit(
    maps, design_matrix=design
)
nilearn_z = model.compute_contrast(output_type="z_score")

# %%
# **bids_ari**: the maps are found by their names, and the mean over subjects is tested.
# Clusters of nilearn consist of voxels that share a face; ``connectivity=6`` does the
# same. (The default, 18, is that of SPM.)

import bids_ari as ari

(contrast,) = ari.discover(dataset)
options = ari.Options(
    mask=mask, smoothing=8, connectivity=6, threshold=(3, 4, 5), alpha=0.05
)
(result,) = ari.analyse(contrast, options=options)
result

# %%
# Both z maps are the same, up to the precision of 32 bits:

z = result.image("z").get_fdata()  # NaN where no test was made
difference = np.abs(nilearn_z.get_fdata() - np.nan_to_num(z)).max()
assert difference < 1e-5

# %%
# Uncorrected p
# -------------
#
# **nilearn**: z where p < .001, uncorrected, in a glass brain. All tests of this page
# are one-sided, here by ``two_sided=False``.

from nilearn import plotting
from nilearn.glm import threshold_stats_img

thresholded, threshold = threshold_stats_img(
    nilearn_z, mask_img=mask, alpha=0.001, height_control="fpr", two_sided=False
)
plotting.plot_glass_brain(
    thresholded,
    threshold=threshold,
    plot_abs=False,
    colorbar=True,
    title="nilearn: p < .001",
)

# %%
# **bids_ari**: the same picture, as it is in reports.

assert abs(threshold - 3.09) < 0.001
result.plot_glass()

# %%
# Bounds of clusters
# ------------------
#
# **nilearn**: ``cluster_level_inference`` returns the TDP of each cluster as a map.

from nilearn.glm import cluster_level_inference

nilearn_tdp = cluster_level_inference(
    nilearn_z, mask_img=mask, threshold=[3, 4, 5], alpha=0.05
)
plotting.plot_stat_map(
    nilearn_tdp,
    display_mode="z",
    cut_coords=5,
    vmax=1,
    cmap="inferno",
    title="nilearn: TDP",
)

# %%
# **bids_ari**:

result.plot("tdp")

# %%
# At each threshold, both maps are equal:

for each in (3, 4, 5):
    theirs = cluster_level_inference(
        nilearn_z, mask_img=mask, threshold=[each], alpha=0.05
    ).get_fdata()
    assert np.abs(theirs - result.image("tdp", threshold=each).get_fdata()).max() < 1e-6

# %%
# With several thresholds they are not. nilearn shows the TDP of the cluster above the
# *highest* threshold that a voxel reaches, bids_ari the *highest TDP* of all clusters
# that contain it. Both are valid, because the bounds hold for all clusters at once. But
# a single voxel above z = 4, whose own bound is 0, may well lie in a large cluster
# above z = 3 with a TDP of 0.61. nilearn's map is 0 there.

theirs, ours = nilearn_tdp.get_fdata(), result.image("tdp").get_fdata()
assert (theirs <= ours + 1e-6).all()
lower = theirs < ours - 1e-6
print(f"nilearn's map is lower in {lower.sum()} of {(ours > 0).sum()} voxels")
assert 0 < lower.sum() < 0.1 * (ours > 0).sum()

# %%
# As a table, with the true number beside the bound. No bound is above the truth:

from nilearn.image import load_img

(truth,) = dataset.glob("*_desc-truth_dseg.nii.gz")
active = result.space.select(load_img(truth).get_fdata()) == 1
table = result.table(threshold=3)[["size", "tdn", "tdp", "peak_x", "peak_y", "peak_z"]]
table.insert(
    2,
    "truth",
    [int(active[cluster.points].sum()) for cluster in result.forest.at_threshold(3)],
)
assert (table["tdn"] <= table["truth"]).all()
table.head(5).style.format(
    {"tdp": "{:.2f}", "peak_x": "{:.0f}", "peak_y": "{:.0f}", "peak_z": "{:.0f}"}
).hide()

# %%
# A target instead of a threshold
# -------------------------------
#
# Which clusters are at least 70 % active? The answer needs no threshold: bids_ari finds
# the largest of all clusters, at all thresholds, with this TDP.

largest = result.forest.with_tdp(0.7)
assert all(cluster.tdp >= 0.7 for cluster in largest)
assert sum(cluster.size for cluster in largest) > sum(
    c.size for c in result.forest.at_threshold(4) if c.tdp >= 0.7
)
result.plot("largest 0.7")

# %%
# All resolutions: a cluster above any threshold, from low to high, that has this TDP is
# part of one of them.

found = np.concatenate([cluster.points for cluster in largest])
for each in np.arange(1, 7, 0.1):
    for cluster in result.forest.at_threshold(each):
        assert cluster.tdp < 0.7 or np.isin(cluster.points, found).all()

result.forest

# %%
# ``highest`` colours each voxel by the highest TDP of all clusters that contain it, at
# any threshold.

highest = result.image("highest_tdp").get_fdata()
assert (highest >= ours - 1e-6).all()
result.plot("highest")

# %%
# Report and explorer
# -------------------
#
# The report is one file that needs no other. This is the one of this analysis:

result.report("report.html")

# %%
# In the explorer, choose a target TDP, and grow or shrink the cluster at the crosshair.
# All bounds that it shows hold together.

result.explore()

# %%
# The same as one command
# -----------------------
#
# It writes all maps, tables and pages of the result as a BIDS derivative:
#
# .. code-block:: bash
#
#     bids-ari demo/dataset results group --smoothing 8 \
#         --connectivity 6 --threshold 3 4 5 \
#         --mask demo/dataset/space-MNI152NLin2009aSym_desc-brain_mask.nii.gz
#
# :doc:`/reading` explains the numbers, and :doc:`/methods` how they are computed.
