"""Names of files and folders with a meaning for HTML, terminals, templates or file systems."""

from pathlib import Path

import numpy as np
from builders import brain, map_path, write_group, write_map
from hostile.making import (
    FIX,
    JSON,
    SCRIPT,
    Make,
    Words,
    given,
    group,
    image_at,
    named,
    refused,
    rng,
    run_on,
    works,
)

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
    works(
        f"label: {what}",
        named(label),
        f"sub-{label}0",
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
                write_map(folder / "in", label, brain(rng(), 3.0), stat="z")
            else:
                write_group(folder / "in", 2, rng(), **{key: label})
        return run_on(folder, level=level)

    return make


def subject_of(label: str) -> Make:
    def make(folder: Path) -> Words:
        write_map(folder / "in", label, brain(rng(), 3.0), stat="z", session=label, contrast=label, space=None)
        return run_on(folder, level="participant")

    return make


def not_text(folder: Path, n: int = 3) -> Words:
    """A group, and a map whose name is not UTF-8."""
    path = map_path(folder / "in", "04", space=None, contrast="a\udcff")
    write_map(folder / "in", "04", brain(rng(), 3.0), space=None, contrast="a\udcff")
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


def one_map(name: str) -> Make:
    """A map made elsewhere."""

    def make(folder: Path) -> Words:
        return [str(image_at(name, brain(rng(), 6.0))(folder)), str(folder / "out"), "--threshold", "2"]

    return make


def damaged(label: str) -> Make:
    """A group in which one map is not an image; its name has the label."""

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
    path = write_map(folder / "in", "01", brain(rng(), 3.0), stat="t", space=None, contrast="a\nERROR forged")
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text("{")
    return run_on(folder, "--stat", "t", level="participant")


def same_regions(folder: Path) -> Words:
    return group(folder, "--roi", image_at("1/a.nii.gz")(folder), image_at("2/a.nii")(folder))


_RAW = "a\udcff.nii.gz"
"""A name that is not UTF-8, as Python decodes it."""

_AS_TEXT = "a\\udcff.nii.gz"
"""The same name as it is printed."""

_ODD = "<i>$x_1^$ {{7*7}} 脳\n'\".nii.gz"
"""A name that HTML, SVG, templates and terminals would each interpret."""

PLACES = (
    refused(65, "names: too long", long_label, "contrast-ccc", "at most 255", "Shorten the labels"),
    refused(65, "names: contrasts by case", twins("group", contrast=("go", "GO")), "contrast-go", "Rename"),
    refused(65, "names: subjects by case", twins("participant", subject=("a", "A")), "sub-a", "Rename one of them"),
    works("names: a subject of markup", subject_of(LABELS["a picture"]), "imgsrcxonerroralert1"),
    works("names: a subject of dots", subject_of(".."), "sub-x"),
    works("names: a map that is not UTF-8", not_text, says=("its name is not UTF-8",)),
    refused(18, "names: no map in UTF-8", lambda folder: not_text(folder, 0), "No subject's map in"),
    works("names: input of markup", other_folder(SCRIPT.replace("/", ""))),
    works("names: input of odd letters", other_folder("a\n\x1b[2J脳 %s")),
    works("names: output of markup", other_output(_ODD.replace("\n", ""))),
    works("names: output that is not UTF-8", other_output(_RAW)),
    refused(18, "names: input that is not UTF-8", other_folder(_RAW), "its name is not UTF-8"),
    works("names: mask that is not UTF-8", given("--mask", image_at(_RAW)), _AS_TEXT),
    works("names: atlas that is not UTF-8", given("--atlas", image_at(_RAW)), _AS_TEXT),
    works("names: region that is not UTF-8", given("--roi", image_at(_RAW)), _AS_TEXT.partition(".")[0]),
    works("names: map that is not UTF-8", one_map(_RAW), _AS_TEXT, command="bids-ari-map"),
    works("names: folder of a map that is not UTF-8", one_map("\udcff/map.nii.gz"), command="bids-ari-map"),
    refused(65, "names: damaged map", damaged(_ODD.replace("_", "")), "脳\\n", "is damaged"),
    refused(65, "names: map on another grid", other_grid("a\nERROR forged"), "--allow-native-space"),
    refused(65, "names: sidecar", odd_sidecar, JSON, FIX),
    works("names: region of no name", given("--roi", image_at(".nii.gz")), ".nii.gz"),
    refused(64, "names: regions of one name", same_regions, "Two regions have the same name: a, a", "different"),
    works("names: mask of odd letters", given("--mask", image_at(_ODD)), _ODD),
    works("names: region of odd letters", given("--roi", image_at(_ODD)), _ODD.partition(".")[0]),
    works(
        "names: atlas of odd letters",
        lambda folder: group(folder, "--atlas", image_at(_ODD)(folder), n=8),
        _ODD,
        drawn=True,
    ),
    works("names: map of odd letters", one_map(_ODD), _ODD, command="bids-ari-map"),
)
