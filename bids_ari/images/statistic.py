"""The statistic of a single map: decided from what the user and the image say, and compared with the values.

A bound is computed from p-values, so a map has to be a known statistic with its degrees of freedom. What cannot be one
is refused, unless the user states the statistic.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from bids_ari.errors import DataError, UsageError, counted, listing
from bids_ari.images.claims import EFFECT, LOG_P, VARIANCE, Claim, P, words
from bids_ari.stats.distributions import FloatArray, z_from_f, z_from_t

Kind = Literal["z", "t", "F"]
KINDS: tuple[Kind, ...] = get_args(Kind)

LEAST_THRESHOLD = 1.0
"""A map without any z between 0 and more than this, in absolute value, is thresholded."""

_NOT_THRESHOLDED = 0.1  # a map with a smaller |z| is not, whatever its name says
_COARSE = 0.1  # of integers with a larger step, 4 % or more of the z become 0, which counts as background
_MANY = 100  # values that are conclusive: of as many z, some are beyond 1 with a probability of 1 - 1e-16
_LARGEST_Z = 40.0  # p-values of float64 have z up to 38
_ROUNDING = 0.051  # degrees of freedom are the same up to this: SPM writes one decimal
_SAME_CONTRAST = "Use the z or t map of the same contrast, such as spmT_0001.nii or zstat1.nii.gz"
_HINTS = {
    EFFECT: _SAME_CONTRAST,
    VARIANCE: _SAME_CONTRAST,
    P: "Use the z or t map that they were computed from",
    LOG_P: "Use the z or t map that they were computed from",
}


class Given(NamedTuple):
    """What is stated about a map apart from its file."""

    stat: Kind | None = None  # the statistic, whatever the image says
    dof: float | None = None  # degrees of freedom of t statistics
    sidecar: Mapping[str, Any] = MappingProxyType({})  # metadata
    is_z_of_f: bool = False  # whether z was computed from F
    dof_name: str = "--dof"  # where the degrees of freedom are stated


NOTHING = Given()


class Statistic(NamedTuple):
    """The statistic of a map."""

    kind: Kind = "z"
    dof: float = math.inf  # of t, and of the denominator of F
    n_rows: float = 0.0  # degrees of freedom of the numerator of F
    is_z_of_f: bool = False  # whether z was computed from F: large for any difference
    is_stated: bool = False  # whether the user states the kind
    is_known: bool = False  # whether the user or the image states the kind
    thresholded_by: str = ""  # what says that the map is thresholded
    notes: tuple[str, ...] = ()

    def z(self, value: float) -> float:
        """Return the z of a value."""
        if self.kind == "z":
            return value
        one = np.array([value])
        return float(z_from_t(one, self.dof)[0] if self.kind == "t" else z_from_f(one, self.n_rows, self.dof)[0])


def decide(name: str, claims: Sequence[Claim], given: Given = NOTHING) -> Statistic:
    """Return the statistic of a map.

    Parameters
    ----------
    name : str
        The map, in messages.
    claims : sequence of Claim
        What the image says.
    given : Given
        What the user states; the statistic has precedence, degrees of freedom must agree with those of the image.

    Raises
    ------
    UsageError
        When the degrees of freedom contradict the statistic or the image.
    DataError
        When the map is no statistic, contradicts itself, or lacks degrees of freedom.
    """
    stat, dof = given.stat, given.dof
    if stat not in (None, *KINDS):
        raise UsageError(f"stat is {stat!r}", listing(KINDS))
    if dof is not None and not 0 < dof < math.inf:
        raise UsageError(f"dof is {dof}", "a finite number above 0")
    kinds = [claim for claim in claims if claim.kind]
    thresholded_by = next((claim.source for claim in claims if claim.is_thresholded), "")
    kind, notes = _kind(name, kinds, stat, dof)
    own = [claim for claim in kinds if claim.kind == kind]
    found = Statistic(
        kind,
        is_z_of_f=kind == "z" and (given.is_z_of_f or any(claim.is_z_of_f for claim in own)),
        is_stated=stat is not None,
        is_known=bool(own) or stat is not None or dof is not None,
        thresholded_by=thresholded_by,
        notes=notes,
    )
    if kind == "z":
        return found
    numbers = _dof(name, own, kind, given)
    return found._replace(dof=numbers[-1], n_rows=numbers[0] if kind == "F" else 0.0)


def check_values(name: str, statistic: Statistic, values: FloatArray, unit: str = "voxel") -> Iterator[str]:
    """Yield notes on the values of a map, (n_points,); raise a DataError if they are not those of its statistic."""
    finite = values[np.isfinite(values)]
    n_infinite = values.size - finite.size
    if n_infinite:
        yield f"{counted(n_infinite, unit)} with an infinite {statistic.kind} count as the most extreme"
    if finite.size < _MANY:
        return
    low, high, kind = float(finite.min()), float(finite.max()), statistic.kind
    problem, is_certain = "", statistic.is_stated
    if max(-low, high) <= 1 and not n_infinite:
        what = "p-values or a mask" if low >= 0 else "effects or correlations"
        problem = f"All values of {name} are from {low:.3g} to {high:.3g}, as of {what}"
    elif kind == "z" and max(-low, high) > _LARGEST_Z:
        problem, is_certain = f"Values of {name} are from {low:.4g} to {high:.4g}, as of effects", statistic.is_known
    elif low >= 0 and (finite == np.rint(finite)).all():
        problem = f"All values of {name} are whole numbers without a negative one, as of labels or counts"
    if problem and not is_certain:
        raise DataError(problem, f"{kind} statistics", f"{_SAME_CONTRAST}; or state the statistic with --stat {kind}")
    if problem:
        yield f"{problem}, which is unusual for {kind}"


def smallest_z(statistic: Statistic, values: FloatArray) -> float:
    """Return the smallest z other than 0 of the values of a map, (n_points,), in absolute value; NaN for none.

    That of F is negative where the smallest F is below its median.
    """
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    return statistic.z(float(sizes.min())) if sizes.size else math.nan


def threshold_of(statistic: Statistic, values: FloatArray) -> str:
    """Return what shows that a map, (n_points,), is thresholded: the smallest z other than 0; empty if it does not."""
    smallest = smallest_z(statistic, values)
    if not smallest > (_NOT_THRESHOLDED if statistic.thresholded_by else LEAST_THRESHOLD):
        return ""
    found = f"no value between 0 and |z| = {smallest:.3g}"
    return f"{statistic.thresholded_by}; {found}" if statistic.thresholded_by else found


def what_lacks(statistic: Statistic, values: FloatArray, step: float = 0.0) -> str:
    """Return which values a map, (n_points,), seems to lack; empty for none.

    Small z became 0 among integers, scaled or not, with a large `step`. Where none of many z or t is negative, half of
    the tests may have been removed.
    """
    if statistic.kind != "F" and step > _COARSE:
        return f"its values are multiples of {step:g}, so that smaller ones became 0"
    has_no_sign = statistic.kind == "F" or statistic.is_z_of_f
    return "" if has_no_sign or values.size < _MANY or (values < 0).any() else "no value is negative"


def _kind(name: str, claims: Sequence[Claim], stat: Kind | None, dof: float | None) -> tuple[Kind, tuple[str, ...]]:
    """Return the kind of a map, and notes on it."""
    if stat is not None:
        others = dict.fromkeys(f"{claim.source} says {words(claim.kind)}" for claim in claims if claim.kind != stat)
        _check_dof(f"--stat {stat}", stat, dof)
        return stat, tuple(f"Read as {words(stat)}, as stated, although {other}" for other in others)
    for claim in claims:
        if claim.kind not in KINDS:
            hint = _HINTS.get(claim.kind, _SAME_CONTRAST)
            raise DataError(
                f"{name} contains {words(claim.kind)}: {claim.source}",
                "z, t or F statistics without a threshold",
                f"{hint}. If these are z or t statistics nevertheless, state it with --stat",
            )
    kinds = list({claim.kind: claim for claim in reversed(claims)}.values())[::-1]
    if len(kinds) > 1:
        first, second = kinds[:2]
        raise DataError(
            f"{name} contains {words(first.kind)} by {first.source}, but {words(second.kind)} by {second.source}",
            "one statistic",
            f"State which one it is with --stat {first.kind} or --stat {second.kind}",
        )
    if kinds:
        kind: Kind = kinds[0].kind  # type: ignore[assignment]
        _check_dof(f"{name} contains {words(kind)} by {kinds[0].source}", kind, dof)
        return kind, ()
    if dof is not None:
        return "t", ()
    return "z", (
        f"Read as z statistics: neither the header nor the name of {name} states the statistic. For t, use --dof",
    )


def _check_dof(found: str, kind: str, dof: float | None) -> None:
    """Refuse degrees of freedom of another statistic than t."""
    if dof is not None and kind != "t":
        way_out = (
            "Remove --dof" if found.startswith("--") else "Remove --dof, or add --stat t if these are t statistics"
        )
        raise UsageError(f"--dof is {dof:g}, but {found}", "no --dof, which is for t statistics", way_out)


def _dof(name: str, claims: Sequence[Claim], kind: Kind, given: Given) -> tuple[float, ...]:
    """Return the degrees of freedom of t or F."""
    stated = {claim.dof: claim.source for claim in claims if claim.dof}
    if given.dof is not None:
        for numbers, source in stated.items():
            if abs(numbers[0] - given.dof) > _ROUNDING:
                is_flag = given.dof_name.startswith("--")
                raise (UsageError if is_flag else DataError)(
                    f"{given.dof_name} is {given.dof:g}, but {name} has {numbers[0]:g} by {source}",
                    "the same degrees of freedom",
                    f"{'Remove' if is_flag else 'Correct'} {given.dof_name}, or correct the header of the map",
                )
        return (given.dof,)
    if not stated:
        way_out = "Give their number with --dof, or use the z map of the same contrast"
        if kind == "F":
            way_out = "Write them into the header with nibabel: image.header.set_intent('f test', (2, 19))"
        raise DataError(
            f"{name} contains {words(kind)}"
            + (f" by {claims[0].source}" if claims else "")
            + ", but no degrees of freedom",
            "their number, from which p-values are computed",
            way_out,
        )
    (first, source), *others = stated.items()
    for numbers, other in others:
        if max(abs(a - b) for a, b in zip(first, numbers, strict=True)) > _ROUNDING:
            raise DataError(
                f"{name} has {_list(first)} degrees of freedom by {source}, but {_list(numbers)} by {other}",
                "the same number",
                "Correct the header, the name or the sidecar",
            )
    return first


def _list(numbers: Sequence[float]) -> str:
    return " and ".join(f"{number:g}" for number in numbers)
