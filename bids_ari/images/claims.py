"""What an image says about its own values: in its header, its AFNI attributes, its name and its sidecar.

A *claim* is one such statement. The fields are those that programs write: SPM the description (``SPM{T_[19.0]} -
contrast 1: faces``), FSL and AFNI the NIfTI intent (FSL without degrees of freedom), AFNI its attributes. The weakest
claim is the name of a file, by the conventions of BIDS derivatives, SPM, FSL, PALM, SwE and FreeSurfer.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bids_ari.bids.entities import labels_in_name, printable
from bids_ari.bids.f_contrasts import says_f
from bids_ari.images.afni import statistic_of
from bids_ari.images.headers import Intent
from bids_ari.images.image import Image

EFFECT, VARIANCE, P, LOG_P, OTHER = "effects", "variances", "p-values", "logarithms of p-values", "other values"
"""Kinds of values that are not z, t or F statistics."""


class Claim(NamedTuple):
    """A statement of a file about its values."""

    kind: str  # z, t, F, or what else it is in words; empty where only a threshold is stated
    source: str  # for messages, such as: its description "SPM{T_[19.0]}"
    dof: tuple[float, ...] = ()  # of t one number, of F two; empty where they are not stated
    is_z_of_f: bool = False  # whether the z was computed from an F statistic
    is_thresholded: bool = False
    contrast: str = ""  # the name of the contrast or regressor by which SPM computed it


_SPM = re.compile(r"sn?pm\{([A-Z])(?:_\[([^\]]*)\])?\}(-filtered)?", re.IGNORECASE)
_CONTRAST = re.compile(
    r"(?:contrast(?: -)? \d+: *|spm_spm:beta \(\d+\) - (?:Sn\(\d+\) )?)(.*?)(?: - (?:All Sessions|Sess\S* ?\S*))?",
    re.IGNORECASE,
)
"""The name of a contrast, or of a regressor, in a description by SPM, without the session."""
_SPM_KINDS = {"T": "t", "F": "F", "Z": "z", "X": "chi-squared statistics", "P": "posterior probabilities"}
_DESCRIPTIONS = {
    r"SPM-filtered": "",
    r"(SPM )?contrast( -)? \d+:": EFFECT,
    r"spm_spm:beta": EFFECT,
    r"(SPM )?ESS( -)? contrast": "sums of squares",
    r"spm_spm:Res": VARIANCE,
    r"spm_spm:\s?resels": "resels per voxel",
    r"spm_spm:\s?resultant analysis mask": "a mask",
}
"""Beginnings of descriptions by SPM, and what the image holds."""

_INTENTS = {
    **{2: "correlations", 3: "t", 4: "F", 5: "z", 6: "chi-squared statistics", 7: "beta statistics"},
    **{8: "binomial statistics", 9: "gamma statistics", 10: "Poisson statistics", 12: "noncentral F statistics"},
    **{13: "noncentral chi-squared statistics", 14: "logistic statistics", 15: "Laplace statistics"},
    **{16: "uniform statistics", 17: "noncentral t statistics", 18: "Weibull statistics", 19: "chi statistics"},
    **{20: "inverse Gaussian statistics", 21: "extreme value statistics", 22: P, 23: LOG_P, 24: LOG_P},
    **{1001: EFFECT, 1002: "labels"},
}
"""Meaning of NIfTI intent codes; AFNI uses the same codes for statistics."""

_NORMAL = 11  # intent code of a normal distribution with a mean and a standard deviation
_N_DOF = {"t": 1, "F": 2}

_STATS = {"z": "z", "t": "t", "F": "F", "f": "F", "effect": EFFECT, "variance": VARIANCE, "p": P}
"""Labels of the entity stat."""

_NAMES = {
    r"(neg_?|m)?log(10)?_?p(_?vals?|fwe|fdr)?|lp|\Asig\Z": LOG_P,
    r"corrp|uncp|c?fwep|c?fdrp|p|p_?vals?|p_?values?|p_?map": P,
    r"cluster_mask|cluster[em]|clustersize": "clusters",
    r"tfce": "TFCE scores",
    r"tdof": "degrees of freedom",
    r"tdp": "true discovery proportions",
    r"spmT_\d{4}": "t",
    r"spmF_\d{4}": "F",
    r"spmZ_\d{4}": "z",
    r"zf(stat|map)?\d*": "z of F",
    r"zt?stat\d*|z_?map\d*|zscr|z_?scores?|z": "z",
    r"t_?stat\d*|t_?map\d*|t": "t",
    r"f_?stat\d*": "F",
    r"(con|beta)_\d{4}|cope\d+|pe\d+": EFFECT,
    r"varcope\d+|ResMS": VARIANCE,
    r"ess_\d{4}": "sums of squares",
}
"""What parts of names say, the strongest first: a part is not next to a letter or a digit."""

_THRESHOLDED = (
    r"(cluster)?thr(esh(old(ed)?)?)?(\d*|p\d+)|fwe(r|corr|masked)?\d*|fdr\d*|bonf(erroni)?|filtered|sig(nificant)?"
)
_ENDINGS = re.compile(r"\.(nii|img|hdr|head|brik|mgh|mgz|gz|bz2)\b", re.IGNORECASE)
_AFNI_THRESHOLD = re.compile(r"3d(Clusterize|clust|merge\b.*-1(thresh|clust|clip|erode))")
_LONGEST = 2**16  # characters of a history that are read
_AFNI_LABELS = {r"[_#]?Tstat$": "t", r"[_#]?Fstat$": "F", r"[_#]?Zscr$": "z", r"([_#]|^)(Coef|mean)(\[\d+\])?$": EFFECT}


def claims_of(image: Image, name: str, sidecar: Mapping[str, Any] | None = None) -> tuple[Claim, ...]:
    """Return what the header, the AFNI attributes, the name and the sidecar of an image say, the strongest first."""
    header = image.header
    intents = (*_of_intent(header.intent), *_of_intent(header.right, " in the file of the right hemisphere"))
    return (*_of_description(header.descrip), *intents, *_of_afni(image.afni), *_of_name(name, sidecar or {}))


def words(kind: str) -> str:
    """Return a kind of values in words.

    >>> words("t"), words("effects")
    ('t statistics', 'effects')
    """
    return f"{kind} statistics" if len(kind) == 1 else kind


def _of_description(text: str) -> Iterator[Claim]:
    """Return what a description by SPM says."""
    source = f'its description "{printable(text)}"'
    at = re.search(r"contrast|spm_spm:beta", text, re.IGNORECASE)
    named = _CONTRAST.fullmatch(text, at.start()) if at else None
    contrast = " ".join(named[1].split()) if named else ""
    if match := _SPM.match(text):
        letter, dof, filtered = match.groups()
        kind = _SPM_KINDS.get(letter.upper(), f"SPM{{{printable(letter)}}} statistics")
        yield Claim(kind, source, _dof(kind, _numbers(dof or "")), is_thresholded=bool(filtered), contrast=contrast)
        return
    for pattern, kind in _DESCRIPTIONS.items():
        if re.match(pattern, text, re.IGNORECASE):
            yield Claim(kind, source, is_thresholded=not kind, contrast=contrast)
            return


def _of_intent(intent: Intent, where: str = "") -> Iterator[Claim]:
    """Return what the intent of a NIfTI header or a GIFTI file says."""
    kind = "z" if intent == (_NORMAL, (0, 1, 0)) else _INTENTS.get(intent.code)
    if kind is not None:
        yield Claim(kind, f"its NIfTI intent code {intent.code}{where}", _dof(kind, intent.parameters))


def _of_afni(attributes: Mapping[str, str]) -> Iterator[Claim]:
    """Return what the attributes of AFNI say: the statistic or label of the volume, and programs that threshold."""
    code, parameters = statistic_of(attributes)
    label = attributes.get("BRICK_LABS", "").split("~")[0].strip()
    kind = _INTENTS.get(code) or next((kind for end, kind in _AFNI_LABELS.items() if re.search(end, label)), None)
    if kind is not None:
        named = f" of {printable(label)}" if label else ""
        yield Claim(kind, f"AFNI's attributes{named}", _dof(kind, parameters))
    if thresholding := _AFNI_THRESHOLD.search(attributes.get("HISTORY_NOTE", "")[:_LONGEST]):
        yield Claim("", f"the history of AFNI ({printable(thresholding[0].split()[0])})", is_thresholded=True)


def _of_name(name: str, sidecar: Mapping[str, Any]) -> Iterator[Claim]:
    """Return what the name of a file says, and its sidecar."""
    stem = _ENDINGS.sub("", re.split(r"[/\\]", name)[-1])
    if threshold := _part(_THRESHOLDED, stem):
        yield Claim("", f"its name, {printable(threshold)}", is_thresholded=True)
    if stat := labels_in_name(f"{stem}.").get("stat"):
        kind = _STATS.get(stat, f"{printable(stat)} values")
        of_f = kind == "z" and says_f(sidecar)
        keys = ("DegreesOfFreedomOfRows", "DegreesOfFreedom")[-_N_DOF.get(kind, 2) :]
        dof = _dof(kind, tuple(float(sidecar[key]) for key in keys if _is_number(sidecar.get(key))))
        source = "the sidecar" if dof or of_f else "its name"
        yield Claim(kind, f"{source} ({printable(f'stat-{stat}')})", dof, of_f)
        return
    for pattern, kind in _NAMES.items():
        if part := _part(pattern, stem):
            of_f = kind == "z of F"
            yield Claim("z" if of_f else kind, f"its name, {printable(part)}", is_z_of_f=of_f)
            return


def _part(pattern: str, stem: str) -> str:
    """Return the part of a name that fits a pattern and is not next to a letter or a digit; empty for none."""
    found = re.search(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])", stem, re.IGNORECASE)
    return found[0] if found else ""


def _dof(kind: str, numbers: tuple[float, ...]) -> tuple[float, ...]:
    """Return the degrees of freedom of a statistic; none where a program has not stored them, which FSL writes as 0."""
    own = numbers[: _N_DOF.get(kind, 0)]
    return own if own and len(own) == _N_DOF[kind] and all(0 < number < math.inf for number in own) else ()


def _numbers(text: str) -> tuple[float, ...]:
    """Return the numbers in a text such as ``2.0,19.0``; none if there is anything else."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        return ()


def _is_number(value: object) -> bool:
    """Return whether a value of a sidecar is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
