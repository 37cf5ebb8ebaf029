"""The tutorial as one command with all its outputs, against the same analysis as a script with nilearn.

usage: python benchmarks/tutorial.py [DATASET] [--repeats 5] [--subjects 30] [--resolution 2]

Without a dataset, one of simulated maps is made in a temporary folder. The script with nilearn fits a second-level
model to maps smoothed by 8 mm, thresholds z at p < .001, runs All-Resolutions Inference at three thresholds and saves
two pictures. The command reads the same maps, with the same smoothing and thresholds, and writes all its maps, tables
and pages. Each run is a fresh process, from its start to its end; the first one of each is not measured.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from measuring import in_turn, table

SMOOTHING = 8.0
THRESHOLDS = (3.0, 4.0, 5.0)


def simulate(root: Path, n_subjects: int, resolution: int) -> None:
    """Write a dataset of one effect map per subject: smooth noise in a brain mask, and a region with an effect."""
    import nibabel as nib
    from nilearn.datasets import load_mni152_brain_mask
    from scipy import ndimage

    mask = load_mni152_brain_mask(resolution=resolution)
    inside = mask.get_fdata() > 0
    rng = np.random.default_rng(1)
    width = 6 / resolution
    signal = ndimage.gaussian_filter((rng.random(inside.shape) > 0.9999).astype(float), 2 * width)
    root.mkdir()
    (root / "dataset_description.json").write_text(
        '{"Name": "Simulated", "BIDSVersion": "1.9.0", "DatasetType": "derivative", "GeneratedBy": [{"Name": "none"}]}'
    )
    for subject in (f"sub-{i:02d}" for i in range(1, n_subjects + 1)):
        noise = ndimage.gaussian_filter(rng.normal(size=inside.shape), width / 2)
        volume = np.where(inside, noise / noise.std() + signal / signal.max(), 0).astype(np.float32)
        name = f"{subject}_task-button_space-MNI152NLin2009cAsym_contrast-leftVsRight_stat-effect_statmap.nii.gz"
        (root / subject / "func").mkdir(parents=True)
        nib.save(nib.Nifti1Image(volume, mask.affine), root / subject / "func" / name)


def with_nilearn(dataset: Path, output: Path) -> None:
    """Run the tutorial: model, thresholded z, All-Resolutions Inference, two pictures."""
    import pandas as pd
    from nilearn import plotting
    from nilearn.glm import cluster_level_inference, threshold_stats_img
    from nilearn.glm.second_level import SecondLevelModel

    paths = sorted(map(str, dataset.glob("sub-*/**/*stat-effect_statmap.nii.gz")))
    design = pd.DataFrame({"intercept": np.ones(len(paths))})
    model = SecondLevelModel(smoothing_fwhm=SMOOTHING, n_jobs=2).fit(paths, design_matrix=design)
    z = model.compute_contrast(output_type="z_score")
    thresholded, threshold = threshold_stats_img(z, alpha=0.001, height_control="fpr")
    proportion = cluster_level_inference(z, threshold=list(THRESHOLDS), alpha=0.05)
    output.mkdir(parents=True, exist_ok=True)
    glass = plotting.plot_glass_brain(thresholded, threshold=threshold, colorbar=True, plot_abs=False)
    glass.savefig(output / "z.png")
    slices = plotting.plot_stat_map(proportion, threshold=0.0, display_mode="z", vmax=1, colorbar=True, cmap="inferno")
    slices.savefig(output / "proportion.png")


def compare(dataset: Path, scratch: Path, repeats: int) -> None:
    """Run both in turn; print a table."""
    command = [sys.executable, "-m", "bids_ari", dataset, scratch / "bids_ari", "group", "--rerun"]
    commands = {
        "nilearn": [sys.executable, __file__, dataset, "--child", scratch / "nilearn"],
        "bids_ari": [*command, "--smoothing", f"{SMOOTHING:g}", "--threshold", *map(str, THRESHOLDS)],
    }
    found = in_turn(commands, repeats)
    sys.stdout.write(table(found, "bids_ari / nilearn", "bids_ari", "nilearn"))
    output = scratch / "bids_ari"
    n_files = sum(path.is_file() for path in output.rglob("*") if "logs" not in path.relative_to(output).parts)
    sys.stdout.write(f"bids_ari wrote {n_files} files, logs not counted\n")


def main() -> None:
    """Print a table: one row per program, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--subjects", type=int, default=30)
    parser.add_argument("--resolution", type=int, default=2, help="voxel size in mm")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        with_nilearn(arguments.dataset, arguments.child)
        return
    with tempfile.TemporaryDirectory() as scratch:
        dataset = arguments.dataset
        if dataset is None:
            dataset = Path(scratch) / "dataset"
            simulate(dataset, arguments.subjects, arguments.resolution)
        compare(dataset, Path(scratch), arguments.repeats)


if __name__ == "__main__":
    main()
