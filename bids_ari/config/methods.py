"""The registry of methods of inference: everything that depends on which method computed a bound, once per method.

The command line, names of files, sidecars, reports, methods text and the inference itself read this table. A new
method is one call of `register`, in a file of its own. Nothing here imports numerical libraries: a function is given
as ``deferred("package.module:function")`` and imported when it is first called, so that ``--help`` stays fast.
"""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Method:
    """A method of inference.

    Attributes
    ----------
    name : str
        The value of ``--method``, and of ``Method`` in sidecars.
    title : str
        The name in reports: ``closed testing, Simes``.
    help : str
        The method in the help of ``--method``.
    bound : callable
        ``(glm, alternative, options, group) -> Bound``: the bound of one test, from its statistics (`GlmResult`), the
        alternative, the options and the data of the group (`GroupData`; None for the map of a single subject or one
        computed elsewhere). A method with more to report returns a `bids_ari.analysis.methods.Inferred` instead.
    methods_text : str
        The origin of the bounds as a clause of the methods text, with citations: ``The bounds ...``. Where the result
        has a calibration, the report describes that instead.
    assumption : str
        The assumption under which the bounds are valid, as a sentence of the methods text.
    label : str
        The label in names of files, after the alternative; empty for the default method.
    description : str
        The method in ``descriptions.tsv``; empty for the default method.
    needs_group : bool
        Whether the method needs the maps of all subjects, and not only the statistics of the group.
    adjusted_p : callable or None
        ``p (n_points,) -> adjusted p (n_points,)``, where the method adjusts the p-values of single points.
    adjusted_p_text : str
        A sentence of the methods text about these adjusted p-values.
    parts : tuple of {'h', 'calibration'}
        What every result of the method has: the Hommel value h, a calibration by permutation.
    """

    name: str
    title: str
    help: str
    bound: Callable[..., Any]
    methods_text: str
    assumption: str
    label: str = ""
    description: str = ""
    needs_group: bool = False
    adjusted_p: Callable[..., Any] | None = None
    adjusted_p_text: str = ""
    parts: tuple[Literal["h", "calibration"], ...] = ()


METHODS: dict[str, Method] = {}
"""All methods by name, the default one first."""


def register(method: Method) -> Method:
    """Add a method to the registry.

    Parameters
    ----------
    method : Method
        The method; its name and its label must be new.

    Returns
    -------
    Method
        The same.

    Raises
    ------
    ValueError
        When another method has this name or label.
    """
    for other in METHODS.values():
        if other.name == method.name or other.label == method.label:
            raise ValueError(f"method {method.name!r} has the name or the label of the registered {other.name!r}")
    METHODS[method.name] = method
    return method


def methods_of(names: Iterable[str]) -> tuple[Method, ...]:
    """Return the methods of these names, in this order."""
    return tuple(METHODS[name] for name in names)


def needs_group(names: Iterable[str]) -> bool:
    """Return whether any of these methods needs the maps of all subjects."""
    return any(method.needs_group for method in methods_of(names))


def deferred(path: str, **arguments: Any) -> Callable[..., Any]:
    """Return a function that is imported when it is first called.

    Parameters
    ----------
    path : str
        ``package.module:function``.
    **arguments
        Keyword arguments of each call.
    """
    return partial(_call, path, arguments)


def _call(path: str, arguments: dict[str, Any], /, *positional: Any, **named: Any) -> Any:
    """Import a function and call it."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)(*positional, **arguments, **named)


register(
    Method(
        name="simes",
        title="closed testing, Simes",
        help="closed testing with Simes local tests",
        bound=deferred("bids_ari.analysis.methods:closed_testing", local_test="simes"),
        methods_text="The bounds stem from closed testing (@goeman2011) with Simes local tests (@simes1986), computed "
        "by a shortcut (@meijer2019; @goeman2019)",
        assumption="They are valid when the p-values of the voxels that are not active satisfy the Simes inequality, "
        "for which positive regression dependence is enough.",
        adjusted_p=deferred("bids_ari.stats.closed_testing:adjusted_p", local_test="simes"),
        adjusted_p_text="The p-values of single voxels were adjusted by the same closed testing (@hommel1988).",
        parts=("h",),
    )
)
register(
    Method(
        name="hommel",
        title="closed testing, Hommel",
        help="closed testing with Hommel local tests, valid under any dependence and less powerful",
        bound=deferred("bids_ari.analysis.methods:closed_testing", local_test="hommel"),
        methods_text="The bounds stem from closed testing (@goeman2011) with Hommel local tests (@hommel1983), "
        "computed by a shortcut (@meijer2019; @goeman2019)",
        assumption="They are valid under any dependence between voxels.",
        label="Hommel",
        description="Hommel local tests (any dependence)",
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
        methods_text="The bounds were calibrated (@blanchard2020) by sign flips and permutations of the subjects "
        "(@hemerik2018)",
        assumption="The bounds are valid when such permutations leave the joint distribution of the voxels that are "
        "not active as it is, whatever the dependence between voxels.",
        label="Permutation",
        description="bounds calibrated by permutation",
        needs_group=True,
        parts=("calibration",),
    )
)
