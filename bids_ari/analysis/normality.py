"""What follows if the errors of a group model are not normal."""

from collections.abc import Iterator

from bids_ari.config.methods import METHODS
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.stats.choices import Scheme
from bids_ari.stats.normality import LEAST_SKEWNESS, Normality
from bids_ari.stats.null_model import default_scheme

FEW = 15
"""Residual degrees of freedom below which skewness that matters is often not noticed (``validation/README.md``)."""


def notes_on_normality(
    normality: Normality | None,
    design: Design,
    test: str,
    options: Options,
    units: str = "voxels",
    *,
    has_direction: bool = True,
) -> Iterator[str]:
    """Yield a warning if residuals are not those of normal errors, and a bound of a test depends on it.

    Bounds by permutation do not depend on heavy tails, but those by sign flips on skewness. With few subjects there is
    a note where skewness may not have been noticed. A test of several maps per subject has no direction.
    """
    by_default = default_scheme(design.matrix, design.tests[test])
    if normality is None or not normality.is_doubtful:
        if by_default != "permute":
            yield from _note_on_few(normality, design, options, has_direction)
        return
    is_harmful = normality.is_skewed and (options.shuffle or by_default) != "permute"
    is_assumed = any(not METHODS[name].needs_group for name in options.method)
    if is_assumed or (options.is_permuted and is_harmful):
        reasons = " and ".join(_reasons(normality))
        advice = _advice(by_default, options, _side(normality.skewness[0], has_direction) if is_harmful else "")
        accuracy = " Bounds of closed testing depend on very small p, such as 1e-6, which are not accurate then."
        yield (
            f"Normality of errors is doubtful: residuals have {reasons}, medians over {units}."
            f"{accuracy if is_assumed else ''} {advice} Check the "
            "subjects that are most unlike the others"
        )


def _note_on_few(normality: Normality | None, design: Design, options: Options, has_direction: bool) -> Iterator[str]:
    """Yield a note where a mean is tested in so few subjects that skewness of errors is hardly noticed."""
    n, n_columns = design.matrix.shape
    is_harmed = not options.is_weighted and options.variance == "equal" and set(options.method) != {"hommel"}
    if n - n_columns >= FEW or not is_harmed:
        return
    seen, side = "skewness of errors cannot be seen in so few residuals", "on the side of their short tail"
    if normality is not None:
        found, limit = normality.skewness[0], normality.skewness_limit
        if abs(found) <= LEAST_SKEWNESS:
            return
        seen = f"residuals have a skewness of {found:.2f}, which may be chance (normal errors: at most {limit:.2f})"
        side = f"{_side(found, has_direction)} zero"
    yield (
        f"Only {n} subjects: {seen}. If errors are skewed, means {side} may be found that are not there "
        "(in simulations: errors of .1 to .2 at alpha .05)"
    )


def _side(skewness: float, has_direction: bool) -> str:
    """Return on which side of 0 means are doubtful."""
    return ("below" if skewness > 0 else "above") if has_direction else "away from"


def _reasons(normality: Normality) -> Iterator[str]:
    """Yield what is unlike normal errors."""
    if normality.is_heavy:
        limit = normality.kurtosis_limit
        yield f"an excess kurtosis of {normality.kurtosis[0]:.2f} (with normal errors at most {limit:.2f})"
    if normality.is_skewed:
        limit = normality.skewness_limit
        yield f"a skewness of {normality.skewness[0]:.2f} (with normal errors at most {limit:.2f} either way)"


def _advice(by_default: Scheme, options: Options, harmed: str) -> str:
    """Return what to do. `by_default` is how subjects are exchanged; means on the side `harmed` of 0 are doubtful."""
    if harmed and by_default == "permute":
        return "Sign flips need symmetric errors: use --shuffle permute."
    if harmed:
        flips = "" if options.min_effect else ", also by sign flips, which need symmetric errors"
        return f"Means {harmed} zero may be found that are not there{flips}; by --method hommel less often."
    if options.min_effect:
        return "Compare with --method hommel, whose error is smaller."
    return "Prefer the bounds by permutation." if options.is_permuted else "Compare with --method permutation."
