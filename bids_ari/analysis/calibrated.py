"""A calibration by permutation as results keep it: the permutations, and the critical vector chosen."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from bids_ari.config.families import FAMILIES, Family, Vectors
from bids_ari.stats.calibration import Calibration, joint_ranks
from bids_ari.stats.choices import Scheme
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


class Member(NamedTuple):
    """One of the critical vectors that were calibrated together."""

    vectors: Vectors
    lambda_: float
    lambdas: FloatArray  # (n_permutations,)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Calibrated:
    """A calibration as results keep it."""

    family: str  # one of `FAMILIES`
    delta: int  # shift of the members that have one
    lambda_: float  # of the first member of the family
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
    further: tuple[float, ...] = ()  # lambda of further members of the family
    further_lambdas: FloatArray = field(default_factory=lambda: np.empty((0, 0)))  # (n_further, n_permutations)

    @classmethod
    def of(
        cls,
        calibration: Calibration,
        family: Family,
        permutations: Resampling,
        n_points: int,
        *,
        delta: int,
        shuffle: Scheme,
        blocks: str,
        exactness: Exactness,
        template: str,
        tdn_range: tuple[int, int],
    ) -> "Calibrated":
        """Make it from a calibration of the members of a family, and its permutations."""
        chosen = list(zip(family.members, calibration.members, strict=True))
        learned = [each.family.critical(each.lambda_) for vectors, each in chosen if vectors.is_learned]
        further = calibration.members[1:]
        return cls(
            family=family.name,
            delta=delta if family.has_delta else 0,
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
            learned=learned[0] if learned else np.empty(0),
            tdn_range=None if permutations.complete is not None else tdn_range,
            further=tuple(each.lambda_ for each in further),
            further_lambdas=np.array([each.lambdas for each in further]).reshape(-1, calibration.lambdas.size),
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
        """The critical vector t_1..t_K: what the k-th smallest p of any set has to be below.

        It is the largest of those of the members at each k.
        """
        each = [self._critical(member) for member in self.members]
        longest = max(vector.size for vector in each)
        return np.asarray(np.max([np.pad(vector, (0, longest - vector.size)) for vector in each], axis=0))

    def _critical(self, member: Member) -> FloatArray:
        """Return the critical vector of a member, (K,)."""
        if member.vectors.is_learned:
            return self.learned
        return np.asarray(member.vectors.of_points(self.n_points, self.delta).critical(member.lambda_))

    @property
    def members(self) -> tuple[Member, ...]:
        """The critical vectors that were calibrated together."""
        vectors = FAMILIES[self.family].members
        lambdas = (self.lambdas, *self.further_lambdas)
        return tuple(map(Member, vectors, (self.lambda_, *self.further), lambdas))

    @property
    def n_as_extreme(self) -> int:
        """Number of permutations, apart from the observed data, with a lambda as small in some member, by rank."""
        ranks = joint_ranks(np.array([member.lambdas for member in self.members]))
        return int((ranks <= ranks[0]).sum()) - 1

    def __repr__(self) -> str:
        return f"Calibrated({self.family!r}, n_permutations={self.n_permutations}, lambda_={self.lambda_:.6g})"
