"""Page over all studies of an output, in the style of the index of one output."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bids_ari._version import __version__
from bids_ari.bids.entities import contrast_label
from bids_ari.errors import listing, plural_of
from bids_ari.outputs.records import number
from bids_ari.report.figures.scales import tdp_colour
from bids_ari.report.formatting import percent, proportion, without_folders
from bids_ari.report.labels import method_title
from bids_ari.report.render import asset, page_script, render
from bids_ari.studies.rows import Row, StudyRows

MOST = 8
"""Reasons of failures that are shown; the others are folded."""


def page(studies: Sequence[StudyRows], target: str) -> str:
    """Return the page, on which `target` is the target TDP of the clusters that are counted."""
    rows = [_shown(row) for study in studies for row in study.results]
    spaces = {row["space"] for row in rows} - {""}
    for row in rows if len(spaces) > 1 else ():
        row["about"] += [f"space {row['space']}"] if row["space"] else []
    confidences = {row["confidence"] for row in rows}
    return render(
        "studies.html",
        rows=rows,
        studies=[_study(study) for study in studies],
        n_failed=sum(1 for study in studies for _ in _failures(study)),
        failures=_by_reason(failure for study in studies for failure in _failures(study)),
        most=MOST,
        units=sorted({row["units"] for row in rows}),
        n_active=sum(bool(row["tdn"]) for row in rows),
        n_studies=len({study.record.get("Study") for study in studies if study.record.get("Task")}),
        has_methods=len({row["method"] for row in rows}) > 1,
        has_models=any(study.record.get("Model") for study in studies),
        confidence=confidences.pop() if len(confidences) == 1 else None,
        target=target,
        version=__version__,
        css=asset("style.css") + asset("index.css"),
        **page_script("index.js"),
    )


def _shown(row: Row) -> dict[str, Any]:
    """Return what the page shows of a result; what an older or damaged summary lacks is None or empty."""
    points, tdn, alpha = (number(row, name) for name in ("points", "tdn", "alpha"))
    entities = dict(part.partition("-")[::2] for part in str(row["contrast"] or "").split("_"))
    label = contrast_label(entities) or str(row["contrast"])
    return {
        "study": row["study"],
        "task": row["task"] or "",
        "label": label,
        "about": [f"{key} {entities[key]}" for key in ("ses", "run", "node", "model") if entities.get(key)],
        "space": entities.get("space", ""),
        "report": row["report"],
        "test": row["test"] or "",
        "alternative": row["alternative"] or "",
        "method": method_title(str(row["method"] or "")),
        "confidence": None if alpha is None else percent(1 - alpha),
        "units": plural_of(row["unit"] or "voxel"),
        **_proportion(points, tdn),
        "points": points,
        "tdn": tdn,
        **{name: number(row, name) for name in ("subjects", "excluded", "clusters", "largest_cluster")},
    }


def _proportion(points: float | None, tdn: float | None) -> dict[str, str]:
    """Return the TDP, and width and colour of its bar; empty where they are not known."""
    found = {"tdp": "", "width": "", "colour": ""}
    if points and tdn is not None and 0 <= tdn <= points:
        found["tdp"] = proportion(round(tdn), round(points))
        if tdn:
            found |= {"width": f"{100 * tdn / points:.3g}%", "colour": tdp_colour(tdn / points)}
    return found


def _study(study: StudyRows) -> dict[str, Any]:
    """Return what the page shows of a study."""
    record = study.record
    return {
        "name": record.get("Name"),
        "index": f"{record.get('Name')}/index.html" if study.results else "",
        "model": record.get("Model") or ("mean" if record.get("Command") else "–"),
        "note": without_folders(str(record.get("Note") or ""), {}),
        "n_results": len(study.results),
        "n_active": sum(bool(row["tdn"]) for row in study.results),
        "n_failed": len(study.failures),
        "exit_code": record.get("ExitCode"),
        "seconds": number(record, "Seconds"),
        "date": str(record.get("Finished") or "")[:10],
    }


def _failures(study: StudyRows) -> Iterator[tuple[str, str]]:
    """Yield the name and the reason of each failure."""
    for row in study.rows:
        if reason := row.get("reason"):
            contrast = row.get("contrast")
            yield f"{study.record.get('Name')}" + (f": {contrast}" if contrast else ""), str(reason)


def _by_reason(failures: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return failures, those with the same reason together; they are named by up to five."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, reason in failures:
        names[reason].append(name)
    return [(listing(found), reason) for reason, found in names.items()]
