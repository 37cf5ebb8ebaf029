"""Hostile datasets, tables, flags and folders, and harmless ones that look hostile: one table for all tests."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import brain, describe, write_map
from hostile.hostile_names import NAMES, PLACES
from hostile.hostile_tables import ATLASES, MANIFESTS
from hostile.hostile_words import FLAGS, WORD_FILES
from hostile.making import FIX, JSON, SCRIPT, Make, Words, file, group, refused, rng, run_on, works

# Sidecars of a participant's t map.


def sidecar(content: bytes | str | Callable[[Path], object]) -> Make:
    def make(folder: Path) -> Words:
        path = write_map(folder / "in", "01", brain(rng(), 3.0), stat="t", space=None)
        beside = path.with_name(path.name.replace(".nii.gz", ".json"))
        if callable(content):
            content(beside)
        else:
            beside.write_bytes(content if isinstance(content, bytes) else content.encode())
        return run_on(folder, "--stat", "t", level="participant")

    return make


def dof(value: str) -> Make:
    return sidecar(f'{{"DegreesOfFreedom": {value}}}')


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 100 * 2**20)


_DOF = ("DegreesOfFreedom", "expected a number above 0", "Add it")

SIDECARS = (
    refused(65, "sidecar: no JSON", sidecar("{dof: 3"), JSON, "is not JSON", FIX),
    refused(65, "sidecar: empty", sidecar(""), JSON, "is not JSON", FIX),
    refused(65, "sidecar: binary", sidecar(bytes(range(256))), JSON, "is not JSON", FIX),
    refused(65, "sidecar: a list", sidecar("[1]"), JSON, "holds no JSON object", FIX),
    refused(65, "sidecar: deep", sidecar('{"a":' * 100_000), JSON, "nested too deeply", FIX),
    refused(65, "sidecar: UTF-16", sidecar('{"a": 1}'.encode("utf-16")), JSON, "is not JSON", "UTF-8"),
    works("sidecar: byte order mark", sidecar(b'\xef\xbb\xbf{"DegreesOfFreedom": 20}')),
    works("sidecar: key twice, equal", sidecar('{"DegreesOfFreedom": 20, "DegreesOfFreedom": 20}')),
    works("sidecar: another key twice", sidecar('{"A": 1, "DegreesOfFreedom": 20, "A": 2}'), says=("'A' occurs",)),
    works("sidecar: another value NaN", sidecar('{"A": NaN, "DegreesOfFreedom": 20}'), says=("A is nan",)),
    refused(65, "sidecar: key twice", sidecar('{"DegreesOfFreedom": 1, "DegreesOfFreedom": 20}'), *_DOF),
    refused(74, "sidecar: a folder", sidecar(Path.mkdir), JSON, "is a folder; expected a file"),
    refused(74, "sidecar: not fetched", sidecar(lambda path: path.symlink_to("gone")), JSON, "datalad get"),
    refused(74, "sidecar: a pipe", sidecar(os.mkfifo), JSON, "is not a regular file"),
    refused(74, "sidecar: 100 MB", sidecar(_sparse), JSON, "104857600 bytes; expected at most 16777216 bytes"),
    refused(65, "sidecar: none", sidecar(lambda path: None), *_DOF),
    *(
        refused(65, f"sidecar: dof {value[:12]}", dof(value), *_DOF)
        for value in (
            "NaN",
            "1e999",
            "9" * 5000,
            '"12"',
            "-3",
            "0",
            "true",
            "null",
            "[20]",
            '{"a": 1}',
            r'"12\nERROR forged"',
            f'"{"x" * 10**5}"',
        )
    ),
    works("sidecar: dof tiny", dof("1e-300")),
    works("sidecar: dof vast", dof("1e308")),
)


# What the input says of itself.


def described(**fields: object) -> Make:
    def make(folder: Path) -> Words:
        describe(folder / "in", **fields)
        return group(folder)

    return make


def description(content: bytes | str) -> Make:
    def make(folder: Path) -> Words:
        file("in/dataset_description.json", content)(folder)
        return group(folder)

    return make


_UNUSED = ("dataset_description.json", "Nothing in it is used")

DESCRIPTIONS = (
    works("description: no JSON", description("{"), says=_UNUSED),
    works("description: empty", description(""), says=_UNUSED),
    works("description: binary", description(b"\xff\xfe\0\1"), says=_UNUSED),
    works("description: a list", description('["Name"]'), says=_UNUSED),
    works("description: deep", description('{"a":' * 50_000), says=_UNUSED),
    works("description: half a surrogate pair", description(r'{"Name": "\ud800"}'), says=_UNUSED),
    works("description: authors by number", described(Authors={"1": "Ada"})),
    works("description: authors that are none", described(Authors=[None, 3, ["x"], {}, ""])),
    works("description: a licence by number", described(License=7)),
    works("description: made by a text", described(GeneratedBy="bids_ari")),
    works("description: made by a list of lists", described(GeneratedBy=[["bids_ari"], None])),
    works("description: a type by number", described(DatasetType=["derivative"])),
    works("description: scripts", described(Name=SCRIPT, Authors=[SCRIPT, "a\tb\nc"], License=SCRIPT * 99)),
    refused(
        66,
        "description: pretends to be ours",
        described(GeneratedBy=[{"Name": "bids_ari"}]),
        "nothing but results of bids_ari",
        "--manifest",
    ),
)


# Where results shall go.


def output(prepare: Callable[[Path], object], name: str = "out") -> Make:
    """A file or folder exists in place of the output."""

    def make(folder: Path) -> Words:
        words = group(folder)
        prepare(folder / "out")
        return [words[0], str(folder / name), *words[2:]]

    return make


def _described(content: str) -> Callable[[Path], object]:
    return lambda out: file("dataset_description.json", content)(out)


def _read_only(out: Path) -> None:
    out.mkdir(mode=0o500)
    if os.access(out, os.W_OK):
        pytest.skip("this user can write everywhere")


OUTPUTS = (
    refused(73, "output: a file", output(Path.touch), "out is a file"),
    refused(73, "output: below a file", output(Path.touch, "out/deeper"), "out is a file"),
    refused(73, "output: a link to nothing", output(lambda out: out.symlink_to("gone")), "broken link"),
    refused(64, "output: a link to itself", output(lambda out: out.symlink_to("out")), "cannot be resolved"),
    refused(73, "output: read-only", output(_read_only), "out", "cannot be written: Permission denied"),
    refused(64, "output: the input", output(lambda out: None, "in"), "is the input folder; expected another folder"),
    refused(
        64, "output: a subject's folder", output(lambda out: None, "in/sub-01/x"), "among the files", "For example"
    ),
    refused(64, "output: another dataset", output(_described('{"Name": "own"}')), "holds another dataset; expected"),
    refused(64, "output: a broken dataset", output(_described("{")), "may hold another dataset", "remove that file"),
    refused(64, "output: a list for a dataset", output(_described("[]")), "may hold another", "remove that file"),
    refused(64, "output: half ours", output(_described('{"GeneratedBy": {"Name": "bids_ari"}}')), "expected an empty"),
    refused(
        73, "output: a file for a folder", output(lambda out: file("group", "")(out)), "group", "cannot be written"
    ),
    refused(73, "output: a file for the logs", output(lambda out: file("logs", "")(out)), "logs", "cannot be written"),
)


HOSTILE_DATASETS = SIDECARS + DESCRIPTIONS + NAMES + PLACES + MANIFESTS + ATLASES + WORD_FILES + OUTPUTS + FLAGS
"""Every case. Names are unique."""
