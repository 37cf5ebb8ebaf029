"""What the sidecar of a map says about its space, as sidecars of derivatives may repeat it."""

import re
from collections.abc import Mapping
from typing import Any

from bids_ari.bids.statmap import StatMap
from bids_ari.errors import BidsAriError

STANDARD = (
    *("ICBM452AirSpace", "ICBM452Warp5Space", "IXI549Space", "fsaverage", "fsaverageSym", "fsLR", "MNIColin27"),
    *("MNI152Lin", "MNI152NLin2009aSym", "MNI152NLin2009bSym", "MNI152NLin2009cSym", "MNI152NLin2009aAsym"),
    *("MNI152NLin2009bAsym", "MNI152NLin2009cAsym", "MNI152NLin6Sym", "MNI152NLin6Asym", "MNI305", "NIHPD"),
    *("OASIS30AntsOASISAnts", "OASIS30Atropos", "Talairach", "UNCInfant"),
)
"""Labels of ``space`` that BIDS defines; files in others need a `SpatialReference`."""

REFERENCE, RESOLUTION, DENSITY, STRIPPED = "SpatialReference", "Resolution", "Density", "SkullStripped"

_BIDS_URI = re.compile(r"bids::(?!.*\.\.)(.+)", re.DOTALL)
_OTHER_URI = re.compile(r"(https?|doi):.+", re.DOTALL)
_PATH = re.compile(
    r"(?!.*\.\.)[^:/][^:]*/[^:]*", re.DOTALL
)  # relative to the dataset, as versions before BIDS URIs had it


def spatial_metadata(file: StatMap) -> dict[str, Any]:
    """Return what the sidecars of a map say about its space, as far as it holds for other files in that space.

    References within its dataset become BIDS URIs with the name of the dataset; those that cannot be resolved from
    another dataset are left out, as are values of another type than BIDS has. Of a description for each label of
    ``res`` or ``den``, that of the map is returned.
    """
    try:
        metadata = file.sidecar()
    except BidsAriError:  # what needs the metadata reports it
        return {}
    found: dict[str, Any] = {}
    for key, entity in ((RESOLUTION, "res"), (DENSITY, "den")):
        value = metadata.get(key)
        value = value.get(file.entities.get(entity)) if isinstance(value, dict) else value
        found |= {key: value} if isinstance(value, str) else {}
    if isinstance(stripped := metadata.get(STRIPPED), bool):
        found[STRIPPED] = stripped
    if reference := _reference(metadata.get(REFERENCE), file.dataset):
        found[REFERENCE] = reference
    return found


def _reference(value: object, dataset: str) -> str | dict[str, str] | None:
    """Return a reference image, or those of structures, as another dataset may name them; None where it cannot."""
    if isinstance(value, Mapping):
        parts = {str(key): _reference(each, dataset) for key, each in value.items()}
        texts = {key: each for key, each in parts.items() if isinstance(each, str)}
        return texts if texts and len(texts) == len(parts) else None
    if not isinstance(value, str):
        return None
    if found := _BIDS_URI.fullmatch(value):
        return f"bids:{dataset}:{found[1]}"
    if _OTHER_URI.fullmatch(value):
        return value
    return f"bids:{dataset}:{value}" if _PATH.fullmatch(value) else None
