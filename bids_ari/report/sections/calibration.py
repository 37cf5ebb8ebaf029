"""How draws chose the critical vector, for people."""

from pathlib import PurePosixPath

from bids_ari.analysis.calibrated import LEVELS, Calibrated
from bids_ari.analysis.result import ContrastResult
from bids_ari.outputs import names
from bids_ari.report.labels import draws_of
from bids_ari.report.sections.clusters import Facts
from bids_ari.stats.critical_vectors import TEMPLATE_RANKS

_WITHIN = {
    "flip": "all subjects of a block change their sign together",
    "permute": "only subjects of the same block change places",
    "both": "only subjects of the same block change places, and they change their sign together",
}
"""What blocks do to draws."""


def calibration_block(result: ContrastResult) -> Facts:
    """Tell which draws were made, and which critical vector they chose.

    Parameters
    ----------
    result : ContrastResult
        What was found.

    Returns
    -------
    dict
        What ``sections/calibration.html`` shows; nothing where no draws were made.
    """
    told = result.calibrated
    if told is None:
        return {}
    observed = float(told.lambdas[0])
    tables = [names.stem(result, desc=result.desc).filename(suffix, ".tsv") for suffix in ("critical", "draws")]
    return {
        "draws": draws_of(told),
        "n_draws": told.n_draws,
        "seed": None if told.is_complete else told.seed,
        "blocks": told.blocks,
        "within": _WITHIN[told.shuffle],
        "family": told.family,
        "vector": vector_of(told),
        "delta": told.delta,
        "template": template_of(result, told),
        "lambda": f"{told.lambda_:.4g}",
        "observed": f"{observed:.4g}",
        "n_as_early": int((told.lambdas <= observed).sum()) - 1,
        "n_errors": told.n_errors,
        "level": f"{told.n_errors / told.n_draws:.4g}",
        "smallest": f"{1 / told.n_draws:.3g}",
        "step_down": result.options.step_down,
        "n_left_out": told.n_left_out,
        "n_steps": told.n_steps,
        "exactness": told.exactness,
        "held": LEVELS[told.exactness],
        "shuffle": told.shuffle,
        "folder": str(PurePosixPath(names.report_name(result)).parent),
        "tables": tables,
    }


def vector_of(told: Calibrated) -> str:
    """Write the k-th critical p of a family as a function of lambda."""
    if told.family == "learned":
        ranks = "" if told.critical.size < TEMPLATE_RANKS else f", k up to {TEMPLATE_RANKS}"
        return f"lambda quantile of the k-th smallest p of a template{ranks}"
    if told.family == "beta":
        return "lambda quantile of the k-th smallest of m independent uniform p"
    return f"(k - {told.delta}) lambda / (m - {told.delta}), for k above {told.delta}" if told.delta else "k lambda / m"


def template_of(result: ContrastResult, told: Calibrated) -> str:
    """Say where a learned template comes from; empty where there is none."""
    if told.family != "learned":
        return ""
    return f"the file {told.template}" if result.options.template else f"{told.template} of the same data"
