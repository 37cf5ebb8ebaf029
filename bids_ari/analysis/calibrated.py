"""A calibration by permutation as results keep it: the permutations, and the critical vector chosen."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bids_ari.stats.calibration import Calibration, n_allowed_errors
from bids_ari.stats.choices import FamilyName, Scheme
from bids_ari.stats.critical_vectors import Beta, CriticalVectors, Learned, Simes
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.resampling import Resampling

Exactness = Literal["exact", "normal", "approximate"]
"""Whether the error is at most alpha for any number of subjects: always, if errors are normal, or not for certain."""

LEVELS: dict[Exactness, str] = {
    "exact": "exact",
    "normal": "exact for normal errors",
    "approximate": "approximate",
}
"""How well the error is held, in words."""

FLIPS: dict[Scheme, str] = {
    "flip": "sign flips",
    "permute": "permutations",
    "both": "permutations with sign flips",
}
"""The name of each kind of permutation."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Calibrated:
    """A calibration as results keep it.

    Attributes
    ----------
    family : {'simes', 'beta', 'learned'}
        The critical vectors among which was chosen.
    delta : int
        Their shift, of ``simes``.
    lambda_ : float
        Which of them was chosen.
    lambdas : array (n_draws,)
        Smallest lambda at which each permutation has an error, the observed data first.
    n_points : int
        m.
    alpha : float
        The error level.
    n_left_out, n_steps : int
        Number of active points that step-down excluded from the permutations, and number of passes over these.
    shuffle : {'flip', 'permute', 'both'}
        The kind of permutation: sign flips, permutations of subjects, or both.
    blocks : str
        The column of exchangeability blocks; empty where all subjects are in one.
    exactness : {'exact', 'normal', 'approximate'}
        ``exact`` where nothing had to be estimated before subjects could be exchanged: no covariates, but for the mean
        where subjects change places. ``normal`` where signs are flipped of uncorrelated residuals of all subjects, so
        that the error is at most alpha if errors are independent, normal and of equal variance. Else ``approximate``.
    is_complete : bool
        Whether these are all permutations that exist.
    seed : int
        The seed of random permutations.
    template : str
        The origin of a learned template: a file, or the number of permutations it was learned from.
    learned : array (K,)
        t_1..t_K of a learned template; empty of the others, which follow from lambda.
    """

    family: FamilyName
    delta: int
    lambda_: float
    lambdas: FloatArray
    n_points: int
    alpha: float
    n_left_out: int
    n_steps: int
    shuffle: Scheme
    blocks: str
    exactness: Exactness
    is_complete: bool
    seed: int
    template: str
    learned: FloatArray

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
            n_left_out=calibration.n_excluded,
            n_steps=calibration.n_steps,
            shuffle=shuffle,
            blocks=blocks,
            exactness=exactness,
            is_complete=permutations.complete is not None,
            seed=permutations.seed,
            template=template,
            learned=family.critical(calibration.lambda_) if isinstance(family, Learned) else np.empty(0),
        )

    @property
    def n_draws(self) -> int:
        """B, the data as observed included."""
        return self.lambdas.size

    @property
    def n_errors(self) -> int:
        """Number of permutations that may have an error, floor(alpha * B)."""
        return n_allowed_errors(self.alpha, self.n_draws)

    @property
    def critical(self) -> FloatArray:
        """The critical vector t_1..t_K: what the k-th smallest p of any set has to be below."""
        if self.family == "learned":
            return self.learned
        family: CriticalVectors = Simes(self.n_points, self.delta) if self.family == "simes" else Beta(self.n_points)
        return family.critical(self.lambda_)

    def __repr__(self) -> str:
        return f"Calibrated({self.family!r}, n_draws={self.n_draws}, lambda_={self.lambda_:.6g})"
