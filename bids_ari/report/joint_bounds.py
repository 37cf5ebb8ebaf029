"""Results whose bounds hold together (``--joint``): what the index shows of them, from the summaries of records."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bids_ari.analysis.result import ContrastResult
from bids_ari.errors import plural_of
from bids_ari.images.region_words import readable
from bids_ari.images.regions import ROIS
from bids_ari.outputs.records import entry
from bids_ari.report.formatting import percent
from bids_ari.report.labels import method_title

Facts = Mapping[str, Any]

MOST_ROWS = 500
"""Rows of sums over contrasts that the index shows."""

WHOLE = "all points tested"


def joint_summary(result: ContrastResult) -> dict[str, Any]:
    """Return what the index needs of a result whose bounds hold together with others: TDN and size of each region."""
    if (joint := result.joint) is None:
        return {}
    regions = {
        found.name: {
            region.name: [result.bound.tdn(region.points), int(region.points.size)] for region in found.regions
        }
        for found in result.regions
    }
    return {"Joint": {"Family": joint.family, "NumberOfResults": joint.n_results}, "Regions": regions}


def joint_families(summaries: Iterable[Facts]) -> list[dict[str, Any]]:
    """Return the families of results that hold together, with sums over contrasts; damaged entries are skipped."""
    families: dict[str, list[Facts]] = {}
    for each in summaries:
        if family := entry(entry(each, "Joint", dict), "Family", str):
            families.setdefault(family, []).append(each)
    return [_family(members) for members in families.values()]


def _family(members: Sequence[Facts]) -> dict[str, Any]:
    """Return what the index shows of a family."""
    alphas = [each.get("Alpha") for each in members]
    alpha = max((each for each in alphas if isinstance(each, float) and 0 < each < 1), default=None)
    n_results = entry(members[0]["Joint"], "NumberOfResults", int)
    sums = _sums(members)
    active = [each for each in sums if each["tdn"]]
    units = {entry(each, "Unit", str) or "voxel" for each in members}
    return {
        "alpha": alpha,
        "confidence": "–" if alpha is None else percent(1 - alpha),
        "n_listed": len(members),
        "n_results": max(n_results, len(members)),
        "units": plural_of(units.pop()) if len(units) == 1 else "points",
        "sums": active[:MOST_ROWS],
        "n_unlisted": max(len(active) - MOST_ROWS, 0),
        "n_zero": len(sums) - len(active),
    }


def _sums(members: Sequence[Facts]) -> list[dict[str, Any]]:
    """Return TDN summed over contrasts, of each region in each test, alternative and method with several contrasts."""
    found: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for each in members:
        test = ", ".join(filter(None, (entry(each, "Test", str), entry(each, "Alternative", str))))
        about = (test, method_title(entry(each, "Method", str)))
        whole = [each.get("TrueDiscoveryNumber"), each.get("NumberOfVoxels")]
        sets: dict[str, Any] = {"": {WHOLE: whole}, **entry(each, "Regions", dict)}
        for name in sets:
            regions: dict[str, Any] = entry(sets, name, dict)
            for region, numbers in regions.items():
                if (bound := _bound(numbers)) is not None:
                    found.setdefault((name, region, *about), []).append(bound)
    return [
        {
            "set": name,
            "region": region if name in ("", ROIS) else readable(region),
            "test": test,
            "method": method,
            "n_contrasts": len(bounds),
            "n_active": sum(tdn > 0 for tdn, _ in bounds),
            "tdn": sum(tdn for tdn, _ in bounds),
            "size": sum(size for _, size in bounds),
        }
        for (name, region, test, method), bounds in found.items()
        if len(bounds) > 1
    ]


def _bound(numbers: object) -> tuple[int, int] | None:
    """Return TDN and size of a region as a record has them; None if it is damaged."""
    if not isinstance(numbers, list) or len(numbers) != 2:
        return None
    tdn, size = numbers
    is_good = type(tdn) is int and type(size) is int and 0 <= tdn <= size
    return (tdn, size) if is_good else None
