"""What results are called: whose maps, which statistic, which mask, which regions."""

import math
import re
from typing import Literal

from bids_ari.analysis.calibrated import FLIPS, Calibrated
from bids_ari.analysis.result import ContrastResult
from bids_ari.config.methods import METHODS
from bids_ari.config.options import TEMPLATE
from bids_ari.images.regions import RegionSet
from bids_ari.report.render import thousands

Kind = Literal["group", "subject", "map"]

_TEMPLATEFLOW_NAME = re.compile(r"[a-zA-Z0-9+]+(:[a-zA-Z0-9+]+)?")


def kind(result: ContrastResult) -> Kind:
    """Say what was analysed: a group, one subject's own map, or a map made elsewhere."""
    if result.design is not None:
        return "group"
    return "subject" if result.folder.startswith("sub-") else "map"


def whose(result: ContrastResult) -> str:
    """Name the one map of a result without a group model: its subject, else its file."""
    if len(result.contrast.members) != 1:
        return result.contrast.name
    (member,) = result.contrast.members
    return f"sub-{member.subject}" if kind(result) == "subject" else member.first.path.name


def which(result: ContrastResult, *, directed: bool = True) -> str:
    """Name test, direction if `directed`, and method where it is not the usual one: ``mean, greater, permutation``."""
    method = result.method if METHODS[result.method].label else ""
    return ", ".join(filter(None, (result.test, result.asked if directed else "", method)))


def draws_of(told: Calibrated) -> str:
    """Say which draws were made: ``1,000 random sign flips``, ``all 32 different sign flips``."""
    if told.is_complete:
        return f"all {thousands(told.n_draws)} different {FLIPS[told.shuffle]}"
    return f"{thousands(told.n_draws)} random {FLIPS[told.shuffle]}"


def statistic(result: ContrastResult) -> str:
    """Name the statistical map: ``z map``, or ``t map with 28 degrees of freedom``."""
    if math.isfinite(result.dof):
        return f"t map with {result.dof:g} degrees of freedom"
    return "z map"


def mask_name(result: ContrastResult) -> str | None:
    """Name the mask that was given; never the folder it lies in."""
    mask = result.options.mask
    if mask == TEMPLATE:
        return f"TemplateFlow's brain mask of {result.contrast.entities.get('space')}"
    return mask.name if mask else None


def atlas_from_templateflow(result: ContrastResult) -> bool:
    """Say whether the atlas came from TemplateFlow: a name without dots and folders is no file of an image."""
    return result.options.atlas is not None and bool(_TEMPLATEFLOW_NAME.fullmatch(result.options.atlas))


def atlas_name(result: ContrastResult) -> str | None:
    """Name the atlas: as TemplateFlow does, or its file; never the folder it lies in."""
    atlas = result.options.atlas
    if atlas is None or not atlas_from_templateflow(result):
        return None if atlas is None else re.split(r"[/\\]", atlas)[-1]
    name, _, desc = atlas.partition(":")
    return f"{name} ({desc})" if desc else name


def title_of(regions: RegionSet, result: ContrastResult) -> str:
    """Name a set of regions."""
    if regions is result.atlas and (name := atlas_name(result)):
        return f"Atlas {name}"
    return regions.title
