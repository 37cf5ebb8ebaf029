"""Analyses that a minimum effect has no meaning for."""

from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.errors import UsageError, listing


def check_minimum_effect(options: Options, stat: str, design: Design | None) -> None:
    """Raise a UsageError where a minimum effect is set, but maps have no effects in units, or a test is an F test.

    Parameters
    ----------
    options : Options
        The options of the analysis.
    stat : str
        The statistic of the maps: ``effect``, ``t``, ``z`` or ``F``.
    design : Design or None
        The group model; None for a single map.
    """
    if not options.min_effect:
        return
    if stat != "effect" or design is None:
        raise UsageError(
            f"--min-effect is {options.min_effect:g}, but {stat} maps of {'a group' if design else 'one subject'} are "
            "analysed, without effects in units",
            "effect maps of a group",
            "Remove --min-effect, or analyse effect maps at the group level",
        )
    if f_tests := [name for name, weights in design.tests.items() if weights.ndim == 2]:
        raise UsageError(
            f"--min-effect is {options.min_effect:g}, but F tests have no effect in units: {listing(f_tests)}",
            "t tests of single linear combinations",
            "Select them with --test NAME=EXPRESSION, or remove --min-effect",
        )
