"""
Surfaces: both hemispheres at once
==================================

Maps on the cortex are analysed like volumes. Both hemispheres are one analysis: one
bound holds for all vertices. The data are simulated on the meshes of fsaverage5, which
come with nilearn.
"""

# %%
# Data
# ----
#
# The command ``bids-ari-demo`` writes these maps and analyses them:
#
# .. code-block:: bash
#
#     bids-ari-demo surface --surface
#
# In Python, only the dataset:

# sphinx_gallery_thumbnail_number = 2

from pathlib import Path

from bids_ari.demo.surfaces import write_surfaces

dataset = Path("surface/dataset")
write_surfaces(dataset)
for path in sorted(dataset.glob("sub-01/*")):
    print(path.name)

# %%
# Analysis
# --------
#
# The files of both hemispheres are one map of a subject. The mesh is found by the space
# and the number of vertices. ``smoothing`` follows the cortex: the two banks of a
# sulcus do not mix.

import bids_ari as ari

(contrast,) = ari.discover(dataset)
(result,) = ari.analyse(contrast, options=ari.Options(smoothing=8))
assert result.space.units == "vertices"
assert result.space.n_points < 2 * 10242  # the medial wall is not tested
result

# %%
# The largest clusters of which at least 70 % of the vertices are active:

result.plot("largest 0.7")

# %%
# The hemisphere of a cluster is that of its peak: clusters never cross the midline.

table = result.table(tdp=0.7)
assert (table["tdp"] >= 0.7).all()
table[["peak_structure", "size", "area_mm2", "tdn", "tdp"]].style.format(
    {"area_mm2": "{:.0f}", "tdp": "{:.2f}"}
).hide()

# %%
# The highest TDP of all clusters that contain a vertex:

result.plot("highest")

# %%
# With nilearn
# ------------
#
# Each map is an image of nilearn, for its functions and pictures.

from nilearn import datasets, plotting

tdp = result.image("tdp", tdp=0.7)
curvature = datasets.load_fsaverage_data("fsaverage5", data_type="sulcal")
plotting.plot_surf_stat_map(
    datasets.load_fsaverage("fsaverage5")["inflated"],
    tdp,
    hemi="right",
    bg_map=curvature,
    bg_on_data=True,
    threshold=0.01,
    vmin=0,
    vmax=1,
    cmap="inferno",
    title="TDP of clusters with at least 0.7",
)

# %%
# The truth
# ---------
#
# The maps are simulated, so that the bound can be compared with the number of vertices
# that are active.

from bids_ari.demo.surfaces import n_active

truth = n_active(dataset, result.space)
print(f"At least {result.bound.whole} vertices are active; in truth {truth} are.")
assert 0 < result.bound.whole <= truth

# %%
# Report and explorer
# -------------------

result.report("report.html")

# %%
# Both hemispheres can be turned:

result.explore()

# %%
# :doc:`/surfaces` says which files are read, which meshes are used, and how
# grayordinates (CIFTI) differ.
