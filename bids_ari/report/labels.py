"""Names of results, methods, masks and regions in reports."""

import math
import re
from typing import Literal

from bids_ari.analysis.calibrated import FLIPS, Calibrated
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids import entities
from bids_ari.bids.spaces import StandardSpace
from bids_ari.config.families import FAMILIES
from bids_ari.config.methods import METHODS
from bids_ari.config.model_options import TEMPLATE
from bids_ari.images.atlas_names import AtlasName
from bids_ari.images.regions import RegionSet
from bids_ari.report.formatting import thousands

Source = Literal["group", "subject", "map"]
"""What was analysed: the maps of a group, a map of one subject, or any other map."""

MEANINGS = {
    "greater": "above zero",
    "less": "below zero",
    "two-sided": "different from zero",
    "any": "different from zero (F test)",
}
"""What an active point means, by alternative."""

_MEANINGS_BEYOND = {
    "greater": "above {delta:g}",
    "less": "below -{delta:g}",
    "two-sided": "above {delta:g} or below -{delta:g}",
}
"""What it means with a minimum effect."""


def meaning(result: ContrastResult) -> str:
    """Return what an active point means: ``above zero``, with a minimum effect ``above 0.5``."""
    if delta := result.options.min_effect:
        return _MEANINGS_BEYOND[result.alternative_label].format(delta=delta)
    return MEANINGS[result.alternative_label]


def signs(result: ContrastResult) -> list[tuple[int, str]]:
    """Return the TDN of the whole mask for each sign, with its meaning: ``above zero``; none without such bounds."""
    delta, found = result.options.min_effect, result.directions
    texts = [(_MEANINGS_BEYOND if delta else MEANINGS)[side].format(delta=delta) for side in ("greater", "less")]
    return [] if found is None else [(bound.whole, text) for bound, text in zip(found, texts, strict=True)]


def source(result: ContrastResult) -> Source:
    """Return what was analysed."""
    if result.design is not None:
        return "group"
    return "subject" if result.folder.startswith("sub-") else "map"


def source_name(result: ContrastResult) -> str:
    """Return the name of the single map of a result without a group model: its subject, else its file."""
    if len(result.contrast.members) != 1:
        return result.contrast.name
    (member,) = result.contrast.members
    return f"sub-{member.subject}" if source(result) == "subject" else member.first.path.name


def contrast_label(result: ContrastResult) -> str:
    """Return the contrast as briefly as possible."""
    return entities.contrast_label(result.contrast.entities) or result.contrast.name


def method_title(method: str) -> str:
    """Return the title of a method; the name itself of one that is not known, as in records of other versions."""
    return METHODS[method].title if method in METHODS else method


def result_label(result: ContrastResult, *, directed: bool = True) -> str:
    """Return test, alternative if `directed`, and method if not the default: ``mean, greater, permutation``."""
    method = result.method if METHODS[result.method].label else ""
    direction = "F test" if result.is_f_test else result.alternative_label
    return ", ".join(filter(None, (result.test, direction if directed else "", method)))


def permutations_text(calibrated: Calibrated) -> str:
    """Return the number and kind of permutations: ``1,000 random sign flips``, ``all 32 different sign flips``."""
    if calibrated.is_complete:
        return f"all {thousands(calibrated.n_permutations)} different {FLIPS[calibrated.shuffle]}"
    return f"{thousands(calibrated.n_permutations)} random {FLIPS[calibrated.shuffle]}"


def template_source(result: ContrastResult) -> str:
    """Return where the template of a learned family comes from; empty for other families."""
    calibrated = result.calibrated
    if calibrated is None or not FAMILIES[calibrated.family].is_learned:
        return ""
    return f"the file {calibrated.template}" if result.options.template else f"{calibrated.template} of the same data"


def shares_text(calibrated: Calibrated) -> str:
    """Return by what the proportions of some members of a family are divided: ``, for learned divided by 0.5``."""
    family = FAMILIES[calibrated.family]
    pairs = zip(family.members, family.shares, strict=True)
    divided = [f"for {member.name} divided by {share:g}" for member, share in pairs if share < 1]
    return "".join(f", {each}" for each in divided)


def statistic(result: ContrastResult) -> str:
    """Return the kind of statistical map: ``z map``, ``t map with 28 degrees of freedom``, ..."""
    if result.glm.is_z_of_f:
        return "z map of an F test"
    if result.is_f_test:
        return f"F map with {result.glm.n_rows:g} and {result.dof:g} degrees of freedom"
    if math.isfinite(result.dof):
        return f"t map with {result.dof:g} degrees of freedom"
    return "z map"


def mask_name(result: ContrastResult) -> str | None:
    """Return the name of the mask file without its folder; None without a mask."""
    mask = result.options.mask
    if mask == TEMPLATE:
        file = f" ({result.files['mask']})" if "mask" in result.files else ""
        what = "mask of the cortex" if "surface L" in result.files or "surface R" in result.files else "brain mask"
        return f"TemplateFlow's {what} of {StandardSpace.of(result.contrast.entities)}{file}"
    return mask.name + at_least(result.options.mask_threshold) if mask else None


def mesh_names(result: ContrastResult) -> list[str]:
    """Return the names of the files of the meshes, left before right, without folders; none for volumes."""
    return [result.files[role] for role in ("surface L", "surface R") if role in result.files]


def at_least(threshold: float | None) -> str:
    """Return the threshold of a mask of probabilities in parentheses, after a blank; nothing without one."""
    return "" if threshold is None else f" (probability of at least {threshold:g})"


def templateflow_atlas(result: ContrastResult) -> AtlasName | None:
    """Return the name of the atlas in TemplateFlow; None for a file."""
    return AtlasName.saved(result.options.atlas)


def atlas_name(result: ContrastResult) -> str | None:
    """Return the name of the atlas, of a file without its folder; None without an atlas."""
    if found := templateflow_atlas(result):
        return f"{found.name} ({found.spelled_variant.replace(':', ', ')})" if found.variant else found.name
    atlas = result.options.atlas
    return None if atlas is None else re.split(r"[/\\]", atlas)[-1]


def region_set_title(regions: RegionSet, result: ContrastResult) -> str:
    """Return the title of a set of regions."""
    if regions is result.atlas and (name := atlas_name(result)):
        return f"Atlas {name}"
    return regions.title
