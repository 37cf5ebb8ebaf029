"""A folder for NeuroVault: images, a table of their metadata, and what is left to do by hand.

NeuroVault takes a folder of volumes. Their metadata are entered in a table of its site, whose columns are those of
`COLUMNS`; rows that were copied from a spreadsheet can be pasted there. The table here has the rows in the order in
which NeuroVault lists the images of a folder: sorted by name.
"""

import csv
import io
import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from bids_ari.analysis.result import ContrastResult
from bids_ari.errors import counted
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.names import record_name
from bids_ari.outputs.neurovault_images import collection_of, file_name, images_of, row_of, unfit
from bids_ari.outputs.records import entry
from bids_ari.outputs.workbook import UNKNOWN, workbook

log = logging.getLogger(__name__)

FOLDER = "neurovault"
"""Folder of the images, in the output."""

METADATA = f"{FOLDER}/images_metadata.csv"
WORKBOOK = f"{FOLDER}/images_metadata.xlsx"
README = f"{FOLDER}/README.md"

RECORD = "NeuroVault"
"""Key of a record for the rows of its images, or the reason why it has none."""

COLUMNS = (
    *("Filename", "name", "target_template_image", "map_type", "analysis_level", "number_of_subjects", "modality"),
    *("cognitive_paradigm_cogatlas", "description", "figure", "age", "sex", "ethnicity", "race", "handedness"),
    *("bis11_score", "bis_bas_score", "spsrq_score", "BMI", "fat_percentage", "waist_hip_ratio"),
    *("hours_since_last_meal", "days_since_menstruation", "mean_PDS_score", "tanner_stage", "contrast_definition"),
    "cognitive_paradigm_description_url",
)
"""Columns of the table of metadata, in NeuroVault's order: those that it requires come first."""


def is_of_folder(file: str) -> bool:
    """Return whether a file of a result, relative to the output, is an image for NeuroVault."""
    return file.startswith(f"{FOLDER}/")


def write(result: ContrastResult, out: Derivatives) -> list[str]:
    """Write the images of a result, if NeuroVault takes them; return their paths, relative to the output."""
    if reason := unfit(result):
        log.warning("%s: no images for NeuroVault, %s", record_name(result), reason)
        return []
    return [
        out.image(f"{FOLDER}/{file_name(each.entities)}", file.image)
        for each in images_of(result)
        for file in result.space.files(*each.values)
    ]


def note(result: ContrastResult) -> dict[str, Any]:
    """Return the entry of a record from which `write_metadata` describes the images; nothing without the option."""
    if not result.options.neurovault:
        return {}
    if reason := unfit(result):
        return {RECORD: {"Reason": reason}}
    return {
        RECORD: {"Images": [row_of(result, each) for each in images_of(result)], "Collection": collection_of(result)}
    }


def write_metadata(out: Derivatives) -> None:
    """Write the table of metadata and the README for the images of all results; remove them if there are none."""
    records = sorted(out.records(), key=lambda record: str(record.get("Time")))  # of shared images the last text holds
    found = [(str(record.get("Name")), each) for record in records for each in _notes_of(record)]
    if not found:
        for name in (METADATA, WORKBOOK, README):
            out.remove(name)
        return
    each_row = dict(_rows(out, (each for _, each in found)))
    rows = {name: each_row[name] for name in sorted(each_row)}
    table = [list(COLUMNS), *([row.get(column, "") for column in COLUMNS] for row in rows.values())]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    out.text(METADATA, text.getvalue())
    out.binary(WORKBOOK, workbook({"images": [[cell or UNKNOWN for cell in line] for line in table]}))
    facts = [each["Collection"] for _, each in found if _is_texts(each.get("Collection"))]
    reasons = {name: reason for name, each in found if (reason := entry(each, "Reason", str))}
    out.text(README, _readme(rows, facts, reasons))


def _rows(out: Derivatives, notes: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the metadata of each image that exists, with its name."""
    for row in chain.from_iterable(entry(note, "Images", list) for note in notes):
        if _is_texts(row) and (out.folder / FOLDER / (name := row.get("Filename", ""))).is_file():
            yield name, row


def _notes_of(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the entries of a record; none of a damaged one."""
    for summary in entry(record, "Results", list):
        if isinstance(summary, dict) and isinstance(summary.get(RECORD), dict):
            yield summary[RECORD]


def _is_texts(value: object) -> bool:
    """Return whether a part of a record has texts only."""
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def _readme(rows: Mapping[str, Mapping[str, str]], facts: list[dict[str, str]], reasons: Mapping[str, str]) -> str:
    """Return what is left to do by hand; where there is no image, only why."""
    if not rows:
        return f"# For NeuroVault\n\nThere are no images.\n\n{_absent(reasons)}"
    known: dict[str, dict[str, None]] = {}
    for each in facts:
        for key, value in each.items():
            known.setdefault(key, {})[value] = None
    text = Path(__file__).with_name("neurovault_readme.md").read_text(encoding="utf-8")
    parts = {
        "n_images": counted(len(rows), "image"),
        "no_template": "" if all("target_template_image" in row for row in rows.values()) else _NO_TEMPLATE,
        "no_level": "" if all("analysis_level" in row for row in rows.values()) else _NO_LEVEL,
        "collection": "".join(f"   - {key}: {'; '.join(values)}\n" for key, values in known.items()),
        "absent": _absent(reasons) or "None.\n",
    }
    for key, value in parts.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def _absent(reasons: Mapping[str, str]) -> str:
    """Return the reason of each result without images, as a list."""
    return "".join(f"- `{name}`: {reason.replace('which', 'NeuroVault', 1)}\n" for name, reason in reasons.items())


_NO_TEMPLATE = """\
   - `target_template_image`, where it is empty: the names of these maps have no `space-`. NeuroVault takes only maps in
     MNI space, or of the templates that it lists
"""
_NO_LEVEL = """\
   - `analysis_level` (group, single-subject, meta-analysis) and `number_of_subjects`, where they are empty: a map of
     another program does not state them
"""
