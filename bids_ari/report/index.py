"""The page of all results: one line each."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bids_ari._version import __version__
from bids_ari.analysis.result import Failure
from bids_ari.config.methods import METHODS
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.records import entry, leads_out
from bids_ari.report.render import percent, render, without_folders

GAMMA = "0.7"
"""The wanted TDP whose largest clusters are counted, where it was asked for."""


def write_index(out: Derivatives) -> None:
    """Write ``index.html`` over all results and failures on disk, those of other runs too.

    Parameters
    ----------
    out : Derivatives
        What was written; its records tell the results, its failures the contrasts that could not be analysed.
    """
    records = [record for record in out.records() if isinstance(record, Mapping)]
    rows = [
        _row(summary, record)
        for record in records
        for summary in entry(record, "Results", list)
        if isinstance(summary, Mapping)
    ]
    known = {entry(record, "Contrast", str) for record in records}
    failed = [_failed(note, known) for note in (*out.failures(), *map(_as_failure, out.interrupted()))]
    alphas = [row["alpha"] for row in rows]
    joint = percent(min(1.0, sum(alphas))) if None not in alphas else None
    gamma = _gamma_to_show(rows)
    has_methods = {row["method"] for row in rows} - {"", *(each.title for each in METHODS.values() if not each.label)}
    text = render(
        "index.html",
        rows=rows,
        main_gamma=gamma,
        has_methods=bool(has_methods),
        failed=failed,
        joint=joint,
        version=__version__,
    )
    out.text("index.html", text)


def failure_note(failure: Failure, out: Derivatives) -> dict[str, Any]:
    """Give what the index tells of a contrast that could not be analysed, for ``Derivatives.record_failure``."""
    message = without_folders(str(failure.error), dict(_known_folders(out, failure)))
    kind = type(failure.error).__name__
    return {"Contrast": failure.contrast.name, "Error": kind, "ExitCode": failure.error.exit_code, "Message": message}


def _as_failure(note: Mapping[str, Any]) -> dict[str, str]:
    """Tell of a result whose files were not all in place when its run was killed."""
    message = "A run was interrupted while it put the files of this result in place. Run it again"
    return {"Contrast": entry(note, "Contrast", str) or entry(note, "Name", str), "Message": message}


def _failed(note: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    """Write a failure from disk for people; `known` are the contrasts that have a result."""
    name = entry(note, "Contrast", str)
    return {"name": name, "message": entry(note, "Message", str), "has_earlier": name in known}


def _row(summary: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Write a summary from disk for people; what another version or a damaged file lacks is None or empty."""
    alpha, report = _number(summary, "Alpha"), entry(summary, "Report", str)
    explorer = entry(summary, "Explorer", str)
    n_subjects, subject = _number(summary, "NumberOfSubjects"), report.partition("/")[0]
    who = None if n_subjects is None else f"{n_subjects:,.0f}"
    if subject.startswith("sub-"):
        who = subject
    elif not summary.get("Test") and n_subjects == 1:
        who = "a map made elsewhere"
    return {
        "contrast": entry(summary, "Contrast", str) or entry(record, "Contrast", str),
        "report": "" if leads_out(report) else report,
        "explorer": "" if leads_out(explorer) else explorer,
        "which": ", ".join(filter(None, (entry(summary, "Test", str), entry(summary, "Alternative", str)))),
        "method": METHODS[method].title if (method := entry(summary, "Method", str)) in METHODS else method,
        "alpha": alpha,
        "confidence": None if alpha is None else percent(1 - alpha),
        "who": who,
        "n_points": _number(summary, "NumberOfVoxels"),
        "tdn": _number(summary, "TrueDiscoveryNumber"),
        "clusters": _counts(summary, "Clusters"),
        "largest": _counts(summary, "LargestClusters"),
        "notes": [str(note) for note in entry(summary, "Notes", list)],
        "date": entry(record, "Time", str)[:10],
    }


def _number(facts: Mapping[str, Any], name: str) -> float | None:
    """Give the number that is noted, if there is one."""
    value = facts.get(name)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _counts(facts: Mapping[str, Any], name: str) -> dict[str, float]:
    """Give numbers of clusters by how they were formed."""
    noted: dict[str, Any] = entry(facts, name, dict)
    return {key: count for key in noted if (count := _number(noted, key)) is not None}


def _gamma_to_show(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Choose one wanted TDP for the table: .7 if it was asked for, else the one that most results have."""
    asked: Counter[str] = Counter(gamma for row in rows for gamma in row["largest"])
    if not asked or GAMMA in asked:
        return GAMMA if asked else None
    return max(sorted(asked), key=lambda gamma: asked[gamma])


def _known_folders(out: Derivatives, failure: Failure) -> Iterator[tuple[str, str]]:
    """Yield the folders that the message of a failure may tell, and what to write instead."""
    roots = {str(Path(path)): name for name, path in out.sources.items()}
    roots |= {str(Path(path).resolve()): name for name, path in out.sources.items()}
    for member in failure.contrast.members:
        path = str(member.first.path)
        roots[path.removesuffix(f"/{member.first.name}")] = member.first.dataset
    yield from roots.items()
    yield str(out.folder.resolve()), "output"
    with suppress(RuntimeError):  # a user without a name has no home
        yield str(Path.home()), "~"
