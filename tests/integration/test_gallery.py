"""The script of the gallery that downloads its data runs, with small maps in place of the download."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import nilearn.datasets
import numpy as np
import pandas as pd
import pytest
from docpages import DOCS
from scipy import ndimage, stats

SHAPE, ACTIVE = (12, 12, 12), np.s_[2:9, 2:9, 2:9]
CONDITIONS = {
    "task001_look_negative_cue_vs_baseline": 2.0,
    "task001_look_negative_rating_vs_baseline": 0.0,
    "task001_vertical_checkerboard_vs_baseline": 0.0,
    "task001_horizontal_checkerboard_vs_baseline": 0.0,
    "task002_words_vs_baseline": 0.0,
}
"""The conditions of the collection that stands in for the real one, and the effect in its active voxels."""


class Collection:
    """What nilearn returns: files, and what is known about them."""

    def __init__(self, folder: Path, rng: np.random.Generator) -> None:
        self.images: list[str] = []
        self.images_meta: list[dict[str, Any]] = []
        for condition, effect in CONDITIONS.items():
            for number in range(1, 13 - (effect > 0)):  # of subject 12, one condition only
                path = folder / f"image_{len(self.images)}.nii.gz"
                values = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1) * 3
                values[ACTIVE] += effect
                nib.Nifti1Image(values.astype(np.float32), np.diag([3.0, 3, 3, 1])).to_filename(path)
                self.images.append(str(path))
                name = f"{condition}_ds108_sub{number:03d}.nii.gz"
                self.images_meta.append({"file": f"https://neurovault.org/media/images/1952/{name}"})

    def fetch(self, *, image_filter: Callable[[dict[str, Any]], object], collection_id: int, **_: object) -> Any:
        """Return those that are asked for, as ``nilearn.datasets.fetch_neurovault`` does."""
        assert collection_id == 1952
        kept = [i for i, each in enumerate(self.images_meta) if image_filter(each)]
        self.images = [self.images[i] for i in kept]
        self.images_meta = [self.images_meta[i] for i in kept]
        return self


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the script in an empty folder: its variables."""
    folder = tmp_path_factory.mktemp("neurovault")
    (folder / "images").mkdir()
    (folder / "empty").mkdir()
    collection = Collection(folder / "images", np.random.default_rng(1952))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "empty")
        patch.setattr(nilearn.datasets, "fetch_neurovault", collection.fetch)
        found = runpy.run_path(str(DOCS / "gallery" / "real_neurovault_1952.py"))
    return found | {"folder": folder / "empty"}


def test_maps_are_differences_of_subjects_with_both_conditions(ran: dict[str, Any]) -> None:
    cue, rating = (ran["maps"][name] for name in ran["TESTED"])
    assert (len(cue), len(rating)) == (11, 12)
    paths = sorted(ran["folder"].glob("tested/sub-*/*_statmap.nii.gz"))
    assert len(paths) == 11
    subject = sorted(cue)[4]
    expected = nib.load(cue[subject]).get_fdata() - nib.load(rating[subject]).get_fdata()
    np.testing.assert_allclose(nib.load(paths[4]).get_fdata(), expected, atol=1e-5)  # float32 of values below 30


def test_clusters_are_those_of_a_two_sided_p(ran: dict[str, Any]) -> None:
    """The published clusters have z > 3 of the two-sided p of a t test, which is p < .00135."""
    result = ran["results"]["ARI"]
    above = np.abs(result.glm.z) > ran["threshold"]
    np.testing.assert_array_equal(above, result.p < stats.norm.sf(3))


def test_the_table(ran: dict[str, Any]) -> None:
    table = pd.read_csv(ran["folder"] / "table2.tsv", sep="\t")
    (row,) = table.to_dict("records")  # the one active cube, 343 voxels before smoothing
    assert row["size"] >= 150
    for name, result in ran["results"].items():
        assert 0.5 < row[f"TDP ({name})"] <= 1
        (cluster,) = [each for each in result.forest.at_threshold(ran["threshold"]) if each.size >= 150]
        assert row[f"TDP ({name})"] == pytest.approx(cluster.tdp)
    assert ran["results"]["Notip"].calibrated.family == "learned"


def test_pages_are_written(ran: dict[str, Any]) -> None:
    names = {"ARI", "calibrated Simes", "Notip"}
    assert {path.stem for path in ran["folder"].glob("*.html")} == names | {f"{name} explorer" for name in names}
