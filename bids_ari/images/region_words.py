"""Readable names of regions: ``left visual 9`` for ``7Networks_LH_Vis_9``.

Each rule is the way in which one family of atlases makes its labels; their words are in ``region_words.toml``. A label
that no rule knows stays as it is.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

_SIDES = {"l": "left", "r": "right", "lh": "left", "rh": "right", "left": "left", "right": "right"}
_NETWORKS = re.compile(
    r"(?:7|17)[Nn]etworks_(?P<side>[LR]H)_(?P<network>[A-Za-z]+)(?:_(?P<part>[A-Za-z]\w*?))?(?:_(?P<i>\d+))?"
)
_YEO = re.compile(r"(?:(?P<side>[LR]H)_)?(?P<n>7|17)Networks_(?P<i>\d+)")
_CORTEX = re.compile(
    r"(?P<kind>(?:ctx|wm)[-_])?(?:(?P<side>lh|rh|L|R|left|right)[-_. ])?(?P<name>[A-Za-z][\w&-]*?)(?:_(?P<i>\d+))?"
)
_HCP = re.compile(r"(?P<side>[LR])_(?P<area>[A-Za-z0-9-]+)_ROI(?:-[lr]h)?")
_AAL = re.compile(r"(?P<name>[A-Za-z_]+?)(?:_2)?(?:_(?P<side>[LR]))?")
_CEREBELLUM = re.compile(r"Cerebell?um_(?P<crus>Crus)?(?P<name>\w+?)_(?P<side>[LR])")
_LOBULE = re.compile(r"(?P<side>Left|Right)_(?P<crus>Crus)?(?P<name>[IVX]+(?:_[IVX]+)?[ab]?)")
_VERMIS = re.compile(r"Vermis_(?P<crus>Crus)?(?P<name>[\dIVX]+[ab]?(?:_[\dIVX]+)?)")
_TIAN = re.compile(r"(?P<before>[aplm])?(?P<name>[A-Z]{2,3}|NAc)(?:-(?P<part>[\w-]+?))?-(?P<side>[lr]h)")
_BRAINNETOME = re.compile(r"(?P<name>[A-Za-z]+)_(?P<side>[LR])_(?P<n>\d+)_(?P<i>\d+)")
_BEFORE = {"a": "anterior", "p": "posterior", "l": "lateral", "m": "medial"}

Words = Mapping[str, Any]


@lru_cache(maxsize=4096)
def readable(label: str) -> str:
    """Return the name of a region for readers; that of an atlas that is not known as it is.

    >>> [readable(each) for each in ("7Networks_LH_Vis_9", "17Networks_LH_SalVentAttnA_ParMed_2", "R_V1_ROI")]
    ['left visual 9', 'left salience/ventral attention A, medial parietal 2', 'right V1']
    >>> [readable(each) for each in ("ctx-lh-bankssts", "Left-Thalamus-Proper", "Frontal_Sup_2_L", "parcel 7")]
    ['left banks of the superior temporal sulcus', 'left thalamus', 'left superior frontal gyrus', 'parcel 7']
    """
    label = label.strip()
    return next(filter(None, (rule(label) for rule in _RULES)), label)


@cache
def word_lists() -> Words:
    """Read the words."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def _sided(side: str | None, *parts: str | None) -> str:
    """Return words behind the side of the brain."""
    return " ".join(filter(None, (_SIDES[side.lower()] if side else None, *parts)))


def _networks(label: str) -> str | None:
    """Return the name of a parcel of Schaefer et al. (2018), of Kong et al. (2021), or of a network of Yeo et al."""
    if found := _YEO.fullmatch(label):
        names = word_lists()["yeo7"] if found["n"] == "7" else {}
        name = names.get(found["i"])
        return _sided(found["side"], f"{name} network" if name else f"network {found['i']} of {found['n']}")
    if not (found := _NETWORKS.fullmatch(label)):
        return None
    networks, code = word_lists()["networks"], found["network"]
    base, letter = (code[:-1], code[-1]) if code not in networks and code[-1] in "ABCD" else (code, None)
    if base not in networks:
        return None
    part = found["part"]
    name = _sided(found["side"], networks[base], letter)
    return " ".join(filter(None, (f"{name}, {word_lists()['parts'].get(part, part)}" if part else name, found["i"])))


def _freesurfer(label: str) -> str | None:
    """Return the name of a parcel of FreeSurfer's atlases, or of the division of one into numbered parts."""
    if not (found := _CORTEX.fullmatch(label)):
        return None
    name = re.sub(r"^G&S", "G_and_S", found["name"]).replace("_&_", "_and_")
    words = word_lists()["desikan"].get(name.lower()) or word_lists()["destrieux"].get(name)
    if words is None:
        return None
    tissue = "white matter," if (found["kind"] or "").startswith("wm") else None
    return _sided(found["side"], tissue, words, found["i"])


def _structure(label: str) -> str | None:
    """Return the name of a structure of FreeSurfer, CIFTI or the subcortical Harvard-Oxford atlas."""
    words = [each for each in re.split(r"[-_ ]+", label.removeprefix("CIFTI_STRUCTURE_").lower()) if each]
    sides = [each for each in words if each in ("left", "right", "lh", "rh", "l", "r")]
    name = word_lists()["structures"].get("".join(each for each in words if each not in sides))
    return _sided(sides[0] if sides else None, name) if name and len(sides) < 2 else None


def _hcp(label: str) -> str | None:
    """Return the name of an area of Glasser et al. (2016, doi:10.1038/nature18933), which is its name in use."""
    if not (found := _HCP.fullmatch(label)):
        return None
    return _sided(found["side"], "area" if re.match(r"[a-z]*\d", found["area"]) else None, found["area"])


def _aal(label: str) -> str | None:
    """Return the name of a region of the automated anatomical labelling atlas."""
    found = _AAL.fullmatch(label)
    name = word_lists()["aal"].get(found["name"]) if found else None
    return _sided(found["side"], name) if found and name else None


def _cerebellum(label: str) -> str | None:
    """Return the name of a lobule of the cerebellum, in the AAL atlas or that of Diedrichsen et al. (2009)."""
    if found := _VERMIS.fullmatch(label):
        return f"vermis, {_lobule(found)}"
    found = _CEREBELLUM.fullmatch(label) or _LOBULE.fullmatch(label)
    return _sided(found["side"], f"cerebellum, {_lobule(found)}") if found else None


def _lobule(found: re.Match[str]) -> str:
    """Return the name of a lobule."""
    return ("crus " if found["crus"] else "lobule ") + found["name"].replace("_", "–")


def _tian(label: str) -> str | None:
    """Return the name of a subcortical region of Tian et al. (2020)."""
    found = _TIAN.fullmatch(label)
    if not found or found["name"] not in word_lists()["tian"]:
        return None
    part = word_lists()["tian_parts"].get(found["part"], found["part"])
    name = _sided(found["side"], _BEFORE.get(found["before"]), word_lists()["tian"][found["name"]])
    return f"{name}, {part}" if part else name


def _brainnetome(label: str) -> str | None:
    """Return the name of an area of the Brainnetome atlas."""
    found = _BRAINNETOME.fullmatch(label)
    name = word_lists()["brainnetome"].get(found["name"]) if found else None
    return _sided(found["side"], f"{name}, area {found['i']} of {found['n']}") if found and name else None


def _harvard_oxford(label: str) -> str | None:
    """Return the name of a region of the cortical Harvard-Oxford atlas, which is in words, in lower case."""
    text = re.sub(r"_+", " ", label)
    words = re.findall(r"[^\s,()]+", text)
    known = word_lists()["harvard_oxford"]["words"]
    if len(words) < 2 or not all(word in known for word in words):
        return None
    return re.sub(r"[^\s,()]+", lambda word: word[0] if word[0] in ("Heschl's", "H1", "H2") else word[0].lower(), text)


_RULES: tuple[Callable[[str], str | None], ...] = (
    _networks,
    _freesurfer,
    _hcp,
    _structure,
    _aal,
    _cerebellum,
    _tian,
    _brainnetome,
    _harvard_oxford,
)
