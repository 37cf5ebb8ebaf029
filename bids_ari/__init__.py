"""All-Resolutions Inference for group fMRI: contrast maps in, bounds on true activation out.

>>> import bids_ari as ari
>>> contrasts = ari.discover("derivatives/fitlins", task="stroop")             # doctest: +SKIP
>>> result, = ari.analyse(contrasts[0], options=ari.Options(alpha=0.05))        # doctest: +SKIP
>>> result.table(), result.image("z"), result.forest.with_tdp(0.7)             # doctest: +SKIP

Names are loaded when first used, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bids_ari._version import __version__
from bids_ari.option_names import name_arguments
from bids_ari.runtime.collector import no_collection

if TYPE_CHECKING:
    from bids_ari.analysis.analyse import analyse
    from bids_ari.analysis.cluster_tdp import cluster_tdp
    from bids_ari.analysis.result import ContrastResult
    from bids_ari.bids.discover import discover
    from bids_ari.config.options import Options
    from bids_ari.config.settings import Settings
    from bids_ari.errors import BidsAriError
    from bids_ari.outputs.archive import load_result
    from bids_ari.runtime.watchers import show_progress
    from bids_ari.stats.closed_testing import hommel_bound
    from bids_ari.stats.forest import ClusterForest
    from bids_ari.workflow import run

_HOMES = {
    "BidsAriError": "bids_ari.errors",
    "ClusterForest": "bids_ari.stats.forest",
    "ContrastResult": "bids_ari.analysis.result",
    "Options": "bids_ari.config.options",
    "Settings": "bids_ari.config.settings",
    "analyse": "bids_ari.analysis.analyse",
    "cluster_tdp": "bids_ari.analysis.cluster_tdp",
    "discover": "bids_ari.bids.discover",
    "hommel_bound": "bids_ari.stats.closed_testing",
    "load_result": "bids_ari.outputs.archive",
    "run": "bids_ari.workflow",
    "show_progress": "bids_ari.runtime.watchers",
}

__all__ = [
    "BidsAriError",
    "ClusterForest",
    "ContrastResult",
    "Options",
    "Settings",
    "__version__",
    "analyse",
    "cluster_tdp",
    "discover",
    "hommel_bound",
    "load_result",
    "run",
    "show_progress",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        name_arguments()
        with no_collection():
            return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
