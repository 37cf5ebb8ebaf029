"""A calibration by permutation as results keep it: the permutations, and the critical vector chosen."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from bids_ari.config.families import FAMILIES, Family, Vectors
from bids_ari.stats.calibration import Calibration
from bids_ari.stats.choices import Scheme
from bids_ari.stats.critical_vectors import Combined, Learned, largest, members_of
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
    """A member of a family, and the lambda of its vector."""

    vectors: Vectors
    lambda_: float


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Calibrated:
    """A calibration as results keep it."""

    family: str  # one of `FAMILIES`
    delta: int  # shift of the members that have one
    lambda_: float  # of the chosen vector
    lambdas: FloatArray  # (n_permutations,): smallest lambda at which each has an error, the observed data first
    n_points: int
    alpha: float
    n_errors: int  # number of permutations that may have an error, floor(alpha * B)
    n_excluded: int  # active points that step-down excluded from the permutations
    n_steps: int  # of step-down
    shuffle: Scheme
    blocks: str  # column of exchangeability blocks, or nested ones; empty where all subjects are in one
    exactness: Exactness
    is_complete: bool  # whether these are all permutations that exist
    seed: int
    template: str  # origin of a learned template: a file, or the permutations it was learned from
    learned: FloatArray  # (K,): the critical vector of a learned template; empty for the others
    tdn_range: tuple[int, int] | None = None  # of the whole mask with other random permutations; see `whole_range`
    member_lambdas: tuple[float, ...] = ()  # lambda of each member of a family of several; see `Combined`
    n_together: int = 1  # results calibrated together by these permutations, this one included
    exchange: str = ""  # what is exchanged in nested blocks, in words

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
        exchange: str,
        exactness: Exactness,
        template: str,
        tdn_range: tuple[int, int],
        n_together: int = 1,
    ) -> "Calibrated":
        """Make it from a calibration of the members of a family, and its permutations."""
        chosen, lambda_ = calibration.family, calibration.lambda_
        lambdas = chosen.lambdas_of_members(lambda_) if isinstance(chosen, Combined) else ()
        members = zip(members_of(chosen), lambdas or (lambda_,), strict=True)
        learned = [each.critical(value) for each, value in members if isinstance(each, Learned)]
        return cls(
            family=family.name,
            delta=delta if family.has_delta else 0,
            lambda_=lambda_,
            lambdas=calibration.lambdas,
            n_points=n_points,
            alpha=calibration.alpha,
            n_errors=calibration.n_errors,
            n_excluded=calibration.n_excluded,
            n_steps=calibration.n_steps,
            shuffle=shuffle,
            blocks=blocks,
            exchange=exchange,
            exactness=exactness,
            is_complete=permutations.complete is not None,
            seed=permutations.seed,
            template=template,
            learned=learned[0] if learned else np.empty(0),
            tdn_range=None if permutations.complete is not None else tdn_range,
            n_together=n_together,
            member_lambdas=lambdas,
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
        return largest([self._critical(member) for member in self.members])

    def _critical(self, member: Member) -> FloatArray:
        """Return the critical vector of a member, (K,)."""
        if member.vectors.is_learned:
            return self.learned
        return np.asarray(member.vectors.of_points(self.n_points, self.delta).critical(member.lambda_))

    @property
    def members(self) -> tuple[Member, ...]:
        """The members of the family: itself, if there is one kind of vectors."""
        return tuple(map(Member, FAMILIES[self.family].members, self.member_lambdas or (self.lambda_,)))

    @property
    def n_as_extreme(self) -> int:
        """Number of permutations, apart from the observed data, with a lambda as small as that of the observed."""
        return int((self.lambdas <= self.lambdas[0]).sum()) - 1

    def __repr__(self) -> str:
        return f"Calibrated({self.family!r}, n_permutations={self.n_permutations}, lambda_={self.lambda_:.6g})"
