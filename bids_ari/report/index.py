"""The index of an output: one line for each result, and the contrasts that failed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bids_ari._version import __version__
from bids_ari.analysis.run_summary import Failure
from bids_ari.bids.exclusions import by_contrast
from bids_ari.config.methods import METHODS
from bids_ari.errors import listing
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.records import entry
from bids_ari.outputs.run_log import latest_excluded
from bids_ari.report.figures.scales import tdp_colour
from bids_ari.report.formatting import percent, without_folders
from bids_ari.report.index_rows import index_row
from bids_ari.report.joint_bounds import joint_families
from bids_ari.report.render import asset, page_script, render
from bids_ari.report.thumbnails import meanings_of, style_of

_BAR = [0.001, 0.25, 0.5, 0.75, 1.0]
"""TDP whose colours the bar of the index shows."""

TARGET_TDP = "0.7"
"""The target TDP whose clusters are counted, if results have it."""

_INTERRUPTED = "A run was interrupted while it wrote the files of this result. Run it again"


def write_index(out: Derivatives) -> None:
    """Write ``index.html`` for all results and failures on disk, including those of earlier runs."""
    records = [record for record in out.records() if isinstance(record, Mapping)]
    both = [
        (summary, record)
        for record in records
        for summary in entry(record, "Results", list)
        if isinstance(summary, Mapping)
    ]
    rows, summaries = [index_row(*each) for each in both], [summary for summary, _ in both]
    thumbnails = [row["thumbnail"] for row in rows if row["thumbnail"]]
    families = joint_families(summaries)
    default_titles = {method.title for method in METHODS.values() if not method.label}
    table, excluded = latest_excluded(out)
    text = render(
        "index.html",
        rows=rows,
        excluded=[(listing(contrasts), str(alike)) for contrasts, alike in by_contrast(excluded)],
        excluded_table=table,
        target_tdp=_target_tdp(rows),
        units=sorted({row["units"] for row in rows}),
        n_active=sum(bool(row["tdn"]) for row in rows),
        shared=[each for each in rows[0]["about"] if all(each in row["about"] for row in rows)] if rows else [],
        confidence=_common(row["confidence"] for row in rows),
        thumbnailed=meanings_of(thumbnails),
        tdp_colours=[tdp_colour(tdp) for tdp in _BAR],
        has_methods=bool({row["method"] for row in rows} - {"", *default_titles}),
        failures=(failures := _failures(out)),
        n_failed=sum(len(names) for names, _ in failures),
        families=families,
        analysed={entry(record, "Contrast", str) for record in records},
        version=__version__,
        css=asset("style.css") + asset("index.css") + style_of(thumbnails),
        **_joint_alpha(rows, families),
        **page_script("index.js"),
    )
    out.text("index.html", text)


def _failures(out: Derivatives) -> list[tuple[list[str], str]]:
    """Return each message, with the contrasts that failed by it or, of results, whose run was interrupted."""
    failed = [(entry(note, "Contrast", str), entry(note, "Message", str)) for note in out.failures()]
    names = [entry(note, "Contrast", str) or entry(note, "Name", str) for note in out.interrupted()]
    alike: dict[str, list[str]] = defaultdict(list)
    for name, message in (*failed, *((name, _INTERRUPTED) for name in names)):
        alike[message].append(name)
    return [(found, message) for message, found in alike.items()]


def _joint_alpha(rows: Sequence[Mapping[str, Any]], families: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the number of bounds that hold separately, and alpha over all of them by Bonferroni, if each is known."""
    alphas = [row["alpha"] for row in rows if not row["family"]] + [family["alpha"] for family in families]
    known = None not in alphas
    return {"n_apart": len(alphas), "joint_alpha": percent(min(1.0, sum(alphas))) if known else None}


def failure_note(failure: Failure, out: Derivatives) -> dict[str, Any]:
    """Return the record of a contrast that failed, for ``Derivatives.record_failure``, without known folders."""
    message = without_folders(str(failure.error), dict(_known_folders(out, failure)))
    kind = type(failure.error).__name__
    return {"Contrast": failure.contrast.name, "Error": kind, "ExitCode": failure.error.exit_code, "Message": message}


def _common(values: Iterable[str | None]) -> str | None:
    """Return the value that all are equal to; None if there is no such value."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _target_tdp(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the target TDP of the table: .7 if any result has it, else the most frequent one."""
    counts: Counter[str] = Counter(tdp for row in rows for tdp in row["largest"])
    if not counts or TARGET_TDP in counts:
        return TARGET_TDP if counts else None
    return max(sorted(counts), key=lambda tdp: counts[tdp])


def _known_folders(out: Derivatives, failure: Failure) -> Iterator[tuple[str, str]]:
    """Yield the folders that the message of a failure may contain, and their replacements."""
    roots = {str(Path(path)): name for name, path in out.sources.items()}
    roots |= {str(Path(path).resolve()): name for name, path in out.sources.items()}
    for member in failure.contrast.members:
        path = str(member.first.path)
        roots[path.removesuffix(f"/{member.first.name}")] = member.first.dataset
    yield from roots.items()
    yield str(out.folder.resolve()), "output"
    with suppress(RuntimeError):  # there may be no home folder
        yield str(Path.home()), "~"
