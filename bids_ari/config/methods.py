"""The registry of methods of inference: everything that depends on which method computed a bound, once per method.

The command line, names of files, sidecars, reports, methods text and the inference itself read this table. A new
method is one call of `register`, in a file of its own. Nothing here imports numerical libraries: functions are given
as ``deferred("package.module:function")`` and imported when they are first called, so that ``--help`` stays fast.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Method:
    """A method of inference.

    Its bound is a function ``(glm, alternative, options, group) -> Bound`` of the statistics of one test (`GlmResult`),
    the alternative, the options and the data of the group (`GroupData`; None for the map of a single subject or one
    computed elsewhere). A method with more to report returns a `bids_ari.analysis.methods.Inferred` instead.
    """

    name: str  # value of --method, and of Method in sidecars
    title: str  # name in reports: "closed testing, Simes"
    help: str  # the method in the help of --method
    bound: Callable[..., Any]
    methods_text: str  # origin of the bounds: a clause of the methods text, replaced where there is a calibration
    assumption: str  # under which the bounds are valid: a sentence of the methods text
    label: str = ""  # in names of files, after the alternative; empty for the default method
    description: str = ""  # in descriptions.tsv; empty for the default method
    together: Callable[..., Any] | None = None  # () -> `bids_ari.analysis.joint.Steps`, for --joint; None: refused
    needs_group: bool = False  # whether it needs the maps of all subjects, and not only the statistics of the group
    adjusted_p: Callable[..., Any] | None = None  # p (n_points,) -> adjusted p (n_points,), where there are any
    adjusted_p_text: str = ""  # about these adjusted p: a sentence of the methods text
    directions: Callable[..., Any] | None = None  # of two-sided tests: (glm, p, bound, calibrated, joint) -> Directions
    directions_text: str = ""  # about these bounds of each sign: a clause of the report and of the methods text
    joint_directions_text: str = ""  # the same of joint results; empty for the same text
    parts: tuple[Literal["h", "calibration"], ...] = ()  # of each result: the Hommel value h, a calibration


METHODS: dict[str, Method] = {}
"""All methods by name, the default one first."""


def register(method: Method) -> Method:
    """Add a method to the registry; raise ValueError when another method has its name or label."""
    for other in METHODS.values():
        if other.name == method.name or other.label == method.label:
            raise ValueError(f"method {method.name!r} has the name or the label of the registered {other.name!r}")
    METHODS[method.name] = method
    return method


def deferred(path: str, *first: Any, **arguments: Any) -> Callable[..., Any]:
    """Return ``package.module:function`` with these arguments; it is imported when it is first called."""
    return partial(_call, path, *first, **arguments)


def _call(path: str, /, *positional: Any, **named: Any) -> Any:
    return pkgutil.resolve_name(path)(*positional, **named)


_JOINT_DIRECTIONS = (
    "by the local test of all null hypotheses together, for the voxels with a positive and for those with a negative "
    "estimate, so that the numbers of all results hold together with this confidence, and the two-sided TDN by "
    "themselves; all together with at least 1 - 2 alpha"
)

_CLOSED_DIRECTIONS = (
    "by the same closed testing of one-sided p-values, each at level alpha / 2, so that both numbers hold together "
    "with this confidence, and the two-sided TDN by itself; all three together with at least 1 - 2 alpha"
)

register(
    Method(
        name="simes",
        title="closed testing, Simes",
        help="closed testing with Simes local tests",
        bound=deferred("bids_ari.analysis.methods:closed_testing", local_test="simes"),
        together=deferred("bids_ari.analysis.joint:ClosedTestingTogether", "simes"),
        methods_text="The bounds stem from closed testing (@goeman2011) with Simes local tests (@simes1986), computed "
        "by a shortcut (@meijer2019; @goeman2019)",
        assumption="They are valid if the p-values of single voxels are valid, and those of the voxels that are not "
        "active satisfy the Simes inequality. For it, positive regression dependence is enough, which is not proved "
        "for t statistics with a variance estimated at each voxel, nor for two-sided and F tests.",
        directions=deferred("bids_ari.analysis.direction:closed_testing", local_test="simes"),
        directions_text=_CLOSED_DIRECTIONS,
        joint_directions_text=_JOINT_DIRECTIONS,
        adjusted_p=deferred("bids_ari.stats.closed_testing:adjusted_p", local_test="simes"),
        adjusted_p_text="The p-values of single voxels were adjusted by the same closed testing (@hommel1988).",
        parts=("h",),
    )
)
register(
    Method(
        name="hommel",
        title="closed testing, Hommel",
        help="closed testing with Hommel local tests, valid under any dependence between voxels if the p-values of "
        "single voxels are valid; less powerful",
        bound=deferred("bids_ari.analysis.methods:closed_testing", local_test="hommel"),
        together=deferred("bids_ari.analysis.joint:ClosedTestingTogether", "hommel"),
        methods_text="The bounds stem from closed testing (@goeman2011) with Hommel local tests (@hommel1983), "
        "computed by a shortcut (@meijer2019; @goeman2019)",
        assumption="They are valid under any dependence between voxels if the p-values of single voxels are valid.",
        directions=deferred("bids_ari.analysis.direction:closed_testing", local_test="hommel"),
        directions_text=_CLOSED_DIRECTIONS,
        joint_directions_text=_JOINT_DIRECTIONS,
        label="Hommel",
        description="Hommel local tests (any dependence between voxels)",
        adjusted_p=deferred("bids_ari.stats.closed_testing:adjusted_p", local_test="hommel"),
        adjusted_p_text="The p-values of single voxels were adjusted by the same closed testing.",
        parts=("h",),
    )
)
register(
    Method(
        name="permutation",
        title="calibrated by permutation",
        help="bounds calibrated by sign flips and permutations of subjects",
        bound=deferred("bids_ari.analysis.permutation:permute"),
        together=deferred("bids_ari.analysis.joint_permutation:PermutationTogether"),
        methods_text="The bounds were calibrated (@blanchard2020) by sign flips and permutations of the subjects "
        "(@hemerik2018)",
        assumption="The bounds are valid if such permutations leave the joint distribution of the voxels that are "
        "not active as it is, whatever the dependence between voxels.",
        directions=deferred("bids_ari.analysis.direction:permutation"),
        directions_text="by the TDN of the voxels with a positive and of those with a negative estimate, so that all "
        "three hold together with this confidence; of effects so small that estimates have the wrong sign, this is "
        "proved for many subjects",
        label="Permutation",
        description="bounds calibrated by permutation",
        needs_group=True,
        parts=("calibration",),
    )
)
