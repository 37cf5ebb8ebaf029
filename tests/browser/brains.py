"""Maps whose explorers are looked at: blobs with a TDN that can be counted, ties, and noise, on grids of all kinds."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

import nibabel as nib
import numpy as np
from builders import Floats
from scipy.stats import norm

from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.single import analyse_map
from bids_ari.config.options import Options
from bids_ari.report.explorer.page import explorer_page

SHAPE = (20, 24, 18)
CENTRE = (-2.0, 6.0, 11.0)
"""Where the middle of each grid is, in mm."""

_TURN = np.deg2rad(20)
GRIDS = {
    "RAS": np.diag([3.0, 3, 3]),
    "LAS, slices 4 mm apart": np.diag([-3.0, 3, 4]),
    "axes permuted": np.array([[0, -3.0, 0], [0, 0, 3.5], [-2.5, 0, 0]]),
    "oblique": np.array([[1, 0, 0], [0, np.cos(_TURN), -np.sin(_TURN)], [0, np.sin(_TURN), np.cos(_TURN)]]) * 3.25,
}
CODES = {"RAS": (4, 0), "LAS, slices 4 mm apart": (4, 4), "axes permuted": (0, 1), "oblique": (1, 2)}
"""sform and qform codes of the files."""

TARGETS = (0.01, 0.05, 0.07, 0.0701, 0.1, 0.2, 0.28, 0.2801, 1 / 3, 0.4, 0.5, 0.55, 0.5501, 0.6, 0.7, 0.8, 0.9, 0.95)
TARGETS += (0.99, 1.0)
EXACT = {0.07: (100, 7), 0.28: (25, 7), 0.55: (20, 11)}
"""Target TDPs that one cluster of `hits` has exactly: its size and TDN. In each, target times size exceeds TDN."""


class Explorer(NamedTuple):
    """An explorer on disk, and the results it was made of."""

    path: Path
    results: tuple[ContrastResult, ...]

    @property
    def result(self) -> ContrastResult:
        """The one that is shown first."""
        return self.results[0]


def affine_of(grid: str, shape: tuple[int, ...] = SHAPE) -> Floats:
    """The affine of a grid whose middle is at `CENTRE`."""
    affine = np.eye(4)
    affine[:3, :3] = GRIDS[grid]
    affine[:3, 3] = CENTRE - GRIDS[grid] @ ((np.array(shape) - 1) / 2)
    return affine


def hits() -> Floats:
    """Blobs of z = 1 with a core of z = 8, twins among them, and noise with ties beyond a gap of z = -9.

    p(z = 8) is 6e-16: each voxel of a core is active by itself. p(z = 1) is .16, beyond alpha: it adds nothing to a
    set. So the TDN of a blob is the size of its core.
    """
    rng = np.random.default_rng(3)
    z = np.full(SHAPE, -9.0)
    z[11:] = np.round(rng.normal(size=z[11:].shape), 1)
    z[13:17, 4:9, 4:9] += 3 + np.round(rng.random((4, 5, 5)), 3)
    for corner, box, core in BLOBS:
        place = tuple(slice(first, first + n) for first, n in zip(corner, box, strict=True))
        values = np.ones(np.prod(box))
        values[:core] = 8.0
        z[place] = values.reshape(box)
    z[3, 17, 6] = 8.004  # of twins, the second has the higher peak: closer than the resolution of z
    z[3, 2, 6] = 8.001
    return z


BLOBS = (
    ((1, 1, 0), (4, 5, 5), 7),
    ((1, 8, 0), (1, 5, 5), 7),
    ((4, 8, 0), (1, 4, 5), 11),
    ((3, 2, 6), (1, 3, 4), 6),  # twins of 12 voxels
    ((3, 17, 6), (1, 3, 4), 6),
    ((6, 2, 11), (1, 3, 3), 4),  # twins that only their first voxels tell apart
    ((6, 17, 11), (1, 3, 3), 4),
)
"""Corner, box and size of the core of each blob of `hits`."""


def one_blob(grid: str) -> Floats:
    """A blob 18 mm to the left, 15 mm to the front and 12 mm above the middle, and weak noise everywhere."""
    z = np.round(np.random.default_rng(4).normal(size=SHAPE) * 0.5, 2)
    affine = affine_of(grid)
    places = np.argwhere(np.ones(SHAPE)) @ affine[:3, :3].T + affine[:3, 3]
    apart = np.linalg.norm(places - CENTRE - (-18.0, 15.0, 12.0), axis=1)
    z[(apart < 8).reshape(SHAPE)] += 9
    return z


def made_to_count() -> Floats:
    """Of 125,000 voxels, 108,000 have p just below .04.

    Then h is about 17,000 / (1 - .8) = 85,000, for a set of 17,000 without signal and k with p = .04 is rejected once
    (17,000 + k) .04 <= .05 k; and the category of such a p is .04 h / .05, about 68,000: more than 16 bits hold.
    """
    rng = np.random.default_rng(5)
    p = rng.permutation(np.concatenate([rng.uniform(0.5, 1, 17_000), rng.uniform(0.036, 0.04, 108_000)]))
    return np.asarray(norm.isf(p)).reshape(50, 50, 50)


@cache
def folder() -> Path:
    """A folder for all explorers."""
    return Path(mkdtemp(prefix="explorers"))


def explorer_of(name: str, z: Floats, grid: str = "RAS", **options: object) -> Explorer:
    """Write the map and its explorer."""
    path = folder() / f"{name}.nii"
    affine, (sform, qform) = affine_of(grid, z.shape), CODES[grid]
    image = nib.Nifti1Image(z.astype(np.float64), affine)
    image.set_sform(affine, code=sform)
    image.set_qform(affine, code=qform)
    nib.save(image, path)
    assert np.allclose(nib.load(path).affine, affine, atol=1e-4)  # float32 in the header
    results = analyse_map(path, Options(**{"threshold": (3,), "tdp": (), **options}))  # type: ignore[arg-type]
    page = path.with_suffix(".html")
    page.write_text(explorer_page(results, None), encoding="utf-8")
    return Explorer(page, results)
