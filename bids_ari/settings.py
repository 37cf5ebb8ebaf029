"""What is asked: `Options` of the data, `Settings` of a run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bids_ari.errors import UsageError
from bids_ari.images import CONNECTIVITIES
from bids_ari.stats.hommel import LOCAL_TESTS, LocalTest
from bids_ari.stats.tails import ALTERNATIVES, Alternative


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of the data.

    Attributes
    ----------
    mask : Path or None
        Test only voxels inside this image.
    coverage : float
        Fraction of subjects, in (0, 1], that must have data at a voxel for it to be tested.
    smoothing : float or None
        Full width at half maximum, in mm, of the Gaussian that smooths each map.
    alternatives : tuple of {'greater', 'less', 'two-sided'}
        Directions to test, each a result of its own.
    alpha : float
        Error level in (0, 1) of each result.
    thresholds : tuple of float
        Cluster-forming thresholds, in z.
    connectivity : {6, 18, 26}
        Voxels of a cluster share a face, also an edge, or also a corner.
    method : {'simes', 'hommel'}
        The local test of closed testing.
    join_signs : bool
        With ``two-sided``, let clusters hold voxels of both signs.

    Raises
    ------
    UsageError
        When a value cannot be used.
    """

    mask: Path | None = None
    coverage: float = 1.0
    smoothing: float | None = None
    alternatives: tuple[Alternative, ...] = ("greater",)
    alpha: float = 0.05
    thresholds: tuple[float, ...] = (3.0, 4.0, 5.0)
    connectivity: int = 18
    method: LocalTest = "simes"
    join_signs: bool = False

    def __post_init__(self) -> None:
        def normalise(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        normalise("mask", None if self.mask is None else Path(self.mask))
        normalise("alternatives", tuple(dict.fromkeys(self.alternatives)))
        normalise("thresholds", tuple(sorted({float(threshold) for threshold in self.thresholds})))
        for name, value, good, rule in (
            ("alpha", self.alpha, 0 < self.alpha < 1, "a number between 0 and 1, such as 0.05"),
            ("coverage", self.coverage, 0 < self.coverage <= 1, "a fraction above 0, at most 1"),
            ("smoothing", self.smoothing, _is_width(self.smoothing), "a width in mm, 0 or more"),
            ("connectivity", self.connectivity, self.connectivity in CONNECTIVITIES, "6, 18 or 26"),
            ("method", self.method, self.method in LOCAL_TESTS, " or ".join(LOCAL_TESTS)),
            ("threshold", self.thresholds, _are_heights(self.thresholds), "z values, 0 or more"),
            ("alternative", self.alternatives, _are_directions(self.alternatives), ", ".join(ALTERNATIVES)),
        ):
            if not good:
                raise UsageError(f"{name} is {value}", rule)


@dataclass(frozen=True, slots=True)
class Settings:
    """A run: which dataset, where to, and what to do.

    Attributes
    ----------
    dataset_dir, output_dir : Path
        Where the maps are and where the results go.
    derivatives : tuple of Path
        Derivative datasets to search instead of ``dataset_dir/derivatives/*``.
    filters : mapping
        Arguments of `discover` that choose maps.
    options : Options
        What is asked of the data.

    Raises
    ------
    UsageError
        When the output would lie on the input, or among a subject's files.
    """

    dataset_dir: Path
    output_dir: Path
    derivatives: tuple[Path, ...] = ()
    filters: Mapping[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        output = Path(self.output_dir).resolve()
        for folder in map(Path, (self.dataset_dir, *self.derivatives)):
            source = folder.resolve()
            if output == source:
                raise UsageError(f"The output folder {self.output_dir} is the input", "another folder")
            if output.is_relative_to(source) and any(
                part.startswith("sub-") for part in output.relative_to(source).parts
            ):
                raise UsageError(
                    f"The output folder {self.output_dir} lies among a subject's files",
                    "a folder of its own",
                    f"For example {folder / 'derivatives' / 'bids_ari'}",
                )


def _is_width(value: float | None) -> bool:
    return value is None or (math.isfinite(value) and value >= 0)


def _are_heights(values: tuple[float, ...]) -> bool:
    return bool(values) and all(math.isfinite(value) and value >= 0 for value in values)


def _are_directions(values: tuple[str, ...]) -> bool:
    return bool(values) and all(value in ALTERNATIVES for value in values)
