"""Datasets, tables, words and places that nobody can trust, and some that only look so: one table for all tests.

Each case makes a folder and gives the words of the command that is run on it. The input is ``in``, the output ``out``
in that folder; nothing else there may change.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, NamedTuple

import nibabel as nib
import numpy as np
import pytest
from builders import SHAPE, brain, describe, image, map_path, write_group, write_map

Words = list[str]
Make = Callable[[Path], Words]


class HostileDataset(NamedTuple):
    """What is run, how it ends, and what its message says of it.

    `shows`: where all goes well, what a page must show, as text. `twin`: the same with words that ask for nothing; its
    pages must have the same elements. `drawn`: pictures hold words of the case. `fault`: what is wrong, and known.
    """

    name: str
    make: Make
    expected_exit: int
    says: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    twin: Make | None = None
    drawn: bool = False
    command: Literal["bids-ari", "bids-ari-map"] = "bids-ari"
    fault: str = ""


def group(folder: Path, *more: object, n: int = 3, signal: float = 3.0, **names: str | None) -> Words:
    """Write a group, and give the words that analyse it; as quickly as can be."""
    write_group(folder / "in", n, _rng(), signal=signal, **{"space": None, **names})
    return run_on(folder, *more)


def run_on(folder: Path, *more: object, level: str = "group") -> Words:
    """The words of a run on what is in a folder."""
    return [str(folder / "in"), str(folder / "out"), level, "--threshold", "2", "--tdp", "0.5", *map(str, more)]


def named(label: str) -> Make:
    """A group in whose names a label is everywhere."""

    def make(folder: Path) -> Words:
        rng = _rng()
        for i in range(3):
            write_map(folder / "in", f"{label}{i}", brain(rng, 3.0), contrast=label, task=label, space=label)
        return run_on(folder)

    return make


def file(name: str, content: bytes | str) -> Callable[[Path], Path]:
    """A file beside the dataset."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def given(flag: str, make_file: Callable[[Path], object]) -> Make:
    """A group, and a flag that names a file."""
    return lambda folder: group(folder, flag, make_file(folder))


def flags(*words: str) -> Make:
    return lambda folder: group(folder, *words)


# Sidecars of a participant's t map.


def sidecar(content: bytes | str | Callable[[Path], object]) -> Make:
    def make(folder: Path) -> Words:
        path = write_map(folder / "in", "01", brain(_rng(), 3.0), stat="t", space=None)
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


_JSON, _MEND = "statmap.json", "Mend or remove it"
_DOF = ("DegreesOfFreedom", "expected a number above 0", "--stat z")

SIDECARS = (
    HostileDataset("sidecar: no JSON", sidecar("{dof: 3"), 65, (_JSON, "is not JSON", _MEND)),
    HostileDataset("sidecar: empty", sidecar(""), 65, (_JSON, "is not JSON", _MEND)),
    HostileDataset("sidecar: binary", sidecar(bytes(range(256))), 65, (_JSON, "is not JSON", _MEND)),
    HostileDataset("sidecar: a list", sidecar("[1]"), 65, (_JSON, "holds no JSON object", _MEND)),
    HostileDataset("sidecar: deep", sidecar('{"a":' * 100_000), 65, (_JSON, "nested too deeply", _MEND)),
    HostileDataset("sidecar: UTF-16", sidecar('{"a": 1}'.encode("utf-16")), 65, (_JSON, "is not JSON", "UTF-8")),
    HostileDataset("sidecar: byte order mark", sidecar(b'\xef\xbb\xbf{"DegreesOfFreedom": 20}'), 0),
    HostileDataset("sidecar: said twice", sidecar('{"DegreesOfFreedom": 1, "DegreesOfFreedom": 20}'), 0),
    HostileDataset("sidecar: a folder", sidecar(Path.mkdir), 74, (_JSON, "is a folder; expected a file")),
    HostileDataset("sidecar: not fetched", sidecar(lambda path: path.symlink_to("gone")), 74, (_JSON, "datalad get")),
    HostileDataset("sidecar: a pipe", sidecar(os.mkfifo), 74, (_JSON, "is no regular file")),
    HostileDataset("sidecar: 100 MB", sidecar(_sparse), 74, (_JSON, "104857600 bytes; expected JSON of at most")),
    HostileDataset("sidecar: none", sidecar(lambda path: None), 65, _DOF),
    HostileDataset("sidecar: dof NaN", dof("NaN"), 65, (_JSON, "no finite number", _MEND)),
    HostileDataset("sidecar: dof 1e999", dof("1e999"), 65, (_JSON, "no finite number", _MEND)),
    HostileDataset("sidecar: dof of 5,000 digits", dof("9" * 5000), 65, (_JSON, "no finite number", _MEND)),
    *(
        HostileDataset(f"sidecar: dof {value[:12]}", dof(value), 65, _DOF)
        for value in ('"12"', "-3", "0", "true", "null", "[20]", '{"a": 1}', r'"12\nERROR forged"', f'"{"x" * 10**5}"')
    ),
    HostileDataset("sidecar: dof tiny", dof("1e-300"), 0),
    HostileDataset("sidecar: dof vast", dof("1e308"), 0),
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
_SCRIPT = "<script>alert(1)</script>"

DESCRIPTIONS = (
    HostileDataset("description: no JSON", description("{"), 0, _UNUSED),
    HostileDataset("description: empty", description(""), 0, _UNUSED),
    HostileDataset("description: binary", description(b"\xff\xfe\0\1"), 0, _UNUSED),
    HostileDataset("description: a list", description('["Name"]'), 0, _UNUSED),
    HostileDataset("description: deep", description('{"a":' * 50_000), 0, _UNUSED),
    HostileDataset("description: half a surrogate pair", description(r'{"Name": "\ud800"}'), 0, _UNUSED),
    HostileDataset("description: authors by number", described(Authors={"1": "Ada"}), 0),
    HostileDataset("description: authors that are none", described(Authors=[None, 3, ["x"], {}, ""]), 0),
    HostileDataset("description: a licence by number", described(License=7), 0),
    HostileDataset("description: made by a text", described(GeneratedBy="bids_ari"), 0),
    HostileDataset("description: made by a list of lists", described(GeneratedBy=[["bids_ari"], None]), 0),
    HostileDataset("description: a type by number", described(DatasetType=["derivative"]), 0),
    HostileDataset(
        "description: scripts", described(Name=_SCRIPT, Authors=[_SCRIPT, "a\tb\nc"], License=_SCRIPT * 99), 0
    ),
    HostileDataset(
        "description: pretends to be ours",
        described(GeneratedBy=[{"Name": "bids_ari"}]),
        66,
        ("nothing but results of bids_ari", "--derivatives"),
    ),
)


# Labels in file names.

LABELS = {
    "blanks": "a  b ",
    "unicode": "fête脳\U0001f9e0",
    "quotes": "\"'`",
    "an element": "<script>alert(1)",
    "an element that ends others": "<!--<title><script>",
    "an attribute": '" onmouseover="alert(1)',
    "a picture": "<img src=x onerror=alert(1)>",
    "an entity of HTML": "&lt;b&gt;&#60;",
    "a script as address": "javascript:alert(1)",
    "a template": "{{ 7*7 }}{% raw %}{#",
    "format characters": "%s%n{0}%(a)s",
    "a new line": "a\nERROR forged",
    "a tab": "a\tb",
    "commands of a terminal": "a\x1b[2J\x1b]0;b\x07",
    "text from right to left": "a\u202eb\u200b",
    "line ends of unicode": "a\u2028b\x85",
    "backslashes": "..\\..\\a",
    "a dash": "-rf",
    "dots": "..",
    "a formula": "=cmd|' !A0",
    "commands of a shell": "$(id);`id`&&~*?",
    "nothing": "NaN",
}

_TWIN, _TWIN_AS_IT_IS = named("pl.ain"), named("plain")

NAMES = tuple(
    HostileDataset(
        f"label: {what}",
        named(label),
        0,
        shows=(f"sub-{label}0",),
        twin=_TWIN_AS_IT_IS if label.isalnum() and label.isascii() else _TWIN,
    )
    for what, label in LABELS.items()
)


def long_label(folder: Path) -> Words:
    return group(folder, contrast="c" * 190)


def twins(level: str, **names: tuple[str, str]) -> Make:
    """Two groups, or two subjects, whose labels differ in case."""

    def make(folder: Path) -> Words:
        ((key, labels),) = names.items()
        for label in labels:
            if key == "subject":
                write_map(folder / "in", label, brain(_rng(), 3.0), stat="z")
            else:
                write_group(folder / "in", 2, _rng(), **{key: label})
        return run_on(folder, level=level)

    return make


def subject_of(label: str) -> Make:
    def make(folder: Path) -> Words:
        write_map(folder / "in", label, brain(_rng(), 3.0), stat="z", session=label, contrast=label, space=None)
        return run_on(folder, level="participant")

    return make


def not_text(folder: Path, n: int = 3) -> Words:
    """Beside a group, a map whose name is not UTF-8."""
    path = map_path(folder / "in", "04", space=None, contrast="a\udcff")
    write_map(folder / "in", "04", brain(_rng(), 3.0), space=None, contrast="a\udcff")
    assert path.exists()
    return group(folder, n=n)


def other_folder(name: str, *more: object) -> Make:
    """A dataset whose folder has this name."""

    def make(folder: Path) -> Words:
        words = group(folder, *more)
        (folder / "in").rename(folder / name)
        return [str(folder / name), *words[1:]]

    return make


def other_output(name: str) -> Make:
    """An output folder of this name."""

    def make(folder: Path) -> Words:
        words = group(folder)
        (folder / "out").mkdir()
        return [words[0], str(folder / "out" / name), *words[2:]]

    return make


def image_at(name: str, values: object = None) -> Callable[[Path], Path]:
    """An image beside the dataset: all ones unless values are given."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(image(np.ones(SHAPE) if values is None else values), path)
        return path

    return make


def one_map(name: str) -> Make:
    """A map made elsewhere."""

    def make(folder: Path) -> Words:
        return [str(image_at(name, brain(_rng(), 6.0))(folder)), str(folder / "out"), "--threshold", "2"]

    return make


def damaged(label: str) -> Make:
    """A group of which one map is no image; its name holds a label."""

    def make(folder: Path) -> Words:
        words = group(folder, contrast=label)
        map_path(folder / "in", "02", space=None, contrast=label).write_bytes(b"no image")
        return words

    return make


def other_grid(label: str) -> Make:
    """A group, and a subject of this label whose map is on another grid."""

    def make(folder: Path) -> Words:
        write_map(folder / "in", label, np.ones((4, 4, 4)), space=None)
        return group(folder)

    return make


def odd_sidecar(folder: Path) -> Words:
    path = write_map(folder / "in", "01", brain(_rng(), 3.0), stat="t", space=None, contrast="a\nERROR forged")
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text("{")
    return run_on(folder, "--stat", "t", level="participant")


def same_regions(folder: Path) -> Words:
    return group(folder, "--roi", image_at("1/a.nii.gz")(folder), image_at("2/a.nii")(folder))


_RAW = "a\udcff.nii.gz"
"""A name that is not UTF-8, as Python has it."""

_AS_TEXT = ("not UTF-8",)
_NO_TEXT = "UnicodeEncodeError where a path is written into a text; console.some_path could refuse it"
_FORGED = "messages hold names as they are, so that a name can forge a line of the log"

_ODD = "<i>$x_1^$ {{7*7}} 脳\n'\".nii.gz"
"""A name that a page, a picture, a template and a terminal each would take for something else."""

PLACES = (
    HostileDataset("names: too long", long_label, 65, ("contrast-ccc", "at most 255", "Shorten the labels")),
    HostileDataset("names: contrasts by case", twins("group", contrast=("go", "GO")), 65, ("contrast-go", "Rename")),
    HostileDataset(
        "names: subjects by case", twins("participant", subject=("a", "A")), 65, ("sub-a", "Rename one of them")
    ),
    HostileDataset("names: a subject of markup", subject_of(LABELS["a picture"]), 0, shows=("imgsrcxonerroralert1",)),
    HostileDataset("names: a subject of dots", subject_of(".."), 0, shows=("sub-x",)),
    HostileDataset("names: a map that is not UTF-8", not_text, 0, ("its name is not UTF-8",)),
    HostileDataset("names: no map in UTF-8", lambda folder: not_text(folder, 0), 18, ("No subject's map in",)),
    HostileDataset("names: input of markup", other_folder(_SCRIPT.replace("/", "")), 0),
    HostileDataset("names: input of odd letters", other_folder("a\n\x1b[2J脳 %s"), 0),
    HostileDataset("names: output of markup", other_output(_ODD.replace("\n", "")), 0),
    HostileDataset("names: output that is not UTF-8", other_output(_RAW), 64, _AS_TEXT, fault=_NO_TEXT),
    HostileDataset("names: input that is not UTF-8", other_folder(_RAW), 64, _AS_TEXT, fault=_NO_TEXT),
    HostileDataset("names: mask that is not UTF-8", given("--mask", image_at(_RAW)), 64, _AS_TEXT, fault=_NO_TEXT),
    HostileDataset("names: atlas that is not UTF-8", given("--atlas", image_at(_RAW)), 64, _AS_TEXT, fault=_NO_TEXT),
    HostileDataset("names: region that is not UTF-8", given("--roi", image_at(_RAW)), 64, _AS_TEXT, fault=_NO_TEXT),
    HostileDataset("names: map that is not UTF-8", one_map(_RAW), 64, _AS_TEXT, command="bids-ari-map", fault=_NO_TEXT),
    HostileDataset(
        "names: a map's folder that is not UTF-8",
        one_map("\udcff/map.nii.gz"),
        64,
        _AS_TEXT,
        command="bids-ari-map",
        fault="what is written cannot be read again: the second run takes the output for another dataset",
    ),
    HostileDataset("names: damaged map", damaged(_ODD), 65, ("odd", "is damaged"), fault=_FORGED),
    HostileDataset("names: map on another grid", other_grid("a\nERROR forged"), 65, ("resample",), fault=_FORGED),
    HostileDataset("names: sidecar", odd_sidecar, 65, (_JSON, _MEND), fault=_FORGED),
    HostileDataset("names: region of no name", given("--roi", image_at(".nii.gz")), 0, shows=(".nii.gz",)),
    HostileDataset("names: regions of one name", same_regions, 64, ("Two regions have one name: a, a", "different")),
    HostileDataset("names: mask of odd letters", given("--mask", image_at(_ODD)), 0, shows=(_ODD,)),
    HostileDataset("names: region of odd letters", given("--roi", image_at(_ODD)), 0, shows=(_ODD.partition(".")[0],)),
    HostileDataset(
        "names: atlas of odd letters",
        lambda folder: group(folder, "--atlas", image_at(_ODD)(folder), n=8),
        0,
        shows=(_ODD,),
        drawn=True,
    ),
    HostileDataset("names: map of odd letters", one_map(_ODD), 0, shows=(_ODD,), command="bids-ari-map"),
)


# Tables.


def manifest(*lines: str | bytes, end: bytes = b"\n", start: bytes = b"") -> Make:
    """A table of maps that are there as ``maps/1.nii.gz`` to ``maps/3.nii.gz``, all but its header given."""

    def make(folder: Path) -> Words:
        rng = _rng()
        for i in (1, 2, 3):
            image_at(f"in/maps/{i}.nii.gz", brain(rng, 3.0))(folder)
        text = end.join(line if isinstance(line, bytes) else line.encode() for line in lines)
        return run_on(folder, "--manifest", file("in/maps.tsv", start + text + end)(folder))

    return make


def _rows(*subjects: str, folder: str = "maps") -> Iterable[str]:
    return (f"{subject}\t{folder}/{i}.nii.gz" for i, subject in enumerate(subjects, 1))


_HEAD, _BOM = "participant_id\teffect", b"\xef\xbb\xbf"
_GOOD = tuple(_rows("1", "2", "3"))
_TABLE = "maps.tsv"
_LONG = "manifest.check asks Path.is_dir, which fails for a path that no file can have: exit 74 without the line"

MANIFESTS = (
    HostileDataset("manifest: byte order mark", manifest(_HEAD, *_GOOD, start=_BOM), 0),
    HostileDataset("manifest: line ends of Windows", manifest(_HEAD, *_GOOD, end=b"\r\n", start=_BOM), 0),
    HostileDataset("manifest: line ends of old", manifest(_HEAD, *_GOOD, end=b"\r"), 0),
    HostileDataset("manifest: a column twice", manifest(_HEAD + "\teffect", *_GOOD), 65, (_TABLE, "more than once")),
    HostileDataset("manifest: nobody", manifest("subject\teffect", *_GOOD), 65, (_TABLE, "no column participant_id")),
    HostileDataset("manifest: no maps", manifest("participant_id\tmap", *_GOOD), 65, (_TABLE, "column effect or t")),
    HostileDataset("manifest: a subject NaN", manifest(_HEAD, *_rows("1", "NaN")), 65, ("line 3", "expected a label")),
    HostileDataset("manifest: ragged", manifest(_HEAD, *_GOOD, "4"), 65, ("line 5 has 1 cell", "expected 2")),
    HostileDataset("manifest: empty", manifest(""), 65, (_TABLE, "is empty", "expected a line of column names")),
    HostileDataset("manifest: a header alone", manifest(_HEAD), 65, (_TABLE, "is empty", "a line for each map")),
    HostileDataset("manifest: binary", manifest(bytes(range(256))), 65, (_TABLE, "Save the table in UTF-8")),
    HostileDataset("manifest: UTF-16", manifest(_HEAD.encode("utf-16")), 65, (_TABLE, "Save the table in UTF-8")),
    HostileDataset("manifest: commas", manifest("participant_id,effect", "1,a.nii"), 65, (_TABLE, "no tabs")),
    HostileDataset("manifest: half a quote", manifest(_HEAD, '"1\tmaps/1.nii.gz'), 65, (_TABLE, "quotes in pairs")),
    HostileDataset("manifest: a huge cell", manifest(_HEAD, f"{'1' * 10**6}\tmaps/1.nii.gz"), 65, (_TABLE, "line 2")),
    HostileDataset("manifest: a NUL", manifest(_HEAD, "1\tmaps/1\0.nii.gz"), 65, ("line 2", "printable text")),
    HostileDataset("manifest: a comment", manifest(_HEAD, "#1\tmaps/1.nii.gz"), 65, ("line 2", "remove the line")),
    HostileDataset(
        "manifest: a map not there", manifest(_HEAD, *_GOOD, "4\t../4.nii"), 65, ("line 5", "Mend the table")
    ),
    HostileDataset(
        "manifest: a path beyond all",
        manifest(_HEAD, f"1\t{'a/' * 900}{'b' * 300}.nii"),
        65,
        ("line 2", "Mend the table"),
        fault=_LONG,
    ),
    HostileDataset(
        "manifest: a name too long",
        manifest(_HEAD, f"1\t{'a' * 300}.nii"),
        65,
        ("line 2", "Mend the table"),
        fault=_LONG,
    ),
    HostileDataset("manifest: a folder", manifest(_HEAD, "1\tmaps"), 18, (_TABLE, "effect", "expected a choice from")),
    HostileDataset("manifest: a password", manifest(_HEAD, *_rows("1", "2"), "3\t/etc/passwd"), 0, ("not a NIfTI",)),
    HostileDataset(
        "manifest: detours", manifest(_HEAD, *_rows("1", "2", "3", folder="../in/./maps/..//maps")), 0, shows=("sub-3",)
    ),
    HostileDataset(
        "manifest: formulas", manifest(_HEAD, *_rows("=1+1", "@SUM(A1)", "=cmd|' /C calc'!A0")), 0, shows=("sub-=1+1",)
    ),
    HostileDataset(
        "manifest: markup", manifest(_HEAD, *_rows("<b>1", "../../x", "{{7*7}}")), 0, shows=("sub-<b>1", "sub-{{7*7}}")
    ),
    HostileDataset(
        "manifest: a bad dof",
        manifest("participant_id\tt\tdof", "1\tmaps/1.nii.gz\tinf"),
        65,
        ("line 2 has dof 'inf'",),
    ),
    HostileDataset(
        "manifest: a folder in its place",
        lambda folder: group(folder, "--manifest", folder / "in"),
        74,
        ("is no file",),
    ),
    HostileDataset("manifest: none", lambda folder: group(folder, "--manifest", folder / "no.tsv"), 66, ("no.tsv",)),
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


def atlas_labels(make_file: Callable[[Path], object]) -> Make:
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


_WAITS = "waits for ever: workflow._check_files opens what is no regular file"
_NUMBER, _NAMED = "index\tname", ("1\tleft", "2\tright")

ATLASES = (
    HostileDataset("atlas: byte order mark", atlas(_NUMBER, *_NAMED, start=_BOM), 0, shows=("left",)),
    HostileDataset("atlas: line ends of Windows", atlas(_NUMBER, *_NAMED, end=b"\r\n"), 0, shows=("right",)),
    HostileDataset("atlas: names that say nothing", atlas(_NUMBER, "1\tNaN", "2\tnull"), 0, shows=("NaN", "null")),
    HostileDataset("atlas: a formula", atlas(_NUMBER, "1\t=cmd|' /C calc'!A0"), 0, shows=("=cmd|' /C calc'!A0",)),
    HostileDataset("atlas: half a quote", atlas(_NUMBER, '1\t5" left'), 0, shows=('5" left',)),
    HostileDataset("atlas: markup", atlas(_NUMBER, f"1\t{_SCRIPT}", "2\t{{ 7*7 }}"), 0, shows=(_SCRIPT, "{{ 7*7 }}")),
    HostileDataset("atlas: an attribute", atlas(_NUMBER, "1\t' onload='x"), 0, shows=("' onload='x",)),
    HostileDataset("atlas: a huge name", atlas(_NUMBER, f"1\t{'n' * 10**5}"), 0, shows=("nnn",)),
    HostileDataset(
        "atlas: a column twice", atlas("index\tname\tname", "1\ta\tb"), 65, ("halves.tsv", "name, name", "one of each")
    ),
    HostileDataset("atlas: no names", atlas("index\tcolour", "1\tred"), 65, ("halves.tsv", "columns index and name")),
    HostileDataset("atlas: ragged", atlas(_NUMBER, "1\tleft", "2\tright\tx"), 65, ("halves.tsv", "tab-separated")),
    HostileDataset("atlas: all too long", atlas(_NUMBER, "1\tleft\tx", "2\tright\tx"), 65, ("halves.tsv", "expected")),
    HostileDataset("atlas: a cell too few", atlas(_NUMBER, "1\tleft", "2"), 0, shows=("left", "parcel 2")),
    HostileDataset("atlas: a name of nothing", atlas(_NUMBER, "1\t", "2\tright"), 0, shows=("parcel 1", "right")),
    HostileDataset("atlas: empty", atlas(""), 65, ("halves.tsv", "cannot be read as a table", "tab-separated")),
    HostileDataset("atlas: binary", atlas(bytes(range(256))), 65, ("halves.tsv", "expected")),
    HostileDataset("atlas: UTF-16", atlas(_NUMBER.encode("utf-16")), 65, ("halves.tsv", "UTF-8")),
    *(
        HostileDataset(
            f"atlas: number {number}", atlas(_NUMBER, f"{number}\tleft", "2\tright"), 65, ("halves.tsv", "whole")
        )
        for number in ("nan", "inf", "one", "", "1e999", "1e300", "9999999999999999999999", "1.5")
    ),
    HostileDataset("atlas: a number twice", atlas(_NUMBER, "1\ta", "1.0\tb"), 65, ("halves.tsv", "different numbers")),
    HostileDataset("atlas: negative numbers", atlas(_NUMBER, "-1\ta", "1\tb"), 0, shows=("b",)),
    HostileDataset("atlas: a table of others", atlas(_NUMBER, "8\ta"), 65, ("halves.tsv", "table of its parcels")),
    HostileDataset("atlas: values NaN", atlas_of(_with(np.nan)), 65, ("halves.nii.gz", "one whole number per parcel")),
    HostileDataset("atlas: values infinite", atlas_of(_with(np.inf)), 65, ("halves.nii.gz", "whole number")),
    HostileDataset("atlas: values halves", atlas_of(_with(1.5)), 65, ("halves.nii.gz", "one whole number per parcel")),
    HostileDataset("atlas: values vast", atlas_of(_with(1e20)), 65, ("halves.nii.gz", "1e+20", "up to 2147483647")),
    HostileDataset("atlas: values negative", atlas_of(_with(-7)), 0),
    HostileDataset("atlas: values zero", atlas_of(np.zeros(SHAPE)), 0),
    HostileDataset("atlas: table absent", atlas_labels(lambda folder: folder / "no.tsv"), 66, ("no.tsv",)),
    HostileDataset("atlas: table a folder", atlas_labels(lambda folder: folder / "in"), 74, ("in cannot be read",)),
    HostileDataset("atlas: table a pipe", atlas_labels(_pipe), 74, ("pipe cannot be read",), fault=_WAITS),
)


# Files of words.


def config(content: str | bytes) -> Make:
    return given("--config-file", file("run.toml", content))


def labels(content: str | bytes) -> Make:
    return given("--participant-label", file("who.txt", content))


def filters(content: str | bytes) -> Make:
    return given("--bids-filter-file", file("filter.json", content))


_DEEP = "RecursionError: config._words writes a value of any depth into its message"
_VAST = "ValueError: config._words writes an integer of more digits than Python turns into text"
_NUL = "ValueError: no path with a NUL can be opened; console.some_path could refuse it"
_TOML, _WHO, _FILTER = "run.toml", "who.txt", "filter.json"

WORD_FILES = (
    HostileDataset("labels: byte order mark", labels(b"\xef\xbb\xbf01\r\nsub-02\r\n"), 0),
    HostileDataset("labels: empty", labels("\n # nobody\n"), 64, (_WHO, "is empty; expected one label on each line")),
    HostileDataset("labels: binary", labels(b"\xff\xfe\0\1"), 64, (_WHO, "is no text")),
    HostileDataset("labels: UTF-16", labels("01\n".encode("utf-16")), 64, (_WHO, "is no text")),
    HostileDataset("labels: NaN", labels("01\nNaN\n"), 18, ("sub NaN", "01, 02, 03")),
    HostileDataset("labels: markup", labels("<script>\n\x1b[2J\n"), 18, ("<script>", "\\x1b[2J", "01, 02, 03")),
    HostileDataset("labels: a table", labels("participant_id\tage\n01\t3\n"), 18, ("participant_id\\tage",)),
    HostileDataset("labels: a folder", lambda folder: group(folder, "--participant-label", folder), 74, ("labels",)),
    HostileDataset("labels: none", flags("--participant-label", "../no.txt"), 66, ("../no.txt",)),
    HostileDataset("filter: byte order mark", filters(b'\xef\xbb\xbf{"statmap": {"task": "emo"}}'), 0),
    HostileDataset("filter: no JSON", filters("statmap: {}"), 64, (_FILTER, "is not JSON", _MEND)),
    HostileDataset("filter: empty", filters(""), 64, (_FILTER, "is not JSON", _MEND)),
    HostileDataset("filter: binary", filters(b"\xff\xfe\0\1"), 64, (_FILTER, "is not JSON", _MEND)),
    HostileDataset("filter: a list", filters("[]"), 64, (_FILTER, "holds no JSON object", _MEND)),
    HostileDataset("filter: deep", filters('{"statmap":' * 99_999), 64, (_FILTER, "nested too deeply", _MEND)),
    HostileDataset("filter: for others", filters('{"bold": {}}'), 64, (_FILTER, "asks for bold; expected")),
    HostileDataset("filter: a list of queries", filters('{"statmap": [[1]]}'), 64, (_FILTER, "expected {entity")),
    HostileDataset(
        "filter: a query of queries", filters('{"statmap": {"task": {"a": 1}}}'), 64, ("filter file", "task")
    ),
    HostileDataset(
        "filter: an unknown entity", filters('{"statmap": {"<b>\\n": 1}}'), 64, ("filter file", "such as ses")
    ),
    HostileDataset("filter: nobody", filters('{"statmap": {"sub": "<b>\\u001b"}}'), 18, ("<b>\\x1b", "01, 02, 03")),
    HostileDataset("filter: none", flags("--bids-filter-file", "no.json"), 66, ("no.json", "expected a JSON file")),
    HostileDataset("config: byte order mark", config(b"\xef\xbb\xbfalpha = 0.1\r\n"), 0),
    HostileDataset("config: empty", config(""), 0),
    HostileDataset("config: no TOML", config("alpha 0.1"), 64, (_TOML, "is not TOML")),
    HostileDataset("config: binary", config(b"\xff\xfe\0\1"), 64, (_TOML, "is not TOML")),
    HostileDataset("config: UTF-16", config("alpha = 1".encode("utf-16")), 64, (_TOML, "is not TOML")),
    HostileDataset("config: a key twice", config("alpha = 0.1\nalpha = 0.2"), 64, (_TOML, "is not TOML")),
    HostileDataset("config: deep lists", config("a = " + "[" * 50_000), 64, (_TOML, "is not TOML")),
    HostileDataset(
        "config: deep tables", config(f"{'a.' * 3000}a = 1"), 64, (_TOML, "expected a text, a number"), fault=_DEEP
    ),
    HostileDataset("config: unknown", config("'<b>' = 1"), 64, (_TOML, "--<b>", "--help")),
    HostileDataset("config: a key of nothing", config("'' = 'x'"), 64, (_TOML, "--help")),
    HostileDataset("config: a table", config("[alpha]\nx = 1"), 64, (_TOML, "alpha", "expected a text, a number")),
    HostileDataset("config: a date", config("alpha = 1979-05-27"), 64, (_TOML, "alpha", "expected a text")),
    HostileDataset("config: a flag as value", config("contrast = ['--alpha', '1']"), 64, (_TOML, "begin with a dash")),
    HostileDataset("config: NaN", config("alpha = nan"), 64, ("alpha is nan", "between 0 and 1")),
    HostileDataset("config: a vast number", config(f"alpha = 0x{'f' * 5000}"), 64, ("alpha",), fault=_VAST),
    HostileDataset("config: a NUL in a path", config('mask = "a\\u0000b"'), 64, ("mask",), fault=_NUL),
    HostileDataset(
        "config: a folder", lambda folder: group(folder, "--config-file", folder), 74, ("configuration file",)
    ),
    HostileDataset("config: none", flags("--config-file", "no.toml"), 66, ("no.toml",)),
)


# Where results shall go.


def output(prepare: Callable[[Path], object], name: str = "out") -> Make:
    """Something stands where the output is to be."""

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
    HostileDataset("output: a file", output(Path.touch), 73, ("out is a file",)),
    HostileDataset("output: below a file", output(Path.touch, "out/deeper"), 73, ("out is a file",)),
    HostileDataset("output: a link to nothing", output(lambda out: out.symlink_to("gone")), 73, ("leads nowhere",)),
    HostileDataset("output: a link to itself", output(lambda out: out.symlink_to("out")), 64, ("leads nowhere",)),
    HostileDataset("output: read-only", output(_read_only), 73, ("out", "cannot be written: Permission denied")),
    HostileDataset("output: the input", output(lambda out: None, "in"), 64, ("is the input; expected another folder",)),
    HostileDataset(
        "output: a subject's folder", output(lambda out: None, "in/sub-01/x"), 64, ("among a subject's", "For example")
    ),
    HostileDataset(
        "output: another dataset", output(_described('{"Name": "own"}')), 64, ("holds another dataset; expected",)
    ),
    HostileDataset(
        "output: a broken dataset", output(_described("{")), 64, ("may hold another dataset", "remove that file")
    ),
    HostileDataset(
        "output: a list for a dataset", output(_described("[]")), 64, ("may hold another", "remove that file")
    ),
    HostileDataset(
        "output: half ours", output(_described('{"GeneratedBy": {"Name": "bids_ari"}}')), 64, ("expected an empty",)
    ),
    HostileDataset(
        "output: a file for a folder", output(lambda out: file("group", "")(out)), 73, ("group", "cannot be written")
    ),
    HostileDataset(
        "output: a file for the logs", output(lambda out: file("logs", "")(out)), 73, ("logs", "cannot be written")
    ),
)


# Values of flags.


def _flag(words: str, code: int, *says: str) -> HostileDataset:
    return HostileDataset(f"flags: {words}", flags(*words.split(" ")), code, says)


FLAGS = (
    *(
        _flag(f"--threshold {value}", 64, "threshold is", "expected z values")
        for value in ("nan", "inf", "1e999", "-1")
    ),
    _flag("--threshold 3 3.000000000001", 64, "threshold is", "differ in the first ten decimals"),
    *(_flag(f"--alpha {value}", 64, "alpha is", "between 0 and 1") for value in ("0", "1", "-0.0", "nan", "1e-999")),
    *(_flag(f"--tdp {value}", 64, "tdp is", "expected proportions") for value in ("2", "0", "nan", "1e-9")),
    *(_flag(f"--coverage {value}", 64, "coverage is", "a fraction") for value in ("0", "1.1", "nan", "inf")),
    *(_flag(f"--smoothing {value}", 64, "smoothing is", "a width in mm") for value in ("-1", "inf", "nan")),
    *(_flag(f"--mem {value}", 64, "no amount of memory", "8G") for value in ("1e99T", "nan", "-5", "0", "0x10", "1P")),
    _flag("--mem 1K", 65, "the memory here is 1 KB", "--mem"),
    _flag("--nprocs 0", 64, "nprocs is 0; expected a whole number"),
    _flag("--nprocs 1e9", 64, "--nprocs", "--help"),
    _flag("--nprocs 99999999999999999999", 0),
    _flag("--omp-nthreads -1", 64, "omp-nthreads is -1; expected a whole number"),
    _flag("--connectivity 7", 64, "--connectivity", "--help"),
    _flag("--contrast *", 18, "contrast *", "expected one of: faces"),
    _flag("--contrast \x1b[2J{{7*7}}%s", 18, "contrast \\x1b[2J{{7*7}}%s", "expected one of: faces"),
    _flag("--task-id ", 18, "task", "expected one of: emo"),
    _flag("--atlas ", 64, "atlas is ''; expected a name or a file"),
    _flag("--atlas-labels x.tsv", 64, "atlas labels go with an atlas", "--atlas"),
    _flag("--atlas ../no.nii", 66, "../no.nii"),
    _flag("--derivatives /dev/null", 66, "/dev/null is a file; expected the folder"),
    _flag("--work-dir /dev/null/x", 73, "/dev/null/x cannot be written", "--work-dir"),
    _flag("--no-such-flag={{7*7}}%s", 64, "--no-such-flag={{7*7}}%s", "--help"),
)

HOSTILE_DATASETS = SIDECARS + DESCRIPTIONS + NAMES + PLACES + MANIFESTS + ATLASES + WORD_FILES + OUTPUTS + FLAGS
"""Every case. Names are unique."""


def _rng() -> np.random.Generator:
    return np.random.default_rng(20240229)
