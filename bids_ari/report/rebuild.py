"""Reports of results on disk, written again from their archives, also with other thresholds and regions."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from bids_ari.analysis.look import OF_REGIONS, with_look
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.entities import in_order, labels_in_name, printable
from bids_ari.config.options import SHOWN, Options
from bids_ari.config.settings import RUNNING, Settings
from bids_ari.config.slices import are_slices, cuts
from bids_ari.config.table import entries
from bids_ari.errors import BidsAriError, DataError, NoMatchError, UsageError, listing
from bids_ari.images.anatomy import check_cuts
from bids_ari.images.regions import RegionSet
from bids_ari.outputs import archive, files, names, neurovault, workbook
from bids_ari.outputs.derivatives import RUNS, Derivatives
from bids_ari.outputs.outcome import OTHER_UNDERLAY, Outcome, not_shown, shown_again, shown_of
from bids_ari.outputs.records import Note, entry, files_of
from bids_ari.report.figures.paper import formats_of
from bids_ari.report.page import write_report
from bids_ari.report.results import summary_for_index, write_copies

log = logging.getLogger(__name__)

_OF_REPORT = (".html", ".png", ".pdf", ".svg", "_sentences.txt")
_KEPT = "_template.npz"
"""Endings of files that are written with the report, and of one that only the analysis can write."""

BESIDE_RESULTS = ("underlay", *SHOWN)
"""Settings that concern only pictures and copies of results."""

_COMPARED = ("threshold", "tdp")  # settings that are no files, which may have changed


def free_changes(given: Mapping[str, Any], options: Iterable[Options]) -> dict[str, Any]:
    """Return those of the given settings that change results with some options; UsageError for those that may not.

    A setting that may only be chosen before looking at the data has to be that of all results.
    """
    found, options = {}, list(options)
    for each in entries(Settings):
        if each.name not in given or each.is_positional or each.group == RUNNING:
            continue
        value, is_of_results = given[each.name], each.path == ("options",)
        others = [getattr(other, each.name) for other in options] if is_of_results else []
        if each.is_free:
            found[each.name] = value
        elif not is_of_results and value != each.default:
            raise _not_free(f"--{each.flag} cannot be used with --reports-only, which reads no maps")
        elif differing := [other for other in others if _plain(other) != _plain(value)]:
            shown = f"{_shown(value)}, but {_shown(differing[0])} in results"
            raise _not_free(f"--{each.flag} is {shown}, which --reports-only does not change")
    return {
        name: value
        for name, value in found.items()
        if name not in _COMPARED or any(getattr(each, name) != value for each in options)
    }


def with_label(out: Derivatives, label: str | None) -> list[Note]:
    """Return the records of the results with a label, of all without one; raise NoMatchError where there are none."""
    records = out.records()
    if label is None:
        return records
    labels = [labels_in_name(str(record.get("Name"))).get("model") for record in records]
    if label not in labels:
        existing = sorted({each for each in labels if each})
        raise NoMatchError(
            f"No result in {out.folder} has the label {label}",
            f"one of: {listing(existing, 20)}" if existing else "no --label, as no result has one",
        )
    return [record for record, own in zip(records, labels, strict=True) if own == label]


def saved_options(records: Iterable[Note], out: Derivatives) -> list[Options]:
    """Return the options of the results whose archives can be read."""
    found = []
    for record in records:
        with suppress(BidsAriError):
            found.append(_load(record, out)[1].options)
    return found


def _load(record: Note, out: Derivatives) -> tuple[str, ContrastResult]:
    """Return the name and the result of a record; raise DataError if it is damaged or of another result."""
    name = str(record.get("Name"))
    if (path := archive_of(record)) is None:
        raise DataError(f"{printable(name)} has no file ...{names.ARCHIVE_ENDING}", hint="Run the analysis again")
    result = archive.load_result(out.folder / path)
    if names.record_name(result) != in_order(f"{name}_")[:-1]:
        raise DataError(f"{out.folder / path} holds another result", name, "Run the analysis again")
    return name, result


def archive_of(record: Note) -> str | None:
    """Return the name of the file that holds the whole result of a record."""
    return next((file for file in sorted(files_of(record)) if file.endswith(names.ARCHIVE_ENDING)), None)


def _not_free(problem: str) -> UsageError:
    """Return the error about a setting that may not be changed after the analysis."""
    free = [f"--{each.flag}" for each in entries(Settings) if each.is_free]
    return UsageError(
        problem,
        f"flags that may be chosen after looking at the data: {listing(free, 20)}",
        "Remove it, or run the analysis without --reports-only",
    )


def _plain(value: Any) -> Any:
    """Return an option as archives have it: of a path, only the name."""
    return value.name if isinstance(value, Path) else value


def _shown(value: Any) -> str:
    """Return an option as on the command line."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(_plain(value))


def rebuild_result(
    record: Note, out: Derivatives, changes: Mapping[str, Any] | None = None, shown: Mapping[str, Any] | None = None
) -> None:
    """Write the report of a result again, from its archive; with `changes` that are free to choose, all of its files.

    `shown` are options of `BESIDE_RESULTS`. Raise DataError if the archive is damaged or of another result.
    """
    if archive_of(record) is None and not changes:
        log.warning(
            "%s has no file ...%s, and keeps its report", printable(str(record.get("Name"))), names.ARCHIVE_ENDING
        )
        return
    name, result = _load(record, out)
    is_other = "underlay" in (shown or {}) or result.options.underlay is not None  # archives have only its name
    with out.result(result.contrast.name):
        _write_again(record, result, out, changes or {}, shown or {}, {OTHER_UNDERLAY: True} if is_other else {})
    log.info("%s: report written again", name)


def shown_as(options: Options, contrast: str, kept: Outcome, out: Derivatives) -> Outcome | None:
    """Write reports and copies of kept results of the open contrast again, where the options `SHOWN` ask for others.

    Return the outcome; None if an archive is damaged, so that the contrast has to be analysed again.
    """
    changed: dict[str, Any] = {}
    try:
        for record in out.records_of(contrast):
            if archive_of(record) in kept.archives and (shown := not_shown(record, options)):
                if "figure_format" in shown:  # the figures that are there stay
                    shown["figure_format"] = (*_copies(record, out).get("figure_format", ()), *shown["figure_format"])
                changed |= shown
                shown["underlay"] = options.underlay  # archives have only its name
                _write_again(record, _load(record, out)[1], out, {}, shown)
    except DataError as error:
        log.info("%s", error)
        return None
    return shown_again(kept, changed) if changed else kept


def _write_again(
    record: Note,
    result: ContrastResult,
    out: Derivatives,
    changes: Mapping[str, Any],
    shown: Mapping[str, Any],
    marks: Mapping[str, bool] | None = None,
) -> None:
    """Write what changes of a result that was loaded, and record it, with `marks` of what its pictures show.

    Other arguments are as of `rebuild_result`.
    """
    others = [with_look(other, changes) if changes else other for other in _others(result, out)]
    before = result.regions
    if changes:
        result = with_look(result, changes)
    if beside := {**_copies(record, out), **shown}:
        result, *others = (replace(each, options=replace(each.options, **beside)) for each in (result, *others))
        check_cuts(cuts(result.options.slices), result.space)
    endings = (_KEPT, *_effects_of(result, before))
    still = (file for file in files_of(record) if _is_kept(file, endings if changes else None))
    kept = [_in_order(file, out) for file in still]
    written = files.write(result, out) if changes else []
    written += write_copies(result, out, [*kept, *written])
    found = summary_for_index(result)
    out.record(
        str(record.get("Name")),
        [*kept, *written, *write_report(result, out, others)],
        found | {"Shown": found["Shown"] | (marks or {})},
        **_of_record(record, is_changed=bool(changes)),
    )
    if changes.keys() & OF_REGIONS:
        _log_missing_effects(result, kept)


def _log_missing_effects(result: ContrastResult, kept: Collection[str]) -> None:
    """Log the sets of regions of a group without a table of the subjects' effects, which an analysis would write."""
    if result.design is None or result.design.n_differences > 1:
        return
    missing = [each.title for each in result.regions if not {*_effect_files(result, each)} & {*kept}]
    if missing:
        log.info(
            "%s: no table of the effects of subjects (..._effects.tsv) in %s, as results lack the maps of subjects; "
            "for this table run the analysis again with these regions, without --reports-only",
            names.record_name(result),
            listing(missing),
        )


def _in_order(file: str, out: Derivatives) -> str:
    """Return the name of a file of a result, which is written again if 0.1.0 put its entities in another order."""
    folder, slash, name = file.rpartition("/")
    new, path = folder + slash + in_order(name), out.folder / file
    return out.binary(new, path.read_bytes()) if new != file and path.is_file() else file


def _effects_of(result: ContrastResult, before: Sequence[RegionSet]) -> Iterator[str]:
    """Yield the names of the tables of effects in those regions of a changed result that were there before."""
    for regions in result.regions:
        if any(_are_same(regions, other) for other in before):
            yield from _effect_files(result, regions)


def _effect_files(result: ContrastResult, regions: RegionSet) -> Iterator[str]:
    """Yield the names of the table of effects in a set of regions and of its sidecar."""
    stem = names.effects_stem(result, regions)
    yield from (names.path_of(result, stem, "effects", extension) for extension in (".tsv", ".json"))


def _are_same(regions: RegionSet, other: RegionSet) -> bool:
    """Return whether two sets have the same regions under the same names."""
    if (regions.name, regions.variant, len(regions.regions)) != (other.name, other.variant, len(other.regions)):
        return False
    return all(
        (one.index, one.name) == (two.index, two.name) and np.array_equal(one.points, two.points)
        for one, two in zip(regions.regions, other.regions, strict=True)
    )


def _is_kept(file: str, endings: Iterable[str] | None) -> bool:
    """Return whether a file of a result is not written again: of a changed result only those with some endings."""
    if neurovault.is_of_folder(file) or file.endswith(workbook.ENDING):
        return False
    return not file.endswith(_OF_REPORT) if endings is None else file.endswith(tuple(endings))


def _copies(record: Note, out: Derivatives) -> dict[str, Any]:
    """Return the options of the pictures and copies that a result has, which are written again.

    Copies are those for NeuroVault, workbooks and figures. Those options in the archive are of the analysis.
    """
    files, slices = files_of(record), shown_of(record).get("slices")
    found: dict[str, Any] = {"neurovault": True} if any(map(neurovault.is_of_folder, files)) else {}
    if any(file.endswith(workbook.ENDING) for file in files):
        found["table_format"] = (workbook.XLSX,)
    with suppress(ValueError):  # the record may have been edited
        if slices and isinstance(slices, tuple) and are_slices(slices):
            found["slices"] = slices
    if formats := formats_of(out.folder / file for file in sorted(files)):
        found["figure_format"] = formats
    return found


def _of_record(record: Note, *, is_changed: bool) -> dict[str, Any]:
    """Return what a record keeps; without a fingerprint, the next analysis does not take a result for its own."""
    fingerprint, results, model = (record.get(key) for key in ("Fingerprint", "ContrastResults", "ModelFacts"))
    return {
        "fingerprint": fingerprint if isinstance(fingerprint, str) and not is_changed else "",
        "results": results if isinstance(results, list) and not is_changed else (),
        "model": model if isinstance(model, dict) else None,
        "runs": [each for each in entry(record, RUNS, list) if isinstance(each, str)][:1],
    }


def _others(result: ContrastResult, out: Derivatives) -> list[ContrastResult]:
    """Read the results of the same test that differ in alternative or in method, in the order of the options.

    One that cannot be read is reported with its own report.
    """
    others = []
    for alternative, method in product(result.options.alternative, result.options.method):
        if (alternative != result.alternative) != (method != result.method):
            other = replace(result, alternative=alternative, bound=replace(result.bound, method=method))
            with suppress(BidsAriError):
                others.append(archive.load_result(out.folder / names.archive_name(other)))
    return others
