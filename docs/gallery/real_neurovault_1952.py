"""
Real data with a network: NeuroVault 1952
=========================================

Blain, Thirion & Neuvial (2022, doi:10.1016/j.neuroimage.2022.119492) compare three
bounds in collection 1952 of NeuroVault: All-Resolutions Inference (ARI), Simes bounds
calibrated by permutation, and their own method Notip, whose template is learned in
another contrast. This script computes the same three for their Table 2: the TDP of
clusters for *look negative cue* against *look negative rating*, with a template of
*vertical* against *horizontal checkerboard*.

It is not run when this site is built, because it downloads its data. A test runs it
with small maps in their place. Run it in an empty folder:

.. code-block:: bash

    python real_neurovault_1952.py
"""

# %%
# Download
# --------
#
# Of the collection, only the maps of four conditions. nilearn keeps them, and asks for
# them once.

# sphinx_gallery_thumbnail_path = "explorer.png"

import json
from pathlib import Path

from nilearn import datasets

TESTED = (
    "task001_look_negative_cue_vs_baseline",
    "task001_look_negative_rating_vs_baseline",
)
TRAINING = (
    "task001_vertical_checkerboard_vs_baseline",
    "task001_horizontal_checkerboard_vs_baseline",
)


def condition_of(image):
    """Return the condition that the name of a file contains, or None."""
    names = (name for name in TESTED + TRAINING if name in str(image.get("file")))
    return next(names, None)


collection = datasets.fetch_neurovault(
    max_images=None, image_filter=condition_of, collection_id=1952, verbose=1
)

# %%
# A subject is what the name of a file has besides the condition.

maps = {condition: {} for condition in TESTED + TRAINING}
for path, image in zip(collection.images, collection.images_meta, strict=True):
    condition, file = condition_of(image), image["file"].rpartition("/")[2]
    maps[condition][file.replace(condition, "")] = path

# %%
# Differences as a dataset
# ------------------------
#
# One map per subject that has both conditions, under a BIDS name.

from nilearn.image import math_img


def write(folder, conditions, contrast):
    """Write the difference of two conditions of each subject."""
    one, other = (maps[condition] for condition in conditions)
    about = {"Name": contrast, "BIDSVersion": "1.9.0", "DatasetType": "derivative"}
    about["GeneratedBy"] = [{"Name": "real_neurovault_1952.py"}]
    folder.mkdir(exist_ok=True)
    (folder / "dataset_description.json").write_text(json.dumps(about))
    for number, subject in enumerate(sorted(one.keys() & other.keys()), 1):
        name = f"sub-{number:03d}_space-MNI152Lin_contrast-{contrast}_stat-effect"
        (folder / f"sub-{number:03d}").mkdir(exist_ok=True)
        difference = math_img("one - other", one=one[subject], other=other[subject])
        difference.to_filename(folder / f"sub-{number:03d}" / f"{name}_statmap.nii.gz")
    return folder


tested = write(Path("tested"), TESTED, "cueVsRating")
training = write(Path("training"), TRAINING, "verticalVsHorizontal")

# %%
# Three bounds
# ------------
#
# As there: smoothing by 4 mm, two-sided p, 10,000 sign flips for the template and 1,000
# for the calibration. Clusters are those of p < .00135, of voxels that share a face,
# and may contain both signs.

from dataclasses import replace

from scipy.stats import norm

import bids_ari as ari

threshold = norm.isf(norm.sf(3) / 2)  # their z > 3 is made of two-sided p
common = ari.Options(
    smoothing=4,
    alternative="two-sided",
    join_signs=True,
    connectivity=6,
    threshold=threshold,
    tdp=(0.8, 0.9, 0.95),
)
permuted = replace(common, method="permutation", random_seed=42)
learned = replace(permuted, family="learned")
learning = replace(learned, n_permutations=10_000, save_template=True)
ari.run(ari.Settings(training, "learned", options=learning))
(template,) = Path("learned").rglob("*_template.npz")

options = {
    "ARI": replace(common, method="simes"),
    "calibrated Simes": replace(permuted, family="simes"),
    "Notip": replace(learned, template=template),
}
(contrast,) = ari.discover(tested)
results = {
    name: ari.analyse(contrast, options=each)[0] for name, each in options.items()
}

# %%
# Table 2
# -------
#
# Clusters of at least 150 voxels. Numbers will not be the same to the last digit: the
# sign flips differ, and so does the mask, which here is where all subjects have data.

places = ["peak_x", "peak_y", "peak_z", "peak_stat", "size", "volume_mm3"]
table = results["ARI"].table(threshold=threshold)[places]
for name, result in results.items():
    table[f"TDP ({name})"] = result.table(threshold=threshold)["tdp"]
table = table[table["size"] >= 150].sort_values("peak_stat", key=abs, ascending=False)
table.to_csv("table2.tsv", sep="\t", index=False)
print(table.round(2).to_string(index=False))

# %%
# What there is besides, for each bound: the report, and the explorer.

for name, result in results.items():
    result.report(f"{name}.html")
    result.explore().save(f"{name} explorer.html")
