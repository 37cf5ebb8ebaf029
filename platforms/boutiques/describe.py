"""Describe the command line of bids-ari for Boutiques: ``python platforms/boutiques/describe.py`` writes it anew.

All is read from the parser, its help and the table of exit codes; the tables here hold what a parser cannot tell.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bids_ari import __version__
from bids_ari.cli import main as cli
from bids_ari.cli.arguments import EXIT_CODES
from bids_ari.cli.runner import some_path
from bids_ari.config.options import WIDEST
from bids_ari.config.settings import LEVELS

Described = dict[str, Any]

PLATFORMS = Path(__file__).parents[1]
WRITTEN = (PLATFORMS / "boutiques" / "bids_ari.json", PLATFORMS / "nipoppy" / "bids_ari" / "descriptor.json")
"""Nipoppy wants a copy within its bundle."""

SOURCE = "https://github.com/bids-ari/bids_ari"
IMAGE = f"ghcr.io/bids-ari/bids_ari:{__version__}"

_LEFT_OUT = ("help", "version")

_MADE = ("output_dir", "work_dir", "bids_database_dir")
"""Folders that need not be there yet: as files, they would be looked for before the run."""

_CHOICES = {"level": LEVELS, "verbose": ("-v", "-vv")}

_ABOVE_0 = {"minimum": 0, "exclusive-minimum": True}
_LIMITS: dict[str, Described] = {
    "coverage": {**_ABOVE_0, "maximum": 1},
    "smoothing": {"minimum": 0, "maximum": WIDEST},
    "alpha": {**_ABOVE_0, "maximum": 1, "exclusive-maximum": True},
    "threshold": {"minimum": 0},
    "tdp": {**_ABOVE_0, "maximum": 1},
    "n_permutations": {"minimum": 1},
    "delta": {"minimum": 0},
    "random_seed": {"minimum": 0},
    "nprocs": {"minimum": 1},
    "omp_nthreads": {"minimum": 1},
}

_OF_A_GROUP = [
    *("combine", "paired", "participants", "formula", "test", "model", "node", "estimator", "variance", "missing"),
    *("target_grid", "target_grid_name", "coverage", "smoothing"),
    *("n_permutations", "family", "delta", "step_down", "shuffle", "blocks", "random_seed", "template"),
    *("dask_scheduler", "save_template"),
]

_OF_BETA = ["delta", "template", "save_template"]

_RELATIONS: dict[str, Described] = {
    "level": {"value-disables": {"participant": _OF_A_GROUP, "group": []}},
    "model": {"disables-inputs": ["formula", "test"]},
    "node": {"requires-inputs": ["model"]},
    "estimator": {"value-disables": {"ols": [], "fixed": ["smoothing"], "mixed": ["smoothing"]}},
    "family": {"value-disables": {"simes": ["template", "save_template"], "beta": _OF_BETA, "learned": ["delta"]}},
    "save_template": {"disables-inputs": ["template"]},
    "dask_scheduler": {"requires-inputs": ["work_dir"]},
    "atlas_labels": {"requires-inputs": ["atlas"]},
}

_OUTPUTS = (
    ("index", "Index", "index.html", "All results, linked"),
    ("group_reports", "Reports of groups", "group/*_report.html", "One for each contrast, test and direction"),
    ("subject_reports", "Reports of subjects", "sub-*/*_report.html", "Those of sessions are one folder deeper"),
    ("clusters", "Clusters", "group/*_clusters.tsv", "Size, TDN, TDP and peaks of the clusters of groups"),
    ("summary", "Summary", "logs/*/summary.json", "What was done and what failed, for machines"),
)


def describe() -> Described:
    """Give the descriptor."""
    parser = cli.parser()
    actions = [each for each in parser._actions if each.dest not in _LEFT_OUT and each.help != argparse.SUPPRESS]
    inputs = [described for action in actions for described in _inputs(action)]
    return {
        "name": "bids_ari",
        "description": parser.description,
        "tool-version": __version__,
        "schema-version": "0.5",
        "author": "The bids_ari developers",
        "url": SOURCE,
        "descriptor-url": f"{SOURCE}/blob/main/platforms/boutiques/bids_ari.json",
        "command-line": " ".join(["bids-ari", *(each["value-key"] for each in inputs)]),
        "container-image": {"type": "docker", "image": IMAGE},
        "shell": "/bin/bash",  # under Apptainer, /bin/sh becomes a login shell, which forgets the PATH of the image
        "inputs": inputs,
        "groups": [_either(action) for action in actions if _words(action)],
        "output-files": [_output(*each) for each in _OUTPUTS],
        "error-codes": _error_codes(),
        "tags": {"domain": ["neuroinformatics", "fmri"]},
        "suggested-resources": {"cpu-cores": 2, "ram": 4},
    }


def text() -> str:
    """Give the descriptor as it is written."""
    return json.dumps(describe(), indent=2) + "\n"


def _inputs(action: argparse.Action) -> Iterator[Described]:
    """Describe a flag or a positional word; one that takes a file or a name is two inputs, of two types."""
    yield _input(action, action.dest, _kind(action))
    if words := _words(action):
        choices = [word for word in words if word.islower()]
        yield _input(action, _name_of(action), {"type": "String", **({"value-choices": choices} if choices else {})})


def _input(action: argparse.Action, key: str, kind: Described) -> Described:
    """Describe an input of a kind."""
    described = {
        "id": key,
        "name": key.replace("_", " ").capitalize(),
        "description": str(action.help) % vars(action),
        **kind,
        "value-key": _value_key(key),
        "optional": bool(action.option_strings),
    }
    if action.option_strings and action.dest not in _CHOICES:
        described["command-line-flag"] = next(word for word in action.option_strings if word.startswith("--"))
    if action.option_strings and action.nargs in ("+", "*"):
        described |= {"list": True, "list-separator": " "}
        described |= {"min-list-entries": 1} if action.nargs == "+" else {}
    return described | _LIMITS.get(key, {}) | _RELATIONS.get(key, {})


def _value_key(key: str) -> str:
    """Give what stands for an input in the command line; no column of a table, as ``group[ALPHA]``, is called so."""
    return f"[ARI_{key.upper()}]"


def _kind(action: argparse.Action) -> Described:
    """Give the type of an input, with its choices."""
    choices = action.choices or _CHOICES.get(action.dest)
    if choices is not None:  # also of numbers: a Boutiques integer would forget its choices
        return {"type": "Number" if action.type is int else "String", "value-choices": list(choices)}
    if action.nargs == 0:
        return {"type": "Flag"}
    if action.type in (some_path, Path) or _words(action):
        return {"type": "String" if action.dest in _MADE else "File"}
    if action.type is int:
        return {"type": "Number", "integer": True}
    return {"type": "Number" if action.type is float else "String"}


def _words(action: argparse.Action) -> list[str]:
    """Give what a flag takes in place of a file: ``FILE|first|template``."""
    return str(action.metavar or "").split("|")[1:]


def _name_of(action: argparse.Action) -> str:
    return f"{action.dest}_name"


def _either(action: argparse.Action) -> Described:
    """Describe that the two inputs of one flag exclude each other."""
    return {
        "id": f"either_{action.dest}",
        "name": f"{action.dest.replace('_', ' ').capitalize()}: a file or a name",
        "members": [action.dest, _name_of(action)],
        "mutually-exclusive": True,
    }


def _output(key: str, name: str, path: str, about: str) -> Described:
    """Describe files that a run may write."""
    template = f"{_value_key('output_dir')}/{path}"
    described = {"id": key, "name": name, "description": about, "path-template": template, "optional": True}
    return described | ({"list": True} if "*" in path else {})


def _error_codes() -> list[Described]:
    """Take the exit codes but that of success from the help."""
    told = re.split(r", (?=\d)", EXIT_CODES.removeprefix("Exit codes: ").removesuffix("."))
    codes = [each.partition(" ") for each in told]
    return [{"code": int(code), "description": about} for code, _, about in codes if code != "0"]


if __name__ == "__main__":
    for path in WRITTEN:
        path.write_text(text(), encoding="utf-8")
