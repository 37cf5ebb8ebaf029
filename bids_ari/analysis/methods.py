"""Arguments and return values of methods of inference, and the methods of closed testing."""

from dataclasses import dataclass

from bids_ari.analysis.calibrated import Calibrated
from bids_ari.analysis.template import Template
from bids_ari.config.methods import METHODS
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.errors import UsageError
from bids_ari.stats.bounds import Bound
from bids_ari.stats.choices import Alternative, LocalTest
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.familywise import Extent, FamilywiseErrors
from bids_ari.stats.glm import Effects, GlmResult


@dataclass(frozen=True, slots=True, eq=False)
class GroupData:
    """The maps of all subjects at the points tested, for methods that need more than the statistics of the group."""

    maps: tuple[Effects, ...]  # one map per subject, or several, each (n_subjects, n_points); NaN without data
    design: Design
    n_threads: int = 1
    unit: str = "voxel"  # the name of a point, for messages
    extent: Extent | None = None  # of clusters, for methods with familywise errors
    sharing: tuple[str, ...] = ()  # subjects of all contrasts that are calibrated together; empty: those of the design


@dataclass(frozen=True, slots=True, eq=False)
class Inferred:
    """A bound, and what else a method reports."""

    bound: Bound
    calibrated: Calibrated | None = None
    template: Template | None = None  # that was learned, where it is to be kept
    familywise: FamilywiseErrors | None = None  # of the same permutations
    notes: tuple[str, ...] = ()


def infer_bound(
    name: str, glm: GlmResult, alternative: Alternative, options: Options, group: GroupData | None = None
) -> Inferred:
    """Compute the bound of one test by a registered method; an F test has the alternative ``greater``."""
    method = METHODS[name]
    if method.needs_group and group is None:
        others = " or ".join(other.name for other in METHODS.values() if not other.needs_group)
        raise UsageError(
            f"method {name} needs the maps of all subjects; this is a single map", hint=f"Take --method {others}"
        )
    found = method.bound(glm, alternative, options, group)
    return found if isinstance(found, Inferred) else Inferred(found)


def closed_testing(
    glm: GlmResult, alternative: Alternative, options: Options, group: GroupData | None = None, *, local_test: LocalTest
) -> Bound:
    """Compute a bound by closed testing with Simes or Hommel local tests."""
    return hommel_bound(glm.p(alternative), options.alpha, local_test)
