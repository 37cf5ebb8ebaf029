"""Damaged, foreign and malicious archives: one clear error, and no large allocation."""

import io
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from builders_archive import (
    RESULTS,
    Arrays,
    Change,
    changed,
    npy,
    opened,
    other_map,
    unzipped,
    zipped,
)

from bids_ari.errors import DataError
from bids_ari.outputs.archive import pack, unpack

NAME = "group/contrast-x_forest.npz"
LITTLE = 4 << 20
"""Bytes that an error may allocate: a few times the content of an archive in these tests."""


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return pack(RESULTS["regions"](tmp_path_factory.mktemp("regions")))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The archive of another result of the same voxels."""
    return pack(RESULTS["two-sided"](tmp_path_factory.mktemp("other")))


def refusal(content: bytes) -> str:
    """Return the message of the error for an unusable archive."""
    with pytest.raises(DataError) as raised:
        unpack(content, NAME)
    message = str(raised.value)
    assert message.startswith(NAME)
    assert message.endswith("Run the analysis again")
    assert "\n" not in message
    assert len(message) < 400
    return message


def put(name: str, value: Any, at: Any = 0) -> Change:
    """Change a value of an array."""

    def change(about: dict[str, Any], arrays: Arrays) -> None:
        arrays[name] = arrays[name].copy()
        arrays[name][at] = value

    return change


def make(name: str, new: Callable[[np.ndarray], np.ndarray | bytes]) -> Change:
    """Replace an array."""
    return lambda about, arrays: arrays.update({name: new(arrays[name])})


def edit(path: str, value: Any) -> Change:
    """Set a value of the text, at keys and positions joined by dots."""

    def change(about: dict[str, Any], arrays: Arrays) -> None:
        place, key = find(about, path)
        place[key] = value

    return change


def delete(path: str) -> Change:
    """Remove a value of the text."""

    def change(about: dict[str, Any], arrays: Arrays) -> None:
        place, key = find(about, path)
        del place[key]

    return change


def find(about: Any, path: str) -> tuple[Any, Any]:
    *keys, last = (int(key) if key.isdigit() else key for key in path.split("."))
    for key in keys:
        about = about[key]
    return about, last


def crossing(about: dict[str, Any], arrays: Arrays) -> None:
    """Make two slices overlap: the second begins in the first and ends after it."""
    size = arrays["size"].copy()
    size[:] = 1
    size[10:12] = 2
    arrays["size"], arrays["tdn"] = size, np.zeros_like(size)


def outside(about: dict[str, Any], arrays: Arrays) -> None:
    put("region_voxels", len(arrays["z"]), -1)(about, arrays)


def upside_down(about: dict[str, Any], arrays: Arrays) -> None:
    arrays["z"] = -arrays["z"]


ARRAYS = {
    "another type": (make("z", lambda z: z.astype(np.float32)), "z is <f4 of"),
    "another order of bytes": (make("z", lambda z: z.astype(">f8")), "z is not in NumPy's format"),
    "objects": (make("z", lambda z: z.astype(object)), "z is |O of"),
    "wide whole numbers": (make("preorder", lambda x: x.astype(np.int64)), "preorder is <i8 of"),
    "Fortran's order": (make("coverage", np.asfortranarray), "coverage is not in NumPy's format"),
    "too short": (make("tdn", lambda x: x[:-1]), "tdn is <i4 of"),
    "too long": (make("effect", lambda x: np.append(x, 0.0)), "effect is <f8 of"),
    "too many axes": (make("z", lambda x: x[:, None]), "z is <f8 of"),
    "not an array": (make("z", lambda z: b"X" + npy(z)[1:]), "z is not in NumPy's format"),
    "no axis": (make("category", lambda x: x[0]), "category is <i4 of ()"),
    "a flat mask": (make("mask", lambda x: x.ravel()), "mask is |b1 of"),
    "another volume": (make("coverage", lambda x: x[:, :, :-1]), "coverage is <f8 of"),
    "a small affine": (make("affine", lambda x: x[:3]), "affine is <f8 of (3, 4); expected <f8 of 4x4"),
    "a mask of other bytes": (make("mask", lambda x: (2 * x.astype(np.uint8)).view(bool)), "mask is not boolean"),
    "an empty mask": (make("mask", np.zeros_like), "mask is not boolean, or empty"),
    "a mask without voxels": (make("mask", lambda x: x[:0]), "mask is not boolean, or empty"),
    "an affine of NaN": (put("affine", np.nan), "the array affine "),
    "an affine to nowhere": (put("affine", np.nan, (0, 3)), "the array affine "),
    "an infinite affine": (put("affine", np.inf), "the array affine "),
    "a flat affine": (put("affine", 0.0, (slice(3), 1)), "the array affine "),
    "an affine with perspective": (put("affine", 1.0, (3, 0)), "the array affine "),
    "a huge affine": (put("affine", 1e200, (slice(3), slice(3))), "the array affine "),
    "NaN as z": (put("z", np.nan), "z has values outside"),
    "NaN as t": (put("t", np.nan), "t has values outside"),
    "NaN as variance": (put("variance", np.nan, -1), "variance has values outside"),
    "no degrees of freedom": (put("dof", 0.0), "dof has values outside"),
    "coverage above 1": (put("coverage", 1.5), "coverage has values outside 0 to 1"),
    "coverage below 0": (put("coverage", -0.1), "coverage has values outside 0 to 1"),
    "NaN as coverage": (put("coverage", np.nan), "coverage has values outside 0 to 1"),
    "category 0": (put("category", 0), "category has values outside"),
    "a category above m + 1": (make("category", lambda x: x + x.size + 1), "category has values above m + 1"),
    "a voxel twice": (make("preorder", lambda x: np.append(x[:-1], x[0])), "preorder does not hold each point once"),
    "a voxel outside": (put("preorder", 1 << 30), "preorder does not hold each point once"),
    "a negative voxel": (put("preorder", -1), "preorder does not hold each point once"),
    "size 0": (put("size", 0, 3), "size has values outside 1 to"),
    "a negative size": (put("size", -(1 << 31), 3), "size has values outside 1 to"),
    "a size past the end": (put("size", 2, -1), "leads past the end"),
    "the largest size": (put("size", (1 << 31) - 1, 5), "leads past the end"),
    "slices that cross": (crossing, "leads past the end of the one"),
    "peaks in valleys": (upside_down, "a cluster is lower"),
    "a negative TDN": (put("tdn", -1, 4), "tdn has values outside 0"),
    "a TDN above the size": (make("tdn", lambda x: np.full_like(x, x.size)), "a true discovery number"),
    "a negative size of a region": (put("region_size", -1), "region_size has values outside 0"),
    "a region larger than the mask": (put("region_size", 1 << 30), "more than m points"),
    "a region of fewer voxels": (put("region_size", 3), "region_voxels is <i4 of"),
    "a name outside the list": (put("names", 10**6), "a place outside the list of names"),
    "a region that descends": (make("region_voxels", lambda x: x[::-1]), "do not ascend"),
    "a region with a voxel twice": (make("region_voxels", lambda x: np.append(x[1], x[1:])), "do not ascend"),
    "a region with a voxel outside": (outside, "outside 0 to m - 1"),
    "a region with a negative voxel": (put("region_voxels", -1), "region_voxels has values outside 0"),
    "a design of NaN": (put("design", np.nan), "design has values outside"),
    "weights of infinity": (put("weights", np.inf), "weights has values outside"),
    "a design of fewer subjects": (make("design", lambda x: x[1:]), "correlation is <f8 of (8,); expected <f8 of 7"),
    "a correlation of 2": (put("correlation", 2.0), "correlation has values outside -1 to 1"),
    "a residual below 0": (put("residual", -1.0), "residual has values outside 0"),
    "an influence below 0": (put("influence", -1.0), "influence has values outside 0"),
    "an influence of NaN": (put("influence", np.nan), "influence has values outside 0"),
    "an influence of fewer subjects": (make("influence", lambda x: x[:, 1:]), "influence is <f8 of (1, 7)"),
    "an infinite mean of a map": (put("mean", np.inf), "mean has values outside"),
    "a standard deviation below 0": (put("sd", -1.0), "sd has values outside 0"),
    "an infinite standard deviation": (put("sd", np.inf), "sd has values outside 0"),
    "fewer than no voxels lacking": (put("lacking", -1), "lacking has values outside 0"),
    "more voxels lacking than there are": (put("lacking", 1 << 30), "points of the reference"),
    "fewer than no voxels lost": (put("lost", -1), "lost has values outside 0"),
    "an overlap above 1": (put("overlap", 1.1), "overlap has values outside 0 to 1"),
    "an overlap of NaN": (put("overlap", np.nan), "overlap has values outside 0 to 1"),
    "a step below 0": (put("step", -1.0), "step has values outside 0"),
    "an infinite step": (put("step", np.inf), "step has values outside 0"),
    "thumbnails of fewer subjects": (make("thumbnails", lambda x: x[1:]), "thumbnails is |i1 of (7, "),
    "a flat thumbnail": (make("thumbnails", lambda x: x[:, 0]), "thumbnails is |i1 of"),
    "weights of more tests": (make("weights", lambda x: np.repeat(x, 2, axis=0)), "weights is "),
}
"""Changes of arrays, and a part of the message."""

TEXTS = {
    "no format": (delete("format"), "its format is None; expected 4"),
    "a later format": (edit("format", 5), "its format is 5; expected 4"),
    "a format in words": (edit("format", "2"), "its format is '2'"),
    "a format that is true": (edit("format", True), "its format is True; expected 4"),
    "an F test without F": (edit("tests", [["mean", 1]]), "the test 'mean' lacks F"),
    "a test of fewer rows than none": (edit("tests", [["mean", -1]]), "its tests are impossible"),
    "a test of many rows": (edit("tests.0.1", 1 << 40), "weights is (1, 1); expected"),
    "a test twice": (edit("tests", [["mean", 0], ["mean", 0]]), "its tests are impossible"),
    "a test that is a path": (edit("tests.0.0", "../x"), "cannot be part of a file name"),
    "no options": (delete("options"), "missing required field `options`"),
    "alpha in words": (edit("options.alpha", "0.05"), "Expected `float`, got `str` - at `$.options.alpha`"),
    "alpha that is true": (edit("options.alpha", True), "Expected `float`, got `bool`"),
    "alpha of 2": (edit("options.alpha", 2), "alpha is 2.0"),
    "alpha of many digits": (edit("options.alpha", 10**400), "out of range"),
    "a smoothing of a list": (edit("options.smoothing", [8]), "`$.options.smoothing`"),
    "thresholds of one number": (edit("options.threshold", 3), "`$.options.threshold`"),
    "no thresholds": (edit("options.threshold", []), "threshold is ()"),
    "a threshold of nothing": (edit("options.threshold", [None]), "`$.options.threshold[0]`"),
    "a mask of a number": (edit("options.mask", 1), "`$.options.mask`"),
    "another method": (edit("method", "bonferroni"), "the method is 'bonferroni'"),
    "methods that are none": (edit("options.method", ["bonferroni"]), "method is"),
    "a method without its draws": (edit("method", "permutation"), "the method permutation has more or less than"),
    "no h": (edit("h", None), "the method simes has more or less than"),
    "another direction": (edit("alternative", "up"), "`$.alternative`"),
    "a list for a direction": (edit("alternative", ["less"]), "`$.alternative`"),
    "members that are no list": (edit("contrast.members", {}), "`$.contrast.members`"),
    "a member that is none": (edit("contrast.members.0", None), "`$.contrast.members[0]`"),
    "a member without files": (delete("contrast.members.0.maps"), "missing required field `maps`"),
    "a member of no file": (edit("contrast.members.7.maps", []), "a member has no file"),
    "a file without a name": (delete("contrast.members.0.maps.0.name"), "missing required field `name`"),
    "a pair of three": (edit("contrast.entities.pairs", [["a", "b", "c"]]), "of length 2"),
    "an entity that leads out": (
        edit("contrast.entities.pairs", [["task", "../../x"]]),
        "cannot be part of a file name",
    ),
    "an entity with a zero byte": (edit("contrast.entities.pairs", [["task", "a\0"]]), "cannot be part of a file name"),
    "an entity of a list": (edit("contrast.entities", []), "`$.contrast.entities`"),
    "a folder that leads out": (edit("folder", "group/../.."), "'..' cannot be part of a file name"),
    "a folder from the root on": (edit("folder", "/etc"), "its folder is '/etc'"),
    "no folder": (edit("folder", ""), "its folder is ''"),
    "a test that leads out": (edit("test", "/mean"), "'/mean' cannot be part of a file name"),
    "a test that there is not": (edit("test", "slope"), "the design has no test 'slope'"),
    "an atlas that leads out": (edit("regions.0.name", "../x"), "'../x' cannot be part of a file name"),
    "a column more": (edit("columns", ["intercept", "age"]), "design is (8, 1); expected (8, 2)"),
    "a region less": (edit("regions.1.regions", []), "regions; expected"),
    "a set of regions that there is not": (edit("atlas", 2), "there is no set of regions 2"),
    "a negative set of regions": (edit("atlas", -1), "there is no set of regions -1"),
    "h above m": (edit("h", 1 << 40), "h is "),
    "h below 0": (edit("h", -1), "h is -1"),
    "h with a fraction": (edit("h", 1.5), "`$.h`"),
    "fewer constant voxels than none": (edit("n_constant", -1), "n_constant is -1"),
    "codes of no transform": (edit("codes", [99, 0]), "codes of sform and qform are (99, 0)"),
    "notes of numbers": (edit("notes", [1]), "`$.notes[0]`"),
    "hashes in a list": (edit("hashes", []), "`$.hashes`"),
    "a hash of nothing": (edit("hashes", {"bids:a:b": None}), "`$.hashes[...]`"),
}
"""Changes of the text, and a part of the message."""

RAW_TEXTS = {
    "nothing": (b"", "Expecting value"),
    "no JSON": (b"{", "Expecting property name"),
    "a list": (b"[]", "not a JSON object"),
    "no checksums": (b'{"format": 1}', "not a JSON object with crc32"),
    "NaN": (b'{"format": NaN}', "holds NaN"),
    "depth": (b"[" * 100_000, "recursion"),
    "other letters": (b'{"\xff": 1}', "decode"),
}
"""Invalid JSON texts."""


@pytest.mark.parametrize("case", ARRAYS | TEXTS)
def test_inconsistent_content_is_refused(content: bytes, case: str) -> None:
    change, words = (ARRAYS | TEXTS)[case]
    assert words in refusal(changed(content, change))


@pytest.mark.parametrize("case", RAW_TEXTS)
def test_an_invalid_text_is_refused(content: bytes, case: str) -> None:
    text, words = RAW_TEXTS[case]
    assert words in refusal(zipped(unzipped(content) | {"about": npy(np.frombuffer(text, np.uint8))}))


def test_an_unchanged_archive_of_another_writer_is_read(content: bytes) -> None:
    """So that each error above is due to the change, not to the writer."""
    assert pack(unpack(changed(content, lambda about, arrays: None), NAME)) == content


def test_an_infinite_number_in_the_text_is_refused(content: bytes) -> None:
    """JSON has no infinity, but Python reads numbers that are too large as one."""
    members = unzipped(content)
    about = members["about"][members["about"].index(b"{", 20) :].replace(b'"alpha": 0.05', b'"alpha": 1e999')
    message = refusal(zipped(members | {"about": npy(np.frombuffer(about, np.uint8))}))
    assert "1e999, which is not a finite number" in message


def test_each_array_is_needed(content: bytes) -> None:
    members = unzipped(content)
    assert len(members) == 28
    for name in members:
        less = {other: member for other, member in members.items() if other != name}
        assert f"there is no array {name}" in refusal(zipped(less))


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(content: bytes, packed: int) -> None:
    """They can have a far higher ratio."""
    assert "is compressed in a way that NumPy does not use" in refusal(zipped(unzipped(content), packed))
    assert pack(unpack(zipped(unzipped(content), zipfile.ZIP_STORED), NAME)) == content


def test_arrays_of_other_archives_are_refused(content: bytes, other: bytes) -> None:
    """An array of another result, or another array of this one, is valid by itself."""
    mine, theirs = unzipped(content), unzipped(other)
    assert "t does not belong to this file" in refusal(zipped(mine | {"t": mine["effect"]}))
    for name in mine.keys() - {"about"}:
        if mine[name] != theirs.get(name, mine[name]):
            assert f"{name} does not belong to this file" in refusal(zipped(mine | {name: theirs[name]}))
    assert "does not belong to this file" in refusal(zipped(mine | {"about": theirs["about"]}))


OTHER_FILES = {
    "nothing": b"",
    "two letters": b"PK",
    "an empty zip file": b"PK\x05\x06" + bytes(18),
    "a text": b"not a zip file at all" * 100,
    "no description": zipped({"z": npy(np.zeros(3))}),
    "numbers as description": zipped({"about": npy(np.zeros(3))}),
    "an object as description": zipped({"about": npy(np.array([{"a": 1}], dtype=object))}),
    "a broken array as description": zipped({"about": b"\x93NUMPY\x02\x00" + bytes(20)}),
    "an empty description": zipped({"about": b""}),
    "an image": nib.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4)).to_bytes(),
}


@pytest.mark.parametrize("content", OTHER_FILES.values(), ids=OTHER_FILES)
def test_other_files_are_refused(content: bytes) -> None:
    refusal(content)


def header(dtype: str, *shape: int) -> bytes:
    """Return a header that claims any shape, without data."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


BOMBS = {
    "1 TB of z": (lambda a: a.update(z=header("<f8", 1 << 37)), "z is <f8 of (137438953472,)"),
    "a mask of 1 TB": (lambda a: a.update(mask=header("|b1", 8192, 8192, 16384) + bytes(9)), "bytes; the file has 9"),
    "a mask of 2^64": (lambda a: a.update(mask=header("|b1", 1 << 32, 1 << 32, 1)), "bytes; the file has 0"),
    "a mask of many digits": (lambda a: a.update(mask=header("|b1", 10**70, 1, 1)), "bytes; the file has 0"),
    "64 MB where less is expected": (lambda a: a.update(effect=np.zeros(8 << 20)), "effect is <f8 of (8388608,)"),
    "64 MB after a small array": (lambda a: a.update(affine=npy(np.eye(4)) + bytes(64 << 20)), "claims 128 bytes"),
    "a header of commas": (lambda a: a.update(z=b"\x93NUMPY\x01\x00\xff\xff" + b"," * 65535), "not in NumPy's format"),
}
"""Arrays that claim to be large, or are large and highly compressed."""


def peak_of_refusal(content: bytes) -> tuple[str, int]:
    tracemalloc.start()
    try:
        message = refusal(content)
        return message, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("case", BOMBS)
def test_too_large_content_is_refused_before_it_is_read(content: bytes, case: str) -> None:
    change, words = BOMBS[case]
    message, peak = peak_of_refusal(changed(content, lambda about, arrays: change(arrays)))
    assert words in message
    assert peak < LITTLE


def test_a_text_of_many_bytes_is_refused_before_it_is_read(content: bytes) -> None:
    text = npy(np.zeros((64 << 20) + 1, np.uint8))
    message, peak = peak_of_refusal(zipped(unzipped(content) | {"about": text}))
    assert "the text has" in message
    assert peak < LITTLE


def test_a_zip_directory_that_claims_too_much_is_refused(content: bytes) -> None:
    """In an entry, the size of a member is at byte 24 and its name at byte 46."""
    entry = content.rindex(b"z.npy") - 46
    assert content[entry : entry + 4] == b"PK\x01\x02"
    claimed = content[: entry + 24] + (0xFFFFFFF0).to_bytes(4, "little") + content[entry + 28 :]
    message, peak = peak_of_refusal(claimed)
    assert "z claims 4294967280 bytes, more than the file can hold" in message
    assert peak < LITTLE


def nested(sizes: tuple[int, ...]) -> bool:
    """Return whether slices that begin at 0, 1, ... are nested or disjoint, and none leads past the end."""
    ends = [place + size for place, size in enumerate(sizes)]
    within = all(size > 0 for size in sizes) and max(ends) <= len(sizes)
    return within and not any(i < j < ends[i] < ends[j] for i, j in combinations(range(len(sizes)), 2))


def test_all_forests_of_four_voxels_and_no_others_are_read(tmp_path: Path) -> None:
    """All sizes 1..5 of four nodes; a parent is the nearest node before one whose slice contains it."""
    flat = pack(other_map(tmp_path, None, np.ones((4, 1, 1))))
    arrays = opened(flat)[1]
    n_forests = 0
    for sizes in product(range(1, 6), repeat=4):
        new = arrays | {"size": np.array(sizes, np.int32), "tdn": np.zeros(4, np.int32)}
        content = changed(flat, lambda about, arrays, new=new: arrays.update(new))  # type: ignore[misc]
        if not nested(sizes):
            refusal(content)
            continue
        n_forests += 1
        holders = [[j for j in range(i) if j + sizes[j] > i] for i in range(4)]
        assert unpack(content, NAME).forest.parent.tolist() == [max(each, default=-1) for each in holders], sizes
    assert n_forests == 14  # the fourth Catalan number: ordered forests of four nodes


def mutated(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Damage an archive in one of many ways."""
    data = bytearray(content)
    first, last = sorted(int(place) for place in rng.integers(0, len(data), 2))
    last = min(last, first + int(rng.integers(1, 300)))
    kind = rng.integers(8)
    if kind == 0:  # bits flip
        for place in rng.integers(0, len(data), rng.integers(1, 9)):
            data[place] ^= 1 << int(rng.integers(8))
    elif kind == 1:  # bits flip in the list of members at the end
        data[-int(rng.integers(1, 1500))] ^= 1 << int(rng.integers(8))
    elif kind == 2:  # the end is missing
        del data[first:]
    elif kind == 3:  # something is missing
        del data[first:last]
    elif kind == 4:  # something is there twice
        data[last:last] = data[first:last]
    elif kind == 5:  # something else is there
        data[first:last] = rng.bytes(last - first)
    elif kind == 6:  # a part of another archive
        data[first:last] = other[first:last]
    else:
        return spliced(content, other, rng)
    return bytes(data)


def spliced(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Take an array or the text from another archive, or damage an array and write it with a valid checksum."""
    mine, theirs = unzipped(content), unzipped(other)
    name, another = (str(each) for each in rng.choice([each for each in mine if each != "about" and each in theirs], 2))
    damaged = bytearray(mine[name])
    damaged[int(rng.integers(rng.choice([128, len(damaged)])))] ^= 1 << int(rng.integers(8))
    changes = [{name: theirs[name]}, {name: mine[another]}, {name: theirs[another]}, {name: b""}]
    changes += [{name: bytes(damaged)}, {"about": theirs["about"]}]
    return zipped(mine | changes[int(rng.integers(len(changes)))])


def outcome(damaged: bytes, content: bytes, seed: int) -> str:
    """Return whether a damaged archive is refused or harmless."""
    try:
        result = unpack(damaged, NAME)
    except DataError:
        return "refused"
    assert pack(result) == content, seed
    return "harmless"


def test_damage_is_refused_or_harmless(content: bytes, other: bytes) -> None:
    """500 damaged archives: an error, or the same result."""
    damaged = [mutated(content, other, np.random.default_rng(seed)) for seed in range(500)]
    outcomes = Counter(outcome(each, content, seed) for seed, each in enumerate(damaged) if each != content)
    assert outcomes["refused"] > 400
    assert outcomes["harmless"] > 5


def test_a_changed_text_is_refused_or_read_as_another_result(content: bytes) -> None:
    """300 texts with a changed byte, written with a valid checksum."""
    members = unzipped(content)
    start = members["about"].index(b"{", 20)
    outcomes = Counter[str]()
    for seed in range(300):
        rng, text = np.random.default_rng(seed), bytearray(members["about"][start:])
        text[int(rng.integers(len(text)))] = int(rng.integers(32, 127))
        try:
            result = unpack(zipped(members | {"about": npy(np.frombuffer(text, np.uint8))}), NAME)
        except DataError:
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1
            assert unpack(pack(result), NAME).contrast == result.contrast, seed
    assert min(outcomes["refused"], outcomes["read"]) > 50
