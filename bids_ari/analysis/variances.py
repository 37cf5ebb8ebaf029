"""Residual variances of groups, which most group models assume to be equal, and what follows if they are not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from bids_ari.config.options import Options
from bids_ari.design.checks import SMALL_GROUP, UNEQUAL_SIZES
from bids_ari.design.design import Design
from bids_ari.errors import listing
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.equal_variance import CHANCE, INFLATED, Inflation, chance_of_ratio, inflation, relative_variances
from bids_ari.stats.null_model import default_scheme

LARGE_RATIO = 2.0
"""Ratio of residual variances from which permutations of groups of equal size have a note."""


@dataclass(frozen=True, slots=True)
class GroupVariances:
    """The residual variance of each group, and the inflation of each test that assumes equal variances."""

    groups: tuple[str, ...] = ()  # names; none where all subjects are in one group
    sizes: tuple[int, ...] = ()  # numbers of subjects
    relative: tuple[float | None, ...] = ()  # to the variance of the model, mean over points; None without residuals
    tests: Mapping[str, Inflation] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The largest variance divided by the smallest, of groups with residuals; None if there are not two."""
        known = [value for value in self.relative if value]
        return max(known) / min(known) if len(known) > 1 else None

    def describe(self) -> str:
        """Return the relative variance of each group with residuals, largest first."""
        return listing((f"{self._name(i)} {self.relative[i]:.2f}" for i in self._descending()), 8)

    def extremes(self, units: str = "voxels") -> str:
        """Return a comparison of the group of largest variance with that of smallest; there must be two."""
        order = self._descending()
        return f"{self._name(order[0])} is {self.ratio:.2g} times that of {self._name(order[-1])}, mean over {units}"

    def _name(self, i: int) -> str:
        return f"{self.groups[i]} (n = {self.sizes[i]})"

    def _descending(self) -> list[int]:
        """Return the positions of the groups with residuals, from largest to smallest variance."""
        known = {i: value for i, value in enumerate(self.relative) if value is not None}
        return sorted(known, key=lambda i: -known[i])


def compare_variances(design: Design, residual: FloatArray, options: Options) -> GroupVariances:
    """Compare the residual variances of the groups of a design, and compute the inflation of its tests.

    `residual` (n_subjects,) is the root mean square residual of each subject relative to the model. Fixed effects take
    variances as known, and Welch's test has one for each group: there, no test has an inflation.
    """
    names = tuple(dict.fromkeys(design.groups))
    tests: dict[str, Inflation] = {}
    if options.estimator != "fixed" and options.variance == "equal":
        tests = {name: inflation(design.matrix, weights, residual) for name, weights in design.tests.items()}
    if not names:
        return GroupVariances(tests=tests)
    group = np.array([names.index(name) for name in design.groups])
    relative = relative_variances(residual, group)
    return GroupVariances(
        names,
        tuple(np.bincount(group).tolist()),
        tuple(float(value) if np.isfinite(value) else None for value in relative),
        tests,
    )


def notes_on_variances(
    variances: GroupVariances, design: Design, test: str, options: Options, units: str = "voxels", n_maps: int = 1
) -> Iterator[str]:
    """Yield a warning if a test assumes equal variances, and its error is above alpha because they differ.

    Where each subject has several maps, variances are those of all maps.
    """
    found = variances.tests.get(test)
    if found is None or not found.is_liberal:
        return
    extremes = f" the residual variance of {variances.extremes(units)}, and" if variances.ratio else ""
    permuted = " Permutations are exact only if subjects are exchangeable, which includes equal variances."
    yield (
        f"Unequal variances:{extremes} subjects of larger residual variance have more weight in the test {test}. The "
        f"variance of its estimate is about {found.ratio:.2g} times the one that the model assumes, so that the error "
        f"of its bounds is above alpha (shown by simulations).{permuted if options.is_permuted else ''} "
        f"{_way_out(design, test, options, n_maps)}"
    )


def notes_on_permuted_groups(
    variances: GroupVariances, residual: FloatArray, design: Design, options: Options, units: str = "voxels"
) -> Iterator[str]:
    """Yield a note if groups are permuted whose variances differ, without a test that `notes_on_variances` warns about.

    There is none where tests are conservative, since the larger group has the larger variance. `residual` is that of
    `compare_variances`.
    """
    ratio = variances.ratio
    if not options.is_permuted or not variances.tests or ratio is None or ratio < LARGE_RATIO:
        return
    schemes = [options.shuffle or default_scheme(design.matrix, weights) for weights in design.tests.values()]
    tests = variances.tests.values()
    is_said, is_conservative = any(each.is_liberal for each in tests), all(each.ratio < 1 / INFLATED for each in tests)
    if "flip" in schemes or None in variances.relative or is_said or is_conservative:
        return
    group = np.array([variances.groups.index(name) for name in design.groups])
    if chance_of_ratio(residual, group) <= CHANCE:
        yield (
            f"Unequal variances: the residual variance of {variances.extremes(units)}. Permutations of groups are "
            "exact only if variances are equal: with groups of equal size their error may be somewhat above alpha, too "
            "(in simulations: .08 at alpha .05 with standard deviations of 2 and 1)"
            + ". Compare with --variance unequal"
            * (design.n_differences == 1)
        )


def _way_out(design: Design, test: str, options: Options, n_maps: int) -> str:
    """Return what to do about unequal variances."""
    if not design.groups:
        return "Check these subjects, or transform the covariate"
    if n_maps > 1:
        return "Compare groups of equal size: tests of several maps per subject assume equal variances of groups"
    sizes = np.unique(design.matrix, axis=0, return_counts=True)[1]
    if sizes.size != design.matrix.shape[1]:
        return (
            "Compare groups of equal size, or use --variance unequal with a model of groups only: without covariates, "
            "factors crossed as a*b"
        )
    welch = "--estimator ols " * options.is_weighted + "--variance unequal"
    is_f = design.tests[test].ndim == 2 and len(design.tests[test]) > 1
    is_doubtful = bool(sizes.min() < SMALL_GROUP or sizes.max() > UNEQUAL_SIZES * sizes.min())
    return (
        f"Use {welch}"
        + " with --method permutation, which is by sign flips then" * (is_doubtful or options.is_permuted)
        + ", and test differences of two groups with --test" * is_f
        + "; by closed testing with groups of these sizes the error may be above alpha, too" * is_doubtful
    )
