"""Section "Calibration": the permutations, and the critical vector that they chose."""

from bids_ari.analysis.calibrated import LEVELS, Calibrated
from bids_ari.outputs.names import report_name, stem
from bids_ari.report.labels import permutations_text, template_source
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData
from bids_ari.stats.critical_vectors import TEMPLATE_RANKS

_WITHIN = {
    "flip": "all subjects of a block change their sign together",
    "permute": "only subjects of the same block are exchanged",
    "both": "only subjects of the same block are exchanged, and they change their sign together",
}
"""Effect of exchangeability blocks on permutations."""


def applies(data: ReportData) -> bool:
    """Return whether the bound was calibrated by permutation."""
    return data.result.calibrated is not None


def context(data: ReportData) -> Context:
    """Return the variables of ``calibration.html``."""
    result, calibrated = data.result, data.result.calibrated
    assert calibrated is not None  # by `applies`
    observed = float(calibrated.lambdas[0])
    tables = [stem(result, desc=result.desc).filename(suffix, ".tsv") for suffix in ("critical", "draws")]
    return {
        "calibration_picture": data.pictures["calibration"],
        "calibration": {
            "permutations": permutations_text(calibrated),
            "n_permutations": calibrated.n_draws,
            "seed": None if calibrated.is_complete else calibrated.seed,
            "blocks": calibrated.blocks,
            "within": _WITHIN[calibrated.shuffle],
            "family": calibrated.family,
            "vector": _critical_p(calibrated),
            "delta": calibrated.delta,
            "template": template_source(result),
            "lambda": f"{calibrated.lambda_:.4g}",
            "observed": f"{observed:.4g}",
            "n_as_small": int((calibrated.lambdas <= observed).sum()) - 1,
            "n_errors": calibrated.n_errors,
            "level": f"{calibrated.n_errors / calibrated.n_draws:.4g}",
            "smallest": f"{1 / calibrated.n_draws:.3g}",
            "step_down": result.options.step_down,
            "n_excluded": calibrated.n_left_out,
            "n_steps": calibrated.n_steps,
            "exactness": calibrated.exactness,
            "held": LEVELS[calibrated.exactness],
            "shuffle": calibrated.shuffle,
            "folder": report_name(result).rpartition("/")[0],
            "tables": tables,
        },
    }


def _critical_p(calibrated: Calibrated) -> str:
    """Write the k-th critical p of a family as a function of lambda."""
    if calibrated.family == "learned":
        ranks = "" if calibrated.critical.size < TEMPLATE_RANKS else f", k up to {TEMPLATE_RANKS}"
        return f"lambda quantile of the k-th smallest p of a template{ranks}"
    if calibrated.family == "beta":
        return "lambda quantile of the k-th smallest of m independent uniform p"
    delta = calibrated.delta
    return f"(k - {delta}) lambda / (m - {delta}), for k above {delta}" if delta else "k lambda / m"
