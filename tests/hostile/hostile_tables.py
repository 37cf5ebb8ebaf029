"""Malformed tables of maps and of atlases, and malformed atlases."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from builders import SHAPE, brain
from hostile.making import (
    BOM,
    SCRIPT,
    Make,
    MakeFile,
    Words,
    file,
    given,
    group,
    image_at,
    refused,
    rng,
    run_on,
    works,
)


def manifest(*lines: str | bytes, end: bytes = b"\n", start: bytes = b"") -> Make:
    """A table with these lines, beside the maps ``maps/1.nii.gz`` to ``maps/3.nii.gz``."""

    def make(folder: Path) -> Words:
        random = rng()
        for i in (1, 2, 3):
            image_at(f"in/maps/{i}.nii.gz", brain(random, 3.0))(folder)
        text = end.join(line if isinstance(line, bytes) else line.encode() for line in lines)
        return run_on(folder, "--manifest", file("in/maps.tsv", start + text + end)(folder))

    return make


def _rows(*subjects: str, folder: str = "maps") -> Iterable[str]:
    return (f"{subject}\t{folder}/{i}.nii.gz" for i, subject in enumerate(subjects, 1))


_HEAD = "participant_id\teffect"
_GOOD = tuple(_rows("1", "2", "3"))
_TABLE = "maps.tsv"

MANIFESTS = (
    works("manifest: byte order mark", manifest(_HEAD, *_GOOD, start=BOM)),
    works("manifest: line ends of Windows", manifest(_HEAD, *_GOOD, end=b"\r\n", start=BOM)),
    works("manifest: line ends of old", manifest(_HEAD, *_GOOD, end=b"\r")),
    refused(65, "manifest: a column twice", manifest(_HEAD + "\teffect", *_GOOD), _TABLE, "more than once"),
    refused(65, "manifest: nobody", manifest("subject\teffect", *_GOOD), _TABLE, "no column participant_id"),
    refused(65, "manifest: no maps", manifest("participant_id\tmap", *_GOOD), _TABLE, "column effect or t"),
    refused(65, "manifest: a subject NaN", manifest(_HEAD, *_rows("1", "NaN")), "line 3", "expected a label"),
    works(
        "manifest: a column of a huge name",
        manifest(f"{_HEAD}\t{'c' * 10**5}", *(f"{row}\t1" for row in _GOOD)),
    ),
    refused(65, "manifest: ragged", manifest(_HEAD, *_GOOD, "4"), "line 5 has 1 cell", "expected 2"),
    refused(65, "manifest: empty", manifest(""), _TABLE, "is empty", "expected a line of column names"),
    refused(65, "manifest: a header alone", manifest(_HEAD), _TABLE, "is empty", "a line for each map"),
    refused(65, "manifest: binary", manifest(bytes(range(256))), _TABLE, "Save the table in UTF-8"),
    refused(65, "manifest: UTF-16", manifest(_HEAD.encode("utf-16")), _TABLE, "Save the table in UTF-8"),
    refused(65, "manifest: commas", manifest("participant_id,effect", "1,a.nii"), _TABLE, "no tabs"),
    refused(65, "manifest: half a quote", manifest(_HEAD, '"1\tmaps/1.nii.gz'), _TABLE, "quotes in pairs"),
    refused(65, "manifest: a huge cell", manifest(_HEAD, f"{'1' * 10**6}\tmaps/1.nii.gz"), _TABLE, "line 2"),
    refused(65, "manifest: a NUL", manifest(_HEAD, "1\tmaps/1\0.nii.gz"), "line 2", "printable text"),
    refused(65, "manifest: a comment", manifest(_HEAD, "#1\tmaps/1.nii.gz"), "line 2", "remove the line"),
    refused(65, "manifest: a map not there", manifest(_HEAD, *_GOOD, "4\t../4.nii"), "line 5", "Fix the table"),
    refused(
        65,
        "manifest: a path beyond all",
        manifest(_HEAD, f"1\t{'a/' * 900}{'b' * 300}.nii"),
        "line 2",
        "Fix the table",
    ),
    refused(
        65,
        "manifest: a name too long",
        manifest(_HEAD, f"1\t{'a' * 300}.nii"),
        "line 2",
        "Fix the table",
    ),
    refused(
        18, "manifest: a folder", manifest(_HEAD, "1\tmaps"), _TABLE, "can be read", "NIfTI, GIFTI or CIFTI images"
    ),
    works("manifest: a password", manifest(_HEAD, *_rows("1", "2"), "3\t/etc/passwd"), says=("not a NIfTI",)),
    works("manifest: detours", manifest(_HEAD, *_rows("1", "2", "3", folder="../in/./maps/..//maps")), "sub-3"),
    works("manifest: formulas", manifest(_HEAD, *_rows("=1+1", "@SUM(A1)", "=cmd|' /C calc'!A0")), "sub-=1+1"),
    works("manifest: markup", manifest(_HEAD, *_rows("<b>1", "../../x", "{{7*7}}")), "sub-<b>1", "sub-{{7*7}}"),
    refused(
        65, "manifest: a bad dof", manifest("participant_id\tt\tdof", "1\tmaps/1.nii.gz\tinf"), "line 2 has dof 'inf'"
    ),
    refused(
        74,
        "manifest: a folder in its place",
        lambda folder: group(folder, "--manifest", folder / "in"),
        "is a folder",
    ),
    refused(66, "manifest: none", lambda folder: group(folder, "--manifest", folder / "no.tsv"), "no.tsv"),
)


def atlas(*lines: str | bytes, end: bytes = b"\n", start: bytes = b"") -> Make:
    """An atlas of the parcels 1 and 2, and the lines of its table."""

    def make(folder: Path) -> Words:
        numbers = np.ones(SHAPE)
        numbers[SHAPE[0] // 2 :] = 2
        text = end.join(line if isinstance(line, bytes) else line.encode() for line in lines)
        file("halves.tsv", start + text + end)(folder)
        return group(folder, "--atlas", image_at("halves.nii.gz", numbers)(folder))

    return make


def atlas_of(values: object) -> Make:
    return given("--atlas", image_at("halves.nii.gz", values))


def atlas_labels(make_file: MakeFile) -> Make:
    return lambda folder: group(
        folder, "--atlas", image_at("halves.nii.gz")(folder), "--atlas-labels", make_file(folder)
    )


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def _with(value: float) -> np.ndarray:
    values = np.ones(SHAPE, dtype=np.float64)
    values[3, 3, 3] = value
    return values


_NUMBER, _NAMED = "index\tname", ("1\tleft", "2\tright")

_PLAIN = atlas(_NUMBER, "1\tleft", "2\tright")

ATLASES = (
    works("atlas: byte order mark", atlas(_NUMBER, *_NAMED, start=BOM), "left"),
    works("atlas: line ends of Windows", atlas(_NUMBER, *_NAMED, end=b"\r\n"), "right"),
    works("atlas: names that say nothing", atlas(_NUMBER, "1\tNaN", "2\tnull"), "NaN", "null"),
    works("atlas: a formula", atlas(_NUMBER, "1\t=cmd|' /C calc'!A0"), "=cmd|' /C calc'!A0"),
    works("atlas: half a quote", atlas(_NUMBER, '1\t5" left'), '5" left'),
    works("atlas: markup", atlas(_NUMBER, f"1\t{SCRIPT}", "2\t{{ 7*7 }}"), SCRIPT, "{{ 7*7 }}", twin=_PLAIN),
    works("atlas: an attribute", atlas(_NUMBER, "1\t' onload='x", '2\tb"><b>'), "' onload='x", twin=_PLAIN),
    works("atlas: a huge name", atlas(_NUMBER, f"1\t{'n' * 10**5}"), "nnn"),
    refused(
        65, "atlas: a column twice", atlas("index\tname\tname", "1\ta\tb"), "halves.tsv", "name, name", "one of each"
    ),
    refused(65, "atlas: no names", atlas("index\tcolour", "1\tred"), "halves.tsv", "columns index and name"),
    refused(65, "atlas: ragged", atlas(_NUMBER, "1\tleft", "2\tright\tx"), "halves.tsv", "tab-separated"),
    refused(65, "atlas: all too long", atlas(_NUMBER, "1\tleft\tx", "2\tright\tx"), "halves.tsv", "expected"),
    works("atlas: a cell too few", atlas(_NUMBER, "1\tleft", "2"), "left", "parcel 2"),
    works("atlas: a name of nothing", atlas(_NUMBER, "1\t", "2\tright"), "parcel 1", "right"),
    refused(65, "atlas: empty", atlas(""), "halves.tsv", "cannot be read as a table", "tab-separated"),
    refused(65, "atlas: binary", atlas(bytes(range(256))), "halves.tsv", "expected"),
    refused(65, "atlas: UTF-16", atlas(_NUMBER.encode("utf-16")), "halves.tsv", "UTF-8"),
    *(
        refused(65, f"atlas: number {number}", atlas(_NUMBER, f"{number}\tleft", "2\tright"), "halves.tsv", "integer")
        for number in ("nan", "inf", "one", "", "1e999", "1e300", "9999999999999999999999", "1.5")
    ),
    refused(65, "atlas: a number twice", atlas(_NUMBER, "1\ta", "1.0\tb"), "halves.tsv", "different numbers"),
    works("atlas: negative numbers", atlas(_NUMBER, "-1\ta", "1\tb"), "b"),
    refused(65, "atlas: a table of others", atlas(_NUMBER, "8\ta"), "halves.tsv", "table of its parcels"),
    works("atlas: values NaN", atlas_of(_with(np.nan))),
    refused(65, "atlas: only NaN", atlas_of(np.full(SHAPE, np.nan)), "halves.nii.gz", "number above 0"),
    refused(65, "atlas: values infinite", atlas_of(_with(np.inf)), "halves.nii.gz", "integer"),
    refused(65, "atlas: values halves", atlas_of(_with(1.5)), "halves.nii.gz", "one integer per parcel"),
    refused(65, "atlas: values vast", atlas_of(_with(1e20)), "halves.nii.gz", "1e+20", "up to 2147483647"),
    refused(65, "atlas: values negative", atlas_of(_with(-7)), "halves.nii.gz", "negative numbers, such as -7"),
    refused(65, "atlas: values zero", atlas_of(np.zeros(SHAPE)), "halves.nii.gz", "number above 0"),
    refused(66, "atlas: table absent", atlas_labels(lambda folder: folder / "no.tsv"), "no.tsv"),
    refused(74, "atlas: table a folder", atlas_labels(lambda folder: folder / "in"), "in cannot be read"),
    refused(74, "atlas: table a pipe", atlas_labels(_pipe), "pipe cannot be read"),
)
