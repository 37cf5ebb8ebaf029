"""Write the Boutiques descriptor of bids-ari: ``python platforms/boutiques/describe.py``.

Inputs come from the table of options, exit codes from their table; the tables here hold what only Boutiques needs.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bids_ari import __version__
from bids_ari.cli import main as cli
from bids_ari.config.families import FAMILIES
from bids_ari.config.settings import Modes, Settings
from bids_ari.config.table import Option, entries
from bids_ari.errors import EXIT_CODES

Descriptor = dict[str, Any]

PLATFORMS = Path(__file__).parents[1]
WRITTEN = (PLATFORMS / "boutiques" / "bids_ari.json", PLATFORMS / "nipoppy" / "bids_ari" / "descriptor.json")
"""The descriptor, and its copy in the bundle of Nipoppy."""

SOURCE = "https://github.com/bids-ari/bids_ari"
IMAGE = f"ghcr.io/bids-ari/bids_ari:{__version__}"

_CREATED = ("output_dir", "work_dir", "bids_database_dir")
"""Folders that may not exist yet: Boutiques checks before the run that inputs of type File exist."""

_FILES = ("surface",)
"""Options that are files on the command line of a container, which mounts them: without L= and R= before them."""

_VERBOSE = {
    "id": "verbose",
    "name": "Verbose",
    "description": "log more; -vv: also the log of libraries",
    "type": "String",
    "value-choices": ["-v", "-vv"],
    "value-key": "[ARI_VERBOSE]",
    "optional": True,
}

_QUIET = {
    "id": "quiet",
    "name": "Quiet",
    "description": "write errors only: no progress, notes and warnings, which are in the log of the output folder and "
    "in the reports",
    "type": "Flag",
    "command-line-flag": "--quiet",
    "value-key": "[ARI_QUIET]",
    "disables-inputs": ["verbose"],
    "optional": True,
}

_RELATIONS: dict[str, Descriptor] = {
    "model": {"disables-inputs": ["formula", "test"]},
    "node": {"requires-inputs": ["model"]},
    "estimator": {"value-disables": {"ols": [], "fixed": ["smoothing"], "mixed": ["smoothing"]}},
    "family": {
        "value-disables": {
            name: [
                *([] if family.has_delta else ["delta"]),
                *([] if family.is_learned else ["template", "save_template"]),
            ]
            for name, family in FAMILIES.items()
        }
    },
    "save_template": {"disables-inputs": ["template"]},
    "atlas_labels": {"requires-inputs": ["atlas"]},
    "mask_threshold": {"requires-inputs": ["mask"]},
    "roi_threshold": {"requires-inputs": ["roi"]},
}

_OUTPUTS = (
    ("index", "Index", "index.html", "Links to all results"),
    ("group_reports", "Reports of groups", "group/*_report.html", "One per contrast, test, alternative and method"),
    ("subject_reports", "Reports of subjects", "sub-*/*_report.html", "Reports of sessions are one folder deeper"),
    ("clusters", "Clusters", "group/*_clusters.tsv", "Size, TDN, TDP and peaks of the clusters of groups"),
    ("summary", "Summary", "logs/*/summary.json", "Results and failures, machine-readable"),
)


def describe(*tables: type) -> Descriptor:
    """Return the descriptor of a command with the options of these classes."""
    found = [option for table in tables for option in entries(table)]
    inputs = [described for option in found for described in _inputs(option)] + [_VERBOSE, _QUIET]
    of_group = [each["id"] for option in found if not option.is_for_one_map for each in _inputs(option)]
    for each in inputs:
        each.update(_RELATIONS.get(each["id"], {}))
        if each["id"] == "level":
            each["value-disables"] = {"participant": of_group, "group": []}
    return {
        "name": "bids_ari",
        "description": cli.parser().description,
        "tool-version": __version__,
        "schema-version": "0.5",
        "author": "The bids_ari developers",
        "url": SOURCE,
        "descriptor-url": f"{SOURCE}/blob/main/platforms/boutiques/bids_ari.json",
        "command-line": " ".join(["bids-ari", *(each["value-key"] for each in inputs)]),
        "container-image": {"type": "docker", "image": IMAGE},
        "shell": "/bin/bash",  # under Apptainer, /bin/sh becomes a login shell, which resets the PATH of the image
        "inputs": inputs,
        "groups": [_either(option) for option in found if option.words],
        "output-files": [_output(*each) for each in _OUTPUTS],
        "error-codes": [{"code": code, "description": text} for code, text in sorted(EXIT_CODES.items()) if code],
        "tags": {"domain": ["neuroinformatics", "fmri"]},
        "suggested-resources": {"cpu-cores": 2, "ram": 4},
    }


def as_text(descriptor: Descriptor) -> str:
    """Return a descriptor as the text of a file."""
    return json.dumps(descriptor, indent=2) + "\n"


def _inputs(option: Option) -> Iterator[Descriptor]:
    """Yield the inputs of an option: one, or two of different types where a word is accepted in place of a file."""
    yield _input(option, option.name, _type(option))
    if option.words:
        choices = [word for word in option.words if word.islower()]
        yield _input(option, _name_of(option), {"type": "String"} | ({"value-choices": choices} if choices else {}))


def _input(option: Option, key: str, kind: Descriptor) -> Descriptor:
    """Return an input of a type."""
    described = {
        "id": key,
        "name": key.replace("_", " ").capitalize(),
        "description": option.help if option.is_positional else option.full_help(),
        **kind,
        "value-key": _value_key(key),
        "optional": not option.is_positional,
    }
    if not option.is_positional:
        described["command-line-flag"] = f"--{option.flag}"
    if option.is_list:
        described |= {"list": True, "list-separator": " "} | ({} if option.may_be_empty else {"min-list-entries": 1})
    return described


def _value_key(key: str) -> str:
    """Return the placeholder of an input in the command line; no level of a factor, as in ``group[ALPHA]``, has it."""
    return f"[ARI_{key.upper()}]"


def _type(option: Option) -> Descriptor:
    """Return the type of an input, with its choices and limits."""
    is_number = option.kind in (int, float) and not option.convert
    if option.choices:  # also of numbers: an integer of Boutiques ignores its choices
        return {"type": "Number" if is_number else "String", "value-choices": list(option.choices)}
    if option.kind is bool:
        return {"type": "Flag"}
    if option.kind is Path or option.words or option.name in _FILES:
        return {"type": "String" if option.name in _CREATED else "File"}
    if not is_number:
        return {"type": "String"}
    return {"type": "Number"} | ({"integer": True} if option.kind is int else {}) | _limits(option)


def _limits(option: Option) -> Descriptor:
    """Return the limits of a number."""
    found: Descriptor = {}
    for key, closed, strict in (("minimum", option.at_least, option.above), ("maximum", option.at_most, option.below)):
        if (limit := closed if closed is not None else strict) is not None and math.isfinite(limit):
            found |= {key: limit} | ({} if closed is not None else {f"exclusive-{key}": True})
    return found


def _name_of(option: Option) -> str:
    return f"{option.name}_name"


def _either(option: Option) -> Descriptor:
    """Return the group of the two inputs of one option, which exclude each other."""
    return {
        "id": f"either_{option.name}",
        "name": f"{option.name.replace('_', ' ').capitalize()}: a file or a name",
        "members": [option.name, _name_of(option)],
        "mutually-exclusive": True,
    }


def _output(key: str, name: str, path: str, about: str) -> Descriptor:
    """Return files that a run may write."""
    template = f"{_value_key('output_dir')}/{path}"
    described = {"id": key, "name": name, "description": about, "path-template": template, "optional": True}
    return described | ({"list": True} if "*" in path else {})


if __name__ == "__main__":
    for path in WRITTEN:
        path.write_text(as_text(describe(Settings, Modes)), encoding="utf-8")
