"""Provenance of an output as an RO-Crate: ``ro-crate-metadata.json``, which describes runs, inputs and main results.

It follows RO-Crate 1.1 and its profile Process Run Crate 0.5 (https://www.researchobject.org/workflow-run-crate): each
run that wrote results which are there is an action, whose instrument is this program. Files of results other than the
main ones are not listed one by one; the records in ``logs/results/`` list all.
"""

import json
import os
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from bids_ari.bids.sidecars import DESCRIPTION, read_json
from bids_ari.errors import ReadError
from bids_ari.outputs.derivatives import RUNS, Derivatives
from bids_ari.outputs.description import CODE_URL
from bids_ari.outputs.records import Note, entry, leads_out
from bids_ari.runtime.provenance import without_paths

CRATE = "ro-crate-metadata.json"

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_SPECIFICATION = "https://w3id.org/ro/crate/1.1"
_TERMS = "https://w3id.org/ro/terms/workflow-run#"
_MORE_TERMS = {term: _TERMS + term for term in ("ContainerImage", "containerImage")}
_CONTEXT = [f"{_SPECIFICATION}/context", {"creditText": "http://schema.org/creditText", **_MORE_TERMS}]
"""The terms that are used: those of RO-Crate 1.1, and three that it lacks."""

_FORMATS = {
    ".html": "text/html",
    ".tsv": "text/tab-separated-values",
    ".npz": "application/zip",
    ".nii.gz": "application/gzip",
    ".gii": "application/xml",
    ".nii": "application/octet-stream",
    ".json": "application/json",
    ".toml": "application/toml",
    ".md": "text/markdown",
    ".txt": "text/plain",
}
"""Media type by extension."""

_MAIN = re.compile(
    r"_(report\.html|explorer\.html|forest\.npz|(design|clusters|tdp|effects)\.tsv)$"
    r"|_stat-(effect|t|F|z|tdp_(.*_)?desc-[^_]*All)_(.*_)?statmap\.(?!json)"
)
"""The main files of a result; of its TDP maps, that over all thresholds."""

_ABOUT = {
    "index.html": "All results, linked",
    "README.md": "Overview of the files",
    DESCRIPTION: "The output as a BIDS derivative dataset: sources, versions, how to acknowledge",
    "descriptions.tsv": "Meaning of each desc label in names of files",
}
"""Files about all results."""

Entity = dict[str, Any]


class _Run(NamedTuple):
    """A run: its folder, its provenance, and its results."""

    folder: str
    facts: Mapping[str, Any]
    ended: str
    results: Sequence[str]  # their main files


def write_crate(out: Derivatives) -> None:
    """Write the description of all results on disk and of the runs that wrote them; remove it if there are none."""
    if not (records := out.records()):
        out.remove(CRATE)
        return
    main = {str(record.get("Name")): _main(record) for record in records}
    runs = list(_runs(out, records, main))
    about = _read(out, DESCRIPTION)
    programs = {version: None for run in runs if (version := _version(run))}
    sources = [_source(name, link) for name, link in entry(about, "DatasetLinks", dict).items() if name]
    containers = {each["@id"]: each for run in runs if (each := _container(run))}
    logs = [f"{run.folder}/{name}" for run in runs for name in ("settings.toml", "provenance.json")]
    listed = [*_ABOUT, *chain.from_iterable(main.values()), *logs]
    there = _existing(out.folder, listed)
    ids = {name: _id(name) for name in listed if name in there}
    files = [_file(name, identifier) for name, identifier in ids.items()]
    actions = [_action(run, ids, sources) for run in runs]
    root = _root(about, records, files, actions)
    graph = [_DESCRIPTOR, root, _PROFILE, *_license(about), *files, *actions, *map(_program, programs)]
    encode = json.JSONEncoder(separators=(",", ":")).encode
    lines = ",\n".join(map(encode, [*graph, *sources, *containers.values()]))  # as fast as without lines
    out.text(CRATE, f'{{"@context":{encode(_CONTEXT)},"@graph":[\n{lines}\n]}}\n')


_DESCRIPTOR: Entity = {
    "@id": CRATE,
    "@type": "CreativeWork",
    "conformsTo": {"@id": _SPECIFICATION},
    "about": {"@id": "./"},
}
_PROFILE: Entity = {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}


def _runs(out: Derivatives, records: Iterable[Note], main: Mapping[str, Iterable[str]]) -> Iterator[_Run]:
    """Yield the runs of results with these main files, in their order; none whose log was removed."""
    found: dict[str, list[Note]] = {}
    before = _ends(_read(out, CRATE))
    for record in records:
        for folder in entry(record, RUNS, list):
            if isinstance(folder, str) and folder.startswith("logs/") and not leads_out(folder):
                found.setdefault(folder, []).append(record)
    for folder in sorted(found):
        if facts := _read(out, f"{folder}/provenance.json"):
            results = dict.fromkeys(name for record in found[folder] for name in main[str(record.get("Name"))])
            yield _Run(folder, facts, _end(out, folder, found[folder], before), tuple(results))


def _ends(crate: Note) -> dict[str, str]:
    """Return when the runs of an earlier crate ended, by their identifiers."""
    actions = [each for each in entry(crate, "@graph", list) if isinstance(each, dict) and "endTime" in each]
    return {str(each.get("@id")): str(each["endTime"]) for each in actions}


def _end(out: Derivatives, folder: str, records: Iterable[Note], before: Mapping[str, str]) -> str:
    """Return when the last result of a run was written, by it; later runs write results again, with their time."""
    if (out.folder / folder / "summary.json").is_file():  # the run has ended
        if end := before.get(_id_of_run(folder)):
            return end
        summary = _read(out, f"{folder}/summary.json")
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            ended = datetime.fromisoformat(summary["Started"]) + timedelta(seconds=summary["Seconds"])
            return ended.isoformat(timespec="seconds")
    return max(str(record.get("Time")) for record in records)


def _id_of_run(folder: str) -> str:
    return f"#{folder.rpartition('/')[2]}"


def _read(out: Derivatives, name: str) -> dict[str, Any]:
    """Read a file of the output; nothing if it is absent or damaged."""
    with suppress(ReadError):
        return read_json(out.folder / name)
    return {}


def _root(about: Note, records: Sequence[Note], files: Iterable[Entity], actions: Iterable[Entity]) -> Entity:
    """Return the output as a whole."""
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": str(about.get("Name") or "All-Resolutions Inference by bids_ari"),
        "description": "Group analysis of fMRI contrast maps with All-Resolutions Inference, a BIDS derivative dataset",
        "datePublished": max(str(record.get("Time")) for record in records),
        "license": {"@id": "#license"},
        "conformsTo": {"@id": PROFILE},
        "creditText": str(about.get("HowToAcknowledge") or ""),
        "hasPart": _links(files),
        "mentions": _links(actions),
    }


def _license(about: Note) -> list[Entity]:
    """Return the licence of the sources, as their description states it."""
    name = str(about.get("License") or "unknown")
    text = f"Licence of the source datasets, as they state it: {name}"
    return [{"@id": "#license", "@type": "CreativeWork", "name": name, "description": text}]


def _main(record: Note) -> list[str]:
    """Return the main files of a result."""
    names = (name for name in entry(record, "Files", list) if isinstance(name, str) and _MAIN.search(name))
    return sorted(name for name in names if not leads_out(name))


def _existing(folder: Path, names: Iterable[str]) -> set[str]:
    """Return those of the names that are files in a folder; on network file systems one list is faster than each."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for name in names:
        inner, slash, last = name.rpartition("/")
        wanted[inner + slash].add(last)
    found = set[str]()
    for inner, own in wanted.items():
        with suppress(OSError), os.scandir(folder / inner) as entries:
            found |= {inner + each.name for each in entries if each.name in own and each.is_file()}
    return found


def _file(name: str, identifier: str) -> Entity:
    """Return a file; its name, which RO-Crate 1.1 recommends, is what it is, or that within its folder."""
    found: Entity = {"@id": identifier, "@type": "File", "name": _ABOUT.get(name, name.rpartition("/")[2])}
    kind = next((kind for end, kind in _FORMATS.items() if name.endswith(end)), None)
    return found | ({"encodingFormat": kind} if kind else {})


def _id(name: str) -> str:
    """Return the path of a file as an identifier, in which URIs escape some characters."""
    return quote(name, safe="/+")


def _action(run: _Run, ids: Mapping[str, str], sources: Iterable[Entity]) -> Entity:
    """Return a run: the program, the inputs and settings, the results that are there, by their identifiers."""
    command = [word for word in entry(run.facts, "Command", list) if isinstance(word, str)]
    settings = ids.get(f"{run.folder}/settings.toml")
    found: Entity = {
        "@id": _id_of_run(run.folder),
        "@type": "CreateAction",
        "name": f"Run of bids_ari, {run.folder}",
        "description": shlex.join(without_paths(command)),
        "instrument": {"@id": _id_of_program(_version(run))},
        "startTime": str(run.facts.get("Started")),
        "endTime": run.ended,
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "object": _links([*sources, *([{"@id": settings}] if settings else [])]),
        "result": _links({"@id": ids[name]} for name in run.results if name in ids),
    }
    container = _container(run)
    return found | ({"containerImage": {"@id": container["@id"]}} if container else {})


def _version(run: _Run) -> str:
    """Return the version of this program in a run."""
    return str(entry(run.facts, "Versions", dict).get("bids_ari", "unknown"))


def _id_of_program(version: str) -> str:
    """Return the identifier of a version of this program."""
    return f"{CODE_URL}#{version}"


def _program(version: str) -> Entity:
    """Return this program."""
    return {
        "@id": _id_of_program(version),
        "@type": "SoftwareApplication",
        "name": "bids_ari",
        "version": version,
        "url": {"@id": CODE_URL},
    }


def _source(name: str, link: object) -> Entity:
    """Return a source dataset, by the name that BIDS URIs have of it."""
    text = f"Source dataset; bids:{name}: in URIs, {link} from this folder"
    return {"@id": f"#source-{quote(name)}", "@type": "CreativeWork", "name": name, "description": text}


def _container(run: _Run) -> Entity | None:
    """Return the container of a run; None outside any, and for one without a name."""
    facts = entry(run.facts, "Container", dict)
    kind, tag = facts.get("Type"), facts.get("Tag")
    if not isinstance(kind, str) or not isinstance(tag, str):
        return None
    image = {"apptainer": "SIFImage"}.get(kind, "DockerImage")
    return {
        "@id": f"#container-{quote(tag)}",
        "@type": "ContainerImage",
        "additionalType": {"@id": _TERMS + image},
        "name": tag,
    }


def _links(entities: Iterable[Entity]) -> list[dict[str, str]] | dict[str, str]:
    """Return references to entities: one alone is not in a list."""
    found = [{"@id": str(each["@id"])} for each in entities]
    return found[0] if len(found) == 1 else found
