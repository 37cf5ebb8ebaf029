"""Atlases in reports: their titles, the publications to cite, and the names of their regions for readers."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.spaces import StandardSpace
from bids_ari.images.local_atlases import BUNDLED
from bids_ari.images.region_names import NONE, AtlasFacts
from bids_ari.images.region_words import readable
from bids_ari.images.regions import RegionSet

_LEAST_SHARE = 0.005  # of a cluster, for which a region is named


class _Known(NamedTuple):
    """An atlas whose publications are known."""

    pattern: str  # of its name, or that of its file
    title: str
    keys: tuple[str, ...]  # of ``references.bib``


_KNOWN = (
    _Known(BUNDLED, "Desikan-Killiany", ("desikan2006", "cammoun2012", "markello2021")),
    _Known("schaefer", "Schaefer 2018", ("schaefer2018",)),
    _Known("lausanne", "Lausanne 2018", ("cammoun2012",)),
    _Known("desikan|aparc$", "Desikan-Killiany", ("desikan2006",)),
    _Known("destrieux|a2009s", "Destrieux", ("destrieux2010",)),
    _Known("hospa", "Harvard-Oxford subcortical", ("frazier2005", "makris2006", "desikan2006")),
    _Known("hocpal?|harvard.?oxford", "Harvard-Oxford", ("makris2006", "frazier2005", "desikan2006")),
    _Known("cerebra", "CerebrA", ("manera2020",)),
    _Known("yeo", "Yeo 2011", ("yeo2011",)),
    _Known("brainnetome", "Brainnetome", ("fan2016",)),
    _Known("tian", "Tian", ("tian2020",)),
    _Known("glasser|hcp.?mmp", "HCP-MMP", ("glasser2016",)),
    _Known("^aal", "AAL", ("tzourio2002",)),
    _Known("^hcp$|aseg", "FreeSurfer's subcortical segmentation", ("fischl2002",)),
)
"""Atlases whose publications are known, the first that matches."""


def citation_of(atlas: str) -> str:
    """Return the citation of an atlas by its name or that of its file, for `Citations`; empty for others.

    >>> citation_of("Schaefer2018"), citation_of("lh.aparc.annot"), citation_of("mine")
    ('[@schaefer2018]', '[@desikan2006]', '')
    """
    found = _find(atlas)
    return f"[{'; '.join(f'@{key}' for key in found.keys)}]" if found else ""


def title_of(facts: AtlasFacts) -> str:
    """Return the title of an atlas.

    >>> title_of(AtlasFacts("Schaefer2018", "200Parcels7Networks", "TemplateFlow")), title_of(AtlasFacts("mine"))
    ('Schaefer 2018 (200 parcels, 7 networks)', 'mine')
    """
    found = _find(facts.name)
    title = found.title if found and facts.source != "file" else facts.name
    return f"{title} ({_variant(facts.variant)})" if facts.variant else title


def _variant(variant: str) -> str:
    """Return what distinguishes an atlas from others of its name, in words where these are known.

    >>> _variant("seg-7n:scale-200"), _variant("th25"), _variant("seg-aparc")
    ('7 networks, 200 parcels', 'threshold 25 %', 'aparc')
    """
    for pattern, words in _VARIANTS.items():
        variant = re.sub(pattern, words, variant)
    return variant.replace(":", ", ")


_VARIANTS = {
    r"(\d+)Parcels(\d+)Networks": r"\1 parcels, \2 networks",
    r"seg-(\d+)n\b": r"\1 networks",
    r"scale-(\d{2,})\b": r"\1 parcels",
    r"\bth(\d+)\b": r"threshold \1 %",
    r"seg-(aparc)\b": r"\1",
}
"""What TemplateFlow's names of variants mean, as patterns with their words."""


def names_title(result: ContrastResult) -> str | None:
    """Return the titles of the atlases that name regions; None without such."""
    if result.names is None:
        return None
    return ", elsewhere ".join(map(title_of, result.names.atlases)) or "structures of voxels in the CIFTI files"


def near_atlas(result: ContrastResult) -> tuple[str, str] | None:
    """Return the title of the atlas that is not in the space of the maps, but near, and its space."""
    atlases = result.names.atlases if result.names else ()
    return next(((title_of(each), each.space) for each in atlases if each.space), None)


def peak_region(row: Mapping[Any, Any]) -> str:
    """Return the region of a peak, or one that is near, of a row of a table of clusters; empty where there is none.

    >>> peak_region({"peak_region": "L_V1_ROI"}), peak_region({"near_region": "ctx-lh-lingual", "near_mm": 2.83})
    ('in left V1', '3 mm from left lingual gyrus')
    """
    if isinstance(name := row.get("peak_region"), str):
        return f"in {readable(name)}"
    near = row.get("near_region")
    return f"{row['near_mm']:.0f} mm from {readable(near)}" if isinstance(near, str) else ""


def region_name(label: str, regions: RegionSet, result: ContrastResult) -> str:
    """Return the name of a region of a set for readers: of a parcel in words, of a mask as its file is named."""
    return readable(label) if regions is result.atlas else label


def region_shares(shares: Iterable[tuple[float, str | None]]) -> str:
    """Return the shares of regions in a cluster, that of others and that in none last, and none below half a per cent.

    >>> region_shares([(0.6, None), (0.3, "7Networks_LH_Vis_9")])
    '30 % left visual 9; 10 % in other regions; 60 % in no region'
    """
    found = list(shares)
    named = [(share, readable(label)) for share, label in found if label is not None]
    others = 1 - sum(share for share, _ in found) + sum(share for share, _ in named if share < _LEAST_SHARE)
    outside = [(share, "in no region") for share, label in found if label is None]
    ordered = [*named, (others, "in other regions"), *outside]
    texts = [(f"{share:.0%}", name) for share, name in ordered if share >= _LEAST_SHARE]
    return "; ".join(f"{share.removesuffix('%')} % {name}" for share, name in texts)


def naming_flag(result: ContrastResult) -> str:
    """Return the flag that names regions where no atlas does; empty where names were not wanted or are there.

    Those of spaces of which TemplateFlow has atlases name one of them.
    """
    if result.options.region_names == NONE or (result.names is not None and result.names.atlases):
        return ""
    where = StandardSpace.of(result.contrast.entities)
    if where is None:
        return "--region-names FILE"
    known = next((flag for pattern, flag in _FLAGS.items() if re.fullmatch(pattern, where.name)), "FILE")
    return f"--region-names {known}"


_FLAGS = {
    "MNI152NLin(6Asym|2009cAsym)": "Schaefer2018:200Parcels7Networks",
    "fsaverage": "Desikan2006:seg-aparc",
}
"""An atlas that TemplateFlow has, by the space of the maps."""


def _find(atlas: str) -> _Known | None:
    """Return the known atlas of a name."""
    stem = re.sub(r"^[lr]h\.|(\.(d?label|dscalar))?\.(nii|gii|annot)(\.gz)?$", "", atlas)
    return next((each for each in _KNOWN if re.search(each.pattern, stem, re.IGNORECASE)), None)
