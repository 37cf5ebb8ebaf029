"""Outputs of the command line whose pages are looked at."""

from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from builders import AFFINE, SHAPE, Floats, brain, describe, image, write_group, write_map

from bids_ari.cli.main import main

PAGES = {
    "formula": "group/*faces*test-average_desc-greater_report.html",
    "two-sided": "group/*places*twoSided_report.html",
    "calibrated": "group/*places*twoSidedPermutation_report.html",
    "nothing found": "group/*silence*greater_report.html",
    "index": "index.html",
}
"""Pages of `write_all`, by what they tell."""


def write_all(folder: Path) -> Path:
    """A formula with an atlas in both directions, one two-sided by two methods, one in which nothing is found."""
    rng = np.random.default_rng(5)
    describe(folder / "in")
    for contrast, signal in (("faces", 3.0), ("places", 4.0), ("silence", 0.0)):
        write_group(folder / "in", 10, rng, signal=signal, contrast=contrast)
    write_map(folder / "in", "01", brain(rng), stat="variance", contrast="faces")
    rows = [f"sub-{i:02d}\t{20 + i * i % 7}" for i in range(1, 11)]
    (folder / "in" / "participants.tsv").write_text("\n".join(["participant_id\tage", *rows]) + "\n")
    atlas = write_atlas(folder / "halves", ("left & front", "right"))
    both = ("--alternative", "greater", "less")
    analyse(
        folder, "--contrast", "faces", "--formula", "1 + center(age)", "--test", "average=1", "--atlas", atlas, *both
    )
    analyse(
        folder,
        "--contrast",
        "places",
        "--alternative",
        "two-sided",
        "--tdp",
        0.5,
        0.9,
        "--method",
        "simes",
        "permutation",
    )
    return analyse(folder, "--contrast", "silence", "--threshold", 2, 50)


def write_atlas(stem: Path, names: tuple[str, ...], shape: tuple[int, ...] = SHAPE, affine: Floats = AFFINE) -> Path:
    """An atlas whose parcels are slabs along the first axis, and its table."""
    slabs = np.arange(shape[0]) * len(names) // shape[0] + 1
    path = stem.with_suffix(".nii.gz")
    nib.save(image(np.ones(shape) * slabs[:, None, None], affine, dtype=np.int16), path)
    rows = [f"{index}\t{name}" for index, name in enumerate(names, start=1)]
    stem.with_suffix(".tsv").write_text("\n".join(["index\tname", *rows]) + "\n", encoding="utf-8")
    return path


def analyse(folder: Path, *words: object) -> Path:
    """Run the command line on the dataset in a folder, and give the output."""
    few = () if "--threshold" in words else ("--threshold", 2)
    tdp = () if "--tdp" in words else ("--tdp", 0.5)
    command = (folder / "in", folder / "out", "group", *words, *few, *tdp, "--nprocs", 1)
    assert main([str(word) for word in command]) == 0
    return folder / "out"


SCRIPT = "<script>alert(1)"
PICTURE = "<img src=x onerror=alert(1)>"
ATTRIBUTE = "a' \" onmouseover='alert(1)"
REVERSED = "a\u05d0\u05d1\u05d2\u0627\u0644b"
"""A name with letters that run from right to left."""


class Hostile(NamedTuple):
    """An output whose input would take a page over, and what its pages must show as text."""

    out: Path
    words: tuple[str, ...]


def write_hostile(folder: Path) -> Hostile:
    """Names of files, columns (one of blocks), levels of participants.tsv, and parcels that are HTML."""
    rng = np.random.default_rng(6)
    describe(folder / "in")
    labels = [f"{i}{word}" for i, word in enumerate((SCRIPT, PICTURE, ATTRIBUTE, REVERSED, "e", "f", "g", "h"))]
    for label in labels:
        write_map(folder / "in", label, brain(rng, 4.0), contrast=SCRIPT, task=PICTURE)
    levels = (PICTURE, f"{SCRIPT}&amp;")
    rows = [f"sub-{label}\t{levels[i % 2]}\t{i * i % 5}" for i, label in enumerate(labels)]
    table = "\n".join([f"participant_id\tgroup\t{SCRIPT} age", *rows]) + "\n"
    (folder / "in" / "participants.tsv").write_text(table, encoding="utf-8")
    parcels = (f"</script>{SCRIPT}</script>", PICTURE, ATTRIBUTE, REVERSED, "\U0001f9e0 <!-- \u2028 ]]>")
    atlas = write_atlas(folder / f"at{SCRIPT}", parcels)
    model = ("--formula", f"0 + C(group) + `{SCRIPT} age`", "--test", f"a=group[{PICTURE}]")
    draws = ("--method", "simes", "permutation", "--blocks", f"{SCRIPT} age")
    out = analyse(folder, *model, *draws, "--atlas", atlas)
    return Hostile(out, (*levels, *(f"sub-{label}" for label in labels), *parcels))
