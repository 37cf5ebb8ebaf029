"""What follows if the errors of a group model are not normal."""

from collections.abc import Iterator

from bids_ari.config.methods import METHODS
from bids_ari.config.options import Options
from bids_ari.stats.normality import Normality


def notes_on_normality(normality: Normality | None, options: Options, units: str = "voxels") -> Iterator[str]:
    """Yield a warning if residuals are not those of normal errors, and a bound of the run depends on it.

    Bounds by permutation do not depend on heavy tails, but those by sign flips on skewness.
    """
    if normality is None or not normality.is_doubtful:
        return
    is_assumed = any(not METHODS[name].needs_group for name in options.method)
    if not is_assumed and not normality.is_skewed:
        return
    reasons = " and ".join(_reasons(normality))
    advice = " ".join(_advice(normality, options, is_assumed))
    yield f"Normality of errors is doubtful: residuals have {reasons}, medians over {units}. {advice}"


def _reasons(normality: Normality) -> Iterator[str]:
    """Yield what is unlike normal errors."""
    if normality.is_heavy:
        limit = normality.kurtosis_limit
        yield f"an excess kurtosis of {normality.kurtosis[0]:.2f} (with normal errors at most {limit:.2f})"
    if normality.is_skewed:
        limit = normality.skewness_limit
        yield f"a skewness of {normality.skewness[0]:.2f} (with normal errors at most {limit:.2f} either way)"


def _advice(normality: Normality, options: Options, is_assumed: bool) -> Iterator[str]:
    """Yield what this means for the bounds, and what to do."""
    if is_assumed:
        yield "Bounds of closed testing depend on very small p, such as 1e-6, which are not accurate then."
    if normality.is_skewed:
        side = "below" if normality.skewness[0] > 0 else "above"
        yield f"Sign flips need symmetric errors: means {side} zero may be found that are not there."
    elif options.is_permuted:
        yield "Prefer the bounds by permutation."
    else:
        yield "Compare with --method permutation."
    yield "Check the subjects that are most unlike the others"
