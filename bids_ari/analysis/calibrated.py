"""A calibration by permutation as results keep it: the permutations, and the critical vector chosen."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bids_ari.stats.calibration import Calibration
from bids_ari.stats.choices import FamilyName, Scheme
from bids_ari.stats.critical_vectors import Beta, CriticalVectors, Learned, Simes
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.resampling import Resampling

Exactness = Literal["exact", "normal", "approximate"]
"""Whether the error is at most alpha for any number of subjects.

``exact`` where nothing had to be estimated before subjects could be exchanged: no covariates, but for the mean where
subjects change places. ``normal`` where signs are flipped of uncorrelated residuals of all subjects, so that the error
is at most alpha if errors are independent, normal and of equal variance. Else ``approximate``.
"""

_LEVELS: dict[Exactness | Scheme, str] = {
    "flip": "exact if errors are symmetric",
    "permute": "exact if subjects are exchangeable (equal variances)",
    "both": "exact if subjects are exchangeable (equal variances) and errors symmetric",
    "normal": "exact for independent normal errors of equal variance",
    "approximate": "approximate",
}
"""How well the error is held, in words; where it is ``exact``, by the kind of permutation."""

FLIPS: dict[Scheme, str] = {"flip": "sign flips", "permute": "permutations", "both": "permutations with sign flips"}
"""The name of each kind of permutation."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Calibrated:
    """A calibration as results keep it."""

    family: FamilyName
    delta: int  # shift of the family ``simes``
    lambda_: float
    lambdas: FloatArray  # (n_permutations,): smallest lambda at which each has an error, the observed data first
    n_points: int
    alpha: float
    n_errors: int  # number of permutations that may have an error, floor(alpha * B)
    n_excluded: int  # active points that step-down excluded from the permutations
    n_steps: int  # of step-down
    shuffle: Scheme
    blocks: str  # column of exchangeability blocks; empty where all subjects are in one
    exactness: Exactness
    is_complete: bool  # whether these are all permutations that exist
    seed: int
    template: str  # origin of a learned template: a file, or the permutations it was learned from
    learned: FloatArray  # (K,): the critical vector of a learned template; empty for the others
    tdn_range: tuple[int, int] | None = None  # of the whole mask with other random permutations; see `whole_range`

    @classmethod
    def of(
        cls,
        calibration: Calibration,
        permutations: Resampling,
        n_points: int,
        *,
        shuffle: Scheme,
        blocks: str,
        exactness: Exactness,
        template: str,
        tdn_range: tuple[int, int],
    ) -> "Calibrated":
        """Make it from a calibration and its permutations."""
        family = calibration.family
        return cls(
            family=family.name,
            delta=family.delta if isinstance(family, Simes) else 0,
            lambda_=calibration.lambda_,
            lambdas=calibration.lambdas,
            n_points=n_points,
            alpha=calibration.alpha,
            n_errors=calibration.n_errors,
            n_excluded=calibration.n_excluded,
            n_steps=calibration.n_steps,
            shuffle=shuffle,
            blocks=blocks,
            exactness=exactness,
            is_complete=permutations.complete is not None,
            seed=permutations.seed,
            template=template,
            learned=family.critical(calibration.lambda_) if isinstance(family, Learned) else np.empty(0),
            tdn_range=None if permutations.complete is not None else tdn_range,
        )

    @property
    def n_permutations(self) -> int:
        """B, the data as observed included."""
        return self.lambdas.size

    @property
    def error_control(self) -> str:
        """How well the error is held, with the assumption."""
        return _LEVELS[self.shuffle if self.exactness == "exact" else self.exactness]

    @property
    def critical(self) -> FloatArray:
        """The critical vector t_1..t_K: what the k-th smallest p of any set has to be below."""
        if self.family == "learned":
            return self.learned
        family: CriticalVectors = Simes(self.n_points, self.delta) if self.family == "simes" else Beta(self.n_points)
        return family.critical(self.lambda_)

    def __repr__(self) -> str:
        return f"Calibrated({self.family!r}, n_permutations={self.n_permutations}, lambda_={self.lambda_:.6g})"
