"""Fingerprints of contrasts: digests of everything that their results depend on, so that unchanged ones are kept."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

from bids_ari.analysis.inputs import dof_of, f_test_of, metadata_of
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.images.files import read_header
from bids_ari.runtime.provenance import numeric_versions


def fingerprint(
    contrast: ContrastSet, design: Design | None, options: Options, known: Mapping[str, str] | None = None
) -> str:
    """Return a digest of the inputs of a contrast, the options and the versions of the software.

    Files count by their content: a dataset that was moved has the same fingerprint. `known` has the SHA-256 of files
    that were read, as in a result; others are read here.
    """
    known = known or {}
    hashes = {file.uri: known.get(file.uri) or _hash(file.path) for file in contrast.files}
    hashes |= hash_option_files(options) | {name: digest for name, digest in known.items() if name not in hashes}
    facts: list[object] = [
        numeric_versions(),
        {each.name: _plain(getattr(options, each.name)) for each in fields(options)},
        str(contrast.entities),
        contrast.stat,
        contrast.combined,
        contrast.paired,
        [str(entry) for entry in contrast.excluded],
        list(contrast.notes),
        sorted(hashes.items()),
        [[member.subject, [file.uri for file in member.all_maps], member.dof] for member in contrast.members],
    ]
    if any(member.is_weighted_sum for member in contrast.members):
        facts.append([member.uri for member in contrast.members])
    if options.template is not None:
        facts.append(_hash(options.template))
    if design is None:
        facts += [dof_of(member) for member in contrast.members if contrast.stat == "t"]
        facts += [f_test_of(m, metadata_of(m, is_needed=False)[0]) for m in contrast.members if contrast.stat == "z"]
        arrays = []
    else:
        facts += [design.subjects, design.columns, design.blocks, [*design.tests]]
        arrays = [design.matrix, *design.tests.values()]
    digest = hashlib.sha256(json.dumps(facts, default=str).encode())
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def hash_option_files(options: Options) -> dict[str, str]:
    """Return the SHA-256 of the mask, atlas, table, regions, template and model that were given as files."""
    paths = {"mask": options.mask, "atlas": Path(options.atlas) if options.atlas is not None else None}
    paths |= {"target grid": options.target_grid, "underlay": options.underlay}
    paths |= {f"region {i}": path for i, path in enumerate(options.roi, start=1)}
    paths |= {"atlas labels": options.atlas_labels, "model": options.model}
    files = {name: path for name, path in paths.items() if path is not None and path.is_file()}
    for name, path in files.items():
        if name not in ("atlas labels", "model"):
            read_header(path)  # an image of any size is not read before its header makes sense
    return {name: _cached_hash(path, path.stat().st_mtime_ns, path.stat().st_size) for name, path in files.items()}


def _plain(value: object) -> object:
    """Return an option as JSON has it; of a path, only the name."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.name if isinstance(value, Path) else value


@lru_cache(maxsize=64)
def _cached_hash(path: Path, mtime_ns: int, size: int) -> str:
    """Return the SHA-256 of a file, computed once for all contrasts."""
    return _hash(path)


def _hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
