"""The page of all results: one line each."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bids_ari._version import __version__
from bids_ari.bids.derivatives import Derivatives
from bids_ari.report.render import percent, render, without_folders
from bids_ari.results import Failure


def write_index(out: Derivatives, failures: Sequence[Failure]) -> None:
    """Write ``index.html`` over all results on disk, those of earlier runs too.

    Parameters
    ----------
    out : Derivatives
        What was written; its records tell the results.
    failures : sequence of Failure
        The contrasts of this run that could not be analysed.
    """
    records = out.records()
    rows = [_row(summary, record) for record in records for summary in record.get("Results", ())]
    known = {record.get("Contrast") for record in records}
    failed = [
        {
            "name": failure.contrast.name,
            "message": without_folders(str(failure.error), dict(_known_folders(out, failure))),
            "has_earlier": failure.contrast.name in known,
        }
        for failure in failures
    ]
    joint = min(1.0, sum(row["alpha"] for row in rows))
    out.text("index.html", render("index.html", rows=rows, failed=failed, joint=percent(joint), version=__version__))


def _row(summary: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Write a summary from disk for people."""
    alpha = float(summary.get("Alpha", 0))
    return {
        "contrast": summary.get("Contrast", ""),
        "report": summary.get("Report", ""),
        "which": ", ".join(filter(None, (summary.get("Test"), summary.get("Alternative")))),
        "method": summary.get("Method", ""),
        "alpha": alpha,
        "confidence": percent(1 - alpha),
        "n_subjects": int(summary.get("NumberOfSubjects", 0)),
        "n_voxels": int(summary.get("NumberOfVoxels", 0)),
        "tdn": int(summary.get("TrueDiscoveryNumber", 0)),
        "clusters": dict(summary.get("Clusters", {})),
        "notes": list(summary.get("Notes", ())),
        "date": str(record.get("Time", ""))[:10],
    }


def _known_folders(out: Derivatives, failure: Failure) -> Iterator[tuple[str, str]]:
    """Yield the folders that the message of a failure may tell, and what to write instead."""
    roots = {str(Path(path)): name for name, path in out.sources.items()}
    roots |= {str(Path(path).resolve()): name for name, path in out.sources.items()}
    for member in failure.contrast.members:
        path = str(member.file.path)
        roots[path.removesuffix(f"/{member.file.name}")] = member.file.root
    yield from roots.items()
    yield str(out.folder.resolve()), "output"
    yield str(Path.home()), "~"
