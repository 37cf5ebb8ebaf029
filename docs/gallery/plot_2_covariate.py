"""
A covariate: who profits from reappraisal?
==========================================

In a study of emotion regulation, 30 subjects look at unpleasant pictures, or reappraise
them. Two questions: where is the effect of reappraisal above zero on average, and where
is it larger in subjects who reappraise with more success? The second one is about a
covariate. The data are simulated: a prefrontal region has a mean effect, and the
striatum an effect that grows with success.
"""

# %%
# Data
# ----
#
# One map per subject, named as nilearn, FitLins and HALFpipe name them, and a table of
# participants.

# sphinx_gallery_thumbnail_number = 3

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nilearn import datasets
from nilearn.image import coord_transform
from scipy import ndimage

rng = np.random.default_rng(2008)
brain = datasets.load_mni152_brain_mask(resolution=4)
inside = brain.get_fdata() > 0
places = np.stack(coord_transform(*np.indices(inside.shape), brain.affine), axis=-1)


def sphere(*centre, radius):
    """Return the voxels of the brain in a sphere, in mm."""
    return inside & (np.linalg.norm(places - centre, axis=-1) <= radius)


prefrontal = sphere(44, 28, 0, radius=18)
striatum = sphere(12, 10, -6, radius=12) | sphere(-12, 10, -6, radius=12)
subjects = [f"sub-{number:02d}" for number in range(1, 31)]
success = rng.normal(2, 1, len(subjects)).round(2)

study = Path("study")
about = {"Name": "Simulated emotion regulation", "BIDSVersion": "1.9.0"}
about |= {"DatasetType": "derivative", "GeneratedBy": [{"Name": "plot_2_covariate.py"}]}
study.mkdir(exist_ok=True)
(study / "dataset_description.json").write_text(json.dumps(about))
table = pd.DataFrame({"participant_id": subjects, "success": success})
table.to_csv(study / "participants.tsv", sep="\t", index=False)
name = "task-emotion_space-MNI152NLin2009aSym_contrast-reappraiseVsLook_stat-effect"
for subject, level in zip(subjects, success, strict=True):
    noise = ndimage.gaussian_filter(rng.normal(size=inside.shape), 0.8)
    effect = 1.0 * prefrontal + 0.9 * (level - 2) * striatum + noise / noise.std()
    image = nib.Nifti1Image(np.where(inside, effect, 0).astype("float32"), brain.affine)
    (study / subject).mkdir(exist_ok=True)
    image.to_filename(study / subject / f"{subject}_{name}_statmap.nii.gz")
for region, voxels in {"prefrontal": prefrontal, "striatum": striatum}.items():
    nib.Nifti1Image(voxels.astype("uint8"), brain.affine).to_filename(
        f"{region}.nii.gz"
    )

table.head(3)

# %%
# Look first
# ----------
#
# ``discover`` lists what would be analysed, and what is excluded and why. On the
# command line, this is ``--list``.

import bids_ari as ari

contrasts = ari.discover(study)
assert len(contrasts[0].subjects) == 30
contrasts

# %%
# Model
# -----
#
# ``center(success)`` subtracts the mean of the covariate. Without it, the intercept
# would be the effect of subjects without any success. Each column of the design is
# tested. A regression may have either sign, so tests are two-sided.

options = ari.Options(
    formula="1 + center(success)",
    alternative="two-sided",
    smoothing=6,
    threshold=(3, 4),
    roi=("prefrontal.nii.gz", "striatum.nii.gz"),
)
mean, slope = ari.analyse(
    contrasts[0], options=options, participants=study / "participants.tsv"
)
assert (mean.test, slope.test) == ("intercept", "success")
mean.plot("design")

# %%
# As a command, which writes a report for each test:
#
# .. code-block:: bash
#
#     bids-ari study results group --formula "1 + center(success)" \
#         --alternative two-sided --smoothing 6 --threshold 3 4 \
#         --roi prefrontal.nii.gz striatum.nii.gz

# %%
# The mean
# --------
#
# The effect of reappraisal at average success. One cluster has a bound above 0, in the
# prefrontal region. The others have a TDP of 0: the data do not show that any of their
# voxels is active.

(cluster,) = [each for each in mean.forest.at_threshold(3) if each.tdn > 0]
assert prefrontal[inside][cluster.points].mean() > 0.8
mean.plot("tdp")

# %%
mean

# %%
# The slope
# ---------
#
# The effect grows with success in the striatum. The TDP is lower than that of the mean.

(cluster,) = [each for each in slope.forest.at_threshold(3) if each.tdn > 0]
assert cluster.tdp < mean.forest.at_threshold(3)[0].tdp
assert striatum[inside][cluster.points][slope.glm.z[cluster.points] > 4].mean() > 0.8
slope.plot("tdp")

# %%
# Regions
# -------
#
# Regions may be chosen after looking at the maps, and as many as you like: the same
# bounds hold for all of them. Those of the two masks, for both tests. ``tdn_positive``
# and ``tdn_negative`` are bounds on the voxels with an effect above and below 0.

columns = ["name", "size", "tdn", "tdp", "tdn_positive", "tdn_negative"]
regions = pd.concat(
    {each.test: each.region_table(each.regions[0])[columns] for each in (mean, slope)},
    names=["test", None],
).reset_index("test")
bounds = regions.set_index(["test", "name"])["tdn"]
assert bounds["intercept", "prefrontal"] > 0 == bounds["intercept", "striatum"]
assert bounds["success", "striatum"] > 0 == bounds["success", "prefrontal"]
assert (regions["tdn_negative"] == 0).all()
regions.style.format({"tdp": "{:.2f}"}).hide()

# %%
# Any other set of voxels has a bound, too: the left half of the striatum, which no mask
# describes.

left = striatum & (places[..., 0] < 0)
voxels = left[inside]
print(f"{slope.bound.tdn(voxels)} of {voxels.sum()} voxels, at least, in the left half")
assert 0 < slope.bound.tdn(voxels) <= voxels.sum()

# %%
# Report
# ------
#
# *Needs attention*, at the top, says what to look at first. *Design* shows whether the
# errors are nearly normal, and which subjects have much influence: of a regression,
# single subjects may.

slope.report("report.html")

# %%
# In the explorer, the two regions are in the list, with their bounds.

slope.explore()

# %%
# :doc:`/model` has other models: groups, sessions, several covariates, and F tests.
