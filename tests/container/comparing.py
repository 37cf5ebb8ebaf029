"""Whether two runs found the same."""

from pathlib import Path

import nibabel as nib
import numpy as np
from container.engines import tell


def files(folder: Path) -> set[str]:
    """The names of all files but logs, which bear the time."""
    every = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in every if path.parts[0] != "logs"}


def compare(mine: Path, other: Path, what: str) -> None:
    """Check that two outputs hold the same files, tables and maps; maps within 1e-6, and say if they are so to the bit.

    Versions of numpy and scipy differ inside and outside, and so may the last bits of their float64; what is written is
    float32, whose steps are 6e-8 of a value.
    """
    names = files(mine)
    assert names == files(other)
    for name in sorted(names):
        if name.endswith(".tsv") and "design" not in name:
            assert (mine / name).read_text() == (other / name).read_text(), name
    images = sorted(name for name in names if name.endswith(".nii.gz"))
    assert len(images) > 10
    pairs = [[np.asarray(nib.load(folder / name).dataobj) for folder in (mine, other)] for name in images]
    for name, (first, second) in zip(images, pairs, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-6, atol=1e-6, err_msg=name)
    same = sum(np.array_equal(first, second, equal_nan=True) for first, second in pairs)
    tell(f"{what}: {same} of {len(images)} images the same to the bit, the others within 1e-6")
