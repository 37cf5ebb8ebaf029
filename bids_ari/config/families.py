"""The registry of families of critical vectors: everything that depends on which family is calibrated, once per family.

The command line, sidecars, archives, reports, the methods text and the calibration itself read this table. A family is
made of one kind of critical vectors, or of several, of which the largest is taken. A new family is one call of
`register`. Nothing here imports numerical libraries; see `bids_ari.config.methods`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bids_ari.config.methods import deferred


@dataclass(frozen=True, slots=True)
class Vectors:
    """A kind of critical vectors ``t_k``, one vector for each lambda.

    Texts have ``{delta}``, the size up to which sets have no bounds; meanings also ``{sets}``, this size in words,
    ``{alpha}`` and ``{units}``.
    """

    name: str
    formula: str  # of t_k
    meaning: str  # of lambda: a sentence of the report
    citation: str = ""  # of the methods text
    make: Callable[..., Any] | None = None  # (m), with a delta (m, delta) -> CriticalVectors; None if they are learned
    shifted: str = ""  # formula with a delta, where there can be one
    shifted_meaning: str = ""

    @property
    def has_delta(self) -> bool:
        """Whether there can be sets of so many points without bounds."""
        return bool(self.shifted)

    @property
    def is_learned(self) -> bool:
        """Whether the vectors are learned from permutations, or those of another dataset."""
        return self.make is None

    def formula_of(self, delta: int) -> str:
        """Return t_k in words."""
        return self.shifted.format(delta=delta) if self.has_delta and delta else self.formula

    def meaning_of(self, delta: int) -> str:
        """Return the meaning of lambda."""
        return self.shifted_meaning if self.has_delta and delta else self.meaning

    def of_points(self, m: int, delta: int) -> Any:
        """Return the `CriticalVectors` of m points; None if they are learned from permutations."""
        if self.make is None:
            return None
        return self.make(m, delta) if self.has_delta else self.make(m)


@dataclass(frozen=True, slots=True)
class Family:
    """A family, as ``--family`` names it."""

    name: str
    help: str  # in the help of --family
    members: tuple[Vectors, ...]  # the critical vector is the largest of theirs at each k
    shares: tuple[float, ...] = (1.0,)  # what each may take of the error, relative to the others; at most 1
    n_learned_from: int | None = None  # most permutations that a template is learned from; None: as many as calibrate
    without_learning: str = ""  # family in its place if no permutations are left to learn from; empty: it stays

    @property
    def has_delta(self) -> bool:
        """Whether --delta applies."""
        return any(member.has_delta for member in self.members)

    @property
    def is_learned(self) -> bool:
        """Whether it has a template."""
        return any(member.is_learned for member in self.members)


FAMILIES: dict[str, Family] = {}
"""All families by name, the default one first."""


def register(family: Family) -> Family:
    """Add a family to the registry; raise ValueError when another one has its name."""
    if family.name in FAMILIES:
        raise ValueError(f"the family {family.name!r} is registered already")
    FAMILIES[family.name] = family
    return family


_SIMES = Vectors(
    name="simes",
    formula="k lambda / m",
    meaning="Simes' inequality without permutations corresponds to lambda = alpha = {alpha}; if {units} are "
    "dependent, permutations usually allow a larger lambda.",
    citation="@andreella2023",
    make=deferred("bids_ari.stats.critical_vectors:Simes"),
    shifted="(k - {delta}) lambda / (m - {delta}), for k above {delta}",
    shifted_meaning="The first {delta:,} critical p are 0: sets of up to {sets} have TDN 0, "
    "and the critical p of larger sets may be larger.",
)
_BETA = Vectors(
    name="beta",
    formula="the lambda quantile of the k-th smallest of m independent uniform p",
    meaning="Lambda is the error level of each rank by itself if {units} were independent; the error over all ranks "
    "is controlled by the permutations.",
    make=deferred("bids_ari.stats.critical_vectors:Beta"),
)
_LEARNED = Vectors(
    name="learned",
    formula="the lambda quantile of the k-th smallest p of a template",
    meaning="Lambda is the error level of each rank by itself in the permutations of the template; the error over all "
    "ranks is controlled by the permutations used here.",
    citation="@blain2022",
)

register(
    Family(
        name="combined",
        help="the larger of simes and learned",
        members=(_SIMES, _LEARNED),
        shares=(1.0, 0.8),  # by the simulation in validation/combined.py
        n_learned_from=200,
        without_learning="simes",
    )
)
register(Family(name="simes", help="critical p in proportion to their rank", members=(_SIMES,)))
register(Family(name="beta", help="for dense, weak signal of nearly independent voxels", members=(_BETA,)))
register(Family(name="learned", help="quantiles of other permutations", members=(_LEARNED,)))
