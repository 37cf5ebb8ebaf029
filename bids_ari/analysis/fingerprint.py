"""Fingerprints of contrasts: digests of everything that their results depend on, so that unchanged ones are kept."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path

from bids_ari.analysis.inputs import dof_of, f_test_of
from bids_ari.analysis.option_files import hash_file, hash_files, option_files
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.config.options import SHOWN, Options
from bids_ari.design.design import Design
from bids_ari.images.afni_bricks import parts_of
from bids_ari.runtime.provenance import numeric_versions


def fingerprint(
    contrast: ContrastSet, design: Design | None, options: Options, known: Mapping[str, str] | None = None
) -> str:
    """Return a digest of the inputs of a contrast, the options and the versions of the software.

    Files count by their content: a dataset that was moved has the same fingerprint. The options `SHOWN` do not count.
    `known` has the SHA-256 of files that were read, as in a result; others are read here.
    """
    known = known or {}
    hashes = {file.uri: known.get(file.uri) or hash_file(file.path) for file in contrast.files}
    hashes |= {f"{file.uri} {path.suffix}": hash_file(path) for file in contrast.files for path in _beside(file.path)}
    hashes |= hash_files(option_files(options, contrast))
    hashes |= {name: digest for name, digest in known.items() if name not in hashes}
    facts: list[object] = [
        numeric_versions(),
        {
            each.name: _plain(each.default if each.name in SHOWN else getattr(options, each.name))
            for each in fields(options)
        },
        str(contrast.entities),
        contrast.stat,
        contrast.combined,
        contrast.paired,
        [str(entry) for entry in contrast.excluded],
        list(contrast.notes),
        sorted(hashes.items()),
        [
            [member.subject, [file.uri for each in member.all_maps for file in each.files], member.dof]
            for member in contrast.members
        ],
    ]
    if any(member.is_weighted_sum for member in contrast.members):
        facts.append([member.uri for member in contrast.members])
    if contrast.within is not None:
        facts.append([*contrast.within.levels, contrast.within.rows, [member.rows for member in contrast.members]])
    if options.template is not None:
        facts.append(hash_file(options.template))
    if design is None:
        facts += [dof_of(member) for member in contrast.members if contrast.stat == "t"]
        facts.append(f_test_of(contrast))
        arrays = []
    else:
        facts += [design.subjects, design.columns, design.blocks, [*design.tests]]
        arrays = [design.matrix, *design.tests.values()]
    digest = hashlib.sha256(json.dumps(facts, default=str).encode())
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def _beside(path: Path) -> list[Path]:
    """Return the other files of a map: the header of a pair of files, also its orientation; the values of AFNI's."""
    if path.suffix != ".img":
        return list(parts_of(path)[1:])
    return [each for each in (path.with_suffix(".hdr"), path.with_suffix(".mat")) if each.exists()]


def family_of(fingerprints: Iterable[str]) -> str:
    """Return the digest of the results of a run whose bounds hold together, from the fingerprints of its contrasts."""
    return hashlib.sha256(" ".join(sorted(fingerprints)).encode()).hexdigest()


def in_family(fingerprint: str, family: str) -> str:
    """Return the fingerprint of a contrast whose results also depend on the others of a family, see `family_of`."""
    return hashlib.sha256(f"{fingerprint} {family}".encode()).hexdigest()


def _plain(value: object) -> object:
    """Return an option as JSON has it; of a path, only the name."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.name if isinstance(value, Path) else value
